/* A record as a publication for a feed: its own topic, payload and properties, and behind them the user properties
 * `varve-offset` and `varve-timestamp`. The expiry interval goes on counting from the record's time; what has expired is
 * not published [MQTT-3.3.2-5]. */
#include "station/station_internal.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>

#define NUMBER_BYTES 24

static void append_number(struct buf *props, struct str key, int64_t number)
{
    char text[NUMBER_BYTES];
    int len = snprintf(text, sizeof(text), "%" PRId64, number);
    mqtt_user_property_append(props, key, str_make(text, (size_t)len));
}

bool record_expired(const struct log_record *record, int64_t now_ms)
{
    uint32_t seconds;
    return envelope_expiry(record->data, &seconds) && record->time_ms + (int64_t)seconds * 1000 <= now_ms;
}

bool publish_record(struct post *post, const struct station *station, const struct log_record *record,
                    int64_t now_ms, struct publication *out)
{
    struct station_message message;
    struct error err;
    if (record_expired(record, now_ms))
        return false;
    if (!envelope_decode(record->data, &message, &err)) {
        LOG_ERROR("a record of a station is passed over", LOG_TEXT("station", station->name),
                  LOG_UINT("offset", record->offset), LOG_ERROR_OF(&err));
        return false;
    }
    struct buf *props = &post->props;
    buf_reset(props);
    buf_append_str(props, message.props);
    append_number(props, STR("varve-offset"), (int64_t)record->offset);
    append_number(props, STR("varve-timestamp"), record->time_ms);
    *out = (struct publication){
        .topic = message.topic,
        .props = buf_str(props),
        .payload = message.payload,
        .qos = message.qos,
        .retain = message.retain,
    };
    if (message.expiry_s > 0) {
        size_t size;
        out->expiry_at = (uint32_t)mqtt_property_find(out->props, MQTT_PROP_MESSAGE_EXPIRY, &size);
        out->expires_ms = record->time_ms + (int64_t)message.expiry_s * 1000;
    }
    return true;
}

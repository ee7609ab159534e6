/* Messages and their stored form: see message.h. */
#include "broker/message.h"

#include "base/mem.h"

#include <stdlib.h>

struct message *message_new(const struct publication *parts)
{
    size_t bytes = sizeof(struct message) + parts->topic.len + parts->props.len + parts->payload.len;
    struct message *message = mem_alloc(bytes);
    atomic_init(&message->refs, 1);
    message->qos = parts->qos;
    message->retain = parts->retain;
    message->topic_len = (uint16_t)parts->topic.len;
    message->props_len = (uint32_t)parts->props.len;
    message->payload_len = (uint32_t)parts->payload.len;
    message->expiry_at = parts->expiry_at;
    message->expires_ms = parts->expires_ms;
    message->publisher_id = parts->publisher_id;
    atomic_init(&message->journal_place, parts->journal_place);
    atomic_init(&message->journal_id, parts->journal_id);
    atomic_init(&message->origin, NULL);
    uint8_t *at = message->data;
    memcpy(at, parts->topic.data, parts->topic.len);
    at += parts->topic.len;
    if (parts->props.len > 0)
        memcpy(at, parts->props.data, parts->props.len);
    at += parts->props.len;
    if (parts->payload.len > 0)
        memcpy(at, parts->payload.data, parts->payload.len);
    return message;
}

void message_unref(struct message *message)
{
    /* Release: what this thread read of the message is over before another frees it; acquire: see it so. */
    if (atomic_fetch_sub_explicit(&message->refs, 1, memory_order_acq_rel) == 1) {
        mem_free(atomic_load_explicit(&message->origin, memory_order_relaxed));
        mem_free(message);
    }
}

void message_set_origin(struct message *message, struct message_origin *origin)
{
    struct message_origin *none = NULL;
    if (!atomic_compare_exchange_strong(&message->origin, &none, origin))
        mem_free(origin);
}

struct message *publication_message(struct publication *publication)
{
    if (publication->message == NULL)
        publication->message = message_new(publication);
    return publication->message;
}

void publication_of_message(struct message *message, struct publication *out)
{
    memset(out, 0, sizeof(*out));
    const uint8_t *at = message->data;
    out->topic = str_make(at, message->topic_len);
    at += message->topic_len;
    out->props = str_make(at, message->props_len);
    at += message->props_len;
    out->payload = str_make(at, message->payload_len);
    out->qos = message->qos;
    out->retain = message->retain;
    out->expiry_at = message->expiry_at;
    out->expires_ms = message->expires_ms;
    out->publisher_id = message->publisher_id;
    out->message = message;
    out->journal_place = atomic_load_explicit(&message->journal_place, memory_order_relaxed);
    out->journal_id = atomic_load_explicit(&message->journal_id, memory_order_relaxed);
}

/* ---- Stored form ----------------------------------------------------------------------------------------- */

#define STORED_VERSION    1
#define STORED_HEAD_BYTES 6 /* version, QoS, length of the properties */

void message_encode(const struct message *message, struct buf *out)
{
    uint32_t props = message->props_len;
    uint8_t head[STORED_HEAD_BYTES] = {STORED_VERSION,        message->qos,           (uint8_t)props,
                                       (uint8_t)(props >> 8), (uint8_t)(props >> 16), (uint8_t)(props >> 24)};
    buf_append(out, head, sizeof(head));
    buf_append(out, message->data + message->topic_len, (size_t)message->props_len + message->payload_len);
}

struct message *message_decode(struct str topic, struct str stored, int64_t expires_ms, struct error *err)
{
    const uint8_t *at = (const uint8_t *)stored.data;
    if (stored.len < STORED_HEAD_BYTES || at[0] != STORED_VERSION || at[1] > 2) {
        error_set(err, ERR_CORRUPT, "stored message of topic \"%.*s\" is not readable", STR_ARG(topic));
        return NULL;
    }
    uint32_t props_len =
        (uint32_t)at[2] | (uint32_t)at[3] << 8 | (uint32_t)at[4] << 16 | (uint32_t)at[5] << 24;
    struct mqtt_properties properties;
    if (props_len > stored.len - STORED_HEAD_BYTES || topic.len == 0 || topic.len > UINT16_MAX ||
        mqtt_properties_decode(at + STORED_HEAD_BYTES, props_len, MQTT_LIST_PUBLISH, &properties) !=
            MQTT_SUCCESS) {
        error_set(err, ERR_CORRUPT, "stored message of topic \"%.*s\" has bad properties", STR_ARG(topic));
        return NULL;
    }
    struct publication parts = {.topic = topic, .qos = at[1], .retain = true, .expires_ms = expires_ms};
    parts.props = str_make(at + STORED_HEAD_BYTES, props_len);
    parts.payload = str_make(at + STORED_HEAD_BYTES + props_len, stored.len - STORED_HEAD_BYTES - props_len);
    size_t size;
    parts.expiry_at = (uint32_t)mqtt_property_find(parts.props, MQTT_PROP_MESSAGE_EXPIRY, &size);
    return message_new(&parts);
}

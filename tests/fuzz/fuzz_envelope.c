/* Records of a station that are no messages: decoding never reads beyond the record, and what is taken for a message is
 * one: written again, it is the same record.
 *
 * Input: the record. */
#include "mqtt/topic.h"
#include "station/envelope.h"

#include <stdlib.h>

static void must(bool claim)
{
    if (!claim)
        abort();
}

static void write_again(const struct station_message *message, struct str record)
{
    must(record.len != 0 && envelope_fits(message) && envelope_bytes(message) == record.len);
    uint8_t *again = malloc(record.len);
    must(again != NULL);
    envelope_write(message, again);
    must(memcmp(again, record.data, record.len) == 0);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *copy = malloc(len + (len == 0)); /* a block of its own size */
    must(copy != NULL);
    memcpy(copy, data, len);
    struct str record = str_make(copy, len);
    struct station_message message;
    struct str topic;
    struct error err;
    uint32_t seconds = 0;
    bool has_topic = envelope_topic(record, &topic);
    bool expires = envelope_expiry(record, &seconds);
    bool is_named = envelope_is_named(record);
    if (envelope_decode(record, &message, &err)) {
        must(has_topic && str_equal(topic, message.topic) && topic_name_valid(topic));
        must(expires == (message.expiry_s > 0) && (!expires || seconds == message.expiry_s));
        must(is_named == (message.id.len > 0 || message.exchange.session != 0) &&
             str_equal(message.id, envelope_id_of(message.props)));
        write_again(&message, record);
    } else {
        must(err.code == ERR_CORRUPT || err.code == ERR_UNSUPPORTED);
    }
    free(copy);
    return 0;
}

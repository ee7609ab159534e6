/* Property lists: decode, walk, encode what decoded, decode that: equal.
 *
 * Input: one byte that chooses the list, then the list without its length. */
#include "../unit/mqtt/any_packet.h"

#include <stdlib.h>

static void must(bool claim)
{
    if (!claim)
        abort();
}

/* What stands in place has the value that was decoded. */
static void check_find(const struct mqtt_properties *properties)
{
    size_t size = 0;
    size_t at = mqtt_property_find(properties->raw, MQTT_PROP_MESSAGE_EXPIRY, &size);
    must((at != 0) == MQTT_HAS(properties, MQTT_PROP_MESSAGE_EXPIRY));
    if (at != 0) {
        const uint8_t *value = (const uint8_t *)properties->raw.data + at;
        must(size == 4 && at + size <= properties->raw.len);
        must(((uint32_t)value[0] << 24 | (uint32_t)value[1] << 16 | (uint32_t)value[2] << 8 | value[3]) ==
             properties->message_expiry);
    }
}

static void check_walks(const struct mqtt_properties *properties)
{
    struct str key, value;
    uint32_t id, first = 0;
    size_t users = 0, ids = 0;
    for (size_t position = 0; mqtt_user_property_next(properties->raw, &position, &key, &value);)
        users++;
    for (size_t position = 0; mqtt_subscription_id_next(properties->raw, &position, &id); ids++)
        if (ids == 0)
            first = id;
    must((users > 0) == MQTT_HAS(properties, MQTT_PROP_USER));
    must((ids > 0) == MQTT_HAS(properties, MQTT_PROP_SUBSCRIPTION_ID));
    must(first == properties->subscription_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    enum mqtt_property_list list = (enum mqtt_property_list)(data[0] % (MQTT_LIST_AUTH + 1));
    size_t raw_len = len - 1;
    uint8_t *raw = malloc(raw_len + (raw_len == 0));
    must(raw != NULL);
    memcpy(raw, data + 1, raw_len);

    struct mqtt_properties once, twice;
    if (mqtt_properties_decode(raw, raw_len, list, &once) == MQTT_SUCCESS) {
        struct arena arena = {0};
        struct buf encoded = {0};
        check_walks(&once);
        check_find(&once);
        carry_user_properties(&arena, &once);
        mqtt_properties_encode(&encoded, &once);
        size_t prefix = 1;
        while (encoded.data[prefix - 1] >= 0x80)
            prefix++;
        must(mqtt_properties_decode(encoded.data + prefix, encoded.len - prefix, list, &twice) ==
             MQTT_SUCCESS);
        must(properties_equal(&once, &twice));
        buf_free(&encoded);
        arena_free(&arena);
    }
    free(raw);
    return 0;
}

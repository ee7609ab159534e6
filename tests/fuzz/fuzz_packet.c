/* Packets of every type in every version: scan the stream, decode, encode what decoded, decode that: equal, and the
 * second encoding is the same bytes as the first.
 *
 * Input: one byte that chooses the version, then a stream of packets. */
#include "../unit/mqtt/any_packet.h"

#include <stdlib.h>

static void must(bool claim)
{
    if (!claim)
        abort();
}

static void check_frame(const struct mqtt_frame *frame, uint8_t version)
{
    struct any_packet once, twice;
    struct arena arena = {0};
    struct buf first = {0}, second = {0};
    struct mqtt_frame again;
    if (any_decode(frame, version, &once) == MQTT_SUCCESS) {
        any_encode(&first, &once, &arena);
        must(first.len <= frame->total_len); /* the encoder never writes more than what it read */
        must(mqtt_frame_scan(first.data, first.len, first.len, &again) == MQTT_SCAN_OK);
        must(again.total_len == first.len && again.type == frame->type);
        must(any_decode(&again, version, &twice) == MQTT_SUCCESS);
        must(any_equal(&once, &twice));
        any_encode(&second, &twice, &arena);
        must(str_equal(buf_str(&first), buf_str(&second)));
    }
    buf_free(&second);
    buf_free(&first);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    uint8_t version = (uint8_t)(MQTT_3_1 + data[0] % 3);
    size_t left = len - 1;
    uint8_t *stream = malloc(left + (left == 0)); /* of its own size: a read past the end is seen */
    must(stream != NULL);
    memcpy(stream, data + 1, left);
    for (uint8_t *at = stream; left > 0;) {
        struct mqtt_frame frame;
        enum mqtt_scan scan = mqtt_frame_scan(at, left, 1 << 20, &frame);
        if (scan == MQTT_SCAN_MORE)
            must(frame.total_len == 0 || frame.total_len > left);
        if (scan != MQTT_SCAN_OK)
            break;
        must(frame.total_len <= left && frame.body + frame.body_len == at + frame.total_len);
        check_frame(&frame, version);
        at += frame.total_len;
        left -= frame.total_len;
    }
    free(stream);
    return 0;
}

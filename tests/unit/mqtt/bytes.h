/* Packets as readable rows. A row's bytes are written in this notation; blanks mean nothing:
 *
 *   4D          a byte in hexadecimal            61*300    300 of them
 *   'abc'       the characters
 *   ^'abc'      a string: two bytes of length, then the characters      ^(00 FF)   binary data likewise
 *   {23 00 01}  a property list: its length as a variable byte integer, then the bytes
 *   30 | …      the first byte, then the remaining length of all that follows
 *
 * check_rows() gives each row's packet to the decoder out of a block of exactly its size, so that the address
 * sanitizer sees any read past the end, and compares the reason code. What decodes must encode to the same bytes,
 * and no stream that ends inside the packet may be taken for one. */
#ifndef TESTS_MQTT_BYTES_H
#define TESTS_MQTT_BYTES_H

#include "any_packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static inline unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A' + 10);
    fail_msg("'%c' is no hexadecimal digit", c);
    return 0;
}

static inline void append_length(struct buf *out, char kind, size_t len)
{
    uint8_t varint[4];
    if (kind == '^') {
        assert_true(len <= 65535);
        buf_append_byte(out, (uint8_t)(len >> 8));
        buf_append_byte(out, (uint8_t)len);
    } else {
        buf_append(out, varint, mqtt_varint_write(varint, (uint32_t)len));
    }
}

/* Parses up to `close` (0: the end) and returns where it stopped. */
static inline const char *parse_bytes(const char *at, char close, struct buf *out)
{
    while (*at != close) {
        struct buf inner = {0};
        const char *end;
        assert_true(*at != 0);
        switch (*at) {
        case ' ': at++; break;
        case '\'':
            end = strchr(at + 1, '\'');
            assert_non_null(end);
            buf_append(out, at + 1, (size_t)(end - at - 1));
            at = end + 1;
            break;
        case '^':
            if (at[1] == '(') {
                at = parse_bytes(at + 2, ')', &inner) + 1;
            } else {
                end = strchr(at + 2, '\'');
                assert_true(at[1] == '\'' && end != NULL);
                buf_append(&inner, at + 2, (size_t)(end - at - 2));
                at = end + 1;
            }
            append_length(out, '^', inner.len);
            buf_append(out, inner.data, inner.len);
            break;
        case '{':
            at = parse_bytes(at + 1, '}', &inner) + 1;
            append_length(out, '{', inner.len);
            buf_append(out, inner.data, inner.len);
            break;
        case '|':
            at = parse_bytes(at + 1, close, &inner);
            append_length(out, '|', inner.len);
            buf_append(out, inner.data, inner.len);
            break;
        default: {
            uint8_t byte = (uint8_t)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
            unsigned long times = 1;
            at += 2;
            if (*at == '*') {
                char *after;
                times = strtoul(at + 1, &after, 10);
                at = after;
            }
            while (times-- > 0)
                buf_append_byte(out, byte);
        }
        }
        buf_free(&inner);
    }
    return at;
}

/* A block of exactly the bytes' size; free() it. */
static inline uint8_t *exact_copy(const void *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

static inline uint8_t *exact_bytes(const char *notation, size_t *len)
{
    struct buf parsed = {0};
    parse_bytes(notation, 0, &parsed);
    uint8_t *copy = exact_copy(parsed.data, parsed.len);
    *len = parsed.len;
    buf_free(&parsed);
    return copy;
}

/* A frame whose body is a block of exactly body_len bytes, with the header that such a packet has. */
static inline struct mqtt_frame frame_of(uint8_t first, uint8_t *body, size_t body_len)
{
    return (struct mqtt_frame){.type = first >> 4,
                               .flags = first & 15,
                               .body = body,
                               .body_len = body_len,
                               .total_len = 1 + mqtt_varint_size((uint32_t)body_len) + body_len};
}

enum { V31 = 1 << MQTT_3_1, V311 = 1 << MQTT_3_1_1, V3 = V31 | V311, V5 = 1 << MQTT_5, ALL = V3 | V5 };

struct row {
    const char *claim;  /* what it shows, with the statement's id where there is one */
    unsigned versions;  /* V31, V311, V5 */
    const char *bytes;  /* in the notation above */
    uint8_t reason;     /* what the decoder answers */
    const char *writes; /* what the encoder makes of it; NULL: the same bytes */
};

static inline void assert_bytes(const struct row *row, const struct buf *actual, const char *expected)
{
    struct buf wanted = {0};
    parse_bytes(expected, 0, &wanted);
    if (actual->len != wanted.len || memcmp(actual->data, wanted.data, wanted.len) != 0) {
        for (size_t i = 0; i < actual->len; i++)
            print_error("%02X ", actual->data[i]);
        fail_msg("%s: encoded as above, not as %s", row->claim, expected);
    }
    buf_free(&wanted);
}

/* Every prefix of a packet is an incomplete one. */
static inline void check_prefixes(const struct row *row, const uint8_t *data, size_t len)
{
    for (size_t cut = 0; cut < len; cut++) {
        struct mqtt_frame frame;
        uint8_t *copy = exact_copy(data, cut);
        if (mqtt_frame_scan(copy, cut, SIZE_MAX, &frame) != MQTT_SCAN_MORE)
            fail_msg("%s: %zu of %zu bytes are taken for a packet", row->claim, cut, len);
        free(copy);
        if (cut > 64 && cut < len - 64)
            cut = len - 64;
    }
}

/* A body cut short, under a header that says so: whatever the decoder answers, it stays inside, and what it
 * accepts is a packet that survives encoding. */
static inline void check_cut_bodies(const struct row *row, uint8_t version, const struct mqtt_frame *whole)
{
    for (size_t cut = 0; cut < whole->body_len; cut++) {
        uint8_t *copy = exact_copy(whole->body, cut);
        struct mqtt_frame frame = frame_of((uint8_t)(whole->type << 4 | whole->flags), copy, cut);
        struct any_packet once, twice;
        struct arena arena = {0};
        struct buf written = {0};
        if (any_decode(&frame, version, &once) == MQTT_SUCCESS) {
            any_encode(&written, &once, &arena);
            struct mqtt_frame again;
            if (mqtt_frame_scan(written.data, written.len, SIZE_MAX, &again) != MQTT_SCAN_OK ||
                any_decode(&again, version, &twice) != MQTT_SUCCESS || !any_equal(&once, &twice))
                fail_msg("%s: cut to a body of %zu bytes it does not survive encoding", row->claim, cut);
        }
        buf_free(&written);
        arena_free(&arena);
        free(copy);
        if (cut > 64 && cut < whole->body_len - 64)
            cut = whole->body_len - 64;
    }
}

static inline void check_row(const struct row *row, uint8_t version)
{
    size_t len;
    uint8_t *data = exact_bytes(row->bytes, &len);
    struct mqtt_frame frame;
    if (mqtt_frame_scan(data, len, SIZE_MAX, &frame) != MQTT_SCAN_OK || frame.total_len != len)
        fail_msg("%s: the row is no frame", row->claim);
    check_prefixes(row, data, len);
    check_cut_bodies(row, version, &frame);

    struct any_packet packet;
    struct arena arena = {0};
    uint8_t reason = any_decode(&frame, version, &packet);
    if (reason != row->reason)
        fail_msg("%s (version %d): %s, not %s", row->claim, version, mqtt_reason_text(reason),
                 mqtt_reason_text(row->reason));
    if (reason == MQTT_SUCCESS) {
        struct buf written = {0};
        any_encode(&written, &packet, &arena);
        assert_bytes(row, &written, row->writes != NULL ? row->writes : row->bytes);
        buf_free(&written);
    }
    arena_free(&arena);
    free(data);
}

static inline void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (uint8_t version = MQTT_3_1; version <= MQTT_5; version++)
            if (rows[i].versions & 1u << version)
                check_row(&rows[i], version);
}

#define CHECK_ROWS(rows) check_rows((rows), sizeof(rows) / sizeof(rows)[0])

/* Decodes a packet for a look at its fields. Free *data when done. */
static inline void decode_bytes(const char *notation, uint8_t version, struct any_packet *packet,
                                uint8_t **data)
{
    size_t len;
    struct mqtt_frame frame;
    *data = exact_bytes(notation, &len);
    assert_int_equal(mqtt_frame_scan(*data, len, SIZE_MAX, &frame), MQTT_SCAN_OK);
    assert_int_equal(any_decode(&frame, version, packet), MQTT_SUCCESS);
}

#define assert_str(actual, expected) assert_true(str_equal((actual), str_of(expected)))

#endif

/* The PROXY header as a table: what is read, what waits for more, what is refused. */
#include "base/crc32c.h"
#include "net/net_internal.h"
#include "net/proxy_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define V2_START       "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

static void test_version_1_table(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t result;   /* length, or -1 */
        const char *peer; /* NULL: the socket's own */
    } table[] = {
        {"PROXY TCP4 192.0.2.7 198.51.100.1 56324 1883\r\n", 46, "192.0.2.7:56324"},
        {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", 56, "255.255.255.255:65535"},
        {"PROXY TCP4 10.0.0.1 10.0.0.2 0 1\r\nrest", 34, "10.0.0.1:0"},
        {"PROXY TCP6 2001:db8::7 ::1 56324 1883\r\n", 39, "[2001:db8::7]:56324"},
        {"PROXY UNKNOWN\r\n", 15, NULL},
        {"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", 35, NULL},
        {"PROXY UNKNOWN anything at all that a proxy says\r\n", 49, NULL},
        {"PROXY UNKNOWNTCP4\r\n", -1, NULL},
        {"PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n", -1, NULL},
        {"PROXY TCP4 192.0.2.7 198.51.100.1 56324 1883 9\r\n", -1, NULL},
        {"PROXY TCP4 192.0.2.7 198.51.100.1 56324 65536\r\n", -1, NULL},
        {"PROXY TCP4 192.0.2.7 198.51.100.1 70000 1883\r\n", -1, NULL},
        {"PROXY TCP4 192.0.2.7 198.51.100.1 05632 1883\r\n", -1, NULL},
        {"PROXY TCP4 192.0.2.7 198.51.100.1 -1 1883\r\n", -1, NULL},
        {"PROXY TCP4 192.0.2.256 198.51.100.1 1 1883\r\n", -1, NULL},
        {"PROXY TCP4  192.0.2.7 198.51.100.1 1 1883\r\n", -1, NULL},
        {"PROXY TCP4 2001:db8::7 ::1 56324 1883\r\n", -1, NULL},
        {"PROXY TCP6 192.0.2.7 198.51.100.1 56324 1883\r\n", -1, NULL},
        {"PROXY TCP5 192.0.2.7 198.51.100.1 56324 1883\r\n", -1, NULL},
        {"PROXY TCP4 192.0.2.7 198.51.100.1 56324 1883\n", -1, NULL},
        {"PROXY \r\n", -1, NULL},
        {"PROXY \n", -1, NULL},
        {"proxy TCP4 192.0.2.7 198.51.100.1 56324 1883\r\n", -1, NULL},
        {"GET /mqtt HTTP/1.1\r\n", -1, NULL},
        {"\x10\x0c", -1, NULL},
        {"PROXY TCP4 "
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaa\r\n",
         -1, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct proxy_info info;
        int64_t result = proxy_parse((const uint8_t *)table[i].text, strlen(table[i].text), &info);
        if (result != table[i].result)
            fail_msg("\"%s\": %lld", table[i].text, (long long)result);
        assert_int_equal(info.reason != NULL, result < 0);
        if (result < 0)
            continue;
        assert_int_equal(info.has_peer, table[i].peer != NULL);
        char text[CHANNEL_PEER_BYTES];
        address_text(info.peer, info.peer_port, text, sizeof text);
        if (table[i].peer != NULL)
            assert_string_equal(text, table[i].peer);
    }
}

static void test_version_2_table(void **state)
{
    (void)state;
#define TCP4 "\x0a\x00\x00\x07\x0a\x00\x00\x01\x12\x34\x07\x5b"
#define TCP6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x34\x07\x5b"
    static const struct {
        const uint8_t *data;
        size_t len;
        int64_t result;
        const char *peer;
        const char *common_name;
        bool is_tls;
    } table[] = {
        {BYTES(V2_START "\x21\x11\x00\x0c" TCP4), 28, "10.0.0.7:4660", NULL, false},
        {BYTES(V2_START "\x21\x21\x00\x24" TCP6), 52, "[2001:db8::7]:4660", NULL, false},
        {BYTES(V2_START "\x21\x12\x00\x0c" TCP4), 28, NULL, NULL, false}, /* UDP */
        {BYTES(V2_START "\x20\x00\x00\x00"), 16, NULL, NULL, false},      /* LOCAL */
        {BYTES(V2_START "\x20\x11\x00\x03"
                        "abc"),
         19, NULL, NULL, false},                                     /* LOCAL: the rest is skipped */
        {BYTES(V2_START "\x21\x00\x00\x00"), 16, NULL, NULL, false}, /* UNSPEC */
        {BYTES(V2_START "\x21\x41\x00\x02"
                        "xx"),
         18, NULL, NULL, false}, /* unknown family */
        {BYTES(V2_START "\x21\x11\x00\x13" TCP4 "\x04\x00\x04"
                        "noop"),
         35, "10.0.0.7:4660", NULL, false},
        /* TLS with a verified certificate of the name "dev" */
        {BYTES(V2_START "\x21\x11\x00\x1a" TCP4 "\x20\x00\x0b\x03\0\0\0\0"
                        "\x22\x00\x03"
                        "dev"),
         42, "10.0.0.7:4660", "dev", true},
        /* not verified; no certificate; no TLS: the name does not count */
        {BYTES(V2_START "\x21\x11\x00\x1a" TCP4 "\x20\x00\x0b\x03\0\0\0\1"
                        "\x22\x00\x03"
                        "dev"),
         42, "10.0.0.7:4660", NULL, true},
        {BYTES(V2_START "\x21\x11\x00\x1a" TCP4 "\x20\x00\x0b\x01\0\0\0\0"
                        "\x22\x00\x03"
                        "dev"),
         42, "10.0.0.7:4660", NULL, true},
        {BYTES(V2_START "\x21\x11\x00\x1a" TCP4 "\x20\x00\x0b\x02\0\0\0\0"
                        "\x22\x00\x03"
                        "dev"),
         42, "10.0.0.7:4660", NULL, false},
        {BYTES(V2_START "\x21\x11\x00\x1a" TCP4 "\x20\x00\x0b\x03\0\0\0\0"
                        "\x22\x00\x03"
                        "d\0v"),
         42, "10.0.0.7:4660", NULL, true},
        /* refused */
        {BYTES(V2_START "\x11\x11\x00\x0c" TCP4), -1, NULL, NULL, false}, /* version 1 */
        {BYTES(V2_START "\x22\x11\x00\x0c" TCP4), -1, NULL, NULL, false}, /* command 2 */
        {BYTES(V2_START "\x21\x11\x00\x0b" TCP4), -1, NULL, NULL, false}, /* addresses cut */
        {BYTES(V2_START "\x21\x21\x00\x0c" TCP4), -1, NULL, NULL, false},
        {BYTES(V2_START "\x21\x11\x00\x0e" TCP4 "\x04\x00"), -1, NULL, NULL, false}, /* TLV cut */
        {BYTES(V2_START "\x21\x11\x00\x10" TCP4 "\x04\x00\x02"
                        "x"),
         -1, NULL, NULL, false},
        {BYTES(V2_START "\x21\x11\x00\x13" TCP4 "\x20\x00\x04\x03\0\0\0"), -1, NULL, NULL, false},
        {BYTES(V2_START "\x21\x11\x00\x1a" TCP4 "\x20\x00\x0b\x03\0\0\0\0"
                        "\x22\x00\x04"
                        "dev"),
         -1, NULL, NULL, false},
        {BYTES(V2_START "\x21\x11\x00\x13" TCP4 "\x03\x00\x04"
                        "sum!"),
         -1, NULL, NULL, false},                                     /* checksum */
        {BYTES(V2_START "\x21\x11\x40\x00"), -1, NULL, NULL, false}, /* too long */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct proxy_info info;
        int64_t result = proxy_parse(table[i].data, table[i].len, &info);
        if (result != table[i].result)
            fail_msg("row %zu: %lld (%s)", i, (long long)result, info.reason != NULL ? info.reason : "");
        assert_int_equal(info.reason != NULL, result < 0);
        if (result < 0)
            continue;
        assert_int_equal(info.has_peer, table[i].peer != NULL);
        assert_int_equal(info.is_tls, table[i].is_tls);
        assert_true(str_equal(info.common_name, str_of(table[i].common_name)));
        char text[CHANNEL_PEER_BYTES];
        address_text(info.peer, info.peer_port, text, sizeof text);
        if (table[i].peer != NULL)
            assert_string_equal(text, table[i].peer);
    }
}

static void test_every_prefix_waits_for_more(void **state)
{
    (void)state;
    static const struct {
        const uint8_t *data;
        size_t len;
    } whole[] = {
        {BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 56324 1883\r\n")},
        {BYTES("PROXY UNKNOWN\r\n")},
        {BYTES(V2_START "\x21\x21\x00\x24" TCP6)},
        {BYTES(V2_START "\x20\x11\x00\x03"
                        "abc")},
    };
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        struct proxy_info info;
        for (size_t len = 0; len < whole[i].len; len++)
            assert_int_equal(proxy_parse(whole[i].data, len, &info), 0);
        assert_int_equal(proxy_parse(whole[i].data, whole[i].len, &info), whole[i].len);
    }
}

static void test_right_checksum_is_accepted(void **state)
{
    (void)state;
    uint8_t header[] = V2_START "\x21\x11\x00\x13" TCP4 "\x03\x00\x04\0\0\0";
    assert_int_equal(sizeof header, 35);
    uint32_t sum = crc32c(0, header, sizeof header);
    for (int i = 0; i < 4; i++)
        header[31 + i] = (uint8_t)(sum >> (24 - 8 * i));
    struct proxy_info info;
    assert_int_equal(proxy_parse(header, sizeof header, &info), sizeof header);
    header[20] ^= 1;
    assert_int_equal(proxy_parse(header, sizeof header, &info), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_1_table),
        cmocka_unit_test(test_version_2_table),
        cmocka_unit_test(test_every_prefix_waits_for_more),
        cmocka_unit_test(test_right_checksum_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

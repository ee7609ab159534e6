/* The PROXY protocol's header.
 *
 * Version 1, at most 107 bytes of text:
 *
 *     PROXY TCP4 192.0.2.7 198.51.100.1 56324 1883\r\n
 *     PROXY TCP6 2001:db8::7 2001:db8::1 56324 1883\r\n
 *     PROXY UNKNOWN …\r\n
 *
 * Version 2:
 *
 *     0            12        13           14        16
 *     ┌────────────┬─────────┬────────────┬─────────┬───────────┬──────────────────────────┐
 *     │ signature  │ 2 ‖ cmd │ fam ‖ prot │ length  │ addresses │ TLVs: type, length, value │
 *     └────────────┴─────────┴────────────┴─────────┴───────────┴──────────────────────────┘
 *                                          big-endian; of what follows
 *
 *     addresses: IPv4 4+4+2+2 bytes, IPv6 16+16+2+2, unix 108+108: source, destination, ports
 *     TLV 0x20 (SSL): client flags (1), verify result (4, 0: verified), sub-TLVs; 0x22: common name
 *     TLV 0x03 (CRC-32C): of the whole header with these four bytes zero */
#include "net/proxy_internal.h"

#include "base/crc32c.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { V1_BYTES_MAX = 107, V2_FIXED_BYTES = 16 };
enum { COMMAND_LOCAL = 0, COMMAND_PROXY = 1 };
enum { FAMILY_TCP4 = 0x11, FAMILY_UDP4 = 0x12, FAMILY_TCP6 = 0x21, FAMILY_UDP6 = 0x22 };
enum { FAMILY_UNIX_STREAM = 0x31, FAMILY_UNIX_DATAGRAM = 0x32 };
enum { TLV_CRC32C = 0x03, TLV_SSL = 0x20, TLV_SSL_CN = 0x22 };
enum { CLIENT_SSL = 1, CLIENT_CERT_CONNECTION = 2, CLIENT_CERT_SESSION = 4 };

static const char v1_start[6] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t v2_start[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 'Q', 'U', 'I', 'T', 0x0a};

static int64_t refuse(struct proxy_info *out, const char *reason)
{
    out->reason = reason;
    return -1;
}

static void set_ipv4(struct proxy_info *out, const uint8_t ip[4])
{
    memset(out->peer, 0, 10);
    memset(out->peer + 10, 0xff, 2);
    memcpy(out->peer + 12, ip, 4);
}

/* ---- Version 1 ------------------------------------------------------------------------------------------- */

static bool parse_port(struct str text, uint16_t *out)
{
    if (text.len == 0 || text.len > 5 || (text.data[0] == '0' && text.len > 1))
        return false;
    unsigned port = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    *out = (uint16_t)port;
    return port <= 65535;
}

static bool parse_address(struct str text, int family, uint8_t *out)
{
    char copy[INET6_ADDRSTRLEN];
    if (text.len >= sizeof copy || memchr(text.data, 0, text.len) != NULL)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return inet_pton(family, copy, out) == 1;
}

/* line: without "PROXY " and the line's end. */
static bool parse_v1_line(struct str line, struct proxy_info *out)
{
    struct str field[5];
    for (int i = 0; i < 5; i++) {
        if (!str_next(&line, ' ', &field[i]))
            return i > 0 && str_is(field[0], "UNKNOWN");
        if (i == 0 && str_is(field[0], "UNKNOWN"))
            return true;
    }
    int family = str_is(field[0], "TCP4") ? AF_INET : AF_INET6;
    uint8_t source[16];
    uint8_t destination[16];
    uint16_t destination_port;
    if (line.data != NULL || (family == AF_INET6 && !str_is(field[0], "TCP6")))
        return false;
    if (!parse_address(field[1], family, source) || !parse_address(field[2], family, destination) ||
        !parse_port(field[3], &out->peer_port) || !parse_port(field[4], &destination_port))
        return false;
    if (family == AF_INET) {
        set_ipv4(out, source);
    } else {
        memcpy(out->peer, source, 16);
    }
    out->has_peer = true;
    return true;
}

static int64_t parse_v1(const uint8_t *data, size_t len, struct proxy_info *out)
{
    size_t look = len < V1_BYTES_MAX ? len : V1_BYTES_MAX;
    const uint8_t *end = memchr(data, '\n', look);
    if (end == NULL)
        return len < V1_BYTES_MAX ? 0 : refuse(out, "version 1: the line does not end within 107 bytes");
    size_t line = (size_t)(end - data);
    if (line < sizeof v1_start + 1 || data[line - 1] != '\r')
        return refuse(out, "version 1: the line does not end with CR LF");
    struct str text = str_make(data + sizeof v1_start, line - 1 - sizeof v1_start);
    if (!parse_v1_line(text, out)) {
        return refuse(
            out, "version 1: not \"TCP4\" or \"TCP6\" with two addresses and two ports, nor \"UNKNOWN\"");
    }
    return (int64_t)line + 1;
}

/* ---- Version 2 ------------------------------------------------------------------------------------------- */

static unsigned be16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

struct tlv {
    uint8_t type;
    const uint8_t *value;
    size_t len;
};

/* Takes one off the front. False at the end, or when it is cut: then *len stays above 0. */
static bool next_tlv(const uint8_t **at, size_t *len, struct tlv *tlv)
{
    if (*len < 3 || *len - 3 < be16(*at + 1))
        return false;
    *tlv = (struct tlv){(*at)[0], *at + 3, be16(*at + 1)};
    *at += 3 + tlv->len;
    *len -= 3 + tlv->len;
    return true;
}

static bool parse_ssl(const struct tlv *ssl, struct proxy_info *out)
{
    if (ssl->len < 5)
        return false;
    uint8_t client = ssl->value[0];
    bool verified = ssl->value[1] == 0 && ssl->value[2] == 0 && ssl->value[3] == 0 && ssl->value[4] == 0;
    bool has_cert = (client & (CLIENT_CERT_CONNECTION | CLIENT_CERT_SESSION)) != 0;
    out->is_tls = (client & CLIENT_SSL) != 0;
    const uint8_t *at = ssl->value + 5;
    size_t len = ssl->len - 5;
    struct tlv sub;
    while (next_tlv(&at, &len, &sub)) {
        if (sub.type == TLV_SSL_CN && out->is_tls && has_cert && verified && sub.len > 0 &&
            memchr(sub.value, 0, sub.len) == NULL)
            out->common_name = str_make(sub.value, sub.len);
    }
    return len == 0;
}

static bool checksum_is_right(const uint8_t *data, size_t len, const uint8_t *field)
{
    static const uint8_t zero[4] = {0};
    uint32_t sum = crc32c(0, data, (size_t)(field - data));
    sum = crc32c(sum, zero, sizeof zero);
    sum = crc32c(sum, field + 4, len - (size_t)(field - data) - 4);
    return sum == ((uint32_t)be16(field) << 16 | be16(field + 2));
}

/* header: the whole; from at: the TLVs. Returns why they are refused, or NULL. */
static const char *parse_tlvs(const uint8_t *header, size_t total, const uint8_t *at, struct proxy_info *out)
{
    size_t len = total - (size_t)(at - header);
    struct tlv tlv;
    while (next_tlv(&at, &len, &tlv)) {
        if (tlv.type == TLV_CRC32C && (tlv.len != 4 || !checksum_is_right(header, total, tlv.value)))
            return "version 2: the checksum is wrong";
        if (tlv.type == TLV_SSL && !parse_ssl(&tlv, out))
            return "version 2: the SSL field is cut";
    }
    return len == 0 ? NULL : "version 2: a field is cut";
}

/* Bytes of the addresses of a family; 0: nothing is known of what follows. */
static size_t address_bytes(uint8_t family)
{
    switch (family) {
    case FAMILY_TCP4:
    case FAMILY_UDP4: return 12;
    case FAMILY_TCP6:
    case FAMILY_UDP6: return 36;
    case FAMILY_UNIX_STREAM:
    case FAMILY_UNIX_DATAGRAM: return 216;
    default: return 0;
    }
}

static int64_t parse_v2(const uint8_t *data, size_t len, struct proxy_info *out)
{
    if (len < V2_FIXED_BYTES)
        return 0;
    unsigned command = data[12] & 0x0f;
    uint8_t family = data[13];
    size_t total = V2_FIXED_BYTES + be16(data + 14);
    if (data[12] >> 4 != 2)
        return refuse(out, "version 2: the version is not 2");
    if (command > COMMAND_PROXY)
        return refuse(out, "version 2: unknown command");
    if (total > PROXY_HEADER_BYTES_MAX)
        return refuse(out, "version 2: longer than 16384 bytes");
    if (len < total)
        return 0;
    if (command == COMMAND_LOCAL)
        return (int64_t)total;
    size_t addresses = address_bytes(family);
    if (total - V2_FIXED_BYTES < addresses)
        return refuse(out, "version 2: too short for its addresses");
    if (addresses == 0 && family != 0)
        return (int64_t)total; /* a family of the future: "UNSPEC", and what follows is not known */
    const uint8_t *at = data + V2_FIXED_BYTES;
    if (family == FAMILY_TCP4) {
        set_ipv4(out, at);
        out->peer_port = (uint16_t)be16(at + 8);
        out->has_peer = true;
    } else if (family == FAMILY_TCP6) {
        memcpy(out->peer, at, 16);
        out->peer_port = (uint16_t)be16(at + 32);
        out->has_peer = true;
    }
    const char *reason = parse_tlvs(data, total, at + addresses, out);
    return reason != NULL ? refuse(out, reason) : (int64_t)total;
}

int64_t proxy_parse(const uint8_t *data, size_t len, struct proxy_info *out)
{
    memset(out, 0, sizeof *out);
    size_t v1 = len < sizeof v1_start ? len : sizeof v1_start;
    size_t v2 = len < sizeof v2_start ? len : sizeof v2_start;
    if (len == 0)
        return 0;
    if (memcmp(data, v1_start, v1) == 0)
        return v1 < sizeof v1_start ? 0 : parse_v1(data, len, out);
    if (memcmp(data, v2_start, v2) == 0)
        return v2 < sizeof v2_start ? 0 : parse_v2(data, len, out);
    return refuse(out, "the connection does not begin with one");
}

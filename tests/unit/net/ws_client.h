/* A WebSocket client for tests: masked frames out, unmasked frames in, over a read and a write function. */
#ifndef UNIT_NET_WS_CLIENT_H
#define UNIT_NET_WS_CLIENT_H

#include "net_test.h"

#define WS_REQUEST                                                                           \
    "GET /mqtt HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"           \
    "Sec-WebSocket-Protocol: mqtt\r\n\r\n"
#define WS_ANSWER                                                                       \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"

enum { FIN = 0x80, CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* A client's frame; returns its length. */
UNUSED_OK static size_t ws_frame(uint8_t *out, uint8_t first, const void *payload, size_t len)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    size_t at = 0;
    out[at++] = first;
    if (len < 126) {
        out[at++] = (uint8_t)(0x80 | len);
    } else if (len <= 65535) {
        out[at++] = 0x80 | 126;
        out[at++] = (uint8_t)(len >> 8);
        out[at++] = (uint8_t)len;
    } else {
        out[at++] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            out[at++] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    }
    memcpy(out + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < len; i++)
        out[at++] = ((const uint8_t *)payload)[i] ^ mask[i % 4];
    return at;
}

UNUSED_OK static void ws_send(int fd, uint8_t first, const void *payload, size_t len)
{
    uint8_t *frame = malloc(len + 14);
    client_send(fd, frame, ws_frame(frame, first, payload, len));
    free(frame);
}

/* Reads one frame's header and payload. Returns the payload's length. */
UNUSED_OK static size_t ws_receive(int fd, uint8_t *first, uint8_t *payload, size_t cap)
{
    uint8_t header[2];
    assert_true(client_read(fd, header, 2));
    *first = header[0];
    uint64_t len = header[1];
    uint8_t more[8];
    int bytes = header[1] == 126 ? 2 : header[1] == 127 ? 8 : 0;
    if (bytes > 0) {
        assert_true(client_read(fd, more, (size_t)bytes));
        len = 0;
        for (int i = 0; i < bytes; i++)
            len = len << 8 | more[i];
    }
    assert_true(len <= cap);
    assert_true(client_read(fd, payload, len));
    return len;
}

UNUSED_OK static void ws_expect(int fd, uint8_t first, const void *payload, size_t len)
{
    static uint8_t got[1 << 20];
    uint8_t got_first;
    size_t got_len = ws_receive(fd, &got_first, got, sizeof got);
    assert_int_equal(got_first, first);
    assert_int_equal(got_len, len);
    assert_memory_equal(got, payload, len);
}

/* Reads binary frames until len bytes of payload have come. */
UNUSED_OK static void ws_expect_stream(int fd, const uint8_t *payload, size_t len)
{
    static uint8_t got[1 << 20];
    while (len > 0) {
        uint8_t first;
        size_t n = ws_receive(fd, &first, got, sizeof got);
        assert_int_equal(first, FIN | BINARY);
        assert_true(n > 0 && n <= len);
        assert_memory_equal(got, payload, n);
        payload += n;
        len -= n;
    }
}

UNUSED_OK static void ws_expect_close(int fd, uint16_t status)
{
    uint8_t code[2] = {(uint8_t)(status >> 8), (uint8_t)status};
    ws_expect(fd, FIN | CLOSE, code, 2);
    client_expect_end(fd);
}

UNUSED_OK static int ws_connect(const struct server *server)
{
    int fd = client_connect(server);
    client_send(fd, WS_REQUEST, strlen(WS_REQUEST));
    client_expect(fd, WS_ANSWER);
    return fd;
}

#endif

/* What layer.c and the layers share. A channel's layers, from the socket upwards:
 *
 *     socket ─ PROXY header (read once, then gone) ─ TLS ─ WebSocket ─ the channel's user */
#ifndef NET_LAYER_INTERNAL_H
#define NET_LAYER_INTERNAL_H

#include "net/net_internal.h"

#include <openssl/ssl.h>

/* The handshakes in their order; layers that the listener does not have are skipped. */
enum layer_stage { STAGE_PROXY, STAGE_TLS, STAGE_WEBSOCKET, STAGE_OPEN };

struct layer {
    enum layer_stage stage;
    bool read_needs_room; /* TLS cannot read before it has written: EPOLLOUT is an event for reading */
    bool proxy_says_tls;
    char *proxy_common_name;
    struct tls_context *tls;
    SSL *ssl;
    struct websocket *websocket;
};

enum step {
    STEP_DONE,
    STEP_WAIT,   /* for the next event */
    STEP_FAILED, /* reactor->failure says why */
    STEP_CLOSED, /* the layer has closed the channel itself */
};

/* layer.c: what is below WebSocket. */
enum fill layer_fill_below(struct channel *channel, uint8_t *at, size_t room, size_t *got);

/* layer_proxy.c */
enum step proxy_handshake(struct channel *channel);

/* layer_tls.c */
bool tls_attach(struct channel *channel, struct layer *layer, struct error *err);
enum step tls_handshake(struct channel *channel);
enum fill tls_fill(struct channel *channel, uint8_t *at, size_t room, size_t *got);
bool tls_write(struct channel *channel);
void tls_shutdown(struct channel *channel);

/* tls_context.c: a new connection's SSL object. NULL: out of memory. */
SSL *tls_context_ssl(struct tls_context *context);
/* The first text in the thread's OpenSSL error queue, and clears it. Valid until the next call. */
const char *tls_reason(char *out, size_t cap);

/* layer_ws.c */
struct websocket *websocket_new(void); /* NULL: out of memory */
void websocket_free(struct websocket *websocket);
enum step websocket_handshake(struct channel *channel);
enum fill websocket_fill(struct channel *channel, uint8_t *at, size_t room, size_t *got);
void websocket_frame_output(struct channel *channel); /* what is pending becomes a frame */
void websocket_written(struct channel *channel);      /* after a write of all frames */
void websocket_goodbye(struct channel *channel);

#endif

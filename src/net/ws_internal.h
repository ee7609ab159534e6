/* The opening handshake of a WebSocket (RFC 6455, 4.2), as a server reads it; and frames in and out. */
#ifndef NET_WS_INTERNAL_H
#define NET_WS_INTERNAL_H

#include "base/str.h"

/* Longer requests are refused. */
enum { WS_REQUEST_BYTES_MAX = 8 << 10 };

struct ws_request {
    struct str key;       /* Sec-WebSocket-Key; borrows from the input */
    const char *protocol; /* "mqtt" or "mqttv3.1": static; NULL: the client offers none */
    struct str host;
    struct str origin;  /* the page that asks; data NULL: no browser, or one that says nothing */
    unsigned status;    /* of the refusal: 400, 403, 404, 405, 426, 431 */
    const char *reason; /* of the refusal: static, one line */
};

/* Reads the request at the front of `data`, its path to be `path` (what follows "?" is not looked at). Returns its
 * length; 0 if it is not complete; -1 if it is refused, with out->status and reason set. Pure. */
int64_t ws_request_parse(const uint8_t *data, size_t len, const char *path, struct ws_request *out);

/* The answers, as text with a terminator. Return the length. */
#define WS_ANSWER_BYTES 512
size_t ws_accept_text(const struct ws_request *request, char out[WS_ANSWER_BYTES]);
size_t ws_refuse_text(const struct ws_request *request, char out[WS_ANSWER_BYTES]);

/* ---- Frames ---------------------------------------------------------------------------------------------- */

/* Reads a client's frames and gathers the payload of binary ones. Pings are answered through `send`. A close frame
 * is answered by ws_decoder_close(), so that the caller can answer the data before it. */
struct ws_decoder;

typedef void ws_send_fn(void *arg, const uint8_t *data, size_t len);

struct ws_decoder *ws_decoder_new(ws_send_fn *send, void *arg); /* NULL: out of memory */
void ws_decoder_free(struct ws_decoder *decoder);

enum ws_result {
    WS_OPEN,   /* goes on */
    WS_CLOSED, /* the peer closed: answer with ws_decoder_close() */
    WS_FAILED, /* the peer broke the protocol, *reason says how: ws_decoder_close() */
};

/* Decodes `len` bytes at `in`. The payload goes to `out`, which has room for as many and may be `in` itself.
 * silent: pings are not answered. */
enum ws_result ws_decode(struct ws_decoder *decoder, const uint8_t *in, size_t len, uint8_t *out,
                         size_t *out_len, bool silent, const char **reason);

/* Sends a close frame, unless one was sent: the answer to the peer's, or the refusal of what it did, or this
 * status. */
void ws_decoder_close(struct ws_decoder *decoder, uint16_t status);

/* The header of an unmasked binary frame: at most WS_HEADER_BYTES_MAX. Returns its length. */
enum { WS_HEADER_BYTES_MAX = 10 };
size_t ws_header(uint64_t payload_len, uint8_t out[WS_HEADER_BYTES_MAX]);

#endif

/* The byte stream below: a non-blocking socket, with TLS on it or not, and waiting with a deadline. */
#ifndef CLIENT_TRANSPORT_INTERNAL_H
#define CLIENT_TRANSPORT_INTERNAL_H

#include "client.h"

struct ssl_st;
struct ssl_ctx_st;

struct transport {
    int fd;
    struct ssl_st *ssl; /* NULL: plain TCP */
    struct ssl_ctx_st *context;
    char address[300]; /* host:port, for messages */
};

/* Resolves, tries every address until one accepts, then does the TLS handshake. deadline_ms is monotonic. */
bool transport_connect(struct transport *transport, const struct client_options *options, int64_t deadline_ms,
                       struct error *err);
void transport_close(struct transport *transport);

enum transport_io { TRANSPORT_DONE, TRANSPORT_AGAIN, TRANSPORT_FAILED };

/* One read or write without waiting. AGAIN: poll for *events. FAILED: ERR_CLOSED or ERR_IO. */
enum transport_io transport_read(struct transport *transport, void *out, size_t cap, size_t *got,
                                 short *events, struct error *err);
enum transport_io transport_write(struct transport *transport, const void *data, size_t len, size_t *written,
                                  short *events, struct error *err);

/* Waits for events. Returns them, or 0 when the deadline has passed or a signal came. */
short transport_wait(struct transport *transport, short events, int64_t deadline_ms);

/* ---- TLS (tls.c) ---- */

bool transport_tls_connect(struct transport *transport, const struct client_options *options,
                           int64_t deadline_ms, struct error *err);
void transport_tls_close(struct transport *transport);
enum transport_io transport_tls_read(struct transport *transport, void *out, size_t cap, size_t *got,
                                     short *events, struct error *err);
enum transport_io transport_tls_write(struct transport *transport, const void *data, size_t len,
                                      size_t *written, short *events, struct error *err);

#endif

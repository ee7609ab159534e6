/* Sockets of the generator and the relay: non-blocking TCP, and reading through one scratch buffer a thread, so
 * that a connection owns memory only while a packet of it is incomplete. */
#ifndef BENCH_STREAM_INTERNAL_H
#define BENCH_STREAM_INTERNAL_H

#include "base/error.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct stream_address {
    struct sockaddr_storage storage;
    socklen_t len;
    char text[80]; /* host:port, for messages */
};

/* Resolves host and port; the first address counts. Errors: ERR_NOT_FOUND. */
bool stream_resolve(struct stream_address *out, const char *host, uint16_t port, struct error *err);

/* Starts a connection and returns its non-blocking socket, or -1; it is connected once it is writable and
 * stream_connected() says so. `number` spreads connections to a loopback address over source addresses, since one
 * has only some 28,000 free ports. */
int stream_connect(const struct stream_address *address, uint32_t number, struct error *err);
bool stream_connected(int fd, const struct stream_address *address, struct error *err);

/* A non-blocking listening socket; port 0 picks one. *port is the bound one. Returns -1 on error. */
int stream_listen(const struct stream_address *address, uint16_t *port, struct error *err);

void stream_no_delay(int fd);

/* The incomplete packet at the end of the last read. Zero-initialise; stream_tail_free() at the end. */
struct stream_tail {
    uint8_t *data;
    uint32_t len;
};

enum stream_read { STREAM_READ_DATA, STREAM_READ_NONE, STREAM_READ_END, STREAM_READ_FAILED };

/* Puts the tail into scratch and one read behind it; *len is both together, the tail is empty then. NONE: nothing
 * to read, the tail is kept. END: the peer has closed. FAILED: errno says why. The tail is shorter than cap. */
enum stream_read stream_read(int fd, struct stream_tail *tail, uint8_t *scratch, size_t cap, size_t *len);

/* Keeps what is left behind the last whole packet, for the next stream_read(). The tail is empty before. */
void stream_keep(struct stream_tail *tail, const uint8_t *rest, size_t len);
void stream_tail_free(struct stream_tail *tail);

/* Raises the limit of open files as far as it goes. Errors: ERR_LIMIT if it stays below `wanted`. */
bool stream_raise_file_limit(uint64_t wanted, struct error *err);

#endif

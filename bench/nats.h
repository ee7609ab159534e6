/* The part of the NATS client protocol that bench/jetstream.c needs: what a server sends, found in a buffer, and one
 * non-blocking connection.
 *
 *   INFO {json}                                       MSG <subject> <sid> [reply] <bytes>
 *   PING, PONG                                        <payload>
 *   +OK                                               HMSG <subject> <sid> [reply] <header bytes> <total bytes>
 *   -ERR 'text'                                       NATS/1.0 [status [text]] | name: value | … | empty line
 *                                                     <payload>
 *
 * Every line and every payload ends with CR LF. What a client sends: CONNECT {json}, SUB, PUB, PING, PONG. */
#ifndef BENCH_NATS_H
#define BENCH_NATS_H

#include "base/buf.h"
#include "bench/stream_internal.h"

enum nats_op { NATS_MORE, NATS_BAD, NATS_INFO, NATS_MSG, NATS_PING, NATS_PONG, NATS_OK, NATS_ERR };

/* Borrows from the buffer. */
struct nats_message {
    struct str subject;
    struct str sid;
    struct str reply;   /* empty: none */
    struct str headers; /* from NATS/1.0 on; empty: a MSG */
    struct str payload; /* of INFO and -ERR: what stands behind the word */
    size_t total_bytes; /* of what was found, with its line ends */
};

/* The first operation in the buffer. MORE: it is not whole yet. BAD: this is not NATS. */
enum nats_op nats_parse(const uint8_t *data, size_t len, struct nats_message *out);

/* The status in the first line of the headers; 0: none. */
unsigned nats_status(struct str headers);
/* The value of a header; false if it is not there. Names differ in case. */
bool nats_header(struct str headers, struct str name, struct str *value);

/* ---- a connection ---- */

struct nats {
    int fd;
    struct stream_tail tail;
    struct buf out; /* what the socket has not taken yet */
};

/* Connects, and waits until the server has answered. Errors: those of stream_connect(); ERR_PROTOCOL, ERR_TIMEOUT. */
bool nats_open(struct nats *nats, const struct stream_address *address, const char *name, struct error *err);
void nats_close(struct nats *nats);

/* Sends what is in `out` as far as the socket takes it; the rest stays. Errors: ERR_CLOSED and those of the system. */
bool nats_flush(struct nats *nats, struct error *err);

/* One read, and `each` for every whole operation in it; PING is answered. False from `each`: it has set *err. */
typedef bool nats_each_fn(void *arg, enum nats_op op, const struct nats_message *message, struct error *err);
bool nats_read(struct nats *nats, nats_each_fn *each, void *arg, struct error *err);

/* Publishes `body` to `subject` and waits for the answer, which is the body of the first message that comes back.
 * *answer is appended to. Only while nothing else is subscribed on this connection. Errors: ERR_TIMEOUT, ERR_NOT_FOUND
 * (nobody answers such requests: JetStream is off). */
bool nats_request(struct nats *nats, const char *subject, const char *body, struct buf *answer,
                  struct error *err);

#endif

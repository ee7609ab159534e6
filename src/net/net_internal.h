/* What the files of net share: the reactor, a channel's states, and the calls from one file to another.
 *
 * The life of a channel:
 *
 *     accept ─▶ handshake ─▶ open ─▶ closing ─▶ finished ─▶ gone
 *      (no layer: ─────────▶)  │  ▲     (output      (in the list `dead` until
 *                              ▼  │      is written)  the end of the turn)
 *                            moving
 *
 * Every list that names a channel is left before it is freed: `ready`, `moving` and `dead` share the node
 * channel.ready, `wheel` is another; the list of dirty channels is emptied before the dead are torn down; events
 * of one epoll_wait are done by then too. */
#ifndef NET_NET_INTERNAL_H
#define NET_NET_INTERNAL_H

#include "net/net.h"

#include "base/mem.h"
#include "base/thread.h"

#include <stdalign.h>
#include <sys/socket.h>

/* ---- Limits ---------------------------------------------------------------------------------------------- */

enum {
    READ_BUFFER_BYTES = 256 << 10,
    READ_BUFFER_BYTES_MIN = 16 << 10,
    KEPT_SMALL_BYTES =
        4 << 10, /* kept input up to here is copied to the shared buffer, more is grown in place */
    EVENTS_PER_TURN = 256,
    MAIL_PER_TURN = 1024,
    MAIL_COST_PER_TURN = 128 << 10, /* bytes, as reactor_spend() tells */
    ACCEPTS_PER_TURN = 64,
    OUT_SMALL_BYTES = 1 << 10, /* the first piece of an idle channel: many channels may each have one */
    OUT_LARGE_BYTES = 16 << 10,
    OUT_POOL_SMALL = 2048, /* free pieces that a reactor keeps: 2 MiB, 4 MiB */
    OUT_POOL_LARGE = 256,
    OUT_POOL_REF = 4096,
    OUT_COPY_BYTES = 512,    /* borrowed output up to here is copied: cheaper than a piece of its own */
    OUT_HEADROOM_BYTES = 16, /* in front of a piece, for the header of a WebSocket frame */
    PIECES_PER_WRITE = 64,
    WHEEL_SLOTS = 512,
    CLOSE_WRITE_S = 5,      /* pending output of a closing channel */
    LINGER_MS = 1000,       /* waiting for the peer's end after ours */
    LINGER_BYTES = 4 << 20, /* input thrown away meanwhile */
    LINGERS_MAX = 1024,     /* of one reactor; more are closed without waiting */
    STOP_MS = 250,          /* for the last bytes of all channels when a reactor stops */
    ACCEPT_RETRY_MS = 200,
    HANDSHAKE_TIMEOUT_S = 10,
    HANDSHAKE_LINES_PER_S =
        10, /* log lines of one reactor about connections that fail before they are open */
    TLS_RECORD_BYTES = 16 << 10,
};

/* Further bits of channel.flags. */
enum {
    CHANNEL_DEAD = 1u << 2, /* in reactor.dead; nothing but teardown is left */
    CHANNEL_OPEN = 1u << 3, /* on_open was called: on_closed is due */
    CHANNEL_PAUSED = 1u << 4,
    CHANNEL_BLOCKED = 1u << 5,    /* the socket takes no more: wait for EPOLLOUT */
    CHANNEL_ENDING = 1u << 6,     /* the peer's end was announced: read until it comes */
    CHANNEL_ENDED = 1u << 7,      /* the peer's end was read */
    CHANNEL_WANT_DRAIN = 1u << 8, /* channel_ready() said false */
    CHANNEL_DRAINED = 1u << 9,    /* on_drained is due */
    CHANNEL_READ = 1u << 10,      /* to be read from the ready list */
    CHANNEL_SHOW = 1u << 11,      /* kept input is to be shown first */
    CHANNEL_OPENING = 1u << 12,   /* on_open is due: it came from another reactor */
    CHANNEL_MOVING = 1u << 13,    /* in reactor.moving; nothing but the move is left */
    CHANNEL_LINGER = 1u << 14,    /* the socket waits for the peer's end after teardown */
    CHANNEL_HEADROOM = 1u << 15,  /* pieces of output begin with room for a frame's header */
};

/* ---- The reactor ----------------------------------------------------------------------------------------- */

/* Vyukov's queue: producers exchange `head` and link the former head to theirs; the consumer follows the links
 * from `tail`. A node whose link is not yet there is not seen until it is. */
enum mailbox_state {
    MAILBOX_AWAKE,
    MAILBOX_ASLEEP, /* or about to be; whoever changes it back wakes the consumer */
    MAILBOX_CLOSED, /* nobody reads any more */
};

struct mailbox {
    alignas(64) struct mail *_Atomic head; /* any thread */
    _Atomic uint32_t state;                /* enum mailbox_state */
    alignas(64) struct mail *tail;         /* the consumer's; once closed, under drop_lock */
    struct mail stub;
    pthread_mutex_t drop_lock;
};

struct piece_pool {
    struct out_piece *first;
    unsigned count;
};

struct reactor {
    struct reactor_front front;

    /* The reactor's thread. */
    struct reactor_group *group;
    void *user;
    unsigned index;
    int epoll_fd;
    int wake_fd;
    bool again;      /* the next turn comes without sleep */
    bool draining;   /* stopping: channels are being closed */
    uint8_t *buffer; /* what channels are read into */
    size_t buffer_bytes;
    uint8_t *record; /* TLS: small pieces of output, gathered */
    uint8_t *trash;  /* channel_reserve() of a closing channel */
    size_t trash_bytes;
    struct list ready;  /* channels to serve next turn */
    struct list moving; /* channels to hand to another reactor at the end of the turn */
    struct list dead;   /* channels to tear down at the end of the turn */
    struct list quiet;  /* channels without a time-out */
    struct list acceptors;
    struct list lingers;
    unsigned linger_count;
    struct piece_pool small, large, refs;
    struct heap timers;
    struct list
        slots[WHEEL_SLOTS]; /* channels by the second at which they are looked at, modulo WHEEL_SLOTS */
    uint64_t slot_bits[WHEEL_SLOTS / 64]; /* slots that may hold something */
    uint32_t wheel_s;                     /* the last second done */
    int64_t failure_s;                    /* log lines about failed handshakes: this second, so many */
    unsigned failure_count;
    struct error failure; /* why a fill or a handshake failed: valid until the next one */

    struct mailbox mail;
    size_t mail_cost; /* of the mail that this turn has run */
    pthread_t thread;

    /* pulse.c */
    struct mail pulse;
    atomic_bool pulse_is_out; /* sent, and not come yet: then `pulse` is the reactor's, else the sender's */
};

bool reactor_is_stopping(const struct reactor *reactor);

/* pulse.c */
void reactor_pulse_came(struct reactor *reactor, struct mail *mail);

/* mail.c */
void mailbox_init(struct mailbox *box);
void mailbox_destroy(struct mailbox *box);
void mailbox_run(struct reactor *reactor); /* until MAIL_PER_TURN or MAIL_COST_PER_TURN */
bool mailbox_empty(struct mailbox *box);   /* consumer; false while a post is half done */
bool mailbox_sleep(struct mailbox *box);   /* consumer: true if it may sleep; then mailbox_wake() after it */
void mailbox_wake(struct mailbox *box);
void mailbox_close(struct mailbox *box); /* drops what is there and what will come */

/* timer.c */
void timers_run(struct reactor *reactor);
int64_t timers_next_ms(const struct reactor *reactor); /* INT64_MAX: none */

/* wheel.c */
void wheel_init(struct reactor *reactor);
void wheel_insert(struct reactor *reactor, struct channel *channel); /* by its timeout; moves it */
void wheel_remove(struct channel *channel);
void wheel_run(struct reactor *reactor);
int64_t wheel_next_ms(const struct reactor *reactor); /* INT64_MAX: nothing to look at */

/* ---- Channels -------------------------------------------------------------------------------------------- */

/* channel.c. A new channel of an accepted socket; the first event opens it. Takes fd; false if memory or epoll
 * refuse (fd is closed). */
bool channel_start(struct reactor *reactor, struct listener *listener, int fd, const uint8_t peer[16],
                   uint16_t port);
bool channel_watch(struct channel *channel); /* epoll ADD on its reactor */
void channel_opened(struct channel *channel);
void channel_events(struct channel *channel, uint32_t events);
void channel_serve(struct channel *channel); /* from the ready list */
void channel_timed_out(struct channel *channel);
void channel_teardown(struct channel *channel); /* frees it */
void channel_make_ready(struct channel *channel, uint32_t what);
void channel_mark_dirty(struct channel *channel);
void channels_close_all(struct reactor *reactor, bool wait);

/* move.c */
void channel_depart(struct channel *channel);

/* input.c */
enum fill {
    FILL_DRAINED, /* nothing more until the next event */
    FILL_MORE,    /* there may be more */
    FILL_END,     /* the peer's end, or a layer's; reactor->failure says why, ERR_NONE if it is orderly */
    FILL_FAILED,  /* reactor->failure says why */
};
void input_read(struct channel *channel);
void input_show(struct channel *channel); /* kept input, without reading */
void input_free(struct channel *channel);
enum fill fill_socket(struct channel *channel, uint8_t *at, size_t room, size_t *got);

/* output.c */
struct out_piece {
    struct out_piece *next;
    const uint8_t *data; /* first byte not written */
    size_t len;          /* of the last piece while it grows: see output_sync() */
    void (*release)(void *owner);
    void *owner;
    size_t cap; /* bytes behind the structure; 0: borrowed data */
};

void channel_flush(struct channel *channel);             /* writes what the socket takes */
void output_sync(struct channel *channel);               /* makes the last piece's len true */
void output_seal(struct channel *channel);               /* output_sync(), and the next byte begins a piece */
void output_consumed(struct channel *channel, size_t n); /* n bytes at the front are written */
void output_drop(struct channel *channel);               /* everything */
void output_copy_borrowed(struct channel *channel);      /* releases borrowed pieces, keeping their bytes */
void output_pool_free(struct reactor *reactor);
struct out_piece *output_piece_new(struct reactor *reactor,
                                   size_t bytes);  /* cap >= bytes, data behind it, len 0 */
bool output_write_socket(struct channel *channel); /* false: reactor->failure */

/* linger.c. Takes fd. */
struct lingering;
void linger_start(struct reactor *reactor, int fd);
void linger_event(struct reactor *reactor, struct lingering *linger);
void lingers_end(struct reactor *reactor);

/* ---- Layers: layer.c -------------------------------------------------------------------------------------- */

struct layer *layer_new(struct channel *channel,
                        struct error *err); /* NULL with *err untouched: none is needed */
void layer_free(struct layer *layer);
void layer_handshake(struct channel *channel);
enum fill layer_fill(struct channel *channel, uint8_t *at, size_t room, size_t *got);
bool layer_write(struct channel *channel);               /* as output_write_socket() */
bool layer_reads_on_room(const struct channel *channel); /* EPOLLOUT is an event for reading too */
void layer_goodbye(struct channel *channel);  /* closing begins: what the layer says behind pending output */
void layer_shutdown(struct channel *channel); /* all is written */

/* ---- Listeners ------------------------------------------------------------------------------------------- */

/* One listening socket of one reactor. Its reactor's thread, from the first mail on. */
struct acceptor {
    struct listener *listener;
    struct reactor *reactor;
    struct list node;    /* reactor.acceptors, while open */
    struct timer resume; /* accepting pauses until then */
    struct mail start;
    struct mail stop;
    int64_t warned_ms; /* when the last warning was logged */
    unsigned refused;  /* connections over the limit since then */
    int fd;            /* -1: closed */
    bool watched;
};

/* What is copied of struct listener_options lives here, with what is shared by all reactors. */
struct listener {
    char *name;
    char *websocket_path; /* NULL: no WebSocket */
    bool (*may_upgrade)(const struct channel *channel, struct str origin, struct str host);
    bool has_tls;
    char address[CHANNEL_PEER_BYTES];
    bool is_loopback;
    bool proxy_protocol;
    uint32_t handshake_timeout_s;
    size_t channel_bytes;
    const struct channel_ops *ops;
    void *user;
    struct reactor_group *group;
    struct acceptor *acceptors; /* one a reactor */
    unsigned acceptor_count;

    /* Any thread; relaxed: limits and counters, nothing is read through them. */
    _Atomic unsigned max_connections;
    _Atomic unsigned connections_per_second;
    _Atomic unsigned connections;
    _Atomic int64_t rate_ns; /* when the connections accepted so far are paid for, at the rate above */

    pthread_mutex_t lock;
    pthread_cond_t closed;
    unsigned open_acceptors; /* lock */
    struct tls_context *tls; /* lock; a connection takes its own reference */
    bool stopped;            /* main thread */
};

static inline bool listener_has_layer(const struct listener *listener)
{
    return listener->has_tls || listener->websocket_path != NULL || listener->proxy_protocol;
}

void acceptor_event(struct acceptor *acceptor);
void acceptor_start(struct reactor *reactor, struct mail *mail);
void acceptor_stop(struct reactor *reactor, struct mail *mail);
void acceptor_close(struct acceptor *acceptor);

/* bind.c. One socket that listens at `address` (SO_REUSEPORT, not blocking). -1 on failure. */
struct bind_address {
    struct sockaddr_storage socket;
    socklen_t len;
    bool any; /* "*": IPv6 and IPv4 */
};
bool bind_parse(const char *text, struct bind_address *address, struct error *err);
bool bind_is_free(const struct bind_address *address, struct error *err);
int bind_listen(const struct bind_address *address, struct error *err);
bool bind_bound(int fd, struct bind_address *address, struct error *err); /* with the port that was given */
bool bind_is_loopback(const struct bind_address *address);

/* tls_context.c */
struct tls_context *tls_context_new(const struct tls_options *options, struct error *err);
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);

/* ---- epoll ------------------------------------------------------------------------------------------------ */

/* What an event's pointer points to: two low bits of it. */
enum watch_kind { WATCH_CHANNEL, WATCH_ACCEPTOR, WATCH_WAKE, WATCH_LINGER };
enum { WATCH_MASK = 3 };

bool reactor_watch(struct reactor *reactor, int fd, uint32_t events, void *what, enum watch_kind kind);

void reactor_unwatch(struct reactor *reactor, int fd);

/* peer.c: text of an address. */
void address_text(const uint8_t address[16], uint16_t port, char *out, size_t cap);
void address_from_socket(const struct sockaddr *socket, uint8_t address[16], uint16_t *port);

#endif

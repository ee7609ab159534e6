/* Reactors and what lives on them: channels (connections), listeners, timers, mail.
 *
 * A reactor is a thread with an epoll instance. It owns its channels for life: every call on a channel is made on
 * its reactor's thread, and every callback comes there, so nothing here is locked. Threads talk by mail: a
 * wait-free multi-producer queue with one eventfd wake-up for a whole batch.
 *
 * One turn of the loop: wait → read ready channels (on_data) → run mail → run timers → `on_turn_end` (the user
 * hands its batches to other reactors) → flush every channel that has output, one writev each → wait.
 *
 * Sockets are edge-triggered. A reactor reads into one buffer of its own and shows the channel's user the bytes
 * in place; what the user does not consume is kept and shown again, longer, with the next bytes. So an idle
 * channel owns no buffer, neither in nor out. */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/error.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/str.h"

#include <stdatomic.h>
#include <stdint.h>

struct reactor;
struct reactor_group;
struct channel;
struct listener;

/* ---- Reactors -------------------------------------------------------------------------------------------- */

struct reactor_group_options {
    unsigned count;           /* threads; 0: one a core */
    size_t read_buffer_bytes; /* 0: 256 KiB */
    void *user;               /* reactor_group_user() */
    void (*on_start)(
        struct reactor *reactor); /* on the reactor's thread, before its first turn; may be NULL */
    void (*on_turn_end)(struct reactor *reactor); /* see above; may be NULL */
    /* On the reactor's thread, after its last turn and before mail is dropped, which may be on any thread: what mail that is
     * on its way refers to is the reactor's for the last time. May be NULL. */
    void (*on_quiet)(struct reactor *reactor);
    void (*on_stop)(struct reactor *reactor); /* on the reactor's thread, after its last turn; may be NULL */
};

/* Starts the threads. Returns owned. */
struct reactor_group *reactor_group_start(const struct reactor_group_options *options, struct error *err);

/* Ends the loops after their turn, closes what is still open (on_closed is called) and joins the threads; memory
 * stays until reactor_group_free(), so that other threads may still post mail meanwhile (it is dropped:
 * `run` is called with reactor NULL). */
void reactor_group_stop(struct reactor_group *group);
void reactor_group_free(struct reactor_group *group);

unsigned reactor_count(const struct reactor_group *group);
struct reactor *reactor_at(struct reactor_group *group, unsigned index);
unsigned reactor_index(const struct reactor *reactor);
struct reactor_group *reactor_group_of(const struct reactor *reactor);
void *reactor_group_user(const struct reactor_group *group);

/* How many reactors have not run their mail since the call before: they hang in a callback, or have far more to do than
 * they can. Asks the others again. Call it at an interval that is long for a turn: seconds. Thread: one at a time. */
unsigned reactor_group_pulse(struct reactor_group *group);

/* The user's own state of one reactor. Thread: the reactor's (set it in on_start). */
void reactor_set_user(struct reactor *reactor, void *user);
void *reactor_user(const struct reactor *reactor);

/* Time at the start of this turn: one clock read a turn. Thread: the reactor's. */
static inline int64_t reactor_now_ms(const struct reactor *reactor);  /* monotonic */
static inline int64_t reactor_wall_ms(const struct reactor *reactor); /* UTC */

bool reactor_is_current(const struct reactor *reactor); /* whether the caller runs on it */

/* ---- Mail ------------------------------------------------------------------------------------------------ */

/* Embedded in the sender's own structure. */
struct mail {
    struct mail *_Atomic next;
    void (*run)(struct reactor *reactor, struct mail *mail); /* owns the mail again; reactor NULL: dropped */
};

/* Takes the mail until run() is called on the reactor's thread. Mail from one thread runs in order. Never blocks,
 * never fails; bound it at the sender. Once the reactor has stopped, run() is called with NULL, and may be called
 * before reactor_post() returns. Thread: any, the reactor's own too. */
void reactor_post(struct reactor *reactor, struct mail *mail);

/* Called in run() of mail that carries much work: so many bytes of it. What a turn spends on mail is bounded, and the rest
 * waits for the next one, after what channels have to say. Thread: the reactor's. */
void reactor_spend(struct reactor *reactor, size_t bytes);

/* ---- Timers ---------------------------------------------------------------------------------------------- */

/* Embedded in the user's structure; zero-initialised is unset. Millisecond precision. */
struct timer {
    struct heap_node node;
    void (*fire)(struct reactor *reactor, struct timer *timer); /* the timer is unset when called */
};

void timer_set(struct reactor *reactor, struct timer *timer,
               int64_t at_ms); /* reactor_now_ms() time; moves it */
void timer_clear(struct reactor *reactor, struct timer *timer);

/* ---- Channels -------------------------------------------------------------------------------------------- */

struct channel_ops {
    /* The channel is open on its reactor: accepted (TLS, PROXY and WebSocket handshakes done), or moved here. */
    void (*on_open)(struct channel *channel);

    /* Bytes came: `data` holds everything not consumed so far. Returns how many bytes are consumed; the rest is
     * kept. The bytes may be changed in place, and are valid until the call returns. To bound what is kept, close
     * the channel when an unfinished packet is too long. Not called while reading is paused. */
    size_t (*on_data)(struct channel *channel, uint8_t *data, size_t len);

    /* Output fell below the low-water mark after channel_ready() said false. */
    void (*on_drained)(struct channel *channel);

    /* No channel_touch() for as long as channel_set_timeout() said. */
    void (*on_timeout)(struct channel *channel);

    /* Closed, for whatever reason; exactly once, if on_open was called. `why`: text for the log; code ERR_NONE
     * when the peer closed cleanly or channel_close() was called without a reason. Borrowed output is released
     * before. The channel's memory is freed by net after this call returns. */
    void (*on_closed)(struct channel *channel, const struct error *why);
};

/* One piece of output: a chunk with bytes of its own, or a borrowed one with a release call. */
struct out_piece;

/* The two flags that the inline calls look at; the others are private. */
enum { CHANNEL_DIRTY = 1u << 0, CHANNEL_CLOSING = 1u << 1 };

/* The front of the user's connection structure; net allocates options.channel_bytes, zeroed, and frees it.
 * Fields are net's; read them through the calls below. */
struct channel {
    /* What the hot calls touch. */
    uint8_t
        *out_next;    /* where the next byte of output goes, in the last piece; NULL: a new piece is needed */
    size_t out_room;  /* bytes free there */
    size_t out_bytes; /* pending in all pieces */
    uint32_t flags;
    uint32_t touched_s;
    struct reactor *reactor;
    struct channel *next_dirty; /* list of channels to flush at the end of the turn */
    const struct channel_ops *ops;
    struct out_piece *out_first; /* NULL: nothing to write */
    struct out_piece *out_last;
    struct layer *layer;      /* TLS, WebSocket, PROXY state; NULL for plain TCP */
    struct kept_input *input; /* bytes not consumed yet; NULL if none */
    struct list ready; /* in one of the reactor's lists: to serve next turn, to move away, to tear down */
    struct list wheel; /* bucket of the time-out wheel, or the reactor's list of channels without one */
    int fd;
    uint32_t timeout_s; /* 0: none; while closing: the second at which waiting ends */
    struct listener *listener;
    union {
        struct error *why;       /* once it closes; NULL: no error */
        struct reactor *move_to; /* while it moves (CHANNEL_MOVING), when it cannot be closed */
    };
    uint8_t peer[16]; /* IPv6, or IPv4-mapped */
    uint16_t peer_port;
    uint32_t kept_touched; /* channel_touch_kept() */
};

static inline struct reactor *channel_reactor(const struct channel *channel);
static inline struct listener *channel_listener(const struct channel *channel);

/* The peer's address: the PROXY header's if there was one. `out` has CHANNEL_PEER_BYTES; "10.0.0.7:5123",
 * "[2001:db8::1]:5123". */
#define CHANNEL_PEER_BYTES 56
void channel_peer_text(const struct channel *channel, char *out);
/* Our own side of the connection, in the same form. False, and out is empty: the system does not say. */
bool channel_local_text(const struct channel *channel, char *out);

/* The client certificate, verified: subject's common name and subject alternative names (DNS, e-mail, URI; one
 * a call by index). False if there is none. `out` is cut to cap. The PROXY header's SSL CN counts as common name. */
bool channel_cert_common_name(const struct channel *channel, char *out, size_t cap);
bool channel_cert_alt_name(const struct channel *channel, unsigned index, char *out, size_t cap);
bool channel_is_tls(const struct channel *channel);

/* Room for n bytes of output, contiguous, behind what is there; then channel_commit() of at most n. The channel
 * is flushed at the end of the turn. After channel_close() the bytes go nowhere. */
static inline uint8_t *channel_reserve(struct channel *channel, size_t n);
static inline void channel_commit(struct channel *channel, size_t n);
void channel_write(struct channel *channel, const void *data, size_t n);

/* As channel_write without the copy: borrows data until release(owner) is called, once, on this reactor's
 * thread. That may be before the call returns: few bytes are copied, and a closing channel takes none. */
void channel_write_ref(struct channel *channel, const void *data, size_t n, void (*release)(void *owner),
                       void *owner);

/* Whether more output may be produced: false when the socket has taken too little of it (more than
 * CHANNEL_HIGH_WATER_BYTES are pending even after another try to write). After false, on_drained comes, from the
 * loop, when fewer than CHANNEL_LOW_WATER_BYTES are. Callers keep their own (bounded) queue. False, without
 * on_drained, for a channel that is closing. */
#define CHANNEL_HIGH_WATER_BYTES ((size_t)64 << 10)
#define CHANNEL_LOW_WATER_BYTES  ((size_t)16 << 10)
static inline bool channel_ready(struct channel *channel);
static inline size_t channel_pending_bytes(const struct channel *channel);

/* Stops and resumes reading. Kept input is shown again at once (from the loop) after a resume. */
void channel_pause(struct channel *channel);
void channel_resume(struct channel *channel);

/* on_timeout after `seconds` without channel_touch(), 0: never. One-second precision, never early; it comes
 * again after as many seconds more. */
void channel_set_timeout(struct channel *channel, uint32_t seconds);
static inline void channel_touch(struct channel *channel);

/* A packet is under way: `kept` bytes of it have come. That is a touch as well, if it is CHANNEL_TOUCH_BYTES or more
 * since the last one: so a large packet may take its time, and a trickle does not pass for one. */
#define CHANNEL_TOUCH_BYTES 256
static inline void channel_touch_kept(struct channel *channel, size_t kept);

/* Closes after what is pending is written (at most 5 s); on_data is not called any more. on_closed comes later,
 * from the loop. A second call does nothing. `why` as for on_closed; NULL: none. Copied. */
void channel_close(struct channel *channel, const struct error *why);
/* The same without writing what is pending. */
void channel_abort(struct channel *channel, const struct error *why);
static inline bool channel_is_closing(const struct channel *channel);

/* Hands the channel to another reactor: the caller must not touch it afterwards. There on_open is called, then
 * on_data with the kept input. Call it from on_data and return the number of bytes consumed. */
void channel_move(struct channel *channel, struct reactor *to);

/* Gives the channel other callbacks (they apply from the next event on). */
void channel_set_ops(struct channel *channel, const struct channel_ops *ops);

/* ---- Listeners ------------------------------------------------------------------------------------------- */

struct tls_options {
    const char *cert_file; /* PEM, chain included */
    const char *key_file;  /* PEM */
    const char *ca_file;   /* for client certificates; NULL: none are asked for */
    const char *crl_file;  /* PEM revocation lists; needs ca_file */
    bool require_client_cert;
    const char *min_version; /* "1.2" (default), "1.3" */
    const char *ciphers;     /* TLS 1.2, OpenSSL's syntax; NULL: OpenSSL's default at security level 2 */
    /* More certificates chosen by SNI host name ("a.example", "*.example"). */
    const struct tls_sni {
        const char *host;
        const char *cert_file;
        const char *key_file;
    } * sni;
    size_t sni_count;
};

struct listener_options {
    const char *name;              /* "tcp.default" */
    const char *bind;              /* "127.0.0.1:1883", "[::1]:0", "0.0.0.0:1883", "*:1883" */
    const struct tls_options *tls; /* NULL: none */
    bool websocket;                /* RFC 6455, subprotocol "mqtt" (also accepts none), binary frames */
    const char *websocket_path;    /* "/mqtt" */
    /* Whether a page of this origin may open a WebSocket, asked where a request names one (RFC 6455, 10.2): `host` is
     * what the request is addressed to. Refused with 403. NULL: any may. Thread: the channel's. */
    bool (*may_upgrade)(const struct channel *channel, struct str origin, struct str host);
    bool proxy_protocol;             /* v1 or v2 header required on every connection */
    unsigned max_connections;        /* more are closed at once, with a warning now and then; 0: no limit */
    unsigned connections_per_second; /* accepting pauses above it; 0: no limit */
    unsigned handshake_timeout_s;    /* PROXY, TLS and WebSocket handshakes; 0: 10 s */
    size_t channel_bytes;            /* of the user's structure that begins with struct channel */
    const struct channel_ops *ops;
    void *user; /* listener_user() */
};

/* Binds on every reactor (SO_REUSEPORT) and accepts. Borrows options->ops and user; copies the rest.
 * Errors: ERR_INVALID (bind text, certificate files: named), ERR_IO (address in use, …). Thread: main. */
struct listener *listener_open(struct reactor_group *group, const struct listener_options *options,
                               struct error *err);

/* Reads the certificate files again; connections that are open keep what they have. On an error the listener
 * goes on with the old ones. Thread: main. */
bool listener_reload_tls(struct listener *listener, const struct tls_options *tls, struct error *err);

/* Changes the limits of a running listener. Thread: main. */
void listener_set_limits(struct listener *listener, unsigned max_connections,
                         unsigned connections_per_second);

void listener_stop_accepting(struct listener *listener); /* waits until every reactor has closed its socket */
void listener_free(struct listener *listener);           /* after reactor_group_stop() */

const char *listener_name(const struct listener *listener);
const char *listener_address(const struct listener *listener); /* as bound: "127.0.0.1:41883" */
/* Whether a text is HOST:PORT, or *:PORT; a name is not resolved. */
bool listener_bind_is_sound(const char *bind);
/* Whether a bind text names a loopback address; false if it is no bind text. */
bool listener_bind_is_loopback(const char *bind);
bool listener_is_loopback(const struct listener *listener);
/* A listening socket for a server that has no channels: non-blocking, close-on-exec. `address` gets what it is bound to,
 * as text. Returns the caller's descriptor, or -1. Errors: as listener_open(). */
int listener_socket(const char *bind, char address[CHANNEL_PEER_BYTES], struct error *err);
void *listener_user(const struct listener *listener);
unsigned listener_connections(const struct listener *listener); /* open ones, on all reactors */

/* ---- Inline part ----------------------------------------------------------------------------------------- */

/* The front of struct reactor, for the calls below alone. */
struct reactor_front {
    int64_t now_ms;
    int64_t wall_ms;
    uint32_t now_s; /* now_ms in whole seconds */
    struct channel *dirty;
};

uint8_t *channel_reserve_more(struct channel *channel, size_t n);
bool channel_ready_after_flush(struct channel *channel);

static inline struct reactor_front *reactor_front(const struct reactor *reactor)
{
    return (struct reactor_front *)(uintptr_t)reactor;
}

static inline int64_t reactor_now_ms(const struct reactor *reactor)
{
    return reactor_front(reactor)->now_ms;
}

static inline int64_t reactor_wall_ms(const struct reactor *reactor)
{
    return reactor_front(reactor)->wall_ms;
}

static inline struct reactor *channel_reactor(const struct channel *channel)
{
    return channel->reactor;
}

static inline struct listener *channel_listener(const struct channel *channel)
{
    return channel->listener;
}

static inline bool channel_is_closing(const struct channel *channel)
{
    return (channel->flags & CHANNEL_CLOSING) != 0;
}

static inline size_t channel_pending_bytes(const struct channel *channel)
{
    return channel->out_bytes;
}

static inline void channel_touch(struct channel *channel)
{
    channel->touched_s = reactor_front(channel->reactor)->now_s;
    channel->kept_touched = 0;
}

static inline void channel_touch_kept(struct channel *channel, size_t kept)
{
    if (kept < (size_t)channel->kept_touched + CHANNEL_TOUCH_BYTES)
        return;
    channel_touch(channel);
    channel->kept_touched = kept < UINT32_MAX ? (uint32_t)kept : UINT32_MAX;
}

static inline uint8_t *channel_reserve(struct channel *channel, size_t n)
{
    return n <= channel->out_room ? channel->out_next : channel_reserve_more(channel, n);
}

static inline void channel_commit(struct channel *channel, size_t n)
{
    if (n == 0 || (channel->flags & CHANNEL_CLOSING) != 0)
        return;
    channel->out_next += n;
    channel->out_room -= n;
    channel->out_bytes += n;
    if ((channel->flags & CHANNEL_DIRTY) == 0) {
        struct reactor_front *front = reactor_front(channel->reactor);
        channel->flags |= CHANNEL_DIRTY;
        channel->next_dirty = front->dirty;
        front->dirty = channel;
    }
}

static inline bool channel_ready(struct channel *channel)
{
    if (channel->out_bytes <= CHANNEL_HIGH_WATER_BYTES && (channel->flags & CHANNEL_CLOSING) == 0)
        return true;
    return channel_ready_after_flush(channel);
}

#endif

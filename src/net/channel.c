/* Channels: opening, events, closing, teardown.
 *
 * Whatever ends a channel (the peer, the user, an error in the middle of a write) only sets flags and puts it
 * into the reactor's list `dead`; teardown at the end of the turn is the only place that frees. So every callback
 * may call everything. */
#include "net/net_internal.h"

#include "base/log.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { LEAVES = CHANNEL_DEAD | CHANNEL_MOVING };

/* ---- Opening --------------------------------------------------------------------------------------------- */

bool channel_watch(struct channel *channel)
{
    return reactor_watch(channel->reactor, channel->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, channel,
                         WATCH_CHANNEL);
}

bool channel_start(struct reactor *reactor, struct listener *listener, int fd, const uint8_t peer[16],
                   uint16_t port)
{
    size_t bytes = listener->channel_bytes;
    struct channel *channel = mem_try_alloc(bytes);
    if (channel == NULL) {
        close(fd);
        return false;
    }
    memset(channel, 0, bytes);
    channel->ops = listener->ops;
    channel->reactor = reactor;
    channel->listener = listener;
    channel->fd = fd;
    memcpy(channel->peer, peer, sizeof channel->peer);
    channel->peer_port = port;
    channel_touch(channel);
    if (!channel_watch(channel)) {
        close(fd);
        mem_free(channel);
        return false;
    }
    if (!listener_has_layer(listener)) {
        wheel_insert(reactor, channel);
        channel_opened(channel);
        return true;
    }
    channel->timeout_s = listener->handshake_timeout_s;
    wheel_insert(reactor, channel);
    struct error err = {0};
    channel->layer = layer_new(channel, &err);
    if (channel->layer == NULL)
        channel_abort(channel, &err);
    return true;
}

void channel_opened(struct channel *channel)
{
    channel->flags |= CHANNEL_OPEN;
    channel_set_timeout(channel, 0);
    channel->ops->on_open(channel);
}

/* ---- Events ---------------------------------------------------------------------------------------------- */

/* To be served from the ready list next turn; what: CHANNEL_READ, _SHOW, _DRAINED, _OPENING. */
void channel_make_ready(struct channel *channel, uint32_t what)
{
    if ((channel->flags & LEAVES) != 0)
        return;
    channel->flags |= what;
    if (!list_linked(&channel->ready))
        list_append(&channel->reactor->ready, &channel->ready);
}

static bool may_read(const struct channel *channel)
{
    return (channel->flags & (CHANNEL_CLOSING | CHANNEL_PAUSED | CHANNEL_ENDED | LEAVES)) == 0;
}

static struct error socket_error(const struct channel *channel)
{
    struct error err = {0};
    int errnum = 0;
    socklen_t len = sizeof errnum;
    getsockopt(channel->fd, SOL_SOCKET, SO_ERROR, &errnum, &len);
    if (errnum != 0)
        error_errno(&err, errnum, "connection lost");
    return err;
}

static void read_now(struct channel *channel)
{
    if (channel->layer != NULL && (channel->flags & CHANNEL_OPEN) == 0) {
        if ((channel->flags & CHANNEL_CLOSING) == 0)
            layer_handshake(channel);
    } else if (may_read(channel)) {
        input_read(channel);
    }
}

void channel_events(struct channel *channel, uint32_t events)
{
    if ((channel->flags & LEAVES) != 0)
        return;
    bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    if ((events & EPOLLRDHUP) != 0 || broken)
        channel->flags |= CHANNEL_ENDING;
    /* TLS: what blocked a write may be a read. */
    if ((channel->flags & CHANNEL_BLOCKED) != 0 && ((events & EPOLLOUT) != 0 || channel->layer != NULL)) {
        channel->flags &= ~(uint32_t)CHANNEL_BLOCKED;
        channel_flush(channel);
    }
    if ((events & (EPOLLIN | EPOLLRDHUP)) != 0 || broken || (channel->flags & CHANNEL_OPEN) == 0 ||
        layer_reads_on_room(channel))
        read_now(channel);
    /* Nothing can be read or written any more, and the reading that would find it out does not happen. */
    if (broken && (channel->flags & (CHANNEL_PAUSED | CHANNEL_CLOSING)) != 0) {
        struct error err = socket_error(channel);
        channel_abort(channel, &err);
    }
}

void channel_serve(struct channel *channel)
{
    uint32_t what = channel->flags;
    channel->flags &= ~(uint32_t)(CHANNEL_READ | CHANNEL_SHOW | CHANNEL_DRAINED | CHANNEL_OPENING);
    if ((what & CHANNEL_OPENING) != 0)
        channel->ops->on_open(channel);
    if ((what & CHANNEL_DRAINED) != 0 && (channel->flags & (CHANNEL_CLOSING | LEAVES)) == 0)
        channel->ops->on_drained(channel);
    if ((what & CHANNEL_SHOW) != 0 && channel->input != NULL && may_read(channel))
        input_show(channel);
    if ((what & CHANNEL_READ) != 0)
        read_now(channel);
}

void channel_timed_out(struct channel *channel)
{
    if ((channel->flags & LEAVES) != 0)
        return;
    if ((channel->flags & CHANNEL_CLOSING) != 0) {
        channel_abort(channel, NULL);
    } else if ((channel->flags & CHANNEL_OPEN) != 0) {
        channel->ops->on_timeout(channel);
    } else {
        struct error err = {0};
        error_set(&err, ERR_TIMEOUT, "no complete handshake within %u seconds", channel->timeout_s);
        channel_abort(channel, &err);
    }
}

/* ---- The user's calls ------------------------------------------------------------------------------------ */

void channel_pause(struct channel *channel)
{
    channel->flags |= CHANNEL_PAUSED;
}

void channel_resume(struct channel *channel)
{
    if ((channel->flags & CHANNEL_PAUSED) == 0)
        return;
    channel->flags &= ~(uint32_t)CHANNEL_PAUSED;
    /* Events that came meanwhile are gone: look. */
    channel_make_ready(channel, CHANNEL_SHOW | CHANNEL_READ);
}

void channel_set_timeout(struct channel *channel, uint32_t seconds)
{
    if ((channel->flags & (CHANNEL_CLOSING | LEAVES)) != 0)
        return;
    channel_touch(channel);
    channel->timeout_s = seconds;
    wheel_insert(channel->reactor, channel);
}

void channel_set_ops(struct channel *channel, const struct channel_ops *ops)
{
    channel->ops = ops;
}

/* ---- Closing --------------------------------------------------------------------------------------------- */

static void keep_reason(struct channel *channel, const struct error *why)
{
    if (channel->why == NULL && why != NULL && why->code != ERR_NONE)
        channel->why = mem_dup(why, sizeof *why);
}

static void die(struct channel *channel)
{
    channel->flags |= CHANNEL_CLOSING | CHANNEL_DEAD;
    list_remove(&channel->ready);
    list_append(&channel->reactor->dead, &channel->ready);
}

void channel_mark_dirty(struct channel *channel)
{
    if ((channel->flags & CHANNEL_DIRTY) != 0)
        return;
    channel->flags |= CHANNEL_DIRTY;
    channel->next_dirty = channel->reactor->front.dirty;
    channel->reactor->front.dirty = channel;
}

void channel_close(struct channel *channel, const struct error *why)
{
    if ((channel->flags & (CHANNEL_CLOSING | LEAVES)) != 0)
        return;
    keep_reason(channel, why);
    if ((channel->flags & CHANNEL_ENDED) == 0)
        layer_goodbye(channel);
    output_seal(channel);
    channel->flags |= CHANNEL_CLOSING;
    channel->timeout_s = channel->reactor->front.now_s + CLOSE_WRITE_S + 1;
    wheel_insert(channel->reactor, channel);
    channel_mark_dirty(channel); /* the flush finds that nothing is left, now or later */
}

void channel_abort(struct channel *channel, const struct error *why)
{
    if ((channel->flags & LEAVES) != 0)
        return;
    keep_reason(channel, why);
    output_seal(channel);
    die(channel);
}

/* Everything is written: our end of the stream, then the peer's is waited for without the channel. */
static void finish(struct channel *channel)
{
    layer_shutdown(channel);
    if ((channel->flags & CHANNEL_ENDED) == 0 && shutdown(channel->fd, SHUT_WR) == 0)
        channel->flags |= CHANNEL_LINGER;
    die(channel);
}

/* Output fell; what waited for that happens. */
static void flushed(struct channel *channel)
{
    if ((channel->flags & CHANNEL_CLOSING) != 0) {
        if (channel->out_bytes == 0)
            finish(channel);
    } else if ((channel->flags & CHANNEL_WANT_DRAIN) != 0 && channel->out_bytes < CHANNEL_LOW_WATER_BYTES) {
        channel->flags &= ~(uint32_t)CHANNEL_WANT_DRAIN;
        channel_make_ready(channel, CHANNEL_DRAINED);
    }
}

void channel_flush(struct channel *channel)
{
    if ((channel->flags & (LEAVES | CHANNEL_BLOCKED)) != 0)
        return;
    bool written = channel->layer != NULL ? layer_write(channel) : output_write_socket(channel);
    if (!written) {
        channel_abort(channel, &channel->reactor->failure);
    } else {
        flushed(channel);
    }
}

static void log_failed_handshake(const struct channel *channel)
{
    struct reactor *reactor = channel->reactor;
    if (reactor->failure_s != reactor->front.now_s) {
        reactor->failure_s = reactor->front.now_s;
        reactor->failure_count = 0;
    }
    if (channel->why == NULL || reactor->failure_count++ >= HANDSHAKE_LINES_PER_S)
        return;
    char peer[CHANNEL_PEER_BYTES];
    channel_peer_text(channel, peer);
    LOG_INFO("connection refused", LOG_TEXT("listener", listener_name(channel->listener)),
             LOG_TEXT("peer", peer), LOG_ERROR_OF(channel->why));
}

void channel_teardown(struct channel *channel)
{
    struct reactor *reactor = channel->reactor;
    static const struct error no_error = {.code = ERR_NONE};
    output_drop(channel);
    if ((channel->flags & CHANNEL_OPEN) != 0) {
        channel->ops->on_closed(channel, channel->why != NULL ? channel->why : &no_error);
    } else {
        log_failed_handshake(channel);
    }
    wheel_remove(channel);
    input_free(channel);
    layer_free(channel->layer);
    atomic_fetch_sub_explicit(&channel->listener->connections, 1, memory_order_relaxed);
    if ((channel->flags & CHANNEL_LINGER) != 0) {
        linger_start(reactor, channel->fd);
    } else {
        reactor_unwatch(reactor, channel->fd);
        close(channel->fd);
    }
    mem_free(channel->why);
    mem_free(channel);
}

/* ---- The end of a reactor -------------------------------------------------------------------------------- */

static void close_list(struct list *list, bool wait, const struct error *why)
{
    LIST_EACH_SAFE(it, list)
    {
        struct channel *channel = CONTAINER_OF(it, struct channel, wheel);
        if (wait) {
            channel_close(channel, why);
        } else {
            channel_abort(channel, why);
        }
    }
}

/* wait: what is pending may be written. */
void channels_close_all(struct reactor *reactor, bool wait)
{
    struct error why = {0};
    error_set(&why, ERR_CLOSED, "the server is stopping");
    struct list all;
    list_init(&all);
    list_move_all(&all, &reactor->quiet);
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        list_move_all(&all, &reactor->slots[i]);
    close_list(&all, wait, &why);
    list_move_all(&reactor->quiet, &all);
}

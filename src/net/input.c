/* Input: one buffer for all channels of a reactor.
 *
 *     reactor->buffer   ┌ kept (copied to the front) ┬ read now ┬ free ┐
 *                       └──────────── on_data ───────────────────┘
 *
 * What on_data leaves is kept in a block of its own until more comes. Up to KEPT_SMALL_BYTES it is copied to the
 * front of the shared buffer before the next read. More than that is an unfinished packet of some size: it is read
 * where it is kept, and the block doubles when it is full, so the bytes of a packet of n bytes are copied O(n)
 * times whatever pieces it comes in. */
#include "net/net_internal.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>

struct kept_input {
    size_t start;
    size_t len;
    size_t cap;
    uint8_t bytes[];
};

/* Where the next read goes: `len` bytes are kept at `data`, `room` are free behind them. */
struct window {
    uint8_t *data;
    size_t len;
    size_t room;
};

void input_free(struct channel *channel)
{
    mem_free(channel->input);
    channel->input = NULL;
}

enum fill fill_socket(struct channel *channel, uint8_t *at, size_t room, size_t *got)
{
    for (;;) {
        ssize_t n = recv(channel->fd, at, room, 0);
        if (n > 0) {
            *got = (size_t)n;
            /* Less than asked for: the socket is empty, and the next byte raises an event. If its end was
             * announced there is no further event, so reading goes on to the end. */
            bool drained = (size_t)n < room && (channel->flags & CHANNEL_ENDING) == 0;
            return drained ? FILL_DRAINED : FILL_MORE;
        }
        *got = 0;
        if (n == 0) {
            channel->flags |= CHANNEL_ENDED;
            channel->reactor->failure.code = ERR_NONE;
            return FILL_END;
        }
        if (errno == EAGAIN)
            return FILL_DRAINED;
        if (errno == EINTR)
            continue;
        error_errno(&channel->reactor->failure, errno, "connection lost");
        return FILL_FAILED;
    }
}

/* Makes room in a block that is read in place. False: out of memory. */
static bool grow(struct channel *channel)
{
    struct kept_input *kept = channel->input;
    if (kept->start > 0) {
        memmove(kept->bytes, kept->bytes + kept->start, kept->len);
        kept->start = 0;
    }
    if (kept->cap - kept->len >= kept->len)
        return true;
    size_t cap = 2 * kept->len + READ_BUFFER_BYTES_MIN;
    kept = mem_try_realloc(kept, sizeof *kept + cap);
    if (kept == NULL)
        return false;
    kept->cap = cap;
    channel->input = kept;
    return true;
}

static bool open_window(struct channel *channel, struct window *window)
{
    struct kept_input *kept = channel->input;
    struct reactor *reactor = channel->reactor;
    if (kept == NULL) {
        *window = (struct window){reactor->buffer, 0, reactor->buffer_bytes};
    } else if (kept->len <= KEPT_SMALL_BYTES) {
        memcpy(reactor->buffer, kept->bytes + kept->start, kept->len);
        *window = (struct window){reactor->buffer, kept->len, reactor->buffer_bytes - kept->len};
    } else {
        if (kept->cap - kept->start - kept->len < READ_BUFFER_BYTES_MIN / 4 && !grow(channel))
            return false;
        kept = channel->input;
        *window = (struct window){kept->bytes + kept->start, kept->len, kept->cap - kept->start - kept->len};
    }
    return true;
}

/* Keeps `len` bytes at `data`, which may lie in the block that is there. */
static bool keep(struct channel *channel, const uint8_t *data, size_t len)
{
    struct kept_input *kept = channel->input;
    if (len == 0) {
        input_free(channel);
        return true;
    }
    bool inside = kept != NULL && (uintptr_t)data - (uintptr_t)kept->bytes <= kept->cap;
    if (inside && len > KEPT_SMALL_BYTES) {
        kept->start = (size_t)(data - kept->bytes);
        kept->len = len;
        return true;
    }
    if (!inside && kept != NULL && kept->cap >= len) {
        memcpy(kept->bytes, data, len);
        kept->start = 0;
        kept->len = len;
        return true;
    }
    size_t cap = len <= KEPT_SMALL_BYTES ? (len + 63) / 64 * 64 : 2 * len;
    struct kept_input *block = mem_try_alloc(sizeof *block + cap);
    if (block == NULL)
        return false;
    *block = (struct kept_input){.len = len, .cap = cap};
    memcpy(block->bytes, data, len);
    mem_free(kept);
    channel->input = block;
    return true;
}

static void fail_memory(struct channel *channel)
{
    struct error err = {0};
    error_set(&err, ERR_NO_MEMORY, "no memory for an unfinished packet");
    channel_abort(channel, &err);
}

static void show(struct channel *channel, uint8_t *data, size_t len)
{
    size_t used = channel->ops->on_data(channel, data, len);
    assert(used <= len);
    if ((channel->flags & CHANNEL_CLOSING) != 0) {
        input_free(channel);
    } else if (!keep(channel, data + used, len - used)) {
        fail_memory(channel);
    }
}

void input_show(struct channel *channel)
{
    struct window window;
    if (open_window(channel, &window)) {
        show(channel, window.data, window.len);
    } else {
        fail_memory(channel);
    }
}

static enum fill fill(struct channel *channel, uint8_t *at, size_t room, size_t *got)
{
    *got = 0;
    if (channel->layer != NULL)
        return layer_fill(channel, at, room, got);
    return fill_socket(channel, at, room, got);
}

/* One share of a turn: at most about one shared buffer. Then the channel waits for the others. */
void input_read(struct channel *channel)
{
    enum { STOPS = CHANNEL_CLOSING | CHANNEL_MOVING | CHANNEL_PAUSED };
    size_t budget = channel->reactor->buffer_bytes;
    for (;;) {
        struct window window;
        if (!open_window(channel, &window)) {
            fail_memory(channel);
            return;
        }
        size_t got;
        enum fill outcome = fill(channel, window.data + window.len, window.room, &got);
        struct error failure;
        if (outcome == FILL_FAILED || outcome == FILL_END)
            failure = channel->reactor->failure; /* on_data may cause another one */
        if (got > 0)
            show(channel, window.data, window.len + got);
        if ((channel->flags & (CHANNEL_CLOSING | CHANNEL_MOVING)) != 0)
            return;
        if (outcome == FILL_FAILED) {
            channel_abort(channel, &failure);
            return;
        }
        if (outcome == FILL_END) {
            channel_close(channel, &failure);
            return;
        }
        if (outcome == FILL_DRAINED || (channel->flags & STOPS) != 0)
            return;
        /* A layer may have read much that is not for the user. */
        size_t cost = got > READ_BUFFER_BYTES_MIN ? got : READ_BUFFER_BYTES_MIN;
        if (cost >= budget) {
            channel_make_ready(channel, CHANNEL_READ);
            return;
        }
        budget -= cost;
    }
}

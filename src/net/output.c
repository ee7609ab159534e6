/* Output: a list of pieces, written with one call a turn.
 *
 *     out_first ─▶ [own bytes] ─▶ [borrowed] ─▶ [own bytes ·····room·····] ◀─ out_last
 *                                                            ▲ out_next, out_room
 *
 * Pieces of own bytes come from the reactor's pools and go back as soon as they are written. The first of a
 * channel that had none is small, since a message may go to a hundred thousand channels in one turn; the
 * following are large. While the last piece grows, only out_next moves: output_sync() makes its len true. */
#include "net/net_internal.h"

#include <assert.h>
#include <errno.h>
#include <sys/uio.h>

/* ---- Pieces ---------------------------------------------------------------------------------------------- */

static struct out_piece *pool_take(struct piece_pool *pool)
{
    struct out_piece *piece = pool->first;
    if (piece != NULL) {
        pool->first = piece->next;
        pool->count--;
    }
    return piece;
}

static void pool_give(struct piece_pool *pool, unsigned limit, struct out_piece *piece)
{
    if (pool->count >= limit) {
        mem_free(piece);
        return;
    }
    piece->next = pool->first;
    pool->first = piece;
    pool->count++;
}

static void pool_empty(struct piece_pool *pool)
{
    struct out_piece *piece;
    while ((piece = pool_take(pool)) != NULL)
        mem_free(piece);
}

void output_pool_free(struct reactor *reactor)
{
    pool_empty(&reactor->small);
    pool_empty(&reactor->large);
    pool_empty(&reactor->refs);
}

struct out_piece *output_piece_new(struct reactor *reactor, size_t bytes)
{
    struct out_piece *piece;
    if (bytes <= OUT_SMALL_BYTES - sizeof *piece) {
        piece = pool_take(&reactor->small);
        bytes = OUT_SMALL_BYTES - sizeof *piece;
    } else if (bytes <= OUT_LARGE_BYTES - sizeof *piece) {
        piece = pool_take(&reactor->large);
        bytes = OUT_LARGE_BYTES - sizeof *piece;
    } else {
        piece = NULL;
    }
    if (piece == NULL)
        piece = mem_alloc(sizeof *piece + bytes);
    *piece = (struct out_piece){.data = (uint8_t *)(piece + 1), .cap = bytes};
    return piece;
}

static void piece_free(struct reactor *reactor, struct out_piece *piece)
{
    if (piece->cap == OUT_SMALL_BYTES - sizeof *piece) {
        pool_give(&reactor->small, OUT_POOL_SMALL, piece);
    } else if (piece->cap == OUT_LARGE_BYTES - sizeof *piece) {
        pool_give(&reactor->large, OUT_POOL_LARGE, piece);
    } else if (piece->cap != 0) {
        mem_free(piece);
    } else {
        void (*release)(void *) = piece->release;
        void *owner = piece->owner;
        pool_give(&reactor->refs, OUT_POOL_REF, piece);
        release(owner);
    }
}

static void append(struct channel *channel, struct out_piece *piece)
{
    piece->next = NULL;
    if (channel->out_last != NULL) {
        channel->out_last->next = piece;
    } else {
        channel->out_first = piece;
    }
    channel->out_last = piece;
}

void output_sync(struct channel *channel)
{
    if (channel->out_next != NULL)
        channel->out_last->len = (size_t)(channel->out_next - channel->out_last->data);
}

void output_seal(struct channel *channel)
{
    output_sync(channel);
    channel->out_next = NULL;
    channel->out_room = 0;
}

/* ---- Producing ------------------------------------------------------------------------------------------- */

static uint8_t *reserve_trash(struct reactor *reactor, size_t n)
{
    if (reactor->trash_bytes < n || reactor->trash == NULL) {
        mem_free(reactor->trash);
        reactor->trash_bytes = n > OUT_LARGE_BYTES ? n : OUT_LARGE_BYTES;
        reactor->trash = mem_alloc(reactor->trash_bytes);
    }
    return reactor->trash;
}

uint8_t *channel_reserve_more(struct channel *channel, size_t n)
{
    if ((channel->flags & CHANNEL_CLOSING) != 0)
        return reserve_trash(channel->reactor, n);
    size_t headroom = (channel->flags & CHANNEL_HEADROOM) != 0 ? OUT_HEADROOM_BYTES : 0;
    /* A piece that was filled is followed by a large one. */
    bool full = channel->out_next != NULL;
    output_seal(channel);
    size_t bytes = n + headroom;
    if (full && bytes < OUT_LARGE_BYTES - sizeof(struct out_piece))
        bytes = OUT_LARGE_BYTES - sizeof(struct out_piece);
    struct out_piece *piece = output_piece_new(channel->reactor, bytes);
    piece->data += headroom;
    append(channel, piece);
    channel->out_next = (uint8_t *)(piece + 1) + headroom;
    channel->out_room = piece->cap - headroom;
    return channel->out_next;
}

void channel_write(struct channel *channel, const void *data, size_t n)
{
    if (n == 0 || (channel->flags & CHANNEL_CLOSING) != 0)
        return;
    const uint8_t *from = data;
    /* What fits into the open piece goes there, however long the rest is. */
    size_t fits = n < channel->out_room ? n : channel->out_room;
    if (fits > 0) {
        memcpy(channel->out_next, from, fits);
        channel_commit(channel, fits);
        from += fits;
        n -= fits;
    }
    if (n > 0) {
        memcpy(channel_reserve(channel, n), from, n);
        channel_commit(channel, n);
    }
}

void channel_write_ref(struct channel *channel, const void *data, size_t n, void (*release)(void *owner),
                       void *owner)
{
    if (n <= OUT_COPY_BYTES || (channel->flags & CHANNEL_CLOSING) != 0) {
        channel_write(channel, data, n);
        release(owner);
        return;
    }
    output_seal(channel);
    struct out_piece *piece = pool_take(&channel->reactor->refs);
    if (piece == NULL)
        piece = mem_alloc(sizeof *piece);
    *piece = (struct out_piece){.data = data, .len = n, .release = release, .owner = owner};
    append(channel, piece);
    channel->out_bytes += n;
    channel_mark_dirty(channel);
}

bool channel_ready_after_flush(struct channel *channel)
{
    if ((channel->flags & (CHANNEL_CLOSING | CHANNEL_MOVING)) != 0)
        return false;
    channel_flush(channel);
    if ((channel->flags & CHANNEL_CLOSING) != 0)
        return false;
    if (channel->out_bytes <= CHANNEL_HIGH_WATER_BYTES)
        return true;
    channel->flags |= CHANNEL_WANT_DRAIN;
    return false;
}

/* ---- Writing --------------------------------------------------------------------------------------------- */

static void pop_first(struct channel *channel)
{
    struct out_piece *piece = channel->out_first;
    channel->out_first = piece->next;
    if (piece->next == NULL) {
        channel->out_last = NULL;
        channel->out_next = NULL;
        channel->out_room = 0;
    }
    piece_free(channel->reactor, piece);
}

void output_consumed(struct channel *channel, size_t n)
{
    channel->out_bytes -= n;
    while (channel->out_first != NULL && n >= channel->out_first->len) {
        n -= channel->out_first->len;
        pop_first(channel);
    }
    if (n > 0) {
        assert(channel->out_first != NULL); /* no more than there was is written */
        channel->out_first->data += n;
        channel->out_first->len -= n;
    }
}

void output_drop(struct channel *channel)
{
    while (channel->out_first != NULL)
        pop_first(channel);
    channel->out_bytes = 0;
}

void output_copy_borrowed(struct channel *channel)
{
    output_seal(channel);
    struct out_piece **link = &channel->out_first;
    for (struct out_piece *piece; (piece = *link) != NULL; link = &(*link)->next) {
        if (piece->cap != 0)
            continue;
        struct out_piece *copy = output_piece_new(channel->reactor, piece->len);
        memcpy(copy + 1, piece->data, piece->len);
        copy->len = piece->len;
        copy->next = piece->next;
        *link = copy;
        if (channel->out_last == piece)
            channel->out_last = copy;
        piece_free(channel->reactor, piece);
    }
}

/* Gathers the first pieces. Returns their bytes. */
static size_t gather(const struct channel *channel, struct iovec iov[PIECES_PER_WRITE], size_t *count)
{
    size_t total = 0;
    *count = 0;
    for (struct out_piece *piece = channel->out_first; piece != NULL && *count < PIECES_PER_WRITE;
         piece = piece->next) {
        if (piece->len == 0)
            continue;
        iov[*count].iov_base = (void *)(uintptr_t)piece->data;
        iov[*count].iov_len = piece->len;
        total += piece->len;
        (*count)++;
    }
    return total;
}

static ssize_t send_once(int fd, struct iovec *iov, size_t count)
{
    if (count == 1)
        return send(fd, iov[0].iov_base, iov[0].iov_len, MSG_NOSIGNAL);
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* A short write means that the socket is full: EPOLLOUT says when it is not. */
bool output_write_socket(struct channel *channel)
{
    output_sync(channel);
    while (channel->out_bytes > 0) {
        struct iovec iov[PIECES_PER_WRITE];
        size_t count;
        size_t total = gather(channel, iov, &count);
        ssize_t n = send_once(channel->fd, iov, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            return error_errno(&channel->reactor->failure, errno, "connection lost");
        if (n > 0)
            output_consumed(channel, (size_t)n);
        if (n < 0 || (size_t)n < total) {
            channel->flags |= CHANNEL_BLOCKED;
            return true;
        }
    }
    output_drop(channel);
    return true;
}

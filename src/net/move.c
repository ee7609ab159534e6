/* A channel's way to another reactor.
 *
 * It leaves at the end of the turn, when nothing of this reactor names it any more, and comes as mail. Kept input,
 * pending output and the layer's state travel with it. Borrowed output is copied first: its owner wants it back on
 * this thread. The socket is taken out of one epoll instance and added to the other, which reports at once what is
 * there to be read, so no event is lost. */
#include "net/net_internal.h"

struct move {
    struct mail mail;
    struct channel *channel;
    struct reactor *to;
};

void channel_move(struct channel *channel, struct reactor *to)
{
    if ((channel->flags & (CHANNEL_CLOSING | CHANNEL_MOVING)) != 0)
        return;
    list_remove(&channel->ready);
    channel->flags &= ~(uint32_t)(CHANNEL_SHOW | CHANNEL_DRAINED);
    channel->flags |= CHANNEL_MOVING;
    list_append(&channel->reactor->moving, &channel->ready);
    channel->move_to = to;
}

static void arrive(struct reactor *reactor, struct mail *mail)
{
    struct move *move = CONTAINER_OF(mail, struct move, mail);
    struct channel *channel = move->channel;
    channel->reactor = move->to;
    channel->flags &= ~(uint32_t)CHANNEL_MOVING;
    mem_free(move);
    wheel_insert(channel->reactor, channel);
    struct error why = {0};
    if (reactor == NULL || reactor->draining) {
        error_set(&why, ERR_CLOSED, "the server is stopping");
        channel_abort(channel, &why);
    } else if (!channel_watch(channel)) {
        error_set(&why, ERR_NO_MEMORY, "no memory to move the connection");
        channel_abort(channel, &why);
    } else {
        channel_make_ready(channel, CHANNEL_OPENING | CHANNEL_SHOW | CHANNEL_READ);
        if (channel->out_bytes > 0)
            channel_mark_dirty(channel);
    }
}

void channel_depart(struct channel *channel)
{
    struct reactor *from = channel->reactor;
    struct move *move = mem_zalloc(sizeof *move);
    move->mail.run = arrive;
    move->channel = channel;
    move->to = channel->move_to;
    channel->move_to = NULL;
    wheel_remove(channel);
    output_copy_borrowed(channel);
    channel->flags &= ~(uint32_t)CHANNEL_BLOCKED;
    reactor_unwatch(from, channel->fd);
    reactor_post(move->to, &move->mail);
}

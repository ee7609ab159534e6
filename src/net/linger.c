/* Sockets whose channel is gone and that wait for the peer's end.
 *
 * close() of a socket with unread input makes the kernel send a reset, and a reset may overtake our last bytes:
 * the peer would never read why it was disconnected. So after shutdown(SHUT_WR) the input is read and thrown away
 * until the peer ends too, for LINGER_MS and LINGER_BYTES at most. */
#include "net/net_internal.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

struct lingering {
    struct reactor *reactor;
    struct list node;
    struct timer timer;
    size_t left_bytes;
    int fd;
};

static void end(struct lingering *linger)
{
    struct reactor *reactor = linger->reactor;
    timer_clear(reactor, &linger->timer);
    list_remove(&linger->node);
    reactor->linger_count--;
    reactor_unwatch(reactor, linger->fd);
    close(linger->fd);
    mem_free(linger);
}

static void expired(struct reactor *reactor, struct timer *timer)
{
    (void)reactor;
    end(CONTAINER_OF(timer, struct lingering, timer));
}

void linger_event(struct reactor *reactor, struct lingering *linger)
{
    for (;;) {
        /* MSG_TRUNC: TCP drops the bytes without copying them. */
        ssize_t n = recv(linger->fd, reactor->buffer, reactor->buffer_bytes, MSG_TRUNC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0 || (size_t)n >= linger->left_bytes)
            break;
        linger->left_bytes -= (size_t)n;
    }
    end(linger);
}

void linger_start(struct reactor *reactor, int fd)
{
    if (reactor->linger_count >= LINGERS_MAX) {
        close(fd);
        return;
    }
    struct lingering *linger = mem_zalloc(sizeof *linger);
    if (!reactor_watch(reactor, fd, EPOLLIN | EPOLLRDHUP, linger, WATCH_LINGER)) {
        close(fd);
        mem_free(linger);
        return;
    }
    linger->reactor = reactor;
    linger->fd = fd;
    linger->left_bytes = LINGER_BYTES;
    linger->timer.fire = expired;
    list_append(&reactor->lingers, &linger->node);
    reactor->linger_count++;
    timer_set(reactor, &linger->timer, reactor->front.now_ms + LINGER_MS);
}

void lingers_end(struct reactor *reactor)
{
    while (!list_empty(&reactor->lingers))
        end(CONTAINER_OF(reactor->lingers.next, struct lingering, node));
}

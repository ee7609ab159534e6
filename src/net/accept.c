/* Accepting: one listening socket a reactor, all bound to the same port; the kernel spreads connections.
 *
 * The sockets are level-triggered: a turn accepts a bounded number, what is left raises the next event. When
 * accepting cannot go on (no descriptors, no memory, the rate is reached) the socket leaves epoll and a timer
 * brings it back, so a full table of descriptors costs five tries a second, not a core. */
#include "net/net_internal.h"

#include "base/fault.h"
#include "base/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { WARNING_INTERVAL_MS = 10000 };

static void watch(struct acceptor *acceptor)
{
    acceptor->watched = reactor_watch(acceptor->reactor, acceptor->fd, EPOLLIN, acceptor, WATCH_ACCEPTOR);
    if (!acceptor->watched)
        timer_set(acceptor->reactor, &acceptor->resume, acceptor->reactor->front.now_ms + ACCEPT_RETRY_MS);
}

static void resume(struct reactor *reactor, struct timer *timer)
{
    (void)reactor;
    watch(CONTAINER_OF(timer, struct acceptor, resume));
}

static void pause_for(struct acceptor *acceptor, int64_t ms)
{
    if (acceptor->watched)
        reactor_unwatch(acceptor->reactor, acceptor->fd);
    acceptor->watched = false;
    timer_set(acceptor->reactor, &acceptor->resume, acceptor->reactor->front.now_ms + ms);
}

/* Whether a warning may be logged: not more than one in WARNING_INTERVAL_MS. */
static bool may_warn(struct acceptor *acceptor)
{
    int64_t now_ms = acceptor->reactor->front.now_ms;
    if (acceptor->warned_ms != 0 && now_ms - acceptor->warned_ms < WARNING_INTERVAL_MS)
        return false;
    acceptor->warned_ms = now_ms != 0 ? now_ms : 1;
    return true;
}

static void out_of_resources(struct acceptor *acceptor, int errnum)
{
    pause_for(acceptor, ACCEPT_RETRY_MS);
    if (!may_warn(acceptor))
        return;
    struct error err = {0};
    error_errno(&err, errnum, "cannot accept connections");
    if (errnum == EMFILE || errnum == ENFILE)
        error_hint(&err, "raise the limit of open files (ulimit -n)");
    LOG_WARNING("accepting paused", LOG_TEXT("listener", acceptor->listener->name), LOG_ERROR_OF(&err));
}

/* ---- Limits ---------------------------------------------------------------------------------------------- */

/* Each connection costs 1 s / rate; up to a tenth of a second may be owed. Returns how long to wait until one
 * more can be paid for. */
static int64_t rate_wait_ms(struct listener *listener, int64_t now_ms)
{
    unsigned rate = atomic_load_explicit(&listener->connections_per_second, memory_order_relaxed);
    if (rate == 0)
        return 0;
    int64_t ahead_ns =
        atomic_load_explicit(&listener->rate_ns, memory_order_relaxed) - now_ms * 1000000 - 100000000;
    return ahead_ns <= 0 ? 0 : ahead_ns / 1000000 + 1;
}

static void rate_pay(struct listener *listener, int64_t now_ms)
{
    unsigned rate = atomic_load_explicit(&listener->connections_per_second, memory_order_relaxed);
    if (rate == 0)
        return;
    int64_t paid_ns = atomic_load_explicit(&listener->rate_ns, memory_order_relaxed);
    int64_t next_ns;
    do {
        int64_t now_ns = now_ms * 1000000;
        next_ns = (paid_ns > now_ns ? paid_ns : now_ns) + 1000000000 / rate;
    } while (!atomic_compare_exchange_weak_explicit(&listener->rate_ns, &paid_ns, next_ns,
                                                    memory_order_relaxed, memory_order_relaxed));
}

/* Counts one connection, if the limit allows it. */
static bool count_connection(struct listener *listener)
{
    unsigned max = atomic_load_explicit(&listener->max_connections, memory_order_relaxed);
    unsigned before = atomic_fetch_add_explicit(&listener->connections, 1, memory_order_relaxed);
    if (max == 0 || before < max)
        return true;
    atomic_fetch_sub_explicit(&listener->connections, 1, memory_order_relaxed);
    return false;
}

static void over_limit(struct acceptor *acceptor, int fd)
{
    close(fd);
    acceptor->refused++;
    if (!may_warn(acceptor))
        return;
    struct listener *listener = acceptor->listener;
    LOG_WARNING(
        "connection refused: max_connections is reached", LOG_TEXT("listener", listener->name),
        LOG_UINT("max_connections", atomic_load_explicit(&listener->max_connections, memory_order_relaxed)),
        LOG_UINT("refused", acceptor->refused));
    acceptor->refused = 0;
}

/* ---- Accepting ------------------------------------------------------------------------------------------- */

/* False: nothing more for this turn. */
static bool accept_one(struct acceptor *acceptor)
{
    struct listener *listener = acceptor->listener;
    struct reactor *reactor = acceptor->reactor;
    int64_t wait_ms = rate_wait_ms(listener, reactor->front.now_ms);
    if (wait_ms > 0) {
        pause_for(acceptor, wait_ms);
        return false;
    }
    struct sockaddr_storage socket;
    socklen_t len = sizeof socket;
    int fd = accept4(acceptor->fd, (struct sockaddr *)&socket, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EAGAIN)
            return false;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM || errno == EBADF ||
            errno == EINVAL) {
            out_of_resources(acceptor, errno);
            return false;
        }
        return true; /* a connection that failed before it was accepted */
    }
    FAULT_POINT("net.accepted");
    rate_pay(listener, reactor->front.now_ms);
    if (!count_connection(listener)) {
        over_limit(acceptor, fd);
        return true;
    }
    uint8_t peer[16];
    uint16_t port;
    address_from_socket((struct sockaddr *)&socket, peer, &port);
    if (!channel_start(reactor, listener, fd, peer, port)) {
        atomic_fetch_sub_explicit(&listener->connections, 1, memory_order_relaxed);
        out_of_resources(acceptor, ENOMEM);
        return false;
    }
    return true;
}

void acceptor_event(struct acceptor *acceptor)
{
    for (int i = 0; i < ACCEPTS_PER_TURN && acceptor->fd >= 0; i++) {
        if (!accept_one(acceptor))
            return;
    }
}

void acceptor_start(struct reactor *reactor, struct mail *mail)
{
    struct acceptor *acceptor = CONTAINER_OF(mail, struct acceptor, start);
    if (reactor == NULL || reactor->draining) {
        acceptor_close(acceptor);
        return;
    }
    acceptor->resume.fire = resume;
    list_append(&reactor->acceptors, &acceptor->node);
    watch(acceptor);
}

void acceptor_stop(struct reactor *reactor, struct mail *mail)
{
    (void)reactor;
    acceptor_close(CONTAINER_OF(mail, struct acceptor, stop));
}

void acceptor_close(struct acceptor *acceptor)
{
    if (acceptor->fd < 0)
        return;
    timer_clear(acceptor->reactor, &acceptor->resume);
    if (acceptor->watched)
        reactor_unwatch(acceptor->reactor, acceptor->fd);
    close(acceptor->fd);
    acceptor->fd = -1;
    list_remove(&acceptor->node);
    struct listener *listener = acceptor->listener;
    pthread_mutex_lock(&listener->lock);
    listener->open_acceptors--;
    pthread_cond_broadcast(&listener->closed);
    pthread_mutex_unlock(&listener->lock);
}

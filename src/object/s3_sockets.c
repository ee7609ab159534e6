/* libcurl says which sockets it waits for (follow) and when it wants to be called without one (set_timer); what epoll finds
 * ready goes back to it, socket by socket. The socket's pointer in libcurl, curl_multi_assign(), tells whether epoll knows it. */
#include "object/s3_sockets.h"

#include "base/clock.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS 64

static int follow(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct s3_sockets *sockets = arg;
    struct epoll_event event = {.data.fd = fd};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(sockets->epoll_fd, EPOLL_CTL_DEL, fd, &event);
        return 0;
    }
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        event.events |= EPOLLIN;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        event.events |= EPOLLOUT;
    int op = known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(sockets->epoll_fd, op, fd, &event) != 0)
        return -1; /* libcurl fails its transfers */
    curl_multi_assign(sockets->multi, fd, sockets);
    return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct s3_sockets *sockets = arg;
    (void)multi;
    sockets->due_ms = timeout_ms >= 0 ? clock_mono_ms() + timeout_ms : -1;
    return 0;
}

bool s3_sockets_open(struct s3_sockets *sockets, CURLM *multi, struct error *err)
{
    *sockets = (struct s3_sockets){.multi = multi, .due_ms = -1, .wake_fd = -1};
    sockets->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (sockets->epoll_fd >= 0)
        sockets->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = sockets->wake_fd};
    if (sockets->wake_fd < 0 || epoll_ctl(sockets->epoll_fd, EPOLL_CTL_ADD, sockets->wake_fd, &event) != 0) {
        error_errno(err, errno, "open an object store");
        s3_sockets_close(sockets);
        return false;
    }
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, follow);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, sockets);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, sockets);
    return true;
}

void s3_sockets_close(struct s3_sockets *sockets)
{
    if (sockets->multi == NULL)
        return;
    if (sockets->wake_fd >= 0)
        close(sockets->wake_fd);
    if (sockets->epoll_fd >= 0)
        close(sockets->epoll_fd);
    *sockets = (struct s3_sockets){0};
}

void s3_sockets_wake(const struct s3_sockets *sockets)
{
    eventfd_write(sockets->wake_fd, 1); /* fails when it is full, and then is awake */
}

CURLMcode s3_sockets_run_due(struct s3_sockets *sockets)
{
    int running;
    if (sockets->due_ms < 0 || clock_mono_ms() < sockets->due_ms)
        return CURLM_OK;
    sockets->due_ms = -1;
    return curl_multi_socket_action(sockets->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

/* What is ready, as libcurl says it. */
static int ready_of(uint32_t events)
{
    int ready = 0;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP))
        ready |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        ready |= CURL_CSELECT_OUT;
    if (events & EPOLLERR)
        ready |= CURL_CSELECT_ERR;
    return ready;
}

CURLMcode s3_sockets_wait(struct s3_sockets *sockets, int wait_ms)
{
    struct epoll_event events[EVENTS];
    CURLMcode result = CURLM_OK;
    if (sockets->due_ms >= 0) {
        int64_t left_ms = sockets->due_ms - clock_mono_ms();
        if (left_ms < wait_ms)
            wait_ms = left_ms > 0 ? (int)left_ms : 0;
    }
    int count = epoll_wait(sockets->epoll_fd, events, EVENTS, wait_ms);
    for (int i = 0; i < count; i++) {
        int running;
        eventfd_t woken;
        if (events[i].data.fd == sockets->wake_fd) {
            eventfd_read(sockets->wake_fd, &woken);
            continue;
        }
        CURLMcode code =
            curl_multi_socket_action(sockets->multi, events[i].data.fd, ready_of(events[i].events), &running);
        if (code != CURLM_OK)
            result = code;
    }
    return result;
}

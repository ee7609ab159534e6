/* A worker: one thread, one epoll, its connections.
 *
 * A turn: wait; read every connection that has something (subscribers answer at once, and queue the publishers
 * whose window they opened); then let each queued publisher send once. Between reading and sending nothing waits,
 * so a batch of deliveries becomes a batch of publications. With a rate the wait ends when the next message is
 * due, to the nanosecond as far as the kernel's timers go. */
#include "load_internal.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "mqtt/mqtt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#define READ_BYTES    (256 * 1024)
#define EVENTS        256
#define OPENING_MAX   128
#define CHECK_NS      INT64_C(50000000)
#define NS_PER_SECOND INT64_C(1000000000)

/* ---- sending ---- */

static void ask_writable(struct worker *worker, struct link *link, bool wanted)
{
    if (link->waits_writable == wanted)
        return;
    link->waits_writable = wanted;
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = link};
    epoll_ctl(worker->epoll, EPOLL_CTL_MOD, link->fd, &event);
}

static void keep_unsent(struct worker *worker, struct link *link, const uint8_t *data, size_t len)
{
    link->out = mem_realloc(link->out, link->out_len + len);
    memcpy(link->out + link->out_len, data, len);
    link->out_len += (uint32_t)len;
    ask_writable(worker, link, true);
}

static bool broken(const struct link *link, int errnum, struct error *err)
{
    char name[LINK_NAME_BYTES];
    link_name(link, name, sizeof name);
    if (errnum == 0)
        return error_set(err, ERR_CLOSED, "the broker closed %s", name);
    return error_errno(err, errnum, "%s", name);
}

/* *sent is how many bytes the socket took, which may be none. False: the connection is broken. */
static bool send_some(struct link *link, const uint8_t *data, size_t len, size_t *sent, struct error *err)
{
    ssize_t taken = send(link->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (taken < 0 && errno != EAGAIN && errno != EINTR)
        return broken(link, errno, err);
    *sent = taken > 0 ? (size_t)taken : 0;
    return true;
}

bool worker_send(struct worker *worker, struct link *link, const uint8_t *data, size_t len, struct error *err)
{
    size_t sent = 0;
    if (link->out_len == 0 && !send_some(link, data, len, &sent, err))
        return false;
    if (sent < len)
        keep_unsent(worker, link, data + sent, len - sent);
    return true;
}

static bool send_kept(struct worker *worker, struct link *link, struct error *err)
{
    size_t sent = 0;
    if (!send_some(link, link->out, link->out_len, &sent, err))
        return false;
    link->out_len -= (uint32_t)sent;
    memmove(link->out, link->out + sent, link->out_len);
    if (link->out_len > 0)
        return true;
    mem_free(link->out);
    link->out = NULL;
    ask_writable(worker, link, false);
    if (link->role == ROLE_PUBLISHER)
        publisher_queue((struct publisher *)(void *)link);
    return true;
}

/* ---- connections ---- */

static bool open_one(struct worker *worker, struct error *err)
{
    struct link *link = worker->links[worker->opened];
    /* Publishers, subscribers and idle ones number from 0 each: spread the sum of them over source addresses. */
    uint32_t number = worker->opened * worker->load->worker_count;
    link->fd = stream_connect(&worker->load->address, number, err);
    if (link->fd < 0)
        return false;
    link->state = LINK_CONNECTING;
    link->waits_writable = true;
    worker->opened++;
    worker->opening++;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = link};
    if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, link->fd, &event) != 0)
        return error_errno(err, errno, "cannot watch a connection");
    return true;
}

/* The links that are to be open in this phase. */
static uint32_t open_end(const struct worker *worker)
{
    return worker->phase == PHASE_READ ? worker->link_count : worker->first_count;
}

static bool open_more(struct worker *worker, struct error *err)
{
    const struct bench_options *options = worker->load->options;
    while (worker->opened < open_end(worker) && worker->opening < OPENING_MAX) {
        if (options->connect_rate > 0) {
            if (worker->now_ns < worker->next_open_ns)
                return true;
            int64_t gap_ns = NS_PER_SECOND * worker->load->worker_count / (int64_t)options->connect_rate;
            worker->next_open_ns =
                (worker->next_open_ns > 0 ? worker->next_open_ns : worker->now_ns) + gap_ns;
        }
        if (!open_one(worker, err))
            return false;
    }
    return true;
}

static ptrdiff_t consume(struct worker *worker, struct link *link, uint8_t *data, size_t len,
                         struct error *err)
{
    ptrdiff_t used = 0;
    if (link->state != LINK_READY)
        used = handshake_consume(worker, link, data, len, err);
    if (used < 0 || link->state != LINK_READY)
        return used;
    ptrdiff_t more = (ptrdiff_t)len - used;
    if (link->role == ROLE_SUBSCRIBER)
        more = subscriber_consume((struct subscriber *)(void *)link, data + used, len - (size_t)used, err);
    else if (link->role == ROLE_PUBLISHER)
        more = publisher_consume((struct publisher *)(void *)link, data + used, len - (size_t)used, err);
    return more < 0 ? more : used + more; /* an idle connection drops what comes */
}

static bool on_readable(struct worker *worker, struct link *link, struct error *err)
{
    size_t len;
    switch (stream_read(link->fd, &link->tail, worker->in, worker->in_bytes, &len)) {
    case STREAM_READ_NONE: return true;
    case STREAM_READ_END: return broken(link, 0, err);
    case STREAM_READ_FAILED: return broken(link, errno == ECONNRESET ? 0 : errno, err);
    case STREAM_READ_DATA: break;
    }
    ptrdiff_t used = consume(worker, link, worker->in, len, err);
    if (used < 0)
        return false;
    if (used == 0 && len == worker->in_bytes)
        return error_set(err, ERR_TOO_LARGE, "the broker sent a packet of more than %zu bytes",
                         worker->in_bytes);
    stream_keep(&link->tail, worker->in + used, len - (size_t)used);
    return true;
}

static bool on_event(struct worker *worker, struct link *link, uint32_t events, struct error *err)
{
    if (link->state == LINK_CONNECTING) {
        if (!stream_connected(link->fd, &worker->load->address, err))
            return false;
        ask_writable(worker, link, false);
        return handshake_begin(worker, link, err);
    }
    if ((events & EPOLLOUT) != 0 && link->out_len > 0 && !send_kept(worker, link, err))
        return false;
    return (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0 || on_readable(worker, link, err);
}

/* ---- the loop ---- */

void worker_wake(struct worker *worker)
{
    uint64_t one = 1;
    (void)!write(worker->wake, &one, sizeof one);
}

static void queue_all(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->link_count; i++) {
        if (worker->links[i]->role == ROLE_PUBLISHER)
            publisher_queue((struct publisher *)(void *)worker->links[i]);
    }
}

static void on_wake(struct worker *worker)
{
    uint64_t count;
    (void)!read(worker->wake, &count, sizeof count);
    queue_all(worker);
}

static void queue_due(struct worker *worker)
{
    for (struct heap_node *node; (node = heap_min(&worker->due)) != NULL && node->key <= worker->now_ns;) {
        heap_remove(&worker->due, node);
        publisher_queue(CONTAINER_OF(node, struct publisher, due));
    }
}

static bool publishers_run(struct worker *worker, struct error *err)
{
    if (worker->phase != PHASE_WARMUP && worker->phase != PHASE_MEASURE)
        return true;
    queue_due(worker);
    struct publisher *queued = worker->queue;
    worker->queue = NULL;
    worker->queue_end = &worker->queue;
    while (queued != NULL) {
        struct publisher *publisher = queued;
        queued = publisher->queue_next;
        publisher->queued = false; /* it may queue itself for the next turn */
        if (!publisher_pump(publisher, err))
            return false;
    }
    return true;
}

static int64_t wait_ns(const struct worker *worker)
{
    bool publishing = worker->phase == PHASE_WARMUP || worker->phase == PHASE_MEASURE;
    int64_t until = worker->next_check_ns;
    if (publishing && worker->queue != NULL)
        return 0;
    struct heap_node *due = publishing ? heap_min(&worker->due) : NULL;
    if (due != NULL && due->key < until)
        until = due->key;
    if (worker->opened < open_end(worker) && worker->load->options->connect_rate > 0 &&
        worker->next_open_ns < until)
        until = worker->next_open_ns;
    int64_t now_ns = clock_mono_ns();
    return until > now_ns ? until - now_ns : 0;
}

static int wait_events(struct worker *worker, struct epoll_event *events)
{
    int64_t ns = wait_ns(worker);
    struct timespec timeout = {ns / NS_PER_SECOND, ns % NS_PER_SECOND};
    int count = epoll_pwait2(worker->epoll, events, EVENTS, &timeout, NULL);
    if (count < 0 && errno == ENOSYS) /* Linux before 5.11 */
        count = epoll_wait(worker->epoll, events, EVENTS, (int)((ns + 999999) / 1000000));
    return count;
}

static void phase_update(struct worker *worker)
{
    int phase = atomic_load_explicit(&worker->load->phase, memory_order_acquire);
    if (phase == worker->phase)
        return;
    if (worker->phase == PHASE_CONNECT)
        queue_all(worker);
    worker->phase = phase;
    worker->recording = phase == PHASE_MEASURE || (phase == PHASE_DRAIN && worker->load->options->count > 0);
    atomic_store_explicit(&worker->seen_phase, phase, memory_order_release);
}

static void check_now_and_then(struct worker *worker)
{
    if (worker->now_ns < worker->next_check_ns)
        return;
    worker->next_check_ns = worker->now_ns + CHECK_NS;
    if (worker->phase == PHASE_CONNECT)
        return;
    for (uint32_t i = 0; i < worker->link_count; i++) {
        if (worker->links[i]->role == ROLE_PUBLISHER)
            publisher_check_stall((struct publisher *)(void *)worker->links[i]);
    }
}

static bool turn(struct worker *worker, struct error *err)
{
    struct epoll_event events[EVENTS];
    int count = wait_events(worker, events);
    if (count < 0 && errno != EINTR)
        return error_errno(err, errno, "cannot wait for events");
    worker->now_ns = clock_mono_ns();
    phase_update(worker);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == NULL)
            on_wake(worker);
        else if (!on_event(worker, events[i].data.ptr, events[i].events, err))
            return false;
    }
    check_now_and_then(worker);
    return publishers_run(worker, err) && (worker->opened == open_end(worker) || open_more(worker, err));
}

static void *worker_run(void *arg)
{
    struct worker *worker = arg;
    struct error err = {0};
    prctl(PR_SET_TIMERSLACK, 1UL);
    worker->now_ns = clock_mono_ns();
    bool fine = open_more(worker, &err);
    while (fine && worker->phase != PHASE_STOP)
        fine = turn(worker, &err);
    if (!fine)
        load_fail(worker->load, &err);
    return NULL;
}

bool worker_start(struct worker *worker, struct error *err)
{
    size_t packet = worker->load->options->payload_bytes + 1024;
    worker->in_bytes = READ_BYTES + 2 * packet;
    worker->out_bytes = worker->in_bytes + 64;
    worker->in =
        mem_alloc(worker->in_bytes + 64); /* the fast path looks at a packet's first four bytes at once */
    worker->out = mem_alloc(worker->out_bytes);
    worker->queue_end = &worker->queue;
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    worker->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (worker->epoll < 0 || worker->wake < 0 ||
        epoll_ctl(worker->epoll, EPOLL_CTL_ADD, worker->wake, &event) != 0)
        return error_errno(err, errno, "cannot set up a generator thread");
    char name[16];
    snprintf(name, sizeof name, "load-%u", (unsigned)(worker - worker->load->workers) % 1000);
    worker->started = thread_start(&worker->thread, name, worker_run, worker, err);
    return worker->started;
}

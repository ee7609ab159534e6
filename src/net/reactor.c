/* The loop.
 *
 * One turn, in turn():
 *
 *   1. sleep in epoll_wait, unless something waits: ready channels, mail, a former turn's leftovers;
 *   2. events of channels, listeners, lingering sockets; then the channels that were ready before this turn, so
 *      that one with endless input gets its next share after everybody else;
 *   3. mail, timers, the time-out wheel;
 *   4. the user's on_turn_end;
 *   5. flush of every dirty channel;
 *   6. channels that move depart, dead ones are torn down. on_closed may write to other channels or gather
 *      batches, so the next turn comes at once.
 *
 * Stopping: every reactor leaves its loop, closes its channels and gives their last bytes STOP_MS; then it waits
 * for the others, since a channel may still be on its way here in the mail; then it drops its mail. */
#include "net/net_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct reactor_group {
    struct reactor_group_options options;
    struct reactor **reactors;
    unsigned count;
    atomic_bool stopping; /* release/acquire: set once by reactor_group_stop() */
    bool joined;          /* main thread */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned quiet; /* lock: reactors that will open and move no channel any more */
};

static _Thread_local struct reactor *current;

/* ---- One reactor ----------------------------------------------------------------------------------------- */

bool reactor_watch(struct reactor *reactor, int fd, uint32_t events, void *what, enum watch_kind kind)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)(uintptr_t)what | kind};
    if (epoll_ctl(reactor->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return true;
    return errno == EEXIST && epoll_ctl(reactor->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0;
}

/* close() alone would leave the socket watched if a forked child holds a copy of it. */
void reactor_unwatch(struct reactor *reactor, int fd)
{
    epoll_ctl(reactor->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static void reactor_release(struct reactor *reactor)
{
    if (reactor == NULL)
        return;
    if (reactor->epoll_fd >= 0)
        close(reactor->epoll_fd);
    if (reactor->wake_fd >= 0)
        close(reactor->wake_fd);
    mailbox_destroy(&reactor->mail);
    free(reactor); /* from aligned_alloc */
}

static void read_clock(struct reactor *reactor)
{
    reactor->front.now_ms = clock_mono_ms();
    reactor->front.wall_ms = clock_wall_ms();
    reactor->front.now_s = (uint32_t)(reactor->front.now_ms / 1000);
}

static struct reactor *reactor_new(struct reactor_group *group, unsigned index, struct error *err)
{
    struct reactor *reactor = aligned_alloc(alignof(struct reactor), sizeof *reactor);
    if (reactor == NULL) {
        error_set(err, ERR_NO_MEMORY, "no memory for a reactor");
        return NULL;
    }
    memset(reactor, 0, sizeof *reactor);
    reactor->group = group;
    reactor->index = index;
    reactor->buffer_bytes =
        group->options.read_buffer_bytes != 0 ? group->options.read_buffer_bytes : READ_BUFFER_BYTES;
    if (reactor->buffer_bytes < READ_BUFFER_BYTES_MIN)
        reactor->buffer_bytes = READ_BUFFER_BYTES_MIN;
    read_clock(reactor);
    list_init(&reactor->ready);
    list_init(&reactor->moving);
    list_init(&reactor->dead);
    list_init(&reactor->acceptors);
    list_init(&reactor->lingers);
    wheel_init(reactor);
    mailbox_init(&reactor->mail);
    reactor->pulse.run = reactor_pulse_came;
    atomic_init(&reactor->pulse_is_out, false);
    reactor->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    reactor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (reactor->wake_fd < 0 || reactor->epoll_fd < 0 ||
        !reactor_watch(reactor, reactor->wake_fd, EPOLLIN | EPOLLET, reactor, WATCH_WAKE)) {
        error_errno(err, errno, "cannot set up reactor %u", index);
        reactor_release(reactor);
        return NULL;
    }
    return reactor;
}

/* ---- The turn -------------------------------------------------------------------------------------------- */

static int sleep_ms(struct reactor *reactor)
{
    if (reactor->again || !list_empty(&reactor->ready) || !list_empty(&reactor->dead) ||
        !list_empty(&reactor->moving) || reactor->front.dirty != NULL)
        return 0;
    int64_t at_ms = timers_next_ms(reactor);
    int64_t wheel_ms = wheel_next_ms(reactor);
    if (wheel_ms < at_ms)
        at_ms = wheel_ms;
    if (at_ms == INT64_MAX)
        return -1;
    int64_t left_ms = at_ms - clock_mono_ms();
    if (left_ms <= 0)
        return 0;
    return left_ms > 3600000 ? 3600000 : (int)left_ms;
}

static int wait_for_events(struct reactor *reactor, struct epoll_event *events, int limit_ms)
{
    int timeout = sleep_ms(reactor);
    if (limit_ms >= 0 && (timeout < 0 || timeout > limit_ms))
        timeout = limit_ms;
    if (timeout != 0 && !mailbox_sleep(&reactor->mail))
        timeout = 0;
    int count = epoll_wait(reactor->epoll_fd, events, EVENTS_PER_TURN, timeout);
    if (timeout != 0)
        mailbox_wake(&reactor->mail);
    reactor->again = false;
    return count < 0 ? 0 : count; /* EINTR is the only failure that can happen */
}

static void dispatch(struct reactor *reactor, const struct epoll_event *event)
{
    void *what = (void *)(uintptr_t)(event->data.u64 & ~(uint64_t)WATCH_MASK);
    switch ((enum watch_kind)(event->data.u64 & WATCH_MASK)) {
    case WATCH_CHANNEL: channel_events(what, event->events); return;
    case WATCH_ACCEPTOR: acceptor_event(what); return;
    case WATCH_LINGER: linger_event(reactor, what); return;
    case WATCH_WAKE: return;
    }
}

static void serve_ready(struct list *ready)
{
    while (!list_empty(ready)) {
        struct channel *channel = CONTAINER_OF(ready->next, struct channel, ready);
        list_remove(&channel->ready);
        channel_serve(channel);
    }
}

static void flush_dirty(struct reactor *reactor)
{
    struct channel *channel = reactor->front.dirty;
    reactor->front.dirty = NULL;
    while (channel != NULL) {
        struct channel *next = channel->next_dirty;
        channel->next_dirty = NULL;
        channel->flags &= ~(uint32_t)CHANNEL_DIRTY;
        channel_flush(channel);
        channel = next;
    }
}

static void depart_moving(struct reactor *reactor)
{
    while (!list_empty(&reactor->moving)) {
        struct channel *channel = CONTAINER_OF(reactor->moving.next, struct channel, ready);
        list_remove(&channel->ready);
        channel_depart(channel);
    }
}

static void teardown_dead(struct reactor *reactor)
{
    struct list dead;
    list_init(&dead);
    list_move_all(&dead, &reactor->dead);
    while (!list_empty(&dead)) {
        struct channel *channel = CONTAINER_OF(dead.next, struct channel, ready);
        list_remove(&channel->ready);
        channel_teardown(channel);
        reactor->again = true;
    }
}

static void turn(struct reactor *reactor, int limit_ms)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int count = wait_for_events(reactor, events, limit_ms);
    read_clock(reactor);

    struct list ready;
    list_init(&ready);
    list_move_all(&ready, &reactor->ready);
    for (int i = 0; i < count; i++)
        dispatch(reactor, &events[i]);
    serve_ready(&ready);

    mailbox_run(reactor);
    timers_run(reactor);
    wheel_run(reactor);
    if (reactor->group->options.on_turn_end != NULL)
        reactor->group->options.on_turn_end(reactor);
    flush_dirty(reactor);
    depart_moving(reactor);
    teardown_dead(reactor);
}

/* ---- The thread ------------------------------------------------------------------------------------------ */

bool reactor_is_stopping(const struct reactor *reactor)
{
    return atomic_load_explicit(&reactor->group->stopping, memory_order_acquire);
}

static bool has_channels(const struct reactor *reactor)
{
    if (!list_empty(&reactor->quiet) || !list_empty(&reactor->lingers) || !list_empty(&reactor->dead))
        return true;
    for (size_t i = 0; i < WHEEL_SLOTS; i++) {
        if (!list_empty(&reactor->slots[i]))
            return true;
    }
    return false;
}

static void close_channels(struct reactor *reactor)
{
    int64_t end_ms = clock_mono_ms() + STOP_MS;
    reactor->draining = true;
    while (!list_empty(&reactor->acceptors))
        acceptor_close(CONTAINER_OF(reactor->acceptors.next, struct acceptor, node));
    channels_close_all(reactor, true);
    for (;;) {
        turn(reactor, 0);
        int64_t left_ms = end_ms - clock_mono_ms();
        if (!has_channels(reactor) || left_ms <= 0 || left_ms > STOP_MS)
            break;
        turn(reactor, (int)left_ms);
    }
    channels_close_all(reactor, false);
    lingers_end(reactor);
    while (has_channels(reactor))
        turn(reactor, 0);
}

/* No channel is on its way to this reactor after the last one has come here. */
static void wait_for_others(struct reactor_group *group)
{
    pthread_mutex_lock(&group->lock);
    group->quiet++;
    pthread_cond_broadcast(&group->changed);
    while (group->quiet < group->count)
        pthread_cond_wait(&group->changed, &group->lock);
    pthread_mutex_unlock(&group->lock);
}

static void *reactor_main(void *arg)
{
    struct reactor *reactor = arg;
    struct reactor_group *group = reactor->group;
    current = reactor;
    reactor->buffer = mem_alloc(reactor->buffer_bytes);
    reactor->record = mem_alloc(TLS_RECORD_BYTES);
    read_clock(reactor);
    if (group->options.on_start != NULL)
        group->options.on_start(reactor);
    while (!reactor_is_stopping(reactor))
        turn(reactor, -1);
    close_channels(reactor);
    wait_for_others(group);
    if (group->options.on_quiet != NULL)
        group->options.on_quiet(reactor);
    mailbox_close(&reactor->mail);
    teardown_dead(reactor);
    if (group->options.on_stop != NULL)
        group->options.on_stop(reactor);
    output_pool_free(reactor);
    heap_free(&reactor->timers);
    mem_free(reactor->buffer);
    mem_free(reactor->record);
    mem_free(reactor->trash);
    current = NULL;
    return NULL;
}

/* ---- The group ------------------------------------------------------------------------------------------- */

static unsigned core_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    return (unsigned)CPU_COUNT(&set);
}

static bool start_threads(struct reactor_group *group, struct error *err)
{
    for (unsigned i = 0; i < group->count; i++) {
        char name[16];
        snprintf(name, sizeof name, "reactor-%u", i % 10000);
        if (!thread_start(&group->reactors[i]->thread, name, reactor_main, group->reactors[i], err)) {
            for (unsigned j = i; j < group->count; j++) {
                reactor_release(group->reactors[j]);
                group->reactors[j] = NULL;
            }
            pthread_mutex_lock(&group->lock);
            group->count = i;
            pthread_cond_broadcast(&group->changed);
            pthread_mutex_unlock(&group->lock);
            return false;
        }
    }
    return true;
}

struct reactor_group *reactor_group_start(const struct reactor_group_options *options, struct error *err)
{
    struct reactor_group *group = mem_zalloc(sizeof *group);
    group->options = *options;
    group->count = options->count != 0 ? options->count : core_count();
    group->reactors = mem_zalloc(group->count * sizeof(struct reactor *));
    atomic_init(&group->stopping, false);
    pthread_mutex_init(&group->lock, NULL);
    pthread_cond_init(&group->changed, NULL);
    for (unsigned i = 0; i < group->count; i++) {
        group->reactors[i] = reactor_new(group, i, err);
        if (group->reactors[i] == NULL) {
            group->joined = true;
            reactor_group_free(group);
            return NULL;
        }
    }
    if (!start_threads(group, err)) {
        reactor_group_free(group);
        return NULL;
    }
    return group;
}

static void wake(struct reactor *reactor)
{
    uint64_t one = 1;
    ssize_t written = write(reactor->wake_fd, &one, sizeof one);
    (void)written; /* fails only when the counter is full: then it has been woken */
}

void reactor_group_stop(struct reactor_group *group)
{
    if (group->joined)
        return;
    group->joined = true;
    atomic_store_explicit(&group->stopping, true, memory_order_release);
    for (unsigned i = 0; i < group->count; i++)
        wake(group->reactors[i]);
    for (unsigned i = 0; i < group->count; i++)
        pthread_join(group->reactors[i]->thread, NULL);
}

void reactor_group_free(struct reactor_group *group)
{
    if (group == NULL)
        return;
    reactor_group_stop(group);
    for (unsigned i = 0; i < group->count; i++)
        reactor_release(group->reactors[i]);
    pthread_cond_destroy(&group->changed);
    pthread_mutex_destroy(&group->lock);
    mem_free(group->reactors);
    mem_free(group);
}

unsigned reactor_count(const struct reactor_group *group)
{
    return group->count;
}

struct reactor *reactor_at(struct reactor_group *group, unsigned index)
{
    return group->reactors[index];
}

unsigned reactor_index(const struct reactor *reactor)
{
    return reactor->index;
}

struct reactor_group *reactor_group_of(const struct reactor *reactor)
{
    return reactor->group;
}

void *reactor_group_user(const struct reactor_group *group)
{
    return group->options.user;
}

void reactor_set_user(struct reactor *reactor, void *user)
{
    reactor->user = user;
}

void *reactor_user(const struct reactor *reactor)
{
    return reactor->user;
}

bool reactor_is_current(const struct reactor *reactor)
{
    return reactor == current;
}

/* The thread that goes in rounds.
 *
 *   round ─▶ rest: until woken, or so long as the round has said ─▶ round …
 *
 * A waiter of the log is used again only after it has called or has been cancelled: until then it is the log's. */
#include "sink/rounds.h"

#include "base/mem.h"
#include "base/thread.h"

#include <time.h>

void rounds_woken(struct rounds *rounds)
{
    if (!rounds->woken)
        pthread_cond_broadcast(&rounds->wake);
    rounds->woken = true;
}

void rounds_wake(struct rounds *rounds)
{
    pthread_mutex_lock(&rounds->lock); /* rounds_free() takes it, too */
    rounds_woken(rounds);
    pthread_mutex_unlock(&rounds->lock);
}

static void appended(struct log_waiter *waiter)
{
    struct rounds *rounds = CONTAINER_OF(waiter, struct rounds, waiter);
    pthread_mutex_lock(&rounds->lock);
    atomic_store(&rounds->waiting, false);
    rounds_woken(rounds);
    pthread_mutex_unlock(&rounds->lock);
}

bool rounds_await(struct rounds *rounds, uint64_t next)
{
    if (atomic_exchange(&rounds->waiting, true))
        return true;
    if (log_wait(rounds->log, &rounds->waiter, next))
        return true;
    atomic_store(&rounds->waiting, false);
    return false;
}

static void stop_waiting(struct rounds *rounds)
{
    if (atomic_load(&rounds->waiting) && log_wait_cancel(rounds->log, &rounds->waiter))
        atomic_store(&rounds->waiting, false);
    while (atomic_load(&rounds->waiting)) /* it is about to be called */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Until something happens, or something is due. False: to end. */
static bool rest(struct rounds *rounds, int64_t wait_ms, bool *changed)
{
    const struct timespec until = cond_in_ms(wait_ms);
    pthread_mutex_lock(&rounds->lock);
    rounds->round++;
    pthread_cond_broadcast(&rounds->wake);
    while (!rounds->woken && !rounds->stopping && wait_ms > 0) {
        if (pthread_cond_timedwait(&rounds->wake, &rounds->lock, &until) != 0)
            break;
    }
    rounds->woken = false;
    *changed = rounds->changed;
    rounds->changed = false;
    bool go_on = !rounds->stopping;
    pthread_mutex_unlock(&rounds->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct rounds *rounds = arg;
    bool changed = false;
    int64_t wait_ms;
    do {
        wait_ms = rounds->go(rounds->arg, changed);
    } while (rest(rounds, wait_ms, &changed));
    stop_waiting(rounds);
    return NULL;
}

static void destroy(struct rounds *rounds)
{
    pthread_cond_destroy(&rounds->wake);
    pthread_mutex_destroy(&rounds->lock);
}

bool rounds_start(struct rounds *rounds, struct error *err)
{
    rounds->waiter.wake = appended;
    pthread_mutex_init(&rounds->lock, NULL);
    cond_init_monotonic(&rounds->wake);
    if (thread_start(&rounds->thread, "sink", run, rounds, err))
        return true;
    destroy(rounds);
    return false;
}

void rounds_stop(struct rounds *rounds)
{
    pthread_mutex_lock(&rounds->lock);
    rounds->stopping = true;
    rounds_woken(rounds);
    pthread_mutex_unlock(&rounds->lock);
    pthread_join(rounds->thread, NULL);
}

void rounds_free(struct rounds *rounds)
{
    pthread_mutex_lock(&rounds->lock); /* the last callback has left */
    pthread_mutex_unlock(&rounds->lock);
    destroy(rounds);
}

void rounds_change(struct rounds *rounds)
{
    pthread_mutex_lock(&rounds->lock);
    uint64_t round = rounds->round;
    rounds->changed = true;
    rounds_woken(rounds);
    while (rounds->round < round + 2)
        pthread_cond_wait(&rounds->wake, &rounds->lock);
    pthread_mutex_unlock(&rounds->lock);
}

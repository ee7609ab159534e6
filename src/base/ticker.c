#include "base/ticker.h"

#include "base/thread.h"

#include <errno.h>

#define TICK_MS 1000

static void *run(void *arg)
{
    struct ticker *ticker = arg;
    struct timespec next = cond_in_ms(TICK_MS);
    pthread_mutex_lock(ticker->lock);
    while (!ticker->stopping) {
        if (pthread_cond_timedwait(&ticker->ended, ticker->lock, &next) != ETIMEDOUT)
            continue;
        ticker->tick(ticker->arg);
        next = cond_in_ms(TICK_MS);
    }
    pthread_mutex_unlock(ticker->lock);
    return NULL;
}

bool ticker_start(struct ticker *ticker, const char *name, pthread_mutex_t *lock, void (*tick)(void *arg),
                  void *arg, struct error *err)
{
    ticker->lock = lock;
    ticker->tick = tick;
    ticker->arg = arg;
    ticker->stopping = false;
    cond_init_monotonic(&ticker->ended);
    if (thread_start(&ticker->thread, name, run, ticker, err))
        return true;
    pthread_cond_destroy(&ticker->ended);
    return false;
}

void ticker_stop(struct ticker *ticker)
{
    pthread_mutex_lock(ticker->lock);
    ticker->stopping = true;
    pthread_cond_signal(&ticker->ended);
    pthread_mutex_unlock(ticker->lock);
    pthread_join(ticker->thread, NULL);
    pthread_cond_destroy(&ticker->ended);
}

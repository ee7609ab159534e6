/* A thread that looks at its owner's things once a second, under the owner's lock. */
#ifndef BASE_TICKER_H
#define BASE_TICKER_H

#include "base/error.h"

#include <pthread.h>

struct ticker {
    pthread_t thread;
    pthread_mutex_t *lock;
    pthread_cond_t ended;
    bool stopping;
    void (*tick)(void *arg);
    void *arg;
};

/* `lock` is borrowed until ticker_stop(); it is held while tick() runs. False: nothing is to be stopped. */
bool ticker_start(struct ticker *ticker, const char *name, pthread_mutex_t *lock, void (*tick)(void *arg),
                  void *arg, struct error *err);
/* No tick() runs after it. Not under the lock. */
void ticker_stop(struct ticker *ticker);

#endif

/* A thread that does something in rounds: whatever is appended to a log, ends, changes or falls due begins the next one. */
#ifndef SINK_ROUNDS_H
#define SINK_ROUNDS_H

#include "base/error.h"
#include "log/log.h"

#include <pthread.h>
#include <stdatomic.h>

struct rounds {
    struct log *log;
    /* One round; returns how long to rest if nothing happens, in ms. `changed`: what is configured has. Thread: the rounds'. */
    int64_t (*go)(void *arg, bool changed);
    void *arg;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* Under lock. */
    bool woken;
    bool stopping;
    bool changed;
    uint64_t round; /* counts them: who waits for the end of one */

    struct log_waiter waiter;
    atomic_bool waiting; /* at the log's end: the waiter is the log's until it has called */
};

/* Set log, go and arg before; the rest is zero. Errors: those of threads; then there is nothing to be freed. */
bool rounds_start(struct rounds *rounds, struct error *err);
/* The round under way is the last one. Blocks until it has ended. Then whoever may still wake it has to be done with it
 * before it is freed: at the latest when the lock is free, which rounds_free() waits for. */
void rounds_stop(struct rounds *rounds);
void rounds_free(struct rounds *rounds);

/* Something has happened. Thread: any. */
void rounds_wake(struct rounds *rounds);
void rounds_woken(struct rounds *rounds); /* the same, with lock held */
/* What is configured has changed: waits until the thread has begun a round since, so that the former settings are in nobody's
 * hands any more. Not on the rounds' thread. Blocks. */
void rounds_change(struct rounds *rounds);
/* Asks to be woken by what is appended at or above `next`. False: it is there already. Thread: the rounds'. */
bool rounds_await(struct rounds *rounds, uint64_t next);

#endif

/* Threads and a worker pool. Locks are pthread's own. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "base/error.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Starts a named thread (at most 15 characters) with all signals blocked: the main thread handles them. */
bool thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg, struct error *err);

/* A condition that is waited for until cond_in_ms(), which is real time: also under a fake clock, and whatever becomes of the
 * wall clock. */
void cond_init_monotonic(pthread_cond_t *cond);
struct timespec cond_in_ms(int64_t wait_ms); /* for pthread_cond_timedwait(); wait_ms >= 0 */

/* A pool that runs jobs in the order of their coming, on `threads` threads. The queue is bounded. */
struct worker_pool;

/* Embedded in the caller's own structure; valid until `run` is called, which then owns it again. */
struct worker_job {
    struct worker_job *next;
    void (*run)(struct worker_job *job);
};

struct worker_pool *worker_pool_new(const char *name, unsigned threads, size_t queue_limit,
                                    struct error *err);

/* Takes the job until run() is called on a worker. Never blocks.
 * Errors: ERR_BUSY (queue full), ERR_CLOSED (stopping). Thread: any. */
bool worker_pool_submit(struct worker_pool *pool, struct worker_job *job, struct error *err);

size_t worker_pool_depth(struct worker_pool *pool); /* jobs that wait */

/* Runs what is queued, then joins the threads and frees the pool. Jobs submitted meanwhile are refused. */
void worker_pool_stop(struct worker_pool *pool);

#endif

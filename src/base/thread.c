/* Threads and a worker pool.
 *
 * The pool: one queue behind one lock. submit puts a job at its end and wakes one worker; a worker takes the job
 * at its front and runs it without the lock. Stopping refuses further jobs, wakes all, lets them empty the queue
 * and joins them. A job belongs to its caller again from the moment its run() is called: the pool does not touch
 * it afterwards, so run() may free or submit it again. */
#include "base/thread.h"

#include "base/mem.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES 16 /* the kernel's limit, with the terminator */

struct start {
    char name[NAME_BYTES];
    void *(*run)(void *);
    void *arg;
};

static void *begin(void *arg)
{
    struct start start = *(struct start *)arg;
    mem_free(arg);
    pthread_setname_np(pthread_self(), start.name);
    return start.run(start.arg);
}

/* All but the signals that a thread brings upon itself: blocking those would hide where it crashed. */
static void signals_to_block(sigset_t *set)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigfillset(set);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        sigdelset(set, own[i]);
}

bool thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg, struct error *err)
{
    struct start *start = mem_zalloc(sizeof *start);
    memcpy(start->name, name, strnlen(name, NAME_BYTES - 1));
    start->run = run;
    start->arg = arg;
    /* A thread inherits its creator's mask: blocking first leaves no moment in which it could take a signal. */
    sigset_t blocked, former;
    signals_to_block(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &former);
    int failed = pthread_create(thread, NULL, begin, start);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    if (failed != 0) {
        mem_free(start);
        return error_errno(err, failed, "start thread %s", name);
    }
    return true;
}

void cond_init_monotonic(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

struct timespec cond_in_ms(int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += wait_ms % 1000 * 1000000;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return until;
}

struct worker_pool {
    /* Set once. */
    size_t queue_limit;
    unsigned thread_count;
    pthread_t *threads;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* a job has come, or stopping */

    /* Under the lock. */
    struct worker_job *first;
    struct worker_job *last;
    size_t depth;
    bool stopping;
};

/* Takes the next job; waits for one; NULL when stopping and the queue is empty. */
static struct worker_job *next_job(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->first == NULL && !pool->stopping)
        pthread_cond_wait(&pool->changed, &pool->lock);
    struct worker_job *job = pool->first;
    if (job != NULL) {
        pool->first = job->next;
        pool->depth--;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *arg)
{
    struct worker_pool *pool = arg;
    for (struct worker_job *job; (job = next_job(pool)) != NULL;) {
        job->next = NULL;
        job->run(job);
    }
    return NULL;
}

struct worker_pool *worker_pool_new(const char *name, unsigned threads, size_t queue_limit, struct error *err)
{
    assert(threads > 0 && queue_limit > 0);
    struct worker_pool *pool = mem_zalloc(sizeof *pool);
    pool->queue_limit = queue_limit;
    pool->threads = mem_zalloc(threads * sizeof *pool->threads);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    for (; pool->thread_count < threads; pool->thread_count++) {
        char thread_name[NAME_BYTES + 16];
        snprintf(thread_name, sizeof thread_name, "%.11s-%u", name, pool->thread_count);
        if (!thread_start(&pool->threads[pool->thread_count], thread_name, work, pool, err)) {
            worker_pool_stop(pool);
            return NULL;
        }
    }
    return pool;
}

bool worker_pool_submit(struct worker_pool *pool, struct worker_job *job, struct error *err)
{
    enum error_code refused = ERR_NONE;
    pthread_mutex_lock(&pool->lock);
    if (pool->stopping) {
        refused = ERR_CLOSED;
    } else if (pool->depth >= pool->queue_limit) {
        refused = ERR_BUSY;
    } else {
        job->next = NULL;
        if (pool->first == NULL) {
            pool->first = job;
        } else {
            pool->last->next = job;
        }
        pool->last = job;
        pool->depth++;
        pthread_cond_signal(&pool->changed);
    }
    pthread_mutex_unlock(&pool->lock);
    if (refused == ERR_CLOSED)
        return error_set(err, ERR_CLOSED, "the worker pool is stopping");
    if (refused == ERR_BUSY)
        return error_set(err, ERR_BUSY, "the worker pool's queue is full (%zu jobs)", pool->queue_limit);
    return true;
}

size_t worker_pool_depth(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    size_t depth = pool->depth;
    pthread_mutex_unlock(&pool->lock);
    return depth;
}

void worker_pool_stop(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool->threads);
    mem_free(pool);
}

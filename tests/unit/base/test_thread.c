/* Threads and the worker pool: bounded, in order, drained when stopped. */
#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/ticker.h"
#include "harness.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

/* The n-th pthread_create from here on fails (1 = the next; 0: none). */
static int thread_fails_at;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    if (thread_fails_at != 0 && --thread_fails_at == 0)
        return EAGAIN;
    return __real_pthread_create(thread, attr, run, arg);
}

/* A gate that holds threads until it is opened, and counts who has come. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    int waiting;
};

#define GATE_INIT                                                     \
    {                                                                 \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0 \
    }

static void gate_pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void gate_await(struct gate *gate, int waiting)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->waiting < waiting)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

struct gate_job {
    struct worker_job job;
    struct gate *gate;
};

static void run_gate(struct worker_job *job)
{
    gate_pass(CONTAINER_OF(job, struct gate_job, job)->gate);
}

struct count_job {
    struct worker_job job;
    int number;
    atomic_int *count;
    int ran_as; /* the value of *count that this job has seen */
};

static void run_count(struct worker_job *job)
{
    struct count_job *mine = CONTAINER_OF(job, struct count_job, job);
    mine->ran_as = atomic_fetch_add(mine->count, 1);
}

struct thread_facts {
    char name[16];
    sigset_t mask;
    int arg_seen;
};

static void *note_facts(void *arg)
{
    struct thread_facts *facts = arg;
    pthread_getname_np(pthread_self(), facts->name, sizeof facts->name);
    pthread_sigmask(SIG_BLOCK, NULL, &facts->mask);
    facts->arg_seen++;
    return facts;
}

static void test_a_thread_has_its_name_and_takes_no_signals(void **state)
{
    (void)state;
    static const struct {
        const char *name, *seen;
    } rows[] = {{"reactor-0", "reactor-0"},
                {"exactly15-chars", "exactly15-chars"},
                {"sixteen-or-more!", "sixteen-or-more"}};
    TABLE_EACH(row, rows)
    {
        struct error err;
        struct thread_facts facts = {0};
        pthread_t thread;
        void *result;
        sigset_t before, after;
        pthread_sigmask(SIG_BLOCK, NULL, &before);
        ASSERT_OK(thread_start(&thread, row->name, note_facts, &facts, &err), err);
        pthread_sigmask(SIG_BLOCK, NULL, &after);
        pthread_join(thread, &result);
        assert_ptr_equal(result, &facts);
        assert_int_equal(facts.arg_seen, 1);
        assert_string_equal(facts.name, row->seen);
        static const int blocked[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE, SIGCHLD};
        TABLE_EACH(number, blocked)
        {
            CHECK(sigismember(&facts.mask, *number) == 1, "signal %d", *number);
            CHECK(sigismember(&after, *number) == sigismember(&before, *number), "signal %d", *number);
        }
        assert_int_equal(sigismember(&facts.mask, SIGSEGV), 0);
    }
}

static void test_a_thread_that_cannot_start_is_an_error(void **state)
{
    (void)state;
    struct error err;
    pthread_t thread;
    thread_fails_at = 1;
    ASSERT_FAILS(thread_start(&thread, "reactor", note_facts, NULL, &err), err, ERR_IO);
    assert_string_equal(err.text, "start thread reactor: Resource temporarily unavailable");
}

static void test_a_pool_that_cannot_start_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    for (int n = 1; n <= 4; n++) {
        struct error err;
        thread_fails_at = n;
        ASSERT_FAILS(worker_pool_new("pool", 4, 10, &err) != NULL, err, ERR_IO);
        assert_int_equal(thread_fails_at, 0);
    }
}

static void test_one_worker_runs_jobs_in_their_order(void **state)
{
    (void)state;
    enum { JOBS = 200 };
    struct error err;
    atomic_int count = 0;
    struct count_job jobs[JOBS];
    struct worker_pool *pool = worker_pool_new("pool", 1, JOBS, &err);
    assert_non_null(pool);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct count_job){.job.run = run_count, .number = i, .count = &count, .ran_as = -1};
        ASSERT_OK(worker_pool_submit(pool, &jobs[i].job, &err), err);
    }
    worker_pool_stop(pool);
    for (int i = 0; i < JOBS; i++)
        CHECK(jobs[i].ran_as == i, "job %d ran as %d", i, jobs[i].ran_as);
}

static void test_a_full_queue_refuses_and_stopping_drains_it(void **state)
{
    (void)state;
    enum { LIMIT = 5 };
    struct error err;
    atomic_int count = 0;
    struct gate gate = GATE_INIT;
    struct gate_job busy[2] = {{{.run = run_gate}, &gate}, {{.run = run_gate}, &gate}};
    struct count_job jobs[LIMIT + 1];
    struct worker_pool *pool = worker_pool_new("pool", 2, LIMIT, &err);
    assert_non_null(pool);
    for (int i = 0; i < 2; i++)
        ASSERT_OK(worker_pool_submit(pool, &busy[i].job, &err), err);
    gate_await(&gate, 2);
    assert_int_equal(worker_pool_depth(pool), 0);
    for (int i = 0; i <= LIMIT; i++) {
        jobs[i] = (struct count_job){.job.run = run_count, .count = &count, .ran_as = -1};
        if (i < LIMIT)
            ASSERT_OK(worker_pool_submit(pool, &jobs[i].job, &err), err);
        else
            ASSERT_FAILS(worker_pool_submit(pool, &jobs[i].job, &err), err, ERR_BUSY);
        assert_int_equal(worker_pool_depth(pool), i < LIMIT ? i + 1 : LIMIT);
    }
    gate_open(&gate);
    worker_pool_stop(pool);
    assert_int_equal(atomic_load(&count), LIMIT);
    assert_int_equal(jobs[LIMIT].ran_as, -1);
}

static void *stop_pool(void *arg)
{
    worker_pool_stop(arg);
    return NULL;
}

static void test_a_stopping_pool_refuses_jobs_and_runs_what_it_has(void **state)
{
    (void)state;
    struct error err;
    struct gate gate = GATE_INIT;
    struct gate_job busy = {{.run = run_gate}, &gate};
    struct worker_pool *pool = worker_pool_new("pool", 1, 1000000, &err);
    assert_non_null(pool);
    ASSERT_OK(worker_pool_submit(pool, &busy.job, &err), err);
    gate_await(&gate, 1);
    pthread_t stopper;
    ASSERT_OK(thread_start(&stopper, "stopper", stop_pool, pool, &err), err);
    /* The worker is held, so the pool lives: submit until it refuses. */
    struct list submitted;
    list_init(&submitted);
    struct node {
        struct count_job counting;
        struct list link;
    } * node;
    atomic_int count = 0;
    int accepted = 0;
    for (;;) {
        node = mem_zalloc(sizeof *node);
        node->counting = (struct count_job){.job.run = run_count, .count = &count};
        if (!worker_pool_submit(pool, &node->counting.job, &err))
            break;
        list_append(&submitted, &node->link);
        accepted++;
        sched_yield();
    }
    mem_free(node);
    assert_int_equal(err.code, ERR_CLOSED);
    gate_open(&gate);
    pthread_join(stopper, NULL);
    assert_int_equal(atomic_load(&count), accepted);
    LIST_EACH_SAFE(it, &submitted)
    mem_free(CONTAINER_OF(it, struct node, link));
}

struct repeating_job {
    struct worker_job job;
    struct worker_pool *pool;
    struct gate *done;
    int runs_left;
};

static void run_again(struct worker_job *job)
{
    struct repeating_job *mine = CONTAINER_OF(job, struct repeating_job, job);
    if (--mine->runs_left == 0 || !worker_pool_submit(mine->pool, job, NULL)) {
        gate_open(mine->done);
        mem_free(mine);
    }
}

static void test_a_job_may_submit_itself_again_and_free_itself(void **state)
{
    (void)state;
    struct error err;
    struct gate done = GATE_INIT;
    struct worker_pool *pool = worker_pool_new("pool", 2, 4, &err);
    assert_non_null(pool);
    struct repeating_job *job = mem_zalloc(sizeof *job);
    *job = (struct repeating_job){{.run = run_again}, pool, &done, 100};
    ASSERT_OK(worker_pool_submit(pool, &job->job, &err), err);
    gate_pass(&done);
    worker_pool_stop(pool);
}

static void test_workers_run_side_by_side(void **state)
{
    (void)state;
    struct error err;
    struct gate gate = GATE_INIT;
    struct gate_job jobs[4];
    struct worker_pool *pool = worker_pool_new("pool", 4, 4, &err);
    assert_non_null(pool);
    for (int i = 0; i < 4; i++) {
        jobs[i] = (struct gate_job){{.run = run_gate}, &gate};
        ASSERT_OK(worker_pool_submit(pool, &jobs[i].job, &err), err);
    }
    gate_await(&gate, 4); /* only if all four are running at once */
    gate_open(&gate);
    worker_pool_stop(pool);
}

#define SUBMITTERS   4
#define JOBS_OF_EACH 500

struct submitter {
    struct worker_pool *pool;
    struct count_job jobs[JOBS_OF_EACH];
};

static void *submit_many(void *arg)
{
    struct submitter *mine = arg;
    for (int i = 0; i < JOBS_OF_EACH; i++)
        while (!worker_pool_submit(mine->pool, &mine->jobs[i].job, NULL))
            sched_yield();
    return NULL;
}

static void test_every_job_of_many_threads_runs_once(void **state)
{
    (void)state;
    static struct submitter submitters[SUBMITTERS];
    struct error err;
    atomic_int count = 0;
    struct worker_pool *pool = worker_pool_new("pool", 3, 16, &err);
    assert_non_null(pool);
    pthread_t threads[SUBMITTERS];
    for (int s = 0; s < SUBMITTERS; s++) {
        submitters[s].pool = pool;
        for (int i = 0; i < JOBS_OF_EACH; i++)
            submitters[s].jobs[i] = (struct count_job){.job.run = run_count, .count = &count, .ran_as = -1};
        ASSERT_OK(thread_start(&threads[s], "submitter", submit_many, &submitters[s], &err), err);
    }
    for (int s = 0; s < SUBMITTERS; s++)
        pthread_join(threads[s], NULL);
    worker_pool_stop(pool);
    static bool seen[SUBMITTERS * JOBS_OF_EACH];
    assert_int_equal(atomic_load(&count), LENGTH(seen));
    for (int s = 0; s < SUBMITTERS; s++) {
        for (int i = 0; i < JOBS_OF_EACH; i++) {
            int ran_as = submitters[s].jobs[i].ran_as;
            CHECK(ran_as >= 0 && !seen[ran_as], "job %d of %d", i, s);
            seen[ran_as] = true;
        }
    }
}

static void test_a_condition_is_waited_for_in_real_time_and_no_shorter(void **state)
{
    (void)state;
    static const int64_t waits_ms[] = {0, 1, 20, 1001};
    for (size_t i = 0; i < LENGTH(waits_ms); i++) {
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        const struct timespec until = cond_in_ms(waits_ms[i]);
        clock_gettime(CLOCK_MONOTONIC, &after);
        int64_t least_ns = (before.tv_sec * INT64_C(1000000000)) + before.tv_nsec + waits_ms[i] * 1000000;
        int64_t most_ns = (after.tv_sec * INT64_C(1000000000)) + after.tv_nsec + waits_ms[i] * 1000000;
        int64_t until_ns = (until.tv_sec * INT64_C(1000000000)) + until.tv_nsec;
        assert_true(until.tv_nsec >= 0 && until.tv_nsec < 1000000000);
        assert_true(until_ns >= least_ns && until_ns <= most_ns);
    }
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never;
    cond_init_monotonic(&never);
    const struct timespec until = cond_in_ms(20);
    struct timespec now;
    int woken = 0;
    pthread_mutex_lock(&lock);
    while (woken == 0)
        woken = pthread_cond_timedwait(&never, &lock, &until);
    pthread_mutex_unlock(&lock);
    clock_gettime(CLOCK_MONOTONIC, &now);
    assert_int_equal(woken, ETIMEDOUT);
    assert_true(now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec));
    pthread_cond_destroy(&never);
}

struct ticked {
    pthread_mutex_t lock;
    pthread_cond_t came;
    int times;
};

static void count_tick(void *arg)
{
    struct ticked *ticked = arg;
    ticked->times++;
    assert_int_not_equal(pthread_mutex_trylock(&ticked->lock), 0);
    pthread_cond_signal(&ticked->came);
}

static void test_a_ticker_ticks_under_the_lock_until_it_is_stopped(void **state)
{
    (void)state;
    struct ticked ticked = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    struct ticker ticker;
    struct error err;
    thread_fails_at = 1;
    assert_false(ticker_start(&ticker, "tick", &ticked.lock, count_tick, &ticked, &err));
    assert_true(ticker_start(&ticker, "tick", &ticked.lock, count_tick, &ticked, &err));
    pthread_mutex_lock(&ticked.lock);
    while (ticked.times < 2)
        pthread_cond_wait(&ticked.came, &ticked.lock);
    pthread_mutex_unlock(&ticked.lock);
    ticker_stop(&ticker);
    pthread_cond_destroy(&ticked.came);
}

RUN_TESTS(cmocka_unit_test(test_a_thread_has_its_name_and_takes_no_signals),
          cmocka_unit_test(test_a_thread_that_cannot_start_is_an_error),
          cmocka_unit_test(test_a_pool_that_cannot_start_is_an_error_and_leaves_nothing),
          cmocka_unit_test(test_one_worker_runs_jobs_in_their_order),
          cmocka_unit_test(test_a_full_queue_refuses_and_stopping_drains_it),
          cmocka_unit_test(test_a_stopping_pool_refuses_jobs_and_runs_what_it_has),
          cmocka_unit_test(test_a_job_may_submit_itself_again_and_free_itself),
          cmocka_unit_test(test_workers_run_side_by_side),
          cmocka_unit_test(test_every_job_of_many_threads_runs_once),
          cmocka_unit_test(test_a_condition_is_waited_for_in_real_time_and_no_shorter),
          cmocka_unit_test(test_a_ticker_ticks_under_the_lock_until_it_is_stopped))

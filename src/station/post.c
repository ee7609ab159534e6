/* What the stations keep on each reactor, and calls to one from other threads.
 *
 * The reactors are known from the first of them that opens a feed (a restored session, while the broker starts) or from
 * stations_attach(): whichever comes first. */
#include "station/consumer.h"
#include "station/station_internal.h"

#include "base/mem.h"

static void fire_again(struct reactor *reactor, struct timer *timer)
{
    (void)reactor;
    capture_retry(CONTAINER_OF(timer, struct post, again));
}

static void fire_store(struct reactor *reactor, struct timer *timer)
{
    (void)reactor;
    consumers_store(CONTAINER_OF(timer, struct post, store));
}

static void make_posts(struct stations *stations, struct reactor_group *group)
{
    unsigned count = reactor_count(group);
    struct post *posts = mem_zalloc(count * sizeof(*posts));
    for (unsigned i = 0; i < count; i++) {
        posts[i] = (struct post){
            .all = stations,
            .reactor = reactor_at(group, i),
            .index = i,
            .again.fire = fire_again,
            .store.fire = fire_store,
        };
        list_init(&posts[i].waiting);
        list_init(&posts[i].moved);
        list_init(&posts[i].feeds);
        list_init(&posts[i].absent);
    }
    stations->posts = posts;
    atomic_store_explicit(&stations->post_count, count, memory_order_release);
}

struct post *stations_post(struct stations *stations, struct reactor *reactor)
{
    if (atomic_load_explicit(&stations->post_count, memory_order_acquire) == 0) {
        pthread_mutex_lock(&stations->lock);
        if (atomic_load_explicit(&stations->post_count, memory_order_relaxed) == 0)
            make_posts(stations, reactor_group_of(reactor));
        pthread_mutex_unlock(&stations->lock);
    }
    return &stations->posts[reactor_index(reactor)];
}

unsigned stations_post_count(const struct stations *stations)
{
    return atomic_load_explicit(&stations->post_count, memory_order_acquire);
}

struct post *stations_post_at(struct stations *stations, unsigned index)
{
    unsigned count = stations_post_count(stations);
    return count == 0 ? NULL : &stations->posts[index % count];
}

/* ---- Calls ----------------------------------------------------------------------------------------------- */

struct call {
    struct mail mail; /* first */
    void (*run)(void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    bool ran;
};

static void call_run(struct reactor *reactor, struct mail *mail)
{
    struct call *call = (struct call *)mail;
    if (reactor != NULL)
        call->run(call->arg);
    pthread_mutex_lock(&call->lock);
    call->done = true;
    call->ran = reactor != NULL;
    pthread_cond_signal(&call->changed);
    pthread_mutex_unlock(&call->lock);
}

bool post_call(struct post *post, void (*run)(void *arg), void *arg)
{
    struct call call = {.mail.run = call_run, .run = run, .arg = arg};
    pthread_mutex_init(&call.lock, NULL);
    pthread_cond_init(&call.changed, NULL);
    reactor_post(post->reactor, &call.mail);
    pthread_mutex_lock(&call.lock);
    while (!call.done)
        pthread_cond_wait(&call.changed, &call.lock);
    pthread_mutex_unlock(&call.lock);
    pthread_cond_destroy(&call.changed);
    pthread_mutex_destroy(&call.lock);
    return call.ran;
}

/* ---- Jobs ------------------------------------------------------------------------------------------------ */

bool stations_job(struct stations *stations, struct worker_job *job)
{
    atomic_fetch_add_explicit(&stations->jobs, 1, memory_order_acquire);
    if (worker_pool_submit(stations->workers, job, NULL))
        return true;
    atomic_fetch_sub_explicit(&stations->jobs, 1, memory_order_release);
    return false;
}

void stations_job_done(struct stations *stations, struct reactor *reactor, struct mail *mail)
{
    if (mail != NULL)
        reactor_post(reactor, mail);
    atomic_fetch_sub_explicit(&stations->jobs, 1, memory_order_release);
}

/* Requests that wait without a thread, and the clock.
 *
 *     handler: api_park() ─▶ list of parked requests ─▶ api_wake() by anyone ─────┐
 *                                        └───────────▶ the clock: time is over ───┼─▶ the pool: the handler again
 *                                                      the client has gone ───────┴─▶ resumed, and dropped
 *
 * A wake-up that comes while the handler still runs is kept (`pending`), so that none is lost between its look and its
 * parking. A waker outlives its request: it holds no more than a pointer that is taken away at the request's end.
 *
 * A suspended connection is not looked at by the HTTP library, so once a second the clock asks the kernel whether the
 * client has hung up; half-closed counts. It also ends connections whose request does not come to an end, and has the pool
 * look at the broker's figures, for monitor.c.
 *
 * Locks: waker.lock before api.wait_lock before the pool's. */
#include "api/monitor_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <poll.h>
#include <sys/socket.h>

#define SWEEP_MS 1000

struct api_waker {
    atomic_uint refs;
    pthread_mutex_t lock;
    struct api_request *request; /* under lock; NULL: it has ended */
};

/* ---- Under wait_lock ------------------------------------------------------------------------------------- */

static void list_parked(struct api_request *request, int64_t at_ms, enum api_woken due)
{
    struct api *api = request->api;
    request->parked = true;
    request->due = due;
    heap_insert(&api->parked, &request->deadline, at_ms);
    if (heap_min(&api->parked) == &request->deadline)
        pthread_cond_signal(&api->wait_changed);
}

static void unlist(struct api_request *request)
{
    request->parked = false;
    heap_remove(&request->api->parked, &request->deadline);
}

/* A pool that is full gets it a little later. */
static void submit(struct api_request *request, enum api_woken woken)
{
    request->woken = woken;
    request->pending = false;
    if (!worker_pool_submit(request->api->pool, &request->job, NULL))
        list_parked(request, clock_mono_ms() + PARK_RETRY_MS, woken);
}

/* ---- Parking --------------------------------------------------------------------------------------------- */

void park_submit(struct api_request *request, enum api_woken woken)
{
    struct api *api = request->api;
    pthread_mutex_lock(&api->wait_lock);
    submit(request, woken);
    pthread_mutex_unlock(&api->wait_lock);
}

void park(struct api_request *request, int64_t ms)
{
    struct api *api = request->api;
    pthread_mutex_lock(&api->wait_lock);
    if (atomic_load(&api->stopping))
        submit(request, API_STOPPING);
    else if (request->pending)
        submit(request, API_WOKEN);
    else
        list_parked(request, clock_mono_ms() + ms, API_TIMED_OUT);
    pthread_mutex_unlock(&api->wait_lock);
}

void api_park(struct api_request *request, int64_t timeout_ms)
{
    assert(request->response == NULL);
    request->wants_park = true;
    request->park_ms = timeout_ms < 0 ? 0 : timeout_ms < API_PARK_MS_MAX ? timeout_ms : API_PARK_MS_MAX;
}

void park_wake_all(struct api *api)
{
    struct heap_node *node;
    pthread_mutex_lock(&api->wait_lock);
    /* Those that the pool does not take are in the list again: they are left to the clock. */
    for (size_t left = api->parked.count; left > 0 && (node = heap_min(&api->parked)) != NULL; left--) {
        struct api_request *request = CONTAINER_OF(node, struct api_request, deadline);
        unlist(request);
        submit(request, API_STOPPING);
    }
    pthread_mutex_unlock(&api->wait_lock);
}

/* ---- Wakers ---------------------------------------------------------------------------------------------- */

struct api_waker *api_waker(struct api_request *request)
{
    if (request->waker == NULL) {
        struct api_waker *waker = mem_zalloc(sizeof(*waker));
        atomic_init(&waker->refs, 1);
        pthread_mutex_init(&waker->lock, NULL);
        waker->request = request;
        request->waker = waker;
    }
    return api_waker_ref(request->waker);
}

struct api_waker *api_waker_ref(struct api_waker *waker)
{
    atomic_fetch_add_explicit(&waker->refs, 1, memory_order_relaxed);
    return waker;
}

void api_waker_unref(struct api_waker *waker)
{
    if (atomic_fetch_sub_explicit(&waker->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&waker->lock);
    mem_free(waker);
}

void api_wake(struct api_waker *waker)
{
    pthread_mutex_lock(&waker->lock);
    struct api_request *request = waker->request;
    if (request != NULL) {
        struct api *api = request->api;
        pthread_mutex_lock(&api->wait_lock);
        if (request->parked) {
            unlist(request);
            submit(request, API_WOKEN);
        } else {
            request->pending = true;
        }
        pthread_mutex_unlock(&api->wait_lock);
    }
    pthread_mutex_unlock(&waker->lock);
}

void park_forget(struct api_request *request)
{
    struct api_waker *waker = request->waker;
    if (waker == NULL)
        return;
    pthread_mutex_lock(&waker->lock);
    waker->request = NULL;
    pthread_mutex_unlock(&waker->lock);
    request->waker = NULL;
    api_waker_unref(waker);
}

/* ---- The clock ------------------------------------------------------------------------------------------- */

void park_peer(struct api *api, struct api_peer *peer, int64_t deadline_ms)
{
    pthread_mutex_lock(&api->wait_lock);
    peer->deadline_ms = deadline_ms;
    pthread_mutex_unlock(&api->wait_lock);
}

/* Asks the kernel which of `count` sockets the other side has closed, at least halfway. */
static void poll_hung_up(struct pollfd *polls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        polls[i].events = POLLRDHUP;
    if (poll(polls, count, 0) < 0) {
        for (size_t i = 0; i < count; i++)
            polls[i].revents = 0;
    }
}

static bool hung_up(const struct pollfd *poll)
{
    return (poll->revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Requests that do not come to an end: their time is over, or the client has hung up in the middle and the library has not
 * noticed (an end that comes together with the last bytes escapes it). The library closes what it finds shut down. */
static void end_slow_peers(struct api *api, int64_t now_ms)
{
    struct pollfd *polls = mem_zalloc((api->peer_count + 1) * sizeof(*polls));
    size_t count = 0, at = 0;
    LIST_EACH(it, &api->peers)
    {
        const struct api_peer *peer = CONTAINER_OF(it, struct api_peer, link);
        if (peer->deadline_ms != 0)
            polls[count++].fd = peer->fd;
    }
    poll_hung_up(polls, count);
    LIST_EACH(it, &api->peers)
    {
        struct api_peer *peer = CONTAINER_OF(it, struct api_peer, link);
        if (peer->deadline_ms == 0)
            continue;
        bool gone = hung_up(&polls[at++]);
        if (peer->deadline_ms <= now_ms || (gone && peer->hung_up)) {
            peer->deadline_ms = 0;
            shutdown(peer->fd, SHUT_RDWR);
        }
        peer->hung_up = gone; /* once may be a request that is whole and about to be looked at */
    }
    mem_free(polls);
}

static void end_gone(struct api *api)
{
    size_t count = api->parked.count;
    struct pollfd *polls = mem_zalloc((count + 1) * sizeof(*polls));
    struct api_request **requests = mem_zalloc((count + 1) * sizeof(struct api_request *));
    for (size_t i = 0; i < count; i++) {
        requests[i] = CONTAINER_OF(api->parked.nodes[i], struct api_request, deadline);
        polls[i].fd = requests[i]->peer->fd;
    }
    poll_hung_up(polls, count);
    for (size_t i = 0; i < count; i++) {
        if (!hung_up(&polls[i]))
            continue;
        unlist(requests[i]);
        requests[i]->gone = true;
        exchange_resume(requests[i]);
    }
    mem_free(polls);
    mem_free(requests);
}

static void run_due(struct api *api, int64_t now_ms)
{
    for (;;) {
        struct heap_node *node = heap_min(&api->parked);
        if (node == NULL || node->key > now_ms)
            return;
        struct api_request *request = CONTAINER_OF(node, struct api_request, deadline);
        unlist(request);
        submit(request, request->due);
    }
}

static void run_look(struct worker_job *job)
{
    struct api *api = CONTAINER_OF(job, struct api, look);
    monitor_look(api, clock_mono_ms());
    atomic_store(&api->looking, false);
}

/* One look at a time. */
static void look(struct api *api)
{
    if (atomic_exchange(&api->looking, true))
        return;
    api->look.run = run_look;
    if (!worker_pool_submit(api->pool, &api->look, NULL))
        atomic_store(&api->looking, false);
}

static void wait_until(struct api *api, int64_t at_ms)
{
    struct timespec until = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
    pthread_cond_timedwait(&api->wait_changed, &api->wait_lock, &until);
}

static void *clock_run(void *arg)
{
    struct api *api = arg;
    int64_t sweep_ms = clock_mono_ms();
    pthread_mutex_lock(&api->wait_lock);
    while (!api->clock_stop) {
        int64_t now_ms = clock_mono_ms();
        run_due(api, now_ms);
        if (now_ms >= sweep_ms) {
            end_gone(api);
            end_slow_peers(api, now_ms);
            sweep_ms = now_ms + SWEEP_MS;
            look(api);
        }
        struct heap_node *next = heap_min(&api->parked);
        wait_until(api, next != NULL && next->key < sweep_ms ? next->key : sweep_ms);
    }
    pthread_mutex_unlock(&api->wait_lock);
    return NULL;
}

bool park_start(struct api *api, struct error *err)
{
    api->clock_started = thread_start(&api->clock, "http-clock", clock_run, api, err);
    return api->clock_started;
}

void park_stop(struct api *api)
{
    if (!api->clock_started)
        return;
    pthread_mutex_lock(&api->wait_lock);
    api->clock_stop = true;
    pthread_cond_signal(&api->wait_changed);
    pthread_mutex_unlock(&api->wait_lock);
    pthread_join(api->clock, NULL);
    api->clock_started = false;
    heap_free(&api->parked);
}

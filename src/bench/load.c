/* A run from the main thread's side: place connections on workers, wait until all are ready, set the phases, take
 * the counters at the borders of the measured time, wait for what is under way, add up. */
#include "load_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "mqtt/mqtt.h"
#include "proc_internal.h"

#include <assert.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS            1000000
#define HANDSHAKE_LIMIT_MS 15000 /* without one more connection getting ready */
#define IDLE_SETTLE_MS     500
#define FILES_SPARE        64

/* ---- set-up ---- */

static struct worker *worker_of(struct load *load, uint32_t number)
{
    const struct bench_options *options = load->options;
    uint32_t topic = number % options->topics;
    uint32_t turn = options->topics < load->worker_count ? number / options->topics : 0;
    return &load->workers[(topic + turn) % load->worker_count];
}

static void place(struct worker *worker, struct link *link)
{
    worker->links[worker->link_count++] = link;
}

static void place_subscribers(struct load *load)
{
    for (uint32_t i = 0; i < load->options->subs; i++) {
        subscriber_init(&load->subscribers[i], load, worker_of(load, i), i);
        place(worker_of(load, i), &load->subscribers[i].link);
    }
}

static void place_publishers(struct load *load)
{
    for (uint32_t i = 0; i < load->options->pubs; i++) {
        publisher_init(&load->publishers[i], load, worker_of(load, i), i);
        place(worker_of(load, i), &load->publishers[i].link);
    }
}

/* What a worker has up to here is opened first. */
static void end_of_first(struct load *load)
{
    for (uint32_t i = 0; i < load->worker_count; i++)
        load->workers[i].first_count = load->workers[i].link_count;
}

static void place_all(struct load *load)
{
    const struct bench_options *options = load->options;
    if (options->idle > 0) {
        load->idles = mem_zalloc(options->idle * sizeof *load->idles);
        for (uint32_t i = 0; i < options->idle; i++) {
            load->idles[i] = (struct link){.fd = -1, .role = ROLE_IDLE, .number = i};
            place(&load->workers[i % load->worker_count], &load->idles[i]);
        }
        end_of_first(load);
        return;
    }
    load->publishers = mem_zalloc(options->pubs * sizeof *load->publishers);
    load->subscribers = mem_zalloc((options->subs + 1) * sizeof *load->subscribers);
    if (options->group) {
        load->seen = mem_zalloc(options->pubs * sizeof *load->seen);
        for (uint32_t i = 0; i < options->pubs; i++)
            seen_init(&load->seen[i], options->count / options->pubs + 1);
    }
    if (options->fill) {
        place_publishers(load);
        end_of_first(load);
        place_subscribers(load);
    } else {
        place_subscribers(load);
        place_publishers(load);
        end_of_first(load);
    }
}

static bool load_start(struct load *load, const struct bench_options *options, struct error *err)
{
    memset(load, 0, sizeof *load);
    load->options = options;
    pthread_mutex_init(&load->lock, NULL);
    random_bytes(&load->run, sizeof load->run);
    load->link_count = options->idle > 0 ? options->idle : options->pubs + options->subs;
    if (!stream_resolve(&load->address, options->host, options->port, err) ||
        !stream_raise_file_limit((uint64_t)load->link_count + FILES_SPARE + 2 * options->threads, err))
        return false;
    load->worker_count = options->threads;
    assert(load->worker_count > 0 && options->topics > 0);
    assert(!options->group || (options->topics == 1 && options->count > 0));
    load->workers = mem_zalloc(load->worker_count * sizeof *load->workers);
    for (uint32_t i = 0; i < load->worker_count; i++) {
        load->workers[i].load = load;
        load->workers[i].epoll = -1;
        load->workers[i].wake = -1;
        load->workers[i].links = mem_alloc((load->link_count + 1) * sizeof(struct link *));
    }
    place_all(load);
    for (uint32_t i = 0; i < load->worker_count; i++) {
        if (!worker_start(&load->workers[i], err))
            return false;
    }
    return true;
}

static void phase_set(struct load *load, enum load_phase phase)
{
    atomic_store_explicit(&load->phase, phase, memory_order_release);
    for (uint32_t i = 0; i < load->worker_count; i++)
        worker_wake(&load->workers[i]);
}

static void link_free(struct link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    mem_free(link->out);
    stream_tail_free(&link->tail);
}

static void workers_join(struct load *load)
{
    phase_set(load, PHASE_STOP);
    for (uint32_t i = 0; i < load->worker_count; i++) {
        if (load->workers[i].started)
            pthread_join(load->workers[i].thread, NULL);
        load->workers[i].started = false;
    }
}

static void worker_free(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->link_count; i++)
        link_free(worker->links[i]);
    if (worker->epoll >= 0)
        close(worker->epoll);
    if (worker->wake >= 0)
        close(worker->wake);
    mem_free(worker->links);
    mem_free(worker->in);
    mem_free(worker->out);
    heap_free(&worker->due);
}

/* After workers_join(). */
static void load_free(struct load *load)
{
    for (uint32_t i = 0; i < load->worker_count; i++)
        worker_free(&load->workers[i]);
    for (uint32_t i = 0; load->publishers != NULL && i < load->options->pubs; i++)
        publisher_free(&load->publishers[i]);
    for (uint32_t i = 0; load->subscribers != NULL && i < load->options->subs; i++)
        subscriber_free(&load->subscribers[i]);
    for (uint32_t i = 0; load->seen != NULL && i < load->options->pubs; i++)
        seen_free(&load->seen[i]);
    mem_free(load->seen);
    mem_free(load->publishers);
    mem_free(load->subscribers);
    mem_free(load->idles);
    mem_free(load->workers);
    pthread_mutex_destroy(&load->lock);
}

void load_fail(struct load *load, const struct error *err)
{
    pthread_mutex_lock(&load->lock);
    if (!atomic_load(&load->failed))
        load->error = *err;
    atomic_store(&load->failed, true);
    pthread_mutex_unlock(&load->lock);
}

/* ---- waiting ---- */

static void pause_ns(int64_t ns)
{
    struct timespec time = {ns / 1000000000, ns % 1000000000};
    nanosleep(&time, NULL);
}

static bool failed(struct load *load, struct error *err)
{
    if (!atomic_load(&load->failed))
        return false;
    pthread_mutex_lock(&load->lock);
    if (err != NULL)
        *err = load->error;
    pthread_mutex_unlock(&load->lock);
    return true;
}

static uint64_t sum(const struct load *load, size_t offset)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < load->worker_count; i++) {
        _Atomic uint64_t *counter = (void *)((char *)&load->workers[i].counts + offset);
        total += atomic_load_explicit(counter, memory_order_relaxed);
    }
    return total;
}

#define SUM(load, counter) sum(load, offsetof(struct worker_counts, counter))

/* Until so many connections are ready. */
static bool wait_ready(struct load *load, uint32_t wanted, struct error *err)
{
    uint64_t before = 0;
    int64_t since_ms = clock_mono_ms();
    for (uint64_t ready; (ready = SUM(load, ready)) < wanted;) {
        if (failed(load, err)) {
            if (ready > 0 && err != NULL)
                error_wrap(err, "after %llu of %u connections", (unsigned long long)ready, wanted);
            return false;
        }
        if (ready != before)
            since_ms = clock_mono_ms();
        before = ready;
        if (clock_mono_ms() - since_ms > HANDSHAKE_LIMIT_MS) {
            error_set(err, ERR_TIMEOUT, "%s does not answer: %llu of %u connections are ready",
                      load->address.text, (unsigned long long)ready, wanted);
            return error_hint(err, "is it an MQTT broker?");
        }
        pause_ns(POLL_NS);
    }
    return !failed(load, err);
}

static bool wait_until(struct load *load, int64_t end_ns, struct error *err)
{
    for (int64_t left; (left = end_ns - clock_mono_ns()) > 0;) {
        if (failed(load, err))
            return false;
        pause_ns(left < 20 * POLL_NS ? left : 20 * POLL_NS);
    }
    return !failed(load, err);
}

static bool wait_published(struct load *load, uint64_t count, struct error *err)
{
    while (SUM(load, published) < count) {
        if (failed(load, err))
            return false;
        pause_ns(POLL_NS);
    }
    return true;
}

static bool workers_see(struct load *load, enum load_phase phase, struct error *err)
{
    for (uint32_t i = 0; i < load->worker_count; i++) {
        while (atomic_load_explicit(&load->workers[i].seen_phase, memory_order_acquire) != (int)phase) {
            if (failed(load, err))
                return false;
            pause_ns(POLL_NS / 10);
        }
    }
    return true;
}

/* Until all that is expected has come and is acknowledged, or nothing comes any more. */
static bool wait_quiet(struct load *load, uint64_t expected, struct error *err)
{
    uint64_t before = 0;
    int64_t since_ms = clock_mono_ms();
    for (;;) {
        uint64_t delivered = SUM(load, delivered);
        uint64_t unacked = SUM(load, unacked);
        if (delivered >= expected && unacked == 0)
            return true;
        if (delivered - unacked != before)
            since_ms = clock_mono_ms();
        before = delivered - unacked;
        if (clock_mono_ms() - since_ms > load->options->quiet_ms)
            return true;
        if (failed(load, err))
            return false;
        pause_ns(POLL_NS);
    }
}

static bool drain(struct load *load, struct error *err)
{
    phase_set(load, PHASE_DRAIN);
    return workers_see(load, PHASE_DRAIN, err) && wait_quiet(load, SUM(load, expected), err);
}

/* ---- measuring ---- */

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int64_t last_delivery_ns(const struct load *load)
{
    int64_t last = 0;
    for (uint32_t i = 0; i < load->worker_count; i++) {
        int64_t one = atomic_load_explicit(&load->workers[i].counts.last_delivery_ns, memory_order_relaxed);
        last = one > last ? one : last;
    }
    return last;
}

static bool measure_by_time(struct load *load, struct load_result *result, struct error *err)
{
    const struct bench_options *options = load->options;
    load->start_ns = clock_mono_ns();
    phase_set(load, PHASE_WARMUP);
    if (!wait_until(load, load->start_ns + options->warmup_ms * 1000000, err))
        return false;
    phase_set(load, PHASE_MEASURE);
    int64_t begin_ns = clock_mono_ns();
    uint64_t published = SUM(load, published);
    uint64_t acked = SUM(load, acked);
    uint64_t delivered = SUM(load, delivered);
    double cpu = cpu_seconds();
    if (!wait_until(load, begin_ns + options->duration_ms * 1000000, err))
        return false;
    result->start_ns = load->start_ns;
    result->published = SUM(load, published) - published;
    result->acked = SUM(load, acked) - acked;
    result->delivered = SUM(load, delivered) - delivered;
    result->seconds = (double)(clock_mono_ns() - begin_ns) / 1e9;
    result->cpu_seconds = cpu_seconds() - cpu;
    return drain(load, err);
}

static bool measure_by_count(struct load *load, struct load_result *result, struct error *err)
{
    double cpu = cpu_seconds();
    load->start_ns = clock_mono_ns();
    phase_set(load, PHASE_MEASURE);
    if (!wait_published(load, load->options->count, err) || !drain(load, err))
        return false;
    result->start_ns = load->start_ns;
    bool received = load->options->subs > 0 && !load->options->fill;
    int64_t end_ns = received ? last_delivery_ns(load) : clock_mono_ns();
    result->published = SUM(load, published);
    result->acked = SUM(load, acked);
    result->delivered = SUM(load, delivered);
    result->seconds = end_ns > load->start_ns ? (double)(end_ns - load->start_ns) / 1e9 : 0;
    result->cpu_seconds = cpu_seconds() - cpu;
    return true;
}

/* What was published before is read from a station. */
static bool measure_reading(struct load *load, struct load_result *result, struct error *err)
{
    uint64_t readers = load->options->group ? 1 : load->options->subs;
    int64_t begin_ns = clock_mono_ns();
    double cpu = cpu_seconds();
    phase_set(load, PHASE_READ);
    if (!wait_ready(load, load->link_count, err) || !wait_quiet(load, SUM(load, published) * readers, err))
        return false;
    int64_t end_ns = last_delivery_ns(load);
    result->delivered = SUM(load, delivered);
    result->read_seconds = end_ns > begin_ns ? (double)(end_ns - begin_ns) / 1e9 : 0;
    result->read_cpu_seconds = cpu_seconds() - cpu;
    return true;
}

static void add_member(const struct load *load, uint32_t number, struct load_result *result)
{
    const struct seen_member *member = &load->subscribers[number].member;
    result->duplicates += member->duplicates;
    result->late += member->late;
    result->lost -= member->taken;
    if (number < LOAD_SHARES_MAX)
        result->shares[number] = member->taken;
}

static void add_subscriber(const struct load *load, const struct subscriber *subscriber,
                           struct load_result *result)
{
    for (uint32_t source = 0; source < subscriber->sources; source++) {
        const struct track *track = &subscriber->tracks[source];
        uint64_t sent = load->publishers[subscriber->topic + source * load->options->topics].sent;
        uint64_t next = atomic_load_explicit(&track->next, memory_order_relaxed);
        result->lost += sent - next + track->missing;
        result->duplicates += track->duplicates;
        result->late += track->late;
    }
}

/* After workers_join(). */
static void add_up(struct load *load, struct load_result *result)
{
    for (uint32_t i = 0; i < load->worker_count; i++) {
        const struct worker *worker = &load->workers[i];
        result->foreign += worker->foreign;
        result->refused += worker->refused;
        result->unknown_acks += worker->unknown_acks;
        result->stalls += worker->stalls;
        histogram_add(&result->latency, &worker->latency);
    }
    result->lost = load->seen != NULL ? SUM(load, published) : 0;
    for (uint32_t i = 0; i < load->options->subs; i++) {
        if (load->seen != NULL)
            add_member(load, i, result);
        else
            add_subscriber(load, &load->subscribers[i], result);
    }
    result->total_published = SUM(load, published);
    result->total_acked = SUM(load, acked);
    result->total_delivered = SUM(load, delivered);
    result->unacked = SUM(load, unacked);
}

bool load_run(const struct bench_options *options, struct load_result *result, struct error *err)
{
    struct load load;
    memset(result, 0, sizeof *result);
    uint32_t first = options->fill ? options->pubs : options->pubs + options->subs;
    bool fine = load_start(&load, options, err) && wait_ready(&load, first, err);
    if (fine && options->count > 0)
        fine = measure_by_count(&load, result, err);
    else if (fine)
        fine = measure_by_time(&load, result, err);
    if (fine && options->fill && options->subs > 0)
        fine = measure_reading(&load, result, err);
    workers_join(&load);
    if (fine)
        add_up(&load, result);
    load_free(&load);
    return fine;
}

bool load_run_idle(const struct bench_options *options, struct idle_result *result, struct error *err)
{
    struct load load;
    memset(result, 0, sizeof *result);
    result->pid = options->pid > 0 ? options->pid : proc_find_listener(options->port);
    result->rss_before_bytes = proc_rss_bytes(result->pid);
    int64_t start_ns = clock_mono_ns();
    bool fine = load_start(&load, options, err) && wait_ready(&load, options->idle, err);
    if (fine) {
        int64_t ready_ns = clock_mono_ns();
        int64_t hold_ms = options->duration_ms > IDLE_SETTLE_MS ? options->duration_ms : IDLE_SETTLE_MS;
        result->connect_seconds = (double)(ready_ns - start_ns) / 1e9;
        fine = wait_until(&load, ready_ns + hold_ms * 1000000, err);
        result->open = (uint32_t)SUM(&load, ready);
        result->rss_after_bytes = proc_rss_bytes(result->pid);
    }
    workers_join(&load);
    load_free(&load);
    return fine;
}

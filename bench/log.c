/* What the segment log takes: threads append batches to one log that syncs before it acknowledges, as fast as they are
 * acknowledged. Then the disk alone: the bytes of the same records, written in sequence to a preallocated file, with as
 * many bytes between two syncs as the log had on average.
 *
 *     bench_log [directory] [seconds] [threads] [records in a batch]
 *
 * Each thread keeps WINDOW batches on their way, as a reactor does whose publishers wait for their acknowledgements. */
#include "log/log.h"
#include "log/io.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WINDOW      16
#define THREADS_MAX 16

/* ---- The system, counting -------------------------------------------------------------------------------------- */

static atomic_ulong syncs;
static struct log_io counting;

static int count_sync(void *ctx, int fd)
{
    atomic_fetch_add(&syncs, 1);
    return log_io_system.fdatasync(ctx, fd);
}

/* ---- Appending --------------------------------------------------------------------------------------------------- */

struct appender {
    pthread_t thread;
    struct log *log;
    int64_t until_ns;
    size_t record_bytes;
    unsigned each;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct flight *free; /* under the lock */
    uint64_t stored, failed;
};

struct flight {
    struct log_batch batch;
    struct flight *next;
    struct appender *appender;
};

static void landed(struct log_batch *batch, const struct error *err)
{
    struct flight *flight = CONTAINER_OF(batch, struct flight, batch);
    struct appender *appender = flight->appender;
    (void)err;
    pthread_mutex_lock(&appender->lock);
    if (batch->outcome == LOG_STORED) {
        appender->stored += batch->count;
    } else {
        appender->failed += batch->count;
    }
    bool wake = appender->free == NULL;
    flight->next = appender->free;
    appender->free = flight;
    pthread_mutex_unlock(&appender->lock);
    if (wake)
        pthread_cond_signal(&appender->changed);
}

static struct flight *take(struct appender *appender)
{
    pthread_mutex_lock(&appender->lock);
    while (appender->free == NULL)
        pthread_cond_wait(&appender->changed, &appender->lock);
    struct flight *flight = appender->free;
    appender->free = flight->next;
    pthread_mutex_unlock(&appender->lock);
    return flight;
}

static void *append(void *arg)
{
    struct appender *appender = arg;
    static uint8_t record[65536];
    struct flight flights[WINDOW] = {0};
    for (int i = 0; i < WINDOW; i++) {
        flights[i].appender = appender;
        flights[i].batch.done = landed;
        flights[i].next = appender->free;
        appender->free = &flights[i];
    }
    while (clock_mono_ns() < appender->until_ns) {
        struct flight *flight = take(appender);
        int64_t now = clock_wall_ms();
        for (unsigned i = 0; i < appender->each; i++) {
            memcpy(log_batch_add(&flight->batch, now, appender->record_bytes), record,
                   appender->record_bytes);
        }
        struct error err;
        if (!log_append(appender->log, &flight->batch, &err)) {
            fprintf(stderr, "append: %s\n", err.text);
            _exit(1);
        }
    }
    for (int i = 0; i < WINDOW; i++)
        log_batch_reset(&take(appender)->batch);
    return NULL;
}

/* ---- The disk alone ------------------------------------------------------------------------------------------------ */

/* MB/s with a sync after each `group` bytes. */
static double plain_rate(const char *dir, uint64_t bytes, uint64_t group)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/plain", dir);
    int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
    uint8_t *data = mem_alloc(group);
    memset(data, 'x', group);
    uint64_t allocated = 0, chunk = group > 4u << 20 ? group : 4u << 20;
    int64_t start = clock_mono_ns();
    uint64_t at = 0;
    for (; at < bytes; at += group) {
        for (; allocated < at + group; allocated += chunk) {
            if (fallocate(fd, 0, (off_t)allocated, (off_t)chunk) < 0)
                break;
        }
        if (pwrite(fd, data, group, (off_t)at) != (ssize_t)group || fdatasync(fd) < 0) {
            perror(path);
            _exit(1);
        }
    }
    double seconds = (double)(clock_mono_ns() - start) / 1e9;
    close(fd);
    unlink(path);
    mem_free(data);
    return (double)at / seconds / 1e6;
}

/* ---- Runs -------------------------------------------------------------------------------------------------------- */

static void run(const char *root, int seconds, unsigned threads, unsigned each, size_t record_bytes)
{
    char dir[4000];
    struct error err;
    snprintf(dir, sizeof dir, "%s/bench-log", root);
    struct log_engine_options engine_options = {.writers = 1, .io = &counting};
    struct log_options options = {0};
    struct log_engine *engine = log_engine_start(&engine_options, &err);
    struct log *log = engine != NULL ? log_open(engine, dir, &options, &err) : NULL;
    if (log == NULL) {
        fprintf(stderr, "%s\n", err.text);
        _exit(1);
    }
    atomic_store(&syncs, 0);
    struct appender appenders[THREADS_MAX] = {0};
    int64_t start = clock_mono_ns();
    for (unsigned i = 0; i < threads; i++) {
        appenders[i].log = log;
        appenders[i].record_bytes = record_bytes;
        appenders[i].each = each;
        appenders[i].until_ns = start + seconds * INT64_C(1000000000);
        pthread_mutex_init(&appenders[i].lock, NULL);
        pthread_cond_init(&appenders[i].changed, NULL);
        if (!thread_start(&appenders[i].thread, "append", append, &appenders[i], &err))
            _exit(1);
    }
    uint64_t stored = 0;
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(appenders[i].thread, NULL);
        stored += appenders[i].stored;
        if (appenders[i].failed != 0)
            _exit(1);
    }
    double took = (double)(clock_mono_ns() - start) / 1e9;
    uint64_t bytes = stored * record_bytes;
    double rate = (double)bytes / took / 1e6;
    uint64_t group = bytes / atomic_load(&syncs);
    log_close(log);
    log_delete(engine, dir, NULL);
    log_engine_stop(engine);
    double plain = plain_rate(root, bytes, group);
    printf("%5zu B  %u threads, %u records a batch: %10.0f msg/s  %7.1f MB/s  %6.0f syncs/s of %lu KiB; "
           "the disk alone %7.1f MB/s: %.0f %%\n",
           record_bytes, threads, each, (double)stored / took, rate, (double)atomic_load(&syncs) / took,
           (unsigned long)group / 1024, plain, 100 * rate / plain);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "/var/tmp";
    int seconds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 5;
    unsigned threads = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 2;
    unsigned each = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 256;
    if (seconds < 1 || threads < 1 || threads > THREADS_MAX || each < 1) {
        fprintf(stderr, "usage: bench_log [directory] [seconds] [threads] [records in a batch]\n");
        return 2;
    }
    counting = log_io_system;
    counting.fdatasync = count_sync;
    run(dir, seconds, threads, each, 200);
    run(dir, seconds, threads, each, 1024);
    return 0;
}

/* Many threads at one log: appenders, readers who wait at its end, one who trims, one who looks at the bounds. */
#include "log_test.h"

#define APPENDERS 3
#define READERS   3
#define BATCHES   400
#define EACH      5
#define WINDOW    8

static struct bed bed;
static atomic_uint running; /* appenders */

/* ---- Appenders: records say whose they are and which -------------------------------------------------------------- */

struct shipment {
    struct log_batch batch;
    struct appender *appender;
    bool busy;
};

struct appender {
    pthread_t thread;
    uint32_t id;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct shipment shipments[WINDOW]; /* busy: under the lock */
    uint64_t last_offset;              /* under the lock */
    unsigned stored;
};

static void shipped(struct log_batch *batch, const struct error *err)
{
    struct shipment *shipment = CONTAINER_OF(batch, struct shipment, batch);
    struct appender *appender = shipment->appender;
    assert(err == NULL && batch->outcome == LOG_STORED && batch->count == EACH);
    pthread_mutex_lock(&appender->lock);
    assert(appender->stored == 0 ||
           batch->first_offset > appender->last_offset); /* batches of a thread keep order */
    appender->last_offset = batch->first_offset;
    appender->stored++;
    shipment->busy = false;
    pthread_cond_signal(&appender->changed);
    pthread_mutex_unlock(&appender->lock);
}

static struct shipment *free_shipment(struct appender *appender)
{
    struct shipment *found = NULL;
    pthread_mutex_lock(&appender->lock);
    while (found == NULL) {
        for (size_t i = 0; i < WINDOW && found == NULL; i++)
            found = appender->shipments[i].busy ? NULL : &appender->shipments[i];
        if (found == NULL)
            pthread_cond_wait(&appender->changed, &appender->lock);
    }
    found->busy = true;
    pthread_mutex_unlock(&appender->lock);
    return found;
}

static void *run_appender(void *arg)
{
    struct appender *appender = arg;
    for (size_t i = 0; i < WINDOW; i++)
        appender->shipments[i] = (struct shipment){.batch.done = shipped, .appender = appender};
    for (uint32_t number = 0; number < BATCHES * EACH; number += EACH) {
        struct shipment *shipment = free_shipment(appender);
        for (uint32_t i = 0; i < EACH; i++) {
            uint8_t *out = log_batch_add(&shipment->batch, clock_wall_ms(), 8 + number % 50);
            put_le32(out, appender->id);
            put_le32(out + 4, number + i);
            memset(out + 8, (int)(number + i), number % 50);
        }
        struct error err;
        if (!log_append(bed.log, &shipment->batch, &err))
            abort();
    }
    pthread_mutex_lock(&appender->lock);
    while (appender->stored < BATCHES)
        pthread_cond_wait(&appender->changed, &appender->lock);
    pthread_mutex_unlock(&appender->lock);
    atomic_fetch_sub(&running, 1);
    return NULL;
}

/* ---- Readers: all records of an appender, in order, none twice ---------------------------------------------------- */

struct reader {
    pthread_t thread;
    struct log_waiter waiter;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool woken;
    uint64_t first; /* where the trimmer lets it begin */
    uint32_t seen[APPENDERS];
    bool slow;
};

static void wake(struct log_waiter *waiter)
{
    struct reader *reader = CONTAINER_OF(waiter, struct reader, waiter);
    pthread_mutex_lock(&reader->lock);
    reader->woken = true;
    pthread_cond_signal(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
}

static void wait_for(struct reader *reader, uint64_t offset)
{
    reader->woken = false;
    reader->waiter.wake = wake;
    if (!log_wait(bed.log, &reader->waiter, offset))
        return;
    pthread_mutex_lock(&reader->lock);
    while (!reader->woken)
        pthread_cond_wait(&reader->changed, &reader->lock);
    pthread_mutex_unlock(&reader->lock);
}

static void look_at(struct reader *reader, const struct log_record *record, bool after_gap)
{
    const uint8_t *data = (const uint8_t *)record->data.data;
    uint32_t id = get_le32(data), number = get_le32(data + 4);
    if (id >= APPENDERS || (after_gap ? number < reader->seen[id] : number != reader->seen[id]))
        abort();
    for (size_t i = 8; i < record->data.len; i++) {
        if (data[i] != (uint8_t)number)
            abort();
    }
    reader->seen[id] = number + 1;
}

static void *run_reader(void *arg)
{
    struct reader *reader = arg;
    uint64_t offset = 0;
    bool gap = false; /* it was overtaken by the trimmer once */
    while (offset < (uint64_t)APPENDERS * BATCHES * EACH) {
        struct log_chunk *chunk;
        struct error err;
        enum log_read_result result =
            log_read(bed.log, offset, reader->slow ? 1 : 4096, reader->slow ? 0 : LOG_NOWAIT, &chunk, &err);
        if (result == LOG_READ_BLOCKS)
            result = log_read(bed.log, offset, 4096, 0, &chunk, &err);
        if (result == LOG_READ_END) {
            wait_for(reader, offset);
            continue;
        }
        if (result == LOG_READ_TRIMMED) {
            struct log_bounds bounds;
            log_bounds(bed.log, &bounds);
            offset = bounds.first;
            gap = true;
            continue;
        }
        if (result != LOG_READ)
            abort();
        struct log_cursor cursor;
        struct log_record record;
        log_cursor_init(&cursor, chunk, offset);
        while (log_cursor_next(&cursor, &record)) {
            if (record.offset != offset++)
                abort();
            look_at(reader, &record, gap);
        }
        log_chunk_unref(chunk);
    }
    return NULL;
}

static void *run_trimmer(void *arg)
{
    (void)arg;
    while (atomic_load(&running) != 0) {
        struct log_bounds bounds;
        struct error err;
        uint64_t offset;
        log_bounds(bed.log, &bounds);
        if (bounds.first > bounds.next ||
            !log_trim(bed.log, bounds.next - (bounds.next - bounds.first) / 2, &err) ||
            !log_offset_of_bytes(bed.log, bounds.bytes / 2, &offset, &err) ||
            !log_offset_of_time(bed.log, clock_wall_ms(), &offset, &err))
            abort();
    }
    return NULL;
}

static void run_all(int64_t sync_ms, bool compress)
{
    static struct appender appenders[APPENDERS];
    static struct reader readers[READERS];
    pthread_t trimmer;
    struct error err;
    memset(appenders, 0, sizeof appenders);
    memset(readers, 0, sizeof readers);
    bed_make(&bed);
    bed.engine_options = (struct log_engine_options){.writers = 2, .tail_bytes = 4096, .open_files = 2};
    bed.options = (struct log_options){.segment_bytes = 8192, .sync_ms = sync_ms, .compress = compress};
    bed_open(&bed);
    atomic_store(&running, APPENDERS);
    for (uint32_t i = 0; i < READERS; i++) {
        readers[i].slow = i == 0;
        pthread_mutex_init(&readers[i].lock, NULL);
        pthread_cond_init(&readers[i].changed, NULL);
        ASSERT_OK(thread_start(&readers[i].thread, "reader", run_reader, &readers[i], &err), err);
    }
    for (uint32_t i = 0; i < APPENDERS; i++) {
        appenders[i].id = i;
        pthread_mutex_init(&appenders[i].lock, NULL);
        pthread_cond_init(&appenders[i].changed, NULL);
        ASSERT_OK(thread_start(&appenders[i].thread, "appender", run_appender, &appenders[i], &err), err);
    }
    ASSERT_OK(thread_start(&trimmer, "trimmer", run_trimmer, NULL, &err), err);
    for (uint32_t i = 0; i < APPENDERS; i++)
        pthread_join(appenders[i].thread, NULL);
    for (uint32_t i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);
    pthread_join(trimmer, NULL);
    assert_int_equal(bed_bounds(&bed).next, APPENDERS * BATCHES * EACH);
    bed_reopen(&bed);
    assert_int_equal(bed_bounds(&bed).next, APPENDERS * BATCHES * EACH);
    bed_remove(&bed);
}

static void test_threads_share_a_log_that_syncs(void **state)
{
    (void)state;
    run_all(LOG_SYNC_COMMIT, false);
}

static void test_threads_share_a_log_that_does_not(void **state)
{
    (void)state;
    run_all(LOG_SYNC_NONE, true);
}

static void test_threads_share_a_log_that_syncs_now_and_then(void **state)
{
    (void)state;
    run_all(1, false);
}

RUN_TESTS(cmocka_unit_test(test_threads_share_a_log_that_syncs),
          cmocka_unit_test(test_threads_share_a_log_that_does_not),
          cmocka_unit_test(test_threads_share_a_log_that_syncs_now_and_then))

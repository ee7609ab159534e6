/* What the tests of the log share: an engine, a log in a directory of its own, batches with numbered records. */
#ifndef TESTS_LOG_TEST_H
#define TESTS_LOG_TEST_H

#include "log/log_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "harness.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

/* A log and its engine. Without threads unless a test asks for them: append() steps. */
struct bed {
    char root[HARNESS_PATH_BYTES];
    char dir[HARNESS_PATH_BYTES + 16];
    struct log_engine_options engine_options;
    struct log_options options;
    struct log_engine *engine;
    struct log *log;
};

static inline void bed_open(struct bed *bed)
{
    struct error err;
    if (bed->engine == NULL)
        bed->engine = log_engine_start(&bed->engine_options, &err);
    assert_non_null(bed->engine);
    bed->log = log_open(bed->engine, bed->dir, &bed->options, &err);
    if (bed->log == NULL)
        fail_msg("open: %s", err.text);
}

static inline void bed_close(struct bed *bed)
{
    log_close(bed->log);
    bed->log = NULL;
    log_engine_stop(bed->engine);
    bed->engine = NULL;
}

static inline void bed_reopen(struct bed *bed)
{
    bed_close(bed);
    bed_open(bed);
}

static inline void bed_make(struct bed *bed)
{
    *bed = (struct bed){0};
    harness_make_dir(bed->root);
    snprintf(bed->dir, sizeof bed->dir, "%s/log", bed->root);
}

static inline void bed_remove(struct bed *bed)
{
    bed_close(bed);
    harness_remove_dir(bed->root);
}

/* ---- Appending ------------------------------------------------------------------------------------------------- */

/* A batch that tells whoever waits how it ended. */
struct appended {
    struct log_batch batch;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
    struct error err;
};

static inline void appended_done(struct log_batch *batch, const struct error *err)
{
    struct appended *appended = CONTAINER_OF(batch, struct appended, batch);
    pthread_mutex_lock(&appended->lock);
    if (err != NULL)
        appended->err = *err;
    appended->done = true;
    pthread_cond_signal(&appended->ended);
    pthread_mutex_unlock(&appended->lock);
}

static inline void appended_init(struct appended *appended)
{
    memset(appended, 0, sizeof *appended);
    appended->batch.done = appended_done;
    pthread_mutex_init(&appended->lock, NULL);
    pthread_cond_init(&appended->ended, NULL);
}

static inline void appended_wait(struct bed *bed, struct appended *appended)
{
    if (bed->engine_options.writers == 0) {
        while (log_engine_step(bed->engine))
            ;
    }
    pthread_mutex_lock(&appended->lock);
    while (!appended->done)
        pthread_cond_wait(&appended->ended, &appended->lock);
    pthread_mutex_unlock(&appended->lock);
}

/* A record says its number, and is so long as the number wants. */
static inline size_t record_len(uint64_t number)
{
    return 8 + (size_t)(number * 2654435761u % 120);
}

static inline void record_fill(uint8_t *out, uint64_t number)
{
    size_t len = record_len(number);
    put_le64(out, number);
    for (size_t i = 8; i < len; i++)
        out[i] = (uint8_t)(number * 31 + i * 7);
}

static inline void batch_add_number(struct log_batch *batch, uint64_t number, int64_t time_ms)
{
    record_fill(log_batch_add(batch, time_ms, record_len(number)), number);
}

/* Appends `count` records with the numbers from `number` on, which are also their times, and waits. */
static inline enum log_outcome bed_append(struct bed *bed, uint64_t number, unsigned count, struct error *err)
{
    struct appended appended;
    appended_init(&appended);
    for (unsigned i = 0; i < count; i++)
        batch_add_number(&appended.batch, number + i, (int64_t)(number + i));
    if (!log_append(bed->log, &appended.batch, err)) {
        log_batch_reset(&appended.batch);
        return LOG_REFUSED;
    }
    appended_wait(bed, &appended);
    if (err != NULL && appended.batch.outcome != LOG_STORED)
        *err = appended.err;
    log_batch_reset(&appended.batch);
    return appended.batch.outcome;
}

/* Records whose number is their offset, in batches of `each`. */
static inline void bed_fill(struct bed *bed, uint64_t count, unsigned each)
{
    struct error err;
    struct log_bounds bounds;
    log_bounds(bed->log, &bounds);
    for (uint64_t number = bounds.next; number < bounds.next + count; number += each) {
        if (bed_append(bed, number, each, &err) != LOG_STORED)
            fail_msg("append: %s", err.text);
    }
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static inline bool record_is(const struct log_record *record, uint64_t number)
{
    uint8_t expected[256];
    record_fill(expected, number);
    return record->data.len == record_len(number) &&
           memcmp(record->data.data, expected, record->data.len) == 0;
}

/* Reads from `from` to the end; each record's number is its offset. Returns the end. */
static inline uint64_t bed_check(struct bed *bed, uint64_t from, size_t max_bytes)
{
    struct error err;
    uint64_t offset = from;
    for (;;) {
        struct log_chunk *chunk;
        enum log_read_result result = log_read(bed->log, offset, max_bytes, 0, &chunk, &err);
        if (result == LOG_READ_END)
            return offset;
        if (result != LOG_READ)
            fail_msg("read %" PRIu64 ": %s", offset,
                     result == LOG_READ_FAILED ? err.text : "not as expected");
        assert_true(chunk->first_offset <= offset && chunk->next_offset > offset);
        struct log_cursor cursor;
        struct log_record record;
        log_cursor_init(&cursor, chunk, offset);
        while (log_cursor_next(&cursor, &record)) {
            CHECK(record.offset == offset, "offset %" PRIu64, offset);
            CHECK(record_is(&record, offset), "offset %" PRIu64, offset);
            offset++;
        }
        CHECK(offset == chunk->next_offset, "offset %" PRIu64, offset);
        log_chunk_unref(chunk);
    }
}

static inline struct log_bounds bed_bounds(struct bed *bed)
{
    struct log_bounds bounds;
    log_bounds(bed->log, &bounds);
    return bounds;
}

static inline uint64_t bytes_of(uint64_t from, uint64_t to)
{
    uint64_t bytes = 0;
    for (; from < to; from++)
        bytes += record_len(from);
    return bytes;
}

#endif

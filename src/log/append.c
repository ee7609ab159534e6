/* Submitting a batch, on the appender's thread: check, seal, queue. The queue is one list for each writer thread; its
 * lock is taken once for a batch. */
#include "log/log_internal.h"

#include <assert.h>
#include <inttypes.h>

bool log_writable(struct log *log, struct error *why)
{
    if (atomic_load_explicit(&log->writable, memory_order_acquire))
        return true;
    if (why != NULL) {
        pthread_mutex_lock(&log->lock);
        *why = log->why;
        pthread_mutex_unlock(&log->lock);
    }
    return false;
}

static bool refuse_read_only(const struct log *log, const struct error *why, struct error *err)
{
    error_set(err, ERR_READ_ONLY, "log %s takes no appends: %s", log->dir, why->text);
    return error_hint(err, "%s",
                      why->code == ERR_NO_SPACE
                          ? "make room on the disk; appending goes on by itself"
                          : "check the disk; appending goes on by itself once it works");
}

/* Counts the bytes in. One batch always finds room in an empty queue. */
static bool reserve(struct log_engine *engine, uint64_t bytes)
{
    uint64_t before = atomic_fetch_add_explicit(&engine->queue_bytes, bytes, memory_order_relaxed);
    if (before == 0 || before + bytes <= engine->queue_bytes_max)
        return true;
    atomic_fetch_sub_explicit(&engine->queue_bytes, bytes, memory_order_relaxed);
    return false;
}

static void enqueue(struct writer *writer, struct log_batch *batch)
{
    pthread_mutex_lock(&writer->lock);
    if (writer->first == NULL) {
        writer->first = batch;
    } else {
        writer->last->next = batch;
    }
    writer->last = batch;
    bool wake = writer->sleeping;
    writer->sleeping = false;
    pthread_mutex_unlock(&writer->lock);
    if (wake)
        pthread_cond_signal(&writer->changed);
}

bool log_append(struct log *log, struct log_batch *batch, struct error *err)
{
    struct log_engine *engine = log->engine;
    struct log_block *block = batch->block;
    assert(block != NULL && batch->count > 0 && batch->done != NULL);
    struct error why;
    if (!log_writable(log, &why))
        return refuse_read_only(log, &why, err);
    uint32_t max_bytes = atomic_load_explicit(&log->max_batch_bytes, memory_order_relaxed);
    if (block->len > max_bytes) {
        error_set(err, ERR_TOO_LARGE, "a batch of %zu bytes for log %s: it takes %" PRIu32, block->len,
                  log->dir, max_bytes);
        return error_hint(err, "raise max_batch_bytes, or append fewer records at once");
    }
    if (!reserve(engine, block->len)) {
        error_set(err, ERR_BUSY, "the log's queue is full (%" PRIu64 " bytes wait for the disk)",
                  engine->queue_bytes_max);
        return error_hint(err, "try again; raise queue_bytes if the disk is fast enough on average");
    }
    block_seal(block, atomic_load_explicit(&log->compress, memory_order_relaxed));
    batch->next = NULL;
    batch->log = log;
    batch->queued_bytes = block->len;
    enqueue(log->writer, batch);
    return true;
}

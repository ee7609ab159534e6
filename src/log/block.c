/* Blocks: batches in memory.
 *
 * The appender's thread does the work that can be done before it is known which batch comes before: it encodes the
 * records, compresses and checksums the body. So the writer thread, which is shared by many logs, never touches the
 * bytes of a record but to hand them to the system.
 *
 * That holds for zstd too: who publishes into a compressed log pays for it on its own core, and no other log waits.
 * Bodies below COMPRESS_BYTES_LOWEST are left as they are (a frame's header would eat what is saved), and so are those
 * which zstd does not shrink by an eighth. */
#include "log/log_internal.h"

#include "base/crc32c.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define BLOCK_BYTES_FIRST       1024
#define COMPRESS_BYTES_LOWEST   512
#define COMPRESS_LEVEL          1
#define TIME_BOUND_MS           (INT64_C(1) << 60) /* times are held within, so that differences fit */
#define RECORD_PREFIX_BYTES_MAX ((size_t)2 * VARINT_MAX_BYTES)

/* ---- Blocks ---------------------------------------------------------------------------------------------------- */

struct log_block *block_new(size_t cap)
{
    struct log_block *block = mem_alloc(sizeof *block + cap);
    memset(block, 0, sizeof *block);
    atomic_init(&block->refs, 1);
    block->cap = cap;
    return block;
}

struct log_block *block_ref(struct log_block *block)
{
    atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
    return block;
}

void block_unref(struct log_block *block)
{
    /* Release: what this thread did with the block comes before its end; acquire: the end comes after all of that. */
    if (block == NULL || atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) != 1)
        return;
    block_unref(block->compressed);
    mem_free(block);
}

size_t block_bytes(const struct log_block *block)
{
    return sizeof *block + block->cap;
}

struct log_block *block_on_disk(struct log_block *block)
{
    return block->compressed != NULL ? block->compressed : block;
}

/* ---- Compression ----------------------------------------------------------------------------------------------- */

static pthread_key_t compress_key, decompress_key;
static pthread_once_t context_once = PTHREAD_ONCE_INIT;

static void free_compress(void *context)
{
    ZSTD_freeCCtx(context);
}

static void free_decompress(void *context)
{
    ZSTD_freeDCtx(context);
}

static void make_keys(void)
{
    if (pthread_key_create(&compress_key, free_compress) != 0 ||
        pthread_key_create(&decompress_key, free_decompress) != 0)
        abort();
}

/* The thread's own contexts, made at their first use. NULL: no memory. */
static ZSTD_CCtx *compress_context(void)
{
    pthread_once(&context_once, make_keys);
    ZSTD_CCtx *context = pthread_getspecific(compress_key);
    if (context == NULL) {
        context = ZSTD_createCCtx();
        if (context != NULL && pthread_setspecific(compress_key, context) != 0) {
            ZSTD_freeCCtx(context);
            context = NULL;
        }
    }
    return context;
}

static ZSTD_DCtx *decompress_context(void)
{
    pthread_once(&context_once, make_keys);
    ZSTD_DCtx *context = pthread_getspecific(decompress_key);
    if (context == NULL) {
        context = ZSTD_createDCtx();
        if (context != NULL && pthread_setspecific(decompress_key, context) != 0) {
            ZSTD_freeDCtx(context);
            context = NULL;
        }
    }
    return context;
}

/* NULL: it does not pay. */
static struct log_block *compressed_form(const struct log_block *block)
{
    ZSTD_CCtx *context = block->len >= COMPRESS_BYTES_LOWEST ? compress_context() : NULL;
    if (context == NULL)
        return NULL;
    size_t room = block->len - block->len / 8;
    struct log_block *out = block_new(room);
    size_t len = ZSTD_compressCCtx(context, out->body, room, block->body, block->len, COMPRESS_LEVEL);
    if (ZSTD_isError(len)) {
        block_unref(out);
        return NULL;
    }
    out->len = len;
    return out;
}

const char *body_decompress(const struct batch_header *header, const uint8_t *stored, uint8_t *out)
{
    ZSTD_DCtx *context = decompress_context();
    if (context == NULL)
        return "there is no memory to decompress the batch";
    size_t len = ZSTD_decompressDCtx(context, out, header->raw_bytes, stored, header->stored_bytes);
    return ZSTD_isError(len) || len != header->raw_bytes ? "the batch does not decompress" : NULL;
}

void block_seal(struct log_block *block, bool compress)
{
    block_unref(block->compressed);
    block->compressed = compress ? compressed_form(block) : NULL;
    const struct log_block *stored = block_on_disk(block);
    block->body_crc = crc32c(0, stored->body, stored->len);
}

/* ---- Filling a batch ------------------------------------------------------------------------------------------- */

/* Room for `more` bytes. The block is the batch's alone, so it may move. */
static struct log_block *with_room(struct log_block *block, size_t more)
{
    if (more <= block->cap - block->len)
        return block;
    size_t cap = block->cap;
    while (cap - block->len < more)
        cap *= 2;
    block = mem_realloc(block, sizeof *block + cap);
    block->cap = cap;
    return block;
}

uint8_t *log_batch_add(struct log_batch *batch, int64_t time_ms, size_t len)
{
    if (batch->block == NULL) {
        batch->block = block_new(BLOCK_BYTES_FIRST);
        batch->count = 0;
    }
    assert(len < SIZE_MAX / 4);
    struct log_block *block = with_room(batch->block, len + RECORD_PREFIX_BYTES_MAX);
    batch->block = block;
    if (time_ms > TIME_BOUND_MS || time_ms < -TIME_BOUND_MS)
        time_ms = time_ms > 0 ? TIME_BOUND_MS : -TIME_BOUND_MS;
    if (block->count == 0) {
        block->header.base_time = time_ms;
        block->last_time = time_ms;
    }
    uint64_t delta = time_ms > block->last_time ? (uint64_t)(time_ms - block->last_time) : 0;
    block->len += varint_put(block->body + block->len, len);
    block->len += varint_put(block->body + block->len, delta);
    uint8_t *at = block->body + block->len;
    block->len += len;
    block->last_time += (int64_t)delta;
    block->record_bytes += len;
    block->count++;
    batch->count++;
    return at;
}

size_t log_batch_bytes(const struct log_batch *batch)
{
    return batch->block != NULL ? batch->block->len : 0;
}

void log_batch_reset(struct log_batch *batch)
{
    block_unref(batch->block);
    batch->block = NULL;
    batch->count = 0;
    batch->marked = false;
}

/* Rows of Parquet files as chunks of the log: what the way back makes of what it has read. */
#include "tier/fetch_internal.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

#define ROWS_AT_ONCE 4096

void rows_free(struct rows *rows)
{
    arena_free(&rows->records);
    arena_free(&rows->memory);
    mem_free(rows->all);
}

static bool add_row(struct rows *rows, const struct tier_row *row, struct error *err)
{
    struct str record;
    if (row->offset < rows->from || row->offset >= rows->to)
        return true;
    if (rows->most_bytes > 0 && rows->count > 0 && rows->bytes >= rows->most_bytes) {
        rows->over = true;
        return error_set(err, ERR_TOO_LARGE, "its rows are too large");
    }
    if (!rows->tier->all->options.codec.encode(row, &rows->records, &record, err))
        return error_wrap(err, "offset %" PRIu64, row->offset);
    if (rows->count == rows->cap) {
        rows->cap = rows->cap > 0 ? 2 * rows->cap : ROWS_AT_ONCE;
        rows->all = mem_realloc(rows->all, rows->cap * sizeof(*rows->all));
    }
    rows->bytes += record.len;
    rows->sorted = rows->sorted && (rows->count == 0 || rows->all[rows->count - 1].offset < row->offset);
    rows->all[rows->count++] = (struct made){row->offset, row->time_ms, record};
    return true;
}

bool rows_scan(struct rows *rows, const struct parquet_file *file, const struct columns *columns,
               const struct parquet_selection *selection, const struct parquet_extent *extents,
               size_t extent_count, struct parquet_scan *scan, struct error *err)
{
    const struct parquet_vector *vectors;
    size_t got;
    if (!parquet_scan_start(scan, file, selection, extents, extent_count, err))
        return false;
    for (;;) {
        if (!parquet_scan_next(scan, ROWS_AT_ONCE, &vectors, &got, err))
            return false;
        if (got == 0)
            return true;
        for (size_t i = 0; i < got; i++) {
            struct tier_row row;
            arena_reset(&rows->memory);
            if (!row_take(columns, vectors, i, &rows->memory, &row, err) || !add_row(rows, &row, err))
                return false;
        }
    }
}

static int by_offset(const void *a, const void *b)
{
    uint64_t left = ((const struct made *)a)->offset, right = ((const struct made *)b)->offset;
    return (left > right) - (left < right);
}

static void cut(struct log_batch *batch, uint64_t first, struct tier *tier, struct log_chunk **wanted,
                uint64_t offset, uint64_t ahead)
{
    if (batch->block == NULL)
        return;
    struct log_chunk *chunk = log_chunk_of_batch(batch, first);
    cache_add_chunk(tier->all->cache, tier, chunk, ahead);
    /* The one that holds the offset; else the first behind it. */
    bool better =
        chunk->next_offset > offset && (*wanted == NULL || chunk->first_offset < (*wanted)->first_offset);
    if (better) {
        log_chunk_unref(*wanted);
        *wanted = chunk;
    } else {
        log_chunk_unref(chunk);
    }
}

/* One ends at a gap, and at CHUNK_RAW_BYTES. */
void rows_chunks(struct rows *rows, uint64_t offset, uint64_t ahead, struct log_chunk **wanted)
{
    struct log_batch batch = {0};
    uint64_t first = 0, next = 0;
    if (!rows->sorted)
        qsort(rows->all, rows->count, sizeof(*rows->all), by_offset);
    for (size_t i = 0; i < rows->count; i++) {
        const struct made *made = &rows->all[i];
        if (i > 0 && made->offset < next)
            continue; /* the same row twice: of a file that others have made */
        if (batch.block != NULL && (made->offset != next || log_batch_bytes(&batch) >= CHUNK_RAW_BYTES)) {
            cut(&batch, first, rows->tier, wanted, offset, ahead);
            ahead = 0;
        }
        if (batch.block == NULL)
            first = made->offset;
        uint8_t *at = log_batch_add(&batch, made->time_ms, made->record.len);
        memcpy(at, made->record.data, made->record.len);
        next = made->offset + 1;
    }
    cut(&batch, first, rows->tier, wanted, offset, ahead);
}

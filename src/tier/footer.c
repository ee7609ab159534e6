/* Footers of files that were read lately, with their page indexes: in memory, the least recently used first to go.
 *
 * Footer and indexes lie at the end of the file, and how much they are only they tell: one GET brings as much as they should
 * be of a file with so many rows (footer_tail()); what is missing takes a second one. A file of at most WHOLE_FILE_BYTES is
 * fetched whole, and kept so: reading it takes no other GET. One that is not larger than a range is fetched whole for who
 * wants all of its rows, and its row groups wait as a range. */
#include "tier/tier_internal.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>

#define GROUP_FOOTER_BYTES ((uint64_t)4 << 10) /* of a row group, in footer and indexes: rather more */
#define FIRST_GROUP_OFFSET 4                   /* of files of ours: where rows begin */

struct footers {
    pthread_mutex_t lock;
    struct list all; /* the least recently used first */
    size_t bytes;
    size_t limit_bytes;
};

struct footers *footers_new(size_t limit_bytes)
{
    struct footers *footers = mem_zalloc(sizeof(*footers));
    footers->limit_bytes = limit_bytes;
    list_init(&footers->all);
    pthread_mutex_init(&footers->lock, NULL);
    return footers;
}

static struct footer *footer_at(struct list *link)
{
    return CONTAINER_OF(link, struct footer, link);
}

void footer_unref(struct footer *footer)
{
    /* Release: what this thread did with it comes before its end; acquire: the end comes after all of that. */
    if (footer == NULL || atomic_fetch_sub_explicit(&footer->refs, 1, memory_order_acq_rel) != 1)
        return;
    parquet_file_close(footer->file);
    mem_free((void *)(uintptr_t)footer->whole.data);
    mem_free(footer->path);
    mem_free(footer);
}

static struct footer *footer_ref(struct footer *footer)
{
    atomic_fetch_add_explicit(&footer->refs, 1, memory_order_relaxed);
    return footer;
}

void footers_free(struct footers *footers)
{
    if (footers == NULL)
        return;
    while (!list_empty(&footers->all)) {
        struct footer *footer = footer_at(footers->all.next);
        list_remove(&footer->link);
        footer_unref(footer);
    }
    pthread_mutex_destroy(&footers->lock);
    mem_free(footers);
}

/* Under the lock. */
static struct footer *find(struct footers *footers, uint64_t hash, struct str path)
{
    LIST_EACH(it, &footers->all)
    {
        struct footer *footer = footer_at(it);
        if (footer->hash != hash || !str_is(path, footer->path))
            continue;
        list_remove(&footer->link);
        list_append(&footers->all, &footer->link);
        return footer_ref(footer);
    }
    return NULL;
}

static void keep(struct footers *footers, struct footer *footer)
{
    pthread_mutex_lock(&footers->lock);
    footers->bytes += footer->bytes;
    list_append(&footers->all, &footer_ref(footer)->link);
    while (footers->bytes > footers->limit_bytes && footers->all.next != &footer->link) {
        struct footer *oldest = footer_at(footers->all.next);
        list_remove(&oldest->link);
        footers->bytes -= oldest->bytes;
        footer_unref(oldest);
    }
    pthread_mutex_unlock(&footers->lock);
}

/* From the local copy, if there is one. */
static bool read_range(struct reach *reach, const char *path, struct str key, uint64_t offset, uint64_t bytes,
                       struct buf *out, struct error *err)
{
    const struct object_range range = {.offset = offset, .length = bytes};
    return restored_read(reach->tier, path, offset, bytes, out) ||
           reach_get(reach, key, &range, out, NULL, err);
}

static bool add_indexes(struct reach *reach, const char *path, struct str key, struct parquet_file *file,
                        const struct parquet_extent *tail, struct error *err)
{
    uint64_t offset, length;
    parquet_index_range(file, &offset, &length);
    if (length == 0 || length > RANGE_BYTES)
        return true;
    if (offset >= tail->offset)
        return parquet_file_add_index(file, tail, 1, err);
    struct buf bytes = {0};
    bool ok = read_range(reach, path, key, offset, length, &bytes, err);
    const struct parquet_extent extent = {offset, buf_str(&bytes)};
    ok = ok && parquet_file_add_index(file, &extent, 1, err);
    buf_free(&bytes);
    return ok;
}

/* By what the rows of the table are on average, and what a row group of ours has of them. */
uint64_t footer_tail(struct tier *tier, uint64_t file_bytes, uint64_t rows)
{
    pthread_mutex_lock(&tier->lock);
    uint64_t all_rows = tier->bounds.rows, all_bytes = tier->bounds.bytes;
    pthread_mutex_unlock(&tier->lock);
    double raw_bytes = all_rows > 0 ? (double)all_bytes / (double)all_rows * (double)rows : 0;
    double groups = 1 + raw_bytes / (double)tier->all->options.row_group_bytes;
    uint64_t most = file_bytes < RANGE_BYTES ? file_bytes : RANGE_BYTES;
    double tail = FOOTER_TAIL / 2.0 + groups * GROUP_FOOTER_BYTES;
    if (tail >= (double)most)
        return most;
    uint64_t least = file_bytes < FOOTER_TAIL ? file_bytes : FOOTER_TAIL;
    return tail > (double)least ? (uint64_t)tail : least;
}

/* The file's rows, as a range. Takes its bytes. */
static void keep_rows(struct tier *tier, const struct footer *footer, struct buf *bytes)
{
    const struct parquet_file *file = footer->file;
    if (file->group_count == 0)
        return;
    const struct parquet_group *last = &file->groups[file->group_count - 1];
    struct range *range = range_new(footer, 0);
    range->bytes = *bytes;
    *bytes = (struct buf){0};
    uint64_t start = file->groups[0].offset;
    cache_store(tier->all->cache, str_of(footer->path), start,
                str_make(range->bytes.data + start, last->offset + last->bytes - start));
    ranges_keep(tier->all->ranges, range);
    range_unref(range);
}

/* `want`: what is fetched first. The file, if it is that, becomes `whole` or a range. */
static bool read_footer(struct reach *reach, struct str key, uint64_t file_bytes, uint64_t want,
                        struct footer *footer, struct error *err)
{
    struct buf tail = {0};
    uint64_t needed = 0;
    bool ok = read_range(reach, footer->path, key, file_bytes - want, want, &tail, err);
    if (ok && tail.len != want)
        ok = error_set(err, ERR_CORRUPT, "it is shorter than the table says");
    ok = ok && parquet_footer_bytes(buf_str(&tail), file_bytes, &needed, err);
    if (ok && needed > tail.len) {
        buf_free(&tail);
        ok = read_range(reach, footer->path, key, file_bytes - needed, needed, &tail, err);
    }
    if (ok)
        footer->file = parquet_file_open(buf_str(&tail), file_bytes, 0, err);
    ok = ok && footer->file != NULL;
    const struct parquet_extent extent = {file_bytes - tail.len, buf_str(&tail)};
    ok = ok && add_indexes(reach, footer->path, key, footer->file, &extent, err);
    if (ok)
        footer->bytes = parquet_file_memory(footer->file) + sizeof(*footer);
    if (ok && file_bytes <= WHOLE_FILE_BYTES) {
        footer->whole = buf_str(&tail);
        footer->bytes += tail.len;
        return true;
    }
    if (ok && want == file_bytes)
        keep_rows(reach->tier, footer, &tail);
    buf_free(&tail);
    return ok;
}

/* What the first GET brings. */
static uint64_t first_bytes(struct tier *tier, const struct iceberg_file *file, const char *path, bool all)
{
    if (file->size_bytes <= WHOLE_FILE_BYTES)
        return file->size_bytes;
    if (all && file->size_bytes <= ranges_most(tier->all->ranges) &&
        cache_holds(tier->all->cache, str_of(path), FIRST_GROUP_OFFSET) == 0)
        return file->size_bytes;
    return footer_tail(tier, file->size_bytes, file->record_count);
}

struct footer *footer_get(struct tier *tier, struct reach *reach, const struct iceberg_file *file, bool all,
                          struct error *err)
{
    struct str path = file->path;
    struct footers *footers = tier->all->footers;
    uint64_t hash = hash_bytes(path.data, path.len);
    pthread_mutex_lock(&footers->lock);
    struct footer *footer = find(footers, hash, path);
    pthread_mutex_unlock(&footers->lock);
    if (footer != NULL)
        return footer;
    footer = mem_zalloc(sizeof(*footer));
    atomic_init(&footer->refs, 1);
    footer->hash = hash;
    footer->path = str_dup(path);
    struct str key;
    pthread_mutex_lock(&tier->table_lock);
    bool below = tier->table != NULL && iceberg_key(tier->table, str_of(footer->path), &key);
    pthread_mutex_unlock(&tier->table_lock);
    bool ok = below ? read_footer(reach, key, file->size_bytes, first_bytes(tier, file, footer->path, all),
                                  footer, err)
                    : error_set(err, ERR_UNSUPPORTED, "it is not below the table");
    if (!ok) {
        error_wrap(err, "%s", footer->path);
        footer_unref(footer);
        return NULL;
    }
    keep(footers, footer);
    return footer;
}

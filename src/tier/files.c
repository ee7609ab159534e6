/* The data files of a table, as somebody looks at them: in the order of their rows, and never more entries than asked for.
 *
 *     files     [0 … 899] [900 … 1799] [1800 … 2011] [2012 … 2500]
 *     limit 2   [0 … 1799, 2 files]    [1800 … 2500, 2 files]
 *
 * All of it is in memory: no request goes to the store. Local copies (restore.c) are looked for once, before. */
#include "tier/tier_internal.h"

#include <stdlib.h>

/* ---- Local copies ---------------------------------------------------------------------------------------- */

static int compare(const void *name, const void *entry)
{
    return strcmp(name, (*(struct dirent *const *)entry)->d_name);
}

/* Whether the file of this location is among them. */
static bool has_copy(const struct restored *restored, struct str path)
{
    char name[TIER_PATH_BYTES];
    if (restored->count == 0)
        return false;
    size_t from = path.len;
    while (from > 0 && path.data[from - 1] != '/')
        from--;
    if (path.len - from >= sizeof(name))
        return false;
    memcpy(name, path.data + from, path.len - from);
    name[path.len - from] = '\0';
    return bsearch(name, restored->entries, restored->count, sizeof(*restored->entries), compare) != NULL;
}

/* ---- Entries --------------------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Adds the file to the entry, which it may be the first of. */
static void join(struct tier_layer *layer, const struct iceberg_file *file, bool restored)
{
    bool timed = file->time_first_us != INT64_MIN && file->time_last_us != INT64_MAX;
    int64_t first_ms = timed ? file->time_first_us / 1000 : 0;
    int64_t last_ms = timed ? file->time_last_us / 1000 : 0;
    if (layer->files == 0) {
        *layer = (struct tier_layer){.first = file->first,
                                     .last = file->last,
                                     .timed = timed,
                                     .first_ms = first_ms,
                                     .last_ms = last_ms};
    } else {
        layer->timed = layer->timed && timed;
        layer->first_ms = earlier(layer->first_ms, first_ms);
        layer->last_ms = later(layer->last_ms, last_ms);
        layer->last = file->last > layer->last ? file->last : layer->last;
    }
    layer->files++;
    layer->restored += restored;
    layer->rows += file->record_count;
    layer->bytes += file->size_bytes;
    layer->path = layer->files == 1 ? file->path : STR_NONE;
}

/* The first file, in the order of offsets, that reaches `offset` or beyond. Files of a table overlap only while it is damaged. */
static size_t find(struct iceberg_index *index, size_t count, uint64_t offset)
{
    struct iceberg_file file;
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool below = iceberg_index_at(index, middle, &file) && file.last < offset;
        if (below)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void tell(struct iceberg_index *index, const struct restored *restored, uint64_t from, uint64_t to,
                 size_t limit, void (*each)(const struct tier_layer *layer, void *arg), void *arg)
{
    struct iceberg_index_totals totals;
    struct iceberg_file file;
    iceberg_index_totals(index, &totals);
    size_t ordered = totals.files - totals.unbounded;
    size_t first = find(index, ordered, from), end = to > 0 ? find(index, ordered, to - 1) : 0;
    if (end < ordered && iceberg_index_at(index, end, &file) && file.first < to)
        end++;
    size_t count = end > first ? end - first : 0;
    size_t together = count > limit ? (count + limit - 1) / limit : 1;
    struct tier_layer layer = {0};
    for (size_t i = first; i < first + count; i++) {
        if (iceberg_index_at(index, i, &file))
            join(&layer, &file, has_copy(restored, file.path));
        if (layer.files < together && i + 1 < first + count)
            continue;
        each(&layer, arg);
        layer.files = 0;
    }
}

void tier_layers(struct tier *tier, uint64_t from, uint64_t to, size_t limit,
                 void (*each)(const struct tier_layer *layer, void *arg), void *arg, struct buf *location)
{
    struct restored restored;
    restored_list(tier, &restored);
    pthread_mutex_lock(&tier->table_lock);
    if (tier->table != NULL)
        buf_append_str(location, tier->table->location);
    if (tier->index != NULL && limit > 0)
        tell(tier->index, &restored, from, to, limit, each, arg);
    pthread_mutex_unlock(&tier->table_lock);
    restored_free(&restored);
}

/* The files of a snapshot in the order of their rows.
 *
 *     files   [first … last] [first … last] …    sorted by first, once somebody asks
 *     names   the ends of their paths, one behind the other
 *
 * New files come at the end, old ones go at the beginning, and compaction replaces some in a row by one: so sorting is mostly
 * checking. A name that has gone leaves its bytes behind until half of all are such. */
#include "table/iceberg_index.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct file {
    uint64_t first;
    uint64_t last;
    uint64_t reach; /* the highest offset of this file and all before; once they are counted */
    uint64_t records;
    uint64_t bytes;
    int64_t time_first_us;
    int64_t time_last_us;
    size_t name; /* where its name begins */
    uint32_t name_len;
    int32_t day;
    bool has_day;
    bool below; /* the path is the location, a slash and the name; else the name */
    bool bounded;
    bool gone; /* removed; its place is taken back later */
};

struct files {
    struct file *items;
    size_t count;
    size_t cap;
};

struct iceberg_index {
    char *location;
    int32_t offset_id;
    int32_t time_id;
    struct files ordered;
    struct files unbounded;
    bool sorted;
    size_t gone_count; /* in both */
    bool counted;      /* overlaps is right */
    uint64_t overlaps;
    struct buf names;
    size_t lost_bytes; /* of names that are not used any more */
    struct buf path;   /* of the file that was asked for */
};

struct iceberg_index *iceberg_index_new(struct str location, int32_t offset_id, int32_t time_id)
{
    struct iceberg_index *index = mem_zalloc(sizeof *index);
    while (location.len > 1 && location.data[location.len - 1] == '/')
        location.len--;
    index->location = str_dup(location);
    index->offset_id = offset_id;
    index->time_id = time_id;
    index->sorted = index->counted = true;
    return index;
}

void iceberg_index_free(struct iceberg_index *index)
{
    if (index == NULL)
        return;
    mem_free(index->location);
    mem_free(index->ordered.items);
    mem_free(index->unbounded.items);
    buf_free(&index->names);
    buf_free(&index->path);
    mem_free(index);
}

/* ---- Adding ---------------------------------------------------------------------------------------------- */

static void append_file(struct files *files, const struct file *file)
{
    if (files->count == files->cap) {
        files->cap = files->cap == 0 ? 16 : files->cap + files->cap / 2;
        files->items = mem_realloc(files->items, files->cap * sizeof *files->items);
    }
    files->items[files->count++] = *file;
}

/* The end of a path that begins with the location; *below says whether it does. */
static struct str name_of(const struct iceberg_index *index, struct str path, bool *below)
{
    size_t len = strlen(index->location);
    *below = path.len > len + 1 && memcmp(path.data, index->location, len) == 0 && path.data[len] == '/';
    return *below ? str_make(path.data + len + 1, path.len - len - 1) : path;
}

/* What the index wants to know of a file, but its name. */
static struct file facts_of(const struct iceberg_index *index, const struct iceberg_data_file *data)
{
    struct file file = {
        .records = (uint64_t)data->record_count,
        .bytes = (uint64_t)data->size_bytes,
        .time_first_us = INT64_MIN,
        .time_last_us = INT64_MAX,
    };
    int64_t low, high;
    if (iceberg_bounds(data, index->offset_id, &low, &high) && low >= 0) {
        file.bounded = true;
        file.first = (uint64_t)low;
        file.last = (uint64_t)high;
    }
    if (iceberg_bounds(data, index->time_id, &low, &high)) {
        file.time_first_us = low;
        file.time_last_us = high;
    }
    if (data->partition_count == 1 && data->partition[0].kind == ICEBERG_INT) {
        file.has_day = true;
        file.day = (int32_t)data->partition[0].number;
    }
    return file;
}

void iceberg_index_add(struct iceberg_index *index, const struct iceberg_data_file *data)
{
    struct file file = facts_of(index, data);
    struct str name = name_of(index, data->path, &file.below);
    file.name = index->names.len;
    file.name_len = (uint32_t)name.len;
    buf_append_str(&index->names, name);
    struct files *files = file.bounded ? &index->ordered : &index->unbounded;
    if (file.bounded) {
        if (files->count > 0 && file.first < files->items[files->count - 1].first)
            index->sorted = false;
        index->counted = false;
    }
    append_file(files, &file);
}

bool iceberg_index_entry(const struct iceberg_entry *entry, void *index)
{
    if (entry->status != ICEBERG_DELETED && entry->file.content == ICEBERG_DATA)
        iceberg_index_add(index, &entry->file);
    return true;
}

static int compare_files(const void *a, const void *b)
{
    const struct file *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->last < y->last ? -1 : x->last > y->last;
}

static void sort(struct iceberg_index *index)
{
    if (!index->sorted)
        qsort(index->ordered.items, index->ordered.count, sizeof *index->ordered.items, compare_files);
    index->sorted = true;
}

/* ---- Removing -------------------------------------------------------------------------------------------- */

static bool has_name(const struct iceberg_index *index, const struct file *file, struct str name, bool below)
{
    return file->below == below && str_equal(str_make(index->names.data + file->name, file->name_len), name);
}

static void drop_lost_names(struct iceberg_index *index)
{
    struct files *both[] = {&index->ordered, &index->unbounded};
    struct buf names = {0};
    if (index->lost_bytes <= index->names.len / 2)
        return;
    buf_reserve(&names, index->names.len - index->lost_bytes);
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < both[k]->count; i++) {
            struct file *file = &both[k]->items[i];
            size_t at = names.len;
            buf_append(&names, index->names.data + file->name, file->name_len);
            file->name = at;
        }
    }
    buf_free(&index->names);
    index->names = names;
    index->lost_bytes = 0;
}

static void close_gaps(struct files *files)
{
    size_t count = 0;
    for (size_t i = 0; i < files->count; i++) {
        if (!files->items[i].gone)
            files->items[count++] = files->items[i];
    }
    files->count = count;
}

/* Brings all in the state that questions need. */
static void settle(struct iceberg_index *index)
{
    sort(index);
    if (index->gone_count > 0) {
        close_gaps(&index->ordered);
        close_gaps(&index->unbounded);
        index->gone_count = 0;
        index->counted = false;
        drop_lost_names(index);
    }
    if (index->counted)
        return;
    index->overlaps = 0;
    for (size_t i = 0; i < index->ordered.count; i++) {
        struct file *file = &index->ordered.items[i];
        uint64_t before = i > 0 ? file[-1].reach : 0;
        index->overlaps += i > 0 && file->first <= before;
        file->reach = file->last > before ? file->last : before;
    }
    index->counted = true;
}

/* The first file that begins at or above an offset. */
static size_t lower_bound(const struct files *files, uint64_t first)
{
    size_t low = 0, high = files->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (files->items[middle].first < first)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool remove_named(struct iceberg_index *index, struct files *files, size_t from, size_t to,
                         struct str name, bool below)
{
    for (size_t i = from; i < to; i++) {
        struct file *file = &files->items[i];
        if (!file->gone && has_name(index, file, name, below)) {
            file->gone = true;
            index->gone_count++;
            index->lost_bytes += file->name_len;
            return true;
        }
    }
    return false;
}

bool iceberg_index_remove(struct iceberg_index *index, const struct iceberg_data_file *data)
{
    struct file facts = facts_of(index, data);
    bool below;
    struct str name = name_of(index, data->path, &below);
    sort(index);
    size_t from = facts.bounded ? lower_bound(&index->ordered, facts.first) : 0;
    size_t to = from;
    while (facts.bounded && to < index->ordered.count && index->ordered.items[to].first == facts.first)
        to++;
    return remove_named(index, &index->ordered, from, to, name, below) ||
           remove_named(index, &index->unbounded, 0, index->unbounded.count, name, below) ||
           remove_named(index, &index->ordered, 0, index->ordered.count, name, below);
}

/* ---- Asking ---------------------------------------------------------------------------------------------- */

static void tell(struct iceberg_index *index, const struct file *file, struct iceberg_file *out)
{
    buf_reset(&index->path);
    if (file->below)
        buf_printf(&index->path, "%s/", index->location);
    buf_append(&index->path, index->names.data + file->name, file->name_len);
    *out = (struct iceberg_file){
        .first = file->first,
        .last = file->last,
        .record_count = file->records,
        .size_bytes = file->bytes,
        .time_first_us = file->time_first_us,
        .time_last_us = file->time_last_us,
        .day = file->day,
        .has_day = file->has_day,
        .path = buf_str(&index->path),
    };
}

static bool tell_at(struct iceberg_index *index, const struct files *files, size_t at,
                    struct iceberg_file *out)
{
    if (at >= files->count)
        return false;
    tell(index, &files->items[at], out);
    return true;
}

bool iceberg_index_find(struct iceberg_index *index, uint64_t offset, struct iceberg_file *out)
{
    settle(index);
    const struct files *files = &index->ordered;
    size_t next = offset == UINT64_MAX ? files->count : lower_bound(files, offset + 1);
    /* Where files overlap, one further before may still hold it. */
    for (size_t i = next; i-- > 0 && files->items[i].reach >= offset;) {
        if (files->items[i].last >= offset)
            return tell_at(index, files, i, out);
    }
    return tell_at(index, files, next, out);
}

/* The first file that reaches an offset, itself or by one before. */
static size_t first_reaching(const struct files *files, uint64_t offset)
{
    size_t low = 0, high = files->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (files->items[middle].reach < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool iceberg_index_within(struct iceberg_index *index, uint64_t from, uint64_t to, size_t *at,
                          struct iceberg_file *out)
{
    settle(index);
    const struct files *files = &index->ordered;
    size_t i = *at > 0 ? *at : first_reaching(files, from);
    while (i < files->count && files->items[i].first < to && files->items[i].last < from)
        i++;
    *at = i + 1;
    return i < files->count && files->items[i].first < to && tell_at(index, files, i, out);
}

bool iceberg_index_find_time(struct iceberg_index *index, int64_t time_us, struct iceberg_file *out)
{
    settle(index);
    size_t at = 0;
    while (at < index->ordered.count && index->ordered.items[at].time_last_us < time_us)
        at++;
    return tell_at(index, &index->ordered, at, out);
}

bool iceberg_index_at(struct iceberg_index *index, size_t n, struct iceberg_file *out)
{
    settle(index);
    return tell_at(index, &index->ordered, n, out);
}

bool iceberg_index_from(struct iceberg_index *index, uint64_t first, size_t n, struct iceberg_file *out)
{
    settle(index);
    return tell_at(index, &index->ordered, lower_bound(&index->ordered, first) + n, out);
}

bool iceberg_index_unbounded(struct iceberg_index *index, size_t n, struct iceberg_file *out)
{
    settle(index);
    return tell_at(index, &index->unbounded, n, out);
}

void iceberg_index_totals(struct iceberg_index *index, struct iceberg_index_totals *out)
{
    const struct files *both[] = {&index->ordered, &index->unbounded};
    settle(index);
    *out = (struct iceberg_index_totals){
        .files = index->ordered.count + index->unbounded.count,
        .unbounded = index->unbounded.count,
        .repeated = index->overlaps,
        .memory_bytes = sizeof *index + index->names.cap + index->path.cap +
                        (index->ordered.cap + index->unbounded.cap) * sizeof(struct file),
    };
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < both[k]->count; i++) {
            out->records += both[k]->items[i].records;
            out->bytes += both[k]->items[i].bytes;
        }
    }
    for (size_t i = 0; i < index->ordered.count; i++) {
        const struct file *file = &index->ordered.items[i];
        if (i == 0)
            out->first = file->first;
        else if (file->first > out->next)
            out->missing += file->first - out->next;
        if (file->last + 1 > out->next)
            out->next = file->last + 1;
    }
}

/* A page of a file: header, body, levels. parquet_page.c draws the first version of data pages; the second
 * has its levels in front of what is compressed, without lengths, which are in the header:
 *
 *     header   repetition levels   definition levels   [values, compressed unless the header says otherwise]
 *
 * A page is added to its column's window: levels become rows of lists and marks for nulls, values get a place
 * for each entry. Values come without gaps for nulls; they are read to the front and spread from the back. */
#include "table/parquet_read_internal.h"

#include <assert.h>

bool pq_corrupt(const struct pq_scan_column *column, struct error *err, const char *what)
{
    return error_set(err, ERR_CORRUPT, "column %.*s: %s", STR_ARG(column->face->path), what);
}

/* ---- Headers ------------------------------------------------------------------------------------------- */

static void read_data_head(struct thrift_in *in, struct pq_page_head *head)
{
    struct thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1: head->entries = (uint32_t)thrift_get_i32(in, &field); break;
        case 2: head->encoding = (enum pq_encoding)thrift_get_i32(in, &field); break;
        case 3: head->def_encoding = (enum pq_encoding)thrift_get_i32(in, &field); break;
        case 4: head->rep_encoding = (enum pq_encoding)thrift_get_i32(in, &field); break;
        default: thrift_skip(in, &field);
        }
    }
}

static void read_dictionary_head(struct thrift_in *in, struct pq_page_head *head)
{
    struct thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1: head->entries = (uint32_t)thrift_get_i32(in, &field); break;
        case 2: head->encoding = (enum pq_encoding)thrift_get_i32(in, &field); break;
        default: thrift_skip(in, &field);
        }
    }
}

static void read_data_head_v2(struct thrift_in *in, struct pq_page_head *head)
{
    struct thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1: head->entries = (uint32_t)thrift_get_i32(in, &field); break;
        case 3: head->rows = thrift_get_i32(in, &field); break;
        case 4: head->encoding = (enum pq_encoding)thrift_get_i32(in, &field); break;
        case 5: head->def_bytes = (uint32_t)thrift_get_i32(in, &field); break;
        case 6: head->rep_bytes = (uint32_t)thrift_get_i32(in, &field); break;
        case 7: head->packed = thrift_get_bool(in, &field); break;
        default: thrift_skip(in, &field);
        }
    }
}

static void read_head(struct thrift_in *in, struct pq_page_head *head)
{
    *head = (struct pq_page_head){
        .kind = PQ_INDEX_PAGE, .rows = -1, .packed = true, .def_encoding = PQ_RLE, .rep_encoding = PQ_RLE};
    struct thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1: head->kind = (enum pq_page)thrift_get_i32(in, &field); break;
        case 2: head->raw_bytes = (uint32_t)thrift_get_i32(in, &field); break;
        case 3: head->packed_bytes = (uint32_t)thrift_get_i32(in, &field); break;
        case 4:
            head->crc = (uint32_t)thrift_get_i32(in, &field);
            head->has_crc = true;
            break;
        case 5:
            if (thrift_get_struct(in, &field))
                read_data_head(in, head);
            break;
        case 7:
            if (thrift_get_struct(in, &field))
                read_dictionary_head(in, head);
            break;
        case 8:
            if (thrift_get_struct(in, &field))
                read_data_head_v2(in, head);
            break;
        default: thrift_skip(in, &field);
        }
    }
}

bool pq_page_head_read(struct str *bytes, struct pq_page_head *head, struct error *err)
{
    struct thrift_in in = thrift_read(*bytes);
    read_head(&in, head);
    if (in.bad)
        return error_set(err, ERR_CORRUPT, "a page's header cannot be read");
    size_t left = (size_t)(in.end - in.at);
    if (head->packed_bytes > left || head->raw_bytes > INT32_MAX || head->entries > INT32_MAX)
        return error_set(err, ERR_CORRUPT, "a page would have %u bytes where %zu are left",
                         head->packed_bytes, left);
    if (head->kind == PQ_DATA_PAGE_V2 && (head->rows < 0 || head->def_bytes > head->packed_bytes ||
                                          head->rep_bytes > head->packed_bytes - head->def_bytes ||
                                          head->def_bytes + head->rep_bytes > head->raw_bytes))
        return error_set(err, ERR_CORRUPT, "a page's header contradicts itself");
    head->body = str_make(in.at, head->packed_bytes);
    if (head->has_crc && pq_crc32(head->body) != head->crc)
        return error_set(err, ERR_CORRUPT, "a page does not have the checksum that its header says");
    *bytes = str_make(in.at + head->packed_bytes, left - head->packed_bytes);
    return true;
}

/* ---- Bodies -------------------------------------------------------------------------------------------- */

static bool decompress(struct parquet_scan *scan, const struct pq_scan_column *column, struct str packed,
                       void *out, size_t raw_bytes, struct error *err)
{
    return pq_decompress(scan->decompressor, column->chunk->codec, packed, out, raw_bytes, err) ||
           error_wrap(err, "column %.*s", STR_ARG(column->face->path));
}

/* The page as it was before compression, in `out`, which has room for it, or where it is. */
static bool open_body(struct parquet_scan *scan, const struct pq_scan_column *column,
                      const struct pq_page_head *head, uint8_t *out, struct str *body, struct error *err)
{
    size_t levels = head->kind == PQ_DATA_PAGE_V2 ? head->def_bytes + head->rep_bytes : 0;
    if (column->chunk->codec == PARQUET_UNCOMPRESSED || !head->packed) {
        if (head->raw_bytes != head->packed_bytes)
            return pq_corrupt(column, err, "a page that is not compressed has two sizes");
        *body = head->body;
        return true;
    }
    if (levels != 0)
        memcpy(out, head->body.data, levels);
    struct str packed = str_make(head->body.data + levels, head->body.len - levels);
    size_t raw_bytes = head->raw_bytes - levels;
    *body = str_make(out, head->raw_bytes);
    /* Nothing is nothing, however some writers compress it. */
    return raw_bytes == 0 || decompress(scan, column, packed, out + levels, raw_bytes, err);
}

bool pq_dictionary_read(struct parquet_scan *scan, struct pq_scan_column *column,
                        const struct pq_page_head *head, struct error *err)
{
    struct pq_dictionary_read *dictionary = &column->dictionary;
    struct str body = STR_NONE;
    if (dictionary->there)
        return pq_corrupt(column, err, "a chunk has two dictionaries");
    if (head->encoding != PQ_PLAIN && head->encoding != PQ_PLAIN_DICTIONARY)
        return error_set(err, ERR_UNSUPPORTED, "column %.*s: a dictionary of encoding %d",
                         STR_ARG(column->face->path), (int)head->encoding);
    size_t value_bytes = pq_value_bytes(column->face->type);
    if (!pq_room_take(scan, &dictionary->page, head->raw_bytes, 1, err) ||
        !pq_room_take(scan, &dictionary->values, head->entries,
                      value_bytes != 0 ? value_bytes : sizeof(struct str), err) ||
        !open_body(scan, column, head, dictionary->page.data, &body, err) ||
        !pq_plain_read(column, body, dictionary->values.data, head->entries, err)) {
        return false;
    }
    dictionary->count = head->entries;
    dictionary->there = true;
    return true;
}

/* ---- Levels -------------------------------------------------------------------------------------------- */

/* The runs of one kind of levels, off the front of a page. */
static bool take_levels(const struct pq_scan_column *column, const struct pq_page_head *head,
                        enum pq_encoding encoding, uint32_t bytes_v2, struct str *body, struct str *runs,
                        struct error *err)
{
    size_t skip = 0, len = bytes_v2;
    if (head->kind == PQ_DATA_PAGE) {
        if (encoding != PQ_RLE)
            return error_set(err, ERR_UNSUPPORTED, "column %.*s: levels of encoding %d",
                             STR_ARG(column->face->path), (int)encoding);
        if (body->len < 4)
            return pq_corrupt(column, err, "a page ends within its levels");
        skip = 4;
        len = pq_get32(body->data);
    }
    if (len > body->len - skip)
        return pq_corrupt(column, err, "a page ends within its levels");
    *runs = str_make(body->data + skip, len);
    *body = str_make(body->data + skip + len, body->len - skip - len);
    return true;
}

/* Levels of the page. all_there: every entry has its value; then `defs` is not filled. */
struct page_levels {
    const uint8_t *defs;
    const uint8_t *reps;
    bool all_there;
};

/* One run of the highest level for all entries: what most pages have. */
static bool is_all(struct str runs, uint8_t max, size_t entries)
{
    uint64_t head = 0;
    size_t at = 0;
    for (unsigned shift = 0; at < runs.len && shift < 35; shift += 7) {
        uint8_t byte = (uint8_t)runs.data[at++];
        head |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return (head & 1) == 0 && head >> 1 >= entries && at < runs.len && (uint8_t)runs.data[at] == max;
    }
    return false;
}

static bool read_levels(struct parquet_scan *scan, const struct pq_scan_column *column,
                        const struct pq_page_head *head, struct str *body, struct page_levels *levels,
                        struct error *err)
{
    const struct pq_leaf *leaf = column->leaf;
    struct str runs = STR_NONE;
    *levels = (struct page_levels){.all_there = true};
    if (leaf->max_rep != 0 || head->rep_bytes != 0) {
        if (!take_levels(column, head, head->rep_encoding, head->rep_bytes, body, &runs, err))
            return false;
        if (leaf->max_rep != 0) {
            if (!pq_room_take(scan, &scan->reps, head->entries, 1, err))
                return false;
            if (!pq_rle_decode_levels(runs, 1, leaf->max_rep, scan->reps.data, head->entries))
                return pq_corrupt(column, err, "repetition levels cannot be read");
            levels->reps = scan->reps.data;
        }
    }
    if (leaf->max_def != 0 || head->def_bytes != 0) {
        if (!take_levels(column, head, head->def_encoding, head->def_bytes, body, &runs, err))
            return false;
        levels->all_there = leaf->max_def == 0 || is_all(runs, leaf->max_def, head->entries);
        if (!levels->all_there) {
            if (!pq_room_take(scan, &scan->defs, head->entries, 1, err))
                return false;
            if (!pq_rle_decode_levels(runs, pq_bit_width(leaf->max_def), leaf->max_def, scan->defs.data,
                                      head->entries))
                return pq_corrupt(column, err, "definition levels cannot be read");
            levels->defs = scan->defs.data;
        }
    }
    return true;
}

/* ---- Windows ------------------------------------------------------------------------------------------- */

static size_t entry_bytes(const struct pq_scan_column *column)
{
    size_t bytes = pq_value_bytes(column->face->type);
    return bytes != 0 ? bytes : sizeof(struct str);
}

void pq_window_drop(struct parquet_scan *scan, struct pq_window *window)
{
    scan->used_bytes -= window->joined.used_bytes;
    arena_free(&window->joined);
}

bool pq_window_begin(struct parquet_scan *scan, struct pq_scan_column *column, uint64_t first_row,
                     uint64_t entries, uint64_t raw_bytes, struct error *err)
{
    struct pq_window *window = &column->window;
    pq_window_drop(scan, window);
    window->first_row = first_row;
    window->rows = 0;
    window->entries = 0;
    window->any_null = window->any_value = window->any_null_list = false;
    window->page_bytes = 0;
    window->room_entries = entries;
    bool packed = column->chunk->codec != PARQUET_UNCOMPRESSED;
    return (!packed || pq_room_take(scan, &window->page, raw_bytes, 1, err)) &&
           (column->leaf->max_def == 0 || pq_room_take(scan, &window->nulls, entries, 1, err)) &&
           (column->leaf->max_rep == 0 ||
            (pq_room_take(scan, &window->offsets, entries + 1, sizeof(uint32_t), err) &&
             pq_room_take(scan, &window->null_lists, entries, 1, err)));
}

/* Entries of a column without lists: a row each. Returns how many have a value. */
static size_t add_rows(struct pq_scan_column *column, const struct pq_page_head *head,
                       const struct page_levels *levels)
{
    struct pq_window *window = &column->window;
    uint8_t max = column->leaf->max_def;
    size_t values = head->entries;
    if (!levels->all_there) {
        assert(levels->defs != NULL);
        uint8_t *nulls = (uint8_t *)window->nulls.data + window->entries;
        values = 0;
        for (uint32_t i = 0; i < head->entries; i++) {
            nulls[i] = levels->defs[i] != max;
            values += levels->defs[i] == max;
        }
    } else if (max != 0) {
        memset((uint8_t *)window->nulls.data + window->entries, 0, head->entries);
    }
    window->rows += head->entries;
    window->entries += head->entries;
    return values;
}

/* Entries of lists: levels that tell of a null or empty list are none. False: the first level goes on with a
 * row that is not there. */
static bool add_lists(struct pq_scan_column *column, const struct pq_page_head *head,
                      const struct page_levels *levels, size_t *values)
{
    struct pq_window *window = &column->window;
    const struct pq_leaf *leaf = column->leaf;
    uint32_t *offsets = window->offsets.data;
    uint8_t *nulls = window->nulls.data;
    uint8_t *null_lists = window->null_lists.data;
    assert(levels->reps != NULL && (levels->all_there || levels->defs != NULL));
    for (uint32_t i = 0; i < head->entries; i++) {
        uint8_t def = levels->all_there ? leaf->max_def : levels->defs[i];
        if (levels->reps[i] == 0) {
            bool null_list = def + 1 < leaf->element_def;
            offsets[window->rows] = (uint32_t)window->entries;
            null_lists[window->rows++] = null_list;
            window->any_null_list |= null_list;
        } else if (window->rows == 0 || def < leaf->element_def) {
            return false;
        }
        if (def < leaf->element_def)
            continue;
        nulls[window->entries++] = def != leaf->max_def;
        *values += def == leaf->max_def;
    }
    offsets[window->rows] = (uint32_t)window->entries;
    return true;
}

/* Moves values from the front to where entries are not null; the others become 0 or empty. */
static void spread(void *values, size_t bytes, const uint8_t *nulls, size_t entries, size_t count)
{
    uint8_t *at = values;
    for (size_t i = entries; i-- > 0;) {
        if (nulls[i] != 0)
            memset(at + i * bytes, 0, bytes);
        else if (--count != i)
            memcpy(at + i * bytes, at + count * bytes, bytes);
        else
            return; /* all before have their place */
    }
}

/* Values for the entries from `first` on, which have been added. A column that is all null takes no room. */
static bool add_values(struct parquet_scan *scan, struct pq_scan_column *column, struct str body,
                       enum pq_encoding encoding, size_t first, size_t values, struct error *err)
{
    struct pq_window *window = &column->window;
    size_t entries = window->entries - first;
    size_t bytes = entry_bytes(column);
    assert(values <= entries);
    window->any_null |= values != entries;
    if (values != 0 && !window->any_value) {
        if (!pq_room_take(scan, &window->values, window->room_entries, bytes, err))
            return false;
        memset(window->values.data, 0, first * bytes);
        window->any_value = true;
    }
    if (!window->any_value)
        return true;
    uint8_t *out = (uint8_t *)window->values.data + first * bytes;
    if (values != 0 && !pq_values_read(scan, column, body, encoding, out, values, err))
        return false;
    if (values != entries)
        spread(out, bytes, (const uint8_t *)window->nulls.data + first, entries, values);
    return true;
}

bool pq_window_add(struct parquet_scan *scan, struct pq_scan_column *column, const struct pq_page_head *head,
                   struct error *err)
{
    struct pq_window *window = &column->window;
    struct str body = STR_NONE;
    struct page_levels levels = {0};
    bool packed = column->chunk->codec != PARQUET_UNCOMPRESSED;
    uint8_t *page = packed ? (uint8_t *)window->page.data + window->page_bytes : NULL;
    if (!open_body(scan, column, head, page, &body, err) ||
        !read_levels(scan, column, head, &body, &levels, err))
        return false;
    if (packed)
        window->page_bytes += head->raw_bytes;
    size_t first = window->entries;
    uint64_t first_row = window->rows;
    size_t values = 0;
    if (column->leaf->max_rep == 0)
        values = add_rows(column, head, &levels);
    else if (!add_lists(column, head, &levels, &values))
        return pq_corrupt(column, err, "levels contradict each other");
    if (head->rows >= 0 && (uint64_t)head->rows != window->rows - first_row)
        return pq_corrupt(column, err, "a page does not have the rows that its header says");
    return add_values(scan, column, body, head->encoding, first, values, err);
}

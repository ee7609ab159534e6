/* Values into pages, one by one or in vectors.
 *
 * A value goes straight to where its page is built, in the form in which it is written: numbers one after the
 * other, strings behind their length, repeated values as an index. Levels are noted only once they differ
 * within a page: a column that is never null, or always, takes no memory for them, and rows without a value
 * cost nothing: a column gets its null entries when its next value comes or its page ends (pq_fill). */
#include "table/parquet_write_internal.h"

#include <assert.h>
#include <inttypes.h>

/* ---- Levels -------------------------------------------------------------------------------------------- */

static void spell_out(struct pq_column *column)
{
    column->mixed = true;
    buf_reset(&column->defs);
    buf_reserve(&column->defs, column->entry_count + 64);
    memset(column->defs.data, column->uniform, column->entry_count);
    column->defs.len = column->entry_count;
    buf_reset(&column->reps);
    if (column->list != NULL) {
        buf_reserve(&column->reps, column->entry_count + 64);
        memset(column->reps.data, 0, column->entry_count);
        column->reps.len = column->entry_count;
    }
}

static void add_levels(struct pq_column *column, uint8_t def, size_t count)
{
    if (column->entry_count == 0)
        column->uniform = def;
    else if (!column->mixed && def != column->uniform)
        spell_out(column);
    if (column->mixed) {
        buf_reserve(&column->defs, count);
        memset(column->defs.data + column->defs.len, def, count);
        column->defs.len += count;
        if (column->list != NULL) {
            buf_reserve(&column->reps, count);
            memset(column->reps.data + column->reps.len, 0, count);
            column->reps.len += count;
        }
    }
    column->entry_count += count;
}

void pq_fill(struct parquet_writer *writer, struct pq_column *column, uint64_t rows)
{
    (void)writer;
    if (column->filled < rows) {
        add_levels(column, 0, rows - column->filled);
        column->filled = rows;
    }
}

/* ---- Entering a value ---------------------------------------------------------------------------------- */

/* An element of the list that the row has said. */
static bool enter_element(struct parquet_writer *writer, struct pq_column *column, uint8_t def)
{
    if (column->pending == 0)
        return pq_fail(writer, ERR_INVALID, "column %s has more values than the row's list has elements",
                       pq_column_name(column));
    if (column->first_of_row) {
        add_levels(column, def, 1);
    } else {
        if (!column->mixed) {
            if (column->entry_count == 0)
                column->uniform = def;
            spell_out(column);
        }
        buf_append_byte(&column->defs, def);
        buf_append_byte(&column->reps, 1);
        column->entry_count++;
    }
    column->first_of_row = false;
    writer->elements_due--;
    if (--column->pending == 0)
        column->filled = writer->group_rows + 1;
    return true;
}

static bool enter_slowly(struct parquet_writer *writer, struct pq_column *column)
{
    if (column->list != NULL)
        return enter_element(writer, column, column->max_def);
    if (column->filled > writer->group_rows)
        return pq_fail(writer, ERR_INVALID, "column %s has two values in one row", pq_column_name(column));
    pq_fill(writer, column, writer->group_rows);
    add_levels(column, column->max_def, 1);
    column->filled++;
    return true;
}

/* Notes that the column has a value in this row or element. NULL: it may not. */
static inline struct pq_column *enter(struct parquet_writer *writer, size_t index)
{
    assert(index < writer->column_count);
    struct pq_column *column = &writer->columns[index];
    if (column->list == NULL && column->filled == writer->group_rows && !column->mixed &&
        column->entry_count != 0 && column->uniform == column->max_def) {
        column->entry_count++;
        column->filled++;
    } else if (!enter_slowly(writer, column)) {
        return NULL;
    }
    if (column->required && column->list == NULL)
        writer->required_put++;
    column->value_count++;
    return column;
}

/* ---- Values -------------------------------------------------------------------------------------------- */

static inline uint64_t head_of(const uint8_t *value, size_t len)
{
    uint64_t head = 0;
    if (len >= sizeof head)
        memcpy(&head, value, sizeof head);
    else if (len != 0)
        memcpy(&head, value, len);
    return __builtin_bswap64(head);
}

/* Heads compare as the strings do where they differ. */
static inline void note_bounds(struct pq_column *column, uint32_t at, struct str value)
{
    uint64_t head = head_of((const uint8_t *)value.data, value.len);
    const char *page = (const char *)column->page.data;
    bool first = column->least_at == 0; /* values begin behind `head` */
    if (first || head < column->least_head ||
        (head == column->least_head &&
         str_compare(value, str_make(page + column->least_at, column->least_len)) < 0)) {
        column->least_at = at;
        column->least_len = (uint32_t)value.len;
        column->least_head = head;
    }
    if (first || head > column->most_head ||
        (head == column->most_head &&
         str_compare(value, str_make(page + column->most_at, column->most_len)) > 0)) {
        column->most_at = at;
        column->most_len = (uint32_t)value.len;
        column->most_head = head;
    }
}

void pq_leave_dictionary(struct pq_column *column)
{
    const struct pq_entry *entries = pq_dictionary_entries(&column->dictionary);
    const uint32_t *indexes = (const uint32_t *)(const void *)column->indexes.data;
    size_t count = column->indexes.len / sizeof *indexes;
    size_t prefix = column->is_string ? sizeof(uint32_t) : 0;
    buf_reserve(&column->page, column->plain_bytes);
    for (size_t i = 0; i < count; i++) {
        const struct pq_entry *entry = &entries[indexes[i]];
        const char *value = (const char *)column->dictionary.values.data + entry->at;
        size_t at = column->page.len + prefix;
        buf_append(&column->page, value - prefix, entry->len + prefix);
        if (column->is_string && !column->no_bounds)
            note_bounds(column, (uint32_t)at, str_make(value, entry->len));
    }
    buf_reset(&column->indexes);
    column->plain_bytes = 0;
    column->in_dictionary = false;
}

static bool put_in_dictionary(struct parquet_writer *writer, struct pq_column *column, struct str value)
{
    uint32_t index =
        pq_dictionary_add(&column->dictionary, value, column->is_string, writer->options.dictionary_bytes);
    if (index == PQ_NO_INDEX) {
        column->dictionary_on = false;
        pq_leave_dictionary(column);
        return false;
    }
    buf_append(&column->indexes, &index, sizeof index);
    column->plain_bytes += value.len + (column->is_string ? 4 : 0);
    return true;
}

static inline void put_number(struct parquet_writer *writer, size_t index, const void *value, size_t bytes)
{
    struct pq_column *column = enter(writer, index);
    if (column == NULL)
        return;
    assert(column->value_bytes == bytes);
    if (column->in_dictionary && put_in_dictionary(writer, column, str_make(value, bytes)))
        return;
    buf_reserve(&column->page, bytes);
    memcpy(column->page.data + column->page.len, value, bytes);
    column->page.len += bytes;
    writer->page_full |= column->page.len - column->head >= writer->options.page_bytes;
}

void parquet_put_boolean(struct parquet_writer *writer, size_t column, bool value)
{
    uint8_t byte = value;
    put_number(writer, column, &byte, sizeof byte);
}

void parquet_put_int(struct parquet_writer *writer, size_t column, int32_t value)
{
    put_number(writer, column, &value, sizeof value);
}

void parquet_put_long(struct parquet_writer *writer, size_t column, int64_t value)
{
    put_number(writer, column, &value, sizeof value);
}

void parquet_put_float(struct parquet_writer *writer, size_t column, float value)
{
    put_number(writer, column, &value, sizeof value);
}

void parquet_put_double(struct parquet_writer *writer, size_t column, double value)
{
    put_number(writer, column, &value, sizeof value);
}

void parquet_put_str(struct parquet_writer *writer, size_t index, struct str value)
{
    struct pq_column *column = enter(writer, index);
    if (column == NULL)
        return;
    assert(column->is_string);
    if (value.len > PARQUET_VALUE_BYTES) {
        pq_fail(writer, ERR_TOO_LARGE, "column %s: a value of %zu bytes is over the limit of %u",
                pq_column_name(column), value.len, PARQUET_VALUE_BYTES);
        return;
    }
    if (column->in_dictionary && put_in_dictionary(writer, column, value)) {
        writer->page_full |= column->plain_bytes >= writer->options.page_bytes;
        return;
    }
    struct buf *page = &column->page;
    uint32_t len = (uint32_t)value.len;
    buf_reserve(page, sizeof len + value.len);
    if (column->encoding == PARQUET_DELTA) {
        buf_append(&column->lengths, &len, sizeof len);
    } else {
        pq_put32(page->data + page->len, len);
        page->len += sizeof len;
    }
    uint32_t at = (uint32_t)page->len;
    if (value.len != 0)
        memcpy(page->data + page->len, value.data, value.len);
    page->len += value.len;
    if (!column->no_bounds)
        note_bounds(column, at, value);
    writer->page_full |= page->len - column->head >= writer->options.page_bytes;
}

/* ---- Lists and nulls ----------------------------------------------------------------------------------- */

void parquet_put_list(struct parquet_writer *writer, size_t index, uint32_t count)
{
    assert(index < writer->column_count && writer->columns[index].list != NULL);
    const struct pq_list *list = writer->columns[index].list;
    for (size_t i = list->first_column; i < list->first_column + list->column_count; i++) {
        struct pq_column *column = &writer->columns[i];
        if (column->filled > writer->group_rows || column->pending != 0) {
            pq_fail(writer, ERR_INVALID, "column %s has two lists in one row", pq_column_name(column));
            return;
        }
        pq_fill(writer, column, writer->group_rows);
        column->pending = count;
        column->first_of_row = true;
        if (count == 0) {
            add_levels(column, list->empty_level, 1);
            column->filled = writer->group_rows + 1;
        }
    }
    writer->elements_due += (uint64_t)count * list->column_count;
    writer->required_put += list->required;
}

void parquet_put_null(struct parquet_writer *writer, size_t index)
{
    assert(index < writer->column_count);
    struct pq_column *column = &writer->columns[index];
    if (column->required)
        pq_fail(writer, ERR_INVALID, "column %s may not be null", pq_column_name(column));
    else if (column->list != NULL)
        enter_element(writer, column, (uint8_t)(column->max_def - 1));
}

/* ---- Rows ---------------------------------------------------------------------------------------------- */

/* Which required column or list the row lacks. */
static bool fail_incomplete(struct parquet_writer *writer)
{
    for (size_t i = 0; i < writer->column_count; i++) {
        const struct pq_column *column = &writer->columns[i];
        if (column->pending != 0)
            return pq_fail(writer, ERR_INVALID, "column %s lacks %" PRIu32 " elements of the row's list",
                           pq_column_name(column), column->pending);
        bool needed = column->list != NULL ? column->list->required : column->required;
        if (needed && column->filled <= writer->group_rows)
            return pq_fail(writer, ERR_INVALID, "column %s is required and has no value",
                           pq_column_name(column));
    }
    return pq_fail(writer, ERR_INVALID, "a row with more values than columns");
}

bool parquet_end_row(struct parquet_writer *writer, struct error *err)
{
    if (!writer->failed && (writer->elements_due != 0 || writer->required_put != writer->required_count))
        fail_incomplete(writer);
    if (writer->failed)
        return pq_failed(writer, err);
    writer->required_put = 0;
    writer->group_rows++;
    writer->page_row_count++;
    if (writer->page_full || writer->page_row_count >= writer->options.page_rows ||
        writer->group_rows >= writer->options.row_group_rows)
        return pq_cut(writer) || pq_failed(writer, err);
    return true;
}

static void put_entry(struct parquet_writer *writer, size_t column, const struct parquet_vector *vector,
                      size_t i)
{
    switch (vector->type) {
    case TABLE_BOOLEAN: parquet_put_boolean(writer, column, vector->booleans[i] != 0); break;
    case TABLE_INT:
    case TABLE_DATE: parquet_put_int(writer, column, vector->ints[i]); break;
    case TABLE_LONG:
    case TABLE_TIMESTAMPTZ: parquet_put_long(writer, column, vector->longs[i]); break;
    case TABLE_FLOAT: parquet_put_float(writer, column, vector->floats[i]); break;
    case TABLE_DOUBLE: parquet_put_double(writer, column, vector->doubles[i]); break;
    default: parquet_put_str(writer, column, vector->strings[i]);
    }
}

static void put_row_of(struct parquet_writer *writer, size_t column, const struct parquet_vector *vector,
                       size_t row)
{
    const struct pq_list *list = writer->columns[column].list;
    if (list == NULL) {
        if (!parquet_is_null(vector, row))
            put_entry(writer, column, vector, row);
        return;
    }
    if (vector->offsets == NULL || (vector->null_lists != NULL && vector->null_lists[row] != 0))
        return;
    uint32_t from = vector->offsets[row];
    uint32_t to = vector->offsets[row + 1];
    if (column == list->first_column)
        parquet_put_list(writer, column, to - from);
    for (uint32_t i = from; i < to; i++) {
        if (parquet_is_null(vector, i))
            parquet_put_null(writer, column);
        else
            put_entry(writer, column, vector, i);
    }
}

bool parquet_write(struct parquet_writer *writer, const struct parquet_vector *vectors, size_t rows,
                   struct error *err)
{
    for (size_t i = 0; i < writer->column_count; i++) {
        const struct pq_column *column = &writer->columns[i];
        bool is_list = column->list != NULL;
        bool is_null = vectors[i].values == NULL && vectors[i].offsets == NULL;
        if (!is_null && (vectors[i].type != column->type || (vectors[i].offsets != NULL) != is_list ||
                         vectors[i].rows < rows))
            return error_set(err, ERR_INVALID, "the vector does not fit column %s", pq_column_name(column));
    }
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < writer->column_count; i++)
            put_row_of(writer, i, &vectors[i], row);
        if (!parquet_end_row(writer, err))
            return false;
    }
    return true;
}

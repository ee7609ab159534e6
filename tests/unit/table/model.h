/* Tables made from a seed, to be written, read back and compared: random schemas, random rows, files in
 * memory. */
#ifndef TESTS_TABLE_MODEL_H
#define TESTS_TABLE_MODEL_H

#include "table/parquet.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>

struct cell {
    bool null;
    uint8_t boolean;
    int64_t integer; /* of any width */
    double real;     /* of any width */
    struct str text;
};

struct entry { /* of a leaf in a row */
    bool null_list;
    uint32_t count; /* of cells: 1 outside of lists */
    struct cell *cells;
};

struct leaf {
    const struct table_field *field;
    const struct table_field *list; /* NULL: in none */
    bool first_of_list;
    unsigned flavour;      /* of its values */
    struct entry *entries; /* one for each row */
};

#define MODEL_LEAVES 32

struct model {
    struct arena arena;
    struct random random;
    struct table_schema schema;
    struct leaf leaves[MODEL_LEAVES];
    size_t leaf_count;
    size_t rows;
    int32_t next_id;
};

/* ---- Schemas ------------------------------------------------------------------------------------------- */

static inline bool model_odds(struct model *model, uint64_t one_in)
{
    return random_below(&model->random, one_in) == 0;
}

static inline enum table_type model_type(struct model *model)
{
    return (enum table_type)random_below(&model->random, TABLE_LIST);
}

static inline struct table_field model_leaf_field(struct model *model, enum table_type type, bool required)
{
    int32_t id = model->next_id++;
    return (struct table_field){.id = id,
                                .name = str_of(arena_printf(&model->arena, "f%d", (int)id)),
                                .type = type,
                                .required = required};
}

static inline struct table_field model_struct_field(struct model *model, size_t members)
{
    struct table_field field = model_leaf_field(model, TABLE_STRUCT, true);
    struct table_field *children = arena_zalloc(&model->arena, members * sizeof *children);
    for (size_t i = 0; i < members; i++)
        children[i] = model_leaf_field(model, model_type(model), model_odds(model, 2));
    field.children = children;
    field.child_count = members;
    return field;
}

static inline struct table_field model_list_field(struct model *model)
{
    struct table_field field = model_leaf_field(model, TABLE_LIST, model_odds(model, 3));
    struct table_field *element = arena_zalloc(&model->arena, sizeof *element);
    *element = model_odds(model, 2) ? model_struct_field(model, 1 + random_below(&model->random, 3))
                                    : model_leaf_field(model, model_type(model), model_odds(model, 2));
    field.children = element;
    field.child_count = 1;
    return field;
}

static inline void model_find_leaves(struct model *model, const struct table_field *field,
                                     const struct table_field *list, bool *first)
{
    if (field->type == TABLE_LIST) {
        bool fresh = true;
        model_find_leaves(model, &field->children[0], field, &fresh);
    } else if (field->type == TABLE_STRUCT) {
        for (size_t i = 0; i < field->child_count; i++)
            model_find_leaves(model, &field->children[i], list, first);
    } else {
        model->leaves[model->leaf_count++] =
            (struct leaf){.field = field,
                          .list = list,
                          .first_of_list = *first,
                          .flavour = (unsigned)random_below(&model->random, 6)};
        *first = false;
    }
}

/* ---- Rows ---------------------------------------------------------------------------------------------- */

static inline struct str model_text(struct model *model, enum table_type type, unsigned flavour, size_t row)
{
    static const char *const few[] = {
        "", "a", "temperature", "température", "топик/раз", "𝛑 and more than a few bytes"};
    static const char *const chars[] = {"a", "Z", "é", "€", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf", "\x7f"};
    if (flavour < 2)
        return str_of(few[random_below(&model->random, sizeof few / sizeof few[0])]);
    if (flavour == 2)
        return str_of(arena_printf(&model->arena, "device/%zu/%s", row % 1000, "status"));
    size_t len = random_below(&model->random, flavour == 5 ? 300 : 40);
    char *text = arena_alloc(&model->arena, 4 * len + 1);
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        const char *more = chars[random_below(&model->random, sizeof chars / sizeof chars[0])];
        if (type == TABLE_BINARY) {
            text[at++] = (char)(flavour == 4 ? 0xff : random_below(&model->random, 256));
        } else {
            memcpy(text + at, more, strlen(more));
            at += strlen(more);
        }
    }
    return str_make(text, at);
}

static inline int64_t model_integer(struct model *model, enum table_type type, unsigned flavour, size_t row)
{
    uint64_t wide = random_next(&model->random);
    int64_t value;
    switch (flavour) {
    case 0: value = (int64_t)row; break;
    case 1: value = (int64_t)(row * 1000 + wide % 777); break;
    case 2: value = (int64_t)(wide % 5); break;
    case 3: value = -(int64_t)row; break;
    case 4: value = wide % 3 == 0 ? INT64_MIN : wide % 3 == 1 ? INT64_MAX : 0; break;
    default: value = (int64_t)wide;
    }
    return type == TABLE_INT || type == TABLE_DATE ? (int32_t)value : value;
}

static inline double model_real(struct model *model, enum table_type type, unsigned flavour)
{
    static const double odd[] = {0.0, -0.0, INFINITY, -INFINITY, 1.5, -1e30};
    double value = (double)(int64_t)random_next(&model->random) / 1e12;
    if (flavour == 0)
        value = odd[random_below(&model->random, 6)];
    else if (flavour == 1)
        value = model_odds(model, 3) ? NAN : 20 + (double)random_below(&model->random, 100) / 10;
    else if (flavour == 2)
        value = NAN;
    return type == TABLE_FLOAT ? (float)value : value;
}

static inline struct cell model_cell(struct model *model, const struct leaf *leaf, size_t row)
{
    enum table_type type = leaf->field->type;
    /* Whole stretches of nulls or of values, and mixed ones. */
    bool stretch = row / 50 % 3 != 0 ? row / 50 % 3 == 1 : model_odds(model, 3);
    struct cell cell = {.null = !leaf->field->required && stretch};
    if (cell.null)
        return cell;
    if (type == TABLE_BOOLEAN)
        cell.boolean = leaf->flavour == 0 ? row / 20 % 2 : random_below(&model->random, 2);
    else if (type == TABLE_FLOAT || type == TABLE_DOUBLE)
        cell.real = model_real(model, type, leaf->flavour);
    else if (type == TABLE_STRING || type == TABLE_BINARY)
        cell.text = model_text(model, type, leaf->flavour, row);
    else
        cell.integer = model_integer(model, type, leaf->flavour, row);
    return cell;
}

static inline void model_fill(struct model *model, size_t rows)
{
    model->rows = rows;
    for (size_t i = 0; i < model->leaf_count; i++) {
        struct leaf *leaf = &model->leaves[i];
        leaf->entries = arena_zalloc(&model->arena, (rows + 1) * sizeof *leaf->entries);
        for (size_t row = 0; row < rows; row++) {
            struct entry *entry = &leaf->entries[row];
            if (leaf->list == NULL) {
                entry->count = 1;
            } else if (leaf->first_of_list) {
                entry->null_list = !leaf->list->required && (row / 30 % 2 == 0 || model_odds(model, 4));
                entry->count =
                    entry->null_list || model_odds(model, 3) ? 0 : 1 + random_below(&model->random, 4);
            } else {
                *entry = model->leaves[i - 1].entries[row];
            }
            entry->cells = arena_alloc(&model->arena, (entry->count + 1) * sizeof *entry->cells);
            for (uint32_t k = 0; k < entry->count; k++)
                entry->cells[k] = model_cell(model, leaf, row);
        }
    }
}

static inline void model_make(struct model *model, uint64_t seed, size_t rows)
{
    *model = (struct model){.next_id = 1};
    random_seed(&model->random, seed);
    size_t fields = 1 + random_below(&model->random, 7);
    struct table_field *all = arena_zalloc(&model->arena, fields * sizeof *all);
    for (size_t i = 0; i < fields; i++) {
        uint64_t kind = random_below(&model->random, 8);
        all[i] = kind == 0   ? model_list_field(model)
                 : kind == 1 ? model_struct_field(model, 2)
                             : model_leaf_field(model, model_type(model), model_odds(model, 2));
    }
    model->schema = (struct table_schema){.fields = all, .field_count = fields};
    for (size_t i = 0; i < fields; i++)
        model_find_leaves(model, &all[i], NULL, &(bool){true});
    model_fill(model, rows);
}

static inline void model_free(struct model *model)
{
    arena_free(&model->arena);
}

/* Options from the same seed; `columns` has room for MODEL_LEAVES. */
static inline struct parquet_write_options model_options(struct model *model,
                                                         struct parquet_column_options *columns)
{
    struct parquet_write_options options = {
        .codec = (enum parquet_codec)random_below(&model->random, PARQUET_LZ4_RAW + 1),
        .page_rows = 1 + (uint32_t)random_below(&model->random, 300),
        .page_bytes = 100 + (uint32_t)random_below(&model->random, 5000),
        .row_group_rows = 1 + (uint32_t)random_below(&model->random, 1000),
        .dictionary_bytes = 1 + (uint32_t)random_below(&model->random, 2000),
        .columns = columns,
        .column_count = model->leaf_count,
    };
    for (size_t i = 0; i < model->leaf_count; i++)
        columns[i] = (struct parquet_column_options){
            .id = model->leaves[i].field->id,
            .encoding = (enum parquet_encoding)random_below(&model->random, 3),
            .no_bounds = model_odds(model, 5)};
    return options;
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

static inline bool model_sink(void *arg, struct str bytes, struct error *err)
{
    (void)err;
    buf_append_str(arg, bytes);
    return true;
}

static inline void model_put(struct parquet_writer *writer, size_t column, enum table_type type,
                             const struct cell *cell)
{
    if (cell->null) {
        parquet_put_null(writer, column);
        return;
    }
    switch (type) {
    case TABLE_BOOLEAN: parquet_put_boolean(writer, column, cell->boolean != 0); break;
    case TABLE_INT:
    case TABLE_DATE: parquet_put_int(writer, column, (int32_t)cell->integer); break;
    case TABLE_LONG:
    case TABLE_TIMESTAMPTZ: parquet_put_long(writer, column, cell->integer); break;
    case TABLE_FLOAT: parquet_put_float(writer, column, (float)cell->real); break;
    case TABLE_DOUBLE: parquet_put_double(writer, column, cell->real); break;
    default: parquet_put_str(writer, column, cell->text);
    }
}

static inline bool model_put_row(const struct model *model, struct parquet_writer *writer, size_t row,
                                 struct error *err)
{
    for (size_t i = 0; i < model->leaf_count; i++) {
        const struct leaf *leaf = &model->leaves[i];
        const struct entry *entry = &leaf->entries[row];
        if (leaf->list != NULL && leaf->first_of_list && !entry->null_list)
            parquet_put_list(writer, i, entry->count);
        for (uint32_t k = 0; k < entry->count; k++)
            model_put(writer, i, leaf->field->type, &entry->cells[k]);
    }
    return parquet_end_row(writer, err);
}

/* The whole file into `out`. */
static inline bool model_write(const struct model *model, const struct parquet_write_options *options,
                               struct buf *out, struct error *err)
{
    struct parquet_writer *writer = parquet_writer_open(&model->schema, options, model_sink, out, err);
    bool ok = writer != NULL;
    for (size_t row = 0; ok && row < model->rows; row++)
        ok = model_put_row(model, writer, row, err);
    struct parquet_summary summary;
    ok = ok && parquet_writer_finish(writer, &summary, err);
    parquet_writer_close(writer);
    return ok;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

/* Whether the entry of a vector is the cell; reals by their bits, NaN by being one. */
static inline bool model_same(const struct parquet_vector *vector, size_t at, const struct cell *cell)
{
    if (parquet_is_null(vector, at) || cell->null)
        return parquet_is_null(vector, at) == cell->null;
    double real;
    switch (vector->type) {
    case TABLE_BOOLEAN: return vector->booleans[at] == cell->boolean;
    case TABLE_INT:
    case TABLE_DATE: return vector->ints[at] == cell->integer;
    case TABLE_LONG:
    case TABLE_TIMESTAMPTZ: return vector->longs[at] == cell->integer;
    case TABLE_FLOAT:
    case TABLE_DOUBLE:
        real = vector->type == TABLE_FLOAT ? vector->floats[at] : vector->doubles[at];
        return (isnan(real) && isnan(cell->real)) || memcmp(&real, &cell->real, sizeof real) == 0;
    default: return str_equal(vector->strings[at], cell->text);
    }
}

/* Whether row `at` of a vector is the entry. */
static inline bool model_same_entry(const struct parquet_vector *vector, size_t at, const struct leaf *leaf,
                                    const struct entry *entry)
{
    if (vector->type != leaf->field->type)
        return false;
    if (leaf->list == NULL)
        return model_same(vector, at, &entry->cells[0]);
    bool null_list = vector->offsets == NULL || (vector->null_lists != NULL && vector->null_lists[at] != 0);
    if (null_list != entry->null_list || null_list)
        return null_list == entry->null_list;
    if (vector->offsets[at + 1] - vector->offsets[at] != entry->count)
        return false;
    for (uint32_t k = 0; k < entry->count; k++) {
        if (!model_same(vector, vector->offsets[at] + k, &entry->cells[k]))
            return false;
    }
    return true;
}

#endif

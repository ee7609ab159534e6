/* Columns with types, and rows in them: a Parquet file. See columns.h for what becomes of a value. */
#include "sink/columns.h"

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "base/mem.h"
#include "sql/json.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

#define TEXT_BYTES_MAX ((size_t)64 << 20)
#define EXACT          ((sql_int128)1 << 53)
#define WHOLE_NUMBERS  (SEEN_INT | SEEN_LONG | SEEN_BIG)

struct sheet_column {
    struct str name;
    enum table_type type;
    int64_t per_unit; /* of an integer in a timestamp: microseconds */
    size_t column;    /* the writer's */
};

/* ---- Types ----------------------------------------------------------------------------------------------- */

static enum table_type inferred_type(unsigned seen)
{
    if ((seen & SEEN_BYTES) != 0)
        return TABLE_BINARY;
    if (seen == SEEN_BOOL)
        return TABLE_BOOLEAN;
    if ((seen & ~(unsigned)WHOLE_NUMBERS) == 0)
        return TABLE_LONG;
    if ((seen & ~(unsigned)(SEEN_INT | SEEN_LONG | SEEN_FLOAT | SEEN_WHOLE)) == 0)
        return TABLE_DOUBLE;
    return TABLE_STRING;
}

static enum table_type type_of(const struct shape_column *column)
{
    switch (column->kind) {
    case COLUMN_BOOLEAN: return TABLE_BOOLEAN;
    case COLUMN_LONG: return TABLE_LONG;
    case COLUMN_DOUBLE: return TABLE_DOUBLE;
    case COLUMN_STRING: return TABLE_STRING;
    case COLUMN_BINARY: return TABLE_BINARY;
    case COLUMN_TIMESTAMP:
    case COLUMN_TIMESTAMP_US: return TABLE_TIMESTAMPTZ;
    case COLUMN_INFERRED: break;
    }
    return inferred_type(column->seen);
}

/* Whether all that was seen certainly fits. */
static bool fits(enum table_type type, unsigned seen)
{
    switch (type) {
    case TABLE_BOOLEAN: return seen == SEEN_BOOL;
    case TABLE_INT: return (seen & ~(unsigned)SEEN_INT) == 0;
    case TABLE_LONG: return (seen & ~(unsigned)(WHOLE_NUMBERS | SEEN_WHOLE)) == 0;
    case TABLE_DOUBLE: return (seen & ~(unsigned)(SEEN_INT | SEEN_LONG | SEEN_FLOAT | SEEN_WHOLE)) == 0;
    case TABLE_STRING: return (seen & SEEN_BYTES) == 0;
    case TABLE_BINARY: return true;
    default: return false;
    }
}

/* The type that a table's column gets: its own, or what Iceberg lets it become. */
static enum table_type widened(enum table_type type, unsigned seen)
{
    if (type == TABLE_INT && (seen & (SEEN_LONG | SEEN_BIG)) != 0)
        return TABLE_LONG;
    return type == TABLE_FLOAT ? TABLE_DOUBLE : type;
}

static bool can_be_written(enum table_type type)
{
    return type != TABLE_FLOAT && type != TABLE_DATE && type != TABLE_LIST && type != TABLE_STRUCT;
}

/* ---- Planning -------------------------------------------------------------------------------------------- */

static bool has_name(const void *item, const void *key)
{
    return str_equal(*(const struct str *)key, ((const struct sheet_column *)item)->name);
}

static void add_column(struct sheet *sheet, struct table_field *fields, const struct table_field *field,
                       enum column_kind kind)
{
    struct sheet_column *column = &sheet->lookup[sheet->column_count];
    fields[sheet->column_count++] = *field;
    *column = (struct sheet_column){
        .name = field->name,
        .type = field->type,
        .per_unit = kind == COLUMN_TIMESTAMP_US ? 1 : 1000,
    };
    if (!str_equal(field->name, REST_COLUMN))
        map_insert(&sheet->by_name, hash_bytes(field->name.data, field->name.len), column);
}

static struct table_field field_of(struct sheet *sheet, const struct shape_column *column)
{
    return (struct table_field){.name = arena_str(&sheet->arena, str_of(column->name)),
                                .type = type_of(column)};
}

static const struct table_field rest_field = {.name = {"_rest", 5}, .type = TABLE_STRING};

/* A column that nothing is in is not written, but a file has one at least. */
void sheet_plan(struct sheet *sheet, const struct shape *shape)
{
    struct table_field *fields = arena_zalloc(&sheet->arena, (shape->count + 1) * sizeof(*fields));
    sheet->lookup = arena_zalloc(&sheet->arena, (shape->count + 1) * sizeof(*sheet->lookup));
    sheet->has_rest = shape->overflows;
    for (size_t i = 0; i < shape->count; i++) {
        const struct shape_column *column = shape->columns[i];
        if (column->seen == 0 && column->kind == COLUMN_INFERRED)
            continue;
        struct table_field field = field_of(sheet, column);
        field.id = (int32_t)sheet->column_count + 1;
        sheet->has_rest |= column->seen != 0 && !fits(field.type, column->seen);
        add_column(sheet, fields, &field, column->kind);
    }
    sheet->has_rest |= sheet->column_count == 0;
    if (sheet->has_rest) {
        struct table_field field = rest_field;
        sheet->rest = sheet->column_count;
        field.id = (int32_t)sheet->column_count + 1;
        add_column(sheet, fields, &field, COLUMN_STRING);
    }
    sheet->schema = (struct table_schema){.fields = fields, .field_count = sheet->column_count};
}

static const struct table_field *field_named(const struct table_schema *schema, struct str name)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        if (str_equal(schema->fields[i].name, name))
            return &schema->fields[i];
    }
    return NULL;
}

/* Whether the table takes the column as it is wanted: it may have one of this name whose type is not known here. */
static bool takes(const struct iceberg_table *table, const struct table_field *field)
{
    struct error ignored;
    struct arena arena = {0};
    struct table_schema out;
    bool ok = iceberg_schema_evolve(table, field, 1, &arena, &out, &ignored);
    arena_free(&arena);
    return ok;
}

/* What the rows want of the table. Returns how many. */
static size_t wanted_fields(struct sheet *sheet, const struct shape *shape, const struct iceberg_table *table,
                            struct table_field *wanted, enum column_kind *kinds)
{
    size_t count = 0;
    for (size_t i = 0; i < shape->count; i++) {
        const struct shape_column *column = shape->columns[i];
        struct table_field field = field_of(sheet, column);
        const struct table_field *known =
            table != NULL ? field_named(&table->schema->schema, field.name) : NULL;
        if (column->seen == 0 && (column->kind == COLUMN_INFERRED || known != NULL))
            continue;
        if (known != NULL)
            field.type = widened(known->type, column->seen);
        if (!can_be_written(field.type) || (table != NULL && !takes(table, &field))) {
            sheet->has_rest = true;
            continue;
        }
        sheet->has_rest |= column->seen != 0 && !fits(field.type, column->seen);
        kinds[count] = column->kind;
        wanted[count++] = field;
    }
    if (sheet->has_rest) {
        kinds[count] = COLUMN_STRING;
        wanted[count++] = rest_field;
    }
    return count;
}

/* Of a table that is still to be made: it has these columns. */
static void number_fields(struct sheet *sheet, struct table_field *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wanted[i].id = (int32_t)i + 1;
    sheet->table = (struct table_schema){.fields = wanted, .field_count = count};
}

bool sheet_plan_in(struct sheet *sheet, const struct shape *shape, const struct iceberg_table *table,
                   struct error *err)
{
    struct arena *arena = &sheet->arena;
    struct table_field *wanted = arena_zalloc(arena, (shape->count + 1) * sizeof(*wanted)),
                       *fields = arena_zalloc(arena, (shape->count + 1) * sizeof(*fields));
    enum column_kind *kinds = arena_zalloc(arena, (shape->count + 1) * sizeof(*kinds));
    sheet->lookup = arena_zalloc(arena, (shape->count + 1) * sizeof(*sheet->lookup));
    sheet->has_rest = shape->overflows;
    size_t count = wanted_fields(sheet, shape, table, wanted, kinds);
    if (count == 0) { /* a file has a column at least */
        sheet->has_rest = true;
        kinds[count] = COLUMN_STRING;
        wanted[count++] = rest_field;
    }
    if (table == NULL)
        number_fields(sheet, wanted, count);
    else if (!iceberg_schema_evolve(table, wanted, count, arena, &sheet->table, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct table_field field = *field_named(&sheet->table, wanted[i].name);
        field.name = wanted[i].name; /* the other one may be the table's */
        field.doc = STR_NONE;
        sheet->rest = sheet->column_count;
        add_column(sheet, fields, &field, kinds[i]);
    }
    sheet->schema =
        (struct table_schema){.id = sheet->table.id, .fields = fields, .field_count = sheet->column_count};
    return true;
}

bool sheet_equal(const struct sheet *a, const struct sheet *b)
{
    return a->has_rest == b->has_rest && iceberg_schema_equal(&a->schema, &b->schema);
}

/* ---- The file -------------------------------------------------------------------------------------------- */

static bool write_bytes(void *arg, struct str bytes, struct error *err)
{
    struct sheet *sheet = arg;
    sheet->crc = crc32c(sheet->crc, bytes.data, bytes.len);
    while (bytes.len > 0) {
        ssize_t done = write(sheet->fd, bytes.data, bytes.len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_errno(err, errno, "write to the file that becomes an object");
        bytes = str_make(bytes.data + done, bytes.len - (size_t)done);
    }
    return true;
}

bool sheet_open(struct sheet *sheet, const struct sheet_format *format, int fd, struct error *err)
{
    struct parquet_column_options *columns = mem_zalloc(sheet->column_count * sizeof(*columns));
    for (size_t i = 0; i < sheet->column_count; i++)
        columns[i] =
            (struct parquet_column_options){.id = sheet->schema.fields[i].id, .encoding = PARQUET_DICTIONARY};
    const struct parquet_write_options options = {
        .codec = format->codec,
        .row_group_bytes = format->row_group_bytes,
        .columns = columns,
        .column_count = sheet->column_count,
    };
    sheet->fd = fd;
    sheet->crc = 0;
    sheet->rest_values = 0;
    if (lseek(fd, 0, SEEK_SET) < 0 || ftruncate(fd, 0) != 0) {
        error_errno(err, errno, "empty the file that becomes an object");
    } else {
        sheet->writer = parquet_writer_open(&sheet->schema, &options, write_bytes, sheet, err);
    }
    mem_free(columns);
    for (size_t i = 0; sheet->writer != NULL && i < sheet->column_count; i++)
        sheet->lookup[i].column = parquet_writer_column(sheet->writer, sheet->schema.fields[i].id);
    return sheet->writer != NULL;
}

bool sheet_finish(struct sheet *sheet, struct parquet_summary *out, struct error *err)
{
    return parquet_writer_finish(sheet->writer, out, err);
}

void sheet_free(struct sheet *sheet)
{
    parquet_writer_close(sheet->writer);
    map_free(&sheet->by_name);
    buf_free(&sheet->text);
    arena_free(&sheet->arena);
    *sheet = (struct sheet){0};
}

/* ---- Values ---------------------------------------------------------------------------------------------- */

/* What a value has become. */
enum put { PUT_DONE, PUT_MISFIT, PUT_FAILED };

static bool as_integer(const struct sql_value *value, sql_int128 *out)
{
    if (sql_is(value, SQL_INT)) {
        *out = sql_int_of(value);
        return true;
    }
    if (!sql_is(value, SQL_FLOAT) || !(fabs(value->number) <= (double)EXACT) ||
        floor(value->number) != value->number || (value->number == 0 && signbit(value->number)))
        return false;
    *out = (sql_int128)value->number;
    return true;
}

static bool as_double(const struct sql_value *value, double *out)
{
    if (sql_is(value, SQL_FLOAT)) {
        *out = value->number;
        return true;
    }
    if (!sql_is(value, SQL_INT) || sql_int_of(value) < -EXACT || sql_int_of(value) > EXACT)
        return false;
    *out = (double)sql_int_of(value);
    return true;
}

/* Digits behind the milliseconds, which clock_parse() cuts. False: finer than microseconds. */
static bool add_micros(struct str text, int64_t *us)
{
    size_t at = 0;
    while (at < text.len && text.data[at] != '.')
        at++;
    for (unsigned digit = 0; ++at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; digit++) {
        static const int64_t weight[] = {0, 0, 0, 100, 10, 1};
        if (digit >= 6 && text.data[at] != '0')
            return false;
        *us += digit < 6 ? weight[digit] * (text.data[at] - '0') : 0;
    }
    return true;
}

static bool as_time(const struct sql_value *value, int64_t per_unit, int64_t *us)
{
    int64_t ms, number;
    if (sql_is(value, SQL_STRING)) {
        struct str text = sql_str_of(value);
        if (str_to_i64(text, &number, NULL) || !clock_parse(text, &ms, NULL))
            return false;
        *us = ms * 1000;
        return add_micros(text, us);
    }
    sql_int128 integer;
    if (!as_integer(value, &integer) || integer > INT64_MAX / per_unit || integer < INT64_MIN / per_unit)
        return false;
    *us = (int64_t)integer * per_unit;
    return true;
}

static enum put put_string(struct sheet *sheet, const struct sheet_column *column,
                           const struct sql_value *value, struct error *err)
{
    struct str text = sql_is(value, SQL_STRING) ? sql_str_of(value) : STR_NONE;
    if (!sql_is(value, SQL_STRING)) {
        buf_reset(&sheet->text);
        if (!sql_json_append(&sheet->text, value, TEXT_BYTES_MAX, err))
            return PUT_FAILED;
        text = buf_str(&sheet->text);
    } else if (column->type == TABLE_STRING && !utf8_valid(text.data, text.len)) {
        return PUT_MISFIT;
    }
    parquet_put_str(sheet->writer, column->column, text);
    return PUT_DONE;
}

static enum put put_value(struct sheet *sheet, const struct sheet_column *column,
                          const struct sql_value *value, struct error *err)
{
    sql_int128 integer;
    double number;
    int64_t us;
    switch (column->type) {
    case TABLE_BOOLEAN:
        if (!sql_is(value, SQL_BOOL))
            return PUT_MISFIT;
        parquet_put_boolean(sheet->writer, column->column, value->boolean);
        return PUT_DONE;
    case TABLE_INT:
        if (!as_integer(value, &integer) || integer < INT32_MIN || integer > INT32_MAX)
            return PUT_MISFIT;
        parquet_put_int(sheet->writer, column->column, (int32_t)integer);
        return PUT_DONE;
    case TABLE_LONG:
        if (!as_integer(value, &integer) || integer < INT64_MIN || integer > INT64_MAX)
            return PUT_MISFIT;
        parquet_put_long(sheet->writer, column->column, (int64_t)integer);
        return PUT_DONE;
    case TABLE_DOUBLE:
        if (!as_double(value, &number))
            return PUT_MISFIT;
        parquet_put_double(sheet->writer, column->column, number);
        return PUT_DONE;
    case TABLE_TIMESTAMPTZ:
        if (!as_time(value, column->per_unit, &us))
            return PUT_MISFIT;
        parquet_put_long(sheet->writer, column->column, us);
        return PUT_DONE;
    case TABLE_STRING:
    case TABLE_BINARY: return put_string(sheet, column, value, err);
    default: return PUT_MISFIT;
    }
}

/* ---- The rest -------------------------------------------------------------------------------------------- */

/* Bytes that JSON cannot hold: {"$hex": "00ff"}. */
static bool printable(struct sql_scope *scope, const struct sql_value *value, struct sql_value *out,
                      struct error *err)
{
    static const char digits[] = "0123456789abcdef";
    *out = *value;
    if (!sql_is(value, SQL_STRING) || utf8_valid(value->text, value->len))
        return true;
    struct sql_map_builder builder = sql_map_begin(scope);
    char *hex = sql_alloc(scope, 2 * (size_t)value->len, err);
    if (hex == NULL)
        return false;
    for (size_t i = 0; i < value->len; i++) {
        hex[2 * i] = digits[(uint8_t)value->text[i] >> 4];
        hex[2 * i + 1] = digits[(uint8_t)value->text[i] & 15];
    }
    if (!sql_map_put(&builder, STR("$hex"), sql_string(str_make(hex, 2 * (size_t)value->len)), err))
        return false;
    *out = sql_map_end(&builder);
    return true;
}

static bool add_rest(struct sheet *sheet, struct sql_map_builder *rest, const struct sql_entry *entry,
                     struct sql_scope *scope, struct error *err)
{
    struct sql_value value;
    sheet->rest_values++;
    return printable(scope, &entry->value, &value, err) && sql_map_put(rest, sql_key_of(entry), value, err);
}

static bool put_rest(struct sheet *sheet, struct sql_map_builder *builder, struct error *err)
{
    struct sql_value rest = sql_map_end(builder);
    buf_reset(&sheet->text);
    if (!sql_json_append(&sheet->text, &rest, TEXT_BYTES_MAX, err))
        return false;
    parquet_put_str(sheet->writer, sheet->lookup[sheet->rest].column, buf_str(&sheet->text));
    return true;
}

bool sheet_add(struct sheet *sheet, const struct sql_value *row, struct sql_scope *scope, struct error *err)
{
    struct sql_map_builder rest = sql_map_begin(scope);
    uint64_t before = sheet->rest_values;
    for (uint32_t i = 0; i < row->len; i++) {
        const struct sql_entry *entry = sql_map_at(row, i);
        struct str name = sql_key_of(entry);
        if (sql_is(&entry->value, SQL_NULL) || sql_is(&entry->value, SQL_UNDEFINED))
            continue;
        const struct sheet_column *column =
            i < sheet->column_count && str_equal(name, sheet->lookup[i].name) && !str_equal(name, REST_COLUMN)
                ? &sheet->lookup[i]
                : map_find(&sheet->by_name, hash_bytes(name.data, name.len), has_name, &name);
        enum put put = column != NULL ? put_value(sheet, column, &entry->value, err) : PUT_MISFIT;
        if (put == PUT_FAILED || (put == PUT_MISFIT && !add_rest(sheet, &rest, entry, scope, err)))
            return false;
    }
    if (sheet->rest_values != before && !put_rest(sheet, &rest, err))
        return false;
    return parquet_end_row(sheet->writer, err);
}

/* Which columns rows have, and of what kinds their values are: a set of bits for each column, so that the order of rows does
 * not matter. And which columns a user has declared. */
#include "sink/columns.h"

#include "base/hash.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

#define EXACT ((sql_int128)1 << 53) /* a double holds all integers up to it */

/* ---- Declared -------------------------------------------------------------------------------------------- */

static const char *const kind_names[] = {"boolean", "long",      "double",       "string",
                                         "binary",  "timestamp", "timestamp_us", NULL};

static bool name_is_column(struct str name)
{
    return name.len > 0 && name.len <= COLUMN_NAME_BYTES && utf8_valid(name.data, name.len) &&
           memchr(name.data, '\0', name.len) == NULL && !str_equal(name, REST_COLUMN);
}

static bool declare(struct declared_columns *out, const char *name, enum column_kind kind, struct error *err)
{
    if (!name_is_column(str_of(name)))
        return error_set(err, ERR_INVALID, "%s: expected a name of 1 to %d bytes, and not %.*s", name,
                         COLUMN_NAME_BYTES, STR_ARG(REST_COLUMN));
    if (out->count == COLUMNS_MAX)
        return error_set(err, ERR_INVALID, "expected at most %d columns", COLUMNS_MAX);
    for (size_t i = 0; i < out->count; i++) {
        if (strcmp(out->columns[i].name, name) == 0)
            return error_set(err, ERR_INVALID, "%s: is declared twice", name);
    }
    out->columns = mem_realloc(out->columns, (out->count + 1) * sizeof(*out->columns));
    out->columns[out->count++] = (struct declared_column){mem_strdup(name), kind};
    return true;
}

bool declared_read(const json_t *map, struct declared_columns *out, struct error *err)
{
    const char *name;
    json_t *type;
    json_object_foreach((json_t *)map, name, type)
    {
        unsigned kind = 0;
        const char *text = json_is_string(type) ? json_string_value(type) : "";
        while (kind_names[kind] != NULL && strcmp(kind_names[kind], text) != 0)
            kind++;
        if (kind_names[kind] == NULL) {
            return error_set(err, ERR_INVALID,
                             "%s: expected boolean, long, double, string, binary, timestamp or timestamp_us",
                             name);
        }
        if (!declare(out, name, (enum column_kind)kind, err))
            return false;
    }
    return true;
}

/* "string", {"type": "long", "logicalType": "timestamp-millis"}, ["null", …]. COLUMN_INFERRED: none that is known. */
static enum column_kind avro_kind(const json_t *type, unsigned depth)
{
    static const struct {
        const char *name;
        enum column_kind kind;
    } names[] = {{"boolean", COLUMN_BOOLEAN}, {"int", COLUMN_LONG},      {"long", COLUMN_LONG},
                 {"float", COLUMN_DOUBLE},    {"double", COLUMN_DOUBLE}, {"bytes", COLUMN_BINARY},
                 {"string", COLUMN_STRING},   {"enum", COLUMN_STRING},   {"array", COLUMN_STRING},
                 {"map", COLUMN_STRING},      {"record", COLUMN_STRING}};
    if (depth > 8)
        return COLUMN_INFERRED;
    if (json_is_object(type)) {
        const char *logical = json_string_value(json_object_get(type, "logicalType"));
        if (logical != NULL && strcmp(logical, "timestamp-millis") == 0)
            return COLUMN_TIMESTAMP;
        if (logical != NULL && strcmp(logical, "timestamp-micros") == 0)
            return COLUMN_TIMESTAMP_US;
        return avro_kind(json_object_get(type, "type"), depth + 1);
    }
    if (json_is_array(type)) {
        enum column_kind found = COLUMN_INFERRED;
        for (size_t i = 0; i < json_array_size(type); i++) {
            const json_t *one = json_array_get(type, i);
            if (json_is_string(one) && strcmp(json_string_value(one), "null") == 0)
                continue;
            if (found != COLUMN_INFERRED)
                return COLUMN_INFERRED;
            found = avro_kind(one, depth + 1);
        }
        return found;
    }
    for (size_t i = 0; json_is_string(type) && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(json_string_value(type), names[i].name) == 0)
            return names[i].kind;
    }
    return COLUMN_INFERRED;
}

bool declared_read_avro(struct str text, struct declared_columns *out, struct error *err)
{
    json_error_t why;
    json_t *root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &why);
    const json_t *fields = json_object_get(root, "fields");
    bool ok = json_is_array(fields) ||
              error_set(err, ERR_INVALID,
                        "expected an Avro record as JSON: {\"type\": \"record\", \"fields\": […]}");
    for (size_t i = 0; ok && i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        const char *name = json_string_value(json_object_get(field, "name"));
        enum column_kind kind = avro_kind(json_object_get(field, "type"), 0);
        if (name == NULL)
            ok = error_set(err, ERR_INVALID, "field %zu has no name", i);
        else if (kind == COLUMN_INFERRED)
            ok = error_set(err, ERR_INVALID, "%s: is of a type that cannot be a column", name);
        else
            ok = declare(out, name, kind, err);
    }
    json_decref(root);
    return ok;
}

void declared_free(struct declared_columns *declared)
{
    for (size_t i = 0; i < declared->count; i++)
        mem_free(declared->columns[i].name);
    mem_free(declared->columns);
    *declared = (struct declared_columns){0};
}

/* ---- Seen ------------------------------------------------------------------------------------------------ */

static bool has_name(const void *item, const void *key)
{
    return str_is(*(const struct str *)key, ((const struct shape_column *)item)->name);
}

static struct shape_column *add_column(struct shape *shape, struct str name, enum column_kind kind)
{
    struct shape_column *column = mem_zalloc(sizeof(*column));
    column->name = str_dup(name);
    column->kind = kind;
    if ((shape->count & (shape->count - 1)) == 0)
        shape->columns =
            mem_realloc(shape->columns, (shape->count > 0 ? 2 * shape->count : 1) * sizeof(*shape->columns));
    shape->columns[shape->count++] = column;
    map_insert(&shape->by_name, hash_bytes(name.data, name.len), column);
    return column;
}

struct shape *shape_new(const struct declared_columns *declared)
{
    struct shape *shape = mem_zalloc(sizeof(*shape));
    for (size_t i = 0; i < declared->count; i++)
        add_column(shape, str_of(declared->columns[i].name), declared->columns[i].kind);
    return shape;
}

void shape_free(struct shape *shape)
{
    if (shape == NULL)
        return;
    for (size_t i = 0; i < shape->count; i++) {
        mem_free(shape->columns[i]->name);
        mem_free(shape->columns[i]);
    }
    mem_free(shape->columns);
    map_free(&shape->by_name);
    mem_free(shape);
}

static unsigned int_seen(sql_int128 number)
{
    if (number >= INT32_MIN && number <= INT32_MAX)
        return SEEN_INT;
    if (number >= -EXACT && number <= EXACT)
        return SEEN_LONG;
    return number >= INT64_MIN && number <= INT64_MAX ? SEEN_BIG : SEEN_WIDE;
}

static unsigned seen_of(const struct sql_value *value)
{
    switch ((enum sql_type)value->type) {
    case SQL_UNDEFINED:
    case SQL_NULL: return 0;
    case SQL_BOOL: return SEEN_BOOL;
    case SQL_INT: return int_seen(sql_int_of(value));
    case SQL_FLOAT:
        return fabs(value->number) <= (double)EXACT && floor(value->number) == value->number &&
                       !(value->number == 0 && signbit(value->number))
                   ? SEEN_WHOLE
                   : SEEN_FLOAT;
    case SQL_STRING: return utf8_valid(value->text, value->len) ? SEEN_TEXT : SEEN_BYTES;
    case SQL_LIST:
    case SQL_MAP: return SEEN_TREE;
    }
    return SEEN_TREE;
}

/* Rows mostly have their keys in one order: so the column at the same place is looked at first. */
void shape_add(struct shape *shape, const struct sql_value *row)
{
    for (uint32_t i = 0; i < row->len; i++) {
        const struct sql_entry *entry = sql_map_at(row, i);
        struct str name = sql_key_of(entry);
        unsigned seen = seen_of(&entry->value);
        if (seen == 0)
            continue;
        struct shape_column *column =
            i < shape->count && str_is(name, shape->columns[i]->name)
                ? shape->columns[i]
                : map_find(&shape->by_name, hash_bytes(name.data, name.len), has_name, &name);
        if (column == NULL && (shape->count >= COLUMNS_MAX || !name_is_column(name)))
            shape->overflows = true;
        else if (column == NULL)
            column = add_column(shape, name, COLUMN_INFERRED);
        if (column != NULL)
            column->seen |= seen;
    }
}

/* The columns of a schema.
 *
 * A value's place is told by two levels: the definition level says how much of its path is there, the
 * repetition level is 0 where a row begins and 1 for a further element of its list. What is written has one
 * of these shapes:
 *
 *     value                        levels: 0 null (if optional), else the value
 *     structure.value              the same; the structure is required
 *     list of value                0 null list (if optional), then empty list, null element (if optional), the value
 *     list of structure.value      the same; the structure is required, its members may be null */
#include "table/parquet_write_internal.h"

#define PATH_MAX_PARTS 16

struct walk {
    struct arena *arena;
    struct pq_column *columns; /* NULL: they are only counted */
    size_t count;
    struct str path[PATH_MAX_PARTS];
    size_t depth;
    struct pq_list *list;
    uint8_t def;
    struct error *err;
};

enum pq_physical pq_physical_of(enum table_type type)
{
    switch (type) {
    case TABLE_BOOLEAN: return PQ_BOOLEAN;
    case TABLE_INT:
    case TABLE_DATE: return PQ_INT32;
    case TABLE_LONG:
    case TABLE_TIMESTAMPTZ: return PQ_INT64;
    case TABLE_FLOAT: return PQ_FLOAT;
    case TABLE_DOUBLE: return PQ_DOUBLE;
    default: return PQ_BYTE_ARRAY;
    }
}

static bool unsupported(struct walk *walk, const struct table_field *field, const char *what)
{
    return error_set(walk->err, ERR_UNSUPPORTED, "field %.*s: %s", STR_ARG(field->name), what);
}

static bool visit(struct walk *walk, const struct table_field *field);

static bool visit_leaf(struct walk *walk, const struct table_field *field)
{
    if (walk->columns != NULL) {
        struct pq_column *column = &walk->columns[walk->count];
        struct str *path = arena_alloc(walk->arena, walk->depth * sizeof *path);
        memcpy(path, walk->path, walk->depth * sizeof *path);
        *column = (struct pq_column){
            .id = field->id,
            .type = field->type,
            .physical = pq_physical_of(field->type),
            .list = walk->list,
            .required = field->required,
            .is_string = pq_is_strings(field->type),
            .max_def = (uint8_t)(walk->def + !field->required),
            .value_bytes = (uint8_t)pq_value_bytes(field->type),
            .path = path,
            .path_count = walk->depth,
        };
        if (walk->list != NULL)
            walk->list->column_count++;
    }
    walk->count++;
    return true;
}

static bool visit_list(struct walk *walk, const struct table_field *field)
{
    if (field->child_count != 1)
        return error_set(walk->err, ERR_INVALID, "field %.*s: a list has one child, its element",
                         STR_ARG(field->name));
    if (walk->list != NULL)
        return unsupported(walk, field, "a list within a list cannot be written");
    walk->list = arena_zalloc(walk->arena, sizeof *walk->list);
    *walk->list = (struct pq_list){
        .required = field->required, .empty_level = !field->required, .first_column = walk->count};
    uint8_t def = walk->def;
    walk->def = (uint8_t)(walk->list->empty_level + 1);
    walk->path[walk->depth++] = STR("list");
    struct table_field element = field->children[0];
    element.name = STR("element");
    bool ok = visit(walk, &element);
    walk->depth--;
    walk->def = def;
    walk->list = NULL;
    return ok;
}

static bool visit_struct(struct walk *walk, const struct table_field *field)
{
    if (!field->required)
        return unsupported(walk, field, "a structure that may be null cannot be written; make it required");
    if (field->child_count == 0)
        return error_set(walk->err, ERR_INVALID, "field %.*s: a structure has members", STR_ARG(field->name));
    for (size_t i = 0; i < field->child_count; i++) {
        if (!visit(walk, &field->children[i]))
            return false;
    }
    return true;
}

static bool visit(struct walk *walk, const struct table_field *field)
{
    if (walk->depth + 2 > PATH_MAX_PARTS)
        return unsupported(walk, field, "it lies too deep");
    walk->path[walk->depth++] = field->name;
    bool ok = field->type == TABLE_LIST     ? visit_list(walk, field)
              : field->type == TABLE_STRUCT ? visit_struct(walk, field)
                                            : visit_leaf(walk, field);
    walk->depth--;
    return ok;
}

static bool visit_all(struct walk *walk, const struct table_schema *schema)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        if (!visit(walk, &schema->fields[i]))
            return false;
    }
    return true;
}

struct pq_column *pq_columns_make(struct arena *arena, const struct table_schema *schema, size_t *count,
                                  struct error *err)
{
    struct walk counting = {.arena = arena, .err = err};
    if (!visit_all(&counting, schema))
        return NULL;
    if (counting.count == 0) {
        error_set(err, ERR_INVALID, "a table without columns");
        return NULL;
    }
    struct walk walk = {
        .arena = arena, .err = err, .columns = arena_zalloc(arena, counting.count * sizeof *walk.columns)};
    visit_all(&walk, schema);
    *count = walk.count;
    return walk.columns;
}

/* Schema evolution: a schema that holds a table's rows and rows of other columns (specification, "Schema Evolution").
 *
 * Columns are matched by name, at every depth. Ids are never used again: fresh ones begin behind the table's last. */
#include "table/iceberg_internal.h"

struct evolve {
    const struct iceberg_table *table;
    struct arena *arena;
    struct error *err;
    int32_t last_id;
};

static bool evolve_field(struct evolve *evolve, const struct table_field *old,
                         const struct table_field *wanted, struct table_field *out);

static const struct table_field *find_named(const struct table_field *fields, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(fields[i].name, name))
            return &fields[i];
    }
    return NULL;
}

/* A field as it is wanted, with fresh ids. */
static bool fresh_field(struct evolve *evolve, const struct table_field *wanted, struct table_field *out,
                        unsigned depth)
{
    if (depth == ICEBERG_DEPTH_MAX)
        return error_set(evolve->err, ERR_INVALID, "schema: column %.*s is nested too deeply",
                         STR_ARG(wanted->name));
    if (evolve->last_id == INT32_MAX)
        return error_set(evolve->err, ERR_LIMIT, "schema: there are no ids left");
    *out = *wanted;
    out->id = ++evolve->last_id;
    struct table_field *children = arena_zalloc(evolve->arena, (wanted->child_count + 1) * sizeof *children);
    out->children = children;
    for (size_t i = 0; i < wanted->child_count; i++) {
        if (!fresh_field(evolve, &wanted->children[i], &children[i], depth + 1))
            return false;
    }
    return true;
}

/* The fields of a table or structure: the old ones in their order, then those that only the rows have. */
static bool evolve_fields(struct evolve *evolve, const struct table_field *old, size_t old_count,
                          const struct table_field *wanted, size_t wanted_count,
                          const struct table_field **fields, size_t *count)
{
    struct table_field *out = arena_zalloc(evolve->arena, (old_count + wanted_count + 1) * sizeof *out);
    *fields = out;
    *count = old_count;
    for (size_t i = 0; i < old_count; i++) {
        const struct table_field *match = find_named(wanted, wanted_count, old[i].name);
        out[i] = old[i];
        if (match == NULL)
            out[i].required = false;
        else if (!evolve_field(evolve, &old[i], match, &out[i]))
            return false;
    }
    for (size_t i = 0; i < wanted_count; i++) {
        if (find_named(old, old_count, wanted[i].name) != NULL)
            continue;
        if (!fresh_field(evolve, &wanted[i], &out[*count], 0))
            return false;
        out[*count].required = false;
        (*count)++;
    }
    return true;
}

/* The type that holds both; false: there is none. */
static bool common_type(enum table_type old, enum table_type wanted, enum table_type *out)
{
    *out = old;
    if (old == wanted || (old == TABLE_LONG && wanted == TABLE_INT) ||
        (old == TABLE_DOUBLE && wanted == TABLE_FLOAT))
        return true;
    *out = wanted;
    return (old == TABLE_INT && wanted == TABLE_LONG) || (old == TABLE_FLOAT && wanted == TABLE_DOUBLE);
}

static bool evolve_field(struct evolve *evolve, const struct table_field *old,
                         const struct table_field *wanted, struct table_field *out)
{
    *out = *old;
    out->required = old->required && wanted->required;
    if (!common_type(old->type, wanted->type, &out->type))
        return error_set(evolve->err, ERR_CONFLICT, "the table's column %.*s has another type than the rows'",
                         STR_ARG(old->name));
    if (old->type == TABLE_STRUCT)
        return evolve_fields(evolve, old->children, old->child_count, wanted->children, wanted->child_count,
                             &out->children, &out->child_count);
    if (old->type == TABLE_LIST) {
        struct table_field *element = arena_zalloc(evolve->arena, sizeof *element);
        out->children = element;
        return evolve_field(evolve, old->children, wanted->children, element);
    }
    return true;
}

/* A name that the table uses for a column of a type that is not known here. */
static bool check_left_out(const struct iceberg_table *table, const struct table_field *fields, size_t count,
                           struct error *err)
{
    const struct iceberg_schema *schema = table->schema;
    const json_t *schemas = json_object_get(table->document->root, "schemas");
    const json_t *columns = json_object_get(json_find(schemas, "schema-id", schema->schema.id), "fields");
    for (size_t i = 0; schema->left_out > 0 && i < json_array_size(columns); i++) {
        struct str name = json_str(json_object_get(json_array_get(columns, i), "name"));
        if (find_named(schema->schema.fields, schema->schema.field_count, name) == NULL &&
            find_named(fields, count, name) != NULL)
            return error_set(err, ERR_CONFLICT, "the table's column %.*s is of a type that is not known here",
                             STR_ARG(name));
    }
    return true;
}

bool iceberg_schema_evolve(const struct iceberg_table *table, const struct table_field *fields,
                           size_t field_count, struct arena *arena, struct table_schema *out,
                           struct error *err)
{
    struct evolve evolve = {.table = table, .arena = arena, .err = err, .last_id = table->last_column_id};
    const struct table_schema *old = &table->schema->schema;
    *out = (struct table_schema){0};
    if (!check_left_out(table, fields, field_count, err) ||
        !evolve_fields(&evolve, old->fields, old->field_count, fields, field_count, &out->fields,
                       &out->field_count))
        return false;
    out->id = 0;
    if (iceberg_schema_equal(out, old)) {
        out->id = old->id;
        return true;
    }
    for (size_t i = 0; i < table->schema_count; i++) {
        if (table->schemas[i].schema.id >= out->id)
            out->id = table->schemas[i].schema.id + 1;
    }
    for (size_t i = 0; i < table->schema_count; i++) {
        if (table->schemas[i].left_out + table->schema->left_out == 0 &&
            iceberg_schema_equal(out, &table->schemas[i].schema))
            out->id = table->schemas[i].schema.id;
    }
    return true;
}

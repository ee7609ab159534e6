/* Schemas of Iceberg tables: JSON (specification, appendix C) and struct table_schema.
 *
 * Columns of types that schema.h does not have (decimals, maps, …) are left out of what is read; the JSON keeps them. */
#include "table/iceberg_internal.h"

static const char *const type_names[] = {
    [TABLE_BOOLEAN] = "boolean", [TABLE_INT] = "int",
    [TABLE_LONG] = "long",       [TABLE_FLOAT] = "float",
    [TABLE_DOUBLE] = "double",   [TABLE_DATE] = "date",
    [TABLE_STRING] = "string",   [TABLE_TIMESTAMPTZ] = "timestamptz",
    [TABLE_BINARY] = "binary",   [TABLE_LIST] = "list",
    [TABLE_STRUCT] = "struct",
};
enum { TYPES = sizeof type_names / sizeof type_names[0] };

/* ---- To JSON --------------------------------------------------------------------------------------------- */

static json_t *fields_to_json(const struct table_field *fields, size_t count);

static json_t *type_to_json(const struct table_field *field)
{
    if (field->type == TABLE_STRUCT)
        return json_pack("{s:s, s:o}", "type", "struct", "fields",
                         fields_to_json(field->children, field->child_count));
    if (field->type == TABLE_LIST) {
        const struct table_field *element = field->children;
        return json_pack("{s:s, s:i, s:b, s:o}", "type", "list", "element-id", (int)element->id,
                         "element-required", (int)element->required, "element", type_to_json(element));
    }
    return json_string(type_names[field->type]);
}

static json_t *fields_to_json(const struct table_field *fields, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *field =
            json_pack("{s:i, s:o, s:b, s:o}", "id", (int)fields[i].id, "name", json_of_str(fields[i].name),
                      "required", (int)fields[i].required, "type", type_to_json(&fields[i]));
        if (fields[i].doc.len > 0)
            json_object_set_new(field, "doc", json_of_str(fields[i].doc));
        json_array_append_new(array, field);
    }
    return array;
}

json_t *schema_to_json(const struct table_schema *schema)
{
    return json_pack("{s:s, s:i, s:o}", "type", "struct", "schema-id", (int)schema->id, "fields",
                     fields_to_json(schema->fields, schema->field_count));
}

void iceberg_schema_json(const struct table_schema *schema, struct buf *out)
{
    json_t *json = schema_to_json(schema);
    json_dump(json, out);
    json_decref(json);
}

/* ---- From JSON ------------------------------------------------------------------------------------------- */

struct parse {
    struct arena *arena;
    struct iceberg_schema *schema;
    struct error *err;
    unsigned depth;
};

static bool parse_fields(struct parse *parse, const json_t *array, const struct table_field **fields,
                         size_t *count);

enum known { UNKNOWN, KNOWN, WRONG };

static enum known parse_type(struct parse *parse, const json_t *json, struct table_field *field);

static enum known parse_list(struct parse *parse, const json_t *json, struct table_field *field)
{
    struct json_place place = {json, "schema: list", parse->err};
    struct table_field *element = arena_zalloc(parse->arena, sizeof *element);
    element->name = STR("element");
    element->required = json_is_true(json_object_get(json, "element-required"));
    if (!json_need_id(&place, "element-id", &element->id))
        return WRONG;
    field->type = TABLE_LIST;
    field->children = element;
    field->child_count = 1;
    return parse_type(parse, json_object_get(json, "element"), element);
}

static enum known parse_type(struct parse *parse, const json_t *json, struct table_field *field)
{
    struct str name = json_str(json_is_object(json) ? json_object_get(json, "type") : json);
    enum known known = UNKNOWN;
    if (name.len == 0 || parse->depth == ICEBERG_DEPTH_MAX) {
        error_set(parse->err, ERR_CORRUPT, "schema: column %.*s: %s", STR_ARG(field->name),
                  name.len == 0 ? "it has no type" : "it is nested too deeply");
        return WRONG;
    }
    parse->depth++;
    if (!json_is_object(json)) {
        for (int type = 0; type < TYPES; type++) {
            if (type != TABLE_LIST && type != TABLE_STRUCT && str_is(name, type_names[type])) {
                field->type = (enum table_type)type;
                known = KNOWN;
            }
        }
    } else if (str_is(name, "list")) {
        known = parse_list(parse, json, field);
    } else if (str_is(name, "struct")) {
        field->type = TABLE_STRUCT;
        known = parse_fields(parse, json_object_get(json, "fields"), &field->children, &field->child_count)
                    ? KNOWN
                    : WRONG;
    }
    parse->depth--;
    return known;
}

static bool parse_fields(struct parse *parse, const json_t *array, const struct table_field **fields,
                         size_t *count)
{
    if (!json_is_array(array))
        return error_set(parse->err, ERR_CORRUPT, "schema: fields: an array is expected");
    size_t total = json_array_size(array);
    struct table_field *out = arena_zalloc(parse->arena, (total + 1) * sizeof *out);
    *fields = out;
    *count = 0;
    for (size_t i = 0; i < total; i++) {
        struct json_place place = {json_array_get(array, i), "schema: column", parse->err};
        struct table_field field = {0};
        if (!json_need_id(&place, "id", &field.id) || !json_need_str(&place, "name", &field.name))
            return false;
        field.required = json_is_true(json_object_get(place.object, "required"));
        field.doc = json_str(json_object_get(place.object, "doc"));
        enum known known = parse_type(parse, json_object_get(place.object, "type"), &field);
        if (known == WRONG)
            return false;
        if (known == KNOWN) {
            out[(*count)++] = field;
        } else {
            parse->schema->left_out++;
            parse->schema->writable = parse->schema->writable && !field.required;
        }
    }
    return true;
}

bool schema_from_json(const json_t *json, struct arena *arena, struct iceberg_schema *out, struct error *err)
{
    struct parse parse = {.arena = arena, .schema = out, .err = err};
    struct json_place place = {json, "schema", err};
    *out = (struct iceberg_schema){.writable = true};
    return json_need_id(&place, "schema-id", &out->schema.id) &&
           parse_fields(&parse, json_object_get(json, "fields"), &out->schema.fields,
                        &out->schema.field_count);
}

/* ---- Checks ---------------------------------------------------------------------------------------------- */

const struct table_field *schema_find(const struct table_field *fields, size_t count, int32_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].id == id)
            return &fields[i];
        const struct table_field *found = schema_find(fields[i].children, fields[i].child_count, id);
        if (found != NULL)
            return found;
    }
    return NULL;
}

int32_t schema_last_id(const struct table_field *fields, size_t count)
{
    int32_t last = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t below = schema_last_id(fields[i].children, fields[i].child_count);
        last = fields[i].id > last ? fields[i].id : last;
        last = below > last ? below : last;
    }
    return last;
}

static size_t count_id(const struct table_field *fields, size_t count, int32_t id)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += (fields[i].id == id) + count_id(fields[i].children, fields[i].child_count, id);
    return total;
}

static bool check_fields(const struct table_schema *schema, const struct table_field *fields, size_t count,
                         unsigned depth, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct table_field *field = &fields[i];
        if (field->name.len == 0 || !utf8_valid(field->name.data, field->name.len))
            return error_set(err, ERR_INVALID, "schema: column %d has no name, or one that is not UTF-8",
                             field->id);
        for (size_t k = 0; k < i; k++) {
            if (str_equal(fields[k].name, field->name))
                return error_set(err, ERR_INVALID, "schema: two columns are called %.*s",
                                 STR_ARG(field->name));
        }
        if (field->id <= 0 || count_id(schema->fields, schema->field_count, field->id) != 1)
            return error_set(err, ERR_INVALID, "schema: column %.*s: the id %d is in use, or not positive",
                             STR_ARG(field->name), field->id);
        bool fits = field->type == TABLE_LIST     ? field->child_count == 1
                    : field->type == TABLE_STRUCT ? true
                                                  : field->child_count == 0;
        if (!fits || depth == ICEBERG_DEPTH_MAX) {
            return error_set(err, ERR_INVALID, "schema: column %.*s: %s", STR_ARG(field->name),
                             fits ? "it is nested too deeply" : "a list has one element, a value none");
        }
        if (!check_fields(schema, field->children, field->child_count, depth + 1, err))
            return false;
    }
    return true;
}

bool iceberg_schema_check(const struct table_schema *schema, struct error *err)
{
    if (schema->field_count == 0)
        return error_set(err, ERR_INVALID, "schema: it has no column");
    return check_fields(schema, schema->fields, schema->field_count, 0, err);
}

static bool fields_equal(const struct table_field *a, const struct table_field *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (a[i].id != b[i].id || a[i].type != b[i].type || a[i].required != b[i].required ||
            !str_equal(a[i].name, b[i].name) || a[i].child_count != b[i].child_count ||
            !fields_equal(a[i].children, b[i].children, a[i].child_count))
            return false;
    }
    return true;
}

bool iceberg_schema_equal(const struct table_schema *a, const struct table_schema *b)
{
    return a->field_count == b->field_count && fields_equal(a->fields, b->fields, a->field_count);
}

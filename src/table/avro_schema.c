/* Avro schemas: JSON to a tree of nodes.
 *
 * A schema is a name ("long", or a type that was defined before), an array (a union) or an object whose "type" says what it
 * is. Records, enums and fixed types have names, in a namespace if there is one, and may be referred to from then on, by
 * themselves as well. Logical types and other attributes change nothing in how a value is encoded; of them the ids that
 * Iceberg adds to the fields of records are kept. */
#include "table/avro_internal.h"

#include <jansson.h>

enum { FIXED_BYTES_MAX = 1 << 20, MIN_BYTES_MAX = 1 << 20 };

static const char *const type_names[] = {
    [AVRO_NULL] = "null",   [AVRO_BOOLEAN] = "boolean", [AVRO_INT] = "int",     [AVRO_LONG] = "long",
    [AVRO_FLOAT] = "float", [AVRO_DOUBLE] = "double",   [AVRO_BYTES] = "bytes", [AVRO_STRING] = "string",
    [AVRO_FIXED] = "fixed", [AVRO_ENUM] = "enum",       [AVRO_ARRAY] = "array", [AVRO_MAP] = "map",
    [AVRO_UNION] = NULL,    [AVRO_RECORD] = "record",
};
static const size_t primitive_bytes[] = {
    [AVRO_NULL] = 0,  [AVRO_BOOLEAN] = 1, [AVRO_INT] = 1,   [AVRO_LONG] = 1,
    [AVRO_FLOAT] = 4, [AVRO_DOUBLE] = 8,  [AVRO_BYTES] = 1, [AVRO_STRING] = 1,
};

struct parse {
    struct arena *arena;
    struct error *err;
    struct avro_node **named; /* all so far */
    size_t named_count;
    size_t named_cap;
    unsigned depth;
};

static struct avro_node *parse_node(struct parse *parse, const json_t *json, struct str namespace);

static bool is_primitive(int type)
{
    return type <= AVRO_STRING;
}

static void *corrupt(struct parse *parse, const char *what, struct str name)
{
    error_set(parse->err, ERR_CORRUPT, "Avro schema: %s%s%.*s", what, name.len > 0 ? ": " : "",
              (int)(name.len < 100 ? name.len : 100), name.len > 0 ? name.data : "");
    return NULL;
}

static struct str text_of(const json_t *json)
{
    return json_is_string(json) ? str_make(json_string_value(json), json_string_length(json)) : STR_NONE;
}

static struct avro_node *make_node(struct parse *parse, enum avro_type type)
{
    struct avro_node *node = arena_zalloc(parse->arena, sizeof *node);
    node->type = type;
    if (is_primitive(type))
        node->min_bytes = primitive_bytes[type];
    node->empty = type == AVRO_NULL;
    return node;
}

static int type_of_name(struct str name)
{
    for (int type = 0; type <= AVRO_RECORD; type++) {
        if (type_names[type] != NULL && str_is(name, type_names[type]))
            return type;
    }
    return -1;
}

/* The name with its namespace: one that has a dot stands for itself. */
static struct str full_name(struct parse *parse, struct str name, struct str namespace)
{
    if (namespace.len == 0 || memchr(name.data, '.', name.len) != NULL)
        return arena_str(parse->arena, name);
    return str_of(arena_printf(parse->arena, "%.*s.%.*s", STR_ARG(namespace), STR_ARG(name)));
}

static struct str namespace_of(struct str name)
{
    for (size_t i = name.len; i-- > 0;) {
        if (name.data[i] == '.')
            return str_make(name.data, i);
    }
    return STR_NONE;
}

static struct avro_node *find_named(const struct parse *parse, struct str name)
{
    for (size_t i = 0; i < parse->named_count; i++) {
        if (str_equal(parse->named[i]->name, name))
            return parse->named[i];
    }
    return NULL;
}

static struct avro_node *parse_name(struct parse *parse, struct str name, struct str namespace)
{
    int type = type_of_name(name);
    if (type >= 0 && is_primitive(type))
        return make_node(parse, (enum avro_type)type);
    struct avro_node *node = find_named(parse, full_name(parse, name, namespace));
    if (node == NULL)
        node = find_named(parse, name);
    return node != NULL ? node : corrupt(parse, "no such type", name);
}

/* Gives the node its name and makes it known. */
static bool define(struct parse *parse, struct avro_node *node, const json_t *json, struct str *namespace)
{
    struct str name = text_of(json_object_get(json, "name"));
    struct str own = text_of(json_object_get(json, "namespace"));
    if (name.len == 0)
        return corrupt(parse, "a record, enum or fixed type has no name", STR_NONE) != NULL;
    node->name = full_name(parse, name, own.len > 0 ? own : *namespace);
    *namespace = namespace_of(node->name);
    if (find_named(parse, node->name) != NULL)
        return corrupt(parse, "a type is defined twice", node->name) != NULL;
    if (parse->named_count == parse->named_cap) {
        size_t cap = parse->named_cap == 0 ? 16 : 2 * parse->named_cap;
        struct avro_node **named = arena_alloc(parse->arena, cap * sizeof(struct avro_node *));
        if (parse->named_count > 0)
            memcpy(named, parse->named, parse->named_count * sizeof(struct avro_node *));
        parse->named = named;
        parse->named_cap = cap;
    }
    parse->named[parse->named_count++] = node;
    return true;
}

static bool parse_field(struct parse *parse, const json_t *json, struct str namespace,
                        struct avro_field *field)
{
    struct str name = text_of(json_object_get(json, "name"));
    const json_t *type = json_object_get(json, "type");
    const json_t *id = json_object_get(json, "field-id");
    if (name.len == 0 || type == NULL)
        return corrupt(parse, "a field has no name or no type", name) != NULL;
    *field = (struct avro_field){.name = arena_str(parse->arena, name), .id = AVRO_NO_ID, .tag = AVRO_SKIP};
    if (json_is_integer(id) && json_integer_value(id) >= 0 && json_integer_value(id) <= INT32_MAX)
        field->id = (int32_t)json_integer_value(id);
    field->node = parse_node(parse, type, namespace);
    return field->node != NULL;
}

static struct avro_node *parse_record(struct parse *parse, const json_t *json, struct str namespace)
{
    struct avro_node *node = make_node(parse, AVRO_RECORD);
    const json_t *fields = json_object_get(json, "fields");
    if (!define(parse, node, json, &namespace))
        return NULL;
    if (!json_is_array(fields))
        return corrupt(parse, "a record has no fields", node->name);
    node->field_count = json_array_size(fields);
    node->fields = arena_zalloc(parse->arena, (node->field_count + 1) * sizeof *node->fields);
    size_t min_bytes = 0;
    bool empty = true;
    for (size_t i = 0; i < node->field_count; i++) {
        if (!parse_field(parse, json_array_get(fields, i), namespace, &node->fields[i]))
            return NULL;
        min_bytes += node->fields[i].node->min_bytes; /* of a type that is not complete yet: 0 */
        empty = empty && node->fields[i].node->empty;
        if (min_bytes > MIN_BYTES_MAX)
            min_bytes = MIN_BYTES_MAX;
    }
    node->min_bytes = min_bytes;
    node->empty = empty;
    return node;
}

static struct avro_node *parse_union(struct parse *parse, const json_t *json, struct str namespace)
{
    struct avro_node *node = make_node(parse, AVRO_UNION);
    node->branch_count = json_array_size(json);
    if (node->branch_count == 0)
        return corrupt(parse, "a union has no branch", STR_NONE);
    node->branches = arena_zalloc(parse->arena, node->branch_count * sizeof *node->branches);
    node->min_bytes = 1;
    for (size_t i = 0; i < node->branch_count; i++) {
        node->branches[i] = parse_node(parse, json_array_get(json, i), namespace);
        if (node->branches[i] == NULL)
            return NULL;
        if (node->branches[i]->type == AVRO_UNION)
            return corrupt(parse, "a union lies in a union", STR_NONE);
    }
    return node;
}

static struct avro_node *parse_items(struct parse *parse, enum avro_type type, const json_t *items,
                                     struct str namespace)
{
    struct avro_node *node = make_node(parse, type);
    if (items == NULL)
        return corrupt(parse, "an array or a map does not say of what", STR_NONE);
    node->min_bytes = 1;
    node->branch_count = 1;
    node->branches = arena_zalloc(parse->arena, sizeof *node->branches);
    node->branches[0] = parse_node(parse, items, namespace);
    return node->branches[0] != NULL ? node : NULL;
}

static struct avro_node *parse_fixed(struct parse *parse, const json_t *json, struct str namespace)
{
    struct avro_node *node = make_node(parse, AVRO_FIXED);
    const json_t *size = json_object_get(json, "size");
    if (!define(parse, node, json, &namespace))
        return NULL;
    if (!json_is_integer(size) || json_integer_value(size) < 0 || json_integer_value(size) > FIXED_BYTES_MAX)
        return corrupt(parse, "a fixed type has no size, or a bad one", node->name);
    node->fixed_bytes = node->min_bytes = (size_t)json_integer_value(size);
    node->empty = node->fixed_bytes == 0;
    return node;
}

static struct avro_node *parse_enum(struct parse *parse, const json_t *json, struct str namespace)
{
    struct avro_node *node = make_node(parse, AVRO_ENUM);
    if (!define(parse, node, json, &namespace))
        return NULL;
    node->symbol_count = json_array_size(json_object_get(json, "symbols"));
    node->min_bytes = 1;
    return node->symbol_count > 0 ? node : corrupt(parse, "an enum has no symbols", node->name);
}

static struct avro_node *parse_object(struct parse *parse, const json_t *json, struct str namespace)
{
    const json_t *type = json_object_get(json, "type");
    switch (type_of_name(text_of(type))) {
    case AVRO_RECORD: return parse_record(parse, json, namespace);
    case AVRO_ENUM: return parse_enum(parse, json, namespace);
    case AVRO_FIXED: return parse_fixed(parse, json, namespace);
    case AVRO_ARRAY: return parse_items(parse, AVRO_ARRAY, json_object_get(json, "items"), namespace);
    case AVRO_MAP: return parse_items(parse, AVRO_MAP, json_object_get(json, "values"), namespace);
    default: break;
    }
    if (type == NULL)
        return corrupt(parse, "an object has no type", STR_NONE);
    return parse_node(parse, type, namespace); /* with a logical type, or one in another's place */
}

static struct avro_node *parse_node(struct parse *parse, const json_t *json, struct str namespace)
{
    if (parse->depth == AVRO_DEPTH_MAX)
        return corrupt(parse, "it is nested too deeply", STR_NONE);
    parse->depth++;
    struct avro_node *node;
    if (json_is_string(json))
        node = parse_name(parse, text_of(json), namespace);
    else if (json_is_array(json))
        node = parse_union(parse, json, namespace);
    else if (json_is_object(json))
        node = parse_object(parse, json, namespace);
    else
        node = corrupt(parse, "a type is neither a name nor an array nor an object", STR_NONE);
    parse->depth--;
    return node;
}

struct avro_node *avro_schema_parse(struct str json, struct arena *arena, struct error *err)
{
    json_error_t json_err;
    json_t *document = json_loadb(json.data != NULL ? json.data : "", json.len, JSON_DECODE_ANY, &json_err);
    if (document == NULL) {
        error_set(err, ERR_CORRUPT, "Avro schema: no JSON: %s", json_err.text);
        return NULL;
    }
    struct parse parse = {.arena = arena, .err = err};
    struct avro_node *root = parse_node(&parse, document, STR_NONE);
    json_decref(document);
    return root;
}

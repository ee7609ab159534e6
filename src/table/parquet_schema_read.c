/* The columns of a file: its schema is a tree, written depth first as a list of elements.
 *
 * Writers shape lists in several ways; what counts is where the repeated element lies:
 *
 *     optional group tags (LIST) { repeated group list { optional binary element } }      what the format wants
 *     optional group tags (LIST) { repeated group bag { optional binary array } }         other names
 *     optional group tags (LIST) { repeated binary array }                                two levels
 *     repeated binary tags                                                                bare
 *
 * An element of a list is there from the definition level of the repeated element on; one level below, the
 * list is empty; below that it, or what it lies in, is null. */
#include "table/parquet_read_internal.h"

#define DEPTH_MAX 32

struct element {
    struct str name;
    int32_t type; /* -1: a group */
    int32_t repetition;
    int32_t children;
    int32_t converted; /* -1: none */
    int32_t id;
    enum pq_logical logical;
    enum pq_unit unit;
    int8_t bits; /* of a logical integer */
    bool is_signed;
};

/* ---- Elements ------------------------------------------------------------------------------------------ */

static enum pq_unit read_unit(struct thrift_in *in)
{
    enum pq_unit unit = 0;
    struct thrift_field field = {0};
    while (thrift_next(in, &field)) {
        unit = (enum pq_unit)field.id;
        thrift_skip(in, &field);
    }
    return unit;
}

static void read_logical(struct thrift_in *in, struct element *element)
{
    struct thrift_field member = {0};
    while (thrift_next(in, &member)) {
        element->logical = (enum pq_logical)member.id;
        if (!thrift_get_struct(in, &member))
            return;
        struct thrift_field field = {0};
        while (thrift_next(in, &field)) {
            if (member.id == PQ_LOGICAL_TIMESTAMP && field.id == 2 && thrift_get_struct(in, &field))
                element->unit = read_unit(in);
            else if (member.id == PQ_LOGICAL_INTEGER && field.id == 1)
                element->bits = (int8_t)thrift_get_int(in, &field);
            else if (member.id == PQ_LOGICAL_INTEGER && field.id == 2)
                element->is_signed = thrift_get_bool(in, &field);
            else
                thrift_skip(in, &field);
        }
    }
}

static void read_element(struct thrift_in *in, struct element *element)
{
    *element = (struct element){.type = -1, .converted = -1};
    struct thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1: element->type = thrift_get_i32(in, &field); break;
        case 3: element->repetition = thrift_get_i32(in, &field); break;
        case 4: element->name = thrift_get_binary(in, &field); break;
        case 5: element->children = thrift_get_i32(in, &field); break;
        case 6: element->converted = thrift_get_i32(in, &field); break;
        case 9: element->id = thrift_get_i32(in, &field); break;
        case 10:
            if (thrift_get_struct(in, &field))
                read_logical(in, element);
            break;
        default: thrift_skip(in, &field);
        }
    }
}

/* ---- Types --------------------------------------------------------------------------------------------- */

static bool type_of_int32(const struct element *element, enum table_type *type,
                          enum pq_conversion *conversion)
{
    if (element->logical == PQ_LOGICAL_DATE || element->converted == PQ_DATE) {
        *type = TABLE_DATE;
        return true;
    }
    bool is_uint32 = (element->logical == PQ_LOGICAL_INTEGER && element->bits == 32 && !element->is_signed) ||
                     (element->logical == PQ_LOGICAL_NONE && element->converted == PQ_UINT_32);
    *conversion = is_uint32 ? PQ_FROM_UINT32 : PQ_AS_THEY_ARE;
    *type = is_uint32 ? TABLE_LONG : TABLE_INT;
    bool integer = element->converted == -1 || element->converted == PQ_UINT_8 ||
                   element->converted == PQ_UINT_16 || element->converted == PQ_UINT_32 ||
                   (element->converted >= PQ_INT_8 && element->converted <= PQ_INT_32);
    return integer && (element->logical == PQ_LOGICAL_NONE || element->logical == PQ_LOGICAL_INTEGER ||
                       element->logical == PQ_LOGICAL_UNKNOWN);
}

static bool type_of_int64(const struct element *element, enum table_type *type,
                          enum pq_conversion *conversion)
{
    if (element->logical == PQ_LOGICAL_TIMESTAMP) {
        *type = TABLE_TIMESTAMPTZ;
        *conversion = element->unit == PQ_MILLIS  ? PQ_FROM_MILLIS
                      : element->unit == PQ_NANOS ? PQ_FROM_NANOS
                                                  : PQ_AS_THEY_ARE;
        return element->unit >= PQ_MILLIS && element->unit <= PQ_NANOS;
    }
    if (element->converted == PQ_TIMESTAMP_MILLIS || element->converted == PQ_TIMESTAMP_MICROS) {
        *type = TABLE_TIMESTAMPTZ;
        *conversion = element->converted == PQ_TIMESTAMP_MILLIS ? PQ_FROM_MILLIS : PQ_AS_THEY_ARE;
        return true;
    }
    *type = TABLE_LONG;
    return (element->converted == -1 || element->converted == PQ_INT_64) &&
           (element->logical == PQ_LOGICAL_NONE || element->logical == PQ_LOGICAL_UNKNOWN ||
            (element->logical == PQ_LOGICAL_INTEGER && element->is_signed));
}

static bool type_of_bytes(const struct element *element, enum table_type *type)
{
    bool text = element->logical == PQ_LOGICAL_STRING || element->logical == PQ_LOGICAL_ENUM ||
                element->logical == PQ_LOGICAL_JSON || element->converted == PQ_UTF8 ||
                element->converted == PQ_ENUM || element->converted == PQ_JSON;
    *type = text ? TABLE_STRING : TABLE_BINARY;
    return text || ((element->converted == -1 || element->converted == PQ_BSON) &&
                    (element->logical == PQ_LOGICAL_NONE || element->logical == PQ_LOGICAL_BSON ||
                     element->logical == PQ_LOGICAL_UNKNOWN));
}

static bool type_of(const struct element *element, enum table_type *type, enum pq_conversion *conversion)
{
    *conversion = PQ_AS_THEY_ARE;
    switch (element->type) {
    case PQ_BOOLEAN: *type = TABLE_BOOLEAN; return true;
    case PQ_INT32: return type_of_int32(element, type, conversion);
    case PQ_INT64: return type_of_int64(element, type, conversion);
    case PQ_FLOAT: *type = TABLE_FLOAT; return true;
    case PQ_DOUBLE: *type = TABLE_DOUBLE; return true;
    case PQ_BYTE_ARRAY: return type_of_bytes(element, type);
    default: return false;
    }
}

/* ---- The tree ------------------------------------------------------------------------------------------ */

struct walk {
    struct pq_file *file;
    const struct element *elements;
    size_t count;
    size_t next;
    size_t leaves;
    struct parquet_column *columns;
    struct str path[DEPTH_MAX];
    size_t names; /* in path: without those that only make a list */
    struct error *err;
};

struct levels {
    uint8_t def;
    uint8_t rep;
    uint8_t element_def;
    bool required; /* nothing on the way may be null */
};

static bool bad_schema(struct walk *walk, const char *what)
{
    return error_set(walk->err, ERR_CORRUPT, "the file's schema %s", what);
}

static bool join_path(struct walk *walk, struct str *path)
{
    size_t len = 0;
    for (size_t i = 0; i < walk->names; i++)
        len += walk->path[i].len + 1;
    char *text = pq_file_alloc(walk->file, len + 1, 1, walk->err);
    if (text == NULL)
        return false;
    *path = str_make(text, len != 0 ? len - 1 : 0);
    for (size_t i = 0; i < walk->names; i++) {
        if (i != 0)
            *text++ = '.';
        if (walk->path[i].len != 0)
            memcpy(text, walk->path[i].data, walk->path[i].len);
        text += walk->path[i].len;
    }
    return true;
}

static bool add_leaf(struct walk *walk, const struct element *element, struct levels levels)
{
    struct parquet_column *column = &walk->columns[walk->leaves];
    struct pq_leaf *leaf = &walk->file->leaves[walk->leaves++];
    *leaf = (struct pq_leaf){.physical = (enum pq_physical)element->type,
                             .max_def = levels.def,
                             .max_rep = levels.rep,
                             .element_def = levels.element_def};
    enum table_type type = TABLE_BOOLEAN;
    bool readable = type_of(element, &type, &leaf->conversion) && levels.rep <= 1;
    *column = (struct parquet_column){.id = element->id,
                                      .type = readable ? type : TABLE_BOOLEAN,
                                      .readable = readable,
                                      .required = levels.required,
                                      .in_list = levels.rep != 0};
    return join_path(walk, &column->path);
}

/* Whether the repeated group of a list is there for the list alone: then its only member is the element. */
static bool only_makes_list(const struct element *list, const struct element *repeated)
{
    bool is_list = list->logical == PQ_LOGICAL_LIST || list->converted == PQ_LIST;
    return is_list && repeated->type == -1 && repeated->repetition == PQ_REPEATED &&
           repeated->children == 1 && !str_is(repeated->name, "array") &&
           !str_ends(repeated->name, STR("_tuple"));
}

/* `silent`: how many names from here down only make a list. */
static bool visit(struct walk *walk, size_t depth, struct levels levels, unsigned silent)
{
    if (walk->next >= walk->count || depth >= DEPTH_MAX)
        return bad_schema(walk, depth >= DEPTH_MAX ? "is too deep" : "ends early");
    const struct element *element = &walk->elements[walk->next++];
    size_t names = walk->names;
    if (silent == 0)
        walk->path[walk->names++] = element->name;
    if (element->repetition == PQ_OPTIONAL) {
        levels.def++;
        levels.required = false;
    } else if (element->repetition == PQ_REPEATED) {
        levels.def++;
        levels.rep++;
        levels.element_def = levels.def;
        levels.required = true; /* from here on: an element that is there */
    }
    bool ok = true;
    if (element->type != -1) {
        ok = element->children == 0 ? add_leaf(walk, element, levels)
                                    : bad_schema(walk, "has a value with members");
    } else {
        if (element->children < 0)
            return bad_schema(walk, "has a group of less than no members");
        for (int32_t i = 0; i < element->children && ok; i++) {
            bool makes_list =
                walk->next < walk->count && only_makes_list(element, &walk->elements[walk->next]);
            bool bare = walk->next < walk->count &&
                        (element->logical == PQ_LOGICAL_LIST || element->converted == PQ_LIST);
            ok = visit(walk, depth + 1, levels, makes_list ? 2 : bare ? 1 : silent > 1 ? silent - 1 : 0);
        }
    }
    walk->names = names;
    return ok;
}

static bool visit_root(struct walk *walk)
{
    const struct element *root = &walk->elements[0];
    walk->next = 1;
    for (int32_t i = 0; i < root->children; i++) {
        if (!visit(walk, 1, (struct levels){.required = true}, 0))
            return false;
    }
    return walk->next == walk->count || bad_schema(walk, "has elements that belong nowhere");
}

bool pq_schema_read(struct pq_file *file, struct thrift_in *in, const struct thrift_field *field,
                    struct error *err)
{
    size_t count = thrift_get_list(in, field, THRIFT_STRUCT);
    if (count == 0 || file->leaves != NULL)
        return error_set(err, ERR_CORRUPT, "the file has %s schema", count == 0 ? "no" : "more than one");
    struct element *elements = pq_file_alloc(file, count, sizeof *elements, err);
    if (elements == NULL)
        return false;
    size_t leaves = 0;
    for (size_t i = 0; i < count && !in->bad; i++) {
        read_element(in, &elements[i]);
        leaves += elements[i].type != -1;
    }
    struct walk walk = {.file = file, .elements = elements, .count = count, .err = err};
    if (in->bad)
        return bad_schema(&walk, "does not end");
    if (leaves == 0 || elements[0].type != -1)
        return bad_schema(&walk, "has no columns");
    file->leaves = pq_file_alloc(file, leaves, sizeof *file->leaves, err);
    walk.columns = pq_file_alloc(file, leaves, sizeof *walk.columns, err);
    if (file->leaves == NULL || walk.columns == NULL || !visit_root(&walk))
        return false;
    file->face.columns = walk.columns;
    file->face.column_count = walk.leaves;
    return true;
}

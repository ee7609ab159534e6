/* Sparkplug B: its payload, a protocol-buffers message, to a map and back.
 *
 * The schema is that of the Sparkplug specification (3.0, section 6.4): the tables below have the numbers, names and
 * types of all fields. In bytes (protocolbuffers.dev, "Encoding") a message is a sequence of fields:
 *
 *     key     varint: number of the field << 3 | wire type
 *     value   wire type 0: varint    1: 8 bytes    2: varint length, bytes    5: 4 bytes
 *
 * A varint has seven bits in each byte, the lowest first, and the top bit set in all but the last. Fields that are not in
 * the tables are skipped. A map has the fields that are there, under their names; one that may be repeated is a list.
 *
 * The schema knows unsigned integers alone: signed ones are stored in two's complement, and the data type beside them tells.
 * They are read as what they mean, where there is such a type, and written as they are. */
#include "sql/fn_internal.h"

#include <math.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats are copied as they are on the wire");

#define DEPTH_MAX 60 /* of messages in messages, when they are read */

enum kind { KIND_U32, KIND_U64, KIND_BOOL, KIND_FLOAT, KIND_DOUBLE, KIND_BYTES, KIND_MESSAGE };
enum wire { WIRE_VARINT = 0, WIRE_8_BYTES = 1, WIRE_BYTES = 2, WIRE_4_BYTES = 5 };

struct message;

struct field {
    uint8_t number;
    bool repeated;
    enum kind kind;
    const char *name;
    const struct message *message; /* KIND_MESSAGE */
};

#define FIELDS_MAX 18

struct message {
    const char *name;
    uint8_t type_number; /* of the field that has the data type of its value; 0: none */
    uint8_t field_count;
    struct field fields[FIELDS_MAX];
};

static const struct message metric, property_set;

static const struct message meta_data = {"MetaData",
                                         0,
                                         8,
                                         {{1, false, KIND_BOOL, "is_multi_part", NULL},
                                          {2, false, KIND_BYTES, "content_type", NULL},
                                          {3, false, KIND_U64, "size", NULL},
                                          {4, false, KIND_U64, "seq", NULL},
                                          {5, false, KIND_BYTES, "file_name", NULL},
                                          {6, false, KIND_BYTES, "file_type", NULL},
                                          {7, false, KIND_BYTES, "md5", NULL},
                                          {8, false, KIND_BYTES, "description", NULL}}};

static const struct message property_set_list = {
    "PropertySetList", 0, 1, {{1, true, KIND_MESSAGE, "propertyset", &property_set}}};

static const struct message property_value = {
    "PropertyValue",
    1,
    10,
    {{1, false, KIND_U32, "type", NULL},
     {2, false, KIND_BOOL, "is_null", NULL},
     {3, false, KIND_U32, "int_value", NULL},
     {4, false, KIND_U64, "long_value", NULL},
     {5, false, KIND_FLOAT, "float_value", NULL},
     {6, false, KIND_DOUBLE, "double_value", NULL},
     {7, false, KIND_BOOL, "boolean_value", NULL},
     {8, false, KIND_BYTES, "string_value", NULL},
     {9, false, KIND_MESSAGE, "propertyset_value", &property_set},
     {10, false, KIND_MESSAGE, "propertysets_value", &property_set_list}}};

static const struct message property_set = {
    "PropertySet",
    0,
    2,
    {{1, true, KIND_BYTES, "keys", NULL}, {2, true, KIND_MESSAGE, "values", &property_value}}};

static const struct message data_set_value = {"DataSetValue",
                                              0,
                                              6,
                                              {{1, false, KIND_U32, "int_value", NULL},
                                               {2, false, KIND_U64, "long_value", NULL},
                                               {3, false, KIND_FLOAT, "float_value", NULL},
                                               {4, false, KIND_DOUBLE, "double_value", NULL},
                                               {5, false, KIND_BOOL, "boolean_value", NULL},
                                               {6, false, KIND_BYTES, "string_value", NULL}}};

static const struct message row = {"Row", 0, 1, {{1, true, KIND_MESSAGE, "elements", &data_set_value}}};

#define DATA_SET_TYPES 2 /* its place among the fields */

static const struct message data_set = {"DataSet",
                                        0,
                                        4,
                                        {{1, false, KIND_U64, "num_of_columns", NULL},
                                         {2, true, KIND_BYTES, "columns", NULL},
                                         {3, true, KIND_U32, "types", NULL},
                                         {4, true, KIND_MESSAGE, "rows", &row}}};

static const struct message parameter = {"Parameter",
                                         2,
                                         8,
                                         {{1, false, KIND_BYTES, "name", NULL},
                                          {2, false, KIND_U32, "type", NULL},
                                          {3, false, KIND_U32, "int_value", NULL},
                                          {4, false, KIND_U64, "long_value", NULL},
                                          {5, false, KIND_FLOAT, "float_value", NULL},
                                          {6, false, KIND_DOUBLE, "double_value", NULL},
                                          {7, false, KIND_BOOL, "boolean_value", NULL},
                                          {8, false, KIND_BYTES, "string_value", NULL}}};

static const struct message template_message = {"Template",
                                                0,
                                                5,
                                                {{1, false, KIND_BYTES, "version", NULL},
                                                 {2, true, KIND_MESSAGE, "metrics", &metric},
                                                 {3, true, KIND_MESSAGE, "parameters", &parameter},
                                                 {4, false, KIND_BYTES, "template_ref", NULL},
                                                 {5, false, KIND_BOOL, "is_definition", NULL}}};

static const struct message metric = {"Metric",
                                      4,
                                      18,
                                      {{1, false, KIND_BYTES, "name", NULL},
                                       {2, false, KIND_U64, "alias", NULL},
                                       {3, false, KIND_U64, "timestamp", NULL},
                                       {4, false, KIND_U32, "datatype", NULL},
                                       {5, false, KIND_BOOL, "is_historical", NULL},
                                       {6, false, KIND_BOOL, "is_transient", NULL},
                                       {7, false, KIND_BOOL, "is_null", NULL},
                                       {8, false, KIND_MESSAGE, "metadata", &meta_data},
                                       {9, false, KIND_MESSAGE, "properties", &property_set},
                                       {10, false, KIND_U32, "int_value", NULL},
                                       {11, false, KIND_U64, "long_value", NULL},
                                       {12, false, KIND_FLOAT, "float_value", NULL},
                                       {13, false, KIND_DOUBLE, "double_value", NULL},
                                       {14, false, KIND_BOOL, "boolean_value", NULL},
                                       {15, false, KIND_BYTES, "string_value", NULL},
                                       {16, false, KIND_BYTES, "bytes_value", NULL},
                                       {17, false, KIND_MESSAGE, "dataset_value", &data_set},
                                       {18, false, KIND_MESSAGE, "template_value", &template_message}}};

static const struct message payload = {"Payload",
                                       0,
                                       5,
                                       {{1, false, KIND_U64, "timestamp", NULL},
                                        {2, true, KIND_MESSAGE, "metrics", &metric},
                                        {3, false, KIND_U64, "seq", NULL},
                                        {4, false, KIND_BYTES, "uuid", NULL},
                                        {5, false, KIND_BYTES, "body", NULL}}};

static enum wire wire_of(enum kind kind)
{
    switch (kind) {
    case KIND_FLOAT: return WIRE_4_BYTES;
    case KIND_DOUBLE: return WIRE_8_BYTES;
    case KIND_BYTES:
    case KIND_MESSAGE: return WIRE_BYTES;
    default: return WIRE_VARINT;
    }
}

/* --- Reading ---------------------------------------------------------------------------------------- */

struct reader {
    struct sql_scope *scope;
    struct error *err;
    unsigned depth;
    const struct sql_list_builder *types; /* of the columns of the data set that is read */
};

static bool cut_off(const struct reader *reader, const struct message *message)
{
    return error_set(reader->err, ERR_INVALID,
                     "no Sparkplug B payload: a %s is cut off or has a wrong length", message->name);
}

static bool read_varint(struct str *rest, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && rest->len != 0; shift += 7) {
        unsigned char byte = (unsigned char)rest->data[0];
        *rest = str_make(rest->data + 1, rest->len - 1);
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* The bytes of a value that has a fixed length, or one in front. */
static bool read_bytes(struct str *rest, enum wire wire, struct str *out)
{
    uint64_t len = wire == WIRE_4_BYTES ? 4 : 8;
    if (wire == WIRE_BYTES && !read_varint(rest, &len))
        return false;
    if (len > rest->len)
        return false;
    *out = str_make(rest->data, (size_t)len);
    *rest = str_make(rest->data + len, rest->len - (size_t)len);
    return true;
}

/* What an unsigned integer means for the data types Int8, Int16, Int32 and Int64: 1 to 4. */
static bool with_sign(struct reader *reader, uint64_t type, struct sql_value *integer)
{
    if (type < 1 || type > 4)
        return true;
    uint64_t bits = (uint64_t)sql_int_of(integer);
    unsigned unused = 64 - (8U << (type - 1));
    return sql_make_int(reader->scope, (int64_t)(bits << unused) >> unused, integer, reader->err);
}

static bool read_message(struct reader *reader, const struct message *message, struct str bytes,
                         uint64_t type, struct sql_value *out);

static bool make_float(struct reader *reader, enum kind kind, struct str bytes, struct sql_value *out)
{
    double number;
    float single;
    if (kind == KIND_DOUBLE) {
        memcpy(&number, bytes.data, sizeof number);
    } else {
        memcpy(&single, bytes.data, sizeof single);
        number = (double)single;
    }
    if (isfinite(number)) {
        *out = sql_float(number);
        return true;
    }
    return error_set(reader->err, ERR_INVALID, "a float of the Sparkplug B payload is no finite number");
}

static bool make_integer(struct reader *reader, enum kind kind, uint64_t integer, struct sql_value *out)
{
    if (kind == KIND_BOOL) {
        *out = sql_bool(integer != 0);
        return true;
    }
    return sql_make_int(reader->scope, kind == KIND_U32 ? (uint32_t)integer : integer, out, reader->err);
}

/* The value of a field, whose wire type is right. `at` counts from 0 in a list. */
static bool read_value(struct reader *reader, const struct message *message, const struct field *field,
                       uint32_t at, struct str *rest, struct sql_value *out)
{
    struct str bytes;
    uint64_t integer, type = 0;
    enum wire wire = wire_of(field->kind);
    if (wire == WIRE_VARINT) {
        return read_varint(rest, &integer) ? make_integer(reader, field->kind, integer, out)
                                           : cut_off(reader, message);
    }
    if (!read_bytes(rest, wire, &bytes))
        return cut_off(reader, message);
    if (field->kind == KIND_BYTES) {
        *out = sql_string(bytes);
        return true;
    }
    if (field->kind != KIND_MESSAGE)
        return make_float(reader, field->kind, bytes, out);
    if (message == &row && reader->types != NULL && at < reader->types->len)
        type = (uint64_t)sql_int_of(&reader->types->items[at]);
    return read_message(reader, field->message, bytes, type, out);
}

static bool skip_value(const struct reader *reader, const struct message *message, unsigned wire,
                       struct str *rest)
{
    uint64_t integer;
    struct str bytes;
    bool known = wire == WIRE_VARINT || wire == WIRE_8_BYTES || wire == WIRE_BYTES || wire == WIRE_4_BYTES;
    if (!known ||
        !(wire == WIRE_VARINT ? read_varint(rest, &integer) : read_bytes(rest, (enum wire)wire, &bytes)))
        return cut_off(reader, message);
    return true;
}

/* Numbers that stand in a list may share one length (packed). */
static bool read_packed(struct reader *reader, const struct message *message, const struct field *field,
                        struct str *rest, struct sql_list_builder *list)
{
    struct str bytes;
    struct sql_value item = sql_undefined();
    if (!read_bytes(rest, WIRE_BYTES, &bytes))
        return cut_off(reader, message);
    while (bytes.len != 0) {
        if (!sql_spend(reader->scope, 1, reader->err) ||
            !read_value(reader, message, field, list->len, &bytes, &item) ||
            !sql_list_add(list, item, reader->err))
            return false;
    }
    return true;
}

/* What has been read of a message: a value or a list for each of its fields. */
struct parts {
    struct sql_value values[FIELDS_MAX]; /* undefined: not there */
    struct sql_list_builder lists[FIELDS_MAX];
};

static bool read_field(struct reader *reader, const struct message *message, struct parts *parts,
                       struct str *rest)
{
    uint64_t key;
    if (!read_varint(rest, &key))
        return cut_off(reader, message);
    unsigned wire = (unsigned)(key & 7);
    for (unsigned i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        struct sql_list_builder *list = &parts->lists[i];
        struct sql_value item = sql_undefined();
        if (field->number != key >> 3)
            continue;
        if (field->repeated && wire == WIRE_BYTES && wire_of(field->kind) != WIRE_BYTES)
            return read_packed(reader, message, field, rest, list);
        if (wire != (unsigned)wire_of(field->kind))
            return cut_off(reader, message);
        if (!field->repeated)
            return read_value(reader, message, field, 0, rest, &parts->values[i]);
        return read_value(reader, message, field, list->len, rest, &item) &&
               sql_list_add(list, item, reader->err);
    }
    return skip_value(reader, message, wire, rest);
}

/* The map of the parts. */
static bool make_map(struct reader *reader, const struct message *message, struct parts *parts, uint64_t type,
                     struct sql_value *out)
{
    struct sql_map_builder map = sql_map_begin(reader->scope);
    for (unsigned i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        struct sql_value *value = &parts->values[i];
        if (field->number == message->type_number && value->type == SQL_INT)
            type = (uint64_t)sql_int_of(value);
        if (parts->lists[i].len != 0)
            *value = sql_list_end(&parts->lists[i]);
        if (value->type == SQL_UNDEFINED)
            continue;
        bool may_be_signed = strcmp(field->name, "int_value") == 0 || strcmp(field->name, "long_value") == 0;
        if ((may_be_signed && !with_sign(reader, type, value)) ||
            !sql_map_put(&map, str_of(field->name), *value, reader->err))
            return false;
    }
    *out = sql_map_end(&map);
    return true;
}

/* `type` is the data type of the value in it, unless it has one itself; 0 for none. */
static bool read_message(struct reader *reader, const struct message *message, struct str bytes,
                         uint64_t type, struct sql_value *out)
{
    struct parts parts;
    if (reader->depth == DEPTH_MAX)
        return error_set(reader->err, ERR_LIMIT, "the Sparkplug B payload is nested more than %d deep",
                         DEPTH_MAX);
    for (unsigned i = 0; i < message->field_count; i++) {
        parts.values[i] = sql_undefined();
        parts.lists[i] = sql_list_begin(reader->scope);
    }
    const struct sql_list_builder *outer = reader->types;
    if (message == &data_set)
        reader->types = &parts.lists[DATA_SET_TYPES];
    reader->depth++;
    bool read = true;
    while (read && bytes.len != 0)
        read = sql_spend(reader->scope, 4, reader->err) && read_field(reader, message, &parts, &bytes);
    reader->depth--;
    reader->types = outer;
    return read && make_map(reader, message, &parts, type, out);
}

SQL_FUNCTION(run_spb_decode)
{
    struct str bytes;
    struct reader reader = {.scope = call->scope, .err = err};
    return sql_arg_string(args, 0, &bytes, err) && read_message(&reader, &payload, bytes, 0, out);
}

/* --- Writing ---------------------------------------------------------------------------------------- */

#define VARINT_BYTES 10

static size_t put_varint(uint64_t integer, char out[VARINT_BYTES])
{
    size_t len = 0;
    for (; integer >= 0x80; integer >>= 7)
        out[len++] = (char)(integer | 0x80);
    out[len++] = (char)integer;
    return len;
}

static bool append_varint(struct sql_scope *scope, uint64_t integer, struct error *err)
{
    char bytes[VARINT_BYTES];
    return sql_scratch_append(scope, str_make(bytes, put_varint(integer, bytes)), err);
}

static bool wrong_value(const struct field *field, const char *expected, const struct sql_value *value,
                        struct error *err)
{
    return error_set(err, ERR_INVALID, "%s must be %s, not %s", field->name, expected, sql_type_name(value));
}

static bool write_integer(struct sql_scope *scope, const struct field *field, const struct sql_value *value,
                          struct error *err)
{
    unsigned bits = field->kind == KIND_U32 ? 32 : 64;
    if (value->type != SQL_INT)
        return wrong_value(field, "an integer", value, err);
    sql_int128 integer = sql_int_of(value);
    if (integer < -((sql_int128)1 << (bits - 1)) || integer >= (sql_int128)1 << bits)
        return error_set(err, ERR_INVALID, "%s must be an integer of %u bits", field->name, bits);
    return append_varint(scope, bits == 32 ? (uint32_t)integer : (uint64_t)integer, err);
}

static bool write_float(struct sql_scope *scope, const struct field *field, const struct sql_value *value,
                        struct error *err)
{
    if (!sql_is_number(value))
        return wrong_value(field, "a number", value, err);
    double number = sql_number_of(value);
    if (field->kind == KIND_DOUBLE)
        return sql_scratch_append(scope, str_make(&number, sizeof number), err);
    float single = (float)number;
    if (!isfinite(single))
        return error_set(err, ERR_INVALID, "%s is beyond what a float of 32 bits can be", field->name);
    return sql_scratch_append(scope, str_make(&single, sizeof single), err);
}

static bool write_message(struct sql_scope *scope, const struct message *message, const struct sql_value *map,
                          struct error *err);

/* A length in front of what has been written from `start` on. */
static bool insert_length(struct sql_scope *scope, size_t start, struct error *err)
{
    struct buf *scratch = &scope->scratch;
    char bytes[VARINT_BYTES];
    size_t len = scratch->len - start, length_bytes = put_varint(len, bytes);
    if (!sql_spend(scope, len / 64, err) || !sql_scratch_append(scope, str_make(bytes, length_bytes), err))
        return false;
    memmove(scratch->data + start + length_bytes, scratch->data + start, len);
    memcpy(scratch->data + start, bytes, length_bytes);
    return true;
}

static bool write_value(struct sql_scope *scope, const struct field *field, const struct sql_value *value,
                        struct error *err)
{
    if (!append_varint(scope, (uint64_t)field->number << 3 | wire_of(field->kind), err))
        return false;
    size_t start = scope->scratch.len;
    switch (field->kind) {
    case KIND_U32:
    case KIND_U64: return write_integer(scope, field, value, err);
    case KIND_FLOAT:
    case KIND_DOUBLE: return write_float(scope, field, value, err);
    case KIND_BOOL:
        return value->type == SQL_BOOL ? append_varint(scope, value->boolean ? 1 : 0, err)
                                       : wrong_value(field, "a boolean", value, err);
    case KIND_BYTES:
        return value->type == SQL_STRING ? append_varint(scope, value->len, err) &&
                                               sql_scratch_append(scope, sql_str_of(value), err)
                                         : wrong_value(field, "a string", value, err);
    case KIND_MESSAGE: break;
    }
    if (value->type != SQL_MAP)
        return wrong_value(field, "a map", value, err);
    return write_message(scope, field->message, value, err) && insert_length(scope, start, err);
}

static bool write_field(struct sql_scope *scope, const struct field *field, const struct sql_value *value,
                        struct error *err)
{
    if (value->type == SQL_UNDEFINED || value->type == SQL_NULL)
        return true;
    if (!field->repeated)
        return write_value(scope, field, value, err);
    if (value->type != SQL_LIST)
        return wrong_value(field, "a list", value, err);
    for (uint32_t i = 0; i < value->len; i++) {
        if (!sql_spend(scope, 4, err) || !write_value(scope, field, &value->items[i], err))
            return false;
    }
    return true;
}

static const struct field *field_named(const struct message *message, struct str name)
{
    for (unsigned i = 0; i < message->field_count; i++) {
        if (str_is(name, message->fields[i].name))
            return &message->fields[i];
    }
    return NULL;
}

/* In the order of the map, but for the types of a data set's columns, which have to come before its rows. */
static bool write_message(struct sql_scope *scope, const struct message *message, const struct sql_value *map,
                          struct error *err)
{
    const struct field *types = message == &data_set ? &data_set.fields[DATA_SET_TYPES] : NULL;
    const struct sql_value *first = types != NULL ? sql_map_get(map, str_of(types->name)) : NULL;
    if (first != NULL && !write_field(scope, types, first, err))
        return false;
    for (uint32_t i = 0; i < map->len; i++) {
        const struct sql_entry *entry = sql_map_at(map, i);
        const struct field *field = field_named(message, sql_key_of(entry));
        if (field == NULL)
            return error_set(err, ERR_INVALID, "a %s of Sparkplug B has no field '%.*s'", message->name,
                             SQL_SHOWN(sql_key_of(entry)));
        if (field != types && !write_field(scope, field, &entry->value, err))
            return false;
    }
    return true;
}

SQL_FUNCTION(run_spb_encode)
{
    struct sql_value map;
    if (!sql_arg_map(call, args, 0, &map, err))
        return false;
    bool built = write_message(call->scope, &payload, &map, err);
    return sql_scratch_end(call->scope, built, out, err);
}

static const struct sql_function rows[] = {
    SQL_ROW("spb_decode", 1, 1, SQL_CATEGORY_SCHEMA, "bytes",
            "the map of a Sparkplug B payload: `timestamp`, `seq`, `metrics` with `name`, `datatype`, "
            "`int_value` and "
            "so on; integers have the sign that their data type says",
            "spb_decode(hexstr2bin('080A120B0A0174200150FFFFFFFF0F1801'))",
            "{\"timestamp\":10,\"metrics\":[{\"name\":\"t\",\"datatype\":1,\"int_value\":-1}],\"seq\":1}",
            run_spb_decode),
    SQL_ROW("spb_encode", 1, 1, SQL_CATEGORY_SCHEMA, "map",
            "the bytes of a Sparkplug B payload; fails for fields that the schema does not have",
            "bin2hexstr(spb_encode('{\"timestamp\": 10, \"seq\": 1}'))", "\"080A1801\"", run_spb_encode),
    SQL_ROW("sparkplug_decode", 1, 1, SQL_CATEGORY_SCHEMA, "bytes", "another name of spb_decode",
            "sparkplug_decode(hexstr2bin('1801'))", "{\"seq\":1}", run_spb_decode),
    SQL_ROW("sparkplug_encode", 1, 1, SQL_CATEGORY_SCHEMA, "map", "another name of spb_encode",
            "bin2hexstr(sparkplug_encode('{\"seq\": 1}'))", "\"1801\"", run_spb_encode),
};

const struct sql_function_table sql_sparkplug_functions = SQL_FUNCTION_TABLE(rows);

/* Reading the compact protocol: bytes of anyone, so every length is checked against what is left. */
#include "table/thrift_internal.h"

#define SKIP_DEPTH 32 /* of structures and lists that are skipped: nothing real is deeper */

void thrift_bad(struct thrift_in *in)
{
    in->bad = true;
    in->at = in->end;
}

static uint8_t get_byte(struct thrift_in *in)
{
    if (in->at == in->end) {
        thrift_bad(in);
        return 0;
    }
    return *in->at++;
}

static uint64_t get_varint(struct thrift_in *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = get_byte(in);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return in->bad ? 0 : value;
    }
    thrift_bad(in);
    return 0;
}

static int64_t get_zigzag(struct thrift_in *in)
{
    uint64_t value = get_varint(in);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

bool thrift_next(struct thrift_in *in, struct thrift_field *field)
{
    uint8_t head = get_byte(in);
    field->type = head & 0x0f;
    if (in->bad || field->type == THRIFT_STOP)
        return false;
    int64_t id = head >> 4 != 0 ? field->id + (head >> 4) : get_zigzag(in);
    if (id < INT16_MIN || id > INT16_MAX || field->type > THRIFT_UUID)
        thrift_bad(in);
    field->id = (int16_t)id;
    return !in->bad;
}

bool thrift_get_bool(struct thrift_in *in, const struct thrift_field *field)
{
    if (field->type != THRIFT_TRUE && field->type != THRIFT_FALSE)
        thrift_bad(in);
    return field->type == THRIFT_TRUE;
}

int64_t thrift_get_int(struct thrift_in *in, const struct thrift_field *field)
{
    switch (field->type) {
    case THRIFT_BYTE: return (int8_t)get_byte(in);
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64: return get_zigzag(in);
    default: thrift_bad(in); return 0;
    }
}

int32_t thrift_get_i32(struct thrift_in *in, const struct thrift_field *field)
{
    int64_t value = thrift_get_int(in, field);
    if (value < INT32_MIN || value > INT32_MAX) {
        thrift_bad(in);
        return 0;
    }
    return (int32_t)value;
}

struct str thrift_get_binary(struct thrift_in *in, const struct thrift_field *field)
{
    if (field->type != THRIFT_BINARY) {
        thrift_bad(in);
        return STR_NONE;
    }
    return thrift_element_binary(in);
}

bool thrift_get_struct(struct thrift_in *in, const struct thrift_field *field)
{
    if (field->type != THRIFT_STRUCT)
        thrift_bad(in);
    return !in->bad;
}

/* Each element takes a byte at least. */
static size_t get_list_head(struct thrift_in *in, uint8_t *type)
{
    uint8_t head = get_byte(in);
    uint64_t count = head >> 4;
    if (count == 15)
        count = get_varint(in);
    *type = head & 0x0f;
    if (count > (uint64_t)(in->end - in->at)) {
        thrift_bad(in);
        return 0;
    }
    return (size_t)count;
}

size_t thrift_get_list(struct thrift_in *in, const struct thrift_field *field, enum thrift_type type)
{
    if (field->type != THRIFT_LIST) {
        thrift_bad(in);
        return 0;
    }
    uint8_t found;
    size_t count = get_list_head(in, &found);
    /* A list of booleans may say either of their types; a list of integers any width. */
    bool fits = found == type || (type == THRIFT_TRUE && found == THRIFT_FALSE) ||
                (type == THRIFT_I64 && (found == THRIFT_I32 || found == THRIFT_I16));
    if (!fits && count != 0) {
        thrift_bad(in);
        return 0;
    }
    return count;
}

bool thrift_element_bool(struct thrift_in *in)
{
    return get_byte(in) == THRIFT_TRUE;
}

int64_t thrift_element_int(struct thrift_in *in)
{
    return get_zigzag(in);
}

struct str thrift_element_binary(struct thrift_in *in)
{
    uint64_t len = get_varint(in);
    if (len > (uint64_t)(in->end - in->at)) {
        thrift_bad(in);
        return STR_NONE;
    }
    struct str value = str_make(in->at, (size_t)len);
    in->at += len;
    return value;
}

static void skip_bytes(struct thrift_in *in, size_t count)
{
    if (count > (size_t)(in->end - in->at)) {
        thrift_bad(in);
        return;
    }
    in->at += count;
}

static void skip_value(struct thrift_in *in, uint8_t type, bool in_list);

static void skip_elements(struct thrift_in *in)
{
    uint8_t type;
    size_t count = get_list_head(in, &type);
    for (size_t i = 0; i < count && !in->bad; i++)
        skip_value(in, type, true);
}

static void skip_map(struct thrift_in *in)
{
    uint64_t count = get_varint(in);
    if (count == 0)
        return;
    uint8_t types = get_byte(in);
    for (uint64_t i = 0; i < count && !in->bad; i++) {
        skip_value(in, types >> 4, true);
        skip_value(in, types & 0x0f, true);
    }
}

static void skip_value(struct thrift_in *in, uint8_t type, bool in_list)
{
    if (++in->depth > SKIP_DEPTH)
        thrift_bad(in);
    switch (in->bad ? THRIFT_STOP : type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE: skip_bytes(in, in_list ? 1 : 0); break;
    case THRIFT_BYTE: skip_bytes(in, 1); break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64: get_varint(in); break;
    case THRIFT_DOUBLE: skip_bytes(in, 8); break;
    case THRIFT_UUID: skip_bytes(in, 16); break;
    case THRIFT_BINARY: thrift_element_binary(in); break;
    case THRIFT_LIST:
    case THRIFT_SET: skip_elements(in); break;
    case THRIFT_MAP: skip_map(in); break;
    case THRIFT_STRUCT:
        for (struct thrift_field field = {0}; thrift_next(in, &field);)
            skip_value(in, field.type, false);
        break;
    default: thrift_bad(in);
    }
    in->depth--;
}

void thrift_skip(struct thrift_in *in, const struct thrift_field *field)
{
    skip_value(in, field->type, false);
}

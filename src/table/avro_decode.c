/* Avro values: bytes to what somebody wants of them, along the schema that they were written with.
 *
 * There are no tags in the bytes: a value is found by decoding all before it. What nobody wants is stepped over; arrays
 * and maps may say how many bytes a block of them has (a negative count), which makes that quick.
 *
 * Bytes that lie end with an error, never with a crash or a long wait: every length is checked against what is left, and a
 * type without bytes is not counted one by one. */
#include "table/avro_internal.h"

static bool decode(const struct avro_node *node, int32_t tag, struct str *data,
                   const struct avro_visitor *visitor, unsigned depth);

static void drop(struct str *data, size_t len)
{
    data->data += len;
    data->len -= len;
}

bool avro_take_long(struct str *data, int64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 10 && i < data->len; i++) {
        uint8_t byte = (uint8_t)data->data[i];
        if (i == 9 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            drop(data, i + 1);
            *out = (int64_t)(value >> 1 ^ (~(value & 1) + 1));
            return true;
        }
    }
    return false;
}

bool avro_take_bytes(struct str *data, struct str *out)
{
    int64_t len;
    if (!avro_take_long(data, &len) || len < 0 || (uint64_t)len > data->len)
        return false;
    *out = str_make(data->data, (size_t)len);
    drop(data, (size_t)len);
    return true;
}

static bool take_fixed(struct str *data, size_t len, struct str *out)
{
    if (data->len < len)
        return false;
    *out = str_make(data->data, len);
    drop(data, len);
    return true;
}

static uint64_t little_endian(struct str bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes.len; i-- > 0;)
        value = value << 8 | (uint8_t)bytes.data[i];
    return value;
}

static bool take_real(struct str *data, size_t len, double *out)
{
    struct str bytes;
    if (!take_fixed(data, len, &bytes))
        return false;
    uint64_t bits = little_endian(bytes);
    if (len == sizeof(float)) {
        uint32_t half = (uint32_t)bits;
        float value;
        memcpy(&value, &half, sizeof value);
        *out = (double)value;
    } else {
        memcpy(out, &bits, sizeof *out);
    }
    return true;
}

static bool take_scalar(const struct avro_node *node, struct str *data, struct avro_value *out)
{
    struct str byte;
    switch (node->type) {
    case AVRO_NULL: out->type = AVRO_NULL; return true;
    case AVRO_BOOLEAN:
        out->type = AVRO_BOOLEAN;
        if (!take_fixed(data, 1, &byte) || (uint8_t)byte.data[0] > 1)
            return false;
        out->number = (uint8_t)byte.data[0];
        return true;
    case AVRO_INT:
        out->type = AVRO_LONG;
        return avro_take_long(data, &out->number) && out->number >= INT32_MIN && out->number <= INT32_MAX;
    case AVRO_LONG: out->type = AVRO_LONG; return avro_take_long(data, &out->number);
    case AVRO_ENUM:
        out->type = AVRO_LONG;
        return avro_take_long(data, &out->number) && out->number >= 0 &&
               (uint64_t)out->number < node->symbol_count;
    case AVRO_FLOAT: out->type = AVRO_DOUBLE; return take_real(data, sizeof(float), &out->real);
    case AVRO_DOUBLE: out->type = AVRO_DOUBLE; return take_real(data, sizeof(double), &out->real);
    case AVRO_FIXED: out->type = AVRO_BYTES; return take_fixed(data, node->fixed_bytes, &out->bytes);
    default: out->type = AVRO_BYTES; return avro_take_bytes(data, &out->bytes);
    }
}

/* Of an array or a map: the number of items that follow, 0 at the end; their bytes, if that is told, else SIZE_MAX. */
static bool take_block_header(const struct avro_node *node, struct str *data, uint64_t *count, size_t *bytes)
{
    int64_t told, size;
    *bytes = SIZE_MAX;
    if (!avro_take_long(data, &told) || told == INT64_MIN)
        return false;
    if (told < 0) {
        if (!avro_take_long(data, &size) || size < 0 || (uint64_t)size > data->len)
            return false;
        *bytes = (size_t)size;
        told = -told;
    }
    *count = (uint64_t)told;
    size_t item_bytes = node->branches[0]->min_bytes + (node->type == AVRO_MAP);
    return item_bytes == 0 || *count <= data->len / item_bytes;
}

static bool skip_items(const struct avro_node *node, struct str *data, unsigned depth)
{
    for (;;) {
        uint64_t count;
        size_t bytes;
        struct str key;
        if (!take_block_header(node, data, &count, &bytes))
            return false;
        if (count == 0)
            return true;
        if (bytes != SIZE_MAX) {
            drop(data, bytes);
            continue;
        }
        if (node->type == AVRO_ARRAY && node->branches[0]->empty)
            continue;
        for (; count > 0; count--) {
            if (node->type == AVRO_MAP && !avro_take_bytes(data, &key))
                return false;
            if (!decode(node->branches[0], AVRO_SKIP, data, NULL, depth))
                return false;
        }
    }
}

static bool decode_array(const struct avro_node *node, int32_t tag, struct str *data,
                         const struct avro_visitor *visitor, unsigned depth)
{
    if (tag == AVRO_SKIP || node->type == AVRO_MAP)
        return skip_items(node, data, depth);
    if (node->branches[0]->empty)
        return false; /* nothing that anybody wants has no bytes */
    for (;;) {
        uint64_t count;
        size_t bytes;
        if (!take_block_header(node, data, &count, &bytes))
            return false;
        if (count == 0)
            return true;
        size_t before = data->len;
        for (; count > 0; count--) {
            visitor->item(visitor->ctx, tag);
            if (!decode(node->branches[0], tag, data, visitor, depth))
                return false;
        }
        if (bytes != SIZE_MAX && before - data->len != bytes)
            return false;
    }
}

static bool decode_record(const struct avro_node *node, int32_t tag, struct str *data,
                          const struct avro_visitor *visitor, unsigned depth)
{
    for (size_t i = 0; i < node->field_count; i++) {
        const struct avro_field *field = &node->fields[i];
        if (!decode(field->node, tag == AVRO_SKIP ? AVRO_SKIP : field->tag, data, visitor, depth))
            return false;
    }
    return true;
}

static bool decode(const struct avro_node *node, int32_t tag, struct str *data,
                   const struct avro_visitor *visitor, unsigned depth)
{
    struct avro_value value;
    int64_t branch;
    if (depth == AVRO_DEPTH_MAX)
        return false;
    if (node->empty && tag == AVRO_SKIP)
        return true;
    switch (node->type) {
    case AVRO_RECORD: return decode_record(node, tag, data, visitor, depth + 1);
    case AVRO_ARRAY:
    case AVRO_MAP: return decode_array(node, tag, data, visitor, depth + 1);
    case AVRO_UNION:
        if (!avro_take_long(data, &branch) || branch < 0 || (uint64_t)branch >= node->branch_count)
            return false;
        return decode(node->branches[branch], tag, data, visitor, depth + 1);
    default:
        if (!take_scalar(node, data, &value))
            return false;
        if (tag != AVRO_SKIP)
            visitor->value(visitor->ctx, tag, &value);
        return true;
    }
}

bool avro_decode(const struct avro_node *node, struct str *data, const struct avro_visitor *visitor,
                 struct error *err)
{
    return decode(node, AVRO_ROOT, data, visitor, 0) ||
           error_set(err, ERR_CORRUPT, "a value does not fit the schema that the file has");
}

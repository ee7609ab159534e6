/* A row as bytes in the buffer: a map of the rule language, of which every type and byte survives.
 *
 *     version 1 · kind 2 (a row) · count of entries · key · value · key · value …
 *
 * A value is a byte for its type and what belongs to that: of an integer its zigzag number (of a wide one 16 bytes), of a float
 * 8 bytes, of a string its length and bytes, of a list the count and the items, of a map as above. Counts and lengths are
 * LEB128 numbers; what is of fixed size is little-endian. */
#include "sink/sink_internal.h"

#define ROW_MEMORY_BYTES ((size_t)256 << 20)

__extension__ typedef unsigned __int128 wide_bits;

enum tag {
    TAG_UNDEFINED,
    TAG_NULL,
    TAG_FALSE,
    TAG_TRUE,
    TAG_INT,
    TAG_WIDE,
    TAG_FLOAT,
    TAG_STRING,
    TAG_LIST,
    TAG_MAP
};

/* ---- Writing --------------------------------------------------------------------------------------------- */

static void put_number(struct buf *out, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        buf_append_byte(out, (uint8_t)(value | 128));
    buf_append_byte(out, (uint8_t)value);
}

static void put_fixed(struct buf *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        buf_append_byte(out, (uint8_t)(value >> (8 * i)));
}

static void put_text(struct buf *out, struct str text)
{
    put_number(out, text.len);
    buf_append_str(out, text);
}

static void put_int(struct buf *out, const struct sql_value *value)
{
    if (value->wide) {
        wide_bits wide = (wide_bits)*value->big;
        buf_append_byte(out, TAG_WIDE);
        put_fixed(out, (uint64_t)wide);
        put_fixed(out, (uint64_t)(wide >> 64));
        return;
    }
    buf_append_byte(out, TAG_INT);
    put_number(out, (uint64_t)value->integer << 1 ^ (uint64_t)(value->integer < 0 ? -1 : 0));
}

static void put_float(struct buf *out, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    buf_append_byte(out, TAG_FLOAT);
    put_fixed(out, bits);
}

static void put_value(struct buf *out, const struct sql_value *value);

static void put_entries(struct buf *out, const struct sql_value *map)
{
    put_number(out, map->len);
    for (uint32_t i = 0; i < map->len; i++) {
        put_text(out, sql_key_of(sql_map_at(map, i)));
        put_value(out, &sql_map_at(map, i)->value);
    }
}

static void put_value(struct buf *out, const struct sql_value *value)
{
    switch ((enum sql_type)value->type) {
    case SQL_UNDEFINED: buf_append_byte(out, TAG_UNDEFINED); break;
    case SQL_NULL: buf_append_byte(out, TAG_NULL); break;
    case SQL_BOOL: buf_append_byte(out, value->boolean ? TAG_TRUE : TAG_FALSE); break;
    case SQL_INT: put_int(out, value); break;
    case SQL_FLOAT: put_float(out, value->number); break;
    case SQL_STRING:
        buf_append_byte(out, TAG_STRING);
        put_text(out, sql_str_of(value));
        break;
    case SQL_LIST:
        buf_append_byte(out, TAG_LIST);
        put_number(out, value->len);
        for (uint32_t i = 0; i < value->len; i++)
            put_value(out, &value->items[i]);
        break;
    case SQL_MAP:
        buf_append_byte(out, TAG_MAP);
        put_entries(out, value);
        break;
    }
}

void row_write(const struct sql_value *map, struct buf *out)
{
    buf_append_byte(out, RECORD_VERSION);
    buf_append_byte(out, RECORD_KIND_ROW);
    put_entries(out, map);
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

struct reader {
    struct str in;
    struct sql_scope *scope;
    struct error *err;
};

static bool is_cut_off(struct reader *reader)
{
    error_set(reader->err, ERR_CORRUPT, "a row of an action's buffer is cut off");
    return false;
}

static bool take(struct reader *reader, size_t len, const uint8_t **out)
{
    if (reader->in.len < len)
        return is_cut_off(reader);
    *out = (const uint8_t *)reader->in.data;
    reader->in = str_make(reader->in.data + len, reader->in.len - len);
    return true;
}

static bool get_number(struct reader *reader, uint64_t *out)
{
    const uint8_t *at;
    *out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (!take(reader, 1, &at))
            return false;
        *out |= (uint64_t)(*at & 127) << shift;
        if (*at < 128)
            return true;
    }
    return is_cut_off(reader);
}

static bool get_fixed(struct reader *reader, uint64_t *out)
{
    const uint8_t *at;
    if (!take(reader, 8, &at))
        return false;
    *out = 0;
    for (unsigned i = 0; i < 8; i++)
        *out |= (uint64_t)at[i] << (8 * i);
    return true;
}

/* A count of what takes at least a byte each, or a length. */
static bool get_count(struct reader *reader, uint64_t *out)
{
    return get_number(reader, out) && (*out <= reader->in.len || is_cut_off(reader));
}

static bool get_text(struct reader *reader, struct str *out)
{
    uint64_t len;
    const uint8_t *at;
    if (!get_count(reader, &len) || !take(reader, len, &at))
        return false;
    *out = str_make(at, len);
    return true;
}

static bool get_wide(struct reader *reader, struct sql_value *out)
{
    uint64_t low, high;
    return get_fixed(reader, &low) && get_fixed(reader, &high) &&
           sql_make_int(reader->scope, (sql_int128)((wide_bits)high << 64 | low), out, reader->err);
}

static bool get_float(struct reader *reader, struct sql_value *out)
{
    uint64_t bits;
    double number;
    if (!get_fixed(reader, &bits))
        return false;
    memcpy(&number, &bits, sizeof(number));
    return sql_make_float(number, out, reader->err);
}

static bool get_value(struct reader *reader, unsigned depth, struct sql_value *out);

static bool get_list(struct reader *reader, unsigned depth, struct sql_value *out)
{
    uint64_t count;
    struct sql_value item;
    struct sql_list_builder builder = sql_list_begin(reader->scope);
    if (!get_count(reader, &count))
        return false;
    for (; count > 0; count--) {
        if (!get_value(reader, depth, &item) || !sql_list_add(&builder, item, reader->err))
            return false;
    }
    *out = sql_list_end(&builder);
    return true;
}

static bool get_map(struct reader *reader, unsigned depth, struct sql_value *out)
{
    uint64_t count;
    struct str key;
    struct sql_value value;
    struct sql_map_builder builder = sql_map_begin(reader->scope);
    if (!get_count(reader, &count))
        return false;
    for (; count > 0; count--) {
        if (!get_text(reader, &key) || !get_value(reader, depth, &value) ||
            !sql_map_put(&builder, key, value, reader->err))
            return false;
    }
    *out = sql_map_end(&builder);
    return true;
}

static bool get_value(struct reader *reader, unsigned depth, struct sql_value *out)
{
    const uint8_t *tag;
    uint64_t number;
    struct str text;
    if (depth > SQL_DEPTH_LIMIT) {
        error_set(reader->err, ERR_CORRUPT, "a row of an action's buffer is nested too deeply");
        return false;
    }
    if (!take(reader, 1, &tag))
        return false;
    switch (*tag) {
    case TAG_UNDEFINED: *out = sql_undefined(); return true;
    case TAG_NULL: *out = sql_null(); return true;
    case TAG_FALSE:
    case TAG_TRUE: *out = sql_bool(*tag == TAG_TRUE); return true;
    case TAG_INT:
        if (!get_number(reader, &number))
            return false;
        *out = sql_int((int64_t)(number >> 1 ^ -(number & 1)));
        return true;
    case TAG_WIDE: return get_wide(reader, out);
    case TAG_FLOAT: return get_float(reader, out);
    case TAG_STRING:
        if (!get_text(reader, &text))
            return false;
        *out = sql_string(text);
        return true;
    case TAG_LIST: return get_list(reader, depth + 1, out);
    case TAG_MAP: return get_map(reader, depth + 1, out);
    default: return is_cut_off(reader);
    }
}

bool row_read(struct str record, struct sql_scope *scope, struct sql_value *out, struct error *err)
{
    static const struct sql_limits limits = {
        .memory_bytes_max = ROW_MEMORY_BYTES, .steps_max = UINT64_MAX >> 1, .depth_max = SQL_DEPTH_LIMIT};
    struct reader reader = {.scope = scope, .err = err};
    struct sink_envelope envelope;
    if (!envelope_read(record, &envelope, err))
        return false;
    record = envelope.row;
    if (record.len < 2 || record.data[0] != RECORD_VERSION || record.data[1] != RECORD_KIND_ROW)
        return error_set(err, ERR_CORRUPT, "a row of an action's buffer is of another version");
    reader.in = str_make(record.data + 2, record.len - 2);
    sql_scope_begin(scope, &limits);
    return get_map(&reader, 1, out) && (reader.in.len == 0 || is_cut_off(&reader));
}

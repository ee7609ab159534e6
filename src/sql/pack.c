/* A value as bytes:
 *
 *     type (1), then
 *       boolean: 1 byte         integer: 16         float: 8       string: length (4), bytes
 *       list: count (4), items  map: count (4), for each entry: length of the key (4), key, value
 *
 * in the byte order of the machine: they never leave the process. */
#include "sql/pack.h"

static void put_count(struct buf *buf, uint32_t count)
{
    buf_append(buf, &count, sizeof count);
}

static bool fits(const struct buf *buf, size_t more, size_t bytes_max, struct error *err)
{
    if (more <= bytes_max && buf->len <= bytes_max - more)
        return true;
    return error_set(err, ERR_LIMIT, "the value is larger than %zu bytes", bytes_max);
}

static bool put_text(struct buf *buf, struct str text, size_t bytes_max, struct error *err)
{
    if (!fits(buf, sizeof(uint32_t) + text.len, bytes_max, err))
        return false;
    put_count(buf, (uint32_t)text.len);
    buf_append_str(buf, text);
    return true;
}

static bool put_list(struct buf *buf, const struct sql_value *list, size_t bytes_max, struct error *err)
{
    put_count(buf, list->len);
    for (uint32_t i = 0; i < list->len; i++) {
        if (!sql_pack(buf, &list->items[i], bytes_max, err))
            return false;
    }
    return true;
}

static bool put_map(struct buf *buf, const struct sql_value *map, size_t bytes_max, struct error *err)
{
    put_count(buf, map->len);
    for (uint32_t i = 0; i < map->len; i++) {
        const struct sql_entry *entry = sql_map_at(map, i);
        if (!put_text(buf, sql_key_of(entry), bytes_max, err) ||
            !sql_pack(buf, &entry->value, bytes_max, err))
            return false;
    }
    return true;
}

bool sql_pack(struct buf *buf, const struct sql_value *value, size_t bytes_max, struct error *err)
{
    if (!fits(buf, 1 + sizeof(sql_int128), bytes_max, err))
        return false;
    buf_append_byte(buf, value->type);
    switch ((enum sql_type)value->type) {
    case SQL_UNDEFINED:
    case SQL_NULL: return true;
    case SQL_BOOL: buf_append_byte(buf, value->boolean); return true;
    case SQL_INT: {
        sql_int128 integer = sql_int_of(value);
        buf_append(buf, &integer, sizeof integer);
        return true;
    }
    case SQL_FLOAT: buf_append(buf, &value->number, sizeof value->number); return true;
    case SQL_STRING: return put_text(buf, sql_str_of(value), bytes_max, err);
    case SQL_LIST: return put_list(buf, value, bytes_max, err);
    case SQL_MAP: return put_map(buf, value, bytes_max, err);
    }
    return true;
}

/* ---- Back ------------------------------------------------------------------------------------------------ */

/* The bytes are our own: there is no check. */
static void take(const char **at, void *out, size_t len)
{
    memcpy(out, *at, len);
    *at += len;
}

static struct str take_text(const char **at)
{
    uint32_t len;
    take(at, &len, sizeof len);
    struct str text = {*at, len};
    *at += len;
    return text;
}

static bool take_value(struct sql_scope *scope, const char **at, struct sql_value *out, struct error *err);

static bool take_list(struct sql_scope *scope, const char **at, struct sql_value *out, struct error *err)
{
    struct sql_list_builder list = sql_list_begin(scope);
    uint32_t count;
    take(at, &count, sizeof count);
    for (uint32_t i = 0; i < count; i++) {
        struct sql_value item;
        if (!take_value(scope, at, &item, err) || !sql_list_add(&list, item, err))
            return false;
    }
    *out = sql_list_end(&list);
    return true;
}

static bool take_map(struct sql_scope *scope, const char **at, struct sql_value *out, struct error *err)
{
    struct sql_map_builder map = sql_map_begin(scope);
    uint32_t count;
    take(at, &count, sizeof count);
    for (uint32_t i = 0; i < count; i++) {
        struct str key = take_text(at);
        struct sql_value value;
        if (!take_value(scope, at, &value, err) || !sql_map_put(&map, key, value, err))
            return false;
    }
    *out = sql_map_end(&map);
    return true;
}

static bool take_value(struct sql_scope *scope, const char **at, struct sql_value *out, struct error *err)
{
    uint8_t type;
    take(at, &type, 1);
    *out = (struct sql_value){.type = type};
    switch ((enum sql_type)type) {
    case SQL_UNDEFINED:
    case SQL_NULL: return true;
    case SQL_BOOL: {
        uint8_t boolean;
        take(at, &boolean, 1);
        out->boolean = boolean != 0;
        return true;
    }
    case SQL_INT: {
        sql_int128 integer;
        take(at, &integer, sizeof integer);
        return sql_make_int(scope, integer, out, err);
    }
    case SQL_FLOAT: take(at, &out->number, sizeof out->number); return true;
    case SQL_STRING: *out = sql_string(take_text(at)); return true;
    case SQL_LIST: return take_list(scope, at, out, err);
    case SQL_MAP: return take_map(scope, at, out, err);
    }
    return true;
}

bool sql_unpack(struct sql_scope *scope, const char *bytes, struct sql_value *out, struct error *err)
{
    return take_value(scope, &bytes, out, err);
}

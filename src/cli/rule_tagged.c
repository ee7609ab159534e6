/* Values as lines of `varve rule eval` have them. */
#include "cli/rule_internal.h"

#include "sql/json.h"

static void append_string(struct buf *buf, struct str text)
{
    if (utf8_valid(text.data, text.len)) {
        buf_append_json(buf, text);
        return;
    }
    buf_append_str(buf, STR("{\"$hex\":\""));
    for (size_t i = 0; i < text.len; i++)
        buf_printf(buf, "%02x", (unsigned char)text.data[i]);
    buf_append_str(buf, STR("\"}"));
}

void rule_tagged_append(struct buf *buf, const struct sql_value *value)
{
    switch ((enum sql_type)value->type) {
    case SQL_UNDEFINED: buf_append_str(buf, STR("{\"$undef\":true}")); break;
    case SQL_STRING: append_string(buf, sql_str_of(value)); break;
    case SQL_LIST:
        buf_append_byte(buf, '[');
        for (uint32_t i = 0; i < value->len; i++) {
            if (i != 0)
                buf_append_byte(buf, ',');
            rule_tagged_append(buf, &value->items[i]);
        }
        buf_append_byte(buf, ']');
        break;
    case SQL_MAP:
        buf_append_byte(buf, '{');
        for (uint32_t i = 0; i < value->len; i++) {
            const struct sql_entry *entry = sql_map_at(value, i);
            if (i != 0)
                buf_append_byte(buf, ',');
            buf_append_json(buf, sql_key_of(entry));
            buf_append_byte(buf, ':');
            rule_tagged_append(buf, &entry->value);
        }
        buf_append_byte(buf, '}');
        break;
    case SQL_NULL:
    case SQL_BOOL:
    case SQL_INT:
    case SQL_FLOAT: sql_json_append(buf, value, SIZE_MAX, NULL); break;
    }
}

static int digit_of(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + 0x20 : c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

static bool read_hex(struct sql_scope *scope, struct str hex, struct sql_value *out, struct error *err)
{
    char *bytes = sql_alloc(scope, hex.len / 2, err);
    if (bytes == NULL)
        return false;
    for (size_t i = 0; i + 1 < hex.len; i += 2) {
        int high = digit_of(hex.data[i]);
        int low = digit_of(hex.data[i + 1]);
        if (high < 0 || low < 0)
            return error_set(err, ERR_INVALID, "\"$hex\" needs hexadecimal digits");
        bytes[i / 2] = (char)(high << 4 | low);
    }
    if (hex.len % 2 != 0)
        return error_set(err, ERR_INVALID, "\"$hex\" needs two digits for each byte");
    *out = sql_string(str_make(bytes, hex.len / 2));
    return true;
}

static bool read_list(struct sql_scope *scope, const struct sql_value *list, struct sql_value *out,
                      struct error *err)
{
    struct sql_list_builder builder = sql_list_begin(scope);
    for (uint32_t i = 0; i < list->len; i++) {
        struct sql_value item;
        if (!rule_tagged_read(scope, &list->items[i], &item, err) || !sql_list_add(&builder, item, err))
            return false;
    }
    *out = sql_list_end(&builder);
    return true;
}

static bool read_map(struct sql_scope *scope, const struct sql_value *map, struct sql_value *out,
                     struct error *err)
{
    struct sql_map_builder builder = sql_map_begin(scope);
    for (uint32_t i = 0; i < map->len; i++) {
        const struct sql_entry *entry = sql_map_at(map, i);
        struct sql_value item;
        if (!rule_tagged_read(scope, &entry->value, &item, err) ||
            !sql_map_put(&builder, sql_key_of(entry), item, err))
            return false;
    }
    *out = sql_map_end(&builder);
    return true;
}

bool rule_tagged_read(struct sql_scope *scope, const struct sql_value *value, struct sql_value *out,
                      struct error *err)
{
    *out = *value;
    if (value->type == SQL_LIST)
        return read_list(scope, value, out, err);
    if (value->type != SQL_MAP)
        return true;
    const struct sql_value *hex = sql_map_get(value, STR("$hex"));
    if (value->len == 1 && hex != NULL && hex->type == SQL_STRING)
        return read_hex(scope, sql_str_of(hex), out, err);
    if (value->len == 1 && sql_map_get(value, STR("$undef")) != NULL) {
        *out = sql_undefined();
        return true;
    }
    return read_map(scope, value, out, err);
}

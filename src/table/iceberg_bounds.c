/* Bounds of columns: single values as Iceberg writes them (specification, appendix D), cut where they are long. */
#include "table/iceberg_internal.h"

enum { BOUND_UNITS = 16 }; /* characters of a string, bytes of the rest */

const struct iceberg_column *iceberg_column(const struct iceberg_data_file *file, int32_t field_id)
{
    for (size_t i = 0; i < file->column_count; i++) {
        if (file->columns[i].field_id == field_id)
            return &file->columns[i];
    }
    return NULL;
}

static bool bound_number(struct str bytes, int64_t *out)
{
    if (bytes.data == NULL || (bytes.len != 4 && bytes.len != 8))
        return false;
    uint64_t value = 0;
    for (size_t i = bytes.len; i-- > 0;)
        value = value << 8 | (uint8_t)bytes.data[i];
    *out = bytes.len == 8 ? (int64_t)value : (int64_t)(int32_t)(uint32_t)value;
    return true;
}

bool iceberg_bounds(const struct iceberg_data_file *file, int32_t field_id, int64_t *lower, int64_t *upper)
{
    const struct iceberg_column *column = iceberg_column(file, field_id);
    return column != NULL && bound_number(column->lower, lower) && bound_number(column->upper, upper) &&
           *lower <= *upper;
}

static size_t put_number(uint64_t value, size_t len, uint8_t *out)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(value >> (8 * i));
    return len;
}

size_t iceberg_bound_int(int32_t value, uint8_t *out)
{
    return put_number((uint32_t)value, 4, out);
}

size_t iceberg_bound_long(int64_t value, uint8_t *out)
{
    return put_number((uint64_t)value, 8, out);
}

/* The bytes of the character at `at`: 1 to 4. */
static size_t character_bytes(struct str text, size_t at)
{
    size_t len = 1;
    while (len < 4 && at + len < text.len && ((uint8_t)text.data[at + len] & 0xC0) == 0x80)
        len++;
    return len;
}

struct str iceberg_bound_lower(struct str value, bool is_string)
{
    if (!is_string)
        return str_make(value.data, value.len < BOUND_UNITS ? value.len : BOUND_UNITS);
    size_t len = 0;
    for (int units = 0; units < BOUND_UNITS && len < value.len; units++)
        len += character_bytes(value, len);
    return str_make(value.data, len);
}

static uint32_t decode_character(const uint8_t *at, size_t len)
{
    uint32_t code = len == 1 ? at[0] : (uint32_t)(at[0] & (0x7F >> len));
    for (size_t i = 1; i < len; i++)
        code = code << 6 | (at[i] & 0x3F);
    return code;
}

static size_t encode_character(uint32_t code, uint8_t *out)
{
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3F));
    static const uint8_t first[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    out[0] = (uint8_t)(first[len] | code);
    return len;
}

/* Makes the last character greater, one that cannot be is left out. */
static struct str next_text(struct str cut, uint8_t *out)
{
    while (cut.len > 0) {
        size_t at = cut.len - 1;
        while (at > 0 && cut.len - at < 4 && ((uint8_t)cut.data[at] & 0xC0) == 0x80)
            at--;
        uint32_t code = decode_character((const uint8_t *)cut.data + at, cut.len - at);
        if (code < 0x10FFFF) {
            code = code == 0xD7FF ? 0xE000 : code + 1; /* between lie the surrogates */
            memcpy(out, cut.data, at);
            return str_make(out, at + encode_character(code, out + at));
        }
        cut.len = at;
    }
    return STR_NONE;
}

static struct str next_bytes(struct str cut, uint8_t *out)
{
    while (cut.len > 0 && (uint8_t)cut.data[cut.len - 1] == 0xFF)
        cut.len--;
    if (cut.len == 0)
        return STR_NONE;
    memcpy(out, cut.data, cut.len);
    out[cut.len - 1]++;
    return str_make(out, cut.len);
}

struct str iceberg_bound_upper(struct str value, bool is_string, uint8_t *out)
{
    struct str cut = iceberg_bound_lower(value, is_string);
    if (cut.len == value.len)
        return value;
    return is_string ? next_text(cut, out) : next_bytes(cut, out);
}

int32_t iceberg_day(int64_t timestamp_us)
{
    const int64_t day_us = INT64_C(86400000000);
    int64_t day = timestamp_us / day_us - (timestamp_us % day_us < 0);
    return (int32_t)day;
}

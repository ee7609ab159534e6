/* JSON of Iceberg's metadata: values by key, with errors that name the place. */
#include "table/iceberg_internal.h"

#include "base/mem.h"

bool json_wrong(const struct json_place *place, const char *key, const char *expected)
{
    return error_set(place->err, ERR_CORRUPT, "%s: %s: %s", place->where, key, expected);
}

static const json_t *get(const struct json_place *place, const char *key)
{
    const json_t *value = json_object_get(place->object, key);
    return json_is_null(value) ? NULL : value;
}

bool json_need_int(const struct json_place *place, const char *key, int64_t low, int64_t high, int64_t *out)
{
    const json_t *value = get(place, key);
    if (!json_is_integer(value))
        return json_wrong(place, key, value == NULL ? "is missing" : "an integer is expected");
    if (json_integer_value(value) < low || json_integer_value(value) > high)
        return json_wrong(place, key, "the number is out of range");
    *out = json_integer_value(value);
    return true;
}

bool json_may_int(const struct json_place *place, const char *key, int64_t low, int64_t high, int64_t *out)
{
    return get(place, key) == NULL || json_need_int(place, key, low, high, out);
}

bool json_need_id(const struct json_place *place, const char *key, int32_t *out)
{
    int64_t value = 0;
    if (!json_need_int(place, key, 0, INT32_MAX, &value))
        return false;
    *out = (int32_t)value;
    return true;
}

bool json_need_str(const struct json_place *place, const char *key, struct str *out)
{
    const json_t *value = get(place, key);
    if (!json_is_string(value))
        return json_wrong(place, key, value == NULL ? "is missing" : "a string is expected");
    *out = json_str(value);
    return true;
}

bool json_may_array(const struct json_place *place, const char *key, const json_t **out)
{
    *out = get(place, key);
    return *out == NULL || json_is_array(*out) || json_wrong(place, key, "an array is expected");
}

struct str json_str(const json_t *text)
{
    return json_is_string(text) ? str_make(json_string_value(text), json_string_length(text)) : STR_NONE;
}

json_t *json_of_str(struct str text)
{
    json_t *json = json_stringn(text.len > 0 ? text.data : "", text.len);
    if (json != NULL)
        return json;
    struct buf escaped = {0};
    buf_append_json(&escaped, text);
    json = json_loadb((const char *)escaped.data, escaped.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    buf_free(&escaped);
    return json;
}

static int dump_some(const char *data, size_t len, void *out)
{
    buf_append(out, data, len);
    return 0;
}

void json_dump(const json_t *json, struct buf *out)
{
    json_dump_callback(json, dump_some, out, JSON_COMPACT | JSON_ENCODE_ANY);
}

json_t *json_find(const json_t *array, const char *key, int64_t value)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *object = json_array_get(array, i);
        const json_t *number = json_object_get(object, key);
        if (json_is_integer(number) && json_integer_value(number) == value)
            return object;
    }
    return NULL;
}

/* Maps. Where one is expected, the JSON of one in a string will do. Functions that list keys or values give them in the
 * order of the keys. */
#include "sql/fn_internal.h"
#include "sql/payload_internal.h"

#include <stdlib.h>

/* --- Paths ------------------------------------------------------------------------------------------ */

/* Is the string the payload of the message? That is decoded once for all. */
static bool is_payload(struct sql_call *call, const struct sql_value *string, struct error *err, bool *is)
{
    struct sql_value payload;
    if (!sql_call_column(call, STR("payload"), &payload, err))
        return false;
    *is = payload.type == SQL_STRING && payload.text == string->text && payload.len == string->len;
    return true;
}

/* A string on the way is decoded if it is JSON; undefined for everything that leads nowhere. Errors: ERR_LIMIT. */
static bool enter(struct sql_call *call, struct sql_value *value, struct error *err)
{
    struct error reason = {0};
    struct sql_payload other = {0};
    const struct sql_value string = *value;
    bool payload;
    if (value->type != SQL_STRING)
        return true;
    if (!is_payload(call, &string, err, &payload))
        return false;
    if (!payload)
        return sql_payload_open(&other, call->scope, &string, value, err);
    if (sql_call_payload(call, value, &reason))
        return true;
    *value = sql_undefined();
    if (reason.code == ERR_INVALID)
        return true;
    if (err != NULL)
        *err = reason;
    return false;
}

bool sql_get_path(struct sql_call *call, struct sql_value value, struct str path, struct sql_value *out,
                  bool *found, struct error *err)
{
    struct str key;
    if (path.len == 0)
        path = STR(""); /* one empty key */
    *found = true;
    while (*found && str_next(&path, '.', &key)) {
        if (!enter(call, &value, err))
            return false;
        const struct sql_value *next = value.type == SQL_MAP ? sql_map_get(&value, key) : NULL;
        *found = next != NULL;
        if (next != NULL)
            value = *next;
    }
    *out = value;
    return true;
}

SQL_FUNCTION(run_map_get)
{
    struct str path;
    bool found;
    if (!sql_arg_string(args, 0, &path, err) || !sql_get_path(call, args[1], path, out, &found, err))
        return false;
    if (!found)
        *out = count > 2 ? args[2] : sql_undefined();
    return true;
}

SQL_FUNCTION(run_map_put)
{
    struct str path;
    struct sql_value map = args[2];
    if (!sql_arg_string(args, 0, &path, err) || !enter(call, &map, err))
        return false;
    if (path.len == 0)
        path = STR("");
    size_t key_count = 1;
    for (size_t i = 0; i < path.len; i++)
        key_count += path.data[i] == '.';
    struct str *keys = sql_alloc(call->scope, key_count * sizeof *keys, err);
    if (keys == NULL)
        return false;
    for (size_t i = 0; str_next(&path, '.', &keys[i]);)
        i++;
    return sql_put_path(call->scope, &map, keys, key_count, args[1], out, err);
}

/* --- Keys as they are ------------------------------------------------------------------------------- */

SQL_FUNCTION(run_mget)
{
    struct str key;
    struct sql_value map;
    if (!sql_arg_string(args, 0, &key, err) || !sql_arg_map(call, args, 1, &map, err))
        return false;
    const struct sql_value *value = sql_map_get(&map, key);
    *out = value != NULL ? *value : count > 2 ? args[2] : sql_undefined();
    return true;
}

SQL_FUNCTION(run_mput)
{
    struct str key;
    struct sql_value map;
    return sql_arg_string(args, 0, &key, err) && sql_arg_map(call, args, 2, &map, err) &&
           sql_put_path(call->scope, &map, &key, 1, args[1], out, err);
}

/* --- Whole maps ------------------------------------------------------------------------------------- */

SQL_FUNCTION(run_map_new)
{
    struct sql_map_builder map = sql_map_begin(call->scope);
    *out = sql_map_end(&map);
    return true;
}

SQL_FUNCTION(run_map_size)
{
    struct sql_value map;
    if (!sql_arg_map(call, args, 0, &map, err))
        return false;
    *out = sql_int(map.len);
    return true;
}

static int by_key(const void *a, const void *b)
{
    const struct sql_entry *const *x = a, *const *y = b;
    return str_compare(sql_key_of(*x), sql_key_of(*y));
}

/* The entries of argument 0 in the order of their keys. */
static bool sorted_entries(struct sql_call *call, const struct sql_value *args, const struct sql_entry ***out,
                           uint32_t *len, struct error *err)
{
    struct sql_value map;
    if (!sql_arg_map(call, args, 0, &map, err) || !sql_spend(call->scope, (uint64_t)map.len * 8, err))
        return false;
    const struct sql_entry **entries = sql_alloc(call->scope, map.len * sizeof *entries, err);
    if (entries == NULL)
        return false;
    for (uint32_t i = 0; i < map.len; i++)
        entries[i] = sql_map_at(&map, i);
    if (map.len > 1)
        qsort(entries, map.len, sizeof *entries, by_key);
    *out = entries;
    *len = map.len;
    return true;
}

SQL_FUNCTION(run_map_keys)
{
    const struct sql_entry **entries;
    uint32_t len;
    if (!sorted_entries(call, args, &entries, &len, err))
        return false;
    struct sql_list_builder list = sql_list_begin(call->scope);
    for (uint32_t i = 0; i < len; i++) {
        if (!sql_list_add(&list, sql_string(sql_key_of(entries[i])), err))
            return false;
    }
    *out = sql_list_end(&list);
    return true;
}

SQL_FUNCTION(run_map_values)
{
    const struct sql_entry **entries;
    uint32_t len;
    if (!sorted_entries(call, args, &entries, &len, err))
        return false;
    struct sql_list_builder list = sql_list_begin(call->scope);
    for (uint32_t i = 0; i < len; i++) {
        if (!sql_list_add(&list, entries[i]->value, err))
            return false;
    }
    *out = sql_list_end(&list);
    return true;
}

SQL_FUNCTION(run_map_to_entries)
{
    const struct sql_entry **entries;
    uint32_t len;
    if (!sorted_entries(call, args, &entries, &len, err))
        return false;
    struct sql_list_builder list = sql_list_begin(call->scope);
    for (uint32_t i = 0; i < len; i++) {
        struct sql_map_builder map = sql_map_begin(call->scope);
        if (!sql_map_put(&map, STR("key"), sql_string(sql_key_of(entries[i])), err) ||
            !sql_map_put(&map, STR("value"), entries[i]->value, err) ||
            !sql_list_add(&list, sql_map_end(&map), err))
            return false;
    }
    *out = sql_list_end(&list);
    return true;
}

static const struct sql_function rows[] = {
    SQL_ROW("map_new", 0, 0, SQL_CATEGORY_MAP, "", "an empty map", "map_new()", "{}", run_map_new),
    SQL_ROW("map_get", 2, 3, SQL_CATEGORY_MAP, "path, map[, default]",
            "the value at a path of keys such as 'a.b'; the default, or undefined, if there is none",
            "map_get('a.b', '{\"a\": {\"b\": 7}}')", "7", run_map_get),
    SQL_ROW("map_put", 3, 3, SQL_CATEGORY_MAP, "path, value, map",
            "the map with the value at the path, through maps that are made where there are none; what is no "
            "map and no "
            "JSON of one counts as an empty map",
            "map_put('a.c', 1, '{\"a\": {\"b\": 7}}')", "{\"a\":{\"b\":7,\"c\":1}}", run_map_put),
    SQL_ROW("mget", 2, 3, SQL_CATEGORY_MAP, "key, map[, default]",
            "the value of a key that may have dots in it; the default, or undefined, if there is none",
            "mget('a.b', '{\"a.b\": 7}')", "7", run_mget),
    SQL_ROW("mput", 3, 3, SQL_CATEGORY_MAP, "key, value, map",
            "the map with the value under a key that may have dots in it", "mput('a.b', 1, map_new())",
            "{\"a.b\":1}", run_mput),
    SQL_ROW("map_keys", 1, 1, SQL_CATEGORY_MAP, "map", "the keys, in their order",
            "map_keys('{\"b\": 1, \"a\": 2}')", "[\"a\",\"b\"]", run_map_keys),
    SQL_ROW("map_values", 1, 1, SQL_CATEGORY_MAP, "map", "the values, in the order of their keys",
            "map_values('{\"b\": 1, \"a\": 2}')", "[2,1]", run_map_values),
    SQL_ROW("map_to_entries", 1, 1, SQL_CATEGORY_MAP, "map",
            "a list of maps with `key` and `value`, in the order of the keys", "map_to_entries('{\"a\": 1}')",
            "[{\"key\":\"a\",\"value\":1}]", run_map_to_entries),
    SQL_ROW("map_size", 1, 1, SQL_CATEGORY_MAP, "map", "the number of keys",
            "map_size('{\"a\": 1, \"b\": 2}')", "2", run_map_size),
};

const struct sql_function_table sql_map_functions = SQL_FUNCTION_TABLE(rows);

/* What does not depend on the arguments alone: the environment, chance, and the key-value store. */
#include "base/random.h"
#include "sql/fn_internal.h"
#include "sql/kv.h"

#include <stdio.h>
#include <stdlib.h>

/* --- The environment -------------------------------------------------------------------------------- */

#define NAME_BYTES_MAX 200

/* Only variables whose names begin with one of these are shown to rules. */
static const char *const prefixes[] = {"VARVEVAR_", "EMQXVAR_"};

SQL_FUNCTION(run_getenv)
{
    struct str name;
    if (!sql_arg_string(args, 0, &name, err))
        return false;
    const char *value = NULL;
    for (size_t i = 0; i < SQL_COUNT_OF(prefixes) && value == NULL; i++) {
        char whole[NAME_BYTES_MAX + 16];
        if (name.len == 0 || name.len > NAME_BYTES_MAX || memchr(name.data, '\0', name.len) != NULL)
            break;
        snprintf(whole, sizeof whole, "%s%.*s", prefixes[i], STR_ARG(name));
        value = secure_getenv(whole);
    }
    return sql_make_string(call->scope, value != NULL ? str_of(value) : STR(""), out, err);
}

/* --- Chance ----------------------------------------------------------------------------------------- */

SQL_FUNCTION(run_random)
{
    *out = sql_float((double)(random_u64() >> 11) * 0x1p-53);
    return true;
}

/* RFC 9562, section 5.4: 122 random bits. */
static bool uuid(struct sql_call *call, bool hyphens, struct sql_value *out, struct error *err)
{
    uint8_t bytes[16];
    char hex[33], text[36];
    random_bytes(bytes, sizeof bytes);
    bytes[6] = (uint8_t)(0x40 | (bytes[6] & 0x0f));
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
    hex_encode(bytes, sizeof bytes, hex);
    size_t len = 0;
    for (size_t i = 0; i < 32; i++) {
        if (hyphens && (i == 8 || i == 12 || i == 16 || i == 20))
            text[len++] = '-';
        text[len++] = hex[i];
    }
    return sql_make_string(call->scope, str_make(text, len), out, err);
}

SQL_FUNCTION(run_uuid_v4)
{
    return uuid(call, true, out, err);
}

SQL_FUNCTION(run_uuid_v4_no_hyphen)
{
    return uuid(call, false, out, err);
}

/* --- The key-value store ---------------------------------------------------------------------------- */

SQL_FUNCTION(run_kv_store_get)
{
    bool found;
    if (!sql_kv_get(call->scope, &args[0], out, &found, err))
        return false;
    if (!found)
        *out = count > 1 ? args[1] : sql_undefined();
    return true;
}

SQL_FUNCTION(run_kv_store_put)
{
    *out = sql_bool(true);
    return sql_kv_put(call->scope, &args[0], &args[1], err);
}

SQL_FUNCTION(run_kv_store_del)
{
    *out = sql_bool(true);
    return sql_kv_delete(call->scope, &args[0], err);
}

static const struct sql_function rows[] = {
    SQL_ROW("getenv", 1, 1, SQL_CATEGORY_SYSTEM, "name",
            "the environment variable VARVEVAR_<name>, or else EMQXVAR_<name>; '' if there is neither; "
            "others cannot be read",
            "getenv('NO_SUCH_NAME')", "\"\"", run_getenv),
    SQL_ROW("random", 0, 0, SQL_CATEGORY_SYSTEM, "", "a random float from 0 to less than 1", "random()", NULL,
            run_random),
    SQL_ROW("uuid_v4", 0, 0, SQL_CATEGORY_SYSTEM, "", "a random UUID", "uuid_v4()", NULL, run_uuid_v4),
    SQL_ROW("uuid_v4_no_hyphen", 0, 0, SQL_CATEGORY_SYSTEM, "", "a random UUID without hyphens",
            "strlen(uuid_v4_no_hyphen())", "32", run_uuid_v4_no_hyphen),
    SQL_ROW("kv_store_put", 2, 2, SQL_CATEGORY_SYSTEM, "key, value",
            "true; keeps the value under the key, for all rules, until the broker ends; fails when the store "
            "is full (64 "
            "MiB), or an item larger than 1 MiB",
            "kv_store_put('last', 7)", "true", run_kv_store_put),
    SQL_ROW("kv_store_get", 1, 2, SQL_CATEGORY_SYSTEM, "key[, default]",
            "the value kept under the key; the default, or undefined, if there is none",
            "kv_store_get('no such key', 0)", "0", run_kv_store_get),
    SQL_ROW("kv_store_del", 1, 1, SQL_CATEGORY_SYSTEM, "key", "true; forgets the key", "kv_store_del('last')",
            "true", run_kv_store_del),
};

const struct sql_function_table sql_state_functions = SQL_FUNCTION_TABLE(rows);

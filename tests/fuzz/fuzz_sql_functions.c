/* Every function of the rule language with any values: it answers or says what is wrong, stays within its memory and its
 * steps, leaves the scratch buffer empty, and what it gives is a whole value.
 *
 * The input is the length of a name, the name, the number of arguments, and the arguments (read_value()). A name that is
 * none stands for some function. jq() is left out: its filters run in another process. */
#include "base/hash.h"
#include "sql/function.h"
#include "sql/json.h"
#include "sql/kv.h"
#include "sql/payload_internal.h"

#include <assert.h>
#include <math.h>

#define ARGS_MAX 8

struct input {
    const uint8_t *at;
    size_t left;
};

static uint8_t take_byte(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

static void take_bytes(struct input *input, void *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = take_byte(input);
}

static struct str take_text(struct input *input, size_t len)
{
    struct str text = str_make(input->at, len < input->left ? len : input->left);
    input->at += text.len;
    input->left -= text.len;
    return text;
}

/* So many copies of a text, for large values from small inputs. */
static struct sql_value repeated(struct sql_scope *scope, struct str text, size_t times)
{
    struct sql_value value = sql_undefined();
    if (times * text.len < (size_t)64 * 1024) {
        for (size_t i = 0; i < times; i++)
            buf_append_str(&scope->scratch, text);
    }
    sql_make_scratch(scope, &value, NULL);
    return value;
}

static struct sql_value read_value(struct sql_scope *scope, struct input *input, unsigned depth);

static struct sql_value read_list(struct sql_scope *scope, struct input *input, unsigned depth)
{
    struct sql_list_builder list = sql_list_begin(scope);
    for (unsigned count = take_byte(input) % 8; count > 0; count--)
        sql_list_add(&list, read_value(scope, input, depth + 1), NULL);
    return sql_list_end(&list);
}

static struct sql_value read_map(struct sql_scope *scope, struct input *input, unsigned depth)
{
    struct sql_map_builder map = sql_map_begin(scope);
    for (unsigned count = take_byte(input) % 8; count > 0; count--) {
        struct str key = take_text(input, take_byte(input) % 16);
        sql_map_put(&map, key, read_value(scope, input, depth + 1), NULL);
    }
    return sql_map_end(&map);
}

static struct sql_value read_value(struct sql_scope *scope, struct input *input, unsigned depth)
{
    struct sql_value value = sql_undefined();
    sql_int128 wide = 0;
    int64_t integer = 0;
    double number = 0;
    size_t len;
    switch (take_byte(input) % 13) {
    case 0: return sql_undefined();
    case 1: return sql_null();
    case 2: return sql_bool(false);
    case 3: return sql_bool(true);
    case 4: return sql_int((int8_t)take_byte(input));
    case 5: take_bytes(input, &integer, sizeof integer); return sql_int(integer);
    case 6:
        take_bytes(input, &wide, sizeof wide);
        sql_make_int(scope, wide, &value, NULL);
        return value;
    case 7: take_bytes(input, &number, sizeof number); return sql_float(isfinite(number) ? number : 0.5);
    case 8: return sql_string(take_text(input, take_byte(input)));
    case 9: return depth < 4 ? read_list(scope, input, depth) : value;
    case 10: return depth < 4 ? read_map(scope, input, depth) : value;
    case 11:
        len = take_byte(input);
        integer = take_byte(input) * 16;
        return repeated(scope, take_text(input, len), (size_t)integer);
    default: return sql_string(take_text(input, take_byte(input) * (size_t)256 + take_byte(input)));
    }
}

static const struct sql_function *read_function(struct input *input)
{
    struct str name = take_text(input, take_byte(input) % 32);
    const struct sql_function *function = sql_function_find(name);
    size_t table_count;
    const struct sql_function_table *const *tables = sql_function_tables(&table_count);
    uint64_t hash = hash_stable(name.data, name.len);
    const struct sql_function_table *table = tables[hash % table_count];
    if (function == NULL)
        function = &table->rows[hash / table_count % table->count];
    return function;
}

static struct sql_value read_columns(struct sql_scope *scope)
{
    struct sql_value columns;
    bool decoded = sql_json_decode(
        scope,
        STR("{\"topic\":\"t/1\",\"flags\":{},\"qos\":1,\"payload\":\"{\\\"a\\\":{\\\"b\\\":[1,2]}}\"}"),
        &columns, NULL);
    assert(decoded);
    return columns;
}

/* Walking it as JSON touches all of it; a call may not have given more than the evaluation had. */
static void check_result(struct sql_scope *scope, const struct sql_value *result)
{
    struct buf json = {0};
    struct error err = {0};
    assert(result->type <= SQL_MAP);
    assert(result->type != SQL_FLOAT || isfinite(result->number));
    assert(result->depth <= scope->depth_max + 1);
    if (!sql_json_append(&json, result, (size_t)1024 * 1024, &err))
        assert(err.code == ERR_TOO_LARGE || err.code == ERR_INVALID);
    buf_free(&json);
}

static void call_function(struct sql_scope *scope, const struct sql_function *function, struct input *input)
{
    struct sql_value args[ARGS_MAX];
    struct sql_value map = read_columns(scope);
    struct sql_columns columns = sql_columns_of_map(&map);
    struct sql_payload payload = {0};
    struct sql_call call = {.function = function, .scope = scope, .columns = &columns, .payload = &payload};
    unsigned most = function->args_max < ARGS_MAX ? function->args_max : ARGS_MAX;
    unsigned count = function->args_min + take_byte(input) % (most - function->args_min + 1);
    for (unsigned i = 0; i < count; i++)
        args[i] = read_value(scope, input, 0);
    if (function->prepare != NULL && take_byte(input) % 2 != 0)
        call.prepared = function->prepare(args, count);
    struct sql_value result = sql_undefined();
    struct error err = {0};
    if (function->run(&call, args, count, &result, &err))
        check_result(scope, &result);
    else
        assert(err.code != ERR_NONE && err.code != ERR_INTERNAL && err.text[0] != '\0');
    assert(scope->scratch.len == 0);
    if (call.prepared != NULL)
        function->release(call.prepared);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sql_scope scope; /* kept, as in the broker */
    static const struct sql_limits limits = {.memory_bytes_max = (size_t)1024 * 1024, .steps_max = 100000};
    struct input input = {data, size};
    const struct sql_function *function = read_function(&input);
    if (strcmp(function->name, "jq") == 0)
        return 0;
    sql_scope_begin(&scope, &limits);
    call_function(&scope, function, &input);
    if (sql_kv_bytes() > (size_t)1024 * 1024)
        sql_kv_clear();
    return 0;
}

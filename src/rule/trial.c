/* Trying a statement out over an example: POST /rule_test. */
#include "rule/rule_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "sql/json.h"

#include <stdlib.h>

static const struct event_kind_info *info_of(const char *event_type)
{
    if (event_type == NULL)
        return NULL;
    struct str wanted = str_of(event_type);
    for (unsigned i = 0; i <= RULE_EVENT_KINDS; i++) {
        const struct event_kind_info *info = i < RULE_EVENT_KINDS ? event_info(i) : &event_publish;
        const char *dot = strchr(info->event, '.');
        size_t head = (size_t)(dot - info->event);
        bool same = str_is(wanted, info->event) || /* message_publish is EMQX's way of writing it here */
                    (wanted.len == strlen(info->event) && memcmp(wanted.data, info->event, head) == 0 &&
                     wanted.data[head] == '_' && strcmp(event_type + head + 1, dot + 1) == 0);
        if (same)
            return info;
    }
    return NULL;
}

/* What the statement is about, unless the context says so: the first of FROM's. */
static const struct event_kind_info *info_of_program(const struct sql_program *program)
{
    size_t count;
    const struct str *topics = sql_program_topics(program, &count);
    for (size_t i = 0; i < count; i++) {
        uint32_t kinds = str_starts(topics[i], STR("$events/")) ? event_kinds_of(topics[i]) : 0;
        if (kinds != 0)
            return event_info((unsigned)__builtin_ctz(kinds));
    }
    return &event_publish;
}

/* Examples, and over them what the context has. */
static json_t *columns_of(const struct event_kind_info *info, const json_t *context)
{
    json_t *columns = example_of(info);
    const char *key;
    json_t *value;
    json_object_set_new(columns, "timestamp", json_integer(clock_wall_ms()));
    json_object_set_new(columns, "metadata", json_pack("{s:s}", "rule_id", "sql_tester"));
    json_object_foreach((json_t *)context, key, value)
    {
        if (strcmp(key, "event_type") == 0)
            continue;
        bool as_text = strcmp(key, "payload") == 0 && !json_is_string(value); /* a payload is text */
        char *text = as_text ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        if (as_text)
            json_object_set_new(columns, key, json_string(text));
        else
            json_object_set(columns, key, value);
        free(text);
    }
    return columns;
}

static bool is_wanted(const struct sql_program *program, const struct event_kind_info *info,
                      const json_t *columns)
{
    const char *topic = json_string_value(json_object_get(columns, "topic"));
    size_t count;
    const struct str *topics = sql_program_topics(program, &count);
    if (info->kind == RULE_EVENT_KINDS) {
        for (size_t i = 0; i < count; i++) {
            if (str_starts(topics[i], STR("$station/")))
                return true;
        }
        return topic != NULL && sql_program_listens(program, str_of(topic));
    }
    for (size_t i = 0; i < count; i++) {
        if (str_starts(topics[i], STR("$events/")) &&
            (event_kinds_of(topics[i]) & EVENT_BIT(info->kind)) != 0)
            return true;
    }
    return false;
}

static bool to_json(const struct sql_value *value, json_t **out, struct error *err)
{
    struct buf text = {0};
    bool ok = sql_json_append(&text, value, SQL_MEMORY_BYTES_DEFAULT, err);
    *out = ok ? json_loadb((const char *)text.data, text.len, JSON_DECODE_ANY, NULL) : NULL;
    buf_free(&text);
    return *out != NULL ||
           (ok && error_set(err, ERR_TOO_LARGE, "the result has a number that JSON readers cannot keep"));
}

static enum rule_test_result evaluate(const struct sql_program *program, const char *text,
                                      struct sql_scope *scope, json_t **out, struct error *err)
{
    struct sql_value map;
    struct sql_result result;
    if (!sql_json_decode(scope, str_of(text), &map, err))
        return RULE_TEST_FAILED;
    struct sql_columns columns = sql_columns_of_map(&map);
    if (!sql_evaluate(program, &columns, scope, &result, err))
        return RULE_TEST_FAILED;
    if (!result.matched)
        return RULE_TEST_NO_MATCH;
    if (!sql_result_map(&columns, scope, &result, err) || !to_json(&result.value, out, err))
        return RULE_TEST_FAILED;
    return result.value.type == SQL_LIST && result.value.len == 0 ? RULE_TEST_NO_MATCH : RULE_TEST_RESULT;
}

/* What is refused when a rule is made is refused here, too. */
static bool from_is_offered(struct sql_program *program, struct error *err)
{
    struct rule_body body = {.program = program};
    bool ok = body_read_from(&body, err);
    mem_free(body.filters);
    mem_free(body.stations);
    return ok;
}

enum rule_test_result rules_test(struct rules *rules, struct str sql, const json_t *context, json_t **out,
                                 struct error *err)
{
    (void)rules;
    *out = NULL;
    struct sql_program *program = sql_compile(sql, NULL, err);
    if (program == NULL)
        return RULE_TEST_FAILED;
    const char *event_type = json_string_value(json_object_get(context, "event_type"));
    const struct event_kind_info *info = event_type != NULL ? info_of(event_type) : info_of_program(program);
    enum rule_test_result result = RULE_TEST_FAILED;
    if (!from_is_offered(program, err)) {
        /* *err says why */
    } else if (info == NULL) {
        error_set(err, ERR_INVALID, "context: there is no event \"%s\"", event_type);
    } else {
        json_t *columns = columns_of(info, context);
        struct sql_scope scope = {0};
        char *text = json_dumps(columns, JSON_COMPACT);
        sql_scope_begin(&scope, NULL);
        result = is_wanted(program, info, columns) ? evaluate(program, text, &scope, out, err)
                                                   : RULE_TEST_NO_MATCH;
        sql_scope_free(&scope);
        free(text);
        json_decref(columns);
    }
    sql_program_free(program);
    if (result != RULE_TEST_RESULT && *out != NULL) {
        json_decref(*out);
        *out = NULL;
    }
    return result;
}

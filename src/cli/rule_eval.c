/* `varve rule eval`: rules tried out on example messages, a line each, without a broker.
 *
 * A line is {"id", "sql", "topic", "payload", "context"}. The columns are those of a published message, with values that
 * stay the same; what `context` has comes on top. A line is answered before the next one is read. */
#include "cli/cli_internal.h"
#include "cli/rule_internal.h"

#include "sql/json.h"
#include "sql/program.h"

#include <stdlib.h>

/* A line is an argument of its owner, not of a stranger: more than rules get by default. */
#define LINE_STEPS_MAX  UINT64_C(1000000000)
#define LINE_MEMORY_MAX ((size_t)1024 * 1024 * 1024)

/* A column of its own for each key; strings are JSON. */
static const char default_columns[] =
    "{\"event\":\"message.publish\",\"id\":\"000606A7B6A4F4D5F44200000BB80000\",\"clientid\":\"c_emqx\","
    "\"username\":\"u_emqx\",\"peerhost\":\"192.168.0.10\",\"peername\":\"192.168.0.10:32781\",\"qos\":1,"
    "\"flags\":{},"
    "\"publish_received_at\":1700000000000,\"timestamp\":1700000000123,\"node\":\"emqx@127.0.0.1\","
    "\"pub_props\":{\"User-Property\":{\"foo\":\"bar\"},\"Message-Expiry-Interval\":30},"
    "\"client_attrs\":{\"test\":\"example\"},\"metadata\":{\"rule_id\":\"r1\"}}";

struct line {
    struct sql_value id;
    struct str sql;
    struct str topic;
    struct sql_value columns;
};

static bool put_all(struct sql_map_builder *into, const struct sql_value *map, struct error *err)
{
    for (uint32_t i = 0; i < map->len; i++) {
        const struct sql_entry *entry = sql_map_at(map, i);
        if (!sql_map_put(into, sql_key_of(entry), entry->value, err))
            return false;
    }
    return true;
}

static bool text_member(const struct sql_value *line, const char *name, struct str *out, struct error *err)
{
    const struct sql_value *member = sql_map_get(line, str_of(name));
    if (member == NULL || member->type != SQL_STRING)
        return error_set(err, ERR_INVALID, "\"%s\" must be a string", name);
    *out = sql_str_of(member);
    return true;
}

static bool make_columns(struct sql_scope *scope, const struct sql_value *line, struct str topic,
                         struct sql_value *out, struct error *err)
{
    struct sql_map_builder columns = sql_map_begin(scope);
    struct sql_value map;
    if (!sql_json_decode(scope, str_of(default_columns), &map, err) || !put_all(&columns, &map, err) ||
        !sql_map_put(&columns, STR("topic"), sql_string(topic), err))
        return false;
    const struct sql_value *payload = sql_map_get(line, STR("payload"));
    if (payload != NULL) {
        if (!rule_tagged_read(scope, payload, &map, err) || !sql_map_put(&columns, STR("payload"), map, err))
            return false;
    }
    const struct sql_value *context = sql_map_get(line, STR("context"));
    if (context != NULL && context->type == SQL_MAP) {
        if (!rule_tagged_read(scope, context, &map, err) || !put_all(&columns, &map, err))
            return false;
    }
    *out = sql_map_end(&columns);
    return true;
}

static bool read_line(struct sql_scope *scope, struct str text, struct line *line, struct error *err)
{
    struct sql_value map;
    if (!sql_json_decode(scope, text, &map, err))
        return false;
    if (map.type != SQL_MAP)
        return error_set(err, ERR_INVALID, "a JSON object is expected");
    const struct sql_value *id = sql_map_get(&map, STR("id"));
    if (id != NULL)
        line->id = *id;
    return text_member(&map, "sql", &line->sql, err) && text_member(&map, "topic", &line->topic, err) &&
           make_columns(scope, &map, line->topic, &line->columns, err);
}

static void append_error(struct buf *out, const struct error *err, const char *stage)
{
    buf_append_str(out, STR("\"error\":"));
    buf_append_json(out, str_of(err->text));
    buf_printf(out, ",\"stage\":\"%s\"", stage);
}

static void append_outcome(struct buf *out, const struct sql_result *result)
{
    if (!result->matched) {
        buf_append_str(out, STR("\"no_result\":true"));
        return;
    }
    buf_append_str(out, STR("\"result\":"));
    rule_tagged_append(out, &result->value);
}

static void evaluate(struct sql_scope *scope, const struct line *line, struct buf *out)
{
    struct error err;
    struct sql_result result = {.matched = false};
    struct sql_program *program = sql_compile(line->sql, NULL, &err);
    if (program == NULL) {
        append_error(out, &err, "parse");
        return;
    }
    struct sql_columns columns = sql_columns_of_map(&line->columns);
    bool listens = sql_program_listens(program, line->topic);
    if (listens && (!sql_evaluate(program, &columns, scope, &result, &err) ||
                    !sql_result_map(&columns, scope, &result, &err)))
        append_error(out, &err, "run");
    else
        append_outcome(out, &result);
    sql_program_free(program);
}

/* Appends the answer. False for a line that is none. */
static bool answer(struct sql_scope *scope, struct str text, struct buf *out)
{
    static const struct sql_limits limits = {.memory_bytes_max = LINE_MEMORY_MAX,
                                             .steps_max = LINE_STEPS_MAX};
    struct error err;
    struct line line = {.id = sql_null()};
    sql_scope_begin(scope, &limits);
    bool read = read_line(scope, text, &line, &err);
    buf_append_str(out, STR("{\"id\":"));
    rule_tagged_append(out, &line.id);
    buf_append_byte(out, ',');
    if (read)
        evaluate(scope, &line, out);
    else
        append_error(out, &err, "parse");
    buf_append_str(out, STR("}\n"));
    return read;
}

int rule_eval(FILE *in, FILE *out)
{
    struct sql_scope scope = {0};
    struct buf text = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    bool all_read = true;
    while ((len = getline(&line, &cap, in)) > 0) {
        struct str bytes = str_trim(str_make(line, (size_t)len));
        if (bytes.len == 0)
            continue;
        buf_reset(&text);
        all_read &= answer(&scope, bytes, &text);
        if (fwrite(text.data, 1, text.len, out) != text.len || fflush(out) != 0)
            break;
    }
    bool failed = ferror(in) != 0 || ferror(out) != 0;
    free(line);
    buf_free(&text);
    sql_scope_free(&scope);
    return failed || !all_read ? EXIT_FAILED : EXIT_DONE;
}

/* Random rules on random payloads: never a crash, never more steps or memory than allowed, and what comes out can be encoded.
 *
 * Input: a byte that chooses, then either the text of a rule, a NUL and the payload; or bytes that choose what a made-up
 * rule consists of, a NUL, and the payload, which is a template, too. */
#include "sql/function.h"
#include "sql/json.h"
#include "sql/kv.h"
#include "sql/pack.h"
#include "sql/program.h"
#include "sql/template.h"

#include <stdlib.h>

#define OUTPUT_BYTES_MAX ((size_t)1 << 20)

static const struct sql_limits limits = {
    .memory_bytes_max = (size_t)1 << 20, .steps_max = 20000, .depth_max = 32};

static void must(bool claim)
{
    if (!claim)
        abort();
}

/* --- Made-up rules --- */

struct maker {
    struct str choices;
    struct buf text;
    unsigned budget; /* nodes left */
};

static unsigned choose(struct maker *m, unsigned bound)
{
    if (m->choices.len == 0)
        return 0;
    unsigned byte = (unsigned char)m->choices.data[0];
    m->choices = str_make(m->choices.data + 1, m->choices.len - 1);
    return byte % bound;
}

static void add(struct maker *m, const char *text)
{
    buf_append_str(&m->text, str_of(text));
}

static void add_one_of(struct maker *m, const char *const *words, size_t count)
{
    add(m, words[choose(m, (unsigned)count)]);
}

#define ADD_ONE_OF(m, ...)                                    \
    do {                                                      \
        static const char *const words[] = {__VA_ARGS__};     \
        add_one_of(m, words, sizeof words / sizeof words[0]); \
    } while (0)

static void make_value(struct maker *m);

static void make_call(struct maker *m)
{
    size_t table_count;
    const struct sql_function_table *const *tables = sql_function_tables(&table_count);
    const struct sql_function_table *table = tables[choose(m, (unsigned)table_count)];
    const struct sql_function *function = &table->rows[choose(m, (unsigned)table->count)];
    unsigned most = function->args_max == SQL_ARGS_ANY ? 5 : function->args_max;
    unsigned count = function->args_min + choose(m, most - function->args_min + 1);
    add(m, function->name);
    add(m, "(");
    for (unsigned i = 0; i < count; i++) {
        add(m, i == 0 ? "" : ", ");
        make_value(m);
    }
    add(m, ")");
}

static void make_condition(struct maker *m)
{
    if (m->budget == 0) {
        add(m, "true");
        return;
    }
    m->budget--;
    switch (choose(m, 6)) {
    case 0:
        add(m, "NOT (");
        make_condition(m);
        add(m, ")");
        break;
    case 1:
        add(m, "(");
        make_condition(m);
        ADD_ONE_OF(m, " AND ", " OR ");
        make_condition(m);
        add(m, ")");
        break;
    case 2:
        make_value(m);
        ADD_ONE_OF(m, " IN (1, ", " NOT IN ('a', ");
        make_value(m);
        add(m, ")");
        break;
    case 3: make_call(m); break;
    default:
        make_value(m);
        ADD_ONE_OF(m, " = ", " != ", " < ", " >= ", " =~ ");
        make_value(m);
        break;
    }
}

static void make_value(struct maker *m)
{
    if (m->budget == 0) {
        ADD_ONE_OF(m, "1", "a");
        return;
    }
    m->budget--;
    switch (choose(m, 10)) {
    case 0:
        ADD_ONE_OF(m, "0", "1", "-3", "9223372036854775807", "170141183460469231731687303715884105727", "1.5",
                   "1.0e300");
        break;
    case 1:
        ADD_ONE_OF(m, "''", "'a'", "'12'", "'a,b'", "'{\"a\":[1,2]}'", "'\xc3\xa9\xe2\x82\xac'", "'(a+)+$'",
                   "'%Y-%m'");
        break;
    case 2: ADD_ONE_OF(m, "payload", "topic", "a", "b", "i", "nope", "null()"); break;
    case 3:
        ADD_ONE_OF(m, "payload.a", "payload.b[1]", "payload.a[i].x", "a.b", "a[-1]", "payload.l[1..2]",
                   "b[2..-1]");
        break;
    case 4:
        add(m, "[");
        make_value(m);
        ADD_ONE_OF(m, ", ", "..");
        make_value(m);
        add(m, "]");
        break;
    case 5:
        add(m, "(");
        make_value(m);
        ADD_ONE_OF(m, " + ", " - ", " * ", " / ", " div ", " mod ");
        make_value(m);
        add(m, ")");
        break;
    case 6:
        add(m, "CASE WHEN ");
        make_condition(m);
        add(m, " THEN ");
        make_value(m);
        add(m, " ELSE ");
        make_value(m);
        add(m, " END");
        break;
    default: make_call(m); break;
    }
}

static void make_fields(struct maker *m)
{
    for (unsigned left = 1 + choose(m, 4); left > 0; left--) {
        if (choose(m, 8) == 7) {
            add(m, "*");
        } else {
            make_value(m);
            ADD_ONE_OF(m, " AS a", " AS b", " AS a.x", " AS b[1]", " AS payload.z", " AS a[-0]", "");
        }
        add(m, left > 1 ? ", " : "");
    }
}

static void make_rule(struct maker *m)
{
    m->budget = 60;
    if (choose(m, 3) == 0) {
        add(m, "FOREACH ");
        make_value(m);
        add(m, " AS i DO ");
        make_fields(m);
        add(m, " INCASE ");
        make_condition(m);
    } else {
        add(m, "SELECT ");
        make_fields(m);
    }
    add(m, " FROM \"t/#\" WHERE ");
    make_condition(m);
}

/* --- Running them --- */

/* What is packed comes back, or does not fit. */
static void check_pack(const struct sql_value *value)
{
    struct buf packed = {0}, again = {0};
    struct sql_scope own = {0};
    struct sql_value back;
    struct error err;
    sql_scope_begin(&own, NULL);
    if (sql_pack(&packed, value, OUTPUT_BYTES_MAX, &err) &&
        sql_unpack(&own, (const char *)packed.data, &back, &err)) {
        must(sql_pack(&again, &back, OUTPUT_BYTES_MAX, &err));
        must(str_equal(buf_str(&packed), buf_str(&again)));
    } else {
        must(err.code == ERR_LIMIT);
    }
    buf_free(&packed);
    buf_free(&again);
    sql_scope_free(&own);
}

static void check_result(const struct sql_columns *columns, struct sql_scope *scope,
                         struct sql_result *result)
{
    struct buf text = {0};
    struct error err;
    bool made = sql_result_map(columns, scope, result, &err);
    if (made && result->matched && !sql_json_append(&text, &result->value, OUTPUT_BYTES_MAX, &err))
        must(err.code == ERR_TOO_LARGE);
    if (made && result->matched)
        check_pack(&result->value);
    must(text.len <= 8 * OUTPUT_BYTES_MAX);
    buf_free(&text);
}

static void check_template(struct str text, const struct sql_columns *columns, struct sql_scope *scope)
{
    struct buf out = {0};
    struct error err;
    struct sql_template *t = sql_template_new(text, &err);
    must(t != NULL);
    if (!sql_template_render(t, columns, scope, SQL_MISSING_IS_ERROR, &out, OUTPUT_BYTES_MAX, &err))
        must(out.len == 0);
    must(out.len <= OUTPUT_BYTES_MAX);
    sql_template_free(t);
    buf_free(&out);
}

static void run(const struct sql_program *program, struct str payload)
{
    struct sql_scope scope = {0};
    struct sql_result result;
    struct error err = {0};
    sql_scope_begin(&scope, &limits);
    struct sql_map_builder builder = sql_map_begin(&scope);
    must(sql_map_put(&builder, STR("payload"), sql_string(payload), &err));
    must(sql_map_put(&builder, STR("topic"), sql_string(STR("t/1")), &err));
    must(sql_map_put(&builder, STR("i"), sql_int(2), &err));
    struct sql_value map = sql_map_end(&builder);
    struct sql_columns columns = sql_columns_of_map(&map);
    if (sql_evaluate(program, &columns, &scope, &result, &err))
        check_result(&columns, &scope, &result);
    else
        must(err.code != ERR_NONE && err.text[0] != '\0');
    must(scope.arena.used_bytes <= limits.memory_bytes_max);
    check_template(payload, &columns, &scope);
    sql_scope_free(&scope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    char *copy = malloc(len);
    must(copy != NULL);
    memcpy(copy, data, len);
    const char *nul = memchr(copy + 1, '\0', len - 1);
    size_t first = nul != NULL ? (size_t)(nul - copy) - 1 : len - 1;
    struct maker maker = {.choices = str_make(copy + 1, first)};
    struct str payload = nul != NULL ? str_make(nul + 1, len - first - 2) : STR_NONE;
    if (copy[0] & 1)
        make_rule(&maker);
    else
        buf_append_str(&maker.text, maker.choices);
    /* jq runs in processes of its own, which this program cannot be. */
    if (maker.text.len == 0 || memmem(maker.text.data, maker.text.len, "jq", 2) == NULL) {
        struct error err;
        struct sql_program *program = sql_compile(buf_str(&maker.text), NULL, &err);
        must(program != NULL || (copy[0] & 1) == 0);
        if (program != NULL)
            run(program, payload);
        sql_program_free(program);
    }
    sql_kv_clear();
    buf_free(&maker.text);
    free(copy);
    return 0;
}

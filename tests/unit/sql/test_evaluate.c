/* What rules make of columns. The table of cases in tests/cases/ covers the language; here is what it does not: layers of
 * names, puts, parts of lists, conditions, where errors are. */
#include "rules.h"

#define P(json) "{\"payload\":\"" json "\",\"topic\":\"t/a\",\"clientid\":\"c\"}"

RULE_TEST(aliases_come_before_columns,
          {"SELECT 1 AS topic, topic AS t FROM t", P("{}"), "{\"topic\":1,\"t\":1}"},
          {"SELECT nope AS topic, topic AS t FROM t", P("{}"), "{\"topic\":\"undefined!\",\"t\":\"t/a\"}"},
          {"SELECT payload.a AS payload.b, payload.a AS c FROM t", P("{\\\"a\\\":1}"),
           "{\"payload\":{\"b\":1},\"c\":1}"},
          {"SELECT *, 2 AS topic FROM t WHERE topic = 2", "{\"topic\":1}", "{\"topic\":2}"},
          {"SELECT 'x' AS topic, * FROM t", "{\"topic\":1}", "{\"topic\":1}"})

RULE_TEST(fields_without_alias_keep_their_place_or_their_text,
          {"SELECT payload.a.b, payload.c FROM t", P("{\\\"a\\\":{\\\"b\\\":1,\\\"x\\\":2},\\\"c\\\":3}"),
           "{\"payload\":{\"a\":{\"b\":1},\"c\":3}}"},
          {"SELECT 'text', 1 + 1, \"topic\" FROM t", P("{}"),
           "{\"text\":\"text\",\"1 + 1\":2,\"topic\":\"t/a\"}"},
          {"SELECT payload.l[1..2] FROM t", P("{\\\"l\\\":[1,2,3]}"), "{\"payload.l[1..2]\":[1,2]}"},
          {"SELECT payload.l[payload.i] FROM t", P("{\\\"l\\\":[1,2,3],\\\"payload\\\":{\\\"i\\\":2}}"),
           "{\"payload\":{\"l\":[2]}}"},
          {"SELECT *, l[i] FROM t", "{\"l\":{\"a\":1},\"i\":1}", "{\"l\":[\"undefined!\"],\"i\":1}"})

RULE_TEST(puts_make_what_is_missing,
          {"SELECT 1 AS a.b.c, 2 AS a.b.d, 3 AS a.e FROM t", "{}",
           "{\"a\":{\"b\":{\"c\":1,\"d\":2},\"e\":3}}"},
          {"SELECT [1,2] AS l, 0 AS l[0], 9 AS l[-0], 5 AS l[2], 7 AS l[9] FROM t", "{}",
           "{\"l\":[0,5,2,9]}"},
          {"SELECT [[1],[2]] AS l, 7 AS l[2][1], 8 AS l[1].x FROM t", "{}", "{\"l\":[{\"x\":8},[7]]}"},
          {"SELECT 1 AS l[5] FROM t", "{}", "{\"l\":[1]}"},
          {"SELECT payload, 2 AS payload.b FROM t", P("{\\\"a\\\":1}"), "{\"payload\":{\"a\":1,\"b\":2}}"},
          {"SELECT payload, 2 AS payload.b FROM t", P("plain"), "!payload is no JSON"},
          {"SELECT '{\"a\":1}' AS s, 2 AS s.b FROM t", "{}", "{\"s\":{\"a\":1,\"b\":2}}"},
          {"SELECT 'plain' AS s, 2 AS s.b FROM t", "{}", "{\"s\":{\"b\":2}}"})

RULE_TEST(paths_go_through_json_in_strings,
          {"SELECT payload.s.a AS r FROM t", "{\"payload\":\"{\\\"s\\\":\\\"{\\\\\\\"a\\\\\\\":7}\\\"}\"}",
           "{\"r\":7}"},
          {"SELECT payload[2] AS r FROM t", P("[1,5]"), "{\"r\":5}"},
          {"SELECT x.a AS r FROM t", "{\"x\":\"{\\\"a\\\":1} \"}", "{\"r\":1}"},
          {"SELECT x.a AS r, x[1] AS q FROM t", "{\"x\":\"{\\\"a\\\":1} trailing\"}",
           "{\"r\":\"undefined!\",\"q\":\"undefined!\"}"},
          {"SELECT payload.a AS r FROM t", P("no json"), "!payload: no JSON"},
          {"SELECT payload.a AS r FROM t", "{\"payload\":{\"a\":3}}", "{\"r\":3}"},
          {"SELECT payload.a AS r FROM t", "{}", "{\"r\":\"undefined!\"}"},
          {"SELECT l[i] AS r, l[m.k] AS q FROM t", "{\"l\":{\"i\":1}}",
           "{\"r\":\"undefined!\",\"q\":\"undefined!\"}"},
          {"SELECT payload.l[i] AS r, payload.l[m.k] AS q FROM t",
           P("{\\\"l\\\":[4,5,6],\\\"i\\\":-1,\\\"m\\\":{\\\"k\\\":2}}"), "{\"r\":6,\"q\":5}"})

RULE_TEST(parts_of_lists_have_bounds, {"SELECT l[2..9] AS r FROM t", "{\"l\":[1,2,3]}", "{\"r\":[2,3]}"},
          {"SELECT l[4..3] AS r, l[9..8] AS q FROM t", "{\"l\":[1,2,3]}", "{\"r\":[],\"q\":[]}"},
          {"SELECT l[-2..-1] AS r FROM t", "{\"l\":[1,2,3]}", "{\"r\":[2,3]}"},
          {"SELECT l[3..1] AS r FROM t", "{\"l\":[1,2,3]}", "!the part from item 3 to 1 does not exist"},
          {"SELECT l[-9..2] AS r FROM t", "{\"l\":[1,2,3]}", "!the part from item 0 to 2 does not exist"},
          {"SELECT l[0..2] AS r FROM t", "{\"l\":[1,2,3]}", "!counted from 1"},
          {"SELECT l[9223372036854775807..9223372036854775807] AS r FROM t", "{\"l\":[1]}",
           "!does not exist"},
          {"SELECT l[1..2] AS r FROM t", "{\"l\":\"[5,6,7]\"}", "{\"r\":[5,6]}"},
          {"SELECT l[1..2] AS r FROM t", "{\"l\":5}", "!only a list has parts, not an integer"},
          {"SELECT x.l[x.i..2] AS r FROM t", "{\"x\":{\"l\":[1,2],\"x\":{\"i\":2}}}", "{\"r\":[2]}"},
          {"SELECT l[i..2] AS r FROM t", "{\"l\":[1,2],\"i\":1}", "!is no integer"},
          {"SELECT [3..1] AS r FROM t", "{}", "!a range cannot go down from 3 to 1"},
          {"SELECT [3..2] AS r, [-1..1] AS q FROM t", "{}", "{\"r\":[],\"q\":[-1,0,1]}"},
          {"SELECT [1..'a'] AS r FROM t", "{}", "!must be integers, not a string"})

RULE_TEST(conditions_are_true_or_false, {"SELECT 1 AS r FROM t WHERE on", "{\"on\":true}", "{\"r\":1}"},
          {"SELECT 1 AS r FROM t WHERE NOT on", "{\"on\":true}", "none"},
          {"SELECT 1 AS r FROM t WHERE NOT (a = 1 AND b = 2)", "{\"a\":1,\"b\":3}", "{\"r\":1}"},
          {"SELECT 1 AS r FROM t WHERE NOT (a = 1 OR b = 2)", "{\"a\":1,\"b\":3}", "none"},
          {"SELECT 1 AS r FROM t WHERE a NOT IN (2, 3)", "{\"a\":1}", "{\"r\":1}"},
          {"SELECT 1 AS r FROM t WHERE NOT a IN (1)", "{\"a\":1}", "none"},
          {"SELECT 1 AS r FROM t WHERE a IN ('1', 1.0)", "{\"a\":1}", "none"},
          {"SELECT 1 AS r FROM t WHERE a IN (b)", "{\"a\":[1,{\"x\":2}],\"b\":[1,{\"x\":2}]}", "{\"r\":1}"},
          {"SELECT 1 AS r FROM t WHERE a", "{\"a\":1}", "!a condition must be true or false, not an integer"},
          {"SELECT 1 AS r FROM t WHERE a = 1 OR a", "{\"a\":1}", "{\"r\":1}"},
          {"SELECT 1 AS r FROM t WHERE a = 2 OR a", "{\"a\":1}", "!a condition must be"},
          {"SELECT 1 AS r FROM t WHERE CASE a WHEN 1 THEN true ELSE false END", "{\"a\":1}", "{\"r\":1}"},
          {"SELECT 1 AS r FROM t WHERE topic =~ 'a/+' AND topic =~ filter",
           "{\"topic\":\"a/b\",\"filter\":\"#\"}", "{\"r\":1}"},
          {"SELECT 1 AS r FROM t WHERE topic =~ 1", "{\"topic\":\"a/b\"}",
           "!=~ needs a topic and a topic filter"},
          {"SELECT 1 AS r FROM t WHERE nope =~ 'a'", "{}", "none"},
          {"SELECT CASE WHEN a THEN 1 WHEN b = 2 THEN 3 END AS r FROM t", "{\"a\":false,\"b\":2}",
           "{\"r\":3}"},
          {"SELECT CASE a + 1 WHEN 1 THEN 'one' WHEN 2 THEN CASE b WHEN 'x' THEN [a] END END AS r FROM t",
           "{\"a\":1,\"b\":\"x\"}", "{\"r\":[1]}"},
          {"SELECT CASE WHEN a THEN 1 END AS r FROM t", "{\"a\":1}", "!a condition must be"})

RULE_TEST(foreach_goes_through_a_list,
          {"FOREACH l AS i FROM t", "{\"l\":[1,2],\"x\":0}",
           "[{\"l\":[1,2],\"x\":0,\"i\":1},{\"l\":[1,2],\"x\":0,\"i\":2}]"},
          {"FOREACH a AS x, x.l AS i DO x.k AS k, i FROM t", "{\"a\":{\"k\":5,\"l\":[1,2]}}",
           "[{\"k\":5,\"i\":1},{\"k\":5,\"i\":2}]"},
          {"FOREACH l DO item.v, item.v + 1 AS w INCASE item.v > 1 FROM t", "{\"l\":[{\"v\":1},{\"v\":2}]}",
           "[{\"item\":{\"v\":2},\"w\":3}]"},
          {"FOREACH l AS i DO 1 AS n INCASE n = 1 FROM t", "{\"l\":[1],\"n\":2}", "[]"},
          {"FOREACH l AS i DO i AS topic, topic AS u FROM t", "{\"l\":[1],\"topic\":2}",
           "[{\"topic\":1,\"u\":1}]"},
          {"FOREACH l AS i DO *, 'x' AS y FROM t", "{\"l\":[1]}", "[{\"l\":[1],\"i\":1,\"y\":\"x\"}]"},
          {"FOREACH s AS i DO i AS v FROM t", "{\"s\":\"[1,2]\"}", "[{\"v\":1},{\"v\":2}]"},
          {"FOREACH s AS i DO i AS v FROM t", "{\"s\":\"text\"}", "[]"},
          {"FOREACH s AS i DO i AS v FROM t", "{\"s\":{\"a\":1}}", "[]"},
          {"FOREACH l AS i DO i AS v FROM t WHERE l[1] = 2", "{\"l\":[1]}", "none"},
          {"FOREACH payload.l FROM t", P("{\\\"l\\\":[7]}"),
           "[{\"payload\":{\"l\":[7]},\"topic\":\"t/a\",\"clientid\":\"c\",\"item\":7}]"},
          {"FOREACH l AS i DO i[2] AS b, i[1..1] AS c FROM t", "{\"l\":[[1,2],[3,4]]}",
           "[{\"b\":2,\"c\":[1]},{\"b\":4,\"c\":[3]}]"})

RULE_TEST(errors_say_where_they_happened,
          {"SELECT a,\n  b + 1 AS c FROM t", "{\"b\":true}",
           "!line 2, column 5: + needs numbers, not a boolean"},
          {"SELECT a FROM t WHERE\n upper(b) = 'X'", "{\"b\":1}",
           "!line 2, column 2: upper: argument 1 must be a string, not an integer"},
          {"SELECT 1 / 0 AS c FROM t", "{}", "!line 1, column 10: / by zero"},
          {"SELECT - 'a' AS c FROM t", "{}", "!- needs numbers, not a string"},
          {"SELECT + 'a' AS c FROM t", "{}", "!+ needs a number, not a string"})

RULE_TEST(integers_do_not_wrap_around,
          {"SELECT 9223372036854775807 + 1 AS r FROM t", "{}", "{\"r\":9223372036854775808}"},
          {"SELECT -9223372036854775808 - 1 AS r FROM t", "{}", "{\"r\":-9223372036854775809}"},
          {"SELECT (9223372036854775807 + 1) - 1 AS r FROM t", "{}", "{\"r\":9223372036854775807}"},
          {"SELECT 99999999999999999999 * 99999999999999999999 AS r FROM t", "{}",
           "!the result of * is an integer of more than 128 bits"},
          {"SELECT (0 - 170141183460469231731687303715884105727 - 1) div -1 AS r FROM t", "{}",
           "!more than 128 bits"},
          {"SELECT (0 - 170141183460469231731687303715884105727 - 1) mod -1 AS r FROM t", "{}", "{\"r\":0}"},
          {"SELECT -(0 - 170141183460469231731687303715884105727 - 1) AS r FROM t", "{}",
           "!more than 128 bits"},
          {"SELECT 100000000000000000000 div 7 AS r, 100000000000000000000 mod 7 AS q FROM t", "{}",
           "{\"r\":14285714285714285714,\"q\":2}"},
          {"SELECT 1.0e308 * 10 AS r FROM t", "{}", "!no finite number"},
          {"SELECT 1 / 3 AS r FROM t", "{}", "{\"r\":0.3333333333333333}"})

/* --- What is asked of the columns --- */

struct counted {
    unsigned payload;
    unsigned others;
    unsigned all;
    const char *text; /* of the payload */
};

static bool counted_get(void *source, struct str name, struct sql_scope *in, struct sql_value *out,
                        struct error *err)
{
    struct counted *counted = source;
    (void)in;
    (void)err;
    if (str_is(name, "payload")) {
        counted->payload++;
        *out = sql_string(str_of(counted->text));
    } else {
        counted->others++;
        *out = sql_int(1);
    }
    return true;
}

static bool counted_all(void *source, struct sql_map_builder *into, struct error *err)
{
    struct counted *counted = source;
    counted->all++;
    return sql_map_put(into, STR("payload"), sql_string(str_of(counted->text)), err);
}

static void test_columns_are_asked_only_for_what_is_needed(void **state)
{
    static const struct {
        const char *sql;
        unsigned payload;
        unsigned others;
        unsigned all;
    } rows[] = {
        {"SELECT * FROM t", 0, 0, 0},
        {"SELECT * FROM t WHERE qos = 1", 0, 1, 0},
        {"SELECT * FROM t WHERE qos = 1 AND qos < 2 OR payload.a = 1", 0, 1, 0},
        {"SELECT * FROM t WHERE qos = 2 OR payload.a = 1", 1, 1, 0},
        {"SELECT qos, qos AS q, topic FROM t", 0, 2, 0},
        {"SELECT payload.a AS a, payload.b AS b, payload.c[1].d AS c FROM t WHERE payload.a = 1", 1, 0, 0},
        {"SELECT *, 1 AS x FROM t", 0, 0, 1},
        {"SELECT CASE WHEN qos = 1 THEN 2 ELSE payload.a END AS x FROM t", 0, 1, 0},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct counted counted = {.text = "{\"a\":1}"};
        struct sql_columns columns = {.source = &counted, .get = counted_get, .all = counted_all};
        struct sql_program *program = compile_rule(row->sql);
        struct error err;
        struct sql_result result;
        sql_scope_begin(&scope, NULL);
        ASSERT_OK(sql_evaluate(program, &columns, &scope, &result, &err), err);
        assert_true(result.matched);
        CHECK(counted.payload == row->payload && counted.others == row->others && counted.all == row->all,
              "%s: %u, %u, %u", row->sql, counted.payload, counted.others, counted.all);
        sql_program_free(program);
    }
}

/* What is decoded is paid for with memory: a second decoding would need it again. */
static void test_a_payload_is_decoded_once(void **state)
{
    static const char *const rules[] = {
        "SELECT payload.a AS a FROM t",
        "SELECT payload.a AS a, payload.b AS b, payload.a AS c FROM t WHERE payload.b = 0 OR payload.a = 1",
        "SELECT payload AS p, p.a AS a, payload.a AS b, p.b AS c FROM t",
        "SELECT payload, payload.a AS x, payload.a AS y FROM t",
    };
    struct buf text = {0};
    (void)state;
    buf_append_str(&text, STR("{\"a\":1,\"l\":["));
    for (int i = 0; i < 1000; i++)
        buf_append_str(&text, STR("1,"));
    buf_append_str(&text, STR("1]}"));
    struct counted counted = {.text = buf_cstr(&text)};
    struct sql_columns columns = {.source = &counted, .get = counted_get, .all = counted_all};
    TABLE_EACH(rule, rules)
    {
        struct sql_program *program = compile_rule(*rule);
        struct error err;
        struct sql_result result;
        sql_scope_begin(&scope, NULL);
        ASSERT_OK(sql_evaluate(program, &columns, &scope, &result, &err), err);
        CHECK(scope.arena.used_bytes < 20000, "%s: %zu bytes", *rule, scope.arena.used_bytes);
        sql_program_free(program);
    }
    buf_free(&text);
}

static bool failing_get(void *source, struct str name, struct sql_scope *in, struct sql_value *out,
                        struct error *err)
{
    (void)source;
    (void)in;
    (void)out;
    return error_set(err, ERR_IO, "the column %.*s cannot be read", STR_ARG(name));
}

static bool failing_all(void *source, struct sql_map_builder *into, struct error *err)
{
    (void)source;
    (void)into;
    return error_set(err, ERR_IO, "the columns cannot be read");
}

static void test_a_column_that_cannot_be_read_fails_the_evaluation(void **state)
{
    static const char *const rules[] = {"SELECT a FROM t",         "SELECT payload.a AS b FROM t",
                                        "SELECT *, a FROM t",      "SELECT * FROM t WHERE a",
                                        "FOREACH [1] AS i FROM t", "FOREACH [1] AS i DO * FROM t"};
    static const struct sql_columns columns = {.get = failing_get, .all = failing_all};
    (void)state;
    TABLE_EACH(rule, rules)
    {
        struct sql_program *program = compile_rule(*rule);
        struct error err;
        struct sql_result result;
        sql_scope_begin(&scope, NULL);
        ASSERT_FAILS(sql_evaluate(program, &columns, &scope, &result, &err), err, ERR_IO);
        assert_false(result.matched);
        sql_program_free(program);
    }
    struct error err;
    struct sql_result result = {.matched = true, .all_columns = true};
    ASSERT_FAILS(sql_result_map(&columns, &scope, &result, &err), err, ERR_IO);
}

RUN_TESTS(SCOPE_TEST(test_aliases_come_before_columns),
          SCOPE_TEST(test_fields_without_alias_keep_their_place_or_their_text),
          SCOPE_TEST(test_puts_make_what_is_missing), SCOPE_TEST(test_paths_go_through_json_in_strings),
          SCOPE_TEST(test_parts_of_lists_have_bounds), SCOPE_TEST(test_conditions_are_true_or_false),
          SCOPE_TEST(test_foreach_goes_through_a_list), SCOPE_TEST(test_errors_say_where_they_happened),
          SCOPE_TEST(test_integers_do_not_wrap_around),
          SCOPE_TEST(test_columns_are_asked_only_for_what_is_needed),
          SCOPE_TEST(test_a_payload_is_decoded_once),
          SCOPE_TEST(test_a_column_that_cannot_be_read_fails_the_evaluation))

/* Whether JSON is as a schema says, and what is said where it is not. */
#include "api/api_internal.h"
#include "harness.h"

#define OBJECT                                                                                          \
    "{'type':'object','required':['a'],'additionalProperties':false,'properties':{"                     \
    "'a':{'type':'string','minLength':1,'maxLength':3},'n':{'type':'integer','minimum':0,'maximum':2}," \
    "'deep':{'type':'object','properties':{'list':{'type':'array','maxItems':2,'items':{'type':"        \
    "'boolean'}}}}}}"

static const struct {
    const char *schema;
    const char *value;
    const char *error; /* NULL: it is fine */
} rows[] = {
    {OBJECT, "{'a':'x'}", NULL},
    {OBJECT, "{'a':'xyz','n':2,'deep':{'list':[true,false],'other':1}}", NULL},
    {OBJECT, "{'a':'\xC3\xA9\xC3\xA9\xC3\xA9'}", NULL}, /* three characters, six bytes */
    {OBJECT, "[]", "the body is not an object"},
    {OBJECT, "null", "the body is not an object"},
    {OBJECT, "{}", "the body needs a"},
    {OBJECT, "{'a':''}", "a: is empty"},
    {OBJECT, "{'a':'xyzz'}", "a: has at most 3 characters"},
    {OBJECT, "{'a':1}", "a: is not a text"},
    {OBJECT, "{'a':null}", "a: is not a text"},
    {OBJECT, "{'a':'x','n':3}", "n: is at most 2"},
    {OBJECT, "{'a':'x','n':-1}", "n: is at least 0"},
    {OBJECT, "{'a':'x','n':1.0}", "n: is not a whole number"},
    {OBJECT, "{'a':'x','n':'1'}", "n: is not a whole number"},
    {OBJECT, "{'a':'x','b':1}", "the body has no b here"},
    {OBJECT, "{'a':'x','deep':{'list':[true,1]}}", "deep.list[1]: is not true or false"},
    {OBJECT, "{'a':'x','deep':{'list':[true,true,true]}}", "deep.list: has at most 2 entries"},
    {"{'type':'string','enum':['up','down']}", "'up'", NULL},
    {"{'type':'string','enum':['up','down']}", "'left'", "the body is one of \"up\", \"down\""},
    {"{'oneOf':[{'type':'string'},{'type':'integer','maximum':5}]}", "'x'", NULL},
    {"{'oneOf':[{'type':'string'},{'type':'integer','maximum':5}]}", "5", NULL},
    {"{'oneOf':[{'type':'string'},{'type':'integer','maximum':5}]}", "6", "the body is at most 5"},
    {"{'oneOf':[{'type':'string'},{'type':'integer'}]}", "true", "the body is not a whole number"},
    {"{'type':'number'}", "1.5", NULL},
    {"{'type':'number'}", "1", NULL},
    {"{'type':'string','nullable':true}", "null", NULL},
    {"{'type':'object','additionalProperties':{'type':'integer'}}", "{'x':1}", NULL},
    {"{'type':'object','additionalProperties':{'type':'integer'}}", "{'x':'1'}", "x: is not a whole number"},
    {"{'$ref':'#/components/schemas/pair'}", "['a','b']", NULL},
    {"{'$ref':'#/components/schemas/pair'}", "['a']", "the body has at least 2 entries"},
    {"{'type':'array','items':{'$ref':'#/components/schemas/pair'}}", "[['a',2]]", "[0][1]: is not a text"},
    {"{'$ref':'#/components/schemas/tree'}", "{'left':{'left':{'left':{}}}}", NULL},
    {"{'$ref':'#/components/schemas/tree'}", "{'left':{'right':{'left':1}}}",
     "left.right.left: is not an object"},
};

static json_t *components(void)
{
    json_t *out = json_object();
    json_object_set_new(
        out, "pair",
        schema_parse("{'type':'array','minItems':2,'maxItems':2,'items':{'type':'string'}}", NULL));
    json_object_set_new(
        out, "tree",
        schema_parse("{'type':'object','properties':{'left':{'$ref':'#/components/schemas/tree'},"
                     "'right':{'$ref':'#/components/schemas/tree'}}}",
                     NULL));
    return out;
}

/* JSON of a scalar, too: schema_parse() takes objects and lists alone. */
static json_t *value_of(const char *text)
{
    struct buf wrapped = {0};
    buf_printf(&wrapped, "[%s]", text);
    json_t *list = schema_parse(buf_cstr(&wrapped), NULL);
    assert_non_null(list);
    json_t *value = json_incref(json_array_get(list, 0));
    json_decref(list);
    buf_free(&wrapped);
    return value;
}

static void test_values_are_checked_and_the_place_is_named(void **state)
{
    (void)state;
    json_t *known = components();
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        json_t *schema = schema_parse(row->schema, &err);
        CHECK(schema != NULL, "%s: %s", row->schema, err.text);
        json_t *value = value_of(row->value);
        bool ok = schema_check(known, schema, value, &err);
        CHECK(ok == (row->error == NULL), "%s: %s", row->value, err.text);
        if (row->error != NULL)
            CHECK(strcmp(err.text, row->error) == 0, "%s: %s", row->value, err.text);
        json_decref(value);
        json_decref(schema);
    }
    json_decref(known);
}

static void test_nesting_is_bounded(void **state)
{
    (void)state;
    json_t *known = components();
    json_t *schema = schema_parse("{'$ref':'#/components/schemas/tree'}", NULL);
    json_t *value = json_object();
    struct error err;
    for (int i = 0; i < 40; i++)
        value = json_pack("{s:o}", "left", value);
    ASSERT_FAILS(schema_check(known, schema, value, &err), err, ERR_INVALID);
    assert_non_null(strstr(err.text, "is nested too deep"));
    json_decref(value);
    json_decref(schema);
    json_decref(known);
}

static void test_a_schema_that_is_no_json_tells_where(void **state)
{
    (void)state;
    struct error err;
    assert_null(schema_parse("{'type':}", &err));
    assert_non_null(strstr(err.text, "{'type':}"));
}

RUN_TESTS(cmocka_unit_test(test_values_are_checked_and_the_place_is_named),
          cmocka_unit_test(test_nesting_is_bounded),
          cmocka_unit_test(test_a_schema_that_is_no_json_tells_where))

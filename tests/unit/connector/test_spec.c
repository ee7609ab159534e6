/* Objects by a table of their keys: what is taken, what is refused and with which words, and that secrets stay apart. */
#include "connector/spec.h"
#include "harness.h"

#include "base/buf.h"

static const char *const colours[] = {"red", "green", NULL};

static const struct spec_key inner_keys[] = {
    {"size", SPEC_SIZE, "'1MiB'", 1024, 1 << 30, .about = "a size"},
    {"password", SPEC_SECRET, NULL, 0, 100, .about = "a secret"},
    {0},
};

static const struct spec_key keys[] = {
    {"text", SPEC_TEXT, "'none'", 1, 10, .about = "a text"},
    {"optional", SPEC_TEXT, NULL, 0, 10, .about = "a text that may be absent"},
    {"secret", SPEC_SECRET, NULL, 0, 100, .about = "a secret"},
    {"flag", SPEC_BOOL, "true", .about = "a switch"},
    {"count", SPEC_COUNT, "8", 1, 1024, .about = "a number"},
    {"wait", SPEC_DURATION, "'15s'", 1, 3600000, .about = "a duration"},
    {"colour", SPEC_CHOICE, "'red'", .choices = colours, .about = "a choice"},
    {"tags", SPEC_TEXTS, "[]", 0, 3, .about = "a list"},
    {"headers", SPEC_MAP, "{'a':'b'}", 0, 2, .about = "a map"},
    {"inner", SPEC_OBJECT, .inner = inner_keys, .about = "an object"},
    {0},
};

#define WHOLE                                                                                         \
    "{'text':'none','flag':true,'count':8,'wait':'15s','colour':'red','tags':[],'headers':{'a':'b'}," \
    "'inner':{'size':'1MiB'}}"

/* JSON with ' for ". */
static json_t *parsed(const char *text)
{
    char json[2000];
    snprintf(json, sizeof(json), "%s", text);
    for (char *c = json; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *value = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    CHECK(value != NULL, "%s", json);
    return value;
}

/* `given` over `former` (NULL: the defaults) is `expected`, in the order of the table. */
static void check_read(const char *given, const char *former, const char *expected)
{
    struct error err = {0};
    json_t *in = parsed(given), *before = former != NULL ? parsed(former) : NULL, *wanted = parsed(expected);
    json_t *out = spec_read(keys, in, before, &err);
    CHECK(out != NULL, "%s: %s", given, err.text);
    char *text = json_dumps(out, JSON_COMPACT), *wanted_text = json_dumps(wanted, JSON_COMPACT);
    assert_string_equal(text, wanted_text);
    free(text);
    free(wanted_text);
    json_decref(out);
    json_decref(wanted);
    json_decref(before);
    json_decref(in);
}

static void test_what_is_not_given_has_its_default(void **state)
{
    (void)state;
    check_read("{}", NULL, WHOLE);
    check_read("{'inner':{}}", NULL, WHOLE);
    check_read("{'count':null,'inner':null,'optional':null}", NULL, WHOLE);
}

static void test_values_are_kept_in_one_form(void **state)
{
    (void)state;
    check_read(
        "{'inner':{'size':2048,'password':'p'},'headers':{},'tags':['x'],'colour':'green','wait':90000,"
        "'count':1024,'flag':false,'secret':'s','optional':'','text':'t'}",
        NULL,
        "{'text':'t','optional':'','secret':'s','flag':false,'count':1024,'wait':'90s','colour':'green',"
        "'tags':['x'],'headers':{},'inner':{'size':'2KiB','password':'p'}}");
    check_read(
        "{'wait':'1h'}", NULL,
        "{'text':'none','flag':true,'count':8,'wait':'1h','colour':'red','tags':[],'headers':{'a':'b'},"
        "'inner':{'size':'1MiB'}}");
}

static void test_a_change_keeps_what_it_does_not_name(void **state)
{
    (void)state;
    static const char former[] =
        "{'text':'t','optional':'o','secret':'s','flag':false,'count':9,'wait':'1s','colour':'green',"
        "'tags':['x'],'headers':{'c':'d'},'inner':{'size':'2KiB','password':'p'}}";
    check_read("{}", former, former);
    check_read("{'secret':'******','inner':{'password':'******'}}", former, former);
    check_read("{'headers':{'e':'f'},'inner':{'size':'3KiB'},'optional':null,'count':null}", former,
               "{'text':'t','secret':'s','flag':false,'count':8,'wait':'1s','colour':'green',"
               "'tags':['x'],'headers':{'e':'f'},'inner':{'size':'3KiB','password':'p'}}");
    check_read("{'inner':null}", former,
               "{'text':'t','optional':'o','secret':'s','flag':false,'count':9,'wait':'1s','colour':'green',"
               "'tags':['x'],'headers':{'c':'d'},'inner':{'size':'1MiB'}}");
}

static void test_what_is_wrong_is_refused_with_its_place_and_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        const char *given;
        const char *text;
    } rows[] = {
        {"[]", "expected an object"},
        {"{'colr':1}", "unknown key \"colr\""},
        {"{'inner':{'colr':1}}", "inner: unknown key \"colr\""},
        {"{'text':1}", "text: expected a text"},
        {"{'text':''}", "text: expected a text of 1 to 10 bytes"},
        {"{'text':'12345678901'}", "text: expected a text of 1 to 10 bytes"},
        {"{'text':'a\\u0000b'}", "text: expected a text"},
        {"{'secret':'******'}", "secret: there is none yet that ****** could stand for"},
        {"{'secret':[]}", "secret: expected a text"},
        {"{'flag':'true'}", "flag: expected true or false"},
        {"{'count':0}", "count: expected a whole number from 1 to 1024"},
        {"{'count':1025}", "count: expected a whole number from 1 to 1024"},
        {"{'count':-1}", "count: expected a whole number from 1 to 1024"},
        {"{'count':1.5}", "count: expected a whole number from 1 to 1024"},
        {"{'count':'8'}", "count: expected a whole number from 1 to 1024"},
        {"{'wait':'soon'}", "wait: expected a duration such as 250ms, 10s or 1h30m, from 1ms to 1h"},
        {"{'wait':0}", "wait: expected a duration such as 250ms, 10s or 1h30m, from 1ms to 1h"},
        {"{'wait':'2h'}", "wait: expected a duration such as 250ms, 10s or 1h30m, from 1ms to 1h"},
        {"{'wait':true}", "wait: expected a duration such as 250ms, 10s or 1h30m, from 1ms to 1h"},
        {"{'colour':'blue'}", "colour: expected one of red, green"},
        {"{'colour':7}", "colour: expected one of red, green"},
        {"{'tags':'x'}", "tags: expected a list of 0 to 3 texts"},
        {"{'tags':['a','b','c','d']}", "tags: expected a list of 0 to 3 texts"},
        {"{'tags':[1]}", "tags: expected a list of texts, none longer than 4096 bytes"},
        {"{'headers':[]}", "headers: expected an object of 0 to 2 names with texts"},
        {"{'headers':{'a':'1','b':'2','c':'3'}}", "headers: expected an object of 0 to 2 names with texts"},
        {"{'headers':{'a':1}}",
         "headers: expected an object of names with texts, none longer than 4096 bytes"},
        {"{'inner':5}", "inner: expected an object"},
        {"{'inner':{'size':'big'}}",
         "inner: size: expected a size such as 512, 64KB or 32MiB, from 1KiB to 1GiB"},
        {"{'inner':{'size':1023}}",
         "inner: size: expected a size such as 512, 64KB or 32MiB, from 1KiB to 1GiB"},
        {"{'inner':{'size':'16384PiB'}}",
         "inner: size: expected a size such as 512, 64KB or 32MiB, from 1KiB to 1GiB"},
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        json_t *given = parsed(row->given);
        json_t *out = spec_read(keys, given, NULL, &err);
        CHECK(out == NULL && err.code == ERR_INVALID && strcmp(err.text, row->text) == 0, "%s: %s",
              row->given, err.text);
        json_decref(given);
    }
}

static void test_an_unknown_key_is_told_which_there_are(void **state)
{
    (void)state;
    struct error err = {0};
    json_t *given = parsed("{'inner':{'sze':1}}");
    assert_null(spec_read(keys, given, NULL, &err));
    assert_string_equal(err.hint, "keys here: size, password");
    json_decref(given);
}

static void test_values_can_be_asked_for(void **state)
{
    (void)state;
    json_t *given = parsed("{'wait':'2m','inner':{'size':'3KiB'}}"),
           *object = spec_read(keys, given, NULL, NULL);
    assert_string_equal(spec_text(object, "text"), "none");
    assert_string_equal(spec_text(object, "optional"), "");
    assert_true(spec_bool(object, "flag"));
    assert_false(spec_bool(object, "absent"));
    assert_int_equal(spec_count(object, "count"), 8);
    assert_int_equal(spec_duration_ms(object, "wait"), 120000);
    assert_int_equal(spec_duration_ms(object, "absent"), 0);
    assert_int_equal(spec_size(json_object_get(object, "inner"), "size"), 3072);
    json_decref(object);
    json_decref(given);
}

static void test_literal_secrets_are_masked_and_references_are_not(void **state)
{
    (void)state;
    static const struct {
        const char *secret;
        const char *shown;
    } rows[] = {
        {"open sesame", "******"},          {"", ""},
        {"env:S3_SECRET", "env:S3_SECRET"}, {"file:///run/secret", "file:///run/secret"},
        {"environment", "******"},          {"file:/x", "******"},
    };
    TABLE_EACH(row, rows)
    {
        json_t *given = json_pack("{s:s, s:s, s:{s:s}}", "secret", row->secret, "text", "secret", "inner",
                                  "password", row->secret);
        json_t *object = spec_read(keys, given, NULL, NULL), *shown = spec_mask(keys, object);
        assert_string_equal(spec_text(shown, "secret"), row->shown);
        assert_string_equal(spec_text(json_object_get(shown, "inner"), "password"), row->shown);
        assert_string_equal(spec_text(shown, "text"), "secret");
        assert_int_equal(spec_count(shown, "count"), 8);
        json_decref(shown);
        json_decref(object);
        json_decref(given);
    }
}

static json_t *note_place(const char *place, const json_t *secret, void *arg, struct error *err)
{
    buf_printf(arg, "%s=%s ", place, json_string_value(secret));
    if (strcmp(json_string_value(secret), "bad") == 0) {
        error_set(err, ERR_CORRUPT, "%s", place);
        return NULL;
    }
    return json_string("changed");
}

static void test_each_secret_is_changed_at_its_place(void **state)
{
    (void)state;
    struct buf places = {0};
    struct error err;
    json_t *object = parsed("{'secret':'one','text':'t','inner':{'password':'two'}}");
    json_t *changed = spec_secrets(keys, object, note_place, &places, &err);
    assert_string_equal(buf_cstr(&places), "secret=one inner.password=two ");
    assert_string_equal(spec_text(changed, "secret"), "changed");
    assert_string_equal(spec_text(changed, "text"), "t");
    json_decref(changed);
    json_object_set_new(object, "secret", json_string("bad"));
    assert_null(spec_secrets(keys, object, note_place, &places, &err));
    assert_string_equal(err.text, "secret");
    json_decref(object);
    buf_free(&places);
}

RUN_TESTS(cmocka_unit_test(test_what_is_not_given_has_its_default),
          cmocka_unit_test(test_values_are_kept_in_one_form),
          cmocka_unit_test(test_a_change_keeps_what_it_does_not_name),
          cmocka_unit_test(test_what_is_wrong_is_refused_with_its_place_and_what_was_expected),
          cmocka_unit_test(test_an_unknown_key_is_told_which_there_are),
          cmocka_unit_test(test_values_can_be_asked_for),
          cmocka_unit_test(test_literal_secrets_are_masked_and_references_are_not),
          cmocka_unit_test(test_each_secret_is_changed_at_its_place))

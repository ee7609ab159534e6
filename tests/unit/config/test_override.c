/* --set and the environment over the file. */
#include "config/config.h"

#include "harness.h"

#define MAX_LINES 5

struct row {
    const char *file;
    const char *environment[MAX_LINES];
    const char *sets[MAX_LINES];
    const char *expected; /* of a.b; or the message, if it contains ": " */
};

/* Loads a row; the file, if any, is written to `path`. NULL with *err. */
static struct config *load(const char *path, const struct row *row, struct error *err)
{
    struct buf text = {0};
    char *environment[MAX_LINES + 1] = {NULL};
    size_t set_count = 0;
    for (size_t i = 0; i < MAX_LINES && row->environment[i] != NULL; i++)
        environment[i] = (char *)row->environment[i];
    while (set_count < MAX_LINES && row->sets[set_count] != NULL)
        set_count++;
    if (row->file != NULL) {
        buf_append_str(&text, str_of(row->file));
        ASSERT_OK(buf_write_file(&text, path, 0600, err), *err);
        buf_free(&text);
    }
    return config_load(row->file != NULL ? path : NULL, row->sets, set_count, environment, err);
}

static void check_rows(const struct row *rows, size_t count)
{
    char dir[HARNESS_PATH_BYTES], path[HARNESS_PATH_BYTES + 16];
    harness_make_dir(dir);
    assert_int_equal(chdir(dir), 0); /* so that messages show a short name */
    snprintf(path, sizeof path, "f.yaml");
    for (size_t i = 0; i < count; i++) {
        struct error err = {0};
        struct config *config = load(path, &rows[i], &err);
        const char *got = err.text;
        if (config != NULL) {
            const struct config_node *a = config_section(config, config_root(config), "a");
            got = config_text(config, a, "b", "default", "");
            if (!config_finish(config, &err))
                got = err.text;
        }
        CHECK(strcmp(got, rows[i].expected) == 0, "row %zu: %s", i, got);
        config_free(config);
    }
    harness_remove_dir(dir);
}

static void test_set_wins_over_environment_over_file_over_default(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, {NULL}, {NULL}, "default"},
        {"a: {b: file}", {NULL}, {NULL}, "file"},
        {"a: {b: file}", {"VARVE_A__B=environment"}, {NULL}, "environment"},
        {"a: {b: file}", {"VARVE_A__B=environment"}, {"a.b=set"}, "set"},
        {"a: {b: file}", {NULL}, {"a.b=set"}, "set"},
        {NULL, {"VARVE_A__B=environment"}, {NULL}, "environment"},
        {NULL, {NULL}, {"a.b=one", "a.b=two"}, "two"},
        {NULL, {NULL}, {"a={b: one}"}, "one"},
        {"a: {b: file}", {NULL}, {"a={}"}, "file"},
        {"a:", {NULL}, {"a.b=set"}, "set"},
        {"a: {b: file}", {NULL}, {"a.b="}, "default"},
        {"a: {b: file}", {"VARVE_A__B="}, {NULL}, "default"},
        {"a: {b: file}", {NULL}, {"a.b=~"}, "default"},
        {"a: {b: file}", {NULL}, {"a=null"}, "default"},
        {"a: {b: file}", {NULL}, {"a=null", "a.b=x"}, "x"},
        {"a: {b: file}", {NULL}, {"a.b=\"\""}, ""},
    };
    check_rows(rows, LENGTH(rows));
}

static void test_a_value_without_yaml_signs_is_taken_as_it_is(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, {NULL}, {"a.b=x # y: z"}, "x # y: z"},
        {NULL, {NULL}, {"a.b=a=b=c"}, "a=b=c"},
        {NULL, {NULL}, {"a.b=!p&*@%`"}, "!p&*@%`"},
        {NULL, {NULL}, {"a.b= [1]"}, " [1]"},
        {NULL, {NULL}, {"a.b=- one\n- two"}, "- one\n- two"},
        {NULL, {NULL}, {"a.b='it''s'"}, "it's"},
        {NULL, {NULL}, {"a.b=\"[1]\""}, "[1]"},
        {NULL, {"VARVE_A__B=\"null\""}, {NULL}, "null"},
    };
    check_rows(rows, LENGTH(rows));
}

static void test_which_variables_are_options(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL,
         {"VARVE_API_KEY=k:s", "VARVE_URL=http://x", "PATH=/bin", "XVARVE_A__B=1", "VARVE"},
         {NULL},
         "default"},
        {NULL, {"VARVE_a__b=x"}, {NULL}, "x"},
        {NULL, {"VARVE_A={b: whole}", "VARVE_A__B=part"}, {NULL}, "part"},
        {NULL, {"VARVE_A__B=part", "VARVE_A={b: whole}"}, {NULL}, "part"}, /* by name, not by place */
        {NULL, {"VARVE_HOME=/x"}, {NULL}, "VARVE_HOME: home: unknown key"},
        {NULL, {"VARVE_API_KEYS=x"}, {NULL}, "VARVE_API_KEYS: api_keys: unknown key"},
        {NULL, {"VARVE_A__MAX_C=x"}, {NULL}, "VARVE_A__MAX_C: a.max_c: unknown key"},
        {NULL, {"VARVE_A___B=x"}, {NULL}, "VARVE_A___B: a._b: unknown key"},
        {NULL, {"VARVE_=x"}, {NULL}, "VARVE_: not a key: ''"},
        {NULL, {"VARVE_A____B=x"}, {NULL}, "VARVE_A____B: not a key: 'a..b'"},
        {NULL, {"VARVE_A__=x"}, {NULL}, "VARVE_A__: not a key: 'a.'"},
        {NULL, {"VARVE_\xff=x"}, {NULL}, "environment: a name that begins with VARVE_ is not UTF-8"},
    };
    check_rows(rows, LENGTH(rows));
}

static void test_what_is_wrong_with_an_override_is_told_by_its_name(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, {NULL}, {"a.b"}, "--set a.b: expected key=value"},
        {NULL, {NULL}, {"=x"}, "--set: not a key: ''"},
        {NULL, {NULL}, {"a..b=x"}, "--set: not a key: 'a..b'"},
        {NULL, {NULL}, {"a.b.=x"}, "--set: not a key: 'a.b.'"},
        {NULL, {NULL}, {"\xff=x"}, "--set: the key is not UTF-8"},
        {NULL, {NULL}, {"a.b=\xff"}, "--set: a.b: not UTF-8"},
        {NULL, {NULL}, {"a.b=[1"}, "--set: a.b: not YAML: did not find expected ',' or ']'"},
        {NULL, {"VARVE_A__B={x"}, {NULL}, "VARVE_A__B: a.b: not YAML: did not find expected ',' or '}'"},
        {NULL, {NULL}, {"a.b={c: 1, c: 2}"}, "--set: a.b.c: written twice"},
        {NULL, {NULL}, {"a.b=[&x 1]"}, "--set: a.b[0]: YAML anchors (&) and aliases (*) are not supported"},
        {NULL, {NULL}, {"a.c=1"}, "--set: a.c: unknown key"},
        {NULL, {NULL}, {"a.b=[1]"}, "--set: a.b: expected a single value, not a list"},
        {NULL, {"VARVE_A=1"}, {NULL}, "VARVE_A: a: expected keys and values or a list, not a single value"},
        {"\na: 1", {NULL}, {"a.b=2"}, "--set: a: f.yaml:2 gives it a single value, not keys and values"},
        {"a: [1]", {"VARVE_A__B=2"}, {NULL}, "VARVE_A__B: a: f.yaml:1 gives it a list, not keys and values"},
        {"a:\n  b: {c: 1}", {NULL}, {NULL}, "f.yaml:2: a.b: expected a single value, not keys and values"},
    };
    check_rows(rows, LENGTH(rows));
}

static void test_a_path_is_no_deeper_than_the_limit(void **state)
{
    (void)state;
    char set[256] = "a";
    struct error err;
    for (int i = 1; i < 32; i++)
        strcat(set, ".a");
    const char *const sets[] = {set};
    strcat(set, "=[]");
    struct config *config = config_load(NULL, sets, 1, NULL, &err);
    assert_null(config); /* 32 mappings and a list */
    assert_non_null(strstr(err.text, "nested deeper than 32 levels"));
    strcpy(strchr(set, '='), "=1");
    config = config_load(NULL, sets, 1, NULL, &err);
    assert_non_null(config);
    config_free(config);
    strcpy(strchr(set, '='), ".a=1");
    ASSERT_FAILS(config_load(NULL, sets, 1, NULL, &err) != NULL, err, ERR_INVALID);
}

static void test_lists_are_replaced_and_mappings_merged(void **state)
{
    (void)state;
    static const struct row row = {
        "list: [1, 2, 3]\nmap: {one: 1, two: 2}\n", {"VARVE_MAP={two: II, three: III}"}, {"list=[x]"}, NULL};
    char dir[HARNESS_PATH_BYTES], path[HARNESS_PATH_BYTES + 16];
    struct error err;
    harness_make_dir(dir);
    snprintf(path, sizeof path, "%s/f", dir);
    struct config *config = load(path, &row, &err);
    assert_non_null(config);
    const struct config_node *list = config_section(config, config_root(config), "list");
    const struct config_node *map = config_section(config, config_root(config), "map");
    assert_int_equal(config_count(config, list), 1);
    assert_string_equal(config_text(config, config_entry(config, list, 0, NULL), "", NULL, ""), "x");
    struct buf text = {0};
    for (size_t i = 0; i < config_count(config, map); i++) {
        const char *name;
        const struct config_node *entry = config_entry(config, map, i, &name);
        buf_printf(&text, "%s=%s ", name, config_text(config, entry, "", NULL, ""));
    }
    assert_string_equal(buf_cstr(&text), "one=1 two=II three=III ");
    buf_free(&text);
    ASSERT_OK(config_finish(config, &err), err);
    config_free(config);
    harness_remove_dir(dir);
}

RUN_TESTS(cmocka_unit_test(test_set_wins_over_environment_over_file_over_default),
          cmocka_unit_test(test_a_value_without_yaml_signs_is_taken_as_it_is),
          cmocka_unit_test(test_which_variables_are_options),
          cmocka_unit_test(test_what_is_wrong_with_an_override_is_told_by_its_name),
          cmocka_unit_test(test_a_path_is_no_deeper_than_the_limit),
          cmocka_unit_test(test_lists_are_replaced_and_mappings_merged))

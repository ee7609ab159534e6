/* Readers: values, defaults, complaints, unknown keys, secrets, and the table of all keys. */
#include "config/config.h"

#include "base/mem.h"
#include "harness.h"

static struct config *parse(const char *text)
{
    struct error err;
    struct config *config = config_parse(str_of(text), "c.yaml", &err);
    if (config == NULL)
        fail_msg("%s", err.text);
    return config;
}

static const char *const levels[] = {"debug", "info", "warning", NULL};

/* Asks for one key of each kind. */
static void ask_all(struct config *config, const struct config_node *at)
{
    config_text(config, at, "text", "t", "some text");
    config_int(config, at, "int", 5, -1, 10, "how many");
    config_bool(config, at, "bool", true, "whether");
    config_duration_ms(config, at, "duration", "10s", "how long");
    config_bytes(config, at, "bytes", "64KB", "how large");
    config_choice(config, at, "choice", levels, 1, "which");
    config_secret(config, at, "secret", "a key");
}

static void test_values_are_read(void **state)
{
    (void)state;
    struct config *config = parse("a:\n text: x y\n int: -1\n bool: off\n duration: 1h30m\n bytes: 2MiB\n"
                                  " choice: debug\n secret: s3cret\n");
    const struct config_node *a = config_section(config, config_root(config), "a");
    assert_true(config_present(a));
    assert_string_equal(config_text(config, a, "text", "t", ""), "x y");
    assert_int_equal(config_int(config, a, "int", 5, -1, 10, ""), -1);
    assert_false(config_bool(config, a, "bool", true, ""));
    assert_int_equal(config_duration_ms(config, a, "duration", "10s", ""), 5400000);
    assert_int_equal(config_bytes(config, a, "bytes", "64KB", ""), 2 << 20);
    assert_int_equal(config_choice(config, a, "choice", levels, 1, ""), 0);
    assert_string_equal(config_secret(config, a, "secret", ""), "s3cret");
    struct error err;
    ASSERT_OK(config_finish(config, &err), err);
    config_free(config);
}

static void test_what_is_missing_has_its_default(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "a:", "a: {}",
        "a:\n text:\n int: ~\n bool: null\n duration:\n bytes:\n choice:\n secret:\n list:\n deep:\n"};
    for (size_t i = 0; i < LENGTH(texts); i++) {
        struct config *config = parse(texts[i]);
        const struct config_node *a = config_section(config, config_root(config), "a");
        assert_int_equal(config_present(a), i != 0);
        assert_string_equal(config_text(config, a, "text", "t", ""), "t");
        assert_null(config_text(config, config_section(config, a, "deep"), "er", NULL, ""));
        assert_int_equal(config_int(config, a, "int", 5, -1, 10, ""), 5);
        assert_true(config_bool(config, a, "bool", true, ""));
        assert_int_equal(config_duration_ms(config, a, "duration", "10s", ""), 10000);
        assert_int_equal(config_bytes(config, a, "bytes", "64KB", ""), 65536);
        assert_int_equal(config_choice(config, a, "choice", levels, 1, ""), 1);
        assert_null(config_secret(config, a, "secret", ""));
        assert_int_equal(config_count(config, config_section(config, a, "list")), 0);
        struct error err;
        ASSERT_OK(config_finish(config, &err), err);
        config_free(config);
    }
}

static void test_a_bad_value_is_told_with_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message, *hint;
    } rows[] = {
        {"a:\n  int: 11", "c.yaml:2: a.int: expected a whole number from -1 to 10, not \"11\"", "how many"},
        {"a:\n  int: -2", "c.yaml:2: a.int: expected a whole number from -1 to 10, not \"-2\"", "how many"},
        {"a:\n  int: 1.5", "c.yaml:2: a.int: expected a whole number from -1 to 10, not \"1.5\"", "how many"},
        {"a:\n  int: ''", "c.yaml:2: a.int: expected a whole number from -1 to 10, not \"\"", "how many"},
        {"a:\n  int: 99999999999999999999",
         "c.yaml:2: a.int: expected a whole number from -1 to 10, not \"99999999999999999999\"", "how many"},
        {"a:\n  bool: maybe", "c.yaml:2: a.bool: expected true or false, not \"maybe\"", "whether"},
        {"a:\n  bool: 1", "c.yaml:2: a.bool: expected true or false, not \"1\"", "whether"},
        {"a:\n  duration: 10 s",
         "c.yaml:2: a.duration: expected a duration such as 250ms, 10s, 5m, 2h or 7d, not \"10 s\"",
         "how long"},
        {"a:\n  duration: -1s",
         "c.yaml:2: a.duration: expected a duration such as 250ms, 10s, 5m, 2h or 7d, not \"-1s\"",
         "how long"},
        {"a:\n  bytes: 1.5MB", "c.yaml:2: a.bytes: expected a size such as 512, 64KB or 32MiB, not \"1.5MB\"",
         "how large"},
        {"a:\n  choice: Info", "c.yaml:2: a.choice: expected debug, info or warning, not \"Info\"",
         "did you mean info?"},
        {"a:\n  choice: loud", "c.yaml:2: a.choice: expected debug, info or warning, not \"loud\"", "which"},
        {"a:\n  text: [x]", "c.yaml:2: a.text: expected a single value, not a list", ""},
        {"a:\n  int: {x: 1}", "c.yaml:2: a.int: expected a single value, not keys and values", ""},
        {"\na: 5", "c.yaml:2: a: expected keys and values or a list, not a single value", ""},
        {"a: [1]", "c.yaml:1: a: expected keys and values, not a list", ""},
        {"a:\n  secret: [hunter2]", "c.yaml:2: a.secret: expected a single value, not a list", ""},
        {"a:\n  secret: file://relative", "c.yaml:2: a.secret: expected file:// and an absolute path", ""},
        {"a:\n  secret: file:///nonexistent/x",
         "c.yaml:2: a.secret: open /nonexistent/x: No such file or directory", ""},
        {"a:\n  secret: env:NONE", "c.yaml:2: a.secret: the environment variable NONE is not set", ""},
        {"a:\n  secret: 'env:'", "c.yaml:2: a.secret: the environment variable  is not set", ""},
        {"a:\n  secret: file:///dev/null", "c.yaml:2: a.secret: the first line of /dev/null is empty", ""},
        {"a:\n  bool: 0123456789012345678901234567890123456789012345678901234567890123456789",
         "c.yaml:2: a.bool: expected true or false, not "
         "\"012345678901234567890123456789012345678901234567890123456789...\"",
         "whether"},
        {"a:\n  text: x\n  bool: no way\n  int: no number\nb: 1",
         "c.yaml:4: a.int: expected a whole number from -1 to 10, not \"no number\"", "how many"},
    };
    TABLE_EACH(row, rows)
    {
        struct config *config = parse(row->text);
        struct error err = {0};
        ask_all(config, config_section(config, config_root(config), "a"));
        CHECK(!config_finish(config, &err) && err.code == ERR_INVALID, "%s", row->text);
        CHECK(strcmp(err.text, row->message) == 0, "%s: %s", row->text, err.text);
        CHECK(strcmp(err.hint, row->hint) == 0, "%s: %s", row->text, err.hint);
        config_free(config);
    }
}

static void test_a_bad_value_is_answered_by_the_default(void **state)
{
    (void)state;
    struct config *config = parse("int: x\nbool: x\nduration: x\nbytes: x\nchoice: x\ntext: []\n");
    const struct config_node *root = config_root(config);
    assert_int_equal(config_int(config, root, "int", 5, 0, 9, ""), 5);
    assert_true(config_bool(config, root, "bool", true, ""));
    assert_int_equal(config_duration_ms(config, root, "duration", "1s", ""), 1000);
    assert_int_equal(config_bytes(config, root, "bytes", "1KB", ""), 1024);
    assert_int_equal(config_choice(config, root, "choice", levels, 2, ""), 2);
    assert_string_equal(config_text(config, root, "text", "t", ""), "t");
    assert_false(config_finish(config, NULL));
    config_free(config);
}

static void test_an_unknown_key_is_told_with_what_may_be_meant(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message, *hint;
    } rows[] = {
        {"listeners:\n  tcp:\n    default:\n      bnd: x\n",
         "c.yaml:4: listeners.tcp.default.bnd: unknown key", "did you mean bind?"},
        {"listener: {}\n", "c.yaml:1: listener: unknown key", "did you mean listeners?"},
        {"listeners:\n  tpc: {}\n", "c.yaml:2: listeners.tpc: unknown key", "did you mean tcp?"},
        {"log: {level: info}\nmax_connections: 5\n", "c.yaml:2: max_connections: unknown key",
         "did you mean listeners.tcp.default.max_connections?"},
        {"quite_another:\n", "c.yaml:1: quite_another: unknown key", ""},
        {"listeners.tcp.x: 1\n", "c.yaml:1: listeners.tcp.x: unknown key",
         "write keys nested: every part between dots is a level of its own"},
        {"zzz: 1\nlog: {lvel: info}\n", "c.yaml:1: zzz: unknown key", ""},
        {"log: {level: {x: 1}}\n", "c.yaml:1: log.level: expected a single value, not keys and values", ""},
    };
    TABLE_EACH(row, rows)
    {
        struct config *config = parse(row->text);
        const struct config_node *root = config_root(config);
        const struct config_node *listeners = config_section(config, root, "listeners");
        const struct config_node *tcp = config_section(config, listeners, "tcp");
        for (size_t i = 0; i < config_count(config, tcp); i++) {
            const char *name;
            const struct config_node *entry = config_entry(config, tcp, i, &name);
            config_text(config, entry, "bind", "", "");
            config_int(config, entry, "max_connections", 0, 0, 9, "");
        }
        if (config_count(config, tcp) == 0)
            config_int(config, config_section(config, tcp, "default"), "max_connections", 0, 0, 9, "");
        config_choice(config, config_section(config, root, "log"), "level", levels, 1, "");
        struct error err = {0};
        CHECK(!config_finish(config, &err) && err.code == ERR_INVALID, "%s", row->text);
        CHECK(strcmp(err.text, row->message) == 0, "%s: %s", row->text, err.text);
        CHECK(strcmp(err.hint, row->hint) == 0, "%s: %s", row->text, err.hint);
        config_free(config);
    }
}

static void test_lists_are_read_item_by_item(void **state)
{
    (void)state;
    struct config *config = parse("topics: [a, 'b c']\nrules:\n- allow: yes\n- allow: no\n  who: x\n");
    const struct config_node *root = config_root(config);
    const struct config_node *topics = config_section(config, root, "topics");
    const struct config_node *rules = config_section(config, root, "rules");
    assert_int_equal(config_count(config, topics), 2);
    assert_int_equal(config_count(config, rules), 2);
    const char *name = "";
    assert_string_equal(config_text(config, config_entry(config, topics, 1, &name), "", NULL, ""), "b c");
    assert_null(name);
    assert_string_equal(config_text(config, config_entry(config, topics, 0, NULL), "", NULL, ""), "a");
    const struct config_node *second = config_entry(config, rules, 1, NULL);
    assert_false(config_bool(config, second, "allow", true, ""));
    assert_string_equal(config_text(config, second, "who", NULL, ""), "x");
    assert_true(config_bool(config, config_entry(config, rules, 0, NULL), "allow", false, ""));
    struct error err;
    ASSERT_OK(config_finish(config, &err), err);
    config_free(config);
}

static void test_a_list_is_not_a_mapping_and_the_other_way_round(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"x: {a: 1}\n", "c.yaml:1: x: expected a list, not keys and values"},
        {"x: [[1]]\n", "c.yaml:1: x[0]: expected a single value, not a list"},
        {"x:\n- 1\n- {a: 1}\n", "c.yaml:3: x[1]: expected a single value, not keys and values"},
        {"x: 1\n", "c.yaml:1: x: expected keys and values or a list, not a single value"},
    };
    TABLE_EACH(row, rows)
    {
        struct config *config = parse(row->text);
        const struct config_node *list = config_section(config, config_root(config), "x");
        for (size_t i = 0; i < config_count(config, list); i++)
            config_text(config, config_entry(config, list, i, NULL), "", NULL, "");
        struct error err = {0};
        CHECK(!config_finish(config, &err), "%s", row->text);
        CHECK(strcmp(err.text, row->message) == 0, "%s: %s", row->text, err.text);
        config_free(config);
    }
}

static void test_an_item_that_nobody_reads_is_told(void **state)
{
    (void)state;
    struct config *config = parse("x:\n- 1\n- 2\n");
    const struct config_node *list = config_section(config, config_root(config), "x");
    config_text(config, config_entry(config, list, 0, NULL), "", NULL, "");
    struct error err;
    ASSERT_FAILS(config_finish(config, &err), err, ERR_INVALID);
    assert_string_equal(err.text, "c.yaml:3: x[1]: not expected here");
    config_free(config);
}

static void test_a_reader_may_complain_itself(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"tls:\n  cert: x\n  key: y\n", "c.yaml:3: tls.key: does not fit cert"},
        {"tls:\n  cert: x\n", "c.yaml:1: tls.key: does not fit cert"}, /* where it should be */
        {"a: 1\n", "c.yaml: tls.key: does not fit cert"},
    };
    TABLE_EACH(row, rows)
    {
        struct config *config = parse(row->text);
        const struct config_node *tls = config_section(config, config_root(config), "tls");
        config_complain(config, tls, "key", "does not fit %s", "cert");
        config_complain(config, tls, NULL, "a second one");
        struct error err;
        ASSERT_FAILS(config_finish(config, &err), err, ERR_INVALID);
        CHECK(strcmp(err.text, row->message) == 0, "%s: %s", row->text, err.text);
        config_free(config);
    }
}

/* ---- Secrets --------------------------------------------------------------------------------------------- */

static const char *read_secret(struct config *config)
{
    return config_secret(config, config_root(config), "key", "");
}

static void test_a_secret_may_be_in_a_file_or_a_variable(void **state)
{
    (void)state;
    char dir[HARNESS_PATH_BYTES], path[HARNESS_PATH_BYTES + 16], set[HARNESS_PATH_BYTES + 64];
    char first[] = "TOKEN=abc=#d", second[] = "TOKEN2=other", third[] = "VARVE_TOKEN=ours";
    char *environment[] = {second, first, third, NULL};
    const char *const sets[] = {set};
    struct error err;
    struct buf text = {0};
    harness_make_dir(dir);
    snprintf(path, sizeof path, "%s/secret", dir);
    buf_append_str(&text, STR("from a file \r\nsecond line\n"));
    ASSERT_OK(buf_write_file(&text, path, 0600, &err), err);
    buf_free(&text);

    char file[HARNESS_PATH_BYTES + 32];
    snprintf(file, sizeof file, "key=file://%s", path);
    const struct {
        const char *set, *secret;
    } rows[] = {{file, "from a file "},
                {"key=env:TOKEN", "abc=#d"},
                {"key=env:VARVE_TOKEN", "ours"},
                {"key=plain", "plain"},
                {"key=''", ""},
                {"key=file:/x", "file:/x"}};
    TABLE_EACH(row, rows)
    {
        snprintf(set, sizeof set, "%s", row->set);
        environment[2] = strstr(set, "VARVE_TOKEN") != NULL ? third : NULL;
        struct config *config = config_load(NULL, sets, 1, environment, &err);
        const char *secret = read_secret(config);
        CHECK(secret != NULL && strcmp(secret, row->secret) == 0, "%s: %s", row->set, secret);
        ASSERT_OK(config_finish(config, &err), err);
        config_free(config);
    }
    harness_remove_dir(dir);
}

static void test_a_secret_is_in_no_message(void **state)
{
    (void)state;
    struct config *config = parse("key: hunter2\nbad: 1\n");
    assert_string_equal(read_secret(config), "hunter2");
    struct error err;
    struct buf text = {0};
    ASSERT_FAILS(config_finish(config, &err), err, ERR_INVALID);
    config_describe(config, &text);
    assert_null(strstr(err.text, "hunter2"));
    assert_null(strstr(buf_cstr(&text), "hunter2"));
    buf_free(&text);
    config_free(config);
}

/* ---- The table ------------------------------------------------------------------------------------------- */

static void test_every_key_that_was_asked_for_is_described_once(void **state)
{
    (void)state;
    struct config *config = parse("tcp: {one: {bind: x}, two: {bind: y}}\nlist: [1, 2]\n");
    const struct config_node *root = config_root(config);
    const struct config_node *tcp = config_section(config, root, "tcp");
    const struct config_node *list = config_section(config, root, "list");
    config_text(config, root, "name", NULL, "a | b");
    for (size_t i = 0; i < 2; i++) {
        const char *name;
        config_text(config, config_entry(config, tcp, i, &name), "bind", ":1883", "where to listen");
        config_int(config, config_entry(config, list, i, NULL), "", 0, 0, 9, "numbers");
    }
    ask_all(config, config_section(config, root, "none"));
    struct buf text = {0};
    config_describe(config, &text);
    assert_string_equal(buf_cstr(&text), "| key | default | values | meaning |\n"
                                         "|---|---|---|---|\n"
                                         "| `name` |  | text | a \\| b |\n"
                                         "| `tcp.<name>.bind` | `:1883` | text | where to listen |\n"
                                         "| `list[]` | `0` | 0 to 9 | numbers |\n"
                                         "| `none.text` | `t` | text | some text |\n"
                                         "| `none.int` | `5` | -1 to 10 | how many |\n"
                                         "| `none.bool` | `true` | true, false | whether |\n"
                                         "| `none.duration` | `10s` | duration | how long |\n"
                                         "| `none.bytes` | `64KB` | size | how large |\n"
                                         "| `none.choice` | `info` | debug, info, warning | which |\n"
                                         "| `none.secret` |  | secret | a key |\n");
    buf_free(&text);
    struct error err;
    ASSERT_OK(config_finish(config, &err), err);
    config_free(config);
}

RUN_TESTS(cmocka_unit_test(test_values_are_read), cmocka_unit_test(test_what_is_missing_has_its_default),
          cmocka_unit_test(test_a_bad_value_is_told_with_what_was_expected),
          cmocka_unit_test(test_a_bad_value_is_answered_by_the_default),
          cmocka_unit_test(test_an_unknown_key_is_told_with_what_may_be_meant),
          cmocka_unit_test(test_lists_are_read_item_by_item),
          cmocka_unit_test(test_a_list_is_not_a_mapping_and_the_other_way_round),
          cmocka_unit_test(test_an_item_that_nobody_reads_is_told),
          cmocka_unit_test(test_a_reader_may_complain_itself),
          cmocka_unit_test(test_a_secret_may_be_in_a_file_or_a_variable),
          cmocka_unit_test(test_a_secret_is_in_no_message),
          cmocka_unit_test(test_every_key_that_was_asked_for_is_described_once))

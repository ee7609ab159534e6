/* The file's YAML: what is taken, and the exact words for what is not. */
#include "config/config_internal.h"

#include "harness.h"

static void append_node(const struct config_node *node, struct buf *out)
{
    switch (node->kind) {
    case NODE_NOTHING: buf_append_byte(out, '-'); return;
    case NODE_TEXT: buf_printf(out, "'%s'", node->text); return;
    case NODE_MAPPING:
    case NODE_LIST: break;
    }
    buf_append_byte(out, node->kind == NODE_LIST ? '[' : '{');
    for (const struct config_node *child = node->first; child != NULL; child = child->next) {
        buf_printf(out, "%s%s%s", child == node->first ? "" : ", ", child->key != NULL ? child->key : "",
                   child->key != NULL ? ":" : "");
        append_node(child, out);
    }
    buf_append_byte(out, node->kind == NODE_LIST ? ']' : '}');
}

static void test_yaml_becomes_a_tree_of_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *tree;
    } rows[] = {
        {"", "{}"},
        {"# nothing but this\n", "{}"},
        {"---\n...\n", "{}"},
        {"null", "{}"},
        {"{}", "{}"},
        {"\xef\xbb\xbf"
         "a: 1\n",
         "{a:'1'}"},
        {"a: 1\r\nb: 2\r\n", "{a:'1', b:'2'}"},
        {"a: 1\nb: x y # comment\nc: 'it''s'\nd: \"t\\tb\\u00e4\"\n",
         "{a:'1', b:'x y', c:'it's', d:'t\tb\xc3\xa4'}"},
        {"a:\nb: ~\nc: null\nd: ''\ne: 'null'\nf: \"~\"\n", "{a:-, b:-, c:-, d:'', e:'null', f:'~'}"},
        {"a: true\nb: 0x10\nc: 1e3\nd: 127.0.0.1:1883\ne: :1883\n",
         "{a:'true', b:'0x10', c:'1e3', d:'127.0.0.1:1883', e:':1883'}"},
        {"a:\n  b:\n    c: 1\n  d: 2\n", "{a:{b:{c:'1'}, d:'2'}}"},
        {"a: [1, x, [2]]\nb:\n- c: 1\n- \n- d\n", "{a:['1', 'x', ['2']], b:[{c:'1'}, -, 'd']}"},
        {"a: {b: 1, c: [], d: {}}\n", "{a:{b:'1', c:[], d:{}}}"},
        {"a: |\n  one\n  two\n", "{a:'one\ntwo\n'}"},
        {"'quoted key': 1\n\"\\u00e4\": 2\n1.5: 3\n", "{quoted key:'1', \xc3\xa4:'2', 1.5:'3'}"},
        {"<<: 1\n", "{<<:'1'}"},
    };
    TABLE_EACH(row, rows)
    {
        struct error err;
        struct config *config = config_parse(str_of(row->text), "c.yaml", &err);
        CHECK(config != NULL, "%s: %s", row->text, err.text);
        struct buf tree = {0};
        append_node(config_root(config), &tree);
        CHECK(strcmp(buf_cstr(&tree), row->tree) == 0, "%s: %s", row->text, buf_cstr(&tree));
        buf_free(&tree);
        config_free(config);
    }
}

static void test_what_is_refused_is_told_with_line_and_key(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"a: 1\nb: 2\na: 3\n", "c.yaml:3: a: written twice; first in line 1"},
        {"log:\n  level: x\n  format: y\n  level: z\n",
         "c.yaml:4: log.level: written twice; first in line 2"},
        {"a: {b: 1, 'b': 2}\n", "c.yaml:1: a.b: written twice; first in line 1"},
        {"a:\n- b: 1\n- c: 1\n  c: 2\n", "c.yaml:4: a[1].c: written twice; first in line 3"},
        {"a: &x 1\n", "c.yaml:1: a: YAML anchors (&) and aliases (*) are not supported"},
        {"a: &x [1]\n", "c.yaml:1: a: YAML anchors (&) and aliases (*) are not supported"},
        {"a: &x {b: 1}\n", "c.yaml:1: a: YAML anchors (&) and aliases (*) are not supported"},
        {"\na:\n  b: *x\n", "c.yaml:3: a.b: YAML anchors (&) and aliases (*) are not supported"},
        {"- *x\n", "c.yaml:1: [0]: YAML anchors (&) and aliases (*) are not supported"},
        {"a: !!int 1\n", "c.yaml:1: a: YAML tags (!) are not supported"},
        {"a: !secret [1]\n", "c.yaml:1: a: YAML tags (!) are not supported"},
        {"a: !x {}\n", "c.yaml:1: a: YAML tags (!) are not supported"},
        {"!!str a: 1\n", "c.yaml:1: YAML tags (!) are not supported"},
        {"b:\n  &x a: 1\n", "c.yaml:2: b: YAML anchors (&) and aliases (*) are not supported"},
        {"b:\n  *x : 1\n", "c.yaml:2: b: a key must be a plain text"},
        {"? [a]\n: 1\n", "c.yaml:1: a key must be a plain text"},
        {"a:\n  {b: 1}: 2\n", "c.yaml:2: a: a key must be a plain text"},
        {"a: 1\n'': 2\n", "c.yaml:2: a key must have 1 to 256 bytes and no control characters"},
        {"\"a\\nb\": 2\n", "c.yaml:1: a key must have 1 to 256 bytes and no control characters"},
        {"a:\n  b: \"x\\0y\"\n", "c.yaml:2: a.b: a value must not contain the character NUL"},
        {"just text\n", "c.yaml: expected keys and values at the top"},
        {"- 1\n- 2\n", "c.yaml: expected keys and values at the top"},
        {"a: 1\n---\nb: 2\n", "c.yaml:2: a second document begins; only one is read"},
        {"a: 1\n b: 2\n", "c.yaml:2: not YAML: mapping values are not allowed in this context"},
        {"a: [1, 2\nb: 3\n",
         "c.yaml:2: not YAML: did not find expected ',' or ']' (while parsing a flow sequence "
         "from line 1)"},
        {"a:\n\tb: 1\n",
         "c.yaml:2: not YAML: found character that cannot start any token (while scanning for the "
         "next token from line 2)"},
        {"a: 'open\n",
         "c.yaml:2: not YAML: found unexpected end of stream (while scanning a quoted scalar from "
         "line 1)"},
        {"a: @b\n",
         "c.yaml:1: not YAML: found character that cannot start any token (while scanning for the next "
         "token from line 1)"},
        {"a: 1\nb: \xff\n", "c.yaml:2: not YAML: invalid leading UTF-8 octet"},
        {"a: 1\nb: 2\nc: \x01\n", "c.yaml:3: not YAML: control characters are not allowed"},
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        struct config *config = config_parse(str_of(row->text), "c.yaml", &err);
        CHECK(config == NULL && err.code == ERR_INVALID, "%s", row->text);
        CHECK(strcmp(err.text, row->message) == 0, "%s: %s", row->text, err.text);
    }
}

/* "a: {a: {… }}" with `depth` mappings, the top one included. */
static void append_nested(struct buf *out, unsigned depth)
{
    for (unsigned i = 0; i + 1 < depth; i++)
        buf_append_str(out, STR("{a: "));
    buf_append_str(out, STR("{}"));
    for (unsigned i = 0; i + 1 < depth; i++)
        buf_append_byte(out, '}');
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    struct buf text = {0};
    struct error err;
    append_nested(&text, CONFIG_DEPTH_MAX);
    struct config *config = config_parse(buf_str(&text), "c", &err);
    assert_non_null(config);
    config_free(config);
    buf_reset(&text);
    append_nested(&text, CONFIG_DEPTH_MAX + 1);
    assert_null(config_parse(buf_str(&text), "c", &err));
    assert_non_null(strstr(err.text, ".a: nested deeper than 32 levels"));
    buf_free(&text);
}

static void test_size_and_number_of_values_are_bounded(void **state)
{
    (void)state;
    struct buf text = {0};
    struct error err;
    buf_append_str(&text, STR("a: ["));
    for (int i = 0; i < CONFIG_NODES_MAX; i++)
        buf_append_str(&text, STR("1,"));
    buf_append_str(&text, STR("]"));
    assert_null(config_parse(buf_str(&text), "c", &err));
    assert_string_equal(err.text, "c:1: a[99998]: more than 100000 values");

    buf_reset(&text);
    buf_append_str(&text, STR("#"));
    while (text.len < CONFIG_TEXT_BYTES_MAX)
        buf_append_byte(&text, 'x');
    struct config *config = config_parse(buf_str(&text), "c", &err);
    assert_non_null(config);
    config_free(config);
    buf_append_byte(&text, 'x');
    assert_null(config_parse(buf_str(&text), "c", &err));
    assert_string_equal(err.text, "c: larger than 1048576 bytes");
    buf_free(&text);
}

static void test_a_file_is_read_by_its_name(void **state)
{
    (void)state;
    char dir[HARNESS_PATH_BYTES], path[HARNESS_PATH_BYTES + 16], expected[HARNESS_PATH_BYTES + 64];
    struct error err;
    struct buf text = {0};
    harness_make_dir(dir);
    snprintf(path, sizeof path, "%s/varve.yaml", dir);
    ASSERT_FAILS(config_load(path, NULL, 0, NULL, &err) != NULL, err, ERR_NOT_FOUND);

    buf_append_str(&text, STR("a: 1\na: 2\n"));
    ASSERT_OK(buf_write_file(&text, path, 0600, &err), err);
    ASSERT_FAILS(config_load(path, NULL, 0, NULL, &err) != NULL, err, ERR_INVALID);
    snprintf(expected, sizeof expected, "%s:2: a: written twice; first in line 1", path);
    assert_string_equal(err.text, expected);

    while (text.len <= CONFIG_TEXT_BYTES_MAX)
        buf_append_byte(&text, '#');
    ASSERT_OK(buf_write_file(&text, path, 0600, &err), err);
    ASSERT_FAILS(config_load(path, NULL, 0, NULL, &err) != NULL, err, ERR_INVALID);
    snprintf(expected, sizeof expected, "%s: larger than 1048576 bytes", path);
    assert_string_equal(err.text, expected);
    buf_free(&text);
    harness_remove_dir(dir);
}

RUN_TESTS(cmocka_unit_test(test_yaml_becomes_a_tree_of_texts),
          cmocka_unit_test(test_what_is_refused_is_told_with_line_and_key),
          cmocka_unit_test(test_depth_is_bounded),
          cmocka_unit_test(test_size_and_number_of_values_are_bounded),
          cmocka_unit_test(test_a_file_is_read_by_its_name))

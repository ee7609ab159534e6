/* Byte buffers and JSON strings. */
#include "base/buf.h"
#include "harness.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void test_zero_state_owns_nothing(void **state)
{
    (void)state;
    struct buf buf = {0};
    assert_int_equal(buf_str(&buf).len, 0);
    buf_reset(&buf);
    buf_consume(&buf, 0);
    buf_append(&buf, NULL, 0);
    buf_append_str(&buf, STR_NONE);
    buf_reserve(&buf, 0);
    assert_null(buf.data);
    buf_free(&buf);
    assert_string_equal(buf_cstr(&buf), "");
    buf_free(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.cap, 0);
}

static void test_reserve_makes_room_behind_the_content(void **state)
{
    (void)state;
    struct buf buf = {0};
    for (size_t more = 1; more < 5000; more += 97) {
        buf_append_byte(&buf, 'x');
        buf_reserve(&buf, more);
        CHECK(buf.cap - buf.len >= more, "%zu more", more);
        memset(buf.data + buf.len, 'y', more);
    }
    uint8_t *data = buf.data;
    buf_reserve(&buf, buf.cap - buf.len);
    assert_ptr_equal(buf.data, data);
    buf_free(&buf);
}

static void test_appending_many_times_reallocates_seldom(void **state)
{
    (void)state;
    struct buf buf = {0};
    size_t growths = 0;
    for (size_t i = 0; i < 100000; i++) {
        size_t cap = buf.cap;
        buf_append_byte(&buf, (uint8_t)i);
        growths += buf.cap != cap;
    }
    assert_true(growths <= 12);
    for (size_t i = 0; i < buf.len; i++)
        CHECK(buf.data[i] == (uint8_t)i, "byte %zu", i);
    buf_free(&buf);
}

static void test_printf_is_exact_at_every_border(void **state)
{
    (void)state;
    for (int len = 0; len < 300; len++) {
        struct buf buf = {0};
        buf_append_str(&buf, STR("ab"));
        buf_printf(&buf, "%0*d", len, 0);
        size_t expected = 2 + (size_t)(len != 0 ? len : 1);
        CHECK(buf.len == expected, "%d digits", len);
        buf_printf(&buf, "%s", "");
        CHECK(buf.len == expected, "%d digits", len);
        CHECK(strlen(buf_cstr(&buf)) == expected, "%d digits", len);
        buf_free(&buf);
    }
}

static void test_cstr_terminates_without_growing_the_content(void **state)
{
    (void)state;
    struct buf buf = {0};
    for (size_t len = 1; len < 300; len++) {
        buf_append_byte(&buf, 'x');
        CHECK(strlen(buf_cstr(&buf)) == len && buf.len == len, "%zu bytes", len);
    }
    buf_free(&buf);
}

static void test_reset_keeps_the_memory(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_append(&buf, "abcdef", 6);
    uint8_t *data = buf.data;
    buf_reset(&buf);
    assert_int_equal(buf.len, 0);
    buf_append(&buf, "x", 1);
    assert_ptr_equal(buf.data, data);
    buf_free(&buf);
}

static void test_random_use_agrees_with_a_plain_array(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    static char model[1 << 16];
    size_t model_len = 0;
    struct buf buf = {0};
    for (int step = 0; step < 5000; step++) {
        char piece[300];
        size_t len = random_below(&random, sizeof piece);
        memset(piece, 'a' + step % 26, sizeof piece);
        uint64_t what = random_below(&random, 5);
        if (what <= 1 && model_len + len < sizeof model) {
            if (what == 0)
                buf_append(&buf, piece, len);
            else
                buf_printf(&buf, "%.*s", (int)len, piece);
            memcpy(model + model_len, piece, len);
            model_len += len;
        } else if (what == 2 && model_len + 1 < sizeof model) {
            buf_append_byte(&buf, 'Z');
            model[model_len++] = 'Z';
        } else if (what == 3) {
            size_t drop = random_below(&random, model_len + 1);
            buf_consume(&buf, drop);
            model_len -= drop;
            memmove(model, model + drop, model_len);
        }
        assert_int_equal(buf.len, model_len);
        if (model_len != 0)
            assert_memory_equal(buf.data, model, model_len);
    }
    buf_free(&buf);
}

static void test_a_size_that_overflows_ends_the_process(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        struct buf buf = {0};
        buf_append_byte(&buf, 'x');
        buf_reserve(&buf, SIZE_MAX);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void test_json_strings(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *json;
    } rows[] = {
        {{"", 0}, "\"\""},
        {{"abc /~", 6}, "\"abc /~\""},
        {{"a\"b\\c", 5}, "\"a\\\"b\\\\c\""},
        {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
        {{"\0\x01\x1f\x7f", 4}, "\"\\u0000\\u0001\\u001f\\u007f\""},
        {{"\xc2\x80\xc2\x9f\xc2\xa0", 6}, "\"\\u0080\\u009f\xc2\xa0\""},
        {{"\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", 12},
         "\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\""},
        {{"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 15},
         "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\""},
        {{"a\xff"
          "b",
          3},
         "\"a\xef\xbf\xbd"
         "b\""},
        {{"\xe2\x82", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"\xc0\x80", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    TABLE_EACH(row, rows)
    {
        struct buf buf = {0};
        buf_append_str(&buf, STR("x="));
        buf_append_json(&buf, row->text);
        assert_string_equal(buf_cstr(&buf) + 2, row->json);
        buf_free(&buf);
    }
    struct buf buf = {0};
    buf_append_json(&buf, STR_NONE);
    assert_string_equal(buf_cstr(&buf), "\"\"");
    buf_free(&buf);
}

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Reads a JSON string back; code points below U+10000 come as \u escapes. */
static void unescape(struct str json, struct buf *out)
{
    static const char names[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";
    assert_true(json.len >= 2 && json.data[0] == '"' && json.data[json.len - 1] == '"');
    for (size_t i = 1; i + 1 < json.len; i++) {
        if (json.data[i] != '\\') {
            assert_true(json.data[i] != '"' && (unsigned char)json.data[i] >= 0x20);
            buf_append_byte(out, (uint8_t)json.data[i]);
            continue;
        }
        char name = json.data[++i];
        if (name != 'u') {
            const char *found = strchr(names, name);
            assert_true(name != '\0' && found != NULL);
            buf_append_byte(out, (uint8_t)values[found - names]);
            continue;
        }
        unsigned code = 0;
        for (int digit = 0; digit < 4; digit++)
            code = code << 4 | hex_digit(json.data[++i]);
        if (code < 0x80) {
            buf_append_byte(out, (uint8_t)code);
        } else if (code < 0x800) {
            buf_append_byte(out, (uint8_t)(0xc0 | code >> 6));
            buf_append_byte(out, (uint8_t)(0x80 | (code & 0x3f)));
        } else {
            buf_append_byte(out, (uint8_t)(0xe0 | code >> 12));
            buf_append_byte(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
            buf_append_byte(out, (uint8_t)(0x80 | (code & 0x3f)));
        }
    }
}

static void test_json_of_random_bytes_is_valid_and_of_text_reads_back(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a",    "\"",       "\\",           "\n",       "\x01",
                                         "\x7f", "\xc2\x85", "\xe2\x80\xa8", "\xc3\xa9", "\xf0\x9f\x98\x80",
                                         "\xff", "\xe2\x82", "\xed\xa0\x80"};
    struct random random;
    random_seed(&random, harness_seed());
    struct buf text = {0}, json = {0}, back = {0};
    for (int round = 0; round < 20000; round++) {
        buf_reset(&text);
        buf_reset(&json);
        buf_reset(&back);
        for (size_t n = random_below(&random, 12); n > 0; n--)
            buf_append_str(&text, str_of(pieces[random_below(&random, LENGTH(pieces))]));
        buf_append_json(&json, buf_str(&text));
        unescape(buf_str(&json), &back);
        assert_true(utf8_valid(json.data, json.len));
        if (utf8_valid(text.data, text.len))
            assert_true(str_equal(buf_str(&back), buf_str(&text)));
    }
    buf_free(&text);
    buf_free(&json);
    buf_free(&back);
}

static void test_units_are_the_largest_that_fit_and_read_back(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *duration;
        const char *size;
    } rows[] = {
        {0, "0", "0"},
        {1, "1ms", "1"},
        {1023, "1023ms", "1023"},
        {1024, "1024ms", "1KiB"},
        {15000, "15s", "15000"},
        {5400000, "90m", "5400000"},
        {604800000, "7d", "590625KiB"},
        {UINT64_C(10) << 30, "10737418240ms", "10GiB"},
        {UINT64_C(1536) << 20, "1610612736ms", "1536MiB"},
        {INT64_MAX, "9223372036854775807ms", "9223372036854775807"},
    };
    TABLE_EACH(row, rows)
    {
        struct buf duration = {0}, size = {0};
        int64_t ms;
        uint64_t bytes;
        buf_append_duration_ms(&duration, (int64_t)row->value);
        buf_append_size(&size, row->value);
        CHECK(str_is(buf_str(&duration), row->duration), "%s", buf_cstr(&duration));
        CHECK(str_is(buf_str(&size), row->size), "%s", buf_cstr(&size));
        CHECK(str_to_duration_ms(buf_str(&duration), &ms, NULL) && (uint64_t)ms == row->value, "%s",
              row->duration);
        CHECK(str_to_bytes(buf_str(&size), &bytes, NULL) && bytes == row->value, "%s", row->size);
        buf_free(&duration);
        buf_free(&size);
    }
}

RUN_TESTS(cmocka_unit_test(test_zero_state_owns_nothing),
          cmocka_unit_test(test_reserve_makes_room_behind_the_content),
          cmocka_unit_test(test_appending_many_times_reallocates_seldom),
          cmocka_unit_test(test_printf_is_exact_at_every_border),
          cmocka_unit_test(test_cstr_terminates_without_growing_the_content),
          cmocka_unit_test(test_reset_keeps_the_memory),
          cmocka_unit_test(test_random_use_agrees_with_a_plain_array),
          cmocka_unit_test(test_a_size_that_overflows_ends_the_process), cmocka_unit_test(test_json_strings),
          cmocka_unit_test(test_json_of_random_bytes_is_valid_and_of_text_reads_back),
          cmocka_unit_test(test_units_are_the_largest_that_fit_and_read_back))

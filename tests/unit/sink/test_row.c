/* Rows as bytes in the buffer: what was put in comes out, and bad bytes are an error. */
#include "sink/sink_internal.h"
#include "sql/json.h"

#include "harness.h"

static void check_same(struct sql_scope *scope, const struct sql_value *row)
{
    struct error err = {0};
    struct buf record = {0};
    struct sql_scope other = {0};
    struct sql_value back;
    bool equal = false;
    row_write(row, &record);
    ASSERT_OK(row_read(buf_str(&record), &other, &back, &err), err);
    ASSERT_OK(sql_equal_strict(scope, row, &back, &equal, &err), err);
    assert_true(equal);
    assert_int_equal(row->len, back.len);
    for (uint32_t i = 0; i < row->len; i++)
        assert_true(str_equal(sql_key_of(sql_map_at(row, i)), sql_key_of(sql_map_at(&back, i))));
    sql_scope_free(&other);
    buf_free(&record);
}

static void test_types_and_bytes_survive(void **state)
{
    (void)state;
    struct error err = {0};
    struct sql_scope scope = {0};
    struct sql_value wide, nested;
    static const char bytes[] = {0, (char)255, '\n', (char)128, '"'};
    sql_scope_begin(&scope, NULL);
    ASSERT_OK(sql_make_int(&scope, -((sql_int128)1 << 100) + 7, &wide, &err), err);
    ASSERT_OK(sql_json_decode(&scope,
                              STR("{\"l\":[1,-1,[],{},{\"x\":[null,true,false]}],\"s\":\"\\u0000a\"}"),
                              &nested, &err),
              err);
    const struct {
        const char *key;
        struct sql_value value;
    } entries[] = {
        {"none", sql_undefined()},
        {"null", sql_null()},
        {"true", sql_bool(true)},
        {"zero", sql_int(0)},
        {"least", sql_int(INT64_MIN)},
        {"most", sql_int(INT64_MAX)},
        {"wide", wide},
        {"tenth", sql_float(0.1)},
        {"tiny", sql_float(5e-324)},
        {"one", sql_float(1.0)},
        {"bytes", sql_string(str_make(bytes, sizeof(bytes)))},
        {"empty", sql_string(STR(""))},
        {"", nested},
    };
    struct sql_map_builder builder = sql_map_begin(&scope);
    for (size_t i = 0; i < LENGTH(entries); i++)
        ASSERT_OK(sql_map_put(&builder, str_of(entries[i].key), entries[i].value, &err), err);
    struct sql_value row = sql_map_end(&builder);
    check_same(&scope, &row);
    struct sql_map_builder none = sql_map_begin(&scope);
    row = sql_map_end(&none);
    check_same(&scope, &row);
    sql_scope_free(&scope);
}

static void test_every_cut_and_a_flipped_byte_is_no_crash(void **state)
{
    (void)state;
    struct error err = {0};
    struct buf record = {0};
    struct sql_scope scope = {0}, other = {0};
    struct sql_value row, back;
    sql_scope_begin(&scope, NULL);
    ASSERT_OK(
        sql_json_decode(&scope, STR("{\"a\":[1,2.5,{\"b\":\"text\"},null],\"c\":123456789}"), &row, &err),
        err);
    row_write(&row, &record);
    for (size_t len = 0; len < record.len; len++) {
        char *copy = str_dup(str_make(record.data, len)); /* so that reading behind the end is found */
        ASSERT_FAILS(row_read(str_make(copy, len), &other, &back, &err), err, ERR_CORRUPT);
        free(copy);
    }
    for (size_t at = 0; at < record.len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            record.data[at] ^= (uint8_t)(1u << bit);
            (void)row_read(buf_str(&record), &other, &back, &err);
            record.data[at] ^= (uint8_t)(1u << bit);
        }
    }
    sql_scope_free(&other);
    sql_scope_free(&scope);
    buf_free(&record);
}

static void test_endless_nesting_is_refused(void **state)
{
    (void)state;
    struct error err = {0};
    struct buf record = {0};
    struct sql_scope scope = {0};
    struct sql_value back;
    buf_append(&record, "\x01\x02\x01\x01k", 5);
    for (unsigned i = 0; i < 100000; i++)
        buf_append(&record, "\x08\x01", 2); /* a list of one item */
    assert_false(row_read(buf_str(&record), &scope, &back, &err));
    sql_scope_free(&scope);
    buf_free(&record);
}

/* An envelope: its row and its request are read as if they were bare. */
static void test_an_envelope_holds_a_row_and_a_request(void **state)
{
    (void)state;
    struct error err = {0};
    struct sql_scope scope = {0};
    struct sql_value row, back;
    struct buf record = {0};
    struct sink_envelope envelope;
    struct sink_request got = {0};
    const struct sink_request request = {.lane = 7, .bucket = STR("b"), .key = STR("k"), .content = STR("c")};
    sql_scope_begin(&scope, NULL);
    ASSERT_OK(sql_json_decode(&scope, STR("{\"a\":1}"), &row, &err), err);
    size_t begun = envelope_begin(STR("origin"), &record);
    row_write(&row, &record);
    envelope_end(begun, &record);
    size_t without = record.len;
    for (unsigned with = 0; with <= 1; with++) {
        struct sql_scope other = {0};
        ASSERT_OK(envelope_read(buf_str(&record), &envelope, &err), err);
        assert_true(str_is(envelope.origin, "origin"));
        ASSERT_OK(row_read(buf_str(&record), &other, &back, &err), err);
        assert_int_equal(sql_map_get(&back, STR("a"))->integer, 1);
        sql_scope_free(&other);
        if (with == 0)
            record_write(&request, &record);
    }
    ASSERT_OK(record_read(buf_str(&record), &got, &err), err);
    assert_true(got.lane == 7 && str_is(got.key, "k") && str_is(got.content, "c"));
    for (size_t len = 2; len < without; len++) /* cut off: an error, whatever is asked for */
        ASSERT_FAILS(envelope_read(str_make(record.data, len), &envelope, &err), err, ERR_CORRUPT);
    sql_scope_free(&scope);
    buf_free(&record);
}

RUN_TESTS(cmocka_unit_test(test_types_and_bytes_survive),
          cmocka_unit_test(test_every_cut_and_a_flipped_byte_is_no_crash),
          cmocka_unit_test(test_endless_nesting_is_refused),
          cmocka_unit_test(test_an_envelope_holds_a_row_and_a_request))

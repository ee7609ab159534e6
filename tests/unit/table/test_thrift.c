/* Thrift's compact protocol: what is written is read, what is not known is passed over, what is cut off is
 * noticed. */
#include "harness.h"

#include "table/thrift_internal.h"

#include "base/mem.h"

static void test_fields_are_written_as_the_protocol_says(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct thrift_out out = {.buf = &buf};
    thrift_begin(&out, 0);
    thrift_i32(&out, 1, -1);
    thrift_i64(&out, 3, 300);
    thrift_bool(&out, 4, true);
    thrift_binary(&out, 20, STR("ab"));
    thrift_list(&out, 21, THRIFT_I32, 2);
    thrift_list_int(&out, 1);
    thrift_list_int(&out, -2);
    thrift_begin(&out, 22);
    thrift_byte(&out, 1, -3);
    thrift_end(&out);
    thrift_end(&out);
    static const uint8_t expected[] = {
        0x15, 0x01,                  /* 1: i32, -1 as zigzag 1 */
        0x26, 0xd8, 0x04,            /* 3: i64, 600 */
        0x11,                        /* 4: true */
        0x08, 0x28, 0x02, 'a',  'b', /* 20 is more than 15 further on */
        0x19, 0x25, 0x02, 0x03,      /* 21: list of two i32 */
        0x1c, 0x13, 0xfd, 0x00,      /* 22: structure with a byte */
        0x00,
    };
    assert_int_equal(buf.len, sizeof expected);
    assert_memory_equal(buf.data, expected, sizeof expected);
    buf_free(&buf);
}

/* A structure with a field of every kind, a long list among them. */
static void write_all_kinds(struct buf *buf)
{
    struct thrift_out out = {.buf = buf};
    thrift_begin(&out, 0);
    thrift_bool(&out, 1, false);
    thrift_byte(&out, 2, -128);
    thrift_i16(&out, 3, INT16_MIN);
    thrift_i32(&out, 4, INT32_MAX);
    thrift_i64(&out, 5, INT64_MIN);
    thrift_binary(&out, 6, STR("text"));
    thrift_list(&out, 7, THRIFT_BINARY, 20);
    for (int i = 0; i < 20; i++)
        thrift_list_binary(&out, STR("x"));
    thrift_list(&out, 8, THRIFT_TRUE, 3);
    for (int i = 0; i < 3; i++)
        thrift_list_bool(&out, i == 1);
    thrift_list(&out, 9, THRIFT_STRUCT, 1);
    thrift_begin(&out, 0);
    thrift_i64(&out, 1000, 7);
    thrift_end(&out);
    thrift_end(&out);
}

static int64_t read_all_kinds(struct str bytes, bool *bad)
{
    struct thrift_in in = thrift_read(bytes);
    int64_t seen = 0;
    for (struct thrift_field field = {0}; thrift_next(&in, &field);) {
        switch (field.id) {
        case 1: seen += !thrift_get_bool(&in, &field); break;
        case 2: seen += thrift_get_int(&in, &field) == -128; break;
        case 3: seen += thrift_get_int(&in, &field) == INT16_MIN; break;
        case 4: seen += thrift_get_i32(&in, &field) == INT32_MAX; break;
        case 5: seen += thrift_get_int(&in, &field) == INT64_MIN; break;
        case 6: seen += str_is(thrift_get_binary(&in, &field), "text"); break;
        case 7:
            for (size_t n = thrift_get_list(&in, &field, THRIFT_BINARY); n-- > 0;)
                seen += str_is(thrift_element_binary(&in), "x");
            break;
        case 8:
            for (size_t n = thrift_get_list(&in, &field, THRIFT_TRUE); n-- > 0;)
                seen += thrift_element_bool(&in);
            break;
        case 9:
            for (size_t n = thrift_get_list(&in, &field, THRIFT_STRUCT); n-- > 0;) {
                for (struct thrift_field inner = {0}; thrift_next(&in, &inner);)
                    seen += inner.id == 1000 && thrift_get_int(&in, &inner) == 7;
            }
            break;
        default: thrift_skip(&in, &field);
        }
    }
    *bad = in.bad;
    return seen;
}

static void test_every_kind_is_read_as_written(void **state)
{
    (void)state;
    struct buf buf = {0};
    bool bad;
    write_all_kinds(&buf);
    assert_int_equal(read_all_kinds(buf_str(&buf), &bad), 6 + 20 + 1 + 1);
    assert_false(bad);
    buf_free(&buf);
}

static void test_a_structure_that_is_cut_off_is_bad(void **state)
{
    (void)state;
    struct buf buf = {0};
    write_all_kinds(&buf);
    for (size_t len = 0; len < buf.len; len++) {
        char *cut = mem_alloc(len + 1); /* exactly so much, so that reading beyond is found */
        bool bad;
        memcpy(cut + 1, buf.data, len);
        read_all_kinds(str_make(cut + 1, len), &bad);
        CHECK(bad, "%zu bytes of %zu", len, buf.len);
        mem_free(cut);
    }
    buf_free(&buf);
}

static void test_what_is_not_known_is_passed_over(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {
        0x1b, 0x02, 0x58, 0x02, 0x01, 'a', 0x04, 0x01, 'b', /* 1: map of two i32 to binary */
        0x1a, 0x21, 0x01, 0x02,                             /* 2: set of two booleans */
        0x17, 1,    2,    3,    4,    5,   6,    7,    8,   /* 3: double */
        0x1c, 0x1c, 0x11, 0x00, 0x00,                       /* 4: structures */
        0x1b, 0x00,                                         /* 5: empty map */
        0x15, 0x0e, 0x00,                                   /* 6: 7 */
    };
    struct thrift_in in = thrift_read(str_make(bytes, sizeof bytes));
    int64_t six = 0;
    for (struct thrift_field field = {0}; thrift_next(&in, &field);) {
        if (field.id == 6)
            six = thrift_get_int(&in, &field);
        else
            thrift_skip(&in, &field);
    }
    assert_false(in.bad);
    assert_int_equal(six, 7);
}

static void test_depth_and_counts_have_limits(void **state)
{
    (void)state;
    uint8_t deep[200];
    memset(deep, 0x1c, sizeof deep);
    struct thrift_in in = thrift_read(str_make(deep, sizeof deep));
    struct thrift_field field = {0};
    assert_true(thrift_next(&in, &field));
    thrift_skip(&in, &field);
    assert_true(in.bad);

    /* A list that says it has more elements than there are bytes; a binary that is longer. */
    static const uint8_t list[] = {0x19, 0xf3, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x01};
    in = thrift_read(str_make(list, sizeof list));
    field = (struct thrift_field){0};
    assert_true(thrift_next(&in, &field));
    assert_int_equal(thrift_get_list(&in, &field, THRIFT_BYTE), 0);
    assert_true(in.bad);

    static const uint8_t binary[] = {0x18, 0x05, 'a'};
    in = thrift_read(str_make(binary, sizeof binary));
    field = (struct thrift_field){0};
    assert_true(thrift_next(&in, &field));
    assert_int_equal(thrift_get_binary(&in, &field).len, 0);
    assert_true(in.bad);
}

static void test_values_of_another_type_are_bad(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x15, 0x02, 0x00};
    for (int kind = 0; kind < 4; kind++) {
        struct thrift_in in = thrift_read(str_make(bytes, sizeof bytes));
        struct thrift_field field = {0};
        assert_true(thrift_next(&in, &field));
        if (kind == 0)
            thrift_get_bool(&in, &field);
        else if (kind == 1)
            thrift_get_binary(&in, &field);
        else if (kind == 2)
            thrift_get_struct(&in, &field);
        else
            thrift_get_list(&in, &field, THRIFT_I32);
        CHECK(in.bad && !thrift_next(&in, &field), "kind %d", kind);
    }
    static const uint8_t wide[] = {0x16, 0x80, 0x80, 0x80, 0x80, 0x20, 0x00};
    struct thrift_in in = thrift_read(str_make(wide, sizeof wide));
    struct thrift_field field = {0};
    assert_true(thrift_next(&in, &field));
    thrift_get_i32(&in, &field);
    assert_true(in.bad);
}

RUN_TESTS(cmocka_unit_test(test_fields_are_written_as_the_protocol_says),
          cmocka_unit_test(test_every_kind_is_read_as_written),
          cmocka_unit_test(test_a_structure_that_is_cut_off_is_bad),
          cmocka_unit_test(test_what_is_not_known_is_passed_over),
          cmocka_unit_test(test_depth_and_counts_have_limits),
          cmocka_unit_test(test_values_of_another_type_are_bad))

/* Sparkplug B payloads. The bytes of the first test are those that Google's compiler makes of the specification's schema. */
#include "expressions.h"

#define FOREIGN_BYTES                                                                                  \
    "08F5E1EBB1EB30120F0A016118F5E1EBB1EB30200250A80312140A036E656720024205120178180550FFFFFFFF0F1215" \
    "0A046C6F6E672004280158FEFFFFFFFFFFFFFFFF0112230A016620094A170A016B0A016C1208080318FEFFFFFF0F1205" \
    "080C420176650000C03F12100A01641007200A6900000000000002C012050A0162700112090A01737A04746578741208" \
    "0A0179820102007F12260A02647320108A011D080212026331120263321801180C220D0A0608FFFFFFFF0F0A03320172" \
    "12320A0174201392012A0A0131120C0A02696E200350FDFFFFFF0F1A100A0170100420FFFFFFFFFFFFFFFFFF01220372" \
    "6566280112140A036269672008380158FFFFFFFFFFFFFFFFFF0118582201752A0101"
#define FOREIGN_MAP                                                                                 \
    "{\"timestamp\":1678094561525,\"metrics\":[{\"name\":\"a\",\"timestamp\":1678094561525,\"datat" \
    "ype\":2,\"int_value\":424},{\"name\":\"neg\",\"datatype\":2,\"metadata\":{\"content_type\":\"" \
    "x\",\"size\":5},\"int_value\":-1},{\"name\":\"long\",\"datatype\":4,\"is_historical\":true,\"" \
    "long_value\":-2},{\"name\":\"f\",\"datatype\":9,\"properties\":{\"keys\":[\"k\",\"l\"],\"valu" \
    "es\":[{\"type\":3,\"int_value\":-2},{\"type\":12,\"string_value\":\"v\"}]},\"float_value\":1." \
    "5},{\"name\":\"d\",\"alias\":7,\"datatype\":10,\"double_value\":-2.25},{\"name\":\"b\",\"bool" \
    "ean_value\":true},{\"name\":\"s\",\"string_value\":\"text\"},{\"name\":\"y\",\"bytes_value\":" \
    "\"\\u0000\\u007f\"},{\"name\":\"ds\",\"datatype\":16,\"dataset_value\":{\"num_of_columns\":2," \
    "\"columns\":[\"c1\",\"c2\"],\"types\":[1,12],\"rows\":[{\"elements\":[{\"int_value\":-1},{\"s" \
    "tring_value\":\"r\"}]}]}},{\"name\":\"t\",\"datatype\":19,\"template_value\":{\"version\":\"1" \
    "\",\"metrics\":[{\"name\":\"in\",\"datatype\":3,\"int_value\":-3}],\"parameters\":[{\"name\":" \
    "\"p\",\"type\":4,\"long_value\":-1}],\"template_ref\":\"ref\",\"is_definition\":true}},{\"nam" \
    "e\":\"big\",\"datatype\":8,\"is_null\":true,\"long_value\":18446744073709551615}],\"seq\":88," \
    "\"uuid\":\"u\",\"body\":\"\\u0001\"}"

static void test_foreign_payloads_are_read(void **state)
{
    (void)state;
    check_expression("spb_decode(hexstr2bin('" FOREIGN_BYTES "'))", FOREIGN_MAP, NULL);
}

static void test_what_was_read_is_written_back(void **state)
{
    (void)state;
    check_expression("spb_decode(spb_encode(spb_decode(hexstr2bin('" FOREIGN_BYTES "'))))", FOREIGN_MAP,
                     NULL);
}

TEST_EXPRESSIONS(fields_have_types, {"bin2hexstr(spb_encode(map_new()))", "\"\""}, {"spb_decode('')", "{}"},
                 {"bin2hexstr(spb_encode('{\"seq\":300}'))", "\"18AC02\""},
                 {"bin2hexstr(spb_encode('{\"seq\":null,\"uuid\":\"a\"}'))", "\"220161\""},
                 {"bin2hexstr(spb_encode('{\"metrics\":[]}'))", "\"\""},
                 {"bin2hexstr(spb_encode('{\"metrics\":[{}]}'))", "\"1200\""},
                 {"bin2hexstr(spb_encode('{\"metrics\":[{\"int_value\":-1}]}'))", "\"120650FFFFFFFF0F\""},
                 {"bin2hexstr(spb_encode('{\"metrics\":[{\"float_value\":1}]}'))", "\"1205650000803F\""},
                 {"spb_decode(hexstr2bin('120650FFFFFFFF0F'))",
                  "{\"metrics\":[{\"int_value\":4294967295}]}"}, /* no type: no sign */
                 {"spb_encode('{\"seq\":1.5}')", "!seq must be an integer, not a float"},
                 {"spb_encode('{\"seq\":18446744073709551616}')", "!seq must be an integer of 64 bits"},
                 {"spb_encode('{\"metrics\":[{\"int_value\":4294967296}]}')",
                  "!int_value must be an integer of 32 bits"},
                 {"spb_encode('{\"metrics\":[{\"float_value\":1.0e39}]}')", "!beyond what a float"},
                 {"spb_encode('{\"metrics\":[{\"boolean_value\":1}]}')", "!must be a boolean"},
                 {"spb_encode('{\"metrics\":[{\"name\":1}]}')", "!name must be a string"},
                 {"spb_encode('{\"metrics\":{}}')", "!metrics must be a list"},
                 {"spb_encode('{\"metrics\":[1]}')", "!metrics must be a map"},
                 {"spb_encode('{\"metrics\":[{\"nam\":1}]}')", "!a Metric of Sparkplug B has no field 'nam'"},
                 {"spb_encode('[1]')", "!JSON of a map"}, {"spb_encode(1)", "!must be a map"},
                 {"spb_decode(1)", "!must be a string"})

TEST_EXPRESSIONS(unknown_fields_are_skipped_and_packed_lists_read,
                 {"spb_decode(hexstr2bin('F807011801'))", "{\"seq\":1}"},
                 {"spb_decode(hexstr2bin('FA07036162631801'))", "{\"seq\":1}"},
                 {"spb_decode(hexstr2bin('FD0700000000F90700000000000000001801'))", "{\"seq\":1}"},
                 {"spb_decode(hexstr2bin('12088A01051A03010203'))",
                  "{\"metrics\":[{\"dataset_value\":{\"types\":[1,2,3]}}]}"},
                 {"spb_decode(hexstr2bin('18011802'))", "{\"seq\":2}"})

TEST_EXPRESSIONS(bytes_that_are_none_are_refused, {"spb_decode('hello')", "!no Sparkplug B payload"},
                 {"spb_decode(hexstr2bin('18'))", "!a Payload is cut off"},
                 {"spb_decode(hexstr2bin('120A0A01'))", "!a Payload is cut off"},
                 {"spb_decode(hexstr2bin('12020A05'))", "!a Metric is cut off"},
                 {"spb_decode(hexstr2bin('18FFFFFFFFFFFFFFFFFFFFFF01'))", "!cut off"},
                 {"spb_decode(hexstr2bin('1A00'))", "!cut off"},
                 {"spb_decode(hexstr2bin('FB07'))", "!cut off"}, {"spb_decode(hexstr2bin('F4'))", "!cut off"},
                 {"spb_decode(hexstr2bin('1205650000807F'))", "!no finite number"},
                 {"spb_decode(hexstr2bin('12FFFFFFFFFFFFFFFFFF010A'))", "!cut off"},
                 {"spb_decode(hexstr2bin('12088A01051A0301FF'))", "!cut off"})

/* A template in a metric in a template …: each byte pair opens two messages. */
static void test_nesting_is_bounded(void **state)
{
    (void)state;
    struct buf bytes = {0}, text = {0};
    for (int i = 0; i < 100; i++) {
        struct buf outer = {0};
        uint8_t head[8] = {0x92, 0x01, (uint8_t)(bytes.len & 0x7f) | 0x80, (uint8_t)(bytes.len >> 7)};
        buf_append(&outer, head, 4);
        buf_append(&outer, bytes.data, bytes.len);
        size_t inner = outer.len;
        buf_reset(&bytes);
        uint8_t metrics[3] = {0x12, (uint8_t)(inner & 0x7f) | 0x80, (uint8_t)(inner >> 7)};
        buf_append(&bytes, metrics, 3);
        buf_append(&bytes, outer.data, inner);
        buf_free(&outer);
    }
    buf_append_str(&text, STR("spb_decode(hexstr2bin('"));
    for (size_t i = 0; i < bytes.len; i++)
        buf_printf(&text, "%02x", bytes.data[i]);
    buf_append_str(&text, STR("'))"));
    check_expression(buf_cstr(&text), "!nested more than 60 deep", NULL);
    buf_free(&text);
    buf_free(&bytes);
}

RUN_TESTS(cmocka_unit_test(test_foreign_payloads_are_read),
          cmocka_unit_test(test_what_was_read_is_written_back), cmocka_unit_test(test_fields_have_types),
          cmocka_unit_test(test_unknown_fields_are_skipped_and_packed_lists_read),
          cmocka_unit_test(test_bytes_that_are_none_are_refused), cmocka_unit_test(test_nesting_is_bounded))

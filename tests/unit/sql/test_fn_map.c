/* Functions of maps, lists, columns and topic filters. */
#include "expressions.h"

TEST_EXPRESSIONS(paths_lead_into_maps, {"map_get('a.b', payload)", "7"},
                 {"map_get('a', payload)", "{\"b\":7}"}, {"map_get('z', payload)", "undefined"},
                 {"map_get('z', payload, -1)", "-1"}, {"map_get('n', payload, -1)", "null"},
                 {"map_get('a.b.c', payload, 'x')", "\"x\""}, {"map_get('a', 5, 0)", "0"},
                 {"map_get('a', 5)", "undefined"}, {"map_get('a', [1], 0)", "0"},
                 {"map_get('a', 'no json', 0)", "0"}, {"map_get('a', '', 0)", "0"},
                 {"map_get('a', nope, 0)", "0"}, {"map_get('s.x', '{\"s\": \"{\\\"x\\\":9}\"}')", "9"},
                 {"map_get('', '{\"\": 1}')", "1"}, {"map_get('a.', '{\"a\": {\"\": 2}}')", "2"},
                 {"map_get(1, payload)", "!argument 1 must be a string"})

TEST_EXPRESSIONS(putting_makes_the_maps_on_the_way, {"map_put('k', 1, map_new())", "{\"k\":1}"},
                 {"map_put('a.c', 1, payload)", "{\"a\":{\"b\":7,\"c\":1},\"n\":null}"},
                 {"map_put('x.y.z', 1, map)", "{\"b\":1,\"a\":2,\"x\":{\"y\":{\"z\":1}}}"},
                 {"map_put('b', [1], map)", "{\"b\":[1],\"a\":2}"},
                 {"map_put('b.c', 1, map)", "{\"b\":{\"c\":1},\"a\":2}"},
                 {"map_put('k', 1, 'text')", "{\"k\":1}"}, {"map_put('k', 1, 5)", "{\"k\":1}"},
                 {"map_put('k', 1, nope)", "{\"k\":1}"}, {"map_put('', 1, map_new())", "{\"\":1}"},
                 {"map_put(1, 1, map)", "!argument 1 must be a string"},
                 {"map_put(pad('', 300, 'leading', '.'), 1, map)", "!longer than 128"})

TEST_EXPRESSIONS(keys_are_taken_as_they_are, {"mget('a.b', '{\"a.b\": 7, \"a\": {\"b\": 8}}')", "7"},
                 {"mget('z', payload, 3)", "3"}, {"mget('z', payload)", "undefined"},
                 {"mput('c', 5, map)", "{\"b\":1,\"a\":2,\"c\":5}"},
                 {"mput('a', 5, map)", "{\"b\":1,\"a\":5}"}, {"mput('a.b', 5, '{}')", "{\"a.b\":5}"},
                 {"mget('a', 5, 0)", "!must be a map"}, {"mput('a', 1, '[1]')", "!JSON of a map"},
                 {"mget(1, map)", "!argument 1 must be a string"})

TEST_EXPRESSIONS(whole_maps_are_listed_by_key, {"map_new()", "{}"}, {"map_size(map)", "2"},
                 {"map_size('{}')", "0"}, {"map_keys(map)", "[\"a\",\"b\"]"}, {"map_values(map)", "[2,1]"},
                 {"map_to_entries(map)", "[{\"key\":\"a\",\"value\":2},{\"key\":\"b\",\"value\":1}]"},
                 {"map_keys(map_new())", "[]"}, {"map_keys('{\"x\":1}')", "[\"x\"]"},
                 {"map_keys(1)", "!must be a map"}, {"map_values('[1]')", "!JSON of a map"},
                 {"map_size(nope)", "!not undefined"}, {"map_to_entries('x')", "!argument 1"})

TEST_EXPRESSIONS(lists_count_from_1, {"nth(2, ['a', 'b'])", "\"b\""},
                 {"nth(3, [1, 2])", "!argument 1 must be from 1 to 2, not 3"},
                 {"nth(0, [1])", "!argument 1 must be from 1"}, {"nth(1, [])", "!must not be empty"},
                 {"nth('1', [1])", "!must be an integer"}, {"nth(1, 'a')", "!must be a list"},
                 {"length([])", "0"}, {"length([1, 2])", "2"}, {"length('abc')", "!must be a list"},
                 {"length(nope)", "!not undefined"}, {"sublist(2, [1, 2, 3])", "[1,2]"},
                 {"sublist(9, [1, 2])", "[1,2]"}, {"sublist(0, [1, 2])", "[]"},
                 {"sublist(2, 2, [1, 2, 3, 4])", "[2,3]"}, {"sublist(4, 5, [1, 2, 3, 4])", "[4]"},
                 {"sublist(9, 1, [1, 2])", "[]"}, {"sublist(0, 1, [1])", "!argument 1 must be from 1"},
                 {"sublist(-1, [1])", "!argument 1 must be from 0"},
                 {"sublist(1, 'a')", "!argument 2 must be a list"}, {"first([1, 2])", "1"},
                 {"last([1, 2])", "2"}, {"first([])", "!must not be empty"},
                 {"last(empty)", "!must not be empty"}, {"first('a')", "!must be a list"},
                 {"contains(2, [1, 2])", "true"}, {"contains(1.0, [1])", "false"},
                 {"contains('1', [1])", "false"}, {"contains(nope, [null()])", "true"},
                 {"contains([1], [[1]])", "true"}, {"contains(map, [map])", "true"},
                 {"contains(1, 'a')", "!argument 2 must be a list"})

TEST_EXPRESSIONS(columns_can_be_called, {"msgid()", "\"0005\""}, {"qos()", "1"}, {"clientid()", "\"c1\""},
                 {"username()", "\"u1\""}, {"peerhost()", "\"10.0.0.1\""}, {"clientip()", "\"10.0.0.1\""},
                 {"flags()", "{\"retain\":true}"}, {"flag('retain')", "true"}, {"flag('dup')", "undefined"},
                 {"flag(1)", "!must be a string"}, {"topic()", "\"t/a/b\""}, {"topic(1)", "\"t\""},
                 {"topic(3)", "\"b\""}, {"topic(4)", "!'t/a/b' has no level 4"}, {"topic(0)", "!from 1"},
                 {"topic('1')", "!must be an integer"}, {"payload('a.b')", "7"},
                 {"payload('a.z')", "undefined"}, {"payload(1)", "!must be a string"},
                 {"payload()", "\"{\\\"a\\\":{\\\"b\\\":7},\\\"n\\\":null}\""})

TEST_EXPRESSIONS(
    topic_filters_are_found_in_lists, {"contains_topic(['a/b', 'c'], 'c')", "true"},
    {"contains_topic(['a/#'], 'a/b')", "false"}, {"contains_topic_match(['a/#'], 'a/b')", "true"},
    {"contains_topic_match(['b', '+/b'], 'a/b')", "true"}, {"contains_topic_match(['#'], '$SYS/x')", "false"},
    {"contains_topic([], 'c')", "false"},
    {"contains_topic(json_decode('[{\"topic\":\"a\",\"qos\":1}]'), 'a', 1)", "true"},
    {"contains_topic(json_decode('[{\"topic\":\"a\",\"qos\":1}]'), 'a', 2)", "false"},
    {"contains_topic(['a'], 'a', 0)", "false"},
    {"contains_topic_match(json_decode('[{\"topic\":\"+\",\"qos\":1},{\"topic\":\"a\",\"qos\":2}]'), 'a', 2)",
     "true"},
    {"contains_topic([5], 'a')", "!item 1 of the list"},
    {"contains_topic([map], 'a')", "!item 1 of the list"}, {"contains_topic('a', 'a')", "!must be a list"},
    {"contains_topic(['a'], 5)", "!argument 2 must be a string"})

RUN_TESTS(cmocka_unit_test(test_paths_lead_into_maps),
          cmocka_unit_test(test_putting_makes_the_maps_on_the_way),
          cmocka_unit_test(test_keys_are_taken_as_they_are),
          cmocka_unit_test(test_whole_maps_are_listed_by_key), cmocka_unit_test(test_lists_count_from_1),
          cmocka_unit_test(test_columns_can_be_called),
          cmocka_unit_test(test_topic_filters_are_found_in_lists))

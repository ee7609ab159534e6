/* The station object: what it takes, what it refuses, what it prints; names; starts; filters of stations. */
#include "station/station_internal.h"

#include "harness.h"

static const char defaults[] =
    "{\"name\":\"x\",\"description\":\"\",\"topics\":[],"
    "\"retention\":{\"age\":\"7d\",\"bytes\":\"0\",\"messages\":0,\"acked\":false},"
    "\"sync\":\"commit\",\"compression\":\"none\",\"dedup_window\":\"2m\",\"ack_wait\":\"30s\",\"max_"
    "deliveries\":10,"
    "\"max_ack_pending\":1000,\"max_message_bytes\":\"1MiB\","
    "\"tier\":{\"enabled\":false,\"connector\":\"directory:local\",\"bucket\":\"varve\",\"prefix\":"
    "\"stations\","
    "\"upload_bytes\":\"32MiB\",\"upload_interval\":\"5m\",\"retention_age\":\"0\",\"scrub_interval\":\"7d\","
    "\"disk_budget\":\"10GiB\","
    "\"when_full\":\"block\"}}";

static void expect_print(const struct station_config *config, const char *expected)
{
    struct buf text = {0};
    station_config_print(config, &text);
    assert_string_equal(buf_cstr(&text), expected);
    buf_free(&text);
}

static void test_a_name_alone_gives_the_defaults(void **state)
{
    (void)state;
    struct error err;
    struct station_config config;
    station_config_init(&config);
    ASSERT_OK(station_config_parse(&config, STR("{\"name\":\"X\"}"), &err), err);
    expect_print(&config, defaults);
    ASSERT_OK(station_config_parse(&config, str_of(defaults), &err), err);
    expect_print(&config, defaults);
    station_config_free(&config);
}

static void test_every_field_comes_back_as_it_was_given(void **state)
{
    (void)state;
    static const char all[] =
        "{\"name\":\"a.b_c-1\",\"description\":\"D\\\"\",\"topics\":[\"t/#\",\"+/x\"],"
        "\"retention\":{\"age\":\"90m\",\"bytes\":\"1500\",\"messages\":7,\"acked\":true},"
        "\"sync\":\"100ms\",\"compression\":\"zstd\",\"dedup_window\":\"0\",\"ack_wait\":\"1500ms\",\"max_"
        "deliveries\":0,"
        "\"max_ack_pending\":1,\"max_message_bytes\":\"3KiB\","
        "\"tier\":{\"enabled\":false,\"connector\":\"s3:my\",\"bucket\":\"b\",\"prefix\":\"\","
        "\"upload_bytes\":\"1GiB\",\"upload_interval\":\"1s\",\"retention_age\":\"365d\",\"scrub_interval\":"
        "\"30d\",\"disk_budget\":"
        "\"0\","
        "\"when_full\":\"drop_oldest\"}}";
    struct error err;
    struct station_config config;
    station_config_init(&config);
    ASSERT_OK(station_config_parse(&config, str_of(all), &err), err);
    expect_print(&config, all);
    station_config_free(&config);
}

static void test_missing_keys_stay_as_they_are(void **state)
{
    (void)state;
    struct error err;
    struct station_config config;
    station_config_init(&config);
    ASSERT_OK(
        station_config_parse(&config, STR("{\"name\":\"x\",\"topics\":[\"a\"],\"sync\":\"none\"}"), &err),
        err);
    ASSERT_OK(station_config_parse(&config, STR("{\"retention\":{\"messages\":5}}"), &err), err);
    assert_int_equal(config.retention.messages, 5);
    assert_int_equal(config.retention.age_ms, INT64_C(7) * 86400000);
    assert_int_equal(config.topic_count, 1);
    assert_int_equal(config.sync_ms, LOG_SYNC_NONE);
    station_config_free(&config);
}

static void test_what_is_no_station_is_refused_with_its_key(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum error_code code;
        const char *says;
    } rows[] = {
        {"", ERR_INVALID, "JSON object"},
        {"[]", ERR_INVALID, "JSON object"},
        {"{\"name\":1}", ERR_INVALID, "name"},
        {"{\"name\":\"-a\"}", ERR_INVALID, "name"},
        {"{\"name\":\"y\"}", ERR_INVALID, "cannot be renamed"},
        {"{\"nam\":\"y\"}", ERR_INVALID, "unknown key \"nam\""},
        {"{\"retention\":5}", ERR_INVALID, "retention"},
        {"{\"retention\":{\"agee\":\"1d\"}}", ERR_INVALID, "retention: unknown key"},
        {"{\"retention\":{\"age\":\"1 fortnight\"}}", ERR_INVALID, "age: expected a duration"},
        {"{\"retention\":{\"age\":-1}}", ERR_INVALID, "age"},
        {"{\"retention\":{\"bytes\":\"many\"}}", ERR_INVALID, "bytes: expected a size"},
        {"{\"retention\":{\"messages\":\"5\"}}", ERR_INVALID, "messages: expected a number"},
        {"{\"retention\":{\"acked\":1}}", ERR_INVALID, "acked: expected true or false"},
        {"{\"topics\":\"a\"}", ERR_INVALID, "topics"},
        {"{\"topics\":[\"a/#/b\"]}", ERR_INVALID, "no topic filter"},
        {"{\"topics\":[\"$share/g/a\"]}", ERR_INVALID, "cannot be captured"},
        {"{\"topics\":[\"$station/a\"]}", ERR_INVALID, "cannot be captured"},
        {"{\"topics\":[\"a\",\"a\"]}", ERR_INVALID, "twice"},
        {"{\"sync\":\"sometimes\"}", ERR_INVALID, "sync: expected"},
        {"{\"sync\":5}", ERR_INVALID, "sync: expected"},
        {"{\"dedup_window\":\"25h\"}", ERR_INVALID, "dedup_window"},
        {"{\"ack_wait\":\"0\"}", ERR_INVALID, "ack_wait"},
        {"{\"max_deliveries\":10001}", ERR_INVALID, "max_deliveries"},
        {"{\"max_ack_pending\":0}", ERR_INVALID, "max_ack_pending"},
        {"{\"max_message_bytes\":\"65MiB\"}", ERR_INVALID, "max_message_bytes"},
        {"{\"tier\":{\"when_full\":\"panic\"}}", ERR_INVALID, "when_full"},
        {"{\"compression\":\"gzip\"}", ERR_INVALID, "compression: expected none or zstd"},
        {"{\"compression\":true}", ERR_INVALID, "compression: expected none or zstd"},
        {"{\"tier\":{\"connector\":\"\"}}", ERR_INVALID, "connector"},
        {"{\"tier\":{\"enabled\":1}}", ERR_INVALID, "enabled"},
        {"{\"description\":\"a\",\"description\":\"b\"}", ERR_INVALID, "duplicate"},
    };
    struct error err;
    struct station_config config;
    station_config_init(&config);
    ASSERT_OK(station_config_parse(&config, STR("{\"name\":\"x\"}"), &err), err);
    TABLE_EACH(row, rows)
    {
        CHECK(!station_config_parse(&config, str_of(row->json), &err), "%s", row->json);
        CHECK(err.code == row->code && strstr(err.text, row->says) != NULL, "%s: %s", row->json, err.text);
        expect_print(&config, defaults);
    }
    station_config_free(&config);
}

static void test_names_are_lowered_and_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *lower; /* NULL: none */
    } rows[] = {{"A", "a"},    {"a.B-c_9", "a.b-c_9"}, {"0", "0"},    {"", NULL},  {".a", NULL}, {"a.", NULL},
                {"-", NULL},   {"a b", NULL},          {"a/b", NULL}, {"ä", NULL}, {"a_", NULL}, {"..", NULL},
                {"a#b", NULL}, {"a+b", NULL}};
    char out[STATION_NAME_MAX + 1];
    char long_name[STATION_NAME_MAX + 2];
    struct error err;
    TABLE_EACH(row, rows)
    {
        bool ok = station_name_parse(str_of(row->name), out, &err);
        CHECK(ok == (row->lower != NULL), "%s", row->name);
        if (ok)
            assert_string_equal(out, row->lower);
    }
    memset(long_name, 'a', sizeof(long_name));
    assert_true(station_name_parse(str_make(long_name, STATION_NAME_MAX), out, &err));
    ASSERT_FAILS(station_name_parse(str_make(long_name, STATION_NAME_MAX + 1), out, &err), err, ERR_INVALID);
}

static void test_filters_of_stations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
        const char *name;
        int kind;
        int64_t value;
        const char *filter;
    } rows[] = {
        {"$station/x", true, "x", START_LATEST, 0, ""},
        {"$station/X@earliest", true, "x", START_EARLIEST, 0, ""},
        {"$station/x@latest/a/+", true, "x", START_LATEST, 0, "a/+"},
        {"$station/x@last:10/#", true, "x", START_LAST, 10, "#"},
        {"$station/x@offset:7", true, "x", START_OFFSET, 7, ""},
        {"$station/x@time:1700000000123/a", true, "x", START_TIME, 1700000000123, "a"},
        {"$station/x@time:2023-11-14T22:13:20.123Z/a", true, "x", START_TIME, 1700000000123, "a"},
        {"$station/x@time:2023-11-14T23:13:20.123+01:00/a", true, "x", START_TIME, 1700000000123, "a"},
        {"$station/x@time:2023-11-14T23:13:20.123%2B01:00/a", true, "x", START_TIME, 1700000000123, "a"},
        {"$station/x@time:2023-11-14T23:13:20.123%2b01:00", true, "x", START_TIME, 1700000000123, ""},
        {"$station/x@time:2023-11-14 23:13:20.123 01:00/a", true, "x", START_TIME, 1700000000123, "a"},
        {"$station/x@time:2023-11-14T21:13:20.123-01:00/a", true, "x", START_TIME, 1700000000123, "a"},
        {"$station/x@time:2023-11-14T23:13:20%2B1:00", false, NULL, 0, 0, NULL},
        {"$station/x@time:2023-11-14T23:13:20%2B", false, NULL, 0, 0, NULL},
        {"$station/x@time:%2B01:00", false, NULL, 0, 0, NULL},
        {"$station/x@time: 01:00", false, NULL, 0, 0, NULL},
        {"$station/x/a@b", true, "x", START_LATEST, 0, "a@b"},
        {"$station/x//", true, "x", START_LATEST, 0, "/"},
        {"$station/", false, NULL, 0, 0, NULL},
        {"$station/+", false, NULL, 0, 0, NULL},
        {"$station/x@", true, "x", START_LATEST, 0, ""},
        {"$station/x@soon", false, NULL, 0, 0, NULL},
        {"$station/x@last:", false, NULL, 0, 0, NULL},
        {"$station/x@last:-1", false, NULL, 0, 0, NULL},
        {"$station/x@offset:1x", false, NULL, 0, 0, NULL},
        {"$station/x@time:yesterday", false, NULL, 0, 0, NULL},
        {"$station/x/", false, NULL, 0, 0, NULL},
        {"$station/x/a#", false, NULL, 0, 0, NULL},
        {"$station/x/$share/g/a", false, NULL, 0, 0, NULL},
        {"$stations/x", false, NULL, 0, 0, NULL},
    };
    TABLE_EACH(row, rows)
    {
        struct station_filter filter;
        struct error err;
        bool ok = station_filter_parse(str_of(row->text), &filter, &err);
        CHECK(ok == row->valid, "%s", row->text);
        if (!ok)
            continue;
        CHECK(strcmp(filter.name, row->name) == 0 && (int)filter.start.kind == row->kind, "%s", row->text);
        CHECK(str_is(filter.filter, row->filter), "%s", row->text);
        CHECK((row->kind == START_TIME ? filter.start.time_ms : (int64_t)filter.start.value) == row->value,
              "%s", row->text);
    }
}

static void test_starts_are_places_within_what_is_held(void **state)
{
    (void)state;
    static const struct {
        struct station_start start;
        uint64_t offset;
    } rows[] = {
        {{.kind = START_EARLIEST}, 10},
        {{.kind = START_LATEST}, 20},
        {{.kind = START_LAST, .value = 0}, 20},
        {{.kind = START_LAST, .value = 3}, 17},
        {{.kind = START_LAST, .value = 99}, 10},
        {{.kind = START_OFFSET, .value = 3}, 10},
        {{.kind = START_OFFSET, .value = 13}, 13},
        {{.kind = START_OFFSET, .value = 30}, 30},
    };
    const struct log_bounds bounds = {.first = 10, .next = 20};
    TABLE_EACH(row, rows)
    CHECK(station_start_offset(&row->start, &bounds) == row->offset, "row %zu", (size_t)(row - rows));
}

RUN_TESTS(cmocka_unit_test(test_a_name_alone_gives_the_defaults),
          cmocka_unit_test(test_every_field_comes_back_as_it_was_given),
          cmocka_unit_test(test_missing_keys_stay_as_they_are),
          cmocka_unit_test(test_what_is_no_station_is_refused_with_its_key),
          cmocka_unit_test(test_names_are_lowered_and_bounded), cmocka_unit_test(test_filters_of_stations),
          cmocka_unit_test(test_starts_are_places_within_what_is_held))

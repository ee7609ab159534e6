/* Lines of the log as they come out of its file descriptor. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>

#define TIME_TEXT "2026-11-21T09:00:00.123Z"
#define TIME_MS   INT64_C(1795251600123)

static int ends[2];

static int open_pipe(void **state)
{
    (void)state;
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    log_set_fd(ends[1]);
    log_set_level(LOG_LEVEL_DEBUG);
    log_set_format(LOG_FORMAT_TEXT);
    clock_fake_set(TIME_MS, 0);
    return 0;
}

static int close_pipe(void **state)
{
    (void)state;
    log_set_fd(2);
    clock_fake_stop();
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* What has been logged since the last call; static. */
static const char *logged(void)
{
    static char text[20000];
    ssize_t len = read(ends[0], text, sizeof text - 1);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void test_a_line_has_time_level_event_and_fields(void **state)
{
    (void)state;
    struct str id = STR("a");
    LOG_INFO("client connected", LOG_STR("client_id", id), LOG_INT("port", 1883));
    assert_string_equal(logged(), TIME_TEXT " info client connected client_id=a port=1883\n");
    log_set_format(LOG_FORMAT_JSON);
    LOG_INFO("client connected", LOG_STR("client_id", id), LOG_INT("port", 1883));
    assert_string_equal(logged(),
                        "{\"time\":\"" TIME_TEXT "\",\"level\":\"info\",\"event\":\"client connected\","
                        "\"client_id\":\"a\",\"port\":1883}\n");
}

static void test_an_event_may_have_no_fields(void **state)
{
    (void)state;
    LOG_WARNING("stopping");
    assert_string_equal(logged(), TIME_TEXT " warning stopping\n");
    log_set_format(LOG_FORMAT_JSON);
    LOG_ERROR("stopping");
    assert_string_equal(logged(),
                        "{\"time\":\"" TIME_TEXT "\",\"level\":\"error\",\"event\":\"stopping\"}\n");
}

static void test_numbers_keep_their_whole_range(void **state)
{
    (void)state;
    LOG_DEBUG("n", LOG_INT("least", INT64_MIN), LOG_INT("most", INT64_MAX), LOG_UINT("all", UINT64_MAX),
              LOG_INT("zero", 0));
    assert_string_equal(logged(), TIME_TEXT " debug n least=-9223372036854775808 most=9223372036854775807 "
                                            "all=18446744073709551615 zero=0\n");
}

static void test_values_are_quoted_where_they_need_it(void **state)
{
    (void)state;
    static const struct {
        const char *value, *text, *json;
    } rows[] = {
        {"plain", "plain", "\"plain\""},
        {"a/b-c_d.e:1[2]", "a/b-c_d.e:1[2]", "\"a/b-c_d.e:1[2]\""},
        {"", "\"\"", "\"\""},
        {"two words", "\"two words\"", "\"two words\""},
        {"k=v", "\"k=v\"", "\"k=v\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\"", "\"back\\\\slash\""},
        {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"", "\"gr\xc3\xbc\xc3\x9f\""},
        {"bad\xff", "\"bad\xef\xbf\xbd\"", "\"bad\xef\xbf\xbd\""},
        {"bell\a", "\"bell\\u0007\"", "\"bell\\u0007\""},
        {"\x1b[31mred", "\"\\u001b[31mred\"", "\"\\u001b[31mred\""},
        {"nel\xc2\x85", "\"nel\\u0085\"", "\"nel\\u0085\""},
        {"ls\xe2\x80\xa8", "\"ls\\u2028\"", "\"ls\\u2028\""},
    };
    TABLE_EACH(row, rows)
    {
        char expected[300];
        log_set_format(LOG_FORMAT_TEXT);
        LOG_INFO("e", LOG_TEXT("v", row->value));
        snprintf(expected, sizeof expected, TIME_TEXT " info e v=%s\n", row->text);
        assert_string_equal(logged(), expected);
        log_set_format(LOG_FORMAT_JSON);
        LOG_INFO("e", LOG_TEXT("v", row->value));
        snprintf(expected, sizeof expected,
                 "{\"time\":\"" TIME_TEXT "\",\"level\":\"info\",\"event\":\"e\",\"v\":%s}\n", row->json);
        assert_string_equal(logged(), expected);
    }
    log_set_format(LOG_FORMAT_TEXT);
    LOG_INFO("e", LOG_TEXT("v", NULL), LOG_STR("w", STR("a\0b")));
    assert_string_equal(logged(), TIME_TEXT " info e v=\"\" w=\"a\\u0000b\"\n");
}

static void test_a_value_cannot_forge_a_line_or_a_field(void **state)
{
    (void)state;
    static const char *const attacks[] = {
        "x\n2026-11-21T09:00:00.123Z info admin logged in",
        "x\r\n2026-11-21T09:00:00.123Z info admin logged in",
        "x admin=true",
        "x\" admin=\"true",
        "x\",\"admin\":\"true",
        "x\\\" admin=\\\"true",
        "x\x85\x0b\x0c admin=true",
    };
    for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
        TABLE_EACH(attack, attacks)
        {
            log_set_format((enum log_format)format);
            LOG_INFO("e", LOG_TEXT("client_id", *attack));
            const char *line = logged();
            size_t quotes = 0;
            for (const char *at = line; *at != '\0'; at++) {
                CHECK((unsigned char)*at >= 0x20 || (*at == '\n' && at[1] == '\0'), "%s", line);
                if (*at == '\\')
                    at++;
                else
                    quotes += *at == '"';
            }
            CHECK(quotes == (format == LOG_FORMAT_JSON ? 16 : 2), "%s", line);
        }
    }
}

static void test_an_error_shows_text_code_and_hint(void **state)
{
    (void)state;
    struct error err;
    error_set(&err, ERR_NO_SPACE, "write a.seg: No space left on device");
    LOG_ERROR("log failed", LOG_ERROR_OF(&err), LOG_INT("n", 1));
    assert_string_equal(logged(),
                        TIME_TEXT " error log failed error=\"write a.seg: No space left on device\" "
                                  "error_code=no_space n=1\n");
    error_hint(&err, "free some space");
    log_set_format(LOG_FORMAT_JSON);
    LOG_ERROR("log failed", LOG_ERROR_OF(&err));
    assert_string_equal(logged(),
                        "{\"time\":\"" TIME_TEXT "\",\"level\":\"error\",\"event\":\"log failed\","
                        "\"error\":\"write a.seg: No space left on device\",\"error_code\":\"no_space\","
                        "\"hint\":\"free some space\"}\n");
}

static void test_levels_below_the_set_one_are_silent(void **state)
{
    (void)state;
    static const char *const names[] = {"debug", "info", "warning", "error"};
    for (int set = LOG_LEVEL_DEBUG; set <= LOG_LEVEL_ERROR; set++) {
        log_set_level((enum log_level)set);
        for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++) {
            assert_int_equal(log_enabled((enum log_level)level), level >= set);
            LOG_AT((enum log_level)level, "e");
            const char *line = logged();
            CHECK((strstr(line, names[level]) != NULL) == (level >= set), "level %d, set to %d", level, set);
        }
    }
}

static int evaluations;

static int64_t evaluate(void)
{
    return ++evaluations;
}

static void test_fields_of_a_silent_level_are_not_evaluated(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_INFO);
    LOG_DEBUG("e", LOG_INT("n", evaluate()));
    assert_int_equal(evaluations, 0);
    LOG_INFO("e", LOG_INT("n", evaluate()));
    assert_int_equal(evaluations, 1);
}

static void test_level_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int level; /* -1: refused */
    } rows[] = {{"debug", LOG_LEVEL_DEBUG},
                {"info", LOG_LEVEL_INFO},
                {"warning", LOG_LEVEL_WARNING},
                {"error", LOG_LEVEL_ERROR},
                {"ERROR", LOG_LEVEL_ERROR},
                {"", -1},
                {"warn", -1},
                {"infos", -1}};
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        enum log_level level = LOG_LEVEL_DEBUG;
        CHECK(log_level_parse(str_of(row->text), &level, &err) == (row->level >= 0), "%s", row->text);
        CHECK(row->level < 0 || (int)level == row->level, "%s", row->text);
        CHECK((err.code == ERR_INVALID) == (row->level < 0), "%s", row->text);
    }
    struct error err;
    enum log_level level;
    ASSERT_FAILS(log_level_parse(STR("loud"), &level, &err), err, ERR_INVALID);
    assert_string_equal(err.text, "'loud' is not a log level: debug, info, warning or error");
    assert_false(log_level_parse(STR_NONE, &level, &err));
}

static void test_a_long_value_is_cut_with_an_ellipsis(void **state)
{
    (void)state;
    char value[3000], expected[1200];
    memset(value, 'x', sizeof value);
    LOG_INFO("e", LOG_STR("v", str_make(value, 1024)));
    snprintf(expected, sizeof expected, TIME_TEXT " info e v=%.1024s\n", value);
    assert_string_equal(logged(), expected);
    LOG_INFO("e", LOG_STR("v", str_make(value, 1025)));
    snprintf(expected, sizeof expected, TIME_TEXT " info e v=\"%.1024s\xe2\x80\xa6\"\n", value);
    assert_string_equal(logged(), expected);
    /* The cut falls within a character of three bytes: it goes as a whole. */
    memcpy(value + 1022, "\xe2\x82\xac", 3);
    LOG_INFO("e", LOG_STR("v", str_make(value, sizeof value)));
    snprintf(expected, sizeof expected, TIME_TEXT " info e v=\"%.1022s\xe2\x80\xa6\"\n", value);
    assert_string_equal(logged(), expected);
}

static void test_a_line_is_bounded_and_says_what_it_left_out(void **state)
{
    (void)state;
    char value[1024];
    memset(value, '\x01', sizeof value); /* six bytes each when escaped */
    struct str v = str_make(value, sizeof value);
    LOG_INFO("e", LOG_STR("a", v), LOG_STR("b", v), LOG_INT("n", 7));
    const char *line = logged();
    assert_true(strlen(line) <= 8192);
    assert_null(strstr(line, " b="));
    assert_string_equal(line + strlen(line) - strlen("\" n=7 truncated=true\n"), "\" n=7 truncated=true\n");
    log_set_format(LOG_FORMAT_JSON);
    LOG_INFO("e", LOG_STR("a", v), LOG_STR("b", v), LOG_INT("n", 7));
    line = logged();
    assert_string_equal(line + strlen(line) - strlen("\",\"n\":7,\"truncated\":true}\n"),
                        "\",\"n\":7,\"truncated\":true}\n");
}

/* Values of all lengths, so that the border of the line falls on every place of a field. */
static void test_every_length_gives_a_whole_line(void **state)
{
    (void)state;
    char value[1024];
    memset(value, '\x01', sizeof value);
    struct str long_value = str_make(value, 1000);
    for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
        for (size_t len = 250; len < 400; len++) {
            log_set_format((enum log_format)format);
            LOG_INFO("e", LOG_STR("a", long_value), LOG_STR("b", str_make(value, len)), LOG_INT("c", -1),
                     LOG_TEXT("d", "e f"));
            const char *line = logged();
            size_t line_len = strlen(line);
            CHECK(line_len > 1 && line_len <= 8192 && line[line_len - 1] == '\n', "%zu bytes", len);
            CHECK(format == LOG_FORMAT_TEXT || line[line_len - 2] == '}', "%zu bytes", len);
        }
    }
}

static void test_a_full_pipe_loses_lines_and_does_not_block(void **state)
{
    (void)state;
    static char junk[65536];
    while (write(ends[1], junk, sizeof junk) > 0)
        continue;
    errno = ENOENT;
    LOG_INFO("lost");
    assert_int_equal(errno, ENOENT);
    while (read(ends[0], junk, sizeof junk) > 0)
        continue;
    LOG_INFO("seen");
    assert_string_equal(logged(), TIME_TEXT " info seen\n");
}

#define LOGGERS 4
#define LINES   500

static void *log_many(void *arg)
{
    int64_t me = *(int *)arg;
    for (int i = 0; i < LINES; i++)
        LOG_INFO("many", LOG_INT("logger", me), LOG_INT("line", i), LOG_TEXT("filling", "some more words"));
    return NULL;
}

static void test_lines_of_many_threads_do_not_mix(void **state)
{
    (void)state;
    char dir[HARNESS_PATH_BYTES], path[HARNESS_PATH_BYTES + 8];
    harness_make_dir(dir);
    snprintf(path, sizeof path, "%s/log", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0);
    log_set_fd(fd);
    pthread_t threads[LOGGERS];
    int names[LOGGERS];
    struct error err;
    for (int i = 0; i < LOGGERS; i++) {
        names[i] = i;
        ASSERT_OK(thread_start(&threads[i], "logger", log_many, &names[i], &err), err);
    }
    for (int i = 0; i < 100; i++) /* settings may change meanwhile */
        log_set_level(i % 2 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    for (int i = 0; i < LOGGERS; i++)
        pthread_join(threads[i], NULL);
    log_set_fd(ends[1]);
    close(fd);

    struct buf buf = {0};
    ASSERT_OK(buf_read_file(&buf, path, 1 << 20, &err), err);
    int next[LOGGERS] = {0}, lines = 0;
    struct str rest = buf_str(&buf), line;
    while (str_next(&rest, '\n', &line) && line.len != 0) {
        int logger = -1, number = -1;
        char text[200];
        snprintf(text, sizeof text, "%.*s", STR_ARG(line));
        assert_int_equal(sscanf(text, TIME_TEXT " info many logger=%d line=%d", &logger, &number), 2);
        assert_true(str_ends(line, STR(" filling=\"some more words\"")));
        assert_true(logger >= 0 && logger < LOGGERS);
        CHECK(number == next[logger]++, "%s", text);
        lines++;
    }
    assert_int_equal(lines, LOGGERS * LINES);
    buf_free(&buf);
    harness_remove_dir(dir);
}

#define LOGGED(test) cmocka_unit_test_setup_teardown(test, open_pipe, close_pipe)

RUN_TESTS(LOGGED(test_a_line_has_time_level_event_and_fields), LOGGED(test_an_event_may_have_no_fields),
          LOGGED(test_numbers_keep_their_whole_range), LOGGED(test_values_are_quoted_where_they_need_it),
          LOGGED(test_a_value_cannot_forge_a_line_or_a_field), LOGGED(test_an_error_shows_text_code_and_hint),
          LOGGED(test_levels_below_the_set_one_are_silent),
          LOGGED(test_fields_of_a_silent_level_are_not_evaluated), LOGGED(test_level_names),
          LOGGED(test_a_long_value_is_cut_with_an_ellipsis),
          LOGGED(test_a_line_is_bounded_and_says_what_it_left_out),
          LOGGED(test_every_length_gives_a_whole_line),
          LOGGED(test_a_full_pipe_loses_lines_and_does_not_block),
          LOGGED(test_lines_of_many_threads_do_not_mix))

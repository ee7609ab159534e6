/* Options of a command line: their forms, the values that they take, and how a refusal reads. */
#include "args/args.h"

#include "harness.h"

#define WORDS_MAX 16

struct target {
    bool loud;
    bool dry;
    const char *name;
    uint8_t tiny;
    uint16_t port;
    uint32_t count;
    uint64_t huge;
    int64_t wait_ms;
    int64_t pause_ms;
    unsigned ends; /* how often `end` was taken */
};

static bool take_end(void *target, const struct args_option *option, const char *text, struct error *err)
{
    if (strcmp(text, "loose") == 0)
        return error_set(err, ERR_INVALID, "--%s %s: there is none", option->name, text);
    ((struct target *)target)->ends++;
    return true;
}

#define FIELD(member) ARGS_FIELD(struct target, member)

static const struct args_option table[] = {
    {"loud", 'l', args_flag, FIELD(loud), 0, 0},
    {"dry", 'd', args_flag, FIELD(dry), 0, 0},
    {"name", 'n', args_text, FIELD(name), 0, 0},
    {"tiny", 0, args_natural, FIELD(tiny), 1, 255},
    {"port", 'p', args_natural, FIELD(port), 0, 65535},
    {"count", 0, args_natural, FIELD(count), 0, UINT32_MAX},
    {"huge", 0, args_natural, FIELD(huge), 0, UINT64_MAX},
    {"wait", 'w', args_seconds, FIELD(wait_ms), 1, 5000},
    {"pause", 0, args_seconds, FIELD(pause_ms), 0, 5000},
    {"end", 'e', take_end, 0, 0, 0, 0},
};

/* What args_parse returns for the words of a line. */
static int parse(struct target *target, const char *line, struct error *err)
{
    static char words[256];
    char *argv[WORDS_MAX + 1] = {(char *)"command"};
    int argc = 1;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word != NULL && argc < WORDS_MAX; word = strtok(NULL, " "))
        argv[argc++] = word;
    *target = (struct target){0};
    return args_parse(table, LENGTH(table), target, argc, argv, err);
}

static void test_every_form_reaches_its_field(void **state)
{
    (void)state;
    static const char *const lines[] = {"--name a --port 99 --loud --wait 0.5",
                                        "--name=a --port=99 --loud --wait=.5", "-n a -p 99 -l -w 5e-1",
                                        "-na -p99 -lw0.5", "--na a --po 99 --lo --wa 0.5"};
    TABLE_EACH(line, lines)
    {
        struct target target;
        CHECK(parse(&target, *line, NULL) > 0, "%s", *line);
        CHECK(target.loud && !target.dry, "%s", *line);
        CHECK(target.name != NULL && strcmp(target.name, "a") == 0, "%s", *line);
        CHECK(target.port == 99 && target.wait_ms == 500, "%s", *line);
    }
}

static void test_a_number_fills_its_field_and_no_other(void **state)
{
    (void)state;
    struct target target;
    assert_int_equal(
        parse(&target, "--tiny 255 --port 65535 --count 4294967295 --huge 18446744073709551615", NULL), 9);
    assert_int_equal(target.tiny, 255);
    assert_int_equal(target.port, 65535);
    assert_int_equal(target.count, UINT32_MAX);
    assert_true(target.huge == UINT64_MAX);
    assert_int_equal(parse(&target, "--port 65535", NULL), 3);
    assert_int_equal(target.tiny, 0);
    assert_int_equal(target.count, 0);
}

static void test_seconds_are_rounded_but_never_to_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int64_t wait_ms;
    } rows[] = {
        {"-w 5", 5000}, {"-w 0.0014", 1}, {"-w 0.0016", 2}, {"-w 0.07", 70}, {"-w 0.0000001", 1},
    };
    TABLE_EACH(row, rows)
    {
        struct target target;
        CHECK(parse(&target, row->line, NULL) == 3, "%s", row->line);
        CHECK(target.wait_ms == row->wait_ms, "%s: %lld", row->line, (long long)target.wait_ms);
    }
}

static void test_the_first_word_ends_the_options(void **state)
{
    (void)state;
    struct target target;
    assert_int_equal(parse(&target, "", NULL), 1);
    assert_int_equal(parse(&target, "-l", NULL), 2);
    assert_int_equal(parse(&target, "-l word -d", NULL), 2);
    assert_true(target.loud);
    assert_false(target.dry);
    assert_int_equal(parse(&target, "-- -l", NULL), 2);
    assert_false(target.loud);
}

static void test_a_row_may_take_its_value_itself(void **state)
{
    (void)state;
    struct target target;
    assert_int_equal(parse(&target, "-e a --end b", NULL), 5);
    assert_int_equal(target.ends, 2);
}

static void test_refusals_name_the_option(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *text;
    } rows[] = {
        {"--tiny 0", "--tiny 0: expected a whole number from 1 to 255"},
        {"--tiny 256", "--tiny 256: expected a whole number from 1 to 255"},
        {"-p -1", "--port -1: expected a whole number from 0 to 65535"},
        {"-p 1.5", "--port 1.5: expected a whole number from 0 to 65535"},
        {"--huge 18446744073709551616", "--huge 18446744073709551616: expected a whole number"},
        {"-w 0", "--wait 0: expected seconds, such as 5 or 0.5"},
        {"-w 5.1", "--wait 5.1: expected seconds, such as 5 or 0.5"},
        {"-w soon", "--wait soon: expected seconds, such as 5 or 0.5"},
        {"-w 1s", "--wait 1s: expected seconds, such as 5 or 0.5"},
        {"-w nan", "--wait nan: expected seconds, such as 5 or 0.5"},
        {"--pause -1", "--pause -1: expected seconds, such as 5 or 0.5"},
        {"--pause inf", "--pause inf: expected seconds, such as 5 or 0.5"},
        {"--end loose", "--end loose: there is none"},
        {"--other", "--other: unknown option"},
        {"-l -x", "-x: unknown option"},
        {"--name", "--name: needs a value"},
        {"-l -n", "-n: needs a value"},
    };
    TABLE_EACH(row, rows)
    {
        struct target target;
        struct error err = {0};
        CHECK(parse(&target, row->line, &err) == -1, "%s", row->line);
        CHECK(err.code == ERR_INVALID && strcmp(err.text, row->text) == 0, "%s: %s", row->line, err.text);
    }
}

RUN_TESTS(cmocka_unit_test(test_every_form_reaches_its_field),
          cmocka_unit_test(test_a_number_fills_its_field_and_no_other),
          cmocka_unit_test(test_seconds_are_rounded_but_never_to_nothing),
          cmocka_unit_test(test_the_first_word_ends_the_options),
          cmocka_unit_test(test_a_row_may_take_its_value_itself),
          cmocka_unit_test(test_refusals_name_the_option))

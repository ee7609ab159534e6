/* The last lines of the log, in memory. */
#include "base/log_ring.h"
#include "base/thread.h"
#include "harness.h"

#include <fcntl.h>
#include <unistd.h>

struct seen {
    size_t count;
    size_t limit; /* 0: all */
    uint64_t first, last;
    char text[LOG_RING_BYTES + 1]; /* of the first */
};

static bool see(const struct log_ring_line *line, void *arg)
{
    struct seen *seen = arg;
    if (seen->count++ == 0) {
        seen->first = line->number;
        snprintf(seen->text, sizeof(seen->text), "%.*s", STR_ARG(line->text));
    }
    seen->last = line->number;
    return seen->count != seen->limit;
}

static struct seen look(uint64_t after, enum log_level least, size_t limit)
{
    struct seen seen = {.limit = limit};
    log_ring_each(after, least, see, &seen);
    return seen;
}

static int start(void **state)
{
    (void)state;
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    log_ring_start();
    log_ring_start(); /* again: the same ring */
    return 0;
}

static void test_lines_come_newest_first_from_a_level_on(void **state)
{
    (void)state;
    uint64_t before = look(0, LOG_LEVEL_DEBUG, 1).first;
    LOG_INFO("one");
    LOG_WARNING("two");
    LOG_INFO("three");
    struct seen all = look(before, LOG_LEVEL_DEBUG, 0);
    assert_int_equal(all.count, 3);
    assert_int_equal(all.first, before + 3);
    assert_int_equal(all.last, before + 1);
    assert_non_null(strstr(all.text, " info three"));
    struct seen bad = look(before, LOG_LEVEL_WARNING, 0);
    assert_int_equal(bad.count, 1);
    assert_non_null(strstr(bad.text, " warning two"));
    assert_int_equal(look(before + 2, LOG_LEVEL_DEBUG, 0).count, 1);
    assert_int_equal(look(before, LOG_LEVEL_DEBUG, 2).count, 2);
}

static void test_the_last_thousand_are_kept(void **state)
{
    (void)state;
    uint64_t before = look(0, LOG_LEVEL_DEBUG, 1).first;
    for (int i = 0; i < LOG_RING_LINES + 10; i++)
        LOG_INFO("line");
    struct seen all = look(0, LOG_LEVEL_DEBUG, 0);
    assert_int_equal(all.count, LOG_RING_LINES);
    assert_int_equal(all.first, before + LOG_RING_LINES + 10);
    assert_int_equal(all.last, all.first - LOG_RING_LINES + 1);
}

static void test_a_long_line_is_cut_between_characters(void **state)
{
    (void)state;
    char text[LOG_RING_BYTES];
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa9", 3); /* é */
    LOG_INFO("long", LOG_TEXT("text", text), LOG_TEXT("more", text));
    struct seen all = look(0, LOG_LEVEL_DEBUG, 1);
    assert_in_range(strlen(all.text), LOG_RING_BYTES - 3, LOG_RING_BYTES);
    assert_true(utf8_valid(all.text, strlen(all.text)));
}

static void *log_much(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2000; i++)
        LOG_INFO("from a thread", LOG_INT("i", i));
    return NULL;
}

static void test_threads_log_while_others_read(void **state)
{
    (void)state;
    pthread_t threads[3];
    struct error err;
    uint64_t before = look(0, LOG_LEVEL_DEBUG, 1).first, missed = 0;
    struct seen none = {.limit = 1};
    missed = log_ring_each(0, LOG_LEVEL_DEBUG, see, &none);
    for (size_t i = 0; i < 3; i++)
        assert_true(thread_start(&threads[i], "logs", log_much, NULL, &err));
    for (int i = 0; i < 50; i++)
        assert_true(look(0, LOG_LEVEL_DEBUG, 0).count <= LOG_RING_LINES);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    struct seen one = {.limit = 1};
    uint64_t left_out = log_ring_each(0, LOG_LEVEL_DEBUG, see, &one) - missed;
    assert_int_equal(one.first - before + left_out, 6000); /* kept, or counted */
}

#define RING(test) cmocka_unit_test_setup(test, start)

RUN_TESTS(RING(test_lines_come_newest_first_from_a_level_on), RING(test_the_last_thousand_are_kept),
          RING(test_a_long_line_is_cut_between_characters), RING(test_threads_log_while_others_read))

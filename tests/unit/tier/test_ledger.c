/* The ledger: what it says is there after a restart, a torn end is cut off, anything else that does not check is told. */
#include "tier_test.h"

#include <fcntl.h>
#include <sys/stat.h>

static const struct str keys[] = {{"data/a.parquet", 14}, {"metadata/b.avro", 15}};

static void count_intent(const struct ledger_keys *intent, void *arg)
{
    (void)intent;
    ++*(unsigned *)arg;
}

static unsigned intents(struct ledger *ledger)
{
    unsigned count = 0;
    ledger_intents(ledger, count_intent, &count);
    return count;
}

static void test_what_is_written_is_there_after_a_restart(void **state)
{
    char dir[HARNESS_PATH_BYTES];
    struct ledger ledger;
    struct error err;
    struct ledger_state told = {.version = 3, .next = 100, .rows = 90, .first = 10, .first_ms = 5}, found;
    int64_t due_ms;
    (void)state;
    harness_make_dir(dir);
    ASSERT_OK(ledger_open(&ledger, dir, &err), err);
    ASSERT_OK(ledger_intend(&ledger, "one", keys, 2, &err), err);
    ASSERT_OK(ledger_intend(&ledger, "two", keys, 1, &err), err);
    ASSERT_OK(ledger_commit(&ledger, "one", &told, &err), err);
    ASSERT_OK(ledger_give_up(&ledger, 120, &err), err);
    ASSERT_OK(ledger_bury(&ledger, keys, 2, 2000, &err), err);
    ASSERT_OK(ledger_bury(&ledger, keys + 1, 1, 1000, &err), err);
    for (int round = 0; round < 2; round++) {
        ledger_close(&ledger);
        ASSERT_OK(ledger_open(&ledger, dir, &err), err);
        ledger_state(&ledger, &found);
        assert_int_equal(found.next, 100);
        assert_int_equal(found.rows, 90);
        assert_int_equal(found.give_up, 120);
        assert_int_equal(intents(&ledger), 1);
        const struct ledger_keys *dead = ledger_due(&ledger, 1500, &due_ms);
        assert_non_null(dead);
        assert_int_equal(dead->count, 1);
        assert_int_equal(due_ms, 1000);
    }
    ASSERT_OK(ledger_gone(&ledger, ledger_due(&ledger, 1500, &due_ms), &err), err);
    assert_null(ledger_due(&ledger, 1500, &due_ms));
    assert_int_equal(due_ms, 2000);
    ASSERT_OK(ledger_abandon(&ledger, "two", 500, &err), err);
    ledger_close(&ledger);
    ASSERT_OK(ledger_open(&ledger, dir, &err), err);
    assert_int_equal(intents(&ledger), 0);
    assert_non_null(ledger_due(&ledger, 600, &due_ms));
    ledger_close(&ledger);
    harness_remove_dir(dir);
}

static void append(const char *dir, const char *text)
{
    char path[HARNESS_PATH_BYTES + 16];
    snprintf(path, sizeof(path), "%s/ledger", dir);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_a_torn_end_is_cut_off_and_a_bad_line_before_others_is_told(void **state)
{
    static const struct {
        const char *text;
        bool corrupt;
    } rows[] = {
        {"", false},
        {"0", false},
        {"00000000 {\"op\":\"give_up\",\"below\":7}", false},
        {"00000000 {\"op\":\"give_up\",\"below\":7}\n", false},
        {"00000000 {}\n00000000 {}\n", true},
        {"no line\nat all", true},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        char dir[HARNESS_PATH_BYTES];
        struct ledger ledger;
        struct error err = {0};
        struct ledger_state found;
        harness_make_dir(dir);
        ASSERT_OK(ledger_open(&ledger, dir, &err), err);
        ASSERT_OK(ledger_give_up(&ledger, 5, &err), err);
        ledger_close(&ledger);
        append(dir, row->text);
        bool ok = ledger_open(&ledger, dir, &err);
        CHECK(ok != row->corrupt, "%s", row->text);
        if (ok) {
            ledger_state(&ledger, &found);
            assert_int_equal(found.give_up, 5);
            ASSERT_OK(ledger_give_up(&ledger, 6, &err), err);
            ledger_close(&ledger);
            ASSERT_OK(ledger_open(&ledger, dir, &err), err);
            ledger_state(&ledger, &found);
            assert_int_equal(found.give_up, 6);
            ledger_close(&ledger);
        } else {
            assert_int_equal(err.code, ERR_CORRUPT);
        }
        harness_remove_dir(dir);
    }
}

static void test_a_long_ledger_is_written_anew(void **state)
{
    char dir[HARNESS_PATH_BYTES], path[HARNESS_PATH_BYTES + 16];
    struct ledger ledger;
    struct error err;
    struct stat status;
    (void)state;
    harness_make_dir(dir);
    ASSERT_OK(ledger_open(&ledger, dir, &err), err);
    for (uint64_t i = 1; i <= 5000; i++) {
        const struct ledger_state told = {.next = i};
        ASSERT_OK(ledger_commit(&ledger, NULL, &told, &err), err);
    }
    ledger_close(&ledger);
    snprintf(path, sizeof(path), "%s/ledger", dir);
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size < (1 << 20));
    struct ledger_state found;
    ASSERT_OK(ledger_open(&ledger, dir, &err), err);
    ledger_state(&ledger, &found);
    assert_int_equal(found.next, 5000);
    ledger_close(&ledger);
    harness_remove_dir(dir);
}

RUN_TESTS(cmocka_unit_test(test_what_is_written_is_there_after_a_restart),
          cmocka_unit_test(test_a_torn_end_is_cut_off_and_a_bad_line_before_others_is_told),
          cmocka_unit_test(test_a_long_ledger_is_written_anew))

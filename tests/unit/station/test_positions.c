/* Stored positions: what was said is there after a restart, what was not is not; deletions keep their order. */
#include "station/positions.h"

#include "base/log.h"
#include "harness.h"

struct bed {
    char dir[HARNESS_PATH_BYTES];
    struct catalog *catalog;
    struct positions positions;
};

static void bed_open(struct bed *bed)
{
    struct error err;
    log_set_level(LOG_LEVEL_ERROR);
    bed->catalog = catalog_open(bed->dir, &err);
    assert_non_null(bed->catalog);
    ASSERT_OK(positions_open(&bed->positions, bed->catalog, &err), err);
}

static void bed_close(struct bed *bed)
{
    positions_close(&bed->positions);
    catalog_close(bed->catalog);
}

static void bed_reopen(struct bed *bed)
{
    bed_close(bed);
    bed_open(bed);
}

static void bed_start(struct bed *bed)
{
    harness_make_dir(bed->dir);
    bed_open(bed);
}

static void bed_end(struct bed *bed)
{
    bed_close(bed);
    harness_remove_dir(bed->dir);
}

static struct position *claim_reader(struct bed *bed, const char *client, bool *found)
{
    return position_claim(&bed->positions, POSITION_READER, STR("x"), str_of(client), STR("$station/x"),
                          found);
}

/* What is in the catalog itself. */
struct look {
    struct str wanted; /* the end of the reader's name */
    bool found;
    uint64_t offset;
};

static bool look_at(struct str station, struct str reader, struct str value, void *arg)
{
    struct look *look = arg;
    (void)station;
    if (!str_ends(reader, look->wanted) || value.len != 8)
        return true;
    look->found = true;
    look->offset = 0;
    for (unsigned i = 0; i < 8; i++)
        look->offset |= (uint64_t)(uint8_t)value.data[i] << (8 * i);
    return true;
}

static struct look stored(struct bed *bed)
{
    struct error err;
    struct look look = {.wanted = STR("c$station/x")};
    ASSERT_OK(catalog_position_each(bed->catalog, look_at, &look, &err), err);
    return look;
}

static void test_a_position_is_there_after_a_restart(void **state)
{
    (void)state;
    struct bed bed;
    bool found;
    bed_start(&bed);
    struct position *position = claim_reader(&bed, "c", &found);
    assert_false(found);
    position_move(position, 7, false);
    position_move(position, 9, false);
    position_release(position);
    bed_reopen(&bed);
    position = claim_reader(&bed, "c", &found);
    assert_true(found);
    assert_int_equal(position->offset, 9);
    position_release(position);
    bed_end(&bed);
}

static void test_what_has_never_moved_leaves_nothing(void **state)
{
    (void)state;
    struct bed bed;
    bool found;
    bed_start(&bed);
    position_release(claim_reader(&bed, "c", &found));
    bed_reopen(&bed);
    assert_false(stored(&bed).found);
    struct position *position = claim_reader(&bed, "c", &found);
    assert_false(found);
    position_forget(position);
    bed_end(&bed);
}

static void test_without_being_asked_it_is_written_soon_and_never_ahead(void **state)
{
    (void)state;
    struct bed bed;
    bool found;
    bed_start(&bed);
    struct position *position = claim_reader(&bed, "c", &found);
    uint64_t said = 0;
    for (unsigned i = 0; i < 2000; i++) {
        position_move(position, ++said, i % 500 == 499);
        if (i % 100 != 0)
            continue;
        struct look look = stored(&bed);
        assert_true(!look.found || look.offset <= said);
    }
    for (unsigned i = 0; i < 60000 && stored(&bed).offset != said; i++)
        usleep(1000);
    assert_int_equal(stored(&bed).offset, said);
    position_release(position);
    bed_end(&bed);
}

static void test_one_has_it_at_a_time(void **state)
{
    (void)state;
    struct bed bed;
    bool found;
    bed_start(&bed);
    struct position *position = claim_reader(&bed, "c", &found);
    assert_null(claim_reader(&bed, "c", &found));
    struct position *other = claim_reader(&bed, "d", &found);
    assert_non_null(other);
    position_release(position);
    position_release(other);
    bed_end(&bed);
}

static void test_forgotten_and_made_again_the_new_one_stays(void **state)
{
    (void)state;
    struct bed bed;
    bool found;
    bed_start(&bed);
    for (uint64_t i = 1; i <= 50; i++) {
        struct position *position = claim_reader(&bed, "c", &found);
        assert_false(found);
        position_move(position, i, true);
        if (i % 3 == 0)
            positions_flush(&bed.positions);
        position_forget(position);
        position = claim_reader(&bed, "c", &found);
        assert_false(found);
        position_move(position, 100 + i, true);
        positions_flush(&bed.positions);
        assert_int_equal(stored(&bed).offset, 100 + i);
        position_forget(position);
    }
    positions_flush(&bed.positions);
    assert_false(stored(&bed).found);
    bed_end(&bed);
}

static bool keep_none(struct str station, void *arg)
{
    (void)station;
    (void)arg;
    return false;
}

static bool keep_all(struct str station, void *arg)
{
    (void)station;
    (void)arg;
    return true;
}

static void test_what_nobody_claims_is_dropped(void **state)
{
    (void)state;
    struct bed bed;
    bool found;
    bed_start(&bed);
    struct position *c = claim_reader(&bed, "c", &found), *d = claim_reader(&bed, "d", &found);
    struct position *group =
        position_claim(&bed.positions, POSITION_GROUP, STR("x"), STR("g"), STR(""), &found);
    position_move(c, 1, false);
    position_move(d, 2, false);
    position_set(group, STR("value"), false);
    position_release(c);
    position_release(d);
    position_release(group);
    bed_reopen(&bed);
    d = claim_reader(&bed, "d", &found);
    positions_drop(&bed.positions, true, keep_all, NULL);
    assert_null(claim_reader(&bed, "d", &found));
    c = claim_reader(&bed, "c", &found);
    assert_false(found);
    group = position_claim(&bed.positions, POSITION_GROUP, STR("x"), STR("g"), STR(""), &found);
    assert_true(found);
    position_release(c);
    position_release(d);
    position_release(group);
    positions_drop(&bed.positions, false, keep_none, NULL);
    bed_reopen(&bed);
    group = position_claim(&bed.positions, POSITION_GROUP, STR("x"), STR("g"), STR(""), &found);
    assert_false(found);
    position_release(group);
    bed_end(&bed);
}

RUN_TESTS(cmocka_unit_test(test_a_position_is_there_after_a_restart),
          cmocka_unit_test(test_what_has_never_moved_leaves_nothing),
          cmocka_unit_test(test_without_being_asked_it_is_written_soon_and_never_ahead),
          cmocka_unit_test(test_one_has_it_at_a_time),
          cmocka_unit_test(test_forgotten_and_made_again_the_new_one_stays),
          cmocka_unit_test(test_what_nobody_claims_is_dropped))

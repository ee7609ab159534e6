/* When alarms begin and end, what is remembered, and who is told: over conditions of the test's own. */
#include "alarm/alarm_internal.h"

#include "harness.h"

#include "base/buf.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* What holds, in the place of conditions.c: the bits of the objects "s3:0", "s3:1", … */
static struct {
    bool holds[ALARMS_MAX + 10];
    const char *why;
} world;

void conditions_look(struct alarms *alarms, const struct alarms_options *options)
{
    (void)options;
    char id[32];
    for (size_t i = 0; i < ALARMS_MAX + 10; i++) {
        snprintf(id, sizeof(id), "s3:%zu", i);
        if (world.holds[i])
            alarm_hold(alarms, "connector_disconnected", str_of(id), world.why);
    }
}

struct ear {
    struct alarm_listener listener; /* first */
    struct buf heard;
};

static void hear(struct alarm_listener *listener, const struct alarm_event *event)
{
    struct ear *ear = (struct ear *)listener;
    const struct alarm *alarm = event->alarm;
    assert_true(event->time_ms == (event->kind == ALARM_ACTIVATED ? alarm->began_ms : alarm->ended_ms));
    assert_true(event->kind == ALARM_ACTIVATED ? alarm->ended_ms == 0 : alarm->ended_ms >= alarm->began_ms);
    buf_printf(&ear->heard, "%c%.*s:%s ", event->kind == ALARM_ACTIVATED ? '+' : '-',
               STR_ARG(alarm_object(alarm)), alarm->message);
}

static struct alarms *start(void)
{
    struct error err = {0};
    const struct alarms_options options = {.asleep = true};
    log_set_level(LOG_LEVEL_ERROR);
    memset(&world, 0, sizeof(world));
    world.why = "why";
    struct alarms *alarms = alarms_open(&options, &err);
    if (alarms == NULL)
        fail_msg("%s", err.text);
    return alarms;
}

struct tally {
    size_t active;
    size_t ended;
    char last[ALARM_NAME_BYTES];      /* of those that have ended, the first in the list */
    char message[ALARM_REASON_BYTES]; /* of the first that goes on */
};

static bool count_one(const struct alarm *alarm, void *arg)
{
    struct tally *tally = arg;
    bool active = alarm->ended_ms == 0;
    assert_false(active && tally->ended > 0); /* those that go on come first */
    if (active && tally->active++ == 0)
        snprintf(tally->message, sizeof(tally->message), "%s", alarm->message);
    if (!active && tally->ended++ == 0)
        snprintf(tally->last, sizeof(tally->last), "%s", alarm->name);
    return true;
}

static struct tally tally_of(struct alarms *alarms)
{
    struct tally tally = {0};
    alarms_each(alarms, count_one, &tally);
    return tally;
}

static void test_an_alarm_begins_once_and_ends_once(void **state)
{
    (void)state;
    struct alarms *alarms = start();
    struct ear ear = {.listener = {hear}};
    alarms_listen(alarms, &ear.listener, 1u << ALARM_ACTIVATED | 1u << ALARM_DEACTIVATED);
    world.holds[1] = world.holds[2] = true;
    alarms_look(alarms);
    world.why = "later"; /* the alarm stays, its message is the present one */
    alarms_look(alarms);
    assert_string_equal(tally_of(alarms).message, "later");
    world.holds[1] = false;
    alarms_look(alarms);
    alarms_look(alarms);
    assert_string_equal(buf_cstr(&ear.heard), "+s3:1:why +s3:2:why -s3:1:later ");
    struct tally tally = tally_of(alarms);
    assert_int_equal(tally.active, 1);
    assert_int_equal(tally.ended, 1);
    assert_string_equal(tally.last, "connector_disconnected/s3:1");
    alarms_forget_ended(alarms);
    assert_int_equal(tally_of(alarms).ended, 0);
    alarms_close(alarms);
    buf_free(&ear.heard);
}

static void test_who_listens_hears_what_it_wants_and_nothing_afterwards(void **state)
{
    (void)state;
    struct alarms *alarms = start();
    struct ear ear = {.listener = {hear}};
    alarms_listen(alarms, &ear.listener, 1u << ALARM_DEACTIVATED);
    world.holds[3] = true;
    alarms_look(alarms);
    assert_int_equal(ear.heard.len, 0);
    world.holds[3] = false;
    alarms_look(alarms);
    assert_string_equal(buf_cstr(&ear.heard), "-s3:3:why ");
    alarms_unlisten(alarms);
    world.holds[3] = true;
    alarms_look(alarms);
    world.holds[3] = false;
    alarms_look(alarms);
    assert_string_equal(buf_cstr(&ear.heard), "-s3:3:why ");
    alarms_close(alarms);
    buf_free(&ear.heard);
}

static void test_there_is_a_limit_to_what_goes_on_and_to_what_is_remembered(void **state)
{
    (void)state;
    struct alarms *alarms = start();
    for (size_t i = 0; i < ALARMS_MAX + 10; i++)
        world.holds[i] = true;
    alarms_look(alarms);
    assert_int_equal(tally_of(alarms).active, ALARMS_MAX);
    memset(world.holds, 0, sizeof(world.holds));
    alarms_look(alarms);
    struct tally tally = tally_of(alarms);
    assert_int_equal(tally.active, 0);
    assert_int_equal(tally.ended, ALARMS_ENDED_MAX);
    alarms_close(alarms);
}

static void test_closing_does_not_wait_for_the_next_look(void **state)
{
    (void)state;
    struct error err = {0};
    const struct alarms_options options = {0};
    struct alarms *alarms = alarms_open(&options, &err);
    assert_non_null(alarms);
    alarms_close(alarms);
}

RUN_TESTS(cmocka_unit_test(test_an_alarm_begins_once_and_ends_once),
          cmocka_unit_test(test_who_listens_hears_what_it_wants_and_nothing_afterwards),
          cmocka_unit_test(test_there_is_a_limit_to_what_goes_on_and_to_what_is_remembered),
          cmocka_unit_test(test_closing_does_not_wait_for_the_next_look))

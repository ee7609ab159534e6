/* Alarms that go on, alarms that have ended, and who is told.
 *
 *     a look: conditions.c says what holds ─▶ a condition that was not there: an alarm begins
 *                                          ─▶ an alarm whose condition was not seen: it has ended; the last ones are remembered
 *
 * The log and the listener are told without the lock: a listener may take its time. */
#include "alarm/alarm_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

struct alarms {
    struct alarms_options options;
    pthread_mutex_t looking; /* held by who looks */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    /* Under lock. */
    bool stopping;
    struct alarm *active;
    size_t active_count;
    struct alarm *ended; /* a ring */
    size_t ended_count;
    size_t ended_next;
    pthread_rwlock_t listening; /* read by who tells; under it: */
    struct alarm_listener *listener;
    uint32_t wanted;
};

struct str alarm_object(const struct alarm *alarm)
{
    size_t head = strlen(alarm->kind) + 1;
    return str_of(alarm->name + head);
}

/* ---- Who listens ----------------------------------------------------------------------------------------- */

void alarms_listen(struct alarms *alarms, struct alarm_listener *listener, uint32_t kinds)
{
    pthread_rwlock_wrlock(&alarms->listening);
    alarms->listener = listener;
    alarms->wanted = kinds;
    pthread_rwlock_unlock(&alarms->listening);
}

void alarms_unlisten(struct alarms *alarms)
{
    alarms_listen(alarms, NULL, 0);
}

static void tell(struct alarms *alarms, enum alarm_event_kind kind, const struct alarm *alarm)
{
    const struct alarm_event event = {
        .kind = kind,
        .alarm = alarm,
        .time_ms = kind == ALARM_ACTIVATED ? alarm->began_ms : alarm->ended_ms,
    };
    pthread_rwlock_rdlock(&alarms->listening);
    if ((alarms->wanted & 1u << kind) != 0)
        alarms->listener->raise(alarms->listener, &event);
    pthread_rwlock_unlock(&alarms->listening);
}

/* ---- Looking --------------------------------------------------------------------------------------------- */

/* NULL: it does not go on. Under the lock. */
static struct alarm *find(struct alarms *alarms, const char *name)
{
    for (size_t i = 0; i < alarms->active_count; i++) {
        if (strcmp(alarms->active[i].name, name) == 0)
            return &alarms->active[i];
    }
    return NULL;
}

void alarm_hold(struct alarms *alarms, const char *kind, struct str of, const char *why)
{
    struct alarm seen = {.kind = kind, .began_ms = clock_wall_ms(), .seen = true};
    snprintf(seen.name, sizeof(seen.name), "%s/%.*s", kind, STR_ARG(of));
    snprintf(seen.message, sizeof(seen.message), "%s", why);
    pthread_mutex_lock(&alarms->lock);
    struct alarm *alarm = find(alarms, seen.name);
    bool begins = alarm == NULL && alarms->active_count < ALARMS_MAX;
    if (begins)
        alarm = &alarms->active[alarms->active_count++];
    else if (alarm != NULL)
        seen.began_ms = alarm->began_ms;
    if (alarm != NULL)
        *alarm = seen;
    pthread_mutex_unlock(&alarms->lock);
    if (!begins)
        return;
    LOG_WARNING("alarm", LOG_TEXT("alarm", seen.name), LOG_TEXT("reason", seen.message));
    tell(alarms, ALARM_ACTIVATED, &seen);
}

/* One whose condition was not seen has ended. False: there is none. */
static bool end_one(struct alarms *alarms, struct alarm *out)
{
    size_t i = 0;
    pthread_mutex_lock(&alarms->lock);
    while (i < alarms->active_count && alarms->active[i].seen)
        i++;
    bool ends = i < alarms->active_count;
    if (ends) {
        struct alarm *alarm = &alarms->active[i];
        alarm->ended_ms = clock_wall_ms();
        *out = alarms->ended[alarms->ended_next] = *alarm;
        alarms->ended_next = (alarms->ended_next + 1) % ALARMS_ENDED_MAX;
        alarms->ended_count += alarms->ended_count < ALARMS_ENDED_MAX;
        alarms->active_count--;
        memmove(alarm, alarm + 1, (alarms->active_count - i) * sizeof(*alarm));
    }
    pthread_mutex_unlock(&alarms->lock);
    return ends;
}

static void end_unseen(struct alarms *alarms)
{
    struct alarm alarm;
    while (end_one(alarms, &alarm)) {
        LOG_INFO("alarm has ended", LOG_TEXT("alarm", alarm.name));
        tell(alarms, ALARM_DEACTIVATED, &alarm);
    }
    pthread_mutex_lock(&alarms->lock);
    for (size_t i = 0; i < alarms->active_count; i++)
        alarms->active[i].seen = false;
    pthread_mutex_unlock(&alarms->lock);
}

void alarms_look(struct alarms *alarms)
{
    pthread_mutex_lock(&alarms->looking);
    conditions_look(alarms, &alarms->options);
    end_unseen(alarms);
    pthread_mutex_unlock(&alarms->looking);
}

/* False: no more looks. */
static bool wait_for_look(struct alarms *alarms)
{
    const struct timespec until = cond_in_ms(ALARM_LOOK_MS);
    pthread_mutex_lock(&alarms->lock);
    while (!alarms->stopping && pthread_cond_timedwait(&alarms->stop, &alarms->lock, &until) != ETIMEDOUT)
        ;
    bool go_on = !alarms->stopping;
    pthread_mutex_unlock(&alarms->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct alarms *alarms = arg;
    while (wait_for_look(alarms))
        alarms_look(alarms);
    return NULL;
}

/* ---- Listing --------------------------------------------------------------------------------------------- */

void alarms_each(struct alarms *alarms, bool (*each)(const struct alarm *alarm, void *arg), void *arg)
{
    bool go_on = true;
    pthread_mutex_lock(&alarms->lock);
    for (size_t i = 0; go_on && i < alarms->active_count; i++)
        go_on = each(&alarms->active[alarms->active_count - 1 - i], arg);
    for (size_t i = 0; go_on && i < alarms->ended_count; i++)
        go_on = each(&alarms->ended[(alarms->ended_next + ALARMS_ENDED_MAX - 1 - i) % ALARMS_ENDED_MAX], arg);
    pthread_mutex_unlock(&alarms->lock);
}

void alarms_forget_ended(struct alarms *alarms)
{
    pthread_mutex_lock(&alarms->lock);
    alarms->ended_count = 0;
    pthread_mutex_unlock(&alarms->lock);
}

/* ---- Life ------------------------------------------------------------------------------------------------ */

static void alarms_free(struct alarms *alarms)
{
    pthread_rwlock_destroy(&alarms->listening);
    pthread_cond_destroy(&alarms->stop);
    pthread_mutex_destroy(&alarms->lock);
    pthread_mutex_destroy(&alarms->looking);
    mem_free(alarms->active);
    mem_free(alarms->ended);
    mem_free(alarms);
}

struct alarms *alarms_open(const struct alarms_options *options, struct error *err)
{
    struct alarms *alarms = mem_zalloc(sizeof(*alarms));
    alarms->options = *options;
    alarms->active = mem_zalloc(ALARMS_MAX * sizeof(*alarms->active));
    alarms->ended = mem_zalloc(ALARMS_ENDED_MAX * sizeof(*alarms->ended));
    pthread_mutex_init(&alarms->looking, NULL);
    pthread_mutex_init(&alarms->lock, NULL);
    cond_init_monotonic(&alarms->stop);
    pthread_rwlock_init(&alarms->listening, NULL);
    if (options->asleep || thread_start(&alarms->thread, "alarms", run, alarms, err))
        return alarms;
    alarms_free(alarms);
    return NULL;
}

void alarms_close(struct alarms *alarms)
{
    if (alarms == NULL)
        return;
    pthread_mutex_lock(&alarms->lock);
    alarms->stopping = true;
    pthread_cond_signal(&alarms->stop);
    pthread_mutex_unlock(&alarms->lock);
    if (!alarms->options.asleep)
        pthread_join(alarms->thread, NULL);
    alarms_free(alarms);
}

/* Alarms: what is not as it should be and will not mend by waiting alone; from when until when, and why.
 *
 *     connectors, actions, stations, their tiers ─▶ a look every ALARM_LOOK_MS ─▶ alarms begin and end
 *                                                                                   └─▶ the log; who lists them; who listens
 *
 * Alarms are in memory: after a restart those whose reason still holds begin anew. Thread: any, unless it says otherwise. */
#ifndef ALARM_ALARM_H
#define ALARM_ALARM_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

struct connectors;
struct sinks;
struct stations;

#define ALARM_LOOK_MS      5000
#define ALARMS_MAX         500 /* at once; more conditions are not told */
#define ALARMS_ENDED_MAX   200 /* are remembered */
#define ALARM_NAME_BYTES   320
#define ALARM_REASON_BYTES 1024

struct alarm {
    const char *kind;            /* "connector_disconnected"; static */
    char name[ALARM_NAME_BYTES]; /* "connector_disconnected/s3:main" */
    char message[ALARM_REASON_BYTES];
    int64_t began_ms; /* wall clock */
    int64_t ended_ms; /* 0: it goes on */
    bool seen;        /* of the look alone */
};
/* What the alarm is about: "s3:main". Valid as long as the alarm. */
struct str alarm_object(const struct alarm *alarm);

struct alarms_options {
    /* Borrowed until alarms_close(); NULL: there are none. */
    struct connectors *connectors;
    struct sinks *sinks;
    struct stations *stations;
    bool asleep; /* alarms_look() alone looks, for tests */
};

/* Returns owned. Errors: those of threads. */
struct alarms *alarms_open(const struct alarms_options *options, struct error *err);
void alarms_close(struct alarms *alarms); /* takes; NULL is fine. Blocks for as long as a look takes */

/* Looks at once. Blocks; of several one at a time. */
void alarms_look(struct alarms *alarms);

/* Those that go on, then those that have ended, the latest first each; false stops. `each` must call nothing here. */
void alarms_each(struct alarms *alarms, bool (*each)(const struct alarm *alarm, void *arg), void *arg);
void alarms_forget_ended(struct alarms *alarms);

/* ---- Who listens ----------------------------------------------------------------------------------------- */

enum alarm_event_kind { ALARM_ACTIVATED, ALARM_DEACTIVATED, ALARM_EVENT_KINDS };

/* A view, valid during the call. */
struct alarm_event {
    enum alarm_event_kind kind;
    const struct alarm *alarm;
    int64_t time_ms; /* wall clock */
};

/* There is one listener, the rule engine. */
struct alarm_listener {
    /* On the thread that looks. Must call nothing here. */
    void (*raise)(struct alarm_listener *listener, const struct alarm_event *event);
};
/* From now on: `kinds` of 1 << enum alarm_event_kind; what goes on already is not told. Called again, it changes what is wanted.
 * A listener stays valid until alarms_unlisten(). */
void alarms_listen(struct alarms *alarms, struct alarm_listener *listener, uint32_t kinds);
/* raise() is running nowhere any more when it returns. Blocks for as long as one runs. */
void alarms_unlisten(struct alarms *alarms);

#endif

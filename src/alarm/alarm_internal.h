/* What the files of alarm/ share: alarms.c (what goes on, and for whom), conditions.c (what is looked at). */
#ifndef ALARM_ALARM_INTERNAL_H
#define ALARM_ALARM_INTERNAL_H

#include "alarm/alarm.h"

/* The condition holds: begins its alarm, or keeps it. `kind` is static. Thread: who looks. */
void alarm_hold(struct alarms *alarms, const char *kind, struct str of, const char *why);

/* Holds all conditions that there are. Thread: likewise. */
void conditions_look(struct alarms *alarms, const struct alarms_options *options);

#endif

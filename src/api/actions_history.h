/* What actions have stored, buffered and given up over the last hour: a sample of each every ten seconds. In memory, so it begins
 * anew with a restart. */
#ifndef API_ACTIONS_HISTORY_H
#define API_ACTIONS_HISTORY_H

#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define ACTIONS_HISTORY_MS   10000 /* between samples */
#define ACTIONS_HISTORY_MAX  361   /* samples of an action: an hour, and the one that begins it */
#define ACTIONS_HISTORY_MANY 256   /* actions with a history, 12 KiB each; others have none */

struct actions_history;

/* As counted since the start or the last reset. */
struct action_sample {
    int64_t wall_ms;
    uint64_t buffered; /* what waits, or is on its way */
    uint64_t stored;
    uint64_t failed; /* with what was dropped */
};

struct actions_history *actions_history_new(void);
void actions_history_free(struct actions_history *history); /* takes; NULL is fine */

/* Between begin and end each action that there is gets its sample; those that get none are forgotten at the end. Thread: one at a
 * time; others may ask meanwhile. */
void actions_history_begin(struct actions_history *history);
void actions_history_add(struct actions_history *history, struct str id, const struct action_sample *sample);
void actions_history_end(struct actions_history *history);

/* [{"time_stamp","buffered","stored","failed"}]: stored and failed are what came in the time since the sample before. An action that
 * is not known has none. Returns owned. Thread: any. */
json_t *actions_history_json(struct actions_history *history, struct str id);

#endif

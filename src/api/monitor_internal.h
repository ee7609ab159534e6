/* What the broker has been doing: figures of the last hour. The clock of park.c has the pool look once a second. */
#ifndef API_MONITOR_INTERNAL_H
#define API_MONITOR_INTERNAL_H

#include "api/api_internal.h"

/* monitor.c. Looking: on the pool, one look at a time. */
struct monitor *monitor_new(void);
void monitor_free(struct monitor *monitor); /* takes; NULL is fine */
void monitor_look(struct api *api, int64_t now_ms);
/* The hour of one action: actions_history.h. Thread: any. Returns owned. */
json_t *monitor_action(struct monitor *monitor, struct str id);

#endif

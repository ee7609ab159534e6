/* Keeps the shards' access snapshots current: see access.h. Every second a worker looks at the catalog's revision
 * and at the age of the fetched token keys; what has changed is loaded anew and mailed to every shard. */
#ifndef BROKER_WATCHER_H
#define BROKER_WATCHER_H

#include "broker/access.h"

struct broker;

/* Loads the first snapshot (returned in *first, one reference). Returns owned. */
struct watcher *watcher_new(struct broker *broker, struct settings *settings, struct access **first,
                            struct error *err);
void watcher_free(struct watcher *watcher); /* after the workers have stopped */

/* Asks for a look. Never blocks. Thread: one shard's. */
void watcher_tick(struct watcher *watcher);

/* New settings: loads keys and rules with them, then mails settings and snapshot to every shard. On an error nothing
 * changes. Takes no reference. Thread: main. */
bool watcher_reload(struct watcher *watcher, struct settings *settings, struct error *err);

#endif

/* Rows of the catalog that may not be as memory has them, because a write has failed: they are written again until that
 * succeeds. Else a full disk would bring back at the next start what has been removed: a session, a subscription, a
 * retained message.
 *
 * Each shard has a bounded set of such keys. Once a second it writes for each what memory says by then. If the set is
 * full, what does not fit is found later by going through the whole catalog (repairs.c). */
#ifndef BROKER_REPAIRS_H
#define BROKER_REPAIRS_H

#include "base/list.h"
#include "base/map.h"
#include "catalog/catalog.h"

#include <pthread.h>
#include <stdatomic.h>

struct broker;
struct shard;
struct search_job;

#define REPAIRS_MAX       10000
#define REPAIRS_BYTES_MAX ((size_t)4 << 20)

/* Of one shard. `lock` protects all but the limit. */
struct repairs {
    pthread_mutex_t lock;
    struct map keys; /* struct repair */
    struct list order;
    size_t bytes;
    size_t max;
    bool failing; /* the last try has failed: one key is enough for the next */
};

void repairs_init(struct repairs *repairs);
void repairs_free(struct repairs *repairs);

/* A write has failed. again: it was a repair itself. Thread: any. */
void repairs_note(struct shard *shard, enum catalog_table table, struct str key, struct str filter,
                  bool again);
/* A repair has succeeded. Thread: any. */
void repairs_succeeded(struct shard *shard);

/* Writes what memory says of some of the keys, or of all. Thread: the shard's. */
void repairs_run(struct shard *shard, bool all);

/* The walk through the catalog. Returns owned. */
struct search_job *repairs_search_new(struct broker *broker);
void repairs_search_free(struct search_job *search); /* after the workers have stopped */
/* Goes on with the walk on a worker, if one is wanted and the shards have nothing else to repair. Thread: shard 0's. */
void repairs_search_tick(struct search_job *search);

#endif

/* The message ids of a station's dedup window: which message came already.
 *
 * An id is claimed before its message is appended, and settled when that has ended: stored, then it is known for the
 * window; or not, then it is forgotten. Who claims an id that is pending waits for the same end. Thread: any. */
#ifndef STATION_IDS_H
#define STATION_IDS_H

#include "base/list.h"
#include "base/map.h"
#include "base/str.h"

#include <pthread.h>

#define IDS_MAX 2000000 /* of one station; more: the oldest are forgotten before their window ends */

/* Embedded by who waits. */
struct id_waiter {
    struct id_waiter *next;
    /* When the pending message has ended: its offset if it is stored. Owns the waiter again. Must not block. */
    void (*wake)(struct id_waiter *waiter, bool stored, uint64_t offset);
};

struct id_entry {
    struct list link;      /* ids.by_time, once it is stored; else not linked */
    struct id_entry *next; /* the claimer's: of its batch */
    uint32_t index;        /* the claimer's: in its batch */
    uint32_t len;
    bool stored;
    uint64_t hash;
    uint64_t offset;
    int64_t time_ms;
    struct id_waiter *waiters;
    char text[];
};

struct ids {
    pthread_mutex_t lock;
    /* Under lock. */
    struct map by_text;
    struct list by_time;
    size_t stored_count;
    size_t max;           /* IDS_MAX; tests: less */
    uint64_t forgotten;   /* before their window ended */
    int64_t forgotten_ms; /* the time of the youngest of these messages */
};

void ids_init(struct ids *ids);
void ids_free(struct ids *ids); /* nothing is pending */

enum ids_claim { IDS_CLAIMED, IDS_PENDING, IDS_KNOWN };

/* CLAIMED: *entry is pending until ids_settle(). PENDING: the waiter is woken then (taken). KNOWN: *offset is set.
 * What is older than the window is no duplicate. */
enum ids_claim ids_claim(struct ids *ids, struct str id, int64_t now_ms, int64_t window_ms,
                         struct id_waiter *waiter, struct id_entry **entry, uint64_t *offset);
/* Ends a chain of claims (entry->next): stored at first_offset + entry->index, at this time; or forgotten. */
void ids_settle(struct ids *ids, struct id_entry *chain, bool stored, uint64_t first_offset, int64_t time_ms);
/* What is in the log already, at the opening; in the order of the offsets. */
void ids_add(struct ids *ids, struct str id, uint64_t offset, int64_t time_ms);
void ids_expire(struct ids *ids, int64_t now_ms, int64_t window_ms);
size_t ids_count(struct ids *ids);
/* How many have been forgotten before their window ended. *last_ms: until a window behind it, repetitions may be stored. */
uint64_t ids_forgotten(struct ids *ids, int64_t *last_ms);

#endif

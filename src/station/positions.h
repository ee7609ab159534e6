/* Positions that survive a restart: of consumer groups, and of readers with a persistent session.
 *
 * Who moves says so in memory; a thread of this store brings what has moved to the catalog, POSITIONS_LAG_MS later at
 * the latest, or at once when somebody asks for it (more than 1,000 messages). Never ahead: what is written is what was
 * said. A write that fails is tried again. Thread: any, where nothing else is said. */
#ifndef STATION_POSITIONS_H
#define STATION_POSITIONS_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "catalog/catalog.h"

#include <pthread.h>
#include <stdatomic.h>

#define POSITIONS_LAG_MS       40
#define POSITIONS_LAG_MESSAGES 1000

enum position_kind { POSITION_GROUP = 'g', POSITION_READER = 'r' };

struct position {
    /* Set once. */
    struct positions *store;
    char *station;
    struct buf
        reader; /* kind, then: group: its name. Reader: 2 bytes LE length of the client id, client id, filter */
    uint64_t hash;
    /* Under the store's lock. */
    struct list link;   /* positions.moved, or .deleting */
    struct buf value;   /* of a group: to be written next */
    struct buf writing; /* the catalog's, while `busy` */
    bool stored;        /* is or will be in the catalog */
    bool busy;          /* `put` is with the catalog */
    bool deleting;      /* is not in the map; freed once it is gone from the catalog */
    bool claimed;
    struct catalog_write put;
    struct catalog_write delete;
    /* Of a reader: what is acknowledged. Written by its owner, relaxed. */
    _Atomic uint64_t offset;
    atomic_bool moved; /* is in the list; set by who moves, cleared by the store's thread */
};

struct positions {
    struct catalog *catalog;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* something has moved, or the stop */
    pthread_cond_t idle;    /* nothing is to be written */
    /* Under lock. */
    struct map all;
    struct list moved;
    struct list deleting; /* to be submitted */
    size_t busy;          /* writes with the catalog */
    bool urgent;
    bool stopping;
    bool failing; /* the last write failed: has been said */
};

/* Loads all positions, starts the thread. Errors: those of the catalog. Thread: main. */
bool positions_open(struct positions *positions, struct catalog *catalog, struct error *err);
/* Writes what has moved, then frees everything. Thread: main. */
void positions_close(struct positions *positions);
/* Waits until all that was said so far is in the catalog, or has failed. Blocks. */
void positions_flush(struct positions *positions);

/* The position, made if there is none (*found false). It is the caller's alone until position_release() or
 * position_forget(). NULL: somebody else has it. */
struct position *position_claim(struct positions *positions, enum position_kind kind, struct str station,
                                struct str name, struct str filter, bool *found);
void position_release(struct position *position); /* it stays, for who claims it later. Takes */
void position_forget(struct position *position);  /* it is deleted. Takes */
/* Deletes readers' positions that nobody has claimed, and those of stations that `keep` does not want. */
void positions_drop(struct positions *positions, bool unclaimed_readers,
                    bool (*keep)(struct str station, void *arg), void *arg);
/* The positions of a station's groups: name and value, borrowed. */
void positions_each_group(struct positions *positions,
                          void (*each)(struct str station, struct str group, struct str value, void *arg),
                          void *arg);

/* A reader has acknowledged everything below. `urgent`: more than the lag in messages since the last time. */
void position_move(struct position *position, uint64_t offset, bool urgent);
/* The group's encoded position; copied. */
void position_set(struct position *position, struct str value, bool urgent);

#endif

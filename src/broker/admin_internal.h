/* One question to one shard: see admin.c. */
#ifndef BROKER_ADMIN_INTERNAL_H
#define BROKER_ADMIN_INTERNAL_H

#include "base/arena.h"
#include "broker/admin.h"
#include "broker/broker_internal.h"

/* The asker holds one count, the mail another: who gives up waiting leaves the memory to the mail. `run` is on the shard's
 * reactor; it fills what follows the call in its own structure, and calls admin_answer(), at once or later from any thread.
 * Until then it is the shard's, afterwards the asker's. */
struct admin_call {
    struct mail mail;
    struct broker *broker;
    atomic_uint refs;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool answered; /* under lock */
    bool ok;
    struct error err;
    void (*run)(struct shard *shard, struct admin_call *call);
    void (*release)(struct admin_call *call); /* what it holds besides the arena; may be NULL */
    struct arena arena;                       /* question and answer */
};

/* `bytes`: of the structure that begins with a call; zeroed. */
void *admin_call_new(struct broker *broker, size_t bytes,
                     void (*run)(struct shard *shard, struct admin_call *call));
/* Asks, and waits. After true the answer may be read; then, or after false, admin_call_free(). */
bool admin_ask(struct admin_call *call, unsigned shard, struct error *err);
void admin_call_free(struct admin_call *call);
/* err NULL: done. */
void admin_answer(struct admin_call *call, const struct error *err);

/* A walk over the sessions of all shards, slice by slice. Zero-initialise. */
#define ADMIN_RESIZES_MAX 16
struct admin_cursor {
    unsigned shard;
    bool begun;  /* on this shard */
    size_t mask; /* of its map, when it was walked last */
    size_t home; /* sessions whose home is below it have been visited */
    struct {
        size_t mask;
        size_t home;
    } before[ADMIN_RESIZES_MAX]; /* the same, before the map was resized */
    unsigned resizes;
    bool finished; /* this shard */
};

/* Visits sessions from the cursor on: at least one home, at most about `most` slots, or until visit says false (then the home's
 * others are still visited). False: the map has been resized too often. Thread: the shard's. */
bool admin_walk(struct shard *shard, struct admin_cursor *cursor, size_t most,
                bool (*visit)(struct session *session, void *arg), void *arg);

/* The shard of a client. */
static inline unsigned admin_shard_of(const struct broker *broker, struct str client_id)
{
    return broker_shard_of(broker, client_hash(client_id));
}

#endif

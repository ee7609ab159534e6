/* The retained messages: the last one of each topic that was published with the retain flag (MQTT 5, 3.3.1.3).
 *
 * A tree by topic level under one lock, shared by all reactors: a change is a few pointers, a search for a filter
 * collects references. Disk is the caller's business. */
#ifndef BROKER_RETAINED_H
#define BROKER_RETAINED_H

#include "broker/message.h"

struct retained;

struct retained *retained_new(void);
void retained_free(struct retained *retained);

struct retained_limits {
    uint64_t messages; /* 0: no limit */
    uint64_t bytes;    /* 0: no limit; message_bytes() */
};

/* Sets the topic's message (takes a reference of its own), or removes it when `message` is NULL. Before the change,
 * while the store is locked, `first` is called: what it writes elsewhere comes in the order of the changes here; if
 * it returns false, nothing is changed, and its error is returned. `first` may be NULL.
 * Errors: ERR_LIMIT (the topic is new and there are enough, or the store would grow beyond its bytes), those of
 * `first`. limits NULL: none. Thread: any, as all here. */
bool retained_set(struct retained *retained, struct str topic, struct message *message,
                  const struct retained_limits *limits, bool (*first)(void *arg, struct error *err),
                  void *arg, struct error *err);

/* Calls `look` with the topic's message, NULL if there is none, while the store is locked: what it writes elsewhere comes
 * in the order of the changes here. */
void retained_look(struct retained *retained, struct str topic,
                   void (*look)(struct message *message, void *arg), void *arg);

/* Calls `each` with every message whose topic the filter matches, none that has expired at now_ms. Borrows; the
 * store is locked meanwhile: take a reference and return. */
void retained_match(struct retained *retained, struct str filter, int64_t now_ms,
                    void (*each)(struct message *message, void *arg), void *arg);

/* Shows all messages in slices: begins behind the topic in *after (empty: at the start), and ends when `each` says false, or after
 * about `nodes_max` nodes of the tree; then *after is the last one's topic, and true is returned: there may be more. While topics
 * come and go, some of them may be missed or shown twice. Borrows, as retained_match(). */
bool retained_walk(struct retained *retained, struct buf *after, int64_t now_ms, size_t nodes_max,
                   bool (*each)(struct message *message, void *arg), void *arg);

/* Removes what has expired, at most `limit` of them; returns how many. `gone` is called before each, as `first` of
 * retained_set(); if it returns false, the message stays and the sweep ends. `gone` may be NULL. */
size_t retained_sweep(struct retained *retained, int64_t now_ms, size_t limit,
                      bool (*gone)(struct message *message, void *arg), void *arg);

/* Without $SYS, which no limit counts. */
uint64_t retained_count(struct retained *retained);
uint64_t retained_bytes(struct retained *retained);

#endif

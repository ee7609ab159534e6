/* What an action in direct mode has in hand, and which of it may go out next. Nothing in here knows of stores or logs.
 *
 *   lane 0   ▢ ▢ ▢ ◀── waits, in the order of coming; so many of each lane fly at a time
 *   lane 1   ▢
 *   lane 2   ▣ ▢ ◀── ▣ follows another item of its key, in whichever lane that is: the lane waits until it has left
 *
 * A client is always in the same lane. Items of one key go one after the other, so that the last one stays. The owner has the
 * items, and their texts stay where they are until they have left.
 *
 * Thread: one. */
#ifndef SINK_WINDOW_H
#define SINK_WINDOW_H

#include "base/list.h"
#include "base/map.h"
#include "base/str.h"

struct window_item {
    /* The owner's, before window_add(). */
    uint64_t number; /* the order of coming */
    uint64_t client; /* a hash: chooses the lane */
    struct str bucket;
    struct str key;

    /* The window's; zero before window_add(). */
    struct list node; /* in its lane's line */
    uint64_t key_hash;
    struct window_item *before,
        *behind; /* of its key, in the order of coming; NULL: none that has not left */
};

struct window_lane {
    struct list waiting;
    unsigned flying;
};

struct window {
    struct window_lane *lanes;
    unsigned lane_count;
    unsigned turn; /* the lane that is asked first: none starves */
    unsigned flying;
    unsigned waiting;
    struct map last_of_key; /* the item that came last, of each key */
};

void window_init(struct window *window, unsigned lane_count);
void window_free(struct window *window);
/* Items that wait find their lanes anew. Nothing flies. */
void window_set_lanes(struct window *window, unsigned lane_count);

/* The item waits. It came last: its number is the highest. */
void window_add(struct window *window, struct window_item *item);
/* One that may fly while no lane has more than `lane_max` of them; it does from then on. NULL: none. */
struct window_item *window_next(struct window *window, unsigned lane_max);
/* It flies no more. `again`: it waits once more, where it was. */
void window_land(struct window *window, struct window_item *item, bool again);
/* It waits no more, and will not fly. */
void window_withdraw(struct window *window, struct window_item *item);
/* One that neither waits nor flies is gone: what follows it may go. */
void window_leave(struct window *window, struct window_item *item);

#endif

/* The state of one consumer group: what it has, what is in flight, what comes again. Pure: no I/O, no thread, and time
 * is what the caller says.
 *
 *     offsets:   0 1 2 3 4 5 6 7 8 9 …
 *                x x x p x x p p│          x settled · p pending: in flight, to be delivered again, or dying
 *                      │        next: never delivered
 *                      acked: everything below is settled
 *
 *     group_deliver_new() ─▶ IN_FLIGHT ──ack──▶ settled
 *                             │    ▲
 *      nack, ack_wait over,   ▼    │ group_deliver_again()
 *      member gone          AGAIN ─┘
 *                             │ deliveries used up
 *                             ▼
 *                           DYING ──in the dead letters──▶ settled (group_ack)
 *
 * Only what is pending is kept, so memory is bounded by the caller's limit of it, however far `next` runs ahead of one
 * message that nobody acknowledges. The encoded position says the same: next, and what is pending below it. */
#ifndef STATION_GROUP_H
#define STATION_GROUP_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"

enum pending_state { PENDING_IN_FLIGHT, PENDING_AGAIN, PENDING_DYING };

struct pending {
    struct list order;      /* group.pending, by offset */
    struct list state_link; /* group.in_flight by deadline, group.again or group.dying */
    uint64_t offset;
    uint64_t member; /* who has it, IN_FLIGHT; 0: nobody known */
    int64_t deadline_ms;
    uint32_t deliveries;
    uint8_t state;
    uint8_t why; /* enum death */
};

enum death { DEATH_NOT_ACKED, DEATH_REFUSED, DEATH_MEMBER_GONE };

struct group {
    uint64_t next;
    uint32_t max_deliveries; /* 0: no limit */
    struct list pending;
    struct list in_flight; /* by deadline */
    struct list again;     /* first to come first */
    struct list dying;
    struct map by_offset;
    struct list spare; /* pendings to be used again */
    size_t pending_count;
    size_t spare_count;
    bool changed; /* since the caller reset it: the position is not what it was */
    uint64_t delivered, redelivered, acknowledged; /* counters */
};

void group_init(struct group *group, uint64_t next, uint32_t max_deliveries);
void group_free(struct group *group);

static inline uint64_t group_acked(const struct group *group)
{
    return list_empty(&group->pending) ? group->next
                                       : CONTAINER_OF(group->pending.next, struct pending, order)->offset;
}

/* Delivers a message for the first time: offset >= group->next, and what is between is skipped. */
struct pending *group_deliver_new(struct group *group, uint64_t offset, uint64_t member, int64_t deadline_ms);
/* Nothing below `next` concerns this group but what is pending. */
void group_skip(struct group *group, uint64_t next);
/* What is to be delivered again, NULL: nothing. */
static inline struct pending *group_again(const struct group *group)
{
    return list_empty(&group->again) ? NULL : CONTAINER_OF(group->again.next, struct pending, state_link);
}
void group_deliver_again(struct group *group, struct pending *pending, uint64_t member, int64_t deadline_ms);
static inline struct pending *group_dying(const struct group *group)
{
    return list_empty(&group->dying) ? NULL : CONTAINER_OF(group->dying.next, struct pending, state_link);
}

struct pending *group_find(const struct group *group,
                           uint64_t offset); /* NULL: settled, or never delivered */
/* Whoever acknowledges it, it is settled. False: it was. */
bool group_ack(struct group *group, uint64_t offset);
/* A dying one is in the dead letters: settled. */
void group_bury(struct group *group, struct pending *pending);
/* This delivery is refused: again, or dying. False: it is another delivery's turn, or it is settled. */
bool group_nack(struct group *group, uint64_t offset, uint32_t delivery);
/* This delivery has not reached the client: it does not count. */
bool group_return(struct group *group, uint64_t offset, uint32_t delivery);
/* The next whose deadline is over, now AGAIN or DYING: `member` still says who had it. NULL: none. */
struct pending *group_expire(struct group *group, int64_t now_ms);
/* When group_expire() has something; INT64_MAX: nothing is in flight. */
int64_t group_deadline(const struct group *group);
/* A member that does not come back: what it has is to be delivered again at once. */
void group_member_gone(struct group *group, uint64_t member);
/* What is below `first` is not in the log any more. Returns how many pending ones that ends. */
size_t group_trim(struct group *group, uint64_t first);

/* The position, to be stored: see group.c. Decoded, all that is pending is to be delivered again. */
void group_encode(const struct group *group, struct buf *out);
bool group_decode(struct group *group, struct str stored, uint32_t max_deliveries, struct error *err);

#endif

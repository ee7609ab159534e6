/* See group.h. The stored position:
 *
 *     byte 0     version 1
 *     varint     next
 *     varint     count of what is pending below it
 *     each       varint: offset less the one before (less 0: the first) · varint: deliveries so far
 *
 * varint: seven bits a byte, low ones first, the top bit says that more follow. */
#include "station/group.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>

#define VERSION    1
#define SPARE_MAX  1024
#define STORED_MAX 1000000 /* pending ones in a stored position: more is no position of ours */

void group_init(struct group *group, uint64_t next, uint32_t max_deliveries)
{
    *group = (struct group){.next = next, .max_deliveries = max_deliveries};
    list_init(&group->pending);
    list_init(&group->in_flight);
    list_init(&group->again);
    list_init(&group->dying);
    list_init(&group->spare);
}

static void free_all(struct list *list)
{
    LIST_EACH_SAFE(it, list)
    mem_free(CONTAINER_OF(it, struct pending, order));
    list_init(list);
}

void group_free(struct group *group)
{
    free_all(&group->pending);
    free_all(&group->spare);
    map_free(&group->by_offset);
}

static bool has_offset(const void *item, const void *key)
{
    return ((const struct pending *)item)->offset == *(const uint64_t *)key;
}

struct pending *group_find(const struct group *group, uint64_t offset)
{
    return map_find(&group->by_offset, hash_u64(offset), has_offset, &offset);
}

static struct pending *add(struct group *group, uint64_t offset)
{
    struct pending *pending;
    if (list_empty(&group->spare)) {
        pending = mem_alloc(sizeof(*pending));
    } else {
        pending = CONTAINER_OF(group->spare.next, struct pending, order);
        list_remove(&pending->order);
        group->spare_count--;
    }
    *pending = (struct pending){.offset = offset};
    list_append(&group->pending, &pending->order);
    map_insert(&group->by_offset, hash_u64(offset), pending);
    group->pending_count++;
    return pending;
}

static void settle(struct group *group, struct pending *pending)
{
    map_remove_item(&group->by_offset, hash_u64(pending->offset), pending);
    list_remove(&pending->order);
    list_remove(&pending->state_link);
    group->pending_count--;
    group->changed = true;
    if (group->spare_count == SPARE_MAX) {
        mem_free(pending);
        return;
    }
    list_append(&group->spare, &pending->order);
    group->spare_count++;
}

/* Deadlines mostly come in their order, as one ack_wait holds for all: it is looked for from the end. */
static void put_in_flight(struct group *group, struct pending *pending, uint64_t member, int64_t deadline_ms)
{
    pending->state = PENDING_IN_FLIGHT;
    pending->member = member;
    pending->deadline_ms = deadline_ms;
    pending->deliveries++;
    group->delivered++;
    struct list *after = group->in_flight.prev;
    while (after != &group->in_flight &&
           CONTAINER_OF(after, struct pending, state_link)->deadline_ms > deadline_ms)
        after = after->prev;
    list_prepend(after, &pending->state_link);
}

static bool used_up(const struct group *group, const struct pending *pending)
{
    return group->max_deliveries > 0 && pending->deliveries >= group->max_deliveries;
}

/* A delivery has come to nothing. */
static void give_back(struct group *group, struct pending *pending, enum death why)
{
    list_remove(&pending->state_link);
    group->changed = true;
    if (used_up(group, pending)) {
        pending->state = PENDING_DYING;
        pending->why = (uint8_t)why;
        list_append(&group->dying, &pending->state_link);
    } else {
        pending->state = PENDING_AGAIN;
        list_append(&group->again, &pending->state_link);
    }
}

struct pending *group_deliver_new(struct group *group, uint64_t offset, uint64_t member, int64_t deadline_ms)
{
    assert(offset >= group->next);
    struct pending *pending = add(group, offset);
    group->next = offset + 1;
    group->changed = true;
    put_in_flight(group, pending, member, deadline_ms);
    return pending;
}

void group_skip(struct group *group, uint64_t next)
{
    if (next <= group->next)
        return;
    group->next = next;
    group->changed = true;
}

void group_deliver_again(struct group *group, struct pending *pending, uint64_t member, int64_t deadline_ms)
{
    assert(pending->state == PENDING_AGAIN);
    list_remove(&pending->state_link);
    group->redelivered += pending->deliveries > 0;
    put_in_flight(group, pending, member, deadline_ms);
}

bool group_ack(struct group *group, uint64_t offset)
{
    struct pending *pending = group_find(group, offset);
    if (pending == NULL)
        return false;
    settle(group, pending);
    group->acknowledged++;
    return true;
}

void group_bury(struct group *group, struct pending *pending)
{
    assert(pending->state == PENDING_DYING);
    settle(group, pending);
}

static struct pending *find_delivery(const struct group *group, uint64_t offset, uint32_t delivery)
{
    struct pending *pending = group_find(group, offset);
    return pending != NULL && pending->state == PENDING_IN_FLIGHT && pending->deliveries == delivery ? pending
                                                                                                     : NULL;
}

bool group_nack(struct group *group, uint64_t offset, uint32_t delivery)
{
    struct pending *pending = find_delivery(group, offset, delivery);
    if (pending == NULL)
        return false;
    give_back(group, pending, DEATH_REFUSED);
    return true;
}

bool group_return(struct group *group, uint64_t offset, uint32_t delivery)
{
    struct pending *pending = find_delivery(group, offset, delivery);
    if (pending == NULL)
        return false;
    list_remove(&pending->state_link);
    pending->deliveries--;
    pending->state = PENDING_AGAIN;
    group->delivered--;
    list_prepend(&group->again, &pending->state_link);
    return true;
}

struct pending *group_expire(struct group *group, int64_t now_ms)
{
    if (list_empty(&group->in_flight))
        return NULL;
    struct pending *oldest = CONTAINER_OF(group->in_flight.next, struct pending, state_link);
    if (oldest->deadline_ms > now_ms)
        return NULL;
    give_back(group, oldest, DEATH_NOT_ACKED);
    return oldest;
}

int64_t group_deadline(const struct group *group)
{
    return list_empty(&group->in_flight)
               ? INT64_MAX
               : CONTAINER_OF(group->in_flight.next, struct pending, state_link)->deadline_ms;
}

void group_member_gone(struct group *group, uint64_t member)
{
    LIST_EACH_SAFE(it, &group->in_flight)
    {
        struct pending *pending = CONTAINER_OF(it, struct pending, state_link);
        if (pending->member == member)
            give_back(group, pending, DEATH_MEMBER_GONE);
    }
}

size_t group_trim(struct group *group, uint64_t first)
{
    size_t ended = 0;
    while (!list_empty(&group->pending) && group_acked(group) < first) {
        settle(group, CONTAINER_OF(group->pending.next, struct pending, order));
        ended++;
    }
    group_skip(group, first);
    return ended;
}

/* ---- The stored position --------------------------------------------------------------------------------- */

static void put_varint(struct buf *out, uint64_t value)
{
    while (value >= 0x80) {
        buf_append_byte(out, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    buf_append_byte(out, (uint8_t)value);
}

static bool take_varint(struct str *rest, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && rest->len > 0; shift += 7) {
        uint8_t byte = (uint8_t)rest->data[0];
        *rest = str_make(rest->data + 1, rest->len - 1);
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

void group_encode(const struct group *group, struct buf *out)
{
    uint64_t former = 0;
    buf_append_byte(out, VERSION);
    put_varint(out, group->next);
    put_varint(out, group->pending_count);
    LIST_EACH(it, &group->pending)
    {
        const struct pending *pending = CONTAINER_OF(it, struct pending, order);
        put_varint(out, pending->offset - former);
        put_varint(out, pending->deliveries);
        former = pending->offset;
    }
}

static bool decode_pending(struct group *group, struct str *rest, uint64_t count)
{
    uint64_t former = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t step, deliveries, offset;
        if (!take_varint(rest, &step) || !take_varint(rest, &deliveries) || (i > 0 && step == 0) ||
            __builtin_add_overflow(former, step, &offset) || offset >= group->next ||
            deliveries > UINT32_MAX - 1)
            return false;
        struct pending *pending = add(group, offset);
        pending->deliveries = (uint32_t)deliveries;
        if (used_up(group, pending)) {
            pending->state = PENDING_DYING;
            list_append(&group->dying, &pending->state_link);
        } else {
            pending->state = PENDING_AGAIN;
            list_append(&group->again, &pending->state_link);
        }
        former = offset;
    }
    return rest->len == 0;
}

bool group_decode(struct group *group, struct str stored, uint32_t max_deliveries, struct error *err)
{
    struct str rest = str_make(stored.data + 1, stored.len > 0 ? stored.len - 1 : 0);
    uint64_t next, count;
    group_init(group, 0, max_deliveries);
    if (stored.len > 0 && stored.data[0] == VERSION && take_varint(&rest, &next) &&
        take_varint(&rest, &count) && count <= STORED_MAX) {
        group->next = next;
        if (decode_pending(group, &rest, count))
            return true;
    }
    group_free(group);
    return error_set(err, ERR_CORRUPT, "a stored position of a group is none");
}

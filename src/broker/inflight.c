/* In-flight table and set of packet identifiers: see inflight.h. */
#include "broker/inflight.h"

#include "base/mem.h"

#define FIRST_SLOTS 8
#define KEEP_SLOTS  1024u /* an empty ring up to this size is kept for the next burst */
#define SLOTS_MAX   65536

static void grow(struct inflight *inflight)
{
    uint32_t slots = inflight->ring != NULL ? (inflight->mask + UINT32_C(1)) * 2 : FIRST_SLOTS;
    struct inflight_entry *ring = mem_zalloc(slots * sizeof(*ring));
    for (uint32_t i = 0; inflight->ring != NULL && i <= inflight->mask; i++) {
        const struct inflight_entry *entry = &inflight->ring[i];
        if (entry->state != INFLIGHT_FREE)
            ring[entry->packet_id & (slots - 1)] = *entry;
    }
    mem_free(inflight->ring);
    inflight->ring = ring;
    inflight->mask = (uint16_t)(slots - 1);
}

static struct inflight_entry *slot_of(struct inflight *inflight, uint16_t packet_id)
{
    return &inflight->ring[packet_id & inflight->mask];
}

static void link_newest(struct inflight *inflight, struct inflight_entry *entry)
{
    entry->older = inflight->newest;
    entry->younger = 0;
    if (inflight->newest != 0)
        slot_of(inflight, inflight->newest)->younger = entry->packet_id;
    else
        inflight->oldest = entry->packet_id;
    inflight->newest = entry->packet_id;
}

static void unlink_entry(struct inflight *inflight, const struct inflight_entry *entry)
{
    if (entry->older != 0)
        slot_of(inflight, entry->older)->younger = entry->younger;
    else
        inflight->oldest = entry->younger;
    if (entry->younger != 0)
        slot_of(inflight, entry->younger)->older = entry->older;
    else
        inflight->newest = entry->older;
    if (inflight->resend == entry->packet_id)
        inflight->resend = entry->younger;
}

/* The next identifier whose slot is free: where an entry has stayed while the sequence came round, its slot is passed over.
 * At most half of the slots are taken, so it ends soon; only at the full 65,536 slots may it be more. */
static uint16_t next_free(struct inflight *inflight)
{
    for (;;) {
        uint16_t id = inflight->next_id != 0 ? inflight->next_id : 1;
        inflight->next_id = (uint16_t)(id + 1);
        if (slot_of(inflight, id)->state == INFLIGHT_FREE)
            return id;
    }
}

static void make_room(struct inflight *inflight)
{
    assert(inflight->count < UINT16_MAX);
    if (inflight->ring == NULL || (inflight->count * 2 > inflight->mask && inflight->mask < SLOTS_MAX - 1))
        grow(inflight);
}

static struct inflight_entry *add(struct inflight *inflight, const struct outgoing *outgoing, uint16_t id)
{
    struct inflight_entry *entry = slot_of(inflight, id);
    *entry = (struct inflight_entry){
        .message = outgoing->message,
        .ids = outgoing->ids,
        .packet_id = id,
        .state = INFLIGHT_PUBLISHED,
        .qos = outgoing->qos & 3,
        .retain = outgoing->retain,
        .journaled = outgoing->journaled,
    };
    link_newest(inflight, entry);
    if (outgoing->message != NULL) {
        uint64_t bytes = outgoing_bytes(outgoing->message, outgoing->ids);
        inflight->bytes += bytes;
        total_add(inflight->total, bytes);
    }
    inflight->count++;
    return entry;
}

uint16_t inflight_add(struct inflight *inflight, const struct outgoing *outgoing)
{
    make_room(inflight);
    struct inflight_entry *entry = add(inflight, outgoing, next_free(inflight));
    entry->sent = true;
    inflight->sent++;
    return entry->packet_id;
}

static void count_unsent(struct inflight *inflight, const struct inflight_entry *entry)
{
    if (inflight->resend == 0)
        inflight->resend = entry->packet_id;
    inflight->unsent++;
}

void inflight_wait(struct inflight *inflight, struct inflight_entry *entry)
{
    entry->fresh = true;
    entry->waiting = true;
    inflight->fresh++;
}

struct inflight_entry *inflight_add_waiting(struct inflight *inflight, const struct outgoing *outgoing)
{
    make_room(inflight);
    struct inflight_entry *entry = add(inflight, outgoing, next_free(inflight));
    inflight_wait(inflight, entry);
    count_unsent(inflight, entry);
    return entry;
}

struct inflight_entry *inflight_restore(struct inflight *inflight, const struct outgoing *outgoing,
                                        uint16_t packet_id, bool released)
{
    if (inflight_find(inflight, packet_id) != NULL)
        return NULL;
    make_room(inflight); /* one that is free is left */
    while (slot_of(inflight, packet_id)->state != INFLIGHT_FREE)
        grow(inflight); /* at 65,536 slots each identifier has its own */
    struct inflight_entry *entry = add(inflight, outgoing, packet_id);
    if (released)
        entry->state = INFLIGHT_RELEASED;
    count_unsent(inflight, entry);
    inflight->next_id = (uint16_t)(packet_id + 1);
    return entry;
}

struct inflight_entry *inflight_find(struct inflight *inflight, uint16_t packet_id)
{
    if (inflight->ring == NULL)
        return NULL;
    struct inflight_entry *entry = slot_of(inflight, packet_id);
    return entry->state != INFLIGHT_FREE && entry->packet_id == packet_id ? entry : NULL;
}

void inflight_release_message(struct inflight *inflight, struct inflight_entry *entry)
{
    if (entry->message != NULL) {
        uint64_t bytes = outgoing_bytes(entry->message, entry->ids);
        inflight->bytes -= bytes;
        total_add(inflight->total, -bytes);
        message_unref(entry->message);
    }
    mem_free(entry->ids);
    entry->message = NULL;
    entry->ids = NULL;
    entry->state = INFLIGHT_RELEASED;
}

void inflight_remove(struct inflight *inflight, struct inflight_entry *entry)
{
    unlink_entry(inflight, entry);
    inflight_release_message(inflight, entry);
    entry->state = INFLIGHT_FREE;
    inflight->count--;
    inflight->fresh -= entry->fresh;
    if (entry->sent)
        inflight->sent--;
    else
        inflight->unsent--;
    if (inflight->count == 0 &&
        inflight->mask >= KEEP_SLOTS) { /* give back what an exceptional burst needed */
        mem_free(inflight->ring);
        inflight->ring = NULL;
        inflight->mask = 0;
    }
}

static void mark_unsent(struct inflight_entry *entry, void *arg)
{
    (void)arg;
    entry->sent = false;
}

void inflight_all_unsent(struct inflight *inflight)
{
    inflight_each(inflight, mark_unsent, NULL);
    inflight->sent = 0;
    inflight->unsent = inflight->count;
    inflight->resend = inflight->oldest;
}

struct inflight_entry *inflight_next_unsent(struct inflight *inflight)
{
    assert(inflight->unsent > 0);
    struct inflight_entry *entry = slot_of(inflight, inflight->resend);
    for (; entry->sent; entry = slot_of(inflight, entry->younger))
        continue;
    inflight->resend = entry->packet_id;
    return entry;
}

void inflight_mark_sent(struct inflight *inflight, struct inflight_entry *entry)
{
    assert(!entry->sent);
    inflight->fresh -= entry->fresh;
    entry->fresh = false;
    entry->sent = true;
    inflight->sent++;
    inflight->unsent--;
    if (inflight->unsent == 0)
        inflight->resend = 0;
}

void inflight_each(struct inflight *inflight, void (*each)(struct inflight_entry *entry, void *arg),
                   void *arg)
{
    for (uint16_t id = inflight->oldest; id != 0;) {
        struct inflight_entry *entry = slot_of(inflight, id);
        id = entry->younger;
        each(entry, arg);
    }
}

static void remove_each(struct inflight_entry *entry, void *arg)
{
    inflight_release_message(arg, entry);
    entry->state = INFLIGHT_FREE;
}

void inflight_clear(struct inflight *inflight)
{
    inflight_each(inflight, remove_each, inflight);
    mem_free(inflight->ring);
    inflight->ring = NULL;
    inflight->mask = 0;
    inflight->count = 0;
    inflight->sent = 0;
    inflight->unsent = 0;
    inflight->fresh = 0;
    inflight->resend = 0;
    inflight->oldest = 0;
    inflight->newest = 0;
}

/* ---- Packet identifiers that wait for PUBREL ------------------------------------------------------------- */

/* The first position whose identifier is not below `id`. */
static uint32_t position_of(const struct packet_id_set *set, uint16_t id)
{
    uint32_t low = 0, high = set->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (set->ids[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool packet_id_set_has(const struct packet_id_set *set, uint16_t id)
{
    uint32_t at = position_of(set, id);
    return at < set->count && set->ids[at].id == id;
}

uint32_t packet_id_set_exchange(const struct packet_id_set *set, uint16_t id)
{
    uint32_t at = position_of(set, id);
    return at < set->count && set->ids[at].id == id ? set->ids[at].exchange : 0;
}

uint32_t packet_id_set_next_exchange(const struct packet_id_set *set)
{
    return set->last_exchange == UINT32_MAX ? 1 : set->last_exchange + 1;
}

bool packet_id_set_add(struct packet_id_set *set, uint16_t id, uint32_t exchange)
{
    uint32_t at = position_of(set, id);
    if (exchange != 0)
        set->last_exchange = exchange;
    if (at < set->count && set->ids[at].id == id)
        return false;
    if (set->count == set->cap) { /* there are 65,535 identifiers */
        set->cap = set->cap == 0 ? FIRST_SLOTS : set->cap > UINT16_MAX / 2 ? UINT16_MAX : set->cap * 2;
        set->ids = mem_realloc(set->ids, set->cap * sizeof(*set->ids));
    }
    memmove(set->ids + at + 1, set->ids + at, (set->count - at) * sizeof(*set->ids));
    set->ids[at] = (struct received_id){.id = id, .exchange = exchange};
    set->count++;
    return true;
}

bool packet_id_set_remove(struct packet_id_set *set, uint16_t id)
{
    uint32_t at = position_of(set, id);
    if (at == set->count || set->ids[at].id != id)
        return false;
    set->count--;
    memmove(set->ids + at, set->ids + at + 1, (set->count - at) * sizeof(*set->ids));
    return true;
}

void packet_id_set_clear(struct packet_id_set *set)
{
    mem_free(set->ids);
    *set = (struct packet_id_set){0};
}

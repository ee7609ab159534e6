/* The hash table's writing half; map_find is in the header.
 *
 * An item's home is hash & mask. Along a run of taken slots the items stand in the order of their homes (Robin
 * Hood insertion: who is further from home goes first), so a search ends at the first item that is nearer to its
 * home than the searched one would be, and a table that is 7/8 full still answers "not here" after a few slots.
 * Removal moves the items behind back by one, up to one that is at home: there is never a tombstone. */
#include "base/map.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

#define MIN_SLOTS 4

static size_t slot_count(const struct map *map)
{
    return map->slots != NULL ? map->mask + 1 : 0;
}

static size_t distance_of(const struct map *map, size_t i)
{
    return (i - (size_t)map->slots[i].hash) & map->mask;
}

/* Puts the slot's content in its place in the run. There is a free slot. */
static void place(struct map *map, struct map_slot coming)
{
    size_t distance = 0;
    for (size_t i = (size_t)coming.hash & map->mask;; i = (i + 1) & map->mask, distance++) {
        struct map_slot *slot = &map->slots[i];
        if (slot->item == NULL) {
            *slot = coming;
            return;
        }
        size_t theirs = distance_of(map, i);
        if (theirs < distance) {
            struct map_slot displaced = *slot;
            *slot = coming;
            coming = displaced;
            distance = theirs;
        }
    }
}

static void resize(struct map *map, size_t slots)
{
    struct map_slot *former = map->slots;
    size_t former_count = slot_count(map);
    map->slots = mem_zalloc(slots * sizeof *map->slots);
    map->mask = slots - 1;
    for (size_t i = 0; i < former_count; i++) {
        if (former[i].item != NULL)
            place(map, former[i]);
    }
    mem_free(former);
}

void map_insert(struct map *map, uint64_t hash, void *item)
{
    assert(item != NULL);
    size_t slots = slot_count(map);
    if (8 * (map->count + 1) > 7 * slots) /* a free slot is left, at which each search ends */
        resize(map, slots != 0 ? 2 * slots : MIN_SLOTS);
    place(map, (struct map_slot){hash, item});
    map->count++;
}

/* Empties slot i, closes the gap, and gives memory back when little of it is in use. */
static void *take_out(struct map *map, size_t i)
{
    void *item = map->slots[i].item;
    for (;;) {
        size_t behind = (i + 1) & map->mask;
        if (map->slots[behind].item == NULL || distance_of(map, behind) == 0)
            break;
        map->slots[i] = map->slots[behind];
        i = behind;
    }
    map->slots[i] = (struct map_slot){0};
    map->count--;
    size_t slots = slot_count(map);
    if (map->count == 0) {
        map_free(map);
    } else if (slots > MIN_SLOTS && map->count < slots / 8) {
        resize(map, slots / 2);
    }
    return item;
}

void *map_remove(struct map *map, uint64_t hash, map_equal_fn *equal, const void *key)
{
    struct map_slot *slot = map_find_slot(map, hash, equal, key);
    return slot != NULL ? take_out(map, (size_t)(slot - map->slots)) : NULL;
}

static bool is_item(const void *item, const void *key)
{
    return item == key;
}

bool map_remove_item(struct map *map, uint64_t hash, const void *item)
{
    return map_remove(map, hash, is_item, item) != NULL;
}

void map_clear(struct map *map)
{
    if (map->count != 0)
        memset(map->slots, 0, slot_count(map) * sizeof *map->slots);
    map->count = 0;
}

void map_free(struct map *map)
{
    mem_free(map->slots);
    *map = (struct map){0};
}

void *map_next(const struct map *map, size_t *position)
{
    for (size_t slots = slot_count(map); *position < slots;) {
        void *item = map->slots[(*position)++].item;
        if (item != NULL)
            return item;
    }
    return NULL;
}

static size_t reverse_bits(size_t value)
{
    size_t reversed = 0;
    for (unsigned i = 0; i < 8 * sizeof(value); i++, value >>= 1)
        reversed = reversed << 1 | (value & 1);
    return reversed;
}

/* One step visits the items of one home. Homes are counted with the highest bit first: when the table grows, those that
 * have been visited split into ones that have been, too; when it shrinks, two of them become one. */
size_t map_scan(const struct map *map, size_t cursor, void (*each)(void *item, void *arg), void *arg)
{
    if (map->count == 0)
        return 0;
    size_t i = cursor & map->mask;
    for (size_t distance = 0;; distance++, i = (i + 1) & map->mask) {
        const struct map_slot *slot = &map->slots[i];
        if (slot->item == NULL || distance_of(map, i) < distance)
            break;
        if (distance_of(map, i) == distance)
            each(slot->item, arg);
    }
    return reverse_bits(reverse_bits(cursor | ~map->mask) + 1);
}

/* A hash table of pointers to items that carry their own key.
 *
 * Open addressing with linear probing over {hash, item} slots; deletion shifts back, so there are no tombstones.
 * Grows at 7/8 full, halves below 1/8; memory is 16 bytes a slot, none before the first item and none after the
 * last has been removed. The caller hashes (hash_bytes) and compares:
 *
 *     struct user *user = map_find(&users, hash_bytes(name.data, name.len), user_has_name, &name);
 *
 * Zero-initialise; map_free() frees the slots, not the items. Not thread-safe. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    uint64_t hash;
    void *item; /* NULL: free */
};

struct map {
    struct map_slot *slots;
    size_t mask;  /* slot count - 1; 0 while there are no slots */
    size_t count; /* items */
};

typedef bool map_equal_fn(const void *item, const void *key);

/* For map_find and map_remove: the slot, or NULL. The run of a home is in the order of the homes (see map.c). */
static inline struct map_slot *map_find_slot(const struct map *map, uint64_t hash, map_equal_fn *equal,
                                             const void *key)
{
    if (map->count == 0)
        return NULL;
    size_t i = (size_t)hash & map->mask;
    for (size_t distance = 0;; distance++, i = (i + 1) & map->mask) {
        struct map_slot *slot = &map->slots[i];
        if (slot->item == NULL)
            return NULL;
        if (slot->hash == hash) {
            if (equal(slot->item, key))
                return slot;
        } else if (((i - (size_t)slot->hash) & map->mask) < distance) {
            return NULL;
        }
    }
}

/* The item with this hash for which equal(item, key) holds, or NULL. Borrows key. */
static inline void *map_find(const struct map *map, uint64_t hash, map_equal_fn *equal, const void *key)
{
    struct map_slot *slot = map_find_slot(map, hash, equal, key);
    return slot != NULL ? slot->item : NULL;
}

void map_insert(struct map *map, uint64_t hash, void *item); /* the key is not in the map: caller's promise */
/* The item, or NULL. */
void *map_remove(struct map *map, uint64_t hash, map_equal_fn *equal, const void *key);
bool map_remove_item(struct map *map, uint64_t hash, const void *item); /* by identity */
void map_clear(struct map *map); /* keeps the slots, to be filled again */
void map_free(struct map *map);

/* Iterates: `for (size_t i = 0; (item = map_next(map, &i)) != NULL;)`. The map must not change meanwhile. */
void *map_next(const struct map *map, size_t *position);

/* Iterates in steps between which the map may change: start with cursor 0, go on with what is returned, until that is 0.
 * What is in the map all the while is visited at least once. `each` must not change the map. */
size_t map_scan(const struct map *map, size_t cursor, void (*each)(void *item, void *arg), void *arg);

#endif

/* The dictionary of a column in a row group: each value once, plain, and a hash table that finds its index.
 *
 * Values are found by open addressing with linear probing; the table is at most half full. */
#include "table/parquet_write_internal.h"

#include "base/hash.h"
#include "base/mem.h"

#define FIRST_SLOTS 256

static struct str entry_value(const struct pq_dictionary *dictionary, const struct pq_entry *entry)
{
    return str_make(dictionary->values.data + entry->at, entry->len);
}

static void insert(struct pq_dictionary *dictionary, uint64_t hash, uint32_t index)
{
    size_t mask = dictionary->slot_count - 1;
    size_t slot = hash & mask;
    while (dictionary->slots[slot] != 0)
        slot = (slot + 1) & mask;
    dictionary->slots[slot] = index + 1;
}

static void grow(struct pq_dictionary *dictionary)
{
    size_t count = dictionary->slot_count == 0 ? FIRST_SLOTS : 2 * dictionary->slot_count;
    mem_free(dictionary->slots);
    dictionary->slots = mem_zalloc(count * sizeof *dictionary->slots);
    dictionary->slot_count = count;
    const struct pq_entry *entries = pq_dictionary_entries(dictionary);
    for (uint32_t i = 0; i < dictionary->count; i++)
        insert(dictionary, entries[i].hash, i);
}

static uint32_t find(struct pq_dictionary *dictionary, struct str value, uint64_t hash)
{
    if (dictionary->slot_count == 0)
        return PQ_NO_INDEX;
    const struct pq_entry *entries = pq_dictionary_entries(dictionary);
    size_t mask = dictionary->slot_count - 1;
    for (size_t slot = hash & mask; dictionary->slots[slot] != 0; slot = (slot + 1) & mask) {
        uint32_t index = dictionary->slots[slot] - 1;
        if (entries[index].hash == hash && str_equal(entry_value(dictionary, &entries[index]), value))
            return index;
    }
    return PQ_NO_INDEX;
}

static uint32_t add(struct pq_dictionary *dictionary, struct str value, uint64_t hash, bool is_string)
{
    if (2 * (size_t)(dictionary->count + 1) > dictionary->slot_count)
        grow(dictionary);
    if (is_string) {
        uint32_t len = (uint32_t)value.len;
        buf_append(&dictionary->values, &len, sizeof len);
    }
    struct pq_entry entry = {
        .at = (uint32_t)dictionary->values.len, .len = (uint32_t)value.len, .hash = hash};
    buf_append_str(&dictionary->values, value);
    buf_append(&dictionary->entries, &entry, sizeof entry);
    insert(dictionary, hash, dictionary->count);
    return dictionary->count++;
}

uint32_t pq_dictionary_add(struct pq_dictionary *dictionary, struct str value, bool is_string,
                           uint32_t limit_bytes)
{
    uint32_t index = dictionary->last;
    if (index >= dictionary->count ||
        !str_equal(entry_value(dictionary, &pq_dictionary_entries(dictionary)[index]), value)) {
        uint64_t hash = hash_bytes(value.data, value.len);
        index = find(dictionary, value, hash);
        if (index == PQ_NO_INDEX) {
            if (dictionary->values.len + value.len + (is_string ? 4 : 0) > limit_bytes)
                return PQ_NO_INDEX;
            index = add(dictionary, value, hash, is_string);
        }
        dictionary->last = index;
    }
    pq_dictionary_entries(dictionary)[index].used = true;
    return index;
}

void pq_dictionary_reset(struct pq_dictionary *dictionary)
{
    buf_reset(&dictionary->values);
    buf_reset(&dictionary->entries);
    if (dictionary->slot_count != 0)
        memset(dictionary->slots, 0, dictionary->slot_count * sizeof *dictionary->slots);
    dictionary->count = 0;
    dictionary->last = 0;
}

void pq_dictionary_free(struct pq_dictionary *dictionary)
{
    buf_free(&dictionary->values);
    buf_free(&dictionary->entries);
    mem_free(dictionary->slots);
    *dictionary = (struct pq_dictionary){0};
}

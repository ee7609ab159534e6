/* See ids.h. A table by text, and a list of what is stored in the order of time, from which the oldest expire. */
#include "station/ids.h"

#include "base/hash.h"
#include "base/mem.h"

void ids_init(struct ids *ids)
{
    *ids = (struct ids){.max = IDS_MAX};
    pthread_mutex_init(&ids->lock, NULL);
    list_init(&ids->by_time);
}

static void forget(struct ids *ids, struct id_entry *entry)
{
    map_remove_item(&ids->by_text, entry->hash, entry);
    if (entry->stored) {
        list_remove(&entry->link);
        ids->stored_count--;
    }
    mem_free(entry);
}

void ids_free(struct ids *ids)
{
    while (!list_empty(&ids->by_time))
        forget(ids, CONTAINER_OF(ids->by_time.next, struct id_entry, link));
    map_free(&ids->by_text);
    pthread_mutex_destroy(&ids->lock);
}

static bool has_text(const void *item, const void *key)
{
    const struct id_entry *entry = item;
    return str_equal(str_make(entry->text, entry->len), *(const struct str *)key);
}

static struct id_entry *add(struct ids *ids, struct str id, uint64_t hash)
{
    struct id_entry *entry = mem_alloc(sizeof(*entry) + id.len);
    *entry = (struct id_entry){.len = (uint32_t)id.len, .hash = hash};
    memcpy(entry->text, id.data, id.len);
    map_insert(&ids->by_text, hash, entry);
    return entry;
}

/* Before its window ends. */
static void forget_early(struct ids *ids, struct id_entry *oldest)
{
    ids->forgotten++;
    ids->forgotten_ms = oldest->time_ms;
    forget(ids, oldest);
}

static void expire(struct ids *ids, int64_t now_ms, int64_t window_ms)
{
    while (!list_empty(&ids->by_time)) {
        struct id_entry *oldest = CONTAINER_OF(ids->by_time.next, struct id_entry, link);
        bool over = oldest->time_ms + window_ms <= now_ms;
        if (over)
            forget(ids, oldest);
        else if (ids->stored_count > ids->max)
            forget_early(ids, oldest);
        else
            return;
    }
}

static void store(struct ids *ids, struct id_entry *entry, uint64_t offset, int64_t time_ms)
{
    entry->stored = true;
    entry->offset = offset;
    entry->time_ms = time_ms;
    list_append(&ids->by_time, &entry->link);
    ids->stored_count++;
}

enum ids_claim ids_claim(struct ids *ids, struct str id, int64_t now_ms, int64_t window_ms,
                         struct id_waiter *waiter, struct id_entry **entry, uint64_t *offset)
{
    uint64_t hash = hash_bytes(id.data, id.len);
    enum ids_claim claim = IDS_CLAIMED;
    pthread_mutex_lock(&ids->lock);
    expire(ids, now_ms, window_ms);
    struct id_entry *found = map_find(&ids->by_text, hash, has_text, &id);
    if (found == NULL) {
        *entry = add(ids, id, hash);
    } else if (found->stored) {
        *offset = found->offset;
        claim = IDS_KNOWN;
    } else {
        waiter->next = found->waiters;
        found->waiters = waiter;
        claim = IDS_PENDING;
    }
    pthread_mutex_unlock(&ids->lock);
    return claim;
}

static void wake_all(struct id_waiter *first, bool stored, uint64_t offset)
{
    while (first != NULL) {
        struct id_waiter *next = first->next;
        first->wake(first, stored, offset);
        first = next;
    }
}

void ids_settle(struct ids *ids, struct id_entry *chain, bool stored, uint64_t first_offset, int64_t time_ms)
{
    while (chain != NULL) {
        struct id_entry *next = chain->next;
        pthread_mutex_lock(&ids->lock);
        struct id_waiter *waiters = chain->waiters;
        uint64_t offset = first_offset + chain->index;
        chain->waiters = NULL;
        if (stored)
            store(ids, chain, offset, time_ms);
        else
            forget(ids, chain);
        pthread_mutex_unlock(&ids->lock);
        wake_all(waiters, stored, offset); /* outside: they may claim */
        chain = next;
    }
}

void ids_add(struct ids *ids, struct str id, uint64_t offset, int64_t time_ms)
{
    uint64_t hash = hash_bytes(id.data, id.len);
    pthread_mutex_lock(&ids->lock);
    if (map_find(&ids->by_text, hash, has_text, &id) == NULL)
        store(ids, add(ids, id, hash), offset, time_ms);
    if (ids->stored_count > ids->max)
        forget_early(ids, CONTAINER_OF(ids->by_time.next, struct id_entry, link));
    pthread_mutex_unlock(&ids->lock);
}

void ids_expire(struct ids *ids, int64_t now_ms, int64_t window_ms)
{
    pthread_mutex_lock(&ids->lock);
    expire(ids, now_ms, window_ms);
    pthread_mutex_unlock(&ids->lock);
}

size_t ids_count(struct ids *ids)
{
    pthread_mutex_lock(&ids->lock);
    size_t count = ids->by_text.count;
    pthread_mutex_unlock(&ids->lock);
    return count;
}

uint64_t ids_forgotten(struct ids *ids, int64_t *last_ms)
{
    pthread_mutex_lock(&ids->lock);
    uint64_t count = ids->forgotten;
    *last_ms = ids->forgotten_ms;
    pthread_mutex_unlock(&ids->lock);
    return count;
}

/* Ranges of files in memory: what one GET has brought, until its last row group has become rows.
 *
 * Small data makes many messages: a range of 8 MiB may hold 128 MiB of them, more than a reader should have in memory at
 * once. So a range waits here, as it is in the file, and its row groups are decoded a few at a time.
 *
 * What waits counts as memory of the readers, like decoded row groups, and takes at most half of it; the least recently used goes first,
 * and is asked for again, of the cache on disk or of the store. */
#include "tier/tier_internal.h"

#include "base/mem.h"

struct ranges {
    struct cache *cache;
    size_t limit_bytes;
    pthread_mutex_t lock;
    /* Under lock. */
    struct list all; /* the least recently used first */
    size_t bytes;
};

struct ranges *ranges_new(struct cache *cache, size_t limit_bytes)
{
    struct ranges *ranges = mem_zalloc(sizeof(*ranges));
    ranges->cache = cache;
    ranges->limit_bytes = limit_bytes;
    list_init(&ranges->all);
    pthread_mutex_init(&ranges->lock, NULL);
    return ranges;
}

static struct range *range_at(struct list *link)
{
    return CONTAINER_OF(link, struct range, link);
}

struct range *range_new(const struct footer *footer, uint64_t offset)
{
    struct range *range = mem_zalloc(sizeof(*range));
    atomic_init(&range->refs, 1);
    range->hash = footer->hash;
    range->path = mem_strdup(footer->path);
    range->offset = offset;
    return range;
}

void range_unref(struct range *range)
{
    /* Release: what this thread did with it comes before its end; acquire: the end comes after all of that. */
    if (range == NULL || atomic_fetch_sub_explicit(&range->refs, 1, memory_order_acq_rel) != 1)
        return;
    buf_free(&range->bytes);
    mem_free(range->path);
    mem_free(range);
}

void ranges_free(struct ranges *ranges)
{
    if (ranges == NULL)
        return;
    while (!list_empty(&ranges->all)) {
        struct range *range = range_at(ranges->all.next);
        list_remove(&range->link);
        range_unref(range);
    }
    pthread_mutex_destroy(&ranges->lock);
    mem_free(ranges);
}

uint64_t ranges_most(const struct ranges *ranges)
{
    return ranges->limit_bytes < RANGE_BYTES_MOST ? ranges->limit_bytes : RANGE_BYTES_MOST;
}

struct range *ranges_find(struct ranges *ranges, const struct footer *footer, uint64_t offset, uint64_t bytes)
{
    struct range *found = NULL;
    pthread_mutex_lock(&ranges->lock);
    LIST_EACH(it, &ranges->all)
    {
        struct range *range = range_at(it);
        if (range->hash == footer->hash && offset >= range->offset &&
            offset + bytes <= range->offset + range->bytes.len && strcmp(range->path, footer->path) == 0)
            found = range;
    }
    if (found != NULL) {
        list_remove(&found->link);
        list_append(&ranges->all, &found->link);
        atomic_fetch_add_explicit(&found->refs, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&ranges->lock);
    return found;
}

void ranges_keep(struct ranges *ranges, struct range *range)
{
    int64_t more = (int64_t)range->bytes.len;
    pthread_mutex_lock(&ranges->lock);
    ranges->bytes += range->bytes.len;
    atomic_fetch_add_explicit(&range->refs, 1, memory_order_relaxed);
    list_append(&ranges->all, &range->link);
    while (ranges->bytes > ranges->limit_bytes && ranges->all.next != &range->link) {
        struct range *oldest = range_at(ranges->all.next);
        list_remove(&oldest->link);
        ranges->bytes -= oldest->bytes.len;
        more -= (int64_t)oldest->bytes.len;
        range_unref(oldest);
    }
    pthread_mutex_unlock(&ranges->lock);
    cache_charge(ranges->cache, more);
}

void ranges_drop(struct ranges *ranges, struct range *range)
{
    pthread_mutex_lock(&ranges->lock);
    bool kept = list_linked(&range->link);
    if (kept) {
        list_remove(&range->link);
        ranges->bytes -= range->bytes.len;
    }
    pthread_mutex_unlock(&ranges->lock);
    if (!kept)
        return;
    cache_charge(ranges->cache, -(int64_t)range->bytes.len);
    range_unref(range);
}

/* Two caches of what was read: chunks in memory, ranges of files on disk. In both the least recently used goes first.
 *
 * On disk: DIR/tier/-cache/<16 hex digits>-<offset>.range, the bytes and behind them their CRC-32C (4 bytes, little-endian).
 * The digits are the stable hash of the file's location: data files are never changed, so a range stays right; one that does
 * not check is removed and fetched again. The directory may be emptied at any time; it is read at the start. */
#include "tier/tier_internal.h"

#include "base/crc32c.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNKS_MAX  4096
#define RANGES_MAX  100000
#define CRC_BYTES   4
#define RANGE_LIMIT ((size_t)128 << 20)
#define SUFFIX      ".range"

static const char hex_digits[] = "0123456789abcdef";

struct held {
    struct list link;
    struct tier *tier;
    struct log_chunk *chunk; /* a reference */
    uint64_t ahead;
};

struct range_file {
    struct list link;
    uint64_t hash;
    uint64_t offset;
    uint64_t bytes; /* of the file */
};

struct cache {
    char *dir;
    uint64_t disk_limit, memory_limit;
    pthread_mutex_t lock;
    /* Under lock. */
    struct list chunks; /* the least recently used first */
    uint64_t memory_bytes;
    size_t chunk_count;
    struct list ranges; /* likewise */
    struct map by_place;
    uint64_t disk_bytes;
    unsigned temporary; /* number of the next file */
};

/* ---- Chunks ---------------------------------------------------------------------------------------------- */

static struct held *held_at(struct list *link)
{
    return CONTAINER_OF(link, struct held, link);
}

/* Under the lock. */
static void let_go(struct cache *cache, struct held *held)
{
    list_remove(&held->link);
    cache->memory_bytes -= held->chunk->bytes;
    cache->chunk_count--;
    log_chunk_unref(held->chunk);
    mem_free(held);
}

static struct held *find_chunk(struct cache *cache, const struct tier *tier, uint64_t offset)
{
    for (struct list *it = cache->chunks.prev; it != &cache->chunks; it = it->prev) {
        struct held *held = held_at(it);
        if (held->tier == tier && offset >= held->chunk->first_offset && offset < held->chunk->next_offset)
            return held;
    }
    return NULL;
}

/* Under the lock. */
static void trim_chunks(struct cache *cache, const struct list *but)
{
    while ((cache->memory_bytes > cache->memory_limit || cache->chunk_count > CHUNKS_MAX) &&
           cache->chunks.next != but)
        let_go(cache, held_at(cache->chunks.next));
}

void cache_charge(struct cache *cache, int64_t bytes)
{
    pthread_mutex_lock(&cache->lock);
    cache->memory_bytes += (uint64_t)bytes;
    trim_chunks(cache, &cache->chunks);
    pthread_mutex_unlock(&cache->lock);
}

void cache_add_chunk(struct cache *cache, struct tier *tier, struct log_chunk *chunk, uint64_t ahead)
{
    pthread_mutex_lock(&cache->lock);
    struct held *former = find_chunk(cache, tier, chunk->first_offset);
    if (former != NULL && former->chunk->next_offset >= chunk->next_offset) {
        former->ahead = ahead > 0 ? ahead : former->ahead;
        pthread_mutex_unlock(&cache->lock);
        return;
    }
    struct held *held = mem_alloc(sizeof(*held));
    *held = (struct held){.tier = tier, .chunk = log_chunk_ref(chunk), .ahead = ahead};
    list_append(&cache->chunks, &held->link);
    cache->memory_bytes += chunk->bytes;
    cache->chunk_count++;
    trim_chunks(cache, &held->link);
    pthread_mutex_unlock(&cache->lock);
}

struct log_chunk *cache_chunk(struct cache *cache, struct tier *tier, uint64_t offset, uint64_t *ahead)
{
    struct log_chunk *chunk = NULL;
    if (ahead != NULL)
        *ahead = 0;
    pthread_mutex_lock(&cache->lock);
    struct held *held = find_chunk(cache, tier, offset);
    if (held != NULL) {
        chunk = log_chunk_ref(held->chunk);
        if (ahead != NULL) {
            *ahead = held->ahead;
            held->ahead = 0;
        }
        list_remove(&held->link);
        list_append(&cache->chunks, &held->link);
    }
    pthread_mutex_unlock(&cache->lock);
    return chunk;
}

void cache_drop_tier(struct cache *cache, struct tier *tier)
{
    pthread_mutex_lock(&cache->lock);
    LIST_EACH_SAFE(it, &cache->chunks)
    {
        if (held_at(it)->tier == tier)
            let_go(cache, held_at(it));
    }
    pthread_mutex_unlock(&cache->lock);
}

/* ---- Ranges on disk -------------------------------------------------------------------------------------- */

static const char *path_of(const struct cache *cache, uint64_t hash, uint64_t offset,
                           char out[TIER_PATH_BYTES])
{
    snprintf(out, TIER_PATH_BYTES, "%s/%016" PRIx64 "-%" PRIu64 SUFFIX, cache->dir, hash, offset);
    return out;
}

static bool is_range(const void *item, const void *key)
{
    const struct range_file *a = item, *b = key;
    return a->hash == b->hash && a->offset == b->offset;
}

static uint64_t place_hash(uint64_t hash, uint64_t offset)
{
    return hash_u64(hash ^ (offset * UINT64_C(0x9E3779B97F4A7C15)));
}

static struct range_file *range_at(struct list *link)
{
    return CONTAINER_OF(link, struct range_file, link);
}

/* Under the lock. */
static void remove_range(struct cache *cache, struct range_file *range)
{
    char path[TIER_PATH_BYTES];
    unlink(path_of(cache, range->hash, range->offset, path));
    map_remove_item(&cache->by_place, place_hash(range->hash, range->offset), range);
    list_remove(&range->link);
    cache->disk_bytes -= range->bytes;
    mem_free(range);
}

static void make_room(struct cache *cache)
{
    while (!list_empty(&cache->ranges) &&
           (cache->disk_bytes > cache->disk_limit || cache->by_place.count > RANGES_MAX))
        remove_range(cache, range_at(cache->ranges.next));
}

static void note(struct cache *cache, uint64_t hash, uint64_t offset, uint64_t bytes)
{
    const struct range_file key = {.hash = hash, .offset = offset};
    struct range_file *range = map_find(&cache->by_place, place_hash(hash, offset), is_range, &key);
    if (range == NULL) {
        range = mem_zalloc(sizeof(*range));
        range->hash = hash;
        range->offset = offset;
        map_insert(&cache->by_place, place_hash(hash, offset), range);
    } else {
        list_remove(&range->link);
        cache->disk_bytes -= range->bytes;
    }
    range->bytes = bytes;
    cache->disk_bytes += bytes;
    list_append(&cache->ranges, &range->link);
    make_room(cache);
}

static uint32_t crc_behind(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint64_t cache_holds(struct cache *cache, struct str path, uint64_t offset)
{
    uint64_t hash = hash_stable(path.data, path.len);
    const struct range_file key = {.hash = hash, .offset = offset};
    pthread_mutex_lock(&cache->lock);
    const struct range_file *range = map_find(&cache->by_place, place_hash(hash, offset), is_range, &key);
    uint64_t bytes = range != NULL && range->bytes > CRC_BYTES ? range->bytes - CRC_BYTES : 0;
    pthread_mutex_unlock(&cache->lock);
    return bytes;
}

bool cache_load(struct cache *cache, struct str path, uint64_t offset, uint64_t bytes, struct buf *out)
{
    char name[TIER_PATH_BYTES];
    uint64_t hash = hash_stable(path.data, path.len);
    const struct range_file key = {.hash = hash, .offset = offset};
    pthread_mutex_lock(&cache->lock);
    struct range_file *range = map_find(&cache->by_place, place_hash(hash, offset), is_range, &key);
    bool found = range != NULL && range->bytes >= bytes + CRC_BYTES;
    if (found) {
        list_remove(&range->link);
        list_append(&cache->ranges, &range->link);
    }
    pthread_mutex_unlock(&cache->lock);
    struct buf file = {0};
    if (!found || !buf_read_file(&file, path_of(cache, hash, offset, name), RANGE_LIMIT, NULL)) {
        buf_free(&file);
        return false;
    }
    bool good = file.len >= bytes + CRC_BYTES &&
                crc32c(0, file.data, file.len - CRC_BYTES) == crc_behind(file.data + file.len - CRC_BYTES);
    if (good && out->data == NULL) {
        *out = file;
        out->len = bytes;
        file = (struct buf){0};
    } else if (good) {
        buf_append(out, file.data, bytes);
    } else {
        pthread_mutex_lock(&cache->lock);
        range = map_find(&cache->by_place, place_hash(hash, offset), is_range, &key);
        if (range != NULL)
            remove_range(cache, range);
        pthread_mutex_unlock(&cache->lock);
        LOG_WARNING("a cached range does not check and is fetched again", LOG_TEXT("file", name));
    }
    buf_free(&file);
    return good;
}

/* A cache: what cannot be written is not in it, and nothing is synced. */
void cache_store(struct cache *cache, struct str path, uint64_t offset, struct str bytes)
{
    char name[TIER_PATH_BYTES], temporary[TIER_PATH_BYTES];
    uint64_t hash = hash_stable(path.data, path.len);
    uint32_t crc = crc32c(0, bytes.data, bytes.len);
    const uint8_t tail[CRC_BYTES] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16),
                                     (uint8_t)(crc >> 24)};
    if (bytes.len + CRC_BYTES > cache->disk_limit || bytes.len + CRC_BYTES > RANGE_LIMIT)
        return;
    pthread_mutex_lock(&cache->lock);
    unsigned number = cache->temporary++;
    pthread_mutex_unlock(&cache->lock);
    snprintf(temporary, sizeof(temporary), "%s/%u.tmp", cache->dir, number);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    bool ok =
        write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len && write(fd, tail, CRC_BYTES) == CRC_BYTES;
    close(fd);
    pthread_mutex_lock(&cache->lock);
    ok = ok && rename(temporary, path_of(cache, hash, offset, name)) == 0;
    if (ok)
        note(cache, hash, offset, bytes.len + CRC_BYTES);
    pthread_mutex_unlock(&cache->lock);
    if (!ok)
        unlink(temporary);
}

/* ---- Opening --------------------------------------------------------------------------------------------- */

/* "<16 digits of the hash>-<offset>.range", as path_of() makes it. */
static bool read_name(const char *name, uint64_t *hash, uint64_t *offset)
{
    struct str text = str_of(name);
    const size_t digits = 16;
    if (text.len <= digits + 1 || name[digits] != '-' || !str_ends(text, STR(SUFFIX)))
        return false;
    *hash = 0;
    for (size_t i = 0; i < digits; i++) {
        const char *digit = memchr(hex_digits, name[i], sizeof(hex_digits) - 1);
        if (digit == NULL)
            return false;
        *hash = *hash << 4 | (uint64_t)(digit - hex_digits);
    }
    return str_to_u64(str_make(name + digits + 1, text.len - digits - 1 - strlen(SUFFIX)), offset, NULL);
}

static void take_entry(struct cache *cache, const char *name)
{
    char path[TIER_PATH_BYTES];
    uint64_t hash, offset;
    struct stat status;
    snprintf(path, sizeof(path), "%s/%s", cache->dir, name);
    if (read_name(name, &hash, &offset) && stat(path, &status) == 0)
        note(cache, hash, offset, (uint64_t)status.st_size);
    else if (name[0] != '.')
        unlink(path);
}

struct cache *cache_open(const char *dir, uint64_t disk_bytes, uint64_t memory_bytes, struct error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(dir, &entries, NULL, NULL);
    if (count < 0) {
        error_errno(err, errno, "read %s", dir);
        return NULL;
    }
    struct cache *cache = mem_zalloc(sizeof(*cache));
    cache->dir = mem_strdup(dir);
    cache->disk_limit = disk_bytes;
    cache->memory_limit = memory_bytes;
    list_init(&cache->chunks);
    list_init(&cache->ranges);
    pthread_mutex_init(&cache->lock, NULL);
    for (int i = 0; i < count; i++) {
        take_entry(cache, entries[i]->d_name);
        free(entries[i]); /* the C library's, as the next one */
    }
    free(entries);
    return cache;
}

void cache_close(struct cache *cache)
{
    if (cache == NULL)
        return;
    while (!list_empty(&cache->chunks))
        let_go(cache, held_at(cache->chunks.next));
    while (!list_empty(&cache->ranges)) {
        struct range_file *range = range_at(cache->ranges.next);
        list_remove(&range->link);
        mem_free(range);
    }
    map_free(&cache->by_place);
    pthread_mutex_destroy(&cache->lock);
    mem_free(cache->dir);
    mem_free(cache);
}

/* See positions.h. In the catalog a position is a row (station, reader, value); the value of a reader is its offset, 8
 * bytes LE, that of a group belongs to groups.c.
 *
 * One write of a position is with the catalog at a time; what moves meanwhile is written when it comes back. So the
 * slower the disk, the fewer writes. A deletion is submitted behind the last write of its position and before the
 * first of one with the same name: all are submitted under one lock, and the catalog keeps their order. */
#include "station/positions.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#include <errno.h>
#include <time.h>

#define RETRY_MS           1000
#define READER_VALUE_BYTES 8

static struct str station_of(const struct position *position)
{
    return str_of(position->station);
}

static enum position_kind kind_of(const struct position *position)
{
    return (enum position_kind)position->reader.data[0];
}

static void free_position(struct position *position)
{
    mem_free(position->station);
    buf_free(&position->reader);
    buf_free(&position->value);
    buf_free(&position->writing);
    mem_free(position);
}

/* ---- Writing --------------------------------------------------------------------------------------------- */

static void note_idle(struct positions *positions)
{
    if (positions->busy == 0 && list_empty(&positions->moved) && list_empty(&positions->deleting))
        pthread_cond_broadcast(&positions->idle);
}

static void note_moved(struct position *position, bool urgent)
{
    struct positions *positions = position->store;
    if (position->deleting)
        return;
    position->stored = true;
    if (!list_linked(&position->link))
        list_append(&positions->moved, &position->link);
    if (urgent)
        positions->urgent = true;
    pthread_cond_signal(&positions->changed);
}

/* On the catalog's writer thread. */
static void put_done(struct catalog_write *write, const struct error *err)
{
    struct position *position = CONTAINER_OF(write, struct position, put);
    struct positions *positions = position->store;
    pthread_mutex_lock(&positions->lock);
    position->busy = false;
    positions->busy--;
    if (err != NULL && !position->deleting) {
        if (!positions->failing)
            LOG_WARNING("positions of readers are not on disk: tried again", LOG_ERROR_OF(err));
        if (!positions->stopping)
            note_moved(position, false);
    }
    positions->failing = err != NULL;
    pthread_cond_signal(&positions->changed); /* run() may wait for it at the stop */
    note_idle(positions);
    pthread_mutex_unlock(&positions->lock);
}

static void delete_done(struct catalog_write *write, const struct error *err)
{
    struct position *position = CONTAINER_OF(write, struct position, delete);
    struct positions *positions = position->store;
    pthread_mutex_lock(&positions->lock);
    positions->busy--;
    if (err != NULL && !positions->stopping)
        list_append(&positions->deleting, &position->link);
    else
        free_position(position); /* its last put came back before */
    note_idle(positions);
    pthread_mutex_unlock(&positions->lock);
}

static bool submit_put(struct position *position)
{
    struct positions *positions = position->store;
    atomic_store_explicit(&position->moved, false, memory_order_seq_cst);
    buf_reset(&position->writing);
    if (kind_of(position) == POSITION_READER) {
        uint64_t offset = atomic_load_explicit(&position->offset, memory_order_seq_cst);
        uint8_t bytes[READER_VALUE_BYTES];
        for (unsigned i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)(offset >> (8 * i));
        buf_append(&position->writing, bytes, sizeof(bytes));
    } else {
        buf_append_str(&position->writing, buf_str(&position->value));
    }
    position->put = (struct catalog_write){
        .kind = CATALOG_POSITION_PUT,
        .key = station_of(position),
        .filter = buf_str(&position->reader),
        .value = buf_str(&position->writing),
        .done = put_done,
    };
    if (!catalog_submit(positions->catalog, &position->put, NULL))
        return false;
    position->busy = true;
    positions->busy++;
    return true;
}

static bool submit_delete(struct position *position)
{
    position->delete = (struct catalog_write){
        .kind = CATALOG_POSITION_DELETE,
        .key = station_of(position),
        .filter = buf_str(&position->reader),
        .done = delete_done,
    };
    if (!catalog_submit(position->store->catalog, &position->delete, NULL))
        return false;
    position->store->busy++;
    return true;
}

/* Under the lock. False: the catalog's queue is full, or the positions are with it. */
static bool submit_all(struct positions *positions)
{
    while (!list_empty(&positions->deleting)) {
        struct position *position = CONTAINER_OF(positions->deleting.next, struct position, link);
        list_remove(&position->link);
        if (!submit_delete(position)) {
            list_prepend(&positions->deleting, &position->link);
            return false;
        }
    }
    bool all = true;
    LIST_EACH_SAFE(it, &positions->moved)
    {
        struct position *position = CONTAINER_OF(it, struct position, link);
        if (position->busy) {
            all = false;
            continue;
        }
        list_remove(&position->link);
        if (!submit_put(position)) {
            list_prepend(&positions->moved, &position->link);
            return false;
        }
    }
    return all;
}

static bool has_work(const struct positions *positions)
{
    return !list_empty(&positions->moved) || !list_empty(&positions->deleting);
}

/* Waits at most ms, less if it becomes urgent. Real time, also under a fake clock. */
static void wait_some(struct positions *positions, int64_t ms)
{
    const struct timespec until = cond_in_ms(ms);
    while (!positions->urgent && !positions->stopping &&
           pthread_cond_timedwait(&positions->changed, &positions->lock, &until) != ETIMEDOUT)
        ;
}

static void *run(void *arg)
{
    struct positions *positions = arg;
    pthread_mutex_lock(&positions->lock);
    while (!positions->stopping || has_work(positions)) {
        if (!has_work(positions)) {
            pthread_cond_wait(&positions->changed, &positions->lock);
            continue;
        }
        wait_some(positions, positions->failing ? RETRY_MS : POSITIONS_LAG_MS);
        positions->urgent = false;
        if (!submit_all(positions) && positions->stopping && positions->busy > 0)
            pthread_cond_wait(&positions->changed, &positions->lock); /* put_done() signals */
    }
    pthread_mutex_unlock(&positions->lock);
    return NULL;
}

/* ---- Life ------------------------------------------------------------------------------------------------ */

struct key {
    struct str station;
    struct str reader;
};

static uint64_t hash_of(const struct key *key)
{
    return hash_bytes(key->station.data, key->station.len) * 31 +
           hash_bytes(key->reader.data, key->reader.len);
}

static bool has_key(const void *item, const void *wanted)
{
    const struct position *position = item;
    const struct key *key = wanted;
    return str_equal(station_of(position), key->station) &&
           str_equal(buf_str(&position->reader), key->reader);
}

static struct position *add(struct positions *positions, const struct key *key)
{
    struct position *position = mem_zalloc(sizeof(*position));
    position->store = positions;
    position->station = str_dup(key->station);
    position->hash = hash_of(key);
    buf_append_str(&position->reader, key->reader);
    map_insert(&positions->all, position->hash, position);
    return position;
}

static bool load(struct str station, struct str reader, struct str value, void *arg)
{
    const struct key key = {station, reader};
    bool is_reader = reader.len > 0 && reader.data[0] == POSITION_READER && value.len == READER_VALUE_BYTES;
    bool is_group = reader.len > 1 && reader.data[0] == POSITION_GROUP;
    if (!is_reader && !is_group) {
        LOG_WARNING("a stored position is none, and is not used", LOG_STR("station", station));
        return true;
    }
    struct position *position = add(arg, &key);
    position->stored = true;
    if (is_group) {
        buf_append_str(&position->value, value);
        return true;
    }
    uint64_t offset = 0;
    for (unsigned i = 0; i < READER_VALUE_BYTES; i++)
        offset |= (uint64_t)(uint8_t)value.data[i] << (8 * i);
    atomic_store_explicit(&position->offset, offset, memory_order_relaxed);
    return true;
}

bool positions_open(struct positions *positions, struct catalog *catalog, struct error *err)
{
    *positions = (struct positions){.catalog = catalog};
    pthread_mutex_init(&positions->lock, NULL);
    cond_init_monotonic(&positions->changed);
    pthread_cond_init(&positions->idle, NULL);
    list_init(&positions->moved);
    list_init(&positions->deleting);
    if (!catalog_position_each(catalog, load, positions, err))
        return false;
    positions->started = thread_start(&positions->thread, "positions", run, positions, err);
    return positions->started;
}

void positions_flush(struct positions *positions)
{
    pthread_mutex_lock(&positions->lock);
    positions->urgent = true;
    pthread_cond_signal(&positions->changed);
    while (!positions->failing &&
           (positions->busy > 0 || !list_empty(&positions->moved) || !list_empty(&positions->deleting)))
        pthread_cond_wait(&positions->idle, &positions->lock);
    pthread_mutex_unlock(&positions->lock);
}

void positions_close(struct positions *positions)
{
    if (positions->started) {
        pthread_mutex_lock(&positions->lock);
        positions->stopping = true;
        pthread_cond_signal(&positions->changed);
        pthread_mutex_unlock(&positions->lock);
        pthread_join(positions->thread, NULL);
        catalog_flush(positions->catalog);
    }
    struct position *position;
    for (size_t i = 0; (position = map_next(&positions->all, &i)) != NULL;)
        free_position(position);
    map_free(&positions->all);
    pthread_cond_destroy(&positions->changed);
    pthread_cond_destroy(&positions->idle);
    pthread_mutex_destroy(&positions->lock);
}

struct position *position_claim(struct positions *positions, enum position_kind kind, struct str station,
                                struct str name, struct str filter, bool *found)
{
    struct buf reader = {0};
    buf_append_byte(&reader, (uint8_t)kind);
    if (kind == POSITION_READER) {
        buf_append_byte(&reader, (uint8_t)name.len);
        buf_append_byte(&reader, (uint8_t)(name.len >> 8));
    }
    buf_append_str(&reader, name);
    buf_append_str(&reader, filter);
    const struct key key = {station, buf_str(&reader)};
    pthread_mutex_lock(&positions->lock);
    struct position *position = map_find(&positions->all, hash_of(&key), has_key, &key);
    *found = position != NULL && position->stored;
    if (position == NULL)
        position = add(positions, &key);
    if (position->claimed)
        position = NULL;
    else
        position->claimed = true;
    pthread_mutex_unlock(&positions->lock);
    buf_free(&reader);
    return position;
}

void position_release(struct position *position)
{
    struct positions *positions = position->store;
    pthread_mutex_lock(&positions->lock);
    position->claimed = false;
    if (!position->stored) { /* it has never moved */
        map_remove_item(&positions->all, position->hash, position);
        free_position(position);
    }
    pthread_mutex_unlock(&positions->lock);
}

/* Under the lock. */
static void forget(struct position *position)
{
    struct positions *positions = position->store;
    map_remove_item(&positions->all, position->hash, position);
    list_remove(&position->link);
    if (!position->stored) {
        free_position(position);
        return;
    }
    position->deleting = true;
    if (!list_empty(&positions->deleting) || !submit_delete(position)) {
        list_append(&positions->deleting, &position->link);
        pthread_cond_signal(&positions->changed);
    }
}

void position_forget(struct position *position)
{
    struct positions *positions = position->store;
    pthread_mutex_lock(&positions->lock);
    forget(position);
    pthread_mutex_unlock(&positions->lock);
}

void positions_drop(struct positions *positions, bool unclaimed_readers,
                    bool (*keep)(struct str station, void *arg), void *arg)
{
    struct buf gone = {0}; /* pointers: the map does not change while it is walked */
    pthread_mutex_lock(&positions->lock);
    struct position *position;
    for (size_t i = 0; (position = map_next(&positions->all, &i)) != NULL;) {
        bool orphan = unclaimed_readers && kind_of(position) == POSITION_READER && !position->claimed;
        if (orphan || (!position->claimed && !keep(station_of(position), arg)))
            buf_append(&gone, &position, sizeof(position));
    }
    for (size_t at = 0; at < gone.len; at += sizeof(position)) {
        memcpy(&position, gone.data + at, sizeof(position));
        forget(position);
    }
    pthread_mutex_unlock(&positions->lock);
    buf_free(&gone);
}

void positions_each_group(struct positions *positions,
                          void (*each)(struct str station, struct str group, struct str value, void *arg),
                          void *arg)
{
    struct position *position;
    for (size_t i = 0; (position = map_next(&positions->all, &i)) != NULL;) {
        if (kind_of(position) != POSITION_GROUP)
            continue;
        each(station_of(position), str_make(position->reader.data + 1, position->reader.len - 1),
             buf_str(&position->value), arg);
    }
}

void position_move(struct position *position, uint64_t offset, bool urgent)
{
    atomic_store_explicit(&position->offset, offset, memory_order_seq_cst);
    /* Pairs with submit_put(): either this sees `moved` cleared, or the write sees this offset. */
    if (atomic_exchange_explicit(&position->moved, true, memory_order_seq_cst) && !urgent)
        return;
    pthread_mutex_lock(&position->store->lock);
    note_moved(position, urgent);
    pthread_mutex_unlock(&position->store->lock);
}

void position_set(struct position *position, struct str value, bool urgent)
{
    pthread_mutex_lock(&position->store->lock);
    buf_reset(&position->value);
    buf_append_str(&position->value, value);
    note_moved(position, urgent);
    pthread_mutex_unlock(&position->store->lock);
}

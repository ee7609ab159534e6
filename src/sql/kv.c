/* Keys and values as bytes, in SHARD_COUNT hash tables with a lock each.
 *
 *     item     struct kv_item, key, value: both as sql_pack() writes them
 *
 * A get copies the bytes into the scope under the lock and makes the value of them
 * after it. */
#include "sql/kv.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "sql/pack.h"

#include <pthread.h>
#include <stdatomic.h>

#define SHARD_COUNT 16
#define SLOT_BYTES  (2 * sizeof(struct map_slot)) /* of an item in its table, at worst */

struct kv_item {
    uint32_t key_len;
    uint32_t value_len;
    char bytes[]; /* key, value */
};

struct shard {
    pthread_mutex_t lock;
    struct map items; /* of struct kv_item; lock */
};

#define SHARD                             \
    {                                     \
        .lock = PTHREAD_MUTEX_INITIALIZER \
    }
#define FOUR_SHARDS SHARD, SHARD, SHARD, SHARD
static struct shard shards[SHARD_COUNT] = {FOUR_SHARDS, FOUR_SHARDS, FOUR_SHARDS, FOUR_SHARDS};
/* Relaxed: bounds that nothing else hangs on. */
static _Atomic size_t bytes_used;
static _Atomic size_t bytes_max = SQL_KV_BYTES_DEFAULT;

void sql_kv_set_bytes_max(size_t bytes)
{
    atomic_store_explicit(&bytes_max, bytes, memory_order_relaxed);
}

size_t sql_kv_bytes(void)
{
    return atomic_load_explicit(&bytes_used, memory_order_relaxed);
}

/* Appends the value as bytes. Errors: ERR_LIMIT. */
static bool put_value(struct buf *buf, const struct sql_value *value, struct error *err)
{
    return sql_pack(buf, value, SQL_KV_ITEM_MAX, NULL) ||
           error_set(err, ERR_LIMIT, "a key and value of the store are larger than %zu bytes",
                     SQL_KV_ITEM_MAX);
}

/* --- The store -------------------------------------------------------------------------------------- */

static size_t item_bytes(size_t key_len, size_t value_len)
{
    return sizeof(struct kv_item) + key_len + value_len + SLOT_BYTES;
}

static bool has_key(const void *item, const void *key)
{
    const struct kv_item *kv = item;
    const struct str *wanted = key;
    return str_equal(str_make(kv->bytes, kv->key_len), *wanted);
}

static void drop(struct kv_item *item)
{
    if (item != NULL)
        atomic_fetch_sub_explicit(&bytes_used, item_bytes(item->key_len, item->value_len),
                                  memory_order_relaxed);
    mem_free(item);
}

static struct shard *shard_of(uint64_t hash)
{
    return &shards[hash >> 60 & (SHARD_COUNT - 1)]; /* the tables go by the low bits */
}

/* Reserves the bytes, or says that there are none. */
static bool reserve(size_t bytes, struct error *err)
{
    size_t most = atomic_load_explicit(&bytes_max, memory_order_relaxed);
    size_t before = atomic_fetch_add_explicit(&bytes_used, bytes, memory_order_relaxed);
    if (bytes <= most && before <= most - bytes)
        return true;
    atomic_fetch_sub_explicit(&bytes_used, bytes, memory_order_relaxed);
    error_set(err, ERR_LIMIT, "the key-value store has its %zu bytes", most);
    return error_hint(err, "delete keys that are not needed with kv_store_del()");
}

bool sql_kv_put(struct sql_scope *scope, const struct sql_value *key, const struct sql_value *value,
                struct error *err)
{
    struct buf *scratch = &scope->scratch;
    size_t key_len = 0;
    bool put = put_value(scratch, key, err);
    key_len = scratch->len;
    put = put && put_value(scratch, value, err);
    size_t value_len = scratch->len - key_len;
    if (!put || !reserve(item_bytes(key_len, value_len), err)) {
        buf_reset(scratch);
        return false;
    }
    struct kv_item *item = mem_alloc(sizeof *item + scratch->len);
    *item = (struct kv_item){(uint32_t)key_len, (uint32_t)value_len};
    memcpy(item->bytes, scratch->data, scratch->len);
    buf_reset(scratch);

    struct str key_bytes = {item->bytes, key_len};
    uint64_t hash = hash_bytes(key_bytes.data, key_bytes.len);
    struct shard *shard = shard_of(hash);
    pthread_mutex_lock(&shard->lock);
    struct kv_item *former = map_remove(&shard->items, hash, has_key, &key_bytes);
    map_insert(&shard->items, hash, item);
    pthread_mutex_unlock(&shard->lock);
    drop(former);
    return true;
}

/* The key as bytes, in the scratch buffer. */
static bool find_shard(struct sql_scope *scope, const struct sql_value *key, struct str *key_bytes,
                       uint64_t *hash, struct shard **shard, struct error *err)
{
    if (!put_value(&scope->scratch, key, err)) {
        buf_reset(&scope->scratch);
        return false;
    }
    *key_bytes = buf_str(&scope->scratch);
    *hash = hash_bytes(key_bytes->data, key_bytes->len);
    *shard = shard_of(*hash);
    return true;
}

bool sql_kv_get(struct sql_scope *scope, const struct sql_value *key, struct sql_value *out, bool *found,
                struct error *err)
{
    struct str key_bytes;
    uint64_t hash;
    struct shard *shard;
    char *copy = NULL;
    if (!find_shard(scope, key, &key_bytes, &hash, &shard, err))
        return false;
    pthread_mutex_lock(&shard->lock);
    const struct kv_item *item = map_find(&shard->items, hash, has_key, &key_bytes);
    *found = item != NULL;
    if (item != NULL)
        copy = sql_alloc(scope, item->value_len, err);
    if (copy != NULL)
        memcpy(copy, item->bytes + item->key_len, item->value_len);
    pthread_mutex_unlock(&shard->lock);
    buf_reset(&scope->scratch);
    return !*found || (copy != NULL && sql_unpack(scope, copy, out, err));
}

bool sql_kv_delete(struct sql_scope *scope, const struct sql_value *key, struct error *err)
{
    struct str key_bytes;
    uint64_t hash;
    struct shard *shard;
    if (!find_shard(scope, key, &key_bytes, &hash, &shard, err))
        return false;
    pthread_mutex_lock(&shard->lock);
    struct kv_item *item = map_remove(&shard->items, hash, has_key, &key_bytes);
    pthread_mutex_unlock(&shard->lock);
    buf_reset(&scope->scratch);
    drop(item);
    return true;
}

void sql_kv_clear(void)
{
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        pthread_mutex_lock(&shards[i].lock);
        struct kv_item *item;
        for (size_t at = 0; (item = map_next(&shards[i].items, &at)) != NULL;)
            drop(item);
        map_free(&shards[i].items);
        pthread_mutex_unlock(&shards[i].lock);
    }
}

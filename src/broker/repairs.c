/* See repairs.h.
 *
 *     a write fails ─▶ repairs_note(): the key, once ─▶ a second later repairs_run(): what does memory say?
 *          ▲                                              has it: PUT (a session with all its subscriptions)
 *          └───────────── fails again ◀──────────────────  has it not: DELETE
 *
 * What memory says is asked on the thread that all writes of this key come from (retained messages: under the lock of
 * their store), so a repair stands in the right order among them, whatever has happened to the key since.
 *
 * When a set is full, or its bytes are used up, the key is dropped and a walk is wanted: a worker reads the keys of all
 * rows, some at a time, and puts them into the sets of their shards as `found`. A found key is removed from the disk if
 * memory does not have it, and left alone if it has. Writes of shards go on meanwhile; what they change is right anyway. */
#include "broker/repairs.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/broker_internal.h"

#define RUN_MAX 2000 /* keys in one run, and in one step of the walk */

struct repair {
    struct list node;
    uint64_t hash;
    enum catalog_table table;
    bool found; /* on the walk: nothing says that it is wrong */
    uint32_t key_len;
    uint32_t filter_len;
    char text[]; /* key, filter */
};

struct search_job {
    struct worker_job job; /* first */
    struct broker *broker;
    atomic_bool wanted; /* a key has been dropped */
    atomic_bool busy;
    /* The worker's, or the ticker's while not busy. */
    bool walking;
    enum catalog_table table;
    struct buf key; /* the last one that is done */
    struct buf filter;
};

static struct str key_of(const struct repair *repair)
{
    return str_make(repair->text, repair->key_len);
}

static struct str filter_of(const struct repair *repair)
{
    return str_make(repair->text + repair->key_len, repair->filter_len);
}

/* ---- The set --------------------------------------------------------------------------------------------- */

void repairs_init(struct repairs *repairs)
{
    pthread_mutex_init(&repairs->lock, NULL);
    list_init(&repairs->order);
    repairs->max = REPAIRS_MAX;
}

void repairs_free(struct repairs *repairs)
{
    LIST_EACH_SAFE(it, &repairs->order)
    mem_free(CONTAINER_OF(it, struct repair, node));
    map_free(&repairs->keys);
    pthread_mutex_destroy(&repairs->lock);
}

struct repair_key {
    enum catalog_table table;
    struct str key, filter;
};

static bool is_repair(const void *item, const void *key)
{
    const struct repair *repair = item;
    const struct repair_key *wanted = key;
    return repair->table == wanted->table && str_equal(key_of(repair), wanted->key) &&
           str_equal(filter_of(repair), wanted->filter);
}

/* Locked. False: no room. */
static bool add(struct repairs *repairs, const struct repair_key *key, bool found)
{
    uint64_t hash = hash_bytes(key->key.data, key->key.len) ^
                    hash_u64(hash_bytes(key->filter.data, key->filter.len) + key->table);
    struct repair *repair = map_find(&repairs->keys, hash, is_repair, key);
    if (repair != NULL) {
        repair->found &= found;
        return true;
    }
    size_t bytes = sizeof(*repair) + key->key.len + key->filter.len;
    if (repairs->keys.count >= repairs->max || repairs->bytes + bytes > REPAIRS_BYTES_MAX)
        return false;
    repair = mem_zalloc(bytes);
    repair->hash = hash;
    repair->table = key->table;
    repair->found = found;
    repair->key_len = (uint32_t)key->key.len;
    repair->filter_len = (uint32_t)key->filter.len;
    memcpy(repair->text, key->key.data, key->key.len);
    if (key->filter.len > 0)
        memcpy(repair->text + key->key.len, key->filter.data, key->filter.len);
    repairs->bytes += bytes;
    map_insert(&repairs->keys, hash, repair);
    list_append(&repairs->order, &repair->node);
    return true;
}

void repairs_note(struct shard *shard, enum catalog_table table, struct str key, struct str filter,
                  bool again)
{
    struct repairs *repairs = &shard->repairs;
    const struct repair_key wanted = {table, key, filter};
    pthread_mutex_lock(&repairs->lock);
    bool kept = add(repairs, &wanted, false);
    repairs->failing |= again;
    pthread_mutex_unlock(&repairs->lock);
    if (!kept && !atomic_exchange(&shard->broker->search->wanted, true))
        LOG_WARNING("too many writes have failed: the whole catalog will be compared with memory");
}

void repairs_succeeded(struct shard *shard)
{
    pthread_mutex_lock(&shard->repairs.lock);
    shard->repairs.failing = false;
    pthread_mutex_unlock(&shard->repairs.lock);
}

static bool is_empty(struct repairs *repairs)
{
    pthread_mutex_lock(&repairs->lock);
    bool empty = repairs->keys.count == 0;
    pthread_mutex_unlock(&repairs->lock);
    return empty;
}

/* ---- Repairing ------------------------------------------------------------------------------------------- */

struct retained_repair {
    struct shard *shard;
    const struct repair *repair;
};

static void repair_retained(struct message *message, void *arg)
{
    const struct retained_repair *retained = arg;
    if (message != NULL) {
        if (!retained->repair->found)
            persist_repair_retained(retained->shard, message, false);
        return;
    }
    struct message *none = message_new(&(struct publication){.topic = key_of(retained->repair)});
    persist_repair_retained(retained->shard, none, true);
    message_unref(none);
}

static void repair_one(struct shard *shard, const struct repair *repair)
{
    struct session *session = session_find(shard, key_of(repair), client_hash(key_of(repair)));
    bool kept = session != NULL && session->persisted;
    switch (repair->table) {
    case CATALOG_TABLE_RETAINED: {
        struct retained_repair retained = {shard, repair};
        retained_look(shard->broker->retained, key_of(repair), repair_retained, &retained);
        break;
    }
    case CATALOG_TABLE_SESSIONS:
        if (!kept || !repair->found)
            persist_repair_session(shard, key_of(repair), kept ? session : NULL);
        break;
    case CATALOG_TABLE_SUBSCRIPTIONS: {
        struct topic_filter filter;
        struct subscribe_options options;
        bool has = kept && topic_filter_parse(filter_of(repair), &filter) &&
                   router_subscription_get(shard->broker->router, &session->subscriber, &filter, &options);
        if (!has || !repair->found)
            persist_repair_subscription(shard, key_of(repair), filter_of(repair), has ? &options : NULL);
        break;
    }
    }
}

/* Moves some of the set, the oldest, into `out`. */
static void take(struct repairs *repairs, bool all, struct list *out)
{
    pthread_mutex_lock(&repairs->lock);
    size_t most = all ? SIZE_MAX : repairs->failing ? 1 : RUN_MAX;
    for (size_t i = 0; i < most && !list_empty(&repairs->order); i++) {
        struct repair *repair = CONTAINER_OF(repairs->order.next, struct repair, node);
        map_remove_item(&repairs->keys, repair->hash, repair);
        repairs->bytes -= sizeof(*repair) + repair->key_len + repair->filter_len;
        list_remove(&repair->node);
        list_append(out, &repair->node);
    }
    pthread_mutex_unlock(&repairs->lock);
}

void repairs_run(struct shard *shard, bool all)
{
    struct list taken;
    list_init(&taken);
    take(&shard->repairs, all, &taken);
    LIST_EACH_SAFE(it, &taken)
    {
        struct repair *repair = CONTAINER_OF(it, struct repair, node);
        repair_one(shard, repair);
        mem_free(repair);
    }
}

/* ---- The walk -------------------------------------------------------------------------------------------- */

struct step {
    struct search_job *search;
    unsigned rows;
    bool full; /* a set has no room for the next key */
};

/* False stops, before this key. */
static bool found_key(struct str key, struct str filter, void *arg)
{
    struct step *step = arg;
    struct search_job *search = step->search;
    struct broker *broker = search->broker;
    unsigned owner = search->table == CATALOG_TABLE_RETAINED ? 0 : broker_shard_of(broker, client_hash(key));
    struct repairs *repairs = &broker->shards[owner].repairs;
    const struct repair_key found = {search->table, key, filter};
    pthread_mutex_lock(&repairs->lock);
    step->full = !add(repairs, &found, true);
    pthread_mutex_unlock(&repairs->lock);
    if (step->full)
        return false;
    step->rows++;
    buf_reset(&search->key);
    buf_append_str(&search->key, key);
    buf_reset(&search->filter);
    buf_append_str(&search->filter, filter);
    return true;
}

static void begin_table(struct search_job *search, enum catalog_table table)
{
    search->table = table;
    buf_reset(&search->key);
    buf_reset(&search->filter);
}

static void walk(struct worker_job *job)
{
    struct search_job *search = (struct search_job *)job;
    struct step step = {.search = search};
    struct error err;
    /* Keys that the callback replaces are read from copies. */
    char *key = str_dup(buf_str(&search->key)), *filter = str_dup(buf_str(&search->filter));
    bool ok = catalog_keys_each(search->broker->catalog, search->table, str_make(key, search->key.len),
                                str_make(filter, search->filter.len), RUN_MAX, found_key, &step, &err);
    mem_free(key);
    mem_free(filter);
    if (!ok) {
        LOG_ERROR("catalog not compared with memory", LOG_ERROR_OF(&err)); /* tried again in a second */
    } else if (step.rows < RUN_MAX && !step.full) {
        if (search->table < CATALOG_TABLE_SUBSCRIPTIONS) {
            begin_table(search, search->table + 1);
        } else {
            search->walking = false;
            LOG_INFO("catalog compared with memory");
        }
    }
    atomic_store(&search->busy, false);
}

void repairs_search_tick(struct search_job *search)
{
    struct broker *broker = search->broker;
    if (atomic_load(&search->busy) || (!search->walking && !atomic_load(&search->wanted)))
        return;
    for (unsigned i = 0; i < broker->shard_count; i++) {
        if (!is_empty(&broker->shards[i].repairs))
            return; /* the disk may still be full */
    }
    if (!search->walking) {
        atomic_store(&search->wanted, false);
        search->walking = true;
        begin_table(search, CATALOG_TABLE_RETAINED);
    }
    atomic_store(&search->busy, true);
    if (!worker_pool_submit(broker->workers, &search->job, NULL))
        atomic_store(&search->busy, false); /* the pool is full: the next tick */
}

struct search_job *repairs_search_new(struct broker *broker)
{
    struct search_job *search = mem_zalloc(sizeof(*search));
    search->job.run = walk;
    search->broker = broker;
    atomic_init(&search->wanted, false);
    atomic_init(&search->busy, false);
    return search;
}

void repairs_search_free(struct search_job *search)
{
    if (search == NULL)
        return;
    buf_free(&search->key);
    buf_free(&search->filter);
    mem_free(search);
}

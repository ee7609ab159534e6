/* Retained messages: see retained.h.
 *
 *     root ─▶ "plant" ─▶ "a" ─▶ "temp"   a node for each level; a node has a message, or children, or both
 *
 * Children are in a hash table by level text. A heap orders the messages that expire. */
#include "broker/retained.h"

#include "base/hash.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "broker/sys_topics.h"
#include "mqtt/topic.h"

#include <pthread.h>

struct node {
    struct node *parent; /* NULL: the root */
    struct message *message;
    struct map children;
    struct heap_node expiry;
    uint64_t hash; /* of the level */
    bool counted;  /* against the limits: all but the broker's own */
    uint16_t level_len;
    char level[];
};

struct retained {
    pthread_mutex_t lock;
    struct node *root;
    struct heap expiring;
    uint64_t count;
    uint64_t bytes;
};

static struct str level_of(const struct node *node)
{
    return str_make(node->level, node->level_len);
}

static bool has_level(const void *item, const void *key)
{
    return str_equal(level_of(item), *(const struct str *)key);
}

static struct node *node_new(struct node *parent, struct str level, uint64_t hash)
{
    struct node *node = mem_zalloc(sizeof(*node) + level.len);
    node->parent = parent;
    node->hash = hash;
    node->level_len = (uint16_t)level.len;
    if (level.len > 0)
        memcpy(node->level, level.data, level.len);
    return node;
}

struct retained *retained_new(void)
{
    struct retained *retained = mem_zalloc(sizeof(*retained));
    pthread_mutex_init(&retained->lock, NULL);
    retained->root = node_new(NULL, STR(""), 0);
    return retained;
}

/* Topics have at most TOPIC_LEVELS_MAX levels, and so has the recursion. */
static void node_free(struct node *node)
{
    struct node *child;
    for (size_t i = 0; (child = map_next(&node->children, &i)) != NULL;)
        node_free(child);
    if (node->message != NULL)
        message_unref(node->message);
    map_free(&node->children);
    mem_free(node);
}

void retained_free(struct retained *retained)
{
    if (retained == NULL)
        return;
    node_free(retained->root);
    heap_free(&retained->expiring);
    pthread_mutex_destroy(&retained->lock);
    mem_free(retained);
}

/* ---- Changing -------------------------------------------------------------------------------------------- */

/* The topic's node; made if `create`, else NULL if there is none. */
static struct node *find(struct retained *retained, struct str topic, bool create)
{
    struct node *node = retained->root;
    struct str level;
    while (topic_next_level(&topic, &level)) {
        uint64_t hash = hash_bytes(level.data, level.len);
        struct node *child = map_find(&node->children, hash, has_level, &level);
        if (child == NULL) {
            if (!create)
                return NULL;
            child = node_new(node, level, hash);
            map_insert(&node->children, hash, child);
        }
        node = child;
    }
    return node;
}

/* Removes nodes that hold nothing any more, from here to the root. */
static void prune(struct node *node)
{
    while (node->parent != NULL && node->message == NULL && node->children.count == 0) {
        struct node *parent = node->parent;
        map_remove_item(&parent->children, node->hash, node);
        map_free(&node->children);
        mem_free(node);
        node = parent;
    }
}

static void clear(struct retained *retained, struct node *node)
{
    if (node->message == NULL)
        return;
    heap_remove(&retained->expiring, &node->expiry);
    retained->count -= node->counted;
    retained->bytes -= node->counted ? message_bytes(node->message) : 0;
    message_unref(node->message);
    node->message = NULL;
}

static void put(struct retained *retained, struct node *node, struct message *message)
{
    clear(retained, node);
    node->message = message_ref(message);
    node->counted = !sys_topics_own(message_topic(message));
    retained->count += node->counted;
    retained->bytes += node->counted ? message_bytes(message) : 0;
    if (message->expires_ms != 0)
        heap_insert(&retained->expiring, &node->expiry, message->expires_ms);
}

/* former: the topic's message until now, or NULL. A message that is not larger than the former one always fits. */
static bool fits(const struct retained *retained, const struct message *former, const struct message *message,
                 const struct retained_limits *limits, struct error *err)
{
    size_t former_bytes = former != NULL ? message_bytes(former) : 0;
    size_t bytes = message_bytes(message);
    if (former == NULL && limits->messages > 0 && retained->count >= limits->messages)
        return error_set(err, ERR_LIMIT, "the limit of %llu retained messages is reached",
                         (unsigned long long)limits->messages);
    if (bytes > former_bytes && limits->bytes > 0 && retained->bytes - former_bytes + bytes > limits->bytes)
        return error_set(err, ERR_LIMIT, "the limit of %llu bytes of retained messages is reached",
                         (unsigned long long)limits->bytes);
    return true;
}

static bool set_locked(struct retained *retained, struct str topic, struct message *message,
                       const struct retained_limits *limits, bool (*first)(void *arg, struct error *err),
                       void *arg, struct error *err)
{
    struct node *node = find(retained, topic, false);
    if (message != NULL && limits != NULL &&
        !fits(retained, node != NULL ? node->message : NULL, message, limits, err))
        return false;
    if (first != NULL && !first(arg, err))
        return false;
    if (message != NULL) {
        put(retained, find(retained, topic, true), message);
    } else if (node != NULL) {
        clear(retained, node);
        prune(node);
    }
    return true;
}

bool retained_set(struct retained *retained, struct str topic, struct message *message,
                  const struct retained_limits *limits, bool (*first)(void *arg, struct error *err),
                  void *arg, struct error *err)
{
    pthread_mutex_lock(&retained->lock);
    bool ok = set_locked(retained, topic, message, limits, first, arg, err);
    pthread_mutex_unlock(&retained->lock);
    return ok;
}

void retained_look(struct retained *retained, struct str topic,
                   void (*look)(struct message *message, void *arg), void *arg)
{
    pthread_mutex_lock(&retained->lock);
    const struct node *node = find(retained, topic, false);
    look(node != NULL ? node->message : NULL, arg);
    pthread_mutex_unlock(&retained->lock);
}

size_t retained_sweep(struct retained *retained, int64_t now_ms, size_t limit,
                      bool (*gone)(struct message *message, void *arg), void *arg)
{
    size_t removed = 0;
    pthread_mutex_lock(&retained->lock);
    for (; removed < limit; removed++) {
        struct heap_node *next = heap_min(&retained->expiring);
        if (next == NULL || next->key > now_ms)
            break;
        struct node *node = CONTAINER_OF(next, struct node, expiry);
        if (gone != NULL && !gone(node->message, arg))
            break;
        clear(retained, node);
        prune(node);
    }
    pthread_mutex_unlock(&retained->lock);
    return removed;
}

/* ---- Searching ------------------------------------------------------------------------------------------- */

struct search {
    int64_t now_ms;
    void (*each)(struct message *message, void *arg);
    void *arg;
};

static void found(const struct search *search, const struct node *node)
{
    if (node->message != NULL &&
        (node->message->expires_ms == 0 || node->message->expires_ms > search->now_ms))
        search->each(node->message, search->arg);
}

/* `$`-topics hide from wildcards in the first level (MQTT 5, 4.7.2). */
static bool hidden(const struct node *parent, const struct node *child)
{
    return parent->parent == NULL && child->level_len > 0 && child->level[0] == '$';
}

static void match_below(const struct search *search, const struct node *node)
{
    const struct node *child;
    for (size_t i = 0; (child = map_next(&node->children, &i)) != NULL;) {
        if (hidden(node, child))
            continue;
        found(search, child);
        match_below(search, child);
    }
}

static void match(const struct search *search, const struct node *node, struct str filter)
{
    struct str level;
    if (!topic_next_level(&filter, &level)) {
        found(search, node);
        return;
    }
    if (str_is(level, "#")) {
        if (node->parent != NULL)
            found(search, node); /* `a/#` reaches `a` */
        match_below(search, node);
        return;
    }
    const struct node *child;
    if (!str_is(level, "+")) {
        child = map_find(&node->children, hash_bytes(level.data, level.len), has_level, &level);
        if (child != NULL)
            match(search, child, filter);
        return;
    }
    for (size_t i = 0; (child = map_next(&node->children, &i)) != NULL;) {
        if (!hidden(node, child))
            match(search, child, filter);
    }
}

void retained_match(struct retained *retained, struct str filter, int64_t now_ms,
                    void (*each)(struct message *message, void *arg), void *arg)
{
    struct search search = {.now_ms = now_ms, .each = each, .arg = arg};
    pthread_mutex_lock(&retained->lock);
    match(&search, retained->root, filter);
    pthread_mutex_unlock(&retained->lock);
}

/* ---- Walking in slices ----------------------------------------------------------------------------------- */

struct walk {
    int64_t now_ms;
    size_t nodes_left;
    struct buf *after;
    bool (*each)(struct message *message, void *arg);
    void *arg;
};

/* False: the slice ends behind this node. */
static bool show(struct walk *walk, const struct node *node)
{
    struct message *message = node->message;
    walk->nodes_left -= walk->nodes_left > 0;
    if (message == NULL || (message->expires_ms != 0 && message->expires_ms <= walk->now_ms))
        return true;
    bool more = walk->each(message, walk->arg) && walk->nodes_left > 0;
    if (!more) {
        buf_reset(walk->after);
        buf_append_str(walk->after, message_topic(message));
    }
    return more;
}

/* `behind`: levels below the node that lead to where the last slice ended; NULL data: all of it. */
static bool walk_below(struct walk *walk, const struct node *node, struct str behind)
{
    size_t position = 0;
    struct str level;
    if (behind.data != NULL && node->children.count > 0) {
        topic_next_level(&behind, &level);
        uint64_t hash = hash_bytes(level.data, level.len);
        const struct map_slot *slot = map_find_slot(&node->children, hash, has_level, &level);
        if (slot != NULL && !walk_below(walk, slot->item, behind))
            return false;
        position =
            slot != NULL ? (size_t)(slot - node->children.slots) + 1 : (size_t)hash & node->children.mask;
    }
    const struct node *child;
    while ((child = map_next(&node->children, &position)) != NULL) {
        if (!show(walk, child) || !walk_below(walk, child, STR_NONE))
            return false;
    }
    return true;
}

bool retained_walk(struct retained *retained, struct buf *after, int64_t now_ms, size_t nodes_max,
                   bool (*each)(struct message *message, void *arg), void *arg)
{
    struct walk walk = {.now_ms = now_ms, .nodes_left = nodes_max, .after = after, .each = each, .arg = arg};
    struct buf from = {0}; /* the slice's end goes into `after` while its begin is still in use */
    buf_append_str(&from, buf_str(after));
    pthread_mutex_lock(&retained->lock);
    bool finished = walk_below(&walk, retained->root, from.len > 0 ? buf_str(&from) : STR_NONE);
    pthread_mutex_unlock(&retained->lock);
    buf_free(&from);
    return !finished;
}

uint64_t retained_count(struct retained *retained)
{
    pthread_mutex_lock(&retained->lock);
    uint64_t count = retained->count;
    pthread_mutex_unlock(&retained->lock);
    return count;
}

uint64_t retained_bytes(struct retained *retained)
{
    pthread_mutex_lock(&retained->lock);
    uint64_t bytes = retained->bytes;
    pthread_mutex_unlock(&retained->lock);
    return bytes;
}

/* See exchanges.h. A table by session and packet identifier, and a list in the order of time, from which the oldest expire. */
#include "station/exchanges.h"

#include "base/hash.h"
#include "base/mem.h"

struct known {
    struct list link; /* exchanges.by_time */
    uint64_t session;
    uint64_t content;
    int64_t time_ms;
    uint32_t number;
    uint16_t packet_id;
};

void exchanges_init(struct exchanges *exchanges)
{
    *exchanges = (struct exchanges){.max = EXCHANGES_MAX};
    pthread_mutex_init(&exchanges->lock, NULL);
    list_init(&exchanges->by_time);
}

static uint64_t hash_of(uint64_t session, uint16_t packet_id)
{
    return hash_u64(session << 16 ^ packet_id);
}

uint64_t exchanges_content(const struct station_message *message)
{
    uint64_t hash = hash_stable(message->topic.data, message->topic.len);
    hash = hash * 31 + hash_stable(message->props.data, message->props.len);
    return hash * 31 + hash_stable(message->payload.data, message->payload.len);
}

static bool is_of(const void *item, const void *key)
{
    const struct known *known = item;
    const struct publication_exchange *exchange = key;
    return known->session == exchange->session && known->packet_id == exchange->packet_id;
}

static struct known *find(struct exchanges *exchanges, const struct publication_exchange *exchange)
{
    return map_find(&exchanges->all, hash_of(exchange->session, exchange->packet_id), is_of, exchange);
}

static void forget(struct exchanges *exchanges, struct known *known)
{
    map_remove_item(&exchanges->all, hash_of(known->session, known->packet_id), known);
    list_remove(&known->link);
    mem_free(known);
}

static void note_count(struct exchanges *exchanges)
{
    atomic_store_explicit(&exchanges->count, exchanges->all.count, memory_order_relaxed);
}

static struct known *oldest(struct exchanges *exchanges)
{
    return CONTAINER_OF(exchanges->by_time.next, struct known, link);
}

void exchanges_free(struct exchanges *exchanges)
{
    while (!list_empty(&exchanges->by_time))
        forget(exchanges, oldest(exchanges));
    map_free(&exchanges->all);
    pthread_mutex_destroy(&exchanges->lock);
}

void exchanges_add(struct exchanges *exchanges, const struct station_message *message, int64_t time_ms)
{
    exchanges_add_hashed(exchanges, &message->exchange, exchanges_content(message), time_ms);
}

void exchanges_add_hashed(struct exchanges *exchanges, const struct publication_exchange *exchange,
                          uint64_t content, int64_t time_ms)
{
    pthread_mutex_lock(&exchanges->lock);
    struct known *known = find(exchanges, exchange);
    if (known == NULL) {
        known = mem_alloc(sizeof(*known));
        *known = (struct known){.session = exchange->session, .packet_id = exchange->packet_id};
        map_insert(&exchanges->all, hash_of(exchange->session, exchange->packet_id), known);
    } else {
        list_remove(&known->link);
    }
    known->number = exchange->number;
    known->content = content;
    known->time_ms = time_ms;
    list_append(&exchanges->by_time, &known->link);
    if (exchanges->all.count > exchanges->max)
        forget(exchanges, oldest(exchanges));
    note_count(exchanges);
    pthread_mutex_unlock(&exchanges->lock);
}

bool exchanges_have(struct exchanges *exchanges, const struct station_message *message, int64_t now_ms,
                    int64_t window_ms)
{
    if (exchanges_count(exchanges) == 0)
        return false;
    uint64_t content = exchanges_content(message);
    pthread_mutex_lock(&exchanges->lock);
    const struct known *known = find(exchanges, &message->exchange);
    bool have = known != NULL && known->number == message->exchange.number && known->content == content &&
                known->time_ms + window_ms > now_ms;
    pthread_mutex_unlock(&exchanges->lock);
    return have;
}

void exchanges_expire(struct exchanges *exchanges, int64_t now_ms, int64_t window_ms)
{
    if (exchanges_count(exchanges) == 0)
        return;
    pthread_mutex_lock(&exchanges->lock);
    while (!list_empty(&exchanges->by_time) && oldest(exchanges)->time_ms + window_ms <= now_ms)
        forget(exchanges, oldest(exchanges));
    if (list_empty(&exchanges->by_time))
        map_free(&exchanges->all);
    note_count(exchanges);
    pthread_mutex_unlock(&exchanges->lock);
}

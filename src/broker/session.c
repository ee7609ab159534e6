/* What outlives a connection: subscriptions, queue, in-flight messages, the will, and when it all ends.
 *
 * A session is made by CONNECT or from the catalog at the start, and lives on the shard of its client id. While its
 * client is away it waits for the first of: the client comes back (attach), the will's delay passes, the session
 * expires (end). Its row in the catalog exists as long as it is to survive a restart. */
#include "broker/broker_internal.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

/* While the client is away. */
struct session_away {
    struct session *session;
    struct timer expiry;
    struct timer will;
};

static bool has_client_id(const void *item, const void *key)
{
    return str_equal(session_client_id(item), *(const struct str *)key);
}

static struct unsure *find_unsure(const struct session *session)
{
    if (!session->has_unsure)
        return NULL;
    LIST_EACH(it, &session->shard->unsure)
    {
        struct unsure *unsure = CONTAINER_OF(it, struct unsure, link);
        if (unsure->session == session)
            return unsure;
    }
    return NULL;
}

static void drop_unsure(struct session *session)
{
    struct unsure *unsure = find_unsure(session);
    if (unsure == NULL)
        return;
    list_remove(&unsure->link);
    packet_id_set_clear(&unsure->ids);
    mem_free(unsure);
    session->has_unsure = false;
}

void session_set_unsure(struct session *session)
{
    if (session->received.count == 0)
        return;
    struct unsure *unsure = mem_zalloc(sizeof(*unsure));
    unsure->session = session;
    for (uint32_t i = 0; i < session->received.count; i++)
        packet_id_set_add(&unsure->ids, session->received.ids[i].id, 0);
    list_append(&session->shard->unsure, &unsure->link);
    session->has_unsure = true;
}

bool session_is_unsure(const struct session *session, uint16_t packet_id)
{
    const struct unsure *unsure = find_unsure(session);
    return unsure != NULL && packet_id_set_has(&unsure->ids, packet_id);
}

void session_is_sure(struct session *session, uint16_t packet_id)
{
    struct unsure *unsure = find_unsure(session);
    if (unsure != NULL && packet_id_set_remove(&unsure->ids, packet_id) && unsure->ids.count == 0)
        drop_unsure(session);
}

bool session_not_received(struct session *session, uint16_t packet_id)
{
    session_is_sure(session, packet_id);
    return packet_id_set_remove(&session->received, packet_id);
}

struct session *session_find(struct shard *shard, struct str client_id, uint64_t hash)
{
    return map_find(&shard->sessions, hash, has_client_id, &client_id);
}

struct session *session_new(struct shard *shard, struct str client_id, uint64_t hash)
{
    struct session *session = mem_zalloc(offsetof(struct session, client_id) + client_id.len);
    session->subscriber.ops = &session_ops;
    session->subscriber.id = shard->next_id;
    session->subscriber.name_hash = hash;
    session->subscriber.reactor = (uint16_t)shard->index;
    atomic_init(&session->subscriber.online, false);
    session->shard = shard;
    session->created_s = (uint32_t)(reactor_wall_ms(shard->reactor) / 1000);
    session->queue.total = &shard->counters.queued_bytes;
    session->inflight.total = &shard->counters.queued_bytes;
    session->client_id_len = (uint16_t)client_id.len;
    memcpy(session->client_id, client_id.data, client_id.len);
    shard->next_id += shard->broker->shard_count;
    map_insert(&shard->sessions, hash, session);
    COUNT(shard, sessions, 1);
    return session;
}

/* Whether it is to survive a restart; counted against sessions.max_sessions. */
static void set_persisted(struct session *session, bool persisted)
{
    if (session->persisted == persisted)
        return;
    session->persisted = persisted;
    _Atomic uint64_t *kept = &session->shard->broker->kept_sessions;
    if (persisted)
        atomic_fetch_add_explicit(kept, 1, memory_order_relaxed);
    else
        atomic_fetch_sub_explicit(kept, 1, memory_order_relaxed);
}

static void away_clear(struct shard *shard, struct session *session)
{
    if (session->away == NULL)
        return;
    timer_clear(shard->reactor, &session->away->expiry);
    timer_clear(shard->reactor, &session->away->will);
    mem_free(session->away);
    session->away = NULL;
}

static void session_free(struct shard *shard, struct session *session)
{
    away_clear(shard, session);
    session_will_drop(session);
    feeds_close(session, FEED_STOPPING); /* unless session_end() has closed them */
    router_unsubscribe_all(shard->broker->router, &session->subscriber);
    COUNT(shard, queued_messages, -(int64_t)session->queue.count);
    session_queue_clear(&session->queue);
    inflight_clear(&session->inflight);
    packet_id_set_clear(&session->received);
    drop_unsure(session);
    receipts_forget(shard, session);
    set_persisted(session, false);
    mem_free(session);
}

void session_end(struct shard *shard, struct session *session)
{
    assert(session->connection == NULL);
    if (session->will != NULL)
        session_will_publish(shard, session); /* the delay ends with the session [MQTT-3.1.3-9] */
    if (session->persisted)
        persist_session_end(shard, session_client_id(session), NULL);
    feeds_close(session, FEED_SESSION_ENDED);
    map_remove_item(&shard->sessions, session->subscriber.name_hash, session);
    COUNT(shard, sessions, -1);
    session_free(shard, session);
}

void session_free_all(struct shard *shard)
{
    struct session *session;
    for (size_t i = 0; (session = map_next(&shard->sessions, &i)) != NULL;)
        session_free(shard, session);
    map_free(&shard->sessions);
}

bool session_subscribe(struct session *session, const struct topic_filter *filter,
                       const struct subscribe_options *options)
{
    bool is_new = router_subscribe(session->shard->broker->router, &session->subscriber, filter, options);
    if (is_new)
        session->filter_bytes += (uint32_t)(filter->filter.len + filter->group.len);
    return is_new;
}

bool session_unsubscribe(struct session *session, struct str text, const struct topic_filter *filter)
{
    if (feed_filter(session->shard->broker, filter))
        return feed_unsubscribe(session, text);
    bool was = router_unsubscribe(session->shard->broker->router, &session->subscriber, filter);
    if (was)
        session->filter_bytes -= (uint32_t)(filter->filter.len + filter->group.len);
    return was;
}

void session_subscriptions_each(struct session *session,
                                bool (*each)(struct str filter, const struct subscribe_options *options,
                                             void *arg),
                                void *arg)
{
    router_subscriptions_each(session->shard->broker->router, &session->subscriber, each, arg);
    feed_each(session, each, arg);
}

bool session_subscription_get(const struct session *session, struct str text,
                              const struct topic_filter *filter, struct subscribe_options *out)
{
    const struct broker *broker = session->shard->broker;
    if (!feed_filter(broker, filter))
        return router_subscription_get(broker->router, &session->subscriber, filter, out);
    const struct feed *feed = feed_find(session, text);
    if (feed != NULL)
        *out = feed->options;
    return feed != NULL;
}

void session_change_options(struct session *session, struct str text, const struct topic_filter *filter,
                            const struct subscribe_options *options)
{
    struct feed *feed = feed_filter(session->shard->broker, filter) ? feed_find(session, text) : NULL;
    if (feed != NULL)
        feed->options = *options;
    else
        session_subscribe(session, filter, options);
}

uint32_t session_subscription_count(const struct session *session)
{
    return session->subscriber.subscription_count + feed_count(session);
}

/* ---- Expiry ---------------------------------------------------------------------------------------------- */

static int64_t expiry_time(const struct session *session, int64_t now_ms)
{
    return session->expiry_s == EXPIRY_NEVER ? 0 : now_ms + (int64_t)session->expiry_s * 1000;
}

/* Subscriptions that were made while the session was not to last. The router is told that it lasts. */
static bool persist_each(struct str filter, const struct subscribe_options *options, void *arg)
{
    struct session *session = arg;
    struct error err;
    struct topic_filter parsed;
    if (topic_filter_parse(filter, &parsed) && !feed_filter(session->shard->broker, &parsed))
        session_subscribe(session, &parsed, options);
    if (!persist_subscription(session->shard, session_client_id(session), filter, options, false, NULL,
                              &err) &&
        shard_may_log(session->shard, LOG_LEVEL_WARNING))
        LOG_WARNING("subscription not kept for a restart", LOG_STR("client_id", session_client_id(session)),
                    LOG_STR("filter", filter), LOG_ERROR_OF(&err));
    return true;
}

/* The row says when the session ends if the broker dies now. While the client is here the time is open, so that a
 * restart counts from its own start. */
void session_set_expiry(struct shard *shard, struct session *session, uint32_t expiry_s)
{
    uint32_t max = shard->settings->sessions.max_expiry_s;
    session->expiry_s = expiry_s < max ? expiry_s : max;
    if (session->expiry_s > 0) {
        if (session->subscriber.number == 0 && shard->journal != NULL)
            session->subscriber.number = journal_next_number(shard->broker->journal);
        persist_session(shard, session_client_id(session), session->subscriber.number, session->expiry_s, 0,
                        NULL);
        if (!session->persisted)
            session_subscriptions_each(session, persist_each, session);
        set_persisted(session, true);
    } else if (session->persisted) {
        persist_session_end(shard, session_client_id(session), NULL);
        set_persisted(session, false);
    }
}

static void expire(struct reactor *reactor, struct timer *timer)
{
    struct session_away *away = CONTAINER_OF(timer, struct session_away, expiry);
    if (shard_may_log(away->session->shard, LOG_LEVEL_DEBUG))
        LOG_DEBUG("session expired", LOG_STR("client_id", session_client_id(away->session)));
    session_end(reactor_user(reactor), away->session);
}

static void will_due(struct reactor *reactor, struct timer *timer)
{
    struct session_away *away = CONTAINER_OF(timer, struct session_away, will);
    session_will_publish(reactor_user(reactor), away->session);
}

/* The client is away from here on; expires_ms (wall clock) is when the session ends, 0: never. */
static void start_waiting(struct shard *shard, struct session *session, int64_t expires_ms)
{
    struct session_away *away = mem_zalloc(sizeof(*away));
    away->session = session;
    away->expiry.fire = expire;
    away->will.fire = will_due;
    session->away = away;
    int64_t now_ms = reactor_now_ms(shard->reactor);
    if (expires_ms != 0)
        timer_set(shard->reactor, &away->expiry, now_ms + expires_ms - reactor_wall_ms(shard->reactor));
    if (session->will != NULL)
        timer_set(shard->reactor, &away->will, now_ms + (int64_t)session->will->delay_s * 1000);
}

static void keep_until(struct shard *shard, struct session *session, int64_t expires_ms)
{
    if (session->persisted)
        persist_session(shard, session_client_id(session), session->subscriber.number, session->expiry_s,
                        expires_ms, NULL);
}

int64_t session_expires_ms(const struct session *session)
{
    const struct shard *shard = session->shard;
    if (session->away == NULL || !heap_contains(&session->away->expiry.node))
        return 0;
    return session->away->expiry.node.key - reactor_now_ms(shard->reactor) + reactor_wall_ms(shard->reactor);
}

struct session *session_restore(struct shard *shard, struct str client_id, uint64_t number, uint32_t expiry_s,
                                int64_t expires_ms)
{
    struct session *session = session_new(shard, client_id, client_hash(client_id));
    bool numberless =
        number == 0 && shard->journal != NULL; /* made without a journal, or before there was one */
    session->subscriber.number = numberless ? journal_next_number(shard->broker->journal) : number;
    session->expiry_s = expiry_s;
    set_persisted(session, true);
    bool was_here = expires_ms == 0 && expiry_s != EXPIRY_NEVER; /* when the broker ended */
    if (was_here)
        expires_ms = expiry_time(session, reactor_wall_ms(shard->reactor));
    if (was_here || numberless)
        keep_until(shard, session, expires_ms);
    start_waiting(shard, session, expires_ms);
    return session;
}

/* ---- The client comes and goes --------------------------------------------------------------------------- */

void session_attach(struct shard *shard, struct session *session, struct connection *connection)
{
    away_clear(shard, session);
    session_will_drop(session); /* it came back before the delay was over [MQTT-3.1.2-8 and 3.1.3.2.2] */
    session->connection = connection;
    session->arrivals++;
    session->changed_s = (uint32_t)(reactor_wall_ms(shard->reactor) / 1000);
    session->discarded = false;
    session->warned = false;
    connection->session = session;
    atomic_store_explicit(&session->subscriber.online, true, memory_order_relaxed);
    feeds_presence(session, true);
}

void session_detach(struct shard *shard, struct session *session)
{
    struct connection *connection = session->connection;
    /* A will that the client might not publish any more is not published for it. */
    bool no_will =
        connection->clean_end ||
        (session->will != NULL && !connection_may_publish(connection, message_topic(session->will->message)));
    session->connection = NULL;
    session->changed_s = (uint32_t)(reactor_wall_ms(shard->reactor) / 1000);
    connection->session = NULL;
    inflight_all_unsent(&session->inflight);
    atomic_store_explicit(&session->subscriber.online, false, memory_order_relaxed);
    feeds_presence(session, false);
    if (no_will)
        session_will_drop(session); /* [MQTT-3.14.4-3] */
    if (session->discarded || session->expiry_s == 0) {
        session_end(shard, session);
        return;
    }
    if (session->will != NULL && session->will->delay_s == 0)
        session_will_publish(shard, session);
    int64_t expires_ms = expiry_time(session, reactor_wall_ms(shard->reactor));
    keep_until(shard, session, expires_ms);
    start_waiting(shard, session, expires_ms);
}

/* ---- Will ------------------------------------------------------------------------------------------------ */

void session_will_drop(struct session *session)
{
    if (session->will == NULL)
        return;
    message_unref(session->will->message);
    mem_free(session->will->username);
    mem_free(session->will);
    session->will = NULL;
}

void session_will_publish(struct shard *shard, struct session *session)
{
    /* The publication is a message of its own: its expiry interval counts from here, the stored one holds it as a
     * length. */
    struct publication publication;
    publication_of_message(session->will->message, &publication);
    publication.message = NULL;
    if (publication.expiry_at > 0)
        publication.expires_ms += reactor_wall_ms(shard->reactor);
    publication.publisher = session;
    publication.will_username = session->will->username;
    publication.publisher_id = session->subscriber.id;
    publication.publisher_hash = session->subscriber.name_hash;
    if (publication.retain)
        publish_retained(shard, &publication);
    publish(shard, &publication, shard_route(shard, publication.topic, TOPIC_LEVELS_MAX));
    publication_end(&publication);
    session_will_drop(session);
}

/* ---- The subscriber -------------------------------------------------------------------------------------- */

static void describe(const struct subscriber *subscriber, struct buf *out)
{
    const struct session *session = (const struct session *)subscriber;
    buf_printf(out, "session %.*s", STR_ARG(session_client_id(session)));
}

const struct subscriber_ops session_ops = {
    .deliver = session_deliver,
    .describe = describe,
};

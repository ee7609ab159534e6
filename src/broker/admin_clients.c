/* Clients and their subscriptions, for operators. */
#include "broker/admin_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/acl.h"

#define SLICE_SLOTS         1024 /* of a shard's map: about the time of a few publishes */
#define SLICE_CLIENTS       256
#define SLICE_SUBSCRIPTIONS 1000

static bool no_client(struct error *err, struct str client_id)
{
    return error_set(err, ERR_NOT_FOUND, "no client %.*s", (int)(client_id.len < 200 ? client_id.len : 200),
                     client_id.data);
}

/* ---- Clients --------------------------------------------------------------------------------------------- */

/* One client, or a slice of all. */
struct clients_call {
    struct admin_call call; /* first */
    struct str client_id;
    struct admin_cursor cursor;
    struct admin_client clients[SLICE_CLIENTS];
    size_t count;
};

static void describe_connection(struct arena *arena, const struct connection *connection,
                                struct admin_client *out)
{
    const struct channel *channel = &connection->channel;
    char peer[CHANNEL_PEER_BYTES];
    channel_peer_text(channel, peer);
    struct str address = str_of(peer);
    address.len = (size_t)(strrchr(peer, ':') - peer);
    if (address.len > 2 && peer[0] == '[')
        address = str_make(peer + 1, address.len - 2);
    out->connected = true;
    out->address = arena_str(arena, address);
    out->username = arena_str(arena, str_of(connection->username));
    out->listener = arena_str(arena, str_of(listener_name(channel_listener(channel))));
    out->port = channel->peer_port;
    out->tls = channel_is_tls(channel);
    out->version = connection->version;
    out->clean_start = connection->clean_start;
    out->bridge = connection->bridge;
    out->superuser = connection->superuser;
    out->keep_alive_s = connection->keep_alive_s;
    out->connected_ms = (int64_t)connection->session->changed_s * 1000;
    out->inflight_max = connection->receive_maximum;
}

static void describe_session(struct arena *arena, struct session *session, struct admin_client *out)
{
    const struct settings *settings = session->shard->settings;
    *out = (struct admin_client){
        .client_id = arena_str(arena, session_client_id(session)),
        .expiry_s = session->expiry_s,
        .created_ms = (int64_t)session->created_s * 1000,
        .left_ms = session->connection == NULL ? (int64_t)session->changed_s * 1000 : 0,
        .subscriptions = session_subscription_count(session),
        .queued = session->queue.count,
        .queued_bytes = session->queue.bytes,
        .inflight = session->inflight.count,
        .inflight_max = settings->sessions.max_inflight,
        .awaiting_rel = session->received.count,
        .awaiting_max = settings->mqtt.receive_maximum,
        .queued_max = settings->sessions.max_queued_messages,
        .subscriptions_max = settings->mqtt.max_subscriptions,
    };
    if (session->connection != NULL)
        describe_connection(arena, session->connection, out);
}

static bool take_client(struct session *session, void *arg)
{
    struct clients_call *call = arg;
    if (call->count == SLICE_CLIENTS)
        return false; /* many of one home: they are left out, not written behind the end */
    describe_session(&call->call.arena, session, &call->clients[call->count++]);
    return call->count < SLICE_CLIENTS - 16;
}

static void slice_clients(struct shard *shard, struct admin_call *admin)
{
    struct clients_call *call = (struct clients_call *)admin;
    struct error err;
    if (admin_walk(shard, &call->cursor, SLICE_SLOTS, take_client, call)) {
        admin_answer(admin, NULL);
        return;
    }
    error_set(&err, ERR_BUSY, "clients come and go too fast to be listed");
    admin_answer(admin, &err);
}

/* The cursor goes on where the last slice ended, on the next shard if that was its last. False: there is no more. */
static bool next_shard(const struct broker *broker, struct admin_cursor *cursor)
{
    if (!cursor->finished)
        return true;
    *cursor = (struct admin_cursor){.shard = cursor->shard + 1};
    return cursor->shard < broker->shard_count;
}

bool admin_clients_each(struct broker *broker, bool (*each)(const struct admin_client *client, void *arg),
                        void *arg, struct error *err)
{
    struct admin_cursor cursor = {0};
    bool more = true, ok = true;
    while (more && ok) {
        struct clients_call *call = admin_call_new(broker, sizeof(*call), slice_clients);
        call->cursor = cursor;
        ok = admin_ask(&call->call, cursor.shard, err);
        for (size_t i = 0; ok && more && i < call->count; i++)
            more = each(&call->clients[i], arg);
        if (ok) {
            cursor = call->cursor;
            more = more && next_shard(broker, &cursor);
        }
        admin_call_free(&call->call);
    }
    return ok;
}

static void get_client(struct shard *shard, struct admin_call *admin)
{
    struct clients_call *call = (struct clients_call *)admin;
    struct error err;
    struct session *session = session_find(shard, call->client_id, client_hash(call->client_id));
    if (session == NULL) {
        no_client(&err, call->client_id);
        admin_answer(admin, &err);
        return;
    }
    describe_session(&admin->arena, session, &call->clients[0]);
    admin_answer(admin, NULL);
}

bool admin_client_get(struct broker *broker, struct str client_id,
                      void (*got)(const struct admin_client *client, void *arg), void *arg, struct error *err)
{
    struct clients_call *call = admin_call_new(broker, sizeof(*call), get_client);
    call->client_id = arena_str(&call->call.arena, client_id);
    bool ok = admin_ask(&call->call, admin_shard_of(broker, client_id), err);
    if (ok)
        got(&call->clients[0], arg);
    admin_call_free(&call->call);
    return ok;
}

/* ---- Kick out -------------------------------------------------------------------------------------------- */

static void kick(struct shard *shard, struct admin_call *admin)
{
    struct clients_call *call = (struct clients_call *)admin;
    struct error err;
    struct session *session = session_find(shard, call->client_id, client_hash(call->client_id));
    if (session == NULL) {
        no_client(&err, call->client_id);
        admin_answer(admin, &err);
        return;
    }
    LOG_INFO("client kicked out", LOG_STR("client_id", call->client_id));
    if (session->connection != NULL) {
        session->discarded = true;
        session_send_away(shard, session, MQTT_ADMINISTRATIVE_ACTION, "kicked out by an operator");
    } else {
        session_end(shard, session);
    }
    admin_answer(admin, NULL);
}

bool admin_client_kick(struct broker *broker, struct str client_id, struct error *err)
{
    struct clients_call *call = admin_call_new(broker, sizeof(*call), kick);
    call->client_id = arena_str(&call->call.arena, client_id);
    bool ok = admin_ask(&call->call, admin_shard_of(broker, client_id), err);
    admin_call_free(&call->call);
    return ok;
}

/* ---- Subscriptions: listing ------------------------------------------------------------------------------ */

struct subscriptions_call {
    struct admin_call call; /* first */
    struct str client_id;
    struct admin_cursor cursor;
    struct admin_subscription *list;
    size_t count;
    size_t cap;
    struct session *session; /* during a visit */
    struct str name;         /* its client id, in the arena */
};

static void subscriptions_free(struct admin_call *admin)
{
    mem_free(((struct subscriptions_call *)admin)->list);
}

static bool take_subscription(struct str filter, const struct subscribe_options *options, void *arg)
{
    struct subscriptions_call *call = arg;
    if (call->count == call->cap) {
        call->cap = call->cap > 0 ? 2 * call->cap : 64;
        call->list = mem_realloc(call->list, call->cap * sizeof(*call->list));
    }
    call->list[call->count++] = (struct admin_subscription){
        .client_id = call->name,
        .filter = arena_str(&call->call.arena, filter),
        .options = *options,
        .kept = call->session->persisted,
    };
    return true;
}

static bool take_session(struct session *session, void *arg)
{
    struct subscriptions_call *call = arg;
    if (session_subscription_count(session) == 0)
        return true;
    call->session = session;
    call->name = arena_str(&call->call.arena, session_client_id(session));
    session_subscriptions_each(session, take_subscription, call);
    return call->count < SLICE_SUBSCRIPTIONS;
}

static void slice_subscriptions(struct shard *shard, struct admin_call *admin)
{
    struct subscriptions_call *call = (struct subscriptions_call *)admin;
    struct error err;
    if (call->client_id.len == 0) {
        if (admin_walk(shard, &call->cursor, SLICE_SLOTS, take_session, call)) {
            admin_answer(admin, NULL);
            return;
        }
        error_set(&err, ERR_BUSY, "clients come and go too fast to be listed");
        admin_answer(admin, &err);
        return;
    }
    struct session *session = session_find(shard, call->client_id, client_hash(call->client_id));
    if (session == NULL) {
        no_client(&err, call->client_id);
        admin_answer(admin, &err);
        return;
    }
    take_session(session, call);
    admin_answer(admin, NULL);
}

static bool each_of(const struct subscriptions_call *call,
                    bool (*each)(const struct admin_subscription *subscription, void *arg), void *arg)
{
    bool more = true;
    for (size_t i = 0; more && i < call->count; i++)
        more = each(&call->list[i], arg);
    return more;
}

static bool of_one_client(struct broker *broker, struct str client_id,
                          bool (*each)(const struct admin_subscription *subscription, void *arg), void *arg,
                          struct error *err)
{
    struct subscriptions_call *call = admin_call_new(broker, sizeof(*call), slice_subscriptions);
    call->call.release = subscriptions_free;
    call->client_id = arena_str(&call->call.arena, client_id);
    bool ok = admin_ask(&call->call, admin_shard_of(broker, client_id), err);
    if (ok)
        each_of(call, each, arg);
    admin_call_free(&call->call);
    return ok;
}

bool admin_subscriptions_each(struct broker *broker, struct str client_id,
                              bool (*each)(const struct admin_subscription *subscription, void *arg),
                              void *arg, struct error *err)
{
    struct admin_cursor cursor = {0};
    bool more = true, ok = true;
    if (client_id.len > 0)
        return of_one_client(broker, client_id, each, arg, err);
    while (more && ok) {
        struct subscriptions_call *call = admin_call_new(broker, sizeof(*call), slice_subscriptions);
        call->call.release = subscriptions_free;
        call->cursor = cursor;
        ok = admin_ask(&call->call, cursor.shard, err);
        if (ok) {
            more = each_of(call, each, arg);
            cursor = call->cursor;
            more = more && next_shard(broker, &cursor);
        }
        admin_call_free(&call->call);
    }
    return ok;
}

/* ---- Subscribing for a client ---------------------------------------------------------------------------- */

struct subscribe_call {
    struct admin_call call; /* first */
    struct str client_id;
    struct str filter;
    struct subscribe_options options;
    struct topic_filter parsed; /* of `filter` */
    bool unsubscribe;
    bool existed;
};

static void settled(struct ack_ticket *ticket, uint8_t reason)
{
    struct error err;
    if (reason < 0x80) {
        admin_answer(ticket->settled_arg, NULL);
        return;
    }
    error_set(&err, ERR_IO, "it is in force, but not on disk");
    error_hint(&err, "the broker's log tells why");
    admin_answer(ticket->settled_arg, &err);
}

/* The answer comes when what was written is on disk. */
static void answer_when_kept(struct session *session, struct subscribe_call *call)
{
    struct error err;
    if (!session->persisted) {
        admin_answer(&call->call, NULL);
        return;
    }
    struct ack_ticket *ticket = ticket_new(session->shard);
    ticket->settled = settled;
    ticket->settled_arg = &call->call;
    persist_subscription(session->shard, session_client_id(session), call->filter, &call->options,
                         call->unsubscribe, ticket, &err);
    ticket_done(ticket, MQTT_SUCCESS);
}

/* Whether the client's own SUBSCRIBE would be granted. Of a client that is away, its rights are judged when it comes back. */
static bool judge(struct session *session, struct subscribe_call *call, struct error *err)
{
    const struct mqtt_settings *mqtt = &session->shard->settings->mqtt;
    const struct topic_filter *filter = &call->parsed;
    if (topic_level_count(filter->filter) > mqtt->max_topic_levels)
        return error_set(err, ERR_INVALID, "the topic filter has too many levels");
    if ((filter->shared && !mqtt->shared_available) || (filter->wildcard && !mqtt->wildcard_available))
        return error_set(err, ERR_INVALID, "the broker's configuration does not allow such a topic filter");
    if (feed_filter(session->shard->broker, filter))
        return error_set(err, ERR_UNSUPPORTED, "such a subscription is for the client itself to make");
    if (session->connection != NULL && !client_may_subscribe(session->connection->acl, filter->filter))
        return error_set(err, ERR_DENIED, "the client may not subscribe this topic filter");
    if (call->options.qos > mqtt->max_qos)
        call->options.qos = mqtt->max_qos;
    return true;
}

static bool subscribe(struct session *session, struct subscribe_call *call, struct error *err)
{
    uint32_t max = session->shard->settings->mqtt.max_subscriptions;
    if (!judge(session, call, err))
        return false;
    bool is_new = session_subscribe(session, &call->parsed, &call->options);
    if (is_new && max > 0 && session->subscriber.subscription_count > max) {
        session_unsubscribe(session, call->filter, &call->parsed);
        return error_set(err, ERR_LIMIT,
                         "the client has %u subscriptions, as many as the configuration allows", max);
    }
    if (!call->parsed.shared &&
        (call->options.retain_handling == 0 || (call->options.retain_handling == 1 && is_new))) {
        session_send_retained(session, call->parsed.filter, &call->options);
        session_pump(session->shard, session);
    }
    answer_when_kept(session, call); /* the call is the asker's from here on */
    return true;
}

static void run_subscribe(struct shard *shard, struct admin_call *admin)
{
    struct subscribe_call *call = (struct subscribe_call *)admin;
    struct error err;
    struct session *session = session_find(shard, call->client_id, client_hash(call->client_id));
    if (session == NULL) {
        no_client(&err, call->client_id);
        admin_answer(admin, &err);
    } else if (call->unsubscribe) {
        call->existed = session_unsubscribe(session, call->filter, &call->parsed);
        answer_when_kept(session, call);
    } else if (!subscribe(session, call, &err)) {
        admin_answer(admin, &err);
    }
}

static struct subscribe_call *subscribe_call_new(struct broker *broker, struct str client_id,
                                                 struct str filter, struct error *err)
{
    struct subscribe_call *call = admin_call_new(broker, sizeof(*call), run_subscribe);
    call->client_id = arena_str(&call->call.arena, client_id);
    call->filter = arena_str(&call->call.arena, filter);
    if (topic_filter_parse(call->filter, &call->parsed))
        return call;
    error_set(err, ERR_INVALID, "\"%.*s\" is no topic filter", (int)(filter.len < 200 ? filter.len : 200),
              filter.data);
    admin_call_free(&call->call);
    return NULL;
}

bool admin_subscribe(struct broker *broker, struct str client_id, struct str filter,
                     const struct subscribe_options *options, uint8_t *granted, struct error *err)
{
    struct subscribe_call *call = subscribe_call_new(broker, client_id, filter, err);
    if (call == NULL)
        return false;
    call->options = *options;
    bool ok = admin_ask(&call->call, admin_shard_of(broker, client_id), err);
    if (ok)
        *granted = call->options.qos;
    admin_call_free(&call->call);
    return ok;
}

bool admin_unsubscribe(struct broker *broker, struct str client_id, struct str filter, bool *existed,
                       struct error *err)
{
    struct subscribe_call *call = subscribe_call_new(broker, client_id, filter, err);
    if (call == NULL)
        return false;
    call->unsubscribe = true;
    bool ok = admin_ask(&call->call, admin_shard_of(broker, client_id), err);
    if (ok)
        *existed = call->existed;
    admin_call_free(&call->call);
    return ok;
}

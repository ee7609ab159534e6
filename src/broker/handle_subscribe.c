/* SUBSCRIBE and UNSUBSCRIBE (MQTT 5, 3.8 to 3.11).
 *
 * Each filter is judged by itself and answered in SUBACK. A granted one is in force at once. Where the session is
 * kept for a restart, SUBACK waits until the subscription is on disk. Retained messages follow SUBACK.
 *
 * A search for retained messages costs as much as the store is large, and one SUBSCRIBE may ask for thousands. So the
 * searches of a shard get SEARCH_NS_PER_TURN of each turn, and who needs more stands in line, unread. */
#include "broker/events_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/acl.h"

#define SEARCH_NS_PER_TURN 2000000
#define SEARCH_PAUSE_MS    1

/* Of one session: filters may have 65,535 bytes each, so their number alone bounds nothing. */
#define FILTER_BYTES_MAX (UINT64_C(64) << 20)

/* A filter that was granted: for its retained messages, or to take it back if the disk fails. */
struct granted {
    char *filter; /* as sent, with $share */
    struct subscribe_options options;
    struct subscribe_options former; /* of the one that it replaces, unless is_new */
    bool send_retained;
    bool is_new;
};

struct held_subscribe {
    uint8_t *reasons;
    const char *why; /* of the first filter that was refused; NULL: none was */
    size_t count;
    struct granted *granted;
    size_t granted_count;
    size_t searched; /* of the granted ones */
    bool answered;
};

void held_subscribe_free(struct held_subscribe *subscribe)
{
    if (subscribe == NULL)
        return;
    for (size_t i = 0; i < subscribe->granted_count; i++)
        mem_free(subscribe->granted[i].filter);
    mem_free(subscribe->granted);
    mem_free(subscribe->reasons);
    mem_free(subscribe);
}

static struct held_subscribe *answer_new(size_t count)
{
    struct held_subscribe *answer = mem_zalloc(sizeof(*answer));
    answer->reasons = mem_zalloc(count);
    answer->granted = mem_zalloc(count * sizeof(*answer->granted));
    answer->count = count;
    return answer;
}

/* ---- Retained messages ----------------------------------------------------------------------------------- */

struct retained_search {
    struct session *session;
    const struct subscribe_options *options;
    uint64_t most; /* entries that the session's queue may have, however often a client asks; 0: no limit */
};

static void push_retained(struct message *message, void *arg)
{
    const struct retained_search *search = arg;
    struct session *session = search->session;
    const struct subscribe_options *options = search->options;
    if (options->no_local && message->publisher_id == session->subscriber.id)
        return;
    if (search->most > 0 && session->queue.count >= search->most) {
        COUNT(session->shard, messages_dropped, 1);
        return;
    }
    struct outgoing outgoing = {
        .message = message_ref(message),
        .qos = options->qos < message->qos ? options->qos : message->qos,
        .retain = true, /* [MQTT-3.3.1-8] */
        .stored = true,
    };
    if (options->id != 0) {
        outgoing.ids = mem_alloc(2 * sizeof(*outgoing.ids));
        outgoing.ids[0] = 1;
        outgoing.ids[1] = options->id;
    }
    session_push(session->shard, session, &outgoing);
}

void session_send_retained(struct session *session, struct str filter,
                           const struct subscribe_options *options)
{
    struct retained *retained = session->shard->broker->retained;
    struct retained_search search = {.session = session, .options = options};
    uint32_t limit = session->shard->settings->sessions.max_queued_messages;
    search.most = limit > 0 ? limit + retained_count(retained) : 0;
    retained_match(retained, filter, reactor_wall_ms(session->shard->reactor), push_retained, &search);
}

/* False: this turn's share of time is used up. */
static bool search_on(struct session *session, struct held_subscribe *answer)
{
    struct shard *shard = session->shard;
    for (; answer->searched < answer->granted_count; answer->searched++) {
        const struct granted *granted = &answer->granted[answer->searched];
        if (!granted->send_retained)
            continue;
        if (shard->search_ns >= SEARCH_NS_PER_TURN)
            return false;
        int64_t begin_ns = clock_mono_ns();
        session_send_retained(session, str_of(granted->filter), &granted->options);
        shard->search_ns += clock_mono_ns() - begin_ns;
    }
    return true;
}

static void stand_in_line(struct shard *shard, struct connection *connection)
{
    connection->searching = true;
    channel_pause(&connection->channel);
    list_append(&shard->searching, &connection_extras(connection)->search);
    timer_set(shard->reactor, &shard->search, reactor_now_ms(shard->reactor) + SEARCH_PAUSE_MS);
}

void search_resume(struct reactor *reactor, struct timer *timer)
{
    struct shard *shard = reactor_user(reactor);
    while (!list_empty(&shard->searching) && shard->search_ns < SEARCH_NS_PER_TURN) {
        struct connection_extras *extras =
            CONTAINER_OF(shard->searching.next, struct connection_extras, search);
        struct connection *connection = extras->connection;
        list_remove(&extras->search);
        held_flush(connection);
        connection_resume(connection);
    }
    if (!list_empty(&shard->searching))
        timer_set(reactor, timer, reactor_now_ms(reactor) + SEARCH_PAUSE_MS);
}

/* ---- The answer ------------------------------------------------------------------------------------------ */

/* The disk has failed: what was granted is taken back, so that client and server agree. From the last to the first, since
 * one SUBSCRIBE may name a filter twice. */
static void take_back(struct session *session, struct held_subscribe *answer)
{
    for (size_t i = answer->granted_count; i-- > 0;) {
        struct granted *granted = &answer->granted[i];
        struct str text = str_of(granted->filter);
        struct topic_filter filter;
        struct subscribe_options now;
        struct error err;
        granted->send_retained = false;
        if (!topic_filter_parse(text, &filter) || !session_subscription_get(session, text, &filter, &now))
            continue; /* it has been unsubscribed, or revoked, meanwhile */
        if (granted->is_new)
            session_unsubscribe(session, text, &filter);
        else
            session_change_options(session, text, &filter, &granted->former);
        persist_subscription(session->shard, session_client_id(session), text, &granted->former,
                             granted->is_new, NULL, &err);
    }
}

/* False: it is larger than the client allows; then without the text [MQTT-3.9.2-1] [MQTT-3.11.2-1]. */
static bool send_answer(struct connection *connection, const struct held *held, const char *text)
{
    const struct held_subscribe *answer = held->subscribe;
    struct buf *out = &connection->session->shard->scratch;
    struct mqtt_properties properties;
    buf_reset(out);
    mqtt_encode_suback(out, connection->version, held->type, held->packet_id,
                       connection_reason_string(connection, text, &properties), answer->reasons,
                       answer->count);
    if (!connection_takes(connection, out->len))
        return false;
    connection_send(connection, out);
    return true;
}

/* False: it is larger than the client takes, whose connection ends. */
static bool answer_send(struct connection *connection, struct held *held)
{
    struct session *session = connection->session;
    struct held_subscribe *answer = held->subscribe;
    answer->answered = true;
    if (held->reason >= 0x80) {
        if (held->type == MQTT_SUBACK)
            take_back(session, answer);
        memset(answer->reasons, MQTT_IMPLEMENTATION_ERROR, answer->count);
        answer->why = mqtt_reason_text(MQTT_IMPLEMENTATION_ERROR);
    }
    if (!send_answer(connection, held, answer->why) && !send_answer(connection, held, NULL)) {
        connection_fail(connection, MQTT_PACKET_TOO_LARGE,
                        "the answer is over the client's maximum packet size");
        return false;
    }
    return true;
}

bool held_subscribe_send(struct connection *connection, struct held *held)
{
    struct session *session = connection->session;
    struct shard *shard = session->shard;
    struct held_subscribe *answer = held->subscribe;
    if (connection->searching && list_linked(&connection->extras->search))
        return false; /* it stands in line; what came home is another acknowledgement's ticket */
    bool its_turn = connection->searching || list_empty(&shard->searching);
    connection->searching = false;
    if ((!answer->answered && !answer_send(connection, held)) || channel_is_closing(&connection->channel))
        return true;
    bool finished = its_turn && search_on(session, answer);
    feeds_start(session);
    session_pump(shard, session);
    if (!finished)
        stand_in_line(shard, connection);
    return finished;
}

static void reply(struct connection *connection, uint8_t type, uint16_t packet_id,
                  struct held_subscribe *answer, struct ack_ticket *ticket)
{
    struct held *held = held_append(connection, type, packet_id, MQTT_SUCCESS, ticket);
    held->subscribe = answer;
    if (ticket != NULL)
        ticket_done(ticket, MQTT_SUCCESS);
    else
        held_flush(connection);
    if (ticket != NULL && disk_congested(connection->session->shard))
        handoff_stall(connection->session->shard, connection);
}

/* ---- SUBSCRIBE ------------------------------------------------------------------------------------------- */

static bool may_subscribe(const struct connection *connection, const struct topic_filter *filter)
{
    return feed_filter(connection->session->shard->broker, filter)
               ? feed_allowed(connection->session, connection->acl, filter)
               : client_may_subscribe(connection->acl, filter->filter);
}

static uint8_t judge(const struct connection *connection, const struct mqtt_subscription *asked,
                     struct topic_filter *filter)
{
    const struct mqtt_settings *mqtt = &connection->session->shard->settings->mqtt;
    if (!topic_filter_parse(asked->filter, filter) ||
        topic_level_count(filter->filter) > mqtt->max_topic_levels)
        return MQTT_BAD_TOPIC_FILTER;
    if (filter->shared && !mqtt->shared_available)
        return MQTT_SHARED_NOT_SUPPORTED;
    if (filter->wildcard && !mqtt->wildcard_available)
        return MQTT_WILDCARD_NOT_SUPPORTED;
    bool may = may_subscribe(connection, filter);
    if (event_wanted(connection->session->shard, EVENT_AUTHZ))
        event_authz(connection, asked->filter, false, asked->qos, may);
    if (!may) {
        COUNT(connection->session->shard, acl_denied, 1);
        return connection->session->shard->settings->acl_denied_reason;
    }
    return asked->qos < mqtt->max_qos ? asked->qos : mqtt->max_qos;
}

static bool too_many(const struct session *session)
{
    uint32_t max = session->shard->settings->mqtt.max_subscriptions;
    return (max > 0 && session_subscription_count(session) > max) || session->filter_bytes > FILTER_BYTES_MAX;
}

/* The user property `start`, for feeds; empty: there is none. */
static struct str start_of(const struct mqtt_properties *properties)
{
    struct str key, value;
    for (size_t position = 0; mqtt_user_property_next(properties->raw, &position, &key, &value);) {
        if (str_is(key, "start"))
            return value;
    }
    return STR("");
}

/* MQTT_SUCCESS, or why it is refused. */
static uint8_t put_in_force(struct session *session, struct str text, const struct topic_filter *filter,
                            const struct mqtt_properties *properties, struct granted *granted,
                            const char **why)
{
    if (!feed_filter(session->shard->broker, filter)) {
        granted->is_new = session_subscribe(session, filter, &granted->options);
        return MQTT_SUCCESS;
    }
    return feed_subscribe(session, text, filter, &granted->options, start_of(properties), false,
                          &granted->is_new, why);
}

/* Puts the subscription in force. Returns the QoS, or why it is refused after all; *why may be set then. */
static uint8_t grant(struct connection *connection, const struct mqtt_subscription *asked,
                     const struct topic_filter *filter, uint8_t qos, const struct mqtt_properties *properties,
                     struct held_subscribe *answer, const char **why)
{
    struct session *session = connection->session;
    struct granted *granted = &answer->granted[answer->granted_count];
    granted->options = (struct subscribe_options){
        .qos = qos,
        .no_local = asked->no_local,
        .retain_as_published = asked->retain_as_published || connection->bridge,
        .retain_handling = asked->retain_handling,
        .id = properties->subscription_id,
    };
    if (session->persisted) /* else nothing is taken back */
        session_subscription_get(session, asked->filter, filter, &granted->former);
    uint8_t reason = put_in_force(session, asked->filter, filter, properties, granted, why);
    if (reason >= 0x80)
        return reason;
    if (granted->is_new && too_many(session)) { /* replacing one needs no room */
        session_unsubscribe(session, asked->filter, filter);
        return MQTT_QUOTA_EXCEEDED;
    }
    granted->filter = str_dup(asked->filter);
    answer->granted_count++;
    /* [MQTT-3.8.4-4, 3.3.1-9 to 3.3.1-11]; never for shared subscriptions (4.8.2). */
    granted->send_retained =
        !filter->shared && !feed_filter(session->shard->broker, filter) &&
        (asked->retain_handling == 0 || (asked->retain_handling == 1 && granted->is_new));
    return qos;
}

/* One write for each granted filter, all under one ticket; and one for the session, since it may be that the one at
 * CONNECT, which nobody waited for, has failed. NULL: the session is not kept. */
static struct ack_ticket *persist_granted(struct session *session, const struct held_subscribe *answer)
{
    if (!session->persisted || answer->granted_count == 0)
        return NULL;
    struct ack_ticket *ticket = ticket_new(session->shard);
    persist_session(session->shard, session_client_id(session), session->subscriber.number, session->expiry_s,
                    0, ticket);
    for (size_t i = 0; i < answer->granted_count; i++) {
        struct error err; /* a full queue fails the ticket, and with it the SUBACK */
        persist_subscription(session->shard, session_client_id(session), str_of(answer->granted[i].filter),
                             &answer->granted[i].options, false, ticket, &err);
    }
    return ticket;
}

/* The reason string speaks of the first one. */
static void note_refusal(struct connection *connection, struct held_subscribe *answer, struct str filter,
                         const char *why)
{
    connection_log_refusal(connection, "subscription refused", filter, why);
    if (answer->why == NULL)
        answer->why = why;
}

void handle_subscribe(struct connection *connection, const struct mqtt_frame *frame)
{
    struct session *session = connection->session;
    struct mqtt_subscribe subscribe;
    uint8_t reason = mqtt_decode_subscribe(frame, connection->version, &subscribe);
    if (reason != MQTT_SUCCESS) {
        connection_fail(connection, reason, NULL);
        return;
    }
    struct held_subscribe *answer = answer_new(subscribe.count);
    struct mqtt_subscription asked;
    size_t position = 0;
    for (size_t i = 0; mqtt_subscribe_next(&subscribe, &position, &asked); i++) {
        struct topic_filter filter;
        const char *why = NULL;
        uint8_t verdict = judge(connection, &asked, &filter);
        if (verdict < 0x80)
            verdict = grant(connection, &asked, &filter, verdict, &subscribe.properties, answer, &why);
        answer->reasons[i] = verdict;
        if (verdict < 0x80 && event_wanted(session->shard, EVENT_SESSION_SUBSCRIBED))
            event_subscription(EVENT_SESSION_SUBSCRIBED, connection, asked.filter, verdict,
                               subscribe.properties.raw);
        if (verdict >= 0x80)
            note_refusal(connection, answer, asked.filter, why != NULL ? why : mqtt_reason_text(verdict));
    }
    reply(connection, MQTT_SUBACK, subscribe.packet_id, answer, persist_granted(session, answer));
}

/* ---- UNSUBSCRIBE ----------------------------------------------------------------------------------------- */

void handle_unsubscribe(struct connection *connection, const struct mqtt_frame *frame)
{
    struct session *session = connection->session;
    struct shard *shard = session->shard;
    struct mqtt_subscribe unsubscribe;
    uint8_t reason = mqtt_decode_unsubscribe(frame, connection->version, &unsubscribe);
    if (reason != MQTT_SUCCESS) {
        connection_fail(connection, reason, NULL);
        return;
    }
    struct held_subscribe *answer = answer_new(unsubscribe.count);
    struct ack_ticket *ticket = session->persisted ? ticket_new(shard) : NULL;
    struct str text;
    size_t position = 0;
    for (size_t i = 0; mqtt_unsubscribe_next(&unsubscribe, &position, &text); i++) {
        struct topic_filter filter;
        if (!topic_filter_parse(text, &filter)) {
            answer->reasons[i] = MQTT_BAD_TOPIC_FILTER;
            answer->why = mqtt_reason_text(MQTT_BAD_TOPIC_FILTER);
            continue;
        }
        if (!session_unsubscribe(session, text, &filter))
            answer->reasons[i] = MQTT_NO_SUBSCRIPTION_EXISTED;
        else if (event_wanted(shard, EVENT_SESSION_UNSUBSCRIBED))
            event_subscription(EVENT_SESSION_UNSUBSCRIBED, connection, text, 0, unsubscribe.properties.raw);
        struct error err;
        if (ticket != NULL) /* always: the disk may have failed the time before */
            persist_subscription(shard, session_client_id(session), text, NULL, true, ticket, &err);
    }
    reply(connection, MQTT_UNSUBACK, unsubscribe.packet_id, answer, ticket);
}

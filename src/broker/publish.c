/* One message in, out to everybody who wants it.
 *
 * handle_publish: the packet is checked (once, here), turned into a publication that views the input buffer, and
 * routed. Local subscribers are called one by one; each other reactor that has any gets it through a hand-off;
 * of each shared subscription one member is picked. A retained message goes to the store and the catalog too, and
 * its acknowledgement waits for that; where a durable session gets the message, it waits for the journal.
 *
 * What is refused, and how (MQTT 5 by reason code in PUBACK or PUBREC; older clients are acknowledged all the same,
 * as 3.1.1 section 3.3.5 leaves it, unless the settings say to disconnect them). */
#include "broker/events_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/acl.h"
#include "broker/burst.h"
#include "broker/sys_topics.h"

const struct route *shard_route(struct shard *shard, struct str topic, unsigned max_levels)
{
    const struct route *last = shard->last_route;
    if (last != NULL && str_equal(last->topic, topic) && route_is_current(shard->routes, last))
        return last;
    shard->last_route = NULL;
    burst_flush(shard); /* the route that it holds may go */
    if (topic_level_count(topic) > max_levels)
        return NULL;
    return shard->last_route = route_cache_get(shard->routes, topic);
}

void publish_pick(const struct share_pick *pick, struct publication *publication)
{
    const struct route_target target = {
        .subscriber = pick->subscriber,
        .ids = &pick->id,
        .id_count = pick->id != 0,
        .qos = pick->qos,
        .retain_as_published = pick->retain_as_published,
    };
    publication->picked = true;
    pick->subscriber->ops->deliver(pick->subscriber, &target, publication);
    publication->picked = false;
}

/* One member of each group, in shard->picks. Returns how many. */
static uint32_t pick_members(struct shard *shard, const struct publication *publication,
                             const struct route *route)
{
    if (route->group_count > shard->pick_cap) {
        shard->picks = mem_realloc(shard->picks, route->group_count * sizeof(*shard->picks));
        shard->pick_cap = route->group_count;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < route->group_count; i++) {
        bool served =
            publication->redo != NULL && journal_redo_serves(publication->redo, shard->routes, route, i);
        if (!served &&
            route_share_pick(shard->routes, route, i, publication->publisher_hash, 0, &shard->picks[count]))
            count++;
    }
    return count;
}

#define ENCODE_ONCE_TARGETS 3    /* from so many on, one encoding is copied instead of made again */
#define ENCODE_ONCE_BYTES   4096 /* larger payloads are sent from the message itself */

static void start_encoding(struct shard *shard, struct publication *publication, uint32_t targets)
{
    if (targets < ENCODE_ONCE_TARGETS || publication->payload.len > ENCODE_ONCE_BYTES)
        return;
    publication->encode_once = true;
    buf_reset(&shard->encode);
    memset(shard->encoded, 0, sizeof(shard->encoded));
}

static void deliver_all(struct shard *shard, struct publication *publication, const struct route *route,
                        bool handed)
{
    publication->shard = shard;
    start_encoding(shard, publication, route->target_count);
    for (uint32_t i = 0; i < route->target_count; i++) {
        const struct route_target *target = &route->targets[i];
        /* Subscribers of any reactor had it where it was published. Of what the end of the broker has cut short they hear
         * when its publisher repeats it, in the order of all that it repeats: acknowledge_again(). */
        bool here = !handed && publication->redo == NULL;
        if (here || target->subscriber->reactor != SUBSCRIBER_ANY_REACTOR)
            target->subscriber->ops->deliver(target->subscriber, target, publication);
    }
}

/* The members that are picked, and the other reactors. Members here are first: what the journal is told of them belongs to
 * what it has just been told of the message, and a hand-off may end its batch. */
static void pass_on(struct shard *shard, struct publication *publication, const struct route *route,
                    uint32_t picked, bool journaled)
{
    for (uint32_t i = 0; i < picked; i++) {
        if (shard->picks[i].reactor == shard->index)
            publish_pick(&shard->picks[i], publication);
    }
    for (uint32_t i = 0; i < picked; i++) {
        const struct share_pick *pick = &shard->picks[i];
        if (pick->reactor != shard->index)
            handoff_pick(shard, pick, publication, journaled && pick->durable);
    }
    for (uint64_t left = route->remote; left != 0; left &= left - 1) {
        unsigned to = (unsigned)__builtin_ctzll(left);
        handoff_message(shard, to, publication, journaled && (route->remote_durable >> to & 1) != 0);
    }
}

void publish_elsewhere(struct shard *shard, struct publication *publication, const struct route *route)
{
    pass_on(shard, publication, route, pick_members(shard, publication, route), false);
}

/* Local subscribers, where durable sessions get the message: the journal hears of them together. False: none does. */
static bool deliver_journaled(struct shard *shard, struct publication *publication, const struct route *route,
                              uint32_t picked)
{
    uint32_t expected = route->remote_durable_count;
    bool more = expected > 0;
    for (uint32_t i = 0; i < picked; i++) {
        more |= shard->picks[i].durable;
        expected += shard->picks[i].durable && shard->picks[i].reactor != shard->index;
    }
    if (route->durables == 0 && !more && publication->received_id == 0)
        return false;
    journal_identify(shard, publication);
    journal_begin(shard, publication);
    deliver_all(shard, publication, route, false);
    journal_published(shard, publication, more, expected);
    return true;
}

size_t publish(struct shard *shard, struct publication *publication, const struct route *route)
{
    burst_flush(shard);
    publication->shard = shard;
    uint32_t picked = pick_members(shard, publication, route);
    bool journaled = shard->journal != NULL && publication->qos > 0 &&
                     deliver_journaled(shard, publication, route, picked);
    if (!journaled)
        deliver_all(shard, publication, route, false);
    pass_on(shard, publication, route, picked, journaled);
    return (size_t)route->target_count + route->group_count + route->remote_count;
}

void publish_local(struct shard *shard, struct publication *publication)
{
    /* It was let in where it was published, perhaps under settings that allow more levels. */
    const struct route *route = shard_route(shard, publication->topic, TOPIC_LEVELS_MAX);
    if (burst_add(shard, publication, route, true))
        return;
    if (publication->durable)
        journal_begin(shard, publication);
    deliver_all(shard, publication, route, true);
    if (publication->durable)
        journal_handed(shard, publication);
}

struct retained_change {
    struct shard *shard;
    struct message *message;
    struct ack_ticket *ticket;
    bool remove;
    bool unstored; /* set when the catalog does not take it */
};

/* The store is locked: so changes of one topic from two reactors reach the catalog in the store's order. */
static bool persist_change(void *arg, struct error *err)
{
    struct retained_change *change = arg;
    change->unstored = !persist_retained(change->shard, change->message, change->remove, change->ticket, err);
    return !change->unstored;
}

uint8_t publish_retained(struct shard *shard, struct publication *publication)
{
    const struct settings *settings = shard->settings;
    bool remove = publication->payload.len == 0; /* [MQTT-3.3.1-6] */
    if (!remove && publication->payload.len > settings->retained_max_payload_bytes)
        return MQTT_QUOTA_EXCEEDED;
    struct retained_change change = {
        .shard = shard,
        .message = publication_message(publication),
        .ticket = publication->ticket,
        .remove = remove,
    };
    const struct retained_limits limits = {
        .messages = settings->retained_max_messages,
        .bytes = settings->retained_max_bytes,
    };
    struct error err;
    if (retained_set(shard->broker->retained, publication->topic, remove ? NULL : change.message, &limits,
                     persist_change, &change, &err))
        return MQTT_SUCCESS;
    publication->unstored = change.unstored;
    if (shard_may_log(shard, LOG_LEVEL_WARNING))
        LOG_WARNING("retained message refused", LOG_STR("topic", publication->topic), LOG_ERROR_OF(&err));
    return MQTT_QUOTA_EXCEEDED;
}

/* ---- The packet ------------------------------------------------------------------------------------------ */

/* Reads what matters here of the properties, and makes the list as it is forwarded: without the topic alias, which
 * belongs to this connection alone. */
static uint8_t take_properties(struct connection *connection, struct mqtt_publish *in,
                               struct publication *publication)
{
    struct mqtt_properties properties;
    uint8_t reason = mqtt_properties_decode((const uint8_t *)in->raw_props.data, in->raw_props.len,
                                            MQTT_LIST_PUBLISH, &properties);
    if (reason != MQTT_SUCCESS)
        return reason;
    if (MQTT_HAS(&properties, MQTT_PROP_SUBSCRIPTION_ID))
        return MQTT_PROTOCOL_ERROR; /* [MQTT-3.3.4-6] */
    publication->props = in->raw_props;
    size_t size;
    if (MQTT_HAS(&properties, MQTT_PROP_TOPIC_ALIAS)) {
        struct shard *shard = shard_of_channel(&connection->channel);
        reason = alias_in_resolve(connection, properties.topic_alias, &in->topic);
        size_t at = mqtt_property_find(in->raw_props, MQTT_PROP_TOPIC_ALIAS, &size);
        buf_reset(&shard->props);
        buf_append(&shard->props, in->raw_props.data, at - 1);
        buf_append(&shard->props, in->raw_props.data + at + size, in->raw_props.len - at - size);
        publication->props = buf_str(&shard->props);
    } else if (in->topic.len == 0) {
        return MQTT_PROTOCOL_ERROR; /* 3.3.2.1 */
    }
    if (MQTT_HAS(&properties, MQTT_PROP_MESSAGE_EXPIRY)) {
        publication->expiry_at =
            (uint32_t)mqtt_property_find(publication->props, MQTT_PROP_MESSAGE_EXPIRY, &size);
        publication->expires_ms = reactor_wall_ms(channel_reactor(&connection->channel)) +
                                  (int64_t)properties.message_expiry * 1000;
    }
    return reason;
}

static uint8_t check_support(const struct shard *shard, const struct mqtt_publish *in)
{
    const struct mqtt_settings *mqtt = &shard->settings->mqtt;
    if (in->qos > mqtt->max_qos)
        return MQTT_QOS_NOT_SUPPORTED; /* [MQTT-3.2.2-11] */
    if (in->retain && !mqtt->retain_available)
        return MQTT_RETAIN_NOT_SUPPORTED; /* [MQTT-3.2.2-14] */
    return MQTT_SUCCESS;
}

static void acknowledge(struct connection *connection, const struct mqtt_publish *in, uint8_t reason,
                        const char *text)
{
    if (in->qos == 1)
        connection_ack(connection, MQTT_PUBACK, in->packet_id, reason, text);
    else if (in->qos == 2)
        connection_ack(connection, MQTT_PUBREC, in->packet_id, reason, text);
}

static void refuse(struct connection *connection, const struct mqtt_publish *in, uint8_t reason,
                   const char *text)
{
    connection_log_refusal(connection, "publish refused", in->topic, text);
    acknowledge(connection, in, reason, text);
}

bool connection_may_publish(const struct connection *connection, struct str topic)
{
    return !sys_topics_own(topic) && client_may_publish(connection->acl, topic);
}

static bool may_publish(struct connection *connection, const struct route *route)
{
    if (connection->allowed_hash == route->hash)
        return true;
    if (!connection_may_publish(connection, route->topic))
        return false;
    connection->allowed_hash = route->hash;
    return true;
}

/* What the store has of the topic goes to the disk once more. */
static void persist_as_it_is(struct message *message, void *arg)
{
    struct retained_change *change = arg;
    struct error err; /* fails the ticket */
    persist_retained(change->shard, message != NULL ? message : change->message, message == NULL,
                     change->ticket, &err);
}

/* The journal had the message when the broker ended, but whether the services' own logs had it, too, it does not tell: they
 * get it once more, under the name of its exchange. */
static void offer_again(struct shard *shard, const struct mqtt_publish *in, struct publication *publication)
{
    publication->received_id = in->packet_id;
    publication->exchange = packet_id_set_exchange(&publication->publisher->received, in->packet_id);
    publication->repeated = true;
    const struct route *route = shard_route(shard, publication->topic, TOPIC_LEVELS_MAX);
    publication->shard = shard;
    for (uint32_t i = 0; i < route->target_count; i++) {
        const struct route_target *target = &route->targets[i];
        if (target->subscriber->reactor == SUBSCRIBER_ANY_REACTOR)
            target->subscriber->ops->deliver(target->subscriber, target, publication);
    }
}

/* The first one may be on its way to the disk, or have failed there without anybody having been told: before MQTT 5
 * there is no way to say so, and then or with a lost connection the client sends it again. So PUBREC waits until the disk
 * has what the store has: this message, or what another client has put in its place since. */
static void acknowledge_again(struct connection *connection, const struct mqtt_publish *in,
                              struct publication *publication)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    /* The broker's own topics are not on the disk. */
    if (receipt_resume(connection, in->packet_id))
        return;
    bool durable = session_is_durable(connection->session);
    bool may = connection_may_publish(connection, in->topic);
    bool retained = in->retain && may;
    if (!retained && !durable) {
        acknowledge(connection, in, MQTT_SUCCESS, NULL);
        return;
    }
    struct ack_ticket *ticket = ticket_new(shard);
    struct held *held = held_append(connection, MQTT_PUBREC, in->packet_id, MQTT_SUCCESS, ticket);
    held->keeps_id = connection->version != MQTT_5;
    publication->topic = in->topic;
    publication->payload = in->payload;
    publication->qos = in->qos;
    publication->retain = in->retain;
    publication->publisher = connection->session;
    publication->acknowledged = true;
    publication->ticket = ticket;
    if (may && session_is_unsure(connection->session, in->packet_id))
        offer_again(shard, in, publication);
    if (retained) {
        struct retained_change change = {
            .shard = shard,
            .message = publication_message(publication),
            .ticket = ticket,
        };
        retained_look(shard->broker->retained, in->topic, persist_as_it_is, &change);
    }
    publication_end(publication);
    if (durable) { /* the others have it from this shard, and so do what it asks them behind that */
        ticket_hold(ticket);
        journal_barrier(shard, ticket);
        handoff_barrier(shard, ticket);
    }
    ticket_done(ticket, MQTT_SUCCESS);
    if (disk_congested(shard))
        handoff_stall(shard, connection);
}

/* False if the packet is at its end: a repetition, or one too many. */
static bool take_packet_id(struct connection *connection, const struct mqtt_publish *in,
                           struct publication *publication)
{
    struct session *session = connection->session;
    bool repeated = in->qos == 2 && packet_id_set_has(&session->received, in->packet_id);
    if (repeated) {
        acknowledge_again(connection, in, publication); /* [MQTT-4.3.3-10]: nothing is delivered again */
        return false;
    }
    uint32_t held = connection->extras != NULL ? connection->extras->held_ends : 0;
    if (connection->version == MQTT_5 && session->received.count + held >= connection->receive_limit) {
        connection_fail(connection, MQTT_RECEIVE_MAXIMUM_EXCEEDED,
                        "more unacknowledged messages than the receive maximum"); /* [MQTT-3.3.4-7] */
        return false;
    }
    return true;
}

/* At QoS 2. A client repeats what it has got no PUBREC for in the order in which it was sent (4.6), and PUBREC waits for the
 * journal: so what the journal lacks after a crash is repeated under the numbers that it had. */
static void take_exchange(struct session *session, const struct mqtt_publish *in,
                          struct publication *publication)
{
    struct packet_id_set *received = &session->received;
    if (session_is_durable(session)) {
        publication->received_id = in->packet_id;
        publication->exchange = packet_id_set_next_exchange(received);
        publication->repeated = in->dup;
    }
    packet_id_set_add(received, in->packet_id, publication->exchange);
}

/* Routes it, and acknowledges at once or when it is on disk. */
static void accept_publish(struct connection *connection, struct shard *shard, const struct mqtt_publish *in,
                           struct publication *publication, const struct route *route)
{
    uint8_t reason = MQTT_SUCCESS;
    bool tell = events_wanted(shard, EVENTS_OF_MESSAGES);
    if (!tell && burst_add(shard, publication, route, false))
        return;
    publication->acknowledged = in->qos > 0;
    journal_identify(shard, publication);
    if (tell)
        event_publication_begins(publication);
    if (in->retain) {
        publication->ticket = in->qos > 0 ? ticket_new(shard) : NULL;
        reason = publish_retained(shard, publication);
        /* Who subscribed meanwhile on another reactor has found the former retained message, or none: the route must
         * be one that was resolved after the change. */
        route = shard_route(shard, publication->topic, TOPIC_LEVELS_MAX);
        if (in->qos == 0 || connection->version != MQTT_5)
            reason = MQTT_SUCCESS; /* who cannot be refused is not: all but the store gets the message */
    }
    /* What the catalog does not take is not acknowledged, so the client sends it again: then it reaches everybody. What fails
     * there later, on a thread of its own, others have by then. */
    if (reason == MQTT_SUCCESS && !(publication->unstored && in->qos > 0)) {
        if (in->qos == 2) {
            take_exchange(connection->session, in, publication);
        }
        if (publish(shard, publication, route) == 0) {
            reason = MQTT_NO_MATCHING_SUBSCRIBERS;
            if (event_wanted(shard, EVENT_MESSAGE_DROPPED))
                event_dropped(publication, "no_subscribers");
        }
    }
    if (publication->ticket != NULL) {
        struct held *held = held_append(connection, in->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, in->packet_id,
                                        reason, publication->ticket);
        held->keeps_id = (in->retain || publication->received_id != 0) &&
                         connection->version != MQTT_5; /* acknowledge_again() */
        ticket_done(publication->ticket, MQTT_SUCCESS);
    } else {
        acknowledge(connection, in, reason, NULL);
    }
    publication_end(publication);
}

void handle_publish(struct connection *connection, const struct mqtt_frame *frame)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    struct mqtt_publish in;
    struct publication publication = {0};
    uint8_t reason = mqtt_decode_publish(frame, connection->version, &in);
    if (reason == MQTT_SUCCESS && in.raw_props.len > 0)
        reason = take_properties(connection, &in, &publication);
    if (reason == MQTT_SUCCESS)
        reason = check_support(shard, &in);
    if (reason != MQTT_SUCCESS) {
        connection_fail(connection, reason, NULL);
        return;
    }
    COUNT(shard, messages_received, 1);
    if (connection->extras != NULL && connection->extras->rate != NULL)
        rate_limit_take(connection, 1, frame->total_len);
    if (in.qos > 0 && !take_packet_id(connection, &in, &publication))
        return;
    const struct route *route = shard_route(shard, in.topic, shard->settings->mqtt.max_topic_levels);
    if (route == NULL) {
        connection_fail(connection, MQTT_BAD_TOPIC_NAME, "topic with too many levels");
        return;
    }
    bool may = may_publish(connection, route);
    if (event_wanted(shard, EVENT_AUTHZ))
        event_authz(connection, in.topic, true, in.qos, may);
    if (!may) {
        COUNT(shard, acl_denied, 1);
        if (shard->settings->acl_denied_disconnects)
            connection_fail(connection, MQTT_NOT_AUTHORIZED, "not authorized to publish to this topic");
        else
            refuse(connection, &in, MQTT_NOT_AUTHORIZED, "not authorized to publish to this topic");
        return;
    }
    publication.topic = in.topic;
    publication.payload = in.payload;
    publication.qos = in.qos;
    publication.retain = in.retain;
    publication.shard = shard;
    publication.publisher = connection->session;
    publication.publisher_id = connection->session->subscriber.id;
    publication.publisher_hash = connection->session->subscriber.name_hash;
    accept_publish(connection, shard, &in, &publication, route);
    if (handoff_congested(shard) || ((in.retain || publication.charged) && disk_congested(shard)))
        handoff_stall(shard, connection);
}

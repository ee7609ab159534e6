/* Publishing, and retained messages, for operators. */
#include "broker/admin_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "broker/sys_topics.h"

#define SLICE_RETAINED 500
#define SLICE_NODES    4000 /* of the store's tree that are looked at under its lock */

/* ---- Publishing ------------------------------------------------------------------------------------------ */

struct publish_call {
    struct admin_call call; /* first */
    struct admin_message message;
    struct ack_ticket *ticket;
    bool matched;
};

static void settled(struct ack_ticket *ticket, uint8_t reason)
{
    struct error err;
    if (reason < 0x80) {
        admin_answer(ticket->settled_arg, NULL);
        return;
    }
    error_set(&err, ERR_IO, "the message is not on disk: %s", mqtt_reason_text(reason));
    admin_answer(ticket->settled_arg, &err);
}

static bool refused(uint8_t reason, struct error *err)
{
    if (reason == MQTT_QUOTA_EXCEEDED)
        return !error_set(err, ERR_LIMIT, "the retained message is too large, or there are too many");
    return reason >= 0x80 && !error_set(err, ERR_IO, "not published: %s", mqtt_reason_text(reason));
}

static bool may_publish(const struct shard *shard, const struct admin_message *message, struct error *err)
{
    const struct mqtt_settings *mqtt = &shard->settings->mqtt;
    if (message->qos > mqtt->max_qos)
        return error_set(err, ERR_INVALID, "the configuration allows QoS up to %u", mqtt->max_qos);
    if (message->retain && !mqtt->retain_available)
        return error_set(err, ERR_INVALID, "the configuration allows no retained messages");
    if (topic_level_count(message->topic) > mqtt->max_topic_levels)
        return error_set(err, ERR_INVALID, "the topic has more than %u levels", mqtt->max_topic_levels);
    if (handoff_congested(shard) || disk_congested(shard))
        return error_set(err, ERR_BUSY, "subscribers, or the disk, lag behind: try again");
    return true;
}

/* False: refused, with an error. */
static bool route_message(struct shard *shard, struct publish_call *call, struct error *err)
{
    const struct admin_message *message = &call->message;
    size_t size;
    struct publication publication = {
        .topic = message->topic,
        .payload = message->payload,
        .props = message->props,
        .qos = message->qos,
        .retain = message->retain,
        .publisher_hash = client_hash(message->client_id),
        .ticket = call->ticket,
        .acknowledged = true, /* stations may hold the ticket */
        .shard = shard,
    };
    if (message->expiry_s > 0) {
        publication.expiry_at = (uint32_t)mqtt_property_find(message->props, MQTT_PROP_MESSAGE_EXPIRY, &size);
        publication.expires_ms = reactor_wall_ms(shard->reactor) + (int64_t)message->expiry_s * 1000;
    }
    bool ok = !message->retain || !refused(publish_retained(shard, &publication), err);
    if (ok) /* the route after the change of what is retained, as for clients: publish.c */
        call->matched =
            publish(shard, &publication, shard_route(shard, message->topic, TOPIC_LEVELS_MAX)) > 0;
    publication_end(&publication);
    return ok;
}

static void run_publish(struct shard *shard, struct admin_call *admin)
{
    struct publish_call *call = (struct publish_call *)admin;
    struct error err;
    if (!may_publish(shard, &call->message, &err)) {
        admin_answer(admin, &err);
        return;
    }
    call->ticket = ticket_new(shard);
    if (route_message(shard, call, &err)) {
        call->ticket->settled = settled;
        call->ticket->settled_arg = admin;
        ticket_done(call->ticket, MQTT_SUCCESS);
        return;
    }
    ticket_done(call->ticket, MQTT_SUCCESS); /* nobody waits for it */
    admin_answer(admin, &err);
}

static void copy_message(struct arena *arena, const struct admin_message *from, struct admin_message *to)
{
    *to = *from;
    to->topic = arena_str(arena, from->topic);
    to->payload = arena_str(arena, from->payload);
    to->props = arena_str(arena, from->props);
    to->client_id = arena_str(arena, from->client_id);
}

bool admin_publish(struct broker *broker, const struct admin_message *message, bool *matched,
                   struct error *err)
{
    if (!topic_name_valid(message->topic))
        return error_set(err, ERR_INVALID, "the topic is empty, too long, not UTF-8 or has a wildcard");
    if (sys_topics_own(message->topic))
        return error_set(err, ERR_INVALID, "$SYS topics are the broker's own");
    struct publish_call *call = admin_call_new(broker, sizeof(*call), run_publish);
    copy_message(&call->call.arena, message, &call->message);
    /* One topic always on one shard: messages of one asker stay in order. */
    bool ok = admin_ask(&call->call, admin_shard_of(broker, message->topic), err);
    if (ok)
        *matched = call->matched;
    admin_call_free(&call->call);
    return ok;
}

/* ---- Retained messages ----------------------------------------------------------------------------------- */

static struct admin_retained view(struct message *message)
{
    struct publication publication;
    publication_of_message(message, &publication);
    return (struct admin_retained){
        .topic = publication.topic,
        .payload = publication.payload,
        .props = publication.props,
        .qos = publication.qos,
        .expires_ms = message->expires_ms,
    };
}

struct slice {
    struct message *messages[SLICE_RETAINED];
    size_t count;
};

static bool take_message(struct message *message, void *arg)
{
    struct slice *slice = arg;
    slice->messages[slice->count++] = message_ref(message);
    return slice->count < SLICE_RETAINED;
}

/* What the broker tells of itself it tells elsewhere. */
static bool wanted(const struct message *message, struct str filter)
{
    struct str topic = message_topic(message);
    if (sys_topics_own(topic))
        return false;
    return filter.len == 0 || topic_matches(filter, topic);
}

bool admin_retained_each(struct broker *broker, struct str filter,
                         bool (*each)(const struct admin_retained *message, void *arg), void *arg,
                         struct error *err)
{
    struct slice *slice = mem_zalloc(sizeof(*slice));
    struct buf after = {0};
    bool more = true, unfinished = true;
    (void)err; /* there is nothing that fails: the store is asked directly */
    while (more && unfinished) {
        slice->count = 0;
        unfinished =
            retained_walk(broker->retained, &after, clock_wall_ms(), SLICE_NODES, take_message, slice);
        for (size_t i = 0; i < slice->count; i++) {
            struct admin_retained message = view(slice->messages[i]);
            if (more && wanted(slice->messages[i], filter))
                more = each(&message, arg);
            message_unref(slice->messages[i]);
        }
    }
    buf_free(&after);
    mem_free(slice);
    return true;
}

static void take_one(struct message *message, void *arg)
{
    struct message **out = arg;
    if (*out == NULL)
        *out = message_ref(message);
}

static struct message *find_retained(struct broker *broker, struct str topic, struct error *err)
{
    struct message *message = NULL;
    if (topic_name_valid(topic))
        retained_match(broker->retained, topic, clock_wall_ms(), take_one, &message);
    if (message == NULL)
        error_set(err, ERR_NOT_FOUND, "no retained message of the topic %.*s",
                  (int)(topic.len < 200 ? topic.len : 200), topic.data);
    return message;
}

bool admin_retained_get(struct broker *broker, struct str topic,
                        void (*got)(const struct admin_retained *message, void *arg), void *arg,
                        struct error *err)
{
    struct message *message = find_retained(broker, topic, err);
    if (message == NULL)
        return false;
    struct admin_retained retained = view(message);
    got(&retained, arg);
    message_unref(message);
    return true;
}

/* Nobody is told: it is not published, only forgotten. */
static void run_delete(struct shard *shard, struct admin_call *admin)
{
    struct publish_call *call = (struct publish_call *)admin;
    struct publication publication = {.topic = call->message.topic, .retain = true, .shard = shard};
    struct error err;
    call->ticket = publication.ticket = ticket_new(shard);
    if (!refused(publish_retained(shard, &publication), &err)) {
        call->ticket->settled = settled;
        call->ticket->settled_arg = admin;
        ticket_done(call->ticket, MQTT_SUCCESS);
    } else {
        ticket_done(call->ticket, MQTT_SUCCESS);
        admin_answer(admin, &err);
    }
    publication_end(&publication);
}

bool admin_retained_delete(struct broker *broker, struct str topic, struct error *err)
{
    struct message *message = find_retained(broker, topic, err);
    if (message == NULL)
        return false;
    message_unref(message);
    if (sys_topics_own(topic))
        return error_set(err, ERR_DENIED, "$SYS topics are the broker's own");
    struct publish_call *call = admin_call_new(broker, sizeof(*call), run_delete);
    call->message.topic = arena_str(&call->call.arena, topic);
    bool ok = admin_ask(&call->call, admin_shard_of(broker, topic), err);
    admin_call_free(&call->call);
    return ok;
}

/* One message to one client.
 *
 * If the client is here, takes more, and nothing waits before this message, it is written into the channel's output
 * at once; else it waits in the session's queue, within its limits. QoS 1 and 2 take a place in the in-flight
 * table first. The queue is drained whenever room appears: an acknowledgement, a drained socket, a reconnect.
 * One queue for all QoS keeps each publisher's messages in order for each topic.
 *
 * What a durable session is given at QoS 1 and 2 the journal notes. At QoS 2 it must know the packet identifier before the
 * client does: such a message takes its place in flight unsent, and goes out when that is on disk. What comes behind it
 * waits in the queue, but for more of the same kind. */
#include "broker/events_internal.h"

#include "base/log.h"
#include "base/mem.h"

#define REF_BYTES      4096 /* payloads above it are not copied: the output refers to the message */
#define IDS_BYTES(n)   ((n)*5u)
#define EXTRA_ON_STACK 64

/* ---- Writing a PUBLISH ----------------------------------------------------------------------------------- */

struct send {
    const uint32_t *ids;
    uint16_t id_count;
    uint16_t packet_id;
    uint8_t qos;
    bool retain;
    bool dup;
};

/* Appends topic alias and subscription identifiers as properties; returns the length. */
static size_t write_extra(uint8_t *out, uint16_t alias, const struct send *send)
{
    uint8_t *at = out;
    if (alias != 0) {
        *at++ = MQTT_PROP_TOPIC_ALIAS;
        *at++ = (uint8_t)(alias >> 8);
        *at++ = (uint8_t)alias;
    }
    for (uint16_t i = 0; i < send->id_count; i++) {
        *at++ = MQTT_PROP_SUBSCRIPTION_ID;
        at += mqtt_varint_write(at, send->ids[i]);
    }
    return (size_t)(at - out);
}

/* The expiry interval is sent as what is left of it [MQTT-3.3.2-6]. */
static void patch_expiry(uint8_t *props_end, const struct publication *publication, int64_t now_ms)
{
    int64_t left_ms = publication->expires_ms - now_ms;
    uint32_t left_s = left_ms > 0 ? (uint32_t)((left_ms + 999) / 1000) : 0;
    uint8_t *at = props_end - publication->props.len + publication->expiry_at;
    at[0] = (uint8_t)(left_s >> 24);
    at[1] = (uint8_t)(left_s >> 16);
    at[2] = (uint8_t)(left_s >> 8);
    at[3] = (uint8_t)left_s;
}

static void release_message(void *owner)
{
    message_unref(owner);
}

/* The general form: any properties, any size. False: larger than the client takes. */
static bool send_publish(struct connection *connection, struct publication *publication,
                         const struct send *send)
{
    struct channel *channel = &connection->channel;
    struct mqtt_publish out = {
        .dup = send->dup,
        .retain = send->retain,
        .qos = send->qos,
        .packet_id = send->packet_id,
        .topic = publication->topic,
        .raw_props = publication->props,
        .payload = publication->payload,
    };
    uint8_t on_stack[EXTRA_ON_STACK];
    uint8_t *extra = on_stack;
    size_t extra_len = 0;
    uint16_t alias = 0;
    bool known = false;
    if (connection->version == MQTT_5 && (connection->alias_max_out > 0 || send->id_count > 0)) {
        if (connection->alias_max_out > 0)
            alias = alias_out_get(connection, publication->topic, &known);
        if (known)
            out.topic = STR("");
        if (IDS_BYTES(send->id_count) + 3 > sizeof(on_stack))
            extra = mem_alloc(IDS_BYTES(send->id_count) + 3);
        extra_len = write_extra(extra, alias, send);
    }
    struct mqtt_publish_layout layout;
    size_t payload_len = out.payload.len;
    bool fits =
        mqtt_publish_layout(connection->version, &out, extra_len, &layout) &&
        (connection->max_packet_out == 0 || layout.head_len + payload_len <= connection->max_packet_out);
    if (fits) {
        bool copy = payload_len <= REF_BYTES;
        uint8_t *head = channel_reserve(channel, layout.head_len + (copy ? payload_len : 0));
        uint8_t *end =
            mqtt_publish_write_head(head, connection->version, &out, str_make(extra, extra_len), &layout);
        if (connection->version == MQTT_5 && publication->expiry_at > 0)
            patch_expiry(end, publication, reactor_wall_ms(channel_reactor(channel)));
        if (copy && payload_len > 0)
            memcpy(end, out.payload.data, payload_len);
        channel_commit(channel, layout.head_len + (copy ? payload_len : 0));
        COUNT(shard_of_channel(channel), bytes_sent, layout.head_len + payload_len);
        if (!copy) {
            struct message *message = message_ref(publication_message(publication));
            channel_write_ref(channel, message->data + message->topic_len + message->props_len, payload_len,
                              release_message, message);
        }
    }
    if (!fits && alias != 0 && !known)
        alias_out_take_back(connection);
    if (extra != on_stack)
        mem_free(extra);
    return fits;
}

/* Many subscribers of one version, QoS and retain flag: the packet is encoded once into the shard's buffer, then copied with
 * another packet identifier. */
static bool send_encoded(struct shard *shard, struct connection *connection, struct publication *publication,
                         const struct send *send)
{
    struct encoded_publish *encoded = &shard->encoded[connection->version == MQTT_5][send->qos][send->retain];
    if (encoded->len == 0) {
        struct mqtt_publish out = {
            .retain = send->retain,
            .qos = send->qos,
            .packet_id = send->packet_id,
            .topic = publication->topic,
            .raw_props = publication->props,
            .payload = publication->payload,
        };
        encoded->at = (uint32_t)shard->encode.len;
        mqtt_encode_publish(&shard->encode, connection->version, &out);
        encoded->len = (uint32_t)shard->encode.len - encoded->at;
        const uint8_t *packet = shard->encode.data + encoded->at;
        size_t length_bytes = 1;
        while (packet[length_bytes] & 0x80)
            length_bytes++;
        encoded->packet_id_at = (uint32_t)(1 + length_bytes + 2 + publication->topic.len);
    }
    if (connection->max_packet_out != 0 && encoded->len > connection->max_packet_out)
        return false;
    uint8_t *out = channel_reserve(&connection->channel, encoded->len);
    memcpy(out, shard->encode.data + encoded->at, encoded->len);
    if (send->qos > 0) {
        out[encoded->packet_id_at] = (uint8_t)(send->packet_id >> 8);
        out[encoded->packet_id_at + 1] = (uint8_t)send->packet_id;
    }
    channel_commit(&connection->channel, encoded->len);
    COUNT(shard, bytes_sent, encoded->len);
    return true;
}

static void note_dropped(struct session *session, const struct publication *publication, uint8_t qos,
                         const char *reason)
{
    if (event_wanted(session->shard, EVENT_DELIVERY_DROPPED))
        event_delivery_dropped(session, publication, qos, reason);
}

static void note_message_dropped(struct session *session, const struct outgoing *outgoing, const char *reason)
{
    if (event_wanted(session->shard, EVENT_DELIVERY_DROPPED))
        event_message_dropped(session, outgoing->message, outgoing->qos, reason);
}

static bool send_any(struct shard *shard, struct session *session, struct publication *publication,
                     const struct send *send)
{
    struct connection *connection = session->connection;
    bool plain = publication->encode_once && send->id_count == 0 && connection->alias_max_out == 0 &&
                 publication->expiry_at == 0 && !send->dup;
    bool sent = plain ? send_encoded(shard, connection, publication, send)
                      : send_publish(connection, publication, send);
    if (sent) {
        COUNT(shard, messages_sent, 1);
        if (event_wanted(shard, EVENT_MESSAGE_DELIVERED))
            event_delivered(session, publication, send->qos, send->retain, send->dup);
    } else {
        COUNT(shard, messages_dropped, 1); /* [MQTT-3.1.2-25]: as if it had been sent */
        note_dropped(session, publication, send->qos, "packet_too_large");
    }
    return sent;
}

/* ---- Now or later ---------------------------------------------------------------------------------------- */

static uint32_t *copy_ids(const uint32_t *ids, uint16_t count)
{
    if (count == 0)
        return NULL;
    uint32_t *copy = mem_alloc((count + 1u) * sizeof(*copy));
    copy[0] = count;
    memcpy(copy + 1, ids, count * sizeof(*copy));
    return copy;
}

/* Sends it and, for QoS 1 and 2, notes it as in flight. Takes what `outgoing` holds. Returns the packet identifier, 0 at
 * QoS 0 or if the client does not take it: then *sent is false. */
static uint16_t send_outgoing(struct shard *shard, struct session *session, struct publication *publication,
                              const struct outgoing *outgoing, bool *sent)
{
    struct send send = {
        .ids = outgoing->ids != NULL ? outgoing->ids + 1 : NULL,
        .id_count = outgoing->ids != NULL ? (uint16_t)outgoing->ids[0] : 0,
        .qos = outgoing->qos,
        .retain = outgoing->retain,
    };
    if (outgoing->qos == 0) {
        *sent = send_any(shard, session, publication, &send);
        return 0;
    }
    send.packet_id = inflight_add(&session->inflight, outgoing);
    *sent = send_any(shard, session, publication, &send);
    if (*sent)
        return send.packet_id;
    struct inflight_entry *entry = inflight_find(&session->inflight, send.packet_id);
    journal_entry_done(session, entry);
    inflight_remove(&session->inflight, entry);
    return 0;
}

/* Whether one more message may be put in flight: their bytes are bounded as the queue's are. */
static bool inflight_room(const struct session *session)
{
    uint64_t most = session->shard->settings->sessions.max_queued_bytes;
    return session->inflight.count == 0 || most == 0 || session->inflight.bytes < most;
}

/* Bytes that wait for all clients; what other shards have of it is as of this millisecond's first question. */
static uint64_t total_queued(struct shard *shard)
{
    int64_t now_ms = reactor_now_ms(shard->reactor);
    if (now_ms != shard->others_at_ms) {
        shard->others_at_ms = now_ms;
        shard->others_queued_bytes = 0;
        for (unsigned i = 0; i < shard->broker->shard_count; i++) {
            const struct shard *other = &shard->broker->shards[i];
            if (other != shard)
                shard->others_queued_bytes +=
                    atomic_load_explicit(&other->counters.queued_bytes, memory_order_relaxed);
        }
    }
    return shard->others_queued_bytes +
           atomic_load_explicit(&shard->counters.queued_bytes, memory_order_relaxed);
}

static bool total_is_full(struct shard *shard, uint64_t more_bytes)
{
    uint64_t most = shard->settings->sessions.max_total_queued_bytes;
    return most > 0 && total_queued(shard) + more_bytes > most;
}

/* MQTT 5, 4.9: the window counts what was sent on this connection and is not acknowledged. */
static bool window_open(const struct session *session)
{
    return session->inflight.sent < session->connection->receive_maximum;
}

/* For a message that is to go out later: those before it count, too. */
static bool window_will_be_open(const struct session *session)
{
    return session->inflight.sent + session->inflight.unsent < session->connection->receive_maximum;
}

/* Whether the message goes out only when the journal has it. */
static bool goes_by_journal(const struct session *session, uint8_t qos)
{
    return qos == 2 && session_is_durable(session);
}

/* Nothing is before a message of this kind that has to go out first; and there is room for it in flight. */
static bool may_go_next(const struct session *session, uint8_t qos, bool by_journal)
{
    if (qos == 0)
        return session->inflight.unsent == 0;
    if (!inflight_room(session))
        return false;
    return by_journal ? session->inflight.unsent == session->inflight.fresh && window_will_be_open(session)
                      : session->inflight.unsent == 0 && window_open(session);
}

static void log_full(struct session *session, const char *what)
{
    if (session->warned)
        return;
    session->warned = true;
    if (!shard_may_log(session->shard, LOG_LEVEL_WARNING))
        return;
    LOG_WARNING("session queue full", LOG_STR("client_id", session_client_id(session)),
                LOG_TEXT("policy", what), LOG_UINT("messages", session->queue.count),
                LOG_UINT("bytes", session->queue.bytes));
}

static bool queue_is_full(const struct session *session, const struct session_settings *limits,
                          uint64_t more_bytes)
{
    return (limits->max_queued_messages > 0 && session->queue.count >= limits->max_queued_messages) ||
           (limits->max_queued_bytes > 0 && session->queue.count > 0 &&
            session->queue.bytes + more_bytes > limits->max_queued_bytes);
}

static void drop_oldest(struct shard *shard, struct session *session)
{
    struct outgoing oldest = session_queue_pop(&session->queue);
    note_message_dropped(session, &oldest, "queue_full");
    journal_outgoing_done(session, &oldest);
    outgoing_release(&oldest);
    COUNT(shard, messages_dropped, 1);
    COUNT(shard, queued_messages, -1);
}

/* Makes room for one more by the policy; false: this message is the one that goes. */
static bool make_room(struct shard *shard, struct session *session, uint64_t more_bytes)
{
    const struct session_settings *limits = &shard->settings->sessions;
    while (queue_is_full(session, limits, more_bytes) || total_is_full(shard, more_bytes)) {
        switch (limits->when_full) {
        case QUEUE_DROP_OLDEST:
            log_full(session, "drop_oldest");
            /* Where others hold it all, giving up what waits here makes no room. */
            if (session->queue.count == 0 || (session->queue.bytes < more_bytes &&
                                              total_is_full(shard, more_bytes - session->queue.bytes)))
                return false;
            drop_oldest(shard, session);
            break;
        case QUEUE_DROP_NEW: log_full(session, "drop_new"); return false;
        case QUEUE_DISCONNECT:
            log_full(session, "disconnect");
            if (session->connection != NULL)
                connection_fail(session->connection, MQTT_QUOTA_EXCEEDED, "the client reads too slowly");
            return false;
        }
    }
    return true;
}

static void enqueue(struct shard *shard, struct session *session, struct publication *publication,
                    uint8_t qos, bool retain, const struct route_target *target)
{
    bool away = session->connection == NULL;
    if (away && qos == 0 && !shard->settings->sessions.queue_qos0) {
        note_dropped(session, publication, qos, "qos0_msg");
        return;
    }
    struct message *message = publication_message(publication);
    uint32_t *ids = copy_ids(target->ids, target->id_count);
    if (!make_room(shard, session, outgoing_bytes(message, ids))) {
        mem_free(ids);
        COUNT(shard, messages_dropped, 1);
        note_dropped(session, publication, qos, "queue_full");
        return;
    }
    struct outgoing outgoing = {
        .message = message_ref(message),
        .ids = ids,
        .qos = qos,
        .retain = retain,
        .journaled = qos > 0 && session_is_durable(session),
    };
    if (outgoing.journaled)
        journal_enqueue(session, &outgoing, 0, publication->picked);
    session_queue_push(&session->queue, &outgoing);
    COUNT(shard, queued_messages, 1);
}

void session_deliver(struct subscriber *subscriber, const struct route_target *target,
                     struct publication *publication)
{
    struct session *session = (struct session *)subscriber;
    if (publication->publisher_id == subscriber->id ? target->no_local : target->own_only) {
        if (target->no_local) /* [MQTT-3.8.3-3] */
            note_dropped(session, publication, target->qos, "no_local");
        return;
    }
    if (publication->redo != NULL && journal_redo_has(publication->redo, subscriber->number))
        return;
    struct shard *shard = session->shard;
    struct connection *connection = session->connection;
    uint8_t qos = target->qos < publication->qos ? target->qos : publication->qos;
    bool retain = target->retain_as_published && publication->retain; /* [MQTT-3.3.1-12, 3.3.1-13] */
    bool by_journal = goes_by_journal(session, qos);
    bool now = connection != NULL && session_queue_empty(&session->queue) &&
               may_go_next(session, qos, by_journal) &&
               (qos == 0 || session->inflight.count == 0 || !total_is_full(shard, 0)) &&
               channel_ready(&connection->channel);
    if (!now) {
        enqueue(shard, session, publication, qos, retain, target);
        return;
    }
    if (qos == 0) {
        struct send send = {.ids = target->ids, .id_count = target->id_count, .retain = retain};
        send_any(shard, session, publication, &send);
        return;
    }
    struct outgoing outgoing = {
        .message = message_ref(publication_message(publication)),
        .ids = copy_ids(target->ids, target->id_count),
        .qos = qos,
        .retain = retain,
        .journaled = by_journal,
    };
    if (by_journal) {
        const struct inflight_entry *entry = inflight_add_waiting(&session->inflight, &outgoing);
        journal_enqueue(session, &outgoing, entry->packet_id, publication->picked);
        return;
    }
    bool sent;
    uint16_t packet_id = send_outgoing(shard, session, publication, &outgoing, &sent);
    if (packet_id == 0 || !session_is_durable(session))
        return;
    inflight_find(&session->inflight, packet_id)->journaled = true;
    journal_enqueue(session, &outgoing, 0, publication->picked);
}

void session_push(struct shard *shard, struct session *session, const struct outgoing *outgoing)
{
    struct outgoing pushed = *outgoing;
    pushed.journaled = outgoing->qos > 0 && session_is_durable(session);
    if (pushed.journaled)
        journal_enqueue(session, &pushed, 0, false);
    session_queue_push(&session->queue, &pushed);
    COUNT(shard, queued_messages, 1);
}

void session_restore_queued(struct session *session, const struct outgoing *outgoing)
{
    struct shard *shard = session->shard;
    const struct session_settings *limits = &shard->settings->sessions;
    bool expired = outgoing->message->expires_ms != 0 &&
                   outgoing->message->expires_ms <= reactor_wall_ms(shard->reactor);
    /* Retained messages of a subscription may have been queued past the limit. */
    bool fits = limits->max_queued_messages == 0 ||
                session->queue.count < limits->max_queued_messages + retained_count(shard->broker->retained);
    if (!expired && (fits || make_room(shard, session, outgoing_bytes(outgoing->message, outgoing->ids)))) {
        session_queue_push(&session->queue, outgoing);
        COUNT(shard, queued_messages, 1);
        return;
    }
    struct outgoing dropped = *outgoing;
    note_message_dropped(session, &dropped, "queue_full");
    journal_outgoing_done(session, &dropped);
    outgoing_release(&dropped);
    COUNT(shard, messages_dropped, 1);
}

/* What the client had not acknowledged on its last connection: a PUBLISH again with DUP, or a PUBREL. Or a PUBLISH that
 * has waited for the journal. A message that is larger than the client takes on this connection is given up. */
static void send_unsent(struct session *session, struct inflight_entry *entry)
{
    struct connection *connection = session->connection;
    bool first = entry->fresh;
    inflight_mark_sent(&session->inflight, entry);
    if (entry->state == INFLIGHT_RELEASED) {
        mqtt_ack_write(channel_reserve(&connection->channel, MQTT_ACK_SHORT_BYTES), MQTT_PUBREL,
                       entry->packet_id);
        channel_commit(&connection->channel, MQTT_ACK_SHORT_BYTES);
        return;
    }
    struct publication publication;
    publication_of_message(entry->message, &publication);
    struct send send = {
        .ids = entry->ids != NULL ? entry->ids + 1 : NULL,
        .id_count = entry->ids != NULL ? (uint16_t)entry->ids[0] : 0,
        .packet_id = entry->packet_id,
        .qos = entry->qos,
        .retain = entry->retain,
        .dup = !first,
    };
    if (send_any(session->shard, session, &publication, &send))
        return;
    feed_settle(entry, MQTT_PACKET_TOO_LARGE);
    journal_entry_done(session, entry);
    inflight_remove(&session->inflight, entry);
}

/* [MQTT-4.4.0-1], in the order of the first sending [MQTT-4.6.0-1]. False: there is more, but no room, or the journal
 * has not got it yet. */
static bool pump_inflight(struct session *session)
{
    while (session->inflight.unsent > 0) {
        struct inflight_entry *entry = inflight_next_unsent(&session->inflight);
        if (entry->waiting || !channel_ready(&session->connection->channel) || !window_open(session))
            return false;
        send_unsent(session, entry);
    }
    return true;
}

/* ---- Feeds ----------------------------------------------------------------------------------------------- */

#define ROOM_MAX 64 /* of QoS 0 messages, or more than the window: how often the output is looked at */

uint32_t session_room(struct session *session)
{
    struct connection *connection = session->connection;
    if (connection == NULL || connection->state != CONNECTION_OPEN || !session_queue_empty(&session->queue) ||
        session->inflight.unsent != session->inflight.fresh || !window_will_be_open(session) ||
        !inflight_room(session) || !channel_ready(&connection->channel))
        return 0;
    uint32_t window = connection->receive_maximum - session->inflight.sent - session->inflight.unsent;
    return window < ROOM_MAX ? window : ROOM_MAX;
}

struct inflight_entry *session_send(struct session *session, struct publication *publication,
                                    const struct subscribe_options *options, bool *sent)
{
    struct shard *shard = session->shard;
    uint8_t qos = options->qos < publication->qos ? options->qos : publication->qos;
    struct outgoing outgoing = {
        .qos = qos,
        .retain = options->retain_as_published && publication->retain,
    };
    uint16_t id_count = options->id != 0;
    if (qos == 0) {
        const struct send send = {.ids = &options->id, .id_count = id_count, .retain = outgoing.retain};
        *sent = send_any(shard, session, publication, &send);
        return NULL;
    }
    outgoing.message = message_ref(publication_message(publication));
    outgoing.ids = copy_ids(&options->id, id_count);
    if (goes_by_journal(session, qos) || session->inflight.unsent > 0) {
        struct inflight_entry *entry = inflight_add_waiting(&session->inflight, &outgoing);
        entry->waiting = goes_by_journal(session, qos);
        if (entry->waiting)
            journal_sent(session, entry, true);
        *sent = true;
        return entry;
    }
    uint16_t packet_id = send_outgoing(shard, session, publication, &outgoing, sent);
    return *sent ? inflight_find(&session->inflight, packet_id) : NULL;
}

/* False: there is more, but no room. */
static bool pump_queue(struct shard *shard, struct session *session)
{
    struct connection *connection = session->connection;
    int64_t now_ms = reactor_wall_ms(shard->reactor);
    struct outgoing *next;
    while ((next = session_queue_peek(&session->queue)) != NULL) {
        bool by_journal = next->journaled && goes_by_journal(session, next->qos);
        if (!channel_ready(&connection->channel) || !may_go_next(session, next->qos, by_journal))
            return false;
        struct outgoing outgoing = session_queue_pop(&session->queue);
        COUNT(shard, queued_messages, -1);
        if (outgoing.message->expires_ms != 0 && outgoing.message->expires_ms <= now_ms) {
            note_message_dropped(session, &outgoing, "expired");
            journal_outgoing_done(session, &outgoing);
            outgoing_release(&outgoing); /* [MQTT-3.3.2-5] */
            COUNT(shard, messages_dropped, 1);
            continue;
        }
        if (by_journal) {
            journal_sent(session, inflight_add_waiting(&session->inflight, &outgoing), false);
            continue;
        }
        struct publication publication;
        publication_of_message(outgoing.message, &publication);
        bool keeps = outgoing.qos > 0, sent;
        send_outgoing(shard, session, &publication, &outgoing, &sent);
        if (!keeps)
            outgoing_release(&outgoing);
    }
    return true;
}

void session_pump(struct shard *shard, struct session *session)
{
    struct connection *connection = session->connection;
    if (connection == NULL || connection->state != CONNECTION_OPEN)
        return;
    if (!pump_inflight(session) && session->inflight.unsent != session->inflight.fresh)
        return;
    if (pump_queue(shard, session) && session->feeds != NULL)
        feeds_pull(session);
}

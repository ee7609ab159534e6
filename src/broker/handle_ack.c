/* PUBACK, PUBREC, PUBREL, PUBCOMP of a client (MQTT 5, 4.3).
 *
 *     QoS 1 out:  PUBLISH →  ← PUBACK                    QoS 1 in: see publish.c
 *     QoS 2 out:  PUBLISH →  ← PUBREC  PUBREL →  ← PUBCOMP
 *     QoS 2 in:   ← PUBLISH  PUBREC →  ← PUBREL  PUBCOMP →
 *
 * An acknowledgement of something that is not in flight is ignored, or answered with 0x92 where there is an answer:
 * after a lost connection both sides may remember different things. */
#include "broker/events_internal.h"

static void pump(struct connection *connection)
{
    struct session *session = connection->session;
    if (!session_queue_empty(&session->queue) || session->inflight.unsent > 0 || feeds_wait(session))
        session_pump(session->shard, session);
}

static void note_acked(const struct connection *connection, const struct inflight_entry *entry,
                       const struct mqtt_ack *ack)
{
    if (event_wanted(connection->session->shard, EVENT_MESSAGE_ACKED))
        event_acked(connection->session, entry, ack);
}

static void handle_puback(struct connection *connection, const struct mqtt_ack *ack)
{
    struct inflight *inflight = &connection->session->inflight;
    struct inflight_entry *entry = inflight_find(inflight, ack->packet_id);
    if (entry == NULL || entry->qos != 1)
        return;
    note_acked(connection, entry, ack);
    feed_settle(entry, ack->reason);
    journal_entry_done(connection->session, entry);
    inflight_remove(inflight, entry);
    pump(connection);
}

static void handle_pubrec(struct connection *connection, const struct mqtt_ack *ack)
{
    struct inflight *inflight = &connection->session->inflight;
    struct inflight_entry *entry = inflight_find(inflight, ack->packet_id);
    if (entry != NULL && entry->qos != 2)
        return;
    if (entry != NULL && entry->state == INFLIGHT_PUBLISHED)
        note_acked(connection, entry, ack);
    if (ack->reason >= 0x80) { /* refused: the exchange is over [MQTT-4.3.3-4] */
        if (entry != NULL) {
            feed_settle(entry, ack->reason);
            journal_entry_done(connection->session, entry);
            inflight_remove(inflight, entry);
            pump(connection);
        }
        return;
    }
    if (entry != NULL && entry->state == INFLIGHT_PUBLISHED) {
        feed_settle(entry, MQTT_SUCCESS);
        inflight_release_message(inflight, entry);
        if (entry->journaled && session_is_durable(connection->session)) {
            entry->waiting = true;
            journal_released(connection->session, entry);
        }
    }
    if (entry != NULL && entry->waiting)
        return; /* PUBREL follows when the journal has it */
    /* PUBREL is the client's to answer and not in the order of what it sent: never held back. */
    struct channel *channel = &connection->channel;
    if (entry == NULL && connection->version == MQTT_5) {
        struct buf *out = &connection->session->shard->scratch;
        buf_reset(out);
        mqtt_encode_ack(out, MQTT_5, MQTT_PUBREL, ack->packet_id, MQTT_PACKET_ID_NOT_FOUND, NULL);
        connection_send(connection, out);
        return;
    }
    mqtt_ack_write(channel_reserve(channel, MQTT_ACK_SHORT_BYTES), MQTT_PUBREL, ack->packet_id);
    channel_commit(channel, MQTT_ACK_SHORT_BYTES);
}

static void handle_pubrel(struct connection *connection, const struct mqtt_ack *ack)
{
    struct session *session = connection->session;
    if (packet_id_set_has(&session->received, ack->packet_id) && journal_is_failing(session)) {
        connection_fail(connection, MQTT_QUOTA_EXCEEDED, "the session cannot be written to disk");
        return;
    }
    bool known = session_not_received(session, ack->packet_id);
    if (known && journal_completed(session, ack->packet_id))
        return;
    connection_ack(connection, MQTT_PUBCOMP, ack->packet_id, known ? MQTT_SUCCESS : MQTT_PACKET_ID_NOT_FOUND,
                   NULL);
}

static void handle_pubcomp(struct connection *connection, const struct mqtt_ack *ack)
{
    struct inflight *inflight = &connection->session->inflight;
    struct inflight_entry *entry = inflight_find(inflight, ack->packet_id);
    if (entry == NULL || entry->qos != 2)
        return;
    journal_entry_done(connection->session, entry);
    inflight_remove(inflight, entry);
    pump(connection);
}

void handle_ack(struct connection *connection, const struct mqtt_frame *frame)
{
    struct mqtt_ack ack;
    if (frame->total_len == MQTT_ACK_SHORT_BYTES && frame->body_len == 2 &&
        frame->flags == (frame->type == MQTT_PUBREL ? 2 : 0) && (frame->body[0] | frame->body[1]) != 0) {
        /* The short form, nearly every one. What is wrong with any other the decoder says. */
        ack.packet_id = (uint16_t)(frame->body[0] << 8 | frame->body[1]);
        ack.reason = MQTT_SUCCESS;
        ack.properties.raw = STR("");
    } else {
        uint8_t reason = mqtt_decode_ack(frame, connection->version, &ack);
        if (reason != MQTT_SUCCESS) {
            connection_fail(connection, reason, NULL);
            return;
        }
    }
    switch (frame->type) {
    case MQTT_PUBACK: handle_puback(connection, &ack); break;
    case MQTT_PUBREC: handle_pubrec(connection, &ack); break;
    case MQTT_PUBREL: handle_pubrel(connection, &ack); break;
    case MQTT_PUBCOMP: handle_pubcomp(connection, &ack); break;
    default: assert(false);
    }
}

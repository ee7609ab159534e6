/* Publishing: a message goes out as soon as there is room among those in flight; acknowledgements make room.
 *
 *   QoS 1   PUBLISH ▶ ◀ PUBACK
 *   QoS 2   PUBLISH ▶ ◀ PUBREC  PUBREL ▶ ◀ PUBCOMP */
#include "client_internal.h"

#include "base/clock.h"
#include "base/mem.h"

static bool acks_wait(struct client *client, uint32_t until_count, struct error *err)
{
    int64_t deadline_ms = clock_mono_ms() + client->timeout_ms;
    while (client->in_flight_count > until_count) {
        struct mqtt_frame frame;
        uint32_t before = client->in_flight_count;
        int got = client_next_packet(client, deadline_ms, &frame, err);
        if (got < 0 || (got > 0 && !client_handle(client, &frame, err)))
            return false;
        if (got == 0 && clock_mono_ms() >= deadline_ms)
            return client_timeout(client, "acknowledgement", err);
        if (client->in_flight_count < before)
            deadline_ms = clock_mono_ms() + client->timeout_ms;
    }
    return true;
}

static bool publish_check(struct client *client, const struct client_message *message, size_t packet_bytes,
                          struct error *err)
{
    if (message->qos > client->maximum_qos)
        return error_set(err, ERR_DENIED, "%s supports QoS %u at most", client->transport.address,
                         client->maximum_qos);
    if (message->retain && !client->retain_available)
        return error_set(err, ERR_DENIED, "%s does not retain messages", client->transport.address);
    if (packet_bytes > client->maximum_packet_bytes) {
        return error_set(err, ERR_TOO_LARGE, "message of %zu bytes: %s takes packets of at most %llu bytes",
                         message->payload.len, client->transport.address,
                         (unsigned long long)client->maximum_packet_bytes);
    }
    return true;
}

/* The first refusal is told once, by the next call that can. */
static bool refusal_take(struct client *client, struct error *err)
{
    if (client->refusal.code == ERR_NONE)
        return true;
    if (err != NULL)
        *err = client->refusal;
    client->refusal.code = ERR_NONE;
    return false;
}

/* Property list as an encoder wants it: without the length prefix. */
static void properties_encode(struct client *client, const struct client_message *message, struct buf *out)
{
    if (client->version != MQTT_5)
        return;
    mqtt_properties_encode(out, &message->properties);
    size_t prefix = 0;
    while ((out->data[prefix++] & 0x80) != 0)
        continue;
    buf_consume(out, prefix);
}

bool client_publish(struct client *client, const struct client_message *message, struct error *err)
{
    struct buf properties = {0};
    struct mqtt_publish_layout layout;
    struct mqtt_publish publish = {
        .retain = message->retain, .qos = message->qos, .topic = message->topic, .payload = message->payload};
    bool done = false;
    if (message->qos > 0 && !acks_wait(client, client->in_flight_limit - 1, err))
        return false;
    if (!refusal_take(client, err))
        return false;
    properties_encode(client, message, &properties);
    publish.raw_props = buf_str(&properties);
    if (message->qos > 0)
        publish.packet_id = client_packet_id(client);
    if (!mqtt_publish_layout(client->version, &publish, 0, &layout)) {
        error_set(err, ERR_TOO_LARGE, "message of %zu bytes: MQTT allows about 256 MiB",
                  message->payload.len);
        goto out;
    }
    if (!publish_check(client, message, layout.head_len + message->payload.len, err))
        goto out;
    if (message->qos > 0)
        client->in_flight[client->in_flight_count++] =
            (struct in_flight){.packet_id = publish.packet_id, .topic = str_dup(message->topic)};
    mqtt_encode_publish(&client->out, client->version, &publish);
    done = client_write(client, err);
out:
    buf_free(&properties);
    return done;
}

bool client_flush(struct client *client, struct error *err)
{
    return acks_wait(client, 0, err) && refusal_take(client, err);
}

static void finished(struct client *client, uint32_t i, const struct mqtt_ack *ack)
{
    if (ack->reason >= 0x80 && client->refusal.code == ERR_NONE) {
        struct str why = ack->properties.reason_string;
        error_set(&client->refusal, ERR_DENIED, "%s refused the message to %s: %s%s%.*s",
                  client->transport.address, client->in_flight[i].topic, mqtt_reason_text(ack->reason),
                  why.len > 0 ? ", " : "", STR_ARG(why));
    }
    mem_free(client->in_flight[i].topic);
    client->in_flight[i] = client->in_flight[--client->in_flight_count];
}

/* PUBACK, PUBREC, PUBCOMP. One for an unknown packet id is answered as the protocol asks and otherwise ignored. */
bool client_ack_received(struct client *client, const struct mqtt_frame *frame, struct error *err)
{
    struct mqtt_ack ack;
    if (mqtt_decode_ack(frame, client->version, &ack) != MQTT_SUCCESS) {
        client->broken = true;
        return error_set(err, ERR_PROTOCOL, "%s sent a malformed %s", client->transport.address,
                         mqtt_packet_name(frame->type));
    }
    uint32_t i = 0;
    while (i < client->in_flight_count && client->in_flight[i].packet_id != ack.packet_id)
        i++;
    bool known = i < client->in_flight_count;
    if (frame->type == MQTT_PUBREC && ack.reason < 0x80) {
        uint8_t reason = known ? MQTT_SUCCESS : MQTT_PACKET_ID_NOT_FOUND;
        mqtt_encode_ack(&client->out, client->version, MQTT_PUBREL, ack.packet_id, reason, NULL);
        return client_write(client, err);
    }
    if (known)
        finished(client, i, &ack);
    return true;
}

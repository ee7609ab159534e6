/* Subscribing and receiving. A message is acknowledged by the call after the one that handed it out; QoS 2 is
 * handed out once, however often its PUBLISH comes, until PUBREL frees its packet id. */
#include "client_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>

#define PACKET_IDS        65536
#define ACKS_GATHER_BYTES 4096

/* ---- subscribing ---- */

static bool suback_check(struct client *client, const struct mqtt_subscription *subscriptions, size_t count,
                         struct error *err)
{
    if (client->suback.len != count) {
        client->broken = true;
        return error_set(err, ERR_PROTOCOL, "%s answered %zu filters with %zu reasons",
                         client->transport.address, count, client->suback.len);
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t reason = client->suback.data[i];
        if (reason >= 0x80) {
            struct str text = client->version != MQTT_5    ? STR("failure")
                              : client->suback_why.len > 0 ? buf_str(&client->suback_why)
                                                           : str_of(mqtt_reason_text(reason));
            return error_set(err, ERR_DENIED, "%s refused the subscription to %.*s: %.*s",
                             client->transport.address, STR_ARG(subscriptions[i].filter), STR_ARG(text));
        }
    }
    return true;
}

bool client_subscribe(struct client *client, const struct mqtt_subscription *subscriptions, size_t count,
                      const struct mqtt_properties *properties, struct error *err)
{
    struct mqtt_properties none;
    int64_t deadline_ms = clock_mono_ms() + client->timeout_ms;
    mqtt_properties_init(&none);
    client->suback_awaited = true;
    client->suback_id = client_packet_id(client);
    mqtt_encode_subscribe(&client->out, client->version, client->suback_id,
                          properties != NULL ? properties : &none, subscriptions, count);
    if (!client_write(client, err))
        return false;
    while (client->suback_awaited) {
        struct mqtt_frame frame;
        int got = client_next_packet(client, deadline_ms, &frame, err);
        if (got < 0 || (got > 0 && !client_handle(client, &frame, err)))
            return false;
        if (got == 0 && clock_mono_ms() >= deadline_ms)
            return client_timeout(client, "SUBACK", err);
    }
    return suback_check(client, subscriptions, count, err);
}

/* ---- QoS 2: packet ids between PUBLISH and PUBREL ---- */

static bool id_is_received(const struct client *client, uint16_t id)
{
    return client->received != NULL && (client->received[id / 64] >> (id % 64) & 1) != 0;
}

static void id_set_received(struct client *client, uint16_t id, bool received)
{
    uint64_t bit = UINT64_C(1) << (id % 64);
    if (client->received == NULL)
        client->received = mem_zalloc(PACKET_IDS / 8);
    if (received)
        client->received[id / 64] |= bit;
    else
        client->received[id / 64] &= ~bit;
}

bool client_release_received(struct client *client, const struct mqtt_frame *frame, struct error *err)
{
    struct mqtt_ack ack;
    if (mqtt_decode_ack(frame, client->version, &ack) != MQTT_SUCCESS) {
        client->broken = true;
        return error_set(err, ERR_PROTOCOL, "%s sent a malformed PUBREL", client->transport.address);
    }
    uint8_t reason = id_is_received(client, ack.packet_id) ? MQTT_SUCCESS : MQTT_PACKET_ID_NOT_FOUND;
    id_set_received(client, ack.packet_id, false);
    mqtt_encode_ack(&client->out, client->version, MQTT_PUBCOMP, ack.packet_id, reason, NULL);
    return client_write(client, err);
}

/* ---- messages ---- */

bool client_keep(struct client *client, const struct mqtt_frame *frame, struct error *err)
{
    if (client->kept_bytes > 0 && client->kept_bytes + frame->total_len > CLIENT_KEPT_BYTES_MAX) {
        client->broken = true;
        return error_set(err, ERR_LIMIT,
                         "more than %u MiB of messages came while waiting for an acknowledgement",
                         CLIENT_KEPT_BYTES_MAX / 1024 / 1024);
    }
    struct kept *kept = mem_zalloc(sizeof *kept + frame->total_len);
    kept->len = frame->total_len;
    memcpy(kept->data, frame->body + frame->body_len - frame->total_len, frame->total_len);
    list_append(&client->kept, &kept->link);
    client->kept_bytes += kept->len;
    return true;
}

void client_ack_message(struct client *client)
{
    if (client->message_id == 0)
        return;
    uint8_t type = client->message_qos == 1 ? MQTT_PUBACK : MQTT_PUBREC;
    mqtt_encode_ack(&client->out, client->version, type, client->message_id, MQTT_SUCCESS, NULL);
    client->message_id = 0;
}

/* Moves the oldest kept PUBLISH into client->message. */
static bool kept_take(struct client *client)
{
    if (list_empty(&client->kept))
        return false;
    struct kept *kept = CONTAINER_OF(client->kept.next, struct kept, link);
    buf_reset(&client->message);
    buf_append(&client->message, kept->data, kept->len);
    client->kept_bytes -= kept->len;
    list_remove(&kept->link);
    mem_free(kept);
    return true;
}

static bool malformed(struct client *client, struct error *err)
{
    client->broken = true;
    return error_set(err, ERR_PROTOCOL, "%s sent a malformed PUBLISH", client->transport.address);
}

/* Decodes client->message. *again: it is a repeated PUBLISH of QoS 2 that was handed out before. */
static bool message_decode(struct client *client, struct client_message *out, bool *again, struct error *err)
{
    struct mqtt_frame frame;
    struct mqtt_publish publish;
    enum mqtt_scan scan =
        mqtt_frame_scan(client->message.data, client->message.len, CLIENT_PACKET_MAX, &frame);
    assert(scan == MQTT_SCAN_OK);
    (void)scan;
    if (mqtt_decode_publish(&frame, client->version, &publish) != MQTT_SUCCESS || publish.topic.len == 0)
        return malformed(client, err);
    *out = (struct client_message){.topic = publish.topic,
                                   .payload = publish.payload,
                                   .qos = publish.qos,
                                   .retain = publish.retain,
                                   .dup = publish.dup};
    mqtt_properties_init(&out->properties);
    if (publish.raw_props.len > 0 &&
        mqtt_properties_decode((const uint8_t *)publish.raw_props.data, publish.raw_props.len,
                               MQTT_LIST_PUBLISH, &out->properties) != MQTT_SUCCESS)
        return malformed(client, err);
    client->message_qos = publish.qos;
    client->message_id = publish.qos > 0 ? publish.packet_id : 0;
    *again = publish.qos == 2 && id_is_received(client, publish.packet_id);
    if (publish.qos == 2)
        id_set_received(client, publish.packet_id, true);
    return true;
}

/* Acknowledges the message handed out before. Acknowledgements gather while there are more messages at hand, and
 * go out before there is anything to wait for. */
static bool before_receiving(struct client *client, int64_t *next_ms, struct error *err)
{
    struct mqtt_frame frame;
    client_ack_message(client);
    bool more = !list_empty(&client->kept) ||
                mqtt_frame_scan(client->in.data + client->in_at, client->in.len - client->in_at,
                                CLIENT_PACKET_MAX, &frame) == MQTT_SCAN_OK;
    if (client->out.len > (more ? ACKS_GATHER_BYTES : 0) && !client_write(client, err))
        return false;
    return client_keep_alive(client, next_ms, err);
}

enum client_receive client_receive(struct client *client, int64_t timeout_ms, struct client_message *out,
                                   struct error *err)
{
    int64_t deadline_ms = clock_mono_ms() + timeout_ms;
    for (;;) {
        struct mqtt_frame frame;
        int64_t wake_ms;
        bool again = false;
        if (!before_receiving(client, &wake_ms, err))
            return CLIENT_FAILED;
        if (kept_take(client)) {
            if (!message_decode(client, out, &again, err))
                return CLIENT_FAILED;
            if (again)
                continue;
            return CLIENT_MESSAGE;
        }
        int got = client_next_packet(client, wake_ms < deadline_ms ? wake_ms : deadline_ms, &frame, err);
        if (got < 0 || (got > 0 && !client_handle(client, &frame, err)))
            return CLIENT_FAILED;
        if (got == 0 && (clock_mono_ms() >= deadline_ms || clock_mono_ms() < wake_ms))
            return CLIENT_NOTHING; /* the time has passed, or a signal came before it */
    }
}

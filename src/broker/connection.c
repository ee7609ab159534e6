/* A connection: bytes in, packets dispatched, answers out, the end.
 *
 * 1. net shows the bytes that came. Until the session is open, connect.c looks at them.
 * 2. Then each whole packet goes to its handler; PUBLISH, the hot one, first.
 * 3. Handlers write answers straight into the channel's output, which net flushes once a turn.
 *
 * What ends it: the peer, a time-out, a packet that breaks the protocol (connection_fail), a take-over, an
 * operator. on_closed then detaches the session, which decides on will and expiry. */
#include "broker/events_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/burst.h"

static void log_end(struct connection *connection, const struct error *why)
{
    if (!shard_may_log(shard_of_channel(&connection->channel), LOG_LEVEL_DEBUG))
        return;
    char peer[CHANNEL_PEER_BYTES];
    channel_peer_text(&connection->channel, peer);
    struct str id = connection->session != NULL ? session_client_id(connection->session) : STR("");
    if (why != NULL && why->code != ERR_NONE)
        LOG_DEBUG("connection ended", LOG_STR("client_id", id), LOG_TEXT("peer", peer), LOG_ERROR_OF(why));
    else
        LOG_DEBUG("connection ended", LOG_STR("client_id", id), LOG_TEXT("peer", peer));
}

/* A packet that this client will not take, since it is larger than it said, is not sent [MQTT-3.1.2-24]. */
bool connection_takes(const struct connection *connection, size_t bytes)
{
    return connection->max_packet_out == 0 || bytes <= connection->max_packet_out;
}

void connection_send(struct connection *connection, const struct buf *packet)
{
    if (!connection_takes(connection, packet->len))
        return;
    channel_write(&connection->channel, packet->data, packet->len);
}

const struct mqtt_properties *connection_reason_string(const struct connection *connection, const char *text,
                                                       struct mqtt_properties *out)
{
    if (text == NULL || connection->version != MQTT_5 || !connection->problem_info)
        return NULL;
    mqtt_properties_init(out);
    out->has = UINT64_C(1) << MQTT_PROP_REASON_STRING;
    out->reason_string = str_of(text);
    return out;
}

static void encode_connack_failure(struct connection *connection, uint8_t reason, const char *text,
                                   struct buf *out)
{
    struct mqtt_connack connack = {.reason = reason};
    mqtt_properties_init(&connack.properties);
    if (text != NULL && connection->version == MQTT_5) {
        connack.properties.has |= UINT64_C(1) << MQTT_PROP_REASON_STRING;
        connack.properties.reason_string = str_of(text);
    }
    mqtt_encode_connack(out, connection->version, &connack);
}

static void encode_end(struct connection *connection, uint8_t reason, const char *text, struct buf *out)
{
    buf_reset(out);
    if (connection->state == CONNECTION_OPEN) {
        struct mqtt_properties properties;
        if (connection->version == MQTT_5)
            mqtt_encode_disconnect(out, MQTT_5, reason,
                                   connection_reason_string(connection, text, &properties));
    } else if (connection->version != 0) {
        encode_connack_failure(connection, reason, text, out);
    }
}

/* The reason as the packet knows it that ends the connection: CONNACK or DISCONNECT (MQTT 5, table 2-6). */
static uint8_t reason_of_end(const struct connection *connection, uint8_t reason)
{
    bool open = connection->state == CONNECTION_OPEN;
    switch (reason) {
    case MQTT_SERVER_SHUTTING_DOWN: return open ? reason : MQTT_SERVER_UNAVAILABLE;
    case MQTT_SERVER_UNAVAILABLE: return open ? MQTT_SERVER_BUSY : reason;
    case MQTT_BANNED: return open ? MQTT_ADMINISTRATIVE_ACTION : reason;
    default: return reason;
    }
}

void connection_fail(struct connection *connection, uint8_t reason, const char *text)
{
    if (channel_is_closing(&connection->channel))
        return;
    reason = reason_of_end(connection, reason);
    struct shard *shard = shard_of_channel(&connection->channel);
    struct buf *out = &shard->scratch;
    if (text == NULL)
        text = mqtt_reason_text(reason);
    encode_end(connection, reason, text, out);
    if (!connection_takes(connection, out->len)) /* without the text, then [MQTT-3.2.2-19] [MQTT-3.14.2-3] */
        encode_end(connection, reason, NULL, out);
    if (out->len > 0)
        connection_send(connection, out);
    if (connection->state != CONNECTION_OPEN && out->len > 0 && event_wanted(shard, EVENT_CLIENT_CONNACK))
        event_connack(connection, reason, STR(""));
    struct error why;
    error_set(&why, reason == MQTT_SUCCESS ? ERR_NONE : ERR_PROTOCOL, "%s", text);
    channel_close(&connection->channel, &why);
}

void connection_log_refusal(struct connection *connection, const char *event, struct str topic,
                            const char *why)
{
    enum log_level level = connection->refusal_logged ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    connection->refusal_logged = true;
    if (!shard_may_log(shard_of_channel(&connection->channel), level))
        return;
    char peer[CHANNEL_PEER_BYTES];
    channel_peer_text(&connection->channel, peer);
    struct str id = connection->session != NULL ? session_client_id(connection->session) : STR("");
    LOG_AT(level, event, LOG_STR("client_id", id), LOG_TEXT("peer", peer), LOG_STR("topic", topic),
           LOG_TEXT("reason", why));
}

/* ---- Acknowledgements ------------------------------------------------------------------------------------ */

static void write_ack(struct connection *connection, uint8_t type, uint16_t packet_id, uint8_t reason,
                      const char *text)
{
    if (reason == MQTT_SUCCESS || connection->version != MQTT_5) {
        mqtt_ack_write(channel_reserve(&connection->channel, MQTT_ACK_SHORT_BYTES), type, packet_id);
        channel_commit(&connection->channel, MQTT_ACK_SHORT_BYTES);
        return;
    }
    struct shard *shard = shard_of_channel(&connection->channel);
    struct mqtt_properties properties;
    buf_reset(&shard->scratch);
    mqtt_encode_ack(&shard->scratch, MQTT_5, type, packet_id, reason,
                    connection_reason_string(connection, text, &properties));
    if (!connection_takes(connection, shard->scratch.len)) { /* without the text, then */
        buf_reset(&shard->scratch);
        mqtt_encode_ack(&shard->scratch, MQTT_5, type, packet_id, reason, NULL);
    }
    connection_send(connection, &shard->scratch);
}

void connection_write_ack(struct connection *connection, uint8_t type, uint16_t packet_id, uint8_t reason)
{
    write_ack(connection, type, packet_id, reason, NULL);
}

void connection_ack(struct connection *connection, uint8_t type, uint16_t packet_id, uint8_t reason,
                    const char *text)
{
    if (connection_holds_acks(connection))
        held_append(connection, type, packet_id, reason, NULL);
    else
        write_ack(connection, type, packet_id, reason, text);
}

struct held *held_append(struct connection *connection, uint8_t type, uint16_t packet_id, uint8_t reason,
                         struct ack_ticket *ticket)
{
    struct held *held = mem_zalloc(sizeof(*held));
    held->connection = connection;
    held->type = type;
    held->packet_id = packet_id;
    held->reason = reason;
    held->ticket = ticket;
    if (ticket != NULL)
        ticket->held = held;
    held->ends = type == MQTT_PUBACK || type == MQTT_PUBCOMP || (type == MQTT_PUBREC && reason >= 0x80);
    struct connection_extras *extras = connection_extras(connection);
    if (extras->held_last != NULL)
        extras->held_last->next = held;
    else
        extras->held_first = held;
    extras->held_last = held;
    extras->held_ends += held->ends;
    return held;
}

static void held_free(struct held *held)
{
    if (held->ticket != NULL)
        held->ticket->held = NULL;
    held_subscribe_free(held->subscribe);
    mem_free(held);
}

void held_flush(struct connection *connection)
{
    struct connection_extras *extras = connection->extras;
    bool subscribed = false;
    while (extras->held_first != NULL && extras->held_first->ticket == NULL) {
        struct held *held = extras->held_first;
        if (held->subscribe != NULL && !held_subscribe_send(connection, held))
            return;
        extras->held_first = held->next;
        if (extras->held_first == NULL)
            extras->held_last = NULL;
        extras->held_ends -= held->ends;
        if (held->type == MQTT_CONNACK)
            connect_go_on(connection, held->reason);
        else if (held->subscribe == NULL && (held->reason < 0x80 || connection->version == MQTT_5))
            write_ack(connection, held->type, held->packet_id, held->reason, NULL);
        if (held->type == MQTT_PUBREC && held->reason < 0x80)
            session_is_sure(connection->session, held->packet_id);
        else if (held->type == MQTT_PUBREC && !held->keeps_id &&
                 session_not_received(connection->session, held->packet_id)) /* the exchange is over */
            journal_not_received(connection->session, held->packet_id);
        subscribed = subscribed || held->subscribe != NULL;
        /* Before MQTT 5 there is no way to refuse: without an acknowledgement the client sends it again. */
        held_free(held);
    }
    if (subscribed) /* a client that publishes needs them again for the next acknowledgement; who has subscribed may not */
        connection_extras_trim(connection);
}

void held_drop_all(struct connection *connection)
{
    struct connection_extras *extras = connection->extras;
    while (extras != NULL && extras->held_first != NULL) {
        struct held *held = extras->held_first;
        extras->held_first = held->next;
        if (held->ticket != NULL && held->type == MQTT_PUBREC && !held->keeps_id &&
            connection->session != NULL)
            receipt_leave(connection->session, held);
        held_free(held);
    }
    if (extras == NULL)
        return;
    extras->held_last = NULL;
    list_remove(&extras->search);
    connection->searching = false;
}

/* ---- Packets --------------------------------------------------------------------------------------------- */

static void handle_ping(struct connection *connection, const struct mqtt_frame *frame)
{
    if (mqtt_decode_empty(frame) != MQTT_SUCCESS) {
        connection_fail(connection, MQTT_MALFORMED_PACKET, "PINGREQ with flags or a body");
        return;
    }
    uint8_t *out = channel_reserve(&connection->channel, 2);
    out[0] = MQTT_PINGRESP << 4;
    out[1] = 0;
    channel_commit(&connection->channel, 2);
    if (event_wanted(shard_of_channel(&connection->channel), EVENT_CLIENT_PING))
        event_ping(connection);
}

static void handle_packet(struct connection *connection, const struct mqtt_frame *frame)
{
    if (frame->type != MQTT_PUBLISH) {
        burst_flush(shard_of_channel(&connection->channel));
        if (connection->extras != NULL && connection->extras->rate != NULL)
            rate_limit_take(connection, 0, frame->total_len);
    }
    switch (frame->type) {
    case MQTT_PUBLISH: handle_publish(connection, frame); break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP: handle_ack(connection, frame); break;
    case MQTT_PINGREQ: handle_ping(connection, frame); break;
    case MQTT_SUBSCRIBE: handle_subscribe(connection, frame); break;
    case MQTT_UNSUBSCRIBE: handle_unsubscribe(connection, frame); break;
    case MQTT_DISCONNECT: handle_disconnect(connection, frame); break;
    case MQTT_AUTH: handle_auth(connection, frame); break;
    case MQTT_CONNECT:
        connection_fail(connection, MQTT_PROTOCOL_ERROR, "a second CONNECT"); /* [MQTT-3.1.0-2] */
        break;
    default: connection_fail(connection, MQTT_PROTOCOL_ERROR, "a packet that only servers send"); break;
    }
}

static bool held_back(const struct connection *connection)
{
    return connection->stalled || connection->disk_wait || connection->rate_paused || connection->searching ||
           connection->output_full || channel_is_closing(&connection->channel);
}

/* A client that sends and does not read would make its acknowledgements pile up here. */
static void check_output(struct connection *connection)
{
    struct channel *channel = &connection->channel;
    if (channel_pending_bytes(channel) <= CHANNEL_HIGH_WATER_BYTES || channel_ready(channel) ||
        channel_is_closing(channel))
        return;
    connection->output_full = true;
    channel_pause(channel);
}

static size_t on_data(struct channel *channel, uint8_t *data, size_t len)
{
    struct connection *connection = (struct connection *)channel;
    struct shard *shard = shard_of_channel(channel);
    size_t used = 0;
    uint64_t packets = 0;
    if (connection->state != CONNECTION_OPEN) {
        used = connect_on_data(connection, data, len);
        if (connection->state != CONNECTION_OPEN)
            return used; /* it may have moved: not ours to touch any more */
    }
    while (used < len && !held_back(connection)) {
        struct mqtt_frame frame;
        enum mqtt_scan scan = mqtt_frame_scan(data + used, len - used, connection->max_packet_in, &frame);
        if (scan != MQTT_SCAN_OK) {
            if (scan == MQTT_SCAN_TOO_LARGE)
                connection_fail(connection, MQTT_PACKET_TOO_LARGE, "packet over the server's maximum size");
            else if (scan == MQTT_SCAN_MALFORMED)
                connection_fail(connection, MQTT_MALFORMED_PACKET, "bad fixed header");
            break;
        }
        handle_packet(connection, &frame);
        check_output(connection);
        used += frame.total_len;
        packets++;
    }
    burst_flush(shard); /* it views these bytes */
    if (packets > 0) {
        channel_touch(channel);
        COUNT(shard, packets_received, packets);
        COUNT(shard, bytes_received, used);
    }
    if (used < len && !held_back(connection))
        channel_touch_kept(channel,
                           len - used); /* MQTT 5, 3.1.2.10: a transfer that goes on is not silence */
    return used;
}

/* ---- Life ------------------------------------------------------------------------------------------------ */

static void on_open(struct channel *channel)
{
    struct connection *connection = (struct connection *)channel;
    struct shard *shard = shard_of_channel(channel);
    const struct listener_state *listener = listener_user(channel_listener(channel));
    list_append(&shard->connections, &connection->all);
    if (connection->state != CONNECTION_NEW) { /* moved here: CONNECT is shown again next */
        if (shard->stopping)
            connection_fail(connection, MQTT_SERVER_SHUTTING_DOWN, NULL);
        return;
    }
    uint32_t max_packet_bytes = atomic_load_explicit(&listener->max_packet_bytes, memory_order_relaxed);
    connection->max_packet_in =
        max_packet_bytes != 0 ? max_packet_bytes : shard->settings->mqtt.max_packet_bytes;
    COUNT(shard, connections_total, 1);
    atomic_fetch_add_explicit(&shard->broker->open_channels, 1, memory_order_relaxed);
    channel_set_timeout(channel, shard->settings->mqtt.connect_timeout_s);
    if (shard->stopping)
        channel_close(channel, NULL);
}

void connection_resume(struct connection *connection)
{
    if (!held_back(connection))
        channel_resume(&connection->channel);
}

static void on_drained(struct channel *channel)
{
    struct connection *connection = (struct connection *)channel;
    if (connection->output_full) {
        connection->output_full = false;
        connection_resume(connection);
    }
    if (connection->session != NULL)
        session_pump(shard_of_channel(channel), connection->session);
}

static void on_timeout(struct channel *channel)
{
    struct connection *connection = (struct connection *)channel;
    if (connection->state == CONNECTION_OPEN) {
        /* What it says while it is not read is no silence of its own. */
        if (!connection->stalled && !connection->rate_paused && !connection->searching)
            connection_fail(connection, MQTT_KEEP_ALIVE_TIMEOUT, "keep alive timeout");
        return;
    }
    struct error why;
    error_set(&why, ERR_TIMEOUT, "no CONNECT, or no end of the authentication, in time");
    channel_abort(channel, &why);
}

struct connection_extras *connection_extras(struct connection *connection)
{
    if (connection->extras == NULL) {
        connection->extras = mem_zalloc(sizeof(*connection->extras));
        connection->extras->connection = connection;
    }
    return connection->extras;
}

void connection_extras_trim(struct connection *connection)
{
    struct connection_extras *extras = connection->extras;
    bool in_use = extras->setup != NULL || extras->held_first != NULL || extras->aliases_in != NULL ||
                  extras->aliases_out != NULL || extras->rate != NULL || extras->scram != NULL ||
                  extras->reauth != NULL || extras->expiry != NULL || extras->token_rules != NULL ||
                  extras->farewell.cap > 0 || list_linked(&extras->stall) || list_linked(&extras->search);
    if (in_use)
        return;
    mem_free(extras);
    connection->extras = NULL;
}

static void extras_free(struct connection *connection)
{
    struct connection_extras *extras = connection->extras;
    if (extras == NULL)
        return;
    list_remove(&extras->stall);
    held_drop_all(connection);
    rate_limit_stop(connection);
    token_free(connection);
    authenticate_cancel(extras->reauth);
    setup_free(extras->setup);
    scram_server_free(extras->scram);
    alias_table_free(extras->aliases_in);
    alias_table_free(extras->aliases_out);
    buf_free(&extras->farewell);
    mem_free(extras);
}

static void on_closed(struct channel *channel, const struct error *why)
{
    struct connection *connection = (struct connection *)channel;
    struct shard *shard = shard_of_channel(channel);
    log_end(connection, why);
    if (connection->state == CONNECTION_OPEN && event_wanted(shard, EVENT_CLIENT_DISCONNECTED))
        event_disconnected(connection, why);
    connection->state = CONNECTION_CLOSED;
    list_remove(&connection->all);
    if (connection->session != NULL) {
        COUNT(shard, connections, -1);
        held_drop_all(connection);
        session_detach(shard, connection->session);
    }
    extras_free(connection);
    client_acl_free(connection->acl);
    username_free(connection->username, connection->in_catalog);
    atomic_fetch_sub_explicit(&shard->broker->open_channels, 1, memory_order_relaxed);
}

const struct channel_ops connection_ops = {
    .on_open = on_open,
    .on_data = on_data,
    .on_drained = on_drained,
    .on_timeout = on_timeout,
    .on_closed = on_closed,
};

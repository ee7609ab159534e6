/* A client's connection: CONNECT and CONNACK, packets in and out, keep alive, the end.
 *
 * Everything that waits goes through client_next_packet() with a deadline; whatever comes meanwhile is handled by
 * client_handle(), so acknowledgements are never missed and messages are kept for client_receive(). */
#include "client_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

#include <poll.h>
#include <stdio.h>

void client_options_default(struct client_options *options)
{
    *options = (struct client_options){
        .host = "127.0.0.1",
        .port = 1883,
        .version = MQTT_5,
        .keep_alive = 60,
        .clean_start = true,
        .timeout_ms = 10000,
    };
}

bool client_timeout(struct client *client, const char *waited_for, struct error *err)
{
    client->broken = true;
    return error_set(err, ERR_TIMEOUT, "%s sent no %s within %lld s", client->transport.address, waited_for,
                     (long long)(client->timeout_ms + 999) / 1000);
}

/* ---- bytes ---- */

/* One read, if there is something to read. */
static enum transport_io read_some(struct client *client, short *events, struct error *err)
{
    size_t got;
    if (client->in_at > 0) {
        buf_consume(&client->in, client->in_at);
        client->in_at = 0;
    }
    buf_reserve(&client->in, CLIENT_READ_BYTES);
    enum transport_io done = transport_read(&client->transport, client->in.data + client->in.len,
                                            CLIENT_READ_BYTES, &got, events, err);
    if (done == TRANSPORT_DONE)
        client->in.len += got;
    client->broken |= done == TRANSPORT_FAILED;
    return done;
}

bool client_write(struct client *client, struct error *err)
{
    int64_t deadline_ms = clock_mono_ms() + client->timeout_ms;
    size_t at = 0;
    while (at < client->out.len) {
        short events, ignored;
        size_t written = 0;
        enum transport_io done = transport_write(&client->transport, client->out.data + at,
                                                 client->out.len - at, &written, &events, err);
        if (done == TRANSPORT_FAILED) {
            client->broken = true;
            return false;
        }
        at += written;
        if (done == TRANSPORT_DONE)
            continue;
        short ready = transport_wait(&client->transport, (short)(events | POLLIN), deadline_ms);
        if ((ready & POLLIN) != 0 && read_some(client, &ignored, err) == TRANSPORT_FAILED)
            return false;
        if (ready == 0 && clock_mono_ms() >= deadline_ms)
            return client_timeout(client, "room to write", err);
    }
    buf_reset(&client->out);
    client->last_sent_ms = clock_mono_ms();
    return true;
}

int client_next_packet(struct client *client, int64_t deadline_ms, struct mqtt_frame *frame,
                       struct error *err)
{
    for (;;) {
        short events = POLLIN;
        enum mqtt_scan scan = mqtt_frame_scan(client->in.data + client->in_at, client->in.len - client->in_at,
                                              CLIENT_PACKET_MAX, frame);
        if (scan == MQTT_SCAN_OK) {
            client->in_at += frame->total_len;
            return 1;
        }
        if (scan != MQTT_SCAN_MORE) {
            client->broken = true;
            error_set(err, ERR_PROTOCOL, "%s sent something that is not MQTT", client->transport.address);
            error_hint(err, "is it an MQTT listener?");
            return -1;
        }
        switch (read_some(client, &events, err)) {
        case TRANSPORT_DONE: continue;
        case TRANSPORT_FAILED: return -1;
        case TRANSPORT_AGAIN: break;
        }
        if (transport_wait(&client->transport, events, deadline_ms) == 0)
            return 0;
    }
}

/* ---- packets ---- */

static bool disconnect_received(struct client *client, const struct mqtt_frame *frame, struct error *err)
{
    struct mqtt_disconnect disconnect;
    client->broken = true;
    if (mqtt_decode_disconnect(frame, client->version, &disconnect) != MQTT_SUCCESS)
        return error_set(err, ERR_PROTOCOL, "%s sent a malformed DISCONNECT", client->transport.address);
    struct str why = disconnect.properties.reason_string;
    return error_set(err, ERR_CLOSED, "%s disconnected: %s%s%.*s", client->transport.address,
                     mqtt_reason_text(disconnect.reason), why.len > 0 ? ", " : "", STR_ARG(why));
}

static bool suback_received(struct client *client, const struct mqtt_frame *frame, struct error *err)
{
    struct mqtt_suback suback;
    if (mqtt_decode_suback(frame, client->version, &suback) != MQTT_SUCCESS)
        return error_set(err, ERR_PROTOCOL, "%s sent a malformed SUBACK", client->transport.address);
    if (!client->suback_awaited || suback.packet_id != client->suback_id)
        return true;
    client->suback_awaited = false;
    buf_reset(&client->suback);
    buf_append_str(&client->suback, suback.reasons);
    buf_reset(&client->suback_why);
    if (client->version == MQTT_5)
        buf_append_str(&client->suback_why, suback.properties.reason_string);
    return true;
}

bool client_handle(struct client *client, const struct mqtt_frame *frame, struct error *err)
{
    switch (frame->type) {
    case MQTT_PUBLISH: return client_keep(client, frame, err);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP: return client_ack_received(client, frame, err);
    case MQTT_PUBREL: return client_release_received(client, frame, err);
    case MQTT_SUBACK: return suback_received(client, frame, err);
    case MQTT_PINGRESP: client->ping_sent_ms = 0; return true;
    case MQTT_DISCONNECT: return disconnect_received(client, frame, err);
    default:
        client->broken = true;
        return error_set(err, ERR_PROTOCOL, "%s sent an unexpected %s", client->transport.address,
                         mqtt_packet_name(frame->type));
    }
}

bool client_keep_alive(struct client *client, int64_t *next_ms, struct error *err)
{
    int64_t now_ms = clock_mono_ms();
    *next_ms = INT64_MAX;
    if (client->keep_alive_ms == 0)
        return true;
    if (client->ping_sent_ms != 0 && now_ms - client->ping_sent_ms >= client->timeout_ms)
        return client_timeout(client, "answer to PINGREQ", err);
    if (client->ping_sent_ms == 0 && now_ms - client->last_sent_ms >= client->keep_alive_ms) {
        mqtt_encode_ping(&client->out, MQTT_PINGREQ);
        if (!client_write(client, err))
            return false;
        client->ping_sent_ms = now_ms;
    }
    *next_ms = client->ping_sent_ms != 0 ? client->ping_sent_ms + client->timeout_ms
                                         : client->last_sent_ms + client->keep_alive_ms;
    return true;
}

uint16_t client_packet_id(struct client *client)
{
    for (;;) {
        uint16_t id = client->next_packet_id++;
        bool used = id == 0;
        for (uint32_t i = 0; i < client->in_flight_count && !used; i++)
            used = client->in_flight[i].packet_id == id;
        if (!used)
            return id;
    }
}

/* ---- CONNECT ---- */

static void connect_encode(struct client *client, const struct client_options *options)
{
    char made_up[32];
    struct mqtt_connect connect = {.version = options->version, .clean_start = options->clean_start};
    snprintf(made_up, sizeof made_up, "varve-%016llx", (unsigned long long)random_u64());
    connect.client_id = str_of(options->client_id != NULL ? options->client_id : made_up);
    connect.keep_alive = options->keep_alive;
    connect.has_username = options->username != NULL;
    connect.username = str_of(options->username);
    connect.has_password = options->password != NULL;
    connect.password = str_of(options->password);
    mqtt_properties_init(&connect.properties);
    mqtt_properties_init(&connect.will.properties);
    if (options->session_expiry > 0) {
        connect.properties.has |= UINT64_C(1) << MQTT_PROP_SESSION_EXPIRY;
        connect.properties.session_expiry = options->session_expiry;
    }
    mqtt_encode_connect(&client->out, &connect);
}

static bool refused(const struct client *client, const struct mqtt_connack *connack, bool has_username,
                    struct error *err)
{
    bool v5 = client->version == MQTT_5;
    const char *reason = mqtt_connack_text(client->version, connack->reason);
    struct str why = v5 ? connack->properties.reason_string : STR_NONE;
    if (str_is(why, reason))
        why = STR_NONE;
    error_set(err, ERR_DENIED, "%s refused the connection: %s%s%.*s", client->transport.address, reason,
              why.len > 0 ? ", " : "", STR_ARG(why));
    bool credentials = v5 ? connack->reason == MQTT_BAD_CREDENTIALS || connack->reason == MQTT_NOT_AUTHORIZED
                          : connack->reason == 4 || connack->reason == 5;
    if (credentials) {
        error_hint(err, has_username ? "check user name (-u) and password (-P)"
                                     : "give a user name (-u) and a password (-P)");
    } else if (connack->reason == (v5 ? MQTT_UNSUPPORTED_VERSION : 1)) {
        error_hint(err, "try another protocol version (-V)");
    }
    return false;
}

static void accepted(struct client *client, const struct client_options *options,
                     const struct mqtt_connack *connack)
{
    const struct mqtt_properties *properties = &connack->properties;
    uint16_t keep_alive = options->keep_alive;
    client->session_present = connack->session_present;
    client->in_flight_limit = CLIENT_IN_FLIGHT_MAX;
    client->maximum_packet_bytes = CLIENT_PACKET_MAX;
    client->maximum_qos = 2;
    client->retain_available = true;
    if (client->version == MQTT_5) {
        if (properties->receive_maximum < client->in_flight_limit)
            client->in_flight_limit = properties->receive_maximum;
        client->maximum_packet_bytes = properties->maximum_packet_size;
        client->maximum_qos = properties->maximum_qos;
        client->retain_available = properties->retain_available != 0;
        if (MQTT_HAS(properties, MQTT_PROP_SERVER_KEEP_ALIVE))
            keep_alive = properties->server_keep_alive;
    }
    client->keep_alive_ms = (int64_t)keep_alive * 1000;
}

/* Whoever closes before CONNACK mostly expects something else. */
static bool no_connack(const struct client *client, struct error *err)
{
    if (err == NULL || err->hint[0] != '\0')
        return false;
    error_wrap(err, "no CONNACK");
    return error_hint(err, client->transport.ssl != NULL
                               ? "does the broker ask for a client certificate (--cert, --key)?"
                               : "is it an MQTT listener, without TLS?");
}

static bool connack_wait(struct client *client, int64_t deadline_ms, struct mqtt_frame *frame,
                         struct error *err)
{
    for (;;) {
        int got = client_next_packet(client, deadline_ms, frame, err);
        if (got > 0)
            return true;
        if (got < 0)
            return no_connack(client, err);
        if (clock_mono_ms() >= deadline_ms) {
            client_timeout(client, "CONNACK", err);
            return error_hint(err, "is it an MQTT listener, without TLS?");
        }
    }
}

static bool handshake(struct client *client, const struct client_options *options, int64_t deadline_ms,
                      struct error *err)
{
    struct mqtt_frame frame;
    struct mqtt_connack connack;
    connect_encode(client, options);
    if (!client_write(client, err))
        return no_connack(client, err);
    if (!connack_wait(client, deadline_ms, &frame, err))
        return false;
    if (frame.type != MQTT_CONNACK ||
        mqtt_decode_connack(&frame, client->version, &connack) != MQTT_SUCCESS) {
        error_set(err, ERR_PROTOCOL, "%s did not answer CONNECT with CONNACK", client->transport.address);
        return error_hint(err, "is it an MQTT listener?");
    }
    if (connack.reason != 0)
        return refused(client, &connack, options->username != NULL, err);
    accepted(client, options, &connack);
    return true;
}

struct client *client_connect(const struct client_options *options, struct error *err)
{
    struct client *client = mem_zalloc(sizeof *client);
    int64_t deadline_ms = clock_mono_ms() + options->timeout_ms;
    client->version = options->version;
    client->timeout_ms = options->timeout_ms;
    client->next_packet_id = 1;
    client->broken = true; /* until CONNACK: nothing to disconnect from */
    list_init(&client->kept);
    buf_reserve(&client->in, CLIENT_READ_BYTES);
    if (!transport_connect(&client->transport, options, deadline_ms, err) ||
        !handshake(client, options, deadline_ms, err)) {
        client_close(client);
        return NULL;
    }
    client->broken = false;
    return client;
}

bool client_session_present(const struct client *client)
{
    return client->session_present;
}

/* ---- the end ---- */

static void client_free(struct client *client)
{
    for (uint32_t i = 0; i < client->in_flight_count; i++)
        mem_free(client->in_flight[i].topic);
    LIST_EACH_SAFE(it, &client->kept)
    mem_free(CONTAINER_OF(it, struct kept, link));
    mem_free(client->received);
    buf_free(&client->in);
    buf_free(&client->out);
    buf_free(&client->message);
    buf_free(&client->suback);
    buf_free(&client->suback_why);
    mem_free(client);
}

void client_close(struct client *client)
{
    if (client == NULL)
        return;
    if (!client->broken) {
        client_ack_message(client);
        mqtt_encode_disconnect(&client->out, client->version, MQTT_SUCCESS, NULL);
        client_write(client, NULL);
    }
    transport_close(&client->transport);
    client_free(client);
}

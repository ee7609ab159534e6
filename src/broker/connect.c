/* From the first byte to an open session.
 *
 * 1. CONNECT is decoded and checked; the identity is proved (authenticate.c), on a worker if that takes time.
 * 2. The connection moves to the shard of its client id.
 * 3. There the session is found or made, whoever is connected under this id is sent away, CONNACK goes out, and what
 *    was in flight or queued follows (open_session.c).
 *
 * Until step 3 is over, CONNECT stays at the front of the input, unread: each step decodes it anew, and so nothing
 * of it is copied. */
#include "broker/events_internal.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <stdio.h>

#define ASSIGNED_ID_BYTES 32

void setup_free(struct setup *setup)
{
    if (setup == NULL)
        return;
    authenticate_cancel(setup->request);
    scram_server_free(setup->scram);
    identity_free(&setup->identity);
    mem_free(setup->assigned_client_id);
    mem_free(setup->asked.client_id);
    mem_free(setup->asked.username);
    mem_free(setup);
}

/* ---- 1. CONNECT ------------------------------------------------------------------------------------------ */

/* What one packet cannot say by itself: what this server offers. */
static uint8_t check_connect(const struct shard *shard, const struct mqtt_connect *connect, const char **text)
{
    const struct mqtt_settings *mqtt = &shard->settings->mqtt;
    *text = NULL;
    if (shard->stopping)
        return MQTT_SERVER_UNAVAILABLE;
    if (connect->client_id.len > mqtt->max_client_id_bytes) {
        *text = "client identifier too long";
        return MQTT_BAD_CLIENT_ID;
    }
    if (!connect->has_will)
        return MQTT_SUCCESS;
    if (connect->will.qos > mqtt->max_qos)
        return MQTT_QOS_NOT_SUPPORTED; /* [MQTT-3.2.2-12] */
    if (connect->will.retain && !mqtt->retain_available)
        return MQTT_RETAIN_NOT_SUPPORTED; /* [MQTT-3.2.2-13] */
    if (topic_level_count(connect->will.topic) > mqtt->max_topic_levels) {
        *text = "will topic with too many levels";
        return MQTT_BAD_TOPIC_NAME;
    }
    return MQTT_SUCCESS;
}

/* MQTT 5, 3.1.3.1: the server gives a unique one. */
static char *assign_client_id(void)
{
    char *id = mem_alloc(ASSIGNED_ID_BYTES);
    snprintf(id, ASSIGNED_ID_BYTES, "auto-%016llx", (unsigned long long)random_u64());
    return id;
}

static void go_on(struct connection *connection, enum auth_step step)
{
    switch (step) {
    case AUTH_DONE: connection->state = CONNECTION_AUTHENTICATED; break;
    case AUTH_PENDING: channel_pause(&connection->channel); break;
    case AUTH_MORE:
    case AUTH_REFUSED: break;
    }
}

static void read_connect(struct connection *connection, const struct mqtt_frame *frame)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    struct mqtt_connect connect;
    uint8_t reason = mqtt_decode_connect(frame, &connect);
    connection->version = connect.version;
    if (reason == MQTT_UNSUPPORTED_VERSION) /* answered in the nearest form that the client may know */
        connection->version = connect.version > MQTT_5 ? MQTT_5 : MQTT_3_1_1;
    else if (reason != MQTT_SUCCESS && reason != MQTT_BAD_CLIENT_ID && connect.version != MQTT_5)
        connection->version =
            0; /* a broken CONNECT of the older versions gets no answer [3.1.1 MQTT-3.1.4-1] */
    const char *text = NULL;
    if (reason == MQTT_SUCCESS) {
        connection->problem_info = connect.properties.request_problem_info != 0;
        if (MQTT_HAS(&connect.properties,
                     MQTT_PROP_MAXIMUM_PACKET_SIZE)) /* for what comes before CONNACK, too */
            connection->max_packet_out = connect.properties.maximum_packet_size;
        reason = check_connect(shard, &connect, &text);
    }
    if (reason != MQTT_SUCCESS) {
        connection_fail(connection, reason, text);
        return;
    }
    connection_extras(connection)->setup = mem_zalloc(sizeof(struct setup));
    connection->state = CONNECTION_AUTHENTICATING;
    if (connect.client_id.len == 0) {
        connection->extras->setup->assigned_client_id = assign_client_id();
        connect.client_id = str_of(connection->extras->setup->assigned_client_id);
    }
    if (events_wanted(shard, EVENT_BIT(EVENT_AUTHN) | EVENT_BIT(EVENT_CLIENT_CONNACK)))
        event_note_connect(connection->extras->setup, &connect);
    go_on(connection, authenticate_start(connection, &connect));
}

void authenticate_finished(struct connection *connection, enum auth_step step)
{
    if (connection->extras->setup == NULL)
        return; /* a re-authentication: the session is open all the while */
    go_on(connection, step);
    if (step != AUTH_REFUSED)
        channel_resume(&connection->channel);
}

/* ---- 2. To its shard ------------------------------------------------------------------------------------- */

static void leave_shard(struct connection *connection, unsigned target)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    list_remove(&connection->all);
    channel_move(&connection->channel, shard->broker->shards[target].reactor);
}

/* ---- Dispatch -------------------------------------------------------------------------------------------- */

/* The AUTH packets of an exchange, behind CONNECT. */
static void read_auth(struct connection *connection, uint8_t *data, size_t len)
{
    struct setup *setup = connection->extras->setup;
    struct mqtt_frame frame;
    enum mqtt_scan scan =
        mqtt_frame_scan(data + setup->handled, len - setup->handled, connection->max_packet_in, &frame);
    if (scan == MQTT_SCAN_MORE)
        return;
    struct mqtt_disconnect auth;
    if (scan != MQTT_SCAN_OK || frame.type != MQTT_AUTH || mqtt_decode_auth(&frame, &auth) != MQTT_SUCCESS) {
        connection_fail(connection, MQTT_PROTOCOL_ERROR, "an AUTH packet is expected"); /* [MQTT-3.1.2-30] */
        return;
    }
    setup->handled += frame.total_len;
    go_on(connection, authenticate_continue(connection, &auth));
}

/* Authenticated: the bytes that are consumed, 0 while it moves or waits. */
static size_t place(struct connection *connection, const struct mqtt_frame *frame)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    struct mqtt_connect connect;
    uint8_t reason = mqtt_decode_connect(frame, &connect);
    assert(reason == MQTT_SUCCESS);
    (void)reason;
    assert(connection->extras != NULL && connection->extras->setup != NULL);
    if (connection->extras->setup->assigned_client_id != NULL)
        connect.client_id = str_of(connection->extras->setup->assigned_client_id);
    uint64_t hash = client_hash(connect.client_id);
    unsigned target = broker_shard_of(shard->broker, hash);
    if (target != shard->index) {
        leave_shard(connection, target);
        return 0;
    }
    size_t used = frame->total_len;
    if (connection->extras->setup->handled > used)
        used = connection->extras->setup->handled;
    return open_session(connection, &connect, hash) ? used : 0;
}

void connect_go_on(struct connection *connection, uint8_t reason)
{
    connection->disk_wait = false;
    if (reason < 0x80)
        connection_resume(connection);
    else
        connection_fail(connection, MQTT_SERVER_UNAVAILABLE,
                        "the old session cannot be removed from the disk");
}

size_t connect_on_data(struct connection *connection, uint8_t *data, size_t len)
{
    struct mqtt_frame frame;
    enum mqtt_scan scan = mqtt_frame_scan(data, len, connection->max_packet_in, &frame);
    if (len > 0 && data[0] >> 4 != MQTT_CONNECT) { /* [MQTT-3.1.0-1]; said at the first byte */
        struct error why;
        error_set(&why, ERR_PROTOCOL, "the first packet is not CONNECT");
        channel_abort(&connection->channel, &why);
        return 0;
    }
    if (scan == MQTT_SCAN_MORE)
        return 0;
    if (scan != MQTT_SCAN_OK) {
        struct error why;
        error_set(&why, ERR_PROTOCOL, "CONNECT is malformed or too large");
        channel_abort(&connection->channel, &why);
        return 0;
    }
    if (connection->state == CONNECTION_NEW) {
        read_connect(connection, &frame);
        if (connection->extras != NULL && connection->extras->setup != NULL)
            connection->extras->setup->handled = frame.total_len;
    } else if (connection->state == CONNECTION_AUTHENTICATING && connection->extras->setup->request == NULL &&
               !channel_is_closing(&connection->channel)) {
        read_auth(connection, data, len);
    }
    if ((connection->state == CONNECTION_AUTHENTICATED || connection->state == CONNECTION_LET_IN) &&
        !connection->disk_wait && !channel_is_closing(&connection->channel))
        return place(connection, &frame);
    return 0;
}

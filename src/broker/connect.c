/* From the first byte to an open session.
 *
 * 1. CONNECT is decoded and checked; the identity is proved (authenticate.c), on a worker if that takes time.
 * 2. The connection moves to the shard of its client id.
 * 3. There the session is found or made, a client that is still connected under this id is sent away, CONNACK goes
 *    out, and what was in flight or queued follows.
 *
 * Until step 3 is over, CONNECT stays at the front of the input, unread: each step decodes it anew, and so nothing
 * of it is copied. */
#include "broker/authenticate.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <stdio.h>

#define ASSIGNED_ID_BYTES 32

/* What a token allows by itself. */
struct token_rules {
    struct acl_rule *rules;
    size_t count;
};

/* The end of a token's validity is the end of the connection. */
struct token_expiry {
    struct timer timer;
    struct connection *connection;
};

void setup_free(struct setup *setup)
{
    if (setup == NULL)
        return;
    authenticate_cancel(setup->request);
    scram_server_free(setup->scram);
    identity_free(&setup->identity);
    mem_free(setup->assigned_client_id);
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

/* ---- 3. The session -------------------------------------------------------------------------------------- */

static void send_away(struct shard *shard, struct session *session)
{
    struct connection *old = session->connection;
    LOG_INFO("session taken over", LOG_STR("client_id", session_client_id(session)));
    connection_fail(old, MQTT_SESSION_TAKEN_OVER, NULL); /* [MQTT-3.1.4-3] */
    COUNT(shard, connections, -1);
    held_drop_all(old);
    old->state = CONNECTION_CLOSED;
    session_detach(shard, session);
}

static void take_will(struct session *session, const struct mqtt_connect *connect)
{
    if (!connect->has_will)
        return;
    const struct mqtt_properties *properties = &connect->will.properties;
    struct buf list = {0};
    struct publication parts = {
        .topic = connect->will.topic,
        .payload = connect->will.payload,
        .qos = connect->will.qos,
        .retain = connect->will.retain,
    };
    if (connect->version == MQTT_5) {
        parts.props = properties->raw;
        size_t size;
        size_t at = mqtt_property_find(parts.props, MQTT_PROP_WILL_DELAY, &size);
        if (at > 0) { /* it is the server's; the rest is forwarded */
            buf_append(&list, parts.props.data, at - 1);
            buf_append(&list, parts.props.data + at + size, parts.props.len - at - size);
            parts.props = buf_str(&list);
        }
        if (MQTT_HAS(properties, MQTT_PROP_MESSAGE_EXPIRY)) {
            parts.expiry_at = (uint32_t)mqtt_property_find(parts.props, MQTT_PROP_MESSAGE_EXPIRY, &size);
            parts.expires_ms = (int64_t)properties->message_expiry * 1000;
        }
    }
    session->will = mem_zalloc(sizeof(*session->will));
    session->will->delay_s = connect->version == MQTT_5 ? properties->will_delay : 0;
    session->will->message = message_new(&parts);
    buf_free(&list);
}

static uint32_t asked_expiry(const struct shard *shard, const struct mqtt_connect *connect)
{
    if (connect->version == MQTT_5)
        return connect->properties.session_expiry;
    return connect->clean_start ? 0 : shard->settings->sessions.v3_expiry_s;
}

static void set_keep_alive(struct connection *connection, const struct mqtt_connect *connect)
{
    const struct mqtt_settings *mqtt = &shard_of_channel(&connection->channel)->settings->mqtt;
    connection->keep_alive_s = connect->keep_alive;
    uint16_t longest = mqtt->server_keep_alive;
    if (connect->version == MQTT_5 && longest != 0 && (connect->keep_alive == 0 || connect->keep_alive > longest))
        connection->keep_alive_s = longest; /* [MQTT-3.1.2-21] */
    uint32_t timeout_s = ((uint32_t)connection->keep_alive_s * mqtt->keep_alive_percent + 99) / 100;
    channel_set_timeout(&connection->channel, timeout_s);
    channel_touch(&connection->channel);
}

/* What the client takes. */
static void take_client_limits(struct connection *connection, const struct mqtt_connect *connect)
{
    const struct settings *settings = shard_of_channel(&connection->channel)->settings;
    uint16_t window = settings->sessions.max_inflight;
    connection->receive_maximum = window;
    if (connect->version != MQTT_5)
        return;
    const struct mqtt_properties *properties = &connect->properties;
    if (properties->receive_maximum < window)
        connection->receive_maximum = properties->receive_maximum;
    uint16_t most = settings->mqtt.max_topic_alias;
    connection->alias_max_out =
        properties->topic_alias_maximum < most ? properties->topic_alias_maximum : most;
}

static void set(struct mqtt_properties *properties, enum mqtt_property id)
{
    properties->has |= UINT64_C(1) << id;
}

static void describe_server(struct connection *connection, const struct mqtt_connect *connect,
                            struct mqtt_properties *out)
{
    const struct mqtt_settings *mqtt = &shard_of_channel(&connection->channel)->settings->mqtt;
    const struct session *session = connection->session;
    if (session->expiry_s != asked_expiry(session->shard, connect))
        set(out, MQTT_PROP_SESSION_EXPIRY);
    out->session_expiry = session->expiry_s;
    out->receive_maximum = mqtt->receive_maximum;
    set(out, MQTT_PROP_RECEIVE_MAXIMUM);
    out->maximum_packet_size = connection->max_packet_in;
    set(out, MQTT_PROP_MAXIMUM_PACKET_SIZE);
    if (mqtt->max_topic_alias > 0) {
        out->topic_alias_maximum = mqtt->max_topic_alias;
        set(out, MQTT_PROP_TOPIC_ALIAS_MAXIMUM);
    }
    if (mqtt->max_qos < 2) {
        out->maximum_qos = mqtt->max_qos;
        set(out, MQTT_PROP_MAXIMUM_QOS);
    }
    out->retain_available = mqtt->retain_available;
    out->wildcard_available = mqtt->wildcard_available;
    out->shared_available = mqtt->shared_available;
    if (!mqtt->retain_available)
        set(out, MQTT_PROP_RETAIN_AVAILABLE);
    if (!mqtt->wildcard_available)
        set(out, MQTT_PROP_WILDCARD_AVAILABLE);
    if (!mqtt->shared_available)
        set(out, MQTT_PROP_SHARED_AVAILABLE);
    if (connection->keep_alive_s != connect->keep_alive) {
        out->server_keep_alive = connection->keep_alive_s;
        set(out, MQTT_PROP_SERVER_KEEP_ALIVE);
    }
}

/* False: the client does not take a packet of this size. */
static bool send_connack(struct connection *connection, const struct mqtt_connect *connect,
                         bool session_present)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    const struct setup *setup = connection->extras->setup;
    struct mqtt_connack connack = {.session_present = session_present, .reason = MQTT_SUCCESS};
    mqtt_properties_init(&connack.properties);
    if (connect->version == MQTT_5) {
        describe_server(connection, connect, &connack.properties);
        if (setup->assigned_client_id != NULL) { /* [MQTT-3.2.2-16] */
            connack.properties.assigned_client_id = str_of(setup->assigned_client_id);
            set(&connack.properties, MQTT_PROP_ASSIGNED_CLIENT_ID);
        }
        if (setup->identity.enhanced) {
            connack.properties.auth_method = connect->properties.auth_method;
            connack.properties.auth_data = buf_str(&setup->identity.auth_data);
            set(&connack.properties, MQTT_PROP_AUTH_METHOD);
            set(&connack.properties, MQTT_PROP_AUTH_DATA);
        }
    }
    buf_reset(&shard->scratch);
    mqtt_encode_connack(&shard->scratch, connect->version, &connack);
    if (!connection_takes(connection, shard->scratch.len))
        return false;
    connection_send(connection, &shard->scratch);
    return true;
}

static void token_expired(struct reactor *reactor, struct timer *timer)
{
    (void)reactor;
    struct token_expiry *expiry = CONTAINER_OF(timer, struct token_expiry, timer);
    connection_fail(expiry->connection, MQTT_NOT_AUTHORIZED, "the token has expired");
}

static void set_token_expiry(struct connection *connection, int64_t expires_s)
{
    struct reactor *reactor = channel_reactor(&connection->channel);
    struct token_expiry *expiry = mem_zalloc(sizeof(*expiry));
    connection_extras(connection)->expiry = expiry;
    expiry->connection = connection;
    expiry->timer.fire = token_expired;
    int64_t left_ms = expires_s * 1000 - reactor_wall_ms(reactor);
    timer_set(reactor, &expiry->timer, reactor_now_ms(reactor) + (left_ms > 0 ? left_ms : 0));
}

void token_free(struct connection *connection)
{
    struct connection_extras *extras = connection->extras;
    if (extras->expiry != NULL) {
        timer_clear(channel_reactor(&connection->channel), &extras->expiry->timer);
        mem_free(extras->expiry);
    }
    if (extras->token_rules != NULL) {
        for (size_t i = 0; i < extras->token_rules->count; i++)
            acl_rule_free(&extras->token_rules->rules[i]);
        mem_free(extras->token_rules->rules);
        mem_free(extras->token_rules);
    }
}

static void compile_acl(struct connection *connection, struct str client_id)
{
    if (connection->superuser)
        return;
    struct shard *shard = shard_of_channel(&connection->channel);
    const struct token_rules *own = connection->extras != NULL ? connection->extras->token_rules : NULL;
    const struct acl_subject subject = {
        .username = str_of(connection->username),
        .client_id = client_id,
        .address = connection->channel.peer,
    };
    client_acl_free(connection->acl);
    connection->allowed_hash = 0;
    connection->acl = client_acl_new(shard->settings, shard->access->rules, shard->access->rule_count,
                                     own != NULL ? own->rules : NULL, own != NULL ? own->count : 0, &subject);
}

void connection_compile_acl(struct connection *connection)
{
    compile_acl(connection, session_client_id(connection->session));
}

/* Who the client is from here on. */
static void take_identity(struct connection *connection)
{
    struct identity *identity = &connection->extras->setup->identity;
    connection->superuser = identity->superuser;
    connection->enhanced = identity->enhanced;
    connection->username = identity->username;
    identity->username = NULL;
    if (identity->rule_count > 0) {
        struct token_rules *own = mem_zalloc(sizeof(*own));
        own->rules = identity->rules;
        own->count = identity->rule_count;
        connection_extras(connection)->token_rules = own;
        identity->rules = NULL;
        identity->rule_count = 0;
    }
    if (identity->expires_s != 0)
        set_token_expiry(connection, identity->expires_s +
                                         shard_of_channel(&connection->channel)->settings->auth.jwt.leeway_s);
}

static void log_connected(const struct connection *connection, bool session_present)
{
    if (!log_enabled(LOG_LEVEL_INFO))
        return;
    char peer[CHANNEL_PEER_BYTES];
    channel_peer_text(&connection->channel, peer);
    LOG_INFO("client connected", LOG_STR("client_id", session_client_id(connection->session)),
             LOG_TEXT("peer", peer), LOG_TEXT("username", connection->username),
             LOG_UINT("version", connection->version), LOG_UINT("keep_alive", connection->keep_alive_s),
             LOG_TEXT("session", session_present ? "resumed" : "new"));
}

/* The session under this client id, without another client and not to be discarded; NULL: there is none. */
static struct session *free_session(struct shard *shard, const struct mqtt_connect *connect, uint64_t hash,
                                    bool *discarded)
{
    struct session *session = session_find(shard, connect->client_id, hash);
    *discarded = session != NULL && session->persisted && connect->clean_start;
    if (session != NULL && session->connection != NULL) {
        session->discarded = connect->clean_start;
        send_away(shard, session);
        session = session_find(shard, connect->client_id, hash); /* it may have ended */
    }
    if (session != NULL && connect->clean_start) {
        session_end(shard, session); /* [MQTT-3.1.2-4] */
        session = NULL;
    }
    return session;
}

static void start_rate_limit(struct connection *connection)
{
    const struct listener_state *listener = listener_user(channel_listener(&connection->channel));
    const struct rate_settings *rate = &listener->options.rate;
    if (rate->messages_per_second == 0 && rate->bytes_per_second == 0)
        rate = &connection->session->shard->settings->client_rate;
    rate_limit_start(connection, rate);
}

/* Most connections have no extras from here on. */
static void end_setup(struct connection *connection)
{
    static const struct connection_extras none;
    struct connection_extras *extras = connection->extras;
    setup_free(extras->setup);
    *extras = (struct connection_extras){
        .connection = NULL,
        .rate = extras->rate,
        .expiry = extras->expiry,
        .token_rules = extras->token_rules,
    };
    if (memcmp(extras, &none, sizeof(none)) == 0) {
        mem_free(extras);
        connection->extras = NULL;
    } else {
        extras->connection = connection;
    }
}

/* Who the client is, and whether it may leave this will. False: it has been refused; whoever has the session keeps it,
 * since nothing of a refused CONNECT takes effect [MQTT-3.1.4-2]. Asked again after a wait for the disk, since rules and
 * bans may have changed meanwhile. */
static bool let_in(struct connection *connection, const struct mqtt_connect *connect)
{
    if (connection->state == CONNECTION_AUTHENTICATED)
        take_identity(connection);
    if (authenticate_banned(connection, connect->client_id))
        return false;
    compile_acl(connection, connect->client_id);
    connection->state = CONNECTION_LET_IN;
    if (!connect->has_will || connection_may_publish(connection, connect->will.topic))
        return true;
    COUNT(shard_of_channel(&connection->channel), acl_denied, 1);
    connection_fail(connection, MQTT_NOT_AUTHORIZED, "not authorized to publish to the will topic");
    return false;
}

/* CONNACK says that the old session is gone: so it must be gone from the disk. CONNECT is read again then. */
static void wait_for_disk(struct connection *connection)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    struct ack_ticket *ticket = ticket_new(shard);
    held_append(connection, MQTT_CONNACK, 0, MQTT_SUCCESS, ticket);
    connection->disk_wait = true;
    channel_pause(&connection->channel);
    persist_barrier(shard, ticket);
    ticket_done(ticket, MQTT_SUCCESS);
}

/* False: not yet. */
static bool open_session(struct connection *connection, const struct mqtt_connect *connect, uint64_t hash)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    if (!let_in(connection, connect))
        return true;
    bool discarded;
    struct session *session = free_session(shard, connect, hash, &discarded);
    if (discarded) {
        wait_for_disk(connection);
        return false;
    }
    bool present = session != NULL;
    if (!present)
        session = session_new(shard, connect->client_id, hash);
    session_attach(shard, session, connection);
    COUNT(shard, connections, 1);
    connection->bridge = connect->bridge;
    connection->session_expiry_s = asked_expiry(shard, connect);
    session_set_expiry(shard, session, connection->session_expiry_s);
    take_client_limits(connection, connect);
    set_keep_alive(connection, connect);
    start_rate_limit(connection);
    if (!send_connack(connection, connect, present)) { /* and nothing may come before it [MQTT-3.2.0-1] */
        connection_fail(connection, MQTT_PACKET_TOO_LARGE, NULL);
        return true;
    }
    take_will(session, connect);
    connection->state = CONNECTION_OPEN;
    end_setup(connection);
    log_connected(connection, present);
    session_pump(shard, session);
    return true;
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
    if (connection->extras->setup->assigned_client_id != NULL)
        connect.client_id = str_of(connection->extras->setup->assigned_client_id);
    uint64_t hash = hash_stable(connect.client_id.data, connect.client_id.len);
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
        connection_fail(connection, MQTT_SERVER_UNAVAILABLE, "the old session cannot be removed from the disk");
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

/* A CONNECT that has come to its shard opens its session.
 *
 * The client is let in: its name, its rules, its will allowed. Whoever else is connected under its id is sent away; its
 * session is found, made or discarded; the limits of both sides are noted; CONNACK goes out, and then what was in flight
 * or queued. Where CONNACK is to say that an old session is gone, it waits until that is on disk: then CONNECT, still
 * unread, is read once more. */
#include "broker/events_internal.h"

#include "base/log.h"
#include "base/mem.h"

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

void session_send_away(struct shard *shard, struct session *session, uint8_t reason, const char *text)
{
    struct connection *old = session->connection;
    connection_fail(old, reason, text);
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
    session->will->username = mem_strdup_or_null(session->connection->username);
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
    if (connect->version == MQTT_5 && longest != 0 &&
        (connect->keep_alive == 0 || connect->keep_alive > longest))
        connection->keep_alive_s = longest; /* [MQTT-3.1.2-21] */
    uint32_t timeout_s = ((uint32_t)connection->keep_alive_s * mqtt->keep_alive_percent + 99) / 100;
    channel_set_timeout(&connection->channel, timeout_s);
    channel_touch(&connection->channel);
}

/* What the client takes, and what it is told that we take. */
static void take_client_limits(struct connection *connection, const struct mqtt_connect *connect)
{
    const struct settings *settings = shard_of_channel(&connection->channel)->settings;
    uint16_t window = settings->sessions.max_inflight;
    connection->receive_maximum = window;
    connection->receive_limit = settings->mqtt.receive_maximum + connection->session->received.count;
    if (connect->version != MQTT_5)
        return;
    connection->alias_max_in = settings->mqtt.max_topic_alias;
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
    client_acl_free(connection->acl);
    connection->acl = NULL;
    connection->allowed_hash = 0;
    if (connection->superuser)
        return;
    struct shard *shard = shard_of_channel(&connection->channel);
    const struct token_rules *own = connection->extras != NULL ? connection->extras->token_rules : NULL;
    const struct acl_subject subject = {
        .username = str_of(connection->username),
        .client_id = client_id,
        .address = connection->channel.peer,
    };
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
    connection->in_catalog = identity->in_catalog;
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
    if (!shard_may_log(shard_of_channel(&connection->channel), LOG_LEVEL_INFO))
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
        if (shard_may_log(shard, LOG_LEVEL_INFO))
            LOG_INFO("session taken over", LOG_STR("client_id", session_client_id(session)));
        session_send_away(shard, session, MQTT_SESSION_TAKEN_OVER, NULL); /* [MQTT-3.1.4-3] */
        session = session_find(shard, connect->client_id, hash);          /* it may have ended */
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
    struct rate_settings rate = {
        .messages_per_second = atomic_load_explicit(&listener->messages_per_second, memory_order_relaxed),
        .bytes_per_second = atomic_load_explicit(&listener->bytes_per_second, memory_order_relaxed),
    };
    if (rate.messages_per_second == 0 && rate.bytes_per_second == 0)
        rate = connection->session->shard->settings->client_rate;
    rate_limit_start(connection, &rate);
}

/* Most connections have no extras from here on. */
static void end_setup(struct connection *connection)
{
    struct connection_extras *extras = connection->extras;
    setup_free(extras->setup);
    *extras = (struct connection_extras){
        .connection = connection,
        .rate = extras->rate,
        .expiry = extras->expiry,
        .token_rules = extras->token_rules,
    };
    connection_extras_trim(connection);
}

/* Whether the session, if it is to be kept, has a place: that of a former one under its id, or a free one. Not asked
 * again after a wait for the disk, when the former one has gone already. Each shard may let in one too many. */
static bool has_place(const struct connection *connection, const struct mqtt_connect *connect, uint64_t hash)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    uint64_t max = shard->settings->sessions.max_sessions;
    if (max == 0 || connection->state == CONNECTION_LET_IN || asked_expiry(shard, connect) == 0 ||
        shard->settings->sessions.max_expiry_s == 0 ||
        atomic_load_explicit(&shard->broker->kept_sessions, memory_order_relaxed) < max)
        return true;
    const struct session *former = session_find(shard, connect->client_id, hash);
    return former != NULL && former->persisted;
}

/* Who the client is, and whether it may leave this will. False: it has been refused; whoever has the session keeps it,
 * since nothing of a refused CONNECT takes effect [MQTT-3.1.4-2]. Asked again after a wait for the disk, since rules and
 * bans may have changed meanwhile. */
static bool let_in(struct connection *connection, const struct mqtt_connect *connect, uint64_t hash)
{
    if (connection->state == CONNECTION_AUTHENTICATED)
        take_identity(connection);
    if (authenticate_banned(connection, connect->client_id))
        return false;
    if (login_check(connection, shard_of_channel(&connection->channel)->access) == LOGIN_ENDED) {
        connection_fail(connection, MQTT_NOT_AUTHORIZED, LOGIN_ENDED_TEXT);
        return false;
    }
    if (!has_place(connection, connect, hash)) {
        connection_fail(connection, MQTT_QUOTA_EXCEEDED, "no more sessions are kept (sessions.max_sessions)");
        return false;
    }
    compile_acl(connection, connect->client_id);
    if (connection->state != CONNECTION_LET_IN &&
        event_wanted(shard_of_channel(&connection->channel), EVENT_AUTHN))
        event_authn(connection, MQTT_SUCCESS);
    connection->state = CONNECTION_LET_IN;
    if (!connect->has_will || connection_may_publish(connection, connect->will.topic))
        return true;
    COUNT(shard_of_channel(&connection->channel), acl_denied, 1);
    connection_fail(connection, MQTT_NOT_AUTHORIZED, "not authorized to publish to the will topic");
    return false;
}

/* CONNACK says that the old session is gone: so it must be gone from the disk. CONNECT is read again then. */
static void wait_for_disk(struct connection *connection, struct str client_id)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    struct ack_ticket *ticket = ticket_new(shard);
    held_append(connection, MQTT_CONNACK, 0, MQTT_SUCCESS, ticket);
    connection->disk_wait = true;
    channel_pause(&connection->channel);
    /* Once more: whether the former removal has succeeded is not known here, and the second one does no harm. */
    persist_session_end(shard, client_id, ticket);
    ticket_done(ticket, MQTT_SUCCESS);
}

/* False: not yet. */
bool open_session(struct connection *connection, const struct mqtt_connect *connect, uint64_t hash)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    if (!let_in(connection, connect, hash))
        return true;
    bool discarded;
    struct session *session = free_session(shard, connect, hash, &discarded);
    if (discarded) {
        wait_for_disk(connection, connect->client_id);
        return false;
    }
    bool present = session != NULL;
    if (!present)
        session = session_new(shard, connect->client_id, hash);
    session_attach(shard, session, connection);
    COUNT(shard, connections, 1);
    connection->bridge = connect->bridge;
    connection->clean_start = connect->clean_start;
    connection->ends_session = asked_expiry(shard, connect) == 0;
    session_set_expiry(shard, session, asked_expiry(shard, connect));
    if (present)
        session_revoke(session, connection->acl);
    take_client_limits(connection, connect);
    set_keep_alive(connection, connect);
    start_rate_limit(connection);
    if (!send_connack(connection, connect, present)) { /* and nothing may come before it [MQTT-3.2.0-1] */
        connection_fail(connection, MQTT_PACKET_TOO_LARGE, NULL);
        return true;
    }
    if (event_wanted(shard, EVENT_CLIENT_CONNACK))
        event_connack(connection, MQTT_SUCCESS, connect->properties.raw);
    take_will(session, connect);
    connection->state = CONNECTION_OPEN;
    end_setup(connection);
    log_connected(connection, present);
    if (event_wanted(shard, EVENT_CLIENT_CONNECTED))
        event_connected(connection, connect);
    session_pump(shard, session);
    return true;
}

/* Events: see events.h. Here are the listener, who published a message, and one short function for each place that
 * raises one; all of them are asked for behind event_wanted(). */
#include "broker/events_internal.h"

#include "base/mem.h"

/* ---- The listener ---------------------------------------------------------------------------------------- */

void service_listen(struct broker *broker, struct event_listener *listener, uint32_t kinds)
{
    atomic_store_explicit(&broker->event_listener, listener, memory_order_release);
    atomic_store_explicit(&broker->events_wanted, kinds, memory_order_release);
}

void service_unlisten(struct broker *broker)
{
    atomic_store_explicit(&broker->events_wanted, 0, memory_order_release);
    atomic_store_explicit(&broker->event_listener, NULL, memory_order_release);
    service_barrier(broker);
}

static void raise(struct shard *shard, struct broker_event *event)
{
    struct event_listener *listener =
        atomic_load_explicit(&shard->broker->event_listener, memory_order_acquire);
    if (listener == NULL)
        return;
    event->reactor = shard->index;
    event->time_ms = reactor_wall_ms(shard->reactor);
    listener->raise(listener, event);
}

bool event_peer(const struct broker_event *event, char *out)
{
    out[0] = '\0';
    if (event->connection == NULL)
        return false;
    channel_peer_text(&event->connection->channel, out);
    return true;
}

bool event_socket(const struct broker_event *event, char *out)
{
    out[0] = '\0';
    return event->connection != NULL && channel_local_text(&event->connection->channel, out);
}

/* ---- Who published a message ----------------------------------------------------------------------------- */

/* Milliseconds first, so that ids are in the order of their times, as people expect of them; the rest is chance. */
static void make_id(struct publication *publication)
{
    struct shard *shard = publication->shard;
    uint64_t high = (uint64_t)reactor_wall_ms(shard->reactor) << 16 | (random_next(&shard->random) & 0xffff);
    uint64_t low = random_next(&shard->random);
    for (unsigned i = 0; i < MESSAGE_ID_BYTES / 2; i++) {
        publication->id[i] = (uint8_t)(high >> (56 - 8 * i));
        publication->id[MESSAGE_ID_BYTES / 2 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
}

static const struct message_origin *origin_of(const struct publication *publication)
{
    return publication->message != NULL
               ? atomic_load_explicit(&publication->message->origin, memory_order_acquire)
               : NULL;
}

struct str publication_id(struct publication *publication)
{
    static const uint8_t none[MESSAGE_ID_BYTES];
    const struct message_origin *origin = origin_of(publication);
    if (origin != NULL)
        return str_make(origin->id, MESSAGE_ID_BYTES);
    if (memcmp(publication->id, none, MESSAGE_ID_BYTES) == 0)
        make_id(publication);
    return str_make(publication->id, MESSAGE_ID_BYTES);
}

void event_publication_begins(struct publication *publication)
{
    struct message *message = publication_message(publication);
    struct str id = publication_id(publication);
    struct str client_id = publication_client_id(publication);
    struct str username = publication_username(publication);
    struct message_origin *origin =
        mem_alloc(sizeof(*origin) + client_id.len + username.len + publication->trail.len);
    origin->published_ms = reactor_wall_ms(publication->shard->reactor);
    memcpy(origin->id, id.data, MESSAGE_ID_BYTES);
    origin->client_id_len = (uint16_t)client_id.len;
    origin->username_len = (uint16_t)username.len;
    origin->trail_len = (uint16_t)publication->trail.len;
    if (client_id.len > 0)
        memcpy(origin->names, client_id.data, client_id.len);
    if (username.len > 0)
        memcpy(origin->names + client_id.len, username.data, username.len);
    if (publication->trail.len > 0)
        memcpy(origin->names + client_id.len + username.len, publication->trail.data, publication->trail.len);
    message_set_origin(message, origin);
}

static void fill_message(struct broker_event *event, const struct publication *publication)
{
    event->topic = publication->topic;
    event->payload = publication->payload;
    event->props = publication->props;
    event->qos = publication->qos;
    event->retain = publication->retain;
    const struct message_origin *origin = origin_of(publication);
    if (origin == NULL)
        return;
    event->id = str_make(origin->id, MESSAGE_ID_BYTES);
    event->from_client_id = str_make(origin->names, origin->client_id_len);
    event->from_username = str_make(origin->names + origin->client_id_len, origin->username_len);
    event->trail = str_make(origin->names + origin->client_id_len + origin->username_len, origin->trail_len);
    event->published_ms = origin->published_ms;
}

/* ---- Clients --------------------------------------------------------------------------------------------- */

static void fill_client(struct broker_event *event, const struct connection *connection)
{
    event->connection = connection;
    event->username = str_of(connection->username);
    event->version = connection->version;
    event->keep_alive_s = connection->keep_alive_s;
    event->receive_maximum = connection->receive_maximum;
    event->clean_start = connection->clean_start;
    event->bridge = connection->bridge;
    event->superuser = connection->superuser;
    event->anonymous = connection->username == NULL;
    const struct session *session = connection->session;
    if (session != NULL) {
        event->client_id = session_client_id(session);
        event->expiry_s = session->expiry_s;
        event->connected_ms = (int64_t)session->changed_s * 1000;
        return;
    }
    const struct setup *setup = connection->extras != NULL ? connection->extras->setup : NULL;
    if (setup == NULL)
        return;
    event->client_id = str_of(setup->asked.client_id);
    if (connection->username == NULL)
        event->username = str_of(setup->asked.username);
    event->keep_alive_s = setup->asked.keep_alive_s;
    event->clean_start = setup->asked.clean_start;
}

void event_note_connect(struct setup *setup, const struct mqtt_connect *connect)
{
    setup->asked.client_id = str_dup(connect->client_id);
    setup->asked.username = connect->has_username ? str_dup(connect->username) : NULL;
    setup->asked.keep_alive_s = connect->keep_alive;
    setup->asked.clean_start = connect->clean_start;
}

void event_connected(const struct connection *connection, const struct mqtt_connect *connect)
{
    struct broker_event event = {.kind = EVENT_CLIENT_CONNECTED, .props = connect->properties.raw};
    fill_client(&event, connection);
    raise(connection->session->shard, &event);
}

void event_connack(struct connection *connection, uint8_t reason, struct str props)
{
    struct broker_event event = {.kind = EVENT_CLIENT_CONNACK,
                                 .props = props,
                                 .reason_code = reason,
                                 .reason = mqtt_reason_text(reason)};
    fill_client(&event, connection);
    raise(shard_of_channel(&connection->channel), &event);
}

void event_authn(struct connection *connection, uint8_t reason)
{
    struct broker_event event = {.kind = EVENT_AUTHN,
                                 .reason_code = reason,
                                 .reason = mqtt_reason_text(reason),
                                 .allowed = reason < 0x80};
    fill_client(&event, connection);
    raise(shard_of_channel(&connection->channel), &event);
}

void event_note_disconnect(struct connection *connection, struct str props)
{
    struct connection_extras *extras = connection_extras(connection);
    buf_reset(&extras->farewell);
    buf_append_str(&extras->farewell, props);
}

void event_disconnected(const struct connection *connection, const struct error *why)
{
    struct broker_event event = {.kind = EVENT_CLIENT_DISCONNECTED};
    fill_client(&event, connection);
    if (connection->extras != NULL)
        event.props = buf_str(&connection->extras->farewell);
    bool failed = why != NULL && why->code != ERR_NONE;
    event.reason = failed                  ? why->text
                   : connection->clean_end ? "normal"
                                           : "closed"; /* by the peer without DISCONNECT, or with a will */
    raise(connection->session->shard, &event);
}

void event_ping(const struct connection *connection)
{
    struct broker_event event = {.kind = EVENT_CLIENT_PING};
    fill_client(&event, connection);
    raise(connection->session->shard, &event);
}

void event_authz(const struct connection *connection, struct str topic, bool publish, uint8_t qos,
                 bool allowed)
{
    struct broker_event event = {
        .kind = EVENT_AUTHZ, .topic = topic, .qos = qos, .publish = publish, .allowed = allowed};
    fill_client(&event, connection);
    raise(connection->session->shard, &event);
}

void event_subscription(enum broker_event_kind kind, const struct connection *connection, struct str filter,
                        uint8_t qos, struct str props)
{
    struct broker_event event = {.kind = kind, .topic = filter, .qos = qos, .props = props};
    fill_client(&event, connection);
    raise(connection->session->shard, &event);
}

/* ---- Messages -------------------------------------------------------------------------------------------- */

static void fill_receiver(struct broker_event *event, const struct session *session)
{
    if (session->connection != NULL)
        fill_client(event, session->connection);
    event->client_id = session_client_id(session);
}

void event_delivered(struct session *session, const struct publication *publication, uint8_t qos, bool retain,
                     bool dup)
{
    struct broker_event event = {.kind = EVENT_MESSAGE_DELIVERED};
    fill_receiver(&event, session);
    fill_message(&event, publication);
    event.qos = qos;
    event.retain = retain;
    event.dup = dup;
    raise(session->shard, &event);
}

void event_acked(struct session *session, const struct inflight_entry *entry, const struct mqtt_ack *ack)
{
    if (entry->message == NULL)
        return;
    struct publication publication;
    publication_of_message(entry->message, &publication);
    struct broker_event event = {
        .kind = EVENT_MESSAGE_ACKED, .reason_code = ack->reason, .reason = mqtt_reason_text(ack->reason)};
    fill_receiver(&event, session);
    fill_message(&event, &publication);
    event.qos = entry->qos;
    event.ack_props = session->connection->version == MQTT_5 ? ack->properties.raw : STR("");
    raise(session->shard, &event);
}

void event_dropped(const struct publication *publication, const char *reason)
{
    struct broker_event event = {.kind = EVENT_MESSAGE_DROPPED, .reason = reason};
    if (publication->publisher != NULL)
        fill_receiver(&event, publication->publisher);
    fill_message(&event, publication);
    raise(publication->shard, &event);
}

void event_delivery_dropped(struct session *session, const struct publication *publication, uint8_t qos,
                            const char *reason)
{
    struct broker_event event = {.kind = EVENT_DELIVERY_DROPPED, .reason = reason};
    fill_receiver(&event, session);
    fill_message(&event, publication);
    event.qos = qos;
    raise(session->shard, &event);
}

void event_message_dropped(struct session *session, struct message *message, uint8_t qos, const char *reason)
{
    struct publication publication;
    publication_of_message(message, &publication);
    event_delivery_dropped(session, &publication, qos, reason);
}

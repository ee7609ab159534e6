/* A broker in this process, and clients that speak MQTT to it over real sockets, packet by packet.
 *
 * What comes is compared as one line of text a packet:
 *
 *     CONNACK new 00 · CONNACK resumed 00 · SUBACK #1 01 80 · PUBACK #7 00 · PINGRESP · DISCONNECT 8e · end
 *     PUBLISH a/b qos 1 #3 dup retain "payload"          (payloads over 100 bytes: <4096 bytes>)
 *     PUBLISH a/b qos 0 alias 2 expiry 60 id 5 "payload"
 *
 * Every wait is for a packet and ends after PATIENCE_S. */
#ifndef TESTS_BROKER_BROKER_TEST_H
#define TESTS_BROKER_BROKER_TEST_H

#include "broker/broker_internal.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>

#ifndef PATIENCE_S
#define PATIENCE_S 60
#endif

/* ---- The broker ------------------------------------------------------------------------------------------ */

struct site {
    char dir[HARNESS_PATH_BYTES];
    struct catalog *catalog;
    struct log_engine *engine;
    const struct log_io *io;
    bool durable;
    struct broker *broker;
    struct listener *listener;
    const struct feed_provider *feeds; /* NULL: none */
};

/* Settings without $SYS messages, which nobody asked for. */
static inline struct settings *quiet_settings(void)
{
    struct settings *settings = settings_new();
    settings->sys_interval_ms = 0;
    return settings;
}

/* On the catalog that is in the site's directory. Takes settings; NULL: quiet_settings(). */
static inline void site_run(struct site *site, unsigned reactors, struct settings *settings)
{
    struct error err = {0};
    log_set_level(LOG_LEVEL_ERROR);
    site->catalog = catalog_open(site->dir, &err);
    if (site->catalog == NULL)
        fail_msg("%s", err.text);
    char sessions_dir[HARNESS_PATH_BYTES + 16];
    snprintf(sessions_dir, sizeof(sessions_dir), "%s/sessions", site->dir);
    if (site->durable) {
        const struct log_engine_options engine = {.writers = 1, .io = site->io};
        site->engine = log_engine_start(&engine, &err);
        if (site->engine == NULL)
            fail_msg("%s", err.text);
    }
    const struct broker_options options = {
        .reactors = reactors,
        .catalog = site->catalog,
        .settings = settings != NULL ? settings : quiet_settings(),
        .feeds = site->feeds,
        .log_engine = site->engine,
        .sessions_dir = site->durable ? sessions_dir : NULL,
    };
    site->broker = broker_start(&options, &err);
    if (site->broker == NULL)
        fail_msg("%s", err.text);
    const struct broker_listener_options listener = {
        .net = {.name = "test", .bind = "127.0.0.1:0"},
        .allow_anonymous = LISTENER_ANONYMOUS_AS_BROKER,
    };
    site->listener = broker_listen(site->broker, &listener, &err);
    if (site->listener == NULL)
        fail_msg("%s", err.text);
}

static inline void site_start_fed(struct site *site, unsigned reactors, struct settings *settings,
                                  const struct feed_provider *feeds)
{
    *site = (struct site){.feeds = feeds};
    harness_make_dir(site->dir);
    site_run(site, reactors, settings);
}

static inline void site_start(struct site *site, unsigned reactors, struct settings *settings)
{
    site_start_fed(site, reactors, settings, NULL);
}

/* With a journal. io: the log's; NULL: the system's. */
static inline void site_start_durable(struct site *site, unsigned reactors, struct settings *settings,
                                      const struct log_io *io)
{
    *site = (struct site){.durable = true, .io = io};
    harness_make_dir(site->dir);
    site_run(site, reactors, settings);
}

/* Stops the broker; the directory stays. */
static inline void site_halt(struct site *site, int64_t timeout_ms)
{
    broker_stop(site->broker, timeout_ms);
    broker_free(site->broker);
    log_engine_stop(site->engine);
    site->engine = NULL;
    catalog_close(site->catalog);
}

static inline void site_end(struct site *site)
{
    site_halt(site, 5000);
    harness_remove_dir(site->dir);
}

/* A client id that lives on this reactor: the name with a number behind. `out` has CLIENT_ID_BYTES. */
#define CLIENT_ID_BYTES 64
static inline const char *client_id_on(const struct site *site, unsigned reactor, const char *name, char *out)
{
    for (unsigned i = 0;; i++) {
        snprintf(out, CLIENT_ID_BYTES, "%s-%u", name, i);
        if (broker_shard_of(site->broker, client_hash(str_of(out))) == reactor)
            return out;
    }
}

#define ID_ON(site, reactor, name) client_id_on(site, reactor, name, (char[CLIENT_ID_BYTES]){0})

/* Runs `run` on the reactor's thread and waits for it. */
struct errand {
    struct mail mail;
    void (*run)(struct shard *shard, void *arg);
    void *arg;
    atomic_bool done;
};

static inline void errand_run(struct reactor *reactor, struct mail *mail)
{
    struct errand *errand = (struct errand *)mail;
    if (reactor != NULL)
        errand->run(reactor_user(reactor), errand->arg);
    atomic_store(&errand->done, true);
}

#define WAIT_FOR(condition)                                                        \
    do {                                                                           \
        for (int wait_i = 0; !(condition) && wait_i < PATIENCE_S * 1000; wait_i++) \
            usleep(1000);                                                          \
        if (!(condition))                                                          \
            fail_msg("%s: not after %d s", #condition, PATIENCE_S);                \
    } while (0)

static inline void on_shard(const struct site *site, unsigned index, void (*run)(struct shard *, void *),
                            void *arg)
{
    struct errand errand = {.mail.run = errand_run, .run = run, .arg = arg};
    atomic_init(&errand.done, false);
    reactor_post(site->broker->shards[index].reactor, &errand.mail);
    WAIT_FOR(atomic_load(&errand.done));
}

/* ---- A client -------------------------------------------------------------------------------------------- */

struct client {
    int fd;
    uint8_t version;
    struct buf in;
    size_t used;    /* of `in`: packets that have been looked at */
    struct buf out; /* what is collected to be sent at once */
};

/* receive_bytes: of the socket's buffer, 0: the system's choice. */
static inline void client_open_sized(struct client *client, const struct site *site, uint8_t version,
                                     int receive_bytes)
{
    const char *address = listener_address(site->listener);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    in.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    memset(client, 0, sizeof(*client));
    client->version = version;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    if (receive_bytes > 0)
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    if (connect(client->fd, (struct sockaddr *)&in, sizeof(in)) != 0)
        fail_msg("connect: %s", strerror(errno));
    int on = 1;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct timeval limit = {.tv_sec = PATIENCE_S};
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* Closes the socket without a word. */
static inline void client_drop(struct client *client)
{
    close(client->fd);
    buf_free(&client->in);
    buf_free(&client->out);
}

static inline bool send_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* Sends what has been collected in client->out. */
static inline void client_flush(struct client *client)
{
    if (!send_all(client->fd, client->out.data, client->out.len))
        fail_msg("send: %s", strerror(errno));
    buf_reset(&client->out);
}

/* The next packet; valid until the next call. False: the stream has ended. */
static inline bool client_next(struct client *client, struct mqtt_frame *frame)
{
    buf_consume(&client->in, client->used);
    client->used = 0;
    for (;;) {
        enum mqtt_scan scan =
            mqtt_frame_scan(client->in.data, client->in.len, MQTT_REMAINING_LENGTH_MAX, frame);
        if (scan == MQTT_SCAN_OK) {
            client->used = frame->total_len;
            return true;
        }
        if (scan != MQTT_SCAN_MORE)
            fail_msg("the broker sent no packet");
        buf_reserve(&client->in, 65536);
        ssize_t n = recv(client->fd, client->in.data + client->in.len, 65536, 0);
        if (n < 0 && errno == EAGAIN)
            fail_msg("nothing came for %d s", PATIENCE_S);
        if (n <= 0)
            return false;
        client->in.len += (size_t)n;
    }
}

/* ---- Packets as text ------------------------------------------------------------------------------------- */

static inline void describe_publish(struct buf *out, uint8_t version, const struct mqtt_frame *frame)
{
    struct mqtt_publish publish;
    assert_int_equal(mqtt_decode_publish(frame, version, &publish), MQTT_SUCCESS);
    buf_printf(out, " %.*s qos %u", STR_ARG(publish.topic), publish.qos);
    if (publish.qos > 0)
        buf_printf(out, " #%u", publish.packet_id);
    if (publish.dup)
        buf_append_str(out, STR(" dup"));
    if (publish.retain)
        buf_append_str(out, STR(" retain"));
    struct mqtt_properties properties;
    mqtt_properties_init(&properties);
    if (version == MQTT_5)
        assert_int_equal(mqtt_properties_decode((const uint8_t *)publish.raw_props.data,
                                                publish.raw_props.len, MQTT_LIST_PUBLISH, &properties),
                         MQTT_SUCCESS);
    if (MQTT_HAS(&properties, MQTT_PROP_TOPIC_ALIAS))
        buf_printf(out, " alias %u", properties.topic_alias);
    if (MQTT_HAS(&properties, MQTT_PROP_MESSAGE_EXPIRY))
        buf_printf(out, " expiry %u", properties.message_expiry);
    uint32_t id;
    for (size_t at = 0; mqtt_subscription_id_next(properties.raw, &at, &id);)
        buf_printf(out, " id %u", id);
    struct str key, value;
    for (size_t at = 0; mqtt_user_property_next(properties.raw, &at, &key, &value);)
        buf_printf(out, " %.*s=%.*s", STR_ARG(key), STR_ARG(value));
    if (publish.payload.len > 100)
        buf_printf(out, " <%zu bytes>", publish.payload.len);
    else
        buf_printf(out, " \"%.*s\"", STR_ARG(publish.payload));
}

static inline void describe_suback(struct buf *out, uint8_t version, const struct mqtt_frame *frame)
{
    struct mqtt_suback suback;
    assert_int_equal(mqtt_decode_suback(frame, version, &suback), MQTT_SUCCESS);
    buf_printf(out, " #%u", suback.packet_id);
    for (size_t i = 0; i < suback.reasons.len; i++)
        buf_printf(out, " %02x", (uint8_t)suback.reasons.data[i]);
}

static inline void describe(struct buf *out, uint8_t version, const struct mqtt_frame *frame)
{
    struct mqtt_connack connack;
    struct mqtt_ack ack;
    struct mqtt_disconnect disconnect;
    buf_printf(out, "%s", mqtt_packet_name(frame->type));
    switch (frame->type) {
    case MQTT_CONNACK:
        assert_int_equal(mqtt_decode_connack(frame, version, &connack), MQTT_SUCCESS);
        buf_printf(out, " %s %02x", connack.session_present ? "resumed" : "new", connack.reason);
        break;
    case MQTT_PUBLISH: describe_publish(out, version, frame); break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        assert_int_equal(mqtt_decode_ack(frame, version, &ack), MQTT_SUCCESS);
        buf_printf(out, " #%u %02x", ack.packet_id, ack.reason);
        break;
    case MQTT_SUBACK:
    case MQTT_UNSUBACK: describe_suback(out, version, frame); break;
    case MQTT_DISCONNECT:
        assert_int_equal(mqtt_decode_disconnect(frame, version, &disconnect), MQTT_SUCCESS);
        buf_printf(out, " %02x", disconnect.reason);
        break;
    default: break;
    }
}

/* The next packet as text; "end" when the stream has ended. Freed by the caller's buf_free. */
static inline void client_hear(struct client *client, struct buf *text)
{
    struct mqtt_frame frame;
    buf_reset(text);
    if (client_next(client, &frame))
        describe(text, client->version, &frame);
    else
        buf_append_str(text, STR("end"));
}

static inline void client_expect_at(struct client *client, const char *expected, const char *file, int line)
{
    struct buf text = {0};
    client_hear(client, &text);
    if (strcmp(buf_cstr(&text), expected) != 0)
        fail_msg("%s:%d: got: %s\nexpected: %s", file, line, buf_cstr(&text), expected);
    buf_free(&text);
}

/* For each of the lines in turn: EXPECT(&client, "SUBACK #1 00", "PINGRESP"); */
#define EXPECT(client, ...)                                              \
    do {                                                                 \
        const char *const expected_[] = {__VA_ARGS__};                   \
        for (size_t e_ = 0; e_ < LENGTH(expected_); e_++)                \
            client_expect_at(client, expected_[e_], __FILE__, __LINE__); \
    } while (0)

/* ---- What a client says ---------------------------------------------------------------------------------- */

/* Opens a socket and sends CONNECT; the answer is still to come. Missing parts: version 5, clean start left as it is,
 * properties as decoded from nothing. */
struct hello {
    const char *id;
    uint8_t version; /* 0: MQTT 5 */
    bool keep;       /* a session that outlives the connection: no clean start, an hour */
    bool clean;      /* discards the former session although `keep` */
    uint16_t keep_alive;
    uint16_t receive_maximum;
    uint16_t alias_maximum;
    uint32_t maximum_packet_bytes;
    int socket_bytes;
    const char *will_topic;
    const char *will_payload;
    uint32_t will_delay_s;
    uint8_t will_qos;
    bool will_retain;
};

static inline void property_set(struct mqtt_properties *properties, enum mqtt_property id)
{
    properties->has |= UINT64_C(1) << id;
}

static inline struct mqtt_connect connect_of(const struct hello *hello)
{
    struct mqtt_connect connect = {
        .version = hello->version != 0 ? hello->version : MQTT_5,
        .clean_start = !hello->keep || hello->clean,
        .keep_alive = hello->keep_alive,
        .client_id = str_of(hello->id),
        .has_will = hello->will_topic != NULL,
    };
    mqtt_properties_init(&connect.properties);
    mqtt_properties_init(&connect.will.properties);
    if (hello->keep) {
        connect.properties.session_expiry = 3600;
        property_set(&connect.properties, MQTT_PROP_SESSION_EXPIRY);
    }
    if (hello->receive_maximum != 0) {
        connect.properties.receive_maximum = hello->receive_maximum;
        property_set(&connect.properties, MQTT_PROP_RECEIVE_MAXIMUM);
    }
    if (hello->alias_maximum != 0) {
        connect.properties.topic_alias_maximum = hello->alias_maximum;
        property_set(&connect.properties, MQTT_PROP_TOPIC_ALIAS_MAXIMUM);
    }
    if (hello->maximum_packet_bytes != 0) {
        connect.properties.maximum_packet_size = hello->maximum_packet_bytes;
        property_set(&connect.properties, MQTT_PROP_MAXIMUM_PACKET_SIZE);
    }
    if (hello->will_topic != NULL) {
        connect.will.topic = str_of(hello->will_topic);
        connect.will.payload = str_of(hello->will_payload);
        connect.will.qos = hello->will_qos;
        connect.will.retain = hello->will_retain;
        connect.will.properties.will_delay = hello->will_delay_s;
        if (hello->will_delay_s != 0)
            property_set(&connect.will.properties, MQTT_PROP_WILL_DELAY);
    }
    return connect;
}

static inline void client_hello(struct client *client, const struct site *site, struct hello hello)
{
    struct mqtt_connect connect = connect_of(&hello);
    client_open_sized(client, site, connect.version, hello.socket_bytes);
    mqtt_encode_connect(&client->out, &connect);
    client_flush(client);
}

/* The same, and takes the CONNACK of success. */
#define CLIENT_CONNECT(client, site, present, ...)                           \
    do {                                                                     \
        client_hello(client, site, (struct hello){__VA_ARGS__});             \
        EXPECT(client, (present) ? "CONNACK resumed 00" : "CONNACK new 00"); \
    } while (0)

/* These put packets into client->out, to be sent by client_flush(). */

static inline void put_publish(struct client *client, const struct mqtt_publish *publish)
{
    mqtt_encode_publish(&client->out, client->version, publish);
}

static inline void put_subscribe(struct client *client, uint16_t packet_id, const char *filter,
                                 struct mqtt_subscription subscription, uint32_t id)
{
    struct mqtt_properties properties;
    mqtt_properties_init(&properties);
    if (id != 0) {
        properties.subscription_id = id;
        property_set(&properties, MQTT_PROP_SUBSCRIPTION_ID);
    }
    subscription.filter = str_of(filter);
    mqtt_encode_subscribe(&client->out, client->version, packet_id, &properties, &subscription, 1);
}

static inline void put_ack(struct client *client, uint8_t type, uint16_t packet_id)
{
    uint8_t bytes[MQTT_ACK_SHORT_BYTES];
    mqtt_ack_write(bytes, type, packet_id);
    buf_append(&client->out, bytes, sizeof(bytes));
}

/* And these send at once. */

static inline void say_publish(struct client *client, const char *topic, uint8_t qos, uint16_t packet_id,
                               const char *payload)
{
    put_publish(client,
                &(struct mqtt_publish){
                    .topic = str_of(topic), .qos = qos, .packet_id = packet_id, .payload = str_of(payload)});
    client_flush(client);
}

static inline void say_retained(struct client *client, const char *topic, uint8_t qos, uint16_t packet_id,
                                const char *payload)
{
    put_publish(client, &(struct mqtt_publish){.topic = str_of(topic),
                                               .qos = qos,
                                               .retain = true,
                                               .packet_id = packet_id,
                                               .payload = str_of(payload)});
    client_flush(client);
}

static inline void say_ack(struct client *client, uint8_t type, uint16_t packet_id)
{
    put_ack(client, type, packet_id);
    client_flush(client);
}

static inline void say_bytes(struct client *client, const void *bytes, size_t len)
{
    buf_append(&client->out, bytes, len);
    client_flush(client);
}

/* Subscribes with packet id 1 and takes the SUBACK. */
static inline void subscribe_to(struct client *client, const char *filter, uint8_t qos)
{
    char expected[32];
    put_subscribe(client, 1, filter, (struct mqtt_subscription){.qos = qos}, 0);
    client_flush(client);
    snprintf(expected, sizeof(expected), "SUBACK #1 %02x", qos);
    EXPECT(client, expected);
}

/* All that the client has sent before has been handled, and nothing has come but the answer. */
static inline void client_sync(struct client *client)
{
    mqtt_encode_ping(&client->out, MQTT_PINGREQ);
    client_flush(client);
    EXPECT(client, "PINGRESP");
}

static inline void client_bye(struct client *client)
{
    mqtt_encode_disconnect(&client->out, client->version, MQTT_SUCCESS, NULL);
    client_flush(client);
    EXPECT(client, "end");
    client_drop(client);
}

#endif

/* Any bytes as clients of a broker: it must not fall, must answer in the MQTT that the client speaks and within what it
 * takes, and must end the connection once the client has.
 *
 * Input: a stream of packets. CONNECT opens the next one of CONNECTIONS_MAX connections; a packet of type 0 with one
 * byte in it chooses the connection that the following goes to; everything else, broken packets too, goes there as it
 * is. So a recorded session is an input, and two of them one behind the other are two clients.
 *
 * The broker is started once, with an observer that subscribes everything, acknowledges, and must never be sent
 * away. */
#include "../unit/mqtt/any_packet.h"

#include "auth/auth.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4
#define PATIENCE_S      20
#define ALIASES_MAX     65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool claim)
{
    if (!claim)
        abort();
}

/* ---- The broker ------------------------------------------------------------------------------------------ */

static char dir[256];
static struct catalog *catalog;
static struct broker *broker;
static struct listener *listener;

static struct acl_rule rule_of(bool allow, const char *topic)
{
    struct acl_rule rule = {.allow = allow, .publish = true, .subscribe = true, .topic_count = 1};
    rule.topics = mem_alloc(sizeof(*rule.topics));
    rule.topics[0] = mem_strdup(topic);
    return rule;
}

/* Small limits, so that they are met. */
static struct settings *small_settings(void)
{
    struct settings *settings = settings_new();
    settings->mqtt.max_packet_bytes = 65536;
    settings->mqtt.max_topic_levels = 16;
    settings->mqtt.max_topic_alias = 5;
    settings->mqtt.receive_maximum = 5;
    settings->mqtt.max_subscriptions = 10;
    settings->sessions.max_expiry_s = 2;
    settings->sessions.v3_expiry_s = 2;
    settings->sessions.max_inflight = 4;
    settings->sessions.max_queued_messages = 50;
    settings->auth.allow_anonymous = 1;
    settings->retained_max_messages = 50;
    settings->retained_max_payload_bytes = 1000;
    settings->sys_interval_ms = 1000;
    struct acl_rule own = rule_of(true, "own/${clientid}/#"), others = rule_of(false, "own/#");
    settings_add_rule(settings, &own);
    settings_add_rule(settings, &others);
    return settings;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static void stop(void)
{
    broker_stop(broker, 1000);
    broker_free(broker);
    catalog_close(catalog);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void start(void)
{
    struct error err;
    const char *base = getenv("TMPDIR");
    snprintf(dir, sizeof(dir), "%s/varve-fuzz-XXXXXX", base != NULL ? base : "/tmp");
    must(mkdtemp(dir) != NULL);
    log_set_fd(-1);
    catalog = catalog_open(dir, &err);
    must(catalog != NULL);
    const struct broker_options options = {.reactors = 2, .catalog = catalog, .settings = small_settings()};
    broker = broker_start(&options, &err);
    must(broker != NULL);
    const struct broker_listener_options tcp = {
        .net = {.name = "fuzz", .bind = "127.0.0.1:0"},
        .allow_anonymous = LISTENER_ANONYMOUS_AS_BROKER,
    };
    listener = broker_listen(broker, &tcp, &err);
    must(listener != NULL);
    /* OpenSSL cleans up at exit too: it must have been used before, to do so after the broker's threads have ended. */
    struct scram_credentials unused;
    static const uint8_t key[SCRAM_KEY_BYTES];
    scram_fake_credentials(key, STR("nobody"), &unused);
    atexit(stop);
}

/* ---- Sockets --------------------------------------------------------------------------------------------- */

static int open_socket(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    in.sin_port = htons((uint16_t)atoi(strrchr(listener_address(listener), ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
    const int on = 1;
    const struct timeval limit = {.tv_sec = PATIENCE_S};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    return fd;
}

/* The broker may have ended the connection. */
static void send_bytes(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        must(n > 0 || errno == EPIPE || errno == ECONNRESET);
        if (n <= 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

/* 0 at the end of the stream. */
static size_t receive(int fd, struct buf *into, int flags)
{
    buf_reserve(into, 65536);
    for (;;) {
        ssize_t n = recv(fd, into->data + into->len, 65536, flags);
        if (n < 0 && errno == EINTR)
            continue;
        must(n >= 0 || errno == ECONNRESET ||
             (errno == EAGAIN && flags != 0)); /* else it has not answered in time */
        if (n <= 0)
            return 0;
        into->len += (size_t)n;
        return (size_t)n;
    }
}

/* ---- The observer ---------------------------------------------------------------------------------------- */

static struct {
    int fd;
    struct buf in;
    struct buf out;
} observer = {.fd = -1};

static void observer_take(const struct mqtt_frame *frame)
{
    struct any_packet packet;
    uint8_t ack[MQTT_ACK_SHORT_BYTES];
    must(any_decode(frame, MQTT_5, &packet) == MQTT_SUCCESS);
    switch (frame->type) {
    case MQTT_PUBLISH:
        must(packet.publish.topic.len > 0);
        must(packet.publish.payload.len <= 65536);
        if (packet.publish.qos == 0)
            return;
        mqtt_ack_write(ack, packet.publish.qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, packet.publish.packet_id);
        break;
    case MQTT_PUBREL: mqtt_ack_write(ack, MQTT_PUBCOMP, packet.ack.packet_id); break;
    default: must(frame->type == MQTT_CONNACK || frame->type == MQTT_SUBACK); return;
    }
    buf_append(&observer.out, ack, sizeof(ack));
}

static void observer_run(void)
{
    struct mqtt_frame frame;
    uint8_t byte;
    while (receive(observer.fd, &observer.in, MSG_DONTWAIT) > 0) {
        size_t used = 0;
        while (mqtt_frame_scan(observer.in.data + used, observer.in.len - used, 1 << 20, &frame) ==
               MQTT_SCAN_OK) {
            observer_take(&frame);
            used += frame.total_len;
        }
        buf_consume(&observer.in, used);
        send_bytes(observer.fd, observer.out.data, observer.out.len);
        buf_reset(&observer.out);
    }
    must(recv(observer.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN); /* still connected */
}

static void observer_open(void)
{
    struct mqtt_connect connect_packet = {.version = MQTT_5, .clean_start = true};
    const struct mqtt_subscription all[] = {{.filter = STR("#"), .qos = 2},
                                            {.filter = STR("$SYS/#"), .qos = 1}};
    mqtt_properties_init(&connect_packet.properties);
    observer.fd = open_socket();
    mqtt_encode_connect(&observer.out,
                        &connect_packet); /* the broker gives it an identifier that nobody guesses */
    mqtt_encode_subscribe(&observer.out, MQTT_5, 1, NULL, all, 2);
    send_bytes(observer.fd, observer.out.data, observer.out.len);
    buf_reset(&observer.out);
}

/* ---- Clients --------------------------------------------------------------------------------------------- */

struct client {
    int fd;
    bool understood; /* its CONNECT is one: the answers can be judged */
    uint8_t version;
    uint32_t max_packet;
    uint16_t alias_max;
};

/* Which aliases the broker has given on the connection that is read: bits. */
static uint8_t aliases[ALIASES_MAX / 8];

static void client_open(struct client *client, const struct mqtt_frame *frame)
{
    struct mqtt_connect packet;
    *client = (struct client){.fd = open_socket()};
    client->understood = mqtt_decode_connect(frame, &packet) == MQTT_SUCCESS;
    client->version = packet.version;
    client->max_packet = UINT32_MAX;
    if (client->understood && packet.version == MQTT_5) {
        client->max_packet = packet.properties.maximum_packet_size;
        client->alias_max = packet.properties.topic_alias_maximum;
    }
}

static void check_alias(const struct client *client, const struct any_packet *packet)
{
    uint16_t alias = packet->publish_properties.topic_alias;
    if (!MQTT_HAS(&packet->publish_properties, MQTT_PROP_TOPIC_ALIAS)) {
        must(packet->publish.topic.len > 0);
        return;
    }
    must(alias <= client->alias_max);
    if (packet->publish.topic.len == 0)
        must((aliases[alias / 8] >> alias % 8 & 1) != 0);
    aliases[alias / 8] |= (uint8_t)(1 << alias % 8);
}

static void check_answers(const struct client *client, struct buf *in)
{
    struct mqtt_frame frame;
    struct any_packet packet;
    memset(aliases, 0, sizeof(aliases));
    for (size_t used = 0; used < in->len; used += frame.total_len) {
        /* The stream may have been cut where the broker gave up waiting; not in what it said. */
        enum mqtt_scan scan = mqtt_frame_scan(in->data + used, in->len - used, 1 << 20, &frame);
        must(scan == MQTT_SCAN_OK || scan == MQTT_SCAN_MORE);
        if (scan == MQTT_SCAN_MORE)
            return;
        must(any_decode(&frame, client->version, &packet) == MQTT_SUCCESS);
        must((frame.type == MQTT_CONNACK || frame.type == MQTT_AUTH) || used > 0);
        must(frame.total_len <= client->max_packet);
        if (frame.type == MQTT_PUBLISH)
            check_alias(client, &packet);
        must(frame.type != MQTT_CONNECT && frame.type != MQTT_SUBSCRIBE && frame.type != MQTT_UNSUBSCRIBE &&
             frame.type != MQTT_PINGREQ);
    }
}

static void client_close(struct client *client)
{
    struct buf in = {0};
    shutdown(client->fd, SHUT_WR);
    while (receive(client->fd, &in, 0) > 0)
        continue;
    if (client->understood)
        check_answers(client, &in);
    buf_free(&in);
    close(client->fd);
}

/* ---- The input ------------------------------------------------------------------------------------------- */

static void run_stream(uint8_t *data, size_t len)
{
    struct client clients[CONNECTIONS_MAX];
    unsigned count = 0, current = 0;
    while (len > 0) {
        struct mqtt_frame frame;
        enum mqtt_scan scan = mqtt_frame_scan_long(data, len, len, &frame);
        bool whole = scan == MQTT_SCAN_OK;
        size_t bytes = whole ? frame.total_len : len;
        if (len >= 3 && data[0] == 0 && data[1] == 1) {
            bytes = 3;
            current = count > 0 ? data[2] % count : 0;
        } else if (whole && data[0] == MQTT_CONNECT << 4 && count < CONNECTIONS_MAX) {
            current = count++;
            client_open(&clients[current], &frame);
            send_bytes(clients[current].fd, data, bytes);
        } else {
            if (count == 0) /* a stream that does not begin with CONNECT */
                clients[count++] = (struct client){.fd = open_socket()};
            send_bytes(clients[current].fd, data, bytes);
        }
        data += bytes;
        len -= bytes;
    }
    for (unsigned i = 0; i < count; i++)
        client_close(&clients[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (broker == NULL) {
        start();
        observer_open();
    }
    struct buf copy = {0};
    buf_append(&copy, data, len);
    run_stream(copy.data, copy.len);
    buf_free(&copy);
    observer_run();
    return 0;
}

/* A broker of the tests' own: one connection on a thread, which answers each packet as a script says.
 *
 *     static void answer(struct fake_broker *broker, const struct mqtt_frame *packet) { … fake_send(broker, …) … }
 *
 *     struct fake_broker broker;
 *     fake_start(&broker, answer);          listens on a free port: broker.port
 *     … the client …
 *     fake_stop(&broker);                   joins
 *     broker.received                       every packet that came, byte for byte
 *
 * CONNECT is answered with CONNACK, PINGREQ with PINGRESP, unless the script says `handled`. The script runs on the
 * broker's thread: no cmocka asserts in it. */
#ifndef TESTS_CLIENT_FAKE_BROKER_H
#define TESTS_CLIENT_FAKE_BROKER_H

#include "loopback.h"

#include "base/buf.h"
#include "base/thread.h"
#include "client/client.h"
#include "mqtt/mqtt.h"

struct fake_broker;
typedef void fake_answer_fn(struct fake_broker *broker, const struct mqtt_frame *packet);

struct fake_broker {
    int listener;
    uint16_t port;
    pthread_t thread;
    fake_answer_fn *answer;
    int fd;              /* the connection */
    bool handled;        /* by the script: no answer of its own */
    struct buf received; /* packets, whole; read it after fake_stop() */
    uint8_t version;     /* of CONNECT */
    unsigned publishes;
};

static inline void fake_send(struct fake_broker *broker, const void *data, size_t len)
{
    (void)!send(broker->fd, data, len, MSG_NOSIGNAL);
}

#define FAKE_SEND(broker, literal) fake_send(broker, literal, sizeof(literal) - 1)

/* The acknowledgement of QoS 1 and 2; for scripts. */
static inline void fake_acknowledge(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    uint8_t ack[MQTT_ACK_SHORT_BYTES];
    struct mqtt_publish publish;
    if (packet->type == MQTT_PUBLISH &&
        mqtt_decode_publish(packet, broker->version, &publish) == MQTT_SUCCESS && publish.qos > 0)
        fake_send(
            broker, ack,
            (size_t)(mqtt_ack_write(ack, publish.qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, publish.packet_id) -
                     ack));
    if (packet->type == MQTT_PUBREL)
        fake_send(
            broker, ack,
            (size_t)(mqtt_ack_write(ack, MQTT_PUBCOMP, (uint16_t)(packet->body[0] << 8 | packet->body[1])) -
                     ack));
}

static inline void fake_publish(struct fake_broker *broker, const char *topic, uint8_t qos, uint16_t id,
                                const char *payload)
{
    struct buf packet = {0};
    struct mqtt_publish publish = {
        .qos = qos, .packet_id = id, .topic = str_of(topic), .payload = str_of(payload)};
    mqtt_encode_publish(&packet, broker->version, &publish);
    fake_send(broker, packet.data, packet.len);
    buf_free(&packet);
}

static inline void fake_packet(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    struct mqtt_connect connect;
    buf_append(&broker->received, packet->body + packet->body_len - packet->total_len, packet->total_len);
    broker->handled = false;
    broker->publishes += packet->type == MQTT_PUBLISH;
    if (packet->type == MQTT_CONNECT && mqtt_decode_connect(packet, &connect) == MQTT_SUCCESS)
        broker->version = connect.version;
    if (broker->answer != NULL)
        broker->answer(broker, packet);
    if (broker->handled)
        return;
    if (packet->type == MQTT_CONNECT && broker->version == MQTT_5)
        FAKE_SEND(broker, "\x20\x03\x00\x00\x00");
    else if (packet->type == MQTT_CONNECT)
        FAKE_SEND(broker, "\x20\x02\x00\x00");
    else if (packet->type == MQTT_PINGREQ)
        FAKE_SEND(broker, "\xD0\x00");
}

static inline void *fake_run(void *arg)
{
    struct fake_broker *broker = arg;
    struct buf in = {0};
    broker->fd = accept(broker->listener, NULL, NULL);
    for (;;) {
        struct mqtt_frame frame;
        size_t at = 0;
        buf_reserve(&in, 65536);
        ssize_t got = recv(broker->fd, in.data + in.len, 65536, 0);
        if (got <= 0)
            break;
        in.len += (size_t)got;
        for (; mqtt_frame_scan(in.data + at, in.len - at, 1 << 28, &frame) == MQTT_SCAN_OK;
             at += frame.total_len)
            fake_packet(broker, &frame);
        buf_consume(&in, at);
    }
    close(broker->fd);
    buf_free(&in);
    return NULL;
}

static inline void fake_start(struct fake_broker *broker, fake_answer_fn *answer)
{
    *broker = (struct fake_broker){.answer = answer, .version = MQTT_5, .fd = -1};
    broker->listener = loopback_bind(&broker->port);
    assert_int_equal(listen(broker->listener, 1), 0);
    assert_true(thread_start(&broker->thread, "fake-broker", fake_run, broker, NULL));
}

/* The client has closed its connection. Call fake_free() when `received` was looked at. */
static inline void fake_stop(struct fake_broker *broker)
{
    pthread_join(broker->thread, NULL);
    close(broker->listener);
}

static inline void fake_free(struct fake_broker *broker)
{
    buf_free(&broker->received);
}

/* The types of the packets that came, in order: "CONNECT PUBLISH PUBREL DISCONNECT". */
static inline const char *fake_types(const struct fake_broker *broker)
{
    static char text[4096];
    size_t at = 0;
    struct mqtt_frame frame;
    text[0] = '\0';
    for (size_t from = 0; mqtt_frame_scan(broker->received.data + from, broker->received.len - from, 1 << 28,
                                          &frame) == MQTT_SCAN_OK;
         from += frame.total_len)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at > 0 ? " " : "",
                               mqtt_packet_name(frame.type));
    return text;
}

/* Finds the n-th packet (from 0) of a type among those that came. */
static inline bool fake_find(const struct fake_broker *broker, uint8_t type, unsigned n,
                             struct mqtt_frame *frame)
{
    for (size_t from = 0; mqtt_frame_scan(broker->received.data + from, broker->received.len - from, 1 << 28,
                                          frame) == MQTT_SCAN_OK;
         from += frame->total_len) {
        if (frame->type == type && n-- == 0)
            return true;
    }
    return false;
}

static inline struct client *fake_connect(const struct fake_broker *broker, uint8_t version)
{
    struct error err = {0};
    struct client_options options;
    client_options_default(&options);
    options.port = broker->port;
    options.version = version;
    options.keep_alive = 0;
    struct client *client = client_connect(&options, &err);
    if (client == NULL)
        fail_msg("%s", err.text);
    return client;
}

static inline struct client_message fake_message(const char *topic, const char *payload, uint8_t qos)
{
    struct client_message message = {.topic = str_of(topic), .payload = str_of(payload), .qos = qos};
    mqtt_properties_init(&message.properties);
    return message;
}

#endif

/* A connection's way to LINK_READY: CONNECT, CONNACK, and for subscribers SUBSCRIBE and SUBACK. */
#include "load_internal.h"

#include "mqtt/mqtt.h"

#include <stdio.h>

#define PACKET_BYTES_MAX (2 * 1024 * 1024)
#define SUBSCRIBE_ID     1

const char *link_name(const struct link *link, char *out, size_t out_bytes)
{
    static const char *const roles[] = {
        [ROLE_PUBLISHER] = "publisher", [ROLE_SUBSCRIBER] = "subscriber", [ROLE_IDLE] = "connection"};
    snprintf(out, out_bytes, "%s %u", roles[link->role], link->number);
    return out;
}

static void client_id(const struct load *load, const struct link *link, char *out, size_t out_bytes)
{
    static const char letters[] = {[ROLE_PUBLISHER] = 'p', [ROLE_SUBSCRIBER] = 's', [ROLE_IDLE] = 'i'};
    snprintf(out, out_bytes, "%s-%08x-%c%u", load->options->client_prefix, load->run, letters[link->role],
             link->number);
}

bool handshake_begin(struct worker *worker, struct link *link, struct error *err)
{
    const struct bench_options *options = worker->load->options;
    char id[256];
    client_id(worker->load, link, id, sizeof id);
    struct mqtt_connect connect = {.version = options->version, .clean_start = true, .client_id = str_of(id)};
    mqtt_properties_init(&connect.properties);
    mqtt_properties_init(&connect.will.properties);
    connect.has_username = options->username != NULL;
    connect.username = str_of(options->username);
    connect.has_password = options->password != NULL;
    connect.password = str_of(options->password);
    struct buf packet = {0};
    mqtt_encode_connect(&packet, &connect);
    bool sent = worker_send(worker, link, packet.data, packet.len, err);
    buf_free(&packet);
    link->state = LINK_CONNACK;
    return sent;
}

static bool subscribe(struct worker *worker, struct link *link, struct error *err)
{
    const struct bench_options *options = worker->load->options;
    char topic[256];
    int len;
    uint8_t qos = link->role == ROLE_SUBSCRIBER ? options_sub_qos(options) : options->qos;
    if (link->role == ROLE_IDLE)
        len = snprintf(topic, sizeof topic, "%s/idle/%u", options->topic_prefix, link->number);
    else
        len = snprintf(topic, sizeof topic, "%s/%u", options->topic_prefix, link->number % options->topics);
    struct mqtt_subscription subscription = {.filter = str_make(topic, (size_t)len), .qos = qos};
    if (link->role == ROLE_SUBSCRIBER && options->filter != NULL)
        subscription.filter = str_of(options->filter);
    struct mqtt_properties properties;
    mqtt_properties_init(&properties);
    struct buf packet = {0};
    mqtt_encode_subscribe(&packet, options->version, SUBSCRIBE_ID, &properties, &subscription, 1);
    bool sent = worker_send(worker, link, packet.data, packet.len, err);
    buf_free(&packet);
    link->state = LINK_SUBACK;
    return sent;
}

static void link_ready(struct worker *worker, struct link *link)
{
    link->state = LINK_READY;
    worker->opening--;
    counter_add(&worker->counts.ready, 1);
}

static bool on_connack(struct worker *worker, struct link *link, const struct mqtt_frame *frame,
                       struct error *err)
{
    const struct bench_options *options = worker->load->options;
    struct mqtt_connack connack;
    if (frame->type != MQTT_CONNACK || mqtt_decode_connack(frame, options->version, &connack) != MQTT_SUCCESS)
        return error_set(err, ERR_PROTOCOL, "%s answered CONNECT with something else than CONNACK",
                         worker->load->address.text);
    if (connack.reason != 0) {
        error_set(err, ERR_DENIED, "%s refused the connection: %s", worker->load->address.text,
                  mqtt_connack_text(options->version, connack.reason));
        return options->username == NULL ? error_hint(err, "give --username and --password") : false;
    }
    if (options->version == MQTT_5 && link->role == ROLE_PUBLISHER) {
        struct publisher *publisher = (struct publisher *)(void *)link;
        if (connack.properties.maximum_qos < options->qos)
            return error_set(err, ERR_UNSUPPORTED, "%s supports QoS %u at most", worker->load->address.text,
                             connack.properties.maximum_qos);
        if (options->qos > 0 && publisher->window > connack.properties.receive_maximum)
            publisher->window = connack.properties.receive_maximum;
    }
    if (link->role == ROLE_SUBSCRIBER || (link->role == ROLE_IDLE && options->idle_subscribe))
        return subscribe(worker, link, err);
    link_ready(worker, link);
    return true;
}

static bool on_suback(struct worker *worker, struct link *link, const struct mqtt_frame *frame,
                      struct error *err)
{
    struct mqtt_suback suback;
    if (frame->type != MQTT_SUBACK)
        return true; /* a retained message may come first; it is not the run's */
    if (mqtt_decode_suback(frame, worker->load->options->version, &suback) != MQTT_SUCCESS ||
        suback.reasons.len != 1)
        return error_set(err, ERR_PROTOCOL, "%s sent a malformed SUBACK", worker->load->address.text);
    uint8_t reason = (uint8_t)suback.reasons.data[0];
    if (reason >= 0x80)
        return error_set(err, ERR_DENIED, "%s refused the subscription: %s", worker->load->address.text,
                         mqtt_reason_text(reason));
    if (link->role == ROLE_SUBSCRIBER && reason < options_sub_qos(worker->load->options))
        return error_set(err, ERR_UNSUPPORTED, "%s granted QoS %u only", worker->load->address.text, reason);
    link_ready(worker, link);
    return true;
}

bool disconnect_error(const struct link *link, uint8_t version, const struct mqtt_frame *frame,
                      struct error *err)
{
    char name[LINK_NAME_BYTES];
    uint8_t reason = version == MQTT_5 && frame->body_len > 0 ? frame->body[0] : 0;
    return error_set(err, ERR_CLOSED, "the broker disconnected %s: %s", link_name(link, name, sizeof name),
                     mqtt_reason_text(reason));
}

ptrdiff_t handshake_consume(struct worker *worker, struct link *link, uint8_t *data, size_t len,
                            struct error *err)
{
    size_t used = 0;
    while (link->state != LINK_READY) {
        struct mqtt_frame frame;
        enum mqtt_scan scan = mqtt_frame_scan(data + used, len - used, PACKET_BYTES_MAX, &frame);
        if (scan == MQTT_SCAN_MORE)
            break;
        if (scan != MQTT_SCAN_OK) {
            error_set(err, ERR_PROTOCOL, "%s does not speak MQTT", worker->load->address.text);
            return -1;
        }
        bool fine = link->state == LINK_CONNACK ? on_connack(worker, link, &frame, err)
                                                : on_suback(worker, link, &frame, err);
        if (!fine)
            return -1;
        used += frame.total_len;
    }
    return (ptrdiff_t)used;
}

/* A subscriber: walks the packets of one read in place, checks numbers, records latency, and answers all of them
 * with one send(). */
#include "load_internal.h"

#include "base/mem.h"
#include "message_internal.h"
#include "mqtt/mqtt.h"

#define PACKET_LEN_MAX (2 * 1024 * 1024)
#define DUP_AND_RETAIN 0x09u
#define FIRST_BYTES    4 /* first byte and up to three of the remaining length */
#define REMAINING_MAX  (2097151u)

/* What one read brings, gathered before it is counted. */
struct batch {
    uint64_t delivered;
    uint64_t same_sent; /* messages with the send time last_sent_ns that are not yet in the histogram */
    int64_t last_sent_ns;
    uint8_t *reply;
};

void subscriber_init(struct subscriber *subscriber, struct load *load, struct worker *worker, uint32_t number)
{
    *subscriber = (struct subscriber){.link = {.fd = -1, .role = ROLE_SUBSCRIBER, .number = number}};
    subscriber->worker = worker;
    subscriber->topic = number % load->options->topics;
    subscriber->magic = message_magic(load->run, subscriber->topic);
    subscriber->sources = load_share(load->options->pubs, load->options->topics, subscriber->topic);
    if (load->options->group)
        subscriber->member.next = mem_zalloc((subscriber->sources + 1) * sizeof *subscriber->member.next);
    else
        subscriber->tracks = mem_zalloc((subscriber->sources + 1) * sizeof *subscriber->tracks);
    subscriber->packet_bytes = UINT32_MAX;
}

void subscriber_free(struct subscriber *subscriber)
{
    for (uint32_t i = 0; subscriber->tracks != NULL && i < subscriber->sources; i++)
        track_free(&subscriber->tracks[i]);
    mem_free(subscriber->tracks);
    mem_free(subscriber->member.next);
}

static void batch_record(struct worker *worker, struct batch *batch)
{
    if (worker->recording && batch->same_sent > 0)
        histogram_record(&worker->latency, worker->now_ns - batch->last_sent_ns, batch->same_sent);
    batch->same_sent = 0;
}

static inline void message_take(struct subscriber *subscriber, const struct message *message,
                                struct batch *batch)
{
    struct worker *worker = subscriber->worker;
    unsigned delivers = 0;
    if (worker->load->seen == NULL)
        delivers = track_receive(&subscriber->tracks[message->source], message->number);
    else if (!seen_receive(&worker->load->seen[message->source], &subscriber->member, message->source,
                           message->number, &delivers))
        worker->foreign++;
    batch->delivered += delivers;
    if (message->sent_ns != batch->last_sent_ns) {
        batch_record(worker, batch);
        batch->last_sent_ns = message->sent_ns;
    }
    batch->same_sent++;
}

/* The packets at the front that look like the last one. Returns the end of them. */
static uint8_t *take_alike(struct subscriber *subscriber, uint8_t *at, const uint8_t *end,
                           struct batch *batch)
{
    uint8_t ack =
        options_sub_qos(subscriber->worker->load->options) == 2 ? MQTT_PUBREC << 4 : MQTT_PUBACK << 4;
    while ((size_t)(end - at) >= subscriber->packet_bytes) {
        uint32_t first_bytes;
        struct message message;
        memcpy(&first_bytes, at, sizeof first_bytes);
        if ((first_bytes & subscriber->mask) != subscriber->first_bytes)
            break;
        message_read(&message, at + subscriber->payload_at);
        if (message.magic != subscriber->magic || message.source >= subscriber->sources)
            break;
        if (subscriber->id_at != 0) {
            batch->reply[0] = ack;
            batch->reply[1] = 2;
            memcpy(batch->reply + 2, at + subscriber->id_at, 2);
            batch->reply += MQTT_ACK_SHORT_BYTES;
        }
        message_take(subscriber, &message, batch);
        at += subscriber->packet_bytes;
    }
    return at;
}

/* Remembers how this PUBLISH is laid out. */
static void learn(struct subscriber *subscriber, const struct mqtt_frame *frame,
                  const struct mqtt_publish *publish)
{
    const uint8_t *start = frame->body + frame->body_len - frame->total_len;
    uint8_t mask[FIRST_BYTES] = {(uint8_t)~DUP_AND_RETAIN};
    size_t head = frame->total_len - frame->body_len;
    subscriber->packet_bytes = UINT32_MAX;
    if (frame->body_len > REMAINING_MAX || head > FIRST_BYTES)
        return;
    memset(mask + 1, 0xFF, head - 1);
    memcpy(&subscriber->mask, mask, sizeof mask);
    memcpy(&subscriber->first_bytes, start, sizeof subscriber->first_bytes);
    subscriber->first_bytes &= subscriber->mask;
    subscriber->packet_bytes = (uint32_t)frame->total_len;
    subscriber->payload_at = (uint32_t)((const uint8_t *)publish->payload.data - start);
    subscriber->id_at = publish->qos > 0 ? (uint32_t)(head + 2 + publish->topic.len) : 0;
}

static bool on_publish(struct subscriber *subscriber, const struct mqtt_frame *frame, struct batch *batch,
                       struct error *err)
{
    struct worker *worker = subscriber->worker;
    struct mqtt_publish publish;
    struct message message = {0};
    if (mqtt_decode_publish(frame, worker->load->options->version, &publish) != MQTT_SUCCESS) {
        char name[LINK_NAME_BYTES];
        return error_set(err, ERR_PROTOCOL, "%s got a malformed PUBLISH",
                         link_name(&subscriber->link, name, sizeof name));
    }
    if (publish.qos > 0)
        batch->reply =
            mqtt_ack_write(batch->reply, publish.qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, publish.packet_id);
    if (publish.payload.len >= MESSAGE_HEAD_BYTES)
        message_read(&message, (const uint8_t *)publish.payload.data);
    if (publish.payload.len < MESSAGE_HEAD_BYTES || message.magic != subscriber->magic ||
        message.source >= subscriber->sources) {
        worker->foreign++;
        return true;
    }
    message_take(subscriber, &message, batch);
    /* The fast path answers every packet as the run's QoS asks for. */
    if (publish.qos == 0 || publish.qos == options_sub_qos(worker->load->options))
        learn(subscriber, frame, &publish);
    return true;
}

static bool on_packet(struct subscriber *subscriber, const struct mqtt_frame *frame, struct batch *batch,
                      struct error *err)
{
    uint8_t version = subscriber->worker->load->options->version;
    if (frame->type == MQTT_PUBLISH)
        return on_publish(subscriber, frame, batch, err);
    if (frame->type == MQTT_DISCONNECT)
        return disconnect_error(&subscriber->link, version, frame, err);
    if (frame->type == MQTT_PUBREL && frame->body_len >= 2)
        batch->reply =
            mqtt_ack_write(batch->reply, MQTT_PUBCOMP, (uint16_t)(frame->body[0] << 8 | frame->body[1]));
    return true;
}

/* Publishers of the topic that wait for this subscriber look for room this turn, or are woken. */
static void tell_publishers(struct subscriber *subscriber)
{
    struct load *load = subscriber->worker->load;
    if (load->options->fill || (load->options->qos > 0 && load->options->max_lag == 0))
        return;
    for (uint32_t i = subscriber->topic; i < load->options->pubs; i += load->options->topics) {
        struct publisher *publisher = &load->publishers[i];
        if (publisher->worker == subscriber->worker)
            publisher_queue(publisher);
        else if (atomic_exchange_explicit(&publisher->starved, false, memory_order_acq_rel))
            worker_wake(publisher->worker);
    }
}

ptrdiff_t subscriber_consume(struct subscriber *subscriber, uint8_t *data, size_t len, struct error *err)
{
    struct worker *worker = subscriber->worker;
    struct batch batch = {.reply = worker->out};
    uint8_t *at = data;
    uint8_t *end = data + len;
    while (at < end) {
        at = take_alike(subscriber, at, end, &batch);
        struct mqtt_frame frame;
        enum mqtt_scan scan = mqtt_frame_scan(at, (size_t)(end - at), PACKET_LEN_MAX, &frame);
        if (scan == MQTT_SCAN_MORE)
            break;
        if (scan != MQTT_SCAN_OK) {
            error_set(err, ERR_PROTOCOL, "malformed packet from the broker");
            return -1;
        }
        if (!on_packet(subscriber, &frame, &batch, err))
            return -1;
        at += frame.total_len;
    }
    batch_record(worker, &batch);
    if (batch.delivered > 0) {
        counter_add(&worker->counts.delivered, batch.delivered);
        atomic_store_explicit(&worker->counts.last_delivery_ns, worker->now_ns, memory_order_relaxed);
        tell_publishers(subscriber);
    }
    if (batch.reply != worker->out &&
        !worker_send(worker, &subscriber->link, worker->out, (size_t)(batch.reply - worker->out), err))
        return -1;
    return at - data;
}

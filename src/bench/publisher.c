/* A publisher: how many messages it may send this turn, writing them into the worker's buffer, and the broker's
 * acknowledgements.
 *
 * May send = the least of: room in the window; with a rate, what is due; what is left of --count; the buffer.
 * All of it goes out with one send(); what the socket does not take is kept, and the publisher waits until it has
 * gone. The PUBLISH packet is made once; only number, time and packet id are written into each copy. */
#include "load_internal.h"

#include "base/mem.h"
#include "message_internal.h"
#include "mqtt/mqtt.h"

#include <stdio.h>

#define COPY_STEP      32
#define PACKET_IDS     65536
#define STALL_NS       INT64_C(1000000000) /* no progress for so long: what is in flight is lost */
#define NS_PER_SECOND  UINT64_C(1000000000)
#define FILLING        'v'
#define TEXT_STEP      1009 /* texts between where two publishers begin */
#define PACKET_LEN_MAX (2 * 1024 * 1024)

/* ---- set-up ---- */

static void packet_make(struct publisher *publisher, const struct bench_options *options, uint32_t magic)
{
    char topic[256];
    int topic_len = snprintf(topic, sizeof topic, "%s/%u", options->topic_prefix, publisher->topic);
    uint8_t *payload = mem_alloc(options->payload_bytes);
    struct message head = {magic, publisher->source, 0, 0};
    memset(payload, FILLING, options->payload_bytes);
    memcpy(payload, &head, sizeof head);
    struct mqtt_publish publish = {.qos = options->qos,
                                   .packet_id = options->qos > 0 ? 1 : 0,
                                   .topic = str_make(topic, (size_t)topic_len),
                                   .payload = str_make(payload, options->payload_bytes)};
    struct buf packet = {0};
    mqtt_encode_publish(&packet, options->version, &publish);
    publisher->packet_bytes = (uint32_t)packet.len;
    publisher->packet_room = (publisher->packet_bytes + COPY_STEP - 1) / COPY_STEP * COPY_STEP;
    publisher->packet = mem_zalloc(publisher->packet_room);
    memcpy(publisher->packet, packet.data, packet.len);
    publisher->payload_at = publisher->packet_bytes - options->payload_bytes;
    uint32_t properties = options->version == MQTT_5 ? 1 : 0;
    publisher->id_at = publisher->payload_at - properties - 2;
    buf_free(&packet);
    mem_free(payload);
}

void publisher_init(struct publisher *publisher, struct load *load, struct worker *worker, uint32_t number)
{
    const struct bench_options *options = load->options;
    *publisher = (struct publisher){.link = {.fd = -1, .role = ROLE_PUBLISHER, .number = number}};
    publisher->worker = worker;
    publisher->topic = number % options->topics;
    publisher->source = number / options->topics;
    if (!options->fill)
        publisher->subscribers =
            options->group ? 1 : load_share(options->subs, options->topics, publisher->topic);
    publisher->window = options->window == 0 ? UINT32_MAX : options->window;
    publisher->limit = UINT64_MAX;
    if (options->count > 0)
        publisher->limit = options->count / options->pubs + (number < options->count % options->pubs ? 1 : 0);
    if (options->qos > 0)
        publisher->in_flight = mem_zalloc(PACKET_IDS / 8);
    publisher->next_id = 1;
    publisher->last_id = PACKET_IDS - 1;
    if (options_ack_latency(options)) {
        if (publisher->window < publisher->last_id)
            publisher->last_id = (uint16_t)publisher->window; /* so many times are kept */
        publisher->id_since_ns = mem_zalloc((publisher->last_id + 1u) * sizeof *publisher->id_since_ns);
    }
    packet_make(publisher, options, message_magic(load->run, publisher->topic));
}

void publisher_free(struct publisher *publisher)
{
    mem_free(publisher->packet);
    mem_free(publisher->in_flight);
    mem_free(publisher->id_since_ns);
}

void publisher_queue(struct publisher *publisher)
{
    if (publisher->queued)
        return;
    publisher->queued = true;
    publisher->queue_next = NULL;
    *publisher->worker->queue_end = publisher;
    publisher->worker->queue_end = &publisher->queue_next;
}

/* ---- how many ---- */

/* How far the slowest subscriber of the topic is. */
static uint64_t slowest_progress(const struct publisher *publisher)
{
    const struct load *load = publisher->worker->load;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = publisher->topic; i < load->options->subs; i += load->options->topics) {
        struct track *track = &load->subscribers[i].tracks[publisher->source];
        uint64_t next = atomic_load_explicit(&track->next, memory_order_relaxed);
        if (next < least)
            least = next;
    }
    return least;
}

static uint64_t lag_room(struct publisher *publisher, uint32_t bound)
{
    if (publisher->subscribers == 0)
        return UINT64_MAX;
    uint64_t progress = slowest_progress(publisher);
    if (progress != publisher->progress) {
        publisher->progress = progress;
        publisher->progress_ns = publisher->worker->now_ns;
    }
    if (progress < publisher->given_up)
        progress = publisher->given_up;
    uint64_t lag = publisher->sent - progress;
    return lag < bound ? bound - lag : 0;
}

static uint64_t window_room(struct publisher *publisher)
{
    const struct bench_options *options = publisher->worker->load->options;
    uint64_t room = UINT64_MAX;
    if (options->qos > 0) {
        room = publisher->window > publisher->in_flight_count ? publisher->window - publisher->in_flight_count
                                                              : 0;
        if (options->max_lag > 0) {
            uint64_t lag = lag_room(publisher, options->max_lag);
            return lag < room ? lag : room;
        }
        return room;
    }
    return publisher->window == UINT32_MAX ? room : lag_room(publisher, publisher->window);
}

/* As window_room; when there is none, subscribers of other workers are asked to wake this one. */
static uint64_t window_room_or_wait(struct publisher *publisher)
{
    uint64_t room = window_room(publisher);
    if (room > 0 || publisher->worker->load->worker_count == 1)
        return room;
    atomic_exchange_explicit(&publisher->starved, true, memory_order_acq_rel);
    return window_room(publisher);
}

/* Message `number` of this publisher is message number × pubs + i of all, and these are evenly spaced. */
uint64_t publisher_due_ns(const struct publisher *publisher, uint64_t number)
{
    const struct load *load = publisher->worker->load;
    uint64_t of_all = number * load->options->pubs + publisher->link.number;
    return (uint64_t)load->start_ns + of_all / load->options->rate * NS_PER_SECOND +
           of_all % load->options->rate * NS_PER_SECOND / load->options->rate;
}

static uint64_t next_tick_ns(const struct load *load, uint64_t due_ns)
{
    uint64_t tick_ns = (uint64_t)load->options->tick_us * 1000;
    if (tick_ns == 0)
        return due_ns;
    uint64_t since = due_ns - (uint64_t)load->start_ns;
    return (uint64_t)load->start_ns + (since + tick_ns - 1) / tick_ns * tick_ns;
}

/* How many of at most `most` messages are due; if fewer, the timer is set for the next. */
static uint64_t due_count(struct publisher *publisher, uint64_t most)
{
    struct worker *worker = publisher->worker;
    uint64_t due = 0;
    while (due < most) {
        uint64_t leaves_ns = next_tick_ns(worker->load, publisher_due_ns(publisher, publisher->sent + due));
        if (leaves_ns > (uint64_t)worker->now_ns) {
            heap_insert(&worker->due, &publisher->due, (int64_t)leaves_ns);
            break;
        }
        due++;
    }
    return due;
}

/* ---- sending ---- */

static uint16_t id_take(struct publisher *publisher)
{
    uint16_t id = publisher->next_id;
    while (id == 0 || id > publisher->last_id || (publisher->in_flight[id / 64] >> (id % 64) & 1) != 0)
        id = id < publisher->last_id ? (uint16_t)(id + 1) : 1;
    publisher->in_flight[id / 64] |= UINT64_C(1) << (id % 64);
    publisher->next_id = (uint16_t)(id + 1);
    return id;
}

/* Copies whole steps: what goes beyond the packet is overwritten by the next one. */
static inline void packet_copy(uint8_t *out, const uint8_t *packet, uint32_t room)
{
    for (uint32_t at = 0; at < room; at += COPY_STEP)
        memcpy(out + at, packet + at, COPY_STEP);
}

static void text_put(const struct publisher *publisher, uint8_t *payload, uint64_t number)
{
    const struct bench_options *options = publisher->worker->load->options;
    uint64_t text = (number + (uint64_t)publisher->link.number * TEXT_STEP) % options->text_count;
    memcpy(payload, options->texts + text * options->payload_bytes, options->payload_bytes);
}

static size_t packets_write(struct publisher *publisher, uint64_t count)
{
    struct worker *worker = publisher->worker;
    bool paced = worker->load->options->rate > 0;
    bool acknowledged = publisher->in_flight != NULL;
    bool stamped = worker->load->options->texts == NULL;
    int64_t stamp_ns = worker->now_ns;
    uint8_t *out = worker->out;
    for (uint64_t i = 0; i < count; i++) {
        packet_copy(out, publisher->packet, publisher->packet_room);
        if (paced)
            stamp_ns = (int64_t)publisher_due_ns(publisher, publisher->sent + i);
        if (acknowledged) {
            uint16_t id = id_take(publisher);
            out[publisher->id_at] = (uint8_t)(id >> 8);
            out[publisher->id_at + 1] = (uint8_t)id;
            if (publisher->id_since_ns != NULL)
                publisher->id_since_ns[id] = stamp_ns;
        }
        if (stamped)
            message_stamp(out + publisher->payload_at, publisher->sent + i, stamp_ns);
        else
            text_put(publisher, out + publisher->payload_at, publisher->sent + i);
        out += publisher->packet_bytes;
    }
    return (size_t)(out - worker->out);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

bool publisher_pump(struct publisher *publisher, struct error *err)
{
    struct worker *worker = publisher->worker;
    if (publisher->link.state != LINK_READY || publisher->link.out_len > 0)
        return true; /* it is looked at again when the socket is writable */
    uint64_t room = least(publisher->limit - publisher->sent, window_room_or_wait(publisher));
    uint64_t fits = (worker->out_bytes - COPY_STEP) / publisher->packet_bytes;
    uint64_t count = least(room, fits);
    if (worker->load->options->rate > 0)
        count = due_count(publisher, count);
    if (count == 0)
        return true;
    if (publisher->progress >= publisher->sent)
        publisher->progress_ns =
            worker->now_ns; /* nothing was in flight: a stall begins at the earliest here */
    size_t bytes = packets_write(publisher, count);
    publisher->sent += count;
    counter_add(&worker->counts.published, count);
    counter_add(&worker->counts.expected, count * publisher->subscribers);
    if (publisher->in_flight != NULL) {
        publisher->in_flight_count += (uint32_t)count;
        counter_add(&worker->counts.unacked, count);
    }
    if (!worker_send(worker, &publisher->link, worker->out, bytes, err))
        return false;
    bool more = count < room && count == fits; /* the buffer was the bound */
    /* With several workers the next look finds no room and asks subscribers of other workers to wake this one. */
    if (more || (count == room && worker->load->worker_count > 1))
        publisher_queue(publisher);
    return true;
}

void publisher_check_stall(struct publisher *publisher)
{
    struct worker *worker = publisher->worker;
    const struct bench_options *options = worker->load->options;
    bool by_lag = options->qos == 0 ? publisher->window != UINT32_MAX : options->max_lag > 0;
    if (!by_lag || publisher->subscribers == 0 || publisher->sent == 0 ||
        worker->now_ns - publisher->progress_ns < STALL_NS)
        return;
    if (window_room(publisher) == 0 && worker->now_ns - publisher->progress_ns >= STALL_NS) {
        publisher->given_up = publisher->sent;
        publisher->progress_ns = worker->now_ns;
        worker->stalls++;
    }
    publisher_queue(publisher);
}

/* ---- acknowledgements ---- */

static void finished(struct publisher *publisher, uint16_t id, bool refused)
{
    struct worker *worker = publisher->worker;
    uint64_t bit = UINT64_C(1) << (id % 64);
    if ((publisher->in_flight[id / 64] & bit) == 0) {
        worker->unknown_acks++;
        return;
    }
    publisher->in_flight[id / 64] &= ~bit;
    publisher->in_flight_count--;
    if (refused) {
        worker->refused++;
        return;
    }
    counter_add(&worker->counts.acked, 1);
    if (publisher->id_since_ns != NULL && worker->recording)
        histogram_record(&worker->latency, worker->now_ns - publisher->id_since_ns[id], 1);
}

/* One packet that is no plain PUBACK of QoS 1. Appends the answer of QoS 2 at *reply. */
static bool on_packet(struct publisher *publisher, const struct mqtt_frame *frame, uint8_t **reply,
                      struct error *err)
{
    struct worker *worker = publisher->worker;
    uint8_t version = worker->load->options->version;
    if (frame->type == MQTT_DISCONNECT)
        return disconnect_error(&publisher->link, version, frame, err);
    if (frame->type != MQTT_PUBACK && frame->type != MQTT_PUBREC && frame->type != MQTT_PUBCOMP)
        return true;
    struct mqtt_ack ack;
    if (publisher->in_flight == NULL || mqtt_decode_ack(frame, version, &ack) != MQTT_SUCCESS) {
        char name[LINK_NAME_BYTES];
        return error_set(err, ERR_PROTOCOL, "%s got a malformed or unexpected %s",
                         link_name(&publisher->link, name, sizeof name), mqtt_packet_name(frame->type));
    }
    if (frame->type == MQTT_PUBREC && ack.reason < 0x80)
        *reply = mqtt_ack_write(*reply, MQTT_PUBREL, ack.packet_id);
    else
        finished(publisher, ack.packet_id, ack.reason >= 0x80);
    return true;
}

ptrdiff_t publisher_consume(struct publisher *publisher, uint8_t *data, size_t len, struct error *err)
{
    struct worker *worker = publisher->worker;
    uint8_t *at = data;
    uint8_t *end = data + len;
    uint8_t *reply = worker->out;
    uint32_t before = publisher->in_flight_count;
    while (end - at >= MQTT_ACK_SHORT_BYTES) {
        if (at[0] == MQTT_PUBACK << 4 && at[1] == 2 && publisher->in_flight != NULL) {
            finished(publisher, (uint16_t)(at[2] << 8 | at[3]), false);
            at += MQTT_ACK_SHORT_BYTES;
            continue;
        }
        struct mqtt_frame frame;
        enum mqtt_scan scan = mqtt_frame_scan(at, (size_t)(end - at), PACKET_LEN_MAX, &frame);
        if (scan == MQTT_SCAN_MORE)
            break;
        if (scan != MQTT_SCAN_OK) {
            error_set(err, ERR_PROTOCOL, "malformed packet from the broker");
            return -1;
        }
        if (!on_packet(publisher, &frame, &reply, err))
            return -1;
        at += frame.total_len;
    }
    counter_add(&worker->counts.unacked, (uint64_t)publisher->in_flight_count - before);
    publisher_queue(publisher);
    if (reply != worker->out &&
        !worker_send(worker, &publisher->link, worker->out, (size_t)(reply - worker->out), err))
        return -1;
    return at - data;
}

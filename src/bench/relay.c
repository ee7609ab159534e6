/* The null broker. It answers CONNECT, SUBSCRIBE, PINGREQ and the acknowledgements of QoS 1 and 2, and relays the
 * bytes of PUBLISH packets in the batches in which they came: of a packet it looks at type and length alone (and
 * at the packet id, if there is one to acknowledge). A publisher is taken to publish every message to the topic
 * of its first one. Nothing is queued, checked or retained; so no broker that routes can be faster.
 *
 *   1. epoll says that a connection is readable; one recv() into the thread's buffer.
 *   2. Walk packet by packet. Consecutive PUBLISH packets are one range.
 *   3. The range goes to every subscriber of the publisher's topic with one send() each.
 *   4. The acknowledgements of the range go back with one send().
 *
 * Full sockets: the relay waits until the subscriber has read on (at most FULL_LIMIT_MS, then it closes it). So a
 * slow subscriber slows everyone down, which is the back-pressure that a generator without a window needs. Packet
 * ids are relayed as published, acknowledgements of subscribers are dropped.
 *
 * Locks: `table` guards who subscribes to what and keeps connections alive while others send to them (read) or go
 * (write). A connection's `out` lock keeps the packets of two threads apart. */
#include "relay_internal.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/thread.h"
#include "mqtt/mqtt.h"
#include "mqtt/topic.h"
#include "stream_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define READ_BYTES       (256 * 1024)
#define PACKET_BYTES_MAX (READ_BYTES - 1024)
#define EVENTS           256
#define FULL_LIMIT_MS    10000
#define FILES_WANTED     1048576

struct relay_filter {
    struct relay_filter *next;
    char *filter;
};

/* One connection. Small: idle ones are counted by their bytes. */
struct peer {
    int fd;
    bool doomed; /* could not be written to: its thread closes it */
    uint8_t version;
    pthread_mutex_t *out; /* one of the relay's; shared by some connections */
    struct peer *next;    /* of the relay's list; under `table` */
    struct peer *prev;
    struct relay_filter *filters; /* written under `table` */
    struct stream_tail tail;
    struct route *route; /* of the first PUBLISH; its thread's */
};

/* The subscribers of a publisher's topic, found once for each version of the table. */
struct route {
    uint64_t version;
    char *topic;
    struct peer **peers;
    uint32_t count;
};

#define OUT_LOCKS 64

struct relay_thread {
    struct relay *relay;
    pthread_t thread;
    int epoll;
    uint8_t *in;
    uint8_t *acks;
};

struct relay {
    int listener;
    int stop; /* eventfd, readable for good once stopping */
    pthread_rwlock_t table;
    _Atomic uint64_t table_version; /* relaxed; changes under the write lock, is read under the read lock */
    struct peer *peers;
    pthread_mutex_t out_locks[OUT_LOCKS];
    uint32_t accepted; /* the first thread's */
    struct relay_thread *threads;
    uint32_t thread_count;
};

/* ---- writing ---- */

/* Waits while the socket is full. Under the peer's out lock. */
static void write_all(struct peer *peer, const uint8_t *data, size_t len)
{
    while (len > 0 && !peer->doomed) {
        ssize_t sent = send(peer->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            data += sent;
            len -= (size_t)sent;
            continue;
        }
        struct pollfd writable = {.fd = peer->fd, .events = POLLOUT};
        if (errno == EINTR || (errno == EAGAIN && poll(&writable, 1, FULL_LIMIT_MS) == 1))
            continue;
        peer->doomed = true;
        shutdown(peer->fd, SHUT_RDWR); /* wakes its thread, which closes it */
    }
}

static void peer_write(struct peer *peer, const uint8_t *data, size_t len)
{
    if (len == 0)
        return;
    pthread_mutex_lock(peer->out);
    write_all(peer, data, len);
    pthread_mutex_unlock(peer->out);
}

/* ---- routes ---- */

static bool subscribes(const struct peer *peer, struct str topic)
{
    for (const struct relay_filter *it = peer->filters; it != NULL; it = it->next) {
        if (topic_matches(str_of(it->filter), topic))
            return true;
    }
    return false;
}

/* Under the read lock of the table. */
static void route_find(struct relay *relay, struct route *route)
{
    uint64_t version = atomic_load_explicit(&relay->table_version, memory_order_relaxed);
    if (route->version == version)
        return;
    route->version = version;
    route->count = 0;
    for (struct peer *peer = relay->peers; peer != NULL; peer = peer->next) {
        if (peer->filters == NULL || !subscribes(peer, str_of(route->topic)))
            continue;
        route->peers = mem_realloc(route->peers, (route->count + 1) * sizeof(struct peer *));
        route->peers[route->count++] = peer;
    }
}

static void relay_range(struct relay *relay, struct peer *from, const uint8_t *data, size_t len)
{
    if (len == 0)
        return;
    pthread_rwlock_rdlock(&relay->table);
    route_find(relay, from->route);
    for (uint32_t i = 0; i < from->route->count; i++)
        peer_write(from->route->peers[i], data, len);
    pthread_rwlock_unlock(&relay->table);
}

static bool route_begin(struct peer *peer, const struct mqtt_frame *frame)
{
    struct mqtt_publish publish;
    if (mqtt_decode_publish(frame, peer->version, &publish) != MQTT_SUCCESS || publish.topic.len == 0)
        return false;
    peer->route = mem_zalloc(sizeof *peer->route);
    peer->route->version = UINT64_MAX;
    peer->route->topic = str_dup(publish.topic);
    return true;
}

static void route_free(struct route *route)
{
    if (route == NULL)
        return;
    mem_free(route->topic);
    mem_free(route->peers);
    mem_free(route);
}

/* ---- connections come and go ---- */

static void peer_free(struct peer *peer)
{
    for (struct relay_filter *it = peer->filters; it != NULL;) {
        struct relay_filter *next = it->next;
        mem_free(it->filter);
        mem_free(it);
        it = next;
    }
    close(peer->fd);
    route_free(peer->route);
    stream_tail_free(&peer->tail);
    mem_free(peer);
}

static void peer_close(struct relay *relay, struct peer *peer)
{
    pthread_rwlock_wrlock(&relay->table);
    if (peer->prev != NULL)
        peer->prev->next = peer->next;
    else
        relay->peers = peer->next;
    if (peer->next != NULL)
        peer->next->prev = peer->prev;
    if (peer->filters != NULL)
        atomic_fetch_add_explicit(&relay->table_version, 1, memory_order_relaxed);
    pthread_rwlock_unlock(&relay->table);
    peer_free(peer);
}

/* Connections go round the threads, so that a publisher and its subscriber share the work evenly. */
static void accept_all(struct relay *relay)
{
    for (int fd; (fd = accept4(relay->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        uint32_t number = relay->accepted++;
        struct peer *peer = mem_zalloc(sizeof *peer);
        stream_no_delay(fd);
        peer->fd = fd;
        peer->version = MQTT_3_1_1;
        peer->out = &relay->out_locks[number % OUT_LOCKS];
        pthread_rwlock_wrlock(&relay->table);
        peer->next = relay->peers;
        if (relay->peers != NULL)
            relay->peers->prev = peer;
        relay->peers = peer;
        pthread_rwlock_unlock(&relay->table);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
        epoll_ctl(relay->threads[number % relay->thread_count].epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

/* ---- packets ---- */

static bool on_connect(struct peer *peer, const struct mqtt_frame *frame)
{
    struct mqtt_connect connect;
    if (mqtt_decode_connect(frame, &connect) != MQTT_SUCCESS)
        return false;
    peer->version = connect.version;
    struct mqtt_connack connack = {.reason = MQTT_SUCCESS};
    struct buf packet = {0};
    mqtt_properties_init(&connack.properties);
    if (connect.version == MQTT_5 && connect.client_id.len == 0) {
        connack.properties.has |= UINT64_C(1) << MQTT_PROP_ASSIGNED_CLIENT_ID;
        connack.properties.assigned_client_id = STR("relay");
    }
    mqtt_encode_connack(&packet, connect.version, &connack);
    peer_write(peer, packet.data, packet.len);
    buf_free(&packet);
    return true;
}

static void filter_add(struct relay *relay, struct peer *peer, struct str text)
{
    struct relay_filter *filter = mem_zalloc(sizeof *filter);
    filter->filter = str_dup(text);
    pthread_rwlock_wrlock(&relay->table);
    filter->next = peer->filters;
    peer->filters = filter;
    atomic_fetch_add_explicit(&relay->table_version, 1, memory_order_relaxed);
    pthread_rwlock_unlock(&relay->table);
}

static bool on_subscribe(struct relay *relay, struct peer *peer, const struct mqtt_frame *frame)
{
    struct mqtt_subscribe subscribe;
    struct mqtt_subscription subscription;
    struct mqtt_properties properties;
    struct buf reasons = {0};
    struct buf packet = {0};
    if (mqtt_decode_subscribe(frame, peer->version, &subscribe) != MQTT_SUCCESS)
        return false;
    for (size_t at = 0; mqtt_subscribe_next(&subscribe, &at, &subscription);) {
        filter_add(relay, peer, subscription.filter);
        buf_append_byte(&reasons, subscription.qos);
    }
    mqtt_properties_init(&properties);
    mqtt_encode_suback(&packet, peer->version, MQTT_SUBACK, subscribe.packet_id, &properties, reasons.data,
                       reasons.len);
    peer_write(peer, packet.data, packet.len);
    buf_free(&packet);
    buf_free(&reasons);
    return true;
}

/* What is no PUBLISH. False: the connection ends. */
static bool on_packet(struct relay *relay, struct peer *peer, const struct mqtt_frame *frame)
{
    static const uint8_t pingresp[] = {MQTT_PINGRESP << 4, 0};
    uint8_t ack[MQTT_ACK_SHORT_BYTES];
    uint16_t id = frame->body_len >= 2 ? (uint16_t)(frame->body[0] << 8 | frame->body[1]) : 0;
    switch (frame->type) {
    case MQTT_CONNECT: return on_connect(peer, frame);
    case MQTT_SUBSCRIBE: return on_subscribe(relay, peer, frame);
    case MQTT_PINGREQ: peer_write(peer, pingresp, sizeof pingresp); return true;
    case MQTT_PUBREC: mqtt_ack_write(ack, MQTT_PUBREL, id); break;
    case MQTT_PUBREL: mqtt_ack_write(ack, MQTT_PUBCOMP, id); break;
    case MQTT_PUBACK:
    case MQTT_PUBCOMP: return true;
    default: return false; /* DISCONNECT, and what a null broker does not have */
    }
    peer_write(peer, ack, sizeof ack);
    return true;
}

/* The acknowledgement of a PUBLISH behind `acks`, if it asks for one; false if it is too short. */
static bool acknowledge(const struct mqtt_frame *frame, uint8_t **acks)
{
    uint8_t qos = frame->flags >> 1 & 3;
    if (qos == 0)
        return true;
    size_t id_at = frame->body_len >= 2 ? 2 + (size_t)(frame->body[0] << 8 | frame->body[1]) : SIZE_MAX - 2;
    if (id_at + 2 > frame->body_len)
        return false;
    uint16_t id = (uint16_t)(frame->body[id_at] << 8 | frame->body[id_at + 1]);
    *acks = mqtt_ack_write(*acks, qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, id);
    return true;
}

/* Handles every whole packet; returns the bytes used, or -1: the connection ends. */
static ptrdiff_t consume(struct relay_thread *thread, struct peer *peer, uint8_t *data, size_t len)
{
    struct relay *relay = thread->relay;
    uint8_t *acks = thread->acks;
    size_t range = 0; /* PUBLISH packets from here to `used` are not yet relayed */
    size_t used = 0;
    bool fine = true;
    while (fine) {
        struct mqtt_frame frame;
        enum mqtt_scan scan = mqtt_frame_scan(data + used, len - used, PACKET_BYTES_MAX, &frame);
        if (scan != MQTT_SCAN_OK) {
            fine = scan == MQTT_SCAN_MORE;
            break;
        }
        if (frame.type == MQTT_PUBLISH) {
            fine = (peer->route != NULL || route_begin(peer, &frame)) && acknowledge(&frame, &acks);
            used += frame.total_len;
            continue;
        }
        if (peer->route != NULL)
            relay_range(relay, peer, data + range, used - range);
        fine = on_packet(relay, peer, &frame);
        used += frame.total_len;
        range = used;
    }
    if (peer->route != NULL && fine)
        relay_range(relay, peer, data + range, used - range);
    peer_write(peer, thread->acks, (size_t)(acks - thread->acks));
    return fine ? (ptrdiff_t)used : -1;
}

static void on_readable(struct relay_thread *thread, struct peer *peer)
{
    size_t len;
    ptrdiff_t used = -1;
    switch (stream_read(peer->fd, &peer->tail, thread->in, READ_BYTES, &len)) {
    case STREAM_READ_NONE: return;
    case STREAM_READ_DATA: used = consume(thread, peer, thread->in, len); break;
    case STREAM_READ_END:
    case STREAM_READ_FAILED: break;
    }
    if (used < 0)
        peer_close(thread->relay, peer);
    else
        stream_keep(&peer->tail, thread->in + used, len - (size_t)used);
}

/* ---- threads ---- */

static void *thread_run(void *arg)
{
    struct relay_thread *thread = arg;
    struct relay *relay = thread->relay;
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(thread->epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &relay->stop)
                return NULL;
            if (events[i].data.ptr == &relay->listener)
                accept_all(relay);
            else
                on_readable(thread, events[i].data.ptr);
        }
    }
}

static bool thread_begin(struct relay *relay, uint32_t i, struct error *err)
{
    struct relay_thread *thread = &relay->threads[i];
    struct epoll_event stop = {.events = EPOLLIN, .data.ptr = &relay->stop};
    struct epoll_event listener = {.events = EPOLLIN, .data.ptr = &relay->listener};
    char name[16];
    snprintf(name, sizeof name, "relay-%u", i % 1000);
    if (epoll_ctl(thread->epoll, EPOLL_CTL_ADD, relay->stop, &stop) != 0 ||
        (i == 0 && epoll_ctl(thread->epoll, EPOLL_CTL_ADD, relay->listener, &listener) != 0))
        return error_errno(err, errno, "cannot set up a relay thread");
    return thread_start(&thread->thread, name, thread_run, thread, err);
}

static struct relay *relay_new(uint32_t threads)
{
    struct relay *relay = mem_zalloc(sizeof *relay);
    relay->stop = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_rwlock_init(&relay->table, NULL);
    for (size_t i = 0; i < OUT_LOCKS; i++)
        pthread_mutex_init(&relay->out_locks[i], NULL);
    relay->thread_count = threads;
    relay->threads = mem_zalloc(threads * sizeof *relay->threads);
    for (uint32_t i = 0; i < threads; i++) {
        relay->threads[i].relay = relay;
        relay->threads[i].epoll = epoll_create1(EPOLL_CLOEXEC);
        relay->threads[i].in = mem_alloc(READ_BYTES);
        relay->threads[i].acks = mem_alloc(READ_BYTES * 2);
    }
    return relay;
}

/* Joins the first `started` threads. */
static void relay_end(struct relay *relay, uint32_t started)
{
    uint64_t one = 1;
    (void)!write(relay->stop, &one, sizeof one);
    for (uint32_t i = 0; i < started; i++)
        pthread_join(relay->threads[i].thread, NULL);
    while (relay->peers != NULL)
        peer_close(relay, relay->peers);
    for (uint32_t i = 0; i < relay->thread_count; i++) {
        close(relay->threads[i].epoll);
        mem_free(relay->threads[i].in);
        mem_free(relay->threads[i].acks);
    }
    for (size_t i = 0; i < OUT_LOCKS; i++)
        pthread_mutex_destroy(&relay->out_locks[i]);
    pthread_rwlock_destroy(&relay->table);
    close(relay->listener);
    close(relay->stop);
    mem_free(relay->threads);
    mem_free(relay);
}

struct relay *relay_start(const char *host, uint16_t *port, uint32_t threads, struct error *err)
{
    struct stream_address address;
    if (!stream_resolve(&address, host, *port, err))
        return NULL;
    int listener = stream_listen(&address, port, err);
    if (listener < 0)
        return NULL;
    stream_raise_file_limit(FILES_WANTED, NULL); /* as far as it goes */
    struct relay *relay = relay_new(threads);
    relay->listener = listener;
    for (uint32_t i = 0; i < threads; i++) {
        if (!thread_begin(relay, i, err)) {
            relay_end(relay, i);
            return NULL;
        }
    }
    return relay;
}

void relay_stop(struct relay *relay)
{
    relay_end(relay, relay->thread_count);
}

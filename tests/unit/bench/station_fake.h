/* A broker with one station, for tests of what measures stations: it keeps every payload of a PUBLISH and hands them
 * out to whoever subscribes, but not all of them once and in order: number n as fake_deed says.
 *
 *     struct fake fake = {.deed = by_number, .members = 2};
 *     fake_start(&fake);  … fake.port …  fake_stop(&fake);
 *
 * One thread; ends when the listener is shut down and every connection is closed. */
#ifndef TESTS_BENCH_STATION_FAKE_H
#define TESTS_BENCH_STATION_FAKE_H

#include "bench/stream_internal.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/thread.h"
#include "mqtt/mqtt.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define FAKE_CONNECTIONS 16
#define FAKE_MESSAGES    4096

enum fake_deed { FAKE_PASS, FAKE_DROP, FAKE_TWICE, FAKE_SWAP_WITH_NEXT };

struct fake {
    enum fake_deed (*deed)(unsigned number); /* NULL: all pass */
    unsigned refuse_every;                   /* every so manieth PUBLISH is refused (MQTT 5); 0: none */
    unsigned members;                        /* of the group: nothing is handed out before all are there */

    uint16_t port;
    int listener;
    pthread_t thread;
    char filter[256]; /* of the last SUBSCRIBE */
    struct pollfd fds[FAKE_CONNECTIONS + 1];
    struct buf in[FAKE_CONNECTIONS + 1];
    struct {
        uint8_t version;
        uint8_t qos;
        bool member;
        uint16_t next_id;
    } clients[FAKE_CONNECTIONS + 1];
    nfds_t count;
    char *messages[FAKE_MESSAGES];
    size_t lengths[FAKE_MESSAGES];
    unsigned kept;
    unsigned published;
    unsigned acknowledged; /* by subscribers */
};

/* On the fake's own thread, where cmocka's asserts may not leave by longjmp. */
static void fake_must(bool condition)
{
    if (!condition)
        abort();
}

static void fake_put(struct fake *fake, nfds_t client, const void *data, size_t len)
{
    fake_must(send(fake->fds[client].fd, data, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static void fake_deliver(struct fake *fake, nfds_t client, unsigned number)
{
    struct buf packet = {0};
    struct mqtt_publish publish = {.qos = fake->clients[client].qos,
                                   .topic = STR("bench/0"),
                                   .payload = str_make(fake->messages[number], fake->lengths[number])};
    if (publish.qos > 0)
        publish.packet_id = ++fake->clients[client].next_id;
    mqtt_encode_publish(&packet, fake->clients[client].version, &publish);
    fake_put(fake, client, packet.data, packet.len);
    buf_free(&packet);
}

/* Message n goes to `client`, or with a group to the members in turn; what comes twice goes to the next one, too. */
static void fake_hand_out(struct fake *fake, nfds_t client)
{
    nfds_t to[FAKE_CONNECTIONS + 1];
    nfds_t count = 0;
    for (nfds_t i = 1; i < fake->count; i++) {
        if (fake->clients[i].member)
            to[count++] = i;
    }
    if (!fake->clients[client].member) {
        to[0] = client;
        count = 1;
    } else if (count < fake->members) {
        return;
    }
    for (unsigned n = 0; n < fake->kept; n++) {
        enum fake_deed deed = fake->deed != NULL ? fake->deed(n) : FAKE_PASS;
        if (deed == FAKE_SWAP_WITH_NEXT && n + 1 < fake->kept) {
            fake_deliver(fake, to[n % count], n + 1);
            fake_deliver(fake, to[n % count], n);
            n++;
            continue;
        }
        if (deed != FAKE_DROP)
            fake_deliver(fake, to[n % count], n);
        if (deed == FAKE_TWICE)
            fake_deliver(fake, to[(n + 1) % count], n);
    }
}

static void fake_subscribe(struct fake *fake, nfds_t client, const struct mqtt_frame *frame)
{
    struct mqtt_subscribe subscribe;
    struct mqtt_subscription one;
    size_t position = 0;
    uint8_t version = fake->clients[client].version;
    fake_must(mqtt_decode_subscribe(frame, version, &subscribe) == MQTT_SUCCESS &&
              mqtt_subscribe_next(&subscribe, &position, &one));
    snprintf(fake->filter, sizeof fake->filter, "%.*s", STR_ARG(one.filter));
    fake->clients[client].qos = one.qos;
    fake->clients[client].member = str_starts(one.filter, STR("$share/"));
    uint8_t five[] = {0x90, 4, 0, 1, 0, one.qos};
    uint8_t three[] = {0x90, 3, 0, 1, one.qos};
    if (version == MQTT_5)
        fake_put(fake, client, five, sizeof five);
    else
        fake_put(fake, client, three, sizeof three);
    fake_hand_out(fake, client);
}

static void fake_publish(struct fake *fake, nfds_t client, const struct mqtt_frame *frame)
{
    struct mqtt_publish publish;
    fake_must(mqtt_decode_publish(frame, fake->clients[client].version, &publish) == MQTT_SUCCESS);
    fake_must(publish.qos == 1 && fake->kept < FAKE_MESSAGES);
    uint8_t refusal[] = {0x40, 3, (uint8_t)(publish.packet_id >> 8), (uint8_t)publish.packet_id, 0x97};
    uint8_t ack[] = {0x40, 2, (uint8_t)(publish.packet_id >> 8), (uint8_t)publish.packet_id};
    if (fake->refuse_every > 0 && ++fake->published % fake->refuse_every == 0) {
        fake_put(fake, client, refusal, sizeof refusal);
        return;
    }
    fake->messages[fake->kept] = mem_dup(publish.payload.data, publish.payload.len);
    fake->lengths[fake->kept++] = publish.payload.len;
    fake_put(fake, client, ack, sizeof ack);
}

static void fake_packet(struct fake *fake, nfds_t client, const struct mqtt_frame *frame)
{
    switch (frame->type) {
    case MQTT_CONNECT:
        fake->clients[client].version = frame->body[6];
        if (frame->body[6] == MQTT_5)
            fake_put(fake, client, "\x20\x03\x00\x00\x00", 5);
        else
            fake_put(fake, client, "\x20\x02\x00\x00", 4);
        break;
    case MQTT_SUBSCRIBE: fake_subscribe(fake, client, frame); break;
    case MQTT_PUBLISH: fake_publish(fake, client, frame); break;
    case MQTT_PUBACK: fake->acknowledged++; break;
    default: break;
    }
}

static void fake_read(struct fake *fake, nfds_t client)
{
    struct buf *in = &fake->in[client];
    struct mqtt_frame frame;
    size_t at = 0;
    buf_reserve(in, 65536);
    ssize_t got = recv(fake->fds[client].fd, in->data + in->len, 65536, 0);
    if (got <= 0) {
        close(fake->fds[client].fd);
        fake->fds[client].fd = -1; /* poll() steps over it */
        fake->clients[client].member = false;
        return;
    }
    in->len += (size_t)got;
    for (; mqtt_frame_scan(in->data + at, in->len - at, 1 << 20, &frame) == MQTT_SCAN_OK;
         at += frame.total_len)
        fake_packet(fake, client, &frame);
    buf_consume(in, at);
}

static bool fake_is_open(const struct fake *fake)
{
    bool open = false;
    for (nfds_t i = 0; i < fake->count; i++)
        open |= fake->fds[i].fd >= 0;
    return open;
}

static void *fake_run(void *arg)
{
    struct fake *fake = arg;
    while (fake_is_open(fake) && poll(fake->fds, fake->count, -1) > 0) {
        if (fake->fds[0].revents != 0) {
            int fd = accept(fake->listener, NULL, NULL);
            fake_must(fd < 0 || fake->count <= FAKE_CONNECTIONS);
            if (fd >= 0)
                fake->fds[fake->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
            else
                fake->fds[0].fd = -1; /* shut down: only what has come already is read */
        }
        for (nfds_t i = 1; i < fake->count; i++) {
            if (fake->fds[i].fd >= 0 && fake->fds[i].revents != 0)
                fake_read(fake, i);
        }
    }
    return NULL;
}

static void fake_start(struct fake *fake)
{
    struct stream_address address;
    assert_true(stream_resolve(&address, "127.0.0.1", 0, NULL));
    fake->listener = stream_listen(&address, &fake->port, NULL);
    assert_true(fake->listener >= 0);
    fake->fds[0] = (struct pollfd){.fd = fake->listener, .events = POLLIN};
    fake->count = 1;
    assert_true(thread_start(&fake->thread, "fake", fake_run, fake, NULL));
}

static void fake_stop(struct fake *fake)
{
    shutdown(fake->listener, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    for (nfds_t i = 0; i <= FAKE_CONNECTIONS; i++) {
        if (i > 0 && i < fake->count && fake->fds[i].fd >= 0)
            close(fake->fds[i].fd);
        buf_free(&fake->in[i]);
    }
    close(fake->listener);
    for (unsigned i = 0; i < fake->kept; i++)
        mem_free(fake->messages[i]);
}

#endif

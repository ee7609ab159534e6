/* A client that publishes as fast as it can, on threads of its own, and one that takes all of it in order. */
#ifndef TESTS_BROKER_FLOOD_H
#define TESTS_BROKER_FLOOD_H

#include "broker_test.h"

/* Publishes `count` numbered messages on a thread of its own, without waiting for acknowledgements. */
struct flood {
    pthread_t thread;
    struct client client;
    const char *topic;
    uint32_t count;
    size_t payload_bytes;
    uint8_t qos;
    atomic_bool failed;
};

static inline void *flood_write(void *arg)
{
    struct flood *flood = arg;
    uint8_t *payload = mem_zalloc(flood->payload_bytes);
    for (uint32_t i = 0; i < flood->count; i++) {
        memcpy(payload, &i, sizeof(i));
        put_publish(&flood->client,
                    &(struct mqtt_publish){.topic = str_of(flood->topic),
                                           .qos = flood->qos,
                                           .packet_id = (uint16_t)(1 + i % 65535),
                                           .payload = str_make(payload, flood->payload_bytes)});
        if (flood->client.out.len < 65536 && i + 1 < flood->count)
            continue;
        if (!send_all(flood->client.fd, flood->client.out.data, flood->client.out.len)) {
            atomic_store(&flood->failed, true);
            break;
        }
        buf_reset(&flood->client.out);
    }
    mem_free(payload);
    return NULL;
}

/* Reads the acknowledgements of a flood, in order. */
static inline void *flood_read(void *arg)
{
    struct flood *flood = arg;
    struct buf in = {0};
    uint32_t acked = 0;
    while (acked < flood->count && !atomic_load(&flood->failed)) {
        buf_reserve(&in, 65536);
        ssize_t n = recv(flood->client.fd, in.data + in.len, 65536, 0);
        if (n <= 0) {
            atomic_store(&flood->failed, true);
            break;
        }
        in.len += (size_t)n;
        size_t used = 0;
        struct mqtt_frame frame;
        while (mqtt_frame_scan(in.data + used, in.len - used, 100, &frame) == MQTT_SCAN_OK) {
            uint16_t id = (uint16_t)(frame.body[0] << 8 | frame.body[1]);
            if (frame.type != MQTT_PUBACK || id != 1 + acked % 65535)
                atomic_store(&flood->failed, true);
            acked++;
            used += frame.total_len;
        }
        buf_consume(&in, used);
    }
    buf_free(&in);
    return NULL;
}

/* Takes `count` numbered messages in order and acknowledges those of QoS 1. */
static inline void drain(struct client *client, uint32_t count)
{
    for (uint32_t expected = 0; expected < count; expected++) {
        struct mqtt_frame frame;
        struct mqtt_publish publish;
        uint32_t number;
        if (!client_next(client, &frame))
            fail_msg("the end at message %u", expected);
        assert_int_equal(frame.type, MQTT_PUBLISH);
        assert_int_equal(mqtt_decode_publish(&frame, client->version, &publish), MQTT_SUCCESS);
        memcpy(&number, publish.payload.data, sizeof(number));
        assert_int_equal(number, expected);
        if (publish.qos == 0)
            continue;
        put_ack(client, MQTT_PUBACK, publish.packet_id);
        if (client->used == client->in.len || client->out.len > 4096) /* before it waits for more */
            client_flush(client);
    }
    client_flush(client);
}

#endif

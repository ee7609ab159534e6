/* Bursts: consecutive QoS 0 messages of one publisher on one topic, delivered together.
 *
 * A busy publisher's socket yields dozens of messages at a time. To a topic with several subscribers here they are
 * encoded once for each protocol version, one behind the other, and each subscriber that takes everything as it is
 * (nothing queued, no aliases, no identifiers) gets all of them with one copy. The others get them one by one.
 *
 * A burst holds views of bytes that are valid only during one call of on_data or of a hand-off's receive(), so it
 * never outlives that call; and it is flushed before anything else is delivered, so that the order is kept. */
#include "broker/burst.h"

#define BURST_TARGETS     3 /* with fewer subscribers the second copy costs more than it saves */
#define BURST_PAYLOAD_MAX 1024
#define BURST_BYTES       (32 << 10) /* what is encoded stays in the nearest caches */

bool burst_add(struct shard *shard, const struct publication *publication, const struct route *route,
               bool handed)
{
    struct burst *burst = &shard->burst;
    bool fits = publication->qos == 0 && !publication->retain && publication->expiry_at == 0 &&
                publication->message == NULL && publication->payload.len <= BURST_PAYLOAD_MAX &&
                (publication->props.len == 0 || publication->props.data != (const char *)shard->props.data) &&
                route->target_count >= BURST_TARGETS;
    size_t bytes = publication->topic.len + publication->props.len + publication->payload.len;
    if (burst->count > 0 && (!fits || burst->route != route || burst->count == BURST_MESSAGES ||
                             burst->bytes + bytes > BURST_BYTES || burst->handed != handed ||
                             burst->items[0].publisher_id != publication->publisher_id))
        burst_flush(shard);
    if (!fits)
        return false;
    burst->route = route;
    burst->handed = handed;
    burst->bytes += bytes;
    burst->items[burst->count] = *publication;
    /* The route's copy stays; what the packet named may be an alias, which the next packet gives to another topic. */
    burst->items[burst->count++].topic = route->topic;
    return true;
}

static const struct buf *encode(struct burst *burst, uint8_t version)
{
    struct buf *packets = &burst->packets[version == MQTT_5];
    if (packets->len > 0)
        return packets;
    for (uint32_t i = 0; i < burst->count; i++) {
        const struct publication *item = &burst->items[i];
        const struct mqtt_publish out = {
            .topic = item->topic,
            .raw_props = item->props,
            .payload = item->payload,
        };
        mqtt_encode_publish(packets, version, &out);
    }
    return packets;
}

/* Whether the session's client can be given the packets as they are, at once. */
static bool takes_all(const struct session *session, const struct route_target *target)
{
    struct connection *connection = session->connection;
    return connection != NULL && target->id_count == 0 && session_queue_empty(&session->queue) &&
           session->inflight.unsent == 0 && connection->alias_max_out == 0 &&
           connection->max_packet_out == 0 && channel_ready(&connection->channel);
}

static void deliver_to(struct shard *shard, struct burst *burst, const struct route_target *target)
{
    struct subscriber *subscriber = target->subscriber;
    if (burst->handed && subscriber->reactor == SUBSCRIBER_ANY_REACTOR)
        return; /* it had them where they were published */
    if (subscriber->ops == &session_ops) {
        struct session *session = (struct session *)subscriber;
        if (burst->items[0].publisher_id == subscriber->id ? target->no_local : target->own_only)
            return;
        if (takes_all(session, target)) {
            const struct buf *packets = encode(burst, session->connection->version);
            channel_write(&session->connection->channel, packets->data, packets->len);
            COUNT(shard, messages_sent, burst->count);
            COUNT(shard, bytes_sent, packets->len);
            return;
        }
    }
    for (uint32_t i = 0; i < burst->count; i++) {
        burst->items[i].shard = shard;
        subscriber->ops->deliver(subscriber, target, &burst->items[i]);
    }
}

/* Who publishes more than the disk takes is not read for a while. */
static void hold_back_publisher(struct shard *shard, const struct burst *burst)
{
    const struct publication *last = &burst->items[burst->count - 1];
    if (last->charged && last->publisher != NULL && last->publisher->connection != NULL &&
        disk_congested(shard))
        handoff_stall(shard, last->publisher->connection);
}

void burst_flush(struct shard *shard)
{
    struct burst *burst = &shard->burst;
    if (burst->count == 0)
        return;
    const struct route *route = burst->route;
    for (uint32_t i = 0; i < route->target_count; i++)
        deliver_to(shard, burst, &route->targets[i]);
    for (uint32_t i = 0; i < burst->count; i++) {
        if (!burst->handed)
            publish_elsewhere(shard, &burst->items[i], route);
        publication_end(&burst->items[i]);
    }
    hold_back_publisher(shard, burst);
    burst->count = 0;
    burst->bytes = 0;
    buf_reset(&burst->packets[0]);
    buf_reset(&burst->packets[1]);
}

/* $SYS: what the broker tells of itself, as retained messages, every interval. Names are those that mosquitto's users
 * and tools know. */
#include "broker/sys_topics.h"

#include "base/clock.h"
#include "broker/broker_internal.h"

bool sys_topics_own(struct str topic)
{
    if (!str_is(topic, "$SYS") && !str_starts(topic, STR("$SYS/")))
        return false;
    return !topic_matches(STR("$SYS/broker/connection/+/state"), topic);
}

static void publish_text(struct shard *shard, const char *topic, struct str text)
{
    struct publication publication = {.topic = str_of(topic), .payload = text, .retain = true};
    retained_set(shard->broker->retained, publication.topic, publication_message(&publication), NULL, NULL,
                 NULL, NULL);
    const struct route *route = shard_route(shard, publication.topic, TOPIC_LEVELS_MAX);
    publish(shard, &publication, route);
    publication_end(&publication);
}

static void publish_number(struct shard *shard, const char *topic, uint64_t value)
{
    struct buf text = {0};
    buf_printf(&text, "%llu", (unsigned long long)value);
    publish_text(shard, topic, buf_str(&text));
    buf_free(&text);
}

void sys_topics_publish(struct shard *shard)
{
    struct broker_stats stats;
    broker_stats(shard->broker, &stats);
    struct buf uptime = {0};
    buf_printf(&uptime, "%lld seconds", (long long)stats.uptime_s);
    publish_text(shard, "$SYS/broker/version", STR("varve " VARVE_VERSION));
    publish_text(shard, "$SYS/broker/uptime", buf_str(&uptime));
    buf_free(&uptime);
    publish_number(shard, "$SYS/broker/clients/connected", stats.connections);
    /* The shards are read one after the other: what ends meanwhile may be in one figure and not in the other. */
    publish_number(shard, "$SYS/broker/clients/disconnected",
                   stats.sessions > stats.connections ? stats.sessions - stats.connections : 0);
    publish_number(shard, "$SYS/broker/clients/total", stats.sessions);
    publish_number(shard, "$SYS/broker/messages/received", stats.packets_received);
    publish_number(shard, "$SYS/broker/bytes/received", stats.bytes_received);
    publish_number(shard, "$SYS/broker/publish/messages/received", stats.messages_received);
    publish_number(shard, "$SYS/broker/publish/messages/sent", stats.messages_sent);
    publish_number(shard, "$SYS/broker/publish/messages/dropped", stats.messages_dropped);
    publish_number(shard, "$SYS/broker/publish/bytes/sent", stats.bytes_sent);
    publish_number(shard, "$SYS/broker/retained messages/count", stats.retained);
    publish_number(shard, "$SYS/broker/subscriptions/count", stats.subscriptions);
    publish_number(shard, "$SYS/broker/shared_subscriptions/count", stats.shared_subscriptions);
}

/* A catalog that takes no writes, or fails them; and what is in it. */
#ifndef TESTS_BROKER_DISK_H
#define TESTS_BROKER_DISK_H

#include "broker_test.h"

#include "catalog/catalog_internal.h"

static inline void nothing(struct shard *shard, void *arg)
{
    (void)shard;
    (void)arg;
}

static inline bool count_row(struct str topic, struct str value, int64_t expires_ms, void *arg)
{
    (void)topic;
    (void)value;
    (void)expires_ms;
    ++*(size_t *)arg;
    return true;
}

static inline size_t retained_rows(const struct site *site)
{
    struct error err;
    size_t count = 0;
    ASSERT_OK(catalog_retained_each(site->catalog, 0, count_row, &count, &err), err);
    return count;
}

/* As long as the catalog takes no writes. */
static inline void set_catalog_takes(const struct site *site, bool takes)
{
    pthread_mutex_lock(&site->catalog->queue_lock);
    site->catalog->queue_writes_max = takes ? 1000000 : 0;
    pthread_mutex_unlock(&site->catalog->queue_lock);
}

/* Takes writes, and fails them. */
static inline void set_disk_fails(const struct site *site, bool fails)
{
    struct error err;
    catalog_turn_take(site->catalog);
    bool ok = db_exec(&site->catalog->writer, fails ? "PRAGMA query_only = 1" : "PRAGMA query_only = 0",
                      "test", &err);
    catalog_turn_pass(site->catalog);
    ASSERT_OK(ok, err);
}

/* Every write has succeeded or failed, and the reactors know. */
static inline void wait_for_disk(const struct site *site)
{
    catalog_flush(site->catalog);
    for (unsigned i = 0; i < site->broker->shard_count; i++)
        on_shard(site, i, nothing, NULL);
}

static inline void say_unsubscribe(struct client *client, uint16_t packet_id, const char *filter)
{
    struct str text = str_of(filter);
    mqtt_encode_unsubscribe(&client->out, client->version, packet_id, NULL, &text, 1);
    client_flush(client);
}

static inline bool count_subscription(struct str client_id, struct str filter, uint8_t options, uint32_t id,
                                      void *arg)
{
    (void)client_id;
    (void)options;
    (void)id;
    return count_row(filter, filter, 0, arg);
}

static inline size_t session_rows(const struct site *site)
{
    struct error err;
    size_t count = 0;
    ASSERT_OK(catalog_session_each(site->catalog, 0, count_row, &count, &err), err);
    return count;
}

static inline size_t subscription_rows(const struct site *site)
{
    struct error err;
    size_t count = 0;
    ASSERT_OK(catalog_subscription_each(site->catalog, count_subscription, &count, &err), err);
    return count;
}

#endif

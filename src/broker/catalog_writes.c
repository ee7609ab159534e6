/* What the broker writes into the catalog while it works: retained messages, sessions, subscriptions. Each write
 * owns what it points to until the catalog's writer is done with it; then it frees itself, and the ticket that
 * waited for it, if any, gets its count back. */
#include "broker/broker_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

struct write {
    struct catalog_write catalog; /* first */
    struct shard *shard;
    size_t charged; /* bytes on shard->disk_bytes */
    struct ack_ticket *ticket;
    struct message *message; /* retained: holds the topic */
    struct buf text;         /* key, filter and value, where the message does not hold them */
};

static void write_free(struct write *write)
{
    if (write->message != NULL)
        message_unref(write->message);
    buf_free(&write->text);
    mem_free(write);
}

/* On the catalog's writer thread. */
static void done(struct catalog_write *catalog, const struct error *err)
{
    struct write *write = (struct write *)catalog;
    static _Thread_local struct log_quota quota; /* a full disk fails everything that waits */
    if (err != NULL && log_quota_take(&quota, clock_mono_ms()))
        LOG_ERROR("catalog write failed", LOG_STR("key", catalog->key), LOG_ERROR_OF(err));
    if (write->ticket != NULL)
        ticket_done(write->ticket, err == NULL ? MQTT_SUCCESS : MQTT_QUOTA_EXCEEDED);
    struct shard *shard = write->shard;
    size_t charged = write->charged;
    write_free(write);
    disk_credit(shard, charged);
}

static bool submit(struct shard *shard, struct write *write, struct error *err)
{
    write->catalog.done = done;
    if (write->ticket != NULL)
        ticket_hold(write->ticket);
    size_t charged =
        sizeof(*write) + write->catalog.key.len + write->catalog.filter.len + write->catalog.value.len;
    write->shard = shard;
    write->charged = charged;
    disk_charge(shard, charged);
    if (catalog_submit(shard->broker->catalog, &write->catalog, err))
        return true;
    if (write->ticket != NULL)
        ticket_done(write->ticket, MQTT_QUOTA_EXCEEDED);
    write_free(write);
    disk_credit(shard, charged);
    return false;
}

bool persist_retained(struct shard *shard, struct message *message, bool remove, struct ack_ticket *ticket,
                      struct error *err)
{
    struct write *write = mem_zalloc(sizeof(*write));
    write->message = message_ref(message);
    write->ticket = ticket;
    write->catalog.kind = remove ? CATALOG_RETAINED_DELETE : CATALOG_RETAINED_PUT;
    write->catalog.key = message_topic(message);
    write->catalog.expires_ms = message->expires_ms;
    if (!remove)
        message_encode(message, &write->text);
    write->catalog.value = buf_str(&write->text);
    return submit(shard, write, err);
}

bool persist_subscription(struct shard *shard, struct str client_id, struct str filter,
                          const struct subscribe_options *options, bool remove, struct ack_ticket *ticket,
                          struct error *err)
{
    struct write *write = mem_zalloc(sizeof(*write));
    buf_append_str(&write->text, client_id);
    buf_append_str(&write->text, filter);
    write->ticket = ticket;
    write->catalog.kind = remove ? CATALOG_SUBSCRIPTION_DELETE : CATALOG_SUBSCRIPTION_PUT;
    write->catalog.key = str_make(write->text.data, client_id.len);
    write->catalog.filter = str_make(write->text.data + client_id.len, filter.len);
    if (!remove) {
        write->catalog.subscription_id = options->id;
        write->catalog.options =
            (uint8_t)(options->qos | (options->no_local ? 4 : 0) | (options->retain_as_published ? 8 : 0) |
                      options->retain_handling << 4);
    }
    return submit(shard, write, err);
}

void persist_barrier(struct shard *shard, struct ack_ticket *ticket)
{
    struct write *write = mem_zalloc(sizeof(*write));
    write->ticket = ticket;
    write->catalog.kind = CATALOG_BARRIER;
    struct error err;
    submit(shard, write, &err); /* a full queue fails the ticket */
}

/* A session's row: twelve bytes, little-endian: four of its expiry interval in seconds, eight of its number. */
static void write_session(struct shard *shard, struct str client_id, struct str value, int64_t expires_ms,
                          struct ack_ticket *ticket)
{
    struct write *write = mem_zalloc(sizeof(*write));
    buf_append_str(&write->text, client_id);
    buf_append_str(&write->text, value);
    write->ticket = ticket;
    write->catalog.kind = value.len == 0 ? CATALOG_SESSION_DELETE : CATALOG_SESSION_PUT;
    write->catalog.key = str_make(write->text.data, client_id.len);
    write->catalog.value = str_make(write->text.data + client_id.len, value.len);
    write->catalog.expires_ms = expires_ms;
    struct error err;
    if (!submit(shard, write, &err) && log_quota_take(&shard->log_quota, reactor_now_ms(shard->reactor)))
        LOG_WARNING("session not kept for a restart", LOG_STR("client_id", client_id), LOG_ERROR_OF(&err));
}

void persist_session(struct shard *shard, struct str client_id, uint64_t number, uint32_t expiry_s,
                     int64_t expires_ms, struct ack_ticket *ticket)
{
    uint8_t value[12];
    for (unsigned i = 0; i < 4; i++)
        value[i] = (uint8_t)(expiry_s >> 8 * i);
    for (unsigned i = 0; i < 8; i++)
        value[4 + i] = (uint8_t)(number >> 8 * i);
    write_session(shard, client_id, str_make(value, sizeof(value)), expires_ms, ticket);
}

void persist_session_end(struct shard *shard, struct str client_id, struct ack_ticket *ticket)
{
    write_session(shard, client_id, STR(""), 0, ticket);
}

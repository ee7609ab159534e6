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
    bool repair;    /* of a row that a failed write has left wrong */
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

/* What has not been removed would be there again after the next start: it is tried again, and so is a repair. That a PUT
 * has failed, whoever waits for it is told. */
static void note_failure(const struct write *write)
{
    const struct catalog_write *catalog = &write->catalog;
    bool removes = true;
    enum catalog_table table = CATALOG_TABLE_RETAINED;
    switch (catalog->kind) {
    case CATALOG_RETAINED_PUT: removes = false; break;
    case CATALOG_RETAINED_DELETE: break;
    case CATALOG_SESSION_PUT: removes = false; /* fall through */
    case CATALOG_SESSION_DELETE: table = CATALOG_TABLE_SESSIONS; break;
    case CATALOG_SUBSCRIPTION_PUT: removes = false; /* fall through */
    case CATALOG_SUBSCRIPTION_DELETE: table = CATALOG_TABLE_SUBSCRIPTIONS; break;
    case CATALOG_POSITION_PUT: /* the stations' own */
    case CATALOG_POSITION_DELETE:
    case CATALOG_BARRIER: return;
    }
    if (removes || write->repair)
        repairs_note(write->shard, table, catalog->key, catalog->filter, write->repair);
}

/* On the catalog's writer thread. */
static void done(struct catalog_write *catalog, const struct error *err)
{
    struct write *write = (struct write *)catalog;
    static _Thread_local struct log_quota quota; /* a full disk fails everything that waits */
    if (err != NULL && log_quota_take(&quota, clock_mono_ms()))
        LOG_ERROR("catalog write failed", LOG_STR("key", catalog->key), LOG_ERROR_OF(err));
    if (err != NULL)
        note_failure(write);
    else if (write->repair)
        repairs_succeeded(write->shard);
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
    /* Who removes a retained message hears of it, and leaves the message where it is. */
    if (write->catalog.kind != CATALOG_RETAINED_DELETE || write->repair)
        note_failure(write);
    write_free(write);
    disk_credit(shard, charged);
    return false;
}

static struct write *retained_write(struct message *message, bool remove)
{
    struct write *write = mem_zalloc(sizeof(*write));
    write->message = message_ref(message);
    write->catalog.kind = remove ? CATALOG_RETAINED_DELETE : CATALOG_RETAINED_PUT;
    write->catalog.key = message_topic(message);
    write->catalog.expires_ms = message->expires_ms;
    if (!remove)
        message_encode(message, &write->text);
    write->catalog.value = buf_str(&write->text);
    return write;
}

bool persist_retained(struct shard *shard, struct message *message, bool remove, struct ack_ticket *ticket,
                      struct error *err)
{
    struct write *write = retained_write(message, remove);
    write->ticket = ticket;
    return submit(shard, write, err);
}

/* options NULL: the row goes. */
static struct write *subscription_write(struct str client_id, struct str filter,
                                        const struct subscribe_options *options)
{
    struct write *write = mem_zalloc(sizeof(*write));
    buf_append_str(&write->text, client_id);
    buf_append_str(&write->text, filter);
    write->catalog.kind = options == NULL ? CATALOG_SUBSCRIPTION_DELETE : CATALOG_SUBSCRIPTION_PUT;
    write->catalog.key = str_make(write->text.data, client_id.len);
    write->catalog.filter = str_make(write->text.data + client_id.len, filter.len);
    if (options != NULL) {
        write->catalog.subscription_id = options->id;
        write->catalog.options =
            (uint8_t)(options->qos | (options->no_local ? 4 : 0) | (options->retain_as_published ? 8 : 0) |
                      options->retain_handling << 4);
    }
    return write;
}

bool persist_subscription(struct shard *shard, struct str client_id, struct str filter,
                          const struct subscribe_options *options, bool remove, struct ack_ticket *ticket,
                          struct error *err)
{
    struct write *write = subscription_write(client_id, filter, remove ? NULL : options);
    write->ticket = ticket;
    return submit(shard, write, err);
}

/* A session's row: twelve bytes, little-endian: four of its expiry interval in seconds, eight of its number. */
static struct write *session_write(struct str client_id, uint64_t number, uint32_t expiry_s,
                                   int64_t expires_ms)
{
    struct write *write = mem_zalloc(sizeof(*write));
    uint8_t value[12];
    for (unsigned i = 0; i < 4; i++)
        value[i] = (uint8_t)(expiry_s >> 8 * i);
    for (unsigned i = 0; i < 8; i++)
        value[4 + i] = (uint8_t)(number >> 8 * i);
    buf_append_str(&write->text, client_id);
    buf_append(&write->text, value, sizeof(value));
    write->catalog.kind = CATALOG_SESSION_PUT;
    write->catalog.key = str_make(write->text.data, client_id.len);
    write->catalog.value = str_make(write->text.data + client_id.len, sizeof(value));
    write->catalog.expires_ms = expires_ms;
    return write;
}

static struct write *session_end_write(struct str client_id)
{
    struct write *write = mem_zalloc(sizeof(*write));
    buf_append_str(&write->text, client_id);
    write->catalog.kind = CATALOG_SESSION_DELETE;
    write->catalog.key = buf_str(&write->text);
    return write;
}

static void submit_session(struct shard *shard, struct write *write, struct str client_id,
                           struct ack_ticket *ticket)
{
    struct error err;
    write->ticket = ticket;
    if (!submit(shard, write, &err) && shard_may_log(shard, LOG_LEVEL_WARNING))
        LOG_WARNING("session not kept for a restart", LOG_STR("client_id", client_id), LOG_ERROR_OF(&err));
}

void persist_session(struct shard *shard, struct str client_id, uint64_t number, uint32_t expiry_s,
                     int64_t expires_ms, struct ack_ticket *ticket)
{
    submit_session(shard, session_write(client_id, number, expiry_s, expires_ms), client_id, ticket);
}

void persist_session_end(struct shard *shard, struct str client_id, struct ack_ticket *ticket)
{
    submit_session(shard, session_end_write(client_id), client_id, ticket);
}

/* ---- Repairs --------------------------------------------------------------------------------------------- */

/* What fails is noted again. */
static void submit_repair(struct shard *shard, struct write *write)
{
    struct error err;
    write->repair = true;
    submit(shard, write, &err);
}

void persist_repair_retained(struct shard *shard, struct message *message, bool remove)
{
    submit_repair(shard, retained_write(message, remove));
}

void persist_repair_subscription(struct shard *shard, struct str client_id, struct str filter,
                                 const struct subscribe_options *options)
{
    submit_repair(shard, subscription_write(client_id, filter, options));
}

static bool repair_each(struct str filter, const struct subscribe_options *options, void *arg)
{
    struct session *session = arg;
    persist_repair_subscription(session->shard, session_client_id(session), filter, options);
    return true;
}

void persist_repair_session(struct shard *shard, struct str client_id, struct session *session)
{
    submit_repair(shard, session_end_write(client_id));
    if (session == NULL)
        return;
    submit_repair(shard, session_write(client_id, session->subscriber.number, session->expiry_s,
                                       session_expires_ms(session)));
    router_subscriptions_each(shard->broker->router, &session->subscriber, repair_each, session);
}

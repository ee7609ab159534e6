/* What is not evaluated on a reactor: rules that wait for another process (jq), and events that no reactor raises.
 *
 *     reactor, station ─▶ later_add(): the columns, packed ─▶ a lane's queue ─▶ its thread: evaluated, actions
 *                                                                   └─ the acknowledgement waits for all of it
 *
 * A reactor never waits for a filter of jq: its other clients go on. What comes of one client, for one rule, is always in the
 * same lane, so its order stays. What waits for one rule is bounded; beyond that a message counts as an exception, and a
 * publisher who asked for an acknowledgement is told to send it again, so that it is not lost.
 *
 * The columns are taken as they are when the message comes, all of them, since templates may ask for any. */
#include "rule/rule_internal.h"

#include "base/hash.h"
#include "base/mem.h"
#include "sql/pack.h"

#define LANES             4
#define WAITING_BYTES_MAX ((size_t)16 * 1024 * 1024) /* of one rule */

struct later {
    struct receipt receipt; /* first */
    struct later *next;
    struct rule *rule;         /* a reference */
    struct rule_body *body;    /* a reference, until it has run */
    struct ack_ticket *ticket; /* NULL: nobody waits */
    struct origin_chain chain;
    int64_t now_ms;
    size_t bytes;
    atomic_uint holds;    /* the lane's, and each action's that tells later */
    atomic_bool refused;  /* an action could not take it */
    struct str client_id; /* these are in data */
    struct str topic;
    char data[]; /* the columns, client id, topic */
};

struct later_lane {
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct later *first; /* lock, as the next two */
    struct later *last;
    bool stopping;
    struct sql_scope columns; /* the thread's, as the next one */
    struct sql_scope scope;
};

/* ---- Receipts -------------------------------------------------------------------------------------------- */

static void hold(struct receipt *receipt)
{
    atomic_fetch_add_explicit(&((struct later *)receipt)->holds, 1, memory_order_relaxed);
}

static void later_free(struct later *later, uint8_t reason)
{
    if (later->ticket != NULL)
        ticket_done(later->ticket, reason);
    rule_unref(later->rule);
    mem_free(later);
}

static void done(struct receipt *receipt, bool stored)
{
    struct later *later = (struct later *)receipt;
    if (!stored)
        atomic_store_explicit(&later->refused, true, memory_order_relaxed);
    if (atomic_fetch_sub_explicit(&later->holds, 1, memory_order_acq_rel) == 1)
        later_free(later, atomic_load_explicit(&later->refused, memory_order_relaxed) ? MQTT_QUOTA_EXCEEDED
                                                                                      : MQTT_SUCCESS);
}

/* ---- Coming in ------------------------------------------------------------------------------------------- */

static bool pack(struct delivery *delivery, struct buf *out, struct error *err)
{
    struct sql_columns columns = input_columns(delivery->input);
    sql_scope_begin(delivery->scope, NULL);
    struct sql_map_builder builder = sql_map_begin(delivery->scope);
    if (!columns.all(columns.source, &builder, err))
        return false;
    struct sql_value map = sql_map_end(&builder);
    return sql_pack(out, &map, WAITING_BYTES_MAX, err);
}

static struct str keep(struct later *later, size_t at, struct str text)
{
    if (text.len > 0)
        memcpy(later->data + at, text.data, text.len);
    return str_make(later->data + at, text.len);
}

static struct later *later_new(const struct delivery *delivery, struct rule_body *body, struct str columns)
{
    struct str client_id = input_client_id(delivery->input), topic = input_topic(delivery->input);
    size_t bytes = sizeof(struct later) + columns.len + client_id.len + topic.len;
    struct later *later = mem_alloc(bytes);
    *later = (struct later){.receipt = {.hold = hold, .done = done},
                            .rule = delivery->rule,
                            .body = body_ref(body),
                            .chain = *delivery->chain,
                            .now_ms = delivery->input->now_ms,
                            .bytes = bytes};
    rule_ref(delivery->rule);
    atomic_init(&later->holds, 1);
    keep(later, 0, columns);
    later->client_id = keep(later, columns.len, client_id);
    later->topic = keep(later, columns.len + client_id.len, topic);
    if (delivery->input->publication != NULL)
        later->ticket = publication_hold(delivery->input->publication);
    return later;
}

static void put_off(struct delivery *delivery, const struct error *err)
{
    struct publication *publication = delivery->input->publication;
    struct ack_ticket *ticket = publication != NULL ? publication_hold(publication) : NULL;
    rule_failed(delivery, err);
    if (ticket != NULL)
        ticket_done(ticket, MQTT_QUOTA_EXCEEDED);
}

/* Of a client always the same one. */
static struct later_lane *lane_of(const struct later *later)
{
    uint64_t hash = hash_bytes(later->client_id.data, later->client_id.len) ^ hash_u64(later->rule->mark);
    return &later->rule->rules->lanes[hash % LANES];
}

void later_add(struct delivery *delivery, struct rule_body *body)
{
    struct error err;
    struct buf columns = {0};
    struct rule *rule = delivery->rule;
    bool room = atomic_load_explicit(&rule->waiting_bytes, memory_order_relaxed) < WAITING_BYTES_MAX;
    if (!room)
        error_set(&err, ERR_BUSY, "%zu MiB wait for it already: its statement takes too long",
                  WAITING_BYTES_MAX >> 20);
    if (!room || !pack(delivery, &columns, &err)) {
        put_off(delivery, &err);
        buf_free(&columns);
        return;
    }
    struct later *later = later_new(delivery, body, buf_str(&columns));
    struct later_lane *lane = lane_of(later);
    buf_free(&columns);
    atomic_fetch_add_explicit(&rule->waiting_bytes, later->bytes, memory_order_relaxed);
    pthread_mutex_lock(&lane->lock);
    if (lane->last != NULL)
        lane->last->next = later;
    else
        lane->first = later;
    lane->last = later;
    pthread_cond_signal(&lane->more);
    pthread_mutex_unlock(&lane->lock);
}

/* ---- A lane ---------------------------------------------------------------------------------------------- */

static void run_one(struct later_lane *lane, struct later *later)
{
    struct error err;
    struct rule *rule = later->rule;
    struct rule_taken taken = {.client_id = later->client_id, .topic = later->topic};
    struct rule_input input = {
        .rules = rule->rules, .rule_id = rule->name, .taken = &taken, .now_ms = later->now_ms};
    struct delivery delivery = {.rule = rule,
                                .body = later->body,
                                .input = &input,
                                .counters = &rule->counters[rule->rules->reactor_count],
                                .scope = &lane->scope,
                                .chain = &later->chain,
                                .receipt = &later->receipt};
    sql_scope_begin(&lane->columns, NULL);
    if (sql_unpack(&lane->columns, later->data, &taken.columns, &err))
        rule_run(&delivery);
    else
        put_off(&delivery, &err);
    /* Actions that tell later are gone from here on, the rule's body perhaps with them. */
    body_unref(later->body);
    atomic_fetch_sub_explicit(&rule->waiting_bytes, later->bytes, memory_order_relaxed);
    receipt_done(&later->receipt, true);
}

static void *run(void *arg)
{
    struct later_lane *lane = arg;
    pthread_mutex_lock(&lane->lock);
    for (;;) {
        while (lane->first == NULL && !lane->stopping)
            pthread_cond_wait(&lane->more, &lane->lock);
        if (lane->stopping)
            break;
        struct later *later = lane->first;
        lane->first = later->next;
        if (lane->first == NULL)
            lane->last = NULL;
        pthread_mutex_unlock(&lane->lock);
        run_one(lane, later);
        pthread_mutex_lock(&lane->lock);
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

/* ---- Life ------------------------------------------------------------------------------------------------ */

bool later_start(struct rules *rules, struct error *err)
{
    rules->lanes = mem_zalloc(LANES * sizeof(*rules->lanes));
    for (unsigned i = 0; i < LANES; i++) {
        struct later_lane *lane = &rules->lanes[i];
        pthread_mutex_init(&lane->lock, NULL);
        pthread_cond_init(&lane->more, NULL);
    }
    for (unsigned i = 0; i < LANES; i++) {
        struct later_lane *lane = &rules->lanes[i];
        if (!thread_start(&lane->thread, "rule-lane", run, lane, err))
            return false;
        lane->started = true;
    }
    return true;
}

static void lane_stop(struct later_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->stopping = true;
    pthread_cond_signal(&lane->more);
    pthread_mutex_unlock(&lane->lock);
    if (lane->started)
        pthread_join(lane->thread, NULL);
    while (lane->first != NULL) {
        struct later *later = lane->first;
        lane->first = later->next;
        body_unref(later->body);
        later_free(later, MQTT_SERVER_SHUTTING_DOWN);
    }
    sql_scope_free(&lane->columns);
    sql_scope_free(&lane->scope);
    pthread_cond_destroy(&lane->more);
    pthread_mutex_destroy(&lane->lock);
}

void later_stop(struct rules *rules)
{
    for (unsigned i = 0; i < LANES; i++)
        lane_stop(&rules->lanes[i]);
    mem_free(rules->lanes);
    rules->lanes = NULL;
}

/* A station as the source of a rule: a thread that reads it and evaluates each record, at least once.
 *
 * Records are in a ring from the reading until all actions have them, in order; the rule's position is behind the
 * oldest that they have not, and is written to the catalog at most a second later. When an action is out of service,
 * reading begins again at that record, after a pause: so a sink whose buffer is full slows the rule down, and loses
 * nothing. A new rule begins with what comes after it was made. */
#include "rule/rule_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/catalog.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define RING      1024
#define WAIT_MS   200  /* for a record; so long a stop may take */
#define PAUSE_MS  1000 /* after a failure */
#define KEEP_MS   1000 /* the position is written at most so often */
#define KIND      "rule_position"
#define KEY_BYTES (RULE_ID_MAX + STATION_NAME_MAX + 2)

struct source_message {
    struct receipt receipt; /* first */
    struct rule_source *source;
    uint64_t offset;
    atomic_uint holds; /* 0: settled */
    atomic_bool again; /* an action could not take it */
};

struct rule_source {
    struct rule *rule;
    const struct rule_body *body;
    char *station;
    char key[KEY_BYTES];
    pthread_t thread;
    atomic_bool stopping;
    atomic_uint refs; /* the thread, and each message that somebody holds */
    struct source_message ring[RING];
    uint64_t head;     /* messages read; the thread's, as all below */
    uint64_t tail;     /* of them, those that are settled, in order */
    uint64_t position; /* the next offset that is not settled */
    uint64_t kept;     /* what the catalog has */
    int64_t kept_ms;
    bool is_kept;
    struct sql_scope scope;
    bool failing; /* has been logged */
};

/* ---- Holding --------------------------------------------------------------------------------------------- */

static void source_unref(struct rule_source *source)
{
    if (atomic_fetch_sub(&source->refs, 1) != 1)
        return;
    mem_free(source->station);
    mem_free(source);
}

static void hold(struct receipt *receipt)
{
    struct source_message *message = (struct source_message *)receipt;
    atomic_fetch_add(&message->source->refs, 1);
    atomic_fetch_add(&message->holds, 1);
}

static void done(struct receipt *receipt, bool stored)
{
    struct source_message *message = (struct source_message *)receipt;
    struct rule_source *source = message->source;
    if (!stored)
        atomic_store(&message->again, true);
    atomic_fetch_sub(&message->holds, 1);
    source_unref(source);
}

/* ---- The position ---------------------------------------------------------------------------------------- */

static void make_key(char out[KEY_BYTES], struct str rule_id, struct str station)
{
    snprintf(out, KEY_BYTES, "%.*s %.*s", STR_ARG(rule_id), STR_ARG(station));
}

static void keep_position(struct rule_source *source)
{
    struct error err;
    char text[64];
    struct catalog *catalog = source->rule->rules->options.catalog;
    int64_t now_ms = clock_wall_ms();
    source->kept_ms = clock_mono_ms();
    if (source->is_kept && source->kept == source->position)
        return;
    int len = snprintf(text, sizeof(text), "{\"offset\":%" PRIu64 "}", source->position);
    const struct catalog_object row = {
        .id = str_of(source->key),
        .object = str_make(text, (size_t)len),
        .created_ms = now_ms,
        .modified_ms = now_ms,
    };
    bool ok = source->is_kept ? catalog_object_update(catalog, KIND, &row, &err)
                              : catalog_object_create(catalog, KIND, &row, &err);
    if (!ok) {
        LOG_WARNING("position of a rule not written", LOG_TEXT("rule", source->rule->id), LOG_ERROR_OF(&err));
        return;
    }
    source->is_kept = true;
    source->kept = source->position;
}

struct looking {
    const char *key;
    uint64_t offset;
    bool found;
};

static bool look(const struct catalog_object *row, void *arg)
{
    struct looking *looking = arg;
    if (!str_is(row->id, looking->key))
        return true;
    json_t *object = json_loadb(row->object.data, row->object.len, 0, NULL);
    looking->offset = (uint64_t)json_integer_value(json_object_get(object, "offset"));
    looking->found = true;
    json_decref(object);
    return false;
}

/* What the catalog has; else the end of the station as it is now. */
static bool find_position(struct rule_source *source, struct error *err)
{
    struct rules *rules = source->rule->rules;
    struct looking looking = {.key = source->key};
    struct station_stats stats;
    if (!catalog_object_each(rules->options.catalog, KIND, look, &looking, err) ||
        !station_stats(rules->options.stations, str_of(source->station), &stats, err))
        return false;
    source->position = looking.found ? looking.offset : stats.next_offset;
    source->is_kept = looking.found;
    source->kept = looking.offset;
    if (!looking.found)
        keep_position(source);
    return true;
}

void source_forget(struct rules *rules, struct str rule_id, struct str station)
{
    char key[KEY_BYTES];
    make_key(key, rule_id, station);
    catalog_object_delete(rules->options.catalog, KIND, str_of(key), NULL);
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

/* Steps over what is settled. False: a record is to be read again. */
static bool settle(struct rule_source *source)
{
    while (source->tail < source->head) {
        struct source_message *message = &source->ring[source->tail % RING];
        if (atomic_load(&message->holds) > 0)
            break;
        if (atomic_load(&message->again))
            return false;
        source->position = message->offset + 1;
        source->tail++;
    }
    if (clock_mono_ms() - source->kept_ms >= KEEP_MS)
        keep_position(source);
    return true;
}

static void nap(const struct rule_source *source, int64_t ms)
{
    const struct timespec step = {.tv_nsec = 10 * 1000 * 1000};
    for (int64_t slept = 0; slept < ms && !atomic_load(&source->stopping); slept += 10)
        nanosleep(&step, NULL);
}

/* What the rule itself has led to is stepped over. */
static void run_record(struct rule_source *source, const struct station_message *record)
{
    struct source_message *message = &source->ring[source->head % RING];
    struct origin_chain chain = {.carried = true};
    message->receipt = (struct receipt){.hold = hold, .done = done};
    message->source = source;
    message->offset = record->offset;
    atomic_store(&message->holds, 0);
    atomic_store(&message->again, false);
    source->head++;
    struct rule *rule = source->rule;
    chain_read(&chain, record->props);
    if (chain_has(&chain, rule->mark)) {
        atomic_fetch_add_explicit(&rule->counters[rule->rules->reactor_count].loops, 1, memory_order_relaxed);
        return;
    }
    struct rule_input input = {
        .rules = rule->rules,
        .rule_id = rule->name,
        .record = record,
        .station = str_of(source->station),
        .now_ms = record->time_ms,
    };
    struct delivery delivery = {
        .rule = rule,
        .body = source->body,
        .input = &input,
        .counters = &rule->counters[rule->rules->reactor_count],
        .scope = &source->scope,
        .chain = &chain,
        .receipt = &message->receipt,
    };
    receipt_hold(&message->receipt);
    rule_run(&delivery);
    receipt_done(&message->receipt, true);
}

/* Reads on until something has to be read again, or the end is near. */
static void read_on(struct rule_source *source, struct station_read *read)
{
    struct error err;
    while (!atomic_load(&source->stopping)) {
        struct station_message record;
        if (!settle(source))
            return;
        if (source->head - source->tail == RING) {
            nap(source, 10);
            continue;
        }
        switch (station_read_next(read, source->head > source->tail ? 10 : WAIT_MS, &record, &err)) {
        case STATION_READ: run_record(source, &record); break;
        case STATION_READ_TIMEOUT:
        case STATION_READ_WAITS:
        case STATION_READ_PAUSE: break;
        case STATION_READ_END: return;
        case STATION_READ_FAILED:
            if (!source->failing)
                LOG_WARNING("rule cannot read its station", LOG_TEXT("rule", source->rule->id),
                            LOG_ERROR_OF(&err));
            source->failing = true;
            return;
        }
    }
}

/* Nobody holds a message of the ring any more, or the source stops. */
static void wait_for_ring(struct rule_source *source)
{
    while (source->tail < source->head && !atomic_load(&source->stopping)) {
        if (atomic_load(&source->ring[source->tail % RING].holds) == 0)
            source->tail++;
        else
            nap(source, 10);
    }
}

static void read_from_position(struct rule_source *source)
{
    struct error err;
    char from[48];
    snprintf(from, sizeof(from), "offset:%" PRIu64, source->position);
    const struct station_read_options options = {.from = str_of(from), .follow = true};
    struct station_read *read =
        station_read_open(source->rule->rules->options.stations, str_of(source->station), &options, &err);
    if (read == NULL) {
        if (!source->failing)
            LOG_WARNING("rule cannot read its station", LOG_TEXT("rule", source->rule->id),
                        LOG_ERROR_OF(&err));
        source->failing = true;
        return;
    }
    source->failing = false;
    read_on(source, read);
    station_read_close(read);
    wait_for_ring(source);
}

static void *run(void *arg)
{
    struct rule_source *source = arg;
    while (!atomic_load(&source->stopping)) {
        read_from_position(source);
        nap(source, PAUSE_MS);
    }
    settle(source);
    keep_position(source);
    sql_scope_free(&source->scope);
    return NULL;
}

struct rule_source *source_start(struct rule *rule, const struct rule_body *body, struct str station,
                                 struct error *err)
{
    if (rule->rules->options.stations == NULL) {
        error_set(err, ERR_NOT_FOUND, "there are no stations");
        return NULL;
    }
    struct rule_source *source = mem_zalloc(sizeof(*source));
    source->rule = rule;
    source->body = body;
    source->station = str_dup(station);
    atomic_init(&source->refs, 1);
    make_key(source->key, str_of(rule->id), station);
    if (find_position(source, err) && thread_start(&source->thread, "rule-source", run, source, err))
        return source;
    source_unref(source);
    return NULL;
}

void source_stop(struct rule_source *source)
{
    if (source == NULL)
        return;
    atomic_store(&source->stopping, true);
    pthread_join(source->thread, NULL);
    source_unref(source);
}

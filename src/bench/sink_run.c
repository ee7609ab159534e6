/* A rule and its action on a broker that runs, the generator, and the action's figures until they say that all is stored.
 *
 *   connector, action, rule ─▶ publish ─▶ all acknowledged: accepted by the action ─▶ ask every few ms ─▶ stored = count
 *
 * What is made has a random name, so that runs do not meet, and is deleted in the other order, however the run ends. */
#include "sink_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "proc_internal.h"
#include "station_broker_internal.h"
#include "telemetry_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ASK_NS       50000000 /* asking costs the broker, too */
#define TEXTS        16384
#define NAME_BYTES   32
#define ID_BYTES     340
#define PATH_BYTES   400
#define SQL_BYTES    1400
#define WINDOW       2       /* requests for each connection: one that is free finds the next */
#define BUFFER_BYTES "64GiB" /* nothing is to be dropped: what waits is on disk */

struct run {
    struct sink_options *options;
    struct station_broker broker;
    struct station_api *api;
    char name[NAME_BYTES];       /* of all that is made */
    char connector[ID_BYTES];    /* its id */
    char action[NAME_BYTES + 8]; /* its id */
    bool made_connector, made_action, made_rule;
};

/* ---- what is made ---- */

/* Takes the object. */
static bool make(struct run *run, const char *path, json_t *object, bool *made, struct error *err)
{
    bool fine = object != NULL ? station_api_ask(run->api, "POST", path, object, NULL, err)
                               : error_set(err, ERR_INVALID, "an option is no UTF-8");
    json_decref(object);
    *made = fine;
    return fine;
}

static void unmake(struct run *run, const char *kind, const char *id, bool made)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "/%s/%s", kind, id);
    if (made)
        station_api_ask(run->api, "DELETE", path, NULL, NULL, NULL);
}

static bool make_connector(struct run *run, struct error *err)
{
    const struct sink_options *options = run->options;
    if (options->endpoint == NULL && options->directory == NULL) {
        snprintf(run->connector, sizeof run->connector, "%.300s",
                 options->connector != NULL ? options->connector : "directory:local");
        return true;
    }
    const char *type = options->endpoint != NULL ? "s3" : "directory";
    snprintf(run->connector, sizeof run->connector, "%s:%s", type, run->name);
    json_t *object =
        options->endpoint == NULL
            ? json_pack("{s:s, s:s, s:s}", "type", type, "name", run->name, "path", options->directory)
            : json_pack("{s:s, s:s, s:s, s:s*, s:s, s:s*, s:s*, s:{s:i}}", "type", type, "name", run->name,
                        "endpoint", options->endpoint, "region", options->region, "access_method",
                        options->access, "access_key_id", options->access_key, "secret_access_key",
                        options->secret_key, "transport_options", "pool_size", (int)options->connections);
    return make(run, "/connectors", object, &run->made_connector, err);
}

static json_t *parameters(const struct run *run)
{
    const struct sink_options *options = run->options;
    char key[PATH_BYTES], interval[32];
    if (options->mode == SINK_DIRECT) {
        snprintf(key, sizeof key, "%s/${clientid}/${id}", run->name);
        return json_pack("{s:s, s:s, s:s, s:s}", "mode", "direct", "bucket", options->bucket, "key", key,
                         "content", "${payload}");
    }
    snprintf(key, sizeof key, "%s/${action}/${node}/${datetime.unix}/${sequence}", run->name);
    snprintf(interval, sizeof interval, "%lldms", (long long)options->interval_ms);
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:{s:s, s:I, s:I}}", "mode", "aggregated", "bucket",
                     options->bucket, "key", key, "container", "type", options->container, "compression",
                     options->compression, "aggregation", "time_interval", interval, "max_records",
                     (json_int_t)options->records, "max_bytes", (json_int_t)options->object_bytes);
}

static bool make_action(struct run *run, struct error *err)
{
    const struct sink_options *options = run->options;
    snprintf(run->action, sizeof run->action, "s3:%s", run->name);
    json_t *object = json_pack("{s:s, s:s, s:s, s:o, s:{s:i, s:s, s:s}}", "type", "s3", "name", run->name,
                               "connector", run->connector, "parameters", parameters(run), "resource_opts",
                               "inflight_window", WINDOW * (int)options->connections, "max_buffer_bytes",
                               BUFFER_BYTES, "query_mode", "async");
    return make(run, "/actions", object, &run->made_action, err);
}

static bool make_rule(struct run *run, struct error *err)
{
    char sql[SQL_BYTES];
    const char *id = run->options->mode == SINK_DIRECT ? "id, " : ""; /* a key for each message */
    snprintf(sql, sizeof sql, "SELECT %s%.1000s FROM \"%.200s/#\"", id, run->options->select,
             run->options->load.topic_prefix);
    json_t *object = json_pack("{s:s, s:s, s:[s]}", "id", run->name, "sql", sql, "actions", run->action);
    return make(run, "/rules", object, &run->made_rule, err);
}

/* ---- figures ---- */

struct figures {
    uint64_t matched, stored, failed, dropped, queued, queued_bytes, bytes, objects, failed_uploads;
    double latency_ms;
};

static uint64_t natural(const json_t *metrics, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(metrics, key));
    return value > 0 ? (uint64_t)value : 0;
}

static bool ask(struct run *run, struct figures *out, struct error *err)
{
    char path[PATH_BYTES];
    json_t *answer = NULL;
    snprintf(path, sizeof path, "/actions/%s/metrics", run->action);
    if (!station_api_ask(run->api, "GET", path, NULL, &answer, err))
        return false;
    const json_t *metrics = json_object_get(answer, "metrics");
    *out = (struct figures){
        .matched = natural(metrics, "matched"),
        .stored = natural(metrics, "success"),
        .failed = natural(metrics, "failed"),
        .dropped = natural(metrics, "dropped"),
        .queued = natural(metrics, "queuing") + natural(metrics, "inflight"),
        .queued_bytes = natural(metrics, "queuing_bytes"),
        .bytes = natural(metrics, "bytes"),
        .objects = natural(metrics, "aggregated_upload.success"),
        .failed_uploads = natural(metrics, "aggregated_upload.failure"),
        .latency_ms = json_number_value(json_object_get(metrics, "latency_ms")),
    };
    json_decref(answer);
    return true;
}

static bool missing(const struct run *run, const struct figures *figures, struct error *err)
{
    error_set(
        err, ERR_TIMEOUT,
        "of %llu messages the action got %llu and stored %llu; %llu failed, %llu were dropped, %llu wait",
        (unsigned long long)run->options->load.count, (unsigned long long)figures->matched,
        (unsigned long long)figures->stored, (unsigned long long)figures->failed,
        (unsigned long long)figures->dropped, (unsigned long long)figures->queued);
    return error_hint(err, "the broker's log says why; see also --quiet");
}

static bool wait_stored(struct run *run, struct figures *figures, struct error *err)
{
    const struct timespec pause = {0, ASK_NS};
    uint64_t count = run->options->load.count, before = 0;
    int64_t since_ms = clock_mono_ms();
    for (;;) {
        if (!ask(run, figures, err))
            return false;
        if (figures->stored >= count)
            return true;
        if (figures->stored != before)
            since_ms = clock_mono_ms();
        before = figures->stored;
        if (figures->failed + figures->dropped > 0 ||
            clock_mono_ms() - since_ms > run->options->load.quiet_ms)
            return missing(run, figures, err);
        nanosleep(&pause, NULL);
    }
}

/* ---- the run ---- */

static bool measure(struct run *run, struct sink_result *result, struct error *err)
{
    struct figures figures = {0};
    int64_t pid = run->broker.pid > 0 ? run->broker.pid : proc_find_listener(run->options->load.port);
    double cpu = proc_cpu_seconds(pid);
    result->broker_rss_bytes = proc_rss_bytes(pid);
    proc_peak_reset(pid);
    if (!load_run(&run->options->load, &result->load, err) || !ask(run, &figures, err))
        return false;
    result->queued = figures.queued;
    result->queued_bytes = figures.queued_bytes;
    if (!wait_stored(run, &figures, err))
        return false;
    result->seconds = (double)(clock_mono_ns() - result->load.start_ns) / 1e9;
    result->broker_cpu_seconds = proc_cpu_seconds(pid) - cpu;
    result->broker_peak_bytes = proc_peak_bytes(pid);
    result->stored = figures.stored;
    result->stored_bytes = figures.bytes;
    result->objects = run->options->mode == SINK_DIRECT ? figures.stored : figures.objects;
    result->failed_uploads = figures.failed_uploads;
    result->latency_ms = figures.latency_ms;
    return true;
}

/* Payloads as devices would send them, not all the same: what is buffered is compressed. Returns owned. */
static char *make_texts(void)
{
    struct telemetry *telemetry = mem_alloc(sizeof *telemetry);
    char *texts = mem_alloc((size_t)TEXTS * TELEMETRY_PAYLOAD_BYTES);
    telemetry_init(telemetry, 1);
    for (size_t i = 0; i < TEXTS; i++) {
        struct telemetry_message message;
        telemetry_next(telemetry, &message);
        memcpy(texts + i * TELEMETRY_PAYLOAD_BYTES, message.payload.data, TELEMETRY_PAYLOAD_BYTES);
    }
    mem_free(telemetry);
    return texts;
}

bool sink_run(struct sink_options *options, struct sink_result *result, struct error *err)
{
    const struct station_broker_options wanted = {options->data, options->url, options->key};
    struct run run = {.options = options};
    if (!station_broker_find(&run.broker, &wanted, err) ||
        (run.api = station_api_open(&run.broker, err)) == NULL)
        return false;
    if (options->load.port == 0)
        options->load.port = run.broker.mqtt_port;
    char *texts = make_texts();
    options->load.texts = texts;
    options->load.text_count = TEXTS;
    snprintf(run.name, sizeof run.name, "bench-%016llx", (unsigned long long)random_u64());
    bool fine = make_connector(&run, err) && make_action(&run, err) && make_rule(&run, err) &&
                measure(&run, result, err);
    unmake(&run, "rules", run.name, run.made_rule);
    unmake(&run, "actions", run.action, run.made_action);
    unmake(&run, "connectors", run.connector, run.made_connector);
    options->load.texts = NULL;
    mem_free(texts);
    station_api_close(run.api);
    mem_wipe(&run.broker, sizeof run.broker);
    return fine;
}

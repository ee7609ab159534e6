/* A station's log and its tier as a broker has them, without the broker: the log of DIR/log, the ledger and caches of
 * DIR/tier, and a store of its own instead of a connector. */
#include "tier_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "object/config.h"
#include "station/station.h"
#include "station_dir_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CREATED_MS     INT64_C(1) /* of the station: the same in every step */
#define INTERVAL_MS    INT64_C(86400000)
#define LOAD_LIMIT_MS  60000
#define WAIT_NS        1000000
#define LOG_TAIL_BYTES (UINT64_C(4) << 20)
#define DEFINITION     STR("{\"name\":\"" TIER_BENCH_STATION "\"}")

/* ---- log and store ---- */

bool tier_rig_open_log(struct tier_rig *rig, struct error *err)
{
    char path[TIER_BENCH_PATH_BYTES];
    const struct log_engine_options engine = {.writers = 1, .tail_bytes = LOG_TAIL_BYTES};
    const struct log_options log = {.sync_ms = LOG_SYNC_NONE};
    snprintf(path, sizeof path, "%s/log", rig->dir);
    rig->engine = log_engine_start(&engine, err);
    rig->log = rig->engine != NULL ? log_open(rig->engine, path, &log, err) : NULL;
    return rig->log != NULL;
}

static char *copy(const char *text)
{
    return mem_strdup_or_null(text);
}

bool tier_rig_open_store(struct tier_rig *rig, struct error *err)
{
    const struct tier_bench_options *options = rig->options;
    char path[TIER_BENCH_PATH_BYTES];
    struct object_config config;
    object_config_init(&config);
    config.name = mem_strdup("bench");
    if (options->endpoint == NULL) {
        snprintf(path, sizeof path, "%s/objects", rig->dir);
        config.kind = OBJECT_DIRECTORY;
        config.path = mem_strdup(path);
    } else {
        config.endpoint = copy(options->endpoint);
        config.region = copy(options->region);
        config.access_key_id = copy(options->access_key);
        config.secret_access_key = copy(options->secret_key);
        config.tls.ca_file = copy(options->ca_file);
        config.access = strcmp(options->access, "vhost") == 0  ? OBJECT_ACCESS_VHOST
                        : strcmp(options->access, "auto") == 0 ? OBJECT_ACCESS_AUTO
                                                               : OBJECT_ACCESS_PATH;
        if (options->access_key == NULL)
            config.credentials = OBJECT_CREDENTIALS_CHAIN;
    }
    rig->store = object_store_open(&config, err);
    object_config_free(&config);
    return rig->store != NULL;
}

/* ---- what the tier asks for ---- */

static bool take_store(void *arg, struct str connector, struct str bucket, struct tier_store *out,
                       struct error *err)
{
    const struct tier_rig *rig = arg;
    struct buf root = {0};
    (void)connector;
    (void)err;
    if (rig->options->endpoint != NULL) {
        buf_printf(&root, "s3://%.*s", STR_ARG(bucket));
    } else {
        char *dir = realpath(rig->dir, NULL); /* the C library's */
        buf_printf(&root, "%s/objects/%.*s", dir != NULL ? dir : rig->dir, STR_ARG(bucket));
        free(dir);
    }
    *out = (struct tier_store){.store = rig->store, .root = str_dup(buf_str(&root))};
    buf_free(&root);
    return true;
}

static void give_back(void *arg, struct tier_store *store)
{
    (void)arg;
    (void)store;
}

static struct log *enter(void *arg)
{
    return ((struct tier_rig *)arg)->log;
}

static void leave(void *arg)
{
    (void)arg;
}

static void changed(void *arg)
{
    (void)arg;
}

/* ---- the tier ---- */

static bool wait_loaded(struct tier_rig *rig, struct error *err)
{
    const struct timespec pause = {0, WAIT_NS};
    struct tier_stats stats;
    int64_t since_ms = clock_mono_ms();
    for (;;) {
        tier_stats(rig->tier, &stats);
        if (stats.status == TIER_RUNNING)
            return true;
        if (stats.status != TIER_OPENING) {
            *err = stats.err;
            return false;
        }
        if (clock_mono_ms() - since_ms > LOAD_LIMIT_MS)
            return error_set(err, ERR_TIMEOUT, "the table was not loaded within %d s", LOAD_LIMIT_MS / 1000);
        nanosleep(&pause, NULL);
    }
}

bool tier_rig_open_tier(struct tier_rig *rig, struct error *err)
{
    const struct tier_bench_options *options = rig->options;
    char path[TIER_BENCH_PATH_BYTES], cache[TIER_BENCH_PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/tier", rig->dir);
    snprintf(cache, sizeof cache, "%s/-cache", path);
    station_dir_remove(cache);
    const struct tiers_options all = {.dir = path,
                                      .codec = station_codec,
                                      .take_store = take_store,
                                      .give_back = give_back,
                                      .arg = rig,
                                      .memory_bytes = options->memory_bytes};
    const struct tier_options one = {.station = STR(TIER_BENCH_STATION),
                                     .created_ms = CREATED_MS,
                                     .config = {.connector = STR("bench"),
                                                .bucket = str_of(options->bucket),
                                                .prefix = str_of(rig->prefix),
                                                .upload_bytes = options->upload_bytes,
                                                .upload_interval_ms = INTERVAL_MS,
                                                .definition = DEFINITION},
                                     .enter = enter,
                                     .leave = leave,
                                     .changed = changed,
                                     .arg = rig};
    rig->tiers = tiers_open(&all, err);
    rig->tier = rig->tiers != NULL ? tier_open(rig->tiers, &one, err) : NULL;
    return rig->tier != NULL && wait_loaded(rig, err);
}

void tier_rig_close_tier(struct tier_rig *rig)
{
    if (rig->tier != NULL) {
        tier_stop(rig->tier, false);
        tier_free(rig->tier);
    }
    tiers_close(rig->tiers);
    rig->tier = NULL;
    rig->tiers = NULL;
}

void tier_rig_close(struct tier_rig *rig)
{
    tier_rig_close_tier(rig);
    object_store_close(rig->store);
    log_close(rig->log);
    log_engine_stop(rig->engine);
}

/* ---- flushing ---- */

struct flush {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    bool failed;
    struct error err;
};

static void flushed(void *arg, const struct error *err)
{
    struct flush *flush = arg;
    pthread_mutex_lock(&flush->lock);
    flush->failed = err != NULL;
    if (err != NULL)
        flush->err = *err;
    flush->done = true;
    pthread_cond_signal(&flush->changed);
    pthread_mutex_unlock(&flush->lock);
}

bool tier_rig_flush(struct tier_rig *rig, struct error *err)
{
    struct flush flush = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    tier_flush(rig->tier, flushed, &flush);
    pthread_mutex_lock(&flush.lock);
    while (!flush.done)
        pthread_cond_wait(&flush.changed, &flush.lock);
    pthread_mutex_unlock(&flush.lock);
    if (flush.failed)
        *err = flush.err;
    return !flush.failed;
}

/* What a broker opens at its start, without the broker: catalog, log engine, stations. */
#include "station_offline_internal.h"

#include "base/list.h"
#include "base/mem.h"
#include "station/station.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define JOBS_MAX 16

struct station_offline {
    struct catalog *catalog;
    struct log_engine *engine;
    struct worker_pool *workers;
    struct stations *stations;

    /* Messages on their way: the lock's. */
    pthread_mutex_t lock;
    pthread_cond_t stored;
    uint32_t under_way;
    struct error error; /* the first one */
};

/* One message; freed by its `done`. */
struct parcel {
    struct station_produce produce;
    struct station_message message;
    struct station_offline *offline;
    char topic[256];
    char payload[];
};

void station_offline_close(struct station_offline *offline)
{
    if (offline == NULL)
        return;
    stations_close(offline->stations);
    log_engine_stop(offline->engine);
    if (offline->workers != NULL)
        worker_pool_stop(offline->workers);
    catalog_close(offline->catalog);
    pthread_mutex_destroy(&offline->lock);
    pthread_cond_destroy(&offline->stored);
    mem_free(offline);
}

static bool open_all(struct station_offline *offline, const char *dir, struct error *err)
{
    struct log_engine_options engine = {.writers = 1};
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return error_errno(err, errno, "cannot make the data directory %s", dir);
    if ((offline->catalog = catalog_open(dir, err)) == NULL ||
        (offline->engine = log_engine_start(&engine, err)) == NULL ||
        (offline->workers = worker_pool_new("worker", 1, JOBS_MAX, err)) == NULL)
        return false;
    struct stations_options options = {.dir = dir,
                                       .catalog = offline->catalog,
                                       .engine = offline->engine,
                                       .workers = offline->workers,
                                       .manual = true};
    offline->stations = stations_open(&options, err);
    return offline->stations != NULL;
}

struct station_offline *station_offline_open(const char *dir, struct error *err)
{
    struct station_offline *offline = mem_zalloc(sizeof *offline);
    pthread_mutex_init(&offline->lock, NULL);
    pthread_cond_init(&offline->stored, NULL);
    if (open_all(offline, dir, err))
        return offline;
    station_offline_close(offline);
    return NULL;
}

bool station_offline_create(struct station_offline *offline, const char *name, const char *filter,
                            const char *sync, struct error *err)
{
    json_t *object = json_pack("{s:s, s:[s], s:s}", "name", name, "topics", filter, "sync", sync);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    bool fine = text != NULL ? stations_create(offline->stations, str_of(text), err)
                             : error_set(err, ERR_INVALID, "station %s: a text that is no UTF-8", name);
    free(text);
    json_decref(object);
    return fine;
}

static void on_stored(struct station_produce *produce, const struct error *err)
{
    struct parcel *parcel = CONTAINER_OF(produce, struct parcel, produce);
    struct station_offline *offline = parcel->offline;
    pthread_mutex_lock(&offline->lock);
    offline->under_way--;
    if (err != NULL && offline->error.code == ERR_NONE)
        offline->error = *err;
    pthread_cond_signal(&offline->stored);
    pthread_mutex_unlock(&offline->lock);
    mem_free(parcel);
}

bool station_offline_produce(struct station_offline *offline, const char *name, const char *topic,
                             size_t bytes, struct error *err)
{
    struct parcel *parcel = mem_zalloc(sizeof *parcel + bytes);
    parcel->offline = offline;
    snprintf(parcel->topic, sizeof parcel->topic, "%s", topic);
    parcel->message = (struct station_message){
        .topic = str_of(parcel->topic), .payload = str_make(parcel->payload, bytes), .qos = 1};
    parcel->produce.messages = &parcel->message;
    parcel->produce.count = 1;
    parcel->produce.done = on_stored;
    pthread_mutex_lock(&offline->lock);
    offline->under_way++;
    pthread_mutex_unlock(&offline->lock);
    if (stations_produce(offline->stations, str_of(name), &parcel->produce, err))
        return true;
    mem_free(parcel);
    pthread_mutex_lock(&offline->lock);
    offline->under_way--;
    pthread_mutex_unlock(&offline->lock);
    return false;
}

bool station_offline_wait(struct station_offline *offline, struct error *err)
{
    pthread_mutex_lock(&offline->lock);
    while (offline->under_way > 0)
        pthread_cond_wait(&offline->stored, &offline->lock);
    bool fine = offline->error.code == ERR_NONE;
    if (!fine && err != NULL)
        *err = offline->error;
    pthread_mutex_unlock(&offline->lock);
    return fine;
}

bool station_offline_messages(struct station_offline *offline, const char *name, uint64_t *count,
                              struct error *err)
{
    struct buf text = {0};
    if (!stations_describe(offline->stations, str_of(name), &text, err))
        return false;
    json_t *object = json_loadb((const char *)text.data, text.len, 0, NULL);
    json_t *state = json_object_get(object, "state");
    const char *failure = json_string_value(json_object_get(state, "error"));
    json_t *messages = json_object_get(state, "messages");
    bool fine = failure == NULL && json_is_integer(messages);
    *count = (uint64_t)json_integer_value(messages);
    if (!fine)
        error_set(err, ERR_CORRUPT, "station %s: %.300s", name,
                  failure != NULL ? failure : "it tells no messages");
    json_decref(object);
    buf_free(&text);
    return fine;
}

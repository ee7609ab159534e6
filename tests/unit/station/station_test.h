/* A broker with stations in this process: its directory, catalog, log engine, workers; and clients that speak MQTT to it
 * (broker_test.h). */
#ifndef TESTS_STATION_STATION_TEST_H
#define TESTS_STATION_STATION_TEST_H

#include "broker/broker_test.h"
#include "log/io.h"
#include "station/station_internal.h"

#include <limits.h>

/* The system's disk, which can be full, and can have nothing in memory. */
static atomic_bool disk_full, disk_cold;
static atomic_long disk_writes_left = LONG_MAX; /* then it is full */
/* What workers read waits, or fails. Waiting ends when the stations are closed. */
static atomic_bool workers_held, workers_fail;
static _Atomic(struct stations *) held_stations;

static inline int64_t disk_pwritev(void *ctx, int fd, const struct iovec *parts, int count, uint64_t position)
{
    if (atomic_fetch_sub(&disk_writes_left, 1) <= 0)
        atomic_store(&disk_full, true);
    return atomic_load(&disk_full) ? -ENOSPC : log_io_system.pwritev(ctx, fd, parts, count, position);
}

static inline int disk_fallocate(void *ctx, int fd, uint64_t position, uint64_t len)
{
    return atomic_load(&disk_full) ? -ENOSPC : log_io_system.fallocate(ctx, fd, position, len);
}

static inline bool on_worker(void)
{
    char name[16];
    return pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 && strncmp(name, "work", 4) == 0;
}

static inline bool held_ones_close(void)
{
    struct stations *held = atomic_load(&held_stations);
    return held != NULL && atomic_load(&held->closing);
}

static inline int64_t disk_pread(void *ctx, int fd, void *out, size_t len, uint64_t position, bool nowait)
{
    if (!nowait && atomic_load(&workers_fail) && on_worker())
        return -EIO;
    while (!nowait && atomic_load(&workers_held) && on_worker() && !held_ones_close())
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return nowait && atomic_load(&disk_cold) ? -EAGAIN
                                             : log_io_system.pread(ctx, fd, out, len, position, nowait);
}

struct depot {
    struct log_io disk;
    struct site site; /* dir, catalog, broker, listener */
    struct log_engine *engine;
    struct worker_pool *workers;
    struct stations *stations;
    unsigned reactors; /* 0: no broker runs */
    bool durable;      /* sessions have a journal */
};

static inline void depot_open(struct depot *depot)
{
    struct error err = {0};
    depot->site.catalog = catalog_open(depot->site.dir, &err);
    if (depot->site.catalog == NULL)
        fail_msg("%s", err.text);
    depot->disk = log_io_system;
    depot->disk.pwritev = disk_pwritev;
    depot->disk.fallocate = disk_fallocate;
    depot->disk.pread = disk_pread;
    /* Little is kept in memory, so that readers meet the disk. */
    const struct log_engine_options engine = {.writers = 1, .tail_bytes = 4096, .io = &depot->disk};
    depot->engine = log_engine_start(&engine, &err);
    assert_non_null(depot->engine);
    depot->workers = worker_pool_new("work", 2, 1000, &err);
    assert_non_null(depot->workers);
    const struct stations_options options = {
        .dir = depot->site.dir,
        .catalog = depot->site.catalog,
        .engine = depot->engine,
        .workers = depot->workers,
        .manual = true,
    };
    depot->stations = stations_open(&options, &err);
    if (depot->stations == NULL)
        fail_msg("%s", err.text);
    atomic_store(&held_stations, depot->stations);
    if (depot->reactors == 0)
        return;
    char sessions_dir[HARNESS_PATH_BYTES + 16];
    snprintf(sessions_dir, sizeof(sessions_dir), "%s/sessions", depot->site.dir);
    const struct broker_options broker = {
        .reactors = depot->reactors,
        .catalog = depot->site.catalog,
        .settings = quiet_settings(),
        .feeds = stations_provider(depot->stations),
        .log_engine = depot->durable ? depot->engine : NULL,
        .sessions_dir = depot->durable ? sessions_dir : NULL,
    };
    depot->site.broker = broker_start(&broker, &err);
    if (depot->site.broker == NULL)
        fail_msg("%s", err.text);
    ASSERT_OK(stations_attach(depot->stations, depot->site.broker, &err), err);
    const struct broker_listener_options listener = {
        .net = {.name = "test", .bind = "127.0.0.1:0"},
        .allow_anonymous = LISTENER_ANONYMOUS_AS_BROKER,
    };
    depot->site.listener = broker_listen(depot->site.broker, &listener, &err);
    if (depot->site.listener == NULL)
        fail_msg("%s", err.text);
}

static inline void depot_start_as(struct depot *depot, unsigned reactors, bool durable)
{
    *depot = (struct depot){.reactors = reactors, .durable = durable};
    log_set_level(LOG_LEVEL_ERROR);
    harness_make_dir(depot->site.dir);
    depot_open(depot);
}

static inline void depot_start(struct depot *depot, unsigned reactors)
{
    depot_start_as(depot, reactors, false);
}

/* Stops everything; the directory stays. */
static inline void depot_halt(struct depot *depot)
{
    if (depot->site.broker != NULL)
        broker_stop(depot->site.broker, 5000);
    stations_close(depot->stations);
    if (depot->site.broker != NULL)
        broker_free(depot->site.broker);
    depot->site.broker = NULL;
    log_engine_stop(depot->engine);
    worker_pool_stop(depot->workers);
    catalog_close(depot->site.catalog);
}

static inline void depot_restart(struct depot *depot)
{
    depot_halt(depot);
    depot_open(depot);
}

/* What workers read waits from the opening on. (Several stations are opened by workers, too: there is one at most.) */
static inline void depot_restart_held(struct depot *depot)
{
    depot_halt(depot);
    atomic_store(&held_stations, NULL);
    atomic_store(&workers_held, true);
    depot_open(depot);
}

static inline void depot_end(struct depot *depot)
{
    depot_halt(depot);
    harness_remove_dir(depot->site.dir);
}

static inline void make_station(struct depot *depot, const char *json)
{
    struct error err = {0};
    ASSERT_OK(stations_create(depot->stations, str_of(json), &err), err);
}

/* Stores one message and returns its offset. */
static inline uint64_t put_message(struct depot *depot, const char *station, const char *topic,
                                   const char *payload, const char *id)
{
    struct error err = {0};
    uint64_t offset = UINT64_MAX;
    const struct station_message message = {
        .topic = str_of(topic), .payload = str_of(payload), .id = str_of(id), .qos = 1};
    struct station_produce produce = {.messages = &message, .count = 1, .offsets = &offset};
    ASSERT_OK(stations_produce_wait(depot->stations, str_of(station), &produce, &err), err);
    return offset;
}

/* The payloads from `from` on to the end, with commas between. `out` has TEXT_BYTES. */
#define TEXT_BYTES 4096
static inline const char *read_all(struct depot *depot, const char *station, const char *from,
                                   const char *filter, char out[TEXT_BYTES])
{
    struct error err = {0};
    const struct station_read_options options = {.from = str_of(from), .filter = str_of(filter)};
    struct station_read *read = station_read_open(depot->stations, str_of(station), &options, &err);
    if (read == NULL)
        fail_msg("%s", err.text);
    struct station_message message;
    size_t at = 0;
    enum station_read_result result;
    out[0] = '\0';
    while ((result = station_read_next(read, 0, &message, &err)) == STATION_READ)
        at += (size_t)snprintf(out + at, TEXT_BYTES - at, "%s%.*s", at > 0 ? "," : "",
                               STR_ARG(message.payload));
    if (result != STATION_READ_END)
        fail_msg("%d: %s", result, err.text);
    station_read_close(read);
    return out;
}
#define READ_ALL(depot, station) read_all(depot, station, "earliest", NULL, (char[TEXT_BYTES]){0})

static inline struct log_bounds bounds_of(struct depot *depot, const char *name)
{
    struct log_bounds bounds = {0};
    struct station *station = stations_find(depot->stations, str_of(name));
    assert_non_null(station);
    log_bounds(station->log, &bounds);
    station_unref(station);
    return bounds;
}

/* Hears a PUBLISH and checks topic and payload; returns its packet identifier. */
static inline uint16_t hear_publish(struct client *client, const char *topic, const char *payload)
{
    struct mqtt_frame frame;
    struct mqtt_publish publish;
    if (!client_next(client, &frame))
        fail_msg("the stream has ended; expected %s %s", topic, payload);
    if (frame.type != MQTT_PUBLISH)
        fail_msg("got %s; expected %s %s", mqtt_packet_name(frame.type), topic, payload);
    assert_int_equal(mqtt_decode_publish(&frame, client->version, &publish), MQTT_SUCCESS);
    if (!str_is(publish.topic, topic) || !str_is(publish.payload, payload))
        fail_msg("got %.*s %.*s; expected %s %s", STR_ARG(publish.topic), STR_ARG(publish.payload), topic,
                 payload);
    return publish.packet_id;
}

/* The user property of a PUBLISH's properties; empty: none. */
static inline struct str user_property(struct str props, const char *wanted)
{
    struct str key, value;
    for (size_t at = 0; mqtt_user_property_next(props, &at, &key, &value);) {
        if (str_is(key, wanted))
            return value;
    }
    return STR_NONE;
}

/* The next PUBLISH; other packets are passed over. Valid until the next call. */
static inline struct mqtt_publish next_publish(struct client *client)
{
    struct mqtt_frame frame;
    struct mqtt_publish publish;
    do {
        if (!client_next(client, &frame))
            fail_msg("the stream has ended; expected a PUBLISH");
    } while (frame.type != MQTT_PUBLISH);
    assert_int_equal(mqtt_decode_publish(&frame, client->version, &publish), MQTT_SUCCESS);
    return publish;
}

/* PUBACK with a reason code. */
static inline void say_puback(struct client *client, uint16_t packet_id, uint8_t reason)
{
    mqtt_encode_ack(&client->out, client->version, MQTT_PUBACK, packet_id, reason, NULL);
    client_flush(client);
}

static inline void subscribe_with_start(struct client *client, const char *filter, uint8_t qos,
                                        const char *start)
{
    struct mqtt_properties properties;
    struct buf user = {0};
    char expected[32];
    mqtt_properties_init(&properties);
    mqtt_user_property_append(&user, STR("start"), str_of(start));
    properties.user_encoded = buf_str(&user);
    const struct mqtt_subscription subscription = {.filter = str_of(filter), .qos = qos};
    mqtt_encode_subscribe(&client->out, client->version, 1, &properties, &subscription, 1);
    client_flush(client);
    snprintf(expected, sizeof(expected), "SUBACK #1 %02x", qos);
    EXPECT(client, expected);
    buf_free(&user);
}

#endif

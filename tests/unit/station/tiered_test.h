/* A depot whose stations have a second tier: a directory beside them, DIR/objects, with the threads that migrate. */
#ifndef TESTS_STATION_TIERED_TEST_H
#define TESTS_STATION_TIERED_TEST_H

#include "object/config.h"
#include "station_test.h"

#include "base/mem.h"

static inline struct object_store *tiered_store(const char *dir)
{
    struct object_config config;
    struct error err;
    object_config_init(&config);
    config.kind = OBJECT_DIRECTORY;
    config.name = mem_strdup("local");
    config.path = mem_alloc(HARNESS_PATH_BYTES + 16);
    snprintf(config.path, HARNESS_PATH_BYTES + 16, "%s/objects", dir);
    struct object_store *store = object_store_open(&config, &err);
    CHECK(store != NULL, "%s", err.text);
    object_config_free(&config);
    return store;
}

static inline bool tiered_take(void *arg, struct str connector, struct str bucket, struct tier_store *out,
                               struct error *err)
{
    struct buf root = {0};
    if (!str_is(connector, "directory:local"))
        return error_set(err, ERR_NOT_FOUND, "there is no connector %.*s", STR_ARG(connector));
    buf_printf(&root, "file:///objects/%.*s", STR_ARG(bucket));
    *out = (struct tier_store){.store = arg, .root = str_dup(buf_str(&root))};
    buf_free(&root);
    return true;
}

static inline void tiered_give_back(void *arg, struct tier_store *store)
{
    (void)arg;
    (void)store;
}

/* Before make_station(), in place of the stations that depot_start() has opened for no broker. */
static inline struct object_store *depot_add_tiers(struct depot *depot)
{
    struct error err = {0};
    struct object_store *store = tiered_store(depot->site.dir);
    assert_null(depot->site.broker);
    stations_close(depot->stations);
    const struct stations_options options = {
        .dir = depot->site.dir,
        .catalog = depot->site.catalog,
        .engine = depot->engine,
        .workers = depot->workers,
        .tiers = {.take_store = tiered_take, .give_back = tiered_give_back, .arg = store},
    };
    depot->stations = stations_open(&options, &err);
    CHECK(depot->stations != NULL, "%s", err.text);
    atomic_store(&held_stations, depot->stations);
    return store;
}

#endif

/* Two brokers that write one table, at every point of each other: what random histories meet now and then is gone through here
 * one by one.
 *
 * Broker A migrates ten messages; its requests to the store are numbered. At its k-th request one thing happens, and, in the
 * second test, another one at a later one:
 *
 *   B_RUNS         broker B, which has the same log, opens the table, takes it over and migrates, before the request arrives
 *   CRASH_BEFORE   A dies; the request does not arrive
 *   CRASH_AFTER    A dies; it does
 *   REFUSED        the store says no
 *   LOST           the request has its effect, the answer is lost
 *   VANISHED       it has none, and nobody knows
 *   LATE           nobody knows, and it arrives after so many more requests of anybody
 *   LATE_AT_END    … when both are done
 *
 * Then what has died starts again, both brokers work until nothing is left to do, and a reader of its own looks: every message
 * is in the table once, byte for byte; no log was trimmed beyond the table; one broker at most goes on, and the other
 * has stopped with ERR_CONFLICT and changes nothing.
 *
 * One event at a time is gone through with a store of a directory as well.
 *
 * A run looks at every SINGLES_EACH-th event and every PAIRS_EACH-th pair, which VARVE_SEED chooses; VARVE_PAIRS=n at every n-th of
 * both (1: all, which takes hours with the pairs). */
#include "tier_test.h"

#include "object/config.h"

#include <fcntl.h>

enum event_kind { B_RUNS, CRASH_BEFORE, CRASH_AFTER, REFUSED, LOST, VANISHED, LATE, LATE_AT_END, KINDS };
static const char *const kind_names[] = {"B_RUNS", "CRASH_BEFORE", "CRASH_AFTER", "REFUSED",
                                         "LOST",   "VANISHED",     "LATE",        "LATE_AT_END"};

struct event {
    uint64_t at; /* A's n-th request; 0: none */
    enum event_kind kind;
    uint64_t delay; /* LATE */
};

#define BEFORE       10 /* messages that are in the table already */
#define WATCHED      20 /* up to here they are migrated while things happen */
#define MESSAGES     22 /* the last ones come when all is quiet */
#define STEPS_MAX    30
#define SINGLES_EACH 13
#define PAIRS_EACH   1999

struct world;

struct writer { /* its address is that of its store */
    struct world *world;
    const char *name;
    char dir[HARNESS_PATH_BYTES + 8];
    struct log_engine *engine;
    struct log *log;
    struct tiers *tiers;
    struct tier *tier;
    uint64_t expelled;
    uint64_t requests;
    uint64_t changes; /* of the store, by it */
    bool dead;
    struct buf ledger; /* as it was when the process died */
};

struct delayed {
    struct thing put; /* key and bytes; key NULL: none */
    enum object_condition condition;
    uint64_t due; /* the number of a request, of anybody; UINT64_MAX: at the end */
};

struct world {
    char dir[HARNESS_PATH_BYTES];
    struct fake fake;          /* the store */
    struct object_store *disk; /* or this one; NULL: no */
    struct writer a, b;
    bool armed; /* A's requests count */
    struct event events[2];
    struct delayed delayed[2];
    uint64_t requests; /* of both */
    bool b_runs;
};

#define EXPECT(world, condition, ...)                                                       \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            print_error("at %d: %s (%d), at %d: %s (%d): ", (int)(world)->events[0].at,     \
                        kind_names[(world)->events[0].kind], (int)(world)->events[0].delay, \
                        (int)(world)->events[1].at, kind_names[(world)->events[1].kind],    \
                        (int)(world)->events[1].delay);                                     \
            print_error(__VA_ARGS__);                                                       \
            print_error("\n");                                                              \
            fail_msg("%s", #condition);                                                     \
        }                                                                                   \
    } while (0)

/* ---- The store ------------------------------------------------------------------------------------------------------- */

static void run(struct writer *writer);

/* A put that nobody waits for. */
static void arrive(struct world *world, const struct thing *put, enum object_condition condition)
{
    struct error ignored;
    if (world->disk != NULL)
        object_put(world->disk, STR("bucket"), str_of(put->key), buf_str(&put->bytes), condition, &ignored);
    else
        fake_apply(&world->fake, str_of(put->key), buf_str(&put->bytes), condition);
}

static void deliver(struct world *world, uint64_t now)
{
    for (size_t i = 0; i < LENGTH(world->delayed); i++) {
        struct delayed *delayed = &world->delayed[i];
        if (delayed->put.key == NULL || delayed->due > now)
            continue;
        arrive(world, &delayed->put, delayed->condition);
        mem_free(delayed->put.key);
        buf_free(&delayed->put.bytes);
        *delayed = (struct delayed){0};
    }
}

static bool apply(struct writer *writer, struct object_request *request, struct error *failure)
{
    struct fake *fake = &writer->world->fake;
    uint64_t before = fake->changes;
    bool ok = true;
    if (writer->world->disk != NULL) {
        ok = object_wait(writer->world->disk, request, failure);
        writer->changes += ok && (request->op == OBJECT_PUT || request->op == OBJECT_DELETE_MANY);
        return ok;
    }
    switch (request->op) {
    case OBJECT_PUT: ok = fake_put(fake, request, failure); break;
    case OBJECT_HEAD:
    case OBJECT_GET: ok = fake_get(fake, request, failure); break;
    case OBJECT_DELETE_MANY:
        for (size_t i = 0; i < request->key_count; i++)
            fake_delete(fake, request->keys[i]);
        break;
    default: fail_msg("request %d", (int)request->op);
    }
    writer->changes += fake->changes - before;
    return ok;
}

static void delay(struct world *world, const struct object_request *request, uint64_t due)
{
    for (size_t i = 0; i < LENGTH(world->delayed); i++) {
        struct delayed *delayed = &world->delayed[i];
        struct buf room = {0};
        if (delayed->put.key != NULL)
            continue;
        delayed->put.key = str_dup(request->key);
        buf_append_str(&delayed->put.bytes, fake_body(request, &room));
        delayed->condition = request->condition;
        delayed->due = due;
        buf_free(&room);
        return;
    }
}

static void ledger_path(const struct writer *writer, char *path, size_t size)
{
    snprintf(path, size, "%s/tier/s/ledger", writer->dir);
}

/* What it writes to its disk from here on has not been written. */
static void die(struct writer *writer)
{
    char path[HARNESS_PATH_BYTES + 64];
    struct error err;
    ledger_path(writer, path, sizeof(path));
    buf_reset(&writer->ledger);
    writer->dead = true;
    if (access(path, F_OK) == 0)
        ASSERT_OK(buf_read_file(&writer->ledger, path, 1 << 20, &err), err);
}

/* The event's effect on a request; false with the failure that is answered. */
static bool befall(struct writer *writer, const struct event *event, struct object_request *request,
                   struct error *failure)
{
    struct world *world = writer->world;
    struct error ignored;
    bool writes = request->op == OBJECT_PUT;
    switch (event->kind) {
    case B_RUNS:
        world->b_runs = true;
        run(&world->b);
        return apply(writer, request, failure);
    case CRASH_BEFORE: die(writer); return error_set(failure, ERR_CLOSED, "the process is dead");
    case CRASH_AFTER:
        apply(writer, request, &ignored);
        die(writer);
        return error_set(failure, ERR_CLOSED, "the process is dead");
    case REFUSED: return error_set(failure, ERR_IO, "refused");
    case LOST:
        if (writes)
            apply(writer, request, &ignored);
        break;
    case LATE:
        if (writes)
            delay(world, request, world->requests + event->delay);
        break;
    case LATE_AT_END:
        if (writes)
            delay(world, request, UINT64_MAX);
        break;
    default: break;
    }
    return error_set(failure, writes || request->op == OBJECT_DELETE_MANY ? ERR_UNKNOWN : ERR_IO,
                     "no answer");
}

static bool start(struct object_store *store, struct object_request *request, struct error *err)
{
    struct writer *writer = (struct writer *)store;
    struct world *world = writer->world;
    struct error failure = {0};
    bool ok;
    (void)err;
    if (writer->dead) {
        ok = error_set(&failure, ERR_CLOSED, "the process is dead");
    } else {
        const struct event *event = NULL;
        deliver(world, ++world->requests);
        writer->requests++;
        for (size_t i = 0; i < LENGTH(world->events) && writer == &world->a && world->armed; i++) {
            if (world->events[i].at == writer->requests)
                event = &world->events[i];
        }
        ok = event != NULL ? befall(writer, event, request, &failure) : apply(writer, request, &failure);
    }
    request->done(request, ok ? NULL : &failure);
    return true;
}

/* ---- Brokers --------------------------------------------------------------------------------------------------------- */

static struct log *enter(void *arg)
{
    return ((struct writer *)arg)->log;
}

static void leave(void *arg)
{
    (void)arg;
}

static size_t record_of(uint64_t offset, char *out)
{
    size_t len = (size_t)sprintf(out, "topic/%d", (int)(offset % 3)) + 1;
    len += (size_t)sprintf(out + len, "message %d", (int)offset);
    if (offset % 4 == 0)
        out[len++] = (char)0xFF; /* no text */
    return len;
}

static int64_t time_of(uint64_t offset)
{
    return INT64_C(1795000000000) + (int64_t)offset;
}

static void appended(struct log_batch *batch, const struct error *err)
{
    (void)batch;
    assert_null(err);
}

static void open_log(struct writer *writer)
{
    const struct log_engine_options engine = {.writers = 0};
    const struct log_options options = {.segment_bytes = 4096, .sync_ms = LOG_SYNC_NONE};
    struct log_batch batch = {.done = appended};
    struct error err;
    char path[HARNESS_PATH_BYTES + 16];
    snprintf(path, sizeof(path), "%s/log", writer->dir);
    writer->engine = log_engine_start(&engine, &err);
    writer->log = log_open(writer->engine, path, &options, &err);
    CHECK(writer->log != NULL, "%s", err.text);
    for (uint64_t i = 0; i < MESSAGES; i++) {
        char record[64];
        size_t len = record_of(i, record);
        memcpy(log_batch_add(&batch, time_of(i), len), record, len);
    }
    ASSERT_OK(log_append(writer->log, &batch, &err), err);
    while (log_engine_step(writer->engine))
        ;
}

static void open_writer(struct writer *writer)
{
    struct error err;
    char path[HARNESS_PATH_BYTES + 16];
    snprintf(path, sizeof(path), "%s/tier", writer->dir);
    struct tiers_options options = fake_options(NULL, path);
    options.start = start;
    options.arg = writer;
    writer->tiers = tiers_open(&options, &err);
    CHECK(writer->tiers != NULL, "%s", err.text);
    const struct tier_options one = {
        .station = STR("s"),
        .created_ms = 4711,
        .config = {.connector = STR("fake"),
                   .bucket = STR("bucket"),
                   .prefix = STR("p"),
                   .upload_bytes = 150,
                   .upload_interval_ms = 1000,
                   .definition = STR("{\"name\":\"s\"}")},
        .enter = enter,
        .leave = leave,
        .changed = leave,
        .arg = writer,
    };
    writer->tier = tier_open(writer->tiers, &one, &err);
    CHECK(writer->tier != NULL, "%s", err.text);
}

static void close_writer(struct writer *writer)
{
    if (writer->tiers == NULL)
        return;
    tier_stop(writer->tier, false);
    tier_free(writer->tier);
    tiers_close(writer->tiers);
    writer->tiers = NULL;
}

static void make_writer(struct world *world, struct writer *writer, const char *name)
{
    char path[HARNESS_PATH_BYTES + 16];
    writer->world = world;
    writer->name = name;
    snprintf(writer->dir, sizeof(writer->dir), "%s/%s", world->dir, name);
    assert_int_equal(mkdir(writer->dir, 0700), 0);
    snprintf(path, sizeof(path), "%s/tier", writer->dir);
    open_log(writer);
}

static void free_writer(struct writer *writer)
{
    close_writer(writer);
    log_close(writer->log);
    log_engine_stop(writer->engine);
    buf_free(&writer->ledger);
}

/* As the station does: no further than what is committed. */
static void trim(struct writer *writer)
{
    struct tier_bounds bounds;
    struct log_bounds log;
    struct error err;
    if (writer->dead)
        return;
    tier_bounds(writer->tier, &bounds);
    log_bounds(writer->log, &log);
    uint64_t to = bounds.next < writer->expelled ? bounds.next : writer->expelled;
    if (to > log.first)
        ASSERT_OK(log_trim(writer->log, to, &err), err);
}

/* Works until there is nothing to do, or it is dead. */
static void run(struct writer *writer)
{
    uint64_t bytes = 0;
    struct error err;
    if (writer->tiers == NULL)
        open_writer(writer);
    for (unsigned round = 0; round < 3 && !writer->dead; round++) {
        ASSERT_OK(log_bytes_below(writer->log, writer->expelled, &bytes, &err), err);
        tier_expel(writer->tier, writer->expelled, bytes);
        for (unsigned i = 0; i < STEPS_MAX && !writer->dead && tiers_step(writer->tiers); i++)
            trim(writer);
        clock_fake_advance_ms(61000);
    }
}

/* The process starts again, with what it had written when it died. */
static void restart(struct writer *writer)
{
    char path[HARNESS_PATH_BYTES + 64];
    struct error err;
    close_writer(writer);
    ledger_path(writer, path, sizeof(path));
    if (writer->ledger.len > 0)
        ASSERT_OK(buf_write_file(&writer->ledger, path, 0600, &err), err);
    else
        unlink(path);
    writer->dead = false;
}

/* ---- The independent reader ------------------------------------------------------------------------------------------ */

struct reader {
    struct world *world;
    unsigned rows[MESSAGES];
    uint64_t count;
};

static struct str object_at(struct world *world, struct str uri)
{
    struct str base = STR("s3://bucket/");
    assert_true(str_starts(uri, base));
    struct thing *thing = fake_find(&world->fake, str_make(uri.data + base.len, uri.len - base.len));
    EXPECT(world, thing != NULL, "%.*s is not there", STR_ARG(uri));
    return buf_str(&thing->bytes);
}

static void check_rows(struct reader *reader, const struct parquet_file *file, const struct parquet_vector *v,
                       size_t rows)
{
    const struct parquet_vector *offset = &v[parquet_file_column(file, MESSAGE_OFFSET)];
    const struct parquet_vector *time = &v[parquet_file_column(file, MESSAGE_TIMESTAMP)];
    const struct parquet_vector *topic = &v[parquet_file_column(file, MESSAGE_TOPIC)];
    const struct parquet_vector *text = &v[parquet_file_column(file, MESSAGE_PAYLOAD)];
    const struct parquet_vector *raw = &v[parquet_file_column(file, MESSAGE_PAYLOAD_BYTES)];
    for (size_t i = 0; i < rows; i++) {
        uint64_t at = (uint64_t)offset->longs[i];
        char record[64];
        EXPECT(reader->world, at < MESSAGES && reader->rows[at]++ == 0, "offset %d", (int)at);
        size_t len = record_of(at, record), topic_len = strlen(record);
        struct str payload = parquet_is_null(text, i) ? raw->strings[i] : text->strings[i];
        assert_true(str_equal(topic->strings[i], str_make(record, topic_len)));
        assert_true(str_equal(payload, str_make(record + topic_len + 1, len - topic_len - 1)));
        assert_int_equal(time->longs[i], time_of(at) * 1000);
        reader->count++;
    }
}

static bool read_entry(const struct iceberg_entry *entry, void *arg)
{
    struct reader *reader = arg;
    struct error err;
    if (entry->status == ICEBERG_DELETED)
        return true;
    struct str bytes = object_at(reader->world, entry->file.path);
    EXPECT(reader->world, (uint64_t)entry->file.size_bytes == bytes.len, "size");
    struct parquet_file *file = parquet_file_open(bytes, bytes.len, 0, &err);
    EXPECT(reader->world, file != NULL, "%s", err.text);
    struct parquet_scan *scan = parquet_scan_open(0);
    const struct parquet_extent all = {0, bytes};
    for (size_t group = 0; group < file->group_count; group++) {
        const struct parquet_selection selection = {.group = group};
        const struct parquet_vector *vectors;
        size_t rows;
        ASSERT_OK(parquet_scan_start(scan, file, &selection, &all, 1, &err), err);
        while (parquet_scan_next(scan, 1000, &vectors, &rows, &err) && rows > 0)
            check_rows(reader, file, vectors, rows);
    }
    parquet_scan_close(scan);
    parquet_file_close(file);
    return true;
}

/* Versions follow each other without a hole: the last one is the table. */
static struct iceberg_table *newest(struct world *world)
{
    struct iceberg_table *table = NULL;
    struct error err;
    uint64_t version = 1;
    for (;; version++) {
        struct buf key = {0};
        buf_printf(&key, "p/s/");
        iceberg_metadata_key(version, &key);
        struct thing *thing = fake_find(&world->fake, buf_str(&key));
        buf_free(&key);
        if (thing == NULL)
            break;
        iceberg_table_free(table);
        table = iceberg_metadata_read(buf_str(&thing->bytes), &err);
        EXPECT(world, table != NULL, "v%d: %s", (int)version, err.text);
    }
    size_t metadata = 0;
    for (size_t i = 0; i < world->fake.count; i++)
        metadata += str_ends(str_of(world->fake.things[i].key), STR(".metadata.json"));
    EXPECT(world, metadata == version - 1, "a version lies behind a hole");
    return table;
}

static void check_table(struct world *world)
{
    struct reader reader = {.world = world};
    struct iceberg_list list = {0};
    struct iceberg_table *table = newest(world);
    struct error err;
    EXPECT(world, table != NULL && table->current != NULL, "there is no table");
    ASSERT_OK(iceberg_list_read(object_at(world, table->current->manifest_list), &list, &err), err);
    for (size_t i = 0; i < list.count; i++) {
        struct str bytes = object_at(world, list.manifests[i].path);
        ASSERT_OK(iceberg_manifest_read(bytes, &list.manifests[i], read_entry, &reader, &err), err);
    }
    EXPECT(world, reader.count == MESSAGES, "%d messages", (int)reader.count);
    for (size_t i = 0; i < table->snapshot_count; i++) { /* each one is whole, whoever has made it */
        for (size_t k = 0; k < i; k++)
            EXPECT(world, table->snapshots[i].sequence_number > table->snapshots[k].sequence_number, "order");
        object_at(world, table->snapshots[i].manifest_list);
    }
    iceberg_list_free(&list);
    iceberg_table_free(table);
}

static enum tier_status status_of(struct writer *writer, struct error *err)
{
    struct tier_stats stats;
    tier_stats(writer->tier, &stats);
    *err = stats.err;
    return stats.status;
}

/* Both work until nothing changes, and what is fenced stays so. Then each has something to commit, and learns whether it may. */
static void settle(struct world *world)
{
    struct writer *both[] = {&world->a, &world->b};
    struct error err;
    size_t running = 0;
    for (size_t i = 0; i < LENGTH(both); i++) {
        if (both[i]->dead)
            restart(both[i]);
    }
    deliver(world, UINT64_MAX);
    for (unsigned round = 0; round < 6; round++) {
        for (size_t i = 0; i < LENGTH(both); i++) {
            both[i]->expelled = round < 3 ? WATCHED : MESSAGES;
            if (both[i] == &world->b && !world->b_runs)
                continue;
            bool fenced = both[i]->tiers != NULL && status_of(both[i], &err) == TIER_FENCED;
            uint64_t changes = both[i]->changes;
            run(both[i]);
            EXPECT(world, !fenced || both[i]->changes == changes, "%s was fenced and has changed something",
                   both[i]->name);
        }
    }
    for (size_t i = 0; i < LENGTH(both); i++) {
        struct tier_bounds bounds;
        struct log_bounds log;
        if (both[i] == &world->b && !world->b_runs)
            continue;
        enum tier_status status = status_of(both[i], &err);
        tier_bounds(both[i]->tier, &bounds);
        log_bounds(both[i]->log, &log);
        EXPECT(world, log.first <= bounds.next && (status == TIER_FENCED || bounds.next == MESSAGES),
               "%s: committed %d, log from %d, %s: %s", both[i]->name, (int)bounds.next, (int)log.first,
               tier_status_name(status), err.text);
        EXPECT(world, status == TIER_FENCED ? err.code == ERR_CONFLICT : status == TIER_RUNNING, "%s: %s: %s",
               both[i]->name, tier_status_name(status), err.text);
        running += status == TIER_RUNNING;
    }
    EXPECT(world, running == 1, "%d brokers write", (int)running);
}

/* What lies in the directory, where the reader looks. */
static void load_disk(struct world *world)
{
    struct object_request list = {.op = OBJECT_LIST, .bucket = STR("bucket"), .key = STR("p/")};
    struct error err;
    ASSERT_OK(object_wait(world->disk, &list, &err), err);
    assert_false(list.more);
    for (size_t i = 0; i < list.list_count; i++) {
        struct buf bytes = {0};
        ASSERT_OK(object_get(world->disk, STR("bucket"), list.list[i].key, NULL, &bytes, &err), err);
        fake_apply(&world->fake, list.list[i].key, buf_str(&bytes), OBJECT_ALWAYS);
        buf_free(&bytes);
    }
    object_request_free(&list);
}

static struct object_store *open_disk(const struct world *world)
{
    struct object_config config;
    struct error err;
    object_config_init(&config);
    config.kind = OBJECT_DIRECTORY;
    config.name = mem_strdup("local");
    config.path = mem_alloc(HARNESS_PATH_BYTES + 16);
    snprintf(config.path, HARNESS_PATH_BYTES + 16, "%s/objects", world->dir);
    struct object_store *disk = object_store_open(&config, &err);
    CHECK(disk != NULL, "%s", err.text);
    object_config_free(&config);
    return disk;
}

/* ---- Worlds ---------------------------------------------------------------------------------------------------------- */

/* One run; returns how many requests A has made while it was watched. `fresh`: there is no table before. `on_disk`: the store is a
 * directory. */
static uint64_t run_world(bool fresh, bool on_disk, struct event first, struct event second)
{
    struct world *world = mem_zalloc(sizeof(*world));
    harness_make_dir(world->dir);
    clock_fake_set(time_of(MESSAGES), INT64_C(1000000000));
    world->events[0] = first;
    world->events[1] = second;
    if (on_disk)
        world->disk = open_disk(world);
    make_writer(world, &world->a, "a");
    make_writer(world, &world->b, "b");
    world->b.expelled = WATCHED;
    if (!fresh) {
        world->a.expelled = BEFORE;
        run(&world->a);
    }
    world->a.requests = 0;
    world->armed = true;
    world->a.expelled = WATCHED;
    run(&world->a);
    uint64_t requests = world->a.requests;
    world->armed = false;
    settle(world);
    if (on_disk)
        load_disk(world);
    check_table(world);
    free_writer(&world->a);
    free_writer(&world->b);
    object_store_close(world->disk);
    fake_free(&world->fake);
    clock_fake_stop();
    harness_remove_dir(world->dir);
    mem_free(world);
    return requests;
}

static const struct event nothing = {0};

/* All events of one place: the late ones with some delays. */
static size_t events_at(uint64_t at, struct event *out)
{
    static const uint64_t delays[] = {1, 2, 4, 8, 16};
    size_t count = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        if (kind != LATE)
            out[count++] = (struct event){at, (enum event_kind)kind, 0};
    }
    for (size_t i = 0; i < LENGTH(delays); i++)
        out[count++] = (struct event){at, LATE, delays[i]};
    return count;
}

static uint64_t each_of(uint64_t otherwise)
{
    const char *given = getenv("VARVE_PAIRS");
    return given != NULL ? strtoull(given, NULL, 10) : otherwise;
}

static void go_through_singles(bool fresh, bool on_disk)
{
    uint64_t requests = run_world(fresh, on_disk, nothing, nothing), runs = 0, each = each_of(SINGLES_EACH);
    uint64_t number = each > 1 ? harness_seed() % each : 0;
    for (uint64_t at = 1; at <= requests; at++) {
        struct event events[16];
        size_t count = events_at(at, events);
        for (size_t i = 0; i < count; i++) {
            if (number++ % each != 0)
                continue;
            run_world(fresh, on_disk, events[i], nothing);
            runs++;
        }
    }
    print_message("%d requests, %d runs\n", (int)requests, (int)runs);
}

static void test_one_event_at_every_request_of_a_first_migration(void **state)
{
    (void)state;
    go_through_singles(true, false);
}

static void test_one_event_at_every_request_of_a_migration(void **state)
{
    (void)state;
    go_through_singles(false, false);
}

static void test_one_event_at_every_request_to_a_directory(void **state)
{
    (void)state;
    go_through_singles(true, true);
    go_through_singles(false, true);
}

static void test_pairs_of_events(void **state)
{
    (void)state;
    uint64_t each = each_of(PAIRS_EACH), number = each > 1 ? harness_seed() % each : 0, runs = 0;
    for (int fresh = 0; fresh < 2; fresh++) {
        uint64_t requests = run_world(fresh != 0, false, nothing, nothing);
        for (uint64_t at = 1; at <= requests; at++) {
            for (uint64_t later = at + 1; later <= requests + 8; later++) {
                struct event first[16], second[16];
                size_t count = events_at(at, first);
                events_at(later, second);
                for (size_t i = 0; i < count * count; i++) {
                    if (number++ % each != 0)
                        continue;
                    run_world(fresh != 0, false, first[i / count], second[i % count]);
                    runs++;
                }
            }
        }
    }
    print_message("%d runs\n", (int)runs);
}

RUN_TESTS(cmocka_unit_test(test_one_event_at_every_request_of_a_first_migration),
          cmocka_unit_test(test_one_event_at_every_request_of_a_migration),
          cmocka_unit_test(test_one_event_at_every_request_to_a_directory),
          cmocka_unit_test(test_pairs_of_events))

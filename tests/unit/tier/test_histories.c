/* Random histories of a tier: appends, expulsions, migrations, giving up, crashes at any request, a store that refuses, loses
 * answers, takes its time for some files while others are built and put, and lets puts arrive late; a second broker that takes the
 * table over; expiry. After each history, with a store that
 * works, by a reader of its own that knows only metadata, manifests and files:
 *
 *   I1  what was appended is in the log or in the table, or was given up
 *   I2  nothing is in the table twice
 *   I3  offsets in the table have no gaps but those that the table tells
 *   I4  the log was trimmed no further than the table's end
 *   I5  every file that the current snapshot refers to is there, with its size
 *   I6  who was fenced changes nothing any more
 *   I7  what comes back is what was put in, byte by byte, with its time
 *
 * and, where only processes die (a put that arrives late may do so behind its removal), nothing lies in the store in the end that no
 * snapshot refers to, but for what the ledger says is going to be removed.
 *
 * VARVE_HISTORIES=n runs n of them; the seed of a failing one is printed, VARVE_SEED=n begins with it. */
#include "tier_test.h"

#include "base/hash.h"
#include "base/map.h"

#include <fcntl.h>

#define HISTORIES   60
#define STEPS       40
#define RECORDS_MAX 4000
#define DAY_MS      ((int64_t)24 * 3600 * 1000)

struct history {
    uint64_t seed;
    struct random random;
    struct fake fake;
    char dir[HARNESS_PATH_BYTES];
    struct log_engine *engine;
    struct log *log;
    struct tiers *tiers;
    struct tier *tier;
    uint64_t appended, expelled, given_up;
    int64_t times[RECORDS_MAX];
    unsigned crashes, takeovers;
    bool failing;     /* the store does */
    bool ledger_lost; /* once */
    bool closed;      /* to the tier */
};

/* What all histories together have come by: else they show nothing of it. */
static struct {
    unsigned overlaps;  /* of two batches or more, with puts under way */
    unsigned files;     /* of one batch, two or more at once */
    unsigned abandoned; /* puts that were under way when the process died */
} seen;

#define EXPECT(history, condition, ...)                                                              \
    do {                                                                                             \
        if (!(condition)) {                                                                          \
            print_error("VARVE_SEED=%" PRIu64 " crashes %u: ", (history)->seed, (history)->crashes); \
            print_error(__VA_ARGS__);                                                                \
            print_error("\n");                                                                       \
            fail_msg("%s", #condition);                                                              \
        }                                                                                            \
    } while (0)

static uint64_t below(struct history *history, uint64_t bound)
{
    return random_below(&history->random, bound);
}

/* ---- The log --------------------------------------------------------------------------------------------- */

static struct log *enter(void *arg)
{
    struct history *history = arg;
    return history->closed ? NULL : history->log;
}

static void leave(void *arg)
{
    (void)arg;
}

static void changed(void *arg)
{
    (void)arg;
}

/* The record of an offset: its topic, and a payload that is sometimes no UTF-8. */
static size_t record_of(const struct history *history, uint64_t offset, char *out)
{
    struct random random;
    random_seed(&random, history->seed ^ (offset * 7919 + 1));
    size_t len = (size_t)sprintf(out, "topic/%u", (unsigned)random_below(&random, 5)) + 1;
    size_t payload = (size_t)random_below(&random, 60);
    bool text = random_below(&random, 4) > 0;
    for (size_t i = 0; i < payload; i++)
        out[len++] = text ? (char)('a' + random_below(&random, 26)) : (char)random_below(&random, 256);
    return len;
}

static void appended(struct log_batch *batch, const struct error *err)
{
    assert_null(err);
    (void)batch;
}

static void append(struct history *history, uint64_t count)
{
    struct log_batch batch = {.done = appended};
    struct error err;
    for (uint64_t i = 0; i < count && history->appended < RECORDS_MAX; i++) {
        char record[256];
        size_t len = record_of(history, history->appended, record);
        int64_t now_ms = clock_wall_ms();
        memcpy(log_batch_add(&batch, now_ms, len), record, len);
        history->times[history->appended++] = now_ms;
        clock_fake_advance_ms(below(history, 200) == 0 ? (int64_t)(DAY_MS / 3) : (int64_t)below(history, 50));
    }
    if (log_batch_bytes(&batch) == 0)
        return;
    ASSERT_OK(log_append(history->log, &batch, &err), err);
    while (log_engine_step(history->engine))
        ;
}

/* ---- The tier -------------------------------------------------------------------------------------------- */

static struct tier_options options_of(struct history *history)
{
    return (struct tier_options){
        .station = STR("s"),
        .created_ms = 4711,
        .config = {.connector = STR("fake"),
                   .bucket = STR("bucket"),
                   .prefix = STR("p"),
                   .upload_bytes = 1,
                   .upload_interval_ms = 1000,
                   .definition = STR("{\"name\":\"s\"}")},
        .enter = enter,
        .leave = leave,
        .changed = changed,
        .arg = history,
    };
}

static void open_tier(struct history *history)
{
    struct error err;
    char dir[HARNESS_PATH_BYTES + 32];
    snprintf(dir, sizeof(dir), "%s/tier", history->dir);
    struct tiers_options options = fake_options(&history->fake, dir);
    options.file_bytes = 200 + below(history, 4000);
    history->tiers = tiers_open(&options, &err);
    assert_non_null(history->tiers);
    struct tier_options one = options_of(history);
    one.config.upload_bytes = 1 + below(history, 4000);
    history->tier = tier_open(history->tiers, &one, &err);
    if (history->tier == NULL)
        fail_msg("VARVE_SEED=%" PRIu64 ": %s", history->seed, err.text);
}

static void close_tier(struct history *history)
{
    tier_stop(history->tier, false);
    tier_free(history->tier);
    tiers_close(history->tiers);
}

static void trim(struct history *history)
{
    struct tier_bounds bounds;
    struct log_bounds log;
    struct error err;
    tier_bounds(history->tier, &bounds);
    log_bounds(history->log, &log);
    uint64_t to = bounds.next < history->expelled ? bounds.next : history->expelled;
    if (to > log.first)
        ASSERT_OK(log_trim(history->log, to, &err), err);
}

static void tell(struct history *history)
{
    uint64_t bytes = 0;
    struct error err;
    ASSERT_OK(log_bytes_below(history->log, history->expelled, &bytes, &err), err);
    tier_expel(history->tier, history->expelled, bytes);
}

static void look_what_overlaps(struct history *history)
{
    unsigned batches = 0;
    if (history->fake.held_count == 0)
        return;
    LIST_EACH(it, &history->tier->batches)
    {
        const struct batch *batch = CONTAINER_OF(it, struct batch, link);
        unsigned under_way = 0;
        for (size_t i = 0; i < batch->count; i++)
            under_way += batch->files[i].state == UPLOAD_UNDER_WAY;
        batches += under_way > 0;
        seen.files += under_way > 1;
    }
    seen.overlaps += batches > 1;
}

static void work(struct history *history, unsigned most)
{
    tell(history);
    for (unsigned i = 0; i < most && tiers_step(history->tiers); i++) {
        trim(history);
        look_what_overlaps(history);
        if (below(history, 4) == 0)
            fake_answer(&history->fake);
    }
    trim(history);
}

/* What the process had written by the time of its death: the ledger as it was then. */
struct remains {
    struct buf ledger;
    char path[HARNESS_PATH_BYTES + 32];
};

/* The process dies with its n-th request from here on, or now. */
static void crash(struct history *history)
{
    struct error err;
    history->crashes++;
    if (below(history, 3) > 0) {
        history->fake.die_at = history->fake.requests + 1 + below(history, 12);
        work(history, 8);
    }
    history->fake.dead = true;
    seen.abandoned += (unsigned)history->fake.held_count;
    close_tier(history);
    fake_drop_held(&history->fake, history->failing);
    history->fake.dead = false;
    history->fake.die_at = 0;
    if (below(history, 10) == 0) { /* and its disk, but for the log */
        char path[HARNESS_PATH_BYTES + 64];
        snprintf(path, sizeof(path), "%s/tier/s/ledger", history->dir);
        unlink(path);
        history->ledger_lost = true;
    }
    log_close(history->log);
    char dir[HARNESS_PATH_BYTES + 32];
    snprintf(dir, sizeof(dir), "%s/log", history->dir);
    const struct log_options options = {.segment_bytes = 4096};
    history->log = log_open(history->engine, dir, &options, &err);
    assert_non_null(history->log);
    open_tier(history);
}

/* Another broker claims the table; this one must stop, and change nothing. Then it starts again, and takes the table back. */
static void take_over(struct history *history)
{
    struct error err;
    char dir[HARNESS_PATH_BYTES + 32];
    struct tier_stats stats;
    unsigned failing = history->fake.fail_one_of, holding = history->fake.hold_one_of;
    unsigned tries = 0;
    history->takeovers++;
    history->fake.fail_one_of = history->fake.hold_one_of = 0;
    fake_answer_all(&history->fake);
    snprintf(dir, sizeof(dir), "%s/other", history->dir);
    const struct tiers_options options = fake_options(&history->fake, dir);
    struct tiers *tiers = tiers_open(&options, &err);
    assert_non_null(tiers);
    struct tier_options one = options_of(history);
    struct tier *other = tier_open(tiers, &one, &err);
    struct reach reach;
    assert_non_null(other);
    ASSERT_OK(reach_take(other, &reach, &err), err);
    bool there = table_load(other, &reach, false, &err) && other->table != NULL;
    if (there)
        ASSERT_OK(commit_claim(other, &reach, &err), err);
    reach_give_back(&reach);
    if (there && history->tier->own_epoch > 0) {
        append(history, 3);
        history->expelled = history->appended;
        tell(history);
        do { /* a put that has failed before is tried again first */
            clock_fake_advance_ms(120000);
            work(history, 100);
            tier_stats(history->tier, &stats);
        } while (stats.status != TIER_FENCED && ++tries < 10);
        EXPECT(history, stats.status == TIER_FENCED, "%s: %s", tier_status_name(stats.status),
               stats.err.text);
        uint64_t changes = history->fake.changes;
        clock_fake_advance_ms(3600000);
        work(history, 10);
        EXPECT(history, history->fake.changes == changes, "a fenced writer has changed something");
    }
    tier_stop(other, true);
    tier_free(other);
    tiers_close(tiers);
    history->fake.fail_one_of = failing;
    history->fake.hold_one_of = holding;
    close_tier(history);
    open_tier(history);
}

static void give_up(struct history *history)
{
    struct log_bounds log;
    struct tier_bounds bounds;
    struct error err;
    log_bounds(history->log, &log);
    tier_bounds(history->tier, &bounds);
    if (history->expelled <= bounds.next || history->expelled <= log.first)
        return;
    uint64_t to = bounds.next + 1 + below(history, history->expelled - bounds.next);
    ASSERT_OK(tier_give_up(history->tier, to, &err), err);
    if (to > history->given_up) /* without its ledger the tier may ask for less */
        history->given_up = to;
    ASSERT_OK(log_trim(history->log, to, &err), err);
}

/* ---- The independent reader ------------------------------------------------------------------------------ */

struct reader {
    struct history *history;
    uint64_t seen; /* rows */
    uint8_t *rows; /* of each offset, how often */
    const struct iceberg_table *table;
    uint64_t first;
};

static struct thing *object_at(struct reader *reader, struct str uri)
{
    struct str base = STR("s3://bucket/");
    EXPECT(reader->history, str_starts(uri, base), "%.*s", STR_ARG(uri));
    struct thing *thing =
        fake_find(&reader->history->fake, str_make(uri.data + base.len, uri.len - base.len));
    EXPECT(reader->history, thing != NULL, "%.*s is not there", STR_ARG(uri));
    return thing;
}

static void check_row(struct reader *reader, uint64_t offset, int64_t time_us, struct str topic,
                      struct str payload)
{
    struct history *history = reader->history;
    char expected[256];
    EXPECT(history, offset < history->appended, "offset %" PRIu64, offset);
    EXPECT(history, reader->rows[offset]++ == 0, "offset %" PRIu64 " is there twice", offset);
    EXPECT(history, time_us == history->times[offset] * 1000, "the time of offset %" PRIu64, offset);
    size_t len = record_of(history, offset, expected);
    size_t topic_len = strlen(expected);
    EXPECT(history, str_equal(topic, str_make(expected, topic_len)), "the topic of offset %" PRIu64, offset);
    EXPECT(history, str_equal(payload, str_make(expected + topic_len + 1, len - topic_len - 1)),
           "the payload of offset %" PRIu64, offset);
    reader->seen++;
    reader->first = offset < reader->first ? offset : reader->first;
}

static void read_file(struct reader *reader, struct str bytes)
{
    struct error err;
    struct parquet_file *file = parquet_file_open(bytes, bytes.len, 0, &err);
    EXPECT(reader->history, file != NULL, "%s", err.text);
    size_t offset = parquet_file_column(file, MESSAGE_OFFSET),
           time = parquet_file_column(file, MESSAGE_TIMESTAMP);
    size_t topic = parquet_file_column(file, MESSAGE_TOPIC),
           text = parquet_file_column(file, MESSAGE_PAYLOAD);
    size_t raw = parquet_file_column(file, MESSAGE_PAYLOAD_BYTES);
    struct parquet_scan *scan = parquet_scan_open(0);
    const struct parquet_extent all = {0, bytes};
    for (size_t group = 0; group < file->group_count; group++) {
        const struct parquet_selection selection = {.group = group};
        const struct parquet_vector *v;
        size_t rows;
        EXPECT(reader->history, parquet_scan_start(scan, file, &selection, &all, 1, &err), "%s", err.text);
        while (parquet_scan_next(scan, 1000, &v, &rows, &err) && rows > 0) {
            for (size_t i = 0; i < rows; i++) {
                bool is_text = !parquet_is_null(&v[text], i);
                EXPECT(reader->history, is_text == parquet_is_null(&v[raw], i), "one payload");
                check_row(reader, (uint64_t)v[offset].longs[i], v[time].longs[i], v[topic].strings[i],
                          is_text ? v[text].strings[i] : v[raw].strings[i]);
            }
        }
    }
    parquet_scan_close(scan);
    parquet_file_close(file);
}

static bool read_entry(const struct iceberg_entry *entry, void *arg)
{
    struct reader *reader = arg;
    if (entry->status == ICEBERG_DELETED)
        return true;
    struct thing *thing = object_at(reader, entry->file.path);
    EXPECT(reader->history, (uint64_t)entry->file.size_bytes == thing->bytes.len, "the size of %s",
           thing->key);
    uint64_t before = reader->seen;
    read_file(reader, buf_str(&thing->bytes));
    EXPECT(reader->history, reader->seen - before == (uint64_t)entry->file.record_count, "rows of %s",
           thing->key);
    return true;
}

static struct iceberg_table *newest(struct reader *reader)
{
    struct iceberg_table *table = NULL;
    struct error err;
    for (uint64_t version = 1;; version++) {
        char key[80];
        snprintf(key, sizeof(key), "p/s/metadata/v%" PRIu64 ".metadata.json", version);
        struct thing *thing = fake_find(&reader->history->fake, str_of(key));
        if (thing == NULL)
            return table;
        if (str_starts(buf_str(&thing->bytes), STR("{\"varve\"")))
            continue; /* a tombstone */
        iceberg_table_free(table);
        table = iceberg_metadata_read(buf_str(&thing->bytes), &err);
        EXPECT(reader->history, table != NULL, "%s", err.text);
    }
}

static void read_table(struct reader *reader)
{
    struct error err;
    struct iceberg_table *table = newest(reader);
    reader->first = UINT64_MAX;
    if (table != NULL && table->current != NULL) {
        struct iceberg_list list = {0};
        struct thing *thing = object_at(reader, table->current->manifest_list);
        EXPECT(reader->history, iceberg_list_read(buf_str(&thing->bytes), &list, &err), "%s", err.text);
        for (size_t i = 0; i < list.count; i++) {
            struct thing *manifest = object_at(reader, list.manifests[i].path);
            EXPECT(reader->history,
                   iceberg_manifest_read(buf_str(&manifest->bytes), &list.manifests[i], read_entry, reader,
                                         &err),
                   "%s", err.text);
        }
        iceberg_list_free(&list);
    }
    iceberg_table_free(table);
}

static void read_back(struct history *history, const struct reader *reader, const struct tier_bounds *bounds)
{
    struct error err = {0};
    for (uint64_t at = bounds->first; at < bounds->next;) {
        struct tier_fetch fetch = {.offset = at, .sequential = true};
        EXPECT(history, tier_fetch_wait(history->tier, &fetch, &err), "offset %" PRIu64 ": %s", at, err.text);
        if (fetch.chunk == NULL) {
            EXPECT(history, fetch.next > at, "offset %" PRIu64 " goes on at %" PRIu64, at, fetch.next);
            for (; at < fetch.next && at < bounds->next; at++)
                EXPECT(history, reader->rows[at] == 0, "offset %" PRIu64 " is passed over", at);
            continue;
        }
        struct log_cursor cursor;
        struct log_record record;
        log_cursor_init(&cursor, fetch.chunk, at);
        while (log_cursor_next(&cursor, &record)) {
            char expected[256];
            size_t len = record_of(history, record.offset, expected);
            EXPECT(history, record.offset == at && reader->rows[at] == 1, "offset %" PRIu64, record.offset);
            EXPECT(history, str_equal(record.data, str_make(expected, len)), "the record of %" PRIu64, at);
            EXPECT(history, record.time_ms == history->times[at], "the time of %" PRIu64, at);
            at++;
        }
        log_chunk_unref(fetch.chunk);
    }
}

static void reckon(struct history *history)
{
    struct tier_stats stats;
    struct tier_bounds bounds;
    struct log_bounds log;
    history->fake.fail_one_of = history->fake.hold_one_of = 0;
    fake_answer_all(&history->fake);
    fake_deliver_late(&history->fake);
    for (unsigned i = 0; i < 200; i++) {
        clock_fake_advance_ms(61000);
        work(history, 20);
        tier_bounds(history->tier, &bounds);
        tier_stats(history->tier, &stats);
        if (bounds.next >= history->expelled && stats.status == TIER_RUNNING)
            break;
    }
    EXPECT(history, stats.status == TIER_RUNNING, "%s: %s", tier_status_name(stats.status), stats.err.text);
    EXPECT(history, bounds.next >= history->expelled, "expelled %" PRIu64 ", committed %" PRIu64 ": %s %s",
           history->expelled, bounds.next, tier_status_name(stats.status), stats.err.text);
    log_bounds(history->log, &log);
    EXPECT(history, log.first <= bounds.next, "the log begins at %" PRIu64 ", the table ends at %" PRIu64,
           log.first, bounds.next);
    struct reader reader = {.history = history, .rows = mem_zalloc(RECORDS_MAX)};
    read_table(&reader);
    EXPECT(history, reader.seen == bounds.rows, "%" PRIu64 " rows, %" PRIu64 " told", reader.seen,
           bounds.rows);
    uint64_t missing = 0;
    for (uint64_t at = 0; at < log.first; at++) {
        EXPECT(history, reader.rows[at] == 1 || at < history->given_up, "offset %" PRIu64 " is nowhere", at);
        missing += reader.rows[at] == 0 && at >= bounds.first;
    }
    if (bounds.any) {
        EXPECT(history, bounds.rows + stats.missing == bounds.next - bounds.first,
               "%" PRIu64 " rows, %" PRIu64 " missing (%" PRIu64 "), %" PRIu64 " to %" PRIu64, bounds.rows,
               stats.missing, missing, bounds.first, bounds.next);
        read_back(history, &reader, &bounds);
    }
    mem_free(reader.rows);
}

/* ---- What is left ---------------------------------------------------------------------------------------- */

struct names {
    struct history *history;
    struct map all; /* of char *, by text */
};

static bool is_text(const void *item, const void *key)
{
    return str_is(*(const struct str *)key, item);
}

/* False: it is known already. */
static bool add_name(struct names *names, struct str uri)
{
    struct str root = STR("s3://bucket/");
    EXPECT(names->history, str_starts(uri, root), "%.*s", STR_ARG(uri));
    struct str key = str_make(uri.data + root.len, uri.len - root.len);
    uint64_t hash = hash_bytes(key.data, key.len);
    if (map_find(&names->all, hash, is_text, &key) != NULL)
        return false;
    map_insert(&names->all, hash, str_dup(key));
    return true;
}

static bool add_entry(const struct iceberg_entry *entry, void *arg)
{
    if (entry->status != ICEBERG_DELETED)
        add_name(arg, entry->file.path);
    return true;
}

/* Of every snapshot: its list, manifests, data files, all of which are there. */
static void add_snapshots(struct names *names, struct reader *reader, const struct iceberg_table *table)
{
    struct error err;
    for (size_t i = 0; i < table->snapshot_count; i++) {
        struct iceberg_list list = {0};
        add_name(names, table->snapshots[i].manifest_list);
        struct thing *thing = object_at(reader, table->snapshots[i].manifest_list);
        EXPECT(names->history, iceberg_list_read(buf_str(&thing->bytes), &list, &err), "%s", err.text);
        for (size_t k = 0; k < list.count; k++) {
            if (!add_name(names, list.manifests[k].path))
                continue;
            thing = object_at(reader, list.manifests[k].path);
            EXPECT(names->history,
                   iceberg_manifest_read(buf_str(&thing->bytes), &list.manifests[k], add_entry, names, &err),
                   "%s", err.text);
        }
        iceberg_list_free(&list);
    }
}

/* What has expired a moment ago. */
static void add_dying(struct names *names)
{
    LIST_EACH(it, &names->history->tier->ledger.dead)
    {
        const struct ledger_keys *keys = CONTAINER_OF(it, struct ledger_keys, link);
        for (size_t i = 0; i < keys->count; i++) {
            char uri[512];
            snprintf(uri, sizeof(uri), "s3://bucket/p/s/%s", keys->keys[i]);
            add_name(names, str_of(uri));
        }
    }
}

static void check_nothing_is_left(struct history *history)
{
    struct names names = {.history = history};
    struct reader reader = {.history = history};
    for (unsigned i = 0; i < 4; i++) { /* it writes once more, and what is dead has its time */
        append(history, 1);
        history->expelled = history->appended;
        clock_fake_advance_ms((int64_t)20 * 60000);
        work(history, 200);
    }
    struct iceberg_table *table = newest(&reader);
    if (table != NULL)
        add_snapshots(&names, &reader, table);
    add_dying(&names);
    for (size_t i = 0; i < history->fake.count; i++) {
        struct str key = str_of(history->fake.things[i].key);
        bool counts = str_ends(key, STR(".avro")) || str_ends(key, STR(".parquet"));
        EXPECT(history, !counts || map_find(&names.all, hash_bytes(key.data, key.len), is_text, &key) != NULL,
               "%.*s is left", STR_ARG(key));
    }
    void *name;
    for (size_t i = 0; (name = map_next(&names.all, &i)) != NULL;)
        mem_free(name);
    map_free(&names.all);
    iceberg_table_free(table);
}

/* ---- Histories ------------------------------------------------------------------------------------------- */

static void step(struct history *history)
{
    switch (below(history, 12)) {
    case 0:
    case 1:
    case 2: append(history, 1 + below(history, 60)); break;
    case 3:
    case 4:
        if (history->appended > history->expelled)
            history->expelled += 1 + below(history, history->appended - history->expelled);
        break;
    case 5: crash(history); break;
    case 6: clock_fake_advance_ms((int64_t)below(history, 1200000)); break;
    case 7:
        if (below(history, 6) == 0 && !history->fake.conditions_refused) /* else two go unnoticed */
            take_over(history);
        break;
    case 8:
        if (below(history, 5) == 0)
            give_up(history);
        break;
    case 9: fake_answer(&history->fake); break;
    default: work(history, 1 + (unsigned)below(history, 12)); break;
    }
}

static void run_history(uint64_t seed)
{
    struct history *history = mem_zalloc(sizeof(*history));
    struct error err;
    char dir[HARNESS_PATH_BYTES + 32];
    history->seed = seed;
    random_seed(&history->random, seed);
    harness_make_dir(history->dir);
    clock_fake_set(INT64_C(1795000000000), INT64_C(1000000000));
    history->fake.random = &history->random;
    history->fake.fail_one_of = (unsigned)below(history, 3) * 6;
    history->failing = history->fake.fail_one_of > 0;
    history->fake.conditions_refused = below(history, 10) == 0;
    history->fake.hold_one_of = (unsigned)below(history, 3);
    history->fake.answer_one_of = 4;
    const struct log_engine_options engine = {.writers = 0};
    history->engine = log_engine_start(&engine, &err);
    assert_non_null(history->engine);
    snprintf(dir, sizeof(dir), "%s/log", history->dir);
    const struct log_options options = {.segment_bytes = 4096};
    history->log = log_open(history->engine, dir, &options, &err);
    assert_non_null(history->log);
    open_tier(history);
    for (unsigned i = 0; i < STEPS; i++)
        step(history);
    reckon(history);
    if (!history->failing && !history->ledger_lost)
        check_nothing_is_left(history);
    close_tier(history);
    log_close(history->log);
    log_engine_stop(history->engine);
    fake_free(&history->fake);
    clock_fake_stop();
    harness_remove_dir(history->dir);
    mem_free(history);
}

static void test_nothing_is_lost_doubled_or_changed_whatever_happens(void **state)
{
    unsigned count = harness_histories(HISTORIES);
    uint64_t seed = harness_seed();
    (void)state;
    for (uint64_t i = 0; i < count; i++)
        run_history(seed + i);
    if (count < HISTORIES)
        return;
    assert_true(seen.overlaps > 0);
    assert_true(seen.files > 0);
    assert_true(seen.abandoned > 0);
}

RUN_TESTS(cmocka_unit_test(test_nothing_is_lost_doubled_or_changed_whatever_happens))

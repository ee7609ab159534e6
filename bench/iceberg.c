/* What the metadata of a large table takes: the files of a station's table, as many as a terabyte has, with the counts and
 * bounds that a migration writes for each.
 *
 *     bench_iceberg [--files N] [--commit N] [--json]
 *
 * The table is built with appends of --commit files each (1,024), its metadata kept in memory; then it is loaded as after a
 * start: metadata.json, the manifest list, every manifest, the index of files. At last it is gone on with: an append of one file,
 * a delete of the oldest day and an expiry, on top of all that. Memory is the most that the process held above what it had before. */
#include "table/iceberg_commit.h"
#include "table/iceberg_index.h"
#include "table/message_schema.h"

#include "base/mem.h"
#include "base/random.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LOCATION     "s3://varve/stations/telemetry"
#define ROWS_A_FILE  40000u
#define FILES_A_DAY  360
#define FIRST_DAY    20000
#define DAY_US       INT64_C(86400000000)
#define OBJECTS_MAX  20000
#define COLUMN_COUNT 17

struct object {
    char *location;
    struct buf bytes;
};

struct bench {
    struct object objects[OBJECTS_MAX];
    size_t object_count;
    struct iceberg_table *table;
    struct iceberg_list list;
    uint64_t version;
    struct random random;
};

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of /proc/self/status, in KiB; 0: the system does not tell. */
static long memory_kib(const char *key)
{
    char line[256];
    long found = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0)
            found = strtol(line + strlen(key), NULL, 10);
    }
    if (file != NULL)
        fclose(file);
    return found;
}

/* So that VmHWM counts from here on. */
static void forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file != NULL) {
        fputs("5", file);
        fclose(file);
    }
}

static void die(const char *what, const struct error *err)
{
    fprintf(stderr, "bench_iceberg: %s: %s\n", what, err->text);
    exit(1);
}

/* ---- Objects --------------------------------------------------------------------------------------------------------- */

static void put(struct bench *bench, struct str key, struct str bytes)
{
    if (bench->object_count == OBJECTS_MAX)
        abort();
    struct object *object = &bench->objects[bench->object_count++];
    struct buf location = {0};
    buf_printf(&location, LOCATION "/%.*s", STR_ARG(key));
    object->location = str_dup(buf_str(&location));
    buf_free(&location);
    buf_append_str(&object->bytes, bytes);
}

static struct str get(const struct bench *bench, struct str location)
{
    for (size_t i = bench->object_count; i-- > 0;) {
        if (str_is(location, bench->objects[i].location))
            return buf_str(&bench->objects[i].bytes);
    }
    abort();
}

/* ---- Files ----------------------------------------------------------------------------------------------------------- */

static struct str put_bound(struct arena *arena, int64_t value)
{
    uint8_t *out = arena_alloc(arena, 8);
    return str_make(out, iceberg_bound_long(value, out));
}

/* The n-th file: rows in a row, a few minutes of a day, sizes that vary. */
static struct iceberg_data_file make_file(struct bench *bench, struct arena *arena, uint64_t n)
{
    struct iceberg_column *columns = arena_zalloc(arena, COLUMN_COUNT * sizeof *columns);
    int64_t day = FIRST_DAY + (int64_t)(n / FILES_A_DAY), first = (int64_t)(n * ROWS_A_FILE);
    int64_t time_us = day * DAY_US + (int64_t)(n % FILES_A_DAY) * (DAY_US / FILES_A_DAY);
    for (int32_t i = 0; i < COLUMN_COUNT; i++) {
        columns[i] = (struct iceberg_column){
            .field_id = i < 5 ? i + 1 : i + 3,
            .size_bytes = (int64_t)random_below(&bench->random, 4 << 20),
            .value_count = ROWS_A_FILE,
            .null_count = i < 3 ? 0 : (int64_t)random_below(&bench->random, ROWS_A_FILE),
            .nan_count = ICEBERG_NONE,
        };
    }
    columns[0].lower = put_bound(arena, first);
    columns[0].upper = put_bound(arena, first + ROWS_A_FILE - 1);
    columns[1].lower = put_bound(arena, time_us + (int64_t)random_below(&bench->random, 1000000));
    columns[1].upper = put_bound(arena, time_us + DAY_US / FILES_A_DAY - 1);
    columns[2].lower = str_of(arena_printf(arena, "plant/%d/mach", (int)random_below(&bench->random, 10)));
    columns[2].upper = str_of(arena_printf(arena, "plant/%d/maci", (int)random_below(&bench->random, 10)));
    int64_t *splits = arena_alloc(arena, 2 * sizeof *splits);
    splits[0] = 4;
    splits[1] = (int64_t)random_below(&bench->random, 4 << 20) + 4;
    return (struct iceberg_data_file){
        .path = str_of(arena_printf(arena, LOCATION "/data/%020" PRId64 "-%016" PRIx64 ".parquet", first,
                                    random_next(&bench->random))),
        .record_count = ROWS_A_FILE,
        .size_bytes = (int64_t)((7 << 20) + random_below(&bench->random, 2 << 20)),
        .partition = {{ICEBERG_INT, {.number = day}}},
        .partition_count = 1,
        .columns = columns,
        .column_count = COLUMN_COUNT,
        .split_offsets = splits,
        .split_count = 2,
        .sort_order_id = 1,
    };
}

/* ---- Commits --------------------------------------------------------------------------------------------------------- */

/* Returns how many objects it takes. */
static size_t commit(struct bench *bench, struct iceberg_change *change)
{
    struct error err;
    char uuid[40];
    snprintf(uuid, sizeof uuid, "00000000-0000-4000-8000-%012" PRIu64, bench->version + 1);
    change->uuid = str_of(uuid);
    change->now_ms = INT64_C(1700000000000) + (int64_t)bench->version * 60000;
    struct iceberg_commit *commit = iceberg_commit_new(
        bench->table, bench->version, bench->table->current != NULL ? &bench->list : NULL, change, &err);
    if (commit == NULL)
        die("commit", &err);
    for (size_t i = 0; i < commit->needed_count; i++) {
        if (!iceberg_commit_give(commit, get(bench, commit->needed[i].path), &err))
            die("commit", &err);
    }
    if (!iceberg_commit_finish(commit, &err))
        die("commit", &err);
    size_t puts = commit->object_count;
    for (size_t i = 0; i < puts; i++)
        put(bench, commit->objects[i].key, commit->objects[i].bytes);
    iceberg_table_free(bench->table);
    bench->table = commit->table;
    commit->table = NULL;
    if (commit->list != NULL) {
        iceberg_list_free(&bench->list);
        bench->list = *commit->list;
        mem_free(commit->list);
        commit->list = NULL;
    }
    iceberg_commit_free(commit);
    bench->version++;
    change->uuid = STR_NONE;
    return puts;
}

static void build(struct bench *bench, uint64_t files, uint64_t at_once)
{
    struct error err;
    const struct iceberg_table_options options = {
        .uuid = STR("11111111-2222-4333-8444-555555555555"),
        .location = STR(LOCATION),
        .schema = &message_schema,
        .partition = &message_partition,
        .partition_count = 1,
        .sort = &message_sort,
        .sort_count = 1,
        .now_ms = INT64_C(1700000000000),
    };
    bench->table = iceberg_table_new(&options, &err);
    if (bench->table == NULL)
        die("table", &err);
    for (uint64_t first = 0; first < files; first += at_once) {
        struct arena arena = {0};
        uint64_t count = files - first < at_once ? files - first : at_once;
        struct iceberg_data_file *added = arena_alloc(&arena, count * sizeof *added);
        for (uint64_t i = 0; i < count; i++)
            added[i] = make_file(bench, &arena, first + i);
        struct iceberg_change change = {.operation = ICEBERG_APPEND, .added = added, .added_count = count};
        commit(bench, &change);
        arena_free(&arena);
    }
}

/* ---- What is measured ------------------------------------------------------------------------------------------------ */

struct result {
    double seconds;
    long memory_kib; /* above what was held before */
    size_t bytes;    /* of metadata, as it lies in the store */
    size_t manifests;
    struct iceberg_index_totals totals;
};

/* As after a start: a manifest at a time in memory, as if it had come from the store. */
static struct iceberg_index *load(const struct bench *bench, struct result *result)
{
    struct error err;
    struct buf key = {0}, metadata = {0};
    struct iceberg_list list = {0};
    forget_peak();
    long before = memory_kib("VmRSS:");
    double start = cpu_seconds();
    buf_printf(&key, LOCATION "/");
    iceberg_metadata_key(bench->version, &key);
    buf_append_str(&metadata, get(bench, buf_str(&key)));
    struct iceberg_table *table = iceberg_metadata_read(buf_str(&metadata), &err);
    if (table == NULL || !iceberg_list_read(get(bench, table->current->manifest_list), &list, &err))
        die("load", &err);
    struct iceberg_index *index = iceberg_index_new(table->location, MESSAGE_OFFSET, MESSAGE_TIMESTAMP);
    result->bytes = metadata.len + get(bench, table->current->manifest_list).len;
    for (size_t i = 0; i < list.count; i++) {
        struct buf fetched = {0};
        buf_append_str(&fetched, get(bench, list.manifests[i].path));
        if (!iceberg_manifest_read(buf_str(&fetched), &list.manifests[i], iceberg_index_entry, index, &err))
            die("load", &err);
        result->bytes += fetched.len;
        buf_free(&fetched);
    }
    iceberg_index_totals(index, &result->totals);
    result->manifests = list.count;
    result->seconds = cpu_seconds() - start;
    result->memory_kib = memory_kib("VmHWM:") - before;
    iceberg_table_free(table);
    iceberg_list_free(&list);
    buf_free(&key);
    buf_free(&metadata);
    return index;
}

/* Seconds of one more commit. */
static double measure_append(struct bench *bench, uint64_t n, size_t *puts)
{
    struct arena arena = {0};
    const struct iceberg_data_file file = make_file(bench, &arena, n);
    struct iceberg_change change = {.operation = ICEBERG_APPEND, .added = &file, .added_count = 1};
    double start = cpu_seconds();
    *puts = commit(bench, &change);
    double seconds = cpu_seconds() - start;
    arena_free(&arena);
    return seconds;
}

static double measure_delete(struct bench *bench, struct iceberg_index *index, size_t *puts)
{
    struct arena arena = {0};
    struct iceberg_data_file *removed = arena_zalloc(&arena, FILES_A_DAY * sizeof *removed);
    struct iceberg_change change = {.operation = ICEBERG_DELETE, .removed = removed};
    struct iceberg_file file;
    while (change.removed_count < FILES_A_DAY && iceberg_index_at(index, change.removed_count, &file)) {
        struct iceberg_data_file *to = &removed[change.removed_count++];
        to->path = arena_str(&arena, file.path);
        to->partition[0] = (struct iceberg_value){ICEBERG_INT, {.number = file.day}};
        to->partition_count = 1;
    }
    double start = cpu_seconds();
    *puts = commit(bench, &change);
    double seconds = cpu_seconds() - start;
    arena_free(&arena);
    return seconds;
}

static double measure_expiry(struct bench *bench, size_t *removable)
{
    struct error err;
    struct arena arena = {0};
    const struct iceberg_retention retention = {.min_count = 1};
    size_t count;
    double start = cpu_seconds();
    const int64_t *expired = iceberg_expired(bench->table, &retention, INT64_MAX / 2, &arena, &count);
    struct iceberg_cleanup *cleanup = iceberg_cleanup_new(bench->table, expired, count, &err);
    bool ok = cleanup != NULL;
    for (size_t i = 0; ok && i < cleanup->list_count; i++)
        ok = iceberg_cleanup_give_list(cleanup, get(bench, cleanup->lists[i]), &err);
    for (size_t i = 0; ok && i < cleanup->manifest_count; i++)
        ok = iceberg_cleanup_give_manifest(cleanup, get(bench, cleanup->manifests[i].path), &err);
    if (!ok)
        die("expiry", &err);
    *removable = cleanup->removable_count;
    double seconds = cpu_seconds() - start;
    iceberg_cleanup_free(cleanup);
    arena_free(&arena);
    return seconds;
}

static void run(uint64_t files, uint64_t at_once, bool json)
{
    static struct bench bench;
    struct result result = {0};
    size_t append_puts, delete_puts, removable;
    random_seed(&bench.random, 1);
    double start = cpu_seconds();
    build(&bench, files, at_once);
    double build_seconds = cpu_seconds() - start;
    struct iceberg_index *index = load(&bench, &result);
    double append_seconds = measure_append(&bench, files, &append_puts);
    double delete_seconds = measure_delete(&bench, index, &delete_puts);
    double expiry_seconds = measure_expiry(&bench, &removable);
    iceberg_index_free(index);
    if (json) {
        printf("{\"files\":%" PRIu64 ",\"table_bytes\":%" PRIu64 ",\"metadata_bytes\":%zu,\"manifests\":%zu,"
               "\"load_seconds\":%.3f,\"load_memory_kib\":%ld,\"index_bytes\":%" PRIu64
               ",\"append_seconds\":%.4f,"
               "\"append_puts\":%zu,\"delete_seconds\":%.3f,\"delete_puts\":%zu,\"expiry_seconds\":%.3f}\n",
               result.totals.files, result.totals.bytes, result.bytes, result.manifests, result.seconds,
               result.memory_kib, result.totals.memory_bytes, append_seconds, append_puts, delete_seconds,
               delete_puts, expiry_seconds);
    } else {
        printf("%" PRIu64 " files of %.2f TiB: %.1f MiB of metadata in %zu manifests (built in %.1f s)\n"
               "load: %.2f s, %.1f MiB of memory, of which the index %.1f MiB\n"
               "append of a file: %.1f ms, %zu objects; delete of %d files: %.0f ms, %zu objects; expiry: "
               "%.0f ms, %zu may go\n",
               result.totals.files, (double)result.totals.bytes / 1099511627776.0,
               (double)result.bytes / 1048576, result.manifests, build_seconds, result.seconds,
               (double)result.memory_kib / 1024, (double)result.totals.memory_bytes / 1048576,
               append_seconds * 1e3, append_puts, FILES_A_DAY, delete_seconds * 1e3, delete_puts,
               expiry_seconds * 1e3, removable);
    }
    iceberg_table_free(bench.table);
    iceberg_list_free(&bench.list);
    for (size_t i = 0; i < bench.object_count; i++) {
        mem_free(bench.objects[i].location);
        buf_free(&bench.objects[i].bytes);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"files", required_argument, NULL, 'f'},
        {"commit", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    uint64_t files = 131072, at_once = 1024;
    bool json = false;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'f': files = strtoull(optarg, NULL, 10); break;
        case 'c': at_once = strtoull(optarg, NULL, 10); break;
        case 'j': json = true; break;
        default: fprintf(stderr, "usage: bench_iceberg [--files N] [--commit N] [--json]\n"); return 2;
        }
    }
    if (files == 0 || at_once == 0 || files / at_once > OBJECTS_MAX / 5) {
        fprintf(stderr, "bench_iceberg: at least one file, and at most %d commits\n", OBJECTS_MAX / 5);
        return 2;
    }
    run(files, at_once, json);
    return 0;
}

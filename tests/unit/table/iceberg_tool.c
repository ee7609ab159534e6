/* Makes a table of messages in a directory, for tests in which other programs read it.
 *
 *     iceberg_tool DIR LOCATION command…
 *     iceberg_tool manifest FILE…, iceberg_tool list FILE…
 *
 * LOCATION is what the metadata calls the directory. Commands, in order:
 *     append:ROWS    a commit with one more file        delete:N   of the N oldest files
 *     days:ROWS      two files, of this day and the next compact:N  of the N newest files of the last day
 *     expire:KEEP    all snapshots but the newest KEEP, and the objects that only they refer to
 *     evolve         one more column, which rows from then on have
 * Manifests are merged when there are five of them.
 *
 * Prints lines of JSON: {"version", "snapshot", "files": [paths], "puts": the most that a commit took}, then each row that
 * the table holds: strings, with {"hex"} for binary. Of manifests and lists: a line for each record, with what another program
 * that reads them can compare. */
#include "table/iceberg_commit.h"
#include "table/iceberg_index.h"
#include "table/message_schema.h"
#include "table/parquet.h"

#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_US      INT64_C(86400000000)
#define FIRST_DAY   20000
#define EXTRA       (MESSAGE_COLUMN_LAST + 1)
#define FILES_MAX   1000
#define COLUMNS_MAX 32

struct file {
    struct iceberg_data_file data;
    uint64_t first;
    uint64_t rows;
    int32_t day;
};

struct tool {
    const char *dir;
    struct str location;
    struct iceberg_table *table;
    struct iceberg_list list;
    uint64_t version;
    struct file files[FILES_MAX]; /* live, in the order of offsets */
    size_t file_count;
    uint64_t next_offset;
    uint64_t next_name;
    int32_t day;
    bool evolved;
    uint64_t extra_from; /* offsets from here on have the column */
    size_t puts;
    struct arena arena;
};

static void die(const char *what, const struct error *err)
{
    fprintf(stderr, "iceberg_tool: %s: %s\n", what, err->text);
    exit(1);
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------ */

struct row {
    uint64_t offset;
    int64_t timestamp_us;
    char topic[32];
    struct str payload;
    bool is_text;
    char bytes[64];
    int qos;
    bool retain;
    size_t header_count;
};

/* What a row is follows from its offset. */
static void make_row(uint64_t offset, int32_t day, struct row *row)
{
    struct random random;
    random_seed(&random, offset + 1);
    *row = (struct row){.offset = offset,
                        .timestamp_us = day * DAY_US + (int64_t)(offset % 86400) * 1000000 + 123};
    snprintf(row->topic, sizeof row->topic, "site/%d/äpfel", (int)random_below(&random, 5));
    size_t len = random_below(&random, 40);
    row->is_text = random_below(&random, 3) > 0;
    for (size_t i = 0; i < len; i++)
        row->bytes[i] = (char)(row->is_text ? 'a' + random_below(&random, 26) : random_next(&random) | 0x80);
    row->is_text = utf8_valid(row->bytes, len);
    row->payload = str_make(row->bytes, len);
    row->qos = (int)random_below(&random, 3);
    row->retain = random_below(&random, 4) == 0;
    row->header_count = random_below(&random, 3);
}

static size_t column(const struct parquet_writer *writer, int32_t id)
{
    size_t at = parquet_writer_column(writer, id);
    if (at == PARQUET_NO_COLUMN)
        abort();
    return at;
}

static void put_row(struct parquet_writer *writer, const struct row *row, bool extra)
{
    struct error err;
    parquet_put_long(writer, column(writer, MESSAGE_OFFSET), (int64_t)row->offset);
    parquet_put_long(writer, column(writer, MESSAGE_TIMESTAMP), row->timestamp_us);
    parquet_put_str(writer, column(writer, MESSAGE_TOPIC), str_of(row->topic));
    parquet_put_str(writer, column(writer, row->is_text ? MESSAGE_PAYLOAD : MESSAGE_PAYLOAD_BYTES),
                    row->payload);
    parquet_put_int(writer, column(writer, MESSAGE_QOS), row->qos);
    parquet_put_boolean(writer, column(writer, MESSAGE_RETAIN), row->retain);
    if (row->header_count > 0)
        parquet_put_list(writer, column(writer, MESSAGE_HEADER_KEY), (uint32_t)row->header_count);
    for (size_t i = 0; i < row->header_count; i++) {
        parquet_put_str(writer, column(writer, MESSAGE_HEADER_KEY), STR("key"));
        parquet_put_str(writer, column(writer, MESSAGE_HEADER_VALUE), str_of(row->topic));
    }
    if (extra)
        parquet_put_double(writer, column(writer, EXTRA), (double)row->offset / 2);
    if (!parquet_end_row(writer, &err))
        die("row", &err);
}

static void print_row(const struct tool *tool, const struct row *row)
{
    struct buf out = {0};
    char hex[2 * sizeof row->bytes + 1];
    buf_printf(&out, "{\"offset\":\"%" PRIu64 "\",\"timestamp\":\"%" PRId64 "\",\"topic\":", row->offset,
               row->timestamp_us);
    buf_append_json(&out, str_of(row->topic));
    hex_encode(row->payload.data, row->payload.len, hex);
    if (row->is_text) {
        buf_printf(&out, ",\"payload\":");
        buf_append_json(&out, row->payload);
        buf_printf(&out, ",\"payload_bytes\":null");
    } else {
        buf_printf(&out, ",\"payload\":null,\"payload_bytes\":{\"hex\":\"%s\"}", hex);
    }
    buf_printf(&out, ",\"qos\":%d,\"retain\":%s,\"headers\":", row->qos, row->retain ? "true" : "false");
    buf_printf(&out, row->header_count > 0 ? "[" : "null");
    for (size_t i = 0; i < row->header_count; i++) {
        buf_printf(&out, "%s{\"key\":\"key\",\"value\":", i > 0 ? "," : "");
        buf_append_json(&out, str_of(row->topic));
        buf_printf(&out, "}");
    }
    buf_printf(&out, row->header_count > 0 ? "]" : "");
    if (tool->evolved && row->offset >= tool->extra_from)
        buf_printf(&out, ",\"extra\":%.1f", (double)row->offset / 2);
    else if (tool->evolved)
        buf_printf(&out, ",\"extra\":null");
    printf("%.*s}\n", STR_ARG(buf_str(&out)));
    buf_free(&out);
}

/* ---- Objects --------------------------------------------------------------------------------------------------------- */

static void path_of(const struct tool *tool, struct str key, char *path, size_t size)
{
    snprintf(path, size, "%s/%.*s", tool->dir, STR_ARG(key));
}

static void put_object(struct tool *tool, struct str key, struct str bytes)
{
    struct error err;
    char path[4096];
    const struct buf buf = {(uint8_t *)bytes.data, bytes.len, bytes.len};
    path_of(tool, key, path, sizeof path);
    if (!buf_write_file(&buf, path, 0644, &err))
        die(path, &err);
}

static void get_object(struct tool *tool, struct str location, struct buf *out)
{
    struct error err;
    char path[4096];
    struct str key;
    if (!iceberg_key(tool->table, location, &key))
        abort();
    path_of(tool, key, path, sizeof path);
    if (!buf_read_file(out, path, 64 << 20, &err))
        die(path, &err);
}

static bool write_bytes(void *arg, struct str bytes, struct error *err)
{
    (void)err;
    buf_append_str(arg, bytes);
    return true;
}

/* ---- Data files ------------------------------------------------------------------------------------------------------ */

/* What a manifest says of a file, from what the Parquet writer knows: in the arena. */
static void describe(struct tool *tool, const struct parquet_summary *summary, struct iceberg_data_file *data)
{
    struct iceberg_column *columns = arena_zalloc(&tool->arena, summary->column_count * sizeof *columns);
    int64_t *splits = arena_alloc(&tool->arena, (summary->split_count + 1) * sizeof *splits);
    data->columns = columns;
    data->split_offsets = splits;
    for (size_t i = 0; i < summary->column_count; i++) {
        const struct parquet_column_summary *from = &summary->columns[i];
        struct iceberg_column *to = &columns[data->column_count];
        *to = (struct iceberg_column){from->id,
                                      (int64_t)from->bytes,
                                      (int64_t)from->value_count,
                                      (int64_t)from->null_count,
                                      ICEBERG_NONE,
                                      STR_NONE,
                                      STR_NONE};
        bool bounded =
            from->id == MESSAGE_OFFSET || from->id == MESSAGE_TIMESTAMP || from->id == MESSAGE_TOPIC;
        if (bounded && from->bounds.known) {
            uint8_t upper[64];
            bool is_string = from->id == MESSAGE_TOPIC;
            to->lower = arena_str(&tool->arena, iceberg_bound_lower(from->bounds.lower, is_string));
            to->upper = arena_str(&tool->arena, iceberg_bound_upper(from->bounds.upper, is_string, upper));
        }
        data->column_count++;
    }
    for (size_t i = 0; i < summary->split_count; i++)
        splits[data->split_count++] = (int64_t)summary->split_offsets[i];
    data->record_count = (int64_t)summary->rows;
    data->size_bytes = (int64_t)summary->bytes;
    data->sort_order_id = 1;
}

static struct file write_file(struct tool *tool, uint64_t first, uint64_t rows, int32_t day)
{
    struct error err;
    struct buf bytes = {0}, schema_json = {0}, key = {0};
    const struct table_schema *schema = &tool->table->schema->schema;
    struct file file = {.first = first, .rows = rows, .day = day};
    const struct parquet_write_options options = {.row_group_rows = 50, .page_rows = 20};
    struct parquet_writer *writer = parquet_writer_open(schema, &options, write_bytes, &bytes, &err);
    if (writer == NULL)
        die("Parquet", &err);
    iceberg_schema_json(schema, &schema_json);
    parquet_writer_set(writer, STR("iceberg.schema"), buf_str(&schema_json));
    for (uint64_t i = first; i < first + rows; i++) {
        struct row row;
        make_row(i, day, &row);
        put_row(writer, &row, tool->evolved && i >= tool->extra_from);
    }
    struct parquet_summary summary;
    if (!parquet_writer_finish(writer, &summary, &err))
        die("Parquet", &err);
    describe(tool, &summary, &file.data);
    buf_printf(&key, "data/%020" PRIu64 "-%" PRIu64 ".parquet", first, tool->next_name++);
    file.data.path =
        str_of(arena_printf(&tool->arena, "%.*s/%.*s", STR_ARG(tool->location), STR_ARG(buf_str(&key))));
    file.data.partition_count = 1;
    file.data.partition[0] = (struct iceberg_value){ICEBERG_INT, {.number = day}};
    put_object(tool, buf_str(&key), buf_str(&bytes));
    parquet_writer_close(writer);
    buf_free(&bytes);
    buf_free(&schema_json);
    buf_free(&key);
    return file;
}

/* ---- Commits --------------------------------------------------------------------------------------------------------- */

static void commit(struct tool *tool, struct iceberg_change *change)
{
    struct error err = {0};
    char uuid[40], offset[24];
    snprintf(uuid, sizeof uuid, "00000000-0000-4000-8000-%012" PRIu64, tool->version + 1);
    snprintf(offset, sizeof offset, "%" PRIu64, tool->next_offset - 1);
    const struct iceberg_property summary = {STR("varve.committed-offset"), str_of(offset)};
    change->uuid = str_of(uuid);
    change->now_ms = INT64_C(1700000000000) + (int64_t)tool->version * 1000;
    change->merge_count = 5;
    change->summary = &summary;
    change->summary_count = change->operation != ICEBERG_NO_SNAPSHOT;
    struct iceberg_commit *commit = iceberg_commit_new(
        tool->table, tool->version, tool->table->current != NULL ? &tool->list : NULL, change, &err);
    if (commit == NULL)
        die("commit", &err);
    for (size_t i = 0; i < commit->needed_count; i++) {
        struct buf bytes = {0};
        get_object(tool, commit->needed[i].path, &bytes);
        if (!iceberg_commit_give(commit, buf_str(&bytes), &err))
            die("commit", &err);
        buf_free(&bytes);
    }
    if (!iceberg_commit_finish(commit, &err))
        die("commit", &err);
    for (size_t i = 0; i < commit->object_count; i++)
        put_object(tool, commit->objects[i].key, commit->objects[i].bytes);
    size_t puts = change->added_count + commit->object_count + 1;
    tool->puts = puts > tool->puts ? puts : tool->puts;
    iceberg_table_free(tool->table);
    tool->table = commit->table;
    commit->table = NULL;
    if (commit->list != NULL) {
        iceberg_list_free(&tool->list);
        tool->list = *commit->list;
        mem_free(commit->list);
        commit->list = NULL;
    }
    iceberg_commit_free(commit);
    char hint[24];
    snprintf(hint, sizeof hint, "%" PRIu64, ++tool->version);
    put_object(tool, ICEBERG_HINT_KEY, str_of(hint));
    change->uuid = STR_NONE;
    change->summary = NULL;
    change->summary_count = 0;
}

static void append(struct tool *tool, uint64_t rows, bool two_days)
{
    struct iceberg_data_file added[2];
    struct iceberg_change change = {
        .operation = ICEBERG_APPEND, .added = added, .added_count = two_days ? 2 : 1};
    for (size_t i = 0; i < change.added_count; i++) {
        tool->day += i > 0;
        struct file file = write_file(tool, tool->next_offset, rows, tool->day);
        tool->files[tool->file_count++] = file;
        tool->next_offset += rows;
        added[i] = file.data;
    }
    commit(tool, &change);
}

static void delete_oldest(struct tool *tool, size_t count)
{
    struct iceberg_data_file removed[FILES_MAX];
    struct iceberg_change change = {.operation = ICEBERG_DELETE, .removed = removed, .removed_count = count};
    for (size_t i = 0; i < count; i++)
        removed[i] = tool->files[i].data;
    memmove(tool->files, tool->files + count, (tool->file_count - count) * sizeof *tool->files);
    tool->file_count -= count;
    commit(tool, &change);
}

static void compact_newest(struct tool *tool, size_t count)
{
    struct iceberg_data_file removed[FILES_MAX];
    struct file *from = &tool->files[tool->file_count - count];
    uint64_t rows = 0;
    for (size_t i = 0; i < count; i++) {
        removed[i] = from[i].data;
        rows += from[i].rows;
    }
    struct file merged = write_file(tool, from->first, rows, from->day);
    struct iceberg_change change = {.operation = ICEBERG_REPLACE,
                                    .added = &merged.data,
                                    .added_count = 1,
                                    .removed = removed,
                                    .removed_count = count};
    *from = merged;
    tool->file_count -= count - 1;
    commit(tool, &change);
}

static void remove_object(struct tool *tool, struct str location)
{
    char path[4096];
    struct str key;
    if (!iceberg_key(tool->table, location, &key))
        abort();
    path_of(tool, key, path, sizeof path);
    if (unlink(path) != 0 && errno != ENOENT)
        abort();
}

static void expire(struct tool *tool, uint32_t keep)
{
    struct error err;
    struct arena arena = {0};
    size_t count;
    const struct iceberg_retention retention = {.max_age_ms = 0, .min_count = keep};
    const int64_t *expired = iceberg_expired(tool->table, &retention, INT64_MAX / 2, &arena, &count);
    struct iceberg_cleanup *cleanup = iceberg_cleanup_new(tool->table, expired, count, &err);
    bool ok = cleanup != NULL;
    for (size_t i = 0; ok && i < cleanup->list_count; i++) {
        struct buf bytes = {0};
        get_object(tool, cleanup->lists[i], &bytes);
        ok = iceberg_cleanup_give_list(cleanup, buf_str(&bytes), &err);
        buf_free(&bytes);
    }
    for (size_t i = 0; ok && i < cleanup->manifest_count; i++) {
        struct buf bytes = {0};
        get_object(tool, cleanup->manifests[i].path, &bytes);
        ok = iceberg_cleanup_give_manifest(cleanup, buf_str(&bytes), &err);
        buf_free(&bytes);
    }
    if (!ok)
        die("expiry", &err);
    struct str *removable = arena_alloc(&arena, (cleanup->removable_count + 1) * sizeof *removable);
    size_t removable_count = cleanup->removable_count;
    for (size_t i = 0; i < removable_count; i++)
        removable[i] = arena_str(&arena, cleanup->removable[i]);
    iceberg_cleanup_free(cleanup);
    struct iceberg_change change = {.expired = expired, .expired_count = count};
    commit(tool, &change);
    for (size_t i = 0; i < removable_count; i++)
        remove_object(tool, removable[i]);
    arena_free(&arena);
}

static void evolve(struct tool *tool)
{
    struct error err;
    struct arena arena = {0};
    struct table_schema schema;
    struct table_field columns[COLUMNS_MAX];
    memcpy(columns, message_schema.fields, message_schema.field_count * sizeof *columns);
    columns[message_schema.field_count] = (struct table_field){.name = STR("extra"), .type = TABLE_DOUBLE};
    if (!iceberg_schema_evolve(tool->table, columns, message_schema.field_count + 1, &arena, &schema, &err))
        die("schema", &err);
    struct iceberg_change change = {.schema = &schema};
    commit(tool, &change);
    tool->evolved = true;
    tool->extra_from = tool->next_offset;
    arena_free(&arena);
}

/* ---- Showing --------------------------------------------------------------------------------------------------------- */

static bool show_entry(const struct iceberg_entry *entry, void *arg)
{
    const struct iceberg_data_file *file = &entry->file;
    (void)arg;
    printf("[%d,%" PRId64 ",%" PRId64 ",%" PRId64 ",\"%.*s\",%" PRId64 ",%" PRId64 ",%" PRId64 ",[",
           (int)entry->status, entry->snapshot_id, entry->sequence_number, entry->file_sequence_number,
           STR_ARG(file->path), file->record_count, file->size_bytes, file->partition[0].number);
    for (size_t i = 0; i < file->column_count; i++) {
        const struct iceberg_column *of = &file->columns[i];
        char lower[256] = "", upper[256] = "";
        hex_encode(of->lower.data, of->lower.len < 100 ? of->lower.len : 100, lower);
        hex_encode(of->upper.data, of->upper.len < 100 ? of->upper.len : 100, upper);
        printf("%s[%d,%" PRId64 ",%" PRId64 ",%" PRId64 ",\"%s\",\"%s\"]", i > 0 ? "," : "",
               (int)of->field_id, of->size_bytes, of->value_count, of->null_count, lower, upper);
    }
    printf("],[");
    for (size_t i = 0; i < file->split_count; i++)
        printf("%s%" PRId64, i > 0 ? "," : "", file->split_offsets[i]);
    printf("],%d]\n", (int)file->sort_order_id);
    return true;
}

static void show_list(const struct iceberg_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct iceberg_manifest *of = &list->manifests[i];
        printf("[\"%.*s\",%" PRId64 ",%d,%d,%" PRId64 ",%" PRId64 ",%" PRId64, STR_ARG(of->path),
               of->length_bytes, (int)of->spec_id, of->deletes, of->sequence_number, of->min_sequence_number,
               of->snapshot_id);
        printf(",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%zu]\n",
               of->added_files, of->existing_files, of->deleted_files, of->added_rows, of->existing_rows,
               of->deleted_rows, of->partition_count);
    }
}

static void show_file(bool is_list, const char *path)
{
    struct error err;
    struct buf bytes = {0};
    struct iceberg_list list = {0};
    if (!buf_read_file(&bytes, path, 64 << 20, &err))
        die(path, &err);
    if (is_list ? !iceberg_list_read(buf_str(&bytes), &list, &err)
                : !iceberg_manifest_read(buf_str(&bytes), NULL, show_entry, NULL, &err))
        die(path, &err);
    show_list(&list);
    iceberg_list_free(&list);
    buf_free(&bytes);
}

/* ---- The whole ------------------------------------------------------------------------------------------------------- */

static void run(struct tool *tool, const char *command)
{
    const char *colon = strchr(command, ':');
    uint64_t count = colon != NULL ? strtoull(colon + 1, NULL, 10) : 0;
    struct str name = colon != NULL ? str_make(command, (size_t)(colon - command)) : str_of(command);
    if (str_is(name, "append") || str_is(name, "days"))
        append(tool, count, str_is(name, "days"));
    else if (str_is(name, "delete") && count <= tool->file_count)
        delete_oldest(tool, count);
    else if (str_is(name, "compact") && count >= 1 && count <= tool->file_count)
        compact_newest(tool, count);
    else if (str_is(name, "expire"))
        expire(tool, (uint32_t)count);
    else if (str_is(name, "evolve"))
        evolve(tool);
    else
        exit(2);
}

static void print(const struct tool *tool)
{
    printf("{\"version\":%" PRIu64 ",\"snapshot\":\"%" PRId64 "\",\"puts\":%zu,\"files\":[", tool->version,
           tool->table->current != NULL ? tool->table->current->id : 0, tool->puts);
    for (size_t i = 0; i < tool->file_count; i++)
        printf("%s\"%.*s\"", i > 0 ? "," : "", STR_ARG(tool->files[i].data.path));
    printf("]}\n");
    for (size_t i = 0; i < tool->file_count; i++) {
        for (uint64_t k = tool->files[i].first; k < tool->files[i].first + tool->files[i].rows; k++) {
            struct row row;
            make_row(k, tool->files[i].day, &row);
            print_row(tool, &row);
        }
    }
}

static void make_dirs(const char *dir)
{
    static const char *const below[] = {"", "/data", "/metadata"};
    char path[4096];
    for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
        snprintf(path, sizeof path, "%s%s", dir, below[i]);
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            abort();
    }
}

int main(int argc, char **argv)
{
    static struct tool tool;
    struct error err;
    if (argc < 3) {
        fprintf(stderr, "usage: iceberg_tool DIR LOCATION command…\n");
        return 2;
    }
    if (strcmp(argv[1], "manifest") == 0 || strcmp(argv[1], "list") == 0) {
        for (int i = 2; i < argc; i++)
            show_file(argv[1][0] == 'l', argv[i]);
        return 0;
    }
    make_dirs(argv[1]);
    const struct iceberg_table_options options = {
        .uuid = STR("11111111-2222-4333-8444-555555555555"),
        .location = str_of(argv[2]),
        .schema = &message_schema,
        .partition = &message_partition,
        .partition_count = 1,
        .sort = &message_sort,
        .sort_count = 1,
        .now_ms = INT64_C(1700000000000),
    };
    tool.dir = argv[1];
    tool.day = FIRST_DAY;
    tool.table = iceberg_table_new(&options, &err);
    if (tool.table == NULL)
        die("table", &err);
    tool.location = options.location;
    for (int i = 3; i < argc; i++)
        run(&tool, argv[i]);
    print(&tool);
    iceberg_table_free(tool.table);
    iceberg_list_free(&tool.list);
    arena_free(&tool.arena);
    return 0;
}

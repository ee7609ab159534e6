/* What the Parquet writer and reader take: messages of 200 bytes of telemetry as rows of a station's table,
 * written with the options of the second tier and read back, all columns, every value looked at.
 *
 *     bench_parquet [--rows N] [--rounds N] [--codec NAME] [--level N] [--page-rows N] [--page-bytes N] [--no-delta]
 *         [--no-dictionary] [--bounds] [--out FILE] [--plain FILE] [--json]
 *
 * --out keeps the file; --plain writes the same rows without compression or encodings, as food for other
 * writers (bench/parquet.mjs compares with DuckDB's). Times are of the processor that the thread has used, so
 * that other work on the machine does not count; megabytes are those of the payloads. */
#include "table/parquet.h"
#include "table/message_schema.h"

#include "args/args.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "bench/telemetry_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PAYLOAD_BYTES TELEMETRY_PAYLOAD_BYTES

struct message {
    int64_t time_us;
    struct str topic;
    struct str client;
    struct str payload;
};

static struct parquet_column_options column_options[] = {
    {MESSAGE_OFFSET, PARQUET_DELTA, false},           {MESSAGE_TIMESTAMP, PARQUET_DELTA, false},
    {MESSAGE_TOPIC, PARQUET_DICTIONARY, false},       {MESSAGE_PAYLOAD, PARQUET_PLAIN, true},
    {MESSAGE_PAYLOAD_BYTES, PARQUET_PLAIN, true},     {MESSAGE_HEADER_KEY, PARQUET_DICTIONARY, true},
    {MESSAGE_HEADER_VALUE, PARQUET_DICTIONARY, true}, {MESSAGE_QOS, PARQUET_DICTIONARY, false},
    {MESSAGE_CLIENT_ID, PARQUET_DICTIONARY, false},
};

/* Without what one of the encodings brings; with bounds for payloads, too. */
static void leave_out(enum parquet_encoding encoding, bool with_bounds)
{
    for (size_t i = 0; i < sizeof column_options / sizeof column_options[0]; i++) {
        if (column_options[i].encoding == encoding)
            column_options[i].encoding = PARQUET_PLAIN;
        column_options[i].no_bounds &= !with_bounds;
    }
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *what, const struct error *err)
{
    fprintf(stderr, "bench_parquet: %s: %s\n", what, err->text);
    _exit(1);
}

/* ---- Messages ------------------------------------------------------------------------------------------ */

static struct message *make_messages(struct arena *arena, size_t rows)
{
    struct telemetry *telemetry = mem_alloc(sizeof *telemetry);
    struct message *messages = mem_alloc(rows * sizeof *messages);
    telemetry_init(telemetry, 1);
    for (size_t row = 0; row < rows; row++) {
        struct telemetry_message next;
        telemetry_next(telemetry, &next);
        messages[row] = (struct message){next.time_us, arena_str(arena, next.topic),
                                         arena_str(arena, next.client), arena_str(arena, next.payload)};
    }
    mem_free(telemetry);
    return messages;
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

static bool gather(void *arg, struct str bytes, struct error *err)
{
    (void)err;
    buf_append_str(arg, bytes);
    return true;
}

/* Returns seconds. */
static double write_all(const struct message *messages, size_t rows,
                        const struct parquet_write_options *options, struct buf *out, size_t *memory)
{
    struct error err;
    double start = cpu_seconds();
    struct parquet_writer *writer = parquet_writer_open(&message_schema, options, gather, out, &err);
    if (writer == NULL)
        die("open", &err);
    size_t of[MESSAGE_COLUMN_LAST + 1];
    for (int32_t id = 1; id <= MESSAGE_COLUMN_LAST; id++)
        of[id] = parquet_writer_column(writer, id);
    *memory = 0;
    for (size_t row = 0; row < rows; row++) {
        const struct message *message = &messages[row];
        parquet_put_long(writer, of[MESSAGE_OFFSET], (int64_t)row);
        parquet_put_long(writer, of[MESSAGE_TIMESTAMP], message->time_us);
        parquet_put_str(writer, of[MESSAGE_TOPIC], message->topic);
        if (utf8_valid(message->payload.data, message->payload.len))
            parquet_put_str(writer, of[MESSAGE_PAYLOAD], message->payload);
        else
            parquet_put_str(writer, of[MESSAGE_PAYLOAD_BYTES], message->payload);
        parquet_put_int(writer, of[MESSAGE_QOS], 1);
        parquet_put_boolean(writer, of[MESSAGE_RETAIN], false);
        parquet_put_str(writer, of[MESSAGE_CLIENT_ID], message->client);
        if (!parquet_end_row(writer, &err))
            die("write", &err);
        if (row % 8192 == 0 && parquet_writer_memory(writer) > *memory)
            *memory = parquet_writer_memory(writer);
    }
    struct parquet_summary summary;
    if (!parquet_writer_finish(writer, &summary, &err))
        die("finish", &err);
    parquet_writer_close(writer);
    return cpu_seconds() - start;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

/* Looks at every value, so that none is left out. */
static uint64_t touch(const struct parquet_vector *vector)
{
    uint64_t sum = 0;
    for (size_t i = 0; vector->values != NULL && i < vector->count; i++) {
        switch (vector->type) {
        case TABLE_BOOLEAN: sum += vector->booleans[i]; break;
        case TABLE_INT: sum += (uint64_t)vector->ints[i]; break;
        case TABLE_LONG:
        case TABLE_TIMESTAMPTZ: sum += (uint64_t)vector->longs[i]; break;
        default:
            if (vector->strings[i].len != 0)
                sum += vector->strings[i].len + (uint8_t)vector->strings[i].data[0];
        }
    }
    return sum;
}

/* Returns seconds. */
static double read_all(const struct buf *bytes, uint64_t *sum, size_t *memory)
{
    struct error err;
    double start = cpu_seconds();
    struct parquet_extent extent = {0, buf_str(bytes)};
    struct parquet_file *file = parquet_file_open(buf_str(bytes), bytes->len, 0, &err);
    if (file == NULL || !parquet_file_add_index(file, &extent, 1, &err))
        die("open", &err);
    struct parquet_scan *scan = parquet_scan_open(0);
    *sum = 0;
    for (size_t g = 0; g < file->group_count; g++) {
        struct parquet_selection all = {.group = g};
        if (!parquet_scan_start(scan, file, &all, &extent, 1, &err))
            die("start", &err);
        for (;;) {
            const struct parquet_vector *vectors;
            size_t rows;
            if (!parquet_scan_next(scan, 1024, &vectors, &rows, &err))
                die("next", &err);
            if (rows == 0)
                break;
            for (size_t i = 0; i < file->column_count; i++)
                *sum += touch(&vectors[i]);
        }
    }
    *memory = parquet_scan_memory(scan) + parquet_file_memory(file);
    parquet_scan_close(scan);
    parquet_file_close(file);
    return cpu_seconds() - start;
}

/* ---- Runs ---------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return values[count / 2];
}

#define ROUNDS_MAX 99

struct run {
    size_t rows;
    unsigned rounds;
    struct parquet_write_options options;
    const char *out;
    const char *plain;
    const char *codec;
    uint8_t level;
    bool no_delta, no_dictionary, bounds;
    bool json;
};

static void keep(const struct buf *bytes, const char *path)
{
    struct error err;
    if (path != NULL && !buf_write_file(bytes, path, 0644, &err))
        die(path, &err);
}

static void measure(const struct run *run)
{
    struct arena arena = {0};
    struct message *messages = make_messages(&arena, run->rows);
    double writes[ROUNDS_MAX], reads[ROUNDS_MAX];
    struct buf bytes = {0};
    uint64_t sum = 0;
    size_t write_memory = 0, read_memory = 0;
    if (run->plain != NULL) {
        struct parquet_write_options plain = {.codec = PARQUET_UNCOMPRESSED};
        write_all(messages, run->rows, &plain, &bytes, &write_memory);
        keep(&bytes, run->plain);
    }
    for (unsigned i = 0; i < run->rounds; i++) {
        buf_reset(&bytes);
        writes[i] = write_all(messages, run->rows, &run->options, &bytes, &write_memory);
        reads[i] = read_all(&bytes, &sum, &read_memory);
    }
    keep(&bytes, run->out);
    double raw = (double)run->rows * PAYLOAD_BYTES / 1e6;
    double write = raw / median(writes, run->rounds), read = raw / median(reads, run->rounds);
    if (run->json) {
        printf(
            "{\"rows\":%zu,\"bytes\":%zu,\"write_mb_per_s\":%.1f,\"read_mb_per_s\":%.1f,\"write_memory\":%zu,"
            "\"read_memory\":%zu}\n",
            run->rows, bytes.len, write, read, write_memory, read_memory);
    } else {
        printf("%s %d: %zu rows, %zu bytes (%.2f x); write %.1f MB/s, read %.1f MB/s of payloads and second "
               "of processor; "
               "memory %.1f MiB, %.1f MiB; %" PRIx64 "\n",
               parquet_codec_name(run->options.codec), run->options.level, run->rows, bytes.len,
               raw * 1e6 / (double)bytes.len, write, read, (double)write_memory / 1048576,
               (double)read_memory / 1048576, sum);
    }
    buf_free(&bytes);
    mem_free(messages);
    arena_free(&arena);
}

static const struct args_option run_options[] = {
    {"rows", 0, args_natural, ARGS_FIELD(struct run, rows), 1, UINT32_MAX},
    {"rounds", 0, args_natural, ARGS_FIELD(struct run, rounds), 1, ROUNDS_MAX},
    {"codec", 0, args_text, ARGS_FIELD(struct run, codec), 0, 0},
    {"level", 0, args_natural, ARGS_FIELD(struct run, level), 0, 22},
    {"page-rows", 0, args_natural, ARGS_FIELD(struct run, options.page_rows), 1, UINT32_MAX},
    {"page-bytes", 0, args_natural, ARGS_FIELD(struct run, options.page_bytes), 1, UINT32_MAX},
    {"no-delta", 0, args_flag, ARGS_FIELD(struct run, no_delta), 0, 0},
    {"no-dictionary", 0, args_flag, ARGS_FIELD(struct run, no_dictionary), 0, 0},
    {"bounds", 0, args_flag, ARGS_FIELD(struct run, bounds), 0, 0},
    {"out", 0, args_text, ARGS_FIELD(struct run, out), 0, 0},
    {"plain", 0, args_text, ARGS_FIELD(struct run, plain), 0, 0},
    {"json", 0, args_flag, ARGS_FIELD(struct run, json), 0, 0},
};

int main(int argc, char **argv)
{
    struct run run = {.rows = 1000000, .rounds = 5, .codec = "zstd"};
    struct error err = {0};
    if (args_parse(run_options, sizeof run_options / sizeof run_options[0], &run, argc, argv, &err) != argc ||
        !parquet_codec_parse(str_of(run.codec), &run.options.codec, &err)) {
        fprintf(stderr, "bench_parquet: %s\n", err.code != ERR_NONE ? err.text : "a word that is no option");
        return 2;
    }
    if (run.no_delta)
        leave_out(PARQUET_DELTA, false);
    if (run.no_dictionary)
        leave_out(PARQUET_DICTIONARY, false);
    if (run.bounds)
        leave_out(PARQUET_PLAIN, true);
    run.options.level = run.level;
    run.options.columns = column_options;
    run.options.column_count = sizeof column_options / sizeof column_options[0];
    measure(&run);
    return 0;
}

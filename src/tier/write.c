/* Rows to a Parquet file in the spool, and what a manifest says of it.
 *
 * One row group is held in memory, compressed; all else is in the file. A file's rows are of one day, so that its
 * partition is one; their offsets go up without repeats. */
#include "tier/tier_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROW_GROUP_ROWS 65536
#define PAGE_ROWS      8192
#define FIRST_DIGITS   20

struct spooler {
    struct spool spool;
    struct parquet_writer *writer;
    struct arena memory; /* of one row */
    const struct tier_codec *codec;
    size_t of[MESSAGE_COLUMN_LAST + 1];
};

/* ---- The file -------------------------------------------------------------------------------------------- */

static bool write_bytes(void *arg, struct str bytes, struct error *err)
{
    struct spooler *spooler = arg;
    for (size_t at = 0; at < bytes.len;) {
        ssize_t written = write(spooler->spool.fd, bytes.data + at, bytes.len - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_errno(err, errno, "write %s", spooler->spool.path);
        at += (size_t)written;
    }
    return true;
}

void spool_remove(struct spool *spool)
{
    if (spool->fd >= 0)
        close(spool->fd);
    if (spool->path != NULL)
        unlink(spool->path);
    mem_free(spool->path);
    spool->fd = -1;
    spool->path = NULL;
}

void spool_free(struct spool *spool)
{
    spool_remove(spool);
    arena_free(&spool->arena);
    *spool = (struct spool){.fd = -1};
}

static int is_spool(const struct dirent *entry)
{
    return strncmp(entry->d_name, "spool-", 6) == 0;
}

void spool_clear(const char *dir)
{
    char path[TIER_PATH_BYTES];
    struct dirent **entries = NULL;
    int count = scandir(dir, &entries, is_spool, NULL);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        unlink(path);
        free(entries[i]); /* the C library's */
    }
    free(entries);
}

/* ---- Its name -------------------------------------------------------------------------------------------- */

void data_key(const struct tier *tier, const struct spool *spool, const char *uuid, struct buf *out)
{
    char day[CLOCK_TEXT_BYTES];
    clock_format((int64_t)spool->day * 24 * 3600 * 1000, day);
    buf_printf(out, "data/timestamp_day=%.10s/%020" PRIu64 "-e%" PRIu64 "-%.8s.parquet", day, spool->first,
               tier->own_epoch, uuid);
}

bool data_key_is_ours(struct str path, uint64_t *first)
{
    const char *slash = memrchr(path.data, '/', path.len);
    struct str name = slash != NULL ? str_make(slash + 1, path.len - (size_t)(slash + 1 - path.data)) : path;
    return name.len > FIRST_DIGITS + 2 && str_to_u64(str_make(name.data, FIRST_DIGITS), first, NULL) &&
           str_starts(str_make(name.data + FIRST_DIGITS, name.len - FIRST_DIGITS), STR("-e")) &&
           str_ends(name, STR(".parquet"));
}

/* ---- Opening --------------------------------------------------------------------------------------------- */

static const struct parquet_column_options column_options[] = {
    {MESSAGE_OFFSET, PARQUET_DELTA, false},
    {MESSAGE_TIMESTAMP, PARQUET_DELTA, false},
    {MESSAGE_TOPIC, PARQUET_DICTIONARY, false},
    {MESSAGE_PAYLOAD, PARQUET_PLAIN, true},
    {MESSAGE_PAYLOAD_BYTES, PARQUET_PLAIN, true},
    {MESSAGE_HEADER_KEY, PARQUET_DICTIONARY, true},
    {MESSAGE_HEADER_VALUE, PARQUET_DICTIONARY, true},
    {MESSAGE_QOS, PARQUET_DICTIONARY, false},
    {MESSAGE_CLIENT_ID, PARQUET_DICTIONARY, false},
    {MESSAGE_USERNAME, PARQUET_DICTIONARY, false},
    {MESSAGE_CONTENT_TYPE, PARQUET_DICTIONARY, false},
    {MESSAGE_RESPONSE_TOPIC, PARQUET_DICTIONARY, false},
    {MESSAGE_CORRELATION_DATA, PARQUET_PLAIN, true},
    {MESSAGE_EXPIRY_INTERVAL, PARQUET_DICTIONARY, false},
    {MESSAGE_PAYLOAD_FORMAT, PARQUET_DICTIONARY, false},
    {MESSAGE_PROPERTIES, PARQUET_PLAIN, true},
};

struct spooler *spooler_open(struct tier *tier, struct error *err)
{
    char path[TIER_PATH_BYTES];
    struct spooler *spooler = mem_zalloc(sizeof(*spooler));
    snprintf(path, sizeof(path), "%s/spool-%" PRIu64 ".parquet", tier->dir, ++tier->spool_number);
    spooler->codec = &tier->all->options.codec;
    spooler->spool.path = mem_strdup(path);
    spooler->spool.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (spooler->spool.fd < 0) {
        error_errno(err, errno, "create %s", path);
        spooler_close(spooler);
        return NULL;
    }
    const struct parquet_write_options options = {
        .codec = PARQUET_ZSTD,
        .level = 1, /* as small as 3 within a percent, and faster: docs/performance.md */
        .page_rows = PAGE_ROWS,
        .row_group_rows = ROW_GROUP_ROWS,
        .row_group_bytes = tier->all->options.row_group_bytes,
        .columns = column_options,
        .column_count = sizeof(column_options) / sizeof(column_options[0]),
    };
    spooler->writer = parquet_writer_open(&message_schema, &options, write_bytes, spooler, err);
    if (spooler->writer == NULL) {
        spooler_close(spooler);
        return NULL;
    }
    for (int32_t id = 1; id <= MESSAGE_COLUMN_LAST; id++)
        spooler->of[id] = parquet_writer_column(spooler->writer, id);
    return spooler;
}

void spooler_close(struct spooler *spooler)
{
    if (spooler == NULL)
        return;
    parquet_writer_close(spooler->writer);
    arena_free(&spooler->memory);
    spool_free(&spooler->spool);
    mem_free(spooler);
}

uint64_t spooler_raw_bytes(const struct spooler *spooler)
{
    return spooler->spool.raw_bytes;
}

uint64_t spooler_bytes(const struct spooler *spooler)
{
    return parquet_writer_bytes(spooler->writer);
}

/* ---- Rows ------------------------------------------------------------------------------------------------ */

static void put_text(struct spooler *spooler, enum message_column column, struct str text)
{
    if (text.data != NULL)
        parquet_put_str(spooler->writer, spooler->of[column], text);
}

static void put_headers(struct spooler *spooler, const struct tier_row *row)
{
    if (row->header_count == 0)
        return;
    parquet_put_list(spooler->writer, spooler->of[MESSAGE_HEADER_KEY], (uint32_t)row->header_count);
    for (size_t i = 0; i < row->header_count; i++) {
        parquet_put_str(spooler->writer, spooler->of[MESSAGE_HEADER_KEY], row->headers[i].key);
        parquet_put_str(spooler->writer, spooler->of[MESSAGE_HEADER_VALUE], row->headers[i].value);
    }
}

static int32_t day_of(int64_t time_ms)
{
    return iceberg_day(time_ms * 1000);
}

bool spooler_add_row(struct spooler *spooler, const struct tier_row *row, uint64_t raw_bytes,
                     struct error *err)
{
    struct parquet_writer *writer = spooler->writer;
    struct spool *spool = &spooler->spool;
    const size_t *of = spooler->of;
    parquet_put_long(writer, of[MESSAGE_OFFSET], (int64_t)row->offset);
    parquet_put_long(writer, of[MESSAGE_TIMESTAMP], row->time_ms * 1000);
    put_text(spooler, MESSAGE_TOPIC, row->topic);
    bool text = utf8_valid(row->payload.data, row->payload.len);
    put_text(spooler, text ? MESSAGE_PAYLOAD : MESSAGE_PAYLOAD_BYTES, row->payload);
    put_headers(spooler, row);
    parquet_put_int(writer, of[MESSAGE_QOS], row->qos);
    parquet_put_boolean(writer, of[MESSAGE_RETAIN], row->retain);
    put_text(spooler, MESSAGE_CLIENT_ID, row->client_id);
    put_text(spooler, MESSAGE_USERNAME, row->username);
    put_text(spooler, MESSAGE_CONTENT_TYPE, row->content_type);
    put_text(spooler, MESSAGE_RESPONSE_TOPIC, row->response_topic);
    put_text(spooler, MESSAGE_CORRELATION_DATA, row->correlation_data);
    put_text(spooler, MESSAGE_ID, row->id);
    put_text(spooler, MESSAGE_PROPERTIES, row->properties);
    if (row->expiry_s >= 0)
        parquet_put_long(writer, of[MESSAGE_EXPIRY_INTERVAL], row->expiry_s);
    if (row->payload_format >= 0)
        parquet_put_int(writer, of[MESSAGE_PAYLOAD_FORMAT], row->payload_format);
    if (!parquet_end_row(writer, err))
        return error_wrap(err, "offset %" PRIu64, row->offset);
    if (spool->rows == 0) {
        spool->first = row->offset;
        spool->day = day_of(row->time_ms);
    }
    spool->last = row->offset;
    spool->rows++;
    spool->raw_bytes += raw_bytes;
    return true;
}

bool spooler_add(struct spooler *spooler, uint64_t offset, int64_t time_ms, struct str record,
                 struct error *err)
{
    struct tier_row row;
    arena_reset(&spooler->memory);
    if (!spooler->codec->decode(record, &spooler->memory, &row, err))
        return error_wrap(err, "offset %" PRIu64, offset);
    row.offset = offset;
    row.time_ms = time_ms;
    return spooler_add_row(spooler, &row, record.len, err);
}

/* ---- Finishing ------------------------------------------------------------------------------------------- */

static void describe(struct spool *spool, const struct parquet_summary *summary)
{
    iceberg_describe(summary, &message_schema, &spool->arena, &spool->file);
    spool->file.partition[0] = (struct iceberg_value){.kind = ICEBERG_INT, .number = spool->day};
    spool->file.partition_count = 1;
    spool->file.sort_order_id = 1;
    spool->bytes = summary->bytes;
}

static void set_number(struct parquet_writer *writer, struct str key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    parquet_writer_set(writer, key, str_of(text));
}

bool spooler_finish(struct spooler *spooler, struct spool *out, struct error *err)
{
    struct spool *spool = &spooler->spool;
    struct parquet_summary summary;
    set_number(spooler->writer, STR("varve.first-offset"), spool->first);
    set_number(spooler->writer, STR("varve.last-offset"), spool->last);
    set_number(spooler->writer, STR("varve.message-bytes"), spool->raw_bytes);
    if (!parquet_writer_finish(spooler->writer, &summary, err))
        return false;
    describe(spool, &summary);
    *out = *spool;
    *spool = (struct spool){.fd = -1};
    return true;
}

/* Message ids and exchanges on disk: what has left the log within the dedup window.
 *
 *     DIR/ids/new-<station>, old-<station>
 *
 *     file      "VARVEID1", created_ms of the station (8); blocks
 *     block     length of the entries (4), CRC-32C of the entries (4), entries
 *     entry     kind (1), offset (8), time_ms (8), length of the rest (2), the rest:
 *               kind 1: the id; kind 2: session (8), number (4), packet identifier (2), hash of the content (8)
 *
 * All numbers are little-endian. Before a log is trimmed the ids of what goes are written behind the others, and synced. When the
 * first message of the file is older than the window, the file becomes the old one, in place of the former old one, in which
 * all are older still: so that two windows of ids are on disk at most, and nothing is written twice.
 *
 * A crash before the trim leaves ids that are in the log as well, which is no harm; a torn block is one whose messages are in the
 * log. With a retention that is longer than the window, which is the rule, nothing is ever written. */
#include "station/station_internal.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/dir.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC          "VARVEID1"
#define HEAD_BYTES     16
#define BLOCK_HEAD     8
#define ENTRY_HEAD     19
#define KIND_ID        1
#define KIND_EXCHANGE  2
#define EXCHANGE_BYTES 22
#define BLOCK_BYTES    ((size_t)256 << 10) /* a block is written above */
#define BLOCK_MAX      (BLOCK_BYTES + 2 * (ENTRY_HEAD + (size_t)UINT16_MAX))
#define READ_BYTES     ((size_t)1 << 20)
#define PATH_BYTES     4096
#define WARN_MS        60000

_Static_assert(sizeof(MAGIC) - 1 + 8 == HEAD_BYTES, "the head");

/* ---- Numbers --------------------------------------------------------------------------------------------- */

static void put_number(uint8_t *out, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(number >> 8 * i);
}

static uint64_t get_number(const uint8_t *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = count; i-- > 0;)
        number = number << 8 | bytes[i];
    return number;
}

/* ---- Opening --------------------------------------------------------------------------------------------- */

static char *name_path(const char *dir, const char *prefix, const char *station)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/%s%s", dir, prefix, station);
    return mem_strdup(path);
}

void id_file_init(struct id_file *file, const char *dir, const char *station, int64_t created_ms)
{
    *file = (struct id_file){
        .path = name_path(dir, "new-", station),
        .old_path = name_path(dir, "old-", station),
        .created_ms = created_ms,
        .fd = -1,
    };
    pthread_mutex_init(&file->lock, NULL);
}

void id_file_free(struct id_file *file)
{
    if (file->path == NULL)
        return;
    if (file->fd >= 0)
        close(file->fd);
    mem_free(file->path);
    mem_free(file->old_path);
    pthread_mutex_destroy(&file->lock);
    file->path = NULL;
}

bool id_file_any(const struct id_file *file)
{
    return access(file->path, F_OK) == 0 || access(file->old_path, F_OK) == 0;
}

void id_file_remove(struct id_file *file)
{
    pthread_mutex_lock(&file->lock);
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    unlink(file->path);
    unlink(file->old_path);
    pthread_mutex_unlock(&file->lock);
}

static int is_id_file(const struct dirent *entry)
{
    return strncmp(entry->d_name, "new-", 4) == 0 || strncmp(entry->d_name, "old-", 4) == 0;
}

void id_files_sweep(const char *dir, bool (*live)(struct str name, void *arg), void *arg)
{
    struct dirent **entries = NULL;
    char path[PATH_BYTES];
    int count = scandir(dir, &entries, is_id_file, NULL);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        if (!live(str_of(entries[i]->d_name + 4), arg))
            unlink(path);
        free(entries[i]); /* the C library's */
    }
    free(entries);
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

/* False: there are not so many bytes. */
static bool read_bytes(int fd, uint8_t *out, size_t count)
{
    size_t have = 0;
    while (have < count) {
        ssize_t got = read(fd, out + have, count - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

/* Where entries go. */
struct taker {
    struct ids *ids; /* NULL: nowhere */
    struct exchanges *exchanges;
    int64_t after_ms;
    int64_t first_ms; /* of the first message; 0: there was none */
};

static void take_entry(struct taker *taker, uint8_t kind, uint64_t offset, int64_t time_ms,
                       const uint8_t *bytes, size_t len)
{
    taker->first_ms = taker->first_ms == 0 ? time_ms : taker->first_ms;
    if (taker->ids == NULL || time_ms <= taker->after_ms)
        return;
    if (kind == KIND_ID) {
        ids_add(taker->ids, str_make(bytes, len), offset, time_ms);
    } else if (kind == KIND_EXCHANGE && len == EXCHANGE_BYTES) {
        const struct publication_exchange exchange = {
            .session = get_number(bytes, 8),
            .number = (uint32_t)get_number(bytes + 8, 4),
            .packet_id = (uint16_t)get_number(bytes + 12, 2),
        };
        exchanges_add_hashed(taker->exchanges, &exchange, get_number(bytes + 14, 8), time_ms);
    }
}

/* False: the block is not whole. */
static bool take_entries(const uint8_t *bytes, size_t length, struct taker *taker)
{
    for (size_t at = 0; at < length;) {
        if (length - at < ENTRY_HEAD)
            return false;
        const uint8_t *head = bytes + at;
        size_t len = (size_t)get_number(head + 17, 2);
        at += ENTRY_HEAD;
        if (length - at < len)
            return false;
        take_entry(taker, head[0], get_number(head + 1, 8), (int64_t)get_number(head + 9, 8), bytes + at,
                   len);
        at += len;
    }
    return true;
}

/* *end: of the whole blocks. False: it is no file of this station. */
static bool read_blocks(int fd, int64_t created_ms, struct taker *taker, uint64_t *end)
{
    uint8_t head[HEAD_BYTES];
    uint8_t *block = mem_alloc(BLOCK_MAX);
    bool ours = read_bytes(fd, head, sizeof(head)) && memcmp(head, MAGIC, sizeof(MAGIC) - 1) == 0 &&
                (int64_t)get_number(head + 8, 8) == created_ms;
    *end = HEAD_BYTES;
    while (ours && read_bytes(fd, head, BLOCK_HEAD)) {
        size_t length = (size_t)get_number(head, 4);
        if (length > BLOCK_MAX || !read_bytes(fd, block, length) ||
            crc32c(0, block, length) != (uint32_t)get_number(head + 4, 4) ||
            !take_entries(block, length, taker))
            break;
        *end += BLOCK_HEAD + length;
    }
    mem_free(block);
    return ours;
}

static bool read_one(const char *path, int64_t created_ms, struct taker *taker, struct error *err)
{
    uint64_t end;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || error_errno(err, errno, "open %s", path);
    read_blocks(fd, created_ms, taker, &end);
    close(fd);
    return true;
}

bool id_file_read(struct id_file *file, struct ids *ids, struct exchanges *exchanges, int64_t after_ms,
                  struct error *err)
{
    struct taker taker = {.ids = ids, .exchanges = exchanges, .after_ms = after_ms};
    pthread_mutex_lock(&file->lock);
    bool ok = read_one(file->old_path, file->created_ms, &taker, err) &&
              read_one(file->path, file->created_ms, &taker, err);
    pthread_mutex_unlock(&file->lock);
    return ok;
}

/* ---- Writing --------------------------------------------------------------------------------------------- */

static bool write_bytes(struct id_file *file, const void *bytes, size_t count, struct error *err)
{
    for (size_t at = 0; at < count;) {
        ssize_t written =
            pwrite(file->fd, (const uint8_t *)bytes + at, count - at, (off_t)(file->bytes + at));
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_errno(err, errno, "write %s", file->path);
        at += (size_t)written;
    }
    file->bytes += count;
    return true;
}

static bool begin_file(struct id_file *file, struct error *err)
{
    uint8_t head[HEAD_BYTES];
    memcpy(head, MAGIC, sizeof(MAGIC) - 1);
    put_number(head + 8, (uint64_t)file->created_ms, 8);
    file->bytes = 0;
    file->first_ms = 0;
    if (ftruncate(file->fd, 0) != 0)
        return error_errno(err, errno, "truncate %s", file->path);
    return write_bytes(file, head, sizeof(head), err) && dir_sync_of(file->path, err);
}

/* Goes on behind the whole blocks that are there. */
static bool open_file(struct id_file *file, struct error *err)
{
    if (file->fd >= 0)
        return true;
    file->fd = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file->fd < 0)
        return error_errno(err, errno, "create %s", file->path);
    struct taker nowhere = {0};
    bool ok;
    if (read_blocks(file->fd, file->created_ms, &nowhere, &file->bytes)) {
        ok = ftruncate(file->fd, (off_t)file->bytes) == 0 ||
             error_errno(err, errno, "truncate %s", file->path);
    } else {
        ok = begin_file(file, err);
    }
    if (ok)
        file->first_ms = nowhere.first_ms;
    else
        file->fd = (close(file->fd), -1);
    return ok;
}

/* The file becomes the old one when all that is in that has left the window. */
static bool turn_over(struct id_file *file, int64_t after_ms, struct error *err)
{
    if (file->first_ms == 0 || file->first_ms > after_ms)
        return true;
    if (rename(file->path, file->old_path) != 0)
        return error_errno(err, errno, "rename %s", file->path);
    file->fd = (close(file->fd), -1);
    return open_file(file, err);
}

struct block {
    struct buf bytes; /* head, entries */
    int64_t first_ms;
};

static bool write_block(struct id_file *file, struct block *block, struct error *err)
{
    if (block->bytes.len <= BLOCK_HEAD)
        return true;
    size_t length = block->bytes.len - BLOCK_HEAD;
    put_number(block->bytes.data, length, 4);
    put_number(block->bytes.data + 4, crc32c(0, block->bytes.data + BLOCK_HEAD, length), 4);
    if (!write_bytes(file, block->bytes.data, block->bytes.len, err))
        return false;
    file->first_ms = file->first_ms == 0 ? block->first_ms : file->first_ms;
    buf_reset(&block->bytes);
    return true;
}

static void add_entry(struct block *block, const struct log_record *record, uint8_t kind, struct str rest)
{
    uint8_t head[ENTRY_HEAD] = {kind};
    put_number(head + 1, record->offset, 8);
    put_number(head + 9, (uint64_t)record->time_ms, 8);
    put_number(head + 17, rest.len, 2);
    if (block->bytes.len == 0) {
        static const uint8_t room[BLOCK_HEAD];
        buf_append(&block->bytes, room, sizeof(room));
        block->first_ms = record->time_ms;
    }
    buf_append(&block->bytes, head, sizeof(head));
    buf_append_str(&block->bytes, rest);
}

static void add_names(struct block *block, const struct log_record *record,
                      const struct station_message *message)
{
    if (message->id.len > 0)
        add_entry(block, record, KIND_ID, message->id);
    if (message->exchange.session != 0) {
        uint8_t rest[EXCHANGE_BYTES];
        put_number(rest, message->exchange.session, 8);
        put_number(rest + 8, message->exchange.number, 4);
        put_number(rest + 12, message->exchange.packet_id, 2);
        put_number(rest + 14, exchanges_content(message), 8);
        add_entry(block, record, KIND_EXCHANGE, str_make(rest, sizeof(rest)));
    }
}

static bool save_chunk(struct id_file *file, struct block *block, struct log_chunk *chunk, uint64_t from,
                       uint64_t below, struct error *err)
{
    struct log_cursor cursor;
    struct log_record record;
    bool ok = true;
    log_cursor_init(&cursor, chunk, from);
    while (ok && log_cursor_next(&cursor, &record) && record.offset < below) {
        struct station_message message;
        if (!envelope_is_named(record.data))
            continue;
        ok = envelope_decode(record.data, &message, err);
        if (ok)
            add_names(block, &record, &message);
        if (ok && block->bytes.len >= BLOCK_BYTES)
            ok = write_block(file, block, err);
    }
    return ok;
}

/* *any: something was written. */
static bool save_range(struct id_file *file, struct log *log, uint64_t from, uint64_t below, bool *any,
                       struct error *err)
{
    struct block block = {0};
    uint64_t before = file->bytes;
    bool ok = true;
    while (ok && from < below) {
        struct log_chunk *chunk;
        enum log_read_result result = log_read(log, from, READ_BYTES, LOG_MARKED, &chunk, err);
        if (result != LOG_READ) {
            ok = result != LOG_READ_FAILED; /* no more of it is marked, or it is trimmed already */
            break;
        }
        ok = save_chunk(file, &block, chunk, from, below, err);
        from = chunk->next_offset;
        log_chunk_unref(chunk);
    }
    ok = ok && write_block(file, &block, err);
    *any = file->bytes > before;
    buf_free(&block.bytes);
    return ok;
}

static bool has_marked(struct log *log, uint64_t from, uint64_t below)
{
    struct log_chunk *chunk;
    enum log_read_result result = log_read(log, from, 1, LOG_MARKED, &chunk, NULL);
    if (result == LOG_READ_FAILED)
        return true;
    if (result != LOG_READ)
        return false;
    bool any = chunk->first_offset < below;
    log_chunk_unref(chunk);
    return any;
}

static bool save(struct id_file *file, struct log *log, uint64_t from, uint64_t below, int64_t after_ms,
                 struct error *err)
{
    bool any;
    if (!open_file(file, err) || !turn_over(file, after_ms, err) ||
        !save_range(file, log, from, below, &any, err))
        return false;
    FAULT_POINT("station.before_ids");
    if (any && fdatasync(file->fd) != 0)
        return error_errno(err, errno, "sync %s", file->path);
    FAULT_POINT("station.after_ids");
    return true;
}

bool id_file_warns(struct id_file *file)
{
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&file->lock);
    bool warns = file->warned_ms == 0 || now_ms - file->warned_ms >= WARN_MS;
    if (warns)
        file->warned_ms = now_ms;
    pthread_mutex_unlock(&file->lock);
    return warns;
}

bool id_file_save(struct id_file *file, struct log *log, uint64_t below, int64_t window_ms, struct error *err)
{
    struct log_bounds bounds;
    uint64_t from;
    int64_t after_ms = clock_wall_ms() - window_ms;
    if (window_ms == 0)
        return true;
    pthread_mutex_lock(&file->lock);
    log_bounds(log, &bounds);
    bool ok = log_offset_of_time(log, after_ms + 1, &from, err);
    from = from > bounds.first ? from : bounds.first;
    from = from > file->saved ? from : file->saved;
    if (ok && from < below && has_marked(log, from, below))
        ok = save(file, log, from, below, after_ms, err);
    if (ok && below > file->saved)
        file->saved = below;
    pthread_mutex_unlock(&file->lock);
    return ok;
}

/* Any bytes as the files of a log: verifying, opening, reading, seeking and trimming find damage or read on, and never
 * crash; what a cursor gives lies within its chunk.
 *
 * The input: a byte of choices (1: the checksums are made right first, so that what is behind them is reached; 2: with a
 * start file; 4: with an index; 8: what is marked is read first), the lengths of the index and of the second segment (2
 * bytes each, little-endian), then start (560 bytes), index, second segment, and the first segment for the rest. */
#include "log/log_internal.h"

#include "base/crc32c.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIR_NAME    "/log"
#define FIRST       DIR_NAME "/00000000000000000000.seg"
#define FIRST_INDEX DIR_NAME "/00000000000000000000.idx"
#define SECOND      DIR_NAME "/00000000000000000003.seg"
#define START       DIR_NAME "/start"
#define FILES       8
#define FDS         64
#define FILE_MAX    (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- A disk that never fails -------------------------------------------------------------------------------------- */

struct file {
    char path[64];
    uint8_t *data;
    size_t len;
    bool exists;
};

static struct file files[FILES];
static int fds[FDS]; /* file + 1; -1: a directory; 0: closed */

static struct file *find(const char *path)
{
    for (int i = 0; i < FILES; i++) {
        if (files[i].exists && strcmp(files[i].path, path) == 0)
            return &files[i];
    }
    return NULL;
}

static struct file *make(const char *path)
{
    for (int i = 0; i < FILES; i++) {
        if (!files[i].exists) {
            files[i] = (struct file){.exists = true};
            snprintf(files[i].path, sizeof files[i].path, "%s", path);
            return &files[i];
        }
    }
    return NULL;
}

static int new_fd(int what)
{
    for (int fd = 0; fd < FDS; fd++) {
        if (fds[fd] == 0) {
            fds[fd] = what;
            return fd;
        }
    }
    abort();
}

static bool resize(struct file *file, size_t len)
{
    if (len > FILE_MAX)
        return false;
    if (len > file->len) {
        file->data = mem_realloc(file->data, len);
        memset(file->data + file->len, 0, len - file->len);
    }
    file->len = len;
    return true;
}

static int on_mkdir(void *ctx, const char *path)
{
    (void)ctx;
    (void)path;
    return -EEXIST;
}

static int on_open_dir(void *ctx, const char *path)
{
    (void)ctx;
    (void)path;
    return new_fd(-1);
}

static int on_dir(void *ctx, int dir)
{
    (void)ctx;
    (void)dir;
    return 0;
}

static int on_list(void *ctx, const char *path, void (*each)(const char *name, void *arg), void *arg)
{
    (void)ctx;
    for (int i = 0; i < FILES; i++) {
        if (files[i].exists)
            each(files[i].path + strlen(path) + 1, arg);
    }
    return 0;
}

static int on_open(void *ctx, const char *path, unsigned flags)
{
    (void)ctx;
    struct file *file = find(path);
    if (flags & LOG_IO_CREATE)
        file = file == NULL ? make(path) : NULL;
    return file == NULL ? -ENOENT : new_fd((int)(file - files) + 1);
}

static int on_close(void *ctx, int fd)
{
    (void)ctx;
    fds[fd] = 0;
    return 0;
}

static int64_t on_size(void *ctx, const char *path)
{
    (void)ctx;
    const struct file *file = find(path);
    return file == NULL ? -ENOENT : (int64_t)file->len;
}

static int64_t on_pwritev(void *ctx, int fd, const struct iovec *parts, int count, uint64_t position)
{
    (void)ctx;
    struct file *file = &files[fds[fd] - 1];
    uint64_t at = position;
    for (int i = 0; i < count; at += parts[i].iov_len, i++) {
        if (at + parts[i].iov_len > file->len && !resize(file, at + parts[i].iov_len))
            return -ENOSPC;
        memcpy(file->data + at, parts[i].iov_base, parts[i].iov_len);
    }
    return (int64_t)(at - position);
}

static int64_t on_pread(void *ctx, int fd, void *out, size_t len, uint64_t position, bool nowait)
{
    (void)ctx;
    (void)nowait;
    const struct file *file = &files[fds[fd] - 1];
    if (position >= file->len)
        return 0;
    len = file->len - position < len ? file->len - position : len;
    memcpy(out, file->data + position, len);
    return (int64_t)len;
}

static int on_fallocate(void *ctx, int fd, uint64_t position, uint64_t len)
{
    (void)ctx;
    struct file *file = &files[fds[fd] - 1];
    return position + len <= file->len || resize(file, position + len) ? 0 : -ENOSPC;
}

static int on_ftruncate(void *ctx, int fd, uint64_t len)
{
    (void)ctx;
    return resize(&files[fds[fd] - 1], len) ? 0 : -ENOSPC;
}

static int on_unlink(void *ctx, const char *path)
{
    (void)ctx;
    struct file *file = find(path);
    if (file == NULL)
        return -ENOENT;
    mem_free(file->data);
    *file = (struct file){0};
    return 0;
}

static int on_rename(void *ctx, const char *from, const char *to)
{
    on_unlink(ctx, to);
    struct file *file = find(from);
    if (file == NULL)
        return -ENOENT;
    snprintf(file->path, sizeof file->path, "%s", to);
    return 0;
}

static const struct log_io io = {
    .mkdir = on_mkdir,
    .rmdir = on_mkdir,
    .open_dir = on_open_dir,
    .lock = on_dir,
    .sync_dir = on_dir,
    .list = on_list,
    .open = on_open,
    .close = on_close,
    .size = on_size,
    .pwritev = on_pwritev,
    .pread = on_pread,
    .fdatasync = on_dir,
    .fallocate = on_fallocate,
    .ftruncate = on_ftruncate,
    .rename = on_rename,
    .unlink = on_unlink,
};

/* ---- Checksums made right ------------------------------------------------------------------------------------------ */

static void mend_segment(struct file *file)
{
    if (file->len < SEGMENT_HEADER_BYTES)
        return;
    uint32_t salt = get_le32(file->data + 16);
    put_le32(file->data + 12, crc32c(0, file->data + 16, SEGMENT_HEADER_BYTES - 16));
    for (size_t at = SEGMENT_HEADER_BYTES; file->len - at >= BATCH_HEADER_BYTES;) {
        uint8_t *head = file->data + at;
        size_t stored = get_le32(head + 12);
        if (stored > file->len - at - BATCH_HEADER_BYTES)
            return;
        put_le32(head + 8, crc32c(0, head + BATCH_HEADER_BYTES, stored));
        put_le32(head + 4, crc32c(salt, head + 8, BATCH_HEADER_BYTES - 8));
        at += BATCH_HEADER_BYTES + stored;
    }
}

static void mend_index(struct file *file)
{
    if (file->len < 96)
        return;
    size_t len = (size_t)get_le32(file->data + 76) * 32;
    if (len <= file->len - 96)
        put_le32(file->data + 80, crc32c(0, file->data + 96, len));
    put_le32(file->data + 12, crc32c(0, file->data + 16, 80));
}

static void mend_start(struct file *file)
{
    for (size_t at = 0; at < file->len && file->len - at >= 48; at += 512)
        put_le32(file->data + at + 12, crc32c(0, file->data + at + 16, 32));
}

/* ---- One input ----------------------------------------------------------------------------------------------------- */

static struct file *take(const char *path, const uint8_t **data, size_t *size, size_t len)
{
    struct file *file = make(path);
    len = len < *size ? len : *size;
    file->data = mem_dup(*data, len);
    file->len = len;
    *data += len;
    *size -= len;
    return file;
}

static void lay_out(const uint8_t *data, size_t size)
{
    uint8_t choices = data[0];
    size_t index_len = data[1] | (size_t)data[2] << 8, second_len = data[3] | (size_t)data[4] << 8;
    data += 5;
    size -= 5;
    struct file *made[4] = {0};
    if (choices & 2)
        made[0] = take(START, &data, &size, 560);
    if (choices & 4)
        made[1] = take(FIRST_INDEX, &data, &size, index_len);
    if (second_len != 0)
        made[2] = take(SECOND, &data, &size, second_len);
    made[3] = take(FIRST, &data, &size, size);
    if (!(choices & 1))
        return;
    if (made[0] != NULL)
        mend_start(made[0]);
    if (made[1] != NULL)
        mend_index(made[1]);
    if (made[2] != NULL)
        mend_segment(made[2]);
    mend_segment(made[3]);
}

static void clear(void)
{
    for (int i = 0; i < FILES; i++) {
        mem_free(files[i].data);
        files[i] = (struct file){0};
    }
    for (int fd = 0; fd < FDS; fd++)
        assert(fds[fd] == 0);
}

static void note(const struct log_finding *finding, void *arg)
{
    (void)arg;
    assert(finding->file != NULL && finding->what != NULL);
}

static void read_all(struct log *log)
{
    struct log_bounds bounds;
    struct error err;
    log_bounds(log, &bounds);
    uint64_t offset = bounds.first;
    uint64_t sum = 0;
    for (unsigned reads = 0; reads < 1000; reads++) {
        struct log_chunk *chunk;
        if (log_read(log, offset, 300, reads % 2, &chunk, &err) != LOG_READ)
            break;
        assert(chunk->first_offset <= offset && chunk->next_offset > offset);
        struct log_cursor cursor;
        struct log_record record;
        log_cursor_init(&cursor, chunk, offset);
        while (log_cursor_next(&cursor, &record)) {
            assert(record.offset == offset);
            offset++;
            for (size_t i = 0; i < record.data.len; i++)
                sum += (uint8_t)record.data.data[i];
        }
        assert(offset == chunk->next_offset);
        log_chunk_unref(chunk);
    }
    volatile uint64_t sink = sum; /* every byte is read */
    (void)sink;
}

/* Read without marks it is the same, unless that fails: an index may lie. */
static bool same_as_plain(struct log *log, const struct log_record *marked)
{
    struct log_chunk *chunk;
    struct error err;
    if (log_read(log, marked->offset, 1, 0, &chunk, &err) != LOG_READ)
        return true;
    struct log_cursor cursor;
    struct log_record plain;
    log_cursor_init(&cursor, chunk, marked->offset);
    bool same = log_cursor_next(&cursor, &plain) && plain.offset == marked->offset &&
                plain.time_ms == marked->time_ms && str_equal(plain.data, marked->data);
    log_chunk_unref(chunk);
    return same;
}

/* What is marked is what is there: in order, without gaps within a chunk, and what plain reading gives. */
static void read_marked(struct log *log, uint64_t from)
{
    struct log_bounds bounds;
    struct log_chunk *chunk;
    struct error err;
    log_bounds(log, &bounds);
    uint64_t offset = from > bounds.first ? from : bounds.first;
    for (unsigned reads = 0; reads < 1000; reads++) {
        if (log_read(log, offset, 300, LOG_MARKED | reads % 2, &chunk, &err) != LOG_READ)
            break;
        assert(chunk->next_offset > offset && chunk->next_offset <= bounds.next);
        uint64_t begin = offset > chunk->first_offset ? offset : chunk->first_offset;
        struct log_cursor cursor;
        struct log_record record;
        log_cursor_init(&cursor, chunk, offset);
        while (log_cursor_next(&cursor, &record)) {
            assert(record.offset == begin);
            begin++;
            assert(same_as_plain(log, &record));
        }
        assert(begin == chunk->next_offset);
        offset = chunk->next_offset;
        log_chunk_unref(chunk);
    }
}

static void done(struct log_batch *batch, const struct error *err)
{
    (void)err;
    log_batch_reset(batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 5)
        return 0;
    log_set_level(LOG_LEVEL_ERROR);
    struct error err;
    struct log_summary summary;
    lay_out(data, size);
    verify_dir(&io, DIR_NAME, note, NULL, &summary, &err);
    struct log_engine_options engine_options = {.io = &io, .tail_bytes = 1, .open_files = 1};
    struct log_options options = {.segment_bytes = SEGMENT_BYTES_LOWEST};
    struct log_engine *engine = log_engine_start(&engine_options, &err);
    struct log *log = log_open(engine, DIR_NAME, &options, &err);
    if (log != NULL) {
        struct log_bounds bounds;
        uint64_t offset;
        if (data[0] & 8)
            read_marked(log, data[3]);
        read_all(log);
        read_marked(log, 0);
        log_bounds(log, &bounds);
        log_offset_of_time(log, (int64_t)data[1] * 7, &offset, &err);
        log_offset_of_bytes(log, data[2], &offset, &err);
        log_trim(log, bounds.first + (bounds.next - bounds.first) / 2, &err);
        struct log_batch batch = {.done = done};
        memset(log_batch_add(&batch, 1, 10), 'x', 10);
        if (!log_append(log, &batch, &err))
            log_batch_reset(&batch);
        log_engine_step(engine);
        read_all(log);
        log_close(log);
    }
    log_engine_stop(engine);
    clear();
    return 0;
}

/* DIR/start: the low-water mark. 48 bytes, little-endian:
 *
 *      0  8  "VARVELOW"
 *      8  4  version, 1
 *     12  4  CRC-32C of bytes 16 to 47
 *     16  8  the low-water mark: the oldest offset that can be read
 *     24  8  bytes of all records of this log before it
 *     32  8  a time, ms since 1970, that no record from there on is before; the lowest int64: none known
 *     40  8  zero
 *
 * It is replaced as a whole: written to `start.tmp`, synced, renamed, the directory synced. It is made by the first
 * trim, so a log without it begins at offset 0. */
#include "log/log_internal.h"

#include "base/crc32c.h"
#include "base/fault.h"

#include <errno.h>
#include <stdio.h>

#define START_MAGIC   "VARVELOW"
#define START_VERSION 1
#define START_BYTES   48

static const char *decode(const uint8_t *bytes, struct start *out)
{
    if (memcmp(bytes, START_MAGIC, 8) != 0)
        return "not a low-water mark";
    if (get_le32(bytes + 8) != START_VERSION)
        return "a low-water mark of an unknown version";
    if (get_le32(bytes + 12) != crc32c(0, bytes + 16, START_BYTES - 16))
        return "the low-water mark does not match its checksum";
    out->first = get_le64(bytes + 16);
    out->bytes_before = get_le64(bytes + 24);
    out->time_before = (int64_t)get_le64(bytes + 32);
    return NULL;
}

bool start_read(const struct log_io *io, const char *dir, struct start *out, bool *exists, struct error *err)
{
    char path[LOG_PATH_BYTES];
    snprintf(path, sizeof path, "%s/start", dir);
    *out = (struct start){.time_before = NO_TIME};
    *exists = false;
    int64_t size = io->size(io->ctx, path);
    if (size == -ENOENT)
        return true;
    if (size < 0)
        return io_failed(err, size, "look at", path);
    *exists = true;
    if (size != START_BYTES)
        return log_is_corrupt(err, path, 0, "not the size of a low-water mark");
    int fd = io->open(io->ctx, path, 0);
    if (fd < 0)
        return io_failed(err, fd, "open", path);
    uint8_t bytes[START_BYTES];
    bool ok = read_fully(io, fd, bytes, sizeof bytes, 0, path, err);
    io->close(io->ctx, fd);
    const char *wrong = ok ? decode(bytes, out) : NULL;
    return ok && (wrong == NULL || log_is_corrupt(err, path, 0, wrong));
}

static bool write_and_sync(const struct log_io *io, const char *path, const uint8_t *bytes, struct error *err)
{
    int rc = io->unlink(io->ctx, path);
    if (rc < 0 && rc != -ENOENT)
        return io_failed(err, rc, "remove", path);
    int fd = io->open(io->ctx, path, LOG_IO_CREATE | LOG_IO_WRITE);
    if (fd < 0)
        return io_failed(err, fd, "create", path);
    bool ok = write_fully(io, fd, bytes, START_BYTES, 0, path, err);
    if (ok && (rc = io->fdatasync(io->ctx, fd)) < 0)
        ok = io_failed(err, rc, "sync", path);
    io->close(io->ctx, fd);
    return ok;
}

bool start_write(const struct log_io *io, const char *dir, int dir_fd, const struct start *start,
                 struct error *err)
{
    uint8_t bytes[START_BYTES] = {0};
    memcpy(bytes, START_MAGIC, 8);
    put_le32(bytes + 8, START_VERSION);
    put_le64(bytes + 16, start->first);
    put_le64(bytes + 24, start->bytes_before);
    put_le64(bytes + 32, (uint64_t)start->time_before);
    put_le32(bytes + 12, crc32c(0, bytes + 16, START_BYTES - 16));

    char path[LOG_PATH_BYTES], temporary[LOG_PATH_BYTES];
    snprintf(path, sizeof path, "%s/start", dir);
    snprintf(temporary, sizeof temporary, "%s/start.tmp", dir);
    FAULT_POINT("log.before_start");
    if (!write_and_sync(io, temporary, bytes, err))
        return false;
    FAULT_POINT("log.before_start_rename");
    int rc = io->rename(io->ctx, temporary, path);
    if (rc < 0)
        return io_failed(err, rc, "rename", temporary);
    FAULT_POINT("log.after_start_rename");
    rc = io->sync_dir(io->ctx, dir_fd);
    return rc >= 0 || io_failed(err, rc, "sync the directory", dir);
}

/* DIR/start: the low-water mark, twice, at bytes 0 and 512; zeros between. A copy has 48 bytes, little-endian:
 *
 *      0  8  "VARVELOW"
 *      8  4  version, 1
 *     12  4  CRC-32C of bytes 16 to 47
 *     16  8  the low-water mark: the oldest offset that can be read
 *     24  8  bytes of all records of this log before it
 *     32  8  a time, ms since 1970, that no record from there on is before; the lowest int64: none known
 *     40  8  sequence: higher each time that the file is overwritten in place
 *
 * The valid copy with the higher sequence counts. The file is made before the first segment gets its name,
 * so a log with segments has one. It is replaced as a whole: written to `start.tmp`, synced, renamed, the directory synced.
 *
 * On a full disk, where there is no room for a second file, it is overwritten in place, because trimming is what makes
 * room: first the copy that does not count, then, after a sync, the other one. So one copy is valid at any moment. Where
 * they differ, that was interrupted, and the one that counts may not be on disk: opening writes both again. */
#include "log/log_internal.h"

#include "base/crc32c.h"
#include "base/fault.h"

#include <errno.h>
#include <stdio.h>

#define START_VERSION 1
#define COPY_BYTES    48
#define COPY_DISTANCE 512
#define START_BYTES   (COPY_DISTANCE + COPY_BYTES)

static const uint8_t magic[8] = "VARVELOW";

static void encode(const struct start *start, uint64_t sequence, uint8_t *out)
{
    memset(out, 0, COPY_BYTES);
    memcpy(out, magic, sizeof magic);
    put_le32(out + 8, START_VERSION);
    put_le64(out + 16, start->first);
    put_le64(out + 24, start->bytes_before);
    put_le64(out + 32, (uint64_t)start->time_before);
    put_le64(out + 40, sequence);
    put_le32(out + 12, crc32c(0, out + 16, COPY_BYTES - 16));
}

static const char *decode(const uint8_t *bytes, struct start *out)
{
    if (memcmp(bytes, magic, sizeof magic) != 0)
        return "not a low-water mark";
    if (get_le32(bytes + 8) != START_VERSION)
        return "a low-water mark of an unknown version";
    if (get_le32(bytes + 12) != crc32c(0, bytes + 16, COPY_BYTES - 16))
        return "the low-water mark does not match its checksum";
    out->first = get_le64(bytes + 16);
    out->bytes_before = get_le64(bytes + 24);
    out->time_before = (int64_t)get_le64(bytes + 32);
    return NULL;
}

static uint64_t sequence_of(const uint8_t *copy)
{
    return get_le64(copy + 40);
}

/* Sets *best to the copy that counts, and *out to what it says. NULL, or what is wrong. */
static const char *decode_both(const uint8_t *bytes, struct start *out, int *best)
{
    struct start copies[2];
    const char *wrong[2] = {decode(bytes, &copies[0]), decode(bytes + COPY_DISTANCE, &copies[1])};
    if (wrong[0] != NULL && wrong[1] != NULL)
        return wrong[0];
    *best = wrong[0] != NULL || (wrong[1] == NULL && sequence_of(bytes + COPY_DISTANCE) > sequence_of(bytes));
    *out = copies[*best];
    return NULL;
}

bool start_read(const struct log_io *io, const char *dir, struct start *out, bool *exists, bool *uneven,
                struct error *err)
{
    char path[LOG_PATH_BYTES];
    snprintf(path, sizeof path, "%s/start", dir);
    *out = (struct start){.time_before = NO_TIME};
    *exists = false;
    *uneven = false;
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
    *uneven = ok && memcmp(bytes, bytes + COPY_DISTANCE, COPY_BYTES) != 0;
    int best;
    const char *wrong = ok ? decode_both(bytes, out, &best) : NULL;
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

static bool write_copy(const struct log_io *io, int fd, int which, const uint8_t *copy, const char *path,
                       struct error *err)
{
    if (!write_fully(io, fd, copy, COPY_BYTES, (uint64_t)which * COPY_DISTANCE, path, err))
        return false;
    int rc = io->fdatasync(io->ctx, fd);
    return rc >= 0 || io_failed(err, rc, "sync", path);
}

static bool overwrite_and_sync(const struct log_io *io, const char *path, const struct start *start,
                               struct error *err)
{
    int fd = io->open(io->ctx, path, LOG_IO_WRITE);
    if (fd < 0)
        return io_failed(err, fd, "open", path);
    uint8_t bytes[START_BYTES];
    struct start former;
    int best = 0;
    bool ok = read_fully(io, fd, bytes, sizeof bytes, 0, path, err);
    const char *wrong = ok ? decode_both(bytes, &former, &best) : NULL;
    if (wrong != NULL)
        ok = log_is_corrupt(err, path, 0, wrong);
    uint8_t copy[COPY_BYTES];
    if (ok)
        encode(start, sequence_of(bytes + (size_t)best * COPY_DISTANCE) + 1, copy);
    ok = ok && write_copy(io, fd, 1 - best, copy, path, err) && write_copy(io, fd, best, copy, path, err);
    io->close(io->ctx, fd);
    return ok;
}

static bool rename_over(const struct log_io *io, const char *temporary, const char *path, struct error *err)
{
    FAULT_POINT("log.before_start_rename");
    int rc = io->rename(io->ctx, temporary, path);
    FAULT_POINT("log.after_start_rename");
    return rc >= 0 || io_failed(err, rc, "rename", temporary);
}

static bool replace(const struct log_io *io, const char *dir, const struct start *start, struct error *err)
{
    uint8_t bytes[START_BYTES] = {0};
    encode(start, 1, bytes);
    encode(start, 1, bytes + COPY_DISTANCE);

    char path[LOG_PATH_BYTES], temporary[LOG_PATH_BYTES];
    struct error failure;
    snprintf(path, sizeof path, "%s/start", dir);
    snprintf(temporary, sizeof temporary, "%s/start.tmp", dir);
    if (write_and_sync(io, temporary, bytes, &failure))
        return rename_over(io, temporary, path, err);
    io->unlink(io->ctx, temporary);
    if (failure.code == ERR_NO_SPACE && io->size(io->ctx, path) == START_BYTES)
        return overwrite_and_sync(io, path, start, err);
    if (err != NULL)
        *err = failure;
    return false;
}

bool start_write(const struct log_io *io, const char *dir, int dir_fd, const struct start *start,
                 struct error *err)
{
    FAULT_POINT("log.before_start");
    if (!replace(io, dir, start, err))
        return false;
    /* Also when it was overwritten: the name itself may come from a rename whose sync has failed. */
    int rc = io->sync_dir(io->ctx, dir_fd);
    return rc >= 0 || io_failed(err, rc, "sync the directory", dir);
}

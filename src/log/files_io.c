/* Names of the files of a log, and reads and writes that are whole or an error. */
#include "log/log_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

void path_of_segment(char *out, const char *dir, uint64_t first, const char *suffix)
{
    snprintf(out, LOG_PATH_BYTES, "%s/%020" PRIu64 "%s", dir, first, suffix);
}

bool name_is_segment(const char *name, const char *suffix, uint64_t *first)
{
    struct str text = str_of(name);
    if (text.len != SEGMENT_NAME_DIGITS + strlen(suffix) || !str_ends(text, str_of(suffix)))
        return false;
    for (size_t i = 0; i < SEGMENT_NAME_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
    }
    return str_to_u64(str_make(name, SEGMENT_NAME_DIGITS), first, NULL);
}

bool io_failed(struct error *err, int64_t rc, const char *verb, const char *path)
{
    error_errno(err, (int)-rc, "%s %s", verb, path);
    if (err != NULL && err->code == ERR_NO_SPACE)
        error_hint(err, "make room on the disk");
    return false;
}

bool log_is_corrupt(struct error *err, const char *path, uint64_t position, const char *what)
{
    error_set(err, ERR_CORRUPT, "%s, byte %" PRIu64 ": %s", path, position, what);
    return error_hint(err, "check the disk; restore the file from a copy, or trim the log above it");
}

bool write_fully(const struct log_io *io, int fd, const void *data, size_t len, uint64_t position,
                 const char *path, struct error *err)
{
    for (size_t done = 0; done < len;) {
        struct iovec part = {(uint8_t *)(uintptr_t)data + done, len - done};
        int64_t put = io->pwritev(io->ctx, fd, &part, 1, position + done);
        if (put <= 0)
            return io_failed(err, put < 0 ? put : -EIO, "write", path);
        done += (size_t)put;
    }
    return true;
}

bool read_fully(const struct log_io *io, int fd, void *out, size_t len, uint64_t position, const char *path,
                struct error *err)
{
    for (size_t done = 0; done < len;) {
        int64_t got = io->pread(io->ctx, fd, (uint8_t *)out + done, len - done, position + done, false);
        if (got < 0)
            return io_failed(err, got, "read", path);
        if (got == 0)
            return log_is_corrupt(err, path, position + done, "the file ends here");
        done += (size_t)got;
    }
    return true;
}

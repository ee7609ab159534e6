/* Whole files, in and out of a buffer.
 *
 * Writing: (1) a temporary file in the same directory, (2) write, (3) fsync it, (4) rename it over the path,
 * (5) fsync the directory. A crash before (4) leaves the former file and perhaps a *.tmp file beside it; after
 * (4) the path holds the former or the replacing bytes in full, after (5) the replacing ones. A failure in (1)
 * to (4) removes the temporary file and leaves the former one as it is. A failure in (5) is reported although
 * the replacement is visible: it may not outlive a power cut. */
#include "base/buf.h"

#include "base/dir.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES 65536

/* Reads until the end, one byte past the limit at most, so that a file of exactly the limit is fine. */
static bool read_all(struct buf *buf, int fd, size_t max_bytes, const char *path, struct error *err)
{
    size_t start = buf->len;
    for (;;) {
        size_t room = max_bytes - (buf->len - start);
        size_t want = room < READ_BYTES ? room + 1 : READ_BYTES;
        buf_reserve(buf, want);
        ssize_t got = read(fd, buf->data + buf->len, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, errno, "read %s", path);
        if (got == 0)
            return true;
        if ((size_t)got > room)
            return error_set(err, ERR_TOO_LARGE, "read %s: larger than %zu bytes", path, max_bytes);
        buf->len += (size_t)got;
    }
}

bool buf_read_file(struct buf *buf, const char *path, size_t max_bytes, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "open %s", path);
    size_t start = buf->len;
    bool ok = read_all(buf, fd, max_bytes, path, err);
    if (!ok)
        buf->len = start;
    close(fd);
    return ok;
}

static bool write_all(int fd, const struct buf *buf, const char *path, struct error *err)
{
    for (size_t done = 0; done < buf->len;) {
        ssize_t put = write(fd, buf->data + done, buf->len - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return error_errno(err, errno, "write %s", path);
        done += (size_t)put;
    }
    return true;
}

/* Fills, synchronises and closes the temporary file. Takes fd. */
static bool fill_file(int fd, const struct buf *buf, const char *path, unsigned mode, struct error *err)
{
    bool ok = write_all(fd, buf, path, err);
    if (ok && fchmod(fd, (mode_t)mode) != 0)
        ok = error_errno(err, errno, "set the mode of %s", path);
    if (ok && fsync(fd) != 0)
        ok = error_errno(err, errno, "fsync %s", path);
    if (close(fd) != 0 && ok)
        ok = error_errno(err, errno, "close %s", path);
    return ok;
}

bool buf_write_file(const struct buf *buf, const char *path, unsigned mode, struct error *err)
{
    static const char ending[] = ".tmp";
    struct buf name = {0};
    buf_printf(&name, "%s.XXXXXX%s", path, ending);
    char *temporary = buf_cstr(&name);
    bool ok = false;
    int fd = mkostemps(temporary, (int)sizeof ending - 1, O_CLOEXEC);
    if (fd < 0) {
        error_errno(err, errno, "create a temporary file beside %s", path);
        goto out;
    }
    if (!fill_file(fd, buf, path, mode, err)) {
        unlink(temporary);
        goto out;
    }
    if (rename(temporary, path) != 0) {
        error_errno(err, errno, "rename %s to %s", temporary, path);
        unlink(temporary);
        goto out;
    }
    ok = dir_sync_of(path, err);
out:
    buf_free(&name);
    return ok;
}

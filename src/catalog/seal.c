/* The seal: what catalog.db was when the last process closed it, so that damage done since is found at the next opening.
 *
 * SQLite guards what is in its log by checksums, but not the pages of the file itself: a flipped bit in a value would be
 * served as if it had been written. So whoever closes the file last, after the log has been folded into it, writes
 * DIR/catalog.seal, and whoever opens it first reads the file through, compares, and breaks the seal before anything is
 * changed. One line:
 *
 *     varve catalog 1 <size of catalog.db in bytes> <its CRC-32C, 8 hexadecimal digits>
 *
 * First and last are found by flock() on DIR/catalog.lock: everybody who has the catalog open holds it shared; exclusive
 * means alone. After a crash there is no seal, and nothing is compared. */
#include "catalog/catalog_internal.h"

#include "base/crc32c.h"
#include "base/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES     ((size_t)1 << 20)
#define SEAL_BYTES_MAX 256

static void seal_path(struct buf *out, const char *dir, const char *name)
{
    buf_reset(out);
    buf_printf(out, "%s/%s", dir, name);
    buf_cstr(out);
}

static bool open_failed(const char *name, int errnum, struct error *err)
{
    if (errnum != ENOENT)
        return error_errno(err, errnum, "open %s", name);
    error_set(err, ERR_CORRUPT, "%s is missing, but the catalog.seal that belongs to it is there", name);
    return error_hint(err, "bring catalog.db back, or remove catalog.seal to start with an empty one");
}

/* What the seal of the file as it is would say. Closing it here drops no lock: this process has no connection to it. */
static bool make_line(const char *dir, struct buf *out, struct error *err)
{
    struct buf path = {0}, block = {0};
    seal_path(&path, dir, "catalog.db");
    const char *name = (const char *)path.data;
    uint32_t crc = 0;
    uint64_t size = 0;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 || open_failed(name, errno, err);
    buf_reserve(&block, READ_BYTES);
    while (ok) {
        ssize_t n = read(fd, block.data, READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            ok = error_errno(err, errno, "read %s", name);
        if (n <= 0)
            break;
        crc = crc32c(crc, block.data, (size_t)n);
        size += (uint64_t)n;
    }
    if (fd >= 0)
        close(fd);
    if (ok)
        buf_printf(out, "varve catalog 1 %" PRIu64 " %08" PRIx32 "\n", size, crc);
    buf_free(&block);
    buf_free(&path);
    return ok;
}

static bool compare(const char *dir, const char *path, struct error *err)
{
    struct buf stored = {0}, now = {0};
    bool ok = buf_read_file(&stored, path, SEAL_BYTES_MAX, err) && make_line(dir, &now, err);
    if (ok && !str_equal(buf_str(&stored), buf_str(&now))) {
        error_set(err, ERR_CORRUPT,
                  "%s/catalog.db is not what it was when it was closed: it is damaged, or another program "
                  "has changed it",
                  dir);
        ok = error_hint(err, "restore a backup, or salvage it with: sqlite3 catalog.db .recover; if you put "
                             "this file here yourself, remove catalog.seal");
    }
    buf_free(&stored);
    buf_free(&now);
    return ok;
}

/* Alone. The seal is gone from the disk before anything is changed. */
static bool break_seal(const char *dir, const char *path, struct error *err)
{
    return compare(dir, path, err) && (unlink(path) == 0 || error_errno(err, errno, "remove %s", path)) &&
           dir_sync(dir, err);
}

static bool take(int fd, int how, const char *dir, struct error *err)
{
    while (flock(fd, how) != 0) {
        if (errno != EINTR)
            return error_errno(err, errno, "lock %s/catalog.lock", dir);
    }
    return true;
}

int seal_open(const char *dir, struct error *err)
{
    struct buf path = {0};
    seal_path(&path, dir, "catalog.lock");
    int fd = open((const char *)path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        error_errno(err, errno, "open %s", (const char *)path.data);
        buf_free(&path);
        return -1;
    }
    seal_path(&path, dir, "catalog.seal");
    const char *seal = (const char *)path.data;
    bool ok = take(fd, LOCK_SH, dir, err);
    while (ok && access(seal, F_OK) == 0) {
        /* Nobody has the catalog open, or there would be no seal: so this waits for others that compare, at most. */
        ok = take(fd, LOCK_EX, dir, err) && (access(seal, F_OK) != 0 || break_seal(dir, seal, err)) &&
             take(fd, LOCK_SH, dir, err);
    }
    buf_free(&path);
    if (ok)
        return fd;
    close(fd);
    return -1;
}

void seal_close(int fd, const char *dir, bool whole)
{
    struct buf path = {0}, line = {0};
    struct stat state;
    struct error err; /* without a seal the next opening compares nothing, as after a crash */
    if (fd < 0)
        return;
    seal_path(&path, dir, "catalog.db-wal");
    bool folded = stat((const char *)path.data, &state) != 0 || state.st_size == 0;
    if (whole && folded && flock(fd, LOCK_EX | LOCK_NB) == 0 && make_line(dir, &line, &err)) {
        seal_path(&path, dir, "catalog.seal");
        buf_write_file(&line, (const char *)path.data, 0600, &err);
    }
    close(fd);
    buf_free(&path);
    buf_free(&line);
}

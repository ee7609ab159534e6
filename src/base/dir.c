/* Directories: see dir.h. */
#include "base/dir.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool dir_sync(const char *dir, struct error *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "open %s", dir);
    bool ok = fsync(fd) == 0 || error_errno(err, errno, "fsync %s", dir);
    close(fd);
    return ok;
}

bool dir_sync_of(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    struct buf name = {0};
    if (slash == NULL)
        buf_append_byte(&name, '.');
    else
        buf_append(&name, path, slash == path ? 1 : (size_t)(slash - path));
    bool ok = dir_sync(buf_cstr(&name), err);
    buf_free(&name);
    return ok;
}

/* The directory that a mode fills and leaves behind empty-handed: made, measured, removed. */
#include "station_dir_internal.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OPEN_FILES 16 /* nftw() may use */

bool station_dir_make(const char *wanted, char *out, size_t out_bytes, struct error *err)
{
    if (wanted == NULL) {
        snprintf(out, out_bytes, "varve-bench-XXXXXX");
        return mkdtemp(out) != NULL ||
               error_errno(err, errno, "cannot make a directory below the working directory");
    }
    if (strlen(wanted) >= out_bytes)
        return error_set(err, ERR_INVALID, "--dir: a name of more than %zu bytes", out_bytes - 1);
    snprintf(out, out_bytes, "%s", wanted);
    if (mkdir(out, 0700) == 0)
        return true;
    error_errno(err, errno, "cannot make the directory %s", wanted);
    return errno == EEXIST ? error_hint(err, "choose a --dir that does not exist") : false;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    remove(path);
    return 0;
}

void station_dir_remove(const char *dir)
{
    nftw(dir, remove_one, OPEN_FILES, FTW_DEPTH | FTW_PHYS);
}

static uint64_t bytes_found; /* nftw() has no argument for its callback; the main thread's */

static int add_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)path;
    (void)where;
    if (kind == FTW_F)
        bytes_found += (uint64_t)about->st_blocks * 512;
    return 0;
}

uint64_t station_dir_bytes(const char *dir)
{
    bytes_found = 0;
    nftw(dir, add_one, OPEN_FILES, FTW_PHYS);
    return bytes_found;
}

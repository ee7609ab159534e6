/* A copy of a directory: what a disk has when a process is killed. */
#ifndef TESTS_COPY_DIR_H
#define TESTS_COPY_DIR_H

#include "harness.h"

#include "base/buf.h"

#include <dirent.h>
#include <sys/stat.h>

static inline void copy_file(const char *from, const char *to)
{
    struct buf content = {0};
    struct error err;
    ASSERT_OK(buf_read_file(&content, from, (size_t)64 << 20, &err), err);
    ASSERT_OK(buf_write_file(&content, to, 0600, &err), err);
    buf_free(&content);
}

static inline void copy_dir(const char *from, const char *to)
{
    DIR *dir = opendir(from);
    assert_non_null(dir);
    mkdir(to, 0700);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char source[2 * HARNESS_PATH_BYTES], target[2 * HARNESS_PATH_BYTES];
        struct stat state;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(source, sizeof(source), "%s/%s", from, entry->d_name);
        snprintf(target, sizeof(target), "%s/%s", to, entry->d_name);
        assert_int_equal(stat(source, &state), 0);
        if (S_ISDIR(state.st_mode))
            copy_dir(source, target);
        else
            copy_file(source, target);
    }
    closedir(dir);
}

#endif

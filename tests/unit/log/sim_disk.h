/* A disk in memory, behind struct log_io, that fails as real ones do. Everything random comes from one seed.
 *
 * A file has what the system shows (`seen`) and what would survive a power cut (`kept`). Between them, for each page:
 *   clean   both are the same
 *   dirty   written since the last sync: a cut keeps it, loses it, or keeps some of its sectors
 *   lost    a sync has failed and dropped it: the next sync will not write it, though it is still seen, for a while
 * A directory has entries that are seen, entries that are kept, and a journal of the changes between them, of which a cut
 * applies some. A rename is kept as a whole or not at all.
 *
 * sim_kill() ends the process that uses the disk: its descriptors are dead, what is seen stays seen. sim_cut() ends the
 * power. Not thread-safe. */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "log/io.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SIM_PAGE   256
#define SIM_SECTOR 64
#define SIM_FILES  256
#define SIM_FDS    128
#define SIM_NAME   96

enum sim_page { SIM_CLEAN, SIM_DIRTY, SIM_LOST };

struct sim_file {
    bool used;
    struct buf seen, kept;
    struct buf pages; /* enum sim_page, one byte each; for the longer of both */
};

struct sim_entry {
    char name[SIM_NAME];
    int file; /* -1: a directory */
};

struct sim_table {
    struct sim_entry entries[SIM_FILES];
    int count;
};

struct sim_change {
    enum { SIM_LINK, SIM_UNLINK, SIM_RENAME } kind;
    char name[SIM_NAME], to[SIM_NAME];
    int file;
};

/* Of 1024 calls so many fail. */
struct sim_faults {
    unsigned short_write, write_eio, sync_eio, dir_sync_eio, name_eio, read_eio;
    bool full; /* no file can grow */
};

struct sim_disk {
    struct random random;
    struct sim_faults faults;
    struct sim_file files[SIM_FILES];
    struct sim_table seen, kept;
    struct sim_change journal[1024];
    int journal_count;
    struct {
        int file; /* -2: closed; -1: a directory */
        bool locks;
        char path[SIM_NAME]; /* of a directory */
    } fds[SIM_FDS];
    bool locked;
    bool dead;                  /* all calls fail without effect, until the next generation */
    bool replaced;              /* the last rename has put a segment in the place of another */
    unsigned replaced_unsynced; /* so often the directory could not be synced then */
    uint64_t calls;
    struct log_io io;
};

static inline bool sim_chance(struct sim_disk *disk, unsigned of_1024)
{
    return of_1024 != 0 && random_below(&disk->random, 1024) < of_1024;
}

/* ---- Tables of names --------------------------------------------------------------------------------------------- */

static inline int sim_find(const struct sim_table *table, const char *name)
{
    for (int i = 0; i < table->count; i++) {
        if (strcmp(table->entries[i].name, name) == 0)
            return i;
    }
    return -1;
}

static inline void sim_drop(struct sim_table *table, const char *name)
{
    int i = sim_find(table, name);
    if (i >= 0)
        table->entries[i] = table->entries[--table->count];
}

static inline void sim_put(struct sim_table *table, const char *name, int file)
{
    sim_drop(table, name);
    assert(table->count < SIM_FILES);
    strcpy(table->entries[table->count].name, name);
    table->entries[table->count++].file = file;
}

static inline void sim_apply(struct sim_table *table, const struct sim_change *change)
{
    switch (change->kind) {
    case SIM_LINK: sim_put(table, change->name, change->file); break;
    case SIM_UNLINK: sim_drop(table, change->name); break;
    case SIM_RENAME:
        sim_drop(table, change->name);
        sim_put(table, change->to, change->file);
        break;
    }
}

static inline void sim_change(struct sim_disk *disk, struct sim_change change)
{
    sim_apply(&disk->seen, &change);
    assert(disk->journal_count < 1024);
    disk->journal[disk->journal_count++] = change;
}

/* Files that no table, change or descriptor names are free again. */
static inline void sim_collect(struct sim_disk *disk)
{
    bool named[SIM_FILES] = {false};
    for (int i = 0; i < disk->seen.count; i++) {
        if (disk->seen.entries[i].file >= 0)
            named[disk->seen.entries[i].file] = true;
    }
    for (int i = 0; i < disk->kept.count; i++) {
        if (disk->kept.entries[i].file >= 0)
            named[disk->kept.entries[i].file] = true;
    }
    for (int i = 0; i < disk->journal_count; i++) {
        if (disk->journal[i].file >= 0)
            named[disk->journal[i].file] = true;
    }
    for (int i = 0; i < SIM_FDS; i++) {
        if (disk->fds[i].file >= 0)
            named[disk->fds[i].file] = true;
    }
    for (int i = 0; i < SIM_FILES; i++) {
        struct sim_file *file = &disk->files[i];
        if (!file->used || named[i])
            continue;
        buf_free(&file->seen);
        buf_free(&file->kept);
        buf_free(&file->pages);
        file->used = false;
    }
}

/* ---- Pages ----------------------------------------------------------------------------------------------------- */

static inline void sim_resize(struct buf *buf, size_t len)
{
    if (len > buf->len) {
        size_t more = len - buf->len;
        buf_reserve(buf, more);
        memset(buf->data + buf->len, 0, more);
    }
    buf->len = len;
}

static inline size_t sim_page_count(size_t len)
{
    return (len + SIM_PAGE - 1) / SIM_PAGE;
}

static inline void sim_touch(struct sim_file *file, size_t from, size_t to)
{
    if (sim_page_count(to) > file->pages.len)
        sim_resize(&file->pages, sim_page_count(to));
    for (size_t page = from / SIM_PAGE; page < sim_page_count(to); page++)
        file->pages.data[page] = SIM_DIRTY;
}

static inline void sim_copy(struct buf *to, const struct buf *from, size_t at, size_t len)
{
    for (size_t i = at; i < at + len && i < to->len; i++)
        to->data[i] = i < from->len ? from->data[i] : 0;
}

/* A sync: what is dirty is kept. Returns whether it worked. */
static inline bool sim_sync(struct sim_disk *disk, struct sim_file *file, bool fails)
{
    if (fails) {
        for (size_t page = 0; page < file->pages.len; page++) {
            if (file->pages.data[page] == SIM_DIRTY)
                file->pages.data[page] = SIM_LOST;
        }
        for (size_t page = 0; page < file->pages.len; page++) {
            if (file->pages.data[page] == SIM_LOST && sim_chance(disk, 512) &&
                file->kept.len > page * SIM_PAGE)
                sim_copy(&file->kept, &file->seen, page * SIM_PAGE, SIM_PAGE);
        }
        return false;
    }
    sim_resize(&file->kept, file->seen.len);
    for (size_t page = 0; page < file->pages.len; page++) {
        if (file->pages.data[page] == SIM_DIRTY) {
            sim_copy(&file->kept, &file->seen, page * SIM_PAGE, SIM_PAGE);
            file->pages.data[page] = SIM_CLEAN;
        }
    }
    return true;
}

/* What a power cut leaves of a file. */
static inline void sim_cut_file(struct sim_disk *disk, struct sim_file *file)
{
    if (file->seen.len != file->kept.len) {
        size_t low = file->seen.len < file->kept.len ? file->seen.len : file->kept.len;
        size_t high = file->seen.len < file->kept.len ? file->kept.len : file->seen.len;
        uint64_t choice = random_below(&disk->random, 3);
        sim_resize(&file->kept, choice == 0   ? low
                                : choice == 1 ? high
                                              : low + random_below(&disk->random, high - low + 1));
    }
    unsigned keep = (unsigned)random_below(&disk->random, 1025);
    for (size_t page = 0; page < file->pages.len; page++) {
        if (file->pages.data[page] != SIM_DIRTY)
            continue;
        bool torn = sim_chance(disk, 128);
        for (size_t at = page * SIM_PAGE; at < (page + 1) * SIM_PAGE; at += SIM_SECTOR) {
            if (at == page * SIM_PAGE || torn) {
                if (!sim_chance(disk, keep))
                    continue;
                sim_copy(&file->kept, &file->seen, at, torn ? SIM_SECTOR : SIM_PAGE);
            }
        }
    }
    file->pages.len = 0;
    sim_resize(&file->seen, 0);
    buf_append(&file->seen, file->kept.data, file->kept.len);
    sim_resize(&file->pages, sim_page_count(file->kept.len));
}

/* ---- The ends ------------------------------------------------------------------------------------------------- */

/* From here on the process that uses the disk is dead: nothing it does has an effect. */
static inline void sim_kill(struct sim_disk *disk)
{
    disk->dead = true;
}

/* What is in a directory that is not there is lost with it. */
static inline void sim_drop_orphans(struct sim_table *table)
{
    for (int i = table->count; i-- > 0;) {
        char parent[SIM_NAME];
        strcpy(parent, table->entries[i].name);
        *strrchr(parent, '/') = '\0';
        if (strchr(parent + 1, '/') != NULL && sim_find(table, parent) < 0)
            table->entries[i] = table->entries[--table->count];
    }
}

static inline void sim_cut(struct sim_disk *disk)
{
    disk->dead = true;
    for (int i = 0; i < disk->journal_count; i++) {
        if (sim_chance(disk, 512))
            sim_apply(&disk->kept, &disk->journal[i]);
    }
    disk->journal_count = 0;
    sim_drop_orphans(&disk->kept);
    disk->seen = disk->kept;
    for (int i = 0; i < SIM_FILES; i++) {
        if (disk->files[i].used)
            sim_cut_file(disk, &disk->files[i]);
    }
}

/* The next process starts. Pages that a failed sync has dropped may leave the system's memory. */
static inline void sim_revive(struct sim_disk *disk)
{
    disk->dead = false;
    disk->locked = false;
    for (int i = 0; i < SIM_FDS; i++)
        disk->fds[i].file = -2;
    sim_collect(disk);
    for (int i = 0; i < SIM_FILES; i++) {
        struct sim_file *file = &disk->files[i];
        for (size_t page = 0; file->used && page < file->pages.len; page++) {
            if (file->pages.data[page] == SIM_LOST && sim_chance(disk, 256)) {
                sim_copy(&file->seen, &file->kept, page * SIM_PAGE, SIM_PAGE);
                file->pages.data[page] = SIM_CLEAN;
            }
        }
    }
}

/* ---- The calls -------------------------------------------------------------------------------------------------- */

/* Whether this call is refused before it does anything. */
static inline bool sim_refuses(struct sim_disk *disk, unsigned of_1024)
{
    disk->calls++;
    return disk->dead || sim_chance(disk, of_1024);
}

static inline int sim_new_fd(struct sim_disk *disk, int file)
{
    for (int fd = 0; fd < SIM_FDS; fd++) {
        if (disk->fds[fd].file == -2) {
            disk->fds[fd].file = file;
            disk->fds[fd].locks = false;
            return fd;
        }
    }
    assert(!"descriptors are leaking");
    return -EMFILE;
}

static inline int sim_mkdir(void *ctx, const char *path)
{
    struct sim_disk *disk = ctx;
    if (sim_refuses(disk, disk->faults.name_eio))
        return -EIO;
    if (sim_find(&disk->seen, path) >= 0)
        return -EEXIST;
    struct sim_change change = {.kind = SIM_LINK, .file = -1};
    strcpy(change.name, path);
    sim_change(disk, change);
    return 0;
}

static inline int sim_rmdir(void *ctx, const char *path)
{
    struct sim_disk *disk = ctx;
    if (sim_refuses(disk, disk->faults.name_eio))
        return -EIO;
    struct sim_change change = {.kind = SIM_UNLINK, .file = -1};
    strcpy(change.name, path);
    sim_change(disk, change);
    return 0;
}

static inline int sim_open_dir(void *ctx, const char *path)
{
    struct sim_disk *disk = ctx;
    if (sim_refuses(disk, disk->faults.name_eio))
        return -EIO;
    int fd = sim_new_fd(disk, -1);
    snprintf(disk->fds[fd].path, SIM_NAME, "%s", path);
    return fd;
}

static inline int sim_lock(void *ctx, int dir)
{
    struct sim_disk *disk = ctx;
    if (disk->locked)
        return -EWOULDBLOCK;
    disk->locked = true;
    disk->fds[dir].locks = true;
    return 0;
}

static inline bool sim_is_in(const char *name, const char *dir)
{
    size_t len = strlen(dir);
    return strncmp(name, dir, len) == 0 && name[len] == '/' && strchr(name + len + 1, '/') == NULL;
}

/* The changes of this directory are kept; those of others still wait. */
static inline int sim_sync_dir(void *ctx, int dir)
{
    struct sim_disk *disk = ctx;
    bool replaced = disk->replaced;
    disk->replaced = false;
    if (sim_refuses(disk, disk->faults.dir_sync_eio)) {
        disk->replaced_unsynced += replaced && !disk->dead;
        return -EIO;
    }
    int left = 0;
    for (int i = 0; i < disk->journal_count; i++) {
        if (sim_is_in(disk->journal[i].name, disk->fds[dir].path)) {
            sim_apply(&disk->kept, &disk->journal[i]);
        } else {
            disk->journal[left++] = disk->journal[i];
        }
    }
    disk->journal_count = left;
    return 0;
}

static inline int sim_list(void *ctx, const char *path, void (*each)(const char *name, void *arg), void *arg)
{
    struct sim_disk *disk = ctx;
    if (sim_refuses(disk, disk->faults.read_eio))
        return -EIO;
    size_t len = strlen(path);
    for (int i = 0; i < disk->seen.count; i++) {
        const char *name = disk->seen.entries[i].name;
        if (strncmp(name, path, len) == 0 && name[len] == '/')
            each(name + len + 1, arg);
    }
    return 0;
}

static inline int sim_open(void *ctx, const char *path, unsigned flags)
{
    struct sim_disk *disk = ctx;
    if (sim_refuses(disk, flags != 0 ? disk->faults.name_eio : disk->faults.read_eio))
        return -EIO;
    int at = sim_find(&disk->seen, path);
    if (!(flags & LOG_IO_CREATE))
        return at < 0 ? -ENOENT : sim_new_fd(disk, disk->seen.entries[at].file);
    if (at >= 0)
        return -EEXIST;
    sim_collect(disk);
    struct sim_change change = {.kind = SIM_LINK};
    while (disk->files[change.file].used)
        change.file++;
    assert(change.file < SIM_FILES);
    disk->files[change.file].used = true;
    strcpy(change.name, path);
    sim_change(disk, change);
    return sim_new_fd(disk, change.file);
}

static inline int sim_close(void *ctx, int fd)
{
    struct sim_disk *disk = ctx;
    assert(disk->fds[fd].file != -2);
    disk->fds[fd].file = -2;
    if (disk->fds[fd].locks)
        disk->locked = false;
    return 0;
}

static inline int64_t sim_size(void *ctx, const char *path)
{
    struct sim_disk *disk = ctx;
    if (sim_refuses(disk, disk->faults.read_eio))
        return -EIO;
    int at = sim_find(&disk->seen, path);
    return at < 0 ? -ENOENT : (int64_t)disk->files[disk->seen.entries[at].file].seen.len;
}

static inline size_t sim_room(struct sim_disk *disk, struct sim_file *file, size_t from, size_t len)
{
    if (!disk->faults.full || from + len <= file->seen.len)
        return len;
    return from < file->seen.len ? file->seen.len - from : 0;
}

static inline void sim_write(struct sim_file *file, const uint8_t *data, size_t len, size_t at)
{
    if (at + len > file->seen.len) {
        size_t former = file->seen.len;
        sim_resize(&file->seen, at + len);
        sim_touch(file, former, at + len);
    }
    memcpy(file->seen.data + at, data, len);
    sim_touch(file, at, at + len);
}

static inline int64_t sim_pwritev(void *ctx, int fd, const struct iovec *parts, int count, uint64_t position)
{
    struct sim_disk *disk = ctx;
    if (sim_refuses(disk, 0))
        return -EIO;
    struct sim_file *file = &disk->files[disk->fds[fd].file];
    struct buf all = {0};
    for (int i = 0; i < count; i++)
        buf_append(&all, parts[i].iov_base, parts[i].iov_len);
    bool eio = sim_chance(disk, disk->faults.write_eio);
    size_t len = sim_room(disk, file, position, all.len);
    if (len != 0 && (eio || sim_chance(disk, disk->faults.short_write)))
        len = random_below(&disk->random, len) + !eio;
    if (len != 0)
        sim_write(file, all.data, len, position);
    buf_free(&all);
    return eio ? -EIO : len == 0 ? -ENOSPC : (int64_t)len;
}

static inline int64_t sim_pread(void *ctx, int fd, void *out, size_t len, uint64_t position, bool nowait)
{
    struct sim_disk *disk = ctx;
    if (sim_refuses(disk, disk->faults.read_eio))
        return -EIO;
    const struct sim_file *file = &disk->files[disk->fds[fd].file];
    if (nowait && sim_chance(disk, 512))
        return -EAGAIN;
    if (position >= file->seen.len)
        return 0;
    len = file->seen.len - position < len ? file->seen.len - position : len;
    memcpy(out, file->seen.data + position, len);
    return (int64_t)len;
}

static inline int sim_fdatasync(void *ctx, int fd)
{
    struct sim_disk *disk = ctx;
    if (sim_refuses(disk, 0))
        return -EIO;
    struct sim_file *file = &disk->files[disk->fds[fd].file];
    return sim_sync(disk, file, sim_chance(disk, disk->faults.sync_eio)) ? 0 : -EIO;
}

static inline int sim_fallocate(void *ctx, int fd, uint64_t position, uint64_t len)
{
    struct sim_disk *disk = ctx;
    if (sim_refuses(disk, disk->faults.name_eio))
        return -EIO;
    struct sim_file *file = &disk->files[disk->fds[fd].file];
    if (sim_room(disk, file, position, len) < len)
        return -ENOSPC;
    if (position + len > file->seen.len) {
        size_t former = file->seen.len;
        sim_resize(&file->seen, position + len);
        sim_touch(file, former, position + len);
    }
    return 0;
}

static inline int sim_ftruncate(void *ctx, int fd, uint64_t len)
{
    struct sim_disk *disk = ctx;
    if (sim_refuses(disk, disk->faults.name_eio))
        return -EIO;
    struct sim_file *file = &disk->files[disk->fds[fd].file];
    size_t former = file->seen.len;
    sim_resize(&file->seen, len);
    if (len > former) {
        sim_touch(file, former, len);
    } else if (len < former) {
        sim_touch(file, len, former);
    }
    return 0;
}

static inline int sim_rename(void *ctx, const char *from, const char *to)
{
    struct sim_disk *disk = ctx;
    if (sim_refuses(disk, disk->faults.name_eio))
        return -EIO;
    int at = sim_find(&disk->seen, from);
    if (at < 0)
        return -ENOENT;
    disk->replaced = str_ends(str_of(to), STR(".seg")) && sim_find(&disk->seen, to) >= 0;
    struct sim_change change = {.kind = SIM_RENAME, .file = disk->seen.entries[at].file};
    strcpy(change.name, from);
    strcpy(change.to, to);
    sim_change(disk, change);
    return 0;
}

static inline int sim_unlink(void *ctx, const char *path)
{
    struct sim_disk *disk = ctx;
    if (sim_refuses(disk, disk->faults.name_eio))
        return -EIO;
    int at = sim_find(&disk->seen, path);
    if (at < 0)
        return -ENOENT;
    struct sim_change change = {.kind = SIM_UNLINK, .file = disk->seen.entries[at].file};
    strcpy(change.name, path);
    sim_change(disk, change);
    return 0;
}

/* ---- Making one --------------------------------------------------------------------------------------------------- */

static inline struct sim_disk *sim_new(uint64_t seed)
{
    struct sim_disk *disk = mem_zalloc(sizeof *disk);
    random_seed(&disk->random, seed);
    for (int i = 0; i < SIM_FDS; i++)
        disk->fds[i].file = -2;
    disk->io = (struct log_io){
        .ctx = disk,
        .mkdir = sim_mkdir,
        .rmdir = sim_rmdir,
        .open_dir = sim_open_dir,
        .lock = sim_lock,
        .sync_dir = sim_sync_dir,
        .list = sim_list,
        .open = sim_open,
        .close = sim_close,
        .size = sim_size,
        .pwritev = sim_pwritev,
        .pread = sim_pread,
        .fdatasync = sim_fdatasync,
        .fallocate = sim_fallocate,
        .ftruncate = sim_ftruncate,
        .rename = sim_rename,
        .unlink = sim_unlink,
    };
    return disk;
}

static inline void sim_free(struct sim_disk *disk)
{
    for (int i = 0; i < SIM_FILES; i++) {
        buf_free(&disk->files[i].seen);
        buf_free(&disk->files[i].kept);
        buf_free(&disk->files[i].pages);
    }
    mem_free(disk);
}

static inline struct sim_file *sim_file(struct sim_disk *disk, const char *path)
{
    int at = sim_find(&disk->seen, path);
    return at < 0 || disk->seen.entries[at].file < 0 ? NULL : &disk->files[disk->seen.entries[at].file];
}

#endif

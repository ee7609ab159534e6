/* Listing a directory in the order of keys, page by page.
 *
 * The tree is walked depth first, each directory's entries sorted by what they stand for: a file by its segment, a directory by its
 * segment with '/' behind it. That is the order of the keys: all keys of a directory begin with segment and '/', and an entry
 * beside it differs from that within those bytes. The pieces of a long segment (%+) count as entries of the directory above them, so
 * they are read along with it.
 *
 * A directory is not entered if no key in it can be wanted: not below the prefix, not after the start, or below a common prefix that
 * is told already. */
#include "object/dir_internal.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct entry {
    struct str name; /* decoded, with '/' for a directory; owned */
    char *path;      /* relative to the bucket; owned */
    bool is_dir;
};

struct entries {
    struct entry *items;
    size_t count;
};

struct walk {
    const struct dir_bucket *bucket;
    struct object_request *request;
    uint32_t limit;
    struct str told; /* the last common prefix; borrows from the list */
    struct buf key;  /* of the directory that is walked, with '/' at its end */
    struct error *err;
};

/* ---- One directory --------------------------------------------------------------------------------------- */

static void add_entry(struct entries *entries, struct str name, const char *path, bool is_dir)
{
    if ((entries->count & (entries->count - 1)) == 0) {
        size_t room = entries->count > 0 ? 2 * entries->count : 1;
        entries->items = mem_realloc(entries->items, room * sizeof *entries->items);
    }
    entries->items[entries->count++] =
        (struct entry){.name = {str_dup(name), name.len}, .path = mem_strdup(path), .is_dir = is_dir};
}

static void free_entries(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        mem_free((void *)(uintptr_t)entries->items[i].name.data);
        mem_free(entries->items[i].path);
    }
    mem_free(entries->items);
}

static int compare_entries(const void *a, const void *b)
{
    return str_compare(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* The kind of file, without following links; 0: gone or unknown. */
static mode_t kind_of(int dir, const struct dirent *found)
{
    struct stat info;
    if (found->d_type == DT_REG)
        return S_IFREG;
    if (found->d_type == DT_DIR)
        return S_IFDIR;
    if (found->d_type != DT_UNKNOWN || fstatat(dir, found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    return info.st_mode & S_IFMT;
}

static bool read_entries(struct walk *walk, const char *path, struct str before, struct entries *out);

/* before: the pieces of the segment so far. */
static bool read_entry(struct walk *walk, int dir, const char *path, struct str before,
                       const struct dirent *found, struct entries *out)
{
    struct buf name = {0};
    struct buf whole = {0};
    buf_append_str(&name, before);
    enum dir_name says = dir_name_read(str_of(found->d_name), &name);
    mode_t kind = says != DIR_NAME_FOREIGN ? kind_of(dir, found) : 0;
    buf_printf(&whole, path[0] != '\0' ? "%s/%s" : "%s%s", path, found->d_name);
    bool ok = true;
    if (kind == S_IFDIR && says == DIR_NAME_CHUNK) {
        ok = name.len > KEY_BYTES_MAX || read_entries(walk, buf_cstr(&whole), buf_str(&name), out);
    } else if (kind == S_IFDIR && says == DIR_NAME_SEGMENT) {
        buf_append_byte(&name, '/');
        add_entry(out, buf_str(&name), buf_cstr(&whole), true);
    } else if (kind == S_IFREG && says != DIR_NAME_CHUNK) {
        add_entry(out, buf_str(&name), buf_cstr(&whole), false);
    }
    buf_free(&name);
    buf_free(&whole);
    return ok;
}

/* Appends what is in the directory. One that is gone meanwhile is empty. */
static bool read_entries(struct walk *walk, const char *path, struct str before, struct entries *out)
{
    int fd = openat(walk->bucket->fd, path[0] != '\0' ? path : ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT || error_errno(walk->err, errno, "list %s/%s", walk->bucket->path, path);
    struct dirent **found = NULL;
    int count = scandirat(fd, ".", &found, NULL, NULL);
    bool ok = count >= 0 || error_errno(walk->err, errno, "list %s/%s", walk->bucket->path, path);
    for (int i = 0; i < count; i++) {
        const char *name = found[i]->d_name;
        if (ok && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            ok = read_entry(walk, fd, path, before, found[i], out);
        free(found[i]);
    }
    free(found);
    close(fd);
    return ok;
}

/* ---- Telling --------------------------------------------------------------------------------------------- */

static bool page_is_full(struct walk *walk)
{
    if (walk->request->list_count < walk->limit)
        return false;
    walk->request->more = true;
    return true;
}

/* The common prefix of the key, or nothing. */
static struct str common_prefix(const struct object_request *request, struct str key)
{
    struct str delimiter = request->delimiter;
    if (delimiter.len == 0)
        return STR_NONE;
    const char *from = key.data + request->key.len;
    const char *at = memmem(from, key.len - request->key.len, delimiter.data, delimiter.len);
    return at != NULL ? str_make(key.data, (size_t)(at - key.data) + delimiter.len) : STR_NONE;
}

/* One object; false ends the walk. */
static bool tell(struct walk *walk, struct str key, const char *path)
{
    struct object_request *request = walk->request;
    if (!str_starts(key, request->key) || key.len > KEY_BYTES_MAX)
        return true;
    struct str prefix = common_prefix(request, key);
    struct str what = prefix.len > 0 ? prefix : key;
    if (str_compare(what, request->start_after) <= 0)
        return true;
    if (request->list_count > 0 && str_equal(what, request->list[request->list_count - 1].key))
        return true;
    if (page_is_full(walk))
        return false;
    if (prefix.len > 0) {
        list_append_info(request, prefix, 0, 0, STR_NONE);
        walk->told = request->list[request->list_count - 1].key;
        return true;
    }
    struct stat info;
    struct buf moved = {0};
    if (fstatat(walk->bucket->fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0 ||
        dir_object_place(walk->bucket, key, &moved, &info)) {
        char etag[DIR_ETAG_BYTES];
        dir_etag(&info, etag);
        list_append_info(request, key, (uint64_t)info.st_size,
                         info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000, str_of(etag));
    }
    buf_free(&moved);
    return true;
}

/* Whether a key that begins with `start` may be wanted. */
static bool may_hold(const struct walk *walk, struct str start)
{
    const struct object_request *request = walk->request;
    if (start.len > KEY_BYTES_MAX || (walk->told.len > 0 && str_starts(start, walk->told)))
        return false;
    if (!str_starts(start, request->key) && !str_starts(request->key, start))
        return false;
    return str_starts(request->start_after, start) || str_compare(start, request->start_after) > 0;
}

/* False ends the walk: the page is full, or it failed. */
static bool walk_directory(struct walk *walk, const char *path)
{
    struct entries entries = {0};
    bool go_on = read_entries(walk, path, STR_NONE, &entries);
    if (entries.count > 0)
        qsort(entries.items, entries.count, sizeof *entries.items, compare_entries);
    size_t start = walk->key.len;
    for (size_t i = 0; go_on && i < entries.count; i++) {
        const struct entry *entry = &entries.items[i];
        buf_append_str(&walk->key, entry->name);
        if (!entry->is_dir) {
            go_on = tell(walk, buf_str(&walk->key), entry->path);
        } else if (may_hold(walk, buf_str(&walk->key))) {
            go_on = walk_directory(walk, entry->path);
        }
        walk->key.len = start;
        if (walk->told.len > 0 && str_starts(buf_str(&walk->key), walk->told))
            break;
    }
    free_entries(&entries);
    return go_on;
}

bool dir_list(const char *root, struct object_request *request, struct error *err)
{
    struct dir_bucket bucket;
    if (!dir_bucket_open(root, request->bucket, false, &bucket, err))
        return err->code == ERR_NOT_FOUND;
    struct walk walk = {.bucket = &bucket, .request = request, .err = err};
    walk.limit = request->limit == 0 || request->limit > LIST_LIMIT ? LIST_LIMIT : request->limit;
    err->code = ERR_NONE;
    bool ok = walk_directory(&walk, "") || err->code == ERR_NONE;
    buf_free(&walk.key);
    dir_bucket_close(&bucket);
    return ok;
}

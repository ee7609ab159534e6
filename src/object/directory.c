/* A directory as an object store: the same keys, the same conditions, durable without a service.
 *
 * A request becomes a job of the store's own workers, who block in the file system on nobody else's account. dir_put.c tells how an
 * object gets its name, dir_path.c how that follows from its key, dir_list.c how they are found in order.
 *
 * Not kept: content types and headers. A bucket is a directory below the root, made by its first object. */
#include "object/dir_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <unistd.h>

struct directory {
    struct object_store store; /* first: a store is cast to it */
    struct worker_pool *pool;
    atomic_bool closing; /* relaxed: jobs that have not begun end at once */
};

/* A request on its way. */
struct object_attempt {
    struct worker_job job;
    struct directory *directory;
    struct object_request *request;
    int64_t started_ms; /* monotonic */
};

/* ---- Reading --------------------------------------------------------------------------------------------- */

static void set_info(struct object_request *request, const struct stat *info)
{
    char etag[DIR_ETAG_BYTES];
    dir_etag(info, etag);
    request_set_etag(request, str_of(etag));
    request->info.size = (uint64_t)info->st_size;
    request->info.modified_ms = info->st_mtim.tv_sec * 1000 + info->st_mtim.tv_nsec / 1000000;
}

/* What of `size` bytes is asked for. */
static bool resolve_range(const struct object_request *request, uint64_t size, uint64_t *offset,
                          uint64_t *length, struct error *err)
{
    struct object_range range = request->range;
    if (range.suffix) {
        *length = range.length < size ? range.length : size;
        *offset = size - *length;
    } else if (range.offset == 0 && range.length == 0) {
        *offset = 0;
        *length = size;
    } else if (range.offset >= size) {
        return error_set(err, ERR_INVALID,
                         "the range begins at %" PRIu64 ", the object has %" PRIu64 " bytes", range.offset,
                         size);
    } else {
        *offset = range.offset;
        *length =
            range.length != 0 && range.length < size - range.offset ? range.length : size - range.offset;
    }
    uint64_t limit = request->max_bytes != 0 ? request->max_bytes : GET_BYTES_MAX;
    if (*length > limit)
        return error_set(err, ERR_TOO_LARGE, "the object gives %" PRIu64 " bytes: more than %" PRIu64,
                         *length, limit);
    return true;
}

static bool read_bytes(int fd, uint64_t offset, uint64_t length, struct buf *out, struct error *err)
{
    buf_reserve(out, length);
    for (uint64_t done = 0; done < length;) {
        ssize_t got = pread(fd, out->data + out->len, length - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, errno, "read the object's file");
        if (got == 0)
            return error_set(err, ERR_CORRUPT, "the object's file became shorter while it was read");
        out->len += (size_t)got;
        done += (uint64_t)got;
    }
    return true;
}

static bool match(const struct object_request *request, struct error *err)
{
    if (request->condition != OBJECT_IF_MATCH || str_equal(request->etag, request->info.etag))
        return true;
    return error_set(err, ERR_CONFLICT, "the object is another than expected: %.*s", KEY_ARG(request->key));
}

/* GET and HEAD. */
static bool read_object(const char *root, struct object_request *request, struct error *err)
{
    struct dir_bucket bucket;
    struct buf path = {0};
    struct stat info;
    if (!dir_bucket_open(root, request->bucket, false, &bucket, err))
        return false;
    int fd = dir_object_open(&bucket, request->key, &path, &info, err);
    bool ok = fd >= 0;
    if (ok)
        set_info(request, &info);
    if (ok && request->op == OBJECT_GET) {
        uint64_t offset = 0;
        uint64_t length = 0;
        ok = match(request, err) && resolve_range(request, request->info.size, &offset, &length, err) &&
             read_bytes(fd, offset, length, &request->data, err);
    }
    if (fd >= 0)
        close(fd);
    buf_free(&path);
    dir_bucket_close(&bucket);
    return ok;
}

/* ---- Jobs ------------------------------------------------------------------------------------------------ */

static bool delete_many(const char *root, struct object_request *request, struct error *err)
{
    bool ok = true;
    for (size_t i = 0; i < request->key_count; i++) {
        struct error why;
        if (dir_delete(root, request->bucket, request->keys[i], &why)) {
            request->deleted++;
        } else if (ok) {
            *err = why;
            ok = false;
        }
    }
    return ok;
}

/* Whether a bucket of that name could be written. */
static bool check_bucket(const char *root, struct str name, struct error *err)
{
    struct buf path = {0};
    buf_printf(&path, "%s/%.*s", root, STR_ARG(name));
    struct stat info;
    bool there = stat(buf_cstr(&path), &info) == 0;
    bool ok = true;
    if (there && !S_ISDIR(info.st_mode)) {
        ok = error_set(err, ERR_NOT_FOUND, "no such bucket: %s is not a directory", buf_cstr(&path));
    } else if (access(there ? buf_cstr(&path) : root, R_OK | W_OK | X_OK) != 0) {
        ok = error_errno(err, errno, "write to %s", there ? buf_cstr(&path) : root);
    }
    buf_free(&path);
    return ok;
}

static bool perform(struct directory *directory, struct object_request *request, struct error *err)
{
    const char *root = directory->store.config.path;
    uint64_t up = 0;
    bool ok = false;
    switch (request->op) {
    case OBJECT_PUT: ok = dir_put(root, request, &up, err); break;
    case OBJECT_GET:
    case OBJECT_HEAD: ok = read_object(root, request, err); break;
    case OBJECT_DELETE: ok = dir_delete(root, request->bucket, request->key, err); break;
    case OBJECT_DELETE_MANY: ok = delete_many(root, request, err); break;
    case OBJECT_LIST: ok = dir_list(root, request, err); break;
    case OBJECT_HEAD_BUCKET: ok = check_bucket(root, request->bucket, err); break;
    }
    store_count_bytes(&directory->store, up, request->data.len);
    return ok;
}

static void run(struct worker_job *job)
{
    struct object_attempt *attempt = (struct object_attempt *)(void *)job;
    struct directory *directory = attempt->directory;
    struct object_request *request = attempt->request;
    int64_t deadline = request->deadline_ms > 0 ? request->deadline_ms : directory->store.config.deadline_ms;
    struct error err = {.code = ERR_NONE};
    bool ok;
    store_begin(&directory->store);
    if (atomic_load_explicit(&directory->closing, memory_order_relaxed)) {
        ok = error_set(&err, ERR_CLOSED, "the store is closed");
    } else if (clock_mono_ms() - attempt->started_ms > deadline) {
        ok = error_set(&err, ERR_TIMEOUT, "waited for a worker longer than %" PRId64 " ms", deadline);
    } else {
        request->attempts = 1;
        ok = perform(directory, request, &err);
    }
    int64_t started = attempt->started_ms;
    request->attempt = NULL;
    mem_free(attempt);
    store_end(&directory->store, request, started, ok ? NULL : &err);
}

static bool start(struct object_store *store, struct object_request *request, struct error *err)
{
    struct directory *directory = (struct directory *)(void *)store;
    struct object_attempt *attempt = mem_zalloc(sizeof *attempt);
    *attempt = (struct object_attempt){
        .job = {.run = run}, .directory = directory, .request = request, .started_ms = clock_mono_ms()};
    request->attempt = attempt;
    store_queued(store, 1);
    if (worker_pool_submit(directory->pool, &attempt->job, err))
        return true;
    store_queued(store, -1);
    request->attempt = NULL;
    mem_free(attempt);
    return error_wrap(err, "object store %s", store_name(store));
}

static bool sweep(struct object_store *store, struct str bucket, struct str prefix, int64_t older_ms,
                  size_t *ended, struct error *err)
{
    (void)prefix; /* files in %tmp have no key yet */
    struct error why;
    bool ok = dir_sweep(store->config.path, bucket, older_ms, ended, &why);
    if (!ok && err != NULL)
        *err = why;
    return ok;
}

static void close_directory(struct object_store *store)
{
    struct directory *directory = (struct directory *)(void *)store;
    atomic_store_explicit(&directory->closing, true, memory_order_relaxed);
    if (directory->pool != NULL)
        worker_pool_stop(directory->pool);
    store_deinit(store);
    mem_free(directory);
}

/* ---- Opening --------------------------------------------------------------------------------------------- */

/* As mkdir -p, each made durable in its parent by who made it. */
static bool make_root(const char *path, struct error *err)
{
    struct buf part = {0};
    bool ok = true;
    for (const char *at = path; ok && *at != '\0';) {
        const char *slash = strchr(at + 1, '/');
        size_t len = slash != NULL ? (size_t)(slash - path) : strlen(path);
        buf_reset(&part);
        buf_append(&part, path, len);
        if (mkdir(buf_cstr(&part), 0777) != 0 && errno != EEXIST && errno != EROFS)
            ok = error_errno(err, errno, "create the directory %s", buf_cstr(&part));
        at = path + len;
    }
    struct stat info;
    if (ok && (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)))
        ok = error_set(err, ERR_INVALID, "path: %s is not a directory", path);
    buf_free(&part);
    return ok;
}

struct object_store *directory_open(const struct object_config *config, struct error *err)
{
    static const struct store_kind kind = {.start = start, .sweep = sweep, .close = close_directory};
    if (!make_root(config->path, err))
        return NULL;
    struct directory *directory = mem_zalloc(sizeof *directory);
    store_init(&directory->store, &kind, config);
    directory->pool = worker_pool_new("objects", config->pool_size > 0 ? config->pool_size : 1,
                                      config->queue_limit > 0 ? config->queue_limit : 1, err);
    if (directory->pool == NULL) {
        close_directory(&directory->store);
        return NULL;
    }
    return &directory->store;
}

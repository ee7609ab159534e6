/* Files open for reading: an engine-wide cache, the least recently used goes first. Files in use are never closed, so
 * the limit can be passed by as many as there are readers at work.
 *
 * A file knows its segment's index once the segment is full, and the places where readers have stopped: who reads on
 * finds the next batch without a search. */
#include "log/log_internal.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>

static bool has_key(const void *item, const void *key)
{
    const struct read_file *file = item;
    const struct read_file_key *wanted = key;
    return file->key.log_id == wanted->log_id && file->key.first == wanted->first &&
           file->key.salt == wanted->salt;
}

static uint64_t hash_of(const struct read_file_key *key)
{
    return hash_u64(key->first ^ hash_u64((uint64_t)key->log_id << 32 | key->salt));
}

/* Out of the map and the list. Under files_lock; the caller closes it if nobody uses it. */
static void forget(struct log_engine *engine, struct read_file *file)
{
    map_remove_item(&engine->files, hash_of(&file->key), file);
    list_remove(&file->age);
    file->dropped = true;
    engine->files_open--;
}

/* Without the lock. */
static void close_file(struct log_engine *engine, struct read_file *file)
{
    engine->io->close(engine->io->ctx, file->fd);
    index_free(&file->index);
    mem_free(file);
}

/* Forgets the oldest unused files over the limit, and returns them chained by age.next. Under files_lock. */
static struct list *take_surplus(struct log_engine *engine)
{
    struct list *surplus = NULL;
    LIST_EACH_SAFE(link, &engine->files_age)
    {
        if (engine->files_open <= engine->open_files_max)
            break;
        struct read_file *file = CONTAINER_OF(link, struct read_file, age);
        if (file->refs != 0)
            continue;
        forget(engine, file);
        file->age.next = surplus;
        surplus = &file->age;
    }
    return surplus;
}

static void close_all(struct log_engine *engine, struct list *files)
{
    for (struct list *link = files, *next; link != NULL; link = next) {
        next = link->next;
        close_file(engine, CONTAINER_OF(link, struct read_file, age));
    }
}

static struct read_file *find_and_ref(struct log_engine *engine, const struct read_file_key *key)
{
    struct read_file *file = map_find(&engine->files, hash_of(key), has_key, key);
    if (file != NULL) {
        file->refs++;
        list_remove(&file->age);
        list_append(&engine->files_age, &file->age);
    }
    return file;
}

static enum files_result open_file(struct log *log, const struct read_file_key *key, struct read_file **out,
                                   struct error *err)
{
    struct log_engine *engine = log->engine;
    char path[LOG_PATH_BYTES];
    path_of_segment(path, log->dir, key->first, ".seg");
    int fd = engine->io->open(engine->io->ctx, path, 0);
    if (fd < 0) {
        io_failed(err, fd, "open", path);
        return fd == -ENOENT ? FILES_GONE : FILES_FAILED;
    }
    struct read_file *file = mem_zalloc(sizeof *file);
    file->key = *key;
    file->fd = fd;
    file->refs = 1;
    pthread_mutex_lock(&engine->files_lock);
    struct read_file *other = find_and_ref(engine, key);
    struct list *surplus = NULL;
    if (other == NULL) {
        map_insert(&engine->files, hash_of(key), file);
        list_append(&engine->files_age, &file->age);
        engine->files_open++;
        surplus = take_surplus(engine);
    }
    pthread_mutex_unlock(&engine->files_lock);
    close_all(engine, surplus);
    if (other != NULL)
        close_file(engine, file);
    *out = other != NULL ? other : file;
    return FILES_OK;
}

/* Reads the index of a full segment, or makes it. */
static bool load_index(struct log *log, struct read_file *file, const struct segment *segment,
                       struct error *err)
{
    struct log_engine *engine = log->engine;
    struct index index = {0};
    struct segment rebuilt;
    struct error bad;
    if (!index_read(engine->io, log->dir, segment, &index, &bad)) {
        LOG_WARNING("index made again", LOG_TEXT("log", log->dir), LOG_ERROR_OF(&bad));
        if (!index_rebuild(engine->io, log->dir, segment->first, segment->end, &rebuilt, &index, err))
            return false;
    }
    pthread_mutex_lock(&engine->files_lock);
    bool first = !file->indexed;
    if (first) {
        file->index = index;
        file->indexed = true;
    }
    pthread_mutex_unlock(&engine->files_lock);
    if (!first)
        index_free(&index);
    return true;
}

enum files_result files_get(struct log *log, const struct segment *segment, bool sealed, bool nowait,
                            struct read_file **out, struct error *err)
{
    struct log_engine *engine = log->engine;
    struct read_file_key key = {log->id, segment->salt, segment->first};
    pthread_mutex_lock(&engine->files_lock);
    struct read_file *file = find_and_ref(engine, &key);
    bool indexed = file != NULL && file->indexed;
    pthread_mutex_unlock(&engine->files_lock);
    if (nowait && (file == NULL || (sealed && !indexed))) {
        if (file != NULL)
            files_put(engine, file);
        return FILES_BLOCKS;
    }
    if (file == NULL) {
        enum files_result result = open_file(log, &key, &file, err);
        if (result != FILES_OK)
            return result;
    }
    if (sealed && !indexed && !load_index(log, file, segment, err)) {
        files_put(engine, file);
        return err != NULL && err->code == ERR_NOT_FOUND ? FILES_GONE : FILES_FAILED;
    }
    *out = file;
    return FILES_OK;
}

void files_put(struct log_engine *engine, struct read_file *file)
{
    pthread_mutex_lock(&engine->files_lock);
    bool last = --file->refs == 0 && file->dropped;
    pthread_mutex_unlock(&engine->files_lock);
    if (last)
        close_file(engine, file);
}

void files_hint(struct log_engine *engine, struct read_file *file, uint64_t offset, uint64_t position)
{
    pthread_mutex_lock(&engine->files_lock);
    file->hints[file->hint_next].offset = offset;
    file->hints[file->hint_next].position = position;
    file->hint_next = (file->hint_next + 1) % READ_HINTS;
    pthread_mutex_unlock(&engine->files_lock);
}

bool files_hinted(struct log_engine *engine, struct read_file *file, uint64_t offset, uint64_t *position)
{
    bool found = false;
    pthread_mutex_lock(&engine->files_lock);
    for (size_t i = 0; i < READ_HINTS && !found; i++) {
        found = file->hints[i].position != 0 && file->hints[i].offset == offset;
        *position = file->hints[i].position;
    }
    pthread_mutex_unlock(&engine->files_lock);
    return found;
}

void files_drop(struct log_engine *engine, unsigned log_id, uint64_t first)
{
    struct list *unused = NULL;
    pthread_mutex_lock(&engine->files_lock);
    LIST_EACH_SAFE(link, &engine->files_age)
    {
        struct read_file *file = CONTAINER_OF(link, struct read_file, age);
        if (file->key.log_id != log_id || (first != UINT64_MAX && file->key.first != first))
            continue;
        forget(engine, file);
        if (file->refs == 0) {
            file->age.next = unused;
            unused = &file->age;
        }
    }
    pthread_mutex_unlock(&engine->files_lock);
    close_all(engine, unused);
}

void files_free(struct log_engine *engine)
{
    LIST_EACH_SAFE(link, &engine->files_age)
    {
        close_file(engine, CONTAINER_OF(link, struct read_file, age));
    }
    map_free(&engine->files);
}

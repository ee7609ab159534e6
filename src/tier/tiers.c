/* All tiers, and who works for them.
 *
 *   writers    take the tier that is due first and do one step of it (migrate.c): load, claim, build one file or commit one
 *              batch, tidy up. It is due again at once if there is more, behind those that wait: so several stations get on side
 *              by side, each with one row group in memory and a few files in the spool. PUTs of files take no writer
 *   readers    take the fetch that has waited longest (fetch.c)
 *
 * A step that fails puts the tier aside for a while (tier.c). Stopping a tier waits until no thread is at it; requests that
 * are under way are left alone (store.c). */
#include "tier/tier_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/tune.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WRITERS_DEFAULT      4
#define READERS_DEFAULT      4
#define CACHE_BYTES_DEFAULT  ((uint64_t)1 << 30)
#define MEMORY_BYTES_DEFAULT ((uint64_t)256 << 20)
#define FOOTER_MEMORY_BYTES  ((size_t)64 << 20)
#define FILE_BYTES_DEFAULT   ((uint64_t)64 << 20)
#define CACHE_NAME           "-cache"

static struct tier *tier_of_due(struct heap_node *node)
{
    return CONTAINER_OF(node, struct tier, due);
}

static struct tier_fetch *fetch_of(struct list *link)
{
    return CONTAINER_OF(link, struct tier_fetch, link);
}

/* ---- Writers --------------------------------------------------------------------------------------------- */

/* The lock is held. */
static void set_due(struct tiers *tiers, struct tier *tier, int64_t due_ms)
{
    if (due_ms == INT64_MAX || tier->stopped) {
        heap_remove(&tiers->due, &tier->due);
        return;
    }
    heap_insert(&tiers->due, &tier->due, due_ms);
    pthread_cond_signal(&tiers->work);
}

void tier_touch(struct tier *tier)
{
    struct tiers *tiers = tier->all;
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&tiers->lock);
    if (tier->running)
        tier->again = true;
    else if (!heap_contains(&tier->due) || tier->due.key > now_ms)
        set_due(tiers, tier, now_ms);
    pthread_mutex_unlock(&tiers->lock);
}

/* The lock is held, and given up meanwhile. */
static void do_step(struct tiers *tiers, struct tier *tier)
{
    heap_remove(&tiers->due, &tier->due);
    tier->running = true;
    tier->again = false;
    tier->busy++;
    pthread_mutex_unlock(&tiers->lock);
    int64_t due_ms = migrate_step(tier);
    pthread_mutex_lock(&tiers->lock);
    tier->running = false;
    tier->busy--;
    if (tier->again)
        due_ms = clock_mono_ms();
    set_due(tiers, tier, due_ms);
    pthread_cond_broadcast(&tiers->idle);
}

/* In real time. The lock is held. */
static void wait_until(struct tiers *tiers, int64_t due_ms)
{
    int64_t wait_ms = due_ms - clock_mono_ms();
    const struct timespec until = cond_in_ms(wait_ms < 1 ? 1 : wait_ms > 60000 ? 60000 : wait_ms);
    pthread_cond_timedwait(&tiers->work, &tiers->lock, &until);
}

static void *run_writer(void *arg)
{
    struct tiers *tiers = arg;
    pthread_mutex_lock(&tiers->lock);
    while (!tiers->stopping) {
        struct heap_node *node = heap_min(&tiers->due);
        if (node == NULL)
            pthread_cond_wait(&tiers->work, &tiers->lock);
        else if (node->key > clock_mono_ms())
            wait_until(tiers, node->key);
        else
            do_step(tiers, tier_of_due(node));
    }
    pthread_mutex_unlock(&tiers->lock);
    return NULL;
}

/* ---- Readers --------------------------------------------------------------------------------------------- */

/* The lock is held, and given up meanwhile. */
static void do_fetch(struct tiers *tiers, struct tier_fetch *fetch)
{
    struct tier *tier = fetch->tier;
    list_remove(&fetch->link);
    tier->busy++;
    pthread_mutex_unlock(&tiers->lock);
    if (fetch_run(tier, fetch))
        fetch->done(fetch);
    pthread_mutex_lock(&tiers->lock);
    tier->busy--;
    pthread_cond_broadcast(&tiers->idle);
}

static void *run_reader(void *arg)
{
    struct tiers *tiers = arg;
    pthread_mutex_lock(&tiers->lock);
    while (!tiers->stopping) {
        if (list_empty(&tiers->fetches))
            pthread_cond_wait(&tiers->wanted, &tiers->lock);
        else
            do_fetch(tiers, fetch_of(tiers->fetches.next));
    }
    pthread_mutex_unlock(&tiers->lock);
    return NULL;
}

bool flight_begin(struct flight *flight, struct tier_fetch *fetch)
{
    struct tiers *tiers = flight->tier->all;
    struct flight *former = NULL;
    pthread_mutex_lock(&tiers->lock);
    LIST_EACH(it, &tiers->flights)
    {
        struct flight *other = CONTAINER_OF(it, struct flight, link);
        if (other->tier == flight->tier && other->hash == flight->hash && other->group == flight->group)
            former = other;
    }
    /* One of a tier that is stopped goes on: nobody would end it. */
    bool waits = former != NULL && !flight->tier->stopped;
    if (waits) {
        list_append(&former->waiters, &fetch->link);
    } else {
        list_init(&flight->waiters);
        list_append(&tiers->flights, &flight->link);
    }
    pthread_mutex_unlock(&tiers->lock);
    return !waits;
}

void flight_end(struct flight *flight)
{
    struct tiers *tiers = flight->tier->all;
    pthread_mutex_lock(&tiers->lock);
    list_remove(&flight->link);
    list_move_all(&tiers->fetches, &flight->waiters);
    pthread_cond_broadcast(&tiers->wanted);
    pthread_mutex_unlock(&tiers->lock);
}

static void end_closed(struct tier_fetch *fetch)
{
    fetch->ok = false;
    error_set(&fetch->err, ERR_CLOSED, "the second tier of station %s is closed", fetch->tier->station);
    fetch->done(fetch);
}

void tier_fetch_start(struct tier *tier, struct tier_fetch *fetch)
{
    struct tiers *tiers = tier->all;
    assert(!list_linked(&fetch->link));
    fetch->tier = tier;
    fetch->ok = false;
    fetch->chunk = NULL;
    fetch->next = 0;
    pthread_mutex_lock(&tiers->lock);
    bool taken = !tier->stopped;
    if (taken) {
        list_append(&tiers->fetches, &fetch->link);
        pthread_cond_signal(&tiers->wanted);
    }
    pthread_mutex_unlock(&tiers->lock);
    if (!taken)
        end_closed(fetch);
}

bool tier_fetch_cancel(struct tier *tier, struct tier_fetch *fetch)
{
    struct tiers *tiers = tier->all;
    if (tier_is_stopping(tier))
        return false; /* all of them end, or have ended; perhaps with the tiers */
    pthread_mutex_lock(&tiers->lock);
    bool waits = list_linked(&fetch->link);
    list_remove(&fetch->link);
    pthread_mutex_unlock(&tiers->lock);
    return waits;
}

/* ---- Waiting for a fetch --------------------------------------------------------------------------------- */

struct waiting {
    struct tier_fetch fetch;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
};

static void waited(struct tier_fetch *fetch)
{
    struct waiting *waiting = CONTAINER_OF(fetch, struct waiting, fetch);
    pthread_mutex_lock(&waiting->lock);
    waiting->done = true;
    pthread_cond_signal(&waiting->changed);
    pthread_mutex_unlock(&waiting->lock);
}

bool tier_fetch_wait(struct tier *tier, struct tier_fetch *fetch, struct error *err)
{
    if (tier->all->options.manual) {
        fetch->tier = tier;
        fetch_run(tier, fetch);
    } else {
        struct waiting waiting = {.fetch = *fetch};
        waiting.fetch.done = waited;
        pthread_mutex_init(&waiting.lock, NULL);
        pthread_cond_init(&waiting.changed, NULL);
        tier_fetch_start(tier, &waiting.fetch);
        pthread_mutex_lock(&waiting.lock);
        while (!waiting.done)
            pthread_cond_wait(&waiting.changed, &waiting.lock);
        pthread_mutex_unlock(&waiting.lock);
        pthread_cond_destroy(&waiting.changed);
        pthread_mutex_destroy(&waiting.lock);
        *fetch = waiting.fetch;
    }
    if (!fetch->ok && err != NULL)
        *err = fetch->err;
    return fetch->ok;
}

bool tiers_step(struct tiers *tiers)
{
    bool any = false;
    assert(tiers->options.manual);
    pthread_mutex_lock(&tiers->lock);
    while (!list_empty(&tiers->fetches)) {
        do_fetch(tiers, fetch_of(tiers->fetches.next));
        any = true;
    }
    struct heap_node *node = heap_min(&tiers->due);
    if (node != NULL && node->key <= clock_mono_ms()) {
        do_step(tiers, tier_of_due(node));
        any = true;
    }
    pthread_mutex_unlock(&tiers->lock);
    return any;
}

/* ---- Stopping -------------------------------------------------------------------------------------------- */

/* The fetches of the tier that wait, for a thread or somebody else's flight. The lock is held. */
static void take_fetches(struct tiers *tiers, struct tier *tier, struct list *out)
{
    LIST_EACH_SAFE(it, &tiers->fetches)
    {
        if (fetch_of(it)->tier != tier)
            continue;
        list_remove(it);
        list_append(out, it);
    }
    LIST_EACH(it, &tiers->flights)
    {
        struct flight *flight = CONTAINER_OF(it, struct flight, link);
        if (flight->tier == tier)
            list_move_all(out, &flight->waiters);
    }
}

/* Under the lock: who cancels one that is in the list takes it from there. */
static struct tier_fetch *pop(struct tiers *tiers, struct list *fetches)
{
    pthread_mutex_lock(&tiers->lock);
    struct tier_fetch *fetch = list_empty(fetches) ? NULL : fetch_of(fetches->next);
    if (fetch != NULL)
        list_remove(&fetch->link);
    pthread_mutex_unlock(&tiers->lock);
    return fetch;
}

bool workers_leave(struct tier *tier)
{
    struct tiers *tiers = tier->all;
    struct list fetches;
    list_init(&fetches);
    pthread_mutex_lock(&tiers->lock);
    if (tier->stopped) {
        pthread_mutex_unlock(&tiers->lock);
        return false;
    }
    tier->stopped = true;
    heap_remove(&tiers->due, &tier->due);
    list_remove(&tier->link);
    take_fetches(tiers, tier, &fetches);
    atomic_store_explicit(&tier->stopping, true, memory_order_relaxed);
    pthread_mutex_unlock(&tiers->lock);
    for (struct tier_fetch *fetch; (fetch = pop(tiers, &fetches)) != NULL;)
        end_closed(fetch);
    pthread_mutex_lock(&tiers->lock);
    while (tier->busy > 0)
        pthread_cond_wait(&tiers->idle, &tiers->lock);
    pthread_mutex_unlock(&tiers->lock);
    return true;
}

void steps_end(struct tier *tier)
{
    struct tiers *tiers = tier->all;
    pthread_mutex_lock(&tiers->lock);
    while (tier->running)
        pthread_cond_wait(&tiers->idle, &tiers->lock);
    pthread_mutex_unlock(&tiers->lock);
}

/* ---- On local disk --------------------------------------------------------------------------------------- */

bool dir_make(const char *dir, struct error *err)
{
    return mkdir(dir, 0700) == 0 || errno == EEXIST || error_errno(err, errno, "create %s", dir);
}

static int is_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

void dir_remove(const char *dir)
{
    char path[TIER_PATH_BYTES];
    struct dirent **entries = NULL;
    int count = scandir(dir, &entries, is_entry, NULL);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        if (unlink(path) != 0 && (errno == EISDIR || errno == EPERM))
            dir_remove(path);
        free(entries[i]); /* the C library's */
    }
    free(entries);
    if (rmdir(dir) != 0 && errno != ENOENT)
        LOG_WARNING("files of a second tier stay", LOG_TEXT("directory", dir), LOG_INT("errno", errno));
}

void tiers_forget(struct tiers *tiers, struct str name)
{
    char dir[TIER_PATH_BYTES];
    if (snprintf(dir, sizeof(dir), "%s/%.*s", tiers->dir, STR_ARG(name)) < (int)sizeof(dir))
        dir_remove(dir);
}

void tiers_sweep(struct tiers *tiers, bool (*live)(struct str name, void *arg), void *arg)
{
    struct dirent **entries = NULL;
    int count = scandir(tiers->dir, &entries, is_entry, NULL);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        bool stays =
            name[0] == '.' || strcmp(name, CACHE_NAME) == 0 || (name[0] != '-' && live(str_of(name), arg));
        if (!stays)
            tiers_forget(tiers, str_of(name));
        free(entries[i]);
    }
    free(entries);
}

/* ---- All of them ----------------------------------------------------------------------------------------- */

static bool start_threads(struct tiers *tiers, struct error *err)
{
    unsigned writers = tiers->options.writers, readers = tiers->options.readers;
    for (unsigned i = 0; i < writers + readers && i < THREADS_MAX; i++) {
        bool writes = i < writers;
        if (!thread_start(&tiers->threads[i], writes ? "tier-writer" : "tier-reader",
                          writes ? run_writer : run_reader, tiers, err))
            return false;
        tiers->thread_count++;
    }
    return true;
}

struct tiers *tiers_open(const struct tiers_options *options, struct error *err)
{
    struct tiers *tiers = mem_zalloc(sizeof(*tiers));
    char cache[TIER_PATH_BYTES];
    tiers->options = *options;
    tiers->dir = mem_strdup(options->dir);
    tiers->options.dir = tiers->dir;
    if (options->writers == 0)
        tiers->options.writers = WRITERS_DEFAULT;
    if (options->readers == 0)
        tiers->options.readers = READERS_DEFAULT;
    if (options->cache_bytes == 0)
        tiers->options.cache_bytes = CACHE_BYTES_DEFAULT;
    if (options->memory_bytes == 0)
        tiers->options.memory_bytes = MEMORY_BYTES_DEFAULT;
    if (options->row_group_bytes == 0)
        tiers->options.row_group_bytes = CHUNK_RAW_BYTES;
    if (options->file_bytes == 0)
        tiers->options.file_bytes = (uint64_t)TUNED("tier.file_bytes", FILE_BYTES_DEFAULT);
    list_init(&tiers->all);
    list_init(&tiers->fetches);
    list_init(&tiers->flights);
    pthread_mutex_init(&tiers->lock, NULL);
    cond_init_monotonic(&tiers->work);
    pthread_cond_init(&tiers->wanted, NULL);
    pthread_cond_init(&tiers->idle, NULL);
    snprintf(cache, sizeof(cache), "%s/" CACHE_NAME, options->dir);
    bool ok = dir_make(options->dir, err) && dir_make(cache, err);
    if (ok)
        tiers->cache = cache_open(cache, tiers->options.cache_bytes, tiers->options.memory_bytes, err);
    if (tiers->cache != NULL)
        tiers->ranges = ranges_new(tiers->cache, tiers->options.memory_bytes / 2);
    tiers->footers = footers_new(FOOTER_MEMORY_BYTES);
    if (ok && tiers->cache != NULL && (options->manual || start_threads(tiers, err)))
        return tiers;
    tiers_close(tiers);
    return NULL;
}

void tiers_close(struct tiers *tiers)
{
    if (tiers == NULL)
        return;
    pthread_mutex_lock(&tiers->lock);
    tiers->stopping = true;
    assert(list_empty(&tiers->fetches));
    pthread_cond_broadcast(&tiers->work);
    pthread_cond_broadcast(&tiers->wanted);
    pthread_mutex_unlock(&tiers->lock);
    for (unsigned i = 0; i < tiers->thread_count; i++)
        pthread_join(tiers->threads[i], NULL);
    ranges_free(tiers->ranges);
    cache_close(tiers->cache);
    footers_free(tiers->footers);
    heap_free(&tiers->due);
    pthread_cond_destroy(&tiers->work);
    pthread_cond_destroy(&tiers->wanted);
    pthread_cond_destroy(&tiers->idle);
    pthread_mutex_destroy(&tiers->lock);
    mem_free(tiers->dir);
    mem_free(tiers);
}

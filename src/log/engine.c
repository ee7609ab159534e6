/* Writer threads.
 *
 *     loop: take all that is queued ─▶ sort it by log ─▶ write, sync and commit each log ─▶ commands ─▶ timers
 *
 * A log belongs to one writer for as long as it is open, so nothing of its end is shared. While a writer waits for the
 * disk, batches gather for its next turn: the slower the disk, the larger the groups. Commands are what others ask a
 * writer to do in its place between two turns (closing, making the next segment); whoever sends one waits for it.
 *
 * Without threads there is one writer and log_engine_step() is a turn of it; whoever waits for a command steps. */
#include "log/log_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#include <assert.h>
#include <stdio.h>

#define QUEUE_BYTES_DEFAULT (UINT64_C(256) << 20)
#define TAIL_BYTES_DEFAULT  (UINT64_C(64) << 20)
#define OPEN_FILES_DEFAULT  256
#define WRITERS_MAX         64

/* What a writer has taken for one turn. */
struct take {
    struct log_batch *first;
    struct list commands;
};

static void take_under_lock(struct writer *writer, struct take *take)
{
    take->first = writer->first;
    writer->first = NULL;
    writer->last = NULL;
    list_init(&take->commands);
    list_move_all(&take->commands, &writer->commands);
}

static void run_commands(struct writer *writer, struct list *commands)
{
    LIST_EACH_SAFE(link, commands)
    {
        struct command *command = CONTAINER_OF(link, struct command, link);
        list_remove(link);
        command->run(command);
        pthread_mutex_lock(&writer->lock);
        command->finished = true;
        pthread_cond_broadcast(&writer->finished);
        pthread_mutex_unlock(&writer->lock);
    }
}

static bool run_timers(struct writer *writer)
{
    bool any = false;
    int64_t now = clock_mono_ms();
    for (struct heap_node *node; (node = heap_min(&writer->timers)) != NULL && node->key <= now;) {
        heap_remove(&writer->timers, node);
        log_timer(CONTAINER_OF(node, struct log, timer), now);
        any = true;
    }
    return any;
}

/* One turn. Returns whether there was anything to do. */
static bool run(struct writer *writer, struct take *take)
{
    bool any = take->first != NULL || !list_empty(&take->commands);
    for (struct log_batch *batch = take->first, *next; batch != NULL; batch = next) {
        next = batch->next;
        log_take_batch(batch->log, batch);
    }
    while (!list_empty(&writer->turn)) {
        struct log *log = CONTAINER_OF(writer->turn.next, struct log, turn);
        list_remove(&log->turn);
        log_write_pending(log);
        log_schedule(log);
    }
    run_commands(writer, &take->commands);
    return run_timers(writer) || any;
}

/* Until there is something to take, or a timer is due. Under the lock. */
static void sleep_under_lock(struct writer *writer)
{
    const struct heap_node *timer = heap_min(&writer->timers);
    writer->sleeping = true;
    if (timer == NULL) {
        pthread_cond_wait(&writer->changed, &writer->lock);
    } else {
        int64_t wait_ms = timer->key - clock_mono_ms();
        if (wait_ms > 0) {
            const struct timespec until = cond_in_ms(wait_ms);
            pthread_cond_timedwait(&writer->changed, &writer->lock, &until);
        }
    }
    writer->sleeping = false;
}

static void *write_loop(void *arg)
{
    struct writer *writer = arg;
    for (;;) {
        struct take take;
        pthread_mutex_lock(&writer->lock);
        if (writer->first == NULL && list_empty(&writer->commands)) {
            if (writer->stopping) {
                pthread_mutex_unlock(&writer->lock);
                return NULL;
            }
            sleep_under_lock(writer);
        }
        take_under_lock(writer, &take);
        pthread_mutex_unlock(&writer->lock);
        run(writer, &take);
    }
}

bool log_engine_step(struct log_engine *engine)
{
    assert(!engine->threads);
    struct writer *writer = &engine->writers[0];
    struct take take;
    pthread_mutex_lock(&writer->lock);
    take_under_lock(writer, &take);
    pthread_mutex_unlock(&writer->lock);
    return run(writer, &take);
}

void engine_run_command(struct writer *writer, struct command *command)
{
    pthread_mutex_lock(&writer->lock);
    list_append(&writer->commands, &command->link);
    bool wake = writer->sleeping;
    writer->sleeping = false;
    if (wake)
        pthread_cond_signal(&writer->changed);
    if (writer->engine->threads) {
        while (!command->finished)
            pthread_cond_wait(&writer->finished, &writer->lock);
        pthread_mutex_unlock(&writer->lock);
        return;
    }
    pthread_mutex_unlock(&writer->lock);
    while (!command->finished)
        log_engine_step(writer->engine);
}

/* ---- Start and stop -------------------------------------------------------------------------------------------- */

static void writer_init(struct writer *writer, struct log_engine *engine)
{
    writer->engine = engine;
    pthread_mutex_init(&writer->lock, NULL);
    cond_init_monotonic(&writer->changed);
    pthread_cond_init(&writer->finished, NULL);
    list_init(&writer->commands);
    list_init(&writer->turn);
    list_init(&writer->tail_age);
}

struct log_engine *log_engine_start(const struct log_engine_options *options, struct error *err)
{
    unsigned writers = options->writers < WRITERS_MAX ? options->writers : WRITERS_MAX;
    struct log_engine *engine = mem_zalloc(sizeof *engine);
    engine->io = options->io != NULL ? options->io : &log_io_system;
    engine->threads = writers != 0;
    engine->writer_count = writers != 0 ? writers : 1;
    engine->queue_bytes_max = options->queue_bytes != 0 ? options->queue_bytes : QUEUE_BYTES_DEFAULT;
    uint64_t tail_bytes = options->tail_bytes != 0 ? options->tail_bytes : TAIL_BYTES_DEFAULT;
    engine->tail_bytes_max = (size_t)(tail_bytes / engine->writer_count);
    engine->open_files_max = options->open_files != 0 ? options->open_files : OPEN_FILES_DEFAULT;
    pthread_mutex_init(&engine->place_lock, NULL);
    pthread_mutex_init(&engine->files_lock, NULL);
    list_init(&engine->files_age);
    engine->writers = mem_zalloc(engine->writer_count * sizeof *engine->writers);
    for (unsigned i = 0; i < engine->writer_count; i++)
        writer_init(&engine->writers[i], engine);
    for (unsigned i = 0; i < writers; i++) {
        char name[16];
        snprintf(name, sizeof name, "log-%u", i);
        if (!thread_start(&engine->writers[i].thread, name, write_loop, &engine->writers[i], err)) {
            engine->writer_count = i; /* those that have started */
            log_engine_stop(engine);
            return NULL;
        }
    }
    return engine;
}

static void writer_stop(struct writer *writer, bool thread)
{
    pthread_mutex_lock(&writer->lock);
    assert(writer->logs == 0);
    writer->stopping = true;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    if (thread)
        pthread_join(writer->thread, NULL);
    assert(list_empty(&writer->tail_age) && writer->first == NULL);
    heap_free(&writer->timers);
    pthread_cond_destroy(&writer->finished);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->lock);
}

void log_engine_stop(struct log_engine *engine)
{
    if (engine == NULL)
        return;
    for (unsigned i = 0; i < engine->writer_count; i++)
        writer_stop(&engine->writers[i], engine->threads);
    files_free(engine);
    pthread_mutex_destroy(&engine->files_lock);
    pthread_mutex_destroy(&engine->place_lock);
    mem_free(engine->writers);
    mem_free(engine);
}

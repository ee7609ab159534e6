/* Dead letters: what used up its deliveries goes to station `<name>.dead`, made on demand, and is settled in its group
 * once it is on disk there.
 *
 *   owner    takes what is dying ─▶ worker reads the records, adds the three user properties, appends
 *            ─▶ log writer: on disk ─▶ owner settles them
 *
 * On a failure nothing is settled; the owner tries again after RETRY_MS. After a crash in between, a message may be there
 * twice, never not at all. */
#include "station/consumer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>

#define LETTERS_MAX 64
#define RETRY_MS    1000
#define ONE_READ    ((size_t)4096)
#define BATCH_BYTES ((size_t)8 << 20) /* what is above goes with the next job */

struct letter {
    uint64_t offset;
    uint8_t why;
    int64_t time_ms; /* when it came; with an envelope in job->told at told_at, if somebody wants to know */
    size_t told_at;
    size_t told_bytes; /* 0: nobody does */
};

struct dead_job {
    struct worker_job job; /* first */
    struct log_batch batch;
    struct mail mail;
    struct consumer *consumer; /* a reference */
    struct station *dead;      /* a reference, once it is known */
    struct error err;
    bool ok;
    uint32_t taken; /* from the group */
    uint32_t count; /* of them, those that this job brings */
    struct letter letters[LETTERS_MAX];
    struct buf told; /* for events: the messages as they were in the station */
};

static const char *reason_text(uint8_t why)
{
    switch ((enum death)why) {
    case DEATH_REFUSED: return "refused";
    case DEATH_MEMBER_GONE: return "member_gone";
    case DEATH_NOT_ACKED: break;
    }
    return "not_acknowledged";
}

/* ---- On the owner ---------------------------------------------------------------------------------------- */

static void tell(const struct dead_job *job, const struct letter *letter)
{
    struct station_message message;
    struct str bytes = str_make((const char *)job->told.data + letter->told_at, letter->told_bytes);
    if (letter->told_bytes == 0 || !envelope_decode(bytes, &message, NULL))
        return;
    message.offset = letter->offset;
    message.time_ms = letter->time_ms;
    struct station_event event = {.kind = STATION_DEAD_LETTER,
                                  .first_offset = letter->offset,
                                  .last_offset = letter->offset,
                                  .count = 1,
                                  .reason = reason_text(letter->why),
                                  .group = str_of(job->consumer->name),
                                  .message = &message};
    station_raise(job->consumer->station, &event);
}

static void come_home(struct reactor *reactor, struct mail *mail)
{
    struct dead_job *job = CONTAINER_OF(mail, struct dead_job, mail);
    struct consumer *consumer = job->consumer;
    consumer->dying = false;
    if (reactor != NULL && !consumer->ended) {
        for (uint32_t i = 0; i < job->taken; i++) {
            struct pending *pending = group_find(&consumer->group, job->letters[i].offset);
            if (pending == NULL)
                continue; /* acknowledged after all */
            if (job->ok && i < job->count) {
                group_bury(&consumer->group, pending);
                consumer->unsaid++;
                atomic_fetch_add_explicit(&consumer->dead_letters, 1, memory_order_relaxed);
                tell(job, &job->letters[i]);
            } else {
                list_append(&consumer->group.dying, &pending->state_link);
            }
        }
        if (!job->ok) {
            LOG_WARNING("dead letters wait", LOG_TEXT("station", consumer->station->name),
                        LOG_TEXT("group", consumer->name), LOG_ERROR_OF(&job->err));
            consumer->dead_retry_ms = reactor_now_ms(reactor) + RETRY_MS;
        }
        consumer_serve(consumer);
    }
    log_batch_reset(&job->batch);
    buf_free(&job->told);
    station_unref(job->dead);
    mem_free(job);
    consumer_unref(consumer);
}

/* ---- On a worker ----------------------------------------------------------------------------------------- */

/* The record at this offset: *chunk holds it, or is NULL when it is expelled. */
static bool read_record(struct station *station, uint64_t offset, struct log_record *record,
                        struct log_chunk **chunk, struct error *err)
{
    struct log_cursor cursor;
    uint64_t next;
    enum log_read_result result = reach_read(station, offset, ONE_READ, chunk, &next, err);
    if (result != LOG_READ) {
        *chunk = NULL;
        return result != LOG_READ_FAILED;
    }
    log_cursor_init(&cursor, *chunk, offset);
    if (log_cursor_next(&cursor, record) && record->offset == offset)
        return true;
    log_chunk_unref(*chunk);
    *chunk = NULL;
    return true;
}

static void add_letter(struct dead_job *job, const struct letter *letter, struct station_message *message,
                       struct buf *props)
{
    char number[24];
    int len = snprintf(number, sizeof(number), "%" PRIu64, letter->offset);
    buf_reset(props);
    buf_append_str(props, message->props);
    mqtt_user_property_append(props, STR("varve-dead-reason"), str_of(reason_text(letter->why)));
    mqtt_user_property_append(props, STR("varve-dead-group"), str_of(job->consumer->name));
    mqtt_user_property_append(props, STR("varve-dead-offset"), str_make(number, (size_t)len));
    message->props = buf_str(props);
    message->exchange = (struct publication_exchange){0}; /* it brought the message, not this letter */
    envelope_write(message, log_batch_add(&job->batch, clock_wall_ms(), envelope_bytes(message)));
    job->batch.marked |= message->id.len > 0;
}

static void keep_for_event(struct dead_job *job, struct letter *letter, const struct log_record *record)
{
    letter->time_ms = record->time_ms;
    letter->told_at = job->told.len;
    letter->told_bytes = record->data.len;
    buf_append_str(&job->told, record->data);
}

static bool collect(struct dead_job *job, struct error *err)
{
    struct buf props = {0};
    bool ok = true, wanted = station_event_wanted(job->consumer->station, STATION_DEAD_LETTER);
    for (uint32_t i = 0; ok && i < job->taken && log_batch_bytes(&job->batch) < BATCH_BYTES; i++) {
        struct log_chunk *chunk = NULL;
        struct log_record record;
        struct station_message message;
        struct error bad;
        ok = read_record(job->consumer->station, job->letters[i].offset, &record, &chunk, err);
        if (ok && chunk != NULL && envelope_decode(record.data, &message, &bad)) {
            if (wanted)
                keep_for_event(job, &job->letters[i], &record);
            add_letter(job, &job->letters[i], &message, &props);
        }
        log_chunk_unref(chunk);
        job->count++;
    }
    buf_free(&props);
    return ok;
}

/* On a log writer. */
static void stored(struct log_batch *batch, const struct error *err)
{
    struct dead_job *job = CONTAINER_OF(batch, struct dead_job, batch);
    job->ok = err == NULL;
    if (err != NULL)
        job->err = *err;
    else
        keeper_touch(job->dead);
    stations_job_done(job->consumer->station->all, job->consumer->post->reactor, &job->mail);
}

/* True: `stored` is called. False: it is over; job->ok says how. */
static bool send(struct dead_job *job)
{
    struct station *station = job->consumer->station;
    struct log *log = station_log_enter(station);
    if (log == NULL)
        return station_gone(station, &job->err);
    bool ok = collect(job, &job->err);
    station_log_leave(station);
    if (!ok)
        return false;
    if (job->batch.count == 0) {
        job->ok = true; /* all are expelled */
        return false;
    }
    struct station *dead = station_ref(job->dead); /* the job may be over before log_append() returns */
    log = station_log_enter(dead);
    ok = log != NULL ? log_append(log, &job->batch, &job->err) : station_gone(dead, &job->err);
    if (log != NULL)
        station_log_leave(dead);
    station_unref(dead);
    return ok;
}

static void run(struct worker_job *base)
{
    struct dead_job *job = (struct dead_job *)base;
    struct stations *stations = job->consumer->station->all;
    struct reactor *reactor = job->consumer->post->reactor;
    /* Not within the door of the log: making a station waits for who deletes one. */
    job->dead = stations_dead_of(job->consumer->station, &job->err);
    if (job->dead == NULL || !send(job))
        stations_job_done(stations, reactor, &job->mail);
}

void dead_letters(struct consumer *consumer)
{
    if (consumer->dying || consumer->dead_retry_ms > 0 || group_dying(&consumer->group) == NULL)
        return;
    struct dead_job *job = mem_zalloc(sizeof(*job));
    job->job.run = run;
    job->mail.run = come_home;
    job->batch.done = stored;
    job->consumer = consumer_ref(consumer);
    for (struct pending *pending;
         job->taken < LETTERS_MAX && (pending = group_dying(&consumer->group)) != NULL;) {
        job->letters[job->taken++] = (struct letter){.offset = pending->offset, .why = pending->why};
        list_remove(&pending->state_link); /* back in the list if this fails */
    }
    consumer->dying = true;
    if (stations_job(consumer->station->all, &job->job))
        return;
    error_set(&job->err, ERR_BUSY, "the workers have too much to do");
    reactor_post(consumer->post->reactor, &job->mail);
}

/* Pull consumers: a request for messages is a member of the group on the owner's own reactor, until it has some or has
 * waited long enough. What it got stays in flight: to be acknowledged by offset, or delivered again after ack_wait.
 *
 *   station_fetch()  ─▶ begin: joins, is served  ─▶ take: messages ─▶ finish ─▶ the caller goes on
 *                                                ─▶ wait_ms is over ─▶ finish
 *
 * From the first messages on nothing more is wanted, and `finish` is a mail behind all work of the same turn.
 *
 * A caller who frees it leaves his reference to a mail, `leave`: the owner ends what is not done, and takes back what was not
 * looked at. */
#include "station/consumer.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "mqtt/topic.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

#define DISK_WAIT_MS 1000  /* for what is there, but on disk only */
#define SLACK_MS     10000 /* of a reactor that does not answer: the broker stops */

struct station_fetch {
    /* Set once. */
    struct consumer *consumer; /* a reference */
    uint32_t batch;
    int64_t wait_ms;
    atomic_uint refs; /* the caller's, the reactor's */
    void (*notify)(void *arg);
    void *notify_arg;
    /* The owner's reactor, until `done`. */
    struct member *member; /* a reference */
    struct mail begin;
    struct mail finish;
    struct mail leave; /* of a caller who has gone */
    struct timer timer;
    bool finishing;
    bool ended; /* its group is deleted */
    bool left;
    struct work *first;
    struct work *last;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;   /* under lock */
    bool closed; /* the broker stops, or the group is deleted */
};

static void fetch_unref(struct station_fetch *fetch)
{
    if (atomic_fetch_sub_explicit(&fetch->refs, 1, memory_order_acq_rel) != 1)
        return;
    while (fetch->first != NULL) {
        struct work *work = fetch->first;
        fetch->first = work->next;
        work_free(work);
    }
    member_unref(fetch->member);
    consumer_unref(fetch->consumer);
    pthread_cond_destroy(&fetch->changed);
    pthread_mutex_destroy(&fetch->lock);
    mem_free(fetch);
}

/* ---- On the owner ---------------------------------------------------------------------------------------- */

/* What the caller has not looked at. */
static void give_back(struct station_fetch *fetch)
{
    struct consumer *consumer = fetch->consumer;
    bool any = false;
    for (struct work *work = fetch->first; work != NULL; work = work->next) {
        for (; work->at < work->count; work->at++) {
            const struct work_item *item = &work->items[work->at];
            any = group_return(&consumer->group, item->record.offset, item->delivery) || any;
        }
    }
    if (any)
        consumer_serve(consumer);
}

static void end(struct station_fetch *fetch, bool closed)
{
    pthread_mutex_lock(&fetch->lock);
    fetch->done = true;
    fetch->closed = closed;
    pthread_cond_signal(&fetch->changed);
    pthread_mutex_unlock(&fetch->lock);
    if (fetch->notify != NULL)
        fetch->notify(fetch->notify_arg);
    fetch_unref(fetch);
}

static void finish_run(struct reactor *reactor, struct mail *mail)
{
    struct station_fetch *fetch = CONTAINER_OF(mail, struct station_fetch, finish);
    fetch->member->who = NULL;
    if (reactor != NULL) {
        timer_clear(reactor, &fetch->timer);
        consumer_remove(fetch->consumer, fetch->member, false);
        if (fetch->left && !fetch->consumer->ended)
            give_back(fetch);
    }
    end(fetch, reactor == NULL || fetch->ended);
}

static void finish(struct station_fetch *fetch)
{
    if (fetch->finishing)
        return;
    fetch->finishing = true;
    fetch->member->want = 0;
    reactor_post(fetch->consumer->post->reactor, &fetch->finish);
}

static void take(struct member *member, struct work *work)
{
    struct station_fetch *fetch = member->who;
    if (fetch->first == NULL)
        fetch->first = work;
    else
        fetch->last->next = work;
    fetch->last = work;
    finish(fetch);
}

static void lose(struct member *member, const uint64_t *offsets, uint32_t count)
{
    (void)member; /* it has had ack_wait */
    (void)offsets;
    (void)count;
}

/* What it has got is its caller's. */
static void ended(struct member *member)
{
    struct station_fetch *fetch = member->who;
    if (fetch == NULL)
        return;
    fetch->ended = fetch->first == NULL;
    finish(fetch);
}

static void fire(struct reactor *reactor, struct timer *timer)
{
    (void)reactor;
    finish(CONTAINER_OF(timer, struct station_fetch, timer));
}

static void leave_run(struct reactor *reactor, struct mail *mail)
{
    struct station_fetch *fetch = CONTAINER_OF(mail, struct station_fetch, leave);
    fetch->left = true;
    if (reactor == NULL && !fetch->done)
        end(fetch, true); /* it has stopped, and with it the timer */
    else if (reactor != NULL && !fetch->done && fetch->member != NULL)
        finish(fetch);
    else if (reactor != NULL && !fetch->consumer->ended)
        give_back(fetch);
    fetch_unref(fetch);
}

static bool nothing_there(const struct station_fetch *fetch)
{
    const struct consumer *consumer = fetch->consumer;
    return fetch->member->want == fetch->batch && !consumer->finding && !consumer->fresh.working &&
           !consumer->old.working && !consumer->going_on;
}

static void begin_run(struct reactor *reactor, struct mail *mail)
{
    struct station_fetch *fetch = CONTAINER_OF(mail, struct station_fetch, begin);
    struct consumer *consumer = fetch->consumer;
    if (reactor == NULL || consumer->ended) {
        end(fetch, true);
        return;
    }
    fetch->member = member_new(consumer, consumer->post, fetch);
    fetch->member->take = take;
    fetch->member->lose = lose;
    fetch->member->ended = ended;
    fetch->member->want = fetch->batch;
    consumer_add(consumer, fetch->member);
    consumer_here(consumer, fetch->member, true);
    consumer_serve(consumer);
    if (fetch->wait_ms == 0 && nothing_there(fetch))
        finish(fetch);
    else
        timer_set(reactor, &fetch->timer,
                  reactor_now_ms(reactor) + (fetch->wait_ms > 0 ? fetch->wait_ms : DISK_WAIT_MS));
}

/* ---- The caller ------------------------------------------------------------------------------------------ */

static struct station_fetch *fetch_new(struct consumer *consumer, const struct station_fetch_options *options)
{
    struct station_fetch *fetch = mem_zalloc(sizeof(*fetch));
    fetch->consumer = consumer_ref(consumer);
    fetch->batch = options->batch;
    fetch->wait_ms = options->wait_ms;
    atomic_init(&fetch->refs, 2);
    fetch->begin.run = begin_run;
    fetch->finish.run = finish_run;
    fetch->leave.run = leave_run;
    fetch->timer.fire = fire;
    pthread_mutex_init(&fetch->lock, NULL);
    cond_init_monotonic(&fetch->changed);
    return fetch;
}

static bool wait_done(struct station_fetch *fetch)
{
    const struct timespec until = cond_in_ms(fetch->wait_ms + DISK_WAIT_MS + SLACK_MS);
    pthread_mutex_lock(&fetch->lock);
    while (!fetch->done && pthread_cond_timedwait(&fetch->changed, &fetch->lock, &until) != ETIMEDOUT)
        ;
    bool ok = fetch->done && !fetch->closed;
    pthread_mutex_unlock(&fetch->lock);
    return ok;
}

/* The group for a request from outside of the reactors: its owner is known. Returns a reference. */
static bool has_owner(const struct consumer *consumer, struct error *err)
{
    if (consumer->post != NULL)
        return true;
    return error_set(err, ERR_UNSUPPORTED, "groups need a running broker");
}

static struct consumer *group_for(struct stations *stations, struct str name, struct str group,
                                  const struct station_fetch_options *options, struct error *err)
{
    struct station_start start;
    struct topic_filter parsed;
    if (options->batch < 1 || options->batch > STATION_FETCH_MAX || options->wait_ms < 0) {
        error_set(err, ERR_INVALID, "a fetch is for 1 to %d messages", STATION_FETCH_MAX);
        return NULL;
    }
    if (group.len == 0 || group.len > UINT16_MAX || !utf8_valid(group.data, group.len) ||
        memchr(group.data, '/', group.len) != NULL || memchr(group.data, '+', group.len) != NULL ||
        memchr(group.data, '#', group.len) != NULL || memchr(group.data, '\0', group.len) != NULL) {
        error_set(err, ERR_INVALID, "a name of a group is UTF-8 without / + #");
        return NULL;
    }
    if (!station_start_parse(options->start, &start, err))
        return NULL;
    if (options->filter.len > 0 && (!topic_filter_parse(options->filter, &parsed) || parsed.shared)) {
        error_set(err, ERR_INVALID, "\"%.*s\" is no topic filter",
                  (int)(options->filter.len < 100 ? options->filter.len : 100), options->filter.data);
        return NULL;
    }
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return NULL;
    struct consumer *consumer = options->filter.len == 0 ? consumer_find(station, group, NULL) : NULL;
    if (consumer == NULL)
        consumer = consumer_get(station, group, options->filter, &start, err);
    station_unref(station);
    if (consumer != NULL && !has_owner(consumer, err)) {
        consumer_unref(consumer);
        return NULL;
    }
    return consumer;
}

static struct station_fetch *start(struct stations *stations, struct str name, struct str group,
                                   const struct station_fetch_options *options, void (*notify)(void *arg),
                                   void *arg, struct error *err)
{
    struct consumer *consumer = group_for(stations, name, group, options, err);
    if (consumer == NULL)
        return NULL;
    struct station_fetch *fetch = fetch_new(consumer, options);
    fetch->notify = notify;
    fetch->notify_arg = arg;
    reactor_post(consumer->post->reactor, &fetch->begin);
    consumer_unref(consumer);
    return fetch;
}

struct station_fetch *station_fetch_start(struct stations *stations, struct str name, struct str group,
                                          const struct station_fetch_options *options,
                                          void (*done)(void *arg), void *arg, struct error *err)
{
    assert(done != NULL);
    return start(stations, name, group, options, done, arg, err);
}

struct station_fetch *station_fetch(struct stations *stations, struct str name, struct str group,
                                    const struct station_fetch_options *options, struct error *err)
{
    struct station_fetch *fetch = start(stations, name, group, options, NULL, NULL, err);
    if (fetch == NULL)
        return NULL;
    if (wait_done(fetch))
        return fetch;
    error_set(err, ERR_CLOSED, "the broker stops, or the group is deleted");
    station_fetch_free(fetch);
    return NULL;
}

bool station_fetch_is_done(struct station_fetch *fetch)
{
    pthread_mutex_lock(&fetch->lock);
    bool done = fetch->done;
    pthread_mutex_unlock(&fetch->lock);
    return done;
}

bool station_fetch_result(struct station_fetch *fetch, struct error *err)
{
    pthread_mutex_lock(&fetch->lock);
    bool ok = fetch->done && !fetch->closed;
    pthread_mutex_unlock(&fetch->lock);
    return ok || error_set(err, ERR_CLOSED, "the broker stops, or the group is deleted");
}

void station_fetch_free(struct station_fetch *fetch)
{
    if (fetch != NULL)
        reactor_post(fetch->consumer->post->reactor, &fetch->leave); /* with the caller's reference */
}

bool station_fetch_next(struct station_fetch *fetch, struct station_message *out)
{
    for (struct work *work; (work = fetch->first) != NULL;) {
        if (work->at == work->count) {
            fetch->first = work->next;
            work_free(work);
            continue;
        }
        const struct work_item *item = &work->items[work->at++];
        struct error err;
        if (!envelope_decode(item->record.data, out, &err)) {
            LOG_ERROR("a record of a station is passed over",
                      LOG_TEXT("station", fetch->consumer->station->name),
                      LOG_UINT("offset", item->record.offset), LOG_ERROR_OF(&err));
            continue;
        }
        out->offset = item->record.offset;
        out->time_ms = item->record.time_ms;
        out->deliveries = item->delivery;
        return true;
    }
    return false;
}

/* ---- Settling -------------------------------------------------------------------------------------------- */

struct settle {
    struct consumer *consumer;
    enum station_settle how;
    const uint64_t *offsets;
    size_t offset_count;
    size_t count;
};

static void settle_run(void *arg)
{
    struct settle *settle = arg;
    struct consumer *consumer = settle->consumer;
    if (consumer->ended)
        return;
    for (size_t i = 0; i < settle->offset_count; i++) {
        uint64_t offset = settle->offsets[i];
        const struct pending *pending = group_find(&consumer->group, offset);
        bool was = settle->how == STATION_ACK
                       ? group_ack(&consumer->group, offset)
                       : pending != NULL && group_nack(&consumer->group, offset, pending->deliveries);
        settle->count += was;
        consumer->unsaid += was;
    }
    consumer_serve(consumer);
}

bool station_group_settle(struct stations *stations, struct str name, struct str group,
                          enum station_settle how, const uint64_t *offsets, size_t offset_count,
                          size_t *count, struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    struct consumer *consumer = consumer_find(station, group, err);
    station_unref(station);
    if (consumer == NULL)
        return false;
    struct settle settle = {
        .consumer = consumer, .how = how, .offsets = offsets, .offset_count = offset_count};
    bool ok = has_owner(consumer, err);
    if (ok && !post_call(consumer->post, settle_run, &settle))
        ok = error_set(err, ERR_CLOSED, "the broker stops");
    *count = settle.count;
    consumer_unref(consumer);
    return ok;
}

/* Subscriptions to a station that is not there: they wait for one of its name.
 *
 *   deleted     absent_leave(): each of its readers and members becomes an absent feed, which gives nothing; its position goes
 *   made again  absent_return(), before anything is stored in it: each becomes a reader or a member of the new one
 *   a start     a persistent session's subscription to a station that has gone, or whose log cannot be opened
 *
 * A station that is made again is another one: old positions mean nothing in it, and all that it will hold is new to who
 * subscribed before. So they begin at its first message, whatever `latest` or `last:N` would mean to a later comer, unless they
 * asked for an offset or a time.
 *
 * A subscription to a station that cannot be read keeps its position, for the start after the repair. */
#include "station/station_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/log_quota.h"
#include "mqtt/topic.h"

struct absent {
    struct station_feed base;  /* first; base.station is NULL */
    char *name;                /* of the station */
    struct position *position; /* of a reader whose station cannot be read; NULL: none */
};

/* ---- The front of all ------------------------------------------------------------------------------------ */

void station_feed_init(struct station_feed *feed, const struct feed_ops *ops, struct post *post,
                       struct station *station, const struct station_filter *filter,
                       const struct feed_request *request)
{
    feed->feed.ops = ops;
    feed->post = post;
    feed->station = station != NULL ? station_ref(station) : NULL;
    feed->start = filter->start;
    feed->durable = request->durable;
    list_append(station != NULL ? &post->feeds : &post->absent, &feed->link);
}

void station_feed_end(struct station_feed *feed)
{
    list_remove(&feed->link);
}

struct feed *station_feed_reopen(struct station_feed *feed, struct station *station,
                                 const struct station_start *start, const char **why)
{
    struct topic_filter text;
    struct station_filter filter;
    uint8_t reason;
    *why = "its filter is none";
    if (!topic_filter_parse(str_of(feed->feed.filter), &text) ||
        !station_filter_parse(text.filter, &filter, NULL))
        return NULL;
    const struct feed_request request = {
        .reactor = feed->post->reactor,
        .client_id = feed_client_id(&feed->feed),
        .filter = text.filter,
        .group = text.group,
        .qos = feed->feed.options.qos,
        .durable = feed->durable,
        .restored = !feed_is_here(&feed->feed),
    };
    filter.start = *start;
    return text.group.len > 0 ? member_open(station, &request, &filter, &reason, why)
                              : reader_open(station, &request, &filter, &reason, why);
}

/* ---- A feed that gives nothing --------------------------------------------------------------------------- */

static bool pull(struct feed *feed, uint32_t most)
{
    (void)feed;
    (void)most;
    return false;
}

/* Nothing is given, so nothing is settled: what the client had of the former station is forgotten. */
static void settled(struct feed *feed, uint64_t tag, uint8_t reason)
{
    (void)feed;
    (void)tag;
    (void)reason;
}

static void presence(struct feed *feed, bool here)
{
    (void)feed;
    (void)here;
}

static void free_absent(struct absent *absent)
{
    atomic_fetch_sub_explicit(&absent->base.post->all->absent, 1, memory_order_relaxed);
    station_feed_end(&absent->base);
    mem_free(absent->name);
    mem_free(absent);
}

static void close_absent(struct feed *feed, enum feed_end why)
{
    struct absent *absent = (struct absent *)feed;
    if (absent->position != NULL && why == FEED_STOPPING)
        position_release(absent->position);
    else if (absent->position != NULL)
        position_forget(absent->position);
    free_absent(absent);
}

static const struct feed_ops absent_ops = {
    .pull = pull,
    .settled = settled,
    .presence = presence,
    .close = close_absent,
};

static struct absent *new_absent(struct post *post, const char *name, const struct station_filter *filter,
                                 const struct feed_request *request)
{
    struct absent *absent = mem_zalloc(sizeof(*absent));
    station_feed_init(&absent->base, &absent_ops, post, NULL, filter, request);
    absent->name = mem_strdup(name);
    atomic_fetch_add_explicit(&post->all->absent, 1, memory_order_relaxed);
    return absent;
}

struct feed *absent_open(struct stations *stations, const struct feed_request *request,
                         const struct station_filter *filter)
{
    static _Thread_local struct log_quota quota;
    struct post *post = stations_post(stations, request->reactor);
    struct absent *absent = new_absent(post, filter->name, filter, request);
    bool found;
    if (request->durable && request->group.len == 0)
        absent->position = position_claim(&stations->positions, POSITION_READER, str_of(filter->name),
                                          request->client_id, request->filter, &found);
    if (log_quota_take(&quota, clock_mono_ms()))
        LOG_WARNING("a subscription waits for its station", LOG_TEXT("station", filter->name),
                    LOG_STR("client_id", request->client_id));
    return &absent->base.feed;
}

/* ---- A station goes -------------------------------------------------------------------------------------- */

struct change {
    struct post *post;
    struct station *station;
    unsigned count;
};

void station_feed_rest(struct station_feed *feed)
{
    const struct station_filter filter = {.start = feed->start};
    const struct feed_request request = {.durable = feed->durable};
    struct absent *absent = new_absent(feed->post, feed->station->name, &filter, &request);
    feed_replace(&feed->feed, &absent->base.feed);
    feed->feed.ops->close(&feed->feed, FEED_UNSUBSCRIBED);
}

static void leave_post(void *arg)
{
    struct change *change = arg;
    LIST_EACH_SAFE(it, &change->post->feeds)
    {
        struct station_feed *feed = CONTAINER_OF(it, struct station_feed, link);
        if (feed->station == change->station)
            station_feed_rest(feed);
    }
}

void absent_leave(struct station *station)
{
    for (unsigned i = 0; i < stations_post_count(station->all); i++) {
        struct change change = {.post = stations_post_at(station->all, i), .station = station};
        post_call(change.post, leave_post, &change);
    }
}

/* ---- A station comes ------------------------------------------------------------------------------------- */

/* All that it will hold is new to who subscribed before. */
static struct feed *open_again(struct absent *absent, struct station *station)
{
    struct station_start start = absent->base.start;
    const char *why;
    if (start.kind == START_LATEST || start.kind == START_LAST)
        start = (struct station_start){.kind = START_EARLIEST};
    struct feed *next = station_feed_reopen(&absent->base, station, &start, &why);
    if (next == NULL) {
        LOG_WARNING("a subscription does not go on with its station",
                    LOG_TEXT("filter", absent->base.feed.filter),
                    LOG_STR("client_id", feed_client_id(&absent->base.feed)), LOG_TEXT("reason", why));
    }
    return next;
}

static bool return_to(struct absent *absent, struct station *station)
{
    if (absent->position != NULL) { /* of the one that could not be read */
        position_forget(absent->position);
        absent->position = NULL;
    }
    struct feed *next = open_again(absent, station);
    if (next == NULL)
        return false;
    feed_replace(&absent->base.feed, next);
    free_absent(absent);
    return true;
}

static void return_post(void *arg)
{
    struct change *change = arg;
    LIST_EACH_SAFE(it, &change->post->absent)
    {
        struct absent *absent = CONTAINER_OF(it, struct absent, base.link);
        if (strcmp(absent->name, change->station->name) == 0)
            change->count += return_to(absent, change->station);
    }
}

void absent_return(struct station *station)
{
    struct stations *stations = station->all;
    if (atomic_load_explicit(&stations->absent, memory_order_relaxed) == 0)
        return;
    unsigned count = 0;
    for (unsigned i = 0; i < stations_post_count(stations); i++) {
        struct change change = {.post = stations_post_at(stations, i), .station = station};
        post_call(change.post, return_post, &change);
        count += change.count;
    }
    if (count == 0)
        return;
    positions_flush(&stations->positions);
    LOG_INFO("subscriptions go on with a new station", LOG_TEXT("station", station->name),
             LOG_UINT("subscriptions", count));
}

/* A member of a group over MQTT: a feed on its session's reactor, which takes what its consumer gives (consumer.h).
 *
 *   pull()      gives what is here to the client; when that is little, asks for more: a session's window at most
 *   take()      work has come
 *   settled()   PUBACK, PUBREC or, at QoS 0, sent: noted in this turn's report; a reason >= 0x80 is a refusal
 *   lose()      ack_wait was over, somebody else gets it: taken back, unless the client has it in its hands
 *   presence()  the client is away: what it has not been given goes back at once, what it has waits for ack_wait
 *
 * When its group is deleted by force, its subscription goes on (members_rejoin): with a new feed in its place, and a new group.
 *
 * A tag is the index of a slot, which says what the client has. What waits here longer than its deadline is not given any
 * more: it is somebody else's by then. */
#include "station/consumer.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>

#define ASK_MORE    256 /* of a client whose window is wide */
#define WINDOW_WIDE 64  /* what pull() is called with then */
#define SLOTS_MIN   16
#define SLOT_NONE   UINT32_MAX

struct slot {
    uint64_t offset;
    uint32_t delivery;
    uint32_t next_free;
    uint16_t packet_id;
    bool used;
};

struct member_feed {
    struct station_feed base; /* first */
    struct member *member;    /* a reference */
    struct work *first;
    struct work *last;
    uint32_t queued; /* items in the works */
    uint32_t asked;  /* and have not come */
    uint32_t epoch;  /* grows when the client leaves: what was asked for before does not count */
    struct slot *slots;
    uint32_t slot_count;
    uint32_t free_slot;
};

/* ---- Slots ----------------------------------------------------------------------------------------------- */

static uint32_t slot_take(struct member_feed *feed, uint64_t offset, uint32_t delivery)
{
    if (feed->free_slot == SLOT_NONE) {
        uint32_t count = feed->slot_count > 0 ? 2 * feed->slot_count : SLOTS_MIN;
        feed->slots = mem_realloc(feed->slots, count * sizeof(*feed->slots));
        for (uint32_t i = count; i > feed->slot_count; i--) {
            feed->slots[i - 1] = (struct slot){.next_free = feed->free_slot};
            feed->free_slot = i - 1;
        }
        feed->slot_count = count;
    }
    uint32_t index = feed->free_slot;
    feed->free_slot = feed->slots[index].next_free;
    feed->slots[index] = (struct slot){.offset = offset, .delivery = delivery, .used = true};
    return index;
}

static void slot_free(struct member_feed *feed, uint32_t index)
{
    feed->slots[index].used = false;
    feed->slots[index].next_free = feed->free_slot;
    feed->free_slot = index;
}

static void settled(struct feed *base, uint64_t tag, uint8_t reason)
{
    struct member_feed *feed = (struct member_feed *)base;
    struct slot *slot = &feed->slots[tag];
    assert(tag < feed->slot_count && slot->used);
    member_settle(feed->member, slot->offset, slot->delivery, reason >= 0x80 ? SETTLE_NACK : SETTLE_ACK);
    slot_free(feed, (uint32_t)tag);
}

/* ---- Giving ---------------------------------------------------------------------------------------------- */

static struct work_item *next_item(struct member_feed *feed)
{
    while (feed->first != NULL && feed->first->at == feed->first->count) {
        struct work *work = feed->first;
        feed->first = work->next;
        work_free(work);
    }
    if (feed->first == NULL)
        return NULL;
    feed->queued--;
    return &feed->first->items[feed->first->at++];
}

static void give(struct member_feed *feed, const struct work_item *item, int64_t wall_ms)
{
    struct member *member = feed->member;
    struct publication publication;
    uint64_t offset = item->record.offset;
    if (!publish_record(member->post, member->consumer->station, &item->record, wall_ms, &publication)) {
        member_settle(member, offset, item->delivery,
                      SETTLE_ACK); /* expired, or no message: nobody gets it */
        return;
    }
    uint32_t tag = slot_take(feed, offset, item->delivery);
    uint16_t packet_id = feed_give(&feed->base.feed, &publication, tag);
    if (packet_id != 0)
        feed->slots[tag].packet_id = packet_id;
    publication_end(&publication);
}

static void ask(struct member_feed *feed, uint32_t most)
{
    uint32_t want = most >= WINDOW_WIDE ? ASK_MORE : most;
    if (feed->queued + feed->asked >= want)
        return;
    struct report *report = member_report(feed->member);
    report->want += want - feed->queued - feed->asked;
    report->epoch = feed->epoch;
    feed->asked = want - feed->queued;
}

static bool pull(struct feed *base, uint32_t most)
{
    struct member_feed *feed = (struct member_feed *)base;
    struct reactor *reactor = feed->member->post->reactor;
    int64_t wall_ms = reactor_wall_ms(reactor);
    uint32_t left = most;
    for (struct work_item *item; left > 0 && (item = next_item(feed)) != NULL;) {
        if (item->deadline_ms <= reactor_now_ms(reactor))
            continue;
        give(feed, item, wall_ms);
        left--;
    }
    if (feed->queued <= most / 2)
        ask(feed, most);
    return feed->queued > 0;
}

static void take(struct member *member, struct work *work)
{
    struct member_feed *feed = member->who;
    if (work->epoch != feed->epoch) { /* the client went meanwhile */
        for (uint32_t i = 0; i < work->count; i++)
            member_settle(member, work->items[i].record.offset, work->items[i].delivery, SETTLE_RETURN);
        work_free(work);
        return;
    }
    feed->asked = feed->asked > work->count ? feed->asked - work->count : 0;
    feed->queued += work->count;
    if (feed->first == NULL)
        feed->first = work;
    else
        feed->last->next = work;
    feed->last = work;
    feed_ready(&feed->base.feed);
}

static void lose(struct member *member, const uint64_t *offsets, uint32_t count)
{
    struct member_feed *feed = member->who;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t tag = 0; tag < feed->slot_count; tag++) {
            const struct slot *slot = &feed->slots[tag];
            if (slot->used && slot->offset == offsets[i] && slot->packet_id != 0 &&
                feed_revoke(&feed->base.feed, slot->packet_id, tag))
                slot_free(feed, tag);
        }
    }
}

/* ---- Life ------------------------------------------------------------------------------------------------ */

static void give_back(struct member_feed *feed)
{
    for (struct work_item *item; (item = next_item(feed)) != NULL;)
        member_settle(feed->member, item->record.offset, item->delivery, SETTLE_RETURN);
}

static void presence(struct feed *base, bool here)
{
    struct member_feed *feed = (struct member_feed *)base;
    if (!here) {
        give_back(feed);
        feed->epoch++;
        feed->asked = 0;
        member_report(feed->member)->want = 0;
        member_report(feed->member)->epoch = feed->epoch;
    }
    member_send(feed->member, here ? NEWS_HERE : NEWS_AWAY);
    if (here)
        feed_ready(base);
}

static void close_member(struct feed *base, enum feed_end why)
{
    struct member_feed *feed = (struct member_feed *)base;
    give_back(feed);
    feed->member->who = NULL;
    member_send(feed->member, why == FEED_STOPPING ? NEWS_STOP : NEWS_LEAVE);
    member_unref(feed->member);
    station_feed_end(&feed->base);
    station_unref(feed->base.station);
    mem_free(feed->slots);
    mem_free(feed);
}

static const struct feed_ops member_ops = {
    .pull = pull,
    .settled = settled,
    .presence = presence,
    .close = close_member,
};

struct feed *member_open(struct station *station, const struct feed_request *request,
                         const struct station_filter *filter, uint8_t *reason, const char **why)
{
    struct error err;
    struct consumer *consumer = consumer_get(station, request->group, filter->filter, &filter->start, &err);
    if (consumer == NULL) {
        *reason = err.code == ERR_INVALID ? MQTT_BAD_TOPIC_FILTER : MQTT_UNSPECIFIED_ERROR;
        *why = err.code == ERR_INVALID ? "the group reads with another topic filter"
                                       : "the station cannot be read";
        return NULL;
    }
    struct member_feed *feed = mem_zalloc(sizeof(*feed));
    struct post *post = stations_post(station->all, request->reactor);
    station_feed_init(&feed->base, &member_ops, post, station, filter, request);
    feed->free_slot = SLOT_NONE;
    feed->member = member_new(consumer, post, feed);
    feed->member->take = take;
    feed->member->lose = lose;
    consumer_unref(consumer); /* the member's */
    member_send(feed->member, NEWS_JOIN);
    if (!request->restored)
        member_send(feed->member, NEWS_HERE);
    return &feed->base.feed;
}

/* ---- A group that is deleted ----------------------------------------------------------------------------- */

struct rejoin {
    struct post *post;
    struct consumer *former;
};

static void rejoin(struct member_feed *feed)
{
    struct station_feed *base = &feed->base;
    const char *why;
    struct feed *next = station_feed_reopen(base, base->station, &base->start, &why);
    if (next == NULL) {
        LOG_WARNING("a subscription does not go on with its group", LOG_TEXT("filter", base->feed.filter),
                    LOG_STR("client_id", feed_client_id(&base->feed)), LOG_TEXT("reason", why));
        station_feed_rest(base);
        return;
    }
    feed_replace(&base->feed, next);
    base->feed.ops->close(&base->feed, FEED_UNSUBSCRIBED);
}

static void rejoin_post(void *arg)
{
    const struct rejoin *mine = arg;
    LIST_EACH_SAFE(it,
                   &mine->post->feeds) /* new ones come to the end of the list: they are of another group */
    {
        struct station_feed *feed = CONTAINER_OF(it, struct station_feed, link);
        if (feed->feed.ops == &member_ops && ((struct member_feed *)feed)->member->consumer == mine->former)
            rejoin((struct member_feed *)feed);
    }
}

void members_rejoin(struct consumer *consumer)
{
    struct stations *stations = consumer->station->all;
    for (unsigned i = 0; i < stations_post_count(stations); i++) {
        struct rejoin mine = {.post = stations_post_at(stations, i), .former = consumer};
        post_call(mine.post, rejoin_post, &mine);
    }
}

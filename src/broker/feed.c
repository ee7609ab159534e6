/* A session's feeds: see feed.h.
 *
 * They stand in a ring; whose turn it is gives some messages and goes to the end. A session pulls when its own queue is
 * empty and its client takes more: after an acknowledgement, when output has drained, when a feed has become ready. One
 * call pulls PULLED_PER_TURN messages at most; then the session mails itself to go on in the next loop turn, so that a
 * fast reader of a long stream does not keep other clients waiting.
 *
 * The mail may be on its way when the last feed goes: then it finds no session any more and frees what carries it. */
#include "broker/broker_internal.h"

#include "base/mem.h"
#include "broker/acl.h"

#define PULLED_PER_TURN 1024

struct session_feeds {
    struct session *session; /* NULL: gone, the mail frees this */
    struct list ring;        /* struct feed.link; the first is next */
    uint32_t count;
    uint32_t given; /* since the pull began */
    bool mailed;
    struct mail mail;
};

static struct feed *feed_at(struct list *link)
{
    return CONTAINER_OF(link, struct feed, link);
}

/* ---- Whose a filter is ----------------------------------------------------------------------------------- */

bool feed_filter(const struct broker *broker, const struct topic_filter *filter)
{
    return broker->feeds != NULL && str_starts(filter->filter, broker->feeds->prefix);
}

bool feed_canonical(const struct broker *broker, const struct topic_filter *filter, struct buf *out)
{
    return broker->feeds->canonical(broker->feeds->user, filter->filter, out);
}

bool feed_allowed(const struct session *session, const struct client_acl *acl,
                  const struct topic_filter *filter)
{
    struct buf text = {0};
    bool allowed =
        feed_canonical(session->shard->broker, filter, &text) && client_may_subscribe(acl, buf_str(&text));
    buf_free(&text);
    return allowed;
}

/* ---- Pulling --------------------------------------------------------------------------------------------- */

static void go_on(struct reactor *reactor, struct mail *mail)
{
    struct session_feeds *feeds = CONTAINER_OF(mail, struct session_feeds, mail);
    feeds->mailed = false;
    if (feeds->session == NULL)
        mem_free(feeds);
    else if (reactor != NULL)
        session_pump(feeds->session->shard, feeds->session);
}

static void pull_in_next_turn(struct session_feeds *feeds)
{
    if (feeds->mailed)
        return;
    feeds->mailed = true;
    reactor_post(feeds->session->shard->reactor, &feeds->mail);
}

/* The first ready feed from the front of the ring, which goes to its end. */
static struct feed *next_ready(struct session_feeds *feeds)
{
    LIST_EACH(it, &feeds->ring)
    {
        struct feed *feed = feed_at(it);
        if (!feed->ready)
            continue;
        list_remove(it);
        list_append(&feeds->ring, it);
        return feed;
    }
    return NULL;
}

void feeds_pull(struct session *session)
{
    struct session_feeds *feeds = session->feeds;
    uint32_t left = PULLED_PER_TURN;
    for (struct feed *feed; (feed = next_ready(feeds)) != NULL;) {
        uint32_t room = session_room(session);
        if (room == 0)
            return;
        feeds->given = 0;
        feed->ready = false;
        if (feed->ops->pull(feed, room < left ? room : left))
            feed->ready = true;                      /* or because feed_ready() has been called meanwhile */
        left -= feeds->given > 0 ? feeds->given : 1; /* passing over what does not match is work, too */
        if (left == 0) {
            pull_in_next_turn(feeds);
            return;
        }
    }
}

bool feeds_wait(const struct session *session)
{
    if (session->feeds == NULL)
        return false;
    LIST_EACH(it, &session->feeds->ring)
    {
        if (feed_at(it)->ready)
            return true;
    }
    return false;
}

uint16_t feed_give(struct feed *feed, struct publication *publication, uint64_t tag)
{
    struct session *session = feed->session;
    bool sent;
    session->feeds->given++;
    struct inflight_entry *entry = session_send(session, publication, &feed->options, &sent);
    if (entry == NULL) {
        feed->ops->settled(feed, tag, sent ? MQTT_SUCCESS : MQTT_PACKET_TOO_LARGE);
        return 0;
    }
    entry->feed = feed;
    entry->tag = tag;
    return entry->packet_id;
}

void feed_ready(struct feed *feed)
{
    feed->ready = true;
    if (feed->session->connection != NULL)
        pull_in_next_turn(feed->session->feeds);
}

void feed_settle(struct inflight_entry *entry, uint8_t reason)
{
    struct feed *feed = entry->feed;
    if (feed == NULL)
        return;
    entry->feed = NULL;
    feed->ops->settled(feed, entry->tag, reason);
}

bool feed_revoke(struct feed *feed, uint16_t packet_id, uint64_t tag)
{
    struct inflight *inflight = &feed->session->inflight;
    struct inflight_entry *entry = inflight_find(inflight, packet_id);
    if (entry == NULL || entry->feed != feed || entry->tag != tag || entry->sent)
        return false;
    inflight_remove(inflight, entry);
    return true;
}

struct str feed_client_id(const struct feed *feed)
{
    return session_client_id(feed->session);
}

bool feed_is_here(const struct feed *feed)
{
    return feed->session->connection != NULL;
}

/* ---- Coming and going ------------------------------------------------------------------------------------ */

struct feed *feed_find(const struct session *session, struct str text)
{
    if (session->feeds == NULL)
        return NULL;
    LIST_EACH(it, &session->feeds->ring)
    {
        if (str_equal(str_of(feed_at(it)->filter), text))
            return feed_at(it);
    }
    return NULL;
}

static struct session_feeds *feeds_of(struct session *session)
{
    if (session->feeds == NULL) {
        session->feeds = mem_zalloc(sizeof(*session->feeds));
        session->feeds->session = session;
        session->feeds->mail.run = go_on;
        list_init(&session->feeds->ring);
    }
    return session->feeds;
}

static void drop_if_empty(struct session *session)
{
    struct session_feeds *feeds = session->feeds;
    if (feeds->count > 0)
        return;
    session->feeds = NULL;
    feeds->session = NULL;
    if (!feeds->mailed)
        mem_free(feeds);
}

uint8_t feed_subscribe(struct session *session, struct str text, const struct topic_filter *filter,
                       const struct subscribe_options *options, struct str start, bool restored, bool *is_new,
                       const char **why)
{
    struct feed *feed = feed_find(session, text);
    *is_new = feed == NULL;
    if (feed != NULL) { /* it goes on where it is [MQTT-3.8.4-3] */
        feed->options = *options;
        return MQTT_SUCCESS;
    }
    const struct feed_provider *provider = session->shard->broker->feeds;
    const struct feed_request request = {
        .reactor = session->shard->reactor,
        .client_id = session_client_id(session),
        .filter = filter->filter,
        .group = filter->group,
        .start = start,
        .qos = options->qos,
        .durable = session->expiry_s > 0,
        .restored = restored,
    };
    uint8_t reason = MQTT_UNSPECIFIED_ERROR;
    feed = provider->open(provider->user, &request, &reason, why);
    if (feed == NULL)
        return reason;
    struct session_feeds *feeds = feeds_of(session);
    feed->session = session;
    feed->filter = str_dup(text);
    feed->options = *options;
    feed->ready = restored;
    list_append(&feeds->ring, &feed->link);
    feeds->count++;
    session->filter_bytes += (uint32_t)text.len;
    return MQTT_SUCCESS;
}

void feeds_start(struct session *session)
{
    if (session->feeds == NULL)
        return;
    LIST_EACH(it, &session->feeds->ring)
    feed_at(it)->ready = true;
}

static void close_feed(struct session *session, struct feed *feed, enum feed_end why)
{
    list_remove(&feed->link);
    session->feeds->count--;
    session->filter_bytes -= (uint32_t)strlen(feed->filter);
    mem_free(feed->filter);
    feed->ops->close(feed, why);
}

static void forget(struct inflight_entry *entry, void *arg)
{
    if (entry->feed == arg)
        entry->feed = NULL;
}

void feed_replace(struct feed *feed, struct feed *next)
{
    inflight_each(&feed->session->inflight, forget, feed);
    next->session = feed->session;
    next->filter = feed->filter;
    next->options = feed->options;
    list_prepend(&feed->link, &next->link); /* behind it: the order of turns stays */
    list_remove(&feed->link);
    feed->filter = NULL;
    feed_ready(next);
}

bool feed_unsubscribe(struct session *session, struct str text)
{
    struct feed *feed = feed_find(session, text);
    if (feed == NULL)
        return false;
    inflight_each(&session->inflight, forget, feed);
    close_feed(session, feed, FEED_UNSUBSCRIBED);
    drop_if_empty(session);
    return true;
}

void feeds_close(struct session *session, enum feed_end why)
{
    if (session->feeds == NULL)
        return;
    while (!list_empty(&session->feeds->ring))
        close_feed(session, feed_at(session->feeds->ring.next), why);
    drop_if_empty(session);
}

void feeds_presence(struct session *session, bool here)
{
    if (session->feeds == NULL)
        return;
    LIST_EACH(it, &session->feeds->ring)
    {
        struct feed *feed = feed_at(it);
        feed->ops->presence(feed, here);
    }
}

uint32_t feed_count(const struct session *session)
{
    return session->feeds != NULL ? session->feeds->count : 0;
}

void feed_each(struct session *session,
               bool (*each)(struct str filter, const struct subscribe_options *options, void *arg), void *arg)
{
    if (session->feeds == NULL)
        return;
    struct list *ring = &session->feeds->ring;
    struct list *it = ring->next;
    for (uint32_t left = session->feeds->count; left > 0; left--) {
        const struct feed *feed = feed_at(it);
        it = it->next; /* `each` may unsubscribe this one; with the last one the ring goes, too */
        struct subscribe_options options = feed->options;
        if (!each(str_of(feed->filter), &options, arg))
            return;
    }
}

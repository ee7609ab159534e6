/* Rights that end: subscriptions that the client's rules do not allow any more.
 *
 * A session outlives its connection and the rules under which it subscribed; and whoever comes with its client id
 * resumes it, another user too. So when a client resumes a session, and when the rules change while it is here, every
 * subscription is judged anew. What is not allowed goes, and with it what waits for the client on no other
 * subscription's account. */
#include "broker/broker_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/acl.h"

#define FILTERS_ASKED \
    64 /* of those that stay, for each waiting message: what none of them matches is given up */

struct revocation {
    struct session *session;
    const struct client_acl *acl;
    uint32_t revoked;
    struct buf text; /* the filters that stay, one behind the other */
    size_t lengths[FILTERS_ASKED];
    uint32_t kept;
};

static bool judge(struct str text, const struct subscribe_options *options, void *arg)
{
    struct revocation *revocation = arg;
    struct session *session = revocation->session;
    struct topic_filter filter;
    (void)options;
    if (!topic_filter_parse(text, &filter))
        return true;
    bool fed = feed_filter(session->shard->broker, &filter);
    if (fed ? feed_allowed(session, revocation->acl, &filter)
            : client_may_subscribe(revocation->acl, filter.filter)) {
        if (!fed && revocation->kept < FILTERS_ASKED) {
            buf_append_str(&revocation->text, filter.filter);
            revocation->lengths[revocation->kept++] = filter.filter.len;
        }
        return true;
    }
    revocation->revoked++;
    session_unsubscribe(session, text, &filter);
    struct error err; /* if it stays on disk, it is judged again after the next start */
    if (session->persisted)
        persist_subscription(session->shard, session_client_id(session), text, NULL, true, NULL, &err);
    return true;
}

static bool still_wanted(const struct revocation *revocation, const struct message *message)
{
    const char *at = (const char *)revocation->text.data;
    for (uint32_t i = 0; i < revocation->kept; i++) {
        if (topic_matches(str_make(at, revocation->lengths[i]), message_topic(message)))
            return true;
        at += revocation->lengths[i];
    }
    return false;
}

static void purge_queue(const struct revocation *revocation)
{
    struct session *session = revocation->session;
    for (uint32_t left = session->queue.count; left > 0; left--) {
        struct outgoing outgoing = session_queue_pop(&session->queue);
        if (still_wanted(revocation, outgoing.message)) {
            session_queue_push(&session->queue, &outgoing);
            continue;
        }
        journal_outgoing_done(session, &outgoing);
        outgoing_release(&outgoing);
        COUNT(session->shard, queued_messages, -1);
        COUNT(session->shard, messages_dropped, 1);
    }
}

/* What was sent on a former connection and is to be sent again. */
static void purge_unsent(struct inflight_entry *entry, void *arg)
{
    const struct revocation *revocation = arg;
    if (!entry->sent && entry->message != NULL && entry->feed == NULL &&
        !still_wanted(revocation, entry->message)) {
        journal_entry_done(revocation->session, entry);
        inflight_remove(&revocation->session->inflight, entry);
    }
}

void session_revoke(struct session *session, const struct client_acl *acl)
{
    if (acl == NULL || (session_subscription_count(session) == 0 && session_queue_empty(&session->queue)))
        return;
    struct revocation revocation = {.session = session, .acl = acl};
    session_subscriptions_each(session, judge, &revocation);
    if (revocation.revoked > 0) {
        struct shard *shard = session->shard;
        if (shard_may_log(shard, LOG_LEVEL_INFO))
            LOG_INFO("subscriptions revoked", LOG_STR("client_id", session_client_id(session)),
                     LOG_UINT("count", revocation.revoked));
        purge_queue(&revocation);
        inflight_each(&session->inflight, purge_unsent, &revocation);
    }
    buf_free(&revocation.text);
}

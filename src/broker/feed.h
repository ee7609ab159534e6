/* Feeds: subscriptions that are not answered by the router but by a source of their own, from which the session
 * pulls as its client takes messages. `$station/…` is one.
 *
 *     SUBSCRIBE $station/a@earliest ─▶ provider.open() ─▶ feed
 *     session has room ─▶ pull() ─▶ feed_give(), feed_give(), …      has no more: returns false
 *     source has more  ─▶ feed_ready() ─▶ pull() …
 *     client's PUBACK or PUBREC, or QoS 0 sent ─▶ settled()
 *     UNSUBSCRIBE, the session's end, the broker's stop ─▶ close()
 *
 * A feed lives on its session's reactor, from open() to close(), also while the client is away: then it is not pulled, and
 * what is in flight stays so (it is sent again when the client comes back). The session's own queue goes first.
 * Everything here is called on the session's reactor thread. */
#ifndef BROKER_FEED_H
#define BROKER_FEED_H

#include "base/list.h"
#include "broker/message.h"
#include "broker/router.h"

struct feed;
struct reactor;
struct session;

enum feed_end {
    FEED_UNSUBSCRIBED,
    FEED_SESSION_ENDED,
    FEED_STOPPING /* the broker stops: a session that is kept comes back with the next start */
};

struct feed_ops {
    /* Gives at most `most` messages by feed_give(). False: there is no more; feed_ready() when there is. */
    bool (*pull)(struct feed *feed, uint32_t most);

    /* The client has what feed_give() got this tag for, or has refused it (reason >= 0x80), or it is larger than the
     * client takes (MQTT_PACKET_TOO_LARGE). Once for each tag, unless revoked or closed before; at QoS 0 within
     * feed_give(). */
    void (*settled)(struct feed *feed, uint64_t tag, uint8_t reason);

    /* The client is away, or back: what is in flight is sent again. */
    void (*presence)(struct feed *feed, bool here);

    /* The last call: frees the feed. What is in flight is not settled any more. */
    void (*close)(struct feed *feed, enum feed_end why);
};

/* The front of the provider's structure. open() sets `ops`, all else is zero then and the broker's. */
struct feed {
    const struct feed_ops *ops;
    struct session *session;
    struct list link; /* of the session's feeds */
    char *filter;     /* as subscribed, with `$share/…/` in front */
    struct subscribe_options options;
    bool ready; /* pull() has not said that there is no more */
};

struct feed_request {
    struct reactor *reactor;
    struct str client_id;
    struct str filter; /* behind `$share/<group>/`: "$station/telemetry@earliest/a/#" */
    struct str group;  /* empty: none */
    struct str start;  /* the user property `start` of SUBSCRIBE; empty: none */
    uint8_t qos;       /* granted */
    bool durable;      /* the session outlives the connection: so does a position */
    bool restored;     /* from the catalog, at the broker's start; the client is away */
};

/* Who answers filters that begin with `prefix`; given to broker_start(). */
struct feed_provider {
    void *user;
    struct str prefix; /* "$station/" */
    /* The filter without what concerns only this subscription (`@earliest`), as authorization rules see it: appended to
     * out. False: it is no valid filter. Thread: any reactor. */
    bool (*canonical)(void *user, struct str filter, struct buf *out);
    /* Returns owned; NULL: refused, with a reason code for SUBACK and a text (static) for the log. Must not block. */
    struct feed *(*open)(void *user, const struct feed_request *request, uint8_t *reason, const char **why);
};

/* In pull() only: sends the message, at the lower of both QoS. Borrows the publication. Returns the packet identifier, 0 at
 * QoS 0 or if the client does not take it. */
uint16_t feed_give(struct feed *feed, struct publication *publication, uint64_t tag);
/* There is more: pull() is called in this loop turn or the next. */
void feed_ready(struct feed *feed);
/* What was given under this packet identifier and tag is not to be sent again or settled: for a message that somebody
 * else gets. False: it is settled already, or the client has it in its hands (QoS 2 released, or sent on the present
 * connection: then a late acknowledgement still comes). */
bool feed_revoke(struct feed *feed, uint16_t packet_id, uint64_t tag);
struct str feed_client_id(const struct feed *feed);
bool feed_is_here(const struct feed *feed); /* its client is connected */
/* Puts `next`, which is like what open() returns, in the place of `feed`: it has its filter and options from here on, and is
 * pulled. What is in flight is the session's alone, and nobody hears how it ends. `feed` is the provider's again, to be
 * freed. Not within pull(). */
void feed_replace(struct feed *feed, struct feed *next);

#endif

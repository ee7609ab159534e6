/* The MQTT broker: connections, sessions, routing, retained messages, wills, who may do what.
 *
 * Everything that belongs to a client lives on one reactor, chosen by its client id: its connection is moved there
 * as soon as CONNECT is read and its identity proved, so that take-over, session state and delivery never cross
 * threads. Messages for subscribers of other reactors are handed over in batches, once a loop turn. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "base/error.h"
#include "broker/acl.h"
#include "broker/settings.h"
#include "catalog/catalog.h"
#include "net/net.h"

struct broker;
struct feed_provider;
struct log_engine;

struct broker_options {
    unsigned reactors;                 /* 0: one a core */
    struct catalog *catalog;           /* borrowed until broker_free() */
    struct settings *settings;         /* takes one reference */
    const struct secret_key *secret;   /* borrowed; NULL: what must not be guessed changes with each start */
    const struct feed_provider *feeds; /* borrowed until broker_free(); NULL: none */
    struct log_engine *log_engine;     /* borrowed until broker_free() */
    const char *
        sessions_dir; /* of the log with what waits in durable sessions; NULL: it does not survive a restart */
};

/* Starts the reactors with the sessions, subscriptions and retained messages of the catalog; no listener yet.
 * Returns owned. Errors: those of the catalog and of the log of sessions, ERR_INVALID (keys of authentication).
 * Thread: main. */
struct broker *broker_start(const struct broker_options *options, struct error *err);

#define LISTENER_ANONYMOUS_AS_BROKER (-2)

/* One listener. */
struct broker_listener_options {
    struct listener_options
        net;             /* name, bind, TLS, WebSocket, PROXY, limits; ops and sizes are the broker's */
    int allow_anonymous; /* as auth_settings.allow_anonymous, or LISTENER_ANONYMOUS_AS_BROKER */
    /* WebSocket: the web pages that may connect ("https://app.example", "*"). Copied. None: see origin.h. */
    const char *const *allowed_origins;
    size_t allowed_origin_count;
    uint32_t max_packet_bytes; /* 0: the broker's */
    struct rate_settings rate; /* of each client; 0: the broker's */
};

/* Whether only this machine's own programs can come by it: it binds loopback, and no proxy brings it others. */
bool broker_listener_is_local(const struct broker_listener_options *options);

/* Opens a listener. Refuses one that is not local while nobody would have to authenticate on it and anonymous
 * clients are not explicitly allowed. Returns a borrowed handle. Errors: ERR_DENIED, those of listener_open(). */
struct listener *broker_listen(struct broker *broker, const struct broker_listener_options *options,
                               struct error *err);

/* Changes what the listener gives to clients that come from here on: packet size and rates. Thread: main. */
void broker_set_listener_limits(struct listener *listener, const struct broker_listener_options *options);

/* Puts new settings into force and reads key files again; connections go on. Takes one reference. On an error the
 * old settings stay. */
bool broker_reload(struct broker *broker, struct settings *settings, struct error *err);

/* Stops accepting, tells clients (DISCONNECT 0x8B in MQTT 5), writes what is pending, at most timeout_ms. */
void broker_stop(struct broker *broker, int64_t timeout_ms);
void broker_free(struct broker *broker); /* after broker_stop() */

/* Looks whether the reactors turn: how many have not done so since the call before (reactor_group_pulse()). Thread: main. */
unsigned broker_pulse(struct broker *broker);
/* What the last broker_pulse() has found. Thread: any. */
unsigned broker_stuck_reactors(const struct broker *broker);

/* Whether any client has to prove who it is: users in the catalog, token keys, or certificates. */
bool broker_has_authentication(struct broker *broker);

struct broker_stats {
    uint64_t connections; /* open now */
    uint64_t connections_total;
    uint64_t sessions; /* connected or kept */
    uint64_t messages_received;
    uint64_t messages_sent;
    uint64_t messages_dropped;
    uint64_t bytes_received;
    uint64_t bytes_sent; /* of PUBLISH packets */
    uint64_t packets_received;
    uint64_t auth_failures;
    uint64_t acl_denied;
    uint64_t subscriptions;
    uint64_t shared_subscriptions;
    uint64_t retained;
    uint64_t queued_messages; /* waiting for clients, about */
    uint64_t queued_bytes;    /* of these and of those in flight, each counted for each client */
    int64_t uptime_s;
};

void broker_stats(struct broker *broker, struct broker_stats *out); /* thread: any */

#endif

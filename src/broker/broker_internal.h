/* What the files of the broker share: the broker, its shard on each reactor, connections and sessions.
 *
 * Reading order: connection.c (bytes → packets), connect.c, publish.c (one message in → out to everybody),
 * deliver.c (one message → one client), session.c (what outlives a connection). */
#ifndef BROKER_BROKER_INTERNAL_H
#define BROKER_BROKER_INTERNAL_H

#include "base/hash.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "base/thread.h"
#include "broker/broker.h"
#include "broker/events.h"
#include "broker/feed.h"
#include "broker/inflight.h"
#include "broker/journal.h"
#include "broker/log_quota.h"
#include "broker/message.h"
#include "broker/repairs.h"
#include "broker/retained.h"
#include "broker/router.h"
#include "broker/service.h"
#include "mqtt/mqtt.h"

struct connection;
struct session;
struct shard;
struct held;
struct handoff;
struct setup;
struct auth_request;
struct token_expiry;
struct watcher;
struct access;
struct session_feeds;
struct shard_journal;

#define REACTORS_MAX 64

/* ---- Counters: written by one reactor, read by anyone ---------------------------------------------------- */

#define SHARD_COUNTERS(X) \
    X(connections)        \
    X(connections_total)  \
    X(sessions)           \
    X(messages_received)  \
    X(messages_sent)      \
    X(messages_dropped)   \
    X(bytes_received)     \
    X(bytes_sent)         \
    X(packets_received)   \
    X(auth_failures)      \
    X(acl_denied)         \
    X(queued_messages)    \
    X(queued_bytes)

struct shard_counters {
#define X(name) _Atomic uint64_t name;
    SHARD_COUNTERS(X)
#undef X
};

/* Relaxed load and store instead of a read-modify-write: there is one writer. */
#define COUNT(shard, name, n)                                                                   \
    atomic_store_explicit(&(shard)->counters.name,                                              \
                          atomic_load_explicit(&(shard)->counters.name, memory_order_relaxed) + \
                              (uint64_t)(n),                                                    \
                          memory_order_relaxed)

/* One packet of a publication, encoded for many subscribers: see deliver.c. */
struct encoded_publish {
    uint32_t at;           /* in the shard's encode buffer */
    uint32_t len;          /* 0: not made */
    uint32_t packet_id_at; /* QoS > 0 */
};

/* Messages that wait to be delivered together: burst.c. */
#define BURST_MESSAGES 128
struct burst {
    const struct route *route;
    bool handed; /* from another reactor */
    uint32_t count;
    size_t bytes;
    struct buf packets[2]; /* all of them encoded: [MQTT 5 or not] */
    struct publication items[BURST_MESSAGES];
};

/* ---- Broker and shards ----------------------------------------------------------------------------------- */

/* Stalled publishers of a shard: nobody waits; some do, and who works off enough mails `resume`; it is on its way. */
enum resume_state { RESUME_IDLE, RESUME_WANTED, RESUME_MAILED };

struct shard {
    /* The reactor's thread only, but counters. */
    struct broker *broker;
    struct reactor *reactor;
    struct settings *settings; /* a reference; replaced by mail */
    struct access *access;     /* likewise: access.h */
    struct route_cache *routes;
    const struct route
        *last_route;         /* what route_cache_get gave last: most messages come in runs of one topic */
    struct map sessions;     /* by client id; hash: client_hash() */
    struct list connections; /* every open connection: struct connection.all */
    struct buf scratch;      /* for one outgoing packet at a time */
    struct buf props;        /* properties of the publication that comes in, without the topic alias */
    struct buf encode;       /* the packets of `encoded` */
    struct encoded_publish encoded[2][3][2]; /* of the current publication: [MQTT 5 or not][QoS][retain] */
    struct burst burst;
    struct shard_journal *journal; /* NULL: there is none; journal.h */
    struct share_pick *picks;      /* of the current publication: publish.c */
    uint32_t pick_cap;
    struct handoff
        *outbox[REACTORS_MAX];  /* messages for other reactors, handed over at the end of the turn */
    struct handoff *held_first; /* of these, what waits until the journal's queue has room */
    struct handoff *held_last;
    struct list stalled;   /* connections that wait for other reactors to catch up: connection.stall */
    struct list unsure;    /* struct unsure: few, and only after a start */
    struct list receipts;  /* tickets of QoS 2 messages whose publishers are away: ack_ticket.link */
    struct list searching; /* connections whose retained messages take more than a turn: connection.search */
    struct timer search;
    int64_t search_ns; /* spent on such searches in this turn */
    struct timer housekeeping;
    struct turn_task *turn_first; /* what services do at the end of this turn, in order */
    struct turn_task *turn_last;
    struct random random;
    uint64_t next_id; /* of subscribers: index + n * reactors */
    unsigned index;
    bool stopping;
    int64_t sys_due_ms;
    uint64_t others_queued_bytes; /* of all other shards, as of others_at_ms: deliver.c */
    int64_t others_at_ms;
    struct client_seed *seeds;  /* sessions to build at the start: broker.c */
    struct log_quota log_quota; /* of warnings that clients cause; shard_may_log() */
    struct log_quota
        quiet_quotas[LOG_LEVEL_WARNING]; /* of what is less, by level: it must not hide warnings */
    struct repairs repairs;              /* has a lock of its own */
    struct shard_counters counters;
    /* Other threads. */
    _Atomic size_t handed_bytes; /* in hand-offs that other reactors have not worked off */
    _Atomic size_t disk_bytes;   /* in writes that the catalog has not done */
    atomic_int resume_state;     /* enum resume_state */
    struct mail resume;          /* belongs to whoever made the state RESUME_MAILED, until it is run */
};

struct broker {
    struct catalog *catalog;
    const struct feed_provider *feeds;               /* NULL: there are none */
    _Atomic(struct event_listener *) event_listener; /* events.h; NULL: there is none */
    _Atomic uint32_t events_wanted;                  /* bits by kind */
    _Atomic uint64_t next_service_id;                /* of their subscribers */
    struct journal *journal;                         /* NULL: sessions' messages do not survive a restart */
    struct journal_replay *replay;                   /* while the shards start: what the journal tells */
    struct router *router;
    struct retained *retained;
    struct worker_pool *workers;
    struct watcher *watcher;   /* watcher.c */
    struct search_job *search; /* repairs.c */
    struct reactor_group *reactors;
    struct shard *shards; /* one for each reactor */
    unsigned shard_count;
    int64_t started_ms;                      /* monotonic */
    uint8_t scram_fake_key[SCRAM_KEY_BYTES]; /* behind the salts of users that do not exist */
    atomic_bool jwks_wanted;                 /* a token named a key that is not known */
    _Atomic uint64_t open_channels;          /* connections past their handshakes, until they are closed */
    _Atomic uint64_t kept_sessions;          /* those that outlive their connection */
    /* The main thread only. */
    struct settings *settings; /* a reference: what the last reload gave */
    struct listener_state **listeners;
    size_t listener_count;
    struct mail *stop_mails;
    pthread_mutex_t start_lock; /* started_count: the shards that have built their sessions */
    pthread_cond_t start_done;
    unsigned started_count;
    pthread_mutex_t handoff_lock; /* the free hand-off blocks: taken once a block, not once a message */
    struct handoff *handoff_free;
    unsigned handoff_free_count;
    atomic_uint stuck_reactors; /* relaxed: what the last pulse has found */
    atomic_uint admin_calls;    /* on their way to shards: admin.c */
};

void broker_shard_started(struct broker *broker);
bool broker_is_started(struct broker *broker); /* all shards are; thread: any */
/* New settings and access snapshot: takes both references. Connections get their rules anew. */
void shard_set_access(struct shard *shard, struct settings *settings, struct access *access);

/* What the broker keeps for a listener; listener_user(). */
struct listener_state {
    struct broker *broker;
    struct listener *listener;
    int allow_anonymous;
    bool local;             /* broker_listener_is_local() */
    char **allowed_origins; /* owned; none: origin.h */
    size_t allowed_origin_count;
    /* Set by the main thread at any time, read when a client comes: relaxed. */
    _Atomic uint32_t max_packet_bytes;
    _Atomic uint32_t messages_per_second;
    _Atomic uint64_t bytes_per_second;
};

/* Whether a line that a client causes may be logged: enough is enough in each second. */
static inline bool shard_may_log(struct shard *shard, enum log_level level)
{
    struct log_quota *quota = level < LOG_LEVEL_WARNING ? &shard->quiet_quotas[level] : &shard->log_quota;
    return log_enabled(level) && log_quota_take(quota, reactor_now_ms(shard->reactor));
}

static inline struct shard *shard_of_channel(const struct channel *channel)
{
    return reactor_user(channel_reactor(channel));
}

/* Keyed for this process: nobody can make client ids that collide, or that all live on one shard. */
static inline uint64_t client_hash(struct str client_id)
{
    return hash_bytes(client_id.data, client_id.len);
}

/* The shard that owns a client id. */
unsigned broker_shard_of(const struct broker *broker, uint64_t client_hash);

/* ---- Connections ----------------------------------------------------------------------------------------- */

enum connection_state {
    CONNECTION_NEW,            /* waits for CONNECT */
    CONNECTION_AUTHENTICATING, /* a worker checks, or a SCRAM exchange is on; CONNECT stays unread in the input */
    CONNECTION_AUTHENTICATED, /* goes to its shard */
    CONNECTION_LET_IN,        /* is there, and opens its session */
    CONNECTION_OPEN,
    CONNECTION_CLOSED
};

/* A token bucket, counted in micro-units, one for messages and one for bytes. */
struct rate_limit {
    struct rate_settings rate;
    double messages;
    double bytes;
    int64_t filled_ms;
    struct timer timer;
    struct connection *connection;
};

/* Topic aliases, both ways; they exist only when a client uses them. */
struct alias_table {
    struct str *topics; /* in: by alias - 1; owned */
    uint16_t count;     /* in: slots; out: aliases given */
    uint16_t max;
    struct map by_topic; /* out */
};

/* What few connections have, made when the first of it is needed: an idle connection does without. */
struct connection_extras {
    struct connection *connection;
    struct setup *setup;     /* until the session is open: connect.c */
    struct held *held_first; /* acknowledgements that wait for the disk, in order */
    struct held *held_last;
    uint32_t held_ends; /* of them, those with `ends` */
    struct alias_table *aliases_in;
    struct alias_table *aliases_out;
    struct rate_limit *rate;
    struct scram_server *scram;      /* a re-authentication */
    struct auth_request *reauth;     /* the same, on a worker */
    struct token_expiry *expiry;     /* of the token that let it in */
    struct token_rules *token_rules; /* what the token allows: connect.c */
    struct buf farewell;             /* properties of DISCONNECT, while somebody wants to know */
    struct list stall;               /* shard.stalled */
    struct list search;              /* shard.searching */
};

struct connection {
    struct channel channel; /* first */
    struct session *session;
    struct connection_extras *extras; /* NULL: none of it */
    struct client_acl *acl;           /* NULL: all is allowed */
    char *username;                   /* NULL: anonymous */
    struct list all;                  /* shard.connections */
    uint64_t allowed_hash;            /* of the topic that the ACL allowed last; 0: none */
    uint32_t max_packet_in;
    uint32_t max_packet_out; /* what the client takes */
    uint32_t
        receive_limit; /* QoS 2 identifiers and held acknowledgements: what CONNACK said, and what there was */
    uint16_t receive_maximum; /* the client's: how much may be in flight to it */
    uint16_t alias_max_out;   /* how many aliases the client takes */
    uint16_t alias_max_in;    /* how many aliases the client may define, as CONNACK said */
    uint16_t keep_alive_s;
    uint8_t version; /* 0: unknown yet */
    uint8_t state;
    bool problem_info : 1; /* reason strings may be sent */
    bool superuser : 1;
    bool bridge : 1;       /* says that it is one: retained messages keep their flag */
    bool clean_start : 1;  /* as CONNECT said */
    bool clean_end : 1;    /* DISCONNECT came: no will */
    bool ends_session : 1; /* asked for a session that ends with the connection */
    bool stalled : 1;
    bool rate_paused : 1;
    bool searching : 1;      /* gets its retained messages, turn by turn: handle_subscribe.c */
    bool disk_wait : 1;      /* CONNECT waits until the old session is gone from the disk */
    bool output_full : 1;    /* does not read what it is sent: not read from either */
    bool refusal_logged : 1; /* the first is worth a line, the others are not */
    bool enhanced : 1;       /* let in by SCRAM: may re-authenticate */
    bool in_catalog : 1;     /* its user is the catalog's: login.h */
};
_Static_assert(sizeof(struct connection) <= 248,
               "with the allocator's header a block of 256 bytes: there are hundreds of thousands of them");

/* The connection's extras, made if need be. */
struct connection_extras *connection_extras(struct connection *connection);
/* Gives them back if there is nothing in them. */
void connection_extras_trim(struct connection *connection);

static inline bool connection_holds_acks(const struct connection *connection)
{
    return connection->extras != NULL && connection->extras->held_first != NULL;
}

/* connection.c */
extern const struct channel_ops connection_ops;
/* Closes with a reason: MQTT 5 clients get DISCONNECT (CONNACK before they are let in). `text` is for the log and the
 * reason string; NULL: the reason's own. */
void connection_fail(struct connection *connection, uint8_t reason, const char *text);
void connection_resume(struct connection *connection); /* when nothing holds it back any more */
void connection_send(struct connection *connection, const struct buf *packet);
bool connection_takes(const struct connection *connection,
                      size_t bytes); /* its maximum packet size allows it */
/* At once. */
void connection_write_ack(struct connection *connection, uint8_t type, uint16_t packet_id, uint8_t reason);
/* PUBACK, PUBREC, PUBREL, PUBCOMP: in order behind acknowledgements that are held. */
void connection_ack(struct connection *connection, uint8_t type, uint16_t packet_id, uint8_t reason,
                    const char *text);
/* The reason string as a property list in *out, where the client wants to hear it; else NULL. */
const struct mqtt_properties *connection_reason_string(const struct connection *connection, const char *text,
                                                       struct mqtt_properties *out);
void connection_log_refusal(struct connection *connection, const char *event, struct str topic,
                            const char *why);

/* connect.c */
void connect_go_on(struct connection *connection,
                   uint8_t reason); /* what CONNECT waited for is on disk, or failed */
size_t connect_on_data(struct connection *connection, uint8_t *data,
                       size_t len); /* until the session is open */
void setup_free(struct setup *setup);

/* open_session.c */
/* On the client's shard, once it is authenticated. False: the session is not open yet, CONNECT is to be read again. */
bool open_session(struct connection *connection, const struct mqtt_connect *connect, uint64_t hash);
void token_free(struct connection *connection);             /* its timer and its rules */
void connection_compile_acl(struct connection *connection); /* by the current rules */

/* handle_*.c: one packet each, on an open connection. */
void handle_publish(struct connection *connection, const struct mqtt_frame *frame);
void handle_ack(struct connection *connection, const struct mqtt_frame *frame);
void handle_subscribe(struct connection *connection, const struct mqtt_frame *frame);
void handle_unsubscribe(struct connection *connection, const struct mqtt_frame *frame);
void handle_disconnect(struct connection *connection, const struct mqtt_frame *frame);
void handle_auth(struct connection *connection, const struct mqtt_frame *frame);

/* limits.c */
/* Counts what came against the client's rate; when it is used up, reading pauses until it is not. */
void rate_limit_start(struct connection *connection, const struct rate_settings *rate);
void rate_limit_take(struct connection *connection, unsigned messages, size_t bytes);
void rate_limit_stop(struct connection *connection);

/* alias.c */
/* MQTT_SUCCESS, or MQTT_BAD_TOPIC_ALIAS / MQTT_PROTOCOL_ERROR. Sets or resolves *topic. */
uint8_t alias_in_resolve(struct connection *connection, uint16_t alias, struct str *topic);
/* The alias of the topic; *known says that the client has it already. 0: none is to be used. */
uint16_t alias_out_get(struct connection *connection, struct str topic, bool *known);
/* Takes the last one back: the packet that was to tell the client has not been sent. */
void alias_out_take_back(struct connection *connection);
void alias_table_free(struct alias_table *table);

/* ---- Acknowledgements that wait -------------------------------------------------------------------------- */

/* What must be on disk before a packet is acknowledged: the publisher holds one count while it collects, each write
 * holds one. The last one to finish mails the ticket home. */
struct ack_ticket {
    struct mail mail;
    struct reactor *home;
    struct held *held;       /* home's thread; NULL: the connection has gone */
    struct list link;        /* home's: shard.receipts, while a QoS 2 publisher's connection has gone */
    struct session *session; /* then: the publisher's, which has packet_id in `received` */
    uint16_t packet_id;
    atomic_uint pending;
    atomic_uint reason; /* the first failure; MQTT_SUCCESS */
    /* Instead of an acknowledgement, if set: home's thread, or, while the reactors end, any. */
    void (*settled)(struct ack_ticket *ticket, uint8_t reason);
    void *settled_arg;
};

struct ack_ticket *ticket_new(struct shard *shard); /* with one count, the caller's */
void ticket_hold(struct ack_ticket *ticket);        /* one count more */
/* ticket_done(): service.h */

/* One acknowledgement in the connection's order. */
struct held {
    struct held *next;
    struct connection *connection;
    struct ack_ticket *ticket; /* NULL: ready */
    uint16_t packet_id;
    uint8_t type;
    uint8_t reason;
    bool ends;     /* a PUBLISH that session.received does not hold: it counts against our receive maximum */
    bool keeps_id; /* of a PUBREC: after a failure, the same packet again is a repetition all the same */
    struct held_subscribe *subscribe; /* SUBACK and UNSUBACK: handle_subscribe.c */
};

/* Puts an acknowledgement at the end of the order; ticket NULL: it only waits for those before it. */
struct held *held_append(struct connection *connection, uint8_t type, uint16_t packet_id, uint8_t reason,
                         struct ack_ticket *ticket);
void held_flush(struct connection *connection); /* sends what is ready at the front */
/* The connection goes. What a QoS 2 message still waits for is remembered for the session: receipt_resume(). */
void held_drop_all(struct connection *connection);
/* The client sends a message again of which PUBREC was still to come: it is held anew, for the same ticket. False: the
 * message is stored, there is nothing to wait for. */
void receipt_leave(struct session *session, struct held *held);
bool receipt_resume(struct connection *connection, uint16_t packet_id);
void receipts_forget(struct shard *shard, const struct session *session); /* it ends; NULL: all */
/* handle_subscribe.c. False: it goes on in a later turn, and calls held_flush() then. */
bool held_subscribe_send(struct connection *connection, struct held *held);
void search_resume(struct reactor *reactor, struct timer *timer); /* shard.search */
void held_subscribe_free(struct held_subscribe *subscribe);
/* Queues the retained messages of a subscription: `filter` without $share. */
void session_send_retained(struct session *session, struct str filter,
                           const struct subscribe_options *options);

/* ---- Publishing ------------------------------------------------------------------------------------------ */

/* Routes a message from this shard: local subscribers, shared subscriptions, other reactors, the retained store.
 * Returns how many subscribers there are, at least (other reactors count one each). */
size_t publish(struct shard *shard, struct publication *publication, const struct route *route);
/* Of these, shared subscriptions and other reactors only. */
void publish_elsewhere(struct shard *shard, struct publication *publication, const struct route *route);
/* For a message that came from another reactor: local subscribers only. */
void publish_local(struct shard *shard, struct publication *publication);
/* Whether the client may publish to the topic, by its rules; a will included. */
bool connection_may_publish(const struct connection *connection, struct str topic);
/* Keeps or removes the topic's retained message here and in the catalog; holds publication->ticket, if there is one,
 * until it is on disk. MQTT_SUCCESS or the reason for refusing it. */
uint8_t publish_retained(struct shard *shard, struct publication *publication);

/* To the picked member of a shared subscription, which is here. */
void publish_pick(const struct share_pick *pick, struct publication *publication);

/* handoff.c. durable: durable sessions may get it there, and its publisher waits for them; a publication that was handed
 * over itself gives that away. */
void handoff_message(struct shard *shard, unsigned to, struct publication *publication, bool durable);
void handoff_pick(struct shard *shard, const struct share_pick *pick, struct publication *publication,
                  bool durable);
/* The ticket waits for what all other shards have written into the journal of what they had from this one. Holds. */
void handoff_barrier(struct shard *shard, struct ack_ticket *ticket);
void handoff_flush(struct shard *shard);           /* at the end of a turn */
bool handoff_congested(const struct shard *shard); /* other reactors lag: publishers must wait */
/* Reads nothing of the connection until what others, and the disk, have to do for this shard is little. */
void handoff_stall(struct shard *shard, struct connection *connection);
/* The same count for the catalog: bytes given to it, and done. Thread: the shard's; any. */
void disk_charge(struct shard *shard, size_t bytes);
void disk_credit(struct shard *shard, size_t bytes);
bool disk_congested(const struct shard *shard);
void handoff_resume_stalled(struct reactor *reactor, struct mail *mail); /* shard.resume */
void handoff_free_all(struct broker *broker);
/* The topic's route: the last one, or the cache's. NULL: the topic has more levels than max_levels. */
const struct route *shard_route(struct shard *shard, struct str topic, unsigned max_levels);

/* ---- Sessions -------------------------------------------------------------------------------------------- */

struct session {
    struct subscriber subscriber;  /* first */
    struct shard *shard;           /* its owner, for life */
    struct connection *connection; /* NULL: away */
    struct session_queue queue;
    struct inflight inflight;
    struct packet_id_set received; /* QoS 2 from the client, until PUBREL */
    struct session_away *away;     /* timers while the client is away, the will with a delay: session.c */
    struct session_feeds *feeds;   /* NULL: none; feed.c */
    struct session_will *will;
    uint32_t filter_bytes; /* of its subscriptions: at most FILTER_BYTES_MAX and one more */
    uint32_t created_s;    /* wall clock; of a restored one, when the broker started */
    uint32_t changed_s;    /* when its client came, or left; 0: restored, and not come yet */
    uint32_t expiry_s;
    uint16_t arrivals;   /* of its client: tells one connection from the next at the same address */
    bool persisted : 1;  /* has a row in the catalog */
    bool discarded : 1;  /* ends when the connection closes, whatever the expiry says */
    bool warned : 1;     /* a full queue has been logged since the client came */
    bool has_unsure : 1; /* one of shard.unsure is its */
    uint16_t client_id_len;
    char client_id[];
};
_Static_assert(offsetof(struct session, client_id) <= 222,
               "with the allocator's header and 26 bytes of client id a block of 256 bytes");

/* A will, copied from CONNECT. */
struct session_will {
    struct message *message;
    char *username; /* of the connection that left it; NULL: none */
    uint32_t delay_s;
};

/* The journal keeps what waits in it. */
static inline bool session_is_durable(const struct session *session)
{
    return session->persisted && session->subscriber.number != 0 && session->shard->journal != NULL;
}

static inline struct str session_client_id(const struct session *session)
{
    return str_make(session->client_id, session->client_id_len);
}

/* What a session has received of which services may not have it: at the start, what its journal says. */
struct unsure {
    struct list link; /* shard.unsure */
    struct session *session;
    struct packet_id_set ids; /* of session.received */
};
void session_set_unsure(struct session *session);
bool session_is_unsure(const struct session *session, uint16_t packet_id);
/* It has been offered again, and is stored. */
void session_is_sure(struct session *session, uint16_t packet_id);
/* A packet identifier of `received` is free again. False: it was not in there. */
bool session_not_received(struct session *session, uint16_t packet_id);
struct session *session_find(struct shard *shard, struct str client_id, uint64_t hash);
struct session *session_new(struct shard *shard, struct str client_id, uint64_t hash);
/* The router's subscribe and unsubscribe, with the session's count of bytes. Not for the filters of feeds. */
bool session_subscribe(struct session *session, const struct topic_filter *filter,
                       const struct subscribe_options *options);
/* Of either kind. `text`: as subscribed. Returns whether there was one. */
bool session_unsubscribe(struct session *session, struct str text, const struct topic_filter *filter);
/* Its subscriptions of both kinds, as router_subscriptions_each(). */
void session_subscriptions_each(struct session *session,
                                bool (*each)(struct str filter, const struct subscribe_options *options,
                                             void *arg),
                                void *arg);
uint32_t session_subscription_count(const struct session *session);
/* False: there is no such subscription. */
bool session_subscription_get(const struct session *session, struct str text,
                              const struct topic_filter *filter, struct subscribe_options *out);
void session_change_options(struct session *session, struct str text, const struct topic_filter *filter,
                            const struct subscribe_options *options); /* of one that is there */
/* Ends it: subscriptions, queue and catalog rows go. The connection must be gone. */
void session_end(struct shard *shard, struct session *session);
/* The connection comes, or goes (then: will, expiry). */
void session_attach(struct shard *shard, struct session *session, struct connection *connection);
void session_detach(struct shard *shard, struct session *session);
/* Ends the client's connection from our side, and detaches it at once: the session may be gone afterwards. */
void session_send_away(struct shard *shard, struct session *session, uint8_t reason, const char *text);
/* Takes back the subscriptions that these rules do not allow, and what waits on their account: session_revoke.c. */
void session_revoke(struct session *session, const struct client_acl *acl);
int64_t
session_expires_ms(const struct session *session); /* wall clock, as its row has it; 0: open, or never */
void session_set_expiry(struct shard *shard, struct session *session, uint32_t expiry_s);
void session_will_publish(struct shard *shard, struct session *session); /* takes session->will */
void session_will_drop(struct session *session);
void session_free_all(struct shard *shard); /* at the end; catalog rows stay */
/* From the catalog, at the start: a session whose client is away. */
struct session *session_restore(struct shard *shard, struct str client_id, uint64_t number, uint32_t expiry_s,
                                int64_t expires_ms);
/* At the start, what waited in it: queued in the order of the calls, within the limits. Takes what `outgoing` holds. */
void session_restore_queued(struct session *session, const struct outgoing *outgoing);
extern const struct subscriber_ops session_ops;

/* deliver.c */
/* Sends the message, or queues it within the session's limits. */
void session_deliver(struct subscriber *subscriber, const struct route_target *target,
                     struct publication *publication);
/* Queues past the limits (retained messages of a new subscription), and sends what can be sent. Takes what
 * `outgoing` holds. */
void session_push(struct shard *shard, struct session *session, const struct outgoing *outgoing);
/* Sends what can be sent: what was in flight when the last connection ended, then the queue. */
void session_pump(struct shard *shard, struct session *session);

/* Sends past the queue, which is empty, what a feed gives. Returns the in-flight entry; NULL at QoS 0, or if the client
 * does not take it (then *sent is false). */
struct inflight_entry *session_send(struct session *session, struct publication *publication,
                                    const struct subscribe_options *options, bool *sent);
/* How many messages that takes; 0: the client is away or behind, or others are before them. */
uint32_t session_room(struct session *session);

/* feed.c: subscriptions that a provider answers */
bool feed_filter(const struct broker *broker, const struct topic_filter *filter);
/* As rules see it; false: no valid filter of the provider. */
bool feed_canonical(const struct broker *broker, const struct topic_filter *filter, struct buf *out);
bool feed_allowed(const struct session *session, const struct client_acl *acl,
                  const struct topic_filter *filter);
/* Opens the feed, or changes the options of the one that has this filter: *is_new tells which. MQTT_SUCCESS or why it is
 * refused, then *why is a text. */
uint8_t feed_subscribe(struct session *session, struct str text, const struct topic_filter *filter,
                       const struct subscribe_options *options, struct str start, bool restored, bool *is_new,
                       const char **why);
bool feed_unsubscribe(struct session *session, struct str text);
struct feed *feed_find(const struct session *session, struct str text); /* NULL: there is none */
void feeds_start(struct session *session); /* SUBACK is on its way: they may be pulled */
uint32_t feed_count(const struct session *session);
void feed_each(struct session *session,
               bool (*each)(struct str filter, const struct subscribe_options *options, void *arg),
               void *arg);
void feeds_pull(
    struct session *session); /* as long as the client takes messages, at most a share of the turn */
bool feeds_wait(const struct session *session); /* some have messages */
void feeds_presence(struct session *session, bool here);
void feeds_close(struct session *session, enum feed_end why);
/* An entry leaves the in-flight table, or is PUBREC's: its feed is told, once. */
void feed_settle(struct inflight_entry *entry, uint8_t reason);

/* service.c */
void turn_tasks_run(struct shard *shard);

/* catalog_writes.c */
/* done: called on this shard's reactor; err NULL: on disk. */
bool persist_retained(struct shard *shard, struct message *message, bool remove, struct ack_ticket *ticket,
                      struct error *err);
bool persist_subscription(struct shard *shard, struct str client_id, struct str filter,
                          const struct subscribe_options *options, bool remove, struct ack_ticket *ticket,
                          struct error *err);
/* number: the session's, as in struct subscriber */
void persist_session(struct shard *shard, struct str client_id, uint64_t number, uint32_t expiry_s,
                     int64_t expires_ms, struct ack_ticket *ticket);
void persist_session_end(struct shard *shard, struct str client_id, struct ack_ticket *ticket);

/* A row as memory has it, after a write of it has failed: repairs.c. */
void persist_repair_retained(struct shard *shard, struct message *message, bool remove);
/* session NULL: the row and its subscriptions go; else they are made anew. */
void persist_repair_session(struct shard *shard, struct str client_id, struct session *session);
/* options NULL: the row goes. */
void persist_repair_subscription(struct shard *shard, struct str client_id, struct str filter,
                                 const struct subscribe_options *options);

/* sys_topics.c */
void sys_topics_publish(struct shard *shard);

#endif

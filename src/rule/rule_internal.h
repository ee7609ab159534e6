/* What the files of rule/ share.
 *
 * Reading order: rules.c (all of them), object.c (one as JSON), body.c (made ready), listen.c (what it hears of), run.c (one
 * message or event → one rule), actions.c (one result → its actions), columns.c (what SELECT can see), later.c (off the
 * reactors), source.c (stations).
 *
 * A rule has one place in the router for life; what it does, its *body*, is replaced under it as a whole: so an update
 * loses no message and sees none twice. Reactors use a body without taking a reference: whoever has replaced it waits
 * until every reactor has left its turn, then lets go of it. What is evaluated later has references. */
#ifndef RULE_RULE_INTERNAL_H
#define RULE_RULE_INTERNAL_H

#include "rule/rule.h"

#include "alarm/alarm.h"
#include "base/rate.h"
#include "base/thread.h"
#include "base/ticker.h"
#include "broker/broker.h"
#include "broker/events.h"
#include "broker/service.h"
#include "net/net.h"
#include "sink/sink.h"
#include "sql/program.h"
#include "sql/template.h"
#include "station/station.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct delivery;
struct later_lane;
struct rule;
struct rule_source;

/* ---- Counters -------------------------------------------------------------------------------------------- */

#define RULE_COUNTERS(X) \
    X(passed)            \
    X(exception)         \
    X(no_result)         \
    X(success)           \
    X(out_of_service)    \
    X(unknown)           \
    X(discarded)         \
    X(loops)

/* Of one reactor that runs the rule, or of all other threads: a cache line of its own. */
struct rule_counters {
#define X(name) _Atomic uint64_t name;
    RULE_COUNTERS(X)
#undef X
};
_Static_assert(sizeof(struct rule_counters) == 64, "a cache line");

struct rule_totals {
#define X(name) uint64_t name;
    RULE_COUNTERS(X)
#undef X
};

/* A reactor's have one writer: it. */
#define RULE_COUNT_ONE(counters, name)                                                       \
    atomic_store_explicit(&(counters)->name,                                                 \
                          atomic_load_explicit(&(counters)->name, memory_order_relaxed) + 1, \
                          memory_order_relaxed)
/* Of the thread that has the delivery. */
#define RULE_COUNT(delivery, name)                    \
    ((delivery)->reactor != NULL                      \
         ? RULE_COUNT_ONE((delivery)->counters, name) \
         : (void)atomic_fetch_add_explicit(&(delivery)->counters->name, 1, memory_order_relaxed))

struct rule;
json_t *counters_json(const struct rule *rule); /* under the lock, as the next one. Returns owned */
void counters_reset(struct rule *rule);
void counters_tick(void *rules); /* once a second, under its lock */

/* ---- A rule made ready ----------------------------------------------------------------------------------- */

enum action_kind { ACTION_SINK, ACTION_REPUBLISH, ACTION_CONSOLE, ACTION_STATION };

struct property_template {
    char *name;
    struct sql_template *value;
};

struct republish {
    struct sql_template *topic;
    struct sql_template *payload;
    struct sql_template *qos;
    struct sql_template *retain;
    struct sql_template *user_properties;
    bool user_as_they_came; /* those of the original, all of them, in their order */
    struct property_template *properties;
    size_t property_count;
};

struct rule_action {
    enum action_kind kind;
    char *text;        /* "s3:archive", "republish", "station:name": for people */
    struct sink *sink; /* ACTION_SINK */
    struct republish republish;
    char *station; /* ACTION_STATION */
};

struct rule_body {
    atomic_uint refs; /* the rule's, and each message that is evaluated later */
    struct sql_program *program;
    bool waits; /* it calls jq(): not on a reactor */
    char *sql;
    struct rule_action *actions;
    size_t action_count;
    struct str *filters; /* FROM's topics of the router: they borrow from the program */
    size_t filter_count;
    uint32_t events;      /* EVENT_BIT of those that FROM names */
    struct str *stations; /* FROM's stations, `$station/name`: likewise */
    size_t station_count;
    struct rule_source **sources; /* of them, while the rule runs */
};

/* What the program's FROM names, into the body, which owns its lists from then on. Errors: ERR_INVALID, ERR_UNSUPPORTED. */
bool body_read_from(struct rule_body *body, struct error *err);
/* From a rule object that has been read (spec). Returns owned; NULL: ERR_INVALID. */
struct rule_body *body_new(struct rules *rules, struct str id, const json_t *object, struct error *err);
/* The rule does not use its actions and sources any more, and lets go of it. NULL is fine. */
void body_free(struct rules *rules, struct str id, struct rule_body *body);
struct rule_body *body_ref(struct rule_body *body);
void body_unref(struct rule_body *body);

/* What a rule has to say in the log does not hold for one message alone: a line of each kind a second is enough. */
enum rule_saying { RULE_SAYS_EVALUATION, RULE_SAYS_ACTION, RULE_SAYINGS };

struct rule {
    struct subscriber subscriber; /* first */
    struct rules *rules;
    char *id;
    struct str name;             /* the same */
    uint64_t mark;               /* in chains: the stable hash of the id */
    atomic_uint refs;            /* the list's, and each message that is evaluated later */
    atomic_size_t waiting_bytes; /* of those that wait for it */
    json_t *object;              /* as it is in the catalog; under rules->lock */
    json_t *from;                /* the topics of FROM; NULL: its SQL is not understood; likewise */
    char *why;                   /* NULL, or why it cannot run */
    int64_t created_ms;
    int64_t modified_ms;
    _Atomic(struct rule_body *) body; /* NULL: disabled, or it cannot run */
    atomic_bool changing;             /* more is subscribed than the body wants: topics are looked at again */
    struct rule_counters *counters;   /* one for each reactor, and a last one for other threads */
    struct rule_totals reset;         /* what they were when they were set back; under rules->lock */
    struct rate rate;                 /* likewise */
    uint64_t loops_told;              /* in the log; the ticker's, as the next one */
    int64_t tell_loops_ms;            /* not before */
    _Atomic int64_t said_ms[RULE_SAYINGS]; /* when the log had the last line of each kind */
};

/* Whether it may say it now; then it has. Thread: any. */
bool rule_may_say(struct rule *rule, enum rule_saying saying);

/* ---- The object: object.c -------------------------------------------------------------------------------- */

/* What is given, over what was (NULL: nothing was). Returns owned; NULL: ERR_INVALID. */
json_t *object_read(const json_t *given, const json_t *former, struct error *err);
bool object_id_is_valid(const char *id, struct error *err); /* Errors: ERR_INVALID */
void object_make_id(char out[RULE_ID_MAX + 1]);
json_t *object_describe(const struct rule *rule); /* as rules_describe(), under the lock. Returns owned */

/* ---- Listening: listen.c --------------------------------------------------------------------------------- */

/* The rule does this from now on (NULL: nothing), without a message lost or taken twice in between. Takes. Under the lock. */
void rule_replace(struct rule *rule, struct rule_body *body);
/* Parts of it, for the start and the end of all rules. A body of NULL is fine. */
void rule_subscribe(struct rule *rule, const struct rule_body *body);
void rule_start_sources(struct rule *rule, struct rule_body *body);
void rule_stop_sources(struct rule_body *body);
/* Looks which rules want which events. Reactors have left what they knew before when this returns. */
void rules_settle(struct rules *rules);
struct listening;
void listening_free(struct listening *listening); /* NULL is fine */

/* ---- Settings -------------------------------------------------------------------------------------------- */

/* Reads what the catalog has, and lets it count. Errors: those of the catalog. */
bool settings_load(struct rules *rules, struct error *err);

/* ---- What a reactor has for rules ------------------------------------------------------------------------ */

/* Which rules have led to a message: none of them is to hear of it. Where the way has gone through a station, the message
 * carries the chain: the user property CHAIN_PROPERTY, 16 hexadecimal digits for each rule. */
struct origin_chain {
    unsigned depth;
    bool carried;
    bool full; /* of one rule more than it has: nothing goes on from here */
    uint64_t marks[RULE_DEPTH_MAX];
};
#define CHAIN_PROPERTY "varve-rules"
static inline bool chain_has(const struct origin_chain *chain, uint64_t mark)
{
    for (unsigned i = 0; i < chain->depth; i++) {
        if (chain->marks[i] == mark)
            return true;
    }
    return false;
}
/* Errors: ERR_LIMIT (it is RULE_DEPTH_MAX long; then it is full). */
bool chain_add(struct origin_chain *chain, const struct rule *rule, struct error *err);
bool chain_goes_on(const struct origin_chain *chain, struct error *err); /* Errors: ERR_LIMIT (it is full) */
/* Adds what MQTT properties carry. */
void chain_read(struct origin_chain *chain, struct str props);
/* Appends it as a user property, encoded. */
void chain_append(const struct origin_chain *chain, struct buf *props);
/* As bytes that an action's buffer keeps for fallbacks. Returns how many. */
#define CHAIN_BYTES_MAX (1 + RULE_DEPTH_MAX * sizeof(uint64_t))
size_t chain_pack(const struct origin_chain *chain, uint8_t out[CHAIN_BYTES_MAX]);
/* Errors: ERR_CORRUPT. */
bool chain_unpack(struct origin_chain *chain, struct str bytes, struct error *err);

struct rule_reactor {
    struct rules *rules;
    unsigned index;
    struct sql_scope scope;
    struct origin_chain chain; /* of what is being published by a rule; depth 0: by anybody else */
    struct turn_task task;
    struct remake *first; /* to be published at the end of this turn */
    struct remake *last;
    size_t pending_bytes;
};

/* Events of stations stand behind those of the broker, then those of alarms. */
enum {
    RULE_EVENT_STATION = EVENT_KINDS,
    RULE_EVENT_ALARM = RULE_EVENT_STATION + STATION_EVENT_KINDS,
    RULE_EVENT_KINDS = RULE_EVENT_ALARM + ALARM_EVENT_KINDS
};
#define BROKER_EVENTS  (EVENT_BIT(EVENT_KINDS) - 1)
#define STATION_EVENTS (EVENT_BIT(STATION_EVENT_KINDS) - 1)

/* Events and who wants them: replaced as a whole. */
struct listening {
    uint32_t kinds;
    size_t counts[RULE_EVENT_KINDS];
    struct rule **rules[RULE_EVENT_KINDS]; /* one for each topic of FROM that names it */
};

struct rules {
    struct rules_options options;
    pthread_mutex_t lock; /* the objects; held while they are read and changed, never by reactors */
    struct rule **list;   /* in the order of ids */
    size_t count;
    json_t *settings; /* those that are set: settings.c; NULL: none, as the next one under the lock */
    bool settings_stored;
    atomic_bool ignore_sys;
    struct event_listener listener;
    struct station_listener station_listener;
    struct alarm_listener alarm_listener;
    /* Who raises events elsewhere than on reactors reads; `listening` and bodies are replaced under it, too. */
    pthread_rwlock_t elsewhere_lock;
    _Atomic(struct listening *) listening;
    struct later_lane *lanes; /* later.c */
    struct rule_reactor *reactors;
    unsigned reactor_count;
    struct ticker ticker; /* rates */
};

/* ---- Columns --------------------------------------------------------------------------------------------- */

/* What was taken from one of them, to be evaluated later. */
struct rule_taken {
    struct sql_value columns; /* a map */
    struct str client_id;
    struct str topic;
};

/* One message, event or record as columns. Exactly one of them is set, but that a station's event may be about a record. */
struct rule_input {
    const struct rules *rules;
    struct str rule_id;
    struct publication *publication;
    const struct broker_event *event;
    const struct station_event *station_event;
    const struct alarm_event *alarm_event;
    const struct station_message *record;
    const struct rule_taken *taken;
    struct str station; /* of the record */
    int64_t now_ms;
};

/* Borrows the input. */
struct sql_columns input_columns(struct rule_input *input);
struct str input_client_id(const struct rule_input *input);
int64_t input_time_ms(const struct rule_input *input);  /* wall clock: when it happened */
struct str input_topic(const struct rule_input *input); /* empty: it has none */

/* MQTT 5 properties as a map, under the names that EMQX gives them. `kind`: whose they are. */
bool properties_map(struct sql_scope *scope, struct str raw, enum mqtt_property_list kind,
                    struct sql_value *out, struct error *err);

struct event_kind_info {
    unsigned kind; /* enum broker_event_kind, or RULE_EVENT_STATION + enum station_event_kind, and so on */
    const char *topic;  /* "$events/client/connected" */
    const char *legacy; /* "$events/client_connected"; NULL: none */
    const char *event;  /* "client.connected" */
    const char *title;
    const char *const *columns; /* NULL ends them; besides event, timestamp, node, metadata */
    const char *sql;            /* an example */
    const char *example;        /* test columns: JSON with ' for " */
};
const struct event_kind_info *event_info(unsigned kind);
extern const struct event_kind_info event_publish; /* message.publish, which has no topic of its own */
/* Values for all its columns. Returns owned. */
json_t *example_of(const struct event_kind_info *info);
/* The kinds that a topic of FROM names, `$events/#` among them; 0: none. */
uint32_t event_kinds_of(struct str topic);

/* ---- Waiting ------------------------------------------------------------------------------------------------ */

/* What waits, on another thread than a reactor's, for actions to have a result: held once for each that tells later. */
struct receipt {
    void (*hold)(struct receipt *receipt);
    void (*done)(struct receipt *receipt, bool stored); /* on any thread */
};

static inline void receipt_hold(struct receipt *receipt)
{
    receipt->hold(receipt);
}

static inline void receipt_done(struct receipt *receipt, bool stored)
{
    receipt->done(receipt, stored);
}

/* Evaluates the delivery's input, which is copied, on a thread of its own; what comes of one client in its order. A publication's
 * acknowledgement waits. When too much waits it counts as an exception, and a publisher who can is told to send it again.
 * Thread: any, with a scope and a reactor or none. */
void later_add(struct delivery *delivery, struct rule_body *body);
bool later_start(struct rules *rules, struct error *err);
/* What waits is not evaluated; its publishers get no acknowledgement. Nobody adds any more. Blocks. */
void later_stop(struct rules *rules);

/* ---- Running --------------------------------------------------------------------------------------------- */

extern const struct subscriber_ops rule_subscriber_ops;
void rule_raise(struct event_listener *listener, const struct broker_event *event);
void rule_raise_station(struct station_listener *listener, const struct station_event *event);
void rule_raise_alarm(struct alarm_listener *listener, const struct alarm_event *event);
void rule_ref(struct rule *rule);
void rule_unref(struct rule *rule);

/* How one result fared with all actions of the rule. */
struct delivery {
    struct rule *rule;
    const struct rule_body *body;
    struct rule_input *input;
    struct rule_counters *counters;
    struct sql_scope *scope;
    const struct origin_chain *chain;
    struct rule_reactor *reactor; /* NULL: another thread */
    struct receipt *receipt;      /* of another thread: told when each action has it; NULL: a reactor */
};

/* Counts an evaluation that has failed, or could not be; tells the log why. */
void rule_failed(struct delivery *delivery, const struct error *err);
/* *out is the delivery's chain and its rule, for what the rule publishes. Errors: as chain_add(); it is counted. */
bool delivery_chain_add(struct delivery *delivery, struct origin_chain *out, struct error *err);
/* Evaluates, counts, and runs the actions for each result. */
void rule_run(struct delivery *delivery);
/* One result. */
void actions_run(struct delivery *delivery, const struct sql_columns *result);

/* ---- Publishing ------------------------------------------------------------------------------------------ */

/* A message that a rule has made, on its way to be published. */
struct remake {
    struct remake *next;
    struct mail mail; /* from another thread to a reactor */
    struct rules *rules;
    struct rule *rule;         /* that counts it, a reference; NULL: an action has given it up */
    struct ack_ticket *ticket; /* the original's acknowledgement waits; NULL: nobody does */
    struct receipt *receipt;
    void (*done)(void *arg, const struct error *err); /* of a fallback; NULL: nobody asks */
    void *arg;
    struct origin_chain chain;
    size_t bytes;
    uint8_t qos;
    bool retain;
    struct str topic;
    struct str props;
    struct str payload;
    char data[];
};

/* ACCEPTED is counted when it is published. */
enum sink_outcome republish_run(struct delivery *delivery, const struct rule_action *action,
                                const struct sql_columns *result, struct error *err);
bool republish_read(struct republish *out, const json_t *args, struct error *err);
void republish_free(struct republish *republish);
void republish_turn_end(struct turn_task *task);
void remake_drop_all(struct rule_reactor *reactor);

enum sink_outcome to_station_run(struct delivery *delivery, const struct rule_action *action,
                                 const struct sql_columns *result, struct error *err);

/* ---- Stations as sources --------------------------------------------------------------------------------- */

/* Reads the station from the rule's position on. Returns owned. Errors: ERR_NOT_FOUND, those of threads. */
struct rule_source *source_start(struct rule *rule, const struct rule_body *body, struct str station,
                                 struct error *err);
void source_stop(struct rule_source *source);                                    /* takes; blocks */
void source_forget(struct rules *rules, struct str rule_id, struct str station); /* its position */

#endif

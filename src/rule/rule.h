/* Rules: SQL over messages, events and stations, and what is done with its results.
 *
 *     message ─▶ router ─┐
 *     event ─▶ broker ───┼─▶ rule: FROM, SELECT, WHERE ─▶ for each result: its actions, in order
 *     station ─▶ reader ─┘        (sql/)                   s3:… (sink/), republish, console, station
 *
 * A rule is a JSON object in the catalog: {"id", "name", "sql", "actions", "enable", "description", "metadata"}. Its
 * program is made when it is created. Topics of FROM are subscriptions of the router: a message that no rule wants costs
 * nothing. It is evaluated on the reactor where the message is published, once for each message, however many of its
 * topics match; of events once for each that matches. A station as source is read by a thread of the rule's own,
 * with a position that is kept: at least once.
 *
 * What a rule does never hurts the message: subscribers get it whatever happens here. Its publisher's acknowledgement
 * waits for what the actions have accepted to be on disk.
 *
 * A rule is never triggered by what it has published itself, nor by events about that; a chain of rules ends after
 * RULE_DEPTH_MAX of them. Both are counted and logged.
 *
 * Life: see sink/sink.h. Thread: any but a reactor's, unless it says otherwise. */
#ifndef RULE_RULE_H
#define RULE_RULE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#include <jansson.h>
#include <stdint.h>

struct alarms;
struct broker;
struct catalog;
struct rules;
struct sinks;
struct stations;

#define RULE_ID_MAX    255
#define RULE_DEPTH_MAX 8 /* rules that republish for each other */

struct rules_options {
    /* Borrowed until rules_close(). */
    struct catalog *catalog;
    struct broker *broker;
    struct stations *stations; /* NULL: none, for tests */
    struct sinks *sinks;       /* NULL: none, for tests */
    struct alarms *alarms;     /* NULL: none, for tests */
    const char *node;          /* the column `node` */
    /* Where rules_configure() has said nothing else. */
    bool ignore_sys_messages; /* $SYS topics trigger no rule */
    int64_t jq_timeout_ms;    /* 0: SQL_JQ_MS_DEFAULT */
    uint64_t kv_bytes_max;    /* 0: SQL_KV_BYTES_DEFAULT */
};

/* How actions publish what they give up: for sinks_options. Rules that are open do it. */
struct sink_republish;
const struct sink_republish *rules_republish(void);

/* Starts all rules of the catalog. One whose SQL is not understood any more is there, and says why. Returns owned.
 * Errors: those of the catalog. */
struct rules *rules_open(const struct rules_options *options, struct error *err);
/* Before broker_stop() or after it. Takes; NULL is fine. Blocks for a loop turn. */
void rules_close(struct rules *rules);

/* ---- The objects ----------------------------------------------------------------------------------------- */

/* Creates one; without an id it gets one of 8 characters. *id is set. Errors: ERR_INVALID (which key; the SQL's line and
 * column), ERR_EXISTS, those of the catalog. */
bool rules_create(struct rules *rules, const json_t *object, char id[RULE_ID_MAX + 1], struct error *err);
/* Changes the keys that are given; counters stay. Errors: as above, ERR_NOT_FOUND. */
bool rules_update(struct rules *rules, struct str id, const json_t *object, struct error *err);
bool rules_delete(struct rules *rules, struct str id, struct error *err); /* Errors: ERR_NOT_FOUND */
/* Takes the action of this id out of all rules. Errors: as rules_update(); what is done then stays so. */
bool rules_drop_action(struct rules *rules, struct str action_id, struct error *err);
/* The object with "from", "action_details", "created_at", "last_modified_at". Returns owned; NULL: ERR_NOT_FOUND. */
json_t *rules_describe(struct rules *rules, struct str id, struct error *err);
/* In the order of ids; false stops; `each` may call anything but rules_close(). */
void rules_each(struct rules *rules, bool (*each)(struct str id, void *arg), void *arg);

/* {matched, matched.rate, matched.rate.max, matched.rate.last5m, passed, failed, failed.exception, failed.no_result,
 * actions.total, actions.success, actions.failed, actions.failed.out_of_service, actions.failed.unknown, actions.discarded, loops}:
 * matched = passed + failed, actions.total = success + failed + discarded; and loops: how often a circle was cut, beside
 * these. Returns owned; NULL: ERR_NOT_FOUND. */
json_t *rules_metrics(struct rules *rules, struct str id, struct error *err);
bool rules_metrics_reset(struct rules *rules, struct str id, struct error *err);

/* ---- Settings -------------------------------------------------------------------------------------------- */

/* What holds for all rules: {"ignore_sys_message", "jq_function_default_timeout", "kv_store_max_bytes"}. Returns owned. */
json_t *rules_settings(struct rules *rules);
/* Changes the keys that are given; null lets the option count again. Kept over restarts. Errors: ERR_INVALID, those of the
 * catalog. */
bool rules_configure(struct rules *rules, const json_t *object, struct error *err);
struct spec_key;
const struct spec_key *rules_settings_keys(void); /* connector/spec.h */

/* ---- Trying ---------------------------------------------------------------------------------------------- */

enum rule_test_result {
    RULE_TEST_RESULT,   /* *out is the result: an object, of FOREACH a list */
    RULE_TEST_NO_MATCH, /* WHERE, or the topic, does not match */
    RULE_TEST_FAILED    /* *err says why: ERR_INVALID of the SQL or its evaluation */
};
/* Evaluates `sql` over an example: `context` has "event_type" and whatever columns it wants to set; the others get
 * examples. Nothing is done with the result. Thread: any. */
enum rule_test_result rules_test(struct rules *rules, struct str sql, const json_t *context, json_t **out,
                                 struct error *err);
/* All events with their columns, an example SQL and an example each: GET /rule_events. Returns owned. */
json_t *rules_events(void);

#endif

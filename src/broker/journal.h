/* The journal: queued and in-flight messages of durable sessions on disk.
 *
 * A session is *durable* if it outlives its connection and the broker has a journal: then it has a number
 * (session->subscriber.number), in its row of the catalog too. Memory stays what sessions work from; the journal is
 * written beside it and read at the next start. What is in it: journal_format.h.
 *
 * All calls but the first part are on the shard's reactor, and do nothing where there is no journal or the session is
 * not durable. Records of a loop turn are gathered and submitted together at its end, before other reactors hear of the
 * turn's messages; what has to wait for the disk is noted with them.
 *
 * What waits, and why:
 *
 *     PUBACK, PUBREC to the publisher   until MESSAGE and every ENQUEUE are on disk: nothing acknowledged is lost
 *     PUBREC, moreover                  RECEIVED is in the same batch as MESSAGE: a repetition after a crash is known
 *     PUBLISH at QoS 2 to a client      until SENT is: after a crash it goes out under the same identifier
 *     PUBREL to a client                until RELEASED is: after a crash no PUBLISH follows that the client has forgotten
 *     PUBCOMP to the publisher          until COMPLETED is: after a crash the identifier is free for another message
 *
 * DONE and FINISHED wait for nothing: without them a QoS 1 message comes once more, or a PUBREL.
 *
 * When the disk is full or fails, sessions go on from memory: messages are delivered and queued, but not acknowledged
 * (0x97 in MQTT 5), and exchanges at QoS 2 with durable sessions rest. The batch that failed leaves a gap; once the log
 * takes appends again, a snapshot of all sessions closes it, and what rested goes on. */
#ifndef BROKER_JOURNAL_H
#define BROKER_JOURNAL_H

#include "broker/session_queue.h"
#include "log/log.h"

struct ack_ticket;
struct broker;
struct connection;
struct inflight_entry;
struct journal;
struct journal_replay;
struct publication;
struct route;
struct route_cache;
struct session;
struct shard;

/* ---- Life: main thread ----------------------------------------------------------------------------------- */

/* Opens the log of the directory. `sync_ms` as log_options.sync_ms. Returns owned. Errors: those of log_open(). */
struct journal *journal_open(struct broker *broker, struct log_engine *engine, const char *dir,
                             int64_t sync_ms, struct error *err);
void journal_set_sync(struct journal *journal, int64_t sync_ms); /* thread: any */
/* Waits for what is on its way. The reactors have stopped. */
void journal_close(struct journal *journal);
void journal_free(struct journal *journal); /* takes; NULL is fine */
/* Numbers of sessions go on above this one. Before the shards start. */
void journal_number_seen(struct journal *journal, uint64_t number);
uint64_t journal_next_number(struct journal *journal); /* thread: any */

/* ---- A shard's part -------------------------------------------------------------------------------------- */

void journal_shard_start(struct shard *shard);
void journal_shard_stop(struct shard *shard); /* submits the rest; before the sessions are freed */
void journal_turn_end(struct shard *shard);   /* submits what the turn has gathered */
/* Behind journal_turn_end(): the log's queue is full and has not taken it. It is tried again in some milliseconds, in a turn
 * of its own. */
bool journal_is_behind(const struct shard *shard);

/* ---- Messages that come ---------------------------------------------------------------------------------- */

/* Gives a message that may have to be kept its id, before anything else keeps it. */
void journal_identify(struct shard *shard, struct publication *publication);

/* Around the delivery to the subscribers of this shard, where a durable session may be among them: entries between are
 * gathered for one record. The second call writes it and makes publication->ticket wait.
 * Published here: MESSAGE. `more`: durable sessions get it behind this; `expected`: how many hand-offs will be
 * answered. Handed over: ENQUEUE; takes publication->ticket's count that came with the hand-off. */
void journal_begin(struct shard *shard, struct publication *publication);
void journal_published(struct shard *shard, struct publication *publication, bool more, uint32_t expected);
void journal_handed(struct shard *shard, struct publication *publication);

/* The message waits in the session from here on: in its queue (packet_id 0) or in flight. At QoS 2 the PUBLISH of a
 * packet identifier goes out once that is on disk. Outside of a gathering it is written by itself. */
void journal_enqueue(struct session *session, const struct outgoing *outgoing, uint16_t packet_id,
                     bool picked);
/* Put in flight at QoS 2, out of the queue or `by_feed`: PUBLISH goes out once that is on disk. */
void journal_sent(struct session *session, struct inflight_entry *entry, bool by_feed);
/* PUBREC has come: PUBREL goes out once that is on disk. */
void journal_released(struct session *session, const struct inflight_entry *entry);
/* The session is done with the message: acknowledged, refused, dropped, expired. */
void journal_entry_done(struct session *session, const struct inflight_entry *entry);
void journal_outgoing_done(struct session *session, const struct outgoing *outgoing);
/* PUBREL of a message that has been published: PUBCOMP goes out once that is on disk. False: there is nothing to wait
 * for. */
bool journal_completed(struct session *session, uint16_t packet_id);
/* A durable session of which the journal lacks something: what is to wait for it would wait for the disk. */
bool journal_is_failing(const struct session *session);
/* The exchange has ended with a refusal in PUBREC. */
void journal_not_received(struct session *session, uint16_t packet_id);

/* The ticket waits until all that this shard has written is on disk, and fails if something of it has failed. Takes one
 * count. */
void journal_barrier(struct shard *shard, struct ack_ticket *ticket);

/* ---- Recovery -------------------------------------------------------------------------------------------- */

/* Reads the whole journal. Returns owned. Errors: ERR_CORRUPT, ERR_UNSUPPORTED (made by a later version), those of
 * log_read(). */
struct journal_replay *journal_replay(struct journal *journal, struct error *err);
/* Drops sessions that `known` does not know: at the start, before the shards. */
void journal_replay_keep(struct journal_replay *replay, bool (*known)(uint64_t number, void *arg), void *arg);
/* Gives a session that comes from the catalog what waited in it. On its shard; sessions of different shards at once. */
void journal_restore(struct journal_replay *replay, struct session *session);
/* All shards have built their sessions: publishes what was half published, on shard 0. Takes. */
void journal_restored(struct journal_replay *replay, struct broker *broker);
void journal_replay_free(struct journal_replay *replay); /* takes; NULL is fine */

/* A message that was published on some reactors only when the broker was killed: it is published once more, for those
 * that have not got it. */
struct journal_redo;
bool journal_redo_has(const struct journal_redo *redo, uint64_t number);
/* Whether a member of the route's group has got it as such. */
bool journal_redo_serves(const struct journal_redo *redo, struct route_cache *cache,
                         const struct route *route, uint32_t index);

/* ---- Compaction ------------------------------------------------------------------------------------------ */

/* On shard 0, now and then: starts a snapshot if the journal is large, or has a gap. */
void journal_tick(struct shard *shard);

#endif

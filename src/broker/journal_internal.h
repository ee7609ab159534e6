/* What the files of the journal share: journal.c (life, batches), journal_write.c (records), journal_replay.c (reading),
 * journal_restore.c (into sessions), journal_snapshot.c (compaction). */
#ifndef BROKER_JOURNAL_INTERNAL_H
#define BROKER_JOURNAL_INTERNAL_H

#include "broker/broker_internal.h"
#include "broker/journal.h"
#include "broker/journal_format.h"

/* ---- Batches --------------------------------------------------------------------------------------------- */

/* What goes out once a batch is on disk. */
enum journal_wait_kind { WAIT_PUBLISH, WAIT_PUBREL, WAIT_PUBCOMP };

struct journal_wait {
    uint64_t session_id; /* subscriber.id */
    uint64_t name_hash;
    uint16_t arrivals; /* WAIT_PUBCOMP: session.arrivals, of the connection that asked */
    uint16_t packet_id;
    uint8_t kind;
};

/* The records of a turn. The shard's; the log's while it is submitted, but for tickets and waits. */
struct journal_batch {
    struct log_batch log; /* first */
    struct mail mail;
    struct journal_batch *next; /* free list */
    struct shard_journal *owner;
    size_t charged;
    bool failed;
    bool snapshot; /* the shard's part of the snapshot is over with it */
    struct ack_ticket **tickets;
    uint32_t ticket_count;
    uint32_t ticket_cap;
    struct journal_wait *waits;
    uint32_t wait_count;
    uint32_t wait_cap;
};

/* A shard's part of the journal: its reactor's. */
struct shard_journal {
    struct journal *journal;
    struct shard *shard;
    struct journal_batch *batch;   /* is being filled; NULL: nothing is in it */
    struct journal_batch *last;    /* submitted last and not settled; NULL: none */
    uint32_t submitted;            /* batches that are not settled */
    _Atomic uint32_t batches_left; /* that the log has, or has refused: others may look. It wraps */
    struct journal_batch *spare;
    unsigned spare_count;
    struct timer retry; /* the log's queue was full */
    uint64_t next_message;
    uint32_t era;       /* of compaction, which this shard has come to */
    struct buf head;    /* of the record that is being written */
    struct buf entries; /* gathered */
    uint64_t last_number;
    bool gathering;
    struct buf done; /* an open DONE record */
    uint64_t done_number;
    uint64_t done_id;
    /* The snapshot: journal_snapshot.c. */
    size_t cursor;            /* map_scan() in shard->sessions */
    struct buf head_of_state; /* the STATE that is being written */
    struct timer slice;
};

enum snapshot_phase {
    SNAPSHOT_WALK,  /* the shards write, one after the other */
    SNAPSHOT_FLUSH, /* the shards wait for the disk, one after the other */
    SNAPSHOT_FINISH,
    SNAPSHOT_TRIMMED
};

/* A snapshot of all shards. It belongs to the shard whose turn it is; `active` to shard 0. */
struct snapshot {
    bool active;
    enum snapshot_phase phase;
    uint32_t era;
    uint64_t begin;     /* the journal below it goes afterwards */
    uint64_t bytes;     /* written */
    uint64_t failures;  /* at the start */
    struct map written; /* ids of messages whose content it has written; the items are the ids */
    struct mail mail;
    struct worker_job trim;
};

struct journal {
    struct broker *broker;
    struct log *log;
    char *dir;
    struct log_options options;
    unsigned shard_count;
    struct shard_journal *shards;
    _Atomic uint64_t next_number;
    _Atomic uint64_t failures; /* batches that failed */
    _Atomic uint64_t repaired; /* of them, those before the last whole snapshot began */
    /* Shard 0's. */
    struct snapshot snapshot;
    uint64_t live_bytes; /* of the journal after the last snapshot, or as read at the start */
    uint32_t era;
    bool wanted;                   /* a snapshot, whatever the size */
    struct journal_replay *replay; /* what is published once more; NULL: nothing */
};

static inline bool journal_has_gap(const struct journal *journal)
{
    return atomic_load_explicit(&journal->failures, memory_order_relaxed) !=
           atomic_load_explicit(&journal->repaired, memory_order_relaxed);
}

/* The batch that is being filled, made if need be. */
struct journal_batch *journal_batch_of(struct shard_journal *sj);
/* A record of `len` bytes: where to write them, before anything else is written. */
uint8_t *journal_add(struct shard_journal *sj, size_t len);
void journal_add_buf(struct shard_journal *sj, const struct buf *record);
void journal_submit(struct shard_journal *sj);
/* Submits if much has been gathered: between messages, so that what belongs together stays in one batch. */
void journal_submit_if_large(struct shard_journal *sj);
void journal_wait(struct shard_journal *sj, const struct session *session, enum journal_wait_kind kind,
                  uint16_t packet_id);
/* The ticket's count is given back when the current batch is on disk. */
void journal_ticket(struct shard_journal *sj, struct ack_ticket *ticket);

/* journal_write.c */
void journal_end_done(struct shard_journal *sj);
/* The content of the message, without entries, if the journal may not have it. */
void journal_put_content(struct shard_journal *sj, struct message *message);
uint64_t journal_message_id(struct shard_journal *sj, struct message *message);
/* What this shard writes now may refer to content that was written at this place. */
bool journal_may_refer(const struct shard_journal *sj, uint64_t place);

/* journal_snapshot.c */
void snapshot_batch_settled(struct shard_journal *sj);
void snapshot_slice(struct reactor *reactor, struct timer *timer);
void snapshot_free(struct journal *journal);

/* ---- Replay ---------------------------------------------------------------------------------------------- */

/* What waits in a session, as the journal tells it. */
struct replay_entry {
    struct message *message; /* a reference; NULL: released */
    uint64_t id;
    uint32_t *ids;
    uint16_t packet_id; /* 0: the journal tells none */
    uint16_t given;     /* under which it is in flight again: journal_restore.c */
    uint8_t qos;
    bool retain;
    bool gone;
};

struct replay_entries {
    struct replay_entry *list;
    uint32_t first; /* not gone, if there is one */
    uint32_t count; /* slots in use, with those that are gone */
    uint32_t cap;
    uint32_t left; /* not gone */
};

struct replay_session {
    uint64_t number;
    struct replay_entries entries;
    struct packet_id_set received;
    /* A STATE whose last part has not come yet. */
    struct replay_entries new_entries;
    struct packet_id_set new_received;
    bool in_state;
};

/* A message that was published at QoS 2, until all reactors have told. */
struct journal_redo {
    struct journal_redo *next; /* in the order of the journal */
    struct message *message;   /* a reference */
    uint64_t id;
    uint64_t number; /* of its publisher */
    uint16_t packet_id;
    uint32_t expected;
    uint32_t answers;
    struct {
        uint64_t number;
        bool picked;
    } * got;
    uint32_t got_count;
    uint32_t got_cap;
};

struct journal_replay {
    struct journal *journal;
    struct map messages; /* struct message by id */
    struct map sessions; /* struct replay_session by number */
    struct map redos;    /* struct journal_redo by id */
    struct journal_redo *redo_first;
    struct journal_redo *redo_last;
    uint64_t next_message; /* above the largest id / 64 */
    uint64_t largest_number;
    struct mail mail;
};

struct journal_replay *journal_replay_new(void);
/* Takes in one record. Errors: ERR_CORRUPT, ERR_UNSUPPORTED. */
bool journal_replay_record(struct journal_replay *replay, struct str record, struct error *err);
void journal_replay_clear(struct journal_replay *replay); /* sessions and messages */
/* Without those that are gone, in order; *at is 0 first. */
struct replay_entry *replay_entries_next(const struct replay_entries *entries, uint32_t *at);
struct replay_session *journal_replay_session(struct journal_replay *replay,
                                              uint64_t number); /* NULL: none */
void replay_entry_release(struct replay_entry *entry);
void replay_session_free(struct replay_session *session);
void journal_redo_free(struct journal_redo *redo);

#endif

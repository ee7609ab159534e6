/* The journal of durable sessions, record by record: what journal_write.c writes and journal_replay.c reads.
 *
 * The journal is one log (log/log.h) in DIR/sessions, to which all reactors append. It tells which messages wait in
 * which session, so that a broker that is killed finds them again. Each record of the log is one record of the journal:
 *
 *     kind      what follows it                                          it says
 *     MESSAGE   id · flags · [expires · expiry_at] ·                     content, once for all sessions, and who of the
 *               [number · packet id · exchange · expected] ·             publishing reactor's sessions queue it
 *               topic · properties · payload · entries
 *     ENQUEUE   id · flags · entries                                     more sessions queue it
 *     SENT      number · id · packet id                                  QoS 2: goes out under this identifier
 *     RELEASED  number · packet id                                       QoS 2: the client has it; PUBREL follows
 *     DONE      (number · id)…                                           QoS 1 is acknowledged, or a message is given up
 *     FINISHED  number · packet id                                       QoS 2: the exchange is over
 *     RECEIVED  number · packet id · exchange                            QoS 2 from the client: it has been published
 *     COMPLETED number · packet id                                       the same: PUBREL came
 *     STATE     number · flags · [received] · entries                    all that the session has: a snapshot
 *
 * `kind` is one byte; numbers are LEB128 (seven bits a byte, the lowest first), texts are their length and their bytes.
 * Differences are zigzag: 0, -1, 1, -2, … as 0, 1, 2, 3, …
 *
 * `number` names a session. It is in the session's row of the catalog, too, and never used again: records of a session
 * that the catalog has not mean nothing. `id` names a message: 64 * n + reactor, never used again either.
 *
 * MESSAGE's flags: bits 0-1 QoS · bit 2 retain · bit 3 `expires` (wall clock, ms) and `expiry_at` (see struct message)
 * follow · bit 4 published at QoS 2 by session `number` under `packet id`: it counts as RECEIVED, and `expected` other
 * reactors answer with an ENQUEUE each. Entries fill the rest of the record.
 * `exchange` counts the QoS 2 messages of a session, those that nobody waits for included: what comes behind a number that the
 * journal has is repeated by the client if it had come before, and counted as it was then (publish.c).
 * SENT's id is 0 for a message of a feed, which keeps its messages itself: the journal knows of it that the identifier is
 * in use, and that PUBREL ends it.
 *
 * A second MESSAGE with an id that is known repeats the content, which is skipped, for new entries.
 *
 * DONE is about the first entry of the message in the session that has not been SENT: a session may have one message twice,
 * by a shared subscription, but they are equal to its client, who acknowledges in order.
 *
 * ENQUEUE's flags: bit 0, it is such an answer.
 *
 * An entry is `key` and, where it is not plain, flags and more. key: twice the difference to the former entry's (0 before
 * the first) of the session's number (STATE: of the message's id), plus 1 if flags follow:
 *     bits 0-1 QoS · bit 2 retain · bit 3 subscription identifiers follow: their count, then they · bit 4 `packet id`
 *     follows: as SENT · bit 5 chosen for a shared subscription · bit 6 released: no message any more (STATE only)
 * A plain entry has the message's QoS (STATE: 1) and nothing else: one byte for each of 10,000 sessions in a row.
 *
 * STATE's flags: bit 0 first part · bit 1 last part. A session's parts follow each other without other records of the
 * session between; they replace what the journal has said of the session once the last one is there. What is received
 * is in the first one: the number of the session's last exchange, a count, and so often a packet identifier and the number of
 * its exchange. Entries are in the order of sending. */
#ifndef BROKER_JOURNAL_FORMAT_H
#define BROKER_JOURNAL_FORMAT_H

#include "base/buf.h"

enum journal_kind {
    JOURNAL_MESSAGE = 1,
    JOURNAL_ENQUEUE,
    JOURNAL_SENT,
    JOURNAL_RELEASED,
    JOURNAL_DONE,
    JOURNAL_FINISHED,
    JOURNAL_RECEIVED,
    JOURNAL_COMPLETED,
    JOURNAL_STATE
};

#define JOURNAL_MESSAGE_QOS      0x03
#define JOURNAL_MESSAGE_RETAIN   0x04
#define JOURNAL_MESSAGE_EXPIRES  0x08
#define JOURNAL_MESSAGE_RECEIVED 0x10

#define JOURNAL_ENQUEUE_ANSWER 0x01

#define JOURNAL_STATE_FIRST 0x01
#define JOURNAL_STATE_LAST  0x02
#define JOURNAL_STATE_QOS   1

#define JOURNAL_ENTRY_QOS       0x03
#define JOURNAL_ENTRY_RETAIN    0x04
#define JOURNAL_ENTRY_IDS       0x08
#define JOURNAL_ENTRY_PACKET_ID 0x10
#define JOURNAL_ENTRY_PICKED    0x20
#define JOURNAL_ENTRY_RELEASED  0x40

/* One message that waits in one session. */
struct journal_entry {
    uint64_t key;  /* the session's number; in STATE the message's id */
    uint32_t *ids; /* subscription identifiers, the first is their count; NULL: none */
    uint16_t packet_id;
    uint8_t qos;
    bool retain;
    bool picked;
    bool released;
};

/* What a MESSAGE record says before its entries. */
struct journal_message {
    uint64_t id;
    struct str topic;
    struct str props;
    struct str payload;
    int64_t expires_ms; /* 0: never */
    uint32_t expiry_at;
    uint8_t qos;
    bool retain;
    uint16_t packet_id; /* 0: not received from a durable session at QoS 2 */
    uint64_t number;
    uint32_t exchange;
    uint32_t expected;
};

/* ---- Writing: behind what is in the buffer --------------------------------------------------------------- */

void journal_put_number(struct buf *out, uint64_t value);
void journal_put_difference(struct buf *out, uint64_t *last, uint64_t value); /* and keeps value in *last */
void journal_put_entry(struct buf *out, uint64_t *last, uint8_t plain_qos, const struct journal_entry *entry);
/* Kind, head and the length of the payload; payload and entries are to follow. */
void journal_put_message(struct buf *out, const struct journal_message *message);

/* ---- Reading --------------------------------------------------------------------------------------------- */

/* Reads past the end give zeros and make it bad. */
struct journal_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline struct journal_reader journal_reader_of(struct str record)
{
    const uint8_t *at = (const uint8_t *)record.data;
    return (struct journal_reader){.at = at, .end = at + record.len};
}

static inline bool journal_reader_ends(const struct journal_reader *reader)
{
    return reader->at == reader->end;
}

uint8_t journal_get_byte(struct journal_reader *reader);
uint64_t journal_get_number(struct journal_reader *reader);
uint64_t journal_get_below(struct journal_reader *reader, uint64_t limit); /* bad if it is not below */
uint32_t journal_get_exchange(struct journal_reader *reader);
uint64_t journal_get_difference(struct journal_reader *reader, uint64_t *last);
/* False at the end of the record, or if it is bad. entry->ids is owned by the caller. */
bool journal_get_entry(struct journal_reader *reader, uint64_t *last, uint8_t plain_qos,
                       struct journal_entry *entry);
/* Behind the kind. The texts borrow from the record. */
void journal_get_message(struct journal_reader *reader, struct journal_message *message);

#endif

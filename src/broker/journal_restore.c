/* From the journal into sessions, at the start: see journal.h.
 *
 * 1. broker.c reads the catalog and the journal; sessions that the catalog has not are dropped.
 * 2. Each shard builds its sessions from the catalog and gives each what waited in it. Messages with a packet identifier
 *    are in flight again, and so are those before them, so that the order stays; the rest is queued.
 * 3. When all shards have, shard 0 publishes once more what was half published. Whatever comes of the publisher, it must
 *    not happen at every start: so a snapshot follows, after which the journal does not tell of it any more. */
#include "broker/journal_internal.h"

#include "base/log.h"
#include "base/mem.h"

/* ---- Before the shards ----------------------------------------------------------------------------------- */

static void drop_session(struct journal_replay *replay, struct replay_session *session)
{
    session->entries.left = 0; /* is freed with the rest; nobody asks for it */
    (void)replay;
}

static uint64_t count_live(const struct journal_replay *replay)
{
    struct message *message;
    uint64_t bytes = 0;
    for (size_t i = 0; (message = map_next(&replay->messages, &i)) != NULL;) {
        if (atomic_load_explicit(&message->refs, memory_order_relaxed) > 1)
            bytes += message_bytes(message);
    }
    return bytes;
}

static bool is_pending(struct journal_replay *replay, const struct journal_redo *redo)
{
    struct replay_session *publisher = journal_replay_session(replay, redo->number);
    return publisher != NULL && packet_id_set_has(&publisher->received, redo->packet_id);
}

/* What its publisher knows to be over, or what was refused, is not published any more. */
static void keep_pending(struct journal_replay *replay)
{
    struct journal_redo **at = &replay->redo_first;
    while (*at != NULL) {
        struct journal_redo *redo = *at;
        if (is_pending(replay, redo)) {
            at = &redo->next;
            continue;
        }
        *at = redo->next;
        message_unref(redo->message);
        mem_free(redo->got);
        mem_free(redo);
    }
    map_free(&replay->redos);
    replay->redo_last = NULL;
}

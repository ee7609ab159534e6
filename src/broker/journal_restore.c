/* From the journal into sessions, at the start: see journal.h.
 *
 * 1. broker.c reads the catalog and the journal; sessions that the catalog has not are dropped.
 * 2. Each shard builds its sessions from the catalog and gives each what waited in it. Messages with a packet identifier
 *    are in flight again, and so are those before them, so that the order stays; the rest is queued.
 * 3. When all shards have, shard 0 publishes once more what was half published. Whatever becomes of the publisher, that
 *    must not happen at every start: so a snapshot follows, after which the journal does not tell of it any more. */
#include "broker/journal_internal.h"

#include "base/log.h"
#include "base/mem.h"

/* ---- Before the shards ----------------------------------------------------------------------------------- */

static uint64_t live_bytes(const struct journal_replay *replay)
{
    struct message *message;
    uint64_t bytes = 0;
    for (size_t i = 0; (message = map_next(&replay->messages, &i)) != NULL;) {
        if (atomic_load_explicit(&message->refs, memory_order_relaxed) > 1) /* somebody else has it */
            bytes += message_bytes(message);
    }
    return bytes;
}

static uint64_t drop_unknown(struct journal_replay *replay, bool (*known)(uint64_t number, void *arg),
                             void *arg)
{
    struct map kept = {0};
    struct replay_session *session;
    uint64_t dropped = 0;
    for (size_t i = 0; (session = map_next(&replay->sessions, &i)) != NULL;) {
        if (known(session->number, arg)) {
            map_insert(&kept, hash_u64(session->number), session);
        } else {
            dropped += session->entries.left;
            replay_session_free(session);
        }
    }
    map_free(&replay->sessions);
    replay->sessions = kept;
    return dropped;
}

static bool is_pending(struct journal_replay *replay, const struct journal_redo *redo)
{
    struct replay_session *publisher = journal_replay_session(replay, redo->number);
    return publisher != NULL && packet_id_set_has(&publisher->received, redo->packet_id);
}

/* What was refused after all, or whose publisher has gone, is not published any more. */
static void keep_pending(struct journal_replay *replay)
{
    map_free(&replay->redos);
    for (struct journal_redo **at = &replay->redo_first; *at != NULL;) {
        struct journal_redo *redo = *at;
        if (is_pending(replay, redo)) {
            at = &redo->next;
            continue;
        }
        *at = redo->next;
        journal_redo_free(redo);
    }
}

void journal_replay_keep(struct journal_replay *replay, bool (*known)(uint64_t number, void *arg), void *arg)
{
    struct journal *journal = replay->journal;
    journal_number_seen(journal, replay->largest_number);
    for (unsigned i = 0; i < journal->shard_count; i++)
        journal->shards[i].next_message = replay->next_message;
    uint64_t dropped = drop_unknown(replay, known, arg);
    keep_pending(replay);
    journal->live_bytes = live_bytes(replay);
    if (dropped > 0)
        LOG_INFO("messages of sessions that have ended dropped", LOG_UINT("messages", dropped));
}

/* ---- On the shards --------------------------------------------------------------------------------------- */

static bool is_own(const struct session *session, const struct replay_entry *entry)
{
    return entry->qos > 0 && session_is_durable(session);
}

static uint64_t entry_bytes(const struct replay_entry *entry)
{
    return entry->message != NULL ? outgoing_bytes(entry->message, entry->ids) : 0;
}

/* How many entries, from the first, are to be in flight again: up to the last one with an identifier. And as many as the
 * queue has no room for: the journal does not tell which messages at QoS 1 were in flight, and what had its place there
 * must not be dropped for want of one in the queue. */
static uint32_t count_in_flight(const struct session *session, const struct replay_entries *entries)
{
    const struct session_settings *limits = &session->shard->settings->sessions;
    struct replay_entry *entry;
    uint32_t count = 0, all = 0;
    uint64_t bytes = 0;
    for (uint32_t at = 0; (entry = replay_entries_next(entries, &at)) != NULL;) {
        all++;
        bytes = entry->packet_id != 0 ? 0 : bytes + entry_bytes(entry);
        if (entry->packet_id != 0)
            count = all;
    }
    uint32_t most = limits->max_inflight < all ? limits->max_inflight : all, i = 0;
    for (uint32_t at = 0; (entry = replay_entries_next(entries, &at)) != NULL && count < most; i++) {
        if (i < count)
            continue;
        bool fits = (limits->max_queued_messages == 0 || all - count <= limits->max_queued_messages) &&
                    (limits->max_queued_bytes == 0 || bytes <= limits->max_queued_bytes);
        if (fits)
            break;
        bytes -= entry_bytes(entry);
        count++;
    }
    return count;
}

/* Entries that are to be in flight and have no identifier get one: behind that of the entry before, unless another entry has
 * it. The client may have seen any of these, so none may be taken from its entry; where none is left, the entry is queued. */
static void give_identifiers(const struct replay_entries *entries, uint32_t in_flight)
{
    struct packet_id_set taken = {0};
    struct replay_entry *entry;
    for (uint32_t at = 0; (entry = replay_entries_next(entries, &at)) != NULL;) {
        if (entry->packet_id != 0)
            packet_id_set_add(&taken, entry->packet_id, 0);
    }
    uint16_t last = 0;
    for (uint32_t at = 0, i = 0; i < in_flight && (entry = replay_entries_next(entries, &at)) != NULL; i++) {
        entry->given = entry->packet_id;
        while (entry->given == 0 && taken.count < UINT16_MAX) {
            last = last == UINT16_MAX ? 1 : (uint16_t)(last + 1);
            if (packet_id_set_add(&taken, last, 0))
                entry->given = last;
        }
        if (entry->given != 0)
            last = entry->given;
    }
    packet_id_set_clear(&taken);
}

static void restore_entry(struct session *session, struct replay_entry *entry, bool in_flight)
{
    struct outgoing outgoing = {
        .message = entry->message,
        .ids = entry->ids,
        .qos = entry->qos,
        .retain = entry->retain,
        .journaled = is_own(session, entry),
    };
    bool released = entry->message == NULL;
    entry->message = NULL;
    entry->ids = NULL;
    struct inflight_entry *restored =
        in_flight && entry->given != 0
            ? inflight_restore(&session->inflight, &outgoing, entry->given, released)
            : NULL;
    if (restored == NULL && !released)
        session_restore_queued(session, &outgoing);
    else if (restored == NULL)
        mem_free(outgoing.ids);
    else if (outgoing.journaled && outgoing.qos == 2 && entry->packet_id == 0) {
        /* It is given its identifier here, so it goes out as any other that is. */
        inflight_wait(&session->inflight, restored);
        journal_sent(session, restored, false);
    }
}

void journal_restore(struct journal_replay *replay, struct session *session)
{
    struct replay_session *from =
        replay != NULL ? journal_replay_session(replay, session->subscriber.number) : NULL;
    if (from == NULL)
        return;
    session->received = from->received;
    from->received = (struct packet_id_set){0};
    session_set_unsure(session);
    uint32_t in_flight = count_in_flight(session, &from->entries);
    struct replay_entry *entry;
    give_identifiers(&from->entries, in_flight);
    for (uint32_t at = 0, i = 0; (entry = replay_entries_next(&from->entries, &at)) != NULL; i++)
        restore_entry(session, entry, i < in_flight);
}

/* ---- What was half published ----------------------------------------------------------------------------- */

bool journal_redo_has(const struct journal_redo *redo, uint64_t number)
{
    for (uint32_t i = 0; number != 0 && i < redo->got_count; i++) {
        if (redo->got[i].number == number && !redo->got[i].picked)
            return true;
    }
    return false;
}

static bool was_picked(const struct subscriber *member, void *arg)
{
    const struct journal_redo *redo = arg;
    for (uint32_t i = 0; member->number != 0 && i < redo->got_count; i++) {
        if (redo->got[i].number == member->number && redo->got[i].picked)
            return true;
    }
    return false;
}

bool journal_redo_serves(const struct journal_redo *redo, struct route_cache *cache,
                         const struct route *route, uint32_t index)
{
    return route_share_any(cache, route, index, was_picked, (void *)(uintptr_t)redo);
}

static void publish_again(struct reactor *reactor, struct mail *mail)
{
    struct journal_replay *replay = CONTAINER_OF(mail, struct journal_replay, mail);
    if (reactor == NULL)
        return;
    struct shard *shard = reactor_user(reactor);
    uint64_t count = 0;
    for (struct journal_redo *redo = replay->redo_first; redo != NULL; redo = redo->next, count++) {
        struct publication publication;
        publication_of_message(redo->message, &publication);
        publication.redo = redo;
        const struct route *route = shard_route(shard, publication.topic, TOPIC_LEVELS_MAX);
        if (route != NULL)
            publish(shard, &publication, route);
    }
    LOG_INFO("publications completed that the end of the broker had cut", LOG_UINT("messages", count));
    replay->journal->wanted = true;
}

void journal_restored(struct journal_replay *replay, struct broker *broker)
{
    if (replay == NULL)
        return;
    journal_replay_clear(replay);
    broker->journal->replay = replay; /* hand-offs refer to what is published once more: it stays */
    if (replay->redo_first == NULL)
        return;
    replay->mail.run = publish_again;
    reactor_post(broker->shards[0].reactor, &replay->mail);
}

/* Reading the journal: from records to what waits in each session.
 *
 * Records are taken in their order, with no look ahead: messages by id, sessions by number. A record may tell of something
 * that is not there, and then means nothing: the batch that would have brought it was refused by a full disk, and its
 * publisher not acknowledged; or compaction took it away, and a STATE of the session follows, or all of it is done. (That
 * nothing else is missing is the log's to check.) A record that cannot be read is an error.
 *
 * A message that was published at QoS 2 is remembered with everyone who got it until all reactors that it was handed to
 * have answered. What is left of these at the end was published on some reactors only, and its publisher, who has got no
 * PUBREC, will send it again under an identifier that the journal knows: so it is published once more from here, to
 * those who have not got it (journal_restore.c). */
#include "broker/journal_internal.h"

#include "base/log.h"
#include "base/mem.h"

#define READ_BYTES ((size_t)4 << 20)

/* ---- What waits in a session ----------------------------------------------------------------------------- */

void replay_entry_release(struct replay_entry *entry)
{
    if (entry->message != NULL)
        message_unref(entry->message);
    mem_free(entry->ids);
    entry->message = NULL;
    entry->ids = NULL;
}

struct replay_entry *replay_entries_next(const struct replay_entries *entries, uint32_t *at)
{
    if (*at < entries->first)
        *at = entries->first;
    while (*at < entries->count) {
        struct replay_entry *entry = &entries->list[(*at)++];
        if (!entry->gone)
            return entry;
    }
    return NULL;
}

static void entries_clear(struct replay_entries *entries)
{
    struct replay_entry *entry;
    for (uint32_t at = 0; (entry = replay_entries_next(entries, &at)) != NULL;)
        replay_entry_release(entry);
    mem_free(entries->list);
    *entries = (struct replay_entries){0};
}

/* Closes the gaps if they are at least half of the list. */
static void make_room(struct replay_entries *entries)
{
    if (entries->count < entries->cap)
        return;
    if (entries->left <= entries->cap / 2) {
        uint32_t kept = 0;
        for (uint32_t i = entries->first; i < entries->count; i++) {
            if (!entries->list[i].gone)
                entries->list[kept++] = entries->list[i];
        }
        entries->first = 0;
        entries->count = kept;
    }
    if (entries->count < entries->cap)
        return;
    entries->cap = entries->cap > 0 ? entries->cap * 2 : 8;
    entries->list = mem_realloc(entries->list, entries->cap * sizeof(*entries->list));
}

static void entries_add(struct replay_entries *entries, const struct replay_entry *entry)
{
    make_room(entries);
    entries->list[entries->count++] = *entry;
    entries->left++;
}

static void entries_remove(struct replay_entries *entries, struct replay_entry *entry)
{
    replay_entry_release(entry);
    entry->gone = true;
    entries->left--;
    while (entries->first < entries->count && entries->list[entries->first].gone)
        entries->first++;
}

static struct replay_entry *by_packet_id(const struct replay_entries *entries, uint16_t packet_id)
{
    struct replay_entry *entry;
    for (uint32_t at = 0; (entry = replay_entries_next(entries, &at)) != NULL;) {
        if (entry->packet_id == packet_id)
            return entry;
    }
    return NULL;
}

/* The first of the message that has no packet identifier yet. qos 0: any. */
static struct replay_entry *by_message(const struct replay_entries *entries, uint64_t id, uint8_t qos)
{
    struct replay_entry *entry;
    for (uint32_t at = 0; (entry = replay_entries_next(entries, &at)) != NULL;) {
        if (entry->id == id && entry->packet_id == 0 && (qos == 0 || entry->qos == qos))
            return entry;
    }
    return NULL;
}

/* ---- The tables ------------------------------------------------------------------------------------------ */

static bool message_has_id(const void *item, const void *key)
{
    const struct message *message = item;
    return atomic_load_explicit(&message->journal_id, memory_order_relaxed) == *(const uint64_t *)key;
}

static bool session_has_number(const void *item, const void *key)
{
    return ((const struct replay_session *)item)->number == *(const uint64_t *)key;
}

static bool redo_has_id(const void *item, const void *key)
{
    return ((const struct journal_redo *)item)->id == *(const uint64_t *)key;
}

static struct message *find_message(const struct journal_replay *replay, uint64_t id)
{
    return map_find(&replay->messages, hash_u64(id), message_has_id, &id);
}

struct replay_session *journal_replay_session(struct journal_replay *replay, uint64_t number)
{
    return map_find(&replay->sessions, hash_u64(number), session_has_number, &number);
}

static struct replay_session *session_of(struct journal_replay *replay, uint64_t number)
{
    struct replay_session *session = journal_replay_session(replay, number);
    if (session != NULL)
        return session;
    session = mem_zalloc(sizeof(*session));
    session->number = number;
    map_insert(&replay->sessions, hash_u64(number), session);
    if (number > replay->largest_number)
        replay->largest_number = number;
    return session;
}

static struct journal_redo *find_redo(const struct journal_replay *replay, uint64_t id)
{
    return replay->redos.count > 0 ? map_find(&replay->redos, hash_u64(id), redo_has_id, &id) : NULL;
}

void journal_redo_free(struct journal_redo *redo)
{
    message_unref(redo->message);
    mem_free(redo->got);
    mem_free(redo);
}

static void redo_add(struct journal_replay *replay, const struct journal_message *from,
                     struct message *message)
{
    if (from->packet_id == 0 || from->expected == 0 || find_redo(replay, from->id) != NULL)
        return;
    struct journal_redo *redo = mem_zalloc(sizeof(*redo));
    redo->message = message_ref(message);
    redo->id = from->id;
    redo->number = from->number;
    redo->packet_id = from->packet_id;
    redo->expected = from->expected;
    map_insert(&replay->redos, hash_u64(redo->id), redo);
    if (replay->redo_last != NULL)
        replay->redo_last->next = redo;
    else
        replay->redo_first = redo;
    replay->redo_last = redo;
}

static void redo_got(struct journal_redo *redo, uint64_t number, bool picked)
{
    if (redo->got_count == redo->got_cap) {
        redo->got_cap = redo->got_cap > 0 ? redo->got_cap * 2 : 8;
        redo->got = mem_realloc(redo->got, redo->got_cap * sizeof(*redo->got));
    }
    redo->got[redo->got_count].number = number;
    redo->got[redo->got_count++].picked = picked;
}

/* They stand in order of their beginning, and nearly all end soon: the list is short. */
static void redo_remove(struct journal_replay *replay, struct journal_redo *redo)
{
    struct journal_redo **at = &replay->redo_first, *former = NULL;
    for (; *at != redo; at = &(*at)->next)
        former = *at;
    *at = redo->next;
    if (replay->redo_last == redo)
        replay->redo_last = former;
    map_remove_item(&replay->redos, hash_u64(redo->id), redo);
    journal_redo_free(redo);
}

/* ---- Records --------------------------------------------------------------------------------------------- */

static void read_entries(struct journal_replay *replay, struct journal_reader *reader, uint64_t id,
                         struct message *message)
{
    struct journal_redo *redo = find_redo(replay, id);
    struct journal_entry from;
    uint64_t number = 0;
    while (journal_get_entry(reader, &number, message != NULL ? message->qos : 1, &from)) {
        if (message == NULL) {
            mem_free(from.ids);
            continue;
        }
        const struct replay_entry entry = {
            .message = message_ref(message),
            .id = id,
            .ids = from.ids,
            .packet_id = from.packet_id,
            .qos = from.qos,
            .retain = from.retain,
        };
        entries_add(&session_of(replay, from.key)->entries, &entry);
        if (redo != NULL)
            redo_got(redo, from.key, from.picked);
    }
}

static bool props_are_valid(const struct journal_message *from)
{
    struct mqtt_properties properties;
    return mqtt_properties_decode((const uint8_t *)from->props.data, from->props.len, MQTT_LIST_PUBLISH,
                                  &properties) == MQTT_SUCCESS;
}

static void read_message(struct journal_replay *replay, struct journal_reader *reader)
{
    struct journal_message from;
    journal_get_message(reader, &from);
    if (!reader->bad && !props_are_valid(&from))
        reader->bad = true;
    if (reader->bad)
        return;
    if (from.id / REACTORS_MAX >= replay->next_message)
        replay->next_message = from.id / REACTORS_MAX + 1;
    struct message *message = find_message(replay, from.id);
    if (message == NULL) {
        const struct publication parts = {
            .topic = from.topic,
            .props = from.props,
            .payload = from.payload,
            .qos = from.qos,
            .retain = from.retain,
            .expiry_at = from.expiry_at,
            .expires_ms = from.expires_ms,
            .journal_id = from.id,
        };
        message = message_new(&parts);
        map_insert(&replay->messages, hash_u64(from.id), message);
    }
    if (from.packet_id != 0)
        packet_id_set_add(&session_of(replay, from.number)->received, from.packet_id, from.exchange);
    redo_add(replay, &from, message);
    read_entries(replay, reader, from.id, message);
}

static void read_enqueue(struct journal_replay *replay, struct journal_reader *reader)
{
    uint64_t id = journal_get_number(reader);
    uint8_t flags = journal_get_byte(reader);
    if (flags > JOURNAL_ENQUEUE_ANSWER)
        reader->bad = true;
    read_entries(replay, reader, id, find_message(replay, id));
    struct journal_redo *redo = find_redo(replay, id);
    if (redo != NULL && (flags & JOURNAL_ENQUEUE_ANSWER) != 0 && ++redo->answers == redo->expected)
        redo_remove(replay, redo);
}

static uint16_t get_packet_id(struct journal_reader *reader)
{
    uint16_t packet_id = (uint16_t)journal_get_below(reader, UINT16_MAX + 1);
    if (packet_id == 0)
        reader->bad = true;
    return packet_id;
}

static void read_sent(struct journal_reader *reader, struct replay_session *session)
{
    uint64_t id = journal_get_number(reader);
    uint16_t packet_id = get_packet_id(reader);
    if (reader->bad)
        return;
    struct replay_entry *former = by_packet_id(&session->entries, packet_id);
    if (former != NULL) /* its end was not written */
        entries_remove(&session->entries, former);
    struct replay_entry *entry = by_message(&session->entries, id, 2);
    if (entry != NULL)
        entry->packet_id = packet_id;
    else if (id == 0) /* of a feed */
        entries_add(&session->entries, &(struct replay_entry){.packet_id = packet_id, .qos = 2});
}

static void read_done(struct journal_replay *replay, struct journal_reader *reader)
{
    uint64_t number = 0, id = 0;
    while (!reader->bad && !journal_reader_ends(reader)) {
        journal_get_difference(reader, &number);
        journal_get_difference(reader, &id);
        struct replay_session *session = reader->bad ? NULL : journal_replay_session(replay, number);
        struct replay_entry *entry = session != NULL ? by_message(&session->entries, id, 0) : NULL;
        if (entry != NULL)
            entries_remove(&session->entries, entry);
    }
}

/* RELEASED, FINISHED, RECEIVED, COMPLETED: one packet identifier of one session. */
static void read_exchange(struct journal_reader *reader, enum journal_kind kind,
                          struct replay_session *session)
{
    uint16_t packet_id = get_packet_id(reader);
    uint32_t exchange = kind == JOURNAL_RECEIVED ? journal_get_exchange(reader) : 0;
    if (reader->bad)
        return;
    struct replay_entry *entry = by_packet_id(&session->entries, packet_id);
    switch (kind) {
    case JOURNAL_RELEASED:
        if (entry != NULL)
            replay_entry_release(entry);
        break;
    case JOURNAL_FINISHED:
        if (entry != NULL)
            entries_remove(&session->entries, entry);
        break;
    case JOURNAL_RECEIVED: packet_id_set_add(&session->received, packet_id, exchange); break;
    case JOURNAL_COMPLETED: packet_id_set_remove(&session->received, packet_id); break;
    default: assert(false);
    }
}

static void state_begin(struct replay_session *session, struct journal_reader *reader)
{
    entries_clear(&session->new_entries);
    packet_id_set_clear(&session->new_received);
    session->in_state = true;
    uint32_t last = journal_get_exchange(reader);
    uint64_t count = journal_get_below(reader, UINT16_MAX + 1);
    for (; count > 0 && !reader->bad; count--) {
        uint16_t packet_id = get_packet_id(reader);
        uint32_t exchange = journal_get_exchange(reader);
        if (!reader->bad)
            packet_id_set_add(&session->new_received, packet_id, exchange);
    }
    session->new_received.last_exchange = last;
}

static void state_end(struct replay_session *session)
{
    entries_clear(&session->entries);
    packet_id_set_clear(&session->received);
    session->entries = session->new_entries;
    session->received = session->new_received;
    session->new_entries = (struct replay_entries){0};
    session->new_received = (struct packet_id_set){0};
    session->in_state = false;
}

static void read_state(struct journal_replay *replay, struct journal_reader *reader,
                       struct replay_session *session)
{
    uint8_t flags = journal_get_byte(reader);
    if (flags > (JOURNAL_STATE_FIRST | JOURNAL_STATE_LAST))
        reader->bad = true;
    if ((flags & JOURNAL_STATE_FIRST) != 0)
        state_begin(session, reader);
    struct journal_entry from;
    uint64_t id = 0;
    while (journal_get_entry(reader, &id, JOURNAL_STATE_QOS, &from)) {
        struct message *message = from.released ? NULL : find_message(replay, from.key);
        if (!session->in_state || (message == NULL && !from.released)) {
            mem_free(from.ids);
            continue;
        }
        const struct replay_entry entry = {
            .message = message != NULL ? message_ref(message) : NULL,
            .id = from.key,
            .ids = from.ids,
            .packet_id = from.packet_id,
            .qos = from.qos,
            .retain = from.retain,
        };
        entries_add(&session->new_entries, &entry);
    }
    if (!reader->bad && session->in_state && (flags & JOURNAL_STATE_LAST) != 0)
        state_end(session);
}

static bool bad_record(struct error *err, const char *what)
{
    error_set(err, ERR_CORRUPT, "a record that is not readable (%s)", what);
    return false;
}

bool journal_replay_record(struct journal_replay *replay, struct str record, struct error *err)
{
    struct journal_reader reader = journal_reader_of(record);
    uint8_t kind = journal_get_byte(&reader);
    if (reader.bad)
        return bad_record(err, "it is empty");
    if (kind == 0 || kind > JOURNAL_STATE)
        return error_set(err, ERR_UNSUPPORTED, "a record of kind %u, as a later version may write it", kind);
    if (kind == JOURNAL_MESSAGE)
        read_message(replay, &reader);
    else if (kind == JOURNAL_ENQUEUE)
        read_enqueue(replay, &reader);
    else if (kind == JOURNAL_DONE)
        read_done(replay, &reader);
    else {
        struct replay_session *session = session_of(replay, journal_get_number(&reader));
        if (kind == JOURNAL_SENT)
            read_sent(&reader, session);
        else if (kind == JOURNAL_STATE)
            read_state(replay, &reader, session);
        else
            read_exchange(&reader, (enum journal_kind)kind, session);
    }
    if (reader.bad || !journal_reader_ends(&reader))
        return bad_record(err, "its content is not what its kind says");
    return true;
}

/* ---- The whole ------------------------------------------------------------------------------------------- */

struct journal_replay *journal_replay_new(void)
{
    struct journal_replay *replay = mem_zalloc(sizeof(*replay));
    replay->next_message = 1;
    return replay;
}

void replay_session_free(struct replay_session *session)
{
    entries_clear(&session->entries);
    entries_clear(&session->new_entries);
    packet_id_set_clear(&session->received);
    packet_id_set_clear(&session->new_received);
    mem_free(session);
}

void journal_replay_clear(struct journal_replay *replay)
{
    struct replay_session *session;
    for (size_t i = 0; (session = map_next(&replay->sessions, &i)) != NULL;)
        replay_session_free(session);
    struct message *message;
    for (size_t i = 0; (message = map_next(&replay->messages, &i)) != NULL;)
        message_unref(message);
    map_free(&replay->sessions);
    map_free(&replay->messages);
}

void journal_replay_free(struct journal_replay *replay)
{
    if (replay == NULL)
        return;
    journal_replay_clear(replay);
    while (replay->redo_first != NULL) {
        struct journal_redo *redo = replay->redo_first;
        replay->redo_first = redo->next;
        journal_redo_free(redo);
    }
    map_free(&replay->redos);
    mem_free(replay);
}

static bool replay_chunk(struct journal_replay *replay, struct log_chunk *chunk, uint64_t *offset,
                         struct error *err)
{
    struct log_cursor cursor;
    struct log_record record;
    log_cursor_init(&cursor, chunk, *offset);
    while (log_cursor_next(&cursor, &record)) {
        if (!journal_replay_record(replay, record.data, err))
            return error_wrap(err, "record %llu", (unsigned long long)record.offset);
    }
    *offset = chunk->next_offset;
    return true;
}

static bool replay_all(struct journal_replay *replay, struct log *log, struct error *err)
{
    struct log_bounds bounds;
    log_bounds(log, &bounds);
    for (uint64_t offset = bounds.first; offset < bounds.next;) {
        struct log_chunk *chunk;
        if (log_read(log, offset, READ_BYTES, 0, &chunk, err) != LOG_READ)
            return false;
        bool ok = replay_chunk(replay, chunk, &offset, err);
        log_chunk_unref(chunk);
        if (!ok)
            return false;
    }
    return true;
}

struct journal_replay *journal_replay(struct journal *journal, struct error *err)
{
    struct journal_replay *replay = journal_replay_new();
    replay->journal = journal;
    if (replay_all(replay, journal->log, err))
        return replay;
    journal_replay_free(replay);
    error_wrap(err, "the journal of sessions in %s", journal->dir);
    error_hint(
        err,
        "restore that directory from a backup, or move it away: sessions then start without what waited");
    return NULL;
}

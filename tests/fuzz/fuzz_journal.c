/* Any bytes as a journal of sessions: what does not read is an error, and whatever does leaves sessions that are sound:
 * their entries have a message or an exchange, and their packet identifiers are their own.
 *
 * Input: records, each with two bytes of length (big-endian) before it. */
#include "base/mem.h"
#include "broker/journal_internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool claim)
{
    if (!claim)
        abort();
}

static void check_entries(const struct replay_entries *entries)
{
    static uint8_t taken[65536];
    struct replay_entry *entry;
    uint32_t count = 0;
    for (uint32_t at = 0; (entry = replay_entries_next(entries, &at)) != NULL; count++) {
        must(entry->qos == 1 || entry->qos == 2);
        must(entry->message != NULL || entry->packet_id != 0);
        must(entry->packet_id == 0 || entry->qos == 2);
        taken[entry->packet_id] = 1;
        if (entry->message == NULL)
            continue;
        struct publication publication;
        publication_of_message(entry->message, &publication);
        must(publication.topic.len > 0);
        must(publication.expiry_at == 0 || publication.expiry_at + 4 <= publication.props.len);
        must(publication.journal_id == entry->id);
    }
    must(count == entries->left);
    for (uint32_t at = 0; (entry = replay_entries_next(entries, &at)) != NULL;)
        taken[entry->packet_id] = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct journal_replay *replay = journal_replay_new();
    struct error err;
    bool reads = true;
    while (reads && len >= 2) {
        size_t bytes = (size_t)data[0] << 8 | data[1];
        bytes = bytes < len - 2 ? bytes : len - 2;
        /* A copy of its own, so that reading beyond it is seen. */
        struct str record = str_make(mem_dup(data + 2, bytes), bytes);
        reads = journal_replay_record(replay, record, &err);
        must(reads || err.code == ERR_CORRUPT || err.code == ERR_UNSUPPORTED);
        mem_free((char *)(uintptr_t)record.data);
        data += 2 + bytes;
        len -= 2 + bytes;
    }
    struct replay_session *session;
    for (size_t i = 0; (session = map_next(&replay->sessions, &i)) != NULL;) {
        check_entries(&session->entries);
        check_entries(&session->new_entries);
    }
    for (const struct journal_redo *redo = replay->redo_first; redo != NULL; redo = redo->next)
        must(redo->answers < redo->expected);
    journal_replay_free(replay);
    return 0;
}

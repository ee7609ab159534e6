/* What tests of durable sessions share: a broker with a journal, and what its sessions hold as text, as memory has it and
 * as the journal tells it:
 *
 *     7: a/1=x q1, a/2=y q2 #3, q2 #4 released; received 5 6
 */
#ifndef TESTS_BROKER_JOURNAL_SITE_H
#define TESTS_BROKER_JOURNAL_SITE_H

#include "broker_test.h"

#include "base/clock.h"
#include "broker/journal_internal.h"

/* ---- Quiet ----------------------------------------------------------------------------------------------- */

struct idleness {
    bool idle;
    char why_not[160];
};

static inline void is_idle(struct shard *shard, void *arg)
{
    struct idleness *out = arg;
    const struct shard_journal *sj = shard->journal;
    size_t handed = atomic_load(&shard->handed_bytes);
    size_t disk =
        atomic_load(&shard->disk_bytes); /* of the catalog, too: SUBACK waits, retained messages follow it */
    bool searching = !list_empty(&shard->searching);
    bool boxes = false;
    for (unsigned i = 0; i < shard->broker->shard_count; i++)
        boxes |= shard->outbox[i] != NULL;
    bool snapshot = shard->index == 0 && sj->journal->snapshot.active;
    if (sj->submitted == 0 && sj->batch == NULL && sj->done.len == 0 && handed == 0 && disk == 0 &&
        !searching && !boxes && !snapshot)
        return;
    out->idle = false;
    snprintf(out->why_not, sizeof(out->why_not),
             "shard %u: %u submitted, batch %d, done %zu, handed %zu, disk %zu, outbox %d, snapshot %d",
             shard->index, sj->submitted, sj->batch != NULL, sj->done.len, handed, disk, boxes, snapshot);
}

static inline bool all_are_idle(const struct site *site, struct idleness *out)
{
    *out = (struct idleness){.idle = true};
    for (unsigned round = 0; round < 2 && out->idle; round++) {
        for (unsigned i = 0; i < site->broker->shard_count; i++)
            on_shard(site, i, is_idle, out);
    }
    return out->idle;
}

/* What clients have said so far is handled and on disk. */
static inline void site_settle(const struct site *site)
{
    struct idleness idleness;
    int64_t end_ms = clock_mono_ms() + PATIENCE_S * 1000;
    while (!all_are_idle(site, &idleness)) {
        if (clock_mono_ms() > end_ms)
            fail_msg("not idle after %d s: %s", PATIENCE_S, idleness.why_not);
        usleep(1000);
    }
}

static inline void want_snapshot(struct shard *shard, void *arg)
{
    (void)arg;
    shard->journal->journal->wanted = true;
    journal_tick(shard);
}

/* Compacts the journal now. */
static inline void site_compact(const struct site *site)
{
    site_settle(site);
    on_shard(site, 0, want_snapshot, NULL);
    site_settle(site);
}

static inline struct log_bounds journal_bounds(const struct site *site)
{
    struct log_bounds bounds;
    log_bounds(site->broker->journal->log, &bounds);
    return bounds;
}

/* ---- What sessions hold ---------------------------------------------------------------------------------- */

#define HOLDERS_MAX 1000

struct holdings {
    struct {
        uint64_t number;
        char *text;
    } of[HOLDERS_MAX];
    size_t count;
};

static inline void holdings_free(struct holdings *holdings)
{
    for (size_t i = 0; i < holdings->count; i++)
        mem_free(holdings->of[i].text);
    holdings->count = 0;
}

static inline int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Without order, and without what tells two deliveries of one message apart. */
static inline void holdings_loosen(struct holdings *holdings)
{
    for (size_t i = 0; i < holdings->count; i++) {
        char *parts[1000], *rest = holdings->of[i].text, *received = strstr(rest, "; received");
        struct buf text = {0};
        size_t count = 0;
        if (received != NULL)
            buf_append_str(&text, str_of(received));
        if (received != NULL)
            *received = '\0';
        for (char *part; (part = strsep(&rest, ",")) != NULL;) {
            char *flags = strstr(part, " q");
            if (flags != NULL && strncmp(flags, " q2 #", 5) != 0)
                *flags = '\0';
            assert_true(count < LENGTH(parts));
            parts[count++] = part + (*part == ' ');
        }
        qsort(parts, count, sizeof(*parts), by_text);
        for (size_t k = 0; k < count; k++)
            buf_printf(&text, ", %s", parts[k]);
        char *loose = mem_strdup(buf_cstr(&text));
        mem_free(holdings->of[i].text);
        holdings->of[i].text = loose;
        buf_free(&text);
    }
}

/* Without packet identifiers, but of what is released: what the queue has no room for gets one at a start. */
static inline void holdings_drop_ids(struct holdings *holdings)
{
    for (size_t i = 0; i < holdings->count; i++) {
        for (char *at = holdings->of[i].text; (at = strstr(at, " #")) != NULL; at++) {
            size_t digits = strspn(at + 2, "0123456789");
            if (strncmp(at + 2 + digits, " released", 9) != 0)
                memmove(at, at + 2 + digits, strlen(at + 2 + digits) + 1);
        }
    }
}

static inline void holdings_add(struct holdings *holdings, uint64_t number, struct buf *text)
{
    assert_true(holdings->count < HOLDERS_MAX);
    size_t at = holdings->count++;
    for (; at > 0 && holdings->of[at - 1].number > number; at--)
        holdings->of[at] = holdings->of[at - 1];
    holdings->of[at].number = number;
    holdings->of[at].text = mem_strdup(buf_cstr(text));
}

static inline void put_held(struct buf *text, const struct message *message, const uint32_t *ids, uint8_t qos,
                            bool retain, uint16_t packet_id)
{
    buf_append_str(text, text->len > 0 ? STR(", ") : STR(""));
    if (message != NULL) {
        struct publication publication;
        publication_of_message((struct message *)(uintptr_t)message, &publication);
        buf_printf(text, "%.*s=%.*s ", STR_ARG(publication.topic), (int)(publication.payload.len % 40),
                   publication.payload.data);
    }
    buf_printf(text, "q%u", qos);
    if (qos == 2 && packet_id != 0)
        buf_printf(text, " #%u", packet_id);
    if (retain && message != NULL)
        buf_append_str(text, STR(" retain"));
    for (uint32_t i = 1; ids != NULL && i <= ids[0]; i++)
        buf_printf(text, " id %u", ids[i]);
    if (message == NULL)
        buf_append_str(text, STR(" released"));
}

static inline void put_received(struct buf *text, const struct packet_id_set *set)
{
    for (uint32_t i = 0; i < set->count; i++)
        buf_printf(text, "%s%u (%u)", i == 0 ? "; received " : " ", set->ids[i].id, set->ids[i].exchange);
    if (set->last_exchange != 0)
        buf_printf(text, "; %u exchanges", set->last_exchange);
}

static inline void put_in_flight_text(struct inflight_entry *entry, void *arg)
{
    if (entry->feed == NULL)
        put_held(arg, entry->message, entry->ids, entry->qos, entry->retain, entry->packet_id);
}

static inline void hold_on_shard(struct shard *shard, void *arg)
{
    struct holdings *holdings = arg;
    struct session *session;
    for (size_t i = 0; (session = map_next(&shard->sessions, &i)) != NULL;) {
        struct buf text = {0};
        if (!session_is_durable(session))
            continue;
        inflight_each(&session->inflight, put_in_flight_text, &text);
        for (uint32_t k = 0; k < session->queue.count; k++) {
            const struct outgoing *outgoing = session_queue_at(&session->queue, k);
            if (outgoing->qos > 0)
                put_held(&text, outgoing->message, outgoing->ids, outgoing->qos, outgoing->retain, 0);
        }
        put_received(&text, &session->received);
        holdings_add(holdings, session->subscriber.number, &text);
        buf_free(&text);
    }
}

static inline void hold_in_memory(const struct site *site, struct holdings *out)
{
    out->count = 0;
    for (unsigned i = 0; i < site->broker->shard_count; i++)
        on_shard(site, i, hold_on_shard, out);
}

/* Of the sessions that memory has, too. */
static inline void hold_in_replay(struct journal_replay *replay, const struct holdings *memory,
                                  struct holdings *out)
{
    out->count = 0;
    for (size_t i = 0; i < memory->count; i++) {
        struct replay_session *session = journal_replay_session(replay, memory->of[i].number);
        struct replay_entry *entry;
        struct buf text = {0};
        for (uint32_t at = 0;
             session != NULL && (entry = replay_entries_next(&session->entries, &at)) != NULL;)
            put_held(&text, entry->message, entry->ids, entry->qos, entry->retain, entry->packet_id);
        if (session != NULL)
            put_received(&text, &session->received);
        holdings_add(out, memory->of[i].number, &text);
        buf_free(&text);
    }
}

static inline void holdings_equal(const struct holdings *expected, const struct holdings *got,
                                  const char *what)
{
    assert_int_equal(expected->count, got->count);
    for (size_t i = 0; i < expected->count; i++) {
        const char *holds = expected->of[i].text, *says = got->of[i].text;
        size_t same = 0; /* long texts: from shortly before the difference on */
        while (holds[same] != '\0' && holds[same] == says[same])
            same++;
        same = same > 40 ? same - 40 : 0;
        if (expected->of[i].number != got->of[i].number || strcmp(holds, says) != 0)
            fail_msg("%s: session %" PRIu64 "\nholds    %.300s\nit says  %.300s", what,
                     expected->of[i].number, holds + same, says + same);
    }
}

/* The journal tells what the sessions hold. loose: some may have one message twice. */
static inline void check_journal(const struct site *site, bool loose)
{
    static struct holdings memory, told;
    struct error err;
    site_settle(site);
    hold_in_memory(site, &memory);
    struct journal_replay *replay = journal_replay(site->broker->journal, &err);
    if (replay == NULL)
        fail_msg("%s", err.text);
    hold_in_replay(replay, &memory, &told);
    if (loose) {
        holdings_loosen(&memory);
        holdings_loosen(&told);
    }
    holdings_equal(&memory, &told, "the journal");
    assert_null(replay->redo_first);
    journal_replay_free(replay);
    holdings_free(&memory);
    holdings_free(&told);
}

#endif

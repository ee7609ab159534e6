/* Readers: `$station/<name>…` without a group. A feed on its session's reactor, which reads the log from a place of its
 * own; the station knows nothing of it.
 *
 *   pull()     records that match the filter, from the chunk in hand, are given to the client under their own topics
 *   settled()  the client has one: what is acknowledged without a gap is the position
 *
 * In flight is what was given and is not settled: a ring, in the order of the offsets. The position is the oldest of it,
 * or, when there is none, the next record to be looked at. A persistent session's position is stored, never ahead of that. */
#include "station/source.h"
#include "station/station_internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>

#define CHUNK_BYTES     ((size_t)256 << 10)
#define LOOKED_PER_PULL 256 /* records, matching or not */
#define RING_MIN        16

struct given {
    uint64_t offset;
    bool settled;
};

struct reader {
    struct station_feed base; /* first */
    struct source source;
    char *filter;              /* within the station; NULL: all */
    struct position *position; /* NULL: it ends with the session */
    struct log_chunk *chunk;
    struct log_cursor cursor;
    uint64_t next; /* the next record to be looked at */
    int64_t start_ms;
    bool finding; /* `next` is not known yet: start_ms is looked for */
    /* In flight: ring[i & (ring_cap - 1)] for i from first_tag to next_tag; a tag is such an i. */
    struct given *ring;
    uint32_t ring_cap;
    uint64_t first_tag;
    uint64_t next_tag;
    uint64_t stored_next; /* what position_move() was told last */
    uint32_t unsaid;      /* settled since somebody was told to hurry */
};

/* ---- In flight ------------------------------------------------------------------------------------------- */

static struct given *ring_at(struct reader *reader, uint64_t tag)
{
    return &reader->ring[tag & (reader->ring_cap - 1)];
}

static uint64_t ring_push(struct reader *reader, uint64_t offset)
{
    if (reader->next_tag - reader->first_tag == reader->ring_cap) {
        uint32_t cap = reader->ring_cap > 0 ? 2 * reader->ring_cap : RING_MIN;
        struct given *ring = mem_alloc(cap * sizeof(*ring));
        for (uint64_t tag = reader->first_tag; tag != reader->next_tag; tag++)
            ring[tag & (cap - 1)] = *ring_at(reader, tag);
        mem_free(reader->ring);
        reader->ring = ring;
        reader->ring_cap = cap;
    }
    *ring_at(reader, reader->next_tag) = (struct given){.offset = offset};
    return reader->next_tag++;
}

static uint64_t acknowledged(struct reader *reader)
{
    return reader->first_tag == reader->next_tag ? reader->next : ring_at(reader, reader->first_tag)->offset;
}

static void tell_position(struct reader *reader)
{
    if (reader->position == NULL || reader->finding || station_is_closed(reader->base.station))
        return; /* a station that is deleted may come again by its name: with other offsets */
    uint64_t offset = acknowledged(reader);
    if (offset == reader->stored_next)
        return;
    bool urgent = reader->unsaid >= POSITIONS_LAG_MESSAGES / 2;
    if (urgent)
        reader->unsaid = 0;
    reader->stored_next = offset;
    position_move(reader->position, offset, urgent);
}

static void settled(struct feed *feed, uint64_t tag, uint8_t reason)
{
    struct reader *reader = (struct reader *)feed;
    (void)reason; /* who refuses a message does not want it: there is nobody else to have it */
    assert(tag - reader->first_tag < reader->next_tag - reader->first_tag);
    ring_at(reader, tag)->settled = true;
    reader->unsaid++;
    while (reader->first_tag != reader->next_tag && ring_at(reader, reader->first_tag)->settled)
        reader->first_tag++;
    tell_position(reader);
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

static void drop_chunk(struct reader *reader)
{
    log_chunk_unref(reader->chunk);
    reader->chunk = NULL;
}

static bool find_start(struct reader *reader)
{
    if (!reader->finding)
        return true;
    if (source_find(&reader->source, reader->start_ms, &reader->next) != SOURCE_READ)
        return false;
    reader->finding = false;
    tell_position(reader);
    return true;
}

/* Takes the next chunk. False: ready() comes, or nothing any more. */
static bool refill(struct reader *reader)
{
    drop_chunk(reader);
    for (;;) {
        uint64_t first;
        switch (source_read(&reader->source, reader->next, CHUNK_BYTES, &reader->chunk, &first)) {
        case SOURCE_READ: log_cursor_init(&reader->cursor, reader->chunk, reader->next); return true;
        case SOURCE_TRIMMED: reader->next = first; break;
        case SOURCE_LATER:
        case SOURCE_GONE: return false;
        }
    }
}

static bool matches(const char *filter, struct str record)
{
    struct str topic;
    return filter == NULL || (envelope_topic(record, &topic) && topic_matches(str_of(filter), topic));
}

static void give(struct reader *reader, const struct log_record *record)
{
    struct publication publication;
    int64_t now_ms = reactor_wall_ms(reader->base.post->reactor);
    if (!publish_record(reader->base.post, reader->base.station, record, now_ms, &publication))
        return;
    feed_give(&reader->base.feed, &publication, ring_push(reader, record->offset));
    publication_end(&publication);
}

static bool pull(struct feed *feed, uint32_t most)
{
    struct reader *reader = (struct reader *)feed;
    bool more = find_start(reader);
    uint32_t given = 0;
    for (uint32_t looked = 0; more && given < most && looked < LOOKED_PER_PULL; looked++) {
        struct log_record record;
        if (reader->chunk == NULL || !log_cursor_next(&reader->cursor, &record)) {
            more = refill(reader);
            continue;
        }
        reader->next = record.offset + 1;
        if (!matches(reader->filter, record.data))
            continue;
        uint64_t before = reader->next_tag;
        give(reader, &record);
        given += reader->next_tag != before;
    }
    tell_position(reader); /* what does not match is passed over, too */
    return more;
}

static void ready(struct source *source)
{
    feed_ready(&CONTAINER_OF(source, struct reader, source)->base.feed);
}

static void presence(struct feed *feed, bool here)
{
    (void)feed; /* what is in flight is sent again by the session */
    (void)here;
}

/* ---- Life ------------------------------------------------------------------------------------------------ */

static void ended(struct source *source)
{
    struct reader *reader = CONTAINER_OF(source, struct reader, source);
    drop_chunk(reader);
    station_unref(reader->base.station);
    mem_free(reader->ring);
    mem_free(reader->filter);
    mem_free(reader);
}

static void close_reader(struct feed *feed, enum feed_end why)
{
    struct reader *reader = (struct reader *)feed;
    atomic_fetch_sub_explicit(&reader->base.station->readers, 1, memory_order_relaxed);
    station_feed_end(&reader->base);
    if (reader->position != NULL) {
        tell_position(reader);
        if (why == FEED_STOPPING)
            position_release(reader->position);
        else
            position_forget(reader->position);
    }
    source_end(&reader->source);
}

static const struct feed_ops reader_ops = {
    .pull = pull,
    .settled = settled,
    .presence = presence,
    .close = close_reader,
};

/* Where it goes on, or starts. */
static bool place(struct reader *reader, const struct station_filter *filter,
                  const struct feed_request *request)
{
    bool found = false;
    struct log *log = station_log_enter(reader->base.station);
    if (log == NULL)
        return false;
    struct log_bounds bounds;
    reach_bounds(reader->base.station, log, &bounds);
    station_log_leave(reader->base.station);
    struct positions *positions = &reader->base.station->all->positions;
    struct str station = str_of(reader->base.station->name);
    if (request->durable) {
        reader->position =
            position_claim(positions, POSITION_READER, station, request->client_id, request->filter, &found);
    }
    reader->stored_next = UINT64_MAX;
    if (found) {
        reader->next = atomic_load_explicit(&reader->position->offset, memory_order_relaxed);
        reader->stored_next = reader->next;
    } else if (filter->start.kind == START_TIME) {
        reader->finding = true;
        reader->start_ms = filter->start.time_ms;
    } else {
        reader->next = station_start_offset(&filter->start, &bounds);
        tell_position(reader);
    }
    return true;
}

struct feed *reader_open(struct station *station, const struct feed_request *request,
                         const struct station_filter *filter, uint8_t *reason, const char **why)
{
    struct reader *reader = mem_zalloc(sizeof(*reader));
    struct post *post = stations_post(station->all, request->reactor);
    station_feed_init(&reader->base, &reader_ops, post, station, filter, request);
    reader->filter = filter->filter.len > 0 ? str_dup(filter->filter) : NULL;
    source_init(&reader->source, station, request->reactor, ready, ended);
    if (!place(reader, filter, request)) {
        *reason = MQTT_UNSPECIFIED_ERROR;
        *why = "the station cannot be read";
        station_feed_end(&reader->base);
        ended(&reader->source);
        return NULL;
    }
    atomic_fetch_add_explicit(&station->readers, 1, memory_order_relaxed);
    return &reader->base.feed;
}

/* The state of a group on the reactor that owns it: who gets what. See consumer.h for how it talks to its members.
 *
 * consumer_serve() is called whenever something may be given out: a member takes more, something was acknowledged or is to
 * come again, the log has more. It goes round the members that take messages and gives each a run: one message when few
 * are there, so that all work; up to RUN_MAX when many are, so that a run is one mail.
 *
 * What is to be delivered again goes first, then what is new, up to max_ack_pending. A message that is expelled or has
 * expired meanwhile is settled. The position is stored after every change, POSITIONS_LAG_MS later or sooner. */
#include "station/consumer.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "mqtt/topic.h"

#define CHUNK_BYTES     ((size_t)256 << 10)
#define OLD_CHUNK_BYTES ((size_t)32 << 10)
#define RUN_MAX         64
#define GIVEN_PER_TURN  2048
#define LOOKED_PER_TURN 2048 /* records that are passed over */

/* ---- Positions ------------------------------------------------------------------------------------------- */

static void show(struct consumer *consumer)
{
    const struct group *group = &consumer->group;
    uint64_t acked = group_acked(group);
    bool advanced = acked != atomic_load_explicit(&consumer->acked, memory_order_relaxed);
    atomic_store_explicit(&consumer->acked, acked, memory_order_relaxed);
    atomic_store_explicit(&consumer->next, group->next, memory_order_relaxed);
    atomic_store_explicit(&consumer->pending, group->pending_count, memory_order_relaxed);
    atomic_store_explicit(&consumer->delivered, group->delivered, memory_order_relaxed);
    atomic_store_explicit(&consumer->redelivered, group->redelivered, memory_order_relaxed);
    atomic_store_explicit(&consumer->acknowledged, group->acknowledged, memory_order_relaxed);
    if (advanced)
        keeper_touch(consumer->station);
}

static void store(struct consumer *consumer, bool urgent)
{
    struct buf value = {0};
    const char *filter = consumer->filter != NULL ? consumer->filter : "";
    consumer->group.changed = false;
    consumer->unsaid = 0;
    buf_append_byte(&value, (uint8_t)strlen(filter));
    buf_append_byte(&value, (uint8_t)(strlen(filter) >> 8));
    buf_append_str(&value, str_of(filter));
    group_encode(&consumer->group, &value);
    position_set(consumer->position, buf_str(&value), urgent);
    buf_free(&value);
}

static void note_moved(struct consumer *consumer)
{
    show(consumer);
    if (!consumer->group.changed || consumer->finding)
        return;
    if (consumer->unsaid >= POSITIONS_LAG_MESSAGES / 2) {
        store(consumer, true);
        return;
    }
    if (consumer->moved)
        return;
    struct post *post = consumer->post;
    consumer->moved = true;
    list_append(&post->moved, &consumer->moved_link);
    if (!heap_contains(&post->store.node))
        timer_set(post->reactor, &post->store, reactor_now_ms(post->reactor) + POSITIONS_LAG_MS / 2);
}

void consumers_store(struct post *post)
{
    while (!list_empty(&post->moved)) {
        struct consumer *consumer = CONTAINER_OF(post->moved.next, struct consumer, moved_link);
        list_remove(&consumer->moved_link);
        consumer->moved = false;
        if (consumer->group.changed && !consumer->ended)
            store(consumer, false);
    }
}

uint64_t consumers_acked(struct station *station, const struct log_bounds *bounds)
{
    uint64_t acked = bounds->next;
    pthread_mutex_lock(&station->lock);
    if (list_empty(&station->consumers))
        acked = bounds->first;
    LIST_EACH(it, &station->consumers)
    {
        uint64_t own =
            atomic_load_explicit(&CONTAINER_OF(it, struct consumer, of_station)->acked, memory_order_relaxed);
        acked = own < acked ? own : acked;
    }
    pthread_mutex_unlock(&station->lock);
    return acked;
}

/* ---- Records --------------------------------------------------------------------------------------------- */

enum found { FOUND, FOUND_LATER, FOUND_NONE /* settled: look at the next */ };

static bool covers(const struct log_chunk *chunk, uint64_t offset)
{
    return chunk != NULL && offset >= chunk->first_offset && offset < chunk->next_offset;
}

static enum found find_old(struct consumer *consumer, uint64_t offset, struct log_record *record)
{
    struct log_cursor cursor;
    if (!covers(consumer->old_chunk, offset)) {
        uint64_t first;
        log_chunk_unref(consumer->old_chunk);
        consumer->old_chunk = NULL;
        switch (source_read(&consumer->old, offset, OLD_CHUNK_BYTES, &consumer->old_chunk, &first)) {
        case SOURCE_READ: break;
        case SOURCE_TRIMMED: group_trim(&consumer->group, first); return FOUND_NONE;
        case SOURCE_LATER:
        case SOURCE_GONE: return FOUND_LATER;
        }
    }
    log_cursor_init(&cursor, consumer->old_chunk, offset);
    if (log_cursor_next(&cursor, record) && record->offset == offset)
        return FOUND;
    group_ack(&consumer->group, offset); /* the log has no such record */
    return FOUND_NONE;
}

/* What is to be delivered again and can be read now. */
static struct pending *next_old(struct consumer *consumer, int64_t wall_ms, struct log_record *record)
{
    for (struct pending *pending; (pending = group_again(&consumer->group)) != NULL;) {
        switch (find_old(consumer, pending->offset, record)) {
        case FOUND:
            if (!record_expired(record, wall_ms))
                return pending;
            group_ack(&consumer->group, pending->offset);
            break;
        case FOUND_NONE: break;
        case FOUND_LATER: return NULL;
        }
    }
    return NULL;
}

static bool refill(struct consumer *consumer)
{
    for (;;) {
        uint64_t first;
        log_chunk_unref(consumer->chunk);
        consumer->chunk = NULL;
        switch (source_read(&consumer->fresh, consumer->group.next, CHUNK_BYTES, &consumer->chunk, &first)) {
        case SOURCE_READ:
            log_cursor_init(&consumer->cursor, consumer->chunk, consumer->group.next);
            return true;
        case SOURCE_TRIMMED: group_trim(&consumer->group, first); break;
        case SOURCE_LATER:
        case SOURCE_GONE: return false;
        }
    }
}

static bool wanted(const struct consumer *consumer, const struct log_record *record, int64_t wall_ms)
{
    struct str topic;
    return !record_expired(record, wall_ms) &&
           (consumer->filter == NULL ||
            (envelope_topic(record->data, &topic) && topic_matches(str_of(consumer->filter), topic)));
}

/* The next new message of the group. *looked counts records; false: there is none now. */
static bool next_new(struct consumer *consumer, int64_t wall_ms, struct log_record *record, unsigned *looked)
{
    uint32_t most = atomic_load_explicit(&consumer->station->max_ack_pending, memory_order_relaxed);
    if (consumer->group.pending_count >= most)
        return false;
    for (; *looked < LOOKED_PER_TURN; ++*looked) {
        if (consumer->chunk == NULL || !log_cursor_next(&consumer->cursor, record)) {
            if (!refill(consumer))
                return false;
            continue;
        }
        if (record->offset < consumer->group.next)
            continue;
        if (wanted(consumer, record, wall_ms))
            return true;
        group_skip(&consumer->group, record->offset + 1);
    }
    return false;
}

/* ---- Giving out ------------------------------------------------------------------------------------------ */

static struct member *member_at(struct list *link)
{
    return CONTAINER_OF(link, struct member, link);
}

/* How many in a row one member gets. *takers: who takes messages now. */
static uint32_t run_length(const struct consumer *consumer, unsigned takers)
{
    struct log_bounds bounds = {0};
    struct log *log = station_log_enter(consumer->station);
    if (log != NULL) {
        log_bounds(log, &bounds);
        station_log_leave(consumer->station);
    }
    uint64_t behind = bounds.next > consumer->group.next ? bounds.next - consumer->group.next : 0;
    uint64_t run = behind / takers;
    return run < 1 ? 1 : run < RUN_MAX ? (uint32_t)run : RUN_MAX;
}

static void add_item(struct consumer *consumer, struct member *member, const struct log_record *record,
                     struct log_chunk *chunk, const struct pending *pending)
{
    struct work *work = member->open;
    (void)consumer;
    if (work != NULL && (work->count == WORK_ITEMS || work->chunk != chunk)) {
        member_flush_work(member);
        work = NULL;
    }
    if (work == NULL)
        work = member_open_work(member, chunk);
    work->items[work->count++] = (struct work_item){
        .record = *record,
        .delivery = pending->deliveries,
        .deadline_ms = pending->deadline_ms,
    };
    member->want--;
}

/* One message for the member. False: there is none. */
static bool give_one(struct consumer *consumer, struct member *member, int64_t wall_ms, int64_t deadline_ms,
                     unsigned *looked)
{
    struct log_record record;
    struct pending *pending = next_old(consumer, wall_ms, &record);
    if (pending != NULL) {
        group_deliver_again(&consumer->group, pending, member->id, deadline_ms);
        add_item(consumer, member, &record, consumer->old_chunk, pending);
        return true;
    }
    if (!next_new(consumer, wall_ms, &record, looked))
        return false;
    pending = group_deliver_new(&consumer->group, record.offset, member->id, deadline_ms);
    add_item(consumer, member, &record, consumer->chunk, pending);
    return true;
}

static struct member *next_taker(struct consumer *consumer, unsigned *takers)
{
    struct member *first = NULL;
    *takers = 0;
    LIST_EACH(it, &consumer->all)
    {
        struct member *member = member_at(it);
        if (!member->here || member->want == 0)
            continue;
        ++*takers;
        if (first == NULL)
            first = member;
    }
    if (first != NULL) { /* its turn is over then */
        list_remove(&first->link);
        list_append(&consumer->all, &first->link);
    }
    return first;
}

static void go_on_later(struct consumer *consumer)
{
    if (consumer->going_on)
        return;
    consumer->going_on = true;
    consumer_ref(consumer);
    reactor_post(consumer->post->reactor, &consumer->go_on);
}

static void give_out(struct consumer *consumer)
{
    int64_t wall_ms = reactor_wall_ms(consumer->post->reactor);
    int64_t deadline_ms = reactor_now_ms(consumer->post->reactor) +
                          atomic_load_explicit(&consumer->station->ack_wait_ms, memory_order_relaxed);
    unsigned looked = 0, given = 0, takers;
    for (struct member *member; (member = next_taker(consumer, &takers)) != NULL;) {
        uint32_t run = run_length(consumer, takers);
        bool more = true;
        for (; more && run > 0 && member->want > 0; run--) {
            more = give_one(consumer, member, wall_ms, deadline_ms, &looked);
            given += more;
        }
        if (looked >= LOOKED_PER_TURN || given >= GIVEN_PER_TURN) {
            go_on_later(consumer);
            return;
        }
        if (!more)
            return;
    }
}

/* ---- Serving --------------------------------------------------------------------------------------------- */

static void expire(struct consumer *consumer)
{
    int64_t now_ms = reactor_now_ms(consumer->post->reactor);
    consumer->group.max_deliveries =
        atomic_load_explicit(&consumer->station->max_deliveries, memory_order_relaxed);
    for (struct pending *pending; (pending = group_expire(&consumer->group, now_ms)) != NULL;)
        consumer_revoke(consumer, pending->member, pending->offset);
}

static void set_timer(struct consumer *consumer)
{
    int64_t deadline_ms = group_deadline(&consumer->group);
    struct reactor *reactor = consumer->post->reactor;
    if (consumer->dead_retry_ms > 0 && consumer->dead_retry_ms < deadline_ms)
        deadline_ms = consumer->dead_retry_ms;
    if (deadline_ms != INT64_MAX)
        timer_set(reactor, &consumer->due, deadline_ms);
    else
        timer_clear(reactor, &consumer->due);
}

static bool find_start(struct consumer *consumer)
{
    uint64_t offset;
    if (!consumer->finding)
        return true;
    if (source_find(&consumer->fresh, consumer->start_ms, &offset) != SOURCE_READ)
        return false;
    consumer->finding = false;
    group_skip(&consumer->group, offset);
    consumer->group.changed = true;
    return true;
}

/* What retention has expelled is settled. */
static void follow_trim(struct consumer *consumer)
{
    struct log_bounds bounds;
    struct log *log = station_log_enter(consumer->station);
    if (log == NULL)
        return;
    reach_bounds(consumer->station, log, &bounds);
    station_log_leave(consumer->station);
    if (bounds.first > group_acked(&consumer->group))
        group_trim(&consumer->group, bounds.first);
}

void consumer_serve(struct consumer *consumer)
{
    if (!consumer->started || consumer->ended || consumer->serving)
        return;
    consumer->serving = true;
    if (find_start(consumer)) {
        follow_trim(consumer);
        expire(consumer);
        give_out(consumer);
        dead_letters(consumer);
        LIST_EACH(it, &consumer->all)
        {
            member_flush_work(member_at(it));
            member_flush_revoked(member_at(it));
        }
        set_timer(consumer);
        note_moved(consumer);
    }
    consumer->serving = false;
}

void consumer_revoke(struct consumer *consumer, uint64_t member_id, uint64_t offset)
{
    LIST_EACH(it, &consumer->all)
    {
        if (member_at(it)->id == member_id)
            member_revoke(member_at(it), offset);
    }
}

static void fresh_ready(struct source *source)
{
    consumer_serve(CONTAINER_OF(source, struct consumer, fresh));
}

static void old_ready(struct source *source)
{
    consumer_serve(CONTAINER_OF(source, struct consumer, old));
}

static void fire_due(struct reactor *reactor, struct timer *timer)
{
    (void)reactor;
    struct consumer *consumer = CONTAINER_OF(timer, struct consumer, due);
    consumer->dead_retry_ms = 0;
    consumer_serve(consumer);
}

/* ---- Life on the owner ----------------------------------------------------------------------------------- */

static void source_gone(struct consumer *consumer)
{
    if (atomic_fetch_sub_explicit(&consumer->open_sources, 1, memory_order_acq_rel) != 1)
        return;
    log_chunk_unref(consumer->chunk);
    log_chunk_unref(consumer->old_chunk);
    consumer->chunk = consumer->old_chunk = NULL;
    consumer_unref(consumer);
}

static void fresh_ended(struct source *source)
{
    source_gone(CONTAINER_OF(source, struct consumer, fresh));
}

static void old_ended(struct source *source)
{
    source_gone(CONTAINER_OF(source, struct consumer, old));
}

static void start(struct consumer *consumer)
{
    struct reactor *reactor = consumer->post->reactor;
    consumer->started = true;
    source_init(&consumer->fresh, consumer->station, reactor, fresh_ready, fresh_ended);
    source_init(&consumer->old, consumer->station, reactor, old_ready, old_ended);
    atomic_store_explicit(&consumer->open_sources, 2, memory_order_relaxed);
    consumer_ref(consumer); /* the sources' */
}

static void go_on(struct reactor *reactor, struct mail *mail)
{
    struct consumer *consumer = CONTAINER_OF(mail, struct consumer, go_on);
    consumer->going_on = false;
    if (reactor != NULL && !consumer->ended) {
        if (!consumer->started)
            start(consumer);
        consumer_serve(consumer);
    }
    consumer_unref(consumer);
}

/* Under the station's lock: the owner is known, and told. */
void consumer_wake_owner(struct consumer *consumer)
{
    struct stations *stations = consumer->station->all;
    if (consumer->post != NULL || stations_post_count(stations) == 0)
        return;
    uint64_t hash = hash_stable(consumer->station->name, strlen(consumer->station->name)) ^
                    hash_stable(consumer->name, strlen(consumer->name));
    consumer->post = stations_post_at(stations, (unsigned)(hash % POSTS_MAX));
    consumer->going_on = true;
    consumer_ref(consumer);
    reactor_post(consumer->post->reactor, &consumer->go_on);
}

/* On the owner's thread, or when it has stopped. */
void consumer_leave(struct consumer *consumer)
{
    consumer->ended = true;
    while (!list_empty(&consumer->all)) {
        struct member *member = member_at(consumer->all.next);
        member_flush_work(member);
        member_flush_revoked(member);
        if (member->ended != NULL && !consumer->station->all->reactors_gone)
            member->ended(member);
        list_remove(&member->link);
        member_unref(member);
    }
    list_remove(&consumer->moved_link);
    if (!consumer->started)
        return;
    if (!consumer->station->all->reactors_gone)
        timer_clear(consumer->post->reactor, &consumer->due);
    source_end(&consumer->fresh);
    source_end(&consumer->old);
}

struct consumer *consumer_new(struct station *station, struct str name, struct str filter)
{
    struct consumer *consumer = mem_zalloc(sizeof(*consumer));
    consumer->station = station_ref(station);
    consumer->name = str_dup(name);
    consumer->filter = filter.len > 0 ? str_dup(filter) : NULL;
    atomic_init(&consumer->refs, 1);
    list_init(&consumer->all);
    consumer->due.fire = fire_due;
    consumer->go_on.run = go_on;
    pthread_mutex_init(&consumer->late_lock, NULL);
    group_init(&consumer->group, 0, 0);
    return consumer;
}

void consumer_unref(struct consumer *consumer)
{
    if (consumer == NULL || atomic_fetch_sub_explicit(&consumer->refs, 1, memory_order_acq_rel) != 1)
        return;
    group_free(&consumer->group);
    pthread_mutex_destroy(&consumer->late_lock);
    station_unref(consumer->station);
    mem_free(consumer->filter);
    mem_free(consumer->name);
    mem_free(consumer);
}

void consumer_store_now(struct consumer *consumer)
{
    if (!consumer->finding)
        store(consumer, true);
}

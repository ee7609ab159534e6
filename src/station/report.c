/* What members report to their consumer, and the mails between them.
 *
 * A member collects in one report what its client settles in a turn; the report goes to the owner at the turn's end, by a
 * mail to itself first. The owner collects in one work, and in one revoke, what it gives and takes in one consumer_serve().
 *
 * When the owner has stopped (the broker stops), acknowledgements that come late are still noted, under a lock as they come
 * from several reactors: stations_close() stores the position after the last. */
#include "station/consumer.h"

#include "base/mem.h"

#include <assert.h>

#define REVOKED_MAX 256

struct revoke {
    struct mail mail;      /* first */
    struct member *member; /* a reference */
    uint32_t count;
    uint64_t offsets[REVOKED_MAX];
};

/* ---- A member -------------------------------------------------------------------------------------------- */

static void flush_run(struct reactor *reactor, struct mail *mail);

struct member *member_new(struct consumer *consumer, struct post *post, void *who)
{
    struct member *member = mem_zalloc(sizeof(*member));
    member->consumer = consumer_ref(consumer);
    member->post = post;
    member->who = who;
    member->flush.run = flush_run;
    atomic_init(&member->refs, 1);
    return member;
}

static void report_free(struct report *report)
{
    mem_free(report->items);
    mem_free(report);
}

void member_unref(struct member *member)
{
    if (member == NULL || atomic_fetch_sub_explicit(&member->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (member->report != NULL)
        report_free(member->report);
    consumer_unref(member->consumer);
    mem_free(member);
}

/* ---- Member to owner ------------------------------------------------------------------------------------- */

static struct report *open_report(struct member *member)
{
    if (member->report == NULL) {
        member->report = mem_zalloc(sizeof(*member->report));
        member->report->mail.run = report_run;
    }
    return member->report;
}

static void post_report(struct member *member)
{
    struct report *report = member->report;
    member->report = NULL;
    report->member = member_ref(member);
    reactor_post(member->consumer->post->reactor, &report->mail);
}

static void flush_run(struct reactor *reactor, struct mail *mail)
{
    struct member *member = CONTAINER_OF(mail, struct member, flush);
    /* NULL: the reactor stops, and this may be another thread. The member's last report takes along what is here. */
    if (reactor != NULL) {
        member->flushing = false;
        if (member->report != NULL)
            post_report(member);
    }
    member_unref(member);
}

struct report *member_report(struct member *member)
{
    if (!member->flushing) {
        member->flushing = true;
        member_ref(member);
        reactor_post(member->post->reactor, &member->flush);
    }
    return open_report(member);
}

void member_settle(struct member *member, uint64_t offset, uint32_t delivery, enum settle_kind kind)
{
    struct report *report = member_report(member);
    if (report->count == report->cap) {
        report->cap = report->cap > 0 ? 2 * report->cap : 16;
        report->items = mem_realloc(report->items, report->cap * sizeof(*report->items));
    }
    report->items[report->count++] = (struct settled){.offset = offset, .delivery = delivery, .kind = kind};
}

void member_send(struct member *member, enum report_news news)
{
    open_report(member)->news = news;
    post_report(member);
}

/* ---- The owner ------------------------------------------------------------------------------------------- */

static void apply_items(struct consumer *consumer, const struct report *report)
{
    for (uint32_t i = 0; i < report->count; i++) {
        const struct settled *item = &report->items[i];
        switch (item->kind) {
        case SETTLE_ACK: consumer->unsaid += group_ack(&consumer->group, item->offset); break;
        case SETTLE_NACK: group_nack(&consumer->group, item->offset, item->delivery); break;
        case SETTLE_RETURN: group_return(&consumer->group, item->offset, item->delivery); break;
        }
    }
}

void consumer_here(struct consumer *consumer, struct member *member, bool here)
{
    if (member->here == here)
        return;
    member->here = here;
    if (here)
        atomic_fetch_add_explicit(&consumer->members, 1, memory_order_relaxed);
    else
        atomic_fetch_sub_explicit(&consumer->members, 1, memory_order_relaxed);
}

void consumer_add(struct consumer *consumer, struct member *member)
{
    member->id = ++consumer->next_member;
    list_append(&consumer->all, &member_ref(member)->link);
}

void consumer_remove(struct consumer *consumer, struct member *member, bool gone)
{
    if (!list_linked(&member->link))
        return;
    consumer_here(consumer, member, false);
    if (gone)
        group_member_gone(&consumer->group, member->id);
    list_remove(&member->link);
    member_unref(member);
}

static void apply_news(struct consumer *consumer, struct member *member, const struct report *report)
{
    switch (report->news) {
    case NEWS_NONE: break;
    case NEWS_JOIN: consumer_add(consumer, member); break;
    case NEWS_HERE: consumer_here(consumer, member, true); break;
    case NEWS_AWAY:
        consumer_here(consumer, member, false);
        member->want = 0;
        member->epoch = report->epoch;
        break;
    case NEWS_LEAVE: consumer_remove(consumer, member, true); break;
    case NEWS_STOP: consumer_remove(consumer, member, false); break;
    }
}

void report_run(struct reactor *reactor, struct mail *mail)
{
    struct report *report = (struct report *)mail;
    struct member *member = report->member;
    struct consumer *consumer = member->consumer;
    if (reactor == NULL) {
        pthread_mutex_lock(&consumer->late_lock);
        if (!consumer->ended)
            apply_items(consumer, report);
        pthread_mutex_unlock(&consumer->late_lock);
    } else if (!consumer->ended) {
        apply_items(consumer, report);
        apply_news(consumer, member, report);
        if (report->epoch == member->epoch)
            member->want += report->want;
        consumer_serve(consumer);
    }
    report_free(report);
    member_unref(member);
}

/* ---- Owner to member ------------------------------------------------------------------------------------- */

void work_free(struct work *work)
{
    log_chunk_unref(work->chunk);
    member_unref(work->member);
    mem_free(work);
}

static void work_run(struct reactor *reactor, struct mail *mail)
{
    struct work *work = (struct work *)mail;
    struct member *member = work->member;
    if (reactor == NULL || member->who == NULL)
        work_free(work); /* its last report says that it has gone: others get these */
    else
        member->take(member, work);
}

struct work *member_open_work(struct member *member, struct log_chunk *chunk)
{
    assert(member->open == NULL);
    struct work *work = mem_alloc(sizeof(*work));
    work->mail = (struct mail){.run = work_run};
    work->next = NULL;
    work->member = member_ref(member);
    work->chunk = log_chunk_ref(chunk);
    work->epoch = member->epoch;
    work->count = 0;
    work->at = 0;
    return member->open = work;
}

void member_flush_work(struct member *member)
{
    struct work *work = member->open;
    if (work == NULL)
        return;
    member->open = NULL;
    reactor_post(member->post->reactor, &work->mail);
}

static void revoke_run(struct reactor *reactor, struct mail *mail)
{
    struct revoke *revoke = (struct revoke *)mail;
    struct member *member = revoke->member;
    if (reactor != NULL && member->who != NULL)
        member->lose(member, revoke->offsets, revoke->count);
    member_unref(member);
    mem_free(revoke);
}

void member_flush_revoked(struct member *member)
{
    struct revoke *revoke = member->revoked;
    if (revoke == NULL)
        return;
    member->revoked = NULL;
    reactor_post(member->post->reactor, &revoke->mail);
}

void member_revoke(struct member *member, uint64_t offset)
{
    if (member->revoked != NULL && member->revoked->count == REVOKED_MAX)
        member_flush_revoked(member);
    if (member->revoked == NULL) {
        member->revoked = mem_alloc(sizeof(*member->revoked));
        member->revoked->mail = (struct mail){.run = revoke_run};
        member->revoked->member = member_ref(member);
        member->revoked->count = 0;
    }
    member->revoked->offsets[member->revoked->count++] = offset;
}

/* Questions to shards, and the walk over all sessions.
 *
 *     asker: admin_ask ──mail──▶ shard: run ─▶ admin_answer ──condition──▶ asker
 *
 * A question lives in memory of its own with two owners, so that neither a late answer nor an asker who has given up harms
 * the other. A reactor that has ended answers too: with ERR_CLOSED.
 *
 * The walk goes by *home*, the place that a session's hash gives it in the shard's map: in the map, items lie in the order of
 * their homes, and a session keeps its home while others come and go. When the map is resized every home changes; then the walk
 * begins anew, and passes over those that it has seen under the former size, which their hash tells. */
#include "broker/admin_internal.h"

#include "base/mem.h"
#include "base/thread.h"

#include <time.h>

/* ---- Questions ------------------------------------------------------------------------------------------- */

static void unref(struct admin_call *call)
{
    if (atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (call->release != NULL)
        call->release(call);
    arena_free(&call->arena);
    pthread_cond_destroy(&call->changed);
    pthread_mutex_destroy(&call->lock);
    mem_free(call);
}

static void arrive(struct reactor *reactor, struct mail *mail)
{
    struct admin_call *call = CONTAINER_OF(mail, struct admin_call, mail);
    struct error err;
    if (reactor == NULL) {
        error_set(&err, ERR_CLOSED, "the broker stops");
        admin_answer(call, &err);
        return;
    }
    call->run(reactor_user(reactor), call);
}

void *admin_call_new(struct broker *broker, size_t bytes,
                     void (*run)(struct shard *shard, struct admin_call *call))
{
    struct admin_call *call = mem_zalloc(bytes);
    call->broker = broker;
    call->run = run;
    call->mail.run = arrive;
    atomic_init(&call->refs, 1);
    pthread_mutex_init(&call->lock, NULL);
    cond_init_monotonic(&call->changed);
    return call;
}

void admin_call_free(struct admin_call *call)
{
    unref(call);
}

void admin_answer(struct admin_call *call, const struct error *err)
{
    atomic_fetch_sub(&call->broker->admin_calls, 1);
    pthread_mutex_lock(&call->lock);
    call->ok = err == NULL;
    if (err != NULL)
        call->err = *err;
    call->answered = true;
    pthread_cond_signal(&call->changed);
    pthread_mutex_unlock(&call->lock);
    unref(call);
}

static bool wait_for_answer(struct admin_call *call)
{
    const struct timespec until = cond_in_ms(ADMIN_WAIT_MS);
    pthread_mutex_lock(&call->lock);
    int timed_out = 0;
    while (!call->answered && timed_out == 0)
        timed_out = pthread_cond_timedwait(&call->changed, &call->lock, &until);
    bool answered = call->answered;
    pthread_mutex_unlock(&call->lock);
    return answered;
}

bool admin_ask(struct admin_call *call, unsigned shard, struct error *err)
{
    struct broker *broker = call->broker;
    call->answered = false;
    if (atomic_fetch_add(&broker->admin_calls, 1) >= ADMIN_CALLS_MAX) {
        atomic_fetch_sub(&broker->admin_calls, 1);
        return error_set(err, ERR_BUSY, "too many questions wait for the broker's reactors");
    }
    atomic_fetch_add(&call->refs, 1);
    reactor_post(broker->shards[shard].reactor, &call->mail);
    if (!wait_for_answer(call))
        return error_set(err, ERR_TIMEOUT, "the broker did not answer within %d s", ADMIN_WAIT_MS / 1000);
    if (!call->ok && err != NULL)
        *err = call->err;
    return call->ok;
}

/* ---- The walk -------------------------------------------------------------------------------------------- */

static bool seen(const struct admin_cursor *cursor, uint64_t hash)
{
    for (unsigned i = 0; i < cursor->resizes; i++) {
        if (((size_t)hash & cursor->before[i].mask) < cursor->before[i].home)
            return true;
    }
    return false;
}

/* False: too often. */
static bool note_resize(struct admin_cursor *cursor, size_t mask)
{
    if (cursor->begun && cursor->home > 0) {
        if (cursor->resizes == ADMIN_RESIZES_MAX)
            return false;
        cursor->before[cursor->resizes].mask = cursor->mask;
        cursor->before[cursor->resizes].home = cursor->home;
        cursor->resizes++;
    }
    cursor->begun = true;
    cursor->mask = mask;
    cursor->home = 0;
    return true;
}

bool admin_walk(struct shard *shard, struct admin_cursor *cursor, size_t most,
                bool (*visit)(struct session *session, void *arg), void *arg)
{
    const struct map *map = &shard->sessions;
    if ((!cursor->begun || cursor->mask != map->mask) && !note_resize(cursor, map->mask))
        return false;
    size_t begin = cursor->home;
    size_t budget = most;
    /* Behind the last slot come those of the last homes that found no room there. */
    for (size_t at = begin; map->count > 0 && at <= 2 * map->mask + 1; at++, budget -= budget > 0) {
        const struct map_slot *slot = &map->slots[at & map->mask];
        size_t home = (size_t)slot->hash & map->mask;
        bool wrapped = at > map->mask;
        if (slot->item == NULL) {
            if (wrapped)
                break;
            if (budget == 0) {
                cursor->home = at + 1;
                if (cursor->home <= map->mask)
                    return true;
                break;
            }
            continue;
        }
        bool of_end = home > (at & map->mask); /* it lies in front, but belongs to the end */
        if (of_end != wrapped) {
            if (wrapped)
                break;
            continue;
        }
        if (home < begin)
            continue;
        if (budget == 0 && home > cursor->home) {
            cursor->home = home;
            return true;
        }
        cursor->home = home;
        if (!seen(cursor, slot->hash) && !visit(slot->item, arg))
            budget = 1; /* the others of this home, and no more */
    }
    cursor->finished = true;
    return true;
}

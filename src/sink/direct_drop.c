/* Messages that direct mode gives up: too old, too many, or refused for good.
 *
 * A message is dropped first, and ended when its fallbacks have it, which may be later: until then it stays in the buffer. */
#include "sink/direct_internal.h"

#include "base/clock.h"

#define EXPIRY_MS 100 /* between looks at what is too old */

void slot_drop(struct slot *slot, uint64_t *counter)
{
    slot->counter = counter;
    slot->delivery->dropping++;
    slot->delivery->done_bytes += slot->bytes;
    set_state(slot, SLOT_DROPS);
}

static void drop_waiting(struct slot *slot, uint64_t *counter, const char *why)
{
    window_withdraw(&slot->delivery->window, &slot->item);
    error_set(&slot->err, ERR_TIMEOUT, "%s", why);
    slot_drop(slot, counter);
}

static void drop_what_is_too_old(struct delivery *delivery, const struct sink_plan *plan)
{
    int64_t now_ms = clock_wall_ms(), since_ms = now_ms - delivery->expired_ms;
    if (plan->ttl_ms == 0 || (since_ms >= 0 && since_ms < EXPIRY_MS))
        return;
    delivery->expired_ms = now_ms;
    for (uint64_t at = delivery->tail; at < delivery->head; at++) {
        struct slot *slot = slot_at(delivery, at);
        if (state_of(slot) == SLOT_WAITS && now_ms - slot->time_ms > plan->ttl_ms)
            drop_waiting(slot, &delivery->sink->figures.expired, "the message is older than request_ttl");
    }
}

/* The oldest that waits. What is done with is trimmed soon. */
static void drop_what_is_too_much(struct delivery *delivery, const struct sink_plan *plan)
{
    struct log_bounds bounds;
    if (plan->block)
        return;
    log_bounds(delivery->sink->log, &bounds);
    for (uint64_t at = delivery->tail;
         at < delivery->head && bounds.bytes > plan->max_buffer_bytes + delivery->done_bytes; at++) {
        if (state_of(slot_at(delivery, at)) == SLOT_WAITS)
            drop_waiting(slot_at(delivery, at), &delivery->sink->figures.queue_full,
                         "the buffer is full: the oldest message is dropped");
    }
}

void drops_find(struct delivery *delivery, const struct sink_plan *plan)
{
    drop_what_is_too_old(delivery, plan);
    drop_what_is_too_much(delivery, plan);
}

static void fall_back(struct delivery *delivery, const struct fallbacks *fallbacks)
{
    struct fallback_batch batch;
    fallback_begin(&batch, delivery->sink, fallbacks);
    for (uint64_t at = delivery->tail; at < delivery->head; at++) {
        const struct slot *slot = slot_at(delivery, at);
        if (state_of(slot) == SLOT_DROPS)
            fallback_send(&batch, slot->record, slot->time_ms);
    }
    fallback_end(&batch);
}

void drops_end(struct delivery *delivery, const struct sink_plan *plan)
{
    struct sink *sink = delivery->sink;
    if (delivery->dropping == 0 || !fallbacks_are_ready(plan->fallbacks))
        return;
    if (plan->fallbacks != NULL)
        fall_back(delivery, plan->fallbacks);
    for (uint64_t at = delivery->tail; at < delivery->head; at++) {
        struct slot *slot = slot_at(delivery, at);
        if (state_of(slot) != SLOT_DROPS)
            continue;
        pthread_mutex_lock(&sink->lock);
        (*slot->counter)++;
        pthread_mutex_unlock(&sink->lock);
        slot_settle(slot, &slot->err);
    }
    delivery->dropping = 0;
}

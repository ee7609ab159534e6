/* Timers: a heap by time. One turn fires those that are due when it begins; one that is set again for a time
 * that has passed waits for the next turn, so a timer cannot keep the loop for itself. */
#include "net/net_internal.h"

void timer_set(struct reactor *reactor, struct timer *timer, int64_t at_ms)
{
    heap_insert(&reactor->timers, &timer->node, at_ms);
}

void timer_clear(struct reactor *reactor, struct timer *timer)
{
    heap_remove(&reactor->timers, &timer->node);
}

void timers_run(struct reactor *reactor)
{
    int64_t now_ms = reactor->front.now_ms;
    for (size_t left = reactor->timers.count; left > 0; left--) {
        struct heap_node *node = heap_min(&reactor->timers);
        if (node == NULL || node->key > now_ms)
            return;
        heap_remove(&reactor->timers, node);
        struct timer *timer = CONTAINER_OF(node, struct timer, node);
        timer->fire(reactor, timer);
    }
}

int64_t timers_next_ms(const struct reactor *reactor)
{
    const struct heap_node *node = heap_min(&reactor->timers);
    return node != NULL ? node->key : INT64_MAX;
}

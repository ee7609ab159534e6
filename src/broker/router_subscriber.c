/* What one subscriber subscribes: an array of entries in the order of subscribing.
 *
 *     filters: entry │ entry │ hole │ entry │ NULL │ NULL
 *                                    in use ▲      ▲ cap
 *
 * A subscription knows its position here, so that removing it searches nothing; it leaves a hole, and the order of
 * the others stands. When there is no room at the end, the array closes its holes if a quarter of it is holes, else
 * grows by half; when less than a quarter is taken, it shrinks. Behind what is in use there are only NULLs: the end
 * is found by halving. Most subscribe one filter: an array of one is the pointer itself. */
#include "base/mem.h"
#include "router_internal.h"

static struct filter_entry hole;

static struct filter_entry **array(struct subscriber *subscriber)
{
    return subscriber->filters_cap == 1 ? &subscriber->only_filter : subscriber->filters;
}

static struct filter_entry *at(const struct subscriber *subscriber, uint32_t position)
{
    return subscriber->filters_cap == 1 ? subscriber->only_filter : subscriber->filters[position];
}

static uint32_t used(const struct subscriber *subscriber)
{
    uint32_t low = 0;
    uint32_t high = subscriber->filters_cap;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (at(subscriber, middle) != NULL) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void resize(struct router *router, struct subscriber *subscriber, uint32_t cap)
{
    size_t each = sizeof(struct filter_entry *);
    uint32_t former = subscriber->filters_cap;
    if (cap > 1) {
        struct filter_entry *only = former == 1 ? subscriber->only_filter : NULL;
        struct filter_entry **filters = former > 1 ? subscriber->filters : NULL;
        filters = router_realloc(router, filters, former > 1 ? former * each : 0, cap * each);
        if (cap > former)
            memset(filters + former, 0, (cap - former) * each);
        if (only != NULL)
            filters[0] = only;
        subscriber->filters = filters;
    }
    subscriber->filters_cap = cap;
}

static void close_holes(struct subscriber *subscriber)
{
    struct filter_entry **filters = array(subscriber);
    uint32_t to = 0;
    for (uint32_t from = 0; from < subscriber->filters_cap && filters[from] != NULL; from++) {
        struct filter_entry *entry = filters[from];
        filters[from] = NULL;
        if (entry == &hole)
            continue;
        filters[to] = entry;
        if (to != from)
            router_entry_find(entry, subscriber)->position = to;
        to++;
    }
    assert(to == subscriber->subscription_count);
}

uint32_t router_subscriber_add(struct router *router, struct subscriber *subscriber,
                               struct filter_entry *entry)
{
    uint32_t cap = subscriber->filters_cap;
    if (cap == 0 || at(subscriber, cap - 1) != NULL) {
        if (subscriber->subscription_count < cap - cap / 4) {
            close_holes(subscriber);
        } else {
            resize(router, subscriber, cap + cap / 2 + 1);
        }
    }
    uint32_t position = used(subscriber);
    array(subscriber)[position] = entry;
    subscriber->subscription_count++;
    return position;
}

void router_subscriber_remove(struct router *router, struct subscriber *subscriber, uint32_t position)
{
    assert(position < subscriber->filters_cap && subscriber->subscription_count != 0);
    struct filter_entry **filters = array(subscriber);
    filters[position] = &hole;
    if (position + 1 == subscriber->filters_cap || filters[position + 1] == NULL) {
        for (uint32_t end = position + 1; end != 0 && filters[end - 1] == &hole; end--)
            filters[end - 1] = NULL;
    }
    uint32_t count = --subscriber->subscription_count;
    if (count == 0) {
        router_subscriber_forget(router, subscriber);
    } else if (subscriber->filters_cap >= 8 && count < subscriber->filters_cap / 4) {
        close_holes(subscriber);
        resize(router, subscriber, subscriber->filters_cap / 2);
    }
}

struct filter_entry *router_subscriber_last(const struct subscriber *subscriber)
{
    uint32_t end = used(subscriber);
    assert(end != 0 && at(subscriber, end - 1) != &hole);
    return at(subscriber, end - 1);
}

struct filter_entry *router_subscriber_next(const struct subscriber *subscriber, uint32_t *position)
{
    while (*position < subscriber->filters_cap) {
        struct filter_entry *entry = at(subscriber, (*position)++);
        if (entry != &hole)
            return entry;
    }
    return NULL;
}

void router_subscriber_forget(struct router *router, struct subscriber *subscriber)
{
    if (subscriber->filters_cap > 1)
        router_release(router, subscriber->filters, subscriber->filters_cap * sizeof(struct filter_entry *));
    subscriber->filters = NULL;
    subscriber->filters_cap = 0;
    subscriber->subscription_count = 0;
}

/* Every filter that somebody subscribes, for operators.
 *
 * The router's tables are in parts (one for each value of a hash's highest byte): a question takes a few parts, as
 * many as give SLICE_FILTERS, on a reactor's thread and under its lock, so that a large router is not held for long. */
#include "broker/admin_internal.h"

#include "base/mem.h"

#define SLICE_FILTERS 1000

struct filters_call {
    struct admin_call call; /* first */
    unsigned part;          /* the next one */
    struct buf filters;     /* one behind the other, each with a NUL */
    size_t count;
};

static void filters_free(struct admin_call *admin)
{
    buf_free(&((struct filters_call *)admin)->filters);
}

static void take_filter(struct str filter, void *arg)
{
    struct filters_call *call = arg;
    buf_append_str(&call->filters, filter);
    buf_append_byte(&call->filters, '\0');
    call->count++;
}

static void slice_filters(struct shard *shard, struct admin_call *admin)
{
    struct filters_call *call = (struct filters_call *)admin;
    while (call->part < ROUTER_PARTS && call->count < SLICE_FILTERS)
        router_part_each(shard->broker->router, shard->index, call->part++, take_filter, call);
    admin_answer(admin, NULL);
}

bool admin_filters_each(struct broker *broker, bool (*each)(struct str filter, void *arg), void *arg,
                        struct error *err)
{
    bool more = true, ok = true;
    for (unsigned part = 0; ok && more && part < ROUTER_PARTS;) {
        struct filters_call *call = admin_call_new(broker, sizeof(*call), slice_filters);
        call->call.release = filters_free;
        call->part = part;
        ok = admin_ask(&call->call, 0, err);
        const char *at = (const char *)call->filters.data;
        for (size_t i = 0; ok && more && i < call->count; i++) {
            struct str filter = str_of(at);
            more = each(filter, arg);
            at += filter.len + 1;
        }
        if (ok)
            part = call->part;
        admin_call_free(&call->call);
    }
    return ok;
}

bool admin_filter_exists(struct broker *broker, struct str text)
{
    struct topic_filter filter;
    return topic_filter_parse(text, &filter) && router_has_filter(broker->router, &filter);
}

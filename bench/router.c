/* What a million subscriptions cost: memory for each, and the time to find a topic's subscribers.
 *
 *     bench_router [subscriptions] [subscriptions of each subscriber]      default 1000000 10
 *
 * Half the filters are exact (dev/<id>/cmd). Of the others, nine in ten are one device's own (fleet/+/dev<id>/#), one
 * in ten a site's, with about ten subscribers each (t/<site>/#); t/# has 20. Resolving is measured call by call, with
 * a cache that holds one route, so that each call misses; hitting, with 1,000 topics that stay cached; then the same while
 * wildcard filters that concern none of them come and go. Then 100,000
 * subscribers come to one filter, and go. */
#include "broker/router.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOKUPS ((size_t)1000000)
#define HOT     ((size_t)1000)
#define T_ALL   20U
#define CROWD   100000

/* The second number of /proc/self/statm: resident pages. 0 if the system does not tell. */
static uint64_t resident_bytes(void)
{
    struct buf text = {0};
    struct error err;
    if (!buf_read_file(&text, "/proc/self/statm", 4096, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 0;
    }
    char *end;
    strtoull(buf_cstr(&text), &end, 10);
    uint64_t pages = strtoull(end, NULL, 10);
    buf_free(&text);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t now_ns(void)
{
    return (uint64_t)clock_mono_ns();
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

static uint64_t site_count(uint64_t subscriptions)
{
    return subscriptions / 200 + 1;
}

static int filter_text(char *out, size_t size, uint64_t i, uint64_t subscriptions)
{
    if (i < T_ALL)
        return snprintf(out, size, "t/#");
    if (i % 2 == 0)
        return snprintf(out, size, "dev/%lu/cmd", i);
    if (i % 20 == 1)
        return snprintf(out, size, "t/%lu/#", i / 20 % site_count(subscriptions));
    return snprintf(out, size, "fleet/+/dev%lu/#", i);
}

static int topic_text(char *out, size_t size, uint64_t i, uint64_t subscriptions)
{
    if (i % 2 == 0)
        return snprintf(out, size, "dev/%lu/cmd", i);
    if (i % 20 == 1)
        return snprintf(out, size, "t/%lu/temperature", i / 20 % site_count(subscriptions));
    return snprintf(out, size, "fleet/eu-7/dev%lu/state/battery", i);
}

static void load(struct router *router, struct subscriber *subscribers, uint64_t subscriptions, uint64_t each)
{
    for (uint64_t i = 0; i < subscriptions; i++) {
        char text[64];
        struct topic_filter filter;
        struct subscribe_options options = {.qos = 1};
        filter_text(text, sizeof text, i, subscriptions);
        if (!topic_filter_parse(str_of(text), &filter))
            abort();
        /* Neighbouring filters belong to different subscribers, as if they came in the order of time. */
        router_subscribe(router, &subscribers[i % (subscriptions / each)], &filter, &options);
    }
}

static void print_sorted(const char *what, uint64_t *ns, size_t count)
{
    qsort(ns, count, sizeof *ns, by_value);
    printf("%-22s p50 %lu ns, p90 %lu, p99 %lu, p99.9 %lu, max %lu\n", what, ns[count / 2],
           ns[count * 9 / 10], ns[count * 99 / 100], ns[count * 999 / 1000], ns[count - 1]);
}

static void measure_resolving(struct router *router, uint64_t subscriptions)
{
    struct route_cache *cache = route_cache_new(router, 0, 1, 1 << 20);
    uint64_t *ns = mem_alloc(LOOKUPS * sizeof *ns);
    uint64_t targets = 0;
    struct random random;
    random_seed(&random, 42);
    for (size_t i = 0; i < LOOKUPS; i++) {
        char text[64];
        topic_text(text, sizeof text, random_below(&random, subscriptions), subscriptions);
        struct str topic = str_of(text);
        uint64_t start = now_ns();
        const struct route *route = route_cache_get(cache, topic);
        ns[i] = now_ns() - start;
        targets += route->target_count;
    }
    print_sorted("resolve", ns, LOOKUPS);
    printf("%-22s %.2f\n", "targets of a topic", (double)targets / LOOKUPS);
    mem_free(ns);
    route_cache_free(cache);
}

static void measure_hits(struct router *router, uint64_t subscriptions)
{
    static char texts[HOT][64];
    struct route_cache *cache = route_cache_new(router, 0, 2 * HOT, 64 << 20);
    struct str topics[HOT];
    for (size_t i = 0; i < HOT; i++) {
        topic_text(texts[i], sizeof texts[i], i * 7, subscriptions);
        topics[i] = str_of(texts[i]);
        route_cache_get(cache, topics[i]);
    }
    uint64_t targets = 0;
    uint64_t start = now_ns();
    for (size_t i = 0; i < 10 * LOOKUPS; i++)
        targets += route_cache_get(cache, topics[i % HOT])->target_count;
    uint64_t took = now_ns() - start;
    printf("%-22s %.1f ns%s\n", "cache hit", (double)took / (10 * LOOKUPS),
           targets == 0 ? " (no targets?)" : "");
    route_cache_free(cache);
}

/* One in a hundred look-ups comes after a device has subscribed and unsubscribed a wildcard of its own. */
static void measure_churn(struct router *router, struct subscriber *subscriber, uint64_t subscriptions)
{
    enum { ROUNDS = 20000, LOOKUPS_EACH = 100 };
    static char texts[HOT][64];
    struct route_cache *cache = route_cache_new(router, 0, 2 * HOT, 64 << 20);
    struct topic_filter filter;
    struct subscribe_options options = {.qos = 1};
    uint64_t took = 0;
    for (size_t i = 0; i < HOT; i++)
        topic_text(texts[i], sizeof texts[i], i * 7, subscriptions);
    topic_filter_parse(STR("dev/restless/+"), &filter);
    for (size_t round = 0; round < ROUNDS; round++) {
        router_subscribe(router, subscriber, &filter, &options);
        router_unsubscribe(router, subscriber, &filter);
        uint64_t start = now_ns();
        for (size_t i = 0; i < LOOKUPS_EACH; i++)
            route_cache_get(cache, str_of(texts[(round * LOOKUPS_EACH + i) % HOT]));
        took += now_ns() - start;
    }
    printf("%-22s %.1f ns a look-up\n", "changes of others", (double)took / (ROUNDS * LOOKUPS_EACH));
    route_cache_free(cache);
}

static void measure_changes(struct router *router, struct subscriber *subscribers, uint64_t subscriptions)
{
    static uint64_t ns[100000];
    struct random random;
    random_seed(&random, 43);
    for (size_t i = 0; i < sizeof ns / sizeof ns[0]; i++) {
        char text[64];
        struct topic_filter filter;
        struct subscribe_options options = {.qos = 1};
        filter_text(text, sizeof text, subscriptions + random_below(&random, subscriptions), subscriptions);
        if (!topic_filter_parse(str_of(text), &filter))
            abort();
        uint64_t start = now_ns();
        router_subscribe(router, &subscribers[0], &filter, &options);
        router_unsubscribe(router, &subscribers[0], &filter);
        ns[i] = now_ns() - start;
    }
    print_sorted("subscribe+unsubscribe", ns, sizeof ns / sizeof ns[0]);
}

static void measure_crowd(void)
{
    struct router *router = router_new(2, SHARE_ROUND_ROBIN);
    struct route_cache *cache = route_cache_new(router, 0, 1, 1 << 20);
    struct subscriber *crowd = mem_zalloc(CROWD * sizeof *crowd);
    struct topic_filter filter;
    struct subscribe_options options = {.qos = 1};
    topic_filter_parse(STR("t/#"), &filter);

    uint64_t start = now_ns();
    for (uint64_t i = 0; i < CROWD; i++)
        router_subscribe(router, &crowd[i], &filter, &options);
    uint64_t subscribed = now_ns();
    const struct route *route = route_cache_get(cache, STR("t/1"));
    uint64_t resolved = now_ns();
    uint32_t targets = route->target_count;
    for (uint64_t i = 0; i < CROWD; i++)
        router_unsubscribe(router, &crowd[i], &filter);
    uint64_t unsubscribed = now_ns();
    printf("%-22s subscribe %lu ns each, resolve %lu us for %u targets, unsubscribe %lu ns each\n",
           "one filter", (subscribed - start) / CROWD, (resolved - subscribed) / 1000, targets,
           (unsubscribed - resolved) / CROWD);
    mem_free(crowd);
    route_cache_free(cache);
    router_free(router);
}

int main(int argc, char **argv)
{
    uint64_t subscriptions = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    uint64_t each = argc > 2 ? strtoull(argv[2], NULL, 10) : 10;
    if (each == 0 || subscriptions / each < 2 * (uint64_t)T_ALL || subscriptions / each > UINT32_MAX) {
        fprintf(stderr, "usage: bench_router [subscriptions] [of each subscriber]\n");
        return 2;
    }
    struct router *router = router_new(2, SHARE_ROUND_ROBIN);
    uint64_t count = subscriptions / each;
    struct subscriber *subscribers = mem_zalloc(count * sizeof *subscribers);
    for (uint64_t i = 0; i < count; i++)
        subscribers[i].id = i + 1; /* writes: the memory is resident before it is measured */

    uint64_t before = resident_bytes();
    uint64_t start = now_ns();
    load(router, subscribers, subscriptions, each);
    uint64_t took = now_ns() - start;
    uint64_t after = resident_bytes();

    struct router_counts counts;
    router_counts(router, &counts);
    double loaded = (double)counts.subscriptions;
    printf("%lu subscriptions (%lu filters), %lu of each subscriber\n", (unsigned long)counts.subscriptions,
           (unsigned long)counts.filters, (unsigned long)each);
    printf("%-22s %.1f resident, %.1f as the router counts\n", "bytes a subscription",
           (double)(after - before) / loaded, (double)counts.memory_bytes / loaded);
    printf("%-22s %.0f ns each, %.2f s in all\n", "load", (double)took / loaded, (double)took / 1e9);
    measure_resolving(router, subscriptions);
    measure_hits(router, subscriptions);
    measure_churn(router, &subscribers[0], subscriptions);
    measure_changes(router, subscribers, subscriptions);

    start = now_ns();
    for (uint64_t i = 0; i < count; i++)
        router_unsubscribe_all(router, &subscribers[i]);
    printf("%-22s %.0f ns each\n", "unload", (double)(now_ns() - start) / loaded);
    router_free(router);
    mem_free(subscribers);
    measure_crowd();
    return 0;
}

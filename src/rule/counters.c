/* What a rule has done, as sums over the threads that run it; and its rates, from a look once a second. */
#include "rule/rule_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <time.h>

#define LOOPS_PAUSE_MS  60000
#define SAYING_PAUSE_MS 1000

static struct rule_totals sum(const struct rule *rule)
{
    struct rule_totals totals = {0};
    for (unsigned i = 0; i <= rule->rules->reactor_count; i++) {
#define X(name) totals.name += atomic_load_explicit(&rule->counters[i].name, memory_order_relaxed);
        RULE_COUNTERS(X)
#undef X
    }
    return totals;
}

static struct rule_totals since_reset(const struct rule *rule)
{
    struct rule_totals totals = sum(rule);
#define X(name) totals.name -= rule->reset.name;
    RULE_COUNTERS(X)
#undef X
    return totals;
}

json_t *counters_json(const struct rule *rule)
{
    struct rule_totals t = since_reset(rule);
    uint64_t failed = t.exception + t.no_result;
    uint64_t actions_failed = t.out_of_service + t.unknown;
    const struct {
        const char *key;
        uint64_t value;
    } counts[] = {
        {"matched", t.passed + failed},
        {"passed", t.passed},
        {"failed", failed},
        {"failed.exception", t.exception},
        {"failed.no_result", t.no_result},
        {"actions.total", t.success + actions_failed + t.discarded},
        {"actions.success", t.success},
        {"actions.failed", actions_failed},
        {"actions.failed.out_of_service", t.out_of_service},
        {"actions.failed.unknown", t.unknown},
        {"actions.discarded", t.discarded},
        {"loops", t.loops},
    };
    json_t *out = json_object();
    for (size_t i = 0; i < LENGTH(counts); i++)
        json_object_set_new(out, counts[i].key, json_integer((json_int_t)counts[i].value));
    json_object_set_new(out, "matched.rate", json_real(rule->rate.now));
    json_object_set_new(out, "matched.rate.max", json_real(rule->rate.max));
    json_object_set_new(out, "matched.rate.last5m", json_real(rate_last_5m(&rule->rate)));
    return out;
}

void counters_reset(struct rule *rule)
{
    rule->reset = sum(rule);
    rate_reset(&rule->rate);
}

/* A rule over a wide topic filter may cut its own circle off with each message: a line a minute is enough. */
static void tell_loops(struct rule *rule, uint64_t loops)
{
    int64_t now_ms = clock_mono_ms();
    if (loops == rule->loops_told || now_ms < rule->tell_loops_ms)
        return;
    LOG_WARNING(
        "loop of rules cut", LOG_TEXT("rule", rule->id), LOG_UINT("times", loops - rule->loops_told),
        LOG_TEXT("hint", "what it publishes comes back to it, or a chain of rules is too long: narrow FROM"));
    rule->loops_told = loops;
    rule->tell_loops_ms = now_ms + LOOPS_PAUSE_MS;
}

static void look(struct rule *rule)
{
    struct rule_totals totals = sum(rule);
    rate_look(&rule->rate, totals.passed + totals.exception + totals.no_result);
    tell_loops(rule, totals.loops);
}

void counters_tick(void *arg)
{
    const struct rules *rules = arg;
    for (size_t i = 0; i < rules->count; i++)
        look(rules->list[i]);
}

bool rule_may_say(struct rule *rule, enum rule_saying saying)
{
    int64_t now_ms = clock_mono_ms();
    int64_t former = atomic_load_explicit(&rule->said_ms[saying], memory_order_relaxed);
    return (former == 0 || now_ms - former >= SAYING_PAUSE_MS) &&
           atomic_compare_exchange_strong(&rule->said_ms[saying], &former, now_ms);
}

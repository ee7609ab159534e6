/* What rules listen to: topics of the router, events, stations; and how a rule's body takes the place of the former one.
 *
 *     the new topics are subscribed ─▶ the body ─▶ topics that are no longer wanted ─▶ events: reactors have left their turn ─▶ gone
 *
 * Meanwhile more is subscribed than either body wants, and the topic is looked at again for each message. */
#include "rule/rule_internal.h"

#include "base/log.h"
#include "base/mem.h"

void listening_free(struct listening *listening)
{
    for (unsigned i = 0; listening != NULL && i < RULE_EVENT_KINDS; i++)
        mem_free(listening->rules[i]);
    mem_free(listening);
}

/* One for each topic of FROM that names the kind: a rule over two of them hears of it twice. */
static void listen_to(struct listening *listening, struct rule *rule, const struct rule_body *body)
{
    size_t count;
    const struct str *topics = sql_program_topics(body->program, &count);
    for (size_t i = 0; i < count; i++) {
        uint32_t kinds = str_starts(topics[i], STR("$events/")) ? event_kinds_of(topics[i]) : 0;
        for (unsigned kind = 0; kind < RULE_EVENT_KINDS; kind++) {
            if ((kinds & EVENT_BIT(kind)) == 0)
                continue;
            size_t *n = &listening->counts[kind];
            listening->rules[kind] = mem_realloc(listening->rules[kind], (*n + 1) * sizeof(struct rule *));
            listening->rules[kind][(*n)++] = rule;
        }
        listening->kinds |= kinds;
    }
}

void rules_settle(struct rules *rules)
{
    struct listening *listening = mem_zalloc(sizeof(*listening));
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule_body *body = atomic_load(&rules->list[i]->body);
        if (body != NULL)
            listen_to(listening, rules->list[i], body);
    }
    pthread_rwlock_wrlock(&rules->elsewhere_lock);
    struct listening *former = atomic_exchange(&rules->listening, listening);
    pthread_rwlock_unlock(&rules->elsewhere_lock);
    service_listen(rules->options.broker, &rules->listener, listening->kinds & BROKER_EVENTS);
    if (rules->options.stations != NULL)
        stations_listen(rules->options.stations, &rules->station_listener,
                        listening->kinds >> RULE_EVENT_STATION & STATION_EVENTS);
    if (rules->options.alarms != NULL)
        alarms_listen(rules->options.alarms, &rules->alarm_listener, listening->kinds >> RULE_EVENT_ALARM);
    service_barrier(rules->options.broker);
    listening_free(former);
}

void rule_subscribe(struct rule *rule, const struct rule_body *body)
{
    struct error err; /* the filters have been checked by the compiler */
    for (size_t i = 0; body != NULL && i < body->filter_count; i++)
        service_subscribe(rule->rules->options.broker, &rule->subscriber, body->filters[i], 2, &err);
}

static bool wants(const struct rule_body *body, struct str filter)
{
    for (size_t i = 0; body != NULL && i < body->filter_count; i++) {
        if (str_equal(body->filters[i], filter))
            return true;
    }
    return false;
}

static void unsubscribe_rest(struct rule *rule, const struct rule_body *former, const struct rule_body *body)
{
    for (size_t i = 0; former != NULL && i < former->filter_count; i++) {
        if (!wants(body, former->filters[i]))
            service_unsubscribe(rule->rules->options.broker, &rule->subscriber, former->filters[i]);
    }
}

void rule_stop_sources(struct rule_body *body)
{
    for (size_t i = 0; body != NULL && i < body->station_count; i++) {
        source_stop(body->sources[i]);
        body->sources[i] = NULL;
    }
}

void rule_start_sources(struct rule *rule, struct rule_body *body)
{
    for (size_t i = 0; body != NULL && i < body->station_count; i++) {
        struct error err;
        body->sources[i] = source_start(rule, body, body->stations[i], &err);
        if (body->sources[i] == NULL)
            LOG_WARNING("rule source not started", LOG_TEXT("rule", rule->id),
                        LOG_STR("station", body->stations[i]), LOG_ERROR_OF(&err));
    }
}

void rule_replace(struct rule *rule, struct rule_body *body)
{
    struct rule_body *former = atomic_load(&rule->body);
    rule_stop_sources(former);
    atomic_store(&rule->changing, true);
    rule_subscribe(rule, body);
    pthread_rwlock_wrlock(&rule->rules->elsewhere_lock);
    atomic_store_explicit(&rule->body, body, memory_order_release);
    pthread_rwlock_unlock(&rule->rules->elsewhere_lock);
    unsubscribe_rest(rule, former, body);
    rules_settle(rule->rules);
    atomic_store(&rule->changing, false);
    rule_start_sources(rule, body);
    body_free(rule->rules, str_of(rule->id), former);
}

/* One message or event → the rules that want it: evaluated on the reactor that has it, counted, and acted upon. */
#include "rule/rule_internal.h"

#include "base/log.h"

void rule_failed(struct delivery *delivery, const struct error *err)
{
    RULE_COUNT(delivery, exception);
    if (rule_may_say(delivery->rule, RULE_SAYS_EVALUATION))
        LOG_WARNING("rule failed", LOG_TEXT("rule", delivery->rule->id), LOG_ERROR_OF(err));
}

static void run_list(struct delivery *delivery, const struct sql_value *list)
{
    for (uint32_t i = 0; i < list->len; i++) {
        struct sql_columns result = sql_columns_of_map(&list->items[i]);
        actions_run(delivery, &result);
    }
}

void rule_run(struct delivery *delivery)
{
    struct error err;
    struct sql_result result;
    const struct rule_body *body = delivery->body;
    struct sql_columns columns = input_columns(delivery->input);
    sql_scope_begin(delivery->scope, NULL);
    if (!sql_evaluate(body->program, &columns, delivery->scope, &result, &err)) {
        rule_failed(delivery, &err);
        return;
    }
    bool list = !result.all_columns && result.value.type == SQL_LIST;
    if (!result.matched || (list && result.value.len == 0)) {
        RULE_COUNT(delivery, no_result);
        return;
    }
    RULE_COUNT(delivery, passed);
    if (list) {
        run_list(delivery, &result.value);
        return;
    }
    struct sql_columns selected = result.all_columns ? columns : sql_columns_of_map(&result.value);
    actions_run(delivery, &selected);
}

static void run_on(struct rule_reactor *reactor, struct rule *rule, struct rule_body *body,
                   struct rule_input *input, const struct origin_chain *chain)
{
    struct delivery delivery = {
        .rule = rule,
        .body = body,
        .input = input,
        .counters = &rule->counters[reactor->index],
        .scope = &reactor->scope,
        .chain = chain,
        .reactor = reactor,
    };
    if (body->waits)
        later_add(&delivery, body);
    else
        rule_run(&delivery);
}

/* ---- Messages -------------------------------------------------------------------------------------------- */

static void deliver(struct subscriber *subscriber, const struct route_target *target,
                    struct publication *publication)
{
    (void)target;
    struct rule *rule = (struct rule *)subscriber;
    struct rule_reactor *reactor = &rule->rules->reactors[publication_reactor(publication)];
    struct rule_body *body = atomic_load_explicit(&rule->body, memory_order_acquire);
    if (body == NULL)
        return;
    if (atomic_load_explicit(&rule->changing, memory_order_relaxed) &&
        !sql_program_listens(body->program, publication->topic))
        return;
    if (atomic_load_explicit(&rule->rules->ignore_sys, memory_order_relaxed) &&
        str_starts(publication->topic, STR("$SYS/")))
        return;
    if (chain_has(&reactor->chain, rule->mark)) {
        RULE_COUNT_ONE(&rule->counters[reactor->index], loops);
        return;
    }
    struct rule_input input = {
        .rules = rule->rules,
        .rule_id = rule->name,
        .publication = publication,
        .now_ms = reactor_wall_ms(service_reactor(rule->rules->options.broker, reactor->index)),
    };
    run_on(reactor, rule, body, &input, &reactor->chain);
}

static void describe(const struct subscriber *subscriber, struct buf *out)
{
    buf_printf(out, "rule %s", ((const struct rule *)subscriber)->id);
}

const struct subscriber_ops rule_subscriber_ops = {.deliver = deliver, .describe = describe};

/* ---- Events ---------------------------------------------------------------------------------------------- */

/* What has led to the event: to its message, which may have been published long ago, or to what the reactor publishes. */
static const struct origin_chain *chain_of(const struct rule_reactor *reactor,
                                           const struct broker_event *event, struct origin_chain *space)
{
    struct error err;
    if (event->trail.len == 0 || !chain_unpack(space, event->trail, &err) ||
        space->depth < reactor->chain.depth)
        return &reactor->chain;
    return space;
}

/* A rule that has led to the message hears of no event of it either: it would come round again. */
void rule_raise(struct event_listener *listener, const struct broker_event *event)
{
    struct rules *rules = CONTAINER_OF(listener, struct rules, listener);
    struct rule_reactor *reactor = &rules->reactors[event->reactor];
    const struct listening *listening = atomic_load_explicit(&rules->listening, memory_order_acquire);
    if (listening == NULL)
        return;
    struct origin_chain space;
    const struct origin_chain *chain = chain_of(reactor, event, &space);
    for (size_t i = 0; i < listening->counts[event->kind]; i++) {
        struct rule *rule = listening->rules[event->kind][i];
        struct rule_body *body = atomic_load_explicit(&rule->body, memory_order_acquire);
        if (body == NULL || (body->events & EVENT_BIT(event->kind)) == 0)
            continue;
        if (chain_has(chain, rule->mark) || chain_has(&reactor->chain, rule->mark)) {
            RULE_COUNT_ONE(&rule->counters[reactor->index], loops);
            continue;
        }
        struct rule_input input = {
            .rules = rules, .rule_id = rule->name, .event = event, .now_ms = event->time_ms};
        run_on(reactor, rule, body, &input, chain);
    }
}

/* Of a thread that is no reactor's, and is not kept. `input` is but for the rule. */
static void raise_elsewhere(struct rules *rules, unsigned kind, struct rule_input input)
{
    struct origin_chain chain = {.carried = input.record != NULL};
    struct sql_scope scope = {0};
    input.rules = rules;
    if (input.record != NULL)
        chain_read(&chain, input.record->props);
    pthread_rwlock_rdlock(&rules->elsewhere_lock);
    const struct listening *listening = atomic_load(&rules->listening);
    for (size_t i = 0; listening != NULL && i < listening->counts[kind]; i++) {
        struct rule *rule = listening->rules[kind][i];
        struct rule_body *body = atomic_load(&rule->body);
        if (body == NULL || (body->events & EVENT_BIT(kind)) == 0)
            continue;
        input.rule_id = rule->name;
        struct rule_counters *counters = &rule->counters[rules->reactor_count];
        if (chain_has(&chain, rule->mark)) {
            atomic_fetch_add_explicit(&counters->loops, 1, memory_order_relaxed);
            continue;
        }
        struct delivery delivery = {.rule = rule,
                                    .body = body,
                                    .input = &input,
                                    .counters = counters,
                                    .scope = &scope,
                                    .chain = &chain};
        later_add(&delivery, body);
    }
    pthread_rwlock_unlock(&rules->elsewhere_lock);
    sql_scope_free(&scope);
}

void rule_raise_station(struct station_listener *listener, const struct station_event *event)
{
    const struct rule_input input = {.station_event = event,
                                     .record = event->message,
                                     .station = event->station,
                                     .now_ms = event->time_ms};
    raise_elsewhere(CONTAINER_OF(listener, struct rules, station_listener), RULE_EVENT_STATION + event->kind,
                    input);
}

void rule_raise_alarm(struct alarm_listener *listener, const struct alarm_event *event)
{
    const struct rule_input input = {.alarm_event = event, .now_ms = event->time_ms};
    raise_elsewhere(CONTAINER_OF(listener, struct rules, alarm_listener), RULE_EVENT_ALARM + event->kind,
                    input);
}

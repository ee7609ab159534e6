/* All rules: their objects in the catalog, and what runs of them. See rule_internal.h for how one is replaced. */
#include "rule/rule_internal.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/catalog.h"

#include <stdio.h>
#include <stdlib.h>

#define KIND "rule"

/* ---- The list -------------------------------------------------------------------------------------------- */

static size_t place_of(const struct rules *rules, struct str id, bool *found)
{
    size_t low = 0, high = rules->count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(id, str_of(rules->list[middle]->id));
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static struct rule *find(const struct rules *rules, struct str id, struct error *err)
{
    bool found;
    size_t at = place_of(rules, id, &found);
    if (found)
        return rules->list[at];
    error_set(err, ERR_NOT_FOUND, "there is no rule \"%.*s\"", STR_ARG(id));
    return NULL;
}

static void list_add(struct rules *rules, struct rule *rule)
{
    bool found;
    size_t at = place_of(rules, str_of(rule->id), &found);
    rules->list = mem_realloc(rules->list, (rules->count + 1) * sizeof(*rules->list));
    memmove(rules->list + at + 1, rules->list + at, (rules->count - at) * sizeof(*rules->list));
    rules->list[at] = rule;
    rules->count++;
}

static void list_remove_rule(struct rules *rules, const struct rule *rule)
{
    bool found;
    size_t at = place_of(rules, str_of(rule->id), &found);
    memmove(rules->list + at, rules->list + at + 1, (rules->count - at - 1) * sizeof(*rules->list));
    rules->count--;
}

/* ---- Life of one ----------------------------------------------------------------------------------------- */

static struct rule *rule_new(struct rules *rules, struct str id, json_t *object)
{
    struct rule *rule = mem_zalloc(sizeof(*rule));
    service_subscriber_init(rules->options.broker, &rule->subscriber, &rule_subscriber_ops);
    rule->rules = rules;
    rule->id = str_dup(id);
    rule->name = str_make(rule->id, id.len);
    atomic_init(&rule->refs, 1);
    rule->object = object;
    rule->counters = mem_zalloc((rules->reactor_count + 1) * sizeof(*rule->counters));
    return rule;
}

void rule_ref(struct rule *rule)
{
    atomic_fetch_add_explicit(&rule->refs, 1, memory_order_relaxed);
}

void rule_unref(struct rule *rule)
{
    if (atomic_fetch_sub_explicit(&rule->refs, 1, memory_order_acq_rel) != 1)
        return;
    mem_free(rule->counters);
    json_decref(rule->object);
    json_decref(rule->from);
    mem_free(rule->why);
    mem_free(rule->id);
    mem_free(rule);
}

static json_t *topics_json(const struct sql_program *program)
{
    json_t *from = json_array();
    size_t count;
    const struct str *topics = sql_program_topics(program, &count);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(from, json_stringn(topics[i].data, topics[i].len));
    return from;
}

/* Unlike that of a rule that had the id before, and of what strangers would guess. */
static void set_mark(struct rule *rule)
{
    char text[RULE_ID_MAX + 32];
    int len = snprintf(text, sizeof(text), "%s %lld", rule->id, (long long)rule->created_ms);
    rule->mark = hash_stable(text, (size_t)len);
}

/* The body of the object, if it is enabled, and the topics of its FROM (owned). False: it cannot run. */
static bool body_of(struct rules *rules, struct str id, const json_t *object, struct rule_body **out,
                    json_t **from, struct error *err)
{
    struct rule_body *body = body_new(rules, id, object, err);
    if (body == NULL)
        return false;
    *from = topics_json(body->program);
    if (!json_is_true(json_object_get(object, "enable"))) {
        body_free(rules, id, body);
        body = NULL;
    }
    *out = body;
    return true;
}

static bool store(struct rules *rules, struct rule *rule, const json_t *object, bool create,
                  struct error *err)
{
    char *text = json_dumps(object, JSON_COMPACT);
    int64_t now_ms = clock_wall_ms();
    const struct catalog_object row = {
        .id = str_of(rule->id),
        .object = str_of(text),
        .created_ms = create ? now_ms : rule->created_ms,
        .modified_ms = now_ms,
    };
    bool ok = create ? catalog_object_create(rules->options.catalog, KIND, &row, err)
                     : catalog_object_update(rules->options.catalog, KIND, &row, err);
    if (ok) {
        rule->created_ms = row.created_ms;
        rule->modified_ms = now_ms;
    }
    free(text);
    return ok;
}

static bool create(struct rules *rules, json_t *object, const char *id, struct error *err)
{
    struct rule_body *body = NULL;
    bool found;
    place_of(rules, str_of(id), &found);
    if (found) {
        json_decref(object);
        return error_set(err, ERR_EXISTS, "there is a rule \"%s\" already", id);
    }
    json_object_set_new(object, "id", json_string(id));
    struct rule *rule = rule_new(rules, str_of(id), object);
    if (!body_of(rules, str_of(id), object, &body, &rule->from, err) ||
        !store(rules, rule, object, true, err)) {
        body_free(rules, str_of(id), body);
        rule_unref(rule);
        return false;
    }
    set_mark(rule);
    list_add(rules, rule);
    rule_replace(rule, body);
    return true;
}

bool rules_create(struct rules *rules, const json_t *given, char id[RULE_ID_MAX + 1], struct error *err)
{
    json_t *object = object_read(given, NULL, err);
    if (object == NULL)
        return false;
    const char *wanted = json_string_value(json_object_get(object, "id"));
    if (wanted != NULL && wanted[0] != '\0') {
        if (!object_id_is_valid(wanted, err)) {
            json_decref(object);
            return false;
        }
        memcpy(id, wanted, strlen(wanted) + 1);
    } else {
        object_make_id(id);
    }
    pthread_mutex_lock(&rules->lock);
    bool ok = create(rules, object, id, err);
    pthread_mutex_unlock(&rules->lock);
    return ok;
}

static bool update(struct rules *rules, struct rule *rule, const json_t *given, struct error *err)
{
    const char *wanted = json_string_value(json_object_get(given, "id"));
    if (wanted != NULL && strcmp(wanted, rule->id) != 0)
        return error_set(err, ERR_INVALID, "id: a rule's id cannot be changed");
    json_t *object = object_read(given, rule->object, err);
    struct rule_body *body = NULL;
    json_t *from = NULL;
    if (object == NULL)
        return false;
    if (!body_of(rules, str_of(rule->id), object, &body, &from, err) ||
        !store(rules, rule, object, false, err)) {
        body_free(rules, str_of(rule->id), body);
        json_decref(from);
        json_decref(object);
        return false;
    }
    json_decref(rule->object);
    rule->object = object;
    json_decref(rule->from);
    rule->from = from;
    mem_free(rule->why);
    rule->why = NULL;
    rule_replace(rule, body);
    return true;
}

bool rules_update(struct rules *rules, struct str id, const json_t *object, struct error *err)
{
    pthread_mutex_lock(&rules->lock);
    struct rule *rule = find(rules, id, err);
    bool ok = rule != NULL && update(rules, rule, object, err);
    pthread_mutex_unlock(&rules->lock);
    return ok;
}

/* Its positions in stations go with it. */
static void forget_positions(struct rules *rules, const struct rule *rule)
{
    const struct rule_body *body = atomic_load(&rule->body);
    for (size_t i = 0; body != NULL && i < body->station_count; i++)
        source_forget(rules, str_of(rule->id), body->stations[i]);
}

bool rules_delete(struct rules *rules, struct str id, struct error *err)
{
    pthread_mutex_lock(&rules->lock);
    struct rule *rule = find(rules, id, err);
    bool ok = rule != NULL && catalog_object_delete(rules->options.catalog, KIND, id, err);
    if (ok) {
        rule_stop_sources(atomic_load(&rule->body));
        forget_positions(rules, rule);
        list_remove_rule(rules, rule);
        rule_replace(rule, NULL);
        service_subscriber_end(rules->options.broker, &rule->subscriber);
        rule_unref(rule);
    }
    pthread_mutex_unlock(&rules->lock);
    return ok;
}

/* The actions but this one; NULL: it is not among them. Returns owned. */
static json_t *actions_without(const json_t *actions, struct str id)
{
    json_t *rest = json_array();
    for (size_t i = 0; i < json_array_size(actions); i++) {
        json_t *action = json_array_get(actions, i);
        if (!json_is_string(action) || !str_is(id, json_string_value(action)))
            json_array_append(rest, action);
    }
    if (json_array_size(rest) < json_array_size(actions))
        return rest;
    json_decref(rest);
    return NULL;
}

bool rules_drop_action(struct rules *rules, struct str action_id, struct error *err)
{
    bool ok = true;
    pthread_mutex_lock(&rules->lock);
    for (size_t i = 0; ok && i < rules->count; i++) {
        json_t *rest = actions_without(json_object_get(rules->list[i]->object, "actions"), action_id);
        if (rest == NULL)
            continue;
        json_t *change = json_pack("{s:o}", "actions", rest);
        ok = update(rules, rules->list[i], change, err);
        json_decref(change);
    }
    pthread_mutex_unlock(&rules->lock);
    return ok;
}

/* ---- Showing --------------------------------------------------------------------------------------------- */

json_t *rules_describe(struct rules *rules, struct str id, struct error *err)
{
    pthread_mutex_lock(&rules->lock);
    const struct rule *rule = find(rules, id, err);
    json_t *out = rule != NULL ? object_describe(rule) : NULL;
    pthread_mutex_unlock(&rules->lock);
    return out;
}

void rules_each(struct rules *rules, bool (*each)(struct str id, void *arg), void *arg)
{
    pthread_mutex_lock(&rules->lock);
    size_t count = rules->count;
    char **ids = mem_zalloc((count + 1) * sizeof(*ids));
    for (size_t i = 0; i < count; i++)
        ids[i] = mem_strdup(rules->list[i]->id);
    pthread_mutex_unlock(&rules->lock);
    bool go_on = true;
    for (size_t i = 0; i < count; i++) {
        go_on = go_on && each(str_of(ids[i]), arg);
        mem_free(ids[i]);
    }
    mem_free(ids);
}

json_t *rules_metrics(struct rules *rules, struct str id, struct error *err)
{
    pthread_mutex_lock(&rules->lock);
    const struct rule *rule = find(rules, id, err);
    json_t *out = rule != NULL ? counters_json(rule) : NULL;
    pthread_mutex_unlock(&rules->lock);
    return out;
}

bool rules_metrics_reset(struct rules *rules, struct str id, struct error *err)
{
    pthread_mutex_lock(&rules->lock);
    struct rule *rule = find(rules, id, err);
    if (rule != NULL)
        counters_reset(rule);
    pthread_mutex_unlock(&rules->lock);
    return rule != NULL;
}

/* ---- All of them ----------------------------------------------------------------------------------------- */

static bool load_one(const struct catalog_object *row, void *arg)
{
    struct rules *rules = arg;
    struct error err;
    struct rule_body *body = NULL;
    json_t *object = json_loadb(row->object.data, row->object.len, 0, NULL);
    if (!json_is_object(object)) {
        LOG_ERROR("rule in the catalog is not readable", LOG_STR("rule", row->id));
        json_decref(object);
        return true;
    }
    struct rule *rule = rule_new(rules, row->id, object);
    rule->created_ms = row->created_ms;
    rule->modified_ms = row->modified_ms;
    set_mark(rule);
    if (!body_of(rules, row->id, object, &body, &rule->from, &err)) {
        rule->why = mem_strdup(err.text);
        LOG_ERROR("rule cannot run", LOG_STR("rule", row->id), LOG_ERROR_OF(&err));
    }
    list_add(rules, rule);
    rule_subscribe(rule, body);
    atomic_store(&rule->body, body);
    return true;
}

static void reactors_start(struct rules *rules)
{
    rules->reactor_count = service_reactor_count(rules->options.broker);
    rules->reactors = mem_zalloc(rules->reactor_count * sizeof(*rules->reactors));
    for (unsigned i = 0; i < rules->reactor_count; i++) {
        rules->reactors[i].rules = rules;
        rules->reactors[i].index = i;
        rules->reactors[i].task.run = republish_turn_end;
    }
}

struct rules *rules_open(const struct rules_options *options, struct error *err)
{
    struct rules *rules = mem_zalloc(sizeof(*rules));
    rules->options = *options;
    rules->listener.raise = rule_raise;
    rules->station_listener.raise = rule_raise_station;
    rules->alarm_listener.raise = rule_raise_alarm;
    pthread_rwlock_init(&rules->elsewhere_lock, NULL);
    pthread_mutex_init(&rules->lock, NULL);
    reactors_start(rules);
    if (!later_start(rules, err) ||
        !ticker_start(&rules->ticker, "rule-rates", &rules->lock, counters_tick, rules, err)) {
        later_stop(rules);
        return NULL;
    }
    pthread_mutex_lock(&rules->lock);
    bool ok = settings_load(rules, err) && catalog_object_each(options->catalog, KIND, load_one, rules, err);
    if (ok) {
        rules_settle(rules);
        for (size_t i = 0; i < rules->count; i++)
            rule_start_sources(rules->list[i], atomic_load(&rules->list[i]->body));
    }
    pthread_mutex_unlock(&rules->lock);
    if (ok && options->sinks != NULL)
        sinks_republish_through(options->sinks, rules);
    if (ok)
        return rules;
    rules_close(rules);
    return NULL;
}

void rules_close(struct rules *rules)
{
    if (rules == NULL)
        return;
    if (rules->options.sinks != NULL)
        sinks_republish_through(rules->options.sinks, NULL);
    ticker_stop(&rules->ticker);
    for (size_t i = 0; i < rules->count; i++) {
        rule_stop_sources(atomic_load(&rules->list[i]->body));
        service_subscriber_end(rules->options.broker, &rules->list[i]->subscriber);
    }
    if (rules->options.alarms != NULL)
        alarms_unlisten(rules->options.alarms);
    if (rules->options.stations != NULL)
        stations_unlisten(rules->options.stations);
    service_unlisten(rules->options.broker);
    later_stop(rules);                      /* nobody adds any more */
    service_barrier(rules->options.broker); /* what it has mailed is published */
    listening_free(atomic_load(&rules->listening));
    for (size_t i = 0; i < rules->count; i++) {
        body_free(rules, str_of(rules->list[i]->id), atomic_load(&rules->list[i]->body));
        rule_unref(rules->list[i]);
    }
    for (unsigned i = 0; i < rules->reactor_count; i++) {
        remake_drop_all(&rules->reactors[i]);
        sql_scope_free(&rules->reactors[i].scope);
    }
    json_decref(rules->settings);
    mem_free(rules->list);
    mem_free(rules->reactors);
    pthread_rwlock_destroy(&rules->elsewhere_lock);
    pthread_mutex_destroy(&rules->lock);
    mem_free(rules);
}

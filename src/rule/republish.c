/* republish: a result becomes a message.
 *
 * It is rendered at once, and published at the end of the loop turn: a rule runs in the middle of the routing of
 * another message. With it goes the chain of rules that have led to it (chain.c); none of them hears of it, and where the
 * chain is RULE_DEPTH_MAX long it ends. It counts as a success when somebody gets it. The original's acknowledgement waits for whoever keeps the new message. A rule over a
 * station runs on a thread of its own: its messages are mailed to a reactor. */
#include "rule/rule_internal.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdio.h>

#define PENDING_BYTES_MAX ((size_t)64 * 1024 * 1024) /* of one reactor's turn */
#define PAYLOAD_BYTES_MAX ((size_t)16 * 1024 * 1024)

/* ---- Arguments ------------------------------------------------------------------------------------------- */

static bool read_template(struct sql_template **out, const json_t *args, const char *key,
                          const char *fallback, struct error *err)
{
    const json_t *value = json_object_get(args, key);
    char number[32];
    const char *text = fallback;
    if (json_is_string(value))
        text = json_string_value(value);
    else if (json_is_boolean(value))
        text = json_is_true(value) ? "true" : "false";
    else if (json_is_integer(value))
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value)), text = number;
    else if (value != NULL && !json_is_null(value))
        return error_set(err, ERR_INVALID, "republish: %s: expected a text with placeholders", key);
    *out = sql_template_new(str_of(text), err);
    return *out != NULL || error_wrap(err, "republish: %s", key);
}

static const char *const property_names[] = {"Payload-Format-Indicator", "Message-Expiry-Interval",
                                             "Content-Type", "Response-Topic", "Correlation-Data"};

static bool read_properties(struct republish *out, const json_t *args, struct error *err)
{
    const json_t *map = json_object_get(args, "mqtt_properties");
    if (map == NULL || json_is_null(map))
        return true;
    if (!json_is_object(map))
        return error_set(err, ERR_INVALID, "republish: mqtt_properties: expected an object");
    out->properties = mem_zalloc(LENGTH(property_names) * sizeof(*out->properties));
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)map, key, value)
    {
        bool known = false;
        for (size_t i = 0; i < LENGTH(property_names); i++)
            known |= strcmp(key, property_names[i]) == 0;
        if (!known)
            return error_set(err, ERR_INVALID, "republish: mqtt_properties: \"%s\" is none that can be set",
                             key);
        struct property_template *property = &out->properties[out->property_count];
        if (!read_template(&property->value, map, key, "", err))
            return false;
        property->name = mem_strdup(key);
        out->property_count++;
    }
    return true;
}

/* An empty template is the whole result. */
static bool read_payload(struct republish *out, const json_t *args, struct error *err)
{
    if (!read_template(&out->payload, args, "payload", "${payload}", err))
        return false;
    if (sql_template_text(out->payload).len > 0)
        return true;
    sql_template_free(out->payload);
    out->payload = sql_template_new(STR("${.}"), err);
    return out->payload != NULL;
}

/* EMQX's way to write it: not a placeholder, since those have no quotes. */
static bool read_user_properties(struct republish *out, const json_t *args, struct error *err)
{
    if (!read_template(&out->user_properties, args, "user_properties", "${user_properties}", err))
        return false;
    out->user_as_they_came = str_is(sql_template_text(out->user_properties), "${pub_props.'User-Property'}");
    return true;
}

bool republish_read(struct republish *out, const json_t *args, struct error *err)
{
    static const char *const known[] = {
        "topic", "payload", "qos", "retain", "mqtt_properties", "user_properties", "direct_dispatch"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)args, key, value)
    {
        bool found = false;
        for (size_t i = 0; i < LENGTH(known); i++)
            found |= strcmp(key, known[i]) == 0;
        if (!found)
            return error_set(err, ERR_INVALID, "republish: unknown argument \"%s\"", key);
    }
    if (!json_is_string(json_object_get(args, "topic")))
        return error_set(err, ERR_INVALID, "republish: topic: expected a text with placeholders");
    return read_template(&out->topic, args, "topic", "", err) && read_payload(out, args, err) &&
           read_template(&out->qos, args, "qos", "${qos}", err) &&
           read_template(&out->retain, args, "retain", "${retain}", err) &&
           read_user_properties(out, args, err) && read_properties(out, args, err);
}

void republish_free(struct republish *republish)
{
    sql_template_free(republish->topic);
    sql_template_free(republish->payload);
    sql_template_free(republish->qos);
    sql_template_free(republish->retain);
    sql_template_free(republish->user_properties);
    for (size_t i = 0; i < republish->property_count; i++) {
        mem_free(republish->properties[i].name);
        sql_template_free(republish->properties[i].value);
    }
    mem_free(republish->properties);
}

/* ---- Rendering ------------------------------------------------------------------------------------------- */

struct rendering {
    const struct sql_columns *result;
    const struct sql_columns *columns; /* of the original, as far as it is known */
    struct sql_scope *scope;
};

static bool render(const struct rendering *rendering, const struct sql_template *template, struct buf *out,
                   size_t bytes_max, struct error *err)
{
    return sql_template_render(template, rendering->result, rendering->scope, SQL_MISSING_AS_TEXT, out,
                               out->len + bytes_max, err);
}

/* "0" to "2"; whatever is missing is 0. False: what is there is none of these. */
static bool render_qos(const struct rendering *rendering, const struct sql_template *template, uint8_t *out,
                       struct error *err)
{
    struct buf text = {0};
    bool ok = render(rendering, template, &text, 64, err);
    struct str got = buf_str(&text);
    *out = 0;
    if (ok && got.len == 1 && got.data[0] >= '0' && got.data[0] <= '2')
        *out = (uint8_t)(got.data[0] - '0');
    else if (ok && !str_is(got, "undefined") && got.len > 0)
        ok = error_set(err, ERR_INVALID, "republish: qos is \"%.*s\", expected 0, 1 or 2", STR_ARG(got));
    buf_free(&text);
    return ok;
}

static bool render_retain(const struct rendering *rendering, const struct sql_template *template, bool *out,
                          struct error *err)
{
    struct buf text = {0};
    bool ok = render(rendering, template, &text, 64, err);
    *out = ok && (str_is(buf_str(&text), "true") || str_is(buf_str(&text), "1"));
    buf_free(&text);
    return ok;
}

/* What MQTT can carry as a text. */
static bool is_text(struct str text)
{
    return text.len <= UINT16_MAX && utf8_valid(text.data, text.len);
}

static void put_user_map(const struct sql_value *map, struct buf *out, struct sql_scope *scope)
{
    for (uint32_t i = 0; i < map->len; i++) {
        const struct sql_entry *entry = sql_map_at(map, i);
        struct str value;
        struct error err;
        if (!str_is(sql_key_of(entry), CHAIN_PROPERTY) && sql_text_of(scope, &entry->value, &value, &err) &&
            is_text(value) && is_text(sql_key_of(entry)))
            mqtt_user_property_append(out, sql_key_of(entry), value);
    }
}

static void put_user_pairs(const struct sql_value *list, struct buf *out, struct sql_scope *scope)
{
    for (uint32_t i = 0; i < list->len; i++) {
        const struct sql_value *key =
            list->items[i].type == SQL_MAP ? sql_map_get(&list->items[i], STR("key")) : NULL;
        const struct sql_value *value = key != NULL ? sql_map_get(&list->items[i], STR("value")) : NULL;
        struct str text;
        struct error err;
        if (value != NULL && key->type == SQL_STRING && is_text(sql_str_of(key)) &&
            !str_is(sql_str_of(key), CHAIN_PROPERTY) && sql_text_of(scope, value, &text, &err) &&
            is_text(text))
            mqtt_user_property_append(out, sql_str_of(key), text);
    }
}

static void put_original_user(const struct rendering *rendering, struct buf *out)
{
    struct error err;
    struct sql_value props = sql_undefined();
    if (!rendering->columns->get(rendering->columns->source, STR("pub_props"), rendering->scope, &props,
                                 &err) ||
        props.type != SQL_MAP)
        return;
    const struct sql_value *pairs = sql_map_get(&props, STR("User-Property-Pairs"));
    if (pairs != NULL && pairs->type == SQL_LIST)
        put_user_pairs(pairs, out, rendering->scope);
}

/* A template of one placeholder names a map, or a list of pairs; as a text it would not be one any more. */
static void render_user(const struct rendering *rendering, const struct sql_template *template,
                        struct buf *out)
{
    struct error err;
    struct sql_value value = sql_undefined();
    if (sql_template_placeholder_count(template) != 1)
        return;
    struct str path = sql_template_placeholder(template, 0), name = path;
    const char *dot = memchr(path.data, '.', path.len);
    if (dot != NULL)
        name.len = (size_t)(dot - path.data);
    if (!rendering->result->get(rendering->result->source, name, rendering->scope, &value, &err))
        return;
    if (dot != NULL) {
        const struct sql_value *member =
            value.type == SQL_MAP ? sql_map_get(&value, str_make(dot + 1, path.len - name.len - 1)) : NULL;
        value = member != NULL ? *member : sql_undefined();
    }
    if (value.type == SQL_MAP)
        put_user_map(&value, out, rendering->scope);
    else if (value.type == SQL_LIST)
        put_user_pairs(&value, out, rendering->scope);
}

static void set_property(struct mqtt_properties *properties, const char *name, struct str text)
{
    sql_int128 number = 0;
    bool is_number = sql_text_to_int(text, &number) && number >= 0 && number <= UINT32_MAX;
    bool text_fits = is_text(text) && !str_is(text, "undefined");
    enum mqtt_property id = 0;
    if (strcmp(name, "Payload-Format-Indicator") == 0 && is_number && number <= 1) {
        id = MQTT_PROP_PAYLOAD_FORMAT;
        properties->payload_format = (uint8_t)number;
    } else if (strcmp(name, "Message-Expiry-Interval") == 0 && is_number) {
        id = MQTT_PROP_MESSAGE_EXPIRY;
        properties->message_expiry = (uint32_t)number;
    } else if (strcmp(name, "Content-Type") == 0 && text_fits) {
        id = MQTT_PROP_CONTENT_TYPE;
        properties->content_type = text;
    } else if (strcmp(name, "Response-Topic") == 0 && text_fits) {
        struct topic_filter parsed;
        if (!topic_filter_parse(text, &parsed) || parsed.wildcard)
            return;
        id = MQTT_PROP_RESPONSE_TOPIC;
        properties->response_topic = text;
    } else if (strcmp(name, "Correlation-Data") == 0 && text.len <= UINT16_MAX &&
               !str_is(text, "undefined")) {
        id = MQTT_PROP_CORRELATION_DATA;
        properties->correlation_data = text;
    }
    if (id != 0)
        properties->has |= UINT64_C(1) << id; /* a bad value is passed over, as EMQX does */
}

static bool render_properties(const struct rendering *rendering, const struct republish *republish,
                              struct buf *out, struct error *err)
{
    struct mqtt_properties properties;
    struct buf user = {0}, values[LENGTH(property_names)] = {0};
    bool ok = true;
    mqtt_properties_init(&properties);
    for (size_t i = 0; ok && i < republish->property_count; i++) {
        ok = render(rendering, republish->properties[i].value, &values[i], TOPIC_BYTES_MAX, err);
        if (ok)
            set_property(&properties, republish->properties[i].name, buf_str(&values[i]));
    }
    if (republish->user_as_they_came)
        put_original_user(rendering, &user);
    else
        render_user(rendering, republish->user_properties, &user);
    properties.user_encoded = buf_str(&user);
    if (ok) {
        mqtt_properties_encode(out, &properties);
        size_t prefix = 1; /* its length */
        while (out->data[prefix - 1] & 0x80)
            prefix++;
        buf_consume(out, prefix);
    }
    for (size_t i = 0; i < LENGTH(values); i++)
        buf_free(&values[i]);
    buf_free(&user);
    return ok;
}

/* ---- Publishing ------------------------------------------------------------------------------------------ */

static void tell(const struct remake *remake, uint8_t reason)
{
    struct error err;
    if (reason != MQTT_SUCCESS)
        error_set(&err, ERR_CLOSED, "the broker stops");
    remake->done(remake->arg, reason == MQTT_SUCCESS ? NULL : &err);
}

static void remake_free(struct remake *remake, uint8_t reason)
{
    if (remake->rule != NULL)
        rule_unref(remake->rule);
    if (remake->ticket != NULL)
        ticket_done(remake->ticket, reason);
    if (remake->receipt != NULL)
        receipt_done(remake->receipt, reason == MQTT_SUCCESS);
    if (remake->done != NULL)
        tell(remake, reason);
    mem_free(remake);
}

static void set_expiry(const struct rule_reactor *reactor, struct publication *publication)
{
    size_t size;
    size_t at = mqtt_property_find(publication->props, MQTT_PROP_MESSAGE_EXPIRY, &size);
    if (at == 0)
        return;
    const uint8_t *bytes = (const uint8_t *)publication->props.data + at;
    uint32_t seconds =
        (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    publication->expiry_at = (uint32_t)at;
    publication->expires_ms =
        reactor_wall_ms(service_reactor(reactor->rules->options.broker, reactor->index)) +
        (int64_t)seconds * 1000;
}

static void count(struct rule_counters *counters, bool received)
{
    if (received)
        RULE_COUNT_ONE(counters, success);
    else
        RULE_COUNT_ONE(counters, unknown);
}

/* Thread: the reactor's, not within a publication. */
static void remake_publish(struct rule_reactor *reactor, struct remake *remake)
{
    struct publication publication = {
        .topic = remake->topic,
        .props = remake->props,
        .payload = remake->payload,
        .qos = remake->qos,
        .retain = remake->retain,
        .ticket = remake->ticket,
        .acknowledged = remake->ticket != NULL,
    };
    set_expiry(reactor, &publication);
    struct origin_chain former = reactor->chain;
    uint8_t trail[CHAIN_BYTES_MAX];
    publication.trail = str_make((const char *)trail, chain_pack(&remake->chain, trail));
    reactor->chain = remake->chain;
    size_t receivers = service_publish(reactor->rules->options.broker, reactor->index, &publication);
    reactor->chain = former;
    if (remake->rule != NULL)
        count(&remake->rule->counters[reactor->index], receivers > 0 || remake->retain);
    remake_free(remake, MQTT_SUCCESS);
}

void republish_turn_end(struct turn_task *task)
{
    struct rule_reactor *reactor = CONTAINER_OF(task, struct rule_reactor, task);
    while (reactor->first != NULL) {
        struct remake *remake = reactor->first;
        reactor->first = remake->next;
        if (reactor->first == NULL)
            reactor->last = NULL;
        reactor->pending_bytes -= remake->bytes;
        remake_publish(reactor, remake);
    }
}

void remake_drop_all(struct rule_reactor *reactor)
{
    while (reactor->first != NULL) {
        struct remake *remake = reactor->first;
        reactor->first = remake->next;
        remake_free(remake, MQTT_SUCCESS);
    }
}

static void come_in(struct reactor *home, struct mail *mail)
{
    struct remake *remake = CONTAINER_OF(mail, struct remake, mail);
    if (home == NULL)
        remake_free(remake, MQTT_SERVER_SHUTTING_DOWN);
    else
        remake_publish(&remake->rules->reactors[reactor_index(home)], remake);
}

/* To a reactor, from a thread of another kind. */
static void mail_to(struct rules *rules, uint64_t hash, struct remake *remake)
{
    remake->mail.run = come_in;
    unsigned to = (unsigned)(hash % rules->reactor_count);
    reactor_post(service_reactor(rules->options.broker, to), &remake->mail);
}

/* At the end of the reactor's turn. */
static bool queue_on(struct rule_reactor *reactor, struct remake *remake, struct publication *original,
                     struct error *err)
{
    if (reactor->pending_bytes + remake->bytes > PENDING_BYTES_MAX) {
        remake_free(remake, MQTT_SUCCESS);
        return error_set(err, ERR_BUSY, "rules have made more than %zu MiB in one turn",
                         PENDING_BYTES_MAX >> 20);
    }
    if (original != NULL)
        remake->ticket = publication_hold(original);
    reactor->pending_bytes += remake->bytes;
    if (reactor->last != NULL)
        reactor->last->next = remake;
    else
        reactor->first = remake;
    reactor->last = remake;
    service_at_turn_end(reactor->rules->options.broker, reactor->index, &reactor->task);
    return true;
}

static enum sink_outcome submit(struct delivery *delivery, struct remake *remake, struct error *err)
{
    if (delivery->reactor != NULL)
        return queue_on(delivery->reactor, remake, delivery->input->publication, err) ? SINK_ACCEPTED
                                                                                      : SINK_OUT_OF_SERVICE;
    remake->receipt = delivery->receipt;
    receipt_hold(remake->receipt);
    mail_to(delivery->rule->rules, delivery->rule->mark, remake);
    return SINK_ACCEPTED;
}

static struct remake *remake_new(struct rules *rules, struct rule *rule, struct str topic, struct str props,
                                 struct str payload)
{
    size_t bytes = sizeof(struct remake) + topic.len + props.len + payload.len;
    struct remake *remake = mem_alloc(bytes);
    *remake = (struct remake){.rules = rules, .rule = rule, .bytes = bytes};
    if (rule != NULL)
        rule_ref(rule);
    char *at = remake->data;
    memcpy(at, topic.data, topic.len);
    if (props.len > 0)
        memcpy(at + topic.len, props.data, props.len);
    if (payload.len > 0)
        memcpy(at + topic.len + props.len, payload.data, payload.len);
    remake->topic = str_make(at, topic.len);
    remake->props = str_make(at + topic.len, props.len);
    remake->payload = str_make(at + topic.len + props.len, payload.len);
    return remake;
}

static bool topic_is_publishable(struct str topic, struct error *err)
{
    struct topic_filter parsed;
    if (topic.len == 0 || !topic_filter_parse(topic, &parsed) || parsed.wildcard || parsed.shared)
        return error_set(err, ERR_INVALID, "republish: \"%.*s\" is no topic to publish to", STR_ARG(topic));
    if (str_is(topic, "$SYS") || str_starts(topic, STR("$SYS/")))
        return error_set(err, ERR_DENIED, "republish: $SYS is the broker's own");
    return true;
}

/* Makes the message. `rule`: that counts it; NULL: nobody does. NULL: *err. Returns owned. */
static struct remake *make(struct rules *rules, struct rule *rule, const struct rendering *rendering,
                           const struct republish *republish, const struct origin_chain *chain,
                           struct error *err)
{
    struct buf topic = {0}, props = {0}, payload = {0};
    struct remake *remake = NULL;
    uint8_t qos = 0;
    bool retain = false;
    if (!sql_template_render(republish->topic, rendering->result, rendering->scope, SQL_MISSING_IS_ERROR,
                             &topic, TOPIC_BYTES_MAX, err)) {
        error_wrap(err, "republish: topic");
    } else if (topic_is_publishable(buf_str(&topic), err) &&
               render_qos(rendering, republish->qos, &qos, err) &&
               render_retain(rendering, republish->retain, &retain, err) &&
               render_properties(rendering, republish, &props, err) &&
               render(rendering, republish->payload, &payload, PAYLOAD_BYTES_MAX, err)) {
        if (chain->carried)
            chain_append(chain, &props);
        remake = remake_new(rules, rule, buf_str(&topic), buf_str(&props), buf_str(&payload));
        remake->qos = qos;
        remake->retain = retain;
        remake->chain = *chain;
    }
    buf_free(&topic);
    buf_free(&props);
    buf_free(&payload);
    return remake;
}

enum sink_outcome republish_run(struct delivery *delivery, const struct rule_action *action,
                                const struct sql_columns *result, struct error *err)
{
    const struct sql_columns columns = input_columns(delivery->input);
    const struct rendering rendering = {result, &columns, delivery->scope};
    struct origin_chain chain;
    if (!delivery_chain_add(delivery, &chain, err))
        return SINK_FAILED;
    struct remake *remake =
        make(delivery->rule->rules, delivery->rule, &rendering, &action->republish, &chain, err);
    return remake != NULL ? submit(delivery, remake, err) : SINK_FAILED;
}

/* ---- For actions that give a message up ------------------------------------------------------------------ */

static void *fallback_read(const json_t *args, struct error *err)
{
    struct republish *republish = mem_zalloc(sizeof(*republish));
    if (republish_read(republish, args, err))
        return republish;
    republish_free(republish);
    mem_free(republish);
    return NULL;
}

static void fallback_free(void *republish)
{
    republish_free(republish);
    mem_free(republish);
}

/* The chain has the rule whose action has given up as its last one. */
static bool fallback_run(void *arg, const void *republish, const struct sink_message *message,
                         struct error *err)
{
    struct rules *rules = arg;
    const struct rendering rendering = {message->result, message->result, message->scope};
    struct origin_chain chain;
    if (!chain_unpack(&chain, message->origin, err) || !chain_goes_on(&chain, err))
        return false;
    struct remake *remake = make(rules, NULL, &rendering, republish, &chain, err);
    if (remake == NULL)
        return false;
    if (message->reactor != SINK_NO_REACTOR)
        return queue_on(&rules->reactors[message->reactor], remake, message->publication, err);
    remake->done = message->done;
    remake->arg = message->arg;
    mail_to(rules, chain.depth > 0 ? chain.marks[chain.depth - 1] : 0, remake);
    return true;
}

static const struct sink_republish fallback_republish = {
    .read = fallback_read, .free = fallback_free, .run = fallback_run};

const struct sink_republish *rules_republish(void)
{
    return &fallback_republish;
}

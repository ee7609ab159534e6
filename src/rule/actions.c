/* One result → the rule's actions, one after the other; one that fails does not stop the next.
 *
 * An action is done here when what it promises is on its way with an acknowledgement that waits for it: for a sink its
 * buffer, for a station its log, for a republished message whoever keeps it. */
#include "rule/rule_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "sql/json.h"

#define CONSOLE_BYTES_MAX ((size_t)64 * 1024)

static void log_failure(const struct delivery *delivery, const struct rule_action *action,
                        const struct error *err)
{
    if (rule_may_say(delivery->rule, RULE_SAYS_ACTION))
        LOG_WARNING("action failed", LOG_TEXT("rule", delivery->rule->id), LOG_TEXT("action", action->text),
                    LOG_ERROR_OF(err));
}

static void told(void *arg, const struct error *err)
{
    receipt_done(arg, err == NULL);
}

static enum sink_outcome to_sink(struct delivery *delivery, const struct rule_action *action,
                                 const struct sql_columns *result, struct error *err)
{
    struct origin_chain chain = *delivery->chain;
    uint8_t origin[CHAIN_BYTES_MAX];
    chain_add(&chain, delivery->rule,
              NULL); /* an action ends a chain; a fallback may go on with it, or may not */
    struct sink_message message = {
        .result = result,
        .scope = delivery->scope,
        .client_id = input_client_id(delivery->input),
        .reactor = delivery->reactor != NULL ? delivery->reactor->index : SINK_NO_REACTOR,
        .time_ms = input_time_ms(delivery->input),
        .station = delivery->input->record != NULL ? delivery->input->station : STR_NONE,
        .offset = delivery->input->record != NULL ? delivery->input->record->offset : 0,
        .publication = delivery->input->publication,
        .origin = str_make((const char *)origin, chain_pack(&chain, origin)),
    };
    if (delivery->receipt == NULL)
        return sink_submit(action->sink, &message, err);
    message.done = told;
    message.arg = delivery->receipt;
    receipt_hold(delivery->receipt);
    enum sink_outcome outcome = sink_submit(action->sink, &message, err);
    if (outcome != SINK_ACCEPTED) /* then it is not told: given up for good, or to be tried again */
        receipt_done(delivery->receipt, outcome != SINK_OUT_OF_SERVICE);
    return outcome;
}

static bool print(struct delivery *delivery, const struct sql_columns *columns, struct buf *out,
                  struct error *err)
{
    struct sql_map_builder builder = sql_map_begin(delivery->scope);
    if (!columns->all(columns->source, &builder, err))
        return false;
    struct sql_value map = sql_map_end(&builder);
    return sql_json_append(out, &map, CONSOLE_BYTES_MAX, err);
}

/* Prints what was selected, and from what, for whoever tries a rule. */
static enum sink_outcome to_console(struct delivery *delivery, const struct sql_columns *result,
                                    struct error *err)
{
    struct buf selected = {0}, all = {0};
    struct sql_columns columns = input_columns(delivery->input);
    bool printed = print(delivery, result, &selected, err) && print(delivery, &columns, &all, err);
    if (printed)
        LOG_INFO("rule result", LOG_TEXT("rule", delivery->rule->id), LOG_STR("result", buf_str(&selected)),
                 LOG_STR("columns", buf_str(&all)));
    buf_free(&selected);
    buf_free(&all);
    return printed ? SINK_ACCEPTED : SINK_FAILED;
}

static enum sink_outcome run_one(struct delivery *delivery, const struct rule_action *action,
                                 const struct sql_columns *result, struct error *err)
{
    switch (action->kind) {
    case ACTION_SINK: return to_sink(delivery, action, result, err);
    case ACTION_REPUBLISH: return republish_run(delivery, action, result, err);
    case ACTION_CONSOLE: return to_console(delivery, result, err);
    case ACTION_STATION: return to_station_run(delivery, action, result, err);
    }
    return SINK_DISCARDED;
}

void actions_run(struct delivery *delivery, const struct sql_columns *result)
{
    for (size_t i = 0; i < delivery->body->action_count; i++) {
        const struct rule_action *action = &delivery->body->actions[i];
        struct error err;
        switch (run_one(delivery, action, result, &err)) {
        case SINK_ACCEPTED:
            if (action->kind != ACTION_REPUBLISH)
                RULE_COUNT(delivery, success);
            continue;
        case SINK_FAILED: RULE_COUNT(delivery, unknown); break;
        case SINK_OUT_OF_SERVICE: RULE_COUNT(delivery, out_of_service); break;
        case SINK_DISCARDED: RULE_COUNT(delivery, discarded); break;
        }
        log_failure(delivery, action, &err);
    }
}

/* ---- To a station ---------------------------------------------------------------------------------------- */

/* A result on its way into a station's log. */
struct produced {
    struct station_produce produce; /* first */
    struct station_message message;
    struct ack_ticket *ticket;
    struct receipt *receipt;
    char data[];
};

static void produced_done(struct station_produce *produce, const struct error *err)
{
    struct produced *produced = (struct produced *)(void *)produce;
    if (produced->ticket != NULL)
        ticket_done(produced->ticket, err == NULL ? MQTT_SUCCESS : MQTT_QUOTA_EXCEEDED);
    if (produced->receipt != NULL)
        receipt_done(produced->receipt, err == NULL);
    mem_free(produced);
}

/* The payload: what was selected, as JSON. The topic: that of the message, or the station's name. With it goes the chain of rules. */
static struct produced *produced_new(struct delivery *delivery, const char *station, struct str payload,
                                     struct str props)
{
    struct str topic = input_topic(delivery->input), client_id = input_client_id(delivery->input);
    if (topic.len == 0)
        topic = str_of(station);
    struct produced *produced =
        mem_zalloc(sizeof(*produced) + payload.len + topic.len + client_id.len + props.len);
    char *at = produced->data;
    memcpy(at, payload.data, payload.len);
    memcpy(at + payload.len, topic.data, topic.len);
    if (client_id.len > 0)
        memcpy(at + payload.len + topic.len, client_id.data, client_id.len);
    memcpy(at + payload.len + topic.len + client_id.len, props.data, props.len);
    produced->message.props = str_make(at + payload.len + topic.len + client_id.len, props.len);
    produced->message.payload = str_make(at, payload.len);
    produced->message.topic = str_make(at + payload.len, topic.len);
    produced->message.client_id = str_make(at + payload.len + topic.len, client_id.len);
    produced->message.qos = 1;
    produced->produce.messages = &produced->message;
    produced->produce.count = 1;
    produced->produce.done = produced_done;
    return produced;
}

enum sink_outcome to_station_run(struct delivery *delivery, const struct rule_action *action,
                                 const struct sql_columns *result, struct error *err)
{
    struct sql_map_builder builder = sql_map_begin(delivery->scope);
    struct stations *stations = delivery->rule->rules->options.stations;
    struct origin_chain chain;
    if (stations == NULL)
        return error_set(err, ERR_NOT_FOUND, "there are no stations"), SINK_DISCARDED;
    if (!delivery_chain_add(delivery, &chain, err))
        return SINK_FAILED;
    if (!result->all(result->source, &builder, err))
        return SINK_FAILED;
    struct sql_value map = sql_map_end(&builder);
    struct buf payload = {0}, props = {0};
    if (!sql_json_append(&payload, &map, SQL_MEMORY_BYTES_DEFAULT, err)) {
        buf_free(&payload);
        return SINK_FAILED;
    }
    chain_append(&chain, &props);
    struct produced *produced = produced_new(delivery, action->station, buf_str(&payload), buf_str(&props));
    buf_free(&payload);
    buf_free(&props);
    if (delivery->input->publication != NULL)
        produced->ticket = publication_hold(delivery->input->publication);
    produced->receipt = delivery->receipt;
    if (produced->receipt != NULL)
        receipt_hold(produced->receipt);
    if (stations_produce(stations, str_of(action->station), &produced->produce, err))
        return SINK_ACCEPTED;
    bool never = err->code == ERR_INVALID || err->code == ERR_TOO_LARGE || err->code == ERR_NOT_FOUND;
    if (produced->ticket != NULL) /* the message is delivered whatever becomes of the rule */
        ticket_done(produced->ticket, MQTT_SUCCESS);
    if (produced->receipt != NULL)
        receipt_done(produced->receipt, never);
    mem_free(produced);
    return never ? SINK_FAILED : SINK_OUT_OF_SERVICE;
}

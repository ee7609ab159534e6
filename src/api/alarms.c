/* Alarms over the API: alarm/ has them. */
#include "alarm/alarm.h"
#include "api/api_internal.h"

#include "base/clock.h"

static void put_time(json_t *out, const char *name, int64_t wall_ms)
{
    char when[CLOCK_TEXT_BYTES];
    clock_format(wall_ms, when);
    json_object_set_new(out, name, json_string(when));
}

static json_t *alarm_json(const struct alarm *alarm)
{
    int64_t end_ms = alarm->ended_ms != 0 ? alarm->ended_ms : clock_wall_ms();
    struct str object = alarm_object(alarm);
    json_t *out =
        json_pack("{s:s, s:s, s:b, s:I, s:s, s:{s:s, s:s%}}", "name", alarm->name, "message", alarm->message,
                  "activated", alarm->ended_ms == 0, "duration", (json_int_t)(end_ms - alarm->began_ms),
                  "node", NODE_NAME, "details", "kind", alarm->kind, "id", object.data, object.len);
    put_time(out, "activate_at", alarm->began_ms);
    if (alarm->ended_ms != 0)
        put_time(out, "deactivate_at", alarm->ended_ms);
    return out;
}

struct listing {
    struct api_lister lister;
    int activated; /* negative: both */
};

static bool list_one(const struct alarm *alarm, void *arg)
{
    struct listing *listing = arg;
    bool wanted = listing->activated < 0 || (listing->activated != 0) == (alarm->ended_ms == 0);
    if (wanted && api_lister_want(&listing->lister))
        api_lister_add(&listing->lister, alarm_json(alarm));
    return true;
}

static void list(struct api_request *request)
{
    struct listing listing = {api_lister(request), api_query_bool(request, "activated")};
    alarms_each(request->api->alarms, list_one, &listing);
    api_lister_reply(request, &listing.lister);
}

static void forget(struct api_request *request)
{
    alarms_forget_ended(request->api->alarms);
    api_reply_none(request);
}

static const struct api_param params[] = {
    API_PAGE_PARAMS,
    {.name = "activated",
     .type = API_BOOLEAN,
     .description = "those that go on, or those that have ended; default: both"},
    {.name = NULL},
};

static const char alarm_schema[] =
    "{'type':'object','required':['name','message','activated','activate_at','duration'],'properties':{"
    "'name':{'type':'string','example':'connector_disconnected/s3:main'},'message':{'type':'string'},"
    "'activated':{'type':'boolean'},'activate_at':{'type':'string'},'deactivate_at':{'type':'string'},"
    "'duration':{'type':'integer','description':'ms'},'node':{'type':'string'},"
    "'details':{'type':'object','properties':{'kind':{'type':'string','example':'connector_disconnected'},"
    "'id':{'type':'string','example':'s3:main'}}}}}";

static const struct api_component components[] = {{"alarm", alarm_schema}};

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/alarms",
     .handle = list,
     .access = API_READ,
     .summary = "Alarms, those that go on first, then those that have ended, the latest first",
     .description = "Kinds: connector_disconnected, action_disconnected, station_not_running, "
                    "tier_not_running; behind the slash "
                    "stands of which one. They are looked for every five seconds.",
     .params = params,
     .answer = "{'type':'object','properties':{'data':{'type':'array','items':{'$ref':'#/components/schemas/"
               "alarm'}},"
               "'meta':" API_META "}}"},
    {.method = API_DELETE,
     .path = "/api/v5/alarms",
     .handle = forget,
     .access = API_ADMINISTER,
     .summary = "Forgets the alarms that have ended"},
};

const struct api_table alarms_table = {
    .tag = "Alarms",
    .description = "What is not as it should be",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};

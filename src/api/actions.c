/* Actions: EMQX's endpoints with its shapes and codes. */
#include "api/connectors_internal.h"
#include "api/monitor_internal.h"
#include "api/objects_internal.h"
#include "rule/rule.h"
#include "sink/sink.h"

#define EXISTS "ALREADY_EXISTS"

static struct sinks *sinks_of(const struct api_request *request)
{
    return api_of(request)->sinks;
}

static void reply_action(struct api_request *request, unsigned status, struct str id)
{
    struct error err;
    json_t *action = sinks_describe(sinks_of(request), id, NODE_NAME, &err);
    if (action != NULL)
        api_reply_json(request, status, action);
    else
        api_reply_failure(request, &err);
}

/* ---- Lists ----------------------------------------------------------------------------------------------- */

struct listing {
    struct api_request *request;
    json_t *list;
    bool summary;
};

static json_t *summary_of(const json_t *action)
{
    static const char *const keys[] = {"type",   "name",  "connector",   "description", "enable",
                                       "status", "rules", "node_status", "created_at",  "last_modified_at"};
    json_t *out = json_object();
    for (size_t i = 0; i < LENGTH(keys); i++)
        json_object_set(out, keys[i], json_object_get(action, keys[i]));
    return out;
}

static bool list_one(struct str id, void *arg)
{
    struct listing *listing = arg;
    json_t *action = sinks_describe(sinks_of(listing->request), id, NODE_NAME, NULL);
    if (action == NULL)
        return true;
    json_array_append_new(listing->list, listing->summary ? summary_of(action) : json_incref(action));
    json_decref(action);
    return true;
}

static void reply_all(struct api_request *request, bool summary)
{
    struct listing listing = {request, json_array(), summary};
    sinks_each(sinks_of(request), list_one, &listing);
    api_reply_json(request, 200, listing.list);
}

static void list(struct api_request *request)
{
    reply_all(request, false);
}

static void list_summaries(struct api_request *request)
{
    reply_all(request, true);
}

static void list_types(struct api_request *request)
{
    api_reply_json(request, 200, json_pack("[s]", "s3"));
}

static void list_none(struct api_request *request)
{
    api_reply_json(request, 200, json_array());
}

static void refuse_source(struct api_request *request)
{
    const char *type = json_string_value(json_object_get(api_body(request), "type"));
    api_reply_error(
        request, 400, "BAD_REQUEST",
        "there are no sources of type \"%s\": what a rule reads, topics, events and stations, is in its FROM",
        type != NULL ? type : "");
}

/* ---- One ------------------------------------------------------------------------------------------------- */

static void create(struct api_request *request)
{
    struct error err;
    char id[SINK_ID_MAX];
    if (sinks_create(sinks_of(request), api_body(request), id, &err))
        reply_action(request, 201, str_of(id));
    else
        objects_refuse(request, &err, EXISTS);
}

static void show(struct api_request *request)
{
    reply_action(request, 200, api_path(request, "id"));
}

static void update(struct api_request *request)
{
    struct error err;
    if (sinks_update(sinks_of(request), api_path(request, "id"), api_body(request), &err))
        reply_action(request, 200, api_path(request, "id"));
    else
        objects_refuse(request, &err, EXISTS);
}

/* EMQX's also_delete_dep_actions takes the action out of the rules that use it. */
static void remove_action(struct api_request *request)
{
    struct error err;
    struct str id = api_path(request, "id");
    bool ok = true, force = api_query_bool(request, "force") > 0;
    if (api_query_bool(request, "also_delete_dep_actions") > 0 && api_of(request)->rules != NULL)
        ok = rules_drop_action(api_of(request)->rules, id, &err);
    ok = ok && sinks_delete(sinks_of(request), id, force, &err);
    objects_reply(request, ok, &err, EXISTS);
}

static void enable(struct api_request *request)
{
    struct error err;
    bool on;
    if (objects_path_enable(request, &on))
        objects_reply(request, sinks_enable(sinks_of(request), api_path(request, "id"), on, &err), &err,
                      EXISTS);
}

static void start(struct api_request *request)
{
    struct error err;
    objects_reply(request, sinks_start(sinks_of(request), api_path(request, "id"), &err), &err, EXISTS);
}

static void start_on_node(struct api_request *request)
{
    if (objects_path_node(request))
        start(request);
}

static bool start_try(struct api_request *request, void (*done)(const struct error *err, void *arg),
                      void *arg, struct error *err)
{
    return sinks_try(sinks_of(request), api_body(request), done, arg, err);
}

static void try_action(struct api_request *request)
{
    objects_try(request, start_try);
}

static void metrics(struct api_request *request)
{
    struct error err;
    json_t *figures = sinks_metrics(sinks_of(request), api_path(request, "id"), &err);
    if (figures == NULL) {
        api_reply_failure(request, &err);
        return;
    }
    api_reply_json(request, 200,
                   json_pack("{s:O, s:[{s:s, s:o}]}", "metrics", figures, "node_metrics", "node", NODE_NAME,
                             "metrics", figures));
}

static void history(struct api_request *request)
{
    struct error err;
    json_t *figures = sinks_metrics(sinks_of(request), api_path(request, "id"), &err);
    if (figures == NULL)
        api_reply_failure(request, &err);
    else
        api_reply_json(request, 200, monitor_action(api_of(request)->monitor, api_path(request, "id")));
    json_decref(figures);
}

static void reset(struct api_request *request)
{
    struct error err;
    objects_reply(request, sinks_metrics_reset(sinks_of(request), api_path(request, "id"), &err), &err,
                  EXISTS);
}

/* ---- Figures --------------------------------------------------------------------------------------------- */

static const struct object_figure figures[] = {
    {"matched", "varve_action_matched_total", "counter", "Messages that actions have taken"},
    {"success", "varve_action_success_total", "counter", "Messages that are stored"},
    {"failed", "varve_action_failed_total", "counter", "Messages that the store will never take"},
    {"dropped", "varve_action_dropped_total", "counter", "Messages given up: too old, or too many"},
    {"retried", "varve_action_retried_total", "counter", "Attempts but the first"},
    {"queuing", "varve_action_queuing", "gauge", "Messages that wait"},
    {"inflight", "varve_action_inflight", "gauge", "Messages on their way"},
    {"queuing_bytes", "varve_action_queuing_bytes", "gauge", "Bytes that wait, on disk"},
    {"bytes", "varve_action_stored_bytes_total", "counter", "Bytes that are stored"},
};

struct collecting {
    struct sinks *sinks;
    struct object_sheet sheet;
};

static bool collect(struct str id, void *arg)
{
    struct collecting *collecting = arg;
    object_sheet_add(&collecting->sheet, id, sinks_metrics(collecting->sinks, id, NULL));
    return true;
}

void actions_metrics(struct buf *out, void *sinks)
{
    struct collecting collecting = {
        .sinks = sinks, .sheet = {.label = "action", .figures = figures, .count = LENGTH(figures)}};
    sinks_each(sinks, collect, &collecting);
    object_sheet_write(&collecting.sheet, out);
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

static json_t *make_s3(void)
{
    return spec_schema(sink_object_keys(), true);
}

static const struct api_made_component made[] = {{"action_object", make_s3}};

#define STATUS "{'type':'string','enum':['connected','connecting','disconnected']}"

#define NODE_STATUS                                                                                          \
    "'node_status':{'type':'array','items':{'type':'object','properties':{'node':{'type':'string'},'status'" \
    ":" STATUS ",'status_reason':{'type':'string'}}}}"
#define N(name) "'" name "':{'type':'integer'},"
#define F(name) "'" name "':{'type':'number'},"

static const struct api_component components[] = {
    {"action",
     "{'type':'object','allOf':[{'$ref':'#/components/schemas/action_object'},{'type':'object','properties':{"
     "'status':" STATUS
     ",'status_reason':{'type':'string','description':'empty where it is connected'}," NODE_STATUS
     ",'rules':{'type':'array','items':{'type':'string'}},"
     "'created_at':{'type':'string','format':'date-time'},"
     "'last_modified_at':{'type':'string','format':'date-time'}}}]}"},
    {"action_summary",
     "{'type':'object','properties':{'type':{'type':'string'},'name':{'type':'string'},"
     "'connector':{'type':'string'},'description':{'type':'string'},'enable':{'type':'boolean'},'status'"
     ":" STATUS "," NODE_STATUS ",'rules':{'type':'array','items':{'type':'string'}},"
     "'created_at':{'type':'string','format':'date-time'},"
     "'last_modified_at':{'type':'string','format':'date-time'}}}"},
    {"action_figures",
     "{'type':'object','description':'matched = success + failed + dropped + inflight + queuing; of bytes "
     "those "
     "that are stored','properties':{" N("matched") N("success") N("stored") N("failed") N("dropped")
         N("dropped.expired") N("dropped.queue_full") N("dropped.other") N("dropped.resource_not_found")
             N("dropped.resource_stopped") N("late_reply") N("received") N("aggregated_upload.success")
                 N("aggregated_upload.failure") N("retried") N("queuing") N("buffered") N("inflight")
                     N("queuing_bytes") N("bytes") N("rest_values") N("fallback.success") N("fallback.failed")
                         F("latency_ms") F("rate") F("rate_max") "'rate_last5m':{'type':'number'}}}"},
    {"action_monitor_sample",
     "{'type':'object','required':['time_stamp','buffered','stored','failed'],'properties':{"
     "'time_stamp':{'type':'integer','description':'milliseconds since 1970'},'buffered':{'type':'integer'},"
     "'stored':{'type':'integer'},'failed':{'type':'integer'}}}"},
    {"action_metrics",
     "{'type':'object','properties':{'metrics':{'$ref':'#/components/schemas/action_figures'},"
     "'node_metrics':{'type':'array','items':{'type':'object','properties':{'node':{'type':'string'},"
     "'metrics':{'$ref':'#/components/schemas/action_figures'}}}}}}"},
};

#define ACTION "{'$ref':'#/components/schemas/action'}"
#define OBJECT "{'$ref':'#/components/schemas/action_object'}"

static const struct api_param delete_params[] = {
    {.name = "also_delete_dep_actions",
     .type = API_BOOLEAN,
     .description = "takes it out of the rules that use it, before"},
    {.name = "force",
     .type = API_BOOLEAN,
     .description = "although rules use it; what is buffered is given up"},
    {.name = NULL},
};

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/actions",
     .handle = list,
     .access = API_READ,
     .summary = "All actions, by id",
     .answer = "{'type':'array','items':" ACTION "}"},
    {.method = API_POST,
     .path = "/api/v5/actions",
     .handle = create,
     .access = API_ADMINISTER,
     .summary = "Creates an action",
     .description = "Its id is type:name. In mode direct bucket, key, content, content_type and headers are "
                    "templates; in mode aggregated key is one of action, node, sequence and times.",
     .body = OBJECT,
     .answer = ACTION,
     .status = 201,
     .errors = "400 ALREADY_EXISTS, BAD_REQUEST"},
    {.method = API_GET,
     .path = "/api/v5/actions/{id}",
     .handle = show,
     .access = API_READ,
     .summary = "One action, with its state",
     .answer = ACTION,
     .errors = "404 NOT_FOUND"},
    {.method = API_PUT,
     .path = "/api/v5/actions/{id}",
     .handle = update,
     .access = API_ADMINISTER,
     .summary = "Changes the keys that are given; what is buffered stays",
     .body = OBJECT,
     .answer = ACTION,
     .errors = "400 BAD_REQUEST; 404 NOT_FOUND"},
    {.method = API_DELETE,
     .path = "/api/v5/actions/{id}",
     .handle = remove_action,
     .access = API_ADMINISTER,
     .summary = "Deletes an action that no rule uses",
     .params = delete_params,
     .errors = "400 BAD_REQUEST; 404 NOT_FOUND"},
    {.method = API_PUT,
     .path = "/api/v5/actions/{id}/enable/{enable}",
     .handle = enable,
     .access = API_ADMINISTER,
     .summary = "Enables (true) or disables (false) an action; what is buffered waits",
     .errors = "400 BAD_REQUEST; 404 NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/actions/{id}/start",
     .handle = start,
     .access = API_ADMINISTER,
     .summary = "Tries the store now, instead of when its pause is over",
     .errors = "400 BAD_REQUEST; 404 NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/nodes/{node}/actions/{id}/start",
     .handle = start_on_node,
     .access = API_ADMINISTER,
     .summary = "The same: there is one node",
     .errors = "400 BAD_REQUEST; 404 NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/actions_probe",
     .handle = try_action,
     .access = API_ADMINISTER,
     .summary = "Whether such an action would work; nothing is created",
     .description =
         "Reads it as a creation does, and looks at its bucket in its connector's store; of a bucket with "
         "placeholders at the connector's own.",
     .body = OBJECT,
     .errors = "400 BAD_REQUEST, TEST_FAILED",
     .frequent = true},
    {.method = API_GET,
     .path = "/api/v5/actions/{id}/metrics",
     .handle = metrics,
     .access = API_READ,
     .summary = "What an action has done since the start, or the last reset",
     .answer = "{'$ref':'#/components/schemas/action_metrics'}",
     .errors = "404 NOT_FOUND"},
    {.method = API_GET,
     .path = "/api/v5/actions/{id}/monitor",
     .handle = history,
     .access = API_READ,
     .summary = "Figures of an action over the last hour, every ten seconds",
     .description =
         "buffered is what waits or is on its way; stored and failed (with what was dropped) are "
         "what came in the ten seconds before. Since the start of the broker; of the first 256 actions.",
     .answer = "{'type':'array','items':{'$ref':'#/components/schemas/action_monitor_sample'}}",
     .errors = "404 NOT_FOUND"},
    {.method = API_PUT,
     .path = "/api/v5/actions/{id}/metrics/reset",
     .handle = reset,
     .access = API_ADMINISTER,
     .summary = "Counts from zero",
     .errors = "404 NOT_FOUND"},
    {.method = API_GET,
     .path = "/api/v5/actions_summary",
     .handle = list_summaries,
     .access = API_READ,
     .summary = "All actions in few words",
     .answer = "{'type':'array','items':{'$ref':'#/components/schemas/action_summary'}}"},
    {.method = API_GET,
     .path = "/api/v5/action_types",
     .handle = list_types,
     .access = API_READ,
     .summary = "The types that there are",
     .answer = "{'type':'array','items':{'type':'string'}}"},
    {.method = API_GET,
     .path = "/api/v5/sources",
     .handle = list_none,
     .access = API_READ,
     .summary = "None: EMQX's clients ask for them. What a rule listens to is in its FROM",
     .answer = "{'type':'array','items':" API_ANY "}"},
    {.method = API_POST,
     .path = "/api/v5/sources",
     .handle = refuse_source,
     .access = API_ADMINISTER,
     .summary = "Refused: there is no type of source",
     .body = "{'type':'object'}",
     .errors = "400 BAD_REQUEST"},
    {.method = API_POST,
     .path = "/api/v5/sources_probe",
     .handle = refuse_source,
     .access = API_ADMINISTER,
     .summary = "Refused, likewise",
     .body = "{'type':'object'}",
     .errors = "400 BAD_REQUEST"},
    {.method = API_GET,
     .path = "/api/v5/sources_summary",
     .handle = list_none,
     .access = API_READ,
     .summary = "None, likewise",
     .answer = "{'type':'array','items':" API_ANY "}"},
    {.method = API_GET,
     .path = "/api/v5/source_types",
     .handle = list_none,
     .access = API_READ,
     .summary = "None, likewise",
     .answer = "{'type':'array','items':{'type':'string'}}"},
};

const struct api_table actions_table = {
    .tag = "Actions",
    .description = "Where rules deliver to",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
    .made = made,
    .made_count = LENGTH(made),
};

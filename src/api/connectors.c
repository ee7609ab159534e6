/* Connectors: EMQX's endpoints with its shapes and codes, and a probe of everything that a store has to honour.
 *
 * Who creates, changes or starts a connector wants to know whether it works: the answer waits for the first look at the store,
 * at most start_timeout. */
#include "api/connectors_internal.h"
#include "api/objects_internal.h"

#include "base/mem.h"

#define EXISTS "ALREADY_EXISTS"

static void reply_connector(struct api_request *request, unsigned status, struct str id)
{
    struct error err;
    json_t *object = connectors_describe(api_connectors(request), id, NODE_NAME, &err);
    if (object != NULL)
        api_reply_json(request, status, object);
    else
        api_reply_failure(request, &err);
}

/* ---- Waiting for the first look -------------------------------------------------------------------------- */

struct starting {
    char id[CONNECTOR_ID_MAX];
};

static void wake(void *waker)
{
    api_wake(waker);
    api_waker_unref(waker);
}

/* Parks the request until what is known of the connector is settled: the handler is called again, and started_id() has its id. */
static void await_start(struct api_request *request, struct str id)
{
    struct error err;
    struct starting *starting = mem_zalloc(sizeof(*starting));
    snprintf(starting->id, sizeof(starting->id), "%.*s", STR_ARG(id));
    api_set_state(request, starting, mem_free);
    struct api_waker *waker = api_waker(request);
    int64_t timeout_ms = connectors_await(api_connectors(request), id, wake, waker, &err);
    if (timeout_ms >= 0) {
        api_park(request, timeout_ms);
        return;
    }
    api_waker_unref(waker);
    api_reply_failure(request, &err);
}

static struct str started_id(const struct api_request *request)
{
    return str_of(((const struct starting *)api_state(request))->id);
}

/* ---- The endpoints --------------------------------------------------------------------------------------- */

struct listing {
    struct api_request *request;
    json_t *list;
};

static bool list_one(struct str id, void *arg)
{
    struct listing *listing = arg;
    json_t *object = connectors_describe(api_connectors(listing->request), id, NODE_NAME, NULL);
    if (object != NULL) /* else it is deleted */
        json_array_append_new(listing->list, object);
    return true;
}

static void list(struct api_request *request)
{
    struct listing listing = {request, json_array()};
    connectors_each(api_connectors(request), list_one, &listing);
    api_reply_json(request, 200, listing.list);
}

static void create(struct api_request *request)
{
    struct error err;
    char id[CONNECTOR_ID_MAX];
    if (api_parked(request) != API_FIRST)
        reply_connector(request, 201, started_id(request));
    else if (connectors_create(api_connectors(request), api_body(request), id, &err))
        await_start(request, str_of(id));
    else
        objects_refuse(request, &err, EXISTS);
}

static void show(struct api_request *request)
{
    reply_connector(request, 200, api_path(request, "id"));
}

static void update(struct api_request *request)
{
    struct error err;
    struct str id = api_path(request, "id");
    if (api_parked(request) != API_FIRST)
        reply_connector(request, 200, id);
    else if (connectors_update(api_connectors(request), id, api_body(request), &err))
        await_start(request, id);
    else
        objects_refuse(request, &err, EXISTS);
}

static void remove_connector(struct api_request *request)
{
    struct error err;
    bool ok = connectors_delete(api_connectors(request), api_path(request, "id"), &err);
    objects_reply(request, ok, &err, EXISTS);
}

static void enable(struct api_request *request)
{
    struct error err;
    struct str id = api_path(request, "id");
    bool on;
    if (api_parked(request) != API_FIRST)
        api_reply_none(request);
    else if (!objects_path_enable(request, &on))
        return;
    else if (connectors_enable(api_connectors(request), id, on, &err))
        await_start(request, id);
    else
        api_reply_failure(request, &err);
}

static void reply_started(struct api_request *request, struct str id)
{
    struct error why, err;
    enum connector_status status;
    if (!connectors_status(api_connectors(request), id, &status, &why, &err))
        api_reply_failure(request, &err);
    else if (status == CONNECTOR_CONNECTED)
        api_reply_none(request);
    else
        api_reply_error(request, 400, "BAD_REQUEST", "%s: %s", connector_status_name(status),
                        why.text[0] != '\0' ? why.text : "the store has not answered yet");
}

static void start(struct api_request *request)
{
    struct error err;
    struct str id = api_path(request, "id");
    if (api_parked(request) != API_FIRST)
        reply_started(request, id);
    else if (connectors_start(api_connectors(request), id, &err))
        await_start(request, id);
    else
        api_reply_failure(request, &err);
}

static void start_on_node(struct api_request *request)
{
    if (objects_path_node(request))
        start(request);
}

/* ---- Trying ---------------------------------------------------------------------------------------------- */

static bool start_try(struct api_request *request, void (*done)(const struct error *err, void *arg),
                      void *arg, struct error *err)
{
    return connectors_try(api_connectors(request), api_body(request), done, arg, err);
}

static void try_connector(struct api_request *request)
{
    objects_try(request, start_try);
}

static json_t *check_json(const char *name, const char *result, const struct error *why)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "name", name, "result", result, "text", why->text, "hint",
                     why->hint);
}

/* `err`: why it did not come to the first check, if it did not: that is the bucket then. */
static json_t *probe_json(const struct object_probe *probe, const struct error *err)
{
    static const char *const results[] = {"ok", "reduced", "failed", "skipped"};
    json_t *checks = json_array();
    if (probe->count == 0 && err != NULL)
        json_array_append_new(checks, check_json("bucket", "failed", err));
    for (size_t i = 0; i < probe->count; i++) {
        const struct object_check *check = &probe->checks[i];
        json_array_append_new(checks, check_json(check->name, results[check->result], &check->why));
    }
    return json_pack("{s:b, s:s, s:o}", "usable", probe->usable, "guarantee",
                     object_guarantee_name(probe->guarantee), "checks", checks);
}

static void probed(const struct object_probe *probe, const struct error *err, void *arg)
{
    finding_tell(arg, probe_json(probe, err), NULL);
    finding_unref(arg);
}

static struct str member(const json_t *body, const char *key)
{
    const json_t *value = json_object_get(body, key);
    return str_make(json_string_value(value), json_string_length(value));
}

/* A store that is not open cannot be probed: its reason is the answer, whatever kind of error it is. */
static void reply_unprobed(struct api_request *request, const struct error *err)
{
    struct error why;
    enum connector_status status;
    bool there = connectors_status(api_connectors(request), api_path(request, "id"), &status, &why, NULL);
    if (!there || err->code == ERR_INVALID || err->code == ERR_BUSY)
        api_reply_failure(request, err);
    else
        objects_reply_tried(request, err);
}

static void start_probe(struct api_request *request)
{
    struct error err;
    const json_t *body = api_body(request);
    struct finding *finding = finding_ref(finding_new(request));
    if (connectors_probe(api_connectors(request), api_path(request, "id"), member(body, "bucket"),
                         member(body, "prefix"), probed, finding, &err)) {
        api_park(request, API_PARK_MS_MAX);
        return;
    }
    finding_unref(finding);
    reply_unprobed(request, &err);
}

static void probe(struct api_request *request)
{
    struct error err;
    json_t *answer;
    enum api_woken woken = api_parked(request);
    if (woken == API_FIRST)
        start_probe(request);
    else if (finding_take(api_state(request), &answer, &err))
        api_reply_json(request, 200, answer);
    else if (woken == API_STOPPING)
        api_reply_error(request, 503, "SERVICE_UNAVAILABLE", "the broker stops");
    else
        api_park(request, API_PARK_MS_MAX); /* each request of a probe has its deadline, so it ends */
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

static json_t *make_s3(void)
{
    return spec_schema(connector_keys("s3"), true);
}

static json_t *make_directory(void)
{
    return spec_schema(connector_keys("directory"), true);
}

#define STATUS "'enum':['connected','connecting','disconnected']"

static const struct api_made_component made[] = {
    {"connector_s3", make_s3},
    {"connector_directory", make_directory},
};

static const struct api_component components[] = {
    {"connector_object", "{'type':'object','anyOf':[{'$ref':'#/components/schemas/connector_s3'},"
                         "{'$ref':'#/components/schemas/connector_directory'}]}"},
    {"connector_state",
     "{'type':'object','properties':{'status':{'type':'string'," STATUS "},"
     "'status_reason':{'type':'string','description':'empty where it is connected'},"
     "'node_status':{'type':'array','items':{'type':'object','properties':{'node':{'type':'string'},"
     "'status':{'type':'string'," STATUS "},'status_reason':{'type':'string'}}}},"
     "'actions':{'type':'array','items':{'type':'string'},'description':'names of the actions that use it'},"
     "'uses':{'type':'array','items':{'type':'string'},'description':'all who use it: station:telemetry'},"
     "'created_at':{'type':'string','format':'date-time'},"
     "'last_modified_at':{'type':'string','format':'date-time'}}}"},
    {"connector", "{'type':'object','allOf':[{'$ref':'#/components/schemas/connector_object'},"
                  "{'$ref':'#/components/schemas/connector_state'}]}"},
    {"connector_probe",
     "{'type':'object','properties':{'usable':{'type':'boolean'},'guarantee':{'type':'string',"
     "'enum':['exactly_once','single_writer','unprobed'],'description':'of what commits there'},"
     "'checks':{'type':'array','items':{'type':'object','properties':{'name':{'type':'string'},"
     "'result':{'type':'string','enum':['ok','reduced','failed','skipped']},'text':{'type':'string'},"
     "'hint':{'type':'string'}}}}}}"},
};

#define CONNECTOR "{'$ref':'#/components/schemas/connector'}"
/* Keys are checked where the object is read: its errors say more than a schema's. */
#define OBJECT    "{'$ref':'#/components/schemas/connector_object'}"

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/connectors",
     .handle = list,
     .access = API_READ,
     .summary = "All connectors, without their secrets, by id",
     .answer = "{'type':'array','items':" CONNECTOR "}"},
    {.method = API_POST,
     .path = "/api/v5/connectors",
     .handle = create,
     .access = API_ADMINISTER,
     .summary = "Creates a connector",
     .description = "Its id is type:name. The answer waits for the store, at most "
                    "resource_opts.start_timeout. A secret is "
                    "itself, file:///path or env:NAME.",
     .body = OBJECT,
     .answer = CONNECTOR,
     .status = 201,
     .errors = "400 ALREADY_EXISTS"},
    {.method = API_GET,
     .path = "/api/v5/connectors/{id}",
     .handle = show,
     .access = API_READ,
     .summary = "One connector, with its state",
     .answer = CONNECTOR,
     .errors = "404 NOT_FOUND"},
    {.method = API_PUT,
     .path = "/api/v5/connectors/{id}",
     .handle = update,
     .access = API_ADMINISTER,
     .summary = "Changes the keys that are given, those of inner objects too",
     .description =
         "null sets a key back to its default; ****** keeps a secret. Requests under way end on the "
         "former store.",
     .body = OBJECT,
     .answer = CONNECTOR,
     .errors = "404 NOT_FOUND"},
    {.method = API_DELETE,
     .path = "/api/v5/connectors/{id}",
     .handle = remove_connector,
     .access = API_ADMINISTER,
     .summary = "Deletes a connector that nobody uses",
     .errors = "400 BAD_REQUEST; 404 NOT_FOUND"},
    {.method = API_PUT,
     .path = "/api/v5/connectors/{id}/enable/{enable}",
     .handle = enable,
     .access = API_ADMINISTER,
     .summary = "Enables (true) or disables (false) a connector",
     .errors = "400 BAD_REQUEST; 404 NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/connectors/{id}/start",
     .handle = start,
     .access = API_ADMINISTER,
     .summary = "Opens the store anew and waits for its answer",
     .errors = "400 BAD_REQUEST; 404 NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/nodes/{node}/connectors/{id}/start",
     .handle = start_on_node,
     .access = API_ADMINISTER,
     .summary = "The same: there is one node",
     .errors = "400 BAD_REQUEST; 404 NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/connectors/{id}/probe",
     .handle = probe,
     .access = API_ADMINISTER,
     .summary = "Tries everything that a store has to honour: writes, reads, conditions, checksums, deletes",
     .description = "Below <prefix>.varve-probe-<random>/ in the bucket, which is cleaned up.",
     .body = "{'type':'object','additionalProperties':false,'properties':{"
             "'bucket':{'type':'string','maxLength':255,'description':'default: that of the connector'},"
             "'prefix':{'type':'string','maxLength':512}}}",
     .answer = "{'$ref':'#/components/schemas/connector_probe'}",
     .errors = "400 TEST_FAILED; 404 NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/connectors_probe",
     .handle = try_connector,
     .access = API_ADMINISTER,
     .summary = "Whether such a connector would be connected; nothing is created",
     .description = "****** stands for the secret of the connector of this type and name, if there is one.",
     .body = OBJECT,
     .errors = "400 TEST_FAILED",
     .frequent = true},
};

const struct api_table connectors_table = {
    .tag = "Connectors",
    .description = "The stores that stations and actions write to",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
    .made = made,
    .made_count = LENGTH(made),
};

/* Rules: EMQX's endpoints with its shapes and codes. */
#include "api/connectors_internal.h"
#include "api/objects_internal.h"
#include "rule/rule.h"
#include "sql/function.h"
#include "sql/program.h"

static struct rules *rules_of(const struct api_request *request)
{
    return api_of(request)->rules;
}

#define EXISTS "BAD_REQUEST"

static void reply_rule(struct api_request *request, unsigned status, struct str id)
{
    struct error err;
    json_t *rule = rules_describe(rules_of(request), id, &err);
    if (rule != NULL)
        api_reply_json(request, status, rule);
    else
        api_reply_failure(request, &err);
}

/* ---- The list -------------------------------------------------------------------------------------------- */

struct listing {
    struct api_request *request;
    struct api_lister lister;
};

static bool contains(const json_t *rule, const char *key, const char *wanted)
{
    const char *text = json_string_value(json_object_get(rule, key));
    return wanted == NULL || (text != NULL && strstr(text, wanted) != NULL);
}

/* How a topic of FROM compares with what is asked for; NULL: nothing is. */
static bool has_topic(const json_t *rule, const char *wanted,
                      bool (*is)(const char *topic, const char *wanted))
{
    const json_t *from = json_object_get(rule, "from");
    bool found = wanted == NULL;
    for (size_t i = 0; !found && i < json_array_size(from); i++)
        found = is(json_string_value(json_array_get(from, i)), wanted);
    return found;
}

static bool is_same(const char *topic, const char *wanted)
{
    return strcmp(topic, wanted) == 0;
}

static bool holds(const char *topic, const char *wanted)
{
    return strstr(topic, wanted) != NULL;
}

static bool is_matched(const char *topic, const char *filter)
{
    return sql_topic_matches(str_of(topic), str_of(filter));
}

/* One of the actions that are asked for is among the rule's, or none is asked for. */
static bool has_actions(const struct api_request *request, const json_t *rule)
{
    const json_t *actions = json_object_get(rule, "actions");
    size_t at = 0;
    const char *wanted = api_query_next(request, "action", &at);
    bool found = wanted == NULL;
    for (; !found && wanted != NULL; wanted = api_query_next(request, "action", &at)) {
        for (size_t i = 0; !found && i < json_array_size(actions); i++) {
            const char *id = json_string_value(json_array_get(actions, i));
            found = id != NULL && strcmp(id, wanted) == 0;
        }
    }
    return found;
}

static bool is_wanted(const struct api_request *request, const json_t *rule)
{
    int enable = api_query_bool(request, "enable");
    const char *namespace = api_query(request, "ns");
    return (enable < 0 || (enable != 0) == json_is_true(json_object_get(rule, "enable"))) &&
           contains(rule, "id", api_query(request, "like_id")) &&
           contains(rule, "description", api_query(request, "like_description")) &&
           has_topic(rule, api_query(request, "from"), is_same) &&
           has_topic(rule, api_query(request, "like_from"), holds) &&
           has_topic(rule, api_query(request, "match_from"), is_matched) && has_actions(request, rule) &&
           api_query(request, "source") == NULL && (namespace == NULL || namespace[0] == '\0');
}

static bool list_one(struct str id, void *arg)
{
    struct listing *listing = arg;
    json_t *rule = rules_describe(rules_of(listing->request), id, NULL);
    if (rule != NULL && is_wanted(listing->request, rule) && api_lister_want(&listing->lister))
        api_lister_add(&listing->lister, json_incref(rule));
    json_decref(rule);
    return true;
}

static void list(struct api_request *request)
{
    struct listing listing = {request, api_lister(request)};
    rules_each(rules_of(request), list_one, &listing);
    api_lister_reply(request, &listing.lister);
}

/* ---- One ------------------------------------------------------------------------------------------------- */

static void create(struct api_request *request)
{
    struct error err;
    char id[RULE_ID_MAX + 1];
    if (rules_create(rules_of(request), api_body(request), id, &err))
        reply_rule(request, 201, str_of(id));
    else
        objects_refuse(request, &err, EXISTS);
}

static void show(struct api_request *request)
{
    reply_rule(request, 200, api_path(request, "id"));
}

static void update(struct api_request *request)
{
    struct error err;
    if (rules_update(rules_of(request), api_path(request, "id"), api_body(request), &err))
        reply_rule(request, 200, api_path(request, "id"));
    else
        objects_refuse(request, &err, EXISTS);
}

static void remove_rule(struct api_request *request)
{
    struct error err;
    objects_reply(request, rules_delete(rules_of(request), api_path(request, "id"), &err), &err, EXISTS);
}

static void metrics(struct api_request *request)
{
    struct error err;
    struct str id = api_path(request, "id");
    json_t *figures = rules_metrics(rules_of(request), id, &err);
    if (figures == NULL) {
        api_reply_failure(request, &err);
        return;
    }
    api_reply_json(request, 200,
                   json_pack("{s:s%, s:o, s:[{s:s, s:O}]}", "id", id.data, id.len, "metrics", figures,
                             "node_metrics", "node", NODE_NAME, "metrics", figures));
}

static void reset(struct api_request *request)
{
    struct error err;
    objects_reply(request, rules_metrics_reset(rules_of(request), api_path(request, "id"), &err), &err,
                  EXISTS);
}

/* ---- Trying ---------------------------------------------------------------------------------------------- */

static void reply_trial(struct api_request *request, struct str sql, const json_t *context)
{
    struct error err;
    json_t *out;
    switch (rules_test(rules_of(request), sql, context, &out, &err)) {
    case RULE_TEST_RESULT: api_reply_json(request, 200, out); break;
    case RULE_TEST_NO_MATCH: api_reply_error(request, 412, "NOT_MATCH", "SQL Not Match"); break;
    case RULE_TEST_FAILED: api_reply_error(request, 400, "BAD_REQUEST", "%s", err.text); break;
    }
}

static void try_sql(struct api_request *request)
{
    const json_t *body = api_body(request), *sql = json_object_get(body, "sql");
    reply_trial(request, str_make(json_string_value(sql), json_string_length(sql)),
                json_object_get(body, "context"));
}

static void try_rule(struct api_request *request)
{
    struct error err;
    json_t *rule = rules_describe(rules_of(request), api_path(request, "id"), &err);
    if (rule == NULL) {
        api_reply_failure(request, &err);
        return;
    }
    if (json_is_false(json_object_get(api_body(request), "stop_action_after_template_rendering"))) {
        api_reply_error(request, 400, "BAD_REQUEST",
                        "stop_action_after_template_rendering: expected true: a test runs no action");
        json_decref(rule);
        return;
    }
    reply_trial(request, str_of(json_string_value(json_object_get(rule, "sql"))),
                json_object_get(api_body(request), "context"));
    json_decref(rule);
}

static void show_settings(struct api_request *request)
{
    api_reply_json(request, 200, rules_settings(rules_of(request)));
}

static void change_settings(struct api_request *request)
{
    struct error err;
    if (rules_configure(rules_of(request), api_body(request), &err))
        show_settings(request);
    else
        objects_refuse(request, &err, EXISTS);
}

static json_t *make_settings(void)
{
    return spec_schema(rules_settings_keys(), false);
}

static const struct api_made_component made[] = {{"rule_engine", make_settings}};

static void events(struct api_request *request)
{
    api_reply_json(request, 200, rules_events());
}

static json_t *function_json(const struct sql_function *function)
{
    json_t *out =
        json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "name", function->name, "category",
                  sql_category_title(function->category), "parameters", function->parameters, "args_min",
                  function->args_min, "summary", function->summary, "example", function->example);
    if (function->args_max != SQL_ARGS_ANY)
        json_object_set_new(out, "args_max", json_integer(function->args_max));
    if (function->result != NULL)
        json_object_set_new(out, "result", json_string(function->result));
    return out;
}

static void functions(struct api_request *request)
{
    size_t count;
    const struct sql_function_table *const *tables = sql_function_tables(&count);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < tables[i]->count; j++)
            json_array_append_new(list, function_json(&tables[i]->rows[j]));
    }
    api_reply_json(request, 200, list);
}

/* ---- Figures --------------------------------------------------------------------------------------------- */

static const struct object_figure figures[] = {
    {"matched", "varve_rule_matched_total", "counter", "Messages and events that rules have looked at"},
    {"passed", "varve_rule_passed_total", "counter", "Of these, those with a result"},
    {"failed.exception", "varve_rule_exceptions_total", "counter", "Of these, those whose evaluation failed"},
    {"failed.no_result", "varve_rule_no_result_total", "counter", "Of these, those that WHERE did not want"},
    {"actions.success", "varve_rule_actions_success_total", "counter", "Results that actions have accepted"},
    {"actions.failed", "varve_rule_actions_failed_total", "counter", "Results that actions could not accept"},
    {"actions.discarded", "varve_rule_actions_discarded_total", "counter",
     "Results for actions that are disabled or missing"},
    {"loops", "varve_rule_loops_total", "counter",
     "Messages and events that came back to the rule that led to them, and chains of rules that were too "
     "long"},
};

struct collecting {
    struct rules *rules;
    struct object_sheet sheet;
};

static bool collect(struct str id, void *arg)
{
    struct collecting *collecting = arg;
    object_sheet_add(&collecting->sheet, id, rules_metrics(collecting->rules, id, NULL));
    return true;
}

void rule_engine_metrics(struct buf *out, void *rules)
{
    struct collecting collecting = {.rules = rules,
                                    .sheet = {.label = "rule", .figures = figures, .count = LENGTH(figures)}};
    rules_each(rules, collect, &collecting);
    object_sheet_write(&collecting.sheet, out);
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

/* args and metadata: a schema each. */
#define RULE_KEYS(any)                                                                                         \
    "'name':{'type':'string'},"                                                                                \
    "'sql':{'type':'string','maxLength':65536,'description':'SELECT … FROM … WHERE …, or FOREACH …'}," \
    "'actions':{'type':'array','maxItems':256,'description':'ids of actions (s3:archive), and functions: "     \
    "{function: republish, args: {…}}, {function: console}, {function: station, args: {station: name}}',"    \
    "'items':{'oneOf':[{'type':'string'},{'type':'object','properties':{'function':{'type':'string'},"         \
    "'args':" any "}}]}},"                                                                                     \
    "'enable':{'type':'boolean'},'description':{'type':'string'},'metadata':" any

#define N(name) "'" name "':{'type':'integer'},"

static const struct api_component components[] = {
    {"rule_object",
     "{'type':'object','properties':{'id':{'type':'string'}," RULE_KEYS("{'type':'object'}") "}}"},
    {"rule", "{'type':'object','properties':{'id':{'type':'string'}," RULE_KEYS(
                 API_ANY) ",'from':{'type':'array','items':{'type':'string'}},"
                          "'action_details':{'type':'array','items':{'type':'object','properties':{'type':{'"
                          "type':'string'},"
                          "'name':{'type':'string'},'status':{'type':'string','enum':['connected','"
                          "connecting','disconnected',"
                          "'not_found']}}}},"
                          "'status':{'type':'string','enum':['running','disabled','failed']},'status_reason':"
                          "{'type':'string'},"
                          "'created_at':{'type':'string','format':'date-time'},"
                          "'last_modified_at':{'type':'string','format':'date-time'}}}"},
    {"rule_figures",
     "{'type':'object','description':'matched = passed + failed; actions.total = actions.success + "
     "actions.failed + "
     "actions.discarded','properties':{" N("matched") N("passed") N("failed") N("failed.exception")
         N("failed.no_result") N("loops") N("actions.total") N("actions.success") N("actions.failed")
             N("actions.failed.out_of_service") N("actions.failed.unknown") N(
                 "actions.discarded") "'matched.rate':{'type':'number'},'matched.rate.max':{'type':'number'},"
                                      "'matched.rate.last5m':{'type':'number'}}}"},
    {"rule_metrics",
     "{'type':'object','properties':{'id':{'type':'string'},"
     "'metrics':{'$ref':'#/components/schemas/rule_figures'},"
     "'node_metrics':{'type':'array','items':{'type':'object','properties':{'node':{'type':'string'},"
     "'metrics':{'$ref':'#/components/schemas/rule_figures'}}}}}}"},
    {"rule_event",
     "{'type':'object','properties':{'event':{'type':'string','description':'the topic of FROM'},"
     "'title':{'type':'string'},'event_type':{'type':'string','description':'of context in rule_test'},"
     "'columns':{'type':'array','items':{'type':'string'}},'test_columns':" API_ANY
     ",'sql_example':{'type':'string'}}}"},
    {"rule_function",
     "{'type':'object','required':['name','category','parameters','args_min','summary','example'],"
     "'properties':{'name':{'type':'string'},'category':{'type':'string'},"
     "'parameters':{'type':'string','description':'as people write them: text, start[, length]'},"
     "'args_min':{'type':'integer'},'args_max':{'type':'integer','description':'absent: any number'},"
     "'summary':{'type':'string'},'example':{'type':'string','description':'an expression'},"
     "'result':{'type':'string','description':'what it gives, as JSON; absent where that varies'}}}"},
};

#define SELECTED "{'oneOf':[" API_ANY ",{'type':'array','items':" API_ANY "}]}"
#define RULE     "{'$ref':'#/components/schemas/rule'}"
#define OBJECT   "{'$ref':'#/components/schemas/rule_object'}"

static const struct api_param list_params[] = {
    API_PAGE_PARAMS,
    {.name = "enable", .type = API_BOOLEAN, .description = "only those that are, or are not, enabled"},
    {.name = "like_id", .type = API_STRING, .description = "part of the id"},
    {.name = "like_description", .type = API_STRING, .description = "part of the description"},
    {.name = "from", .type = API_STRING, .description = "a topic of FROM, as written"},
    {.name = "like_from", .type = API_STRING, .description = "part of a topic of FROM"},
    {.name = "match_from", .type = API_STRING, .description = "a topic filter that a topic of FROM matches"},
    {.name = "action",
     .type = API_STRING,
     .description = "id of an action; of several, one of them",
     .many = true},
    {.name = "source",
     .type = API_STRING,
     .description = "EMQX's sources, of which there are none",
     .many = true},
    {.name = "ns", .type = API_STRING, .description = "EMQX's namespaces, of which there are none"},
    {.name = "only_global", .type = API_BOOLEAN, .description = "all rules are"},
    {.name = NULL},
};

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/rules",
     .handle = list,
     .access = API_READ,
     .summary = "Rules, by id",
     .params = list_params,
     .answer =
         "{'type':'object','properties':{'data':{'type':'array','items':" RULE "},'meta':" API_META "}}"},
    {.method = API_POST,
     .path = "/api/v5/rules",
     .handle = create,
     .access = API_ADMINISTER,
     .summary = "Creates a rule; without an id it gets one",
     .body = OBJECT,
     .answer = RULE,
     .status = 201,
     .errors = "400 BAD_REQUEST"},
    {.method = API_GET,
     .path = "/api/v5/rules/{id}",
     .handle = show,
     .access = API_READ,
     .summary = "One rule",
     .answer = RULE,
     .errors = "404 NOT_FOUND"},
    {.method = API_PUT,
     .path = "/api/v5/rules/{id}",
     .handle = update,
     .access = API_ADMINISTER,
     .summary = "Changes the keys that are given; no message is lost or taken twice meanwhile",
     .body = OBJECT,
     .answer = RULE,
     .errors = "400 BAD_REQUEST; 404 NOT_FOUND"},
    {.method = API_DELETE,
     .path = "/api/v5/rules/{id}",
     .handle = remove_rule,
     .access = API_ADMINISTER,
     .summary = "Deletes a rule",
     .errors = "404 NOT_FOUND"},
    {.method = API_GET,
     .path = "/api/v5/rules/{id}/metrics",
     .handle = metrics,
     .access = API_READ,
     .summary = "What a rule has done since the start, or the last reset",
     .answer = "{'$ref':'#/components/schemas/rule_metrics'}",
     .errors = "404 NOT_FOUND"},
    {.method = API_PUT,
     .path = "/api/v5/rules/{id}/metrics/reset",
     .handle = reset,
     .access = API_ADMINISTER,
     .summary = "Counts from zero",
     .errors = "404 NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/rules/{id}/test",
     .handle = try_rule,
     .access = API_ADMINISTER,
     .summary = "Evaluates the rule over an example; its actions are not run",
     .body = "{'type':'object','properties':{'context':{'type':'object'},"
             "'stop_action_after_template_rendering':{'type':'boolean'}}}",
     .answer = SELECTED,
     .errors = "400 BAD_REQUEST; 404 NOT_FOUND; 412 NOT_MATCH"},
    {.method = API_POST,
     .path = "/api/v5/rule_test",
     .handle = try_sql,
     .access = API_ADMINISTER,
     .summary = "Evaluates a statement over an example",
     .description =
         "context names the event and sets columns; the others get examples. The answer is what is "
         "selected; of FOREACH a list.",
     .body = "{'type':'object','required':['sql'],'properties':{'sql':{'type':'string'},"
             "'context':{'type':'object'}}}",
     .answer = SELECTED,
     .errors = "400 BAD_REQUEST; 412 NOT_MATCH"},
    {.method = API_GET,
     .path = "/api/v5/rule_engine",
     .handle = show_settings,
     .access = API_READ,
     .summary = "What holds for all rules",
     .answer = "{'$ref':'#/components/schemas/rule_engine'}"},
    {.method = API_PUT,
     .path = "/api/v5/rule_engine",
     .handle = change_settings,
     .access = API_ADMINISTER,
     .summary = "Changes what holds for all rules",
     .description = "Keys that are not given stay; null lets varve.yaml count again. Kept over restarts.",
     .body = "{'type':'object'}",
     .answer = "{'$ref':'#/components/schemas/rule_engine'}",
     .errors = "400 BAD_REQUEST"},
    {.method = API_GET,
     .path = "/api/v5/rule_events",
     .handle = events,
     .access = API_READ,
     .summary = "The events that FROM can name, with their columns and examples",
     .answer = "{'type':'array','items':{'$ref':'#/components/schemas/rule_event'}}"},
    {.method = API_GET,
     .path = "/api/v5/rule_functions",
     .handle = functions,
     .access = API_READ,
     .summary = "The functions of the rule language, as the evaluator knows them",
     .answer = "{'type':'array','items':{'$ref':'#/components/schemas/rule_function'}}"},
};

const struct api_table rule_engine_table = {
    .tag = "Rules",
    .description = "SQL over messages, events and stations, and what is done with its results",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
    .made = made,
    .made_count = LENGTH(made),
};

/* Stations: the objects. What is in them: stations_messages.c, stations_produce.c; groups: stations_groups.c. */
#include "api/stations_internal.h"

/* Errors of an object name its field: "retention: age: expected a duration such as …". */
static bool reply_unless(struct api_request *request, bool ok, const struct error *err)
{
    if (!ok)
        api_reply_failure(request, err);
    return ok;
}

bool station_known(struct api_request *request)
{
    struct station_stats ignored;
    struct error err;
    return reply_unless(
        request, station_stats(api_stations(request), api_path(request, "name"), &ignored, &err), &err);
}

/* The body as text, without what a station says of itself: an object that was read can be sent back. */
static struct str object_of(struct api_request *request, char **text)
{
    json_t *body = api_body(request);
    json_object_del(body, "state");
    *text = json_dumps(body, JSON_COMPACT);
    return str_of(*text);
}

static void reply_station(struct api_request *request, unsigned status, struct str name)
{
    struct buf text = {0};
    struct error err;
    if (reply_unless(request, stations_describe(api_stations(request), name, &text, &err), &err))
        api_reply_bytes(request, status, "application/json", &text);
    buf_free(&text);
}

/* ---- The endpoints --------------------------------------------------------------------------------------- */

struct listing {
    struct api_request *request;
    struct api_lister lister;
};

static bool list_one(struct str name, void *arg)
{
    struct listing *listing = arg;
    const char *like = api_query(listing->request, "like_name");
    if (like != NULL && memmem(name.data, name.len, like, strlen(like)) == NULL)
        return true;
    if (!api_lister_want(&listing->lister))
        return true;
    struct buf text = {0};
    if (stations_describe(api_stations(listing->request), name, &text, NULL)) /* else it is deleted */
        api_lister_add(&listing->lister, json_loadb((const char *)text.data, text.len, 0, NULL));
    buf_free(&text);
    return true;
}

static void list(struct api_request *request)
{
    struct listing listing = {.request = request, .lister = api_lister(request)};
    stations_each(api_stations(request), list_one, &listing);
    api_lister_reply(request, &listing.lister);
}

static void create(struct api_request *request)
{
    struct error err;
    char *text;
    struct str object = object_of(request, &text);
    json_t *name = json_object_get(api_body(request), "name");
    if (reply_unless(request, stations_create(api_stations(request), object, &err), &err))
        reply_station(request, 201, str_make(json_string_value(name), json_string_length(name)));
    free(text);
}

static void show(struct api_request *request)
{
    reply_station(request, 200, api_path(request, "name"));
}

static void update(struct api_request *request)
{
    struct error err;
    char *text;
    struct str object = object_of(request, &text);
    if (reply_unless(request, stations_update(api_stations(request), api_path(request, "name"), object, &err),
                     &err))
        reply_station(request, 200, api_path(request, "name"));
    free(text);
}

static void reply_removed(struct api_request *request, bool ok, const struct error *err)
{
    if (ok)
        api_reply_none(request);
    else if (err->code == ERR_BUSY)
        api_reply_error(request, 409, "IN_USE", "%s (%s)", err->text, err->hint);
    else
        api_reply_failure(request, err);
}

static void remove_station(struct api_request *request)
{
    struct error err;
    const char *table = api_query(request, "tier");
    if (table != NULL && strcmp(table, "keep") != 0 && strcmp(table, "delete") != 0) {
        api_reply_error(request, 400, "BAD_REQUEST", "tier: is keep or delete");
        return;
    }
    bool ok = stations_delete(api_stations(request), api_path(request, "name"),
                              api_query_bool(request, "force") == 1,
                              table != NULL && strcmp(table, "delete") == 0, &err);
    reply_removed(request, ok, &err);
}

static void purge(struct api_request *request)
{
    struct error err;
    uint64_t count;
    if (reply_unless(request, stations_purge(api_stations(request), api_path(request, "name"), &count, &err),
                     &err))
        api_reply_json(request, 200, json_pack("{s:I}", "purged", (json_int_t)count));
}

/* ---- Groups: looking and deleting ------------------------------------------------------------------------ */

static json_t *group_json(const struct station_group_info *group)
{
    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
                     json_stringn(group->name.data, group->name.len), "filter",
                     json_stringn(group->filter.data, group->filter.len), "acked_offset",
                     (json_int_t)group->acked, "next_offset", (json_int_t)group->next, "in_flight",
                     (json_int_t)group->in_flight, "lag", (json_int_t)group->lag, "delivered",
                     (json_int_t)group->delivered, "redelivered", (json_int_t)group->redelivered,
                     "acknowledged", (json_int_t)group->acknowledged, "dead_letters",
                     (json_int_t)group->dead_letters, "members", (json_int_t)group->members);
}

static bool list_group(const struct station_group_info *group, void *arg)
{
    struct api_lister *lister = arg;
    if (api_lister_want(lister))
        api_lister_add(lister, group_json(group));
    return true;
}

static void list_groups(struct api_request *request)
{
    struct error err;
    struct api_lister lister = api_lister(request);
    if (station_groups_each(api_stations(request), api_path(request, "name"), list_group, &lister, &err)) {
        api_lister_reply(request, &lister);
        return;
    }
    api_lister_drop(&lister);
    api_reply_failure(request, &err);
}

static void show_group(struct api_request *request)
{
    struct error err;
    struct station_group_info group;
    struct buf text = {0};
    if (reply_unless(request,
                     station_group_get(api_stations(request), api_path(request, "name"),
                                       api_path(request, "group"), &group, &text, &err),
                     &err))
        api_reply_json(request, 200, group_json(&group));
    buf_free(&text);
}

static void remove_group(struct api_request *request)
{
    struct error err;
    bool ok = station_group_delete(api_stations(request), api_path(request, "name"),
                                   api_path(request, "group"), api_query_bool(request, "force") == 1, &err);
    reply_removed(request, ok, &err);
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

static const struct api_param list_params[] = {
    API_PAGE_PARAMS,
    {.name = "like_name", .type = API_STRING, .description = "a part of the name"},
    {.name = NULL},
};

static const struct api_param page_params[] = {API_PAGE_PARAMS, {.name = NULL}};

static const struct api_param force_params[] = {
    {.name = "force", .type = API_BOOLEAN, .description = "although somebody uses it, or is a member"},
    {.name = NULL},
};

static const struct api_param delete_params[] = {
    {.name = "force", .type = API_BOOLEAN, .description = "although somebody uses it, or is a member"},
    {.name = "tier",
     .type = API_STRING,
     .description =
         "keep (default) leaves the table in the store, to be read or recovered; delete removes it"},
    {.name = NULL},
};

/* Units are checked where the object is read: its errors say more than a schema's. */
#define DURATION \
    "{'anyOf':[{'type':'string'},{'type':'integer'}],'description':'7d, 1h30m, 250ms; a number: ms',"
#define SIZE "{'anyOf':[{'type':'string'},{'type':'integer'}],'description':'32MiB, 64KB; a number: bytes',"

/* clang-format off */
#define STATION_PROPERTIES                                                                             \
    "'description':{'type':'string','maxLength':4096},"                                                \
    "'topics':{'type':'array','items':{'type':'string'},'description':'topic filters; none: produced messages alone'}," \
    "'retention':{'type':'object','description':'what is beyond one of them goes','properties':{"      \
    "'age':" DURATION "'default':'7d'},'bytes':" SIZE "'default':'0'},"                                \
    "'messages':{'type':'integer','default':0},"                                                       \
    "'acked':{'type':'boolean','default':false,'description':'what all groups have acknowledged goes'}}}," \
    "'sync':{'type':'string','default':'commit','description':'commit, none, or an interval such as 100ms'}," \
    "'compression':{'type':'string','enum':['none','zstd'],'default':'none','description':'of what lies on disk'}," \
    "'dedup_window':" DURATION "'default':'2m'},'ack_wait':" DURATION "'default':'30s'},"              \
    "'max_deliveries':{'type':'integer','default':10},'max_ack_pending':{'type':'integer','default':1000}," \
    "'max_message_bytes':" SIZE "'default':'1MiB'},"                                                   \
    "'tier':{'type':'object','properties':{'enabled':{'type':'boolean','default':false},"              \
    "'connector':{'type':'string'},'bucket':{'type':'string'},'prefix':{'type':'string'},"             \
    "'upload_bytes':" SIZE "'default':'32MiB'},'upload_interval':" DURATION "'default':'5m'},"         \
    "'retention_age':" DURATION "'default':'0'},'scrub_interval':" DURATION "'default':'7d'},"           \
    "'disk_budget':" SIZE "'default':'10GiB'},"                                                        \
    "'when_full':{'type':'string','description':'block or drop_oldest','default':'block'}}}"

static const struct api_component components[] = {
    {"station_new",
     "{'type':'object','required':['name'],'properties':{'name':{'type':'string',"
     "'description':'1 to 128 of a-z 0-9 _ . -; upper case is lowered'}," STATION_PROPERTIES "}}"},
    {"station_change", "{'type':'object','properties':{'name':{'type':'string','description':'the same'},"
     STATION_PROPERTIES "}}"},
    {"station",
     "{'type':'object','required':['name','description','topics','retention','tier','state'],'properties':{"
     "'name':{'type':'string'}," STATION_PROPERTIES ","
     "'state':{'type':'object','required':['status','messages','bytes','disk_bytes','first_offset','next_offset',"
     "'messages_in','rate_in','rate_bytes_in','readers','groups','uses'],'properties':{"
     "'status':{'type':'string','enum':['running','read_only','failed']},"
     "'error':{'type':'string','nullable':true},"
     "'warning':{'type':'string','nullable':true,'description':'it runs, but is worth a look'},"
     "'messages':{'type':'integer'},'bytes':{'type':'integer'},"
     "'disk_bytes':{'type':'integer'},'segments':{'type':'integer'},'first_offset':{'type':'integer'},"
     "'next_offset':{'type':'integer'},'first_time':{'type':'string','format':'date-time','nullable':true},"
     "'last_time':{'type':'string','format':'date-time','nullable':true},"
     "'messages_in':{'type':'integer','description':'since the start, as the next three'},"
     "'bytes_in':{'type':'integer'},'duplicates':{'type':'integer'},'refused':{'type':'integer'},"
     "'rate_in':{'type':'integer','description':'messages in the last second'},"
     "'rate_bytes_in':{'type':'integer'},'readers':{'type':'integer'},'groups':{'type':'integer'},"
     "'uses':{'type':'array','items':{'type':'string'},'description':'who needs it'},"
     "'tier':{'type':'object','nullable':true,'description':'null: it has none','required':['status','messages',"
     "'files','stored_bytes','lag_messages','lag_bytes','lag_seconds'],'properties':{"
     "'status':{'type':'string','enum':['opening','running','waiting','fenced','failed']},"
     "'error':{'type':'string','nullable':true},'messages':{'type':'integer'},'files':{'type':'integer'},"
     "'stored_bytes':{'type':'integer'},'lag_messages':{'type':'integer','description':'expelled and not committed'},"
     "'lag_bytes':{'type':'integer'},'lag_seconds':{'type':'number'}}}}}}}"},
    {"station_group",
     "{'type':'object','required':['name','filter','acked_offset','next_offset','in_flight','lag','delivered',"
     "'redelivered','acknowledged','dead_letters','members'],'properties':{'name':{'type':'string'},'filter':{'type':'string'},"
     "'acked_offset':{'type':'integer','description':'every message below is acknowledged'},"
     "'next_offset':{'type':'integer','description':'the next to be delivered for the first time'},"
     "'in_flight':{'type':'integer'},'lag':{'type':'integer','description':'messages not acknowledged'},"
     "'delivered':{'type':'integer','description':'since the start, as the next three'},"
     "'redelivered':{'type':'integer'},'acknowledged':{'type':'integer'},'dead_letters':{'type':'integer'},"
     "'members':{'type':'integer'}}}"},
};
/* clang-format on */

#define STATION "{'$ref':'#/components/schemas/station'}"
#define GROUP   "{'$ref':'#/components/schemas/station_group'}"
#define LIST_OF(one) \
    "{'type':'object','properties':{'data':{'type':'array','items':" one "},'meta':" API_META "}}"

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/stations",
     .handle = list,
     .access = API_READ_STATIONS,
     .summary = "Stations, by name",
     .params = list_params,
     .answer = LIST_OF(STATION)},
    {.method = API_POST,
     .path = "/api/v5/stations",
     .handle = create,
     .access = API_ADMINISTER,
     .summary = "Creates a station; what is not said is as by default",
     .description = "A state in the object is passed over, so that one that was read can be sent.",
     .body = "{'$ref':'#/components/schemas/station_new'}",
     .answer = STATION,
     .status = 201,
     .errors = "409 ALREADY_EXISTS"},
    {.method = API_GET,
     .path = "/api/v5/stations/{name}",
     .handle = show,
     .access = API_READ_STATIONS,
     .summary = "One station, with its state",
     .answer = STATION,
     .errors = "404 NOT_FOUND"},
    {.method = API_PUT,
     .path = "/api/v5/stations/{name}",
     .handle = update,
     .access = API_ADMINISTER,
     .summary = "Changes what the object has, all but the name",
     .body = "{'$ref':'#/components/schemas/station_change'}",
     .answer = STATION,
     .errors = "404 NOT_FOUND"},
    {.method = API_DELETE,
     .path = "/api/v5/stations/{name}",
     .handle = remove_station,
     .access = API_ADMINISTER,
     .summary = "Deletes a station with all that it holds",
     .params = delete_params,
     .errors = "404 NOT_FOUND; 409 IN_USE"},
    {.method = API_POST,
     .path = "/api/v5/stations/{name}/purge",
     .handle = purge,
     .access = API_ADMINISTER,
     .summary = "Removes all messages; offsets go on",
     .answer = "{'type':'object','properties':{'purged':{'type':'integer'}}}",
     .errors = "404 NOT_FOUND"},
    {.method = API_GET,
     .path = "/api/v5/stations/{name}/groups",
     .handle = list_groups,
     .access = API_READ_STATIONS,
     .summary = "The consumer groups of a station",
     .params = page_params,
     .answer = LIST_OF(GROUP),
     .errors = "404 NOT_FOUND"},
    {.method = API_GET,
     .path = "/api/v5/stations/{name}/groups/{group}",
     .handle = show_group,
     .access = API_READ_STATIONS,
     .summary = "One group: position, lag, in flight",
     .answer = GROUP,
     .errors = "404 NOT_FOUND"},
    {.method = API_DELETE,
     .path = "/api/v5/stations/{name}/groups/{group}",
     .handle = remove_group,
     .access = API_ADMINISTER,
     .summary = "Forgets a group and its position",
     .description = "One with members starts anew for them by force, where their subscriptions say.",
     .params = force_params,
     .errors = "404 NOT_FOUND; 409 IN_USE"},
};

const struct api_table stations_table = {
    .tag = "Stations",
    .description = "Durable streams of messages, and their consumer groups",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};

/* GET /stations/{name}/tier/files: the data files of a table, a bounded list however many there are. */
#include "api/stations_internal.h"

#define LIMIT_DEFAULT 200
#define LIMIT_MAX     1000

static void show(struct api_request *request)
{
    struct buf text = {0};
    struct error err;
    int64_t from = api_query_int(request, "from", 0), to = api_query_int(request, "to", INT64_MAX);
    size_t limit = (size_t)api_query_int(request, "limit", LIMIT_DEFAULT);
    if (stations_tier_files(api_stations(request), api_path(request, "name"), (uint64_t)from, (uint64_t)to,
                            limit, &text, &err))
        api_reply_bytes(request, 200, "application/json", &text);
    else if (err.code == ERR_UNSUPPORTED)
        api_reply_error(request, 409, "NO_TIER", "%s (%s)", err.text, err.hint);
    else
        api_reply_failure(request, &err);
    buf_free(&text);
}

static const struct api_param params[] = {
    {.name = "from",
     .type = API_INTEGER,
     .description = "an offset; default: the first",
     .min = 0,
     .max = INT64_MAX},
    {.name = "to",
     .type = API_INTEGER,
     .description = "files that begin there or behind are left out; default: the end",
     .min = 0,
     .max = INT64_MAX},
    {.name = "limit",
     .type = API_INTEGER,
     .description = "entries, default: 200; where there are more files, neighbours are told as one entry",
     .min = 1,
     .max = LIMIT_MAX},
    {.name = NULL},
};

/* clang-format off */
static const struct api_component components[] = {
    {"station_tier_file",
     "{'type':'object','required':['first_offset','last_offset','messages','bytes','files','restored'],'properties':{"
     "'first_offset':{'type':'integer'},'last_offset':{'type':'integer'},'messages':{'type':'integer'},"
     "'bytes':{'type':'integer','description':'in the store'},"
     "'files':{'type':'integer','description':'more than one: neighbours told as one entry'},"
     "'restored':{'type':'integer','description':'of the files, that have a copy on local disk'},"
     "'first_time':{'type':'string','format':'date-time','nullable':true},"
     "'last_time':{'type':'string','format':'date-time','nullable':true},"
     "'path':{'type':'string','nullable':true,'description':'absolute, of a single file'}}}"},
};
/* clang-format on */

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/stations/{name}/tier/files",
     .handle = show,
     .access = API_READ,
     .summary = "The data files of the table, in the order of their offsets",
     .description = "With the places that another reader of the table needs. Known without asking the store: "
                    "location and "
                    "metadata are null until the table has been looked at.",
     .params = params,
     .answer = "{'type':'object','required':['data'],'properties':{"
               "'location':{'type':'string','nullable':true,'description':'the URI of the table'},"
               "'metadata':{'type':'string','nullable':true,'description':'its newest metadata.json'},"
               "'data':{'type':'array','items':{'$ref':'#/components/schemas/station_tier_file'}}}}",
     .errors = "404 NOT_FOUND; 409 NO_TIER"},
};

const struct api_table stations_files_table = {
    .tag = "Stations",
    .description = "The second tier",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};

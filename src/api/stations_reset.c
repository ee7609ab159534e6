/* POST /stations/{name}/groups/{group}/reset: a group begins anew somewhere else. */
#include "api/stations_internal.h"

static void reset(struct api_request *request)
{
    json_t *start = json_object_get(api_body(request), "start");
    bool force = json_is_true(json_object_get(api_body(request), "force"));
    struct error err;
    if (station_group_reset(api_stations(request), api_path(request, "name"), api_path(request, "group"),
                            str_make(json_string_value(start), json_string_length(start)), force, &err))
        api_reply_none(request);
    else if (err.code == ERR_BUSY)
        api_reply_error(request, 409, "IN_USE", "%s (%s)", err.text, err.hint);
    else
        api_reply_failure(request, &err);
}

static const struct api_route routes[] = {
    {.method = API_POST,
     .path = "/api/v5/stations/{name}/groups/{group}/reset",
     .handle = reset,
     .access = API_ADMINISTER,
     .summary = "Lets a group begin anew at another place",
     .description = "What it has acknowledged is forgotten; nothing is delivered, and no dead letter made, "
                    "by the reset itself.",
     .body = "{'type':'object','additionalProperties':false,'required':['start'],'properties':{"
             "'start':{'type':'string','description':'earliest, latest, last:N, offset:N, time:T'},"
             "'force':{'type':'boolean','default':false,'description':'although it has members: they are cut "
             "off'}}}",
     .errors = "404 NOT_FOUND; 409 IN_USE"},
};

const struct api_table stations_reset_table = {
    .tag = "Station consumers",
    .description = "Pull consumers",
    .routes = routes,
    .count = LENGTH(routes),
};

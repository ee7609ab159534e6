/* The last lines of the broker's log, for who cannot see its standard error. */
#include "api/api_internal.h"

#include "base/clock.h"
#include "base/log_ring.h"

#define LINES_DEFAULT 200

static const char *const levels[] = {"debug", "info", "warning", "error", NULL};

struct walk {
    json_t *lines; /* the newest first */
    int64_t left;
};

/* "2026-11-21T09:00:00.123Z info client connected": what stands behind time and level. JSON lines stay whole. */
static struct str message_of(struct str line)
{
    struct str rest = line, part;
    if (line.len > 0 && line.data[0] == '{')
        return line;
    for (int i = 0; i < 2; i++) {
        if (!str_next(&rest, ' ', &part) || rest.data == NULL)
            return line;
    }
    return rest;
}

static bool add(const struct log_ring_line *line, void *arg)
{
    struct walk *walk = arg;
    char when[CLOCK_TEXT_BYTES];
    struct str message = message_of(line->text);
    clock_format(line->wall_ms, when);
    json_t *text = json_stringn(message.data, message.len);
    json_array_append_new(walk->lines, json_pack("{s:I, s:s, s:s, s:o}", "number", (json_int_t)line->number,
                                                 "time", when, "level", levels[line->level], "message",
                                                 text != NULL ? text : json_string("(not UTF-8)")));
    return --walk->left > 0;
}

static void list(struct api_request *request)
{
    struct walk walk = {.lines = json_array(), .left = api_query_int(request, "limit", LINES_DEFAULT)};
    enum log_level least = LOG_LEVEL_DEBUG;
    const char *level = api_query(request, "level");
    if (level != NULL)
        log_level_parse(str_of(level), &least, NULL);
    uint64_t missed = log_ring_each((uint64_t)api_query_int(request, "after", 0), least, add, &walk);
    api_reply_json(request, 200, json_pack("{s:o, s:I}", "data", walk.lines, "missed", (json_int_t)missed));
}

static const struct api_param params[] = {
    {.name = "level", .type = API_STRING, .description = "this one and what is worse", .choices = levels},
    {.name = "limit",
     .type = API_INTEGER,
     .description = "lines; default 200",
     .min = 1,
     .max = LOG_RING_LINES},
    {.name = "after",
     .type = API_INTEGER,
     .description = "those with a greater number",
     .min = 0,
     .max = INT64_MAX},
    {.name = NULL},
};

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/logs",
     .handle = list,
     .access = API_READ,
     .summary = "The last lines of the log, the newest first",
     .description = "A thousand are kept, each cut after 1 kB. Which levels there are is log.level's affair. "
                    "missed: lines that were not "
                    "kept since the start, because the ring was busy.",
     .params = params,
     .answer = "{'type':'object','required':['data','missed'],'properties':{'data':{'type':'array','items':{'"
               "type':'object',"
               "'required':['number','time','level','message'],'properties':{'number':{'type':'integer'},'"
               "time':{'type':"
               "'string'},'level':{'type':'string','enum':['debug','info','warning','error']},'message':{'"
               "type':'string'}}}},"
               "'missed':{'type':'integer'}}}"},
};

const struct api_table logs_table = {
    .tag = "Logs",
    .description = "The last lines of the log",
    .routes = routes,
    .count = LENGTH(routes),
};

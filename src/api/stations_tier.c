/* The second tier of a station: looking at it, and what takes long, as jobs (jobs.c). */
#include "api/jobs_internal.h"
#include "api/stations_internal.h"

static void show(struct api_request *request)
{
    struct buf text = {0};
    struct error err;
    if (stations_tier_describe(api_stations(request), api_path(request, "name"), &text, &err))
        api_reply_bytes(request, 200, "application/json", &text);
    else
        api_reply_failure(request, &err);
    buf_free(&text);
}

/* ---- Flushing -------------------------------------------------------------------------------------------- */

static bool run_flush(struct job *job, const struct station_progress *progress, json_t *result,
                      struct error *err)
{
    (void)result;
    return stations_tier_flush(job_stations(job), job_station(job), progress, err);
}

static void flush(struct api_request *request)
{
    struct tier_stats stats;
    struct error err;
    if (!station_known(request))
        return;
    if (!stations_tier_stats(api_stations(request), api_path(request, "name"), &stats)) {
        api_reply_error(request, 409, "NO_TIER", "the station has no second tier (set tier.enabled)");
        return;
    }
    if (!job_start(request, "flush", api_path(request, "name"), run_flush, NULL, &err))
        api_reply_failure(request, &err);
}

/* ---- Restoring ------------------------------------------------------------------------------------------- */

static struct str text_of(json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? str_make(json_string_value(value), json_string_length(value)) : STR_NONE;
}

static void set_count(json_t *out, const char *key, uint64_t value)
{
    json_object_set_new(out, key, json_integer((json_int_t)value));
}

static bool run_restore(struct job *job, const struct station_progress *progress, json_t *result,
                        struct error *err)
{
    json_t *body = job_arguments(job);
    struct station_restored restored;
    const struct station_restore_options options = {
        .from = text_of(body, "from"),
        .to = text_of(body, "to"),
        .into = text_of(body, "into"),
        .dry = json_is_true(json_object_get(body, "dry_run")),
    };
    if (!stations_restore(job_stations(job), job_station(job), &options, progress, &restored, err))
        return false;
    set_count(result, "first_offset", restored.first);
    set_count(result, "next_offset", restored.next);
    set_count(result, "messages", restored.messages);
    set_count(result, "bytes", restored.bytes);
    set_count(result, "files", restored.files);
    return true;
}

static void restore(struct api_request *request)
{
    struct error err;
    if (station_known(request) && !job_start(request, "restore", api_path(request, "name"), run_restore,
                                             json_deep_copy(api_body(request)), &err))
        api_reply_failure(request, &err);
}

static void release(struct api_request *request)
{
    struct error err;
    uint64_t bytes;
    if (stations_release(api_stations(request), api_path(request, "name"), &bytes, &err))
        api_reply_json(request, 200, json_pack("{s:I}", "released_bytes", (json_int_t)bytes));
    else
        api_reply_failure(request, &err);
}

/* ---- Scrubbing ------------------------------------------------------------------------------------------- */

static bool run_scrub(struct job *job, const struct station_progress *progress, json_t *result,
                      struct error *err)
{
    struct tier_scrubbed scrubbed;
    bool ok = stations_scrub(job_stations(job), job_station(job), progress, &scrubbed, err);
    set_count(result, "files", scrubbed.files);
    set_count(result, "messages", scrubbed.rows);
    set_count(result, "bytes", scrubbed.bytes);
    set_count(result, "findings", scrubbed.findings);
    set_count(result, "repaired", scrubbed.repaired);
    return ok;
}

static void scrub(struct api_request *request)
{
    struct error err;
    if (station_known(request) &&
        !job_start(request, "scrub", api_path(request, "name"), run_scrub, NULL, &err))
        api_reply_failure(request, &err);
}

/* ---- Recovering ------------------------------------------------------------------------------------------ */

#define RECOVER_MAX 10000

static bool add_name(struct str name, void *arg)
{
    json_array_append_new(arg, json_stringn(name.data, name.len));
    return json_array_size(arg) < RECOVER_MAX;
}

static json_t *found_json(const struct tier_found *found)
{
    json_t *out = json_pack("{s:s?}", "name", found->station);
    if (found->bounds.any)
        set_count(out, "first_offset", found->bounds.first);
    set_count(out, "next_offset", found->bounds.next);
    set_count(out, "messages", found->bounds.rows);
    set_count(out, "bytes", found->bounds.bytes);
    set_count(out, "files", found->files);
    set_count(out, "stored_bytes", found->file_bytes);
    set_count(out, "missing", found->missing);
    json_t *definition = found->definition != NULL ? json_loads(found->definition, 0, NULL) : NULL;
    json_object_set_new(out, "definition", definition != NULL ? definition : json_null());
    return out;
}

/* Each on its own: one that cannot be recovered does not keep the others from it. */
static bool run_recover(struct job *job, const struct station_progress *progress, json_t *result,
                        struct error *err)
{
    json_t *body = job_arguments(job);
    json_t *names = json_object_get(body, "stations"), *name;
    json_t *recovered = json_array(), *failed = json_array();
    const struct station_recover_options options = {
        .connector = text_of(body, "connector"),
        .bucket = text_of(body, "bucket"),
        .prefix = text_of(body, "prefix"),
        .dry = json_is_true(json_object_get(body, "dry_run")),
    };
    json_t *listed = json_array();
    bool ok = json_array_size(names) > 0 ||
              stations_recoverable(job_stations(job), &options, add_name, listed, err);
    if (json_array_size(names) == 0)
        names = listed;
    size_t i;
    json_array_foreach(names, i, name)
    {
        struct tier_found found;
        struct error one = {0};
        struct str text = str_make(json_string_value(name), json_string_length(name));
        ok = ok && (progress->go_on(progress->arg, i, json_array_size(names)) ||
                    error_set(err, ERR_CLOSED, "it was called off"));
        if (!ok)
            break;
        if (stations_recover(job_stations(job), text, &options, &found, &one)) {
            json_array_append_new(recovered, found_json(&found));
        } else {
            json_array_append_new(failed, json_pack("{s:s#, s:s, s:s, s:s}", "name", text.data, (int)text.len,
                                                    "error", one.text, "error_code",
                                                    error_code_name(one.code), "hint", one.hint));
        }
        tier_found_free(&found);
    }
    json_object_set(result, "recovered", recovered);
    json_object_set(result, "failed", failed);
    if (ok && json_array_size(recovered) == 0 && json_array_size(failed) > 0) {
        ok = error_set(err, ERR_NOT_FOUND, "%s",
                       json_string_value(json_object_get(json_array_get(failed, 0), "error")));
    }
    json_decref(listed);
    json_decref(recovered);
    json_decref(failed);
    return ok;
}

static void recover(struct api_request *request)
{
    struct error err;
    if (!job_start(request, "recover", STR_NONE, run_recover, json_deep_copy(api_body(request)), &err))
        api_reply_failure(request, &err);
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

#define REQUESTS "{'$ref':'#/components/schemas/station_tier_requests'}"

/* clang-format off */
static const struct api_component components[] = {
    {"station_tier_requests",
     "{'type':'object','required':['ok','failed','retries'],'properties':{'ok':{'type':'integer'},"
     "'failed':{'type':'integer'},'retries':{'type':'integer','description':'attempts but the first'}}}"},
    {"station_tier",
     "{'type':'object','required':['enabled','status','disk'],'properties':{'enabled':{'type':'boolean'},'connector':{'type':'string'},"
     "'bucket':{'type':'string'},'prefix':{'type':'string'},"
     "'status':{'type':'string','enum':['off','opening','running','waiting','fenced','failed']},"
     "'error':{'type':'string','nullable':true},'error_code':{'type':'string','nullable':true},"
     "'hint':{'type':'string','nullable':true},'error_at':{'type':'string','nullable':true},"
     "'retry_at':{'type':'string','nullable':true},"
     "'disk':{'type':'object','description':'what the log has','required':['first_offset','next_offset',"
     "'messages','bytes'],'properties':{'first_offset':{'type':'integer'},'next_offset':{'type':'integer'},"
     "'messages':{'type':'integer'},'bytes':{'type':'integer'},"
     "'first_time':{'type':'string','nullable':true},'last_time':{'type':'string','nullable':true}}},"
     "'table':{'type':'object','description':'what the table has','properties':{"
     "'first_offset':{'type':'integer','nullable':true},'next_offset':{'type':'integer','nullable':true},"
     "'messages':{'type':'integer'},'bytes':{'type':'integer'},"
     "'first_time':{'type':'string','nullable':true},'files':{'type':'integer'},"
     "'stored_bytes':{'type':'integer'},'snapshot_id':{'type':'integer','nullable':true},"
     "'metadata_version':{'type':'integer','nullable':true}}},"
     "'committed_offset':{'type':'integer','nullable':true},"
     "'expelled_offset':{'type':'integer','nullable':true,'description':'the last one that retention has passed'},"
     "'epoch':{'type':'integer','nullable':true},"
     "'lag':{'type':'object','description':'expelled and not committed','properties':{"
     "'messages':{'type':'integer'},'bytes':{'type':'integer'},'seconds':{'type':'number'}}},"
     "'full':{'type':'boolean','description':'what waits fills disk_budget: publishers wait'},"
     "'given_up':{'type':'integer','description':'messages that the disk has given up, since the start; an upload "
     "under way may have had some: those are in the table'},"
     "'missing':{'type':'integer','description':'messages that the table says were given up'},"
     "'complete':{'type':'boolean','description':'rows = committed - first + 1 - missing'},"
     "'guarantee':{'type':'string','enum':['exactly_once','single_writer','unprobed']},"
     "'cost_month_usd':{'type':'number'},"
     "'commits':{'type':'integer','description':'since the start, as those that follow'},"
     "'migrated_messages':{'type':'integer'},'migrated_bytes':{'type':'integer'},"
     "'uploaded_bytes':{'type':'integer'},'fetched_bytes':{'type':'integer'},'puts':{'type':'integer'},"
     "'gets':{'type':'integer'},'failures':{'type':'integer'},'cache_hits':{'type':'integer'},"
     "'cache_misses':{'type':'integer'},'scrubbed_files':{'type':'integer'},'findings':{'type':'integer'},'repaired':{'type':'integer'},"
     "'requests':{'type':'object','description':'to the store, that have ended, by kind','properties':{"
     "'put':" REQUESTS ",'get':" REQUESTS ",'head':" REQUESTS ",'delete_many':" REQUESTS ",'list':" REQUESTS "}},"
     "'scrub':{'$ref':'#/components/schemas/station_scrub'}}}"},
    {"station_scrub",
     "{'type':'object','description':'in the background, or on demand','properties':{"
     "'running':{'type':'boolean','description':'a round in the background is under way'},"
     "'last_time':{'type':'string','nullable':true},'last_files':{'type':'integer','nullable':true},"
     "'last_findings':{'type':'integer','nullable':true},'last_repaired':{'type':'integer','nullable':true},"
     "'next_time':{'type':'string','nullable':true}}}"},
};
/* clang-format on */

#define TIER "{'$ref':'#/components/schemas/station_tier'}"

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/stations/{name}/tier",
     .handle = show,
     .access = API_READ,
     .summary = "The second tier: what both tiers have, how far migration is, and how it goes",
     .answer = TIER,
     .errors = "404 NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/stations/{name}/tier/flush",
     .handle = flush,
     .access = API_ADMINISTER,
     .summary = "Migrates what is expelled by now: a job that ends when it is committed",
     .answer = JOB_STARTED,
     .status = 202,
     .errors = "404 NOT_FOUND; 409 NO_TIER; 503 SERVICE_UNAVAILABLE (too many jobs)"},
    {.method = API_POST,
     .path = "/api/v5/stations/{name}/restore",
     .handle = restore,
     .access = API_ADMINISTER,
     .summary = "Brings messages back from the store: to local disk, or into a new station",
     .description = "Without `into` the data files of the range are kept on local disk and read from there. "
                    "With it a new "
                    "station gets all messages of the range, with their offsets, times and bytes.",
     .body = "{'type':'object','additionalProperties':false,'properties':{"
             "'from':{'type':'string','description':'earliest (default), last:N, offset:N, time:T'},"
             "'to':{'type':'string','description':'likewise; default: the end'},"
             "'into':{'type':'string','description':'the name of a station that is made'},"
             "'dry_run':{'type':'boolean','default':false,'description':'only tells what would come'}}}",
     .answer = JOB_STARTED,
     .status = 202,
     .errors = "404 NOT_FOUND; 503 SERVICE_UNAVAILABLE (too many jobs)"},
    {.method = API_POST,
     .path = "/api/v5/stations/{name}/tier/release",
     .handle = release,
     .access = API_ADMINISTER,
     .summary = "Removes from local disk what was restored there; it is read from the store again",
     .answer = "{'type':'object','properties':{'released_bytes':{'type':'integer'}}}",
     .errors = "404 NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/stations/{name}/tier/scrub",
     .handle = scrub,
     .access = API_ADMINISTER,
     .summary = "Reads and checks every data file of the table",
     .answer = JOB_STARTED,
     .status = 202,
     .errors = "404 NOT_FOUND; 503 SERVICE_UNAVAILABLE (too many jobs)"},
    {.method = API_POST,
     .path = "/api/v5/stations/recover",
     .handle = recover,
     .access = API_ADMINISTER,
     .summary = "Makes stations again from their tables in a store",
     .description = "Those named, or all below the prefix. With dry_run: tells what would be made.",
     .body = "{'type':'object','additionalProperties':false,'required':['connector'],'properties':{"
             "'connector':{'type':'string','minLength':1},'bucket':{'type':'string','description':'default: "
             "varve'},"
             "'prefix':{'type':'string','description':'default: stations'},"
             "'stations':{'type':'array','items':{'type':'string'},'maxItems':10000},"
             "'dry_run':{'type':'boolean','default':false}}}",
     .answer = JOB_STARTED,
     .status = 202,
     .errors = "503 SERVICE_UNAVAILABLE (too many jobs)"},
};

const struct api_table stations_tier_table = {
    .tag = "Stations",
    .description = "The second tier",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};

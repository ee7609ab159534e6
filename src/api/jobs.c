/* Jobs: see jobs_internal.h.
 *
 *     POST …  ─▶ job_start(): a thread, 202 {"job":"…"}
 *     GET /jobs/{id} ─▶ state, progress, and at the end what has become of it
 *
 * A job is referenced by its list and its thread. The list keeps ENDED_MAX that have ended, the oldest goes first. */
#include "api/jobs_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <stdio.h>

#define RUNNING_MAX 8
#define ENDED_MAX   100
#define ID_BYTES    17

enum job_state { JOB_RUNNING, JOB_SUCCEEDED, JOB_FAILED };

struct job {
    struct list link;
    /* Set once. */
    struct jobs *all;
    char id[ID_BYTES];
    const char *kind;
    char *station; /* NULL: none */
    struct stations *stations;
    json_t *arguments;
    job_fn *run;
    int64_t started_ms;
    pthread_t thread;
    /* Under all->lock. */
    enum job_state state;
    uint64_t done, total;
    int64_t ended_ms;
    struct error err;
    json_t *result;
    bool joined;
};

struct jobs {
    pthread_mutex_t lock;
    /* Under lock. */
    struct list list; /* in the order of their starts */
    unsigned running;
    size_t count;
    bool stopping;
};

struct jobs *jobs_new(void)
{
    struct jobs *jobs = mem_zalloc(sizeof(*jobs));
    list_init(&jobs->list);
    pthread_mutex_init(&jobs->lock, NULL);
    return jobs;
}

static struct job *job_at(struct list *link)
{
    return CONTAINER_OF(link, struct job, link);
}

static void job_free(struct job *job)
{
    json_decref(job->arguments);
    json_decref(job->result);
    mem_free(job->station);
    mem_free(job);
}

/* It has ended, and is in no list any more. */
static void reap(struct job *job)
{
    pthread_join(job->thread, NULL);
    job_free(job);
}

void jobs_free(struct jobs *jobs)
{
    if (jobs == NULL)
        return;
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    pthread_mutex_unlock(&jobs->lock);
    while (!list_empty(&jobs->list)) { /* nobody starts any more */
        struct job *job = job_at(jobs->list.next);
        list_remove(&job->link);
        reap(job);
    }
    pthread_mutex_destroy(&jobs->lock);
    mem_free(jobs);
}

struct stations *job_stations(struct job *job)
{
    return job->stations;
}

struct str job_station(const struct job *job)
{
    return str_of(job->station);
}

json_t *job_arguments(struct job *job)
{
    return job->arguments;
}

/* ---- Running --------------------------------------------------------------------------------------------- */

static bool go_on(void *arg, uint64_t done, uint64_t total)
{
    struct job *job = arg;
    pthread_mutex_lock(&job->all->lock);
    job->done = done;
    job->total = total;
    bool goes_on = !job->all->stopping;
    pthread_mutex_unlock(&job->all->lock);
    return goes_on;
}

static void *run(void *arg)
{
    struct job *job = arg;
    struct error err = {0};
    const struct station_progress progress = {.go_on = go_on, .arg = job};
    json_t *result = json_object();
    bool ok = job->run(job, &progress, result, &err);
    if (!ok)
        LOG_WARNING("job failed", LOG_TEXT("job", job->id), LOG_TEXT("kind", job->kind),
                    LOG_TEXT("station", job->station != NULL ? job->station : ""), LOG_ERROR_OF(&err));
    pthread_mutex_lock(&job->all->lock);
    job->state = ok ? JOB_SUCCEEDED : JOB_FAILED;
    job->err = err;
    job->result = result;
    job->ended_ms = clock_wall_ms();
    job->all->running--;
    pthread_mutex_unlock(&job->all->lock);
    return NULL;
}

/* Under the lock. The oldest that has ended, if there are too many; it is out of the list then. */
static struct job *oldest_ended(struct jobs *jobs)
{
    if (jobs->count <= ENDED_MAX)
        return NULL;
    LIST_EACH(it, &jobs->list)
    {
        if (job_at(it)->state == JOB_RUNNING)
            continue;
        list_remove(it);
        jobs->count--;
        return job_at(it);
    }
    return NULL;
}

bool job_start(struct api_request *request, const char *kind, struct str station, job_fn *function,
               json_t *arguments, struct error *err)
{
    struct jobs *jobs = request->api->jobs;
    struct job *job = mem_zalloc(sizeof(*job));
    job->all = jobs;
    job->kind = kind;
    job->station = station.data != NULL ? str_dup(station) : NULL;
    job->stations = api_stations(request);
    job->arguments = arguments;
    job->run = function;
    job->started_ms = clock_wall_ms();
    snprintf(job->id, sizeof(job->id), "%016llx", (unsigned long long)random_u64());
    pthread_mutex_lock(&jobs->lock);
    bool ok = !jobs->stopping && jobs->running < RUNNING_MAX;
    if (!ok)
        error_set(err, ERR_BUSY, "%d jobs run already: try again", RUNNING_MAX);
    ok = ok && thread_start(&job->thread, "api-job", run, job, err);
    struct job *gone = NULL;
    if (ok) {
        jobs->running++;
        jobs->count++;
        list_append(&jobs->list, &job->link);
        gone = oldest_ended(jobs);
    }
    pthread_mutex_unlock(&jobs->lock);
    if (gone != NULL)
        reap(gone);
    if (ok)
        api_reply_json(request, 202, json_pack("{s:s}", "job", job->id));
    else
        job_free(job);
    return ok;
}

/* ---- Looking --------------------------------------------------------------------------------------------- */

static json_t *time_json(int64_t time_ms)
{
    char text[CLOCK_TEXT_BYTES];
    if (time_ms == 0)
        return json_null();
    clock_format(time_ms, text);
    return json_string(text);
}

/* Under the lock. */
static json_t *job_json(const struct job *job)
{
    static const char *const names[] = {"running", "succeeded", "failed"};
    json_t *out = json_pack("{s:s, s:s, s:s?, s:s, s:I, s:I, s:o, s:o, s:s?, s:s?, s:s?}", "job", job->id,
                            "kind", job->kind, "station", job->station, "state", names[job->state], "done",
                            (json_int_t)job->done, "total", (json_int_t)job->total, "started_at",
                            time_json(job->started_ms), "ended_at", time_json(job->ended_ms), "error",
                            job->state == JOB_FAILED ? job->err.text : NULL, "error_code",
                            job->state == JOB_FAILED ? error_code_name(job->err.code) : NULL, "hint",
                            job->state == JOB_FAILED && job->err.hint[0] != '\0' ? job->err.hint : NULL);
    json_object_set_new(out, "result", job->result != NULL ? json_deep_copy(job->result) : json_object());
    return out;
}

static void show(struct api_request *request)
{
    struct jobs *jobs = request->api->jobs;
    struct str id = api_path(request, "id");
    json_t *found = NULL;
    pthread_mutex_lock(&jobs->lock);
    LIST_EACH(it, &jobs->list)
    {
        if (str_is(id, job_at(it)->id))
            found = job_json(job_at(it));
    }
    pthread_mutex_unlock(&jobs->lock);
    if (found != NULL)
        api_reply_json(request, 200, found);
    else
        api_reply_error(request, 404, "NOT_FOUND",
                        "no such job: the last %d are remembered until the broker stops", ENDED_MAX);
}

static void list(struct api_request *request)
{
    struct jobs *jobs = request->api->jobs;
    struct api_lister lister = api_lister(request);
    pthread_mutex_lock(&jobs->lock);
    LIST_EACH(it, &jobs->list)
    {
        if (api_lister_want(&lister))
            api_lister_add(&lister, job_json(job_at(it)));
    }
    pthread_mutex_unlock(&jobs->lock);
    api_lister_reply(request, &lister);
}

static const struct api_param page_params[] = {API_PAGE_PARAMS, {.name = NULL}};

static const struct api_component components[] = {
    {"job", "{'type':'object','required':['job','kind','state','done','total','started_at'],'properties':{'"
            "job':{'type':'string'},'kind':{'type':'string'},"
            "'station':{'type':'string','nullable':true},"
            "'state':{'type':'string','enum':['running','succeeded','failed']},'done':{'type':'integer'},"
            "'total':{'type':'integer','description':'0: not known'},'started_at':{'type':'string'},"
            "'ended_at':{'type':'string','nullable':true},'error':{'type':'string','nullable':true},"
            "'error_code':{'type':'string','nullable':true},'hint':{'type':'string','nullable':true},"
            "'result':" API_ANY "}}"},
};

#define JOB "{'$ref':'#/components/schemas/job'}"

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/jobs",
     .handle = list,
     .access = API_READ,
     .summary = "Jobs that run, and those that have ended lately",
     .params = page_params,
     .answer =
         "{'type':'object','properties':{'data':{'type':'array','items':" JOB "},'meta':" API_META "}}"},
    {.method = API_GET,
     .path = "/api/v5/jobs/{id}",
     .handle = show,
     .access = API_READ,
     .summary = "One job: its state and how far it is",
     .answer = JOB,
     .errors = "404 NOT_FOUND",
     .frequent = true},
};

const struct api_table jobs_table = {
    .tag = "Jobs",
    .description = "What takes longer than a request",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};

/* Jobs: what takes longer than a request. Each has a thread of its own; few run at once, and those that have ended are
 * remembered for a while. */
#ifndef API_JOBS_INTERNAL_H
#define API_JOBS_INTERNAL_H

#include "api/api_internal.h"
#include "station/station.h"

struct job;
struct jobs;

/* On the job's thread. `progress` is to be asked now and then; what is put into `result` is told. */
typedef bool job_fn(struct job *job, const struct station_progress *progress, json_t *result,
                    struct error *err);

struct jobs *jobs_new(void);
/* All of them are called off and waited for. Takes; NULL is fine. Blocks. */
void jobs_free(struct jobs *jobs);

/* Starts a job about a station (STR_NONE: none), and replies 202 with its id. Takes `arguments` (may be NULL), also on failure.
 * False: the request has no reply yet. Errors: ERR_BUSY (too many run), those of thread_start(). */
bool job_start(struct api_request *request, const char *kind, struct str station, job_fn *run,
               json_t *arguments, struct error *err);

struct stations *job_stations(struct job *job);
struct str job_station(const struct job *job);
json_t *job_arguments(struct job *job); /* borrowed */

#define JOB_STARTED "{'type':'object','properties':{'job':{'type':'string'}}}"

#endif

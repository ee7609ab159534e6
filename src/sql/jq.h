/* jq in rules, in processes of its own.
 *
 * A filter of jq can ask for any time and any memory, read files and the environment, and some end the process that runs
 * them (an assertion of libjq, a stack that overflows). So libjq runs in workers: children of this process, started when
 * they are needed, at most SQL_JQ_WORKERS_MAX of them, with no environment, no way to open a file, and a bound on their
 * memory. A worker that does not answer in time is killed, and another one started for the next call. */
#ifndef SQL_JQ_H
#define SQL_JQ_H

#include <stdint.h>

#define SQL_JQ_WORKERS_MAX 8U

/* The time of a call that says nothing else, 1 to SQL_JQ_MS_MAX. Thread: any. */
#define SQL_JQ_MS_DEFAULT 10000
#define SQL_JQ_MS_MAX     10000
void sql_jq_set_timeout_ms(int64_t ms);

/* What the program has to do when it is started with the one argument SQL_JQ_ARGUMENT: it is a worker then. Returns
 * the status to exit with. */
#define SQL_JQ_ARGUMENT "jq-worker"
int sql_jq_worker(void);

/* Ends the workers that are idle. Thread: any. */
void sql_jq_stop(void);

#endif

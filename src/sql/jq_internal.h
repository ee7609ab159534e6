/* What the two ends of a worker of jq say to each other, over a socket:
 *
 *     worker    "!" as soon as it listens
 *     caller    struct jq_request, the filter, the input (a JSON text)
 *     worker    struct jq_reply, then `len` bytes: a JSON array of the outputs, or the text of an error */
#ifndef SQL_JQ_INTERNAL_H
#define SQL_JQ_INTERNAL_H

#include "sql/jq.h"
#include "sql/value.h"

#define JQ_HELLO '!'

/* Compiling a filter takes libjq some 30 ms, for the functions that are written in jq itself. It has this much time, and
 * running the filter then has the request's. A worker that takes longer is ended by SIGALRM. */
#define JQ_COMPILE_MS_MAX 5000

struct jq_request {
    uint32_t filter_len;
    uint32_t input_len;
    uint32_t timeout_ms;
    uint32_t output_max; /* bytes of the array */
};

enum jq_status { JQ_OUTPUTS, JQ_WRONG_FILTER, JQ_FAILED, JQ_TOO_LARGE };

struct jq_reply {
    uint32_t status; /* enum jq_status */
    uint32_t len;
};

/* Runs the filter on the input, in a worker. *out is a list of what it puts out.
 * Errors: ERR_INVALID (the filter, or what it says of the input), ERR_TIMEOUT, ERR_LIMIT (outputs too large; too
 * many at a time; the worker ended), those of posix_spawn. Thread: any; blocks for at most timeout_ms and the time that
 * starting a worker and compiling the filter take. */
bool jq_run(struct sql_scope *scope, struct str filter, struct str input, int64_t timeout_ms,
            struct sql_value *out, struct error *err);
int64_t jq_timeout_ms(void);

#endif

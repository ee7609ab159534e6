/* The process that runs libjq: reads a request, answers, until the other end closes.
 *
 * Compiled filters are kept, CACHE_SIZE of them, where the one used longest ago makes room. Nothing here has to be careful
 * with time and memory: an alarm or the limits set at the start end the process. */
#include "base/buf.h"
#include "base/mem.h"
#include "sql/jq_internal.h"

#include <errno.h>
#include <jq.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SOCKET           0
#define MEMORY_BYTES_MAX ((rlim_t)512 * 1024 * 1024)
#define CACHE_SIZE       32
#define ERROR_BYTES_MAX  300
#define ALARM_MARGIN_S   2 /* the caller is to notice first */
#define DUMP_FLAGS       0 /* compact */

struct filter {
    char *text; /* NULL: free */
    size_t len;
    jq_state *jq;
    uint64_t used;
};

struct worker {
    struct filter filters[CACHE_SIZE];
    uint64_t requests;
    struct buf input;  /* the filter and the input of the request */
    struct buf output; /* of the reply */
};

/* --- The socket ------------------------------------------------------------------------------------- */

static bool receive(void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t got = recv(SOCKET, (char *)data + done, len - done, 0);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool send_all(const void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t sent = send(SOCKET, (const char *)data + done, len - done, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return false;
        done += sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

/* --- Errors ----------------------------------------------------------------------------------------- */

/* libjq says what is wrong with a filter in several calls; the first one tells. */
static void keep_first_message(void *arg, jv message)
{
    struct buf *output = arg;
    if (output->len == 0 && jv_get_kind(message) == JV_KIND_STRING)
        buf_append_str(output, str_of(jv_string_value(message)));
    jv_free(message);
}

static void ignore_message(void *arg, jv message)
{
    (void)arg;
    jv_free(message);
}

/* One line, without "jq: error: " in front, of at most ERROR_BYTES_MAX bytes. */
static void tidy_error(struct buf *output)
{
    static const char lead[] = "jq: error: ";
    if (str_starts(buf_str(output), STR(lead)))
        buf_consume(output, sizeof lead - 1);
    const char *end = memchr(output->data, '\n', output->len);
    if (end != NULL)
        output->len = (size_t)(end - (const char *)output->data);
    while (output->len > ERROR_BYTES_MAX || (output->len != 0 && !utf8_valid(output->data, output->len)))
        output->len--;
}

/* An error of jq is any value; a string is its text. */
static void append_error(struct buf *output, jv message)
{
    if (jv_get_kind(message) != JV_KIND_STRING)
        message = jv_dump_string(message, DUMP_FLAGS);
    buf_append_str(output, str_of(jv_string_value(message)));
    jv_free(message);
}

/* --- Filters ---------------------------------------------------------------------------------------- */

static void forget(struct filter *filter)
{
    if (filter->jq != NULL)
        jq_teardown(&filter->jq);
    mem_free(filter->text);
    *filter = (struct filter){0};
}

/* The compiled filter, or NULL with what is wrong in the output. */
static jq_state *compiled(struct worker *worker, struct str text)
{
    struct filter *oldest = &worker->filters[0];
    for (size_t i = 0; i < CACHE_SIZE; i++) {
        struct filter *filter = &worker->filters[i];
        if (filter->text != NULL && str_equal(str_make(filter->text, filter->len), text)) {
            filter->used = worker->requests;
            return filter->jq;
        }
        if (filter->used < oldest->used)
            oldest = filter;
    }
    jq_state *jq = jq_init();
    if (jq == NULL)
        return NULL;
    char *copy = str_dup(text);
    jq_set_error_cb(jq, keep_first_message, &worker->output);
    if (!jq_compile(jq, copy)) {
        jq_teardown(&jq);
        mem_free(copy);
        return NULL;
    }
    jq_set_error_cb(jq, ignore_message, NULL);
    jq_set_debug_cb(jq, ignore_message, NULL);
    forget(oldest);
    *oldest = (struct filter){copy, text.len, jq, worker->requests};
    return jq;
}

/* --- Running ---------------------------------------------------------------------------------------- */

static enum jq_status collect(struct worker *worker, jq_state *jq, size_t output_max)
{
    struct buf *output = &worker->output;
    jv value;
    buf_append_byte(output, '[');
    while (jv_is_valid(value = jq_next(jq))) {
        jv text = jv_dump_string(value, DUMP_FLAGS);
        if (output->len > 1)
            buf_append_byte(output, ',');
        buf_append(output, jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)));
        jv_free(text);
        if (output->len >= output_max)
            return JQ_TOO_LARGE;
    }
    buf_append_byte(output, ']');
    jv message = jv_invalid_get_msg(value); /* null at the end of the outputs */
    if (jq_halted(jq)) {
        jv_free(message);
        message = jq_get_error_message(jq);
    }
    if (!jv_is_valid(message) || jv_get_kind(message) == JV_KIND_NULL) {
        jv_free(message);
        return JQ_OUTPUTS;
    }
    buf_reset(output);
    append_error(output, message);
    return JQ_FAILED;
}

/* From now on the process has so much time, 0 for ever; else SIGALRM ends it. */
static void set_alarm(uint32_t ms)
{
    const struct itimerval alarm = {.it_value = {ms / 1000, ms % 1000 * 1000}};
    (void)setitimer(ITIMER_REAL, &alarm, NULL);
}

static enum jq_status run(struct worker *worker, const struct jq_request *request)
{
    struct str filter = {(const char *)worker->input.data, request->filter_len};
    const char *text = filter.data + request->filter_len;
    set_alarm(JQ_COMPILE_MS_MAX);
    jq_state *jq = compiled(worker, filter);
    if (jq == NULL)
        return JQ_WRONG_FILTER;
    set_alarm(request->timeout_ms);
    jv input = jv_parse_sized(text, (int)request->input_len);
    if (!jv_is_valid(input)) {
        jv message = jv_invalid_get_msg(input);
        buf_append_str(&worker->output, STR("the input is no JSON: "));
        append_error(&worker->output, message);
        return JQ_FAILED;
    }
    jq_start(jq, input, 0);
    enum jq_status status = collect(worker, jq, request->output_max);
    jq_start(jq, jv_null(), 0); /* drops what is left of the run */
    return status;
}

static bool answer(struct worker *worker, const struct jq_request *request)
{
    worker->requests++;
    buf_reset(&worker->output);
    enum jq_status status = run(worker, request);
    set_alarm(0);
    if (status == JQ_TOO_LARGE)
        buf_reset(&worker->output);
    else if (status != JQ_OUTPUTS)
        tidy_error(&worker->output);
    struct jq_reply reply = {status, (uint32_t)worker->output.len};
    return send_all(&reply, sizeof reply) && send_all(worker->output.data, worker->output.len);
}

static void limit(int resource, rlim_t most)
{
    struct rlimit limit = {most, most};
    (void)setrlimit((__rlimit_resource_t)resource, &limit);
}

/* From here on the process can use what it has, and nothing more. */
static void lock_in(void)
{
    tzset(); /* reads the time zone's file, for localtime in filters */
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    limit(RLIMIT_NOFILE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_CORE, 0);
#ifndef VARVE_SANITIZED /* whose shadow memory is larger than any limit */
    limit(RLIMIT_AS, MEMORY_BYTES_MAX);
#endif
}

int sql_jq_worker(void)
{
    struct worker worker = {0};
    struct jq_request request;
    const char hello = JQ_HELLO;
    lock_in();
    bool open = send_all(&hello, 1);
    while (open && receive(&request, sizeof request)) {
        size_t len = (size_t)request.filter_len + request.input_len;
        buf_reset(&worker.input);
        buf_reserve(&worker.input, len);
        worker.input.len = len;
        open = receive(worker.input.data, len) && answer(&worker, &request);
    }
    for (size_t i = 0; i < CACHE_SIZE; i++)
        forget(&worker.filters[i]);
    buf_free(&worker.input);
    buf_free(&worker.output);
    return 0;
}

/* The caller's end of jq's workers: a pool of processes, and one call at a time with each.
 *
 *     acquire ──▶ an idle worker, or a new one ──▶ send, receive ──▶ back to the idle ones
 *                                                        └─ late, dead or strange: killed
 *
 * Whoever finds all of them busy waits until one is idle or its own time is over. A worker that has served REQUESTS_MAX
 * calls is not used again, so that what libjq leaks does not add up. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "sql/jq_internal.h"
#include "sql/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUESTS_MAX    10000U
#define START_MS_MAX    10000 /* that a new worker may take to say hello */
#define MARGIN_MS       1000  /* after the worker's own alarm */
#define ERROR_BYTES_MAX 400
#define NANOS_PER_MS    INT64_C(1000000)

struct jq_process {
    struct jq_process *next; /* of the idle ones */
    pid_t pid;
    int socket;
    uint32_t requests;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct jq_process *idle; /* lock */
    unsigned count;          /* lock: busy, idle and starting */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_once_t pool_once = PTHREAD_ONCE_INIT;
static _Atomic int64_t default_timeout_ms = SQL_JQ_MS_DEFAULT; /* relaxed: nothing hangs on its order */

void sql_jq_set_timeout_ms(int64_t ms)
{
    ms = ms < 1 ? 1 : ms > SQL_JQ_MS_MAX ? SQL_JQ_MS_MAX : ms;
    atomic_store_explicit(&default_timeout_ms, ms, memory_order_relaxed);
}

int64_t jq_timeout_ms(void)
{
    return atomic_load_explicit(&default_timeout_ms, memory_order_relaxed);
}

/* --- Processes -------------------------------------------------------------------------------------- */

/* Real time, whatever a test does to the clock: what is waited for is another process. */
static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* True if its alarm has ended it before. */
static bool end_process(struct jq_process *process)
{
    int status = 0;
    close(process->socket);
    (void)kill(process->pid, SIGKILL);
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        ;
    mem_free(process);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
}

/* 0, or the number of the error. The worker's socket becomes its descriptor 0; it has no other but two that lead
 * nowhere. */
static int spawn(int socket, pid_t *pid)
{
    static char *const arguments[] = {(char *)"varve", (char *)SQL_JQ_ARGUMENT, NULL};
#ifdef VARVE_SANITIZED
    static char *const environment[] = {(char *)"ASAN_OPTIONS=hard_rss_limit_mb=1000:detect_leaks=0", NULL};
#else
    static char *const environment[] = {NULL};
#endif
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    if ((failed = posix_spawn_file_actions_adddup2(&actions, socket, 0)) == 0 &&
        (failed = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)) == 0 &&
        (failed = posix_spawn_file_actions_adddup2(&actions, 1, 2)) == 0 &&
        (failed = posix_spawn_file_actions_addclosefrom_np(&actions, 3)) == 0 &&
        (failed = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
        (failed = posix_spawnattr_setsigdefault(&attributes, &all)) == 0 &&
        (failed = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)) == 0)
        failed = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* Waits until the socket is ready. Errors: ERR_TIMEOUT. */
static bool wait_for(int socket, short events, int64_t deadline_ns, struct error *err)
{
    for (;;) {
        int64_t left_ms = (deadline_ns - now_ns() + NANOS_PER_MS - 1) / NANOS_PER_MS;
        if (left_ms <= 0)
            return error_set(err, ERR_TIMEOUT, "the filter took too long");
        struct pollfd one = {.fd = socket, .events = events};
        int ready = poll(&one, 1, (int)left_ms);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return error_errno(err, errno, "waiting for jq");
    }
}

static bool ended(struct error *err)
{
    error_set(err, ERR_LIMIT, "the process that ran jq has ended");
    return error_hint(err, "the filter may need too much memory or be nested too deeply");
}

static bool receive(struct jq_process *process, void *data, size_t len, int64_t deadline_ns,
                    struct error *err)
{
    for (size_t done = 0; done < len;) {
        ssize_t got = recv(process->socket, (char *)data + done, len - done, MSG_DONTWAIT);
        if (got > 0)
            done += (size_t)got;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return ended(err);
        else if (!wait_for(process->socket, POLLIN, deadline_ns, err))
            return false;
    }
    return true;
}

static bool send_all(struct jq_process *process, const void *data, size_t len, int64_t deadline_ns,
                     struct error *err)
{
    for (size_t done = 0; done < len;) {
        ssize_t sent =
            send(process->socket, (const char *)data + done, len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0)
            done += (size_t)sent;
        else if (errno != EAGAIN && errno != EINTR)
            return ended(err);
        else if (!wait_for(process->socket, POLLOUT, deadline_ns, err))
            return false;
    }
    return true;
}

static struct jq_process *start_process(struct error *err)
{
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
        error_errno(err, errno, "a socket for jq");
        return NULL;
    }
    struct jq_process *process = mem_zalloc(sizeof *process);
    process->socket = sockets[0];
    int failed = spawn(sockets[1], &process->pid);
    close(sockets[1]);
    if (failed != 0) {
        close(sockets[0]);
        mem_free(process);
        error_errno(err, failed, "starting a process for jq");
        return NULL;
    }
    char hello = 0;
    if (!receive(process, &hello, 1, now_ns() + START_MS_MAX * NANOS_PER_MS, err) || hello != JQ_HELLO) {
        end_process(process);
        error_set(err, ERR_INTERNAL, "the process started for jq does not answer");
        return NULL;
    }
    return process;
}

/* --- The pool --------------------------------------------------------------------------------------- */

static void pool_init(void)
{
    cond_init_monotonic(&pool.freed);
}

/* Takes an idle process, or the right to start one: then *out is NULL. Errors: ERR_TIMEOUT. */
static bool take_place(int64_t deadline_ns, struct jq_process **out, struct error *err)
{
    const struct timespec until = {deadline_ns / 1000000000, deadline_ns % 1000000000};
    bool taken = true;
    pthread_mutex_lock(&pool.lock);
    while (pool.idle == NULL && pool.count == SQL_JQ_WORKERS_MAX && taken)
        taken = pthread_cond_timedwait(&pool.freed, &pool.lock, &until) != ETIMEDOUT;
    *out = pool.idle;
    if (*out != NULL) {
        pool.idle = (*out)->next;
        taken = true;
    } else if (pool.count < SQL_JQ_WORKERS_MAX) {
        pool.count++;
        taken = true;
    }
    pthread_mutex_unlock(&pool.lock);
    return taken || error_set(err, ERR_TIMEOUT, "all %u processes for jq were busy", SQL_JQ_WORKERS_MAX);
}

/* Gives the place back; the process with it if that is fit for another call, else NULL. */
static void give_place(struct jq_process *process)
{
    pthread_mutex_lock(&pool.lock);
    if (process != NULL) {
        process->next = pool.idle;
        pool.idle = process;
    } else {
        pool.count--;
    }
    pthread_cond_signal(&pool.freed);
    pthread_mutex_unlock(&pool.lock);
}

void sql_jq_stop(void)
{
    pthread_mutex_lock(&pool.lock);
    struct jq_process *idle = pool.idle;
    pool.idle = NULL;
    for (struct jq_process *process = idle; process != NULL; process = process->next)
        pool.count--;
    pthread_mutex_unlock(&pool.lock);
    while (idle != NULL) {
        struct jq_process *next = idle->next;
        end_process(idle);
        idle = next;
    }
}

/* An idle process may have been ended by others since its last call: whoever listens has not closed the socket. */
static bool is_alive(const struct jq_process *process)
{
    char byte;
    ssize_t got = recv(process->socket, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

/* --- A call ----------------------------------------------------------------------------------------- */

static bool read_error(struct jq_process *process, const struct jq_reply *reply, struct str filter,
                       int64_t deadline_ns, struct error *err)
{
    char text[ERROR_BYTES_MAX];
    if (reply->len > sizeof text)
        return error_set(err, ERR_INTERNAL, "the process for jq answers strangely");
    if (!receive(process, text, reply->len, deadline_ns, err))
        return false;
    if (reply->status == JQ_WRONG_FILTER) {
        return error_set(err, ERR_INVALID, "the filter '%.*s' is wrong: %.*s",
                         (int)(filter.len < 40 ? filter.len : 40), filter.data, (int)reply->len, text);
    }
    return error_set(err, ERR_INVALID, "%.*s", (int)reply->len, text);
}

/* One request and its reply. *fit tells whether the process can take another one afterwards. */
static bool ask(struct jq_process *process, struct sql_scope *scope, struct str filter, struct str input,
                int64_t timeout_ms, struct sql_value *out, bool *fit, struct error *err)
{
    int64_t deadline_ns = now_ns() + (timeout_ms + JQ_COMPILE_MS_MAX + MARGIN_MS) * NANOS_PER_MS;
    size_t room = sql_room(scope);
    struct jq_request request = {(uint32_t)filter.len, (uint32_t)input.len, (uint32_t)timeout_ms,
                                 room < INT32_MAX ? (uint32_t)room : INT32_MAX};
    struct jq_reply reply;
    *fit = false;
    if (!send_all(process, &request, sizeof request, deadline_ns, err) ||
        !send_all(process, filter.data, filter.len, deadline_ns, err) ||
        !send_all(process, input.data, input.len, deadline_ns, err) ||
        !receive(process, &reply, sizeof reply, deadline_ns, err))
        return false;
    if (reply.status != JQ_OUTPUTS && reply.status != JQ_TOO_LARGE) {
        bool read = read_error(process, &reply, filter, deadline_ns, err);
        *fit = err == NULL || err->code == ERR_INVALID;
        return read;
    }
    *fit = reply.status == JQ_TOO_LARGE;
    if (reply.status == JQ_TOO_LARGE || reply.len > request.output_max) {
        return error_set(err, ERR_LIMIT,
                         "the filter puts out more than the %u bytes that the evaluation may use",
                         request.output_max);
    }
    char *text = sql_alloc(scope, reply.len, err);
    *fit = text != NULL && receive(process, text, reply.len, deadline_ns, err);
    return *fit && sql_json_decode(scope, str_make(text, reply.len), out, err);
}

static bool check_sizes(struct str filter, struct str input, struct error *err)
{
    if (filter.len > UINT16_MAX)
        return error_set(err, ERR_INVALID, "the filter is longer than %d bytes", UINT16_MAX);
    if (filter.len == 0 || memchr(filter.data, '\0', filter.len) != NULL)
        return error_set(err, ERR_INVALID, "the filter must not be empty, nor have zero bytes");
    if (input.len > INT32_MAX / 2)
        return error_set(err, ERR_LIMIT, "the input is larger than %d bytes", INT32_MAX / 2);
    return true;
}

bool jq_run(struct sql_scope *scope, struct str filter, struct str input, int64_t timeout_ms,
            struct sql_value *out, struct error *err)
{
    struct error own = {0};
    struct error *reason = err != NULL ? err : &own; /* ask() looks at it */
    if (!check_sizes(filter, input, reason))
        return false;
    pthread_once(&pool_once, pool_init);
    struct jq_process *process;
    if (!take_place(now_ns() + timeout_ms * NANOS_PER_MS, &process, reason))
        return false;
    if (process != NULL && !is_alive(process)) {
        end_process(process);
        process = NULL;
    }
    if (process == NULL)
        process = start_process(reason);
    if (process == NULL) {
        give_place(NULL);
        return false;
    }
    bool fit;
    bool well = ask(process, scope, filter, input, timeout_ms, out, &fit, reason);
    if (!fit || ++process->requests == REQUESTS_MAX) {
        bool late = end_process(process);
        process = NULL;
        if (!well && (late || reason->code == ERR_TIMEOUT))
            error_set(reason, ERR_TIMEOUT, "the filter took more than %lld ms", (long long)timeout_ms);
    }
    give_place(process);
    return well;
}

/* The store's thread.
 *
 * A turn: (1) mail, (2) timers that are due, (3) calls that are ready go out while there are connections and the pace allows it,
 * (4) it sleeps until a socket, mail or a timer wakes it, and libcurl moves bytes (s3_sockets.h), (5) attempts that have ended are judged.
 *
 * Small calls and bulk (large bodies going up) wait in two lines. Whoever came first goes first, but bulk leaves a quarter of the connections
 * to the others: an upload of gigabytes does not hold up who reads. */
#include "object/s3_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>

#define SLEEP_MAX_MS 60000
#define STOPPING_MS  10 /* what workers have begun is waited for */

int64_t s3_now_ms(void)
{
    return clock_mono_ms();
}

void s3_mail_send(struct s3_store *s3, struct s3_mail *mail)
{
    pthread_mutex_lock(&s3->mail_lock);
    bool first = list_empty(&s3->mail); /* else it has been woken, and has not looked yet */
    list_append(&s3->mail, &mail->node);
    pthread_mutex_unlock(&s3->mail_lock);
    if (first)
        s3_sockets_wake(&s3->sockets);
}

/* Whether the thread may end once nothing is left. */
static bool take_mail(struct s3_store *s3)
{
    struct list taken;
    list_init(&taken);
    pthread_mutex_lock(&s3->mail_lock);
    list_move_all(&taken, &s3->mail);
    s3->stopping = s3->closing;
    bool may_end = s3->pool_stopped;
    pthread_mutex_unlock(&s3->mail_lock);
    while (!list_empty(&taken)) {
        struct s3_mail *mail = CONTAINER_OF(taken.next, struct s3_mail, node);
        list_remove(&mail->node);
        mail->run(mail);
        may_end = false;
    }
    return may_end;
}

static void fire_timers(struct s3_store *s3)
{
    for (struct heap_node *node; (node = heap_min(&s3->timers)) != NULL && node->key <= s3_now_ms();)
        s3_call_timer(CONTAINER_OF(node, struct s3_call, timer));
}

/* ---- Going out ------------------------------------------------------------------------------------------- */

static unsigned bulk_limit(const struct s3_store *s3)
{
    unsigned pool = s3->store.config.pool_size;
    unsigned kept = pool / 4 > 0 ? pool / 4 : 1;
    return pool > kept ? pool - kept : 1;
}

/* The next to go out, or NULL. */
static struct s3_call *next_ready(struct s3_store *s3)
{
    struct s3_call *small =
        list_empty(&s3->small) ? NULL : CONTAINER_OF(s3->small.next, struct s3_call, node);
    struct s3_call *bulk = list_empty(&s3->bulk) ? NULL : CONTAINER_OF(s3->bulk.next, struct s3_call, node);
    if (bulk != NULL && s3->bulk_count >= bulk_limit(s3))
        bulk = NULL;
    if (small == NULL || bulk == NULL)
        return small != NULL ? small : bulk;
    return small->turn < bulk->turn ? small : bulk;
}

static void send_ready(struct s3_store *s3)
{
    struct s3_call *call;
    s3->pace_due_ns = 0;
    while (s3->active_count < s3->store.config.pool_size && (call = next_ready(s3)) != NULL) {
        int64_t now = clock_mono_ns();
        int64_t wait = s3_pace_take_ns(&s3->pace, s3_call_body_bytes(call), now);
        if (wait > 0) {
            s3->pace_due_ns = now + wait;
            return;
        }
        s3_call_begin_attempt(call);
    }
}

/* Judges the attempts that have ended: how many. */
static unsigned collect(struct s3_store *s3)
{
    int left;
    unsigned count = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(s3->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct s3_call *call = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        assert(call != NULL);
        s3_call_attempt_ended(call, code);
        count++;
    }
    return count;
}

static void check(const struct s3_store *s3, CURLMcode code)
{
    if (code != CURLM_OK)
        LOG_ERROR("object store", LOG_TEXT("store", store_name(&s3->store)),
                  LOG_TEXT("error", curl_multi_strerror(code)));
}

/* ---- Ending ---------------------------------------------------------------------------------------------- */

static void abort_list(struct list *calls)
{
    struct error err;
    error_set(&err, ERR_CLOSED, "the store is closed");
    while (!list_empty(calls))
        s3_call_abort(CONTAINER_OF(calls->next, struct s3_call, node), &err);
}

/* Whether none is left; ending one may have begun another. */
static bool abort_all(struct s3_store *s3)
{
    struct list *const all[] = {&s3->active, &s3->small, &s3->bulk, &s3->blocked, &s3->calls};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        abort_list(all[i]);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (!list_empty(all[i]))
            return false;
    }
    return true;
}

static int sleep_ms(struct s3_store *s3)
{
    int64_t now = s3_now_ms();
    int64_t due = now + SLEEP_MAX_MS;
    const struct heap_node *node = heap_min(&s3->timers);
    if (node != NULL && node->key < due)
        due = node->key;
    if (s3->pace_due_ns > 0 && s3->pace_due_ns / 1000000 + 1 < due)
        due = s3->pace_due_ns / 1000000 + 1;
    return due > now ? (int)(due - now) : 0;
}

void *s3_run(void *arg)
{
    struct s3_store *s3 = arg;
    for (;;) {
        bool may_end = take_mail(s3);
        if (s3->stopping && abort_all(s3) && may_end)
            break;
        fire_timers(s3);
        send_ready(s3);
        check(s3, s3_sockets_run_due(&s3->sockets));
        bool busy = collect(s3) > 0; /* there may be more to send */
        check(s3, s3_sockets_wait(&s3->sockets, busy ? 0 : s3->stopping ? STOPPING_MS : sleep_ms(s3)));
        collect(s3);
    }
    return NULL;
}

/* ---- Waiting for credentials or a style ------------------------------------------------------------------ */

void s3_unblock(struct s3_store *s3)
{
    struct list waiting;
    list_init(&waiting);
    list_move_all(&waiting, &s3->blocked);
    while (!list_empty(&waiting)) {
        struct s3_call *call = CONTAINER_OF(waiting.next, struct s3_call, node);
        list_remove(&call->node);
        s3_call_ready(call);
    }
}

void s3_fail_blocked(struct s3_store *s3, const struct s3_verdict *verdict)
{
    struct list waiting;
    list_init(&waiting);
    list_move_all(&waiting, &s3->blocked);
    while (!list_empty(&waiting)) {
        struct s3_call *call = CONTAINER_OF(waiting.next, struct s3_call, node);
        list_remove(&call->node);
        s3_call_fail(call, verdict);
    }
}

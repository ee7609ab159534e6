/* A call: one exchange, repeated until its outcome is known.
 *
 *        start          a connection is free              answer, or none
 *   IDLE ─────▶ SLEEPING ─────▶ READY ─────▶ ACTIVE ─────▶ SETTLING ─────▶ IDLE (done)
 *                   ▲      │      ▲                            │
 *                   │      ▼      │ credentials, style         │ again: after a pause
 *                   │    WAITING ─┘                            │
 *                   └──────────────────────────────────────────┘
 *
 * Every state but IDLE has a timer: the end of a pause, the longest silence of an attempt, the deadline of the whole.
 * `maybe` gathers over the attempts whether one of them may have taken effect; what that means is the request's business. */
#include "object/s3_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <assert.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#define BULK_BYTES         (1u << 20)
#define CORRUPT_TRIES_MAX  3
#define CLOCK_TRIES_MAX    2
#define RETRY_AFTER_MAX_MS 30000

static void finish(struct s3_call *call, const struct error *err);

void s3_call_target(const struct s3_call *call, struct s3_target *out)
{
    *out = (struct s3_target){.op = call->op,
                              .bucket = call->bucket,
                              .key = call->key,
                              .condition = call->condition,
                              .endpoint = &call->s3->endpoint};
}

void s3_call_header(struct s3_call *call, struct str name, struct str value)
{
    assert(call->header_count < S3_CALL_HEADERS);
    char *lower = str_dup(name);
    for (char *c = lower; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    call->headers[call->header_count++] =
        (struct s3_header){.name = {lower, name.len}, .value = {str_dup(value), value.len}};
}

void s3_call_free(struct s3_call *call)
{
    assert(call->state == S3_CALL_IDLE && call->easy == NULL);
    for (size_t i = 0; i < call->header_count; i++) {
        mem_free((void *)(uintptr_t)call->headers[i].name.data);
        mem_free((void *)(uintptr_t)call->headers[i].value.data);
    }
    call->header_count = 0;
    buf_free(&call->query);
    buf_free(&call->data);
}

void s3_call_outcome(const struct s3_call *call, const struct error *err, struct error *out)
{
    *out = *err;
    if (!call->writes || !call->maybe || err->code == ERR_UNKNOWN)
        return;
    error_set(out, ERR_UNKNOWN, "it is not known whether it happened: %s", err->text);
    error_hint(out, "read it back and compare");
}

/* ---- States ---------------------------------------------------------------------------------------------- */

/* Into a list, with a timer at `due_ms` or the deadline. */
static void enter(struct s3_call *call, enum s3_call_state state, struct list *list, int64_t due_ms)
{
    list_remove(&call->node);
    call->state = state;
    list_append(list, &call->node);
    heap_insert(&call->s3->timers, &call->timer, due_ms < call->deadline_ms ? due_ms : call->deadline_ms);
}

void s3_call_start(struct s3_store *s3, struct s3_call *call)
{
    assert(call->state == S3_CALL_IDLE);
    call->s3 = s3;
    call->turn = ++s3->turns;
    enter(call, S3_CALL_SLEEPING, &s3->calls, 0);
}

void s3_call_ready(struct s3_call *call)
{
    struct s3_store *s3 = call->s3;
    bool styled = call->path_only || call->vhost_only || s3_style_for(s3, call) != S3_STYLE_UNDECIDED;
    if (!styled || !s3_keys_ready(s3, call)) {
        enter(call, S3_CALL_WAITING, &s3->blocked, INT64_MAX);
    } else {
        bool bulk = s3_call_body_bytes(call) > BULK_BYTES;
        enter(call, S3_CALL_READY, bulk ? &s3->bulk : &s3->small, INT64_MAX);
    }
}

void s3_call_begin_attempt(struct s3_call *call)
{
    struct s3_store *s3 = call->s3;
    if (call->attempt != NULL && !call->attempt->begun) {
        call->attempt->begun = true;
        store_begin(&s3->store);
    }
    call->attempts++;
    call->answer = (struct s3_answer){.length = -1};
    buf_reset(&call->data);
    call->sent_bytes = 0;
    call->head_done = false;
    call->too_large = false;
    call->file_failed = false;
    call->text[0] = '\0';
    call->unsent_bytes = 0;
    call->moved_ms = s3_now_ms();
    call->keys_turn = s3->keys_turn;
    s3->active_count++;
    if (s3_call_body_bytes(call) > BULK_BYTES)
        s3->bulk_count++;
    enter(call, S3_CALL_ACTIVE, &s3->active, call->moved_ms + s3->store.config.request_timeout_ms);
    if (!s3_transfer_begin(call))
        s3_call_attempt_ended(call, CURLE_OUT_OF_MEMORY);
}

/* ---- Ends of attempts ------------------------------------------------------------------------------------ */

static void finish(struct s3_call *call, const struct error *err)
{
    list_remove(&call->node);
    heap_remove(&call->s3->timers, &call->timer);
    call->state = S3_CALL_IDLE;
    call->done(call, err);
}

/* Out of libcurl's hands. */
static void settle(struct s3_call *call)
{
    struct s3_store *s3 = call->s3;
    if (call->easy != NULL)
        s3_transfer_end(call);
    s3->active_count--;
    if (s3_call_body_bytes(call) > BULK_BYTES)
        s3->bulk_count--;
    enter(call, S3_CALL_SETTLING, &s3->calls, INT64_MAX);
}

static void try_again(struct s3_call *call, const struct s3_verdict *verdict)
{
    struct s3_store *s3 = call->s3;
    unsigned most = call->brief ? 1 : s3->store.config.max_retries;
    int64_t pause = s3_pause_ms(s3->store.config.retry_pause_ms, &call->pause_ms, random_u64());
    if (call->answer.retry_after_ms > pause)
        pause = call->answer.retry_after_ms < RETRY_AFTER_MAX_MS ? call->answer.retry_after_ms
                                                                 : RETRY_AFTER_MAX_MS;
    if (call->attempts > most || s3_now_ms() + pause >= call->deadline_ms) {
        finish(call, &verdict->err);
        return;
    }
    LOG_DEBUG("object store tries again", LOG_TEXT("store", store_name(&s3->store)),
              LOG_INT("attempt", call->attempts + 1), LOG_INT("pause_ms", pause),
              LOG_ERROR_OF(&verdict->err));
    store_count_retry(&s3->store, call->op, verdict->next == S3_RETRY_SLOWLY);
    enter(call, S3_CALL_SLEEPING, &s3->calls, s3_now_ms() + pause);
}

/* Signs with the store's clock from here on. */
static bool learn_clock(struct s3_call *call)
{
    if (call->answer.date_ms == 0 || call->clock_tries >= CLOCK_TRIES_MAX)
        return false;
    call->clock_tries++;
    call->s3->skew_ms = call->answer.date_ms - clock_wall_ms();
    return true;
}

static void act(struct s3_call *call, const struct s3_verdict *verdict)
{
    struct s3_store *s3 = call->s3;
    call->maybe = call->maybe || verdict->maybe;
    call->last = *verdict;
    switch (verdict->next) {
    case S3_DONE: finish(call, NULL); return;
    case S3_FAIL: finish(call, &verdict->err); return;
    case S3_RETRY_KEYS:
        if (call->keys_tries == 0 && s3_keys_renew(s3, call)) {
            call->keys_tries++;
            store_count_retry(&s3->store, call->op, false);
            s3_call_ready(call);
        } else {
            finish(call, &verdict->err);
        }
        return;
    case S3_RETRY_CLOCK:
        if (learn_clock(call)) {
            store_count_retry(&s3->store, call->op, false);
            s3_call_ready(call);
        } else {
            finish(call, &verdict->err);
        }
        return;
    case S3_RETRY_SLOWLY:
        s3_pace_slow_down(&s3->pace, clock_mono_ns());
        try_again(call, verdict);
        return;
    case S3_RETRY:
        if (verdict->err.code == ERR_CORRUPT && ++call->corrupt_tries > CORRUPT_TRIES_MAX) {
            finish(call, &verdict->err);
        } else {
            try_again(call, verdict);
        }
        return;
    }
}

void s3_call_fail(struct s3_call *call, const struct s3_verdict *verdict)
{
    enter(call, S3_CALL_SETTLING, &call->s3->calls, INT64_MAX);
    call->attempts++;
    act(call, verdict);
}

/* Whether all of the request may have reached the store. */
static bool was_sent(const struct s3_call *call, CURLcode code)
{
    long request_bytes = 0;
    if (call->easy == NULL)
        return false;
    if (code == CURLE_SEND_FAIL_REWIND)
        return true;
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    return request_bytes > 0 && call->sent_bytes >= s3_call_body_bytes(call);
}

static void note_date(struct s3_call *call)
{
    if (call->answer.date_ms == 0)
        return;
    int64_t skew = call->answer.date_ms - clock_wall_ms();
    pthread_mutex_lock(&call->s3->store.lock);
    call->s3->store.stats.clock_skew_ms = skew;
    pthread_mutex_unlock(&call->s3->store.lock);
}

static void judge(struct s3_call *call, struct s3_outcome *outcome, struct s3_verdict *verdict)
{
    struct s3_target target;
    s3_call_target(call, &target);
    if (call->too_large) {
        verdict->next = S3_FAIL;
        verdict->maybe = false;
        error_set(&verdict->err, ERR_TOO_LARGE, "the answer has more than %zu bytes", call->answer_max);
        return;
    }
    bool is_ok = call->answer.status >= 200 && call->answer.status < 300;
    if (outcome->curl_code == CURLE_OK && call->data.len > 0 && !(is_ok && call->is_object))
        outcome->has_error = s3_xml_error(buf_str(&call->data), &outcome->error);
    s3_judge(&target, outcome, verdict);
    if (verdict->next == S3_DONE && call->check != NULL)
        call->check(call, verdict);
}

void s3_call_attempt_ended(struct s3_call *call, CURLcode code)
{
    assert(call->state == S3_CALL_ACTIVE);
    if (code == CURLE_OK && !call->head_done)
        code = CURLE_PARTIAL_FILE; /* for libcurl, a head that breaks off ends where it does */
    struct s3_outcome outcome = {
        .curl_code = (int)code, .curl_text = call->text, .sent = was_sent(call, code)};
    struct s3_verdict verdict = {.next = S3_DONE};
    settle(call);
    outcome.status = call->answer.status;
    memcpy(outcome.region, call->answer.region, sizeof outcome.region);
    note_date(call);
    judge(call, &outcome, &verdict);
    call->fresh = code != CURLE_OK;
    act(call, &verdict);
}

void s3_call_abort(struct s3_call *call, const struct error *err)
{
    if (call->state == S3_CALL_ACTIVE) {
        call->maybe = call->maybe || was_sent(call, CURLE_ABORTED_BY_CALLBACK);
        settle(call);
    }
    finish(call, err);
}

/* ---- Timers ---------------------------------------------------------------------------------------------- */

/* What was handed to the kernel counts as moving while its queue changes. */
static bool queue_moves(struct s3_call *call)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    int unsent = 0;
    if (curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD ||
        ioctl(fd, SIOCOUTQ, &unsent) != 0 || unsent == call->unsent_bytes)
        return false;
    call->unsent_bytes = unsent;
    return true;
}

static void expire(struct s3_call *call)
{
    struct error err;
    if (call->state == S3_CALL_ACTIVE) {
        s3_call_attempt_ended(call, CURLE_OPERATION_TIMEDOUT);
        return;
    }
    if (call->last.next != S3_DONE) {
        err = call->last.err;
    } else {
        error_set(&err, ERR_TIMEOUT, "%s until the deadline",
                  call->state == S3_CALL_WAITING ? "no credentials" : "no free connection");
        error_hint(&err, "a larger pool_size lets more requests run at a time");
    }
    finish(call, &err);
}

void s3_call_timer(struct s3_call *call)
{
    int64_t now = s3_now_ms();
    int64_t silence = call->s3->store.config.request_timeout_ms;
    if (now >= call->deadline_ms) {
        expire(call);
    } else if (call->state == S3_CALL_SLEEPING) {
        s3_call_ready(call);
    } else if (call->state == S3_CALL_ACTIVE) {
        if (now - call->moved_ms >= silence && queue_moves(call))
            call->moved_ms = now;
        if (now - call->moved_ms >= silence) {
            s3_call_attempt_ended(call, CURLE_OPERATION_TIMEDOUT);
        } else {
            int64_t due = call->moved_ms + silence;
            heap_insert(&call->s3->timers, &call->timer, due < call->deadline_ms ? due : call->deadline_ms);
        }
    } else {
        heap_insert(&call->s3->timers, &call->timer, call->deadline_ms);
    }
}

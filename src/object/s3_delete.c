/* DELETE of many keys: DeleteObjects, and one by one where a store does not have that (Google Cloud Storage).
 *
 * Each round asks for the keys that are left; an answer of 200 lists those that failed. Failures that pass (SlowDown, InternalError) are left for
 * the next round, others are the request's error, the first of them. A key that XML cannot carry goes alone. */
#include "object/s3_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#define ROUNDS_MAX 10
#define LANES      8 /* one by one: so many at a time */
#define ANSWER_MAX (4u << 20)

struct lane {
    struct s3_call call;
    size_t index; /* of the key */
};

struct batch {
    struct object_attempt *attempt;
    bool *gone;         /* by key */
    bool *failed;       /* for good */
    bool *alone;        /* not in a batch */
    struct error first; /* failure */
    unsigned rounds;
    /* One by one. */
    struct lane lanes[LANES];
    unsigned lanes_busy;
    size_t next;
};

static void go_on(struct batch *batch);

static void finish(struct batch *batch)
{
    struct object_attempt *attempt = batch->attempt;
    struct object_request *request = attempt->request;
    struct error failure = batch->first;
    request->deleted = 0;
    for (size_t i = 0; i < request->key_count; i++)
        request->deleted += batch->gone[i];
    bool ok = request->deleted == request->key_count;
    if (!ok && failure.code == ERR_NONE)
        error_set(&failure, ERR_CLOSED, "the store is closed");
    mem_free(batch->gone);
    mem_free(batch->failed);
    mem_free(batch->alone);
    mem_free(batch);
    s3_request_end(attempt, ok ? NULL : &failure);
}

static void note_failure(struct batch *batch, size_t index, const struct error *err)
{
    batch->failed[index] = true;
    if (batch->first.code == ERR_NONE)
        batch->first = *err;
}

static void fail_rest(struct batch *batch, const struct error *err)
{
    for (size_t i = 0; i < batch->attempt->request->key_count; i++) {
        if (!batch->gone[i] && !batch->failed[i])
            note_failure(batch, i, err);
    }
}

/* ---- One by one ------------------------------------------------------------------------------------------ */

static void start_lanes(struct batch *batch);

static void lane_ended(struct s3_call *call, const struct error *err)
{
    struct batch *batch = call->owner;
    struct lane *lane = CONTAINER_OF(call, struct lane, call);
    struct error outcome;
    struct s3_error told;
    bool no_bucket = s3_xml_error(buf_str(&call->data), &told) && strcmp(told.code, "NoSuchBucket") == 0;
    s3_count_call(batch->attempt, call);
    if (err == NULL || (err->code == ERR_NOT_FOUND && !no_bucket)) {
        batch->gone[lane->index] = true;
    } else {
        s3_call_outcome(call, err, &outcome);
        note_failure(batch, lane->index, &outcome);
    }
    s3_call_free(call);
    call->owner = NULL;
    batch->lanes_busy--;
    start_lanes(batch);
}

static void start_lane(struct batch *batch, struct lane *lane, size_t index)
{
    lane->index = index;
    s3_request_call(batch->attempt, &lane->call, "DELETE", batch->attempt->request->keys[index]);
    lane->call.op = OBJECT_DELETE;
    lane->call.writes = true;
    lane->call.owner = batch;
    lane->call.done = lane_ended;
    batch->lanes_busy++;
    s3_call_start(batch->attempt->s3, &lane->call);
}

/* Fills the lanes that are free; the last to end ends the batch. */
static void start_lanes(struct batch *batch)
{
    const struct object_request *request = batch->attempt->request;
    for (size_t i = 0; i < LANES && !batch->attempt->s3->stopping; i++) {
        if (batch->lanes[i].call.owner != NULL)
            continue;
        while (batch->next < request->key_count && (batch->gone[batch->next] || batch->failed[batch->next]))
            batch->next++;
        if (batch->next == request->key_count)
            break;
        start_lane(batch, &batch->lanes[i], batch->next++);
    }
    if (batch->lanes_busy == 0)
        finish(batch);
}

static void go_one_by_one(struct batch *batch)
{
    batch->next = 0;
    start_lanes(batch);
}

/* ---- In one request -------------------------------------------------------------------------------------- */

/* Not worth asking this store again. */
static bool is_not_offered(const struct s3_call *call, const struct error *err)
{
    static const char *const codes[] = {"NotImplemented", "MethodNotAllowed", "InvalidArgument",
                                        "InvalidRequest", "MalformedXML"};
    struct s3_error told;
    long status = call->answer.status;
    if (err->code == ERR_UNSUPPORTED || status == 405 || status == 501)
        return true;
    if (status < 400 || status >= 500 || !s3_xml_error(buf_str(&call->data), &told))
        return false;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (strcmp(told.code, codes[i]) == 0)
            return true;
    }
    return false;
}

struct failures {
    struct batch *batch;
    struct s3_call *call;
    bool *again; /* by key */
};

static void key_failed(struct str key, const struct s3_error *why, void *arg)
{
    struct failures *failures = arg;
    struct batch *batch = failures->batch;
    const struct object_request *request = batch->attempt->request;
    struct s3_target target;
    struct s3_verdict verdict;
    s3_call_target(failures->call, &target);
    s3_judge_key(&target, why, &verdict);
    if (verdict.next == S3_RETRY_SLOWLY)
        s3_pace_slow_down(&failures->call->s3->pace, clock_mono_ns());
    for (size_t i = 0; i < request->key_count; i++) {
        if (!str_equal(request->keys[i], key) || batch->alone[i] || batch->failed[i])
            continue;
        bool for_good =
            verdict.next == S3_FAIL || verdict.next == S3_RETRY_KEYS || batch->rounds >= ROUNDS_MAX;
        failures->again[i] = strcmp(why->code, "NoSuchKey") != 0;
        if (failures->again[i] && for_good)
            note_failure(batch, i, &verdict.err);
    }
}

/* Marks what is gone. False: the answer cannot be read. */
static bool read_answer(struct batch *batch, struct s3_call *call)
{
    const struct object_request *request = batch->attempt->request;
    struct failures failures = {.batch = batch, .call = call, .again = mem_zalloc(request->key_count)};
    struct error err;
    bool ok = s3_xml_deleted(buf_str(&call->data), key_failed, &failures, &err);
    for (size_t i = 0; ok && i < request->key_count; i++) {
        if (!batch->alone[i] && !failures.again[i] && !batch->failed[i])
            batch->gone[i] = true;
    }
    mem_free(failures.again);
    return ok;
}

static void check_answer(struct s3_call *call, struct s3_verdict *verdict)
{
    if (s3_xml_root_is(buf_str(&call->data), "DeleteResult"))
        return;
    verdict->next = S3_RETRY;
    verdict->maybe = true;
    error_set(&verdict->err, ERR_CORRUPT, "delete from %.*s: the answer is not the list that it should be",
              STR_ARG(call->bucket));
}

static void answered(struct s3_call *call, const struct error *err)
{
    struct batch *batch = call->owner;
    struct object_store *store = &call->s3->store;
    struct error outcome;
    s3_count_call(batch->attempt, call);
    if (err == NULL && read_answer(batch, call)) {
        s3_call_free(call);
        go_on(batch);
        return;
    }
    if (err != NULL && is_not_offered(call, err)) {
        pthread_mutex_lock(&store->lock);
        store->one_by_one = true;
        pthread_mutex_unlock(&store->lock);
        s3_call_free(call);
        go_one_by_one(batch);
        return;
    }
    if (err != NULL) {
        s3_call_outcome(call, err, &outcome);
    } else {
        error_set(&outcome, ERR_UNKNOWN, "delete from %.*s: the answer cannot be read",
                  STR_ARG(call->bucket));
    }
    fail_rest(batch, &outcome);
    finish(batch);
}

/* The keys that are left, as XML. Returns how many. */
static size_t write_body(struct batch *batch, struct buf *out)
{
    const struct object_request *request = batch->attempt->request;
    size_t count = 0;
    buf_reset(out);
    buf_append_str(out, STR("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>"));
    for (size_t i = 0; i < request->key_count; i++) {
        if (batch->gone[i] || batch->failed[i] || batch->alone[i])
            continue;
        size_t before = out->len;
        buf_append_str(out, STR("<Object><Key>"));
        if (s3_xml_escape(request->keys[i], out)) {
            buf_append_str(out, STR("</Key></Object>"));
            count++;
        } else {
            out->len = before;
            batch->alone[i] = true;
        }
    }
    buf_append_str(out, STR("</Delete>"));
    return count;
}

static void ask(struct batch *batch)
{
    const struct s3_pair pairs[] = {{STR("delete"), STR_NONE}};
    struct object_attempt *attempt = batch->attempt;
    struct s3_call *call = &attempt->call;
    struct digests digests;
    char md5[BASE64_BYTES(MD5_BYTES)];
    s3_request_call(attempt, call, "POST", STR_NONE);
    call->writes = true;
    call->owner = batch;
    call->body = buf_str(&attempt->body);
    call->answer_max = ANSWER_MAX;
    s3_query(pairs, 1, &call->query);
    digest_of(call->body, DIGEST_SHA256 | DIGEST_MD5, &digests);
    hex_encode(digests.sha256, SHA256_BYTES, call->payload);
    s3_call_header(call, STR("content-type"), STR("application/xml"));
    if (digests.has_md5) {
        size_t len = base64_encode(digests.md5, MD5_BYTES, md5, false);
        s3_call_header(call, STR("content-md5"), str_make(md5, len));
    }
    call->check = check_answer;
    call->done = answered;
    s3_call_start(attempt->s3, call);
}

/* The next round, or those that go alone, or the end. */
static void go_on(struct batch *batch)
{
    batch->rounds++;
    if (batch->rounds <= ROUNDS_MAX && !store_deletes_one_by_one(&batch->attempt->s3->store) &&
        write_body(batch, &batch->attempt->body) > 0) {
        ask(batch);
    } else {
        go_one_by_one(batch);
    }
}

void s3_delete_many_begin(struct object_attempt *attempt)
{
    struct batch *batch = mem_zalloc(sizeof *batch);
    size_t count = attempt->request->key_count;
    batch->attempt = attempt;
    batch->gone = mem_zalloc(count);
    batch->failed = mem_zalloc(count);
    batch->alone = mem_zalloc(count);
    go_on(batch);
}

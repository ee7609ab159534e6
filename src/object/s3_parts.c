/* A PUT in parts, for bodies above multipart_bytes:
 *
 *   POST ?uploads ──▶ id ──▶ PUT ?partNumber=n&uploadId=id, some at a time ──▶ POST ?uploadId=id, with all ETags ──▶ one object
 *
 * Nothing is to be seen before the last step. What fails on the way is followed by DELETE ?uploadId=id, so that no parts lie in the bucket
 * unseen; what even that leaves is found by object_sweep(), and uploads of the same key that are a day old are ended before another
 * begins.
 *
 * A PUT on condition does not come here, whatever its size: some stores (Ceph) ignore the condition of the last step.
 *
 * The last step may answer 200 and an <Error>; and an id that is not known any more may be one that an earlier attempt has completed: a HEAD
 * tells, by the id that each upload carries as metadata. */
#include "object/s3_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>

#define PARTS_MAX  10000
#define LANES      4 /* parts under way; the pool's share for bulk bounds them, too */
#define STALE_MS   (INT64_C(24) * 3600 * 1000)
#define ANSWER_MAX (4u << 20)
#define ABORT_MS   30000
#define MIB        (UINT64_C(1) << 20)

struct parts;

struct lane {
    struct s3_call call;
    struct worker_job job;
    struct s3_mail mail;
    struct parts *parts;
    bool busy;
    unsigned number; /* from 1 */
    struct object_file file;
    struct digests digests;
    struct error failure;
};

struct parts {
    struct object_attempt *attempt;
    uint64_t size;
    uint64_t part_bytes;
    unsigned count;
    unsigned next; /* to be begun, from 1 */
    unsigned ended;
    char **etags; /* by number - 1 */
    struct buf id;
    struct buf body; /* of the last step */
    struct lane lanes[LANES];
    unsigned busy;
    bool failed;
    struct error failure;
};

static void fill_lanes(struct parts *parts);
static void complete(struct parts *parts);

/* ---- Ends ------------------------------------------------------------------------------------------------ */

static void free_parts(struct parts *parts)
{
    for (unsigned i = 0; i < parts->count; i++)
        mem_free(parts->etags[i]);
    mem_free(parts->etags);
    buf_free(&parts->id);
    buf_free(&parts->body);
    mem_free(parts);
}

/* What the caller has been told already: an upload that is ended without him. */
struct ending {
    struct s3_call call;
    char *bucket;
    char *key;
};

static void upload_ended(struct s3_call *call, const struct error *err)
{
    struct ending *ending = call->owner;
    if (err != NULL && err->code != ERR_NOT_FOUND && err->code != ERR_CLOSED)
        LOG_WARNING("an upload in parts stays in the bucket", LOG_TEXT("store", store_name(&call->s3->store)),
                    LOG_ERROR_OF(err));
    s3_call_free(call);
    mem_free(ending->bucket);
    mem_free(ending->key);
    mem_free(ending);
}

static void end_upload(struct s3_store *s3, struct str bucket, struct str key, struct str id)
{
    const struct s3_pair pairs[] = {{STR("uploadId"), id}};
    struct ending *ending = mem_zalloc(sizeof *ending);
    ending->bucket = str_dup(bucket);
    ending->key = str_dup(key);
    ending->call = (struct s3_call){.op = OBJECT_PUT,
                                    .method = "DELETE",
                                    .bucket = str_of(ending->bucket),
                                    .key = str_of(ending->key),
                                    .deadline_ms = s3_now_ms() + ABORT_MS,
                                    .answer_max = 64u << 10,
                                    .done = upload_ended,
                                    .owner = ending};
    s3_query(pairs, 1, &ending->call.query);
    s3_call_start(s3, &ending->call);
}

static void fail(struct parts *parts, const struct error *err)
{
    struct object_attempt *attempt = parts->attempt;
    struct error failure = *err;
    if (parts->id.len > 0)
        end_upload(attempt->s3, attempt->request->bucket, attempt->request->key, buf_str(&parts->id));
    free_parts(parts);
    s3_request_end(attempt, &failure);
}

/* The parts under way end first. */
static void note_failure(struct parts *parts, const struct error *err)
{
    if (!parts->failed)
        parts->failure = *err;
    parts->failed = true;
}

/* ---- The last step --------------------------------------------------------------------------------------- */

static void check_completed(struct s3_call *call, struct s3_verdict *verdict)
{
    struct buf etag = {0};
    struct error err;
    if (s3_xml_completed(buf_str(&call->data), &etag, &err)) {
        bool quoted = etag.data[0] == '"'; /* not by Ceph */
        snprintf(call->answer.etag, sizeof call->answer.etag, quoted ? "%.*s" : "\"%.*s\"", (int)etag.len,
                 (char *)etag.data);
    } else {
        verdict->next = S3_RETRY;
        verdict->maybe = true;
        verdict->err = err;
    }
    buf_free(&etag);
}

static void completed(struct s3_call *call, const struct error *err)
{
    struct parts *parts = call->owner;
    struct object_attempt *attempt = parts->attempt;
    s3_count_call(attempt, call);
    call->owner = attempt;
    if (err == NULL) {
        free_parts(parts);
        s3_put_ended(attempt, call, NULL);
        return;
    }
    if (err->code ==
        ERR_NOT_FOUND) { /* completed before: libcurl may have sent it twice itself, over a connection that was dead */
        struct error refusal = *err;
        free_parts(parts);
        s3_put_verify(attempt, &refusal, true);
        return;
    }
    if (call->maybe) { /* ending the upload could undo nothing, and must not try */
        struct error outcome;
        s3_call_outcome(call, err, &outcome);
        free_parts(parts);
        s3_request_end(attempt, &outcome);
        return;
    }
    fail(parts, err);
}

static void complete(struct parts *parts)
{
    struct object_attempt *attempt = parts->attempt;
    struct s3_call *call = &attempt->call;
    const struct s3_pair pairs[] = {{STR("uploadId"), buf_str(&parts->id)}};
    buf_append_str(&parts->body,
                   STR("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"));
    for (unsigned i = 0; i < parts->count; i++) {
        buf_printf(&parts->body, "<Part><PartNumber>%u</PartNumber><ETag>", i + 1);
        s3_xml_escape(str_of(parts->etags[i]), &parts->body);
        buf_append_str(&parts->body, STR("</ETag></Part>"));
    }
    buf_append_str(&parts->body, STR("</CompleteMultipartUpload>"));
    s3_call_free(call);
    s3_request_call(attempt, call, "POST", attempt->request->key);
    call->owner = parts;
    call->writes = true;
    call->body = buf_str(&parts->body);
    call->answer_max = ANSWER_MAX;
    sha256_hex(call->body, call->payload);
    s3_query(pairs, 1, &call->query);
    s3_call_header(call, STR("content-type"), STR("application/xml"));
    call->check = check_completed;
    call->done = completed;
    s3_call_start(attempt->s3, call);
}

/* ---- Parts ----------------------------------------------------------------------------------------------- */

static void go_on(struct parts *parts)
{
    if (!parts->failed) {
        fill_lanes(parts);
    } else if (parts->busy == 0) {
        struct error failure = parts->failure;
        fail(parts, &failure);
    }
}

static void part_sent(struct s3_call *call, const struct error *err)
{
    struct lane *lane = call->owner;
    struct parts *parts = lane->parts;
    s3_count_call(parts->attempt, call);
    lane->busy = false;
    parts->busy--;
    if (err != NULL) {
        note_failure(parts, err);
    } else {
        parts->etags[lane->number - 1] = mem_strdup(call->answer.etag);
        parts->ended++;
    }
    s3_call_free(call);
    go_on(parts);
}

/* A part whose ETag is not told cannot be put together. */
static void check_part(struct s3_call *call, struct s3_verdict *verdict)
{
    const struct lane *lane = call->owner;
    bool wrong = s3_etag_is_wrong(call->s3, &call->answer, &lane->digests);
    if (call->answer.etag[0] != '\0' && !wrong)
        return;
    verdict->next = S3_RETRY;
    error_set(&verdict->err, ERR_CORRUPT, "put %.*s/%.*s: part %u came back with %s", STR_ARG(call->bucket),
              KEY_ARG(call->key), lane->number, wrong ? "the ETag of other bytes" : "no ETag");
}

static void send_part(struct lane *lane)
{
    struct parts *parts = lane->parts;
    struct object_attempt *attempt = parts->attempt;
    const struct object_request *request = attempt->request;
    struct s3_call *call = &lane->call;
    char number[16];
    snprintf(number, sizeof number, "%u", lane->number);
    const struct s3_pair pairs[] = {{STR("partNumber"), str_of(number)},
                                    {STR("uploadId"), buf_str(&parts->id)}};
    s3_request_call(attempt, call, "PUT", request->key);
    call->owner = lane;
    if (request->file != NULL) {
        call->file = &lane->file;
    } else {
        call->body = str_make(request->body.data + lane->file.offset, (size_t)lane->file.length);
    }
    hex_encode(lane->digests.sha256, SHA256_BYTES, call->payload);
    s3_query(pairs, 2, &call->query);
    call->check = check_part;
    call->done = part_sent;
    s3_call_start(attempt->s3, call);
}

static void part_digested(struct s3_mail *mail)
{
    struct lane *lane = CONTAINER_OF(mail, struct lane, mail);
    struct parts *parts = lane->parts;
    if (lane->failure.code == ERR_NONE && !parts->failed && !parts->attempt->s3->stopping) {
        send_part(lane);
        return;
    }
    struct error closed;
    error_set(&closed, ERR_CLOSED, "the store is closed");
    note_failure(parts, lane->failure.code != ERR_NONE ? &lane->failure : &closed);
    lane->busy = false;
    parts->busy--;
    go_on(parts);
}

static void digest_part(struct worker_job *job)
{
    struct lane *lane = CONTAINER_OF(job, struct lane, job);
    const struct object_request *request = lane->parts->attempt->request;
    unsigned kinds = s3_digest_kinds(lane->parts->attempt, lane->file.length);
    if (request->file != NULL) {
        (void)s3_digest_file(&lane->file, kinds, &lane->digests, &lane->failure);
    } else {
        digest_of(str_make(request->body.data + lane->file.offset, (size_t)lane->file.length), kinds,
                  &lane->digests);
    }
    lane->mail.run = part_digested;
    s3_mail_send(lane->parts->attempt->s3, &lane->mail);
}

static bool start_lane(struct parts *parts, struct lane *lane)
{
    const struct object_request *request = parts->attempt->request;
    uint64_t offset = (uint64_t)(parts->next - 1) * parts->part_bytes;
    uint64_t length = parts->size - offset < parts->part_bytes ? parts->size - offset : parts->part_bytes;
    lane->parts = parts;
    lane->number = parts->next;
    lane->failure.code = ERR_NONE;
    lane->file = (struct object_file){.fd = request->file != NULL ? request->file->fd : -1,
                                      .offset = offset + (request->file != NULL ? request->file->offset : 0),
                                      .length = length};
    lane->job.run = digest_part;
    if (!worker_pool_submit(parts->attempt->s3->pool, &lane->job, NULL))
        return false;
    lane->busy = true;
    parts->busy++;
    parts->next++;
    return true;
}

static void fill_lanes(struct parts *parts)
{
    if (parts->ended == parts->count) {
        complete(parts);
        return;
    }
    for (size_t i = 0; i < LANES && parts->next <= parts->count; i++) {
        if (!parts->lanes[i].busy && !start_lane(parts, &parts->lanes[i]))
            break;
    }
    if (parts->busy == 0) {
        struct error closed;
        error_set(&closed, ERR_CLOSED, "the store is closed");
        fail(parts, &closed);
    }
}

/* ---- The beginning --------------------------------------------------------------------------------------- */

static void check_begun(struct s3_call *call, struct s3_verdict *verdict)
{
    struct parts *parts = call->owner;
    struct error err;
    buf_reset(&parts->id);
    if (!s3_xml_upload_id(buf_str(&call->data), &parts->id, &err)) {
        verdict->next = S3_RETRY;
        verdict->err = err;
    }
}

static void begun(struct s3_call *call, const struct error *err)
{
    struct parts *parts = call->owner;
    s3_count_call(parts->attempt, call);
    if (err != NULL) {
        fail(parts, err);
        return;
    }
    fill_lanes(parts);
}

static void begin_upload(struct parts *parts)
{
    const struct s3_pair pairs[] = {{STR("uploads"), STR_NONE}};
    struct object_attempt *attempt = parts->attempt;
    struct s3_call *call = &attempt->call;
    s3_call_free(call);
    s3_request_call(attempt, call, "POST", attempt->request->key);
    call->owner = parts;
    s3_query(pairs, 1, &call->query);
    s3_put_object_headers(attempt, call);
    call->check = check_begun;
    call->done = begun;
    s3_call_start(attempt->s3, call);
}

/* Uploads of this very key that nobody can be completing any more. What cannot be listed is left. */
static void looked_for_stale(struct s3_call *call, const struct error *err)
{
    struct parts *parts = call->owner;
    struct object_attempt *attempt = parts->attempt;
    struct s3_uploads uploads;
    s3_count_call(attempt, call);
    if (err == NULL && s3_xml_uploads(buf_str(&call->data), &uploads, NULL)) {
        int64_t before = clock_wall_ms() + attempt->s3->skew_ms - STALE_MS;
        for (size_t i = 0; i < uploads.count; i++) {
            const struct s3_upload *upload = &uploads.items[i];
            if (str_equal(str_of(upload->key), attempt->request->key) && upload->initiated_ms != 0 &&
                upload->initiated_ms < before)
                end_upload(attempt->s3, attempt->request->bucket, str_of(upload->key), str_of(upload->id));
        }
        s3_uploads_free(&uploads);
    }
    if (err != NULL && err->code == ERR_CLOSED) {
        fail(parts, err);
        return;
    }
    begin_upload(parts);
}

static void look_for_stale(struct parts *parts)
{
    struct object_attempt *attempt = parts->attempt;
    struct s3_call *call = &attempt->call;
    const struct s3_pair pairs[] = {
        {STR("uploads"), STR_NONE}, {STR("prefix"), attempt->request->key}, {STR("max-uploads"), STR("100")}};
    s3_request_call(attempt, call, "GET", STR_NONE);
    call->owner = parts;
    call->brief = true;
    call->answer_max = ANSWER_MAX;
    s3_query(pairs, 3, &call->query);
    call->done = looked_for_stale;
    s3_call_start(attempt->s3, call);
}

void s3_parts_begin(struct object_attempt *attempt)
{
    const struct object_request *request = attempt->request;
    struct parts *parts = mem_zalloc(sizeof *parts);
    parts->attempt = attempt;
    parts->size = request->file != NULL ? request->file->length : request->body.len;
    parts->part_bytes = attempt->s3->store.config.part_bytes;
    /* Parts of one size but the last: some stores insist. */
    while ((parts->size + parts->part_bytes - 1) / parts->part_bytes > PARTS_MAX)
        parts->part_bytes += MIB;
    parts->count = (unsigned)((parts->size + parts->part_bytes - 1) / parts->part_bytes);
    parts->etags = mem_zalloc(parts->count * sizeof *parts->etags);
    parts->next = 1;
    look_for_stale(parts);
}

/* PUT of a body in one piece, and the question that remains when its outcome is not known.
 *
 * A PUT on condition carries an id of its own as metadata (x-amz-meta-varve-put). When it is refused because there is an object, that may
 * be the one of an earlier attempt of the same PUT whose answer was lost: a HEAD tells.
 *
 *   the id is ours                                   success
 *   no attempt was left without an answer            ERR_EXISTS, ERR_CONFLICT
 *   another id, and there must have been none        ERR_EXISTS: somebody else was first
 *   no id, but size and MD5 are those of our body    success
 *   else, or the HEAD fails                          ERR_UNKNOWN: the caller reads back and compares
 *
 * An answer of 2xx is compared as well: where this store's ETags are known to be MD5, another one means that the store has
 * other bytes, and the body is sent again. Of a large body no MD5 is made (s3_request.c): that the store has compared it with the
 * SHA-256 that it is signed with has to do. */
#include "object/s3_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <inttypes.h>
#include <stdio.h>

#define ETAG_TRIES      2
#define PIECE_BYTES_MAX (UINT64_C(5) << 30) /* of all stores */
#define VERIFY_MS       15000 /* for the HEAD, beyond the deadline if need be: the answer is worth it */

/* ---- ETags ----------------------------------------------------------------------------------------------- */

static struct str without_quotes(struct str etag)
{
    bool quoted = etag.len >= 2 && etag.data[0] == '"' && etag.data[etag.len - 1] == '"';
    return quoted ? str_make(etag.data + 1, etag.len - 2) : etag;
}

bool s3_etag_is_md5(const char *etag)
{
    struct str text = without_quotes(str_of(etag));
    if (text.len != 2 * MD5_BYTES)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return false;
    }
    return true;
}

bool s3_etag_fits(const char *etag, const struct digests *digests)
{
    char hex[2 * MD5_BYTES + 1];
    if (!digests->has_md5 || !s3_etag_is_md5(etag))
        return false;
    hex_encode(digests->md5, MD5_BYTES, hex);
    return str_equal_nocase(without_quotes(str_of(etag)), str_of(hex));
}

bool s3_etag_is_wrong(struct s3_store *s3, const struct s3_answer *answer, const struct digests *digests)
{
    if (!digests->has_md5 || answer->encrypted || !s3_etag_is_md5(answer->etag))
        return false;
    bool fits = s3_etag_fits(answer->etag, digests);
    if (fits)
        s3->etags = S3_ETAGS_MD5;
    return s3->etags == S3_ETAGS_MD5 && !fits;
}

static void check_put(struct s3_call *call, struct s3_verdict *verdict)
{
    struct object_attempt *attempt = call->owner;
    struct s3_store *s3 = call->s3;
    if (!s3_etag_is_wrong(s3, &call->answer, &attempt->digests))
        return;
    /* The body's SHA-256 was signed, and the store has taken it, again and again: its ETags are of another kind by now. */
    if (call->corrupt_tries >= ETAG_TRIES) {
        LOG_WARNING("ETags of an object store are no MD5 any more",
                    LOG_TEXT("store", store_name(&s3->store)));
        s3->etags = S3_ETAGS_OTHER;
        return;
    }
    struct s3_target target;
    char name[240];
    s3_call_target(call, &target);
    s3_target_name(&target, name, sizeof name);
    verdict->next = S3_RETRY;
    verdict->maybe = true;
    error_set(&verdict->err, ERR_CORRUPT, "%s: the store says that it has other bytes than were sent", name);
    error_hint(&verdict->err, "check network and memory");
}

/* ---- What an ambiguous PUT left behind ------------------------------------------------------------------- */

static void succeed(struct object_attempt *attempt, const struct s3_call *call, uint64_t size)
{
    s3_copy_info(attempt, call);
    attempt->request->info.size = size;
    if (attempt->request->info.modified_ms == 0)
        attempt->request->info.modified_ms = call->answer.date_ms;
    s3_request_end(attempt, NULL);
}

static uint64_t body_bytes(const struct object_request *request)
{
    return request->file != NULL ? request->file->length : request->body.len;
}

/* Whether the store has refused an ETag that is the object's: then it compares without quotes, as Ceph does for a PUT. */
static bool wants_bare(struct object_attempt *attempt, const struct s3_call *call)
{
    const struct object_request *request = attempt->request;
    return request->condition == OBJECT_IF_MATCH && !attempt->doubt && !attempt->s3->bare_etags &&
           str_is(request->etag, call->answer.etag) && without_quotes(request->etag).len < request->etag.len;
}

/* attempt->failure: the refusal; attempt->doubt: whether an attempt had no answer. */
static void verified(struct s3_call *call, const struct error *err)
{
    struct object_attempt *attempt = call->owner;
    const struct s3_answer *answer = &call->answer;
    uint64_t size = body_bytes(attempt->request);
    bool same_size = err == NULL && answer->length >= 0 && (uint64_t)answer->length == size;
    bool has_id = err == NULL && answer->put_id[0] != '\0';
    struct error failure = attempt->failure;
    s3_count_call(attempt, call);
    if (err == NULL && wants_bare(attempt, call)) {
        attempt->s3->bare_etags = true;
        s3_call_free(call);
        s3_put_begin(attempt);
        return;
    }
    if (has_id && strcmp(answer->put_id, attempt->put_id) == 0) {
        bool other = attempt->s3->etags == S3_ETAGS_MD5 && !answer->encrypted && attempt->digests.has_md5 &&
                     s3_etag_is_md5(answer->etag) && !s3_etag_fits(answer->etag, &attempt->digests);
        if (same_size && !other) {
            succeed(attempt, call, size);
            return;
        }
        error_set(&failure, ERR_CORRUPT,
                  "put %.*s/%.*s: the object is there, but not with the bytes that were sent",
                  STR_ARG(attempt->request->bucket), KEY_ARG(attempt->request->key));
    } else if (!has_id && attempt->doubt && same_size && !answer->encrypted &&
               s3_etag_fits(answer->etag, &attempt->digests)) {
        succeed(attempt, call, size);
        return;
    } else if (attempt->doubt && !(has_id && attempt->request->condition == OBJECT_IF_NONE)) {
        error_set(&failure, ERR_UNKNOWN, "it is not known whether it happened: %s", attempt->failure.text);
        error_hint(&failure, "read it back and compare");
    }
    s3_request_end(attempt, &failure);
}

void s3_put_verify(struct object_attempt *attempt, const struct error *refusal, bool doubt)
{
    struct s3_call *call = &attempt->call;
    attempt->failure = *refusal;
    attempt->doubt = doubt;
    s3_call_free(call);
    s3_request_call(attempt, call, "HEAD", attempt->request->key);
    int64_t least = s3_now_ms() + VERIFY_MS;
    if (call->deadline_ms < least)
        call->deadline_ms = least;
    call->done = verified;
    s3_call_start(attempt->s3, call);
}

void s3_put_ended(struct object_attempt *attempt, const struct s3_call *call, const struct error *err)
{
    struct error outcome;
    bool refused = err != NULL && (err->code == ERR_EXISTS || err->code == ERR_CONFLICT) &&
                   attempt->request->condition != OBJECT_ALWAYS;
    if (err == NULL) {
        succeed(attempt, call, body_bytes(attempt->request));
    } else if (refused) {
        s3_put_verify(attempt, err, call->maybe);
    } else {
        s3_call_outcome(call, err, &outcome);
        s3_request_end(attempt, &outcome);
    }
}

/* ---- Sending --------------------------------------------------------------------------------------------- */

static void ended(struct s3_call *call, const struct error *err)
{
    struct object_attempt *attempt = call->owner;
    s3_count_call(attempt, call);
    s3_put_ended(attempt, call, err);
}

void s3_put_object_headers(struct object_attempt *attempt, struct s3_call *call)
{
    const struct object_request *request = attempt->request;
    if (request->content_type.len > 0)
        s3_call_header(call, STR("content-type"), request->content_type);
    for (size_t i = 0; i < request->header_count; i++)
        s3_call_header(call, request->headers[i].name, request->headers[i].value);
    if (request->condition != OBJECT_ALWAYS || s3_is_in_parts(attempt)) {
        snprintf(attempt->put_id, sizeof attempt->put_id, "%016" PRIx64 "%016" PRIx64, random_u64(),
                 random_u64());
        s3_call_header(call, STR("x-amz-meta-varve-put"), str_of(attempt->put_id));
    }
}

static void add_condition(const struct object_attempt *attempt, struct s3_call *call)
{
    const struct object_request *request = attempt->request;
    call->condition = request->condition;
    if (request->condition == OBJECT_IF_NONE) {
        s3_call_header(call, STR("if-none-match"), STR("*"));
    } else if (request->condition == OBJECT_IF_MATCH) {
        s3_call_header(call, STR("if-match"),
                       attempt->s3->bare_etags ? without_quotes(request->etag) : request->etag);
    }
}

static void add_checksum(struct s3_call *call, uint32_t crc)
{
    const uint8_t bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
    char text[BASE64_BYTES(sizeof bytes)];
    size_t len = base64_encode(bytes, sizeof bytes, text, false);
    s3_call_header(call, STR("x-amz-checksum-crc32c"), str_make(text, len));
}

void s3_put_begin(struct object_attempt *attempt)
{
    const struct object_request *request = attempt->request;
    struct s3_store *s3 = attempt->s3;
    struct s3_call *call = &attempt->call;
    if (s3_is_in_parts(attempt)) {
        s3_parts_begin(attempt);
        return;
    }
    if (body_bytes(request) > PIECE_BYTES_MAX) {
        struct error err;
        error_set(&err, ERR_TOO_LARGE, "put %.*s/%.*s: a body on condition has at most 5 GiB",
                  STR_ARG(request->bucket), KEY_ARG(request->key));
        s3_request_end(attempt, &err);
        return;
    }
    s3_request_call(attempt, call, "PUT", request->key);
    call->writes = true;
    call->body = request->body;
    call->file = request->file;
    hex_encode(attempt->digests.sha256, SHA256_BYTES, call->payload);
    s3_put_object_headers(attempt, call);
    add_condition(attempt, call);
    if (s3->store.config.checksum && !s3_call_has_header(call, STR("x-amz-checksum-crc32c")))
        add_checksum(call, attempt->digests.crc32c);
    call->check = check_put;
    call->done = ended;
    s3_call_start(s3, call);
}

/* ---- DELETE ---------------------------------------------------------------------------------------------- */

static void deleted(struct s3_call *call, const struct error *err)
{
    struct object_attempt *attempt = call->owner;
    struct error outcome;
    struct s3_error told;
    s3_count_call(attempt, call);
    /* 404 of an object is what was wanted; of a bucket it is not. */
    bool gone = err != NULL && err->code == ERR_NOT_FOUND &&
                !(s3_xml_error(buf_str(&call->data), &told) && strcmp(told.code, "NoSuchBucket") == 0);
    if (err != NULL && !gone)
        s3_call_outcome(call, err, &outcome);
    s3_request_end(attempt, err != NULL && !gone ? &outcome : NULL);
}

void s3_delete_begin(struct object_attempt *attempt)
{
    struct s3_call *call = &attempt->call;
    s3_request_call(attempt, call, "DELETE", attempt->request->key);
    call->writes = true;
    call->done = deleted;
    s3_call_start(attempt->s3, call);
}

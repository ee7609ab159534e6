/* What an attempt's end means.
 *
 * An answer is judged by the code in its <Error> where that is known (the table below), else by its status. HEAD has no body, some
 * gateways none either, and messages are often empty: the texts are ours.
 *
 * `maybe`: an answer that refuses says that nothing happened; 5xx other than a refusal for load, a connection that broke
 * after all was sent, and silence say nothing. */
#include "object/s3_answer.h"

#include <curl/curl.h>
#include <stdio.h>

static const char *verb(enum object_op op)
{
    switch (op) {
    case OBJECT_PUT: return "put";
    case OBJECT_GET: return "get";
    case OBJECT_HEAD: return "head";
    case OBJECT_DELETE:
    case OBJECT_DELETE_MANY: return "delete from";
    case OBJECT_LIST: return "list";
    case OBJECT_HEAD_BUCKET: return "bucket";
    }
    return "request to";
}

void s3_target_name(const struct s3_target *target, char *out, size_t size)
{
    struct str key = target->op == OBJECT_DELETE_MANY ? STR_NONE : target->key;
    snprintf(out, size, "%s %.*s%s%.*s%s", target->op == OBJECT_DELETE ? "delete" : verb(target->op),
             STR_ARG(target->bucket), key.len > 0 ? "/" : "", (int)(key.len < 120 ? key.len : 120),
             key.len > 0 ? key.data : "", key.len > 120 ? "…" : "");
}

int64_t s3_pause_ms(int64_t least_ms, int64_t *last, uint64_t chance)
{
    int64_t before = *last > least_ms ? *last : least_ms;
    int64_t most = least_ms * S3_PAUSE_GROWTH;
    int64_t span = 3 * before - least_ms;
    int64_t pause = least_ms + (int64_t)(chance % (uint64_t)(span + 1));
    *last = pause < most ? pause : most;
    return *last;
}

/* ---- Verdicts -------------------------------------------------------------------------------------------- */

static void verdict(struct s3_verdict *out, const struct s3_target *target, enum s3_next next, bool maybe,
                    enum error_code code, const char *text, const char *hint)
{
    char name[240];
    out->next = next;
    out->maybe = maybe;
    s3_target_name(target, name, sizeof name);
    error_set(&out->err, code, "%s: %s", name, text);
    if (hint != NULL)
        error_hint(&out->err, "%s", hint);
}

static const char *right_for(enum object_op op)
{
    switch (op) {
    case OBJECT_PUT: return "s3:PutObject";
    case OBJECT_GET:
    case OBJECT_HEAD: return "s3:GetObject";
    case OBJECT_DELETE:
    case OBJECT_DELETE_MANY: return "s3:DeleteObject";
    case OBJECT_LIST:
    case OBJECT_HEAD_BUCKET: return "s3:ListBucket";
    }
    return "s3:*";
}

static void denied(const struct s3_target *target, struct s3_verdict *out)
{
    const char *text = "no permission to do that";
    if (target->op == OBJECT_PUT) {
        text = "no permission to write";
    } else if (target->op == OBJECT_GET || target->op == OBJECT_HEAD) {
        text = "no permission to read";
    } else if (target->op == OBJECT_DELETE || target->op == OBJECT_DELETE_MANY) {
        text = "no permission to delete";
    } else if (target->op == OBJECT_LIST) {
        text = "no permission to list";
    }
    verdict(out, target, S3_FAIL, false, ERR_DENIED, text, NULL);
    error_hint(&out->err, "allow %s to the owner of this key; a wrong secret is told so by some stores, too",
               right_for(target->op));
}

static void precondition(const struct s3_target *target, struct s3_verdict *out)
{
    if (target->condition == OBJECT_IF_NONE) {
        verdict(out, target, S3_FAIL, false, ERR_EXISTS, "there is an object already", NULL);
    } else {
        verdict(out, target, S3_FAIL, false, ERR_CONFLICT, "the object is another than expected", NULL);
    }
}

static void wrong_region(const struct s3_target *target, const struct s3_outcome *outcome,
                         struct s3_verdict *out)
{
    const char *region = outcome->error.region[0] != '\0' ? outcome->error.region : outcome->region;
    char text[200];
    if (region[0] == '\0' || str_is(str_of(region), target->endpoint->region)) {
        snprintf(text, sizeof text, "the bucket is not at %s, or not in region %s", target->endpoint->host,
                 target->endpoint->region);
        verdict(out, target, S3_FAIL, false, ERR_INVALID, text, "check endpoint and region");
        return;
    }
    snprintf(text, sizeof text, "the bucket is in region %s, not %s", region, target->endpoint->region);
    verdict(out, target, S3_FAIL, false, ERR_INVALID, text, NULL);
    error_hint(&out->err, "set region to %s, and the endpoint to the one of that region", region);
}

static void no_object(const struct s3_target *target, bool known, struct s3_verdict *out)
{
    if (target->op == OBJECT_HEAD_BUCKET || target->op == OBJECT_LIST) {
        verdict(out, target, S3_FAIL, false, ERR_NOT_FOUND, "no such bucket",
                "create the bucket, or correct its name");
    } else if (known || target->op == OBJECT_HEAD) {
        verdict(out, target, S3_FAIL, false, ERR_NOT_FOUND, "no such object", NULL);
    } else {
        verdict(out, target, S3_FAIL, false, ERR_NOT_FOUND, "not found",
                "check endpoint, bucket and access_method");
    }
}

/* ---- Codes ----------------------------------------------------------------------------------------------- */

enum special { PLAIN, DENIED, PRECONDITION, REGION, REGION_OR_PLAIN, NO_KEY };

static const struct row {
    const char *code;
    enum special special;
    enum s3_next next;
    bool maybe;
    enum error_code error;
    const char *text;
    const char *hint;
} rows[] = {
    {"InvalidAccessKeyId", PLAIN, S3_RETRY_KEYS, false, ERR_DENIED, "the store does not know this access key",
     "check access_key_id"},
    {"SignatureDoesNotMatch", PLAIN, S3_RETRY_KEYS, false, ERR_DENIED,
     "the secret does not belong to the access key", "check secret_access_key"},
    {"ExpiredToken", PLAIN, S3_RETRY_KEYS, false, ERR_DENIED, "the session token has expired",
     "renew the credentials"},
    {"TokenRefreshRequired", PLAIN, S3_RETRY_KEYS, false, ERR_DENIED, "the session token has expired",
     "renew the credentials"},
    {"InvalidToken", PLAIN, S3_RETRY_KEYS, false, ERR_DENIED, "the session token is not valid",
     "check the session token: it belongs to one pair of keys"},
    {"AccessDenied", DENIED, S3_FAIL, false, ERR_DENIED, NULL, NULL},
    {"AllAccessDisabled", DENIED, S3_FAIL, false, ERR_DENIED, NULL, NULL},
    {"UserSuspended", PLAIN, S3_FAIL, false, ERR_DENIED, "the store has suspended this user", NULL},
    {"AccountProblem", PLAIN, S3_FAIL, false, ERR_DENIED, "the store has a problem with this account", NULL},
    {"InvalidObjectState", PLAIN, S3_FAIL, false, ERR_UNSUPPORTED, "the object is archived",
     "bring it back from the archive first"},
    {"NoSuchBucket", PLAIN, S3_FAIL, false, ERR_NOT_FOUND, "no such bucket",
     "create the bucket, or correct its name"},
    {"NoSuchKey", NO_KEY, S3_FAIL, false, ERR_NOT_FOUND, NULL, NULL},
    {"NoSuchUpload", PLAIN, S3_FAIL, false, ERR_NOT_FOUND, "no such upload", NULL},
    {"PreconditionFailed", PRECONDITION, S3_FAIL, false, ERR_EXISTS, NULL, NULL},
    {"ConditionalRequestConflict", PLAIN, S3_RETRY, false, ERR_BUSY, "another request is changing it", NULL},
    {"OperationAborted", PLAIN, S3_RETRY, false, ERR_BUSY, "another request is changing it", NULL},
    {"InvalidRange", PLAIN, S3_FAIL, false, ERR_INVALID, "the range begins behind the object's end", NULL},
    {"RequestTimeTooSkewed", PLAIN, S3_RETRY_CLOCK, false, ERR_DENIED,
     "this machine's clock differs from the store's", "synchronise this machine's clock"},
    {"SlowDown", PLAIN, S3_RETRY_SLOWLY, false, ERR_BUSY, "the store asks to slow down", NULL},
    {"ServiceUnavailable", PLAIN, S3_RETRY_SLOWLY, true, ERR_BUSY, "the store is overloaded", NULL},
    {"Throttling", PLAIN, S3_RETRY_SLOWLY, false, ERR_BUSY, "the store asks to slow down", NULL},
    {"ThrottlingException", PLAIN, S3_RETRY_SLOWLY, false, ERR_BUSY, "the store asks to slow down", NULL},
    {"RequestThrottled", PLAIN, S3_RETRY_SLOWLY, false, ERR_BUSY, "the store asks to slow down", NULL},
    {"TooManyRequests", PLAIN, S3_RETRY_SLOWLY, false, ERR_BUSY, "the store asks to slow down", NULL},
    {"RequestLimitExceeded", PLAIN, S3_RETRY_SLOWLY, false, ERR_BUSY, "the store asks to slow down", NULL},
    {"BandwidthLimitExceeded", PLAIN, S3_RETRY_SLOWLY, false, ERR_BUSY, "the store asks to slow down", NULL},
    {"InternalError", PLAIN, S3_RETRY, true, ERR_IO, "the store has an internal error", NULL},
    {"RequestTimeout", PLAIN, S3_RETRY, false, ERR_TIMEOUT, "the store waited too long for the request",
     NULL},
    {"IncompleteBody", PLAIN, S3_RETRY, false, ERR_IO, "the store did not get the whole body", NULL},
    {"BadDigest", PLAIN, S3_RETRY, false, ERR_CORRUPT, "the store got another body than was sent",
     "check network and memory"},
    {"XAmzContentSHA256Mismatch", PLAIN, S3_RETRY, false, ERR_CORRUPT,
     "the store got another body than was sent", "check network and memory"},
    {"XAmzContentChecksumMismatch", PLAIN, S3_RETRY, false, ERR_CORRUPT,
     "the store got another body than was sent", "check network and memory"},
    {"PermanentRedirect", REGION, S3_FAIL, false, ERR_INVALID, NULL, NULL},
    {"TemporaryRedirect", REGION, S3_FAIL, false, ERR_INVALID, NULL, NULL},
    {"IllegalLocationConstraintException", REGION, S3_FAIL, false, ERR_INVALID, NULL, NULL},
    {"AuthorizationHeaderMalformed", REGION_OR_PLAIN, S3_FAIL, false, ERR_INVALID,
     "the store cannot read the signature: region or access key may be wrong",
     "check region and access_key_id"},
    {"NotImplemented", PLAIN, S3_FAIL, false, ERR_UNSUPPORTED, "the store does not offer that", NULL},
    {"MethodNotAllowed", PLAIN, S3_FAIL, false, ERR_UNSUPPORTED, "the store does not offer that", NULL},
    {"EntityTooLarge", PLAIN, S3_FAIL, false, ERR_TOO_LARGE, "larger than the store takes", NULL},
    {"QuotaExceeded", PLAIN, S3_FAIL, false, ERR_NO_SPACE, "the store's quota is used up",
     "raise the quota, or delete objects"},
    {"InsufficientStorage", PLAIN, S3_FAIL, false, ERR_NO_SPACE, "the store is full",
     "free space at the store"},
    {"XMinioStorageFull", PLAIN, S3_FAIL, false, ERR_NO_SPACE, "the store is full",
     "free space at the store"},
    {"InvalidObjectName", PLAIN, S3_FAIL, false, ERR_INVALID, "the store does not take this key", NULL},
    {"KeyTooLongError", PLAIN, S3_FAIL, false, ERR_INVALID, "the key is longer than the store takes", NULL},
    {"InvalidURI", PLAIN, S3_FAIL, false, ERR_INVALID, "the store does not take this key", NULL},
    {"InvalidBucketName", PLAIN, S3_FAIL, false, ERR_INVALID, "not the name of a bucket", "correct bucket"},
};

static const struct row *find_row(const char *code)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].code, code) == 0)
            return &rows[i];
    }
    return NULL;
}

static void by_row(const struct row *row, const struct s3_target *target, const struct s3_outcome *outcome,
                   struct s3_verdict *out)
{
    switch (row->special) {
    case DENIED: denied(target, out); return;
    case PRECONDITION: precondition(target, out); return;
    case REGION: wrong_region(target, outcome, out); return;
    case NO_KEY: no_object(target, true, out); return;
    case REGION_OR_PLAIN:
        if (outcome->error.region[0] != '\0' || outcome->region[0] != '\0') {
            wrong_region(target, outcome, out);
            return;
        }
        break;
    case PLAIN: break;
    }
    verdict(out, target, row->next, row->maybe, row->error, row->text, row->hint);
}

/* ---- Statuses -------------------------------------------------------------------------------------------- */

static void by_status(const struct s3_target *target, const struct s3_outcome *outcome,
                      struct s3_verdict *out)
{
    char text[300];
    long status = outcome->status;
    snprintf(text, sizeof text, "the store answers %ld%s%s%s%s", status,
             outcome->error.code[0] != '\0' ? " " : "", outcome->error.code,
             outcome->error.message[0] != '\0' ? ": " : "", outcome->error.message);
    switch (status) {
    case 301:
    case 302:
    case 307:
    case 308: wrong_region(target, outcome, out); return;
    case 304:
    case 412: precondition(target, out); return;
    case 401:
    case 403: denied(target, out); return;
    case 404: no_object(target, false, out); return;
    case 405:
    case 501: verdict(out, target, S3_FAIL, false, ERR_UNSUPPORTED, text, NULL); return;
    case 408: verdict(out, target, S3_RETRY, false, ERR_TIMEOUT, text, NULL); return;
    case 409: verdict(out, target, S3_RETRY, false, ERR_BUSY, text, NULL); return;
    case 413: verdict(out, target, S3_FAIL, false, ERR_TOO_LARGE, text, NULL); return;
    case 416:
        verdict(out, target, S3_FAIL, false, ERR_INVALID, "the range begins behind the object's end", NULL);
        return;
    case 429: verdict(out, target, S3_RETRY_SLOWLY, false, ERR_BUSY, text, NULL); return;
    case 503: verdict(out, target, S3_RETRY_SLOWLY, true, ERR_BUSY, text, NULL); return;
    case 507: verdict(out, target, S3_FAIL, false, ERR_NO_SPACE, text, "free space at the store"); return;
    default: break;
    }
    if (status >= 500 || (outcome->has_error && status < 300)) {
        verdict(out, target, S3_RETRY, true, ERR_IO, text, NULL);
    } else if (status >= 400) {
        verdict(out, target, S3_FAIL, false, ERR_INVALID, text, NULL);
    } else {
        verdict(out, target, S3_FAIL, false, ERR_IO, text,
                "check endpoint: this does not look like an S3 store");
    }
}

/* ---- Connections ----------------------------------------------------------------------------------------- */

static void by_connection(const struct s3_target *target, const struct s3_outcome *outcome,
                          struct s3_verdict *out)
{
    const struct s3_endpoint *endpoint = target->endpoint;
    const char *curl_text = outcome->curl_text != NULL && outcome->curl_text[0] != '\0'
                                ? outcome->curl_text
                                : curl_easy_strerror((CURLcode)outcome->curl_code);
    char text[300];
    switch ((CURLcode)outcome->curl_code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        snprintf(text, sizeof text, "unreachable: the host %.100s is not known", endpoint->host);
        verdict(out, target, S3_RETRY, false, ERR_IO, text, "check endpoint and the name service");
        return;
    case CURLE_COULDNT_CONNECT:
        snprintf(text, sizeof text, "unreachable: nothing answers at %.100s port %u", endpoint->host,
                 endpoint->port);
        verdict(out, target, S3_RETRY, false, ERR_IO, text,
                "check endpoint, port and firewalls, and that the store runs");
        return;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        snprintf(text, sizeof text, "the certificate of %.100s is not accepted: %.160s", endpoint->host,
                 curl_text);
        verdict(out, target, S3_FAIL, false, ERR_IO, text,
                "give the certificate of its CA as cacertfile, or check the host's name");
        return;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
        snprintf(text, sizeof text, "a file of certificates or keys cannot be used: %.200s", curl_text);
        verdict(out, target, S3_FAIL, false, ERR_INVALID, text, "check cacertfile, certfile and keyfile");
        return;
    case CURLE_SSL_CONNECT_ERROR:
        snprintf(text, sizeof text, "TLS fails with %.100s: %.160s", endpoint->host, curl_text);
        verdict(out, target, S3_RETRY, false, ERR_IO, text, "does the store speak https at this port?");
        return;
    case CURLE_OPERATION_TIMEDOUT:
        snprintf(text, sizeof text, "no answer from %.100s in time", endpoint->host);
        verdict(out, target, S3_RETRY, outcome->sent, ERR_TIMEOUT, text, "check the network and the store");
        return;
    case CURLE_PARTIAL_FILE:
        verdict(out, target, S3_RETRY, outcome->sent, ERR_IO, "the answer breaks off", NULL);
        return;
    case CURLE_READ_ERROR:
    case CURLE_ABORTED_BY_CALLBACK:
        verdict(out, target, S3_FAIL, false, ERR_IO, "the file to upload cannot be read", NULL);
        return;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        snprintf(text, sizeof text, "%.100s port %u does not speak HTTP as expected: %.120s", endpoint->host,
                 endpoint->port, curl_text);
        verdict(out, target, S3_RETRY, outcome->sent, ERR_IO, text, "is it https:// rather than http://?");
        return;
    case CURLE_OUT_OF_MEMORY: verdict(out, target, S3_FAIL, false, ERR_NO_MEMORY, curl_text, NULL); return;
    default:
        snprintf(text, sizeof text, "the connection to %.100s broke: %.160s", endpoint->host, curl_text);
        verdict(out, target, S3_RETRY, outcome->sent, ERR_IO, text, NULL);
        return;
    }
}

void s3_judge(const struct s3_target *target, const struct s3_outcome *outcome, struct s3_verdict *out)
{
    *out = (struct s3_verdict){.next = S3_DONE};
    if (outcome->curl_code != CURLE_OK) {
        by_connection(target, outcome, out);
        return;
    }
    if (outcome->status >= 200 && outcome->status < 300 && !outcome->has_error)
        return;
    const struct row *row = outcome->has_error ? find_row(outcome->error.code) : NULL;
    if (row != NULL) {
        by_row(row, target, outcome, out);
    } else {
        by_status(target, outcome, out);
    }
}

void s3_judge_key(const struct s3_target *target, const struct s3_error *error, struct s3_verdict *out)
{
    struct s3_outcome outcome = {.status = 200, .has_error = true, .error = *error};
    const struct row *row = find_row(error->code);
    if (row != NULL) {
        by_row(row, target, &outcome, out);
    } else {
        outcome.status = 400;
        by_status(target, &outcome, out);
    }
}

/* Requests that change nothing: GET, HEAD, LIST, HEAD of a bucket.
 *
 * Nothing is taken on trust: the length is the one that was told, a part is the one that was asked for, a small object fits its ETag where
 * this store's ETags are known to be MD5, and its CRC-32C where one comes along. What does not check is asked for again.
 *
 * HEAD has no body, so a refusal does not say why: then a GET of little asks for the reason. */
#include "object/s3_internal.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>

#define LIST_BYTES_MAX    (16u << 20)
#define COMPARE_BYTES_MAX (1u << 20) /* digests of larger bodies would hold up the thread */
#define EXPLAIN_BYTES_MAX (1u << 20)

static void corrupt(struct s3_call *call, struct s3_verdict *verdict, const char *what)
{
    struct s3_target target;
    char name[240];
    s3_call_target(call, &target);
    s3_target_name(&target, name, sizeof name);
    verdict->next = S3_RETRY;
    verdict->maybe = false;
    error_set(&verdict->err, ERR_CORRUPT, "%s: %s", name, what);
    error_hint(&verdict->err, "check what stands between: a proxy, the network");
}

/* ---- GET ------------------------------------------------------------------------------------------------- */

static bool is_whole(const struct object_range *range)
{
    return range->offset == 0 && range->length == 0;
}

/* "bytes 3-6/10": from, to, of. */
static bool read_content_range(const char *text, uint64_t *from, uint64_t *to, uint64_t *of)
{
    struct str rest = str_of(text);
    struct str piece;
    if (!str_starts(rest, STR("bytes ")))
        return false;
    rest = str_make(rest.data + 6, rest.len - 6);
    return str_next(&rest, '-', &piece) && str_to_u64(str_trim(piece), from, NULL) &&
           str_next(&rest, '/', &piece) && str_to_u64(str_trim(piece), to, NULL) &&
           str_to_u64(str_trim(rest), of, NULL) && *from <= *to && *to < *of;
}

/* Whether the answer is the part that was asked for; *size is that of the whole. */
static bool is_the_part(const struct s3_call *call, const struct object_range *range, uint64_t *size)
{
    uint64_t from;
    uint64_t to;
    uint64_t of;
    if (call->answer.status != 206 || !read_content_range(call->answer.range, &from, &to, &of) ||
        to - from + 1 != call->data.len)
        return false;
    *size = of;
    if (range->suffix)
        return to == of - 1 && call->data.len == (range->length < of ? range->length : of);
    uint64_t left = of > range->offset ? of - range->offset : 0;
    uint64_t expected = range->length != 0 && range->length < left ? range->length : left;
    return from == range->offset && call->data.len == expected;
}

static bool checksum_fits(const struct s3_call *call, const struct digests *digests)
{
    uint8_t bytes[16];
    struct str text = str_of(call->answer.checksum);
    if (text.len != 8 || base64_decode(text, bytes, false) != 4)
        return true; /* none, or one of another kind */
    uint32_t told = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return told == digests->crc32c;
}

/* Not known yet whether ETags are MD5, and this one is not: a second look tells whether the bytes or the ETag are of another kind. */
static bool is_seen_twice(struct s3_call *call, const struct digests *digests)
{
    bool same = call->corrupt_tries > 0 && memcmp(call->seen, digests->sha256, SHA256_BYTES) == 0;
    memcpy(call->seen, digests->sha256, SHA256_BYTES);
    if (same)
        call->s3->etags = S3_ETAGS_OTHER;
    return same;
}

static void compare_bytes(struct s3_call *call, struct s3_verdict *verdict)
{
    struct s3_store *s3 = call->s3;
    struct digests digests;
    digest_all(buf_str(&call->data), &digests);
    bool comparable = digests.has_md5 && !call->answer.encrypted && s3_etag_is_md5(call->answer.etag) &&
                      s3->etags != S3_ETAGS_OTHER;
    bool fits = comparable && s3_etag_fits(call->answer.etag, &digests);
    if (fits)
        s3->etags = S3_ETAGS_MD5;
    bool wrong = comparable && !fits && (s3->etags == S3_ETAGS_MD5 || !is_seen_twice(call, &digests));
    if (wrong || !checksum_fits(call, &digests))
        corrupt(call, verdict, "the bytes do not fit the object's checksum");
}

static void check_get(struct s3_call *call, struct s3_verdict *verdict)
{
    const struct object_attempt *attempt = call->owner;
    struct object_request *request = attempt->request;
    uint64_t size = call->data.len;
    if (request->range.suffix && call->answer.status == 200 && call->data.len == 0 &&
        call->answer.length == 0) {
        size = 0; /* of nothing, Swift's end is a whole */
    } else if (!is_whole(&request->range)) {
        if (!is_the_part(call, &request->range, &size))
            corrupt(call, verdict, "the answer is not the part that was asked for");
    } else if (call->answer.status != 200 ||
               (call->answer.length >= 0 && (uint64_t)call->answer.length != call->data.len)) {
        corrupt(call, verdict, "the answer is not as long as it says");
    } else if (call->data.len <= COMPARE_BYTES_MAX) {
        compare_bytes(call, verdict);
    }
    request->info.size = size;
}

/* What is got of an empty object from its end. */
static bool is_end_of_nothing(const struct object_attempt *attempt)
{
    const struct object_request *request = attempt->request;
    return request->op == OBJECT_GET && request->range.suffix && attempt->call.answer.status == 416;
}

static void got(struct s3_call *call, const struct error *err)
{
    struct object_attempt *attempt = call->owner;
    struct object_request *request = attempt->request;
    s3_count_call(attempt, call);
    if (err != NULL && is_end_of_nothing(attempt)) {
        request->info.size = 0;
        s3_copy_info(attempt, call);
        s3_request_end(attempt, NULL);
        return;
    }
    if (err == NULL) {
        s3_copy_info(attempt, call);
        buf_free(&request->data);
        request->data = call->data;
        call->data = (struct buf){0};
    }
    s3_request_end(attempt, err);
}

static void begin_get(struct object_attempt *attempt)
{
    const struct object_request *request = attempt->request;
    struct s3_call *call = &attempt->call;
    char text[80];
    s3_request_call(attempt, call, "GET", request->key);
    call->is_object = true;
    call->condition = request->condition;
    call->answer_max = request->max_bytes != 0 ? request->max_bytes : GET_BYTES_MAX;
    if (request->range.suffix) {
        snprintf(text, sizeof text, "bytes=-%" PRIu64, request->range.length);
    } else if (request->range.length == 0) {
        snprintf(text, sizeof text, "bytes=%" PRIu64 "-", request->range.offset);
    } else {
        uint64_t last = request->range.offset + request->range.length - 1;
        snprintf(text, sizeof text, "bytes=%" PRIu64 "-%" PRIu64, request->range.offset,
                 last < request->range.offset ? UINT64_MAX : last);
    }
    if (!is_whole(&request->range))
        s3_call_header(call, STR("range"), str_of(text));
    if (request->condition == OBJECT_IF_MATCH)
        s3_call_header(call, STR("if-match"), request->etag);
    if (attempt->s3->store.config.checksum && is_whole(&request->range))
        s3_call_header(call, STR("x-amz-checksum-mode"), STR("ENABLED"));
    call->check = check_get;
    call->done = got;
    s3_call_start(attempt->s3, call);
}

/* ---- HEAD ------------------------------------------------------------------------------------------------ */

/* The GET was refused, too: with a reason. */
static void explained(struct s3_call *call, const struct error *err)
{
    struct object_attempt *attempt = call->owner;
    s3_count_call(attempt, call);
    s3_request_end(attempt, err != NULL && err->code != ERR_TOO_LARGE ? err : &attempt->failure);
}

static void explain(struct object_attempt *attempt, const struct error *err)
{
    const struct s3_pair few[] = {{STR("list-type"), STR("2")}, {STR("max-keys"), STR("1")}};
    struct s3_call *call = &attempt->call;
    bool is_bucket = attempt->request->op == OBJECT_HEAD_BUCKET;
    attempt->failure = *err;
    s3_call_free(call);
    s3_request_call(attempt, call, "GET", is_bucket ? STR_NONE : attempt->request->key);
    if (is_bucket) {
        s3_query(few, sizeof few / sizeof few[0], &call->query);
    } else {
        s3_call_header(call, STR("range"), STR("bytes=0-0"));
    }
    call->brief = true;
    call->answer_max = EXPLAIN_BYTES_MAX;
    call->done = explained;
    s3_call_start(attempt->s3, call);
}

static void headed(struct s3_call *call, const struct error *err)
{
    struct object_attempt *attempt = call->owner;
    long status = call->answer.status;
    s3_count_call(attempt, call);
    if (err != NULL && err->code != ERR_NOT_FOUND && err->code != ERR_CLOSED && status >= 300 &&
        status < 500) {
        explain(attempt, err);
        return;
    }
    if (err == NULL && attempt->request->op == OBJECT_HEAD) {
        attempt->request->info.size = call->answer.length > 0 ? (uint64_t)call->answer.length : 0;
        s3_copy_info(attempt, call);
    }
    s3_request_end(attempt, err);
}

static void begin_head(struct object_attempt *attempt)
{
    struct s3_call *call = &attempt->call;
    bool is_bucket = attempt->request->op == OBJECT_HEAD_BUCKET;
    s3_request_call(attempt, call, "HEAD", is_bucket ? STR_NONE : attempt->request->key);
    call->done = headed;
    s3_call_start(attempt->s3, call);
}

/* ---- LIST ------------------------------------------------------------------------------------------------ */

struct page {
    struct buf start; /* what start-after says */
    struct buf token;
    bool more;
    char limit[16];
};

static void free_page(struct object_attempt *attempt)
{
    struct page *page = attempt->more;
    buf_free(&page->start);
    buf_free(&page->token);
    mem_free(page);
    attempt->more = NULL;
}

static void check_list(struct s3_call *call, struct s3_verdict *verdict)
{
    struct object_attempt *attempt = call->owner;
    struct page *page = attempt->more;
    struct error err;
    buf_reset(&page->token);
    if (!s3_xml_list(buf_str(&call->data), attempt->request, &page->more, &page->token, &err) ||
        (page->more && page->token.len == 0 && attempt->request->list_count == 0))
        corrupt(call, verdict, "the answer is not the listing that it should be");
}

static void ask_page(struct object_attempt *attempt);

static void listed(struct s3_call *call, const struct error *err)
{
    struct object_attempt *attempt = call->owner;
    struct page *page = attempt->more;
    s3_count_call(attempt, call);
    /* All of a page may be before the start: then there is no key to go on from but the store's own. */
    if (err == NULL && page->more && attempt->request->list_count == 0) {
        s3_call_free(call);
        ask_page(attempt);
        return;
    }
    attempt->request->more = err == NULL && page->more;
    free_page(attempt);
    s3_request_end(attempt, err);
}

static void ask_page(struct object_attempt *attempt)
{
    const struct object_request *request = attempt->request;
    struct page *page = attempt->more;
    struct s3_call *call = &attempt->call;
    struct s3_pair pairs[S3_PAIRS_MAX];
    size_t count = 0;
    s3_request_call(attempt, call, "GET", STR_NONE);
    pairs[count++] = (struct s3_pair){STR("list-type"), STR("2")};
    pairs[count++] = (struct s3_pair){STR("encoding-type"), STR("url")};
    pairs[count++] = (struct s3_pair){STR("max-keys"), str_of(page->limit)};
    if (request->key.len > 0)
        pairs[count++] = (struct s3_pair){STR("prefix"), request->key};
    if (request->delimiter.len > 0)
        pairs[count++] = (struct s3_pair){STR("delimiter"), request->delimiter};
    if (page->token.len > 0) {
        pairs[count++] = (struct s3_pair){STR("continuation-token"), buf_str(&page->token)};
    } else if (page->start.len > 0) {
        pairs[count++] = (struct s3_pair){STR("start-after"), buf_str(&page->start)};
    }
    s3_query(pairs, count, &call->query);
    call->answer_max = LIST_BYTES_MAX;
    call->check = check_list;
    call->done = listed;
    s3_call_start(attempt->s3, call);
}

static void begin_list(struct object_attempt *attempt)
{
    const struct object_request *request = attempt->request;
    struct page *page = mem_zalloc(sizeof *page);
    snprintf(page->limit, sizeof page->limit, "%u",
             request->limit == 0 || request->limit > LIST_LIMIT ? LIST_LIMIT : request->limit);
    buf_append_str(&page->start, request->start_after);
    /* Behind a common prefix, not at its first key: the highest character ends it. */
    if (request->delimiter.len > 0 && str_ends(request->start_after, request->delimiter))
        buf_append_str(&page->start, STR("\xf4\x8f\xbf\xbf"));
    attempt->more = page;
    ask_page(attempt);
}

void s3_read_begin(struct object_attempt *attempt)
{
    switch (attempt->request->op) {
    case OBJECT_GET: begin_get(attempt); return;
    case OBJECT_LIST: begin_list(attempt); return;
    default: begin_head(attempt); return;
    }
}

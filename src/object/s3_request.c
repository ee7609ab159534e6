/* From a request to its calls, and back.
 *
 * object_start() sends mail to the store's thread. There a PUT gets the digests of its body first: of a small one at once, of a large one by a
 * worker, since a file has to be read and the thread is everybody's. Then each kind of request goes its way. */
#include "object/s3_internal.h"

#include "base/crc32c.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define INLINE_BYTES   (256u << 10)
#define PIECE_BYTES    (256u << 10)
#define MD5_BODY_BYTES (1u << 20)

/* ---- Ends ------------------------------------------------------------------------------------------------ */

void s3_request_end(struct object_attempt *attempt, const struct error *err)
{
    struct s3_store *s3 = attempt->s3;
    struct object_request *request = attempt->request;
    int64_t started = attempt->started_ms;
    struct error failure;
    if (err != NULL)
        failure = *err;
    if (!attempt->begun)
        store_begin(&s3->store);
    request->attempts = attempt->attempts;
    request->attempt = NULL;
    s3_call_free(&attempt->call);
    buf_free(&attempt->body);
    mem_free(attempt);
    atomic_fetch_sub_explicit(&s3->waiting, 1, memory_order_relaxed);
    store_end(&s3->store, request, started, err != NULL ? &failure : NULL);
}

void s3_request_call(struct object_attempt *attempt, struct s3_call *call, const char *method, struct str key)
{
    const struct object_request *request = attempt->request;
    *call = (struct s3_call){.op = request->op,
                             .method = method,
                             .bucket = request->bucket,
                             .key = key,
                             .brief = request->brief,
                             .deadline_ms = attempt->deadline_ms,
                             .answer_max = 64u << 10,
                             .owner = attempt,
                             .attempt = attempt};
}

void s3_copy_info(struct object_attempt *attempt, const struct s3_call *call)
{
    struct object_info *info = &attempt->request->info;
    info->modified_ms = call->answer.modified_ms;
    request_set_etag(attempt->request, str_of(call->answer.etag));
}

void s3_count_call(struct object_attempt *attempt, struct s3_call *call)
{
    attempt->attempts += call->attempts;
}

/* ---- Beginnings ------------------------------------------------------------------------------------------ */

bool s3_is_in_parts(const struct object_attempt *attempt)
{
    const struct object_request *request = attempt->request;
    uint64_t bytes = request->file != NULL ? request->file->length : request->body.len;
    return request->op == OBJECT_PUT && request->condition == OBJECT_ALWAYS &&
           bytes > attempt->s3->store.config.multipart_bytes;
}

static void begin(struct object_attempt *attempt)
{
    switch (attempt->request->op) {
    case OBJECT_PUT: s3_put_begin(attempt); return;
    case OBJECT_DELETE: s3_delete_begin(attempt); return;
    case OBJECT_DELETE_MANY: s3_delete_many_begin(attempt); return;
    case OBJECT_GET:
    case OBJECT_HEAD:
    case OBJECT_LIST:
    case OBJECT_HEAD_BUCKET: s3_read_begin(attempt); return;
    }
}

/* Some of the file's part, from `at` on; at least a byte. */
static bool read_piece(const struct object_file *file, uint64_t at, char *out, uint64_t want, size_t *got,
                       struct error *err)
{
    ssize_t bytes;
    do {
        bytes = pread(file->fd, out, want, (off_t)(file->offset + at));
    } while (bytes < 0 && errno == EINTR);
    if (bytes < 0)
        return error_errno(err, errno, "read the file to upload");
    if (bytes == 0)
        return error_set(err, ERR_IO, "the file to upload ends after %" PRIu64 " of %" PRIu64 " bytes", at,
                         file->length);
    *got = (size_t)bytes;
    return true;
}

/* The store compares what is signed: of a large body that is enough, and MD5 would take longer than all else. */
unsigned s3_digest_kinds(const struct object_attempt *attempt, uint64_t body_bytes)
{
    const struct object_config *config = &attempt->s3->store.config;
    bool is_signed = config->credentials != OBJECT_CREDENTIALS_ANONYMOUS;
    unsigned kinds = is_signed ? DIGEST_SHA256 : 0;
    if (!is_signed || body_bytes <= MD5_BODY_BYTES)
        kinds |= DIGEST_MD5;
    if (config->checksum || attempt->request->crc32c != NULL)
        kinds |= DIGEST_CRC32C;
    return kinds;
}

bool s3_digest_file(const struct object_file *file, unsigned kinds, struct digests *out, struct error *err)
{
    struct digester *digester = digester_new(kinds);
    char *piece = mem_alloc(PIECE_BYTES);
    bool ok = true;
    for (uint64_t done = 0; ok && done < file->length;) {
        uint64_t want = file->length - done < PIECE_BYTES ? file->length - done : PIECE_BYTES;
        size_t got = 0;
        ok = read_piece(file, done, piece, want, &got, err);
        digester_add(digester, piece, got);
        done += got;
    }
    mem_free(piece);
    digester_end(digester, out);
    return ok;
}

static bool crc_file(const struct object_file *file, uint32_t *crc, struct error *err)
{
    char *piece = mem_alloc(PIECE_BYTES);
    bool ok = true;
    for (uint64_t done = 0; ok && done < file->length;) {
        uint64_t want = file->length - done < PIECE_BYTES ? file->length - done : PIECE_BYTES;
        size_t got = 0;
        ok = read_piece(file, done, piece, want, &got, err);
        *crc = crc32c(*crc, piece, got);
        done += got;
    }
    mem_free(piece);
    return ok;
}

static bool crc_fits(const struct object_request *request, uint32_t crc, struct error *err)
{
    if (request->crc32c == NULL || *request->crc32c == crc)
        return true;
    error_set(err, ERR_CORRUPT,
              "put %.*s/%.*s: the body's CRC-32C is %08" PRIx32 ", not %08" PRIx32 " as its writer says",
              STR_ARG(request->bucket), KEY_ARG(request->key), crc, *request->crc32c);
    return error_hint(err, "check memory and disk");
}

static void digested(struct s3_mail *mail)
{
    struct object_attempt *attempt = CONTAINER_OF(mail, struct object_attempt, mail);
    if (attempt->failure.code != ERR_NONE) {
        s3_request_end(attempt, &attempt->failure);
    } else {
        begin(attempt);
    }
}

/* A body in parts has digests for each of them, later: here it is compared with its writer's CRC-32C alone. */
static bool digest_whole(struct object_attempt *attempt, bool in_parts)
{
    const struct object_request *request = attempt->request;
    struct digests *out = &attempt->digests;
    uint64_t bytes = request->file != NULL ? request->file->length : request->body.len;
    unsigned kinds = s3_digest_kinds(attempt, bytes);
    bool ok = true;
    if (!in_parts && request->file != NULL) {
        ok = s3_digest_file(request->file, kinds, out, &attempt->failure);
    } else if (!in_parts) {
        digest_of(request->body, kinds, out);
    } else if (request->file != NULL) {
        ok = crc_file(request->file, &out->crc32c, &attempt->failure);
    } else {
        out->crc32c = crc32c(0, request->body.data, request->body.len);
    }
    return ok && crc_fits(request, out->crc32c, &attempt->failure);
}

static void digest_body(struct worker_job *job)
{
    struct object_attempt *attempt = CONTAINER_OF(job, struct object_attempt, job);
    (void)digest_whole(attempt, s3_is_in_parts(attempt));
    attempt->mail.run = digested;
    s3_mail_send(attempt->s3, &attempt->mail);
}

/* On the store's thread. */
static void arrived(struct s3_mail *mail)
{
    struct object_attempt *attempt = CONTAINER_OF(mail, struct object_attempt, mail);
    const struct object_request *request = attempt->request;
    bool in_parts = s3_is_in_parts(attempt);
    if (request->op != OBJECT_PUT || (in_parts && request->crc32c == NULL)) {
        begin(attempt);
    } else if (request->file == NULL && request->body.len <= INLINE_BYTES) {
        (void)digest_whole(attempt, in_parts);
        digested(mail);
    } else {
        struct error err;
        attempt->job.run = digest_body;
        if (!worker_pool_submit(attempt->s3->pool, &attempt->job, &err)) {
            error_set(&err, ERR_CLOSED, "the store is closed");
            s3_request_end(attempt, &err);
        }
    }
}

/* Counts one more, if there is room. */
static bool enter_queue(struct s3_store *s3, struct error *err)
{
    const struct object_config *config = &s3->store.config;
    unsigned limit = config->queue_limit + config->pool_size;
    if (atomic_fetch_add_explicit(&s3->waiting, 1, memory_order_relaxed) < limit)
        return true;
    atomic_fetch_sub_explicit(&s3->waiting, 1, memory_order_relaxed);
    error_set(err, ERR_BUSY, "object store %s: %u requests wait already", store_name(&s3->store), limit);
    return error_hint(err, "try again later, or raise pool_size");
}

bool s3_start(struct object_store *store, struct object_request *request, struct error *err)
{
    struct s3_store *s3 = (struct s3_store *)(void *)store;
    pthread_mutex_lock(&s3->mail_lock);
    bool closing = s3->closing;
    pthread_mutex_unlock(&s3->mail_lock);
    if (closing)
        return error_set(err, ERR_CLOSED, "object store %s is closed", store_name(store));
    if (!enter_queue(s3, err))
        return false;
    int64_t within = request->deadline_ms > 0 ? request->deadline_ms : store->config.deadline_ms;
    struct object_attempt *attempt = mem_zalloc(sizeof *attempt);
    attempt->s3 = s3;
    attempt->request = request;
    attempt->started_ms = s3_now_ms();
    attempt->deadline_ms = attempt->started_ms + within;
    attempt->mail.run = arrived;
    request->attempt = attempt;
    store_queued(store, 1);
    s3_mail_send(s3, &attempt->mail);
    return true;
}

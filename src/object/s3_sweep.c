/* Ends uploads in parts that nobody completes: lists them below the prefix, page by page, and ends those that are old. Blocks its caller, who
 * waits for one call after the other. */
#include "object/s3_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#define ANSWER_MAX (4u << 20)

/* One call, and who waits for it. */
struct waiting {
    struct s3_mail mail;
    struct s3_store *s3;
    struct s3_call call;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    /* Under the lock. */
    bool done;
    struct error err; /* ERR_NONE: none */
};

static void ended(struct s3_call *call, const struct error *err)
{
    struct waiting *waiting = call->owner;
    pthread_mutex_lock(&waiting->lock);
    waiting->done = true;
    waiting->err = err != NULL ? *err : (struct error){.code = ERR_NONE};
    pthread_cond_signal(&waiting->ended);
    pthread_mutex_unlock(&waiting->lock);
}

static void begin(struct s3_mail *mail)
{
    struct waiting *waiting = CONTAINER_OF(mail, struct waiting, mail);
    s3_call_start(waiting->s3, &waiting->call);
}

/* The answer is in waiting->call until it is freed. */
static bool ask(struct s3_store *s3, struct waiting *waiting, const char *method, struct str bucket,
                struct str key, const struct s3_pair *pairs, size_t count, struct error *err)
{
    *waiting = (struct waiting){.s3 = s3,
                                .mail = {.run = begin},
                                .lock = PTHREAD_MUTEX_INITIALIZER,
                                .ended = PTHREAD_COND_INITIALIZER};
    waiting->call = (struct s3_call){.op = OBJECT_LIST,
                                     .method = method,
                                     .bucket = bucket,
                                     .key = key,
                                     .deadline_ms = s3_now_ms() + s3->store.config.deadline_ms,
                                     .answer_max = ANSWER_MAX,
                                     .done = ended,
                                     .owner = waiting};
    s3_query(pairs, count, &waiting->call.query);
    s3_mail_send(s3, &waiting->mail);
    pthread_mutex_lock(&waiting->lock);
    while (!waiting->done)
        pthread_cond_wait(&waiting->ended, &waiting->lock);
    pthread_mutex_unlock(&waiting->lock);
    if (waiting->err.code == ERR_NONE)
        return true;
    if (err != NULL)
        *err = waiting->err;
    return false;
}

static bool end_upload(struct s3_store *s3, struct str bucket, const struct s3_upload *upload,
                       struct error *err)
{
    const struct s3_pair pairs[] = {{STR("uploadId"), str_of(upload->id)}};
    struct waiting waiting;
    struct error why;
    bool ok = ask(s3, &waiting, "DELETE", bucket, str_of(upload->key), pairs, 1, &why);
    s3_call_free(&waiting.call);
    if (ok || why.code == ERR_NOT_FOUND)
        return true;
    if (err != NULL)
        *err = why;
    return false;
}

static bool list_uploads(struct s3_store *s3, struct str bucket, struct str prefix,
                         const struct s3_uploads *after, struct s3_uploads *out, struct error *err)
{
    struct s3_pair pairs[S3_PAIRS_MAX];
    size_t count = 0;
    struct waiting waiting;
    pairs[count++] = (struct s3_pair){STR("uploads"), STR_NONE};
    if (prefix.len > 0)
        pairs[count++] = (struct s3_pair){STR("prefix"), prefix};
    if (after->next_key != NULL)
        pairs[count++] = (struct s3_pair){STR("key-marker"), str_of(after->next_key)};
    if (after->next_id != NULL)
        pairs[count++] = (struct s3_pair){STR("upload-id-marker"), str_of(after->next_id)};
    bool ok = ask(s3, &waiting, "GET", bucket, STR_NONE, pairs, count, err) &&
              s3_xml_uploads(buf_str(&waiting.call.data), out, err);
    s3_call_free(&waiting.call);
    return ok;
}

bool s3_sweep(struct object_store *store, struct str bucket, struct str prefix, int64_t older_ms,
              size_t *ended_count, struct error *err)
{
    struct s3_store *s3 = (struct s3_store *)(void *)store;
    struct s3_uploads page = {0};
    int64_t before = clock_wall_ms() - older_ms;
    bool ok = true;
    for (bool more = true; ok && more;) {
        struct s3_uploads next;
        ok = list_uploads(s3, bucket, prefix, &page, &next, err);
        s3_uploads_free(&page);
        if (!ok)
            break;
        page = next;
        for (size_t i = 0; ok && i < page.count; i++) {
            const struct s3_upload *upload = &page.items[i];
            if (!str_starts(str_of(upload->key), prefix) || upload->initiated_ms == 0 ||
                upload->initiated_ms > before)
                continue;
            ok = end_upload(s3, bucket, upload, err);
            *ended_count += ok;
        }
        more = page.more && page.next_key != NULL;
    }
    s3_uploads_free(&page);
    return ok;
}

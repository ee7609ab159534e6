/* A request that can be left: a *call* has copies of all that the request borrows, so that it goes on alone, and its end
 * frees them.
 *
 *   started ──▶ ended ──▶ object_call_end()     what it was answered is handed out
 *      └─ object_call_leave() ──▶ ended         nobody is told, the call is freed
 *
 * Who starts it is told of its end, or waits for it. */
#include "object/object.h"

#include "base/mem.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#define CHECK_MS 50 /* how soon `leave` is heard */

struct object_call {
    struct object_request request; /* first: `done` gets it */
    struct object_file file;
    uint32_t crc32c;
    char *text; /* what the request's strings are copied to, one behind the other */
    char *body;
    struct str *keys;
    void (*ended)(void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock. */
    bool done;
    bool left;
    bool ok;
    struct error err;
};

static void call_free(struct object_call *call)
{
    object_request_free(&call->request);
    if (call->file.fd >= 0)
        close(call->file.fd);
    pthread_cond_destroy(&call->changed);
    pthread_mutex_destroy(&call->lock);
    mem_free(call->text);
    mem_free(call->body);
    mem_free(call->keys);
    mem_free(call);
}

static void ended(struct object_request *request, const struct error *err)
{
    struct object_call *call = (struct object_call *)(void *)request;
    pthread_mutex_lock(&call->lock);
    call->done = true;
    call->ok = err == NULL;
    if (err != NULL)
        call->err = *err;
    bool left = call->left;
    if (!left && call->ended != NULL)
        call->ended(call->arg);
    pthread_cond_signal(&call->changed);
    pthread_mutex_unlock(&call->lock);
    if (left)
        call_free(call);
}

/* ---- Copies ---------------------------------------------------------------------------------------------- */

static struct str copied(struct str text, char **at)
{
    if (text.len == 0)
        return text;
    char *copy = *at;
    memcpy(copy, text.data, text.len);
    *at += text.len;
    return str_make(copy, text.len);
}

static void copy_texts(struct object_call *call, const struct object_request *from)
{
    struct object_request *to = &call->request;
    size_t len = from->bucket.len + from->key.len + from->content_type.len + from->etag.len +
                 from->start_after.len + from->delimiter.len;
    for (size_t i = 0; i < from->key_count; i++)
        len += from->keys[i].len;
    char *at = call->text = mem_alloc(len);
    to->bucket = copied(from->bucket, &at);
    to->key = copied(from->key, &at);
    to->content_type = copied(from->content_type, &at);
    to->etag = copied(from->etag, &at);
    to->start_after = copied(from->start_after, &at);
    to->delimiter = copied(from->delimiter, &at);
    call->keys = from->key_count > 0 ? mem_alloc(from->key_count * sizeof *call->keys) : NULL;
    for (size_t i = 0; i < from->key_count; i++)
        call->keys[i] = copied(from->keys[i], &at);
    to->keys = call->keys;
}

static bool copy_body(struct object_call *call, const struct object_request *from, struct error *err)
{
    struct object_request *to = &call->request;
    if (from->crc32c != NULL) {
        call->crc32c = *from->crc32c;
        to->crc32c = &call->crc32c;
    }
    if (from->body.len > 0) {
        call->body = mem_dup(from->body.data, from->body.len);
        to->body = str_make(call->body, from->body.len);
    }
    if (from->file == NULL)
        return true;
    call->file = *from->file;
    call->file.fd = fcntl(from->file->fd, F_DUPFD_CLOEXEC, 0);
    to->file = &call->file;
    return call->file.fd >= 0 || error_errno(err, errno, "copy the descriptor of an upload");
}

static struct object_call *call_new(const struct object_request *request, struct error *err)
{
    if (request->header_count > 0) {
        error_set(err, ERR_INVALID, "a request with headers cannot be left");
        return NULL;
    }
    struct object_call *call = mem_zalloc(sizeof *call);
    pthread_mutex_init(&call->lock, NULL);
    cond_init_monotonic(&call->changed);
    call->file.fd = -1;
    call->request = *request;
    call->request.done = ended;
    copy_texts(call, request);
    if (copy_body(call, request, err))
        return call;
    call_free(call);
    return NULL;
}

/* ---- The course ------------------------------------------------------------------------------------------ */

struct object_call *object_call_start(object_start_fn *start, struct object_store *store,
                                      const struct object_request *request, void (*told)(void *arg),
                                      void *arg, struct error *err)
{
    struct object_call *call = call_new(request, err);
    if (call == NULL)
        return NULL;
    call->ended = told;
    call->arg = arg;
    if (start(store, &call->request, err))
        return call;
    call_free(call);
    return NULL;
}

bool object_call_wait(struct object_call *call, bool (*leave)(void *arg), void *arg)
{
    pthread_mutex_lock(&call->lock);
    while (!call->done && !leave(arg)) {
        const struct timespec until = cond_in_ms(CHECK_MS);
        pthread_cond_timedwait(&call->changed, &call->lock, &until);
    }
    bool done = call->done;
    pthread_mutex_unlock(&call->lock);
    return done;
}

bool object_call_has_ended(struct object_call *call)
{
    pthread_mutex_lock(&call->lock);
    bool done = call->done;
    pthread_mutex_unlock(&call->lock);
    return done;
}

bool object_call_end(struct object_call *call, struct object_request *out, struct error *err)
{
    pthread_mutex_lock(&call->lock); /* the store's thread has left it then */
    bool ok = call->ok;
    pthread_mutex_unlock(&call->lock);
    struct object_request *from = &call->request;
    if (!ok && err != NULL)
        *err = call->err;
    out->data = from->data;
    out->info = from->info;
    out->list = from->list;
    out->list_count = from->list_count;
    out->more = from->more;
    out->deleted = from->deleted;
    out->attempts = from->attempts;
    from->data = (struct buf){0};
    from->info = (struct object_info){0};
    from->list = NULL;
    from->list_count = 0;
    call_free(call);
    return ok;
}

void object_call_leave(struct object_call *call)
{
    if (call == NULL)
        return;
    pthread_mutex_lock(&call->lock);
    bool done = call->done;
    call->left = true;
    pthread_mutex_unlock(&call->lock);
    if (done)
        call_free(call);
}

bool object_wait_unless(struct object_store *store, struct object_request *request, bool (*leave)(void *arg),
                        void *arg, struct error *err)
{
    struct object_call *call = object_call_start(object_start, store, request, NULL, NULL, err);
    if (call == NULL)
        return false;
    if (object_call_wait(call, leave, arg))
        return object_call_end(call, request, err);
    object_call_leave(call);
    return error_set(err, ERR_CLOSED, "nobody waits for the answer any more");
}

/* One look at a store, as cheap as it can be:
 *
 *   with a bucket   HEAD of it. If that is denied, LIST of nothing in it: HEAD's answers have no body that would say why
 *   without         LIST of a bucket that nobody has: "no such bucket" comes from who is there and takes our keys
 *
 * Never a call for the whole account: keys that may write to one bucket and nothing else are good keys. */
#include "connector/connector_internal.h"

#define NO_BUCKET "varve-does-not-exist-7c1e5b0a" /* a valid name, so that the store itself has to say it */
#define NO_PREFIX ".varve-look/"

static void start_list(struct look *look, struct str bucket)
{
    look->request.op = OBJECT_LIST;
    look->request.bucket = bucket;
    look->request.key = STR(NO_PREFIX);
    look->request.limit = 1;
}

static void end(struct look *look, const struct error *err)
{
    object_request_free(&look->request);
    look->done(look, err);
}

/* Nobody has named that bucket: what is wrong is told without it. */
static void end_without_bucket(struct look *look, const struct error *err)
{
    static const char about[] = "list " NO_BUCKET ": ";
    struct error plain = *err;
    size_t len = sizeof(about) - 1;
    if (strncmp(plain.text, about, len) == 0)
        memmove(plain.text, plain.text + len, sizeof(plain.text) - len);
    end(look, &plain);
}

/* Of a LIST. */
static void heard_list(struct object_request *request, const struct error *err)
{
    struct look *look = (struct look *)(void *)request;
    if (err == NULL || (!look->has_bucket && err->code == ERR_NOT_FOUND))
        end(look, NULL);
    else if (look->has_bucket)
        end(look, err);
    else
        end_without_bucket(look, err);
}

static void heard_head(struct object_request *request, const struct error *err)
{
    struct look *look = (struct look *)(void *)request;
    if (err == NULL || err->code != ERR_DENIED) {
        end(look, err);
        return;
    }
    look->refusal = *err;
    object_request_free(request);
    start_list(look, request->bucket);
    request->done = heard_list;
    if (!object_start(look->objects, request, NULL))
        end(look, &look->refusal);
}

bool look_start(struct look *look, struct object_store *objects, const char *bucket, int64_t deadline_ms,
                struct error *err)
{
    look->objects = objects;
    look->has_bucket = bucket[0] != '\0';
    look->request = (struct object_request){.op = OBJECT_HEAD_BUCKET,
                                            .bucket = str_of(bucket),
                                            .deadline_ms = deadline_ms,
                                            .brief = true,
                                            .done = look->has_bucket ? heard_head : heard_list};
    if (!look->has_bucket)
        start_list(look, STR(NO_BUCKET));
    return object_start(objects, &look->request, err);
}

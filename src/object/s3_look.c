/* access: auto. Where neither the endpoint's name nor the bucket's decides it, the endpoint is asked: a listing of one key with the
 * bucket in the host's name, then with it in the path. A listing answers "yes"; so does a refusal to list, since only a server
 * that knows the bucket by this name can refuse it. While they run, what wants this store waits; the answer is kept for the store's life.
 *
 * If neither works, the path is taken for what waits: the error is then that of the request itself; and the next one looks again. */
#include "object/s3_internal.h"

#include "base/log.h"
#include "base/mem.h"

#define LOOK_MS 20000

struct s3_look {
    struct s3_store *s3;
    struct s3_call call;
    char *bucket;
};

static bool answers_as_bucket(const struct s3_call *call, const struct error *err)
{
    if (err == NULL)
        return s3_xml_root_is(buf_str(&call->data), "ListBucketResult");
    struct s3_error error;
    return call->answer.status == 403 && s3_xml_error(buf_str(&call->data), &error) &&
           strcmp(error.code, "AccessDenied") == 0;
}

static void end_look(struct s3_look *look, enum s3_style style, bool keep)
{
    struct s3_store *s3 = look->s3;
    s3->style = style;
    s3->look = NULL;
    if (keep) {
        LOG_INFO("object store addresses", LOG_TEXT("store", store_name(&s3->store)),
                 LOG_TEXT("access_method", style == S3_STYLE_VHOST ? "vhost" : "path"));
    }
    s3_unblock(s3);
    if (!keep)
        s3->style = S3_STYLE_UNDECIDED;
    s3_call_free(&look->call);
    mem_free(look->bucket);
    mem_free(look);
}

static void ask(struct s3_look *look, bool vhost);

static void answered(struct s3_call *call, const struct error *err)
{
    struct s3_look *look = call->owner;
    bool yes = answers_as_bucket(call, err);
    if (yes) {
        end_look(look, call->vhost_only ? S3_STYLE_VHOST : S3_STYLE_PATH, true);
    } else if (call->vhost_only && (err == NULL || err->code != ERR_CLOSED)) {
        s3_call_free(call);
        ask(look, false);
    } else {
        end_look(look, S3_STYLE_PATH, false);
    }
}

static void ask(struct s3_look *look, bool vhost)
{
    const struct s3_pair pairs[] = {{STR("list-type"), STR("2")}, {STR("max-keys"), STR("1")}};
    struct s3_call *call = &look->call;
    *call = (struct s3_call){.op = OBJECT_LIST,
                             .method = "GET",
                             .bucket = str_of(look->bucket),
                             .brief = true,
                             .vhost_only = vhost,
                             .path_only = !vhost,
                             .deadline_ms = s3_now_ms() + LOOK_MS,
                             .answer_max = 1u << 20,
                             .done = answered,
                             .owner = look};
    s3_query(pairs, sizeof pairs / sizeof pairs[0], &call->query);
    s3_call_start(look->s3, call);
}

enum s3_style s3_style_for(struct s3_store *s3, const struct s3_call *call)
{
    enum s3_style style = s3_style_of(s3->store.config.access, &s3->endpoint, call->bucket);
    if (style != S3_STYLE_UNDECIDED)
        return style;
    if (s3->style != S3_STYLE_UNDECIDED || s3->stopping)
        return s3->style != S3_STYLE_UNDECIDED ? s3->style : S3_STYLE_PATH;
    if (s3->look == NULL) {
        s3->look = mem_zalloc(sizeof *s3->look);
        s3->look->s3 = s3;
        s3->look->bucket = str_dup(call->bucket);
        ask(s3->look, true);
    }
    return S3_STYLE_UNDECIDED;
}

/* The request that puts a range's file under its key.
 *
 * The plan may be replaced while it flies, and the action be deleted: so it has copies of all it needs, and whoever does not want
 * to wait for its end leaves it. Then its end frees it. */
#include "base/mem.h"
#include "sink/sink_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define DEADLINE_MS 60000
#define BYTES_A_MS  1024 /* the slowest store that is waited for: 1 MiB/s */

struct upload {
    struct object_request request; /* first */
    struct object_file file;
    struct connector_store *store;
    struct buf bucket, key;
    char *content_type;
    struct object_header headers[UPLOAD_HEADERS_MAX];
    char *names[UPLOAD_HEADERS_MAX], *values[UPLOAD_HEADERS_MAX];
    size_t header_count;
    pthread_mutex_t lock;
    /* Under the lock. */
    struct rounds *rounds; /* to be woken; NULL: nobody waits */
    bool landed;
    struct error err;
};

int64_t upload_deadline_ms(uint64_t bytes)
{
    return DEADLINE_MS + (int64_t)(bytes / BYTES_A_MS);
}

static void upload_free(struct upload *upload)
{
    object_request_free(&upload->request);
    connector_store_release(upload->store);
    if (upload->file.fd >= 0)
        close(upload->file.fd);
    for (size_t i = 0; i < upload->header_count; i++) {
        mem_free(upload->names[i]);
        mem_free(upload->values[i]);
    }
    mem_free(upload->content_type);
    buf_free(&upload->bucket);
    buf_free(&upload->key);
    pthread_mutex_destroy(&upload->lock);
    mem_free(upload);
}

static void ended(struct object_request *request, const struct error *err)
{
    struct upload *upload = (struct upload *)(void *)request;
    pthread_mutex_lock(&upload->lock);
    upload->err = err != NULL ? *err : (struct error){0};
    upload->landed = true;
    bool left = upload->rounds == NULL;
    if (!left)
        rounds_wake(upload->rounds);
    pthread_mutex_unlock(&upload->lock);
    if (left)
        upload_free(upload);
}

/* ---- What is sent ---------------------------------------------------------------------------------------- */

static void add_header(struct upload *upload, const char *name, struct str value)
{
    size_t i = upload->header_count++;
    upload->names[i] = mem_strdup(name);
    upload->values[i] = str_dup(value);
    upload->headers[i] = (struct object_header){str_of(upload->names[i]), str_of(upload->values[i])};
}

/* The container's type and encoding, unless the user says another. Parquet compresses within. */
static void set_headers(struct upload *upload, const struct sink_plan *plan)
{
    static const char *const types[] = {[CONTAINER_CSV] = "text/csv",
                                        [CONTAINER_JSON_LINES] = "application/jsonl",
                                        [CONTAINER_PARQUET] = PARQUET_CONTENT_TYPE,
                                        [CONTAINER_ICEBERG] = PARQUET_CONTENT_TYPE};
    static const char *const encodings[] = {[COMPRESSION_NONE] = "",
                                            [COMPRESSION_GZIP] = "gzip",
                                            [COMPRESSION_ZSTD] = "zstd",
                                            [COMPRESSION_SNAPPY] = ""};
    const struct container_format *format = &plan->aggregate.format;
    const char *encoding = is_columnar(format->type) ? "" : encodings[format->compression];
    struct str type = str_of(types[format->type]);
    bool encoded = encoding[0] == '\0';
    for (size_t i = 0; i < plan->header_count; i++) {
        struct str name = str_of(plan->headers[i].name), value = sql_template_text(plan->headers[i].value);
        encoded |= str_equal_nocase(name, STR("content-encoding"));
        if (str_equal_nocase(name, STR("content-type")))
            type = value;
        else
            add_header(upload, plan->headers[i].name, value);
    }
    if (!encoded)
        add_header(upload, "content-encoding", str_of(encoding));
    upload->content_type = str_dup(type);
}

static bool prepare(struct upload *upload, const struct sink *sink, const struct sink_plan *plan,
                    const struct range *range, const struct object_file *file, struct error *err)
{
    const struct object_key_values values = {
        .action = strchr(sink->id, ':') + 1,
        .node = sink->sinks->options.node,
        .start_ms = range->start_ms,
        .until_ms = range->until_ms,
        .sequence = plan->aggregate.limits.restarts ? range->sequence : range->total,
    };
    upload->store = connectors_take(sink->sinks->options.connectors, str_of(plan->connector), err);
    if (upload->store == NULL || !object_key_render(plan->aggregate.key, &values, &upload->key, err))
        return false;
    struct str bucket = sql_template_text(plan->bucket);
    buf_append_str(&upload->bucket, bucket.len > 0 ? bucket : str_of(upload->store->bucket));
    upload->file = *file;
    upload->file.fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    if (upload->file.fd < 0)
        return error_errno(err, errno, "copy the descriptor of an upload");
    set_headers(upload, plan);
    upload->request = (struct object_request){
        .op = OBJECT_PUT,
        .bucket = buf_str(&upload->bucket),
        .key = buf_str(&upload->key),
        .file = &upload->file,
        .content_type = str_of(upload->content_type),
        .headers = upload->headers,
        .header_count = upload->header_count,
        .deadline_ms = upload_deadline_ms(file->length),
        .done = ended,
    };
    return true;
}

/* ---- Flying ---------------------------------------------------------------------------------------------- */

struct upload *upload_start(const struct sink *sink, const struct sink_plan *plan, const struct range *range,
                            const struct object_file *file, struct rounds *rounds, struct error *err)
{
    struct upload *upload = mem_zalloc(sizeof(*upload));
    pthread_mutex_init(&upload->lock, NULL);
    upload->file.fd = -1;
    upload->rounds = rounds;
    if (prepare(upload, sink, plan, range, file, err) &&
        object_start(upload->store->objects, &upload->request, err))
        return upload;
    upload_free(upload);
    return NULL;
}

bool upload_has_landed(struct upload *upload, struct error *err)
{
    pthread_mutex_lock(&upload->lock);
    bool landed = upload->landed;
    *err = upload->err;
    pthread_mutex_unlock(&upload->lock);
    return landed;
}

void upload_end(struct upload *upload)
{
    if (upload == NULL)
        return;
    pthread_mutex_lock(&upload->lock);
    bool landed = upload->landed;
    upload->rounds = NULL;
    if (!landed) { /* the store may close below it */
        connector_store_release(upload->store);
        upload->store = NULL;
    }
    pthread_mutex_unlock(&upload->lock);
    if (landed)
        upload_free(upload);
}

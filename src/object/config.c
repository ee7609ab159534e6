/* The plain data of a store: defaults, copies, and whether it makes sense.
 *
 * The strings stand in two tables, so that copying and freeing miss none; those of the second hold secrets and are wiped. */
#include "object/config.h"

#include "base/mem.h"
#include "object/object_internal.h"
#include "object/s3_address.h"

#include <assert.h>

#define MIB            (UINT64_C(1) << 20)
#define PART_BYTES_MIN 4096

static const size_t texts[] = {
    offsetof(struct object_config, name),
    offsetof(struct object_config, path),
    offsetof(struct object_config, endpoint),
    offsetof(struct object_config, host),
    offsetof(struct object_config, region),
    offsetof(struct object_config, bucket),
    offsetof(struct object_config, profile),
    offsetof(struct object_config, tls.ca_file),
    offsetof(struct object_config, tls.cert_file),
    offsetof(struct object_config, tls.key_file),
    offsetof(struct object_config, tls.server_name),
};
static const size_t secrets[] = {
    offsetof(struct object_config, access_key_id),
    offsetof(struct object_config, secret_access_key),
    offsetof(struct object_config, session_token),
    offsetof(struct object_config, tls.key_password),
};
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static char **text_at(const struct object_config *config, size_t offset)
{
    return (char **)(void *)((char *)(uintptr_t)config + offset);
}

void object_config_init(struct object_config *config)
{
    *config = (struct object_config){
        .kind = OBJECT_S3,
        .access = OBJECT_ACCESS_PATH,
        .credentials = OBJECT_CREDENTIALS_KEYS,
        .tls = {.enable = true, .verify = true},
        .connect_timeout_ms = 15000,
        .request_timeout_ms = 30000,
        .deadline_ms = 180000,
        .max_retries = 10,
        .retry_pause_ms = 100,
        .pool_size = 8,
        .queue_limit = 10000,
        .multipart_bytes = 64 * MIB,
        .part_bytes = 16 * MIB,
    };
}

void object_config_free(struct object_config *config)
{
    for (size_t i = 0; i < LENGTH(texts); i++)
        mem_free(*text_at(config, texts[i]));
    for (size_t i = 0; i < LENGTH(secrets); i++)
        secret_free(*text_at(config, secrets[i]));
    for (size_t i = 0; i < config->header_count; i++) {
        mem_free(config->headers[i].name);
        secret_free(config->headers[i].value);
    }
    mem_free(config->headers);
    *config = (struct object_config){0};
}

void object_config_copy(struct object_config *out, const struct object_config *from)
{
    *out = *from;
    for (size_t i = 0; i < LENGTH(texts); i++)
        *text_at(out, texts[i]) = mem_strdup_or_null(*text_at(from, texts[i]));
    for (size_t i = 0; i < LENGTH(secrets); i++)
        *text_at(out, secrets[i]) = mem_strdup_or_null(*text_at(from, secrets[i]));
    out->headers = NULL;
    out->header_count = 0;
    for (size_t i = 0; i < from->header_count; i++)
        object_config_header(out, str_of(from->headers[i].name), str_of(from->headers[i].value));
}

void object_config_header(struct object_config *config, struct str name, struct str value)
{
    config->headers = mem_realloc(config->headers, (config->header_count + 1) * sizeof *config->headers);
    config->headers[config->header_count++] =
        (struct object_config_header){.name = str_dup(name), .value = str_dup(value)};
}

static bool given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static bool check_directory(const struct object_config *config, struct error *err)
{
    if (!given(config->path))
        return error_set(err, ERR_INVALID, "path: missing: the directory that holds the objects");
    return true;
}

static bool check_credentials(const struct object_config *config, struct error *err)
{
    bool id = given(config->access_key_id);
    bool secret = given(config->secret_access_key);
    if (config->credentials != OBJECT_CREDENTIALS_KEYS)
        return true;
    if (id && secret)
        return true;
    error_set(err, ERR_INVALID, "%s: missing", id ? "secret_access_key" : "access_key_id");
    return error_hint(err, "give both keys, or neither for those of the environment or the machine's role");
}

static bool check_headers(const struct object_config *config, struct error *err)
{
    if (config->header_count > HEADERS_MAX)
        return error_set(err, ERR_INVALID, "headers: at most %d", HEADERS_MAX);
    for (size_t i = 0; i < config->header_count; i++) {
        struct str name = str_of(config->headers[i].name);
        if (!header_is_valid(name, str_of(config->headers[i].value)) || header_is_ours(name)) {
            return error_set(err, ERR_INVALID, "headers: %.60s: not a header that can be added",
                             config->headers[i].name);
        }
    }
    return true;
}

static bool check_sizes(const struct object_config *config, struct error *err)
{
    if (config->connect_timeout_ms <= 0)
        return error_set(err, ERR_INVALID, "connect_timeout: must be more than 0");
    if (config->request_timeout_ms <= 0)
        return error_set(err, ERR_INVALID, "request_timeout: must be more than 0");
    if (config->deadline_ms <= 0)
        return error_set(err, ERR_INVALID, "the deadline of requests must be more than 0");
    if (config->max_retries > 1000)
        return error_set(err, ERR_INVALID, "max_retries: %u: at most 1000", config->max_retries);
    if (config->retry_pause_ms <= 0)
        return error_set(err, ERR_INVALID, "the pause between attempts must be more than 0");
    if (config->pool_size < 1 || config->pool_size > 1024)
        return error_set(err, ERR_INVALID, "pool_size: %u: 1 to 1024", config->pool_size);
    if (config->queue_limit < 1)
        return error_set(err, ERR_INVALID, "the queue of requests must hold one or more");
    if (config->part_bytes < PART_BYTES_MIN || config->part_bytes > 5 * 1024 * MIB)
        return error_set(err, ERR_INVALID, "the size of a part is 4 KiB to 5 GiB");
    if (config->multipart_bytes < config->part_bytes || config->multipart_bytes > 5 * 1024 * MIB)
        return error_set(err, ERR_INVALID, "uploads in parts begin between the size of a part and 5 GiB");
    return true;
}

static bool check_s3(const struct object_config *config, struct error *err)
{
    struct s3_endpoint endpoint = {0};
    bool ok = s3_endpoint_read(config, &endpoint, err);
    if (ok && endpoint.is_address && config->access == OBJECT_ACCESS_VHOST) {
        ok = error_set(err, ERR_INVALID, "access_method: vhost needs a host name, not the address %s",
                       endpoint.host);
    }
    s3_endpoint_free(&endpoint);
    if (ok && given(config->tls.cert_file) != given(config->tls.key_file)) {
        return error_set(err, ERR_INVALID, "%s: missing: a certificate needs its key and the other way round",
                         given(config->tls.key_file) ? "certfile" : "keyfile");
    }
    return ok && check_credentials(config, err) && check_headers(config, err) && check_sizes(config, err);
}

bool object_config_check(const struct object_config *config, struct error *err)
{
    return config->kind == OBJECT_DIRECTORY ? check_directory(config, err) : check_s3(config, err);
}

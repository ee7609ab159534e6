/* What is in a connector: a table of keys for each type, and what of it a store is told.
 *
 * The keys of `s3` are those of EMQX's connector, so that its objects can be sent as they are; some of them mean something to
 * Erlang alone and are kept without effect, as their entry says. Ours besides: endpoint, region, bucket, session_token,
 * profile, and, of transport_options, checksum, requests_per_second, bytes_per_second. */
#include "connector/connector_internal.h"

#include "base/mem.h"

#include <stdio.h>

#define SECOND_MS 1000
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)

#define NO_EFFECT "of no effect; taken because EMQX has it"

static const char *const access_methods[] = {"path", "vhost", "auto", NULL};
static const char *const pool_types[] = {"random", "hash", NULL};
static const char *const verifications[] = {"verify_peer", "verify_none", NULL};
static const char *const tls_versions[] = {"tlsv1.3", "tlsv1.2", NULL};

static const struct spec_key resource_keys[] = {
    {"health_check_interval", SPEC_DURATION, "'15s'", 1, HOUR_MS, .about = "between two looks at the store"},
    {"health_check_timeout", SPEC_DURATION, "'60s'", 1, HOUR_MS, .about = "of one look"},
    {"health_check_interval_jitter", SPEC_DURATION, "'0'", 0, HOUR_MS,
     .about = "added to the interval, at random"},
    {"start_after_created", SPEC_BOOL, "true", .about = "whether it is opened as soon as it is created"},
    {"start_timeout", SPEC_DURATION, "'5s'", 1, HOUR_MS,
     .about = "how long an answer waits for the first look"},
    {0},
};

static const struct spec_key ssl_keys[] = {
    {"enable", SPEC_BOOL, "true", .about = "HTTPS; an endpoint's URL says it itself"},
    {"verify", SPEC_CHOICE, "'verify_peer'", .choices = verifications,
     .about = "whether the store has to prove who it is"},
    {"cacertfile", SPEC_TEXT, NULL, 0, SPEC_TEXT_MAX,
     .about = "authorities, a PEM file; default: the system's"},
    {"certfile", SPEC_TEXT, NULL, 0, SPEC_TEXT_MAX, .about = "a certificate of our own, a PEM file"},
    {"keyfile", SPEC_TEXT, NULL, 0, SPEC_TEXT_MAX, .about = "its key, a PEM file"},
    {"password", SPEC_SECRET, NULL, 0, SPEC_TEXT_MAX, .about = "of the key"},
    {"server_name_indication", SPEC_TEXT, NULL, 0, 255,
     .about = "the name that is asked for and checked; default: the host's"},
    {"versions", SPEC_TEXTS, "['tlsv1.3','tlsv1.2']", 2, 2, .choices = tls_versions,
     .about = "both: what the store offers decides"},
    {"ciphers", SPEC_TEXTS, "[]", 0, 0, .about = "none: those of the TLS library"},
    {"depth", SPEC_COUNT, "10", 0, 255, .about = NO_EFFECT},
    {"secure_renegotiate", SPEC_BOOL, "true", .about = NO_EFFECT},
    {"reuse_sessions", SPEC_BOOL, "true", .about = NO_EFFECT},
    {"middlebox_comp_mode", SPEC_BOOL, "true", .about = NO_EFFECT},
    {"hibernate_after", SPEC_DURATION, "'5s'", 0, HOUR_MS, .about = NO_EFFECT},
    {"log_level", SPEC_TEXT, "'notice'", 0, 64, .about = NO_EFFECT},
    {0},
};

static const struct spec_key transport_keys[] = {
    {"ssl", SPEC_OBJECT, .inner = ssl_keys, .about = "TLS"},
    {"connect_timeout", SPEC_DURATION, "'15s'", 1, HOUR_MS, .about = "TCP and TLS"},
    {"request_timeout", SPEC_DURATION, "'30s'", 1, HOUR_MS, .about = "the longest silence of one attempt"},
    {"max_retries", SPEC_COUNT, "2", 0, 1000, .about = "attempts of a request, but the first"},
    {"pool_size", SPEC_COUNT, "8", 1, 1024, .about = "connections, and so requests at a time"},
    {"headers", SPEC_MAP, "{}", 0, 64, .about = "of every request"},
    {"checksum", SPEC_BOOL, "false", .about = "a CRC-32C with each upload, for stores that check it"},
    {"requests_per_second", SPEC_COUNT, "0", 0, 1000000, .about = "at most; 0: no limit"},
    {"bytes_per_second", SPEC_SIZE, "'0'", 0, INT64_MAX, .about = "at most, up and down; 0: no limit"},
    {"ipv6_probe", SPEC_BOOL, "false", .about = NO_EFFECT ": both kinds of address are tried"},
    {"pool_type", SPEC_CHOICE, "'random'", .choices = pool_types, .about = NO_EFFECT},
    {"enable_pipelining", SPEC_COUNT, "0", 0, 1000000, .about = NO_EFFECT},
    {0},
};

#define COMMON_KEYS                                                                               \
    {"enable", SPEC_BOOL, "true", .about = "whether it may be used"},                             \
        {"tags", SPEC_TEXTS, "[]", 0, 100, .about = "for people"},                                \
        {"description", SPEC_TEXT, "''", 0, SPEC_TEXT_MAX, .about = "a remark for people"},       \
    {                                                                                             \
        "resource_opts", SPEC_OBJECT, .inner = resource_keys, .about = "how the store is watched" \
    }

static const struct spec_key s3_keys[] = {
    {"host", SPEC_TEXT, NULL, 1, 255, .about = "of the store; or an endpoint"},
    {"port", SPEC_COUNT, NULL, 1, 65535, .about = "default: 443, without TLS 80"},
    {"endpoint", SPEC_TEXT, NULL, 1, 1024, .about = "a URL, instead of host and port"},
    {"region", SPEC_TEXT, NULL, 0, 128, .about = "default: what the host's name says, else us-east-1"},
    {"bucket", SPEC_TEXT, NULL, 0, 255, .about = "where nothing else is said; the health check looks at it"},
    {"access_method", SPEC_CHOICE, "'path'", .choices = access_methods,
     .about = "whether the bucket is in the path or in the host's name"},
    {"access_key_id", SPEC_TEXT, NULL, 0, 1024,
     .about = "without keys: the environment, the shared file, or the machine's role"},
    {"secret_access_key", SPEC_SECRET, NULL, 0, SPEC_TEXT_MAX,
     .about = "itself, file:///path or env:NAME; shown as " SPEC_MASK},
    {"session_token", SPEC_SECRET, NULL, 0, SPEC_TEXT_MAX, .about = "of temporary keys, likewise"},
    {"profile", SPEC_TEXT, NULL, 0, 255, .about = "of the shared file of credentials"},
    {"transport_options", SPEC_OBJECT, .inner = transport_keys, .about = "connections and requests"},
    COMMON_KEYS,
    {0},
};

static const struct spec_key directory_keys[] = {
    {"path", SPEC_TEXT, NULL, 1, SPEC_TEXT_MAX,
     .about = "a directory; one that does not begin with / is in the data directory"},
    {"bucket", SPEC_TEXT, NULL, 0, 255, .about = "a directory below it, where nothing else is said"},
    COMMON_KEYS,
    {0},
};

/* ---- What a store is told -------------------------------------------------------------------------------- */

/* NULL for what is absent or empty. Returns owned. */
static char *text_or_null(const json_t *object, const char *key)
{
    const char *text = spec_text(object, key);
    return text[0] != '\0' ? mem_strdup(text) : NULL;
}

static void configure_tls(const json_t *ssl, struct object_config *out)
{
    const char *name = spec_text(ssl, "server_name_indication");
    bool named = strcmp(name, "disable") != 0 && strcmp(name, "auto") != 0;
    out->tls.enable = spec_bool(ssl, "enable");
    out->tls.verify = strcmp(spec_text(ssl, "verify"), "verify_peer") == 0;
    out->tls.ca_file = text_or_null(ssl, "cacertfile");
    out->tls.cert_file = text_or_null(ssl, "certfile");
    out->tls.key_file = text_or_null(ssl, "keyfile");
    out->tls.key_password = text_or_null(ssl, "password");
    out->tls.server_name = named ? text_or_null(ssl, "server_name_indication") : NULL;
}

static void configure_transport(const json_t *transport, struct object_config *out)
{
    const char *name;
    json_t *value;
    configure_tls(json_object_get(transport, "ssl"), out);
    out->connect_timeout_ms = spec_duration_ms(transport, "connect_timeout");
    out->request_timeout_ms = spec_duration_ms(transport, "request_timeout");
    out->max_retries = (unsigned)spec_count(transport, "max_retries");
    out->pool_size = (unsigned)spec_count(transport, "pool_size");
    out->checksum = spec_bool(transport, "checksum");
    out->requests_per_s = spec_count(transport, "requests_per_second");
    out->bytes_per_s = spec_size(transport, "bytes_per_second");
    json_object_foreach(json_object_get(transport, "headers"), name, value)
    {
        object_config_header(out, str_of(name), str_of(json_string_value(value)));
    }
}

static void configure_s3(const json_t *object, const char *dir, struct object_config *out)
{
    const char *access = spec_text(object, "access_method");
    (void)dir;
    out->kind = OBJECT_S3;
    out->host = text_or_null(object, "host");
    out->port = (uint16_t)spec_count(object, "port");
    out->endpoint = text_or_null(object, "endpoint");
    out->region = text_or_null(object, "region");
    out->access = strcmp(access, "vhost") == 0  ? OBJECT_ACCESS_VHOST
                  : strcmp(access, "auto") == 0 ? OBJECT_ACCESS_AUTO
                                                : OBJECT_ACCESS_PATH;
    out->access_key_id = text_or_null(object, "access_key_id");
    out->secret_access_key = text_or_null(object, "secret_access_key");
    out->session_token = text_or_null(object, "session_token");
    out->profile = text_or_null(object, "profile");
    out->credentials = out->access_key_id == NULL && out->secret_access_key == NULL ? OBJECT_CREDENTIALS_CHAIN
                                                                                    : OBJECT_CREDENTIALS_KEYS;
    configure_transport(json_object_get(object, "transport_options"), out);
}

static void configure_directory(const json_t *object, const char *dir, struct object_config *out)
{
    const char *path = spec_text(object, "path");
    struct buf whole = {0};
    if (path[0] != '/' && path[0] != '\0')
        buf_printf(&whole, "%s/", dir);
    buf_append_str(&whole, str_of(path));
    out->kind = OBJECT_DIRECTORY;
    out->path = mem_strdup(buf_cstr(&whole));
    buf_free(&whole);
}

bool connector_configure(const struct connector_type *type, const char *id, const json_t *object,
                         const char *dir, struct object_config *out, struct error *err)
{
    object_config_init(out);
    out->name = mem_strdup(id);
    out->bucket = text_or_null(object, "bucket");
    type->configure(object, dir, out);
    return object_config_check(out, err);
}

/* ---- Names ----------------------------------------------------------------------------------------------- */

static const struct connector_type types[] = {
    {"s3", s3_keys, configure_s3},
    {"directory", directory_keys, configure_directory},
};

const struct connector_type *connector_type_find(struct str name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (str_is(name, types[i].name))
            return &types[i];
    }
    return NULL;
}

const struct spec_key *connector_keys(const char *type)
{
    const struct connector_type *found = connector_type_find(str_of(type));
    return found != NULL ? found->keys : NULL;
}

static bool name_is_valid(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (i == 0 || (c != '_' && c != '-')))
            return false;
    }
    return len >= 1 && len <= CONNECTOR_NAME_MAX;
}

bool connector_id_make(const json_t *object, const struct connector_type **type, char id[CONNECTOR_ID_MAX],
                       struct error *err)
{
    if (!json_is_object(object))
        return error_set(err, ERR_INVALID, "a connector is a JSON object");
    const char *name = json_string_value(json_object_get(object, "name"));
    const char *type_name = json_string_value(json_object_get(object, "type"));
    *type = type_name != NULL ? connector_type_find(str_of(type_name)) : NULL;
    if (*type == NULL)
        return error_set(err, ERR_INVALID, "type: expected one of s3, directory");
    if (name == NULL || !name_is_valid(name)) {
        return error_set(err, ERR_INVALID,
                         "name: expected 1 to %d letters, digits, _ and -, a letter or digit first",
                         CONNECTOR_NAME_MAX);
    }
    snprintf(id, CONNECTOR_ID_MAX, "%s:%s", type_name, name);
    return true;
}

json_t *connector_strip(const json_t *object)
{
    static const char *const own[] = {"type",    "name", "status",     "status_reason",    "node_status",
                                      "actions", "uses", "created_at", "last_modified_at", "node"};
    json_t *out = json_copy((json_t *)(uintptr_t)object);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        json_object_del(out, own[i]);
    return out;
}

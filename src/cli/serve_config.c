/* Every key of varve.yaml, with its default, its bounds and what it is for: the one place where they are named.
 * docs/configuration.md is printed from here (`varve serve --describe-config`). */
#include "cli/serve_config.h"

#include "base/mem.h"
#include "broker/origin.h"
#include "log/log.h"
#include "mqtt/mqtt.h"
#include "sql/jq.h"

#include <stdio.h>

#define SECONDS_MAX           INT64_C(0xFFFFFFFE)
#define SYNC_MAX_MS           60000
#define CONNECT_TIMEOUT_MAX_S 3600
#define HTTP_BODY_MAX         ((uint64_t)256 << 20)
#define SEGMENT_BYTES_MIN     ((uint64_t)64 << 10)
#define SEGMENT_BYTES_MAX     ((uint64_t)1 << 30)

struct reader {
    struct config *config;
    struct serve_config *out;
};

/* A duration in whole seconds, from min to max. */
static uint32_t read_seconds(struct config *config, const struct config_node *at, const char *key,
                             const char *fallback, uint32_t min, uint32_t max, const char *doc)
{
    int64_t ms = config_duration_ms(config, at, key, fallback, doc);
    if (ms >= (int64_t)min * 1000 && ms <= (int64_t)max * 1000)
        return (uint32_t)(ms / 1000);
    config_complain(config, at, key, "is from %us to %us", min, max);
    return min;
}

/* A duration in whole seconds, or "never". */
static uint32_t read_expiry(struct config *config, const struct config_node *at, const char *key,
                            const char *fallback, const char *doc)
{
    if (strcmp(config_text(config, at, key, fallback, doc), "never") == 0)
        return EXPIRY_NEVER;
    int64_t seconds =
        config_duration_ms(config, at, key, strcmp(fallback, "never") == 0 ? "0s" : fallback, doc) / 1000;
    if (seconds < 0 || seconds > SECONDS_MAX) {
        config_complain(config, at, key, "is at most %lld seconds, or never", (long long)SECONDS_MAX);
        return 0;
    }
    return (uint32_t)seconds;
}

/* As log_options.sync_ms: "commit", "none", or an interval. */
static int64_t read_sync(struct config *config, const struct config_node *at, const char *key,
                         const char *doc)
{
    const char *text = config_text(config, at, key, "commit", doc);
    if (strcmp(text, "commit") == 0)
        return LOG_SYNC_COMMIT;
    if (strcmp(text, "none") == 0)
        return LOG_SYNC_NONE;
    int64_t interval_ms = config_duration_ms(config, at, key, "100ms", doc);
    if (interval_ms < 1 || interval_ms > SYNC_MAX_MS)
        config_complain(config, at, key, "is commit, none, or an interval from 1ms to 1m");
    return interval_ms;
}

/* ---- mqtt, sessions, limits ------------------------------------------------------------------------------ */

static uint32_t read_packet_bytes(struct config *config, const struct config_node *at, const char *fallback,
                                  const char *doc)
{
    uint64_t bytes = config_bytes(config, at, "max_packet_bytes", fallback, doc);
    if (bytes > MQTT_REMAINING_LENGTH_MAX + MQTT_FIXED_HEADER_MAX)
        config_complain(config, at, "max_packet_bytes", "is at most 256 MiB, MQTT's own limit");
    return (uint32_t)bytes;
}

static void read_mqtt(struct config *config, struct mqtt_settings *out)
{
    const struct config_node *at = config_section(config, config_root(config), "mqtt");
    out->max_packet_bytes = read_packet_bytes(config, at, "1MiB", "largest packet taken from a client");
    out->max_topic_levels =
        (uint16_t)config_int(config, at, "max_topic_levels", 128, 1, 128, "levels of a topic name or filter");
    out->max_topic_alias = (uint16_t)config_int(config, at, "max_topic_alias", 100, 0, 65535,
                                                "topic aliases a client may define, and is sent at most");
    out->max_qos = (uint8_t)config_int(config, at, "max_qos", 2, 0, 2, "highest QoS offered");
    out->retain_available = config_bool(config, at, "retain", true, "whether retained messages are offered");
    out->wildcard_available =
        config_bool(config, at, "wildcards", true, "whether wildcard subscriptions are offered");
    out->shared_available =
        config_bool(config, at, "shared", true, "whether shared subscriptions are offered");
    out->receive_maximum =
        (uint16_t)config_int(config, at, "receive_maximum", 1000, 1, 65535,
                             "QoS 1 and 2 messages a client may have unacknowledged towards the broker");
    out->server_keep_alive = (uint16_t)read_seconds(
        config, at, "server_keep_alive", "0s", 0, UINT16_MAX,
        "longest keep alive of MQTT 5 clients; who asks for longer or none gets this; 0: no bound");
    out->keep_alive_percent = (uint32_t)config_int(config, at, "keep_alive_percent", 150, 100, 1000,
                                                   "of the keep alive, until a silent client is dropped");
    out->connect_timeout_s = read_seconds(config, at, "connect_timeout", "10s", 1, CONNECT_TIMEOUT_MAX_S,
                                          "from the connection to the end of the authentication");
    out->max_subscriptions = (uint32_t)config_int(config, at, "max_subscriptions", 100000, 0, UINT32_MAX,
                                                  "subscriptions of one client; 0: no limit");
    out->max_client_id_bytes =
        (uint16_t)config_int(config, at, "max_client_id_bytes", 1024, 23, 65535, "longest client identifier");
}

static void read_sessions(struct config *config, struct session_settings *out)
{
    static const char *const policies[] = {"drop_oldest", "drop_new", "disconnect", NULL};
    const struct config_node *at = config_section(config, config_root(config), "sessions");
    out->max_expiry_s =
        read_expiry(config, at, "max_expiry", "never", "longest session expiry a client gets");
    out->v3_expiry_s = read_expiry(config, at, "v3_expiry", "7d",
                                   "expiry of MQTT 3.1 and 3.1.1 sessions without clean session");
    out->max_sessions = (uint64_t)config_int(
        config, at, "max_sessions", 1000000, 0, INT64_MAX,
        "sessions kept for clients that go; who would need one more is refused; 0: no limit");
    out->max_inflight = (uint16_t)config_int(config, at, "max_inflight", 1000, 1, 65000,
                                             "QoS 1 and 2 messages on their way to one client");
    out->max_queued_messages = (uint32_t)config_int(config, at, "max_queued_messages", 100000, 0, UINT32_MAX,
                                                    "messages that wait for one client; 0: no limit");
    out->max_queued_bytes =
        config_bytes(config, at, "max_queued_bytes", "64MiB", "bytes that wait for one client; 0: no limit");
    out->max_total_queued_bytes =
        config_bytes(config, at, "max_total_queued_bytes", "8GiB",
                     "bytes that wait for all clients, a message counted for each of them; 0: no limit");
    out->when_full = (enum queue_full_policy)config_choice(
        config, at, "when_full", policies, QUEUE_DROP_OLDEST, "what goes when a queue is full");
    out->queue_qos0 =
        config_bool(config, at, "queue_qos0", false, "keep QoS 0 messages for clients that are away");
    out->sync_ms =
        read_sync(config, at, "sync",
                  "when QoS 1 and 2 messages for sessions that outlive their connection are on disk: "
                  "commit, before they are acknowledged; an interval such as 100ms; none, when the system "
                  "writes them");
}

static uint64_t read_segment_bytes(struct config *config)
{
    const struct config_node *at = config_section(config, config_root(config), "stations");
    uint64_t bytes = config_bytes(config, at, "segment_bytes", "64MiB",
                                  "of a file of a station, 64KiB to 1GiB: retention gives back disk in "
                                  "such pieces, and each is one more file; from the next start on");
    if (bytes < SEGMENT_BYTES_MIN || bytes > SEGMENT_BYTES_MAX)
        config_complain(config, at, "segment_bytes", "is from 64KiB to 1GiB");
    return bytes;
}

static void read_rate(struct config *config, const struct config_node *at, struct rate_settings *out)
{
    out->messages_per_second = (uint32_t)config_int(config, at, "messages_per_second", 0, 0, UINT32_MAX,
                                                    "messages taken from one client; 0: no limit");
    out->bytes_per_second =
        config_bytes(config, at, "bytes_per_second", "0", "bytes taken from one client; 0: no limit");
}

static void read_others(struct config *config, struct settings *out)
{
    static const char *const strategies[] = {"round_robin", "random",      "hash_clientid",
                                             "sticky",      "local_first", NULL};
    const struct config_node *root = config_root(config);
    const struct config_node *shared = config_section(config, root, "shared_subscriptions");
    out->share_strategy = (enum share_strategy)config_choice(
        config, shared, "strategy", strategies, SHARE_ROUND_ROBIN, "who of a group gets a message");
    const struct config_node *retained = config_section(config, root, "retained");
    out->retained_max_messages = (uint64_t)config_int(config, retained, "max_messages", 0, 0, INT64_MAX,
                                                      "retained messages kept; 0: no limit");
    out->retained_max_bytes =
        config_bytes(config, retained, "max_bytes", "4GiB", "bytes of all retained messages; 0: no limit");
    uint64_t bytes = config_bytes(config, retained, "max_payload_bytes", "1MiB", "largest retained payload");
    out->retained_max_payload_bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    read_rate(config, config_section(config, root, "client_limits"), &out->client_rate);
    out->sys_interval_ms = config_duration_ms(config, config_section(config, root, "sys_topics"), "interval",
                                              "10s", "between two rounds of $SYS topics; 0: none");
}

static void read_rule_engine(struct config *config, struct serve_config *out)
{
    const struct config_node *at = config_section(config, config_root(config), "rule_engine");
    out->rules.ignore_sys_messages =
        config_bool(config, at, "ignore_sys_message", true, "whether $SYS messages trigger no rule");
    out->rules.jq_timeout_ms = config_duration_ms(config, at, "jq_function_default_timeout", "10s",
                                                  "of a call of jq() that names none; 10s at most");
    out->rules.kv_bytes_max = config_bytes(config, at, "kv_store_max_bytes", "64MiB",
                                           "what rules keep with kv_store_put(), over all of them");
    if (out->rules.jq_timeout_ms < 1 || out->rules.jq_timeout_ms > SQL_JQ_MS_MAX)
        config_complain(config, at, "jq_function_default_timeout", "is 1ms to %ds", SQL_JQ_MS_MAX / 1000);
    if (out->rules.kv_bytes_max < 1)
        config_complain(config, at, "kv_store_max_bytes", "is 1 or more");
}

/* ---- authentication and authorization -------------------------------------------------------------------- */

/* true, false, or unset. */
static int read_tristate(struct config *config, const struct config_node *at, const char *key, int unset,
                         const char *doc)
{
    const char *text = config_text(config, at, key, NULL, doc);
    bool value;
    if (text == NULL)
        return unset;
    if (!str_to_bool(str_of(text), &value, NULL)) {
        config_complain(config, at, key, "is true or false");
        return unset;
    }
    return value;
}

static void read_jwt(struct config *config, const struct config_node *auth, struct auth_settings *out)
{
    static const char *const sources[] = {"password", "username", NULL};
    const struct config_node *at = config_section(config, auth, "jwt");
    out->jwt_secret =
        mem_strdup_or_null(config_secret(config, at, "secret", "HS256 secret, 32 bytes or more"));
    out->jwt_public_key_file = mem_strdup_or_null(
        config_text(config, at, "public_key", NULL, "PEM file with an RSA (RS256) or P-256 (ES256) key"));
    out->jwks_file =
        mem_strdup_or_null(config_text(config, at, "jwks_file", NULL, "file with a JSON Web Key set"));
    out->jwks_url =
        mem_strdup_or_null(config_text(config, at, "jwks_url", NULL, "URL of a JSON Web Key set"));
    out->jwks_refresh_ms =
        config_duration_ms(config, at, "jwks_refresh", "5m", "how often the set is fetched");
    out->jwks_ca_file = mem_strdup_or_null(
        config_text(config, at, "jwks_ca", NULL, "authorities for the URL; default: the system's"));
    out->jwt.issuer = mem_strdup_or_null(config_text(config, at, "issuer", NULL, "required `iss`"));
    out->jwt.audience = mem_strdup_or_null(config_text(config, at, "audience", NULL, "required `aud`"));
    out->jwt.username_claim =
        mem_strdup_or_null(config_text(config, at, "username_claim", "sub", "claim that names the user"));
    out->jwt_source = (enum jwt_source)config_choice(config, at, "from", sources, JWT_FROM_PASSWORD,
                                                     "where clients put the token");
    out->jwt.leeway_s =
        config_duration_ms(config, at, "leeway", "0s", "tolerated difference of clocks") / 1000;
    out->jwt.require_expiry = config_bool(config, at, "require_expiry", true, "refuse tokens without `exp`");
}

static void read_auth(struct config *config, struct auth_settings *out)
{
    static const char *const users[] = {"none", "cn", "san", NULL};
    const struct config_node *root = config_root(config);
    const struct config_node *at = config_section(config, root, "authentication");
    out->allow_anonymous = read_tristate(
        config, root, "allow_anonymous", -1,
        "clients without credentials; unset: on loopback, while no authentication is configured");
    out->password = config_bool(config, config_section(config, at, "password"), "enabled", true,
                                "user name and password, users of the catalog");
    out->scram = config_bool(config, config_section(config, at, "scram"), "enabled", true,
                             "MQTT 5 enhanced authentication SCRAM-SHA-256");
    out->certificate_user = (enum certificate_user)config_choice(
        config, config_section(config, at, "client_certificate"), "username", users, CERTIFICATE_USER_NONE,
        "name in the certificate that is the user");
    read_jwt(config, at, out);
}

static void read_rule_topics(struct config *config, const struct config_node *at, struct acl_rule *rule)
{
    const struct config_node *topics = config_section(config, at, "topics");
    rule->topic_count = config_count(config, topics);
    if (rule->topic_count == 0)
        return;
    rule->topics = mem_zalloc(rule->topic_count * sizeof(*rule->topics));
    for (size_t i = 0; i < rule->topic_count; i++) {
        const struct config_node *item = config_entry(config, topics, i, NULL);
        const char *text =
            config_text(config, item, "", "", "topic filter; ${clientid}, ${username}, \"eq …\"");
        struct topic_filter filter;
        struct str bare = str_starts(str_of(text), STR("eq ")) ? str_of(text + 3) : str_of(text);
        if (!topic_filter_parse(bare, &filter) || filter.shared)
            config_complain(config, item, "", "\"%s\" is no topic filter", text);
        rule->topics[i] = mem_strdup(text);
    }
}

static void read_rule(struct config *config, const struct config_node *at, struct settings *out)
{
    static const char *const permissions[] = {"allow", "deny", NULL};
    static const char *const actions[] = {"publish", "subscribe", "all", NULL};
    struct acl_rule rule = {0};
    rule.allow = config_choice(config, at, "permission", permissions, 1, "allow or deny") == 0;
    int action = config_choice(config, at, "action", actions, 2, "what the rule is about");
    rule.publish = action != 1;
    rule.subscribe = action != 0;
    rule.username = mem_strdup_or_null(config_text(config, at, "username", NULL, "only this user"));
    rule.client_id = mem_strdup_or_null(config_text(config, at, "clientid", NULL, "only this client"));
    const char *address = config_text(config, at, "ipaddress", NULL, "only from this address or network");
    struct error err;
    if (address != NULL) {
        rule.has_address = acl_address_parse(str_of(address), rule.address, &rule.prefix_bits, &err);
        if (!rule.has_address)
            config_complain(config, at, "ipaddress", "%s", err.text);
    }
    read_rule_topics(config, at, &rule);
    settings_add_rule(out, &rule);
}

static void read_authorization(struct config *config, struct settings *out)
{
    static const char *const defaults[] = {"allow", "deny", NULL};
    static const char *const denied[] = {"ignore", "disconnect", NULL};
    const struct config_node *at = config_section(config, config_root(config), "authorization");
    out->acl_default_allow =
        config_choice(config, at, "default", defaults, 0, "what no rule says anything about") == 0;
    out->acl_denied_disconnects = config_choice(config, at, "on_denied", denied, 0,
                                                "what happens to who publishes where it may not") == 1;
    static const char *const reasons[] = {"not_authorized", "unspecified", NULL};
    out->acl_denied_reason = config_choice(config, at, "denied_reason", reasons, 0,
                                           "what SUBACK says of a denied subscription (0x87 or 0x80)") == 0
                                 ? MQTT_NOT_AUTHORIZED
                                 : MQTT_UNSPECIFIED_ERROR;
    const struct config_node *rules = config_section(config, at, "rules");
    size_t count = config_count(config, rules);
    for (size_t i = 0; i < count; i++)
        read_rule(config, config_entry(config, rules, i, NULL), out);
}

/* ---- listeners ------------------------------------------------------------------------------------------- */

static void read_tls(struct config *config, const struct config_node *at, struct serve_listener *out)
{
    struct tls_options *tls = &out->tls;
    tls->cert_file =
        config_text(config, at, "cert", NULL, "PEM certificate with its chain; switches the listener on");
    tls->key_file = config_text(config, at, "key", NULL, "PEM private key");
    tls->ca_file = config_text(config, at, "ca", NULL, "authorities of client certificates");
    tls->crl_file = config_text(config, at, "crl", NULL, "PEM revocation lists");
    tls->require_client_cert =
        config_bool(config, at, "require_client_cert", false, "refuse clients without a certificate");
    tls->min_version = config_text(config, at, "min_version", "1.2", "1.2 or 1.3");
    tls->ciphers = config_text(config, at, "ciphers", NULL, "TLS 1.2 ciphers, OpenSSL's syntax");
    const struct config_node *sni = config_section(config, at, "sni");
    tls->sni_count = config_count(config, sni);
    out->sni = tls->sni_count > 0 ? mem_zalloc(tls->sni_count * sizeof(*out->sni)) : NULL;
    for (size_t i = 0; i < tls->sni_count; i++) {
        const struct config_node *item = config_entry(config, sni, i, NULL);
        out->sni[i].host = config_text(config, item, "host", NULL, "host name, or *.name");
        out->sni[i].cert_file = config_text(config, item, "cert", NULL, "its certificate");
        out->sni[i].key_file = config_text(config, item, "key", NULL, "its private key");
        if (out->sni[i].host == NULL || out->sni[i].cert_file == NULL || out->sni[i].key_file == NULL)
            config_complain(config, item, "", "needs host, cert and key");
    }
    tls->sni = out->sni;
    if (tls->cert_file != NULL && tls->key_file == NULL)
        config_complain(config, at, "key", "is needed with cert");
    if (tls->require_client_cert && tls->ca_file == NULL)
        config_complain(config, at, "ca", "is needed to check client certificates");
}

static void read_origins(struct config *config, const struct config_node *at, struct serve_listener *out)
{
    const struct config_node *origins = config_section(config, at, "allowed_origins");
    size_t count = config_count(config, origins);
    if (count == 0)
        return;
    out->origins = mem_zalloc(count * sizeof(*out->origins));
    for (size_t i = 0; i < count; i++) {
        const struct config_node *item = config_entry(config, origins, i, NULL);
        out->origins[i] =
            config_text(config, item, "", "",
                        "web pages that may connect: https://app.example, or *; none: any, but only "
                        "pages of this machine while anonymous clients come in by default");
        if (!origin_is_valid(str_of(out->origins[i])))
            config_complain(config, item, "", "\"%s\" is no origin, such as https://app.example, or *",
                            out->origins[i]);
    }
    out->options.allowed_origin_count = count;
}

static const struct listener_kind {
    const char *name;
    const char *bind;
    bool tls;
    bool websocket;
} kinds[] = {
    {"tcp", "127.0.0.1:1883", false, false},
    {"ssl", "127.0.0.1:8883", true, false},
    {"ws", "127.0.0.1:8083", false, true},
    {"wss", "127.0.0.1:8084", true, true},
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static const char *read_bind(struct config *config, const struct config_node *at, const char *fallback,
                             const char *about)
{
    const char *bind = config_text(config, at, "bind", fallback, about);
    if (!listener_bind_is_sound(bind)) {
        config_complain(config, at, "bind",
                        "expected HOST:PORT, such as 127.0.0.1:1883, [::1]:1883 or *:1883, not \"%s\"", bind);
    }
    return bind;
}

static void read_listener(struct reader *reader, const struct listener_kind *kind, const char *name,
                          const struct config_node *at)
{
    struct config *config = reader->config;
    struct serve_config *out = reader->out;
    out->listeners = mem_realloc(out->listeners, (out->listener_count + 1) * sizeof(*out->listeners));
    struct serve_listener *listener = &out->listeners[out->listener_count];
    *listener = (struct serve_listener){0};
    struct broker_listener_options *options = &listener->options;
    if (snprintf(listener->name, sizeof(listener->name), "%s.%s", kind->name, name) >=
        (int)sizeof(listener->name))
        config_complain(config, at, "", "the listener's name is too long");
    bool enabled = config_bool(config, at, "enabled", true, "whether it listens");
    options->net.bind = read_bind(config, at, kind->bind, "address and port; port 0 picks a free one");
    options->net.max_connections = (unsigned)config_int(config, at, "max_connections", 0, 0, 10000000,
                                                        "connections at once; 0: no limit");
    options->net.connections_per_second =
        (unsigned)config_int(config, at, "max_connections_per_second", 0, 0, 1000000,
                             "new connections; more wait in the kernel's queue; 0: no limit");
    options->net.proxy_protocol =
        config_bool(config, at, "proxy_protocol", false, "a PROXY v1 or v2 header comes first");
    options->net.websocket = kind->websocket;
    if (kind->websocket) {
        options->net.websocket_path = config_text(config, at, "path", "/mqtt", "path of the WebSocket");
        read_origins(config, at, listener);
    }
    options->allow_anonymous = read_tristate(config, at, "allow_anonymous", LISTENER_ANONYMOUS_AS_BROKER,
                                             "as the broker's, for this listener");
    options->max_packet_bytes =
        read_packet_bytes(config, at, "0", "as the broker's, for this listener; 0: the same");
    read_rate(config, at, &options->rate);
    if (kind->tls)
        read_tls(config, config_section(config, at, "tls"), listener);
    if (kind->tls && enabled && config_present(at) && listener->tls.cert_file == NULL) {
        config_complain(config, at, "tls.cert",
                        "is missing: without a certificate this listener does not listen");
    }
    if (!enabled || (kind->tls && listener->tls.cert_file == NULL)) {
        mem_free(listener->sni);
        mem_free(listener->origins);
    } else {
        out->listener_count++;
    }
}

static void read_http(struct config *config, const struct config_node *at, struct serve_config *out)
{
    struct api_listener_options *http = &out->http;
    out->http_enabled = config_bool(config, at, "enabled", true, "whether it listens");
    http->bind = read_bind(config, at, "127.0.0.1:18083", "address and port of the HTTP API");
    http->max_connections =
        (unsigned)config_int(config, at, "max_connections", 512, 1, 100000, "connections at once");
    http->max_body_bytes =
        (size_t)config_bytes(config, at, "max_body_bytes", "1MiB", "largest body of a request");
    if (http->max_body_bytes < 1024 || http->max_body_bytes > HTTP_BODY_MAX)
        config_complain(config, at, "max_body_bytes", "is from 1KiB to 256MiB");
    http->metrics_need_key =
        config_bool(config, at, "metrics_need_key", false, "whether GET /metrics needs an API key");
    const struct config_node *hosts = config_section(config, at, "hosts");
    http->host_count = config_count(config, hosts);
    out->http_hosts = http->host_count > 0 ? mem_zalloc(http->host_count * sizeof(char *)) : NULL;
    for (size_t i = 0; i < http->host_count; i++) {
        out->http_hosts[i] =
            config_text(config, config_entry(config, hosts, i, NULL), "", "",
                        "further host names that a listener on loopback answers to, behind a proxy");
    }
    http->hosts = out->http_hosts;
    const struct config_node *tls = config_section(config, at, "tls");
    http->tls_cert_file =
        config_text(config, tls, "cert", NULL, "PEM certificate with its chain; makes it HTTPS");
    http->tls_key_file = config_text(config, tls, "key", NULL, "PEM private key");
    if (http->tls_cert_file != NULL && http->tls_key_file == NULL)
        config_complain(config, tls, "key", "is needed with cert");
}

static void read_listeners(struct reader *reader)
{
    struct config *config = reader->config;
    const struct config_node *all = config_section(config, config_root(config), "listeners");
    for (size_t k = 0; k < KIND_COUNT; k++) {
        const struct config_node *named = config_section(config, all, kinds[k].name);
        read_listener(reader, &kinds[k], "default", config_section(config, named, "default"));
        size_t count = config_count(config, named);
        for (size_t i = 0; i < count; i++) {
            const char *name = NULL;
            const struct config_node *at = config_entry(config, named, i, &name);
            if (name != NULL && strcmp(name, "default") != 0)
                read_listener(reader, &kinds[k], name, at);
        }
    }
    read_http(config, config_section(config, all, "http"), reader->out);
}

/* Pointers into the array and into itself, once nothing moves any more. */
static void settle_listeners(struct serve_config *out)
{
    for (size_t i = 0; i < out->listener_count; i++) {
        struct serve_listener *listener = &out->listeners[i];
        listener->options.net.name = listener->name;
        listener->options.allowed_origins = listener->origins;
        if (listener->tls.cert_file != NULL)
            listener->options.net.tls = &listener->tls;
    }
}

/* ---- The whole ------------------------------------------------------------------------------------------- */

static void read_all(struct reader *reader)
{
    static const char *const levels[] = {"debug", "info", "warning", "error", NULL};
    static const char *const formats[] = {"text", "json", NULL};
    struct config *config = reader->config;
    struct serve_config *out = reader->out;
    const struct config_node *root = config_root(config);
    out->reactors =
        (unsigned)config_int(config, root, "reactors", 0, 0, 64, "threads that serve clients; 0: one a core");
    const struct config_node *log = config_section(config, root, "log");
    out->log_level =
        (enum log_level)config_choice(config, log, "level", levels, LOG_LEVEL_INFO, "what is worth a line");
    out->log_format =
        (enum log_format)config_choice(config, log, "format", formats, LOG_FORMAT_TEXT, "key=value, or JSON");
    read_listeners(reader);
    read_mqtt(config, &out->settings->mqtt);
    read_sessions(config, &out->settings->sessions);
    out->segment_bytes = read_segment_bytes(config);
    read_others(config, out->settings);
    read_rule_engine(config, out);
    read_auth(config, &out->settings->auth);
    read_authorization(config, out->settings);
}

bool serve_config_load(struct serve_config *out, const char *path, const char *const *sets, size_t set_count,
                       char *const *environment, struct error *err)
{
    *out = (struct serve_config){.settings = settings_new()};
    out->config = config_load(path, sets, set_count, environment, err);
    if (out->config == NULL) {
        serve_config_free(out);
        return false;
    }
    struct reader reader = {.config = out->config, .out = out};
    read_all(&reader);
    settle_listeners(out);
    if (config_finish(out->config, err))
        return true;
    serve_config_free(out);
    return false;
}

void serve_config_free(struct serve_config *config)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        mem_free(config->listeners[i].sni);
        mem_free(config->listeners[i].origins);
    }
    mem_free(config->listeners);
    mem_free(config->http_hosts);
    settings_unref(config->settings);
    config_free(config->config);
    *config = (struct serve_config){0};
}

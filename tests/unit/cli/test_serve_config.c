/* From keys to settings: each key of varve.yaml, set to something that is not its default, lands where the broker
 * reads it; what is wrong is named; the documentation shows the same keys. */
#include "base/buf.h"
#include "base/mem.h"
#include "cli/serve_config.h"
#include "mqtt/mqtt.h"

#include "harness.h"

#define SETS_MAX 8

/* ---- What a configuration gives -------------------------------------------------------------------------- */

static void load(struct serve_config *config, const char *const *sets, size_t count)
{
    struct error err;
    ASSERT_OK(serve_config_load(config, NULL, sets, count, NULL, &err), err);
}

/* Where a value is: from the begin of the settings, of the serve_config, or of its first listener. */
enum place { IN_SETTINGS, IN_CONFIG, IN_LISTENER };
enum type { NUMBER, TEXT };

struct row {
    const char *key; /* of a listener: behind its name */
    const char *value;
    enum place place;
    enum type type;
    size_t offset;
    size_t bytes;
    int64_t number; /* what is expected */
    const char *text;
};

#define SETTING(key, value, field, expected)                               \
    {                                                                      \
        key, value, IN_SETTINGS, NUMBER, offsetof(struct settings, field), \
            sizeof(((struct settings *)NULL)->field), expected, NULL       \
    }
#define SETTING_TEXT(key, value, field)                                                           \
    {                                                                                             \
        key, value, IN_SETTINGS, TEXT, offsetof(struct settings, field), sizeof(char *), 0, value \
    }
#define CONFIG(key, value, field, expected)                                  \
    {                                                                        \
        key, value, IN_CONFIG, NUMBER, offsetof(struct serve_config, field), \
            sizeof(((struct serve_config *)NULL)->field), expected, NULL     \
    }
#define LISTENER(key, value, field, expected)                                    \
    {                                                                            \
        key, value, IN_LISTENER, NUMBER, offsetof(struct serve_listener, field), \
            sizeof(((struct serve_listener *)NULL)->field), expected, NULL       \
    }
#define LISTENER_TEXT(key, value, field)                                                                \
    {                                                                                                   \
        key, value, IN_LISTENER, TEXT, offsetof(struct serve_listener, field), sizeof(char *), 0, value \
    }

static const struct row rows[] = {
    CONFIG("reactors", "3", reactors, 3),
    CONFIG("log.level", "error", log_level, LOG_LEVEL_ERROR),
    CONFIG("log.format", "json", log_format, LOG_FORMAT_JSON),
    {"listeners.http.bind", "127.0.0.1:1", IN_CONFIG, TEXT, offsetof(struct serve_config, http.bind),
     sizeof(char *), 0, "127.0.0.1:1"},
    CONFIG("listeners.http.enabled", "false", http_enabled, 0),
    CONFIG("listeners.http.max_connections", "7", http.max_connections, 7),
    CONFIG("listeners.http.max_body_bytes", "2KiB", http.max_body_bytes, 2048),
    CONFIG("listeners.http.metrics_need_key", "true", http.metrics_need_key, 1),
    {"listeners.http.tls.key", "/http.key", IN_CONFIG, TEXT, offsetof(struct serve_config, http.tls_key_file),
     sizeof(char *), 0, "/http.key"},
    CONFIG("stations.segment_bytes", "64KiB", segment_bytes, 65536),
    SETTING("allow_anonymous", "true", auth.allow_anonymous, 1),
    SETTING("mqtt.max_packet_bytes", "2KiB", mqtt.max_packet_bytes, 2048),
    SETTING("mqtt.max_topic_levels", "7", mqtt.max_topic_levels, 7),
    SETTING("mqtt.max_topic_alias", "65535", mqtt.max_topic_alias, 65535),
    SETTING("mqtt.max_qos", "1", mqtt.max_qos, 1),
    SETTING("mqtt.retain", "false", mqtt.retain_available, 0),
    SETTING("mqtt.wildcards", "false", mqtt.wildcard_available, 0),
    SETTING("mqtt.shared", "false", mqtt.shared_available, 0),
    SETTING("mqtt.receive_maximum", "20", mqtt.receive_maximum, 20),
    SETTING("mqtt.server_keep_alive", "65535s", mqtt.server_keep_alive, 65535),
    SETTING("mqtt.keep_alive_percent", "200", mqtt.keep_alive_percent, 200),
    SETTING("mqtt.connect_timeout", "1m", mqtt.connect_timeout_s, 60),
    SETTING("mqtt.max_subscriptions", "5", mqtt.max_subscriptions, 5),
    SETTING("mqtt.max_client_id_bytes", "23", mqtt.max_client_id_bytes, 23),
    SETTING("sessions.max_expiry", "1d", sessions.max_expiry_s, 86400),
    SETTING("sessions.v3_expiry", "never", sessions.v3_expiry_s, EXPIRY_NEVER),
    SETTING("sessions.max_inflight", "65000", sessions.max_inflight, 65000),
    SETTING("sessions.max_sessions", "8", sessions.max_sessions, 8),
    SETTING("sessions.max_queued_messages", "9", sessions.max_queued_messages, 9),
    SETTING("sessions.max_queued_bytes", "5GiB", sessions.max_queued_bytes, INT64_C(5) << 30),
    SETTING("sessions.sync", "100ms", sessions.sync_ms, 100),
    SETTING("sessions.max_total_queued_bytes", "6GiB", sessions.max_total_queued_bytes, INT64_C(6) << 30),
    SETTING("sessions.when_full", "disconnect", sessions.when_full, QUEUE_DISCONNECT),
    SETTING("sessions.queue_qos0", "true", sessions.queue_qos0, 1),
    SETTING("sessions.sync", "250ms", sessions.sync_ms, 250),
    SETTING("shared_subscriptions.strategy", "local_first", share_strategy, SHARE_LOCAL_FIRST),
    SETTING("retained.max_messages", "5000000000", retained_max_messages, INT64_C(5000000000)),
    SETTING("retained.max_bytes", "7GiB", retained_max_bytes, INT64_C(7) << 30),
    SETTING("retained.max_payload_bytes", "10", retained_max_payload_bytes, 10),
    SETTING("client_limits.messages_per_second", "11", client_rate.messages_per_second, 11),
    SETTING("client_limits.bytes_per_second", "12KiB", client_rate.bytes_per_second, 12288),
    SETTING("sys_topics.interval", "0", sys_interval_ms, 0),
    CONFIG("rule_engine.ignore_sys_message", "false", rules.ignore_sys_messages, false),
    CONFIG("rule_engine.jq_function_default_timeout", "2s", rules.jq_timeout_ms, 2000),
    CONFIG("rule_engine.kv_store_max_bytes", "1MiB", rules.kv_bytes_max, 1048576),
    SETTING("authentication.password.enabled", "false", auth.password, 0),
    SETTING("authentication.scram.enabled", "false", auth.scram, 0),
    SETTING("authentication.client_certificate.username", "san", auth.certificate_user, CERTIFICATE_USER_SAN),
    SETTING_TEXT("authentication.jwt.secret", "0123456789abcdef0123456789abcdef", auth.jwt_secret),
    SETTING_TEXT("authentication.jwt.public_key", "/key.pem", auth.jwt_public_key_file),
    SETTING_TEXT("authentication.jwt.jwks_file", "/keys.json", auth.jwks_file),
    SETTING_TEXT("authentication.jwt.jwks_url", "https://keys.example/", auth.jwks_url),
    SETTING("authentication.jwt.jwks_refresh", "1h", auth.jwks_refresh_ms, 3600000),
    SETTING_TEXT("authentication.jwt.jwks_ca", "/ca.pem", auth.jwks_ca_file),
    SETTING_TEXT("authentication.jwt.issuer", "https://issuer.example/", auth.jwt.issuer),
    SETTING_TEXT("authentication.jwt.audience", "mqtt", auth.jwt.audience),
    SETTING_TEXT("authentication.jwt.username_claim", "name", auth.jwt.username_claim),
    SETTING("authentication.jwt.from", "username", auth.jwt_source, JWT_FROM_USERNAME),
    SETTING("authentication.jwt.leeway", "90s", auth.jwt.leeway_s, 90),
    SETTING("authentication.jwt.require_expiry", "false", auth.jwt.require_expiry, 0),
    SETTING("authorization.default", "deny", acl_default_allow, 0),
    SETTING("authorization.on_denied", "disconnect", acl_denied_disconnects, 1),
    SETTING("authorization.denied_reason", "unspecified", acl_denied_reason, MQTT_UNSPECIFIED_ERROR),
};

static const struct row listener_rows[] = {
    LISTENER_TEXT("bind", "*:7", options.net.bind),
    LISTENER("max_connections", "9", options.net.max_connections, 9),
    LISTENER("max_connections_per_second", "8", options.net.connections_per_second, 8),
    LISTENER("proxy_protocol", "true", options.net.proxy_protocol, 1),
    LISTENER("allow_anonymous", "false", options.allow_anonymous, 0),
    LISTENER("max_packet_bytes", "3KiB", options.max_packet_bytes, 3072),
    LISTENER("messages_per_second", "6", options.rate.messages_per_second, 6),
    LISTENER("bytes_per_second", "5KiB", options.rate.bytes_per_second, 5120),
};

static const struct row websocket_rows[] = {
    LISTENER_TEXT("path", "/elsewhere", options.net.websocket_path),
};

static const struct row tls_rows[] = {
    LISTENER_TEXT("tls.cert", "/other.pem", tls.cert_file),
    LISTENER_TEXT("tls.key", "/other.key", tls.key_file),
    LISTENER_TEXT("tls.ca", "/other-ca.pem", tls.ca_file),
    LISTENER_TEXT("tls.crl", "/crl.pem", tls.crl_file),
    LISTENER("tls.require_client_cert", "true", tls.require_client_cert, 1),
    LISTENER_TEXT("tls.min_version", "1.3", tls.min_version),
    LISTENER_TEXT("tls.ciphers", "ECDHE+AESGCM", tls.ciphers),
};

static const struct kind {
    const char *name;
    const char *others[3]; /* the kinds that listen by themselves: to be switched off */
    bool tls;
    bool websocket;
} kinds[] = {
    {"tcp", {"ws"}, false, false},
    {"ssl", {"tcp", "ws"}, true, false},
    {"ws", {"tcp"}, false, true},
    {"wss", {"tcp", "ws"}, true, true},
};

static int64_t number_at(const struct serve_config *config, const struct row *row)
{
    const void *base = row->place == IN_SETTINGS ? (const void *)config->settings
                       : row->place == IN_CONFIG ? (const void *)config
                                                 : (const void *)&config->listeners[0];
    const uint8_t *at = (const uint8_t *)base + row->offset;
    int64_t wide = 0;
    memcpy(&wide, at, row->bytes); /* little-endian; signed ones are widened below */
    if (row->bytes == sizeof(int32_t) &&
        row->offset == offsetof(struct serve_listener, options.allow_anonymous))
        return (int32_t)wide;
    return wide;
}

static const char *text_at(const struct serve_config *config, const struct row *row)
{
    const void *base = row->place == IN_SETTINGS ? (const void *)config->settings
                       : row->place == IN_CONFIG ? (const void *)config
                                                 : (const void *)&config->listeners[0];
    const char *text;
    memcpy(&text, (const uint8_t *)base + row->offset, sizeof(text));
    return text;
}

static bool is_as_expected(const struct serve_config *config, const struct row *row)
{
    if (row->type == NUMBER)
        return number_at(config, row) == row->number;
    const char *text = text_at(config, row);
    return text != NULL && strcmp(text, row->text) == 0;
}

/* Sets the key, with `prefix` before it and `sets` besides, and looks at where it has to land. */
static void check_row(const struct row *row, const char *prefix, const char *const *sets, size_t count)
{
    const char *all[SETS_MAX + 1];
    char set[256];
    struct serve_config config;
    assert_true(count <= SETS_MAX);
    memcpy(all, sets, count * sizeof(*sets));
    load(&config, all, count);
    CHECK(!is_as_expected(&config, row), "%s%s: the default is what the test expects", prefix, row->key);
    serve_config_free(&config);
    snprintf(set, sizeof(set), "%s%s=%s", prefix, row->key, row->value);
    all[count] = set;
    load(&config, all, count + 1);
    CHECK(is_as_expected(&config, row), "%s", set);
    serve_config_free(&config);
}

static void test_each_key_lands_in_its_setting(void **state)
{
    (void)state;
    static const char *const none[] = {"reactors=0"};
    TABLE_EACH(row, rows)
    check_row(row, "", none, 1);
}

static void check_listener_rows(const struct kind *kind, const struct row *table, size_t count)
{
    char prefix[64], texts[SETS_MAX][128];
    const char *sets[SETS_MAX];
    size_t set_count = 0;
    snprintf(prefix, sizeof(prefix), "listeners.%s.default.", kind->name);
    for (size_t i = 0; i < LENGTH(kind->others) && kind->others[i] != NULL; i++)
        snprintf(texts[set_count++], sizeof(texts[0]), "listeners.%s.default.enabled=false", kind->others[i]);
    if (kind->tls) {
        snprintf(texts[set_count++], sizeof(texts[0]), "%stls.cert=/cert.pem", prefix);
        snprintf(texts[set_count++], sizeof(texts[0]), "%stls.key=/key.pem", prefix);
        snprintf(texts[set_count++], sizeof(texts[0]), "%stls.ca=/ca.pem", prefix);
    }
    for (size_t i = 0; i < set_count; i++)
        sets[i] = texts[i];
    for (size_t i = 0; i < count; i++)
        check_row(&table[i], prefix, sets, set_count);
}

static void test_each_key_of_a_listener_lands_in_its_options(void **state)
{
    (void)state;
    TABLE_EACH(kind, kinds)
    {
        check_listener_rows(kind, listener_rows, LENGTH(listener_rows));
        if (kind->websocket)
            check_listener_rows(kind, websocket_rows, LENGTH(websocket_rows));
        if (kind->tls)
            check_listener_rows(kind, tls_rows, LENGTH(tls_rows));
    }
}

/* ---- Listeners -------------------------------------------------------------------------------------------- */

static const struct serve_listener *find(const struct serve_config *config, const char *name)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        if (strcmp(config->listeners[i].name, name) == 0)
            return &config->listeners[i];
    }
    return NULL;
}

static void test_without_a_certificate_only_tcp_and_ws_listen_on_loopback(void **state)
{
    (void)state;
    struct serve_config config;
    load(&config, NULL, 0);
    assert_int_equal(config.listener_count, 2);
    assert_string_equal(config.listeners[0].options.net.name, "tcp.default");
    assert_string_equal(config.listeners[0].options.net.bind, "127.0.0.1:1883");
    assert_string_equal(config.listeners[1].options.net.name, "ws.default");
    assert_string_equal(config.listeners[1].options.net.bind, "127.0.0.1:8083");
    assert_string_equal(config.listeners[1].options.net.websocket_path, "/mqtt");
    assert_true(config.listeners[1].options.net.websocket);
    assert_null(config.listeners[0].options.net.tls);
    serve_config_free(&config);
}

static void test_listeners_have_names_of_their_own_and_may_be_switched_off(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "listeners.tcp.default.enabled=false",      "listeners.ws.default.enabled=false",
        "listeners.tcp.inside.bind=127.0.0.1:1",    "listeners.tcp.inside.max_connections=5",
        "listeners.wss.outside.tls.cert=/cert.pem", "listeners.wss.outside.tls.key=/key.pem",
    };
    struct serve_config config;
    load(&config, sets, LENGTH(sets));
    assert_int_equal(config.listener_count, 2);
    const struct serve_listener *inside = find(&config, "tcp.inside");
    const struct serve_listener *outside = find(&config, "wss.outside");
    assert_non_null(inside);
    assert_non_null(outside);
    assert_int_equal(inside->options.net.max_connections, 5);
    assert_string_equal(outside->options.net.bind, "127.0.0.1:8084");
    assert_ptr_equal(outside->options.net.tls, &outside->tls);
    serve_config_free(&config);
}

static void test_certificates_by_host_name_come_in_order(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "listeners.ssl.default.tls={cert: /c, key: /k, sni: [{host: a.example, cert: /ac, key: /ak}, "
        "{host: '*.b.example', cert: /bc, key: /bk}]}",
    };
    struct serve_config config;
    load(&config, sets, LENGTH(sets));
    const struct serve_listener *listener = find(&config, "ssl.default");
    assert_non_null(listener);
    const struct tls_options *tls = listener->options.net.tls;
    assert_int_equal(tls->sni_count, 2);
    assert_string_equal(tls->sni[0].host, "a.example");
    assert_string_equal(tls->sni[1].host, "*.b.example");
    assert_string_equal(tls->sni[1].cert_file, "/bc");
    assert_string_equal(tls->sni[1].key_file, "/bk");
    serve_config_free(&config);
}

static void test_the_http_listener_has_its_certificate_and_its_names(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "listeners.http.tls.cert=/http.pem",
        "listeners.http.tls.key=/http.key",
        "listeners.http.hosts=[broker.example, b.example]",
    };
    struct serve_config config;
    load(&config, NULL, 0);
    assert_true(config.http_enabled);
    assert_null(config.http.tls_cert_file);
    assert_int_equal(config.http.host_count, 0);
    assert_int_equal(config.http.max_body_bytes, 1 << 20);
    serve_config_free(&config);
    load(&config, sets, LENGTH(sets));
    assert_string_equal(config.http.tls_cert_file, "/http.pem");
    assert_string_equal(config.http.tls_key_file, "/http.key");
    assert_int_equal(config.http.host_count, 2);
    assert_string_equal(config.http.hosts[1], "b.example");
    serve_config_free(&config);
}

/* ---- Rules ------------------------------------------------------------------------------------------------ */

static void test_rules_are_read_whole_and_in_order(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "authorization.rules=[{permission: allow, action: publish, username: u, clientid: c, "
        "ipaddress: 10.0.0.0/8, topics: [\"a/${clientid}\", \"eq b/#\"]}, "
        "{permission: deny, action: subscribe}, {}]",
    };
    struct serve_config config;
    load(&config, sets, LENGTH(sets));
    assert_int_equal(config.settings->acl_count, 3);
    const struct acl_rule *rules = config.settings->acl;
    assert_true(rules[0].allow && rules[0].publish && !rules[0].subscribe && rules[0].has_address);
    assert_string_equal(rules[0].username, "u");
    assert_string_equal(rules[0].client_id, "c");
    assert_int_equal(rules[0].prefix_bits, 104);
    assert_int_equal(rules[0].topic_count, 2);
    assert_string_equal(rules[0].topics[0], "a/${clientid}");
    assert_string_equal(rules[0].topics[1], "eq b/#");
    assert_true(!rules[1].allow && !rules[1].publish && rules[1].subscribe && !rules[1].has_address);
    assert_int_equal(rules[1].topic_count, 0);
    /* Nothing said: deny, everything. */
    assert_true(!rules[2].allow && rules[2].publish && rules[2].subscribe);
    serve_config_free(&config);
}

/* ---- What is wrong ---------------------------------------------------------------------------------------- */

static void test_what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        const char *text;
    } bad[] = {
        {"listeners.http.tls.cert=/http.pem", "--set: listeners.http.tls.key: is needed with cert"},
        {"listeners.http.max_body_bytes=1", "--set: listeners.http.max_body_bytes: is from 1KiB to 256MiB"},
        {"mqtt.max_qos=3", "--set: mqtt.max_qos: expected a whole number from 0 to 2, not \"3\""},
        {"mqtt.max_qoss=1", "--set: mqtt.max_qoss: unknown key"},
        {"mqtt.max_packet_bytes=257MiB",
         "--set: mqtt.max_packet_bytes: is at most 256 MiB, MQTT's own limit"},
        {"mqtt.server_keep_alive=65536s", "--set: mqtt.server_keep_alive: is from 0s to 65535s"},
        {"mqtt.connect_timeout=999ms", "--set: mqtt.connect_timeout: is from 1s to 3600s"},
        {"rule_engine.jq_function_default_timeout=11s",
         "--set: rule_engine.jq_function_default_timeout: is 1ms to 10s"},
        {"rule_engine.kv_store_max_bytes=0", "--set: rule_engine.kv_store_max_bytes: is 1 or more"},
        {"stations.segment_bytes=65535", "--set: stations.segment_bytes: is from 64KiB to 1GiB"},
        {"stations.segment_bytes=2GiB", "--set: stations.segment_bytes: is from 64KiB to 1GiB"},
        {"sessions.max_expiry=50000d", "--set: sessions.max_expiry: is at most 4294967294 seconds, or never"},
        {"sessions.when_full=explode",
         "--set: sessions.when_full: expected drop_oldest, drop_new or disconnect, not \"explode\""},
        {"allow_anonymous=maybe", "--set: allow_anonymous: is true or false"},
        {"log.level=loud", "--set: log.level: expected debug, info, warning or error, not \"loud\""},
        {"authorization.rules=[{topics: [\"a#\"]}]",
         "--set: authorization.rules[0].topics[0]: \"a#\" is no topic filter"},
        {"authorization.rules=[{topics: [\"$share/g/a\"]}]",
         "--set: authorization.rules[0].topics[0]: \"$share/g/a\" is no topic filter"},
        {"authorization.rules=[{ipaddress: 10.0.0.0/33}]",
         "--set: authorization.rules[0].ipaddress: \"10.0.0.0/33\": the prefix is 0 to 32"},
        {"authorization.rules=[{topic: a}]", "--set: authorization.rules[0].topic: unknown key"},
        {"listeners.ssl.default.tls.cert=/c", "--set: listeners.ssl.default.tls.key: is needed with cert"},
        {"listeners.ssl.default.tls={cert: /c, key: /k, require_client_cert: true}",
         "--set: listeners.ssl.default.tls.ca: is needed to check client certificates"},
        {"listeners.ssl.default.tls={cert: /c, key: /k, sni: [{host: h, cert: /c}]}",
         "--set: listeners.ssl.default.tls.sni[0]: needs host, cert and key"},
        {"listeners.ssl.default.bind=*:8883", "--set: listeners.ssl.default.tls.cert: is missing: without a "
                                              "certificate this listener does not listen"},
        {"listeners.tcp.default.bind=1883", "--set: listeners.tcp.default.bind: expected HOST:PORT, such as "
                                            "127.0.0.1:1883, [::1]:1883 or *:1883, not \"1883\""},
        {"listeners.http.bind=localhost:65536",
         "--set: listeners.http.bind: expected HOST:PORT, such as "
         "127.0.0.1:1883, [::1]:1883 or *:1883, not \"localhost:65536\""},
        {"listeners.tcp.default.path=/mqtt", "--set: listeners.tcp.default.path: unknown key"},
        {"listeners.udp.default.bind=:1", "--set: listeners.udp: unknown key"},
        {"listeners.tcp.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx={}",
         "--set: listeners.tcp.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: the listener's "
         "name is too long"},
    };
    TABLE_EACH(row, bad)
    {
        struct serve_config config;
        struct error err;
        CHECK(!serve_config_load(&config, NULL, &row->set, 1, NULL, &err), "%s", row->set);
        CHECK(err.code == ERR_INVALID, "%s", row->set);
        CHECK(strcmp(err.text, row->text) == 0, "%s: \"%s\"", row->set, err.text);
        assert_null(config.settings);
    }
}

/* ---- Documentation ---------------------------------------------------------------------------------------- */

static bool is_covered(const char *path)
{
    if (strcmp(path, "listeners.http.tls.cert") == 0) /* has a test of its own */
        return true;
    TABLE_EACH(row, rows)
    {
        if (strcmp(row->key, path) == 0)
            return true;
    }
    TABLE_EACH(kind, kinds)
    {
        char prefix[64];
        size_t len = (size_t)snprintf(prefix, sizeof(prefix), "listeners.%s.default.", kind->name);
        if (strncmp(path, prefix, len) != 0)
            continue;
        TABLE_EACH(row, listener_rows)
        {
            if (strcmp(row->key, path + len) == 0)
                return true;
        }
        TABLE_EACH(row, websocket_rows)
        {
            if (kind->websocket && strcmp(row->key, path + len) == 0)
                return true;
        }
        TABLE_EACH(row, tls_rows)
        {
            if (kind->tls && strcmp(row->key, path + len) == 0)
                return true;
        }
        if (strcmp(path + len, "enabled") == 0) /* has a test of its own */
            return true;
    }
    return false;
}

static void describe(struct buf *out)
{
    struct serve_config config;
    load(&config, NULL, 0);
    config_describe(config.config, out);
    serve_config_free(&config);
}

static void test_every_key_that_is_offered_is_tested_here(void **state)
{
    (void)state;
    struct buf table = {0};
    describe(&table);
    struct str rest = buf_str(&table), line;
    char untested[256] = "";
    size_t keys = 0;
    while (str_next(&rest, '\n', &line)) {
        if (!str_starts(line, STR("| `")))
            continue;
        struct str path, behind = str_make(line.data + 3, line.len - 3);
        assert_true(str_next(&behind, '`', &path));
        char *key = str_dup(path);
        if (!is_covered(key))
            snprintf(untested, sizeof(untested), "%s", key);
        mem_free(key);
        keys++;
    }
    buf_free(&table);
    assert_true(keys > LENGTH(rows));
    CHECK(untested[0] == '\0', "%s", untested);
}

static void read_doc(const char *name, struct buf *out)
{
    struct error err;
    char path[1024];
    snprintf(path, sizeof(path), SOURCE_DIR "/docs/%s", name);
    ASSERT_OK(buf_read_file(out, path, 1 << 20, &err), err);
}

static void test_the_documentation_has_the_table_of_keys(void **state)
{
    (void)state;
    struct buf table = {0}, doc = {0};
    describe(&table);
    read_doc("configuration.md", &doc);
    bool current = strstr(buf_cstr(&doc), buf_cstr(&table)) != NULL;
    buf_free(&table);
    buf_free(&doc);
    CHECK(current, "docs/configuration.md: scripts/docs.sh brings it up to date");
}

/* Loads each block of YAML in a document. Returns how many. */
static size_t load_examples(const char *name)
{
    static const char begin[] = "```yaml\n";
    struct buf doc = {0};
    size_t count = 0;
    char dir[HARNESS_PATH_BYTES], path[HARNESS_PATH_BYTES + 16];
    harness_make_dir(dir);
    snprintf(path, sizeof(path), "%s/varve.yaml", dir);
    read_doc(name, &doc);
    for (const char *at = buf_cstr(&doc); (at = strstr(at, begin)) != NULL; count++) {
        at += sizeof(begin) - 1;
        const char *end = strstr(at, "```");
        assert_non_null(end);
        struct buf example = {0};
        struct serve_config config;
        struct error err;
        buf_append(&example, at, (size_t)(end - at));
        ASSERT_OK(buf_write_file(&example, path, 0600, &err), err);
        CHECK(serve_config_load(&config, path, NULL, 0, NULL, &err), "%s, example %zu: %s", name, count,
              err.text);
        serve_config_free(&config);
        buf_free(&example);
    }
    buf_free(&doc);
    harness_remove_dir(dir);
    return count;
}

static void test_the_examples_of_the_documentation_are_taken(void **state)
{
    (void)state;
    assert_true(load_examples("configuration.md") > 0);
    assert_true(load_examples("security.md") > 0);
}

RUN_TESTS(cmocka_unit_test(test_each_key_lands_in_its_setting),
          cmocka_unit_test(test_the_http_listener_has_its_certificate_and_its_names),
          cmocka_unit_test(test_each_key_of_a_listener_lands_in_its_options),
          cmocka_unit_test(test_without_a_certificate_only_tcp_and_ws_listen_on_loopback),
          cmocka_unit_test(test_listeners_have_names_of_their_own_and_may_be_switched_off),
          cmocka_unit_test(test_certificates_by_host_name_come_in_order),
          cmocka_unit_test(test_rules_are_read_whole_and_in_order),
          cmocka_unit_test(test_what_is_wrong_is_named),
          cmocka_unit_test(test_every_key_that_is_offered_is_tested_here),
          cmocka_unit_test(test_the_documentation_has_the_table_of_keys),
          cmocka_unit_test(test_the_examples_of_the_documentation_are_taken))

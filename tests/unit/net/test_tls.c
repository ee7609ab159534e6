/* TLS channels: versions, certificates, names, revocation, reload; with WebSocket and the PROXY header too. */
#include "tls_files.h"
#include "ws_client.h"

static struct tls_options plain_tls(void)
{
    return (struct tls_options){.cert_file = tls_path("server.crt"), .key_file = tls_path("server.key")};
}

static void start(struct server *server, const struct channel_ops *ops, const struct tls_options *tls)
{
    server_start_with(server, 2, (struct listener_options){.ops = ops, .tls = tls});
}

static void test_echo_over_both_versions(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct server server;
    struct tls_options tls = plain_tls();
    start(&server, &echo_ops, &tls);
    static uint8_t sent[300000];
    static uint8_t got[300000];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 7 + (i >> 10));
    for (size_t v = 0; v < 2; v++) {
        static const size_t lengths[] = {1, 100, 16384, 16385, 50000, 300000};
        struct tls_client client;
        assert_true(tls_connect(&client, &server, (struct tls_client_options){.version = versions[v]}));
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            tls_send(&client, sent, lengths[i]);
            assert_true(tls_read(&client, got, lengths[i]));
            assert_memory_equal(got, sent, lengths[i]);
        }
        SSL_shutdown(client.ssl);
        tls_close(&client);
    }
    WAIT_FOR(atomic_load(&server.counts.closed) == 2);
    assert_int_equal(atomic_load(&server.counts.last_code), ERR_NONE);
    server_stop(&server);
}

static void test_old_versions_are_refused(void **state)
{
    (void)state;
    struct server server;
    struct tls_options tls = plain_tls();
    tls.min_version = "1.3";
    start(&server, &echo_ops, &tls);
    struct tls_client client;
    assert_false(tls_connect(&client, &server, (struct tls_client_options){.version = TLS1_2_VERSION}));
    tls_close(&client);
    assert_true(tls_connect(&client, &server, (struct tls_client_options){.version = TLS1_3_VERSION}));
    tls_close(&client);
    server_stop(&server);
}

static void test_bytes_that_are_no_tls_are_refused(void **state)
{
    (void)state;
    struct server server;
    struct tls_options tls = plain_tls();
    start(&server, &echo_ops, &tls);
    int fd = client_connect(&server);
    client_send(fd, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00", 14);
    uint8_t byte;
    while (recv(fd, &byte, 1, 0) > 0)
        continue; /* an alert may come first */
    close(fd);
    WAIT_FOR(listener_connections(server.listener) == 0);
    assert_int_equal(atomic_load(&server.counts.opened), 0);
    server_stop(&server);
}

/* ---- Slow readers ---------------------------------------------------------------------------------------- */

static void test_slow_reader_gets_everything_and_a_goodbye(void **state)
{
    (void)state;
    struct server server;
    struct tls_options tls = plain_tls();
    start(&server, &produce_ops, &tls);
    struct tls_client client;
    assert_true(tls_connect(&client, &server, (struct tls_client_options){0}));
    tls_send(&client, "x", 1);
    WAIT_FOR(atomic_load(&server.counts.blocked) > 0);
    static uint8_t piece[65536];
    size_t seen = 0;
    size_t n;
    while (SSL_read_ex(client.ssl, piece, sizeof piece, &n) == 1) {
        expect_pattern(piece, n, seen);
        seen += n;
    }
    assert_int_equal(SSL_get_error(client.ssl, 0), SSL_ERROR_ZERO_RETURN);
    assert_true(seen >= OUTPUT_TARGET);
    tls_close(&client);
    server_stop(&server);
}

/* ---- Names ----------------------------------------------------------------------------------------------- */

static void test_certificate_is_chosen_by_host_name(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        const char *name;
    } table[] = {
        {NULL, "localhost"},
        {"localhost", "localhost"},
        {"other.example", "other.example"},
        {"OTHER.example", "other.example"},
        {"a.wild.example", "*.wild.example"},
        {"a.b.wild.example", "localhost"},
        {"wild.example", "localhost"},
        {"exact.wild.example", "other.example"},
        {"unknown.example", "localhost"},
    };
    const struct tls_sni sni[] = {
        {"other.example", tls_path("other.crt"), tls_path("other.key")},
        {"*.wild.example", tls_path("wild.crt"), tls_path("wild.key")},
        {"exact.wild.example", tls_path("other.crt"), tls_path("other.key")},
    };
    struct server server;
    struct tls_options tls = plain_tls();
    tls.sni = sni;
    tls.sni_count = 3;
    start(&server, &echo_ops, &tls);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct tls_client client;
        assert_true(tls_connect(&client, &server, (struct tls_client_options){.host = table[i].host}));
        char name[64] = "";
        X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(client.ssl)),
                                  NID_commonName, name, sizeof name);
        assert_string_equal(name, table[i].name);
        tls_close(&client);
    }
    server_stop(&server);
}

/* ---- Client certificates --------------------------------------------------------------------------------- */

/* Tells the certificate's names, for whatever it is sent. */
static size_t data_names(struct channel *channel, uint8_t *data, size_t len)
{
    (void)data;
    char text[512];
    char name[128];
    int at = snprintf(text, sizeof text, "tls=%d cn=%s", channel_is_tls(channel),
                      channel_cert_common_name(channel, name, sizeof name) ? name : "-");
    for (unsigned i = 0; channel_cert_alt_name(channel, i, name, sizeof name); i++)
        at += snprintf(text + at, sizeof text - (size_t)at, " alt=%s", name);
    char cut[4];
    if (channel_cert_common_name(channel, cut, sizeof cut))
        at += snprintf(text + at, sizeof text - (size_t)at, " cut=%s", cut);
    channel_write(channel, text, (size_t)at);
    channel_write(channel, ".", 1);
    return len;
}

static const struct channel_ops names_ops = {open_counted, data_names, drained_counted, timeout_counted,
                                             closed_counted};

static void test_client_certificate_table(void **state)
{
    (void)state;
    static const struct {
        const char *identity;
        bool required;
        const char *crl;
        const char *answer; /* NULL: refused */
    } table[] = {
        {NULL, false, NULL, "tls=1 cn=-."},
        {NULL, true, NULL, NULL},
        {"client", true, NULL, "tls=1 cn=device-7 alt=d7.example alt=d7@a.example alt=urn:d7 cut=dev."},
        {"client", false, "crl", "tls=1 cn=device-7 alt=d7.example alt=d7@a.example alt=urn:d7 cut=dev."},
        {"revoked", true, NULL, "tls=1 cn=device-8 cut=dev."},
        {"revoked", true, "crl.empty", "tls=1 cn=device-8 cut=dev."},
        {"revoked", true, "crl", NULL},
        {"revoked", false, "crl", NULL},
        {"stranger", true, NULL, NULL},
        {"stranger", false, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            struct server server;
            struct tls_options tls = plain_tls();
            tls.ca_file = tls_path("ca.crt");
            tls.crl_file = table[i].crl != NULL ? tls_path(table[i].crl) : NULL;
            tls.require_client_cert = table[i].required;
            start(&server, &names_ops, &tls);
            struct tls_client client;
            bool connected =
                tls_connect(&client, &server,
                            (struct tls_client_options){.identity = table[i].identity, .version = version});
            if (table[i].answer != NULL) {
                assert_true(connected);
                tls_send(&client, "?", 1);
                tls_expect(&client, table[i].answer);
            } else {
                /* TLS 1.3: the client learns it with its first read. */
                char byte;
                assert_true(!connected || !tls_read(&client, &byte, 1));
                WAIT_FOR(listener_connections(server.listener) == 0);
                assert_int_equal(atomic_load(&server.counts.opened), 0);
            }
            tls_close(&client);
            server_stop(&server);
        }
    }
}

/* ---- Files ----------------------------------------------------------------------------------------------- */

static void test_bad_files_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *cert;
        const char *key;
        const char *ca;
        const char *crl;
        bool required;
        const char *min_version;
        const char *ciphers;
        const char *text; /* a part of the error */
    } table[] = {
        {"server.crt", "client.key", NULL, NULL, false, NULL, NULL,
         "client.key does not match the certificate"},
        {"missing.crt", "server.key", NULL, NULL, false, NULL, NULL, "missing.crt: No such file"},
        {"server.crt", "missing.key", NULL, NULL, false, NULL, NULL, "missing.key: No such file"},
        {"garbage", "server.key", NULL, NULL, false, NULL, NULL, "garbage: no start line"},
        {"server.crt", "garbage", NULL, NULL, false, NULL, NULL, "key file "},
        {"server.crt", "locked.key", NULL, NULL, false, NULL, NULL, "locked.key"},
        {"server.crt", "server.key", "missing.ca", NULL, false, NULL, NULL, "missing.ca: No such file"},
        {"server.crt", "server.key", "garbage", NULL, false, NULL, NULL, "CA file "},
        {"server.crt", "server.key", "ca.crt", "garbage", false, NULL, NULL, "revocation list "},
        {"server.crt", "server.key", NULL, "crl", false, NULL, NULL, "needs a CA file"},
        {"server.crt", "server.key", NULL, NULL, true, NULL, NULL, "needs a CA file"},
        {"server.crt", "server.key", NULL, NULL, false, "1.1", NULL, "min_version \"1.1\""},
        {"server.crt", "server.key", NULL, NULL, false, NULL, "NO-SUCH", "ciphers NO-SUCH"},
        {NULL, "server.key", NULL, NULL, false, NULL, NULL, "needs a certificate file"},
    };
    struct server server;
    struct tls_options good = plain_tls();
    start(&server, &echo_ops, &good);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct tls_options tls = {
            .cert_file = table[i].cert != NULL ? tls_path(table[i].cert) : NULL,
            .key_file = tls_path(table[i].key),
            .ca_file = table[i].ca != NULL ? tls_path(table[i].ca) : NULL,
            .crl_file = table[i].crl != NULL ? tls_path(table[i].crl) : NULL,
            .require_client_cert = table[i].required,
            .min_version = table[i].min_version,
            .ciphers = table[i].ciphers,
        };
        struct error err = {0};
        struct listener_options options = {
            .name = "ssl", .bind = "127.0.0.1:0", .ops = &echo_ops, .tls = &tls};
        assert_null(listener_open(server.group, &options, &err));
        if (err.code != ERR_INVALID || strstr(err.text, table[i].text) == NULL ||
            strncmp(err.text, "listener ssl: ", 14) != 0)
            fail_msg("row %zu: %d %s", i, err.code, err.text);
        assert_false(listener_reload_tls(server.listener, &tls, &err));
    }
    struct tls_client client;
    assert_true(tls_connect(&client, &server, (struct tls_client_options){0}));
    tls_close(&client);
    server_stop(&server);
}

static void test_reload_keeps_open_connections(void **state)
{
    (void)state;
    struct server server;
    struct tls_options tls = plain_tls();
    start(&server, &echo_ops, &tls);
    struct tls_client old;
    assert_true(tls_connect(&old, &server, (struct tls_client_options){0}));
    tls.cert_file = tls_path("other.crt");
    tls.key_file = tls_path("other.key");
    struct error err = {0};
    assert_true(listener_reload_tls(server.listener, &tls, &err));
    struct tls_client fresh;
    assert_true(tls_connect(&fresh, &server, (struct tls_client_options){0}));
    char name[64] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(fresh.ssl)), NID_commonName,
                              name, sizeof name);
    assert_string_equal(name, "other.example");
    tls_send(&old, "still here", 10);
    tls_expect(&old, "still here");
    tls_close(&old);
    tls_close(&fresh);
    server_stop(&server);
}

static void test_plain_listener_has_nothing_to_reload(void **state)
{
    (void)state;
    struct server server;
    start(&server, &echo_ops, NULL);
    struct tls_options tls = plain_tls();
    struct error err = {0};
    assert_false(listener_reload_tls(server.listener, &tls, &err));
    assert_int_equal(err.code, ERR_INVALID);
    server_stop(&server);
}

static void test_handshake_that_does_not_come_times_out(void **state)
{
    (void)state;
    struct server server;
    struct tls_options tls = plain_tls();
    server_start_with(&server, 1,
                      (struct listener_options){.ops = &echo_ops, .tls = &tls, .handshake_timeout_s = 1});
    int64_t begin_ms = clock_mono_ms();
    int fd = client_connect(&server);
    client_expect_end(fd);
    assert_true(clock_mono_ms() - begin_ms >= 900);
    close(fd);
    server_stop(&server);
}

/* ---- All layers ------------------------------------------------------------------------------------------ */

static size_t data_peer(struct channel *channel, uint8_t *data, size_t len)
{
    (void)data;
    char peer[CHANNEL_PEER_BYTES];
    channel_peer_text(channel, peer);
    channel_write(channel, peer, strlen(peer));
    channel_write(channel, ".", 1);
    return len;
}

static const struct channel_ops peer_ops = {open_counted, data_peer, drained_counted, timeout_counted,
                                            closed_counted};

static void test_proxy_then_tls_then_websocket(void **state)
{
    (void)state;
    struct server server;
    struct tls_options tls = plain_tls();
    server_start_with(&server, 1,
                      (struct listener_options){.ops = &peer_ops,
                                                .tls = &tls,
                                                .websocket = true,
                                                .websocket_path = "/mqtt",
                                                .proxy_protocol = true});
    struct tls_client client;
    assert_true(tls_connect(
        &client, &server,
        (struct tls_client_options){.preface = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 8084\r\n"}));
    tls_send(&client, WS_REQUEST, strlen(WS_REQUEST));
    tls_expect(&client, WS_ANSWER);
    for (int i = 0; i < 3; i++) {
        uint8_t frame[32];
        tls_send(&client, frame, ws_frame(frame, FIN | BINARY, "?", 1));
        tls_expect(&client, "\x82\x10"
                            "192.0.2.7:56324.");
    }
    uint8_t frame[32];
    tls_send(&client, frame, ws_frame(frame, FIN | CLOSE, "\x03\xe8", 2));
    tls_expect(&client, "\x88\x02\x03\xe8");
    tls_expect_end(&client);
    tls_close(&client);
    server_stop(&server);
}

/* ---- Moves ----------------------------------------------------------------------------------------------- */

/* Echoes 100 bytes, then goes to the other reactor with what is left. */
static size_t data_moves(struct channel *channel, uint8_t *data, size_t len)
{
    struct reactor *reactor = channel_reactor(channel);
    if (len < 100)
        return 0;
    channel_write(channel, data, 100);
    channel_move(channel, reactor_at(reactor_group_of(reactor), 1 - reactor_index(reactor)));
    return 100;
}

static void open_once(struct channel *channel)
{
    if (connection_of(channel)->step++ == 0)
        open_counted(channel);
}

static void test_layers_move_with_their_channel(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_once, data_moves, drained_counted, timeout_counted,
                                           closed_counted};
    static uint8_t sent[40000];
    static uint8_t got[40000];
    static uint8_t frames[40000 + 100 * 14];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 7 + (i >> 8));
    struct server server;
    struct tls_options tls = plain_tls();
    start(&server, &ops, &tls);
    struct tls_client client;
    assert_true(tls_connect(&client, &server, (struct tls_client_options){0}));
    tls_send(&client, sent, sizeof sent); /* more than one record: some of it waits inside OpenSSL */
    assert_true(tls_read(&client, got, sizeof got));
    assert_memory_equal(got, sent, sizeof sent);
    tls_close(&client);
    server_stop(&server);

    server_start_with(
        &server, 2,
        (struct listener_options){.ops = &ops, .tls = &tls, .websocket = true, .websocket_path = "/mqtt"});
    assert_true(tls_connect(&client, &server, (struct tls_client_options){0}));
    tls_send(&client, WS_REQUEST, strlen(WS_REQUEST));
    tls_expect(&client, WS_ANSWER);
    size_t len = 0;
    for (size_t at = 0; at < sizeof sent; at += 400)
        len += ws_frame(frames + len, FIN | BINARY, sent + at, 400);
    tls_send(&client, frames, len);
    for (size_t at = 0; at < sizeof got;) {
        uint8_t header[2];
        assert_true(tls_read(&client, header, 2));
        assert_int_equal(header[0], FIN | BINARY);
        assert_true(header[1] > 0 && header[1] <= 125 && header[1] <= sizeof got - at);
        assert_true(tls_read(&client, got + at, header[1]));
        at += header[1];
    }
    assert_memory_equal(got, sent, sizeof sent);
    tls_close(&client);
    server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_over_both_versions),
        cmocka_unit_test(test_old_versions_are_refused),
        cmocka_unit_test(test_bytes_that_are_no_tls_are_refused),
        cmocka_unit_test(test_slow_reader_gets_everything_and_a_goodbye),
        cmocka_unit_test(test_certificate_is_chosen_by_host_name),
        cmocka_unit_test(test_client_certificate_table),
        cmocka_unit_test(test_bad_files_are_named),
        cmocka_unit_test(test_reload_keeps_open_connections),
        cmocka_unit_test(test_plain_listener_has_nothing_to_reload),
        cmocka_unit_test(test_handshake_that_does_not_come_times_out),
        cmocka_unit_test(test_proxy_then_tls_then_websocket),
        cmocka_unit_test(test_layers_move_with_their_channel),
    };
    return cmocka_run_group_tests(tests, tls_files_make, tls_files_remove);
}

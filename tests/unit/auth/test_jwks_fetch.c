/* Fetching a key set from servers of our own: one for http, one for https with a certificate made here. Each
 * listens on a free port and answers by path, one connection after the other, until the test ends. */
#include "auth/token.h"

#include "base/mem.h"
#include "base/thread.h"
#include "loopback.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>

#define KEY_SET       "{\"keys\":[" RFC_A2_JWK "," RFC_A3_JWK "]}"
#define ANSWER_MAX    65536 /* what the tests' fetch takes */
#define PATIENCE_MS   20000 /* longer than any answer takes; a test that waits for it fails */
#define URL_BYTES     128
#define REQUEST_BYTES 2048

struct server {
    int listener;
    uint16_t port;
    SSL_CTX *tls;           /* NULL: plain */
    unsigned redirect_port; /* of the https server */
    pthread_t thread;
};

/* One connection, plain or TLS. */
struct peer {
    int fd;
    SSL *tls;
};

static struct server plain;
static struct server secure;
static char ca_file[] = "/tmp/varve-test-ca-XXXXXX";

/* ---- The server ------------------------------------------------------------------------------------------ */

static ssize_t peer_read(struct peer *peer, void *data, size_t len)
{
    return peer->tls != NULL ? SSL_read(peer->tls, data, (int)len) : recv(peer->fd, data, len, 0);
}

static bool peer_write(struct peer *peer, struct str text)
{
    const char *at = text.data;
    size_t len = text.len;
    while (len != 0) {
        ssize_t sent = peer->tls != NULL ? SSL_write(peer->tls, at, (int)len) : send(peer->fd, at, len, 0);
        if (sent <= 0)
            return false; /* the client has had enough */
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

static void answer(struct peer *peer, const char *status, const char *header, const char *body)
{
    struct buf text = {0};
    buf_printf(&text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n%s", status,
               strlen(body), header, body);
    peer_write(peer, buf_str(&text));
    buf_free(&text);
}

static void redirect(struct peer *peer, const char *scheme, unsigned port, const char *path)
{
    char header[256];
    snprintf(header, sizeof header, "Location: %s://127.0.0.1:%u%s\r\n", scheme, port, path);
    answer(peer, "302 Found", header, "");
}

static void answer_without_end(struct peer *peer)
{
    char block[4096];
    memset(block, ' ', sizeof block);
    bool more = peer_write(peer, STR("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"));
    while (more)
        more = peer_write(peer, str_make(block, sizeof block));
}

static void answer_path(const struct server *server, struct peer *peer, const char *path)
{
    if (strcmp(path, "/ok") == 0) {
        answer(peer, "200 OK", "Content-Type: application/jwk-set+json\r\n", KEY_SET);
    } else if (strcmp(path, "/empty") == 0) {
        answer(peer, "200 OK", "", "");
    } else if (strcmp(path, "/no-json") == 0) {
        answer(peer, "200 OK", "", "<html>\xff</html>");
    } else if (strcmp(path, "/created") == 0) {
        answer(peer, "201 Created", "", KEY_SET);
    } else if (strcmp(path, "/error") == 0) {
        answer(peer, "500 Internal Server Error", "", KEY_SET);
    } else if (strcmp(path, "/large") == 0) {
        peer_write(peer, STR("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n"));
    } else if (strcmp(path, "/endless") == 0) {
        answer_without_end(peer);
    } else if (strcmp(path, "/short") == 0) {
        peer_write(peer, STR("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"keys\":"));
    } else if (strcmp(path, "/garbage") == 0) {
        peer_write(peer, STR("\x00\xff\x80 this is no HTTP\r\n\r\n"));
    } else if (strcmp(path, "/to-http") == 0) {
        redirect(peer, "http", plain.port, "/ok");
    } else if (strcmp(path, "/to-https") == 0) {
        redirect(peer, "https", server->redirect_port, "/ok");
    } else if (strcmp(path, "/to-file") == 0) {
        answer(peer, "302 Found", "Location: file:///etc/hostname\r\n", "");
    } else if (strncmp(path, "/hops/", 6) == 0 && path[6] == '0') {
        answer(peer, "200 OK", "", KEY_SET);
    } else if (strncmp(path, "/hops/", 6) == 0) {
        redirect(peer, "https", server->redirect_port,
                 (char[]){'/', 'h', 'o', 'p', 's', '/', (char)(path[6] - 1), '\0'});
    } else if (strcmp(path, "/silent") == 0) {
        peer_read(peer, (char[1]){0}, 1); /* says nothing until the client hangs up */
    } else {
        answer(peer, "404 Not Found", "", "not here");
    }
}

static void serve(const struct server *server, struct peer *peer)
{
    char request[REQUEST_BYTES] = "";
    size_t len = 0;
    while (strstr(request, "\r\n\r\n") == NULL) {
        ssize_t got = peer_read(peer, request + len, sizeof request - 1 - len);
        if (got <= 0)
            return;
        len += (size_t)got;
        request[len] = '\0';
    }
    if (strncmp(request, "GET ", 4) != 0)
        return;
    request[4 + strcspn(request + 4, " \r\n")] = '\0';
    answer_path(server, peer, request + 4);
}

static void *run_server(void *arg)
{
    struct server *server = arg;
    for (;;) {
        struct peer peer = {.fd = accept(server->listener, NULL, NULL)};
        if (peer.fd < 0)
            return NULL;
        bool ready = true;
        if (server->tls != NULL) {
            peer.tls = SSL_new(server->tls);
            SSL_set_fd(peer.tls, peer.fd);
            ready = SSL_accept(peer.tls) == 1;
        }
        if (ready)
            serve(server, &peer);
        if (peer.tls != NULL && ready)
            SSL_shutdown(peer.tls);
        SSL_free(peer.tls);
        close(peer.fd);
    }
}

static int listen_anywhere(uint16_t *port)
{
    int fd = loopback_bind(port);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

/* A certificate of our own for 127.0.0.1; also written to ca_file. */
static SSL_CTX *make_tls(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"test",
                               -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    static const struct {
        int nid;
        const char *value;
    } extensions[] = {{NID_basic_constraints, "critical,CA:TRUE"}, {NID_subject_alt_name, "IP:127.0.0.1"}};
    for (size_t i = 0; i < 2; i++) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, extensions[i].nid, extensions[i].value);
        assert_int_equal(X509_add_ext(cert, extension, -1), 1);
        X509_EXTENSION_free(extension);
    }
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);

    FILE *file = fdopen(mkstemp(ca_file), "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);

    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(tls, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(tls, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    return tls;
}

static int start_servers(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    secure.tls = make_tls();
    plain.listener = listen_anywhere(&plain.port);
    secure.listener = listen_anywhere(&secure.port);
    plain.redirect_port = secure.redirect_port = secure.port;
    return thread_start(&plain.thread, "plain", run_server, &plain, NULL) &&
                   thread_start(&secure.thread, "secure", run_server, &secure, NULL)
               ? 0
               : -1;
}

static int stop_servers(void **state)
{
    (void)state;
    struct server *servers[] = {&plain, &secure};
    for (size_t i = 0; i < 2; i++) {
        shutdown(servers[i]->listener, SHUT_RDWR); /* accept() fails */
        pthread_join(servers[i]->thread, NULL);
        close(servers[i]->listener);
    }
    SSL_CTX_free(secure.tls);
    unlink(ca_file);
    return 0;
}

/* ---- The tests ------------------------------------------------------------------------------------------- */

static const char *url_of(const struct server *server, const char *path, char url[URL_BYTES])
{
    snprintf(url, URL_BYTES, "%s://127.0.0.1:%u%s", server->tls != NULL ? "https" : "http", server->port,
             path);
    return url;
}

/* Fetches behind a first byte that must stay; *out is the caller's to free. */
static enum error_code fetch(const struct server *server, const char *path, long timeout_ms, struct buf *out)
{
    char url[URL_BYTES];
    struct error err = {.code = ERR_NONE};
    struct jwks_limits limits = {.timeout_ms = timeout_ms, .bytes_max = ANSWER_MAX};
    *out = (struct buf){0};
    buf_append_byte(out, '>');
    if (!jwks_fetch_within(url_of(server, path, url), ca_file, &limits, out, &err))
        assert_int_equal(out->len, 1);
    assert_int_equal(out->data[0], '>');
    return err.code;
}

static enum error_code fetch_code(const struct server *server, const char *path)
{
    struct buf out;
    enum error_code code = fetch(server, path, PATIENCE_MS, &out);
    buf_free(&out);
    return code;
}

static void test_a_key_set_comes_over_http_and_https(void **state)
{
    (void)state;
    const struct server *servers[] = {&plain, &secure};
    for (size_t i = 0; i < 2; i++) {
        struct buf out;
        assert_int_equal(fetch(servers[i], "/ok", PATIENCE_MS, &out), ERR_NONE);
        assert_true(str_is(buf_str(&out), ">" KEY_SET));
        buf_free(&out);
    }
}

static void test_what_is_fetched_can_be_added(void **state)
{
    (void)state;
    char url[URL_BYTES];
    struct buf out = {0};
    struct jwt_keys *keys = jwt_keys_new();
    assert_true(jwks_fetch(url_of(&secure, "/ok", url), ca_file, &out, NULL));
    assert_true(jwt_keys_add_jwks(keys, buf_str(&out), NULL));
    assert_int_equal(jwt_keys_count(keys), 2);
    jwt_keys_free(keys);
    buf_free(&out);
}

static void test_a_body_that_is_no_json_is_not_added(void **state)
{
    (void)state;
    static const char *const paths[] = {"/no-json", "/empty"};
    for (size_t i = 0; i < 2; i++) {
        char url[URL_BYTES];
        struct buf out = {0};
        struct jwt_keys *keys = jwt_keys_new();
        assert_true(jwks_fetch(url_of(&plain, paths[i], url), NULL, &out, NULL));
        assert_false(jwt_keys_add_jwks(keys, buf_str(&out), NULL));
        jwt_keys_free(keys);
        buf_free(&out);
    }
}

static void test_answers_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum error_code code;
    } cases[] = {
        {"/nowhere", ERR_IO},        {"/created", ERR_IO},       {"/error", ERR_IO}, {"/short", ERR_IO},
        {"/garbage", ERR_PROTOCOL},  {"/large", ERR_TOO_LARGE}, /* says so beforehand */
        {"/endless", ERR_TOO_LARGE},                            /* does not */
        {"/to-http", ERR_PROTOCOL},  {"/to-file", ERR_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (fetch_code(&plain, cases[i].path) != cases[i].code)
            fail_msg("http %s", cases[i].path);
        if (fetch_code(&secure, cases[i].path) != cases[i].code)
            fail_msg("https %s", cases[i].path);
    }
}

static void test_redirects_lead_to_https_at_most_three_times(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum error_code code;
    } cases[] = {
        {"/to-https", ERR_NONE}, {"/hops/0", ERR_NONE},     {"/hops/1", ERR_NONE},
        {"/hops/3", ERR_NONE},   {"/hops/4", ERR_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(fetch_code(&plain, cases[i].path), cases[i].code);
        assert_int_equal(fetch_code(&secure, cases[i].path), cases[i].code);
    }
}

static void test_a_silent_server_times_out(void **state)
{
    (void)state;
    struct buf out;
    assert_int_equal(fetch(&plain, "/silent", 100, &out), ERR_TIMEOUT);
    buf_free(&out);
}

static void test_a_certificate_must_verify(void **state)
{
    (void)state;
    char url[URL_BYTES];
    struct error err;
    struct buf out = {0};
    /* The system's authorities do not know it, and a file that is not there knows nobody. */
    assert_false(jwks_fetch(url_of(&secure, "/ok", url), NULL, &out, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_false(jwks_fetch(url, "/nonexistent/ca.pem", &out, &err));
    assert_int_equal(err.code, ERR_IO);
    /* It is for the address, not for this name. */
    snprintf(url, sizeof url, "https://localhost:%u/ok", secure.port);
    assert_false(jwks_fetch(url, ca_file, &out, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

static void test_nobody_listening_is_an_error(void **state)
{
    (void)state;
    /* The port is taken, so that no other program listens there, and nobody listens. */
    struct server gone = {.listener = loopback_bind(&gone.port)};
    assert_int_equal(fetch_code(&gone, "/ok"), ERR_IO);
    close(gone.listener);
}

static void test_other_urls_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "",        "/etc/hostname", "file:///etc/hostname",    "ftp://127.0.0.1/ok", "gopher://127.0.0.1/",
        "http://", "127.0.0.1/ok",  "http://127.0.0.1:99999/", "javascript:alert(1)"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct error err;
        struct buf out = {0};
        if (jwks_fetch(urls[i], NULL, &out, &err))
            fail_msg("%s", urls[i]);
        assert_int_equal(err.code, ERR_INVALID);
        buf_free(&out);
    }
}

static void test_error_texts_hold_no_password_of_the_url(void **state)
{
    (void)state;
    char url[URL_BYTES];
    struct error err;
    struct buf out = {0};
    snprintf(url, sizeof url, "http://user:opensesame@127.0.0.1:%u/nowhere?token=opensesame", plain.port);
    assert_false(jwks_fetch(url, NULL, &out, &err));
    assert_null(strstr(err.text, "opensesame"));
    assert_non_null(strstr(err.text, "127.0.0.1"));
    assert_non_null(strstr(err.text, "404"));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_set_comes_over_http_and_https),
        cmocka_unit_test(test_what_is_fetched_can_be_added),
        cmocka_unit_test(test_a_body_that_is_no_json_is_not_added),
        cmocka_unit_test(test_answers_that_are_refused),
        cmocka_unit_test(test_redirects_lead_to_https_at_most_three_times),
        cmocka_unit_test(test_a_silent_server_times_out),
        cmocka_unit_test(test_a_certificate_must_verify),
        cmocka_unit_test(test_nobody_listening_is_an_error),
        cmocka_unit_test(test_other_urls_are_refused),
        cmocka_unit_test(test_error_texts_hold_no_password_of_the_url),
    };
    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}

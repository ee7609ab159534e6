/* TLS: whom the client trusts. The broker is a bare TLS server on a thread with a certificate made here, which
 * answers CONNECT with CONNACK. */
#include "loopback.h"

#include "base/thread.h"
#include "client/client.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

static struct identity authority, broker, stranger;
static char authority_file[] = "/tmp/varve-test-XXXXXX";
static char stranger_file[] = "/tmp/varve-test-XXXXXX";
static char key_file[] = "/tmp/varve-test-XXXXXX";

static void extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *added = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(added);
    X509_add_ext(certificate, added, -1);
    X509_EXTENSION_free(added);
}

/* issuer NULL: an authority that signs itself. */
static void identity_make(struct identity *out, const char *name, const struct identity *issuer)
{
    X509 *certificate = X509_new();
    out->key = EVP_EC_gen("P-256");
    out->certificate = certificate;
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer == NULL ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, out->key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate,
                         X509_get_subject_name(issuer != NULL ? issuer->certificate : certificate));
    if (issuer == NULL)
        extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
    else
        extension(certificate, issuer->certificate, NID_subject_alt_name, "IP:127.0.0.1,DNS:broker.test");
    assert_true(X509_sign(certificate, issuer != NULL ? issuer->key : out->key, EVP_sha256()) > 0);
}

static void identity_free(struct identity *identity)
{
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
}

static void pem_write(char *path, X509 *certificate, EVP_PKEY *key)
{
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    if (certificate != NULL)
        PEM_write_X509(file, certificate);
    if (key != NULL)
        PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
}

static int setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    identity_make(&authority, "authority", NULL);
    identity_make(&stranger, "stranger", NULL);
    identity_make(&broker, "broker", &authority);
    pem_write(authority_file, authority.certificate, NULL);
    pem_write(stranger_file, stranger.certificate, NULL);
    pem_write(key_file, broker.certificate, broker.key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    identity_free(&authority);
    identity_free(&stranger);
    identity_free(&broker);
    unlink(authority_file);
    unlink(stranger_file);
    unlink(key_file);
    return 0;
}

/* ---- the broker ---- */

struct server {
    int listener;
    uint16_t port;
    pthread_t thread;
    bool asks_certificate;
    bool got_certificate;
};

static void serve(struct server *server, SSL *ssl)
{
    char packet[1024];
    if (SSL_accept(ssl) != 1)
        return;
    X509 *peer = SSL_get1_peer_certificate(ssl);
    server->got_certificate = peer != NULL;
    X509_free(peer);
    if (SSL_read(ssl, packet, sizeof packet) <= 0)
        return;
    SSL_write(ssl, "\x20\x03\x00\x00\x00", 5);
    while (SSL_read(ssl, packet, sizeof packet) > 0)
        continue;
    SSL_shutdown(ssl);
}

static void *server_run(void *arg)
{
    struct server *server = arg;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, broker.certificate);
    SSL_CTX_use_PrivateKey(context, broker.key);
    if (server->asks_certificate) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.certificate);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    int fd = accept(server->listener, NULL, NULL);
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    serve(server, ssl);
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return NULL;
}

static void server_start(struct server *server)
{
    server->listener = loopback_bind(&server->port);
    assert_int_equal(listen(server->listener, 1), 0);
    assert_true(thread_start(&server->thread, "tls-broker", server_run, server, NULL));
}

static bool connects(struct server *server, struct client_options *options, struct error *err)
{
    server_start(server);
    options->port = server->port;
    options->tls = true;
    struct client *client = client_connect(options, err);
    bool connected = client != NULL;
    client_close(client);
    pthread_join(server->thread, NULL);
    close(server->listener);
    return connected;
}

/* ---- tests ---- */

static struct client_options trusting(const char *ca_file)
{
    struct client_options options;
    client_options_default(&options);
    options.ca_file = ca_file;
    return options;
}

static void test_the_right_authority_is_trusted(void **state)
{
    (void)state;
    struct server server = {0};
    struct client_options options = trusting(authority_file);
    struct error err = {0};
    ASSERT_OK(connects(&server, &options, &err), err);
}

static void test_a_stranger_is_not_trusted_and_the_way_out_is_told(void **state)
{
    (void)state;
    struct server server = {0};
    struct client_options options = trusting(stranger_file);
    struct error err = {0};
    ASSERT_FAILS(connects(&server, &options, &err), err, ERR_DENIED);
    assert_non_null(strstr(err.text, "is not trusted: unable to get local issuer certificate"));
    assert_non_null(strstr(err.hint, "--cafile"));
}

static void test_a_certificate_for_another_name_is_not_trusted(void **state)
{
    (void)state;
    struct server server = {0};
    struct client_options options = trusting(authority_file);
    struct error err = {0};
    options.host = "localhost"; /* the certificate is for 127.0.0.1 and broker.test */
    ASSERT_FAILS(connects(&server, &options, &err), err, ERR_DENIED);
    assert_non_null(strstr(err.text, "hostname mismatch"));
}

static void test_insecure_does_not_check(void **state)
{
    (void)state;
    struct server server = {0};
    struct client_options options = trusting(stranger_file);
    struct error err = {0};
    options.insecure = true;
    ASSERT_OK(connects(&server, &options, &err), err);
}

static void test_a_client_certificate_is_shown(void **state)
{
    (void)state;
    struct server server = {.asks_certificate = true};
    struct client_options options = trusting(authority_file);
    struct error err = {0};
    options.cert_file = key_file;
    options.key_file = key_file;
    ASSERT_OK(connects(&server, &options, &err), err);
    assert_true(server.got_certificate);
}

static void test_a_missing_client_certificate_is_hinted_at(void **state)
{
    (void)state;
    struct server server = {.asks_certificate = true};
    struct client_options options = trusting(authority_file);
    struct error err = {0};
    assert_false(connects(&server, &options, &err));
    assert_non_null(strstr(err.hint, "client certificate"));
}

static void test_files_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    struct client_options options = trusting("/nowhere/ca.pem");
    struct error err = {0};
    struct server server = {0};
    ASSERT_FAILS(connects(&server, &options, &err), err, ERR_INVALID);
    assert_non_null(strstr(err.text, "/nowhere/ca.pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_right_authority_is_trusted),
        cmocka_unit_test(test_a_stranger_is_not_trusted_and_the_way_out_is_told),
        cmocka_unit_test(test_a_certificate_for_another_name_is_not_trusted),
        cmocka_unit_test(test_insecure_does_not_check),
        cmocka_unit_test(test_a_client_certificate_is_shown),
        cmocka_unit_test(test_a_missing_client_certificate_is_hinted_at),
        cmocka_unit_test(test_files_that_cannot_be_read_are_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

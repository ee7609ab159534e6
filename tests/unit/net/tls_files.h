/* Certificates for tests, made with OpenSSL into a directory of their own. */
#ifndef UNIT_NET_TLS_FILES_H
#define UNIT_NET_TLS_FILES_H

#include "net_test.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static char tls_directory[] = "/tmp/net-tls-XXXXXX";

UNUSED_OK static const char *tls_path(const char *name)
{
    static char paths[16][128];
    static unsigned next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", tls_directory, name);
    return path;
}

struct identity {
    EVP_PKEY *key;
    X509 *cert;
};

UNUSED_OK static void identity_free(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->cert);
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

/* issuer NULL: signs itself, as a CA. alt NULL: no alternative names. */
UNUSED_OK static struct identity identity_new(const char *name, const struct identity *issuer, long serial,
                                              const char *alt)
{
    struct identity made = {EVP_EC_gen("P-256"), X509_new()};
    X509 *cert = made.cert;
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600L * 24 * 365);
    X509_NAME *subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    const struct identity *signer = issuer != NULL ? issuer : &made;
    X509_set_issuer_name(cert, X509_get_subject_name(signer->cert));
    X509_set_pubkey(cert, made.key);
    add_extension(cert, signer->cert, NID_basic_constraints,
                  issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    if (issuer == NULL)
        add_extension(cert, signer->cert, NID_key_usage, "keyCertSign,cRLSign");
    if (alt != NULL)
        add_extension(cert, signer->cert, NID_subject_alt_name, alt);
    assert_true(X509_sign(cert, signer->key, EVP_sha256()) > 0);
    return made;
}

UNUSED_OK static void write_cert(const char *file, const struct identity *identity)
{
    FILE *out = fopen(tls_path(file), "w");
    assert_int_equal(PEM_write_X509(out, identity->cert), 1);
    fclose(out);
}

UNUSED_OK static void write_key(const char *file, const struct identity *identity, const char *password)
{
    FILE *out = fopen(tls_path(file), "w");
    assert_int_equal(PEM_write_PrivateKey(out, identity->key, password != NULL ? EVP_aes_128_cbc() : NULL,
                                          (const unsigned char *)password,
                                          password != NULL ? (int)strlen(password) : 0, NULL, NULL),
                     1);
    fclose(out);
}

/* A revocation list of the CA with one serial number, or none if it is 0. */
UNUSED_OK static void write_crl(const char *file, const struct identity *ca, long serial)
{
    X509_CRL *crl = X509_CRL_new();
    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert));
    ASN1_TIME *when = X509_gmtime_adj(NULL, -60);
    X509_CRL_set1_lastUpdate(crl, when);
    X509_gmtime_adj(when, 3600L * 24);
    X509_CRL_set1_nextUpdate(crl, when);
    if (serial != 0) {
        X509_REVOKED *revoked = X509_REVOKED_new();
        ASN1_INTEGER *number = ASN1_INTEGER_new();
        ASN1_INTEGER_set(number, serial);
        X509_REVOKED_set_serialNumber(revoked, number);
        X509_gmtime_adj(when, -60);
        X509_REVOKED_set_revocationDate(revoked, when);
        X509_CRL_add0_revoked(crl, revoked);
        ASN1_INTEGER_free(number);
    }
    assert_true(X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0);
    FILE *out = fopen(tls_path(file), "w");
    assert_int_equal(PEM_write_X509_CRL(out, crl), 1);
    fclose(out);
    ASN1_TIME_free(when);
    X509_CRL_free(crl);
}

UNUSED_OK static void write_text(const char *file, const char *text)
{
    FILE *out = fopen(tls_path(file), "w");
    fputs(text, out);
    fclose(out);
}

/* ca, server (localhost), other (other.example), wild (*.wild.example), client (with alternative names), revoked,
 * stranger (signed by another CA); crl, crl.empty, locked.key, garbage. */
UNUSED_OK static int tls_files_make(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(tls_directory));
    struct identity ca = identity_new("test CA", NULL, 1, NULL);
    struct identity wrong_ca = identity_new("another CA", NULL, 1, NULL);
    struct {
        const char *file;
        const char *name;
        const struct identity *issuer;
        const char *alt;
    } rows[] = {
        {"server", "localhost", &ca, "DNS:localhost"},
        {"other", "other.example", &ca, NULL},
        {"wild", "*.wild.example", &ca, NULL},
        {"client", "device-7", &ca, "DNS:d7.example,IP:127.0.0.1,email:d7@a.example,URI:urn:d7"},
        {"revoked", "device-8", &ca, NULL},
        {"stranger", "device-9", &wrong_ca, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identity identity = identity_new(rows[i].name, rows[i].issuer, 100 + (long)i, rows[i].alt);
        char file[64];
        snprintf(file, sizeof file, "%s.crt", rows[i].file);
        write_cert(file, &identity);
        snprintf(file, sizeof file, "%s.key", rows[i].file);
        write_key(file, &identity, NULL);
        if (i == 0)
            write_key("locked.key", &identity, "secret");
        identity_free(&identity);
    }
    write_cert("ca.crt", &ca);
    write_crl("crl", &ca, 104);
    write_crl("crl.empty", &ca, 0);
    write_text("garbage", "this is no PEM\n");
    identity_free(&ca);
    identity_free(&wrong_ca);
    return 0;
}

UNUSED_OK static int tls_files_remove(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", tls_directory);
    return system(command);
}

/* ---- A blocking TLS client ------------------------------------------------------------------------------- */

struct tls_client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

struct tls_client_options {
    const char *identity; /* "client": client.crt and client.key */
    const char *host;     /* SNI */
    int version;          /* TLS1_2_VERSION, …; 0: any */
    const char *preface;  /* sent before the handshake */
};

/* Returns whether the handshake succeeds on this side. */
UNUSED_OK static bool tls_connect(struct tls_client *client, const struct server *server,
                                  struct tls_client_options options)
{
    client->ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_options(client->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    assert_int_equal(SSL_CTX_load_verify_file(client->ctx, tls_path("ca.crt")), 1);
    SSL_CTX_set_verify(client->ctx, SSL_VERIFY_PEER, NULL);
    if (options.version != 0) {
        SSL_CTX_set_min_proto_version(client->ctx, options.version);
        SSL_CTX_set_max_proto_version(client->ctx, options.version);
    }
    if (options.identity != NULL) {
        char file[64];
        snprintf(file, sizeof file, "%s.crt", options.identity);
        assert_int_equal(SSL_CTX_use_certificate_file(client->ctx, tls_path(file), SSL_FILETYPE_PEM), 1);
        snprintf(file, sizeof file, "%s.key", options.identity);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(client->ctx, tls_path(file), SSL_FILETYPE_PEM), 1);
    }
    client->fd = client_connect(server);
    if (options.preface != NULL)
        client_send(client->fd, options.preface, strlen(options.preface));
    client->ssl = SSL_new(client->ctx);
    if (options.host != NULL)
        SSL_set_tlsext_host_name(client->ssl, options.host);
    SSL_set_fd(client->ssl, client->fd);
    return SSL_connect(client->ssl) == 1;
}

UNUSED_OK static void tls_close(struct tls_client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->ctx);
    close(client->fd);
}

UNUSED_OK static void tls_send(struct tls_client *client, const void *data, size_t len)
{
    size_t written = 0;
    assert_int_equal(SSL_write_ex(client->ssl, data, len, &written), 1);
    assert_int_equal(written, len);
}

UNUSED_OK static bool tls_read(struct tls_client *client, void *out, size_t len)
{
    for (size_t at = 0, n; at < len; at += n) {
        if (SSL_read_ex(client->ssl, (uint8_t *)out + at, len - at, &n) != 1)
            return false;
    }
    return true;
}

UNUSED_OK static void tls_expect(struct tls_client *client, const char *text)
{
    char got[4096] = {0};
    assert_true(tls_read(client, got, strlen(text)));
    assert_string_equal(got, text);
}

UNUSED_OK static void tls_expect_end(struct tls_client *client)
{
    char byte;
    size_t n;
    assert_int_equal(SSL_read_ex(client->ssl, &byte, 1, &n), 0);
    assert_int_equal(SSL_get_error(client->ssl, 0), SSL_ERROR_ZERO_RETURN);
}

#endif

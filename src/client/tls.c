/* TLS 1.2 and 1.3 on the socket. The broker's certificate is checked against --cafile or the system's authorities,
 * and its names against the host that was asked for. */
#include "transport_internal.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

static const char *ssl_text(void)
{
    unsigned long code = ERR_get_error();
    if (code == 0)
        return "the connection was closed";
    const char *text =
        ERR_SYSTEM_ERROR(code) ? strerrordesc_np(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    return text != NULL ? text : "unknown reason";
}

static bool load_files(SSL_CTX *context, const struct client_options *options, struct error *err)
{
    if (options->ca_file != NULL && SSL_CTX_load_verify_locations(context, options->ca_file, NULL) != 1)
        return error_set(err, ERR_INVALID, "cannot read authorities from %s: %s", options->ca_file,
                         ssl_text());
    if (options->ca_file == NULL)
        SSL_CTX_set_default_verify_paths(context);
    if (options->cert_file != NULL && SSL_CTX_use_certificate_chain_file(context, options->cert_file) != 1)
        return error_set(err, ERR_INVALID, "cannot read a certificate from %s: %s", options->cert_file,
                         ssl_text());
    if (options->key_file != NULL &&
        SSL_CTX_use_PrivateKey_file(context, options->key_file, SSL_FILETYPE_PEM) != 1)
        return error_set(err, ERR_INVALID, "cannot read a key for the certificate from %s: %s",
                         options->key_file, ssl_text());
    return true;
}

/* Which name the certificate must have, and what SNI says; an address is no host name in SNI. */
static void set_names(SSL *ssl, const char *host)
{
    unsigned char binary[16];
    bool address = inet_pton(AF_INET, host, binary) == 1 || inet_pton(AF_INET6, host, binary) == 1;
    if (address) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
        return;
    }
    SSL_set1_host(ssl, host);
    SSL_set_tlsext_host_name(ssl, host);
}

static bool handshake_error(const struct transport *transport, struct error *err)
{
    long verify = SSL_get_verify_result(transport->ssl);
    if (verify != X509_V_OK) {
        error_set(err, ERR_DENIED, "the certificate of %s is not trusted: %s", transport->address,
                  X509_verify_cert_error_string(verify));
        return error_hint(err, "give its authority with --cafile, or --insecure to skip the check");
    }
    error_set(err, ERR_IO, "TLS handshake with %s failed: %s", transport->address, ssl_text());
    return error_hint(err, "is it a TLS listener, and does it ask for a client certificate?");
}

static bool handshake(struct transport *transport, int64_t deadline_ms, struct error *err)
{
    for (;;) {
        ERR_clear_error();
        int done = SSL_connect(transport->ssl);
        if (done == 1)
            return true;
        int why = SSL_get_error(transport->ssl, done);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            return handshake_error(transport, err);
        transport_wait(transport, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_ms);
        if (clock_mono_ms() >= deadline_ms) {
            error_set(err, ERR_TIMEOUT, "no TLS handshake with %s in time", transport->address);
            return error_hint(err, "is it a TLS listener?");
        }
    }
}

bool transport_tls_connect(struct transport *transport, const struct client_options *options,
                           int64_t deadline_ms, struct error *err)
{
    ERR_clear_error();
    transport->context = SSL_CTX_new(TLS_client_method());
    if (transport->context == NULL)
        return error_set(err, ERR_NO_MEMORY, "cannot set up TLS: %s", ssl_text());
    SSL_CTX_set_min_proto_version(transport->context, TLS1_2_VERSION);
    SSL_CTX_set_mode(transport->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (!load_files(transport->context, options, err))
        return false;
    SSL_CTX_set_verify(transport->context, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    transport->ssl = SSL_new(transport->context);
    if (transport->ssl == NULL || SSL_set_fd(transport->ssl, transport->fd) != 1)
        return error_set(err, ERR_NO_MEMORY, "cannot set up TLS: %s", ssl_text());
    if (!options->insecure)
        set_names(transport->ssl, options->host);
    return handshake(transport, deadline_ms, err);
}

void transport_tls_close(struct transport *transport)
{
    if (transport->ssl != NULL && SSL_is_init_finished(transport->ssl))
        SSL_shutdown(transport->ssl);
    SSL_free(transport->ssl);
    SSL_CTX_free(transport->context);
    transport->ssl = NULL;
    transport->context = NULL;
}

static enum transport_io outcome(const struct transport *transport, int result, short *events,
                                 struct error *err)
{
    switch (SSL_get_error(transport->ssl, result)) {
    case SSL_ERROR_WANT_READ: *events = POLLIN; return TRANSPORT_AGAIN;
    case SSL_ERROR_WANT_WRITE: *events = POLLOUT; return TRANSPORT_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
    case SSL_ERROR_SYSCALL: error_set(err, ERR_CLOSED, "%s closed the connection", transport->address); break;
    default: error_set(err, ERR_IO, "TLS with %s failed: %s", transport->address, ssl_text()); break;
    }
    return TRANSPORT_FAILED;
}

enum transport_io transport_tls_read(struct transport *transport, void *out, size_t cap, size_t *got,
                                     short *events, struct error *err)
{
    ERR_clear_error();
    int result = SSL_read_ex(transport->ssl, out, cap, got);
    return result == 1 ? TRANSPORT_DONE : outcome(transport, result, events, err);
}

enum transport_io transport_tls_write(struct transport *transport, const void *data, size_t len,
                                      size_t *written, short *events, struct error *err)
{
    ERR_clear_error();
    int result = SSL_write_ex(transport->ssl, data, len, written);
    return result == 1 ? TRANSPORT_DONE : outcome(transport, result, events, err);
}

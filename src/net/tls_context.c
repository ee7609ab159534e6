/* A listener's certificates: one SSL_CTX for each, chosen by the host name that the client asks for (SNI).
 *
 * Immutable once made. A reload makes another one; connections hold the one that they began with. */
#include "net/layer_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <unistd.h>

struct host {
    char *name; /* "a.example" or "*.example" */
    SSL_CTX *ctx;
};

struct tls_context {
    _Atomic unsigned refs;
    SSL_CTX *main;
    struct host *hosts;
    size_t host_count;
};

/* ---- Errors ---------------------------------------------------------------------------------------------- */

const char *tls_reason(char *out, size_t cap)
{
    unsigned long code = ERR_get_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : "unknown error";
    if (reason != NULL) {
        snprintf(out, cap, "%s", reason);
    } else {
        ERR_error_string_n(code, out, cap);
    }
    ERR_clear_error();
    return out;
}

static bool refuse(struct error *err, const char *what, const char *name)
{
    char reason[200];
    return error_set(err, ERR_INVALID, "%s %s: %s", what, name, tls_reason(reason, sizeof reason));
}

/* OpenSSL's own words for a file that cannot be opened are hard to read. */
static bool can_read(const char *what, const char *path, struct error *err)
{
    if (access(path, R_OK) == 0)
        return true;
    error_errno(err, errno, "%s %s", what, path);
    if (err != NULL)
        err->code = ERR_INVALID;
    return false;
}

/* ---- One SSL_CTX ----------------------------------------------------------------------------------------- */

/* Without it, OpenSSL asks on the terminal. */
static int no_password(char *buf, int size, int rwflag, void *userdata)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)userdata;
    return -1;
}

static bool load_key_pair(SSL_CTX *ctx, const char *cert_file, const char *key_file, struct error *err)
{
    if (cert_file == NULL || key_file == NULL)
        return error_set(err, ERR_INVALID, "TLS needs a certificate file and a key file");
    if (!can_read("certificate file", cert_file, err) || !can_read("key file", key_file, err))
        return false;
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        return refuse(err, "certificate file", cert_file);
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1) {
        unsigned long code = ERR_peek_error();
        if (ERR_GET_LIB(code) == ERR_LIB_X509) {
            ERR_clear_error();
            return error_set(err, ERR_INVALID, "key file %s does not match the certificate %s", key_file,
                             cert_file);
        }
        refuse(err, "key file", key_file);
        return error_hint(err, "it must hold one unencrypted private key in PEM");
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        ERR_clear_error();
        return error_set(err, ERR_INVALID, "key file %s does not match the certificate %s", key_file,
                         cert_file);
    }
    return true;
}

static bool load_client_ca(SSL_CTX *ctx, const struct tls_options *options, struct error *err)
{
    if (options->ca_file == NULL) {
        if (options->require_client_cert)
            return error_set(err, ERR_INVALID, "require_client_cert needs a CA file");
        if (options->crl_file != NULL)
            return error_set(err, ERR_INVALID, "the revocation list %s needs a CA file", options->crl_file);
        return true;
    }
    if (!can_read("CA file", options->ca_file, err))
        return false;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(options->ca_file);
    if (names == NULL || SSL_CTX_load_verify_file(ctx, options->ca_file) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return refuse(err, "CA file", options->ca_file);
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(
        ctx, SSL_VERIFY_PEER | (options->require_client_cert ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    if (options->crl_file == NULL)
        return true;
    if (!can_read("revocation list", options->crl_file, err))
        return false;
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (lookup == NULL || X509_load_crl_file(lookup, options->crl_file, X509_FILETYPE_PEM) < 1)
        return refuse(err, "revocation list", options->crl_file);
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return true;
}

static bool set_versions(SSL_CTX *ctx, const struct tls_options *options, struct error *err)
{
    const char *version = options->min_version != NULL ? options->min_version : "1.2";
    int number = strcmp(version, "1.2") == 0   ? TLS1_2_VERSION
                 : strcmp(version, "1.3") == 0 ? TLS1_3_VERSION
                                               : 0;
    if (number == 0)
        return error_set(err, ERR_INVALID, "min_version \"%s\" is neither \"1.2\" nor \"1.3\"", version);
    SSL_CTX_set_security_level(ctx, 2);
    if (SSL_CTX_set_min_proto_version(ctx, number) != 1)
        return refuse(err, "min_version", version);
    if (options->ciphers != NULL && SSL_CTX_set_cipher_list(ctx, options->ciphers) != 1)
        return refuse(err, "ciphers", options->ciphers);
    return true;
}

static SSL_CTX *make_ctx(const struct tls_options *options, const char *cert_file, const char *key_file,
                         struct error *err)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL) {
        refuse(err, "TLS", "context");
        return NULL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* One read for a record's header and body, and for the next records. */
    SSL_CTX_set_read_ahead(ctx, 1);
    /* Sessions are resumed by tickets, which the client keeps. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 1);
    static const unsigned char session_context[] = "mqtt";
    SSL_CTX_set_session_id_context(ctx, session_context, sizeof session_context - 1);
    if (set_versions(ctx, options, err) && load_key_pair(ctx, cert_file, key_file, err) &&
        load_client_ca(ctx, options, err))
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

/* ---- Choosing by host name ------------------------------------------------------------------------------- */

/* "*.example" stands for one label: a.example, not a.b.example and not example. */
static bool host_matches(const char *pattern, const char *name)
{
    if (strncmp(pattern, "*.", 2) != 0)
        return str_equal_nocase(str_of(pattern), str_of(name));
    const char *dot = strchr(name, '.');
    return dot != NULL && dot != name && str_equal_nocase(str_of(pattern + 1), str_of(dot));
}

static int choose(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    const struct tls_context *context = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    const struct host *found = NULL;
    for (size_t i = 0; i < context->host_count; i++) {
        const struct host *host = &context->hosts[i];
        bool exact = host->name[0] != '*';
        if (host_matches(host->name, name) && (found == NULL || exact))
            found = host;
    }
    if (found == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_SSL_CTX(ssl, found->ctx);
    return SSL_TLSEXT_ERR_OK;
}

/* ---- The context ----------------------------------------------------------------------------------------- */

struct tls_context *tls_context_new(const struct tls_options *options, struct error *err)
{
    struct tls_context *context = mem_zalloc(sizeof *context);
    atomic_init(&context->refs, 1);
    context->hosts = mem_zalloc((options->sni_count + 1) * sizeof *context->hosts);
    context->main = make_ctx(options, options->cert_file, options->key_file, err);
    bool good = context->main != NULL;
    for (size_t i = 0; good && i < options->sni_count; i++) {
        const struct tls_sni *sni = &options->sni[i];
        struct host *host = &context->hosts[context->host_count++];
        host->name = mem_strdup(sni->host);
        host->ctx = make_ctx(options, sni->cert_file, sni->key_file, err);
        good = host->ctx != NULL;
        if (!good)
            error_wrap(err, "SNI host %s", sni->host);
    }
    if (!good) {
        tls_context_unref(context);
        return NULL;
    }
    SSL_CTX_set_tlsext_servername_callback(context->main, choose);
    SSL_CTX_set_tlsext_servername_arg(context->main, context);
    return context;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    /* Release and acquire: whoever frees sees what every other holder did before. */
    if (context == NULL || atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < context->host_count; i++) {
        SSL_CTX_free(context->hosts[i].ctx);
        mem_free(context->hosts[i].name);
    }
    SSL_CTX_free(context->main);
    mem_free(context->hosts);
    mem_free(context);
}

SSL *tls_context_ssl(struct tls_context *context)
{
    return SSL_new(context->main);
}

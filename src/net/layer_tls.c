/* TLS on a channel: OpenSSL on the socket itself, never blocking.
 *
 * Reading goes on until OpenSSL says that the socket is empty, because bytes it holds raise no event. Writing
 * gathers small pieces into records of up to 16 KiB. A write that would block is repeated with the same bytes and
 * perhaps more behind them: pieces stay in front of the list until they are written. */
#include "net/layer_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

bool tls_attach(struct channel *channel, struct layer *layer, struct error *err)
{
    struct listener *listener = channel->listener;
    pthread_mutex_lock(&listener->lock);
    layer->tls = tls_context_ref(listener->tls);
    pthread_mutex_unlock(&listener->lock);
    layer->ssl = tls_context_ssl(layer->tls);
    if (layer->ssl == NULL || SSL_set_fd(layer->ssl, channel->fd) != 1) {
        ERR_clear_error();
        return error_set(err, ERR_NO_MEMORY, "no memory for TLS");
    }
    SSL_set_accept_state(layer->ssl);
    return true;
}

/* The text for a failure of OpenSSL, from its queue or errno. Returns false. */
static bool failed(struct channel *channel, int code, const char *what)
{
    struct error *failure = &channel->reactor->failure;
    int errnum = errno;
    long verified = SSL_get_verify_result(channel->layer->ssl);
    char reason[200];
    if (code == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
        if (errnum != 0)
            return error_errno(failure, errnum, "connection lost");
        return error_set(failure, ERR_IO, "connection lost");
    }
    const char *text = tls_reason(reason, sizeof reason);
    if (verified != X509_V_OK) {
        return error_set(failure, ERR_DENIED, "%s: client certificate: %s", what,
                         X509_verify_cert_error_string(verified));
    }
    return error_set(failure, ERR_PROTOCOL, "%s: %s", what, text);
}

enum step tls_handshake(struct channel *channel)
{
    SSL *ssl = channel->layer->ssl;
    ERR_clear_error();
    errno = 0;
    int done = SSL_do_handshake(ssl);
    if (done == 1)
        return STEP_DONE;
    int code = SSL_get_error(ssl, done);
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)
        return STEP_WAIT;
    if (code == SSL_ERROR_ZERO_RETURN || (code == SSL_ERROR_SYSCALL && errno == 0 && ERR_peek_error() == 0)) {
        error_set(&channel->reactor->failure, ERR_NONE, "closed in the TLS handshake");
    } else {
        failed(channel, code, "TLS handshake");
    }
    return STEP_FAILED;
}

enum fill tls_fill(struct channel *channel, uint8_t *at, size_t room, size_t *got)
{
    SSL *ssl = channel->layer->ssl;
    channel->layer->read_needs_room = false;
    for (*got = 0; *got < room;) {
        size_t n;
        ERR_clear_error();
        errno = 0;
        if (SSL_read_ex(ssl, at + *got, room - *got, &n) == 1) {
            *got += n;
            continue;
        }
        int code = SSL_get_error(ssl, 0);
        if (code == SSL_ERROR_WANT_READ)
            return FILL_DRAINED;
        if (code == SSL_ERROR_WANT_WRITE) {
            channel->layer->read_needs_room = true;
            return FILL_DRAINED;
        }
        if (code == SSL_ERROR_ZERO_RETURN) {
            channel->flags |= CHANNEL_ENDED;
            channel->reactor->failure.code = ERR_NONE;
            return FILL_END;
        }
        failed(channel, code, "TLS");
        return FILL_FAILED;
    }
    return FILL_MORE;
}

/* The next bytes to write: a long piece as it lies, short ones gathered. */
static size_t next_record(const struct channel *channel, const uint8_t **data)
{
    const struct out_piece *piece = channel->out_first;
    if (piece->len >= TLS_RECORD_BYTES || piece->len == channel->out_bytes) {
        *data = piece->data;
        return piece->len < TLS_RECORD_BYTES ? piece->len : TLS_RECORD_BYTES;
    }
    uint8_t *record = channel->reactor->record;
    size_t len = 0;
    for (; piece != NULL && len < TLS_RECORD_BYTES; piece = piece->next) {
        size_t n = piece->len < TLS_RECORD_BYTES - len ? piece->len : TLS_RECORD_BYTES - len;
        memcpy(record + len, piece->data, n);
        len += n;
    }
    *data = record;
    return len;
}

bool tls_write(struct channel *channel)
{
    SSL *ssl = channel->layer->ssl;
    output_sync(channel);
    while (channel->out_bytes > 0) {
        const uint8_t *data;
        size_t len = next_record(channel, &data);
        size_t written = 0;
        ERR_clear_error();
        errno = 0;
        if (SSL_write_ex(ssl, data, len, &written) == 1) {
            output_consumed(channel, written);
            continue;
        }
        int code = SSL_get_error(ssl, 0);
        if (code == SSL_ERROR_WANT_WRITE || code == SSL_ERROR_WANT_READ) {
            channel->flags |= CHANNEL_BLOCKED;
            return true;
        }
        return failed(channel, code, "TLS");
    }
    output_drop(channel);
    return true;
}

void tls_shutdown(struct channel *channel)
{
    ERR_clear_error();
    SSL_shutdown(channel->layer->ssl); /* says that nothing more comes; if it blocks, TCP's end must do */
    ERR_clear_error();
}

/* ---- Certificates ---------------------------------------------------------------------------------------- */

static bool copy_text(const char *text, size_t len, char *out, size_t cap)
{
    if (cap == 0 || memchr(text, 0, len) != NULL)
        return false; /* a zero in a name is an attempt to look like another name */
    size_t n = len < cap - 1 ? len : cap - 1;
    memcpy(out, text, n);
    out[n] = '\0';
    return true;
}

static X509 *peer_certificate(const struct channel *channel)
{
    const struct layer *layer = channel->layer;
    if (layer == NULL || layer->ssl == NULL || SSL_get_verify_result(layer->ssl) != X509_V_OK)
        return NULL;
    return SSL_get0_peer_certificate(layer->ssl);
}

bool channel_is_tls(const struct channel *channel)
{
    const struct layer *layer = channel->layer;
    return layer != NULL && (layer->ssl != NULL || layer->proxy_says_tls);
}

bool channel_cert_common_name(const struct channel *channel, char *out, size_t cap)
{
    X509 *cert = peer_certificate(channel);
    if (cert == NULL) {
        const struct layer *layer = channel->layer;
        const char *name = layer != NULL ? layer->proxy_common_name : NULL;
        return name != NULL && copy_text(name, strlen(name), out, cap);
    }
    X509_NAME *subject = X509_get_subject_name(cert);
    int last = -1;
    for (int i; (i = X509_NAME_get_index_by_NID(subject, NID_commonName, last)) >= 0;)
        last = i;
    if (last < 0)
        return false;
    unsigned char *text = NULL;
    int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
    bool good = len > 0 && copy_text((char *)text, (size_t)len, out, cap);
    OPENSSL_free(text);
    ERR_clear_error();
    return good;
}

bool channel_cert_alt_name(const struct channel *channel, unsigned index, char *out, size_t cap)
{
    X509 *cert = peer_certificate(channel);
    if (cert == NULL)
        return false;
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool good = false;
    unsigned seen = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS && name->type != GEN_EMAIL && name->type != GEN_URI)
            continue;
        if (seen++ == index) {
            good = copy_text((const char *)ASN1_STRING_get0_data(name->d.ia5),
                             (size_t)ASN1_STRING_length(name->d.ia5), out, cap);
            break;
        }
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return good;
}

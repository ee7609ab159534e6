/* Fetches a JWK set over HTTP with libcurl.
 *
 * Happy path: GET, follow up to three redirects, answer 200, append the body to *out.
 *
 * Failure modes: another scheme than http or https, a redirect to anything but https, a certificate that does not
 * verify, an answer other than 200, a body over the limit (stopped as soon as it is), no answer in time. Whatever
 * fails, *out is as long as before.
 *
 * Error texts name the host alone: a URL can carry a password. */
#include "auth/auth_internal.h"

#include "base/mem.h"

#include <curl/curl.h>
#include <pthread.h>

#define TIMEOUT_MS    10000L
#define REDIRECTS_MAX 3L

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static bool curl_ready;

static void curl_start(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

struct body {
    struct buf *out;
    size_t start; /* length of *out before the fetch */
    size_t bytes_max;
    bool too_large;
};

/* libcurl's write callback: what it returns, if not `len`, ends the transfer. */
static size_t take(char *data, size_t size, size_t len, void *arg)
{
    struct body *body = arg;
    size_t bytes = size * len;
    if (bytes > body->bytes_max - (body->out->len - body->start)) {
        body->too_large = true;
        return 0;
    }
    buf_append(body->out, data, bytes);
    return bytes;
}

/* The host of an http or https URL. Returns owned by libcurl (curl_free()), or NULL for other URLs. */
static char *url_host(const char *url)
{
    char *scheme = NULL;
    char *host = NULL;
    CURLU *parsed = curl_url();
    if (parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0))
        (void)curl_url_get(parsed, CURLUPART_HOST, &host, 0);
    curl_free(scheme);
    curl_url_cleanup(parsed);
    return host;
}

static bool set_options(CURL *curl, const char *url, const char *ca_file, const struct jwks_limits *limits,
                        struct body *body, char *text)
{
    CURLcode rc = curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
#define SET(option, value) rc = rc == CURLE_OK ? curl_easy_setopt(curl, option, value) : rc
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (ca_file != NULL)
        SET(CURLOPT_CAINFO, ca_file);
    SET(CURLOPT_TIMEOUT_MS, limits->timeout_ms);
    SET(CURLOPT_NOSIGNAL, 1L); /* signals are the main thread's */
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)limits->bytes_max);
    SET(CURLOPT_WRITEFUNCTION, take);
    SET(CURLOPT_WRITEDATA, body);
    SET(CURLOPT_USERAGENT, "varve/" VARVE_VERSION);
#undef SET
    return rc == CURLE_OK;
}

static enum error_code code_of(CURLcode rc)
{
    switch (rc) {
    case CURLE_OPERATION_TIMEDOUT: return ERR_TIMEOUT;
    case CURLE_FILESIZE_EXCEEDED: return ERR_TOO_LARGE;
    case CURLE_OUT_OF_MEMORY: return ERR_NO_MEMORY;
    case CURLE_URL_MALFORMAT: return ERR_INVALID;
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_UNSUPPORTED_PROTOCOL: /* a redirect to http, or an answer that is no HTTP */
        return ERR_PROTOCOL;
    default: return ERR_IO;
    }
}

static bool perform(CURL *curl, const char *host, const struct body *body, const char *text,
                    struct error *err)
{
    CURLcode rc = curl_easy_perform(curl);
    if (body->too_large)
        return error_set(err, ERR_TOO_LARGE, "JWK set from %s: over %zu bytes", host, body->bytes_max);
    if (rc != CURLE_OK) {
        return error_set(err, code_of(rc), "JWK set from %s: %s", host,
                         text[0] != '\0' ? text : curl_easy_strerror(rc));
    }
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return error_set(err, ERR_IO, "JWK set from %s: the answer is %ld", host, status);
    return true;
}

bool jwks_fetch_within(const char *url, const char *ca_file, const struct jwks_limits *limits,
                       struct buf *out, struct error *err)
{
    pthread_once(&curl_once, curl_start);
    char *host = url_host(url);
    if (host == NULL)
        return error_set(err, ERR_INVALID, "JWK set: not an http or https URL");

    char text[CURL_ERROR_SIZE] = "";
    struct body body = {.out = out, .start = out->len, .bytes_max = limits->bytes_max};
    CURL *curl = curl_ready ? curl_easy_init() : NULL;
    bool ok = curl != NULL && set_options(curl, url, ca_file, limits, &body, text)
                  ? perform(curl, host, &body, text, err)
                  : error_set(err, ERR_INTERNAL, "JWK set from %s: libcurl does not start", host);
    if (!ok)
        out->len = body.start;
    curl_easy_cleanup(curl);
    curl_free(host);
    return ok;
}

bool jwks_fetch(const char *url, const char *ca_file, struct buf *out, struct error *err)
{
    const struct jwks_limits limits = {.timeout_ms = TIMEOUT_MS, .bytes_max = JWKS_BYTES_MAX};
    return jwks_fetch_within(url, ca_file, &limits, out, err);
}

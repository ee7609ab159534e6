/* See http_client.h. libcurl does the HTTP; here is where the broker and the key are found, and what answers mean. */
#include "client/http_client.h"

#include "base/mem.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_URL        "http://127.0.0.1:18083"
#define TIMEOUT_MS         60000
#define CONNECT_TIMEOUT_MS 10000L
#define ANSWER_BYTES_MAX   ((size_t)64 << 20)
#define FILE_BYTES_MAX     65536
#define PATH_BYTES         4096

struct http_client {
    CURL *curl;
    char *url;         /* without a slash at its end */
    char *credentials; /* key:secret */
    char *ca_file;     /* NULL: the system's */
    int64_t timeout_ms;
    char text[CURL_ERROR_SIZE];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- Where, and with what key ---------------------------------------------------------------------------- */

/* What a broker of this machine says of itself; NULL: none runs in that directory. */
static char *url_of_run_json(const char *dir)
{
    char path[PATH_BYTES];
    struct buf text = {0};
    char *url = NULL;
    snprintf(path, sizeof(path), "%s/run.json", dir);
    if (buf_read_file(&text, path, FILE_BYTES_MAX, NULL)) {
        json_t *run = json_loadb((const char *)text.data, text.len, 0, NULL);
        const char *api = json_string_value(json_object_get(run, "api"));
        if (api != NULL)
            url = mem_strdup(api);
        json_decref(run);
    }
    buf_free(&text);
    return url;
}

static bool find_url(struct http_client *client, const struct http_client_options *options, struct error *err)
{
    const char *given = options->url != NULL ? options->url : secure_getenv("VARVE_URL");
    if (given != NULL && given[0] != '\0')
        client->url = mem_strdup(given);
    else if (options->dir != NULL)
        client->url = url_of_run_json(options->dir);
    if (client->url == NULL)
        client->url = mem_strdup(DEFAULT_URL);
    size_t len = strlen(client->url);
    while (len > 0 && client->url[len - 1] == '/')
        client->url[--len] = '\0';
    if (strncmp(client->url, "http://", 7) == 0 || strncmp(client->url, "https://", 8) == 0)
        return true;
    error_set(err, ERR_INVALID, "\"%s\" is no http or https URL", client->url);
    return error_hint(err, "for example --url " DEFAULT_URL);
}

static char *key_of_file(const char *dir)
{
    char path[PATH_BYTES];
    struct buf text = {0};
    char *key = NULL;
    snprintf(path, sizeof(path), "%s/admin.key", dir);
    if (buf_read_file(&text, path, FILE_BYTES_MAX, NULL))
        key = str_dup(str_trim(buf_str(&text)));
    mem_wipe(text.data, text.len);
    buf_free(&text);
    return key;
}

static bool find_key(struct http_client *client, const struct http_client_options *options, struct error *err)
{
    const char *given = options->key != NULL ? options->key : secure_getenv("VARVE_API_KEY");
    if (given != NULL && given[0] != '\0')
        client->credentials = mem_strdup(given);
    else if (options->dir != NULL)
        client->credentials = key_of_file(options->dir);
    if (client->credentials == NULL) {
        error_set(err, ERR_NOT_FOUND, "no API key: there is no %s/admin.key that can be read",
                  options->dir != NULL ? options->dir : ".");
        return error_hint(err,
                          "--data DIR names the broker's data directory; or give --key or VARVE_API_KEY");
    }
    if (strchr(client->credentials, ':') != NULL)
        return true;
    return error_set(err, ERR_INVALID, "an API key is given as key:secret");
}

struct http_client *http_client_new(const struct http_client_options *options, struct error *err)
{
    struct http_client *client = mem_zalloc(sizeof(*client));
    pthread_once(&curl_once, curl_start);
    client->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS;
    bool ok = find_url(client, options, err) && find_key(client, options, err);
    if (ok && (client->curl = curl_easy_init()) == NULL)
        ok = error_set(err, ERR_INTERNAL, "libcurl does not start");
    if (options->ca_file != NULL)
        client->ca_file = mem_strdup(options->ca_file);
    if (ok)
        return client;
    http_client_free(client);
    return NULL;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    if (client->credentials != NULL)
        mem_wipe(client->credentials, strlen(client->credentials));
    mem_free(client->credentials);
    mem_free(client->ca_file);
    mem_free(client->url);
    mem_free(client);
}

const char *http_client_url(const struct http_client *client)
{
    return client->url;
}

/* ---- Asking ---------------------------------------------------------------------------------------------- */

struct transfer {
    struct http_client *client;
    const struct http_request *request;
    struct http_answer *answer;
    bool too_large;
    bool ended; /* by take() */
};

static unsigned status_of(CURL *curl)
{
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return (unsigned)status;
}

/* libcurl's write callback: what it returns, if not `len`, ends the transfer. */
static size_t take(char *data, size_t size, size_t len, void *arg)
{
    struct transfer *transfer = arg;
    const struct http_request *request = transfer->request;
    size_t bytes = size * len;
    unsigned status = status_of(transfer->client->curl);
    if (request->take != NULL && status >= 200 && status < 300) {
        transfer->ended = !request->take(str_make(data, bytes), request->arg);
        return transfer->ended ? 0 : bytes;
    }
    transfer->too_large = bytes > ANSWER_BYTES_MAX - transfer->answer->body.len;
    if (transfer->too_large)
        return 0;
    buf_append(&transfer->answer->body, data, bytes);
    return bytes;
}

static bool set_options(CURL *curl, struct http_client *client, const struct http_request *request,
                        const char *url, struct curl_slist *headers, struct transfer *transfer)
{
    CURLcode rc = CURLE_OK;
#define SET(option, value) rc = rc == CURLE_OK ? curl_easy_setopt(curl, option, value) : rc
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PROXY, ""); /* what is asked for is asked directly */
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, client->text);
    SET(CURLOPT_USERAGENT, "varve/" VARVE_VERSION);
    SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    SET(CURLOPT_USERPWD, client->credentials);
    SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    SET(CURLOPT_TIMEOUT_MS, request->take != NULL ? 0L : (long)client->timeout_ms);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (client->ca_file != NULL)
        SET(CURLOPT_CAINFO, client->ca_file);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_CUSTOMREQUEST, request->method);
    if (request->body.data != NULL) {
        SET(CURLOPT_POSTFIELDS, request->body.data);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    } else {
        SET(CURLOPT_HTTPGET, 1L);
        SET(CURLOPT_CUSTOMREQUEST, request->method);
    }
    SET(CURLOPT_WRITEFUNCTION, take);
    SET(CURLOPT_WRITEDATA, transfer);
#undef SET
    return rc == CURLE_OK;
}

static bool perform(struct http_client *client, struct transfer *transfer, struct error *err)
{
    CURLcode rc = curl_easy_perform(client->curl);
    transfer->answer->status = status_of(client->curl);
    if (rc == CURLE_OK || transfer->ended)
        return true;
    if (transfer->too_large)
        return error_set(err, ERR_TOO_LARGE, "%s: the answer has more than %zu bytes", client->url,
                         ANSWER_BYTES_MAX);
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return error_set(err, ERR_TIMEOUT, "%s: no answer in time", client->url);
    error_set(err, ERR_IO, "%s: %s", client->url,
              client->text[0] != '\0' ? client->text : curl_easy_strerror(rc));
    if (rc == CURLE_COULDNT_CONNECT)
        error_hint(err, "is the broker running? --url or --data says where it is");
    return false;
}

bool http_client_ask(struct http_client *client, const struct http_request *request,
                     struct http_answer *answer, struct error *err)
{
    struct buf url = {0}, type = {0};
    struct transfer transfer = {.client = client, .request = request, .answer = answer};
    *answer = (struct http_answer){0};
    client->text[0] = '\0';
    buf_printf(&url, "%s%s", client->url, request->path);
    buf_printf(&type, "Content-Type: %s",
               request->content_type != NULL ? request->content_type : "application/json");
    struct curl_slist *headers =
        curl_slist_append(NULL, request->body.data != NULL ? buf_cstr(&type) : "Accept: */*");
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_reset(client->curl);
    bool ok = set_options(client->curl, client, request, buf_cstr(&url), headers, &transfer)
                  ? perform(client, &transfer, err)
                  : error_set(err, ERR_INVALID, "%s: no such URL", client->url);
    curl_slist_free_all(headers);
    buf_free(&url);
    buf_free(&type);
    if (!ok)
        buf_free(&answer->body);
    return ok;
}

/* ---- JSON ------------------------------------------------------------------------------------------------ */

static enum error_code code_of(unsigned status)
{
    switch (status) {
    case 400:
    case 415: return ERR_INVALID;
    case 401:
    case 403: return ERR_DENIED;
    case 404: return ERR_NOT_FOUND;
    case 409: return ERR_EXISTS;
    case 413: return ERR_TOO_LARGE;
    case 429:
    case 503: return ERR_BUSY;
    default: return ERR_IO;
    }
}

bool http_answer_error(const struct http_answer *answer, struct error *err)
{
    json_t *body = json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL);
    const char *message = json_string_value(json_object_get(body, "message"));
    if (message != NULL)
        error_set(err, code_of(answer->status), "%s", message);
    else
        error_set(err, code_of(answer->status), "the broker answered with HTTP status %u", answer->status);
    if (answer->status == 401)
        error_hint(err, "--key gives an API key; on the broker's machine --data DIR finds its own");
    json_decref(body);
    return false;
}

static bool read_answer(const struct http_answer *answer, json_t **out, struct error *err)
{
    json_error_t where;
    if (answer->status < 200 || answer->status >= 300)
        return http_answer_error(answer, err);
    if (out == NULL || answer->body.len == 0)
        return true;
    *out = json_loadb((const char *)answer->body.data, answer->body.len, JSON_DECODE_ANY, &where);
    return *out != NULL || error_set(err, ERR_PROTOCOL, "the broker's answer is no JSON: %s", where.text);
}

bool http_client_json(struct http_client *client, const char *method, const char *path, json_t *in,
                      json_t **out, struct error *err)
{
    char *text = in != NULL ? json_dumps(in, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    const struct http_request request = {.method = method, .path = path, .body = str_of(text)};
    struct http_answer answer;
    if (out != NULL)
        *out = NULL;
    bool ok = http_client_ask(client, &request, &answer, err);
    if (ok) {
        ok = read_answer(&answer, out, err);
        buf_free(&answer.body);
    }
    free(text);
    return ok;
}

void http_path_append(struct buf *path, struct str text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c != '\0' && strchr(plain, c) != NULL)
            buf_append_byte(path, (uint8_t)c);
        else
            buf_printf(path, "%%%02X", (unsigned char)c);
    }
}

/* What a broker says of itself in DIR/run.json, and requests to its HTTP API, over one kept connection. */
#include "station_broker_internal.h"

#include "base/mem.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX   65536
#define ANSWER_BYTES_MAX (1024 * 1024)
#define REQUEST_LIMIT_MS 60000L
#define PORT_DEFAULT     1883
#define URL_DEFAULT      "http://127.0.0.1:18083"
#define URL_BYTES        640

struct station_api {
    CURL *curl;
    const struct station_broker *broker;
    struct curl_slist *headers;
    struct buf answer;
};

/* ---- run.json ---- */

/* The port behind the last colon; 0 if there is none. */
static uint16_t port_of(const char *bound)
{
    const char *colon = bound != NULL ? strrchr(bound, ':') : NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
    return port <= 65535 ? (uint16_t)port : 0;
}

static bool run_take(struct station_broker *broker, const char *path, const struct buf *text,
                     struct error *err)
{
    json_t *run = json_loadb((const char *)text->data, text->len, 0, NULL);
    json_t *listeners = json_object_get(run, "listeners");
    const char *http = json_string_value(json_object_get(listeners, "http"));
    broker->pid = json_integer_value(json_object_get(run, "pid"));
    broker->mqtt_port = port_of(json_string_value(json_object_get(listeners, "tcp.default")));
    if (http != NULL)
        snprintf(broker->url, sizeof broker->url, "http://%.200s", http);
    bool fine = broker->pid > 0 && broker->mqtt_port > 0;
    json_decref(run);
    return fine || error_set(err, ERR_CORRUPT, "%s does not say pid and port of tcp.default", path);
}

static void key_read(struct station_broker *broker, const char *dir)
{
    char path[4096];
    struct buf text = {0};
    snprintf(path, sizeof path, "%s/admin.key", dir);
    if (buf_read_file(&text, path, FILE_BYTES_MAX, NULL)) {
        struct str key = str_trim(buf_str(&text));
        snprintf(broker->key, sizeof broker->key, "%.*s", STR_ARG(key));
        mem_wipe(text.data, text.cap);
    }
    buf_free(&text);
}

bool station_broker_read(struct station_broker *broker, const char *dir, struct error *err)
{
    char path[4096];
    struct buf text = {0};
    snprintf(path, sizeof path, "%s/run.json", dir);
    bool fine = buf_read_file(&text, path, FILE_BYTES_MAX, err);
    if (!fine)
        error_hint(err, "is a broker running with this data directory?");
    fine = fine && run_take(broker, path, &text, err);
    if (fine)
        key_read(broker, dir);
    buf_free(&text);
    return fine;
}

/* Options say what they want to know better than the data directory does. */
bool station_broker_find(struct station_broker *broker, const struct station_broker_options *options,
                         struct error *err)
{
    const char *key = options->key != NULL ? options->key : getenv("VARVE_API_KEY");
    *broker = (struct station_broker){.mqtt_port = PORT_DEFAULT, .url = URL_DEFAULT};
    if (options->data != NULL && !station_broker_read(broker, options->data, err))
        return false;
    if (options->url != NULL)
        snprintf(broker->url, sizeof broker->url, "%.255s", options->url);
    size_t len = strlen(broker->url);
    if (len > 0 && broker->url[len - 1] == '/')
        broker->url[len - 1] = '\0';
    if (key != NULL)
        snprintf(broker->key, sizeof broker->key, "%.255s", key);
    return true;
}

/* ---- the API ---- */

static size_t take_answer(char *data, size_t size, size_t count, void *arg)
{
    struct buf *answer = arg;
    if (answer->len + size * count > ANSWER_BYTES_MAX)
        return 0;
    buf_append(answer, data, size * count);
    return size * count;
}

struct station_api *station_api_open(const struct station_broker *broker, struct error *err)
{
    struct station_api *api = mem_zalloc(sizeof *api);
    api->broker = broker;
    api->headers = curl_slist_append(NULL, "Content-Type: application/json");
    api->curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    if (api->curl != NULL && api->headers != NULL)
        return api;
    error_set(err, ERR_INTERNAL, "cannot set up an HTTP client");
    station_api_close(api);
    return NULL;
}

void station_api_close(struct station_api *api)
{
    if (api == NULL)
        return;
    if (api->curl != NULL)
        curl_easy_cleanup(api->curl);
    curl_slist_free_all(api->headers);
    buf_free(&api->answer);
    mem_free(api);
}

/* The broker's own words, if it had any. */
static bool refusal(const struct station_api *api, const char *what, long status, struct error *err)
{
    enum error_code code = ERR_INVALID;
    switch (status) {
    case 401:
    case 403: code = ERR_DENIED; break;
    case 404: code = ERR_NOT_FOUND; break;
    case 409: code = ERR_EXISTS; break;
    case 503: code = ERR_BUSY; break;
    default: break;
    }
    json_t *answer = json_loadb((const char *)api->answer.data, api->answer.len, 0, NULL);
    const char *text = json_string_value(json_object_get(answer, "message"));
    error_set(err, code, "%s: the broker answered %ld%s%.200s", what, status, text != NULL ? ", " : "",
              text != NULL ? text : "");
    json_decref(answer);
    if (code == ERR_DENIED)
        error_hint(err, "give --key, or --data with the broker's data directory");
    return false;
}

static bool request(struct station_api *api, const char *method, const char *path, const char *body,
                    struct error *err)
{
    char url[URL_BYTES];
    char what[URL_BYTES + 16];
    long status = 0;
    snprintf(url, sizeof url, "%s/api/v5%s", api->broker->url, path);
    snprintf(what, sizeof what, "%s %s", method, url);
    buf_reset(&api->answer);
    curl_easy_reset(api->curl);
    CURLcode rc = CURLE_OK;
#define SET(option, value) rc = rc == CURLE_OK ? curl_easy_setopt(api->curl, option, value) : rc
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_CUSTOMREQUEST, method);
    SET(CURLOPT_HTTPHEADER, api->headers);
    SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    SET(CURLOPT_USERPWD, api->broker->key);
    SET(CURLOPT_TIMEOUT_MS, REQUEST_LIMIT_MS);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_WRITEFUNCTION, take_answer);
    SET(CURLOPT_WRITEDATA, &api->answer);
    if (body != NULL)
        SET(CURLOPT_POSTFIELDS, body);
#undef SET
    rc = rc == CURLE_OK ? curl_easy_perform(api->curl) : rc;
    if (rc != CURLE_OK) {
        error_set(err, ERR_IO, "%s: %s", what, curl_easy_strerror(rc));
        return error_hint(err, "is the broker's HTTP listener there? see --url");
    }
    curl_easy_getinfo(api->curl, CURLINFO_RESPONSE_CODE, &status);
    return (status >= 200 && status < 300) || refusal(api, what, status, err);
}

bool station_api_ask(struct station_api *api, const char *method, const char *path, const json_t *body,
                     json_t **answer, struct error *err)
{
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    if (body != NULL && text == NULL)
        return error_set(err, ERR_INVALID, "%s %s: a text that is no UTF-8", method, path);
    bool fine = request(api, method, path, text, err);
    free(text);
    if (fine && answer != NULL) {
        *answer = json_loadb((const char *)api->answer.data, api->answer.len, 0, NULL);
        fine = *answer != NULL || error_set(err, ERR_CORRUPT, "%s %s: the answer is no JSON", method, path);
    }
    return fine;
}

bool station_api_create(struct station_api *api, const char *name, const char *filter, const char *sync,
                        struct error *err)
{
    json_t *body = json_pack("{s:s, s:[s], s:s}", "name", name, "topics", filter, "sync", sync);
    bool fine = body != NULL ? station_api_ask(api, "POST", "/stations", body, NULL, err)
                             : error_set(err, ERR_INVALID, "station %s: a text that is no UTF-8", name);
    json_decref(body);
    return fine;
}

bool station_api_delete(struct station_api *api, const char *name, struct error *err)
{
    char path[256];
    snprintf(path, sizeof path, "/stations/%.200s", name);
    return station_api_ask(api, "DELETE", path, NULL, NULL, err);
}

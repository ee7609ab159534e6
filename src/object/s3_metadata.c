/* Asks a metadata service, which is near or not there: short limits, no proxy, no redirects, an answer that fits in memory. */
#include "object/s3_credentials.h"

#include "base/mem.h"

#include <curl/curl.h>

#define CONNECT_MS      1000L
#define TOTAL_MS        5000L
#define POST_CONNECT_MS 5000L
#define POST_TOTAL_MS   15000L
#define BYTES_MAX       65536

struct answer {
    struct buf *out;
    size_t start;
};

static size_t take(char *data, size_t size, size_t count, void *arg)
{
    struct answer *answer = arg;
    size_t bytes = size * count;
    if (bytes > BYTES_MAX - (answer->out->len - answer->start))
        return 0;
    buf_append(answer->out, data, bytes);
    return bytes;
}

static bool set_options(CURL *easy, const struct s3_metadata_request *request, struct curl_slist *lines,
                        struct answer *answer)
{
    CURLcode rc = CURLE_OK;
    bool posts = request->body.len > 0;
#define SET(option, value) rc = rc == CURLE_OK ? curl_easy_setopt(easy, option, value) : rc
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_CUSTOMREQUEST, request->method);
    SET(CURLOPT_HTTPHEADER, lines);
    if (posts) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        SET(CURLOPT_POSTFIELDS, request->body.data); /* not copied */
    } else {
        SET(CURLOPT_PROXY, "");
    }
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, posts ? POST_CONNECT_MS : CONNECT_MS);
    SET(CURLOPT_TIMEOUT_MS, posts ? POST_TOTAL_MS : TOTAL_MS);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_WRITEFUNCTION, take);
    SET(CURLOPT_WRITEDATA, answer);
    SET(CURLOPT_USERAGENT, "varve/" VARVE_VERSION);
#undef SET
    return rc == CURLE_OK;
}

static bool judge(CURL *easy, CURLcode rc, struct error *err)
{
    long status = 0;
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return error_set(err, ERR_TIMEOUT, "no answer in time");
    if (rc != CURLE_OK)
        return error_set(err, ERR_IO, "%s", curl_easy_strerror(rc));
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 404)
        return error_set(err, ERR_NOT_FOUND, "the answer is 404");
    return status == 200 || error_set(err, ERR_DENIED, "the answer is %ld", status);
}

bool s3_metadata_ask(const struct s3_metadata_request *request, struct buf *out, struct error *err)
{
    struct answer answer = {.out = out, .start = out->len};
    struct curl_slist *lines = request->header != NULL ? curl_slist_append(NULL, request->header) : NULL;
    CURL *easy = curl_easy_init();
    bool ok = easy != NULL && set_options(easy, request, lines, &answer)
                  ? judge(easy, curl_easy_perform(easy), err)
                  : error_set(err, ERR_INTERNAL, "libcurl does not start");
    if (!ok && request->body.len == 0)
        out->len = answer.start;
    for (struct curl_slist *line = lines; line != NULL; line = line->next)
        mem_wipe(line->data, strlen(line->data));
    curl_slist_free_all(lines);
    curl_easy_cleanup(easy);
    return ok;
}

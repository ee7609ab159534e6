/* libcurl's side of an attempt: the URL, the headers and their signature, the body up, the answer down.
 *
 * libcurl is the transport alone: path and query are finished here and sent as they are, headers are given one by one, redirects are not
 * followed. It repeats a request by itself when a kept connection turns out dead, which must not happen to a PUT on condition: the first
 * may have taken effect, and the second would be refused on its account. So its wish to rewind such a body is turned down. */
#include "object/s3_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#define BUFFER_BYTES    (256L << 10)
#define ANSWER_BYTES    (16L << 10) /* for answers that are no objects: a buffer is allocated for each request */
#define INLINE_BYTES    (32u << 10) /* libcurl sends a body of less than 64 KiB with the head */
#define ERROR_BYTES_MAX 65536       /* of a body that is not what was asked for */
#define EXPECT_BYTES    (1u << 20)
#define SIGNED_MAX      (S3_CALL_HEADERS + 24)

static const char empty_sha256[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

uint64_t s3_call_body_bytes(const struct s3_call *call)
{
    return call->file != NULL ? call->file->length : call->body.len;
}

/* A small body is given to libcurl as a whole, which sends it with the head: one packet, and one wake-up of the store. Nothing asks for it
 * again when libcurl repeats the request by itself: so not on condition. */
static bool is_inline(const struct s3_call *call)
{
    return call->file == NULL && call->condition == OBJECT_ALWAYS && call->body.len < INLINE_BYTES;
}

/* ---- The body up ----------------------------------------------------------------------------------------- */

static size_t give(char *out, size_t size, size_t count, void *arg)
{
    struct s3_call *call = arg;
    uint64_t left = s3_call_body_bytes(call) - call->sent_bytes;
    size_t room = size * count;
    size_t bytes = left < room ? (size_t)left : room;
    call->moved_ms = s3_now_ms();
    if (bytes == 0)
        return 0;
    if (call->file == NULL) {
        memcpy(out, call->body.data + call->sent_bytes, bytes);
    } else {
        ssize_t got;
        do {
            got = pread(call->file->fd, out, bytes, (off_t)(call->file->offset + call->sent_bytes));
        } while (got < 0 && errno == EINTR);
        if (got <= 0) {
            call->file_failed = true;
            return CURL_READFUNC_ABORT;
        }
        bytes = (size_t)got;
    }
    call->sent_bytes += bytes;
    return bytes;
}

static int seek(void *arg, curl_off_t offset, int origin)
{
    struct s3_call *call = arg;
    if (origin != SEEK_SET || offset < 0 || call->condition != OBJECT_ALWAYS)
        return CURL_SEEKFUNC_FAIL;
    call->sent_bytes = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- The answer down ------------------------------------------------------------------------------------- */

static long status_of(const struct s3_call *call)
{
    long status = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t take(char *data, size_t size, size_t count, void *arg)
{
    struct s3_call *call = arg;
    size_t bytes = size * count;
    long status = status_of(call);
    call->moved_ms = s3_now_ms();
    if (status < 200 || status >= 300) {
        size_t room = call->data.len < ERROR_BYTES_MAX ? ERROR_BYTES_MAX - call->data.len : 0;
        buf_append(&call->data, data, bytes < room ? bytes : room);
        return bytes;
    }
    if (call->data.len == 0 && call->answer.length > 0 && (uint64_t)call->answer.length <= call->answer_max)
        buf_reserve(&call->data, (size_t)call->answer.length);
    if (bytes > call->answer_max - call->data.len ||
        (call->answer.length > 0 && (uint64_t)call->answer.length > call->answer_max)) {
        call->too_large = true;
        return 0;
    }
    buf_append(&call->data, data, bytes);
    return bytes;
}

static void copy(char *out, size_t size, struct str value)
{
    size_t len = value.len < size ? value.len : 0; /* too long: not told */
    if (len > 0)
        memcpy(out, value.data, len);
    out[len] = '\0';
}

static int64_t http_date_ms(struct str value)
{
    char text[64];
    copy(text, sizeof text, value);
    time_t seconds = text[0] != '\0' ? curl_getdate(text, NULL) : -1;
    return seconds > 0 ? (int64_t)seconds * 1000 : 0;
}

static void read_header(struct s3_answer *answer, struct str name, struct str value)
{
    uint64_t number;
    if (str_equal_nocase(name, STR("etag"))) {
        copy(answer->etag, sizeof answer->etag, value);
    } else if (str_equal_nocase(name, STR("content-length"))) {
        answer->length = str_to_u64(value, &number, NULL) && number <= INT64_MAX ? (int64_t)number : -1;
    } else if (str_equal_nocase(name, STR("content-range"))) {
        copy(answer->range, sizeof answer->range, value);
    } else if (str_equal_nocase(name, STR("last-modified"))) {
        answer->modified_ms = http_date_ms(value);
    } else if (str_equal_nocase(name, STR("date"))) {
        answer->date_ms = http_date_ms(value);
    } else if (str_equal_nocase(name, STR("retry-after"))) {
        answer->retry_after_ms =
            str_to_u64(value, &number, NULL) && number < 3600 ? (int64_t)number * 1000 : 0;
    } else if (str_equal_nocase(name, STR("x-amz-bucket-region"))) {
        copy(answer->region, sizeof answer->region, value);
    } else if (str_equal_nocase(name, STR("x-amz-meta-varve-put"))) {
        copy(answer->put_id, sizeof answer->put_id, value);
    } else if (str_equal_nocase(name, STR("x-amz-checksum-crc32c"))) {
        copy(answer->checksum, sizeof answer->checksum, value);
    } else if (str_equal_nocase(name, STR("x-amz-server-side-encryption"))) {
        answer->encrypted = !str_equal_nocase(value, STR("AES256"));
    } else if (str_equal_nocase(name, STR("x-amz-server-side-encryption-customer-algorithm"))) {
        answer->encrypted = true;
    }
}

static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
    struct s3_call *call = arg;
    struct str line = str_trim(str_make(data, size * count));
    call->moved_ms = s3_now_ms();
    if (str_starts(line, STR("HTTP/"))) {
        call->answer = (struct s3_answer){.length = -1}; /* what came before was 100 Continue */
        buf_reset(&call->data);
        call->head_done = false;
        return size * count;
    }
    call->head_done = call->head_done || line.len == 0;
    const char *colon = line.len > 0 ? memchr(line.data, ':', line.len) : NULL;
    if (colon != NULL) {
        struct str name = str_make(line.data, (size_t)(colon - line.data));
        read_header(&call->answer, name, str_trim(str_make(colon + 1, line.len - name.len - 1)));
    }
    return size * count;
}

/* ---- Headers --------------------------------------------------------------------------------------------- */

struct lines {
    struct s3_header all[SIGNED_MAX];
    size_t count;
};

static void add(struct lines *lines, struct str name, struct str value)
{
    assert(lines->count < SIGNED_MAX);
    lines->all[lines->count++] = (struct s3_header){name, value};
}

/* Those that a store checks or that change what happens; others may be rewritten on the way. */
static bool is_signed(struct str name)
{
    static const char *const names[] = {"host",  "content-type", "content-md5",
                                        "range", "if-match",     "if-none-match"};
    if (str_starts(name, STR("x-amz-")))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (str_is(name, names[i]))
            return true;
    }
    return false;
}

bool s3_call_has_header(const struct s3_call *call, struct str name)
{
    for (size_t i = 0; i < call->header_count; i++) {
        if (str_equal_nocase(call->headers[i].name, name))
            return true;
    }
    return false;
}

static bool append_line(struct s3_call *call, struct str name, struct str value)
{
    struct buf line = {0};
    /* libcurl takes "name:" for a header to leave out. */
    if (value.len == 0) {
        buf_printf(&line, "%.*s;", STR_ARG(name));
    } else {
        buf_printf(&line, "%.*s: %.*s", STR_ARG(name), STR_ARG(value));
    }
    struct curl_slist *longer = curl_slist_append(call->lines, buf_cstr(&line));
    mem_wipe(line.data, line.len);
    buf_free(&line);
    if (longer == NULL)
        return false;
    call->lines = longer;
    return true;
}

/* Signs what is to be signed and hands all of it to libcurl. */
static bool append_lines(struct s3_call *call, const struct lines *lines, struct str path, int64_t wall_ms,
                         const char *payload)
{
    struct s3_store *s3 = call->s3;
    bool ok = true;
    for (size_t i = 0; i < lines->count; i++)
        ok = ok && append_line(call, lines->all[i].name, lines->all[i].value);
    if (!ok || s3->store.config.credentials == OBJECT_CREDENTIALS_ANONYMOUS)
        return ok;
    struct lines signed_lines = {.count = 0};
    for (size_t i = 0; i < lines->count; i++) {
        if (is_signed(lines->all[i].name))
            add(&signed_lines, lines->all[i].name, lines->all[i].value);
    }
    const struct s3_to_sign request = {.method = call->method,
                                       .path = path,
                                       .query = buf_str(&call->query),
                                       .headers = signed_lines.all,
                                       .header_count = signed_lines.count,
                                       .payload = payload,
                                       .wall_ms = wall_ms};
    struct buf authorization = {0};
    s3_sign(&s3->signer, &s3->identity, str_of(s3->endpoint.region), STR("s3"), &request, &authorization);
    ok = append_line(call, STR("authorization"), buf_str(&authorization));
    buf_free(&authorization);
    return ok;
}

/* What libcurl would add of its own accord. */
static bool leave_out(struct s3_call *call, const char *line)
{
    struct curl_slist *longer = curl_slist_append(call->lines, line);
    if (longer != NULL)
        call->lines = longer;
    return longer != NULL;
}

static bool set_headers(struct s3_call *call, struct str host, struct str path)
{
    struct s3_store *s3 = call->s3;
    const struct object_config *config = &s3->store.config;
    struct lines lines = {.count = 0};
    char date[S3_DATE_BYTES];
    int64_t wall_ms = clock_wall_ms() + s3->skew_ms;
    const char *payload = call->payload[0] != '\0' ? call->payload : empty_sha256;
    s3_date(wall_ms, date);
    add(&lines, STR("host"), host);
    if (config->credentials != OBJECT_CREDENTIALS_ANONYMOUS) {
        add(&lines, STR("x-amz-date"), str_of(date));
        add(&lines, STR("x-amz-content-sha256"), str_of(payload));
        if (s3->identity.session_token != NULL && s3->identity.session_token[0] != '\0')
            add(&lines, STR("x-amz-security-token"), str_of(s3->identity.session_token));
    }
    for (size_t i = 0; i < config->header_count; i++) {
        struct str name = str_of(config->headers[i].name);
        if (!s3_call_has_header(call, name))
            add(&lines, name, str_of(config->headers[i].value));
    }
    for (size_t i = 0; i < call->header_count; i++)
        add(&lines, call->headers[i].name, call->headers[i].value);
    return append_lines(call, &lines, path, wall_ms, payload) &&
           (s3_call_body_bytes(call) >= EXPECT_BYTES || leave_out(call, "Expect:")) &&
           (s3_call_has_header(call, STR("content-type")) || leave_out(call, "Content-Type:"));
}

/* ---- The handle ------------------------------------------------------------------------------------------ */

static bool set_tls(CURL *easy, const struct object_config *config)
{
    CURLcode rc = CURLE_OK;
#define SET(option, value) rc = rc == CURLE_OK ? curl_easy_setopt(easy, option, value) : rc
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, config->tls.verify ? 1L : 0L);
    SET(CURLOPT_SSL_VERIFYHOST, config->tls.verify ? 2L : 0L);
    if (config->tls.ca_file != NULL)
        SET(CURLOPT_CAINFO, config->tls.ca_file);
    if (config->tls.cert_file != NULL)
        SET(CURLOPT_SSLCERT, config->tls.cert_file);
    if (config->tls.key_file != NULL)
        SET(CURLOPT_SSLKEY, config->tls.key_file);
    if (config->tls.key_password != NULL)
        SET(CURLOPT_KEYPASSWD, config->tls.key_password);
#undef SET
    return rc == CURLE_OK;
}

/* The body, and the method that goes with it unless another is set. */
static bool set_body(CURL *easy, struct s3_call *call)
{
    CURLcode rc = CURLE_OK;
    bool put = strcmp(call->method, "PUT") == 0;
#define SET(option, value) rc = rc == CURLE_OK ? curl_easy_setopt(easy, option, value) : rc
    if (put && !is_inline(call)) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)s3_call_body_bytes(call));
    } else {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s3_call_body_bytes(call));
    }
    if (is_inline(call)) {
        SET(CURLOPT_POSTFIELDS, call->body.len > 0 ? call->body.data : "");
        call->sent_bytes = call->body.len; /* from here on it may be */
    } else {
        SET(CURLOPT_READFUNCTION, give);
        SET(CURLOPT_READDATA, call);
        SET(CURLOPT_SEEKFUNCTION, seek);
        SET(CURLOPT_SEEKDATA, call);
    }
    if (put && is_inline(call))
        SET(CURLOPT_CUSTOMREQUEST, "PUT");
#undef SET
    return rc == CURLE_OK;
}

static bool set_method(CURL *easy, struct s3_call *call)
{
    if (strcmp(call->method, "PUT") == 0 || strcmp(call->method, "POST") == 0)
        return set_body(easy, call);
    if (strcmp(call->method, "HEAD") == 0)
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    if (strcmp(call->method, "DELETE") == 0)
        return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE") == CURLE_OK;
    return true;
}

static bool set_connection(CURL *easy, struct s3_call *call, const char *url)
{
    const struct object_config *config = &call->s3->store.config;
    CURLcode rc = CURLE_OK;
#define SET(option, value) rc = rc == CURLE_OK ? curl_easy_setopt(easy, option, value) : rc
    SET(CURLOPT_ERRORBUFFER, call->text);
    SET(CURLOPT_PRIVATE, call);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_NOSIGNAL, 1L); /* signals are the main thread's */
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)config->connect_timeout_ms);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_FRESH_CONNECT, call->fresh ? 1L : 0L);
    /* Wishes: libcurl refuses them while a handle that has failed before keeps its former buffer. */
    (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, call->is_object ? BUFFER_BYTES : ANSWER_BYTES);
    (void)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES);
    SET(CURLOPT_USERAGENT, "varve/" VARVE_VERSION);
    SET(CURLOPT_HTTPHEADER, call->lines);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_WRITEFUNCTION, take);
    SET(CURLOPT_WRITEDATA, call);
    if (config->bytes_per_s > 0) {
        SET(CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t)config->bytes_per_s);
        SET(CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)config->bytes_per_s);
    }
#undef SET
    return rc == CURLE_OK;
}

static CURL *take_handle(struct s3_store *s3)
{
    return s3->idle_count > 0 ? s3->idle[--s3->idle_count] : curl_easy_init();
}

static void append_url(struct s3_call *call, struct str host, struct str path, struct buf *out)
{
    struct s3_store *s3 = call->s3;
    const char *name = s3->store.config.tls.server_name;
    buf_append_str(out, s3->endpoint.tls ? STR("https://") : STR("http://"));
    if (name != NULL &&
        s3->endpoint.tls) { /* asked for and checked under this name; set_route() leads to the host */
        buf_printf(out, "%s:%u", name, s3->endpoint.port);
    } else {
        buf_append_str(out, host);
    }
    buf_append_str(out, path);
    if (call->query.len > 0) {
        buf_append_byte(out, '?');
        buf_append_str(out, buf_str(&call->query));
    }
}

/* Where the host's certificate has another name: connects to the host all the same. */
static bool set_route(CURL *easy, struct s3_store *s3)
{
    if (s3->route == NULL)
        return true;
    return curl_easy_setopt(easy, CURLOPT_CONNECT_TO, s3->route) == CURLE_OK;
}

bool s3_transfer_begin(struct s3_call *call)
{
    struct s3_store *s3 = call->s3;
    bool vhost = call->vhost_only || (!call->path_only && s3_style_for(s3, call) == S3_STYLE_VHOST);
    struct buf host = {0};
    struct buf path = {0};
    struct buf url = {0};
    call->easy = take_handle(s3);
    s3_host_header(&s3->endpoint, call->bucket, vhost, &host);
    s3_path(&s3->endpoint, call->bucket, call->key, vhost, &path);
    append_url(call, buf_str(&host), buf_str(&path), &url);
    bool ok = call->easy != NULL && set_headers(call, buf_str(&host), buf_str(&path)) &&
              set_connection(call->easy, call, buf_cstr(&url)) && set_tls(call->easy, &s3->store.config) &&
              set_route(call->easy, s3) && set_method(call->easy, call) &&
              curl_multi_add_handle(s3->multi, call->easy) == CURLM_OK;
    buf_free(&host);
    buf_free(&path);
    buf_free(&url);
    return ok;
}

void s3_transfer_end(struct s3_call *call)
{
    struct s3_store *s3 = call->s3;
    call->answer.status = status_of(call);
    bool is_ok = call->answer.status >= 200 && call->answer.status < 300;
    uint64_t down = call->is_object && is_ok ? call->data.len : 0;
    bool sent = call->answer.status != 0 || !is_inline(call);
    store_count_bytes(&s3->store, sent && call->op == OBJECT_PUT ? call->sent_bytes : 0, down);
    s3_pace_add_bytes(&s3->pace, down);
    curl_multi_remove_handle(s3->multi, call->easy);
    /* One that failed before it had a connection does not take all options again. */
    if (call->head_done && s3->idle_count < S3_IDLE_HANDLES) {
        curl_easy_reset(call->easy);
        s3->idle[s3->idle_count++] = call->easy;
    } else {
        curl_easy_cleanup(call->easy);
    }
    call->easy = NULL;
    for (struct curl_slist *line = call->lines; line != NULL; line = line->next)
        mem_wipe(line->data, strlen(line->data));
    curl_slist_free_all(call->lines);
    call->lines = NULL;
}

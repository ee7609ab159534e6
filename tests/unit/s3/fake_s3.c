/* The fake's wire: a thread that accepts, and one for each connection that reads requests, decides what happens to them, and answers.
 *
 * What is held and what is counted stands under one lock. A connection's thread blocks in its socket; stopping shuts the sockets down and
 * joins the threads. A reset is a close with SO_LINGER 0. */
#include "s3/fake_s3.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "object/s3_address.h"
#include "object/s3_sign.h"
#include "s3/fake_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_BYTES_MAX  (64u << 10)
#define BODY_BYTES_MAX  (256u << 20)
#define FAULT_QUEUE_MAX 4096
#define SKEW_MAX_MS     (15 * 60 * 1000)

struct connection {
    struct list node;
    struct fake_s3 *fake;
    pthread_t thread;
    int fd;
    bool ended; /* under the lock: its thread may be joined */
    struct buf input;
};

struct counter { /* of requests of one method and key */
    uint64_t hash;
    uint64_t count;
};

struct fake_s3 {
    int listener;
    unsigned port;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t decided;
    /* Under the lock. */
    bool stopping;
    bool down;
    struct list connections;
    struct fake_store store;
    struct fake_s3_traits traits;
    fake_decide_fn *decide;
    void *decide_arg;
    unsigned deciding; /* so many ask it now */
    enum fake_fault queue[FAULT_QUEUE_MAX];
    size_t queued;
    bool scheduled;
    uint64_t seed;
    unsigned per_mille[FAKE_FAULTS];
    struct map counters;
    uint64_t accepted;
    uint64_t requests;
    uint64_t by_method[5];
    uint64_t by_fault[FAKE_FAULTS];
};

static const char *const methods[5] = {"GET", "PUT", "HEAD", "POST", "DELETE"};

const char *fake_fault_name(enum fake_fault fault)
{
    static const char *const names[FAKE_FAULTS] = {
        "none",          "refused",      "reset before", "reset after", "reset in the body",
        "silent before", "silent after", "late",         "500",         "500 empty",
        "500 after",     "503",          "503 empty",    "409",         "412",
        "501",           "error in 200", "truncated",    "flipped bit", "wrong ETag",
    };
    return fault < FAKE_FAULTS ? names[fault] : "?";
}

/* ---- Sockets ----------------------------------------------------------------------------------------------- */

static void reset(int fd)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

static bool send_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

/* More bytes into connection->input. */
static bool receive(struct connection *connection)
{
    buf_reserve(&connection->input, 64u << 10);
    for (;;) {
        ssize_t got = recv(connection->fd, connection->input.data + connection->input.len, 64u << 10, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        connection->input.len += (size_t)got;
        return true;
    }
}

/* Until the other side gives the connection up, or the fake stops (which shuts the socket down). */
static void wait_for_end(int fd)
{
    char rest[4096];
    for (;;) {
        ssize_t got = recv(fd, rest, sizeof rest, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
    }
}

/* ---- Reading a request ------------------------------------------------------------------------------------- */

const char *fake_header(const struct fake_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (strcmp(message->headers[i].name, name) == 0)
            return message->headers[i].value;
    }
    return NULL;
}

static void decode(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '%' && i + 2 < text.len) {
            char pair[3] = {text.data[i + 1], text.data[i + 2], '\0'};
            buf_append_byte(out, (uint8_t)strtoul(pair, NULL, 16));
            i += 2;
        } else {
            buf_append_byte(out, (uint8_t)text.data[i]);
        }
    }
}

bool fake_query(const struct fake_message *message, const char *name, struct buf *out)
{
    struct str rest = str_of(message->query);
    struct str piece;
    while (str_next(&rest, '&', &piece)) {
        struct str key;
        (void)str_next(&piece, '=', &key);
        if (!str_is(key, name))
            continue;
        if (piece.data != NULL)
            decode(piece, out);
        return true;
    }
    return false;
}

static void free_message(struct fake_message *message)
{
    char *const texts[] = {message->target, message->path, message->query, message->bucket, message->key};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        mem_free(texts[i]);
    for (size_t i = 0; i < message->header_count; i++) {
        mem_free(message->headers[i].name);
        mem_free(message->headers[i].value);
    }
    buf_free(&message->body);
}

static void split_target(struct fake_message *message, bool vhost)
{
    struct str query = str_of(message->target);
    struct str path;
    (void)str_next(&query, '?', &path);
    message->path = str_dup(path);
    message->query = query.data != NULL ? str_dup(query) : mem_strdup("");
    struct str rest = str_make(path.data + 1, path.len > 0 ? path.len - 1 : 0);
    struct str bucket = STR_NONE;
    const char *host = fake_header(message, "host");
    if (vhost && host != NULL) {
        struct str name = str_of(host);
        struct str label;
        (void)str_next(&name, '.', &label);
        bucket = memchr(name.data != NULL ? name.data : "", '.', name.len) != NULL ? label : STR_NONE;
    } else {
        (void)str_next(&rest, '/', &bucket);
    }
    struct buf key = {0};
    decode(rest.data != NULL ? rest : STR_NONE, &key);
    message->bucket = str_dup(bucket);
    message->key = str_dup(buf_str(&key));
    buf_free(&key);
}

static bool parse_head(struct fake_message *message, struct str head)
{
    struct str line;
    if (!str_next(&head, '\n', &line))
        return false;
    struct str rest = str_trim(line);
    struct str method;
    struct str target;
    if (!str_next(&rest, ' ', &method) || !str_next(&rest, ' ', &target) ||
        method.len >= sizeof message->method || target.len == 0 || target.data[0] != '/')
        return false;
    snprintf(message->method, sizeof message->method, "%.*s", STR_ARG(method));
    message->target = str_dup(target);
    while (str_next(&head, '\n', &line)) {
        struct str value = str_trim(line);
        struct str name;
        if (value.len == 0)
            continue;
        (void)str_next(&value, ':', &name);
        if (message->header_count == FAKE_HEADERS_MAX)
            return false;
        char *lower = str_dup(name);
        for (char *c = lower; *c != '\0'; c++)
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        message->headers[message->header_count++] = (struct fake_header){lower, str_dup(str_trim(value))};
    }
    return true;
}

/* The head of the next request; false: the connection has ended. */
static bool read_head(struct connection *connection, struct fake_message *message, bool vhost)
{
    struct buf *input = &connection->input;
    const uint8_t *end;
    while (input->len == 0 || (end = memmem(input->data, input->len, "\r\n\r\n", 4)) == NULL) {
        if (input->len > HEAD_BYTES_MAX || !receive(connection))
            return false;
        if (input->data[0] < 'A' || input->data[0] > 'Z') { /* no HTTP: perhaps TLS */
            (void)send_all(connection->fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
            return false;
        }
    }
    size_t len = (size_t)(end - input->data) + 4;
    bool ok = parse_head(message, str_make(input->data, len));
    buf_consume(input, len);
    if (ok)
        split_target(message, vhost);
    return ok;
}

static bool read_body(struct connection *connection, struct fake_message *message)
{
    const char *length = fake_header(message, "content-length");
    const char *expect = fake_header(message, "expect");
    size_t len = length != NULL ? strtoull(length, NULL, 10) : 0;
    if (len > BODY_BYTES_MAX)
        return false;
    if (expect != NULL && strcasecmp(expect, "100-continue") == 0 &&
        !send_all(connection->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25))
        return false;
    while (connection->input.len < len) {
        if (!receive(connection))
            return false;
    }
    if (len > 0)
        buf_append(&message->body, connection->input.data, len);
    buf_consume(&connection->input, len);
    return true;
}

/* ---- Signatures -------------------------------------------------------------------------------------------- */

/* "Credential=…,SignedHeaders=…,Signature=…": one of the three. */
static struct str field_of(const char *authorization, const char *name)
{
    const char *at = strstr(authorization, name);
    if (at == NULL)
        return STR_NONE;
    at += strlen(name);
    return str_make(at, strcspn(at, ", "));
}

static int64_t date_of(const char *text)
{
    struct tm tm = {0};
    return text != NULL && strptime(text, "%Y%m%dT%H%M%SZ", &tm) != NULL ? (int64_t)timegm(&tm) * 1000 : 0;
}

static bool signature_fits(const struct fake_message *message, const char *authorization, struct str region,
                           const char *secret)
{
    struct s3_header headers[FAKE_HEADERS_MAX];
    size_t count = 0;
    struct str names = field_of(authorization, "SignedHeaders=");
    struct str name;
    bool has_host = false;
    while (str_next(&names, ';', &name)) {
        char *text = str_dup(name);
        const char *value = fake_header(message, text);
        has_host = has_host || strcmp(text, "host") == 0;
        mem_free(text);
        if (value != NULL && count < FAKE_HEADERS_MAX)
            headers[count++] = (struct s3_header){name, str_of(value)};
    }
    const char *payload = fake_header(message, "x-amz-content-sha256");
    struct s3_to_sign request = {.method = message->method,
                                 .path = str_of(message->path),
                                 .query = str_of(message->query),
                                 .headers = headers,
                                 .header_count = count,
                                 .payload = payload != NULL ? payload : "",
                                 .wall_ms = date_of(fake_header(message, "x-amz-date"))};
    struct str credential = field_of(authorization, "Credential=");
    struct str id;
    (void)str_next(&credential, '/', &id);
    struct s3_identity identity = {.access_key_id = str_dup(id), .secret_access_key = mem_strdup(secret)};
    struct s3_signer signer = {0};
    struct buf expected = {0};
    s3_sign(&signer, &identity, region, STR("s3"), &request, &expected);
    bool fits = has_host &&
                str_equal(field_of(buf_cstr(&expected), "Signature="), field_of(authorization, "Signature="));
    s3_identity_free(&identity);
    buf_free(&expected);
    return fits;
}

/* Whether the request may be done; else the reply says why not. */
static bool is_admitted(const struct fake_s3_traits *traits, const struct fake_message *message,
                        struct fake_reply *reply)
{
    const char *authorization = fake_header(message, "authorization");
    const char *payload = fake_header(message, "x-amz-content-sha256");
    const char *token = fake_header(message, "x-amz-security-token");
    const char *wanted_region = traits->region != NULL ? traits->region : "us-east-1";
    const char *wanted_key = traits->access_key != NULL ? traits->access_key : FAKE_ACCESS_KEY;
    char digest[SHA256_HEX_BYTES];
    if (authorization == NULL) {
        fake_reply_error(reply, 403, "AccessDenied", "");
        return false;
    }
    struct str rest = field_of(authorization, "Credential=");
    struct str id;
    struct str day;
    struct str region = STR_NONE;
    (void)(str_next(&rest, '/', &id) && str_next(&rest, '/', &day) && str_next(&rest, '/', &region));
    sha256_hex(buf_str(&message->body), digest);
    int64_t skew = date_of(fake_header(message, "x-amz-date")) - clock_wall_ms() - traits->clock_skew_ms;
    if (!str_is(id, wanted_key)) {
        fake_reply_error(reply, 403, "InvalidAccessKeyId", "");
    } else if (!str_is(region, wanted_region)) {
        char text[100];
        snprintf(text, sizeof text, "<Region>%s</Region>", wanted_region);
        fake_reply_error(reply, 400, "AuthorizationHeaderMalformed", text);
    } else if (skew > SKEW_MAX_MS || skew < -SKEW_MAX_MS) {
        fake_reply_error(reply, 403, "RequestTimeTooSkewed", "");
    } else if (traits->token != NULL ? token == NULL || strcmp(token, traits->token) != 0
                                     : token != NULL && strcmp(token, FAKE_TOKEN) != 0) {
        fake_reply_error(reply, 400, "ExpiredToken", "");
    } else if (!signature_fits(message, authorization, region,
                               traits->secret_key != NULL ? traits->secret_key : FAKE_SECRET_KEY)) {
        fake_reply_error(reply, 403, "SignatureDoesNotMatch", "");
    } else if (payload == NULL || strcmp(payload, digest) != 0) {
        fake_reply_error(reply, 400, "XAmzContentSHA256Mismatch", "");
    } else if (traits->denies != NULL && strcmp(traits->denies, message->method) == 0) {
        fake_reply_error(reply, 403, "AccessDenied", "");
    } else {
        return true;
    }
    reply->is_head = strcmp(message->method, "HEAD") == 0;
    return false;
}

/* ---- Faults ------------------------------------------------------------------------------------------------ */

static bool has_hash(const void *item, const void *key)
{
    return ((const struct counter *)item)->hash == *(const uint64_t *)key;
}

/* How many of this method and key came before. */
static uint64_t count_kind(struct fake_s3 *fake, uint64_t hash)
{
    struct counter *counter = map_find(&fake->counters, hash, has_hash, &hash);
    if (counter == NULL) {
        counter = mem_zalloc(sizeof *counter);
        counter->hash = hash;
        map_insert(&fake->counters, hash, counter);
    }
    return counter->count++;
}

static enum fake_fault by_schedule(struct fake_s3 *fake, const struct fake_message *message)
{
    struct buf name = {0};
    buf_printf(&name, "%s %s?%s", message->method, message->key,
               strchr(message->query, '=') != NULL ? "q" : "");
    uint64_t hash = hash_stable(name.data, name.len);
    buf_free(&name);
    struct random random;
    random_seed(&random, fake->seed ^ hash ^ (count_kind(fake, hash) * UINT64_C(0x9e3779b97f4a7c15)));
    unsigned draw = (unsigned)random_below(&random, 1000);
    for (unsigned fault = 1; fault < FAKE_FAULTS; fault++) {
        if (draw < fake->per_mille[fault])
            return fault;
        draw -= fake->per_mille[fault];
    }
    return FAKE_NONE;
}

/* What cannot befall this request becomes something like it. */
static enum fake_fault fit(enum fake_fault fault, const struct fake_message *message, bool conditional)
{
    bool get = strcmp(message->method, "GET") == 0;
    bool put = strcmp(message->method, "PUT") == 0;
    bool post = strcmp(message->method, "POST") == 0;
    bool batch = post && message->key[0] == '\0';
    switch (fault) {
    case FAKE_409: return conditional ? fault : FAKE_503;
    case FAKE_412: return conditional ? fault : FAKE_500;
    case FAKE_501: return conditional || batch ? fault : FAKE_500;
    case FAKE_ERROR_IN_200: return post || (get && message->key[0] == '\0') ? fault : FAKE_500;
    case FAKE_FLIPPED_BIT: return get || (put && message->body.len > 0) ? fault : FAKE_500;
    case FAKE_WRONG_ETAG: return put ? fault : FAKE_500;
    default: return fault;
    }
}

static enum fake_fault decide(struct fake_s3 *fake, const struct fake_message *message)
{
    const char *none = fake_header(message, "if-none-match");
    const char *match = fake_header(message, "if-match");
    bool reads = strcmp(message->method, "GET") == 0 || strcmp(message->method, "HEAD") == 0;
    struct fake_request request = {.method = message->method,
                                   .bucket = message->bucket,
                                   .key = message->key,
                                   .query = message->query,
                                   .conditional = !reads && (none != NULL || match != NULL)};
    const char *length = fake_header(message, "content-length");
    request.body_bytes = length != NULL ? strtoull(length, NULL, 10) : 0;
    pthread_mutex_lock(&fake->lock);
    request.number = ++fake->requests;
    for (size_t i = 0; i < 5; i++)
        fake->by_method[i] += strcmp(methods[i], message->method) == 0;
    fake_decide_fn *ask = fake->decide;
    void *arg = fake->decide_arg;
    fake->deciding++;
    pthread_mutex_unlock(&fake->lock);
    enum fake_fault fault = ask != NULL ? ask(arg, &request) : FAKE_FAULTS;
    pthread_mutex_lock(&fake->lock);
    if (--fake->deciding == 0)
        pthread_cond_broadcast(&fake->decided);
    if (fault == FAKE_FAULTS && fake->queued > 0) {
        fault = fake->queue[0];
        memmove(fake->queue, fake->queue + 1, --fake->queued * sizeof fake->queue[0]);
    } else if (fault == FAKE_FAULTS) {
        fault = fake->scheduled ? by_schedule(fake, message) : FAKE_NONE;
    }
    fault = fit(fault, message, request.conditional);
    fake->by_fault[fault]++;
    pthread_mutex_unlock(&fake->lock);
    return fault;
}

/* ---- Answering --------------------------------------------------------------------------------------------- */

static const char *reason_of(int status)
{
    return status < 300 ? "OK" : status < 500 ? "No" : "Trouble";
}

static void write_head(const struct fake_reply *reply, int64_t now_ms, struct buf *out)
{
    char date[64];
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    buf_printf(out, "HTTP/1.1 %d %s\r\ndate: %s\r\nx-amz-request-id: 1\r\n", reply->status,
               reason_of(reply->status), date);
    buf_append_str(out, buf_str(&reply->headers));
    if (reply->status != 204) {
        buf_printf(out, "content-length: %zu\r\n",
                   reply->is_head && reply->status < 300 ? (size_t)reply->length : reply->body.len);
    }
    buf_append_str(out, STR("\r\n"));
}

/* Replaces the ETag's digits: still an ETag. */
static void spoil_etag(struct buf *headers)
{
    char *at = headers->len > 0 ? memmem(headers->data, headers->len, "etag: \"", 7) : NULL;
    for (char *c = at != NULL ? at + 7 : (char[]){'"', 0}; *c != '"' && *c != '\r'; c++)
        *c = *c == '0' ? '1' : '0';
}

/* Does what is asked, if it may be; not once the fake is stopped. */
static void perform(struct fake_s3 *fake, const struct fake_message *message, struct fake_reply *reply)
{
    pthread_mutex_lock(&fake->lock);
    if (fake->stopping) {
        fake_reply_error(reply, 503, "ServiceUnavailable", "");
    } else if (is_admitted(&fake->traits, message, reply) && message->bucket[0] != '\0') {
        fake_store_do(&fake->store, &fake->traits, message, reply);
    } else if (reply->status == 0) {
        reply->status = 200;
        buf_append_str(&reply->body,
                       STR("<?xml version=\"1.0\"?><ListAllMyBucketsResult></ListAllMyBucketsResult>"));
    }
    if (reply->is_head)
        buf_reset(&reply->body);
    pthread_mutex_unlock(&fake->lock);
}

static void spoil(enum fake_fault fault, struct fake_reply *reply, bool is_head)
{
    switch (fault) {
    case FAKE_500:
    case FAKE_500_AFTER: fake_reply_error(reply, 500, "InternalError", ""); break;
    case FAKE_503: fake_reply_error(reply, 503, "SlowDown", ""); break;
    case FAKE_409: fake_reply_error(reply, 409, "ConditionalRequestConflict", ""); break;
    case FAKE_412: fake_reply_error(reply, 412, "PreconditionFailed", ""); break;
    case FAKE_501: fake_reply_error(reply, 501, "NotImplemented", ""); break;
    case FAKE_ERROR_IN_200: fake_reply_error(reply, 200, "InternalError", ""); break;
    case FAKE_500_EMPTY:
    case FAKE_503_EMPTY:
        buf_reset(&reply->headers);
        buf_reset(&reply->body);
        reply->status = fault == FAKE_500_EMPTY ? 500 : 503;
        break;
    case FAKE_FLIPPED_BIT:
        if (reply->body.len > 0 && reply->is_object)
            reply->body.data[reply->body.len / 2] ^= 0x10;
        break;
    case FAKE_WRONG_ETAG: spoil_etag(&reply->headers); break;
    default: break;
    }
    reply->is_head = is_head;
    if (is_head)
        buf_reset(&reply->body);
}

/* False: the connection is at its end. */
static bool answer(struct connection *connection, struct fake_message *message, enum fake_fault fault)
{
    struct fake_s3 *fake = connection->fake;
    bool is_head = strcmp(message->method, "HEAD") == 0;
    bool before = fault == FAKE_RESET_BEFORE || fault == FAKE_SILENT_BEFORE || fault == FAKE_500 ||
                  fault == FAKE_500_EMPTY || fault == FAKE_503 || fault == FAKE_503_EMPTY ||
                  fault == FAKE_409 || fault == FAKE_412 || fault == FAKE_501 || fault == FAKE_ERROR_IN_200;
    struct fake_reply reply = {.is_head = is_head};
    bool keep = false;
    if (fault == FAKE_LATE)
        wait_for_end(connection->fd);
    if (fault == FAKE_FLIPPED_BIT && strcmp(message->method, "PUT") == 0)
        message->body.data[message->body.len / 2] ^= 0x10;
    if (!before)
        perform(fake, message, &reply);
    spoil(fault, &reply, is_head);
    struct buf head = {0};
    pthread_mutex_lock(&fake->lock);
    int64_t now = clock_wall_ms() + fake->traits.clock_skew_ms;
    pthread_mutex_unlock(&fake->lock);
    write_head(&reply, now, &head);
    switch (fault) {
    case FAKE_RESET_BEFORE:
    case FAKE_RESET_AFTER:
    case FAKE_LATE: reset(connection->fd); break;
    case FAKE_SILENT_BEFORE:
    case FAKE_SILENT_AFTER: wait_for_end(connection->fd); break;
    case FAKE_TRUNCATED:
    case FAKE_RESET_BODY:
        if (reply.body.len > 0) {
            (void)(send_all(connection->fd, head.data, head.len) &&
                   send_all(connection->fd, reply.body.data, reply.body.len / 2));
        } else {
            (void)send_all(connection->fd, head.data, head.len / 2);
        }
        if (fault == FAKE_RESET_BODY)
            reset(connection->fd);
        break;
    default:
        keep = send_all(connection->fd, head.data, head.len) &&
               send_all(connection->fd, reply.body.data, reply.body.len);
    }
    buf_free(&head);
    buf_free(&reply.headers);
    buf_free(&reply.body);
    return keep;
}

static bool serve_one(struct connection *connection)
{
    struct fake_s3 *fake = connection->fake;
    struct fake_message message = {0};
    pthread_mutex_lock(&fake->lock);
    bool vhost = fake->traits.wants_vhost;
    pthread_mutex_unlock(&fake->lock);
    bool keep = read_head(connection, &message, vhost);
    if (keep) {
        enum fake_fault fault = decide(fake, &message);
        if (fault == FAKE_REFUSED) {
            reset(connection->fd);
            keep = false;
        } else {
            keep = read_body(connection, &message) && answer(connection, &message, fault);
        }
    }
    free_message(&message);
    return keep;
}

static void *serve(void *arg)
{
    struct connection *connection = arg;
    struct fake_s3 *fake = connection->fake;
    while (serve_one(connection))
        ;
    pthread_mutex_lock(&fake->lock);
    close(connection->fd);
    connection->fd = -1;
    connection->ended = true;
    pthread_mutex_unlock(&fake->lock);
    return NULL;
}

/* ---- Connections ------------------------------------------------------------------------------------------- */

static void join(struct connection *connection)
{
    pthread_join(connection->thread, NULL);
    buf_free(&connection->input);
    mem_free(connection);
}

/* Those whose threads are through. */
static void join_ended(struct fake_s3 *fake)
{
    struct list ended;
    list_init(&ended);
    pthread_mutex_lock(&fake->lock);
    LIST_EACH_SAFE(node, &fake->connections)
    {
        struct connection *connection = CONTAINER_OF(node, struct connection, node);
        if (connection->ended) {
            list_remove(node);
            list_append(&ended, node);
        }
    }
    pthread_mutex_unlock(&fake->lock);
    while (!list_empty(&ended)) {
        struct connection *connection = CONTAINER_OF(ended.next, struct connection, node);
        list_remove(&connection->node);
        join(connection);
    }
}

static void *accept_all(void *arg)
{
    struct fake_s3 *fake = arg;
    for (;;) {
        int fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            return NULL; /* shut down */
        join_ended(fake);
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = mem_zalloc(sizeof *connection);
        connection->fake = fake;
        connection->fd = fd;
        pthread_mutex_lock(&fake->lock);
        bool refuse = fake->down || fake->stopping;
        fake->accepted++;
        if (!refuse) {
            list_append(&fake->connections, &connection->node);
            if (pthread_create(&connection->thread, NULL, serve, connection) != 0)
                abort();
        }
        pthread_mutex_unlock(&fake->lock);
        if (refuse) {
            reset(fd);
            close(fd);
            mem_free(connection);
        }
    }
}

/* Ends what is under way. Under the lock. */
static void cut_all(struct fake_s3 *fake)
{
    LIST_EACH(node, &fake->connections)
    {
        struct connection *connection = CONTAINER_OF(node, struct connection, node);
        if (connection->fd >= 0) {
            reset(connection->fd);
            (void)shutdown(connection->fd, SHUT_RDWR);
        }
    }
}

struct fake_s3 *fake_s3_start(void)
{
    struct fake_s3 *fake = mem_zalloc(sizeof *fake);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    pthread_mutex_init(&fake->lock, NULL);
    pthread_cond_init(&fake->decided, NULL);
    list_init(&fake->connections);
    fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fake->listener < 0 || bind(fake->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fake->listener, 128) != 0 ||
        getsockname(fake->listener, (struct sockaddr *)&address, &len) != 0 ||
        pthread_create(&fake->thread, NULL, accept_all, fake) != 0) {
        perror("fake_s3");
        abort();
    }
    fake->port = ntohs(address.sin_port);
    return fake;
}

void fake_s3_stop(struct fake_s3 *fake)
{
    pthread_mutex_lock(&fake->lock);
    fake->stopping = true;
    cut_all(fake);
    pthread_mutex_unlock(&fake->lock);
    (void)shutdown(fake->listener, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    while (!list_empty(&fake->connections)) {
        struct connection *connection = CONTAINER_OF(fake->connections.next, struct connection, node);
        list_remove(&connection->node);
        join(connection);
    }
    close(fake->listener);
    fake_store_free(&fake->store);
    struct counter *counter;
    for (size_t i = 0; (counter = map_next(&fake->counters, &i)) != NULL;)
        mem_free(counter);
    map_free(&fake->counters);
    pthread_cond_destroy(&fake->decided);
    pthread_mutex_destroy(&fake->lock);
    mem_free(fake);
}

unsigned fake_s3_port(struct fake_s3 *fake)
{
    return fake->port;
}

void fake_s3_config(struct fake_s3 *fake, struct object_config *out)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", fake->port);
    object_config_init(out);
    out->name = mem_strdup("fake");
    out->endpoint = mem_strdup(endpoint);
    out->access_key_id = mem_strdup(FAKE_ACCESS_KEY);
    out->secret_access_key = mem_strdup(FAKE_SECRET_KEY);
    out->connect_timeout_ms = 2000;
    out->request_timeout_ms = 500;
    out->deadline_ms = 60000;
    out->max_retries = 20;
    out->retry_pause_ms = 1;
}

/* ---- The test's side --------------------------------------------------------------------------------------- */

void fake_s3_schedule(struct fake_s3 *fake, uint64_t seed, const unsigned per_mille[FAKE_FAULTS])
{
    pthread_mutex_lock(&fake->lock);
    fake->scheduled = per_mille != NULL;
    fake->seed = seed;
    if (per_mille != NULL)
        memcpy(fake->per_mille, per_mille, sizeof fake->per_mille);
    struct counter *counter;
    for (size_t i = 0; (counter = map_next(&fake->counters, &i)) != NULL;)
        counter->count = 0;
    pthread_mutex_unlock(&fake->lock);
}

void fake_s3_fault_next(struct fake_s3 *fake, enum fake_fault fault)
{
    pthread_mutex_lock(&fake->lock);
    if (fake->queued == FAULT_QUEUE_MAX)
        abort();
    fake->queue[fake->queued++] = fault;
    pthread_mutex_unlock(&fake->lock);
}

void fake_s3_decide(struct fake_s3 *fake, fake_decide_fn *ask, void *arg)
{
    pthread_mutex_lock(&fake->lock);
    fake->decide = ask;
    fake->decide_arg = arg;
    while (fake->deciding > 0)
        pthread_cond_wait(&fake->decided, &fake->lock);
    pthread_mutex_unlock(&fake->lock);
}

void fake_s3_set_down(struct fake_s3 *fake, bool down)
{
    pthread_mutex_lock(&fake->lock);
    fake->down = down;
    if (down)
        cut_all(fake);
    pthread_mutex_unlock(&fake->lock);
}

void fake_s3_set_traits(struct fake_s3 *fake, const struct fake_s3_traits *traits)
{
    pthread_mutex_lock(&fake->lock);
    fake->traits = *traits;
    pthread_mutex_unlock(&fake->lock);
}

bool fake_s3_get(struct fake_s3 *fake, const char *key, struct buf *out)
{
    pthread_mutex_lock(&fake->lock);
    const struct fake_object *object = fake_store_find(&fake->store, key);
    if (object != NULL)
        buf_append_str(out, buf_str(&object->body));
    pthread_mutex_unlock(&fake->lock);
    return object != NULL;
}

void fake_s3_put(struct fake_s3 *fake, const char *key, struct str body)
{
    pthread_mutex_lock(&fake->lock);
    (void)fake_store_put(&fake->store, key, body, &fake->traits);
    pthread_mutex_unlock(&fake->lock);
}

void fake_s3_remove(struct fake_s3 *fake, const char *key)
{
    pthread_mutex_lock(&fake->lock);
    (void)fake_store_remove(&fake->store, key);
    pthread_mutex_unlock(&fake->lock);
}

void fake_s3_each(struct fake_s3 *fake, const char *prefix,
                  void (*each)(const char *key, struct str body, void *arg), void *arg)
{
    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < fake->store.count; i++) {
        const struct fake_object *object = &fake->store.objects[i];
        if (strncmp(object->key, prefix, strlen(prefix)) == 0)
            each(object->key, buf_str(&object->body), arg);
    }
    pthread_mutex_unlock(&fake->lock);
}

static void count_one(const char *key, struct str body, void *arg)
{
    (void)key;
    (void)body;
    (*(size_t *)arg)++;
}

size_t fake_s3_count(struct fake_s3 *fake, const char *prefix)
{
    size_t count = 0;
    fake_s3_each(fake, prefix, count_one, &count);
    return count;
}

size_t fake_s3_uploads(struct fake_s3 *fake)
{
    pthread_mutex_lock(&fake->lock);
    size_t count = fake->store.upload_count;
    pthread_mutex_unlock(&fake->lock);
    return count;
}

void fake_s3_age_uploads(struct fake_s3 *fake, int64_t ms)
{
    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < fake->store.upload_count; i++)
        fake->store.uploads[i].begun_ms -= ms;
    pthread_mutex_unlock(&fake->lock);
}

uint64_t fake_s3_requests(struct fake_s3 *fake, const char *method)
{
    pthread_mutex_lock(&fake->lock);
    uint64_t count = method == NULL ? fake->requests : 0;
    for (size_t i = 0; method != NULL && i < 5; i++)
        count += strcmp(methods[i], method) == 0 ? fake->by_method[i] : 0;
    pthread_mutex_unlock(&fake->lock);
    return count;
}

uint64_t fake_s3_connections(struct fake_s3 *fake)
{
    pthread_mutex_lock(&fake->lock);
    uint64_t count = fake->accepted;
    pthread_mutex_unlock(&fake->lock);
    return count;
}

uint64_t fake_s3_faults(struct fake_s3 *fake, enum fake_fault fault)
{
    pthread_mutex_lock(&fake->lock);
    uint64_t count = fake->by_fault[fault];
    pthread_mutex_unlock(&fake->lock);
    return count;
}

/* A server on a broker of its own, with routes of the test's beside its own, and requests over real sockets, byte by byte. */
#ifndef TESTS_API_HTTP_TEST_H
#define TESTS_API_HTTP_TEST_H

#include "alarm/alarm.h"
#include "api/api_internal.h"
#include "auth/auth.h"
#include "broker/broker.h"
#include "catalog/catalog.h"
#include "connector/connector.h"
#include "harness.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#ifndef PATIENCE_S
#define PATIENCE_S 60
#endif
#define ADMIN_KEY  "0123456789abcdef:secret"
/* base64 of ADMIN_KEY */
#define AUTHORIZED "Authorization: Basic MDEyMzQ1Njc4OWFiY2RlZjpzZWNyZXQ=\r\n"

struct http_site {
    char dir[HARNESS_PATH_BYTES];
    struct catalog *catalog;
    struct connectors *connectors;
    struct alarms *alarms;
    struct broker *broker;
    struct api *api;
};

static inline void http_site_start(struct http_site *site, const struct api_table *table)
{
    struct error err = {0};
    log_set_level(LOG_LEVEL_ERROR);
    *site = (struct http_site){0};
    harness_make_dir(site->dir);
    site->catalog = catalog_open(site->dir, &err);
    if (site->catalog == NULL)
        fail_msg("%s", err.text);
    const struct secret_key secret = {{1, 2, 3}};
    const struct connectors_options connectors = {site->dir, site->catalog, &secret};
    site->connectors = connectors_open(&connectors, &err);
    if (site->connectors == NULL)
        fail_msg("%s", err.text);
    const struct alarms_options alarms = {.connectors = site->connectors, .asleep = true};
    site->alarms = alarms_open(&alarms, &err);
    if (site->alarms == NULL)
        fail_msg("%s", err.text);
    struct settings *settings = settings_new();
    settings->sys_interval_ms = 0;
    const struct broker_options broker = {.reactors = 2, .catalog = site->catalog, .settings = settings};
    site->broker = broker_start(&broker, &err);
    if (site->broker == NULL)
        fail_msg("%s", err.text);
    const struct api_options options = {.broker = site->broker,
                                        .catalog = site->catalog,
                                        .connectors = site->connectors,
                                        .alarms = site->alarms,
                                        .admin_key = STR(ADMIN_KEY)};
    site->api = api_new(&options);
    if (table != NULL)
        api_register(site->api, table);
    const struct api_listener_options listener = {
        .bind = "127.0.0.1:0", .max_connections = 64, .max_body_bytes = 4096};
    ASSERT_OK(api_open(site->api, &listener, &err), err);
    api_set_ready(site->api);
}

static inline void http_site_end(struct http_site *site)
{
    api_stop(site->api, 5000);
    api_free(site->api);
    broker_stop(site->broker, 1000);
    broker_free(site->broker);
    alarms_close(site->alarms);
    connectors_close(site->connectors);
    catalog_close(site->catalog);
    harness_remove_dir(site->dir);
}

static inline int http_connect(const struct http_site *site)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    address.sin_port = htons((uint16_t)atoi(strrchr(api_address(site->api), ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static inline void http_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server has closed: what it said is to be read */
        bytes += n;
        len -= (size_t)n;
    }
}

static inline void http_say(int fd, const char *text)
{
    http_send(fd, text, strlen(text));
}

/* Up to the end of the connection. False: it was reset. */
static inline bool http_hear_all(int fd, struct buf *out)
{
    for (;;) {
        buf_reserve(out, 65536);
        ssize_t n = recv(fd, out->data + out->len, 65536, 0);
        if (n < 0 && errno == EAGAIN)
            fail_msg("nothing came within %d s; so far: %.*s", PATIENCE_S, (int)out->len,
                     (const char *)out->data);
        if (n <= 0)
            return n == 0;
        out->len += (size_t)n;
    }
}

/* One answer with a Content-Length, of a connection that stays open. */
static inline void http_hear(int fd, struct buf *out)
{
    size_t wanted = SIZE_MAX;
    buf_reset(out);
    while (out->len < wanted) {
        buf_reserve(out, 4096);
        ssize_t n = recv(fd, out->data + out->len, 4096, 0);
        if (n <= 0)
            fail_msg("the answer did not come: %.*s", (int)out->len, (const char *)out->data);
        out->len += (size_t)n;
        const char *text = buf_cstr(out), *end = strstr(text, "\r\n\r\n"),
                   *length = strstr(text, "Content-Length: ");
        if (end != NULL)
            wanted = (size_t)(end + 4 - text) + (length != NULL ? strtoul(length + 16, NULL, 10) : 0);
    }
}

static inline unsigned http_status(const struct buf *answer)
{
    return answer->len > 12 ? (unsigned)strtoul((const char *)answer->data + 9, NULL, 10) : 0;
}

/* A request on a connection of its own. `headers` ends with \r\n; body NULL: none. Returns the status. */
static inline unsigned http_ask_typed(const struct http_site *site, const char *method, const char *path,
                                      const char *headers, const char *type, const char *body,
                                      struct buf *answer)
{
    struct buf request = {0};
    int fd = http_connect(site);
    buf_printf(&request, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", method, path,
               headers);
    if (body != NULL)
        buf_printf(&request, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, strlen(body));
    buf_append_str(&request, STR("\r\n"));
    if (body != NULL)
        buf_append_str(&request, str_of(body));
    http_send(fd, (const char *)request.data, request.len);
    buf_reset(answer);
    http_hear_all(fd, answer);
    close(fd);
    buf_free(&request);
    return http_status(answer);
}

static inline unsigned http_ask(const struct http_site *site, const char *method, const char *path,
                                const char *headers, const char *body, struct buf *answer)
{
    return http_ask_typed(site, method, path, headers, "application/json", body, answer);
}

/* The body of an answer, as text; borrows. */
static inline const char *http_body(struct buf *answer)
{
    const char *end = strstr(buf_cstr(answer), "\r\n\r\n");
    return end != NULL ? end + 4 : "";
}

/* The same, parsed. Returns owned. */
static inline json_t *http_json(struct buf *answer)
{
    json_t *value = json_loads(http_body(answer), JSON_DECODE_ANY, NULL);
    if (value == NULL)
        fail_msg("no JSON: %s", buf_cstr(answer));
    return value;
}

/* Waits for a condition that another thread brings about. */
#ifndef WAIT_FOR
#define WAIT_FOR(condition)                                                               \
    do {                                                                                  \
        int64_t until_ = clock_mono_ms() + PATIENCE_S * 1000;                             \
        while (!(condition)) {                                                            \
            if (clock_mono_ms() > until_)                                                 \
                fail_msg("%s:%d: waited in vain for %s", __FILE__, __LINE__, #condition); \
            usleep(1000);                                                                 \
        }                                                                                 \
    } while (0)
#endif

#endif

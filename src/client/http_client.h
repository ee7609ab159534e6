/* A client of a broker's HTTP API, for subcommands that speak to a running broker.
 *
 * Where the broker is: --url, else VARVE_URL, else DIR/run.json, else http://127.0.0.1:18083. Who asks: --key, else
 * VARVE_API_KEY, else DIR/admin.key. One connection, kept open. Thread: one at a time. */
#ifndef CLIENT_HTTP_CLIENT_H
#define CLIENT_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>

struct http_client;

struct http_client_options {
    const char *url;     /* NULL: see above */
    const char *key;     /* "key:secret"; NULL: see above */
    const char *dir;     /* the data directory of a broker on this machine */
    const char *ca_file; /* for https; NULL: the system's */
    int64_t timeout_ms;  /* of a request that is no stream; 0: 60 s */
};

/* Connects to nothing yet. Returns owned. Errors: ERR_INVALID (URL, key), ERR_NOT_FOUND (no key; the hint says where one is). */
struct http_client *http_client_new(const struct http_client_options *options, struct error *err);
void http_client_free(struct http_client *client);             /* takes; NULL is fine */
const char *http_client_url(const struct http_client *client); /* the broker's, without a path */

struct http_request {
    const char *method;       /* "GET" */
    const char *path;         /* "/api/v5/…", encoded: http_path_append() */
    const char *content_type; /* of the body; NULL: application/json */
    struct str body;          /* data NULL: none */
    /* A stream: gets the bytes of a 2xx answer as they come; false ends it. NULL: they are collected. */
    bool (*take)(struct str bytes, void *arg);
    void *arg;
};

struct http_answer {
    unsigned status;
    struct buf body; /* owned by the caller; of a stream: the text of an error alone */
};

/* Any answer is a success here. Errors: ERR_IO (not reachable, cut off), ERR_TIMEOUT, ERR_TOO_LARGE (64 MiB). */
bool http_client_ask(struct http_client *client, const struct http_request *request,
                     struct http_answer *answer, struct error *err);

/* JSON in (borrowed; NULL: none) and out (*out owned; NULL where the answer is empty). An answer that is no 2xx is an error with
 * the server's text: 400 ERR_INVALID, 401 and 403 ERR_DENIED, 404 ERR_NOT_FOUND, 409 ERR_EXISTS, 503 ERR_BUSY, else ERR_IO. */
bool http_client_json(struct http_client *client, const char *method, const char *path, json_t *in,
                      json_t **out, struct error *err);
/* An answer of http_client_ask() that is no 2xx, as such an error. */
bool http_answer_error(const struct http_answer *answer, struct error *err);

/* Appends the text percent-encoded, slashes too: one segment of a path, or a value of a query. */
void http_path_append(struct buf *path, struct str text);

#endif

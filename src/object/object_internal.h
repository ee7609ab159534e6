/* What the two kinds of store share: the common part of a store, figures, rules for names, secrets. */
#ifndef OBJECT_OBJECT_INTERNAL_H
#define OBJECT_OBJECT_INTERNAL_H

#include "object/config.h"
#include "object/object.h"

#include <pthread.h>

#define KEY_BYTES_MAX 1024
#define HEADERS_MAX   16
#define LIST_LIMIT    1000
#define GET_BYTES_MAX (UINT64_C(64) << 20) /* of a request that names no limit */

/* ---- Stores ---------------------------------------------------------------------------------------------- */

struct store_kind {
    bool (*start)(struct object_store *store, struct object_request *request, struct error *err);
    bool (*sweep)(struct object_store *store, struct str bucket, struct str prefix, int64_t older_ms,
                  size_t *ended, struct error *err);
    void (*close)(struct object_store *store); /* takes */
};

/* The first member of each kind's own structure. */
struct object_store {
    const struct store_kind *kind;
    struct object_config config; /* a copy */

    pthread_mutex_t lock;
    /* Under the lock. */
    struct object_stats stats;
    enum object_guarantee guarantee;
    bool one_by_one; /* many are deleted one by one: the store refuses DeleteObjects */
};

void store_init(struct object_store *store, const struct store_kind *kind,
                const struct object_config *config);
void store_deinit(struct object_store *store);

const char *store_name(const struct object_store *store); /* as the user calls it; never NULL */
bool store_deletes_one_by_one(struct object_store *store);
void store_queued(struct object_store *store, int more);
/* Between them the request counts as in flight, and no longer as queued. store_end() calls `done`: the request is the caller's again. */
void store_begin(struct object_store *store);
void store_end(struct object_store *store, struct object_request *request, int64_t started_mono_ms,
               const struct error *err);
void store_count_bytes(struct object_store *store, uint64_t up, uint64_t down);
void store_count_retry(struct object_store *store, enum object_op op, bool throttled);

/* Each returns owned. */
struct object_store *directory_open(const struct object_config *config, struct error *err);
struct object_store *s3_open(const struct object_config *config, struct error *err);

/* ---- Names ----------------------------------------------------------------------------------------------- */

/* What no store can have. Errors: ERR_INVALID. */
bool key_check(struct str key, struct error *err);
bool bucket_check(struct str bucket, struct error *err);

/* For "%.*s" in texts of errors, which are cut: enough to know it by. */
#define KEY_ARG(key) (int)((key).len < 200 ? (key).len : 200), (key).data

/* A token and a line of visible text (RFC 9110); and the headers that requests are made of, which nobody else sets. */
bool header_is_valid(struct str name, struct str value);
bool header_is_ours(struct str name);

/* ---- Answers --------------------------------------------------------------------------------------------- */

/* Appends one, with copies of the strings. */
void list_append_info(struct object_request *request, struct str key, uint64_t size, int64_t modified_ms,
                      struct str etag);
/* Sets info.etag to a copy. */
void request_set_etag(struct object_request *request, struct str etag);

/* ---- Secrets --------------------------------------------------------------------------------------------- */

void secret_free(char *secret); /* wiped first; NULL is fine */

/* What a configured secret says: itself, the first line of file:///path, or the variable of env:NAME. Returns owned
 * (secret_free()), NULL on failure. `field` names it in texts, which never show it. Errors: ERR_NOT_FOUND, ERR_INVALID (empty),
 * those of the file. */
char *secret_resolve(const char *field, const char *text, struct error *err);

#endif

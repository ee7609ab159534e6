/* Objects: immutable bytes under keys, in a bucket of an S3-compatible store or in a directory.
 *
 * One interface, two kinds of store. Whatever goes to a bucket goes through here: the second tier, sinks, doctor.
 * A request is started and ends once, with its callback; the blocking calls start one and wait. Requests run on a
 * thread of the store's own (S3: libcurl multi, connections kept alive) or on its workers (directory).
 *
 * Retries are in here: with decorrelated jitter, as long as deadline and max_retries allow and repeating is safe. What a store
 * answers is not trusted: lengths, checksums and XML are checked. An outcome that cannot be known is ERR_UNKNOWN:
 * the caller reads back and compares, and never deletes for it.
 *
 * Thread: any, unless it says otherwise. */
#ifndef OBJECT_OBJECT_H
#define OBJECT_OBJECT_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

struct object_store;
struct object_config; /* object/config.h: what a connector says */

/* Returns owned. No request is made: see object_probe(). Errors: ERR_INVALID (which field, what was expected), those
 * of thread_start() and of reading a file of credentials. */
struct object_store *object_store_open(const struct object_config *config, struct error *err);
/* Requests under way end with ERR_CLOSED (a put's with ERR_UNKNOWN). Takes; NULL is fine. Blocks. */
void object_store_close(struct object_store *store);

/* ---- Requests -------------------------------------------------------------------------------------------- */

enum object_op {
    OBJECT_PUT,
    OBJECT_GET,
    OBJECT_HEAD,
    OBJECT_DELETE,      /* of one key; one that is not there is deleted, too */
    OBJECT_DELETE_MANY, /* of up to 1,000 keys: in one request where the store has that, else one by one */
    OBJECT_LIST,
    OBJECT_HEAD_BUCKET /* directory: whether one could be written; the first PUT makes it */
};

enum object_condition {
    OBJECT_ALWAYS,
    OBJECT_IF_NONE, /* PUT: only if there is no such object: If-None-Match: *. On condition a body has at most 5 GiB */
    OBJECT_IF_MATCH /* PUT, GET: only if its ETag is `etag` */
};

struct object_range { /* one that begins at or behind the end: ERR_INVALID */
    uint64_t offset;
    uint64_t length; /* 0: to the end; cut at the end */
    bool suffix;     /* the last `length` bytes, at most, of an empty object none; `offset` is 0 */
};

struct object_header { /* of a PUT, besides what the store needs: x-amz-acl, x-amz-meta-…, Cache-Control */
    struct str name;
    struct str value;
};

/* What a body is read from, if it is not in memory: a file, from `offset` on. Not changed until `done`. */
struct object_file {
    int fd;
    uint64_t offset;
    uint64_t length;
};

struct object_info {
    struct str key; /* LIST; else empty */
    uint64_t size;
    int64_t modified_ms; /* wall clock; 0: not told */
    struct str etag;     /* with its quotes; empty: not told */
};

/* Zero-initialise; the caller's, with all it borrows unchanged, until `done`: so that a repeated attempt sends the same. */
struct object_request {
    enum object_op op;
    struct str bucket;
    struct str key;      /* LIST: the prefix */
    int64_t deadline_ms; /* for all attempts together, from now; 0: the store's default */
    bool brief; /* at most one attempt more: who asks wants to know how it is now (health checks, probes) */
    /* PUT */
    struct str body;
    const struct object_file *file; /* instead of body, if not NULL */
    struct str content_type;        /* empty: none */
    const uint32_t
        *crc32c; /* of the body, as its writer knows it: another is not sent, ERR_CORRUPT; NULL: not known */
    const struct object_header *headers; /* at most 16; a directory does not keep them */
    size_t header_count;
    enum object_condition condition;
    struct str etag;
    /* GET */
    struct object_range range;
    size_t max_bytes; /* of the body; 0: 64 MiB. More: ERR_TOO_LARGE */
    /* DELETE_MANY */
    const struct str *keys;
    size_t key_count;
    /* LIST: one page in the order of keys (UTF-8 bytes) */
    struct str start_after;
    struct str
        delimiter; /* empty: all below the prefix; else common prefixes are told as infos of size 0 whose key ends so */
    uint32_t limit; /* 0: 1,000 */

    /* Once, on a thread of the store; must not block, may start requests. The request is the caller's again.
     * err is NULL on success. Errors: ERR_NOT_FOUND (no such object or bucket: text says which), ERR_EXISTS (IF_NONE: there is
     * one), ERR_CONFLICT (IF_MATCH: it is another), ERR_DENIED (wrong key, wrong secret, no right: which), ERR_INVALID (the
     * store refuses it as wrong), ERR_UNSUPPORTED (the store does not offer it: conditions), ERR_BUSY (throttled until
     * the deadline), ERR_NO_SPACE (quota, full disk), ERR_TIMEOUT, ERR_IO (unreachable, TLS: what to do), ERR_CORRUPT (the answer does not check),
     * ERR_TOO_LARGE, ERR_CLOSED, ERR_UNKNOWN (a PUT or DELETE may have happened). */
    void (*done)(struct object_request *request, const struct error *err);

    /* Filled before `done`; object_request_free() gives it back. */
    struct buf data;          /* GET */
    struct object_info info;  /* PUT, GET, HEAD: of the object (GET: `size` is that of the whole) */
    struct object_info *list; /* LIST */
    size_t list_count;
    bool more;      /* LIST: go on with start_after = the last key */
    size_t deleted; /* DELETE_MANY: so many are gone; err is of the first that is not */
    unsigned attempts;

    struct object_attempt *attempt; /* the store's */
};

/* Never blocks. False: `done` is not called. Errors: ERR_BUSY (the store's queue is full), ERR_CLOSED, ERR_INVALID (key
 * or bucket that no store can have). */
bool object_start(struct object_store *store, struct object_request *request, struct error *err);
/* Starts it and waits; `done` is not used. Not on a thread of a store or reactor. Blocks. */
bool object_wait(struct object_store *store, struct object_request *request, struct error *err);
/* The same for a request without headers; but if `leave` says so, some time before it has ended, it is left: ERR_CLOSED at once.
 * Then it goes on alone, on copies, until it ends or the store closes, and what it does may still happen. Blocks. */
bool object_wait_unless(struct object_store *store, struct object_request *request, bool (*leave)(void *arg),
                        void *arg, struct error *err);
void object_request_free(
    struct object_request *request); /* what `done` got, not what is borrowed; zeroes that */

/* ---- Requests that can be left --------------------------------------------------------------------------- */

/* A request on copies of all that it borrows, but for headers, which it cannot have. */
struct object_call;
typedef bool object_start_fn(struct object_store *store, struct object_request *request, struct error *err);
/* Starts one with `start`, object_start() or what takes its place in a test. `ended` (may be NULL) is called once when it has ended
 * and was not left before, perhaps before this returns, on a thread of the store; it must not block, nor call what is here. Returns
 * owned, until object_call_end() or object_call_leave(). NULL, errors: those of `start`, ERR_INVALID, of the system (a descriptor). */
struct object_call *object_call_start(object_start_fn *start, struct object_store *store,
                                      const struct object_request *request, void (*ended)(void *arg),
                                      void *arg, struct error *err);
/* Whether it has ended. */
bool object_call_has_ended(struct object_call *call);
/* Waits until it has, or `leave`, asked now and then, says so: false. Blocks. */
bool object_call_wait(struct object_call *call, bool (*leave)(void *arg), void *arg);
/* One that has ended: what `done` got goes to *out, which the caller frees (object_request_free()). Takes. Errors: the request's. */
bool object_call_end(struct object_call *call, struct object_request *out, struct error *err);
/* It goes on alone until it ends or the store closes, and what it does may still happen; `ended` is not called any more. Takes;
 * NULL is fine. Never blocks. */
void object_call_leave(struct object_call *call);

/* ---- Blocking short forms: object_wait() with the usual fields ------------------------------------------- */

bool object_put(struct object_store *store, struct str bucket, struct str key, struct str body,
                enum object_condition condition, struct error *err);
/* Appends to `out`. */
bool object_get(struct object_store *store, struct str bucket, struct str key,
                const struct object_range *range, struct buf *out, struct error *err);
bool object_delete(struct object_store *store, struct str bucket, struct str key, struct error *err);

/* Ends uploads in parts that nobody completes (S3), or removes temporary files (directory), begun more than `older_ms`
 * ago below the prefix: what a crash leaves behind and the bucket's owner pays for. Only for a prefix that nobody else writes to. *ended
 * (may be NULL) counts them. Blocks. */
bool object_sweep(struct object_store *store, struct str bucket, struct str prefix, int64_t older_ms,
                  size_t *ended, struct error *err);

/* ---- What a store honours -------------------------------------------------------------------------------- */

/* What follows for who commits by creating a key. */
enum object_guarantee {
    OBJECT_EXACTLY_ONCE,  /* IF_NONE is honoured: of two writers one is told no */
    OBJECT_SINGLE_WRITER, /* it is refused or ignored: right as long as nobody else writes below the prefix */
    OBJECT_UNPROBED
};

struct object_check { /* one line of a probe */
    const char *
        name; /* "bucket", "put", "get", "range", "conditional put", "checksum", "batch delete", "list", "clock" */
    enum { OBJECT_CHECK_OK, OBJECT_CHECK_REDUCED, OBJECT_CHECK_FAILED, OBJECT_CHECK_SKIPPED } result;
    struct error why; /* code ERR_NONE: none; also what a success means, in `text` */
};
#define OBJECT_CHECKS 12

struct object_probe {
    struct object_check checks[OBJECT_CHECKS];
    size_t count;
    bool usable; /* nothing failed that Varve cannot do without */
    enum object_guarantee guarantee;
};

/* Tries everything below <prefix>.varve-probe-<random>/ and cleans up. False: not usable; err is of the first check that
 * failed. What it finds is remembered by the store. Blocks. */
bool object_probe(struct object_store *store, struct str bucket, struct str prefix,
                  struct object_probe *probe, struct error *err);
/* As the last probe found it. */
enum object_guarantee object_guarantee(struct object_store *store);
const char *
object_guarantee_name(enum object_guarantee guarantee); /* "exactly_once", "single_writer", "unprobed" */

/* ---- Figures --------------------------------------------------------------------------------------------- */

enum { OBJECT_OPS = OBJECT_HEAD_BUCKET + 1 };
const char *object_op_name(enum object_op op); /* "put", "get", …: for metrics */

struct object_stats { /* since the opening */
    struct {
        uint64_t ok;
        uint64_t
            failed; /* ended with an error that is no answer to the question (not ERR_NOT_FOUND, ERR_EXISTS, ERR_CONFLICT) */
        uint64_t retries; /* attempts but the first */
        uint64_t throttled;
        uint64_t ms; /* sum of the times from start to done */
    } ops[OBJECT_OPS];
    uint64_t bytes_up;
    uint64_t bytes_down;
    unsigned in_flight;
    unsigned queued;
    int64_t clock_skew_ms; /* the store's clock less ours, as its Date header says */
};
void object_stats(struct object_store *store, struct object_stats *out);

#endif

/* An S3 store in the test's own process, on a socket of 127.0.0.1, that fails as it is told: by a schedule that follows from a seed, by a
 * queue, or by a function of the test. It verifies signatures and bodies as a real one does, and keeps what a real one keeps.
 *
 *     struct fake_s3 *fake = fake_s3_start();
 *     struct object_config config;
 *     fake_s3_config(fake, &config);              // endpoint, keys, bucket "bucket", short pauses and time limits
 *     struct object_store *store = object_store_open(&config, &err);
 *     fake_s3_fault_next(fake, FAKE_RESET_AFTER); // the next request takes effect, and nobody tells
 *
 * Schedules are the same for a seed whatever the order in which requests of several threads arrive: what happens to a request
 * follows from the seed, its method, its key and how many of the kind came before.
 *
 * Thread: any. */
#ifndef TESTS_S3_FAKE_S3_H
#define TESTS_S3_FAKE_S3_H

#include "base/buf.h"
#include "object/config.h"
#include "object/object.h"

enum fake_fault {
    FAKE_NONE,
    FAKE_REFUSED,      /* the connection is reset before the request is read */
    FAKE_RESET_BEFORE, /* … after it is read: no effect */
    FAKE_RESET_AFTER,  /* … after it has taken effect */
    FAKE_RESET_BODY, /* … in the midst of the answer's body (or of its head, if it has none); it has taken effect */
    FAKE_SILENT_BEFORE, /* no answer, no effect */
    FAKE_SILENT_AFTER,  /* no answer, but the effect */
    FAKE_LATE,          /* no answer; the effect comes when the connection is given up */
    FAKE_500,           /* InternalError */
    FAKE_500_EMPTY,     /* without a body */
    FAKE_500_AFTER,     /* InternalError, but the effect */
    FAKE_503,           /* SlowDown */
    FAKE_503_EMPTY,
    FAKE_409,          /* ConditionalRequestConflict: of a PUT on condition; else 503 */
    FAKE_412,          /* PreconditionFailed, whatever is there: of a PUT on condition; else 500 */
    FAKE_501,          /* NotImplemented: of a PUT on condition, or DeleteObjects; else 500 */
    FAKE_ERROR_IN_200, /* of an answer with XML: 200 and an <Error>, no effect; else 500 */
    FAKE_TRUNCATED, /* the answer's body ends early, and the connection with it; of one without a body: reset after */
    FAKE_FLIPPED_BIT, /* in the body of a GET; of a PUT: one that was lost on the way in, seen by the signature */
    FAKE_WRONG_ETAG, /* that of a PUT's answer; the effect is right */
    FAKE_FAULTS
};
const char *fake_fault_name(enum fake_fault fault);

struct fake_request {
    const char *method; /* "PUT" … */
    const char *bucket;
    const char *key;   /* "" for the bucket itself */
    const char *query; /* as it was sent */
    uint64_t number;   /* of all, from 1 */
    bool conditional;  /* If-None-Match or If-Match of a writing request */
    size_t body_bytes;
};

struct fake_s3;

struct fake_s3 *fake_s3_start(void); /* ends the program if it cannot */
void fake_s3_stop(struct fake_s3 *fake);

/* Initialises; object_config_free() it. */
void fake_s3_config(struct fake_s3 *fake, struct object_config *out);
unsigned fake_s3_port(struct fake_s3 *fake);
#define FAKE_BUCKET     "bucket"
#define FAKE_ACCESS_KEY "fakeaccesskey"
#define FAKE_SECRET_KEY "fakesecretkey"
#define FAKE_TOKEN      "faketoken" /* taken with the key, not needed */

/* ---- Faults ------------------------------------------------------------------------------------------------ */

/* Every request: of 1,000, per_mille[f] suffer f. NULL: none. */
void fake_s3_schedule(struct fake_s3 *fake, uint64_t seed, const unsigned per_mille[FAKE_FAULTS]);
/* The next request that has none yet; may be called several times. Goes before the schedule. */
void fake_s3_fault_next(struct fake_s3 *fake, enum fake_fault fault);
/* Asked for each request, before queue and schedule; FAKE_FAULTS: let those decide. On a thread of the fake's, which may
 * block in it. NULL: nobody. Returns when the former is not being asked any more: then its arg may go. */
typedef enum fake_fault fake_decide_fn(void *arg, const struct fake_request *request);
void fake_s3_decide(struct fake_s3 *fake, fake_decide_fn *decide, void *arg);
/* All connections are refused, and those there are reset. */
void fake_s3_set_down(struct fake_s3 *fake, bool down);

/* What kind of store it is; set before requests come. */
struct fake_s3_traits {
    bool refuses_conditions;   /* 501 */
    bool ignores_conditions;   /* and overwrites */
    bool refuses_batch_delete; /* 501 */
    bool etags_are_random;     /* no MD5, as of stores that encrypt */
    bool loses_metadata;       /* x-amz-meta-… */
    bool checks_crc32c;        /* x-amz-checksum-crc32c */
    bool wants_vhost;          /* the bucket in the host's name; else in the path */
    int64_t clock_skew_ms;     /* its clock less ours */
    const char *region;        /* NULL: us-east-1; another one in the signature is refused */
    const char *denies;        /* method that is answered AccessDenied, or NULL */
    const char *access_key;    /* NULL: FAKE_ACCESS_KEY; borrowed */
    const char *secret_key;    /* NULL: FAKE_SECRET_KEY */
    const char *token;         /* the session token that must come along; NULL: FAKE_TOKEN or none */
};
void fake_s3_set_traits(struct fake_s3 *fake, const struct fake_s3_traits *traits);

/* ---- What it holds, past all faults ------------------------------------------------------------------------ */

bool fake_s3_get(struct fake_s3 *fake, const char *key, struct buf *out); /* appends; false: there is none */
void fake_s3_put(struct fake_s3 *fake, const char *key, struct str body);
void fake_s3_remove(struct fake_s3 *fake, const char *key);
size_t fake_s3_count(struct fake_s3 *fake, const char *prefix);
/* Calls `each` in the order of keys. It must not call the fake. */
void fake_s3_each(struct fake_s3 *fake, const char *prefix,
                  void (*each)(const char *key, struct str body, void *arg), void *arg);
size_t fake_s3_uploads(struct fake_s3 *fake); /* in parts, that nobody has completed or ended */
void fake_s3_age_uploads(struct fake_s3 *fake, int64_t ms);
uint64_t fake_s3_requests(struct fake_s3 *fake, const char *method);  /* NULL: all */
uint64_t fake_s3_connections(struct fake_s3 *fake);                   /* accepted */
uint64_t fake_s3_faults(struct fake_s3 *fake, enum fake_fault fault); /* so many were done */

#endif

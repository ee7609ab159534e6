/* AWS Signature Version 4 for S3: the text of the Authorization header. No I/O.
 *
 * The payload's SHA-256 is part of what is signed, so a store that verifies signatures verifies bodies as well. */
#ifndef OBJECT_S3_SIGN_H
#define OBJECT_S3_SIGN_H

#include "base/buf.h"
#include "object/digest.h"

/* Who asks. Texts are NUL-terminated and owned; an empty token: a long-lived key. */
struct s3_identity {
    char *access_key_id;
    char *secret_access_key;
    char *session_token;
    int64_t expires_ms; /* wall clock; 0: does not */
};

void s3_identity_free(struct s3_identity *identity); /* what it holds, wiped; zeroes it */

/* The signing key changes with day, region and secret alone: computed once for them. */
struct s3_signer {
    char scope[96]; /* date/region/service/aws4_request: what `key` is for; empty: nothing yet */
    uint8_t of_secret[SHA256_BYTES]; /* its digest */
    uint8_t key[SHA256_BYTES];
};

struct s3_header {
    struct str name; /* lower case */
    struct str value;
};

/* A query in its canonical form: pairs encoded, in the order of their names. */
struct s3_pair {
    struct str name;
    struct str value;
};
#define S3_PAIRS_MAX 8
void s3_query(const struct s3_pair *pairs, size_t count, struct buf *out);

struct s3_to_sign {
    const char *method;
    struct str path;                 /* encoded as it is sent */
    struct str query;                /* canonical, without '?' */
    const struct s3_header *headers; /* those that are signed, host among them; in any order, no name twice */
    size_t header_count;
    const char *payload; /* SHA-256 in hex, or UNSIGNED-PAYLOAD */
    int64_t wall_ms;     /* as in x-amz-date */
};

#define S3_DATE_BYTES 17 /* 20130524T000000Z */
void s3_date(int64_t wall_ms, char out[S3_DATE_BYTES]);

/* Appends the value of Authorization. service: "s3". */
void s3_sign(struct s3_signer *signer, const struct s3_identity *identity, struct str region,
             struct str service, const struct s3_to_sign *request, struct buf *out);

/* The first step alone, for tests. */
void s3_canonical_request(const struct s3_to_sign *request, struct buf *out, struct buf *signed_names);

#endif

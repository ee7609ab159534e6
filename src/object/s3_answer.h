/* What an attempt's end means: done, again, or failed and why. No I/O.
 *
 * `maybe` is the question of all writing over a network: may the attempt have taken effect although no answer says so? */
#ifndef OBJECT_S3_ANSWER_H
#define OBJECT_S3_ANSWER_H

#include "object/s3_address.h"
#include "object/s3_xml.h"

enum s3_next {
    S3_DONE,
    S3_RETRY,
    S3_RETRY_SLOWLY, /* the store is asked too much */
    S3_RETRY_CLOCK,  /* its clock is another: sign with it */
    S3_RETRY_KEYS,   /* if there are other credentials than those that were refused */
    S3_FAIL
};

/* For texts and for what a refusal means. */
struct s3_target {
    enum object_op op;
    struct str bucket;
    struct str key;
    enum object_condition condition;
    const struct s3_endpoint *endpoint;
};

struct s3_outcome {
    int curl_code; /* a CURLcode; 0: the answer is whole */
    const char *curl_text;
    bool sent;    /* all of the request may have reached the store */
    bool stalled; /* we gave up: nothing moved */
    long status;
    bool has_error; /* the body is an <Error>, also of a 200 */
    struct s3_error error;
    char region[S3_REGION_BYTES]; /* x-amz-bucket-region */
};

struct s3_verdict {
    enum s3_next next;
    bool maybe;
    struct error err; /* unless S3_DONE */
};

void s3_judge(const struct s3_target *target, const struct s3_outcome *outcome, struct s3_verdict *out);

/* "put bucket/key". */
void s3_target_name(const struct s3_target *target, char *out, size_t size);

/* The next pause: decorrelated jitter, from least_ms to 150 times that. *last: the one before, 0 at first. `chance` is any 64 random bits. */
#define S3_PAUSE_GROWTH 150
int64_t s3_pause_ms(int64_t least_ms, int64_t *last, uint64_t chance);

/* Whether a single key's failure in a batch is worth another attempt, and what it means otherwise. */
void s3_judge_key(const struct s3_target *target, const struct s3_error *error, struct s3_verdict *out);

#endif

/* How fast requests may go out: two token buckets, and a brake that a store pulls with 503 SlowDown. No I/O, no clock of its own.
 *
 * The brake: told to slow down, the rate becomes half of what went out in the last second, but never less than one request in the shortest pause
 * between attempts (what is too much even then, those pauses hold back);
 * with every second without another refusal it grows by an eighth and one more, until it is four times what it was halved from;
 * then it is off. */
#ifndef OBJECT_S3_PACE_H
#define OBJECT_S3_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct s3_pace {
    /* Limits of ours; 0: none. */
    double requests_per_s;
    double bytes_per_s;
    /* Tokens; below zero: a debt to wait for. */
    double requests;
    double bytes;
    int64_t filled_ns;
    /* The brake. */
    double brake_least;
    double brake_per_s; /* 0: off */
    double brake_tokens;
    double brake_until; /* off above this rate */
    int64_t braked_ns;
    int64_t released_ns;
    /* What went out: this second and the last. */
    int64_t second_ns;
    double this_second;
    double last_second;
};

/* least_pause_ms: the shortest between attempts; the brake lets one request through in that. */
void s3_pace_init(struct s3_pace *pace, uint64_t requests_per_s, uint64_t bytes_per_s, int64_t least_pause_ms,
                  int64_t now_ns);
/* 0: one may go out now, and is counted. Else how long to wait. */
int64_t s3_pace_take_ns(struct s3_pace *pace, uint64_t bytes, int64_t now_ns);
/* Bytes that came without having been counted: of answers. */
void s3_pace_add_bytes(struct s3_pace *pace, uint64_t bytes);
void s3_pace_slow_down(struct s3_pace *pace, int64_t now_ns);
bool s3_pace_is_braked(const struct s3_pace *pace);

#endif

/* A histogram of nanoseconds in logarithmic buckets: 128 for each power of two, so that a percentile is at most
 * 0.8 % too high. Fixed size, no allocation; one writer. */
#ifndef BENCH_HISTOGRAM_INTERNAL_H
#define BENCH_HISTOGRAM_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_SUB_BITS 7
#define HISTOGRAM_MAX_BITS 42 /* values from 2^42 ns (73 minutes) on count as the largest bucket */
#define HISTOGRAM_BUCKETS \
    (((HISTOGRAM_MAX_BITS - HISTOGRAM_SUB_BITS - 1) << HISTOGRAM_SUB_BITS) + (2 << HISTOGRAM_SUB_BITS))

struct histogram {
    uint64_t total;
    int64_t max;
    uint64_t counts[HISTOGRAM_BUCKETS];
};

/* Values below 2^8 have a bucket each. Above, the seven bits after the leading one choose within its octave. */
static inline size_t histogram_bucket(int64_t value)
{
    if (value < (2 << HISTOGRAM_SUB_BITS))
        return value < 0 ? 0 : (size_t)value;
    if (value >> HISTOGRAM_MAX_BITS != 0)
        return HISTOGRAM_BUCKETS - 1;
    int shift = 63 - __builtin_clzll((unsigned long long)value) - HISTOGRAM_SUB_BITS;
    return ((size_t)shift << HISTOGRAM_SUB_BITS) + (size_t)(value >> shift);
}

static inline void histogram_record(struct histogram *histogram, int64_t value, uint64_t times)
{
    histogram->counts[histogram_bucket(value)] += times;
    histogram->total += times;
    if (value > histogram->max)
        histogram->max = value;
}

void histogram_add(struct histogram *into, const struct histogram *from);

/* The smallest recorded bucket's upper end that at least `share` (0 to 1) of the values do not exceed, never more
 * than the maximum; 0 when nothing is recorded. */
int64_t histogram_percentile(const struct histogram *histogram, double share);

#endif

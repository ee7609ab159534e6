/* Reading of histograms; recording is in line in the header.
 *
 * bucket index   0 … 255: the value itself
 *              256 … 383: 256 … 511 in steps of 2
 *              384 … 511: 512 … 1023 in steps of 4, and so on */
#include "histogram_internal.h"

#include <math.h>

static int64_t bucket_last_value(size_t bucket)
{
    if (bucket < (2 << HISTOGRAM_SUB_BITS))
        return (int64_t)bucket;
    int shift = (int)(bucket >> HISTOGRAM_SUB_BITS) - 1;
    int64_t lead = (int64_t)(bucket - ((size_t)shift << HISTOGRAM_SUB_BITS));
    return ((lead + 1) << shift) - 1;
}

void histogram_add(struct histogram *into, const struct histogram *from)
{
    into->total += from->total;
    if (from->max > into->max)
        into->max = from->max;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->counts[i] += from->counts[i];
}

int64_t histogram_percentile(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)ceil(share * (double)histogram->total);
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS && histogram->total > 0; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted && histogram->counts[i] > 0) {
            int64_t last = bucket_last_value(i);
            return last < histogram->max ? last : histogram->max;
        }
    }
    return histogram->max;
}

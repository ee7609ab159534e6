/* Every promise of object/object.h as a claim about a store, whatever its kind.
 *
 * A program brings a store, an empty bucket and what the store is known not to do; conformance_run() runs all claims on it, each below a
 * prefix of its own. */
#ifndef TESTS_OBJECT_CONFORMANCE_H
#define TESTS_OBJECT_CONFORMANCE_H

#include "harness.h"
#include "object/object.h"

struct conformance {
    const char *what; /* for the names of tests: "directory", "ceph", … */
    struct object_store *store;
    struct object_store *parts; /* the same one, where bodies above 5 MiB go in parts; NULL: store */
    struct str bucket;
    bool no_conditions;      /* IF_NONE and IF_MATCH of PUT are refused: ERR_UNSUPPORTED */
    bool checks_crc;         /* compares the header x-amz-checksum-crc32c */
    bool deletes_one_by_one; /* has no DeleteObjects */
    bool bucket_is_made;     /* one that is not there comes into being */
    unsigned slow_factor;    /* divides the counts of loops; 0: 1 */
};

int conformance_run(const struct conformance *target);

#endif

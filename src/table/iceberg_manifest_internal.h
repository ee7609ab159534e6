/* Field ids of a manifest's records, for who reads and who writes them. The maps from column to something are arrays of
 * records of a key and a value, which have ids of their own. */
#ifndef TABLE_ICEBERG_MANIFEST_INTERNAL_H
#define TABLE_ICEBERG_MANIFEST_INTERNAL_H

#include "table/iceberg_internal.h"

enum {
    ENTRY_STATUS = 0,
    ENTRY_SNAPSHOT_ID = 1,
    ENTRY_FILE = 2,
    ENTRY_SEQUENCE = 3,
    ENTRY_FILE_SEQUENCE = 4,
    FILE_CONTENT = 134,
    FILE_PATH = 100,
    FILE_FORMAT = 101,
    FILE_PARTITION = 102,
    FILE_RECORDS = 103,
    FILE_BYTES = 104,
    FILE_COLUMN_SIZES = 108, /* 117, 118 */
    FILE_VALUE_COUNTS = 109, /* 119, 120 */
    FILE_NULL_COUNTS = 110,  /* 121, 122 */
    FILE_NAN_COUNTS = 137,   /* 138, 139 */
    FILE_LOWER = 125,        /* 126, 127 */
    FILE_UPPER = 128,        /* 129, 130 */
    FILE_KEY_METADATA = 131,
    FILE_SPLITS = 132, /* 133 */
    FILE_SORT_ORDER = 140
};

#endif

/* The columns of a table, for all that write or read one: Parquet, Iceberg, CSV.
 *
 * Ids are Iceberg's field ids: unique in a schema, list elements and members included, and fixed for ever. */
#ifndef TABLE_SCHEMA_H
#define TABLE_SCHEMA_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Iceberg's types, as far as they are offered. */
enum table_type {
    TABLE_BOOLEAN,
    TABLE_INT,  /* 32 bits */
    TABLE_LONG, /* 64 bits */
    TABLE_FLOAT,
    TABLE_DOUBLE,
    TABLE_DATE,        /* days since 1970-01-01 */
    TABLE_TIMESTAMPTZ, /* microseconds since 1970-01-01 UTC */
    TABLE_STRING,      /* valid UTF-8 */
    TABLE_BINARY,
    TABLE_LIST,  /* one child: the element */
    TABLE_STRUCT /* children: the members */
};

struct table_field {
    int32_t id;
    struct str name;
    enum table_type type;
    bool required;  /* never null */
    struct str doc; /* what it holds, for who reads the table; may be empty */
    const struct table_field *children;
    size_t child_count;
};

struct table_schema {
    int32_t id;
    const struct table_field *fields;
    size_t field_count;
};

#endif

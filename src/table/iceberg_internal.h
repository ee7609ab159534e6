/* What the parts of iceberg_*.c share. */
#ifndef TABLE_ICEBERG_INTERNAL_H
#define TABLE_ICEBERG_INTERNAL_H

#include "table/avro_internal.h"
#include "table/iceberg.h"

#include <jansson.h>

enum {
    ICEBERG_PARTITION_ID_FIRST = 1000,
    ICEBERG_UUID_LEN = 36,
    ICEBERG_DEPTH_MAX = 16, /* of nested columns */
    ICEBERG_METADATA_BYTES_MAX = 256 << 20
};

#define SHORT_ARG(view)    (int)((view).len < 200 ? (view).len : 200), (view).data /* for "%.*s" of an error */
#define ICEBERG_NUMBER_MAX (INT64_C(1) << 60) /* of times and sequence numbers: they are added to */

/* ---- metadata.json --------------------------------------------------------------------------------------- */

struct iceberg_document {
    json_t *root;
};

bool is_uuid(struct str text); /* 8-4-4-4-12 hexadecimal digits */

/* Takes the document. Returns owned. Errors: ERR_CORRUPT, ERR_UNSUPPORTED. */
struct iceberg_table *table_from_json(json_t *root, struct error *err);

/* Of an object; `where` names it in errors. A key that is null counts as missing. */
struct json_place {
    const json_t *object;
    const char *where;
    struct error *err;
};
bool json_need_int(const struct json_place *place, const char *key, int64_t low, int64_t high, int64_t *out);
bool json_need_id(const struct json_place *place, const char *key, int32_t *out); /* 0 to INT32_MAX */
bool json_need_str(const struct json_place *place, const char *key, struct str *out);
/* *out stays as it is if the key is missing. */
bool json_may_int(const struct json_place *place, const char *key, int64_t low, int64_t high, int64_t *out);
bool json_may_array(const struct json_place *place, const char *key, const json_t **out); /* NULL: missing */
bool json_wrong(const struct json_place *place, const char *key, const char *expected);

struct str json_str(const json_t *text);             /* borrows; STR_NONE if it is no string */
json_t *json_of_str(struct str text);                /* returns owned; bytes that are not UTF-8: U+FFFD */
void json_dump(const json_t *json, struct buf *out); /* compact */
/* The object of an array whose `key` is this number, or NULL. */
json_t *json_find(const json_t *array, const char *key, int64_t value);

/* ---- Schemas --------------------------------------------------------------------------------------------- */

json_t *schema_to_json(const struct table_schema *schema); /* returns owned */
/* Borrows from `json`, allocates in `arena`. */
bool schema_from_json(const json_t *json, struct arena *arena, struct iceberg_schema *out, struct error *err);
/* The field with the id, at any depth, or NULL. */
const struct table_field *schema_find(const struct table_field *fields, size_t count, int32_t id);
/* Errors: ERR_INVALID (an id that is used twice or not positive, an empty or repeated name, a list without element). */
bool iceberg_schema_check(const struct table_schema *schema, struct error *err);
int32_t schema_last_id(const struct table_field *fields, size_t count);

json_t *partition_to_json(const struct iceberg_partition_field *fields,
                          size_t count); /* the array of fields */

#endif

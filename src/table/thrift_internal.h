/* Thrift's compact protocol, as far as Parquet's metadata is written in it: see thrift_write.c for the
 * layout.
 *
 * Writing:  thrift_begin(); thrift_i32(&out, 1, n); …; thrift_end(); Reading:  struct thrift_field field =
 * {0};
 *           while (thrift_next(&in, &field)) {
 *               switch (field.id) {
 *               case 1: n = thrift_get_int(&in, &field); break;
 *               default: thrift_skip(&in, &field);
 *               }
 *           }
 * Reading fails once and for all: after bytes that do not fit `bad` is set, every value is 0, and loops
 * end. */
#ifndef TABLE_THRIFT_INTERNAL_H
#define TABLE_THRIFT_INTERNAL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum thrift_type {
    THRIFT_STOP,
    THRIFT_TRUE,
    THRIFT_FALSE,
    THRIFT_BYTE,
    THRIFT_I16,
    THRIFT_I32,
    THRIFT_I64,
    THRIFT_DOUBLE,
    THRIFT_BINARY,
    THRIFT_LIST,
    THRIFT_SET,
    THRIFT_MAP,
    THRIFT_STRUCT,
    THRIFT_UUID
};

/* ---- Writing ------------------------------------------------------------------------------------------- */

#define THRIFT_DEPTH 8 /* structures within structures, written */

struct thrift_out {
    struct buf *buf;
    int16_t last[THRIFT_DEPTH]; /* the last field of each open structure */
    int depth;
};

/* A structure: id 0 for one that is no field, which is the outermost or an element of a list. */
void thrift_begin(struct thrift_out *out, int16_t id);
void thrift_end(struct thrift_out *out);
void thrift_bool(struct thrift_out *out, int16_t id, bool value);
void thrift_byte(struct thrift_out *out, int16_t id, int8_t value);
void thrift_i16(struct thrift_out *out, int16_t id, int16_t value);
void thrift_i32(struct thrift_out *out, int16_t id, int32_t value);
void thrift_i64(struct thrift_out *out, int16_t id, int64_t value);
void thrift_binary(struct thrift_out *out, int16_t id, struct str value);
/* Then come `count` elements. */
void thrift_list(struct thrift_out *out, int16_t id, enum thrift_type type, size_t count);
void thrift_list_bool(struct thrift_out *out, bool value);
void thrift_list_int(struct thrift_out *out, int64_t value);
void thrift_list_binary(struct thrift_out *out, struct str value);
/* The header of a structure whose bytes the caller appends. */
void thrift_raw(struct thrift_out *out, int16_t id);

/* ---- Reading ------------------------------------------------------------------------------------------- */

struct thrift_in {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
    int depth; /* of what is skipped */
};

struct thrift_field {
    int16_t id;
    uint8_t type;
};

static inline struct thrift_in thrift_read(struct str bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.data;
    return (struct thrift_in){.at = at, .end = bytes.len != 0 ? at + bytes.len : at};
}

/* The next field; false at the end of the structure and when the input is bad. */
bool thrift_next(struct thrift_in *in, struct thrift_field *field);
bool thrift_get_bool(struct thrift_in *in, const struct thrift_field *field);
int64_t thrift_get_int(struct thrift_in *in, const struct thrift_field *field); /* of any width */
int32_t thrift_get_i32(struct thrift_in *in, const struct thrift_field *field); /* bad if it does not fit */
struct str thrift_get_binary(struct thrift_in *in, const struct thrift_field *field);
bool thrift_get_struct(struct thrift_in *in,
                       const struct thrift_field *field); /* then thrift_next() with a new field */
/* How many elements come: never more than there are bytes left. */
size_t thrift_get_list(struct thrift_in *in, const struct thrift_field *field, enum thrift_type type);
bool thrift_element_bool(struct thrift_in *in);
int64_t thrift_element_int(struct thrift_in *in);
struct str thrift_element_binary(struct thrift_in *in);
void thrift_skip(struct thrift_in *in, const struct thrift_field *field);
void thrift_bad(struct thrift_in *in);

#endif

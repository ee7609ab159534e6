/* Avro object container files, as far as Iceberg's metadata needs them (Apache Avro 1.11, "Object Container Files").
 *
 * Reading: avro_reader_open() parses header and schema; avro_resolve() says which fields somebody wants, by Iceberg's field
 * ids, or by names where a file has none; avro_reader_next_block() and avro_decode() then tell their values one by one. What
 * nobody wants is skipped, whatever it is.
 * Writing: values behind a buffer with avro_put_…(), a file around them with struct avro_writer. */
#ifndef TABLE_AVRO_INTERNAL_H
#define TABLE_AVRO_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"

#include <stdint.h>

/* ---- Schemas --------------------------------------------------------------------------------------------- */

enum avro_type {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING,
    AVRO_FIXED,
    AVRO_ENUM,
    AVRO_ARRAY,
    AVRO_MAP,
    AVRO_UNION,
    AVRO_RECORD
};
#define AVRO_MASK(type) (1u << (type))
#define AVRO_INTEGERS   (AVRO_MASK(AVRO_INT) | AVRO_MASK(AVRO_LONG))
#define AVRO_TEXT       (AVRO_MASK(AVRO_STRING) | AVRO_MASK(AVRO_BYTES))
#define AVRO_BINARY     (AVRO_TEXT | AVRO_MASK(AVRO_FIXED))
#define AVRO_SCALARS    (AVRO_MASK(AVRO_ARRAY) - 1u)

enum { AVRO_DEPTH_MAX = 32, AVRO_NO_ID = -1, AVRO_ROOT = -1, AVRO_SKIP = INT32_MIN };

struct avro_node;

struct avro_field {
    struct str name;
    int32_t id; /* "field-id"; AVRO_NO_ID: none */
    struct avro_node *node;
    int32_t tag; /* as which it is told; AVRO_SKIP: nobody wants it */
};

struct avro_node {
    enum avro_type type;
    struct str name;           /* record, enum, fixed: with its namespace */
    size_t min_bytes;          /* no value is shorter */
    size_t fixed_bytes;        /* fixed */
    size_t symbol_count;       /* enum */
    struct avro_field *fields; /* record */
    size_t field_count;
    struct avro_node **branches; /* union; array and map: their items */
    size_t branch_count;
    bool empty; /* every value has no bytes */
    bool resolved;
};

/* Allocates in `arena`; borrows nothing. Errors: ERR_CORRUPT (what is wrong with it, which name). */
struct avro_node *avro_schema_parse(struct str json, struct arena *arena, struct error *err);

/* A field that somebody wants. */
struct avro_target {
    int32_t id; /* its field id: also its tag */
    int32_t
        parent; /* id of the field that it lies in, AVRO_ROOT: none; items of arrays lie in the array's field */
    const char *name; /* in files without ids */
    unsigned types;   /* masks of those that it may have; a union's branches each */
    bool required;
};

/* Sets the tags. Errors: ERR_CORRUPT (a required field is missing, a field is of another type: which). */
bool avro_resolve(struct avro_node *root, const struct avro_target *targets, size_t count, struct error *err);

/* The type of a record's field with this tag; NULL: it has none, or is no record. */
const struct avro_node *avro_field_tagged(const struct avro_node *record, int32_t tag);

/* ---- Reading --------------------------------------------------------------------------------------------- */

struct avro_value {
    enum avro_type
        type; /* NULL, BOOLEAN, LONG (ints, enums as well), DOUBLE (floats as well), BYTES (strings, fixed as well) */
    union {
        int64_t number;
        double real;
        struct str bytes; /* borrows from the block */
    };
};

struct avro_visitor {
    /* A field's value, or an item's, as `tag` of its array. */
    void (*value)(void *ctx, int32_t tag, const struct avro_value *value);
    /* An item of the array `tag` begins; its fields or value follow. */
    void (*item)(void *ctx, int32_t tag);
    void *ctx;
};

struct avro_meta {
    struct str key;
    struct str value;
};

struct avro_reader {
    struct str input;
    size_t position; /* of the next block */
    struct avro_node *schema;
    const struct avro_meta *meta; /* of the header */
    size_t meta_count;
    uint8_t sync[16];
    int codec;
    struct buf block; /* decompressed */
    struct arena arena;
};

#define AVRO_BLOCK_BYTES_MAX (64u << 20) /* of a block, decompressed */

/* Zero-initialise; avro_reader_close() in any case. Borrows the input.
 * Errors: ERR_CORRUPT (where, what), ERR_UNSUPPORTED (the codec: which). */
bool avro_reader_open(struct avro_reader *reader, struct str input, struct error *err);
void avro_reader_close(struct avro_reader *reader);
/* STR_NONE: there is no such key. */
struct str avro_reader_meta(const struct avro_reader *reader, const char *key);

/* The next block: `count` values (not 0) in `data`, which is valid until the next call. False without an error: the end. */
enum avro_next { AVRO_NEXT_BLOCK, AVRO_NEXT_END, AVRO_NEXT_FAILED };
enum avro_next avro_reader_next_block(struct avro_reader *reader, struct str *data, uint64_t *count,
                                      struct error *err);

/* Takes one value of the schema off the front of *data. Errors: ERR_CORRUPT. */
bool avro_decode(const struct avro_node *node, struct str *data, const struct avro_visitor *visitor,
                 struct error *err);

/* Off the front of *data. False: it ends, or is longer than a long can be. */
bool avro_take_long(struct str *data, int64_t *out);
bool avro_take_bytes(struct str *data, struct str *out);

/* ---- Codecs ---------------------------------------------------------------------------------------------- */

enum { AVRO_CODEC_NULL, AVRO_CODEC_DEFLATE, AVRO_CODEC_ZSTD, AVRO_CODEC_SNAPPY };

/* Errors: ERR_UNSUPPORTED. */
bool avro_codec_parse(struct str name, int *codec, struct error *err);
/* Replaces what is in `out`, which is at most AVRO_BLOCK_BYTES_MAX. Errors: ERR_CORRUPT. */
bool avro_decompress(int codec, struct str bytes, struct buf *out, struct error *err);
/* Appends. */
void avro_deflate(struct str bytes, struct buf *out);

/* ---- Writing --------------------------------------------------------------------------------------------- */

void avro_put_long(struct buf *out, int64_t value); /* ints as well, and the branch of a union */
void avro_put_boolean(struct buf *out, bool value);
void avro_put_float(struct buf *out, float value);
void avro_put_double(struct buf *out, double value);
void avro_put_bytes(struct buf *out, struct str bytes); /* strings as well */

struct avro_writer {
    struct buf out;    /* the file so far */
    struct buf values; /* of the block that is filled */
    uint64_t count;    /* of them */
    uint8_t sync[16];
};

/* Zero-initialise. `meta` is the header's, "avro.schema" among it; the codec is deflate. The sync marker is made of what is
 * written: the same values give the same file. */
void avro_writer_begin(struct avro_writer *writer, const struct avro_meta *meta, size_t meta_count);
/* After each value has been put to writer->values. */
void avro_writer_end_value(struct avro_writer *writer);
void avro_writer_finish(struct avro_writer *writer); /* writer->out is the file */
void avro_writer_free(struct avro_writer *writer);

#endif

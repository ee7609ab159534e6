/* An Avro object container file, read:
 *
 *     4 bytes   "Obj", 1
 *     map       string to bytes: avro.schema, avro.codec, and what the writer adds
 *     16 bytes  sync marker
 *     blocks    long: number of values · long: bytes · the values, compressed · the sync marker
 *
 * The whole file is in memory, one block at a time is decompressed. */
#include "table/avro_internal.h"

#include <stdlib.h>

#define META_MAX 1000

static bool corrupt(const struct avro_reader *reader, size_t position, const char *what, struct error *err)
{
    return error_set(err, ERR_CORRUPT, "Avro file of %zu bytes: %s at byte %zu", reader->input.len, what,
                     position);
}

/* The header's map. */
static bool read_meta(struct avro_reader *reader, struct str *rest, struct error *err)
{
    struct avro_meta *meta = NULL;
    size_t count = 0, cap = 0;
    for (;;) {
        int64_t items, bytes;
        size_t position = reader->input.len - rest->len;
        if (!avro_take_long(rest, &items) || (items < 0 && !avro_take_long(rest, &bytes)))
            return corrupt(reader, position, "the header ends", err);
        if (items == 0)
            break;
        if (items < -META_MAX || items > META_MAX || (items = llabs(items)) + (int64_t)count > META_MAX)
            return corrupt(reader, position, "the header has too many keys", err);
        for (; items > 0; items--) {
            if (count == cap) {
                cap = cap == 0 ? 16 : 2 * cap;
                struct avro_meta *more = arena_alloc(&reader->arena, cap * sizeof *more);
                if (count > 0)
                    memcpy(more, meta, count * sizeof *more);
                meta = more;
            }
            if (!avro_take_bytes(rest, &meta[count].key) || !avro_take_bytes(rest, &meta[count].value))
                return corrupt(reader, reader->input.len - rest->len, "the header ends", err);
            count++;
        }
    }
    reader->meta = meta;
    reader->meta_count = count;
    return true;
}

struct str avro_reader_meta(const struct avro_reader *reader, const char *key)
{
    for (size_t i = 0; i < reader->meta_count; i++) {
        if (str_is(reader->meta[i].key, key))
            return reader->meta[i].value;
    }
    return STR_NONE;
}

bool avro_reader_open(struct avro_reader *reader, struct str input, struct error *err)
{
    reader->input = input;
    if (input.len < 4 || memcmp(input.data, "Obj\1", 4) != 0)
        return corrupt(reader, 0, "it does not begin as one", err);
    struct str rest = str_make(input.data + 4, input.len - 4);
    if (!read_meta(reader, &rest, err))
        return false;
    if (rest.len < sizeof reader->sync)
        return corrupt(reader, input.len - rest.len, "the header ends", err);
    memcpy(reader->sync, rest.data, sizeof reader->sync);
    reader->position = input.len - rest.len + sizeof reader->sync;
    struct str codec = avro_reader_meta(reader, "avro.codec");
    if (codec.len > 0 && !avro_codec_parse(codec, &reader->codec, err))
        return false;
    reader->schema = avro_schema_parse(avro_reader_meta(reader, "avro.schema"), &reader->arena, err);
    return reader->schema != NULL;
}

void avro_reader_close(struct avro_reader *reader)
{
    buf_free(&reader->block);
    arena_free(&reader->arena);
    *reader = (struct avro_reader){0};
}

/* The block's values as they lie in the file. */
static enum avro_next take_block(struct avro_reader *reader, struct str *stored, uint64_t *count,
                                 struct error *err)
{
    size_t at = reader->position;
    struct str rest = str_make(reader->input.data + at, reader->input.len - at);
    int64_t values;
    if (rest.len == 0)
        return AVRO_NEXT_END;
    if (!avro_take_long(&rest, &values) || values < 0 || !avro_take_bytes(&rest, stored) ||
        rest.len < sizeof reader->sync) {
        corrupt(reader, at, "a block does not fit in the file", err);
        return AVRO_NEXT_FAILED;
    }
    if (memcmp(rest.data, reader->sync, sizeof reader->sync) != 0) {
        corrupt(reader, reader->input.len - rest.len, "the sync marker behind a block is not there", err);
        return AVRO_NEXT_FAILED;
    }
    reader->position = reader->input.len - rest.len + sizeof reader->sync;
    *count = (uint64_t)values;
    return AVRO_NEXT_BLOCK;
}

enum avro_next avro_reader_next_block(struct avro_reader *reader, struct str *data, uint64_t *count,
                                      struct error *err)
{
    for (;;) {
        size_t at = reader->position;
        enum avro_next next = take_block(reader, data, count, err);
        if (next != AVRO_NEXT_BLOCK)
            return next;
        if (*count == 0)
            continue;
        if (reader->codec != AVRO_CODEC_NULL) {
            if (!avro_decompress(reader->codec, *data, &reader->block, err)) {
                error_wrap(err, "Avro file of %zu bytes: block at byte %zu", reader->input.len, at);
                return AVRO_NEXT_FAILED;
            }
            *data = buf_str(&reader->block);
        }
        size_t min_bytes = reader->schema->min_bytes;
        if (*count > data->len / (min_bytes > 0 ? min_bytes : 1)) {
            corrupt(reader, at, "a block has fewer bytes than values", err);
            return AVRO_NEXT_FAILED;
        }
        return AVRO_NEXT_BLOCK;
    }
}

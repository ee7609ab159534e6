/* Compression in the three formats of zlib. A few bytes may unpack to any number of them, so unpacking stops where the
 * evaluation's room ends. */
#include "sql/fn_internal.h"

#include <zlib.h>

enum format {
    FORMAT_RAW = -15, /* deflate without anything around it (RFC 1951) */
    FORMAT_ZLIB = 15, /* RFC 1950 */
    FORMAT_GZIP = 31, /* RFC 1952 */
};

#define MEMORY_LEVEL   8
#define STEP_BYTES_MIN 4096U

static bool no_memory(struct error *err)
{
    return error_set(err, ERR_NO_MEMORY, "there is no memory for compression");
}

/* Room for more output at the end of the scratch buffer: as much as there is already, so that it doubles. */
static bool make_step(struct sql_scope *scope, z_stream *stream, struct error *err)
{
    struct buf *scratch = &scope->scratch;
    size_t room = sql_room(scope), step = scratch->len > STEP_BYTES_MIN ? scratch->len : STEP_BYTES_MIN;
    if (scratch->len >= room)
        return error_set(err, ERR_LIMIT,
                         "the result would be larger than the %zu bytes that the evaluation may use", room);
    if (step > room - scratch->len)
        step = room - scratch->len;
    buf_reserve(scratch, step);
    stream->next_out = scratch->data + scratch->len;
    stream->avail_out = (uInt)(step < UINT32_MAX ? step : UINT32_MAX);
    return true;
}

/* Runs deflate or inflate once more; Z_OK, Z_STREAM_END or an error of zlib in *result. */
static bool run_step(struct sql_scope *scope, z_stream *stream, int (*work)(z_stream *, int), int flush,
                     int *result, struct error *err)
{
    if (!make_step(scope, stream, err))
        return false;
    uInt before = stream->avail_out;
    *result = work(stream, flush);
    scope->scratch.len += before - stream->avail_out;
    return true;
}

static void set_input(z_stream *stream, struct str data)
{
    stream->next_in = (Bytef *)data.data;
    stream->avail_in = (uInt)data.len; /* the length of a value is 32 bits */
}

/* --- Packing ---------------------------------------------------------------------------------------- */

static bool deflate_all(struct sql_scope *scope, z_stream *stream, struct error *err)
{
    int result = Z_OK;
    while (result != Z_STREAM_END) {
        if (!run_step(scope, stream, deflate, Z_FINISH, &result, err))
            return false;
        if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END)
            return no_memory(err);
    }
    return true;
}

#define BEGIN_STEPS 300 /* to make the tables of a compressor */

static bool compress_as(struct sql_call *call, const struct sql_value *args, enum format format,
                        struct sql_value *out, struct error *err)
{
    struct str data;
    z_stream stream = {0};
    if (!sql_arg_string(args, 0, &data, err) || !sql_spend(call->scope, BEGIN_STEPS + data.len / 8, err))
        return false;
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, format, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return no_memory(err);
    set_input(&stream, data);
    bool built = deflate_all(call->scope, &stream, err);
    deflateEnd(&stream);
    return sql_scratch_end(call->scope, built, out, err);
}

/* --- Unpacking -------------------------------------------------------------------------------------- */

static bool wrong_data(const z_stream *stream, int result, struct error *err)
{
    if (result == Z_MEM_ERROR)
        return no_memory(err);
    if (result == Z_OK || result == Z_BUF_ERROR)
        return error_set(err, ERR_INVALID, "the compressed data ends too early");
    return error_set(err, ERR_INVALID, "the data is not compressed in this format: %s",
                     stream->msg != NULL ? stream->msg : "it needs a dictionary");
}

/* Several gzip streams one after the other are one; other formats end with their stream. */
static bool inflate_all(struct sql_scope *scope, z_stream *stream, enum format format, struct error *err)
{
    for (;;) {
        uInt in_before = stream->avail_in;
        size_t out_before = scope->scratch.len;
        int result;
        if (!run_step(scope, stream, inflate, Z_NO_FLUSH, &result, err))
            return false;
        bool moved = stream->avail_in != in_before || scope->scratch.len != out_before;
        if (result == Z_STREAM_END && stream->avail_in == 0)
            return true;
        if (result == Z_STREAM_END && format == FORMAT_GZIP) {
            if (inflateReset(stream) != Z_OK)
                return no_memory(err);
        } else if (result == Z_STREAM_END) {
            return error_set(err, ERR_INVALID, "there are %u bytes behind the compressed data",
                             stream->avail_in);
        } else if (result != Z_OK || (!moved && stream->avail_in == 0)) {
            return wrong_data(stream, result, err);
        }
    }
}

static bool uncompress_as(struct sql_call *call, const struct sql_value *args, enum format format,
                          struct sql_value *out, struct error *err)
{
    struct str data;
    z_stream stream = {0};
    if (!sql_arg_string(args, 0, &data, err))
        return false;
    set_input(&stream, data);
    if (inflateInit2(&stream, format) != Z_OK)
        return no_memory(err);
    bool built = inflate_all(call->scope, &stream, format, err);
    inflateEnd(&stream);
    return sql_scratch_end(call->scope, built, out, err);
}

SQL_FUNCTION(run_gzip)
{
    return compress_as(call, args, FORMAT_GZIP, out, err);
}

SQL_FUNCTION(run_gunzip)
{
    return uncompress_as(call, args, FORMAT_GZIP, out, err);
}

SQL_FUNCTION(run_zip)
{
    return compress_as(call, args, FORMAT_RAW, out, err);
}

SQL_FUNCTION(run_unzip)
{
    return uncompress_as(call, args, FORMAT_RAW, out, err);
}

SQL_FUNCTION(run_zip_compress)
{
    return compress_as(call, args, FORMAT_ZLIB, out, err);
}

SQL_FUNCTION(run_zip_uncompress)
{
    return uncompress_as(call, args, FORMAT_ZLIB, out, err);
}

#define COMPRESSION(name, summary, example, result) \
    SQL_ROW(#name, 1, 1, SQL_CATEGORY_COMPRESSION, "bytes", summary, example, result, run_##name)

static const struct sql_function rows[] = {
    COMPRESSION(gzip, "the bytes compressed as gzip", "gunzip(gzip('abc'))", "\"abc\""),
    COMPRESSION(gunzip,
                "what was compressed as gzip; fails if it was not, or is larger than the evaluation may use",
                "gunzip(gzip('abc'))", "\"abc\""),
    COMPRESSION(zip, "the bytes compressed as raw deflate, without header and checksum", "unzip(zip('abc'))",
                "\"abc\""),
    COMPRESSION(unzip, "what was compressed as raw deflate; fails as gunzip does", "unzip(zip('abc'))",
                "\"abc\""),
    COMPRESSION(zip_compress, "the bytes compressed in zlib's format", "zip_uncompress(zip_compress('abc'))",
                "\"abc\""),
    COMPRESSION(zip_uncompress, "what was compressed in zlib's format; fails as gunzip does",
                "zip_uncompress(zip_compress('abc'))", "\"abc\""),
};

const struct sql_function_table sql_compress_functions = SQL_FUNCTION_TABLE(rows);

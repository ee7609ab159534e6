/* A request as bytes in the buffer:
 *
 *     version 1 · kind 1 (an object) · lane 8 bytes · bucket · key · content type · count of headers 2 bytes · name · value … · content
 *
 * or, in an action that has fallbacks, with what those need:
 *
 *     version 1 · kind 3 (an envelope) · origin · row · the record as above, nothing in aggregated mode
 *
 * Texts have their length before them, 4 bytes; numbers are little-endian. A row is told in row.c. */
#include "sink/sink_internal.h"

static void put_u32(struct buf *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        buf_append_byte(out, (uint8_t)(value >> (8 * i)));
}

static void put_text(struct buf *out, struct str text)
{
    put_u32(out, (uint32_t)text.len);
    buf_append_str(out, text);
}

void record_write(const struct sink_request *request, struct buf *out)
{
    buf_append_byte(out, RECORD_VERSION);
    buf_append_byte(out, RECORD_KIND_OBJECT);
    put_u32(out, (uint32_t)request->lane);
    put_u32(out, (uint32_t)(request->lane >> 32));
    put_text(out, request->bucket);
    put_text(out, request->key);
    put_text(out, request->content_type);
    put_u32(out, (uint32_t)request->header_count);
    for (size_t i = 0; i < request->header_count; i++) {
        put_text(out, request->headers[i].name);
        put_text(out, request->headers[i].value);
    }
    put_text(out, request->content);
}

static bool get_u32(struct str *in, uint32_t *out)
{
    if (in->len < 4)
        return false;
    const uint8_t *at = (const uint8_t *)in->data;
    *out = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    *in = str_make(in->data + 4, in->len - 4);
    return true;
}

static bool get_text(struct str *in, struct str *out)
{
    uint32_t len;
    if (!get_u32(in, &len) || len > in->len)
        return false;
    *out = str_make(in->data, len);
    *in = str_make(in->data + len, in->len - len);
    return true;
}

static bool get_headers(struct str *in, struct sink_request *out)
{
    uint32_t count;
    if (!get_u32(in, &count) || count > RECORD_HEADERS_MAX)
        return false;
    out->header_count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (!get_text(in, &out->headers[i].name) || !get_text(in, &out->headers[i].value))
            return false;
    }
    return true;
}

/* ---- Envelopes ------------------------------------------------------------------------------------------- */

size_t envelope_begin(struct str origin, struct buf *out)
{
    buf_append_byte(out, RECORD_VERSION);
    buf_append_byte(out, RECORD_KIND_ENVELOPE);
    put_text(out, origin);
    put_u32(out, 0); /* the row's length */
    return out->len;
}

void envelope_end(size_t begun, struct buf *out)
{
    size_t len = out->len - begun;
    for (unsigned i = 0; i < 4; i++)
        out->data[begun - 4 + i] = (uint8_t)(len >> (8 * i));
}

bool envelope_read(struct str record, struct sink_envelope *out, struct error *err)
{
    *out = (struct sink_envelope){.row = record, .inner = record};
    if (record.len < 2 || record.data[0] != RECORD_VERSION || record.data[1] != RECORD_KIND_ENVELOPE)
        return true;
    struct str in = str_make(record.data + 2, record.len - 2);
    if (!get_text(&in, &out->origin) || !get_text(&in, &out->row))
        return error_set(err, ERR_CORRUPT, "a record of an action's buffer is cut off");
    out->inner = in.len > 0 ? in : out->row;
    return true;
}

/* ---- Requests -------------------------------------------------------------------------------------------- */

bool record_read(struct str record, struct sink_request *out, struct error *err)
{
    uint32_t low, high;
    struct sink_envelope envelope;
    if (!envelope_read(record, &envelope, err))
        return false;
    record = envelope.inner;
    struct str in = str_make(record.data + 2, record.len >= 2 ? record.len - 2 : 0);
    if (record.len < 2 || record.data[0] != RECORD_VERSION || record.data[1] != RECORD_KIND_OBJECT)
        return error_set(err, ERR_CORRUPT, "a record of an action's buffer is of another version");
    if (!get_u32(&in, &low) || !get_u32(&in, &high) || !get_text(&in, &out->bucket) ||
        !get_text(&in, &out->key) || !get_text(&in, &out->content_type) || !get_headers(&in, out) ||
        !get_text(&in, &out->content) || in.len != 0)
        return error_set(err, ERR_CORRUPT, "a record of an action's buffer is cut off");
    out->lane = (uint64_t)high << 32 | low;
    return true;
}

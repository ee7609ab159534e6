/* Values of every encoding, to the form that vectors have.
 *
 *     PLAIN                     see parquet_page.c
 *     RLE_DICTIONARY            bits of an index (1), indexes as runs; PLAIN_DICTIONARY is the same
 *     RLE                       booleans: length (4), runs of one bit
 *     DELTA_BINARY_PACKED       parquet_delta.c
 *     DELTA_LENGTH_BYTE_ARRAY   lengths of strings so, then their bytes
 *     DELTA_BYTE_ARRAY          lengths of what a string shares with the one before so; then the rest of each as above
 *     BYTE_STREAM_SPLIT         the first bytes of all values, then all their second bytes, … */
#include "table/parquet_read_internal.h"

static bool too_short(const struct pq_scan_column *column, struct error *err)
{
    return pq_corrupt(column, err, "a page ends before its last value");
}

/* ---- Conversions --------------------------------------------------------------------------------------- */

/* Of values that are in place as they are stored. */
static bool convert(const struct pq_scan_column *column, void *out, size_t count, struct error *err)
{
    enum pq_conversion conversion = column->leaf->conversion;
    if (conversion == PQ_AS_THEY_ARE)
        return true;
    int64_t *longs = out;
    if (conversion == PQ_FROM_UINT32) {
        for (size_t i = count; i-- > 0;)
            longs[i] = pq_get32((const uint8_t *)out + 4 * i);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (!pq_convert(conversion, longs[i], &longs[i]))
            return pq_corrupt(column, err, "a time is beyond what microseconds can tell");
    }
    return true;
}

static size_t stored_bytes(const struct pq_scan_column *column)
{
    return column->leaf->physical == PQ_INT32 || column->leaf->physical == PQ_FLOAT ? 4 : 8;
}

/* ---- Plain --------------------------------------------------------------------------------------------- */

static bool plain_strings(const struct pq_scan_column *column, struct str bytes, struct str *out,
                          size_t count, struct error *err)
{
    const char *at = bytes.data;
    size_t left = bytes.len;
    for (size_t i = 0; i < count; i++) {
        if (left < 4)
            return too_short(column, err);
        uint32_t len = pq_get32(at);
        if (len > left - 4)
            return too_short(column, err);
        out[i] = str_make(at + 4, len);
        at += 4 + (size_t)len;
        left -= 4 + (size_t)len;
    }
    return true;
}

static bool plain_booleans(const struct pq_scan_column *column, struct str bytes, uint8_t *out, size_t count,
                           struct error *err)
{
    if (bytes.len < (count + 7) / 8)
        return too_short(column, err);
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)bytes.data[i / 8] >> (i % 8) & 1;
    return true;
}

bool pq_plain_read(const struct pq_scan_column *column, struct str bytes, void *out, size_t count,
                   struct error *err)
{
    switch (column->leaf->physical) {
    case PQ_BYTE_ARRAY: return plain_strings(column, bytes, out, count, err);
    case PQ_BOOLEAN: return plain_booleans(column, bytes, out, count, err);
    default: break;
    }
    size_t need = count * stored_bytes(column);
    if (bytes.len < need)
        return too_short(column, err);
    if (need != 0)
        memcpy(out, bytes.data, need);
    return convert(column, out, count, err);
}

/* ---- Dictionary ---------------------------------------------------------------------------------------- */

static void gather(const void *from, const uint32_t *indexes, size_t bytes, void *to, size_t count)
{
    const struct str *strings = from;
    struct str *strings_out = to;
    const uint64_t *wide = from;
    uint64_t *wide_out = to;
    const uint32_t *narrow = from;
    uint32_t *narrow_out = to;
    const uint8_t *booleans = from;
    uint8_t *booleans_out = to;
    for (size_t i = 0; bytes == 0 && i < count; i++)
        strings_out[i] = strings[indexes[i]];
    for (size_t i = 0; bytes == 8 && i < count; i++)
        wide_out[i] = wide[indexes[i]];
    for (size_t i = 0; bytes == 4 && i < count; i++)
        narrow_out[i] = narrow[indexes[i]];
    for (size_t i = 0; bytes == 1 && i < count; i++)
        booleans_out[i] = booleans[indexes[i]];
}

static bool dictionary_values(struct parquet_scan *scan, struct pq_scan_column *column, struct str bytes,
                              void *out, size_t count, struct error *err)
{
    const struct pq_dictionary_read *dictionary = &column->dictionary;
    if (!dictionary->there || dictionary->count == 0)
        return pq_corrupt(column, err, "a page of indexes without a dictionary");
    if (bytes.len == 0)
        return too_short(column, err);
    if (!pq_room_take(scan, &scan->numbers, count, sizeof(uint32_t), err))
        return false;
    unsigned width = (uint8_t)bytes.data[0];
    if (!pq_rle_decode(str_make(bytes.data + 1, bytes.len - 1), width, dictionary->count - 1,
                       scan->numbers.data, count))
        return pq_corrupt(column, err, "indexes of a dictionary cannot be read");
    size_t value_bytes = pq_value_bytes(column->face->type);
    gather(dictionary->values.data, scan->numbers.data, value_bytes, out, count);
    return true;
}

/* ---- Runs of booleans ---------------------------------------------------------------------------------- */

static bool run_booleans(const struct pq_scan_column *column, struct str bytes, uint8_t *out, size_t count,
                         struct error *err)
{
    if (bytes.len < 4 || pq_get32(bytes.data) > bytes.len - 4)
        return too_short(column, err);
    struct str runs = str_make(bytes.data + 4, pq_get32(bytes.data));
    return pq_rle_decode_levels(runs, 1, 1, out, count) || too_short(column, err);
}

/* ---- Differences --------------------------------------------------------------------------------------- */

static bool bad_deltas(const struct pq_scan_column *column, struct error *err)
{
    return pq_corrupt(column, err, "differences of values cannot be read");
}

static bool delta_numbers(const struct pq_scan_column *column, struct str bytes, void *out, size_t count,
                          struct error *err)
{
    bool ok = column->leaf->physical == PQ_INT64 ? pq_delta_decode_longs(&bytes, out, count)
                                                 : pq_delta_decode_ints(&bytes, out, count);
    return ok ? convert(column, out, count, err) : bad_deltas(column, err);
}

/* Lengths, then bytes. */
static bool delta_lengths(struct pq_scan_column *column, int32_t *lengths, struct str bytes, struct str *out,
                          size_t count, struct error *err)
{
    if (!pq_delta_decode_ints(&bytes, lengths, count))
        return bad_deltas(column, err);
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] < 0 || (size_t)lengths[i] > bytes.len)
            return too_short(column, err);
        out[i] = str_make(bytes.data, (size_t)lengths[i]);
        bytes = str_make(bytes.data + lengths[i], bytes.len - (size_t)lengths[i]);
    }
    return true;
}

/* Strings that share their beginning with the one before are put together in memory of the window. */
static bool join(struct parquet_scan *scan, struct pq_scan_column *column, const int32_t *shared,
                 struct str *strings, size_t count, struct error *err)
{
    uint64_t sum = 0, last = 0;
    for (size_t i = 0; i < count; i++) {
        if (shared[i] < 0 || (uint64_t)shared[i] > last)
            return bad_deltas(column, err);
        last = (uint64_t)shared[i] + strings[i].len;
        sum += last;
    }
    if (sum >= scan->limit_bytes - scan->used_bytes) {
        return error_set(err, ERR_TOO_LARGE,
                         "column %.*s: a page's strings take more than %zu bytes of memory",
                         STR_ARG(column->face->path), scan->limit_bytes);
    }
    char *at = arena_alloc(&column->window.joined, (size_t)sum + 1);
    scan->used_bytes += (size_t)sum + 1;
    struct str before = STR_NONE;
    for (size_t i = 0; i < count; i++) {
        size_t head = (size_t)shared[i];
        if (before.len != 0 && head != 0)
            memcpy(at, before.data, head);
        if (strings[i].len != 0)
            memcpy(at + head, strings[i].data, strings[i].len);
        before = strings[i] = str_make(at, head + strings[i].len);
        at += before.len;
    }
    return true;
}

static bool delta_strings(struct parquet_scan *scan, struct pq_scan_column *column, struct str bytes,
                          enum pq_encoding encoding, struct str *out, size_t count, struct error *err)
{
    if (!pq_room_take(scan, &scan->numbers, count, 2 * sizeof(int32_t), err))
        return false;
    int32_t *lengths = scan->numbers.data;
    if (encoding == PQ_DELTA_LENGTH_BYTE_ARRAY)
        return delta_lengths(column, lengths, bytes, out, count, err);
    int32_t *shared = lengths + count;
    return pq_delta_decode_ints(&bytes, shared, count)
               ? delta_lengths(column, lengths, bytes, out, count, err) &&
                     join(scan, column, shared, out, count, err)
               : bad_deltas(column, err);
}

/* ---- Split bytes --------------------------------------------------------------------------------------- */

static bool split_numbers(const struct pq_scan_column *column, struct str bytes, uint8_t *out, size_t count,
                          struct error *err)
{
    size_t width = stored_bytes(column);
    if (bytes.len < count * width)
        return too_short(column, err);
    for (size_t k = 0; k < width; k++) {
        for (size_t i = 0; i < count; i++)
            out[i * width + k] = (uint8_t)bytes.data[k * count + i];
    }
    return convert(column, out, count, err);
}

/* ---- All ----------------------------------------------------------------------------------------------- */

bool pq_values_read(struct parquet_scan *scan, struct pq_scan_column *column, struct str bytes,
                    enum pq_encoding encoding, void *out, size_t count, struct error *err)
{
    enum pq_physical physical = column->leaf->physical;
    bool is_integer = physical == PQ_INT32 || physical == PQ_INT64;
    bool is_number = is_integer || physical == PQ_FLOAT || physical == PQ_DOUBLE;
    switch (encoding) {
    case PQ_PLAIN: return pq_plain_read(column, bytes, out, count, err);
    case PQ_PLAIN_DICTIONARY:
    case PQ_RLE_DICTIONARY: return dictionary_values(scan, column, bytes, out, count, err);
    case PQ_RLE:
        if (physical == PQ_BOOLEAN)
            return run_booleans(column, bytes, out, count, err);
        break;
    case PQ_DELTA_BINARY_PACKED:
        if (is_integer)
            return delta_numbers(column, bytes, out, count, err);
        break;
    case PQ_DELTA_LENGTH_BYTE_ARRAY:
    case PQ_DELTA_BYTE_ARRAY:
        if (physical == PQ_BYTE_ARRAY)
            return delta_strings(scan, column, bytes, encoding, out, count, err);
        break;
    case PQ_BYTE_STREAM_SPLIT:
        if (is_number)
            return split_numbers(column, bytes, out, count, err);
        break;
    default: break;
    }
    return error_set(err, ERR_UNSUPPORTED, "column %.*s: encoding %d is not known for its type",
                     STR_ARG(column->face->path), (int)encoding);
}

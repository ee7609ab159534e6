/* Columns of a Parquet file as rows: of a file of ours, or of one that another program has made of ours by compaction. Columns
 * are found by their field ids; a file without ids, by their names. */
#include "tier/tier_internal.h"

#include "base/mem.h"

#include <inttypes.h>

struct wanted {
    enum message_column id;
    enum table_type type;
    const char *path;
    bool required;
    bool in_list;
};

static const struct wanted wanted[] = {
    {MESSAGE_OFFSET, TABLE_LONG, "offset", true, false},
    {MESSAGE_TIMESTAMP, TABLE_TIMESTAMPTZ, "timestamp", true, false},
    {MESSAGE_TOPIC, TABLE_STRING, "topic", true, false},
    {MESSAGE_PAYLOAD, TABLE_STRING, "payload", false, false},
    {MESSAGE_PAYLOAD_BYTES, TABLE_BINARY, "payload_bytes", false, false},
    {MESSAGE_HEADER_KEY, TABLE_STRING, "headers.key", false, true},
    {MESSAGE_HEADER_VALUE, TABLE_STRING, "headers.value", false, true},
    {MESSAGE_QOS, TABLE_INT, "qos", false, false},
    {MESSAGE_RETAIN, TABLE_BOOLEAN, "retain", false, false},
    {MESSAGE_CLIENT_ID, TABLE_STRING, "client_id", false, false},
    {MESSAGE_USERNAME, TABLE_STRING, "username", false, false},
    {MESSAGE_CONTENT_TYPE, TABLE_STRING, "content_type", false, false},
    {MESSAGE_RESPONSE_TOPIC, TABLE_STRING, "response_topic", false, false},
    {MESSAGE_CORRELATION_DATA, TABLE_BINARY, "correlation_data", false, false},
    {MESSAGE_EXPIRY_INTERVAL, TABLE_LONG, "expiry_interval", false, false},
    {MESSAGE_PAYLOAD_FORMAT, TABLE_INT, "payload_format", false, false},
    {MESSAGE_ID, TABLE_STRING, "message_id", false, false},
    {MESSAGE_PROPERTIES, TABLE_BINARY, "properties", false, false},
};
#define WANTED_COUNT (sizeof(wanted) / sizeof(wanted[0]))

static bool is_bytes(enum table_type type)
{
    return type == TABLE_STRING || type == TABLE_BINARY;
}

bool columns_find(const struct parquet_file *file, struct columns *out, struct error *err)
{
    for (size_t i = 0; i <= MESSAGE_COLUMN_LAST; i++)
        out->of[i] = PARQUET_NO_COLUMN;
    for (size_t i = 0; i < WANTED_COUNT; i++) {
        const struct wanted *want = &wanted[i];
        size_t at = parquet_file_column(file, want->id);
        if (at == PARQUET_NO_COLUMN)
            at = parquet_file_column_named(file, str_of(want->path));
        if (at == PARQUET_NO_COLUMN) {
            if (want->required)
                return error_set(err, ERR_CORRUPT, "it has no column %s", want->path);
            continue;
        }
        const struct parquet_column *column = &file->columns[at];
        bool fits = column->readable && column->in_list == want->in_list &&
                    (column->type == want->type || (is_bytes(column->type) && is_bytes(want->type)));
        if (!fits)
            return error_set(err, ERR_CORRUPT, "its column %s is of another type", want->path);
        out->of[want->id] = at;
    }
    return true;
}

/* The vector, if the row has a value in it. */
static const struct parquet_vector *value_of(const struct columns *columns,
                                             const struct parquet_vector *vectors, enum message_column id,
                                             size_t i)
{
    size_t at = columns->of[id];
    if (at == PARQUET_NO_COLUMN || parquet_is_null(&vectors[at], i))
        return NULL;
    return &vectors[at];
}

static struct str text_of(const struct columns *columns, const struct parquet_vector *vectors,
                          enum message_column id, size_t i)
{
    const struct parquet_vector *vector = value_of(columns, vectors, id, i);
    if (vector == NULL)
        return STR_NONE;
    return vector->strings[i].data != NULL ? vector->strings[i] : STR("");
}

static void take_headers(const struct columns *columns, const struct parquet_vector *vectors, size_t i,
                         struct arena *memory, struct tier_row *out)
{
    size_t key_at = columns->of[MESSAGE_HEADER_KEY], value_at = columns->of[MESSAGE_HEADER_VALUE];
    if (key_at == PARQUET_NO_COLUMN || value_at == PARQUET_NO_COLUMN)
        return;
    const struct parquet_vector *keys = &vectors[key_at], *values = &vectors[value_at];
    uint32_t from = keys->offsets[i], to = keys->offsets[i + 1];
    uint32_t value_from = values->offsets[i];
    if (to == from || values->offsets[i + 1] - value_from != to - from)
        return;
    struct tier_header *headers = arena_alloc(memory, (to - from) * sizeof(*headers));
    for (uint32_t n = 0; n < to - from; n++) {
        headers[n] = (struct tier_header){
            .key = parquet_is_null(keys, from + n) ? STR("") : keys->strings[from + n],
            .value = parquet_is_null(values, value_from + n) ? STR("") : values->strings[value_from + n],
        };
    }
    out->headers = headers;
    out->header_count = to - from;
}

bool row_take(const struct columns *columns, const struct parquet_vector *vectors, size_t i,
              struct arena *memory, struct tier_row *out, struct error *err)
{
    const struct parquet_vector *offset = value_of(columns, vectors, MESSAGE_OFFSET, i);
    const struct parquet_vector *time = value_of(columns, vectors, MESSAGE_TIMESTAMP, i);
    if (offset == NULL || time == NULL || offset->longs[i] < 0)
        return error_set(err, ERR_CORRUPT, "a row without an offset or a timestamp");
    *out = (struct tier_row){
        .offset = (uint64_t)offset->longs[i],
        .time_ms = time->longs[i] / 1000,
        .topic = text_of(columns, vectors, MESSAGE_TOPIC, i),
        .payload = text_of(columns, vectors, MESSAGE_PAYLOAD, i),
        .client_id = text_of(columns, vectors, MESSAGE_CLIENT_ID, i),
        .username = text_of(columns, vectors, MESSAGE_USERNAME, i),
        .content_type = text_of(columns, vectors, MESSAGE_CONTENT_TYPE, i),
        .response_topic = text_of(columns, vectors, MESSAGE_RESPONSE_TOPIC, i),
        .correlation_data = text_of(columns, vectors, MESSAGE_CORRELATION_DATA, i),
        .id = text_of(columns, vectors, MESSAGE_ID, i),
        .properties = text_of(columns, vectors, MESSAGE_PROPERTIES, i),
        .expiry_s = -1,
        .payload_format = -1,
    };
    if (out->topic.data == NULL)
        return error_set(err, ERR_CORRUPT, "offset %" PRIu64 " has no topic", out->offset);
    if (out->payload.data == NULL)
        out->payload = text_of(columns, vectors, MESSAGE_PAYLOAD_BYTES, i);
    if (out->payload.data == NULL)
        out->payload = STR("");
    const struct parquet_vector *value;
    if ((value = value_of(columns, vectors, MESSAGE_QOS, i)) != NULL)
        out->qos = value->ints[i];
    if ((value = value_of(columns, vectors, MESSAGE_RETAIN, i)) != NULL)
        out->retain = value->booleans[i] != 0;
    if ((value = value_of(columns, vectors, MESSAGE_EXPIRY_INTERVAL, i)) != NULL)
        out->expiry_s = value->longs[i] >= 0 && value->longs[i] <= UINT32_MAX ? value->longs[i] : -1;
    if ((value = value_of(columns, vectors, MESSAGE_PAYLOAD_FORMAT, i)) != NULL)
        out->payload_format = value->ints[i] >= 0 && value->ints[i] <= 1 ? value->ints[i] : -1;
    take_headers(columns, vectors, i, memory, out);
    return true;
}

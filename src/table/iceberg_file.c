/* What the writer of a Parquet file knows of it, as a manifest has it: bounds of strings and bytes are cut. */
#include "table/iceberg.h"
#include "table/parquet.h"

static const struct table_field *find_leaf(const struct table_field *fields, size_t count, int32_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].id == id)
            return &fields[i];
        const struct table_field *inner = find_leaf(fields[i].children, fields[i].child_count, id);
        if (inner != NULL)
            return inner;
    }
    return NULL;
}

static void take_bounds(struct arena *arena, enum table_type type, const struct parquet_column_summary *from,
                        struct iceberg_column *to)
{
    uint8_t upper[PARQUET_BOUND_BYTES];
    bool is_text = type == TABLE_STRING;
    if (!from->bounds.known || from->in_list)
        return;
    struct str low = from->bounds.lower, high = from->bounds.upper;
    if (is_text || type == TABLE_BINARY) {
        low = iceberg_bound_lower(low, is_text);
        high = iceberg_bound_upper(high, is_text, upper);
    }
    if (low.data != NULL)
        to->lower = arena_str(arena, low);
    if (high.data != NULL)
        to->upper = arena_str(arena, high);
}

void iceberg_describe(const struct parquet_summary *summary, const struct table_schema *schema,
                      struct arena *arena, struct iceberg_data_file *out)
{
    struct iceberg_column *columns = arena_zalloc(arena, (summary->column_count + 1) * sizeof(*columns));
    int64_t *splits = arena_alloc(arena, (summary->split_count + 1) * sizeof(*splits));
    for (size_t i = 0; i < summary->column_count; i++) {
        const struct parquet_column_summary *from = &summary->columns[i];
        const struct table_field *field = find_leaf(schema->fields, schema->field_count, from->id);
        size_t at = i;
        for (; at > 0 && columns[at - 1].field_id > from->id; at--) /* in the order of ids */
            columns[at] = columns[at - 1];
        columns[at] = (struct iceberg_column){
            .field_id = from->id,
            .size_bytes = (int64_t)from->bytes,
            .value_count = (int64_t)from->value_count,
            .null_count = (int64_t)from->null_count,
            .nan_count = field != NULL && (field->type == TABLE_DOUBLE || field->type == TABLE_FLOAT)
                             ? (int64_t)from->nan_count
                             : ICEBERG_NONE,
        };
        if (field != NULL)
            take_bounds(arena, field->type, from, &columns[at]);
    }
    for (size_t i = 0; i < summary->split_count; i++)
        splits[i] = (int64_t)summary->split_offsets[i];
    *out = (struct iceberg_data_file){
        .content = ICEBERG_DATA,
        .format = STR("PARQUET"),
        .record_count = (int64_t)summary->rows,
        .size_bytes = (int64_t)summary->bytes,
        .columns = columns,
        .column_count = summary->column_count,
        .split_offsets = splits,
        .split_count = summary->split_count,
        .sort_order_id = ICEBERG_NONE,
    };
}

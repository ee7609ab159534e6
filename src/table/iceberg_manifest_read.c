/* Manifests, read: Avro files with a record for each data file (specification, "Manifests").
 *
 * The six maps from column to size, counts and bounds become one list of columns. What an entry does not say of its snapshot
 * and sequence numbers it inherits from its manifest's line in the manifest list. */
#include "table/iceberg_manifest_internal.h"

#include "base/mem.h"

static const struct avro_target static_targets[] = {
    {ENTRY_STATUS, AVRO_ROOT, "status", AVRO_INTEGERS, true},
    {ENTRY_SNAPSHOT_ID, AVRO_ROOT, "snapshot_id", AVRO_INTEGERS, false},
    {ENTRY_SEQUENCE, AVRO_ROOT, "sequence_number", AVRO_INTEGERS, false},
    {ENTRY_FILE_SEQUENCE, AVRO_ROOT, "file_sequence_number", AVRO_INTEGERS, false},
    {ENTRY_FILE, AVRO_ROOT, "data_file", AVRO_MASK(AVRO_RECORD), true},
    {FILE_CONTENT, ENTRY_FILE, "content", AVRO_INTEGERS, false},
    {FILE_PATH, ENTRY_FILE, "file_path", AVRO_TEXT, true},
    {FILE_FORMAT, ENTRY_FILE, "file_format", AVRO_TEXT, true},
    {FILE_PARTITION, ENTRY_FILE, "partition", AVRO_MASK(AVRO_RECORD), true},
    {FILE_RECORDS, ENTRY_FILE, "record_count", AVRO_INTEGERS, true},
    {FILE_BYTES, ENTRY_FILE, "file_size_in_bytes", AVRO_INTEGERS, true},
    {FILE_COLUMN_SIZES, ENTRY_FILE, "column_sizes", AVRO_MASK(AVRO_ARRAY), false},
    {117, FILE_COLUMN_SIZES, "key", AVRO_INTEGERS, false},
    {118, FILE_COLUMN_SIZES, "value", AVRO_INTEGERS, false},
    {FILE_VALUE_COUNTS, ENTRY_FILE, "value_counts", AVRO_MASK(AVRO_ARRAY), false},
    {119, FILE_VALUE_COUNTS, "key", AVRO_INTEGERS, false},
    {120, FILE_VALUE_COUNTS, "value", AVRO_INTEGERS, false},
    {FILE_NULL_COUNTS, ENTRY_FILE, "null_value_counts", AVRO_MASK(AVRO_ARRAY), false},
    {121, FILE_NULL_COUNTS, "key", AVRO_INTEGERS, false},
    {122, FILE_NULL_COUNTS, "value", AVRO_INTEGERS, false},
    {FILE_NAN_COUNTS, ENTRY_FILE, "nan_value_counts", AVRO_MASK(AVRO_ARRAY), false},
    {138, FILE_NAN_COUNTS, "key", AVRO_INTEGERS, false},
    {139, FILE_NAN_COUNTS, "value", AVRO_INTEGERS, false},
    {FILE_LOWER, ENTRY_FILE, "lower_bounds", AVRO_MASK(AVRO_ARRAY), false},
    {126, FILE_LOWER, "key", AVRO_INTEGERS, false},
    {127, FILE_LOWER, "value", AVRO_BINARY, false},
    {FILE_UPPER, ENTRY_FILE, "upper_bounds", AVRO_MASK(AVRO_ARRAY), false},
    {129, FILE_UPPER, "key", AVRO_INTEGERS, false},
    {130, FILE_UPPER, "value", AVRO_BINARY, false},
    {FILE_KEY_METADATA, ENTRY_FILE, "key_metadata", AVRO_BINARY, false},
    {FILE_SPLITS, ENTRY_FILE, "split_offsets", AVRO_MASK(AVRO_ARRAY), false},
    {FILE_SORT_ORDER, ENTRY_FILE, "sort_order_id", AVRO_INTEGERS, false},
};
enum { STATIC_TARGETS = sizeof static_targets / sizeof static_targets[0], COLUMNS_MAX = 4096 };

struct parse {
    struct avro_target targets[STATIC_TARGETS + ICEBERG_PARTITION_FIELDS];
    char *names[ICEBERG_PARTITION_FIELDS];
    int32_t partition_ids[ICEBERG_PARTITION_FIELDS];
    enum iceberg_kind partition_kinds[ICEBERG_PARTITION_FIELDS];
    size_t partition_count;
    /* Of the entry that is read. */
    struct iceberg_entry entry;
    struct iceberg_column *columns;
    size_t column_count;
    size_t column_cap;
    size_t column_hint;            /* where the next one is likely to be */
    struct iceberg_column *column; /* of the item of a map that is read; NULL: its key has not come */
    struct avro_value early;       /* its value, if that came first */
    int32_t early_tag;             /* AVRO_SKIP: it did not */
    int64_t *splits;
    size_t split_count;
    size_t split_cap;
    const char *wrong; /* what is */
};

/* ---- One entry ------------------------------------------------------------------------------------------- */

/* Finds the column, or makes it: they are in the order of ids. */
static void select_column(struct parse *parse, int64_t id)
{
    size_t low = 0, high = parse->column_count;
    parse->column = NULL;
    if (parse->column_hint < high && parse->columns[parse->column_hint].field_id == id)
        low = high = parse->column_hint;
    else if (high > 0 && parse->columns[high - 1].field_id < id)
        low = high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (parse->columns[middle].field_id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == parse->column_count || parse->columns[low].field_id != id) {
        if (parse->column_count == COLUMNS_MAX || id < 0 || id > INT32_MAX) {
            parse->wrong = "it has too many columns, or one with a bad id";
            return;
        }
        if (parse->column_count == parse->column_cap) {
            parse->column_cap = parse->column_cap == 0 ? 32 : 2 * parse->column_cap;
            parse->columns = mem_realloc(parse->columns, parse->column_cap * sizeof *parse->columns);
        }
        memmove(&parse->columns[low + 1], &parse->columns[low],
                (parse->column_count - low) * sizeof *parse->columns);
        parse->columns[low] = (struct iceberg_column){.field_id = (int32_t)id,
                                                      .size_bytes = ICEBERG_NONE,
                                                      .value_count = ICEBERG_NONE,
                                                      .null_count = ICEBERG_NONE,
                                                      .nan_count = ICEBERG_NONE};
        parse->column_count++;
    }
    parse->column = &parse->columns[low];
    parse->column_hint = low + 1;
}

static void set_count(struct parse *parse, int64_t *count, int64_t value)
{
    if (value < 0)
        parse->wrong = "a count is negative";
    *count = value;
}

/* A value of one of the six maps. */
static void on_column_value(struct parse *parse, int32_t tag, const struct avro_value *value)
{
    struct iceberg_column *column = parse->column;
    if (column == NULL) {
        parse->early = *value;
        parse->early_tag = tag;
        return;
    }
    switch (tag) {
    case 118: set_count(parse, &column->size_bytes, value->number); break;
    case 120: set_count(parse, &column->value_count, value->number); break;
    case 122: set_count(parse, &column->null_count, value->number); break;
    case 139: set_count(parse, &column->nan_count, value->number); break;
    case 127: column->lower = value->bytes; break;
    case 130: column->upper = value->bytes; break;
    default: break;
    }
}

static void add_split(struct parse *parse, int64_t offset)
{
    if (parse->split_count == parse->split_cap) {
        parse->split_cap = parse->split_cap == 0 ? 16 : 2 * parse->split_cap;
        parse->splits = mem_realloc(parse->splits, parse->split_cap * sizeof *parse->splits);
    }
    parse->splits[parse->split_count++] = offset;
}

static void on_partition_value(struct parse *parse, int32_t tag, const struct avro_value *value)
{
    for (size_t i = 0; i < parse->partition_count; i++) {
        if (parse->partition_ids[i] != tag)
            continue;
        struct iceberg_value *out = &parse->entry.file.partition[i];
        out->kind = parse->partition_kinds[i];
        if (value->type == AVRO_DOUBLE)
            out->real = value->real;
        else if (value->type == AVRO_BYTES)
            out->bytes = value->bytes;
        else
            out->number = value->number;
    }
}

static void on_value(void *ctx, int32_t tag, const struct avro_value *value)
{
    struct parse *parse = ctx;
    struct iceberg_entry *entry = &parse->entry;
    struct iceberg_data_file *file = &entry->file;
    if (value->type == AVRO_NULL)
        return;
    switch (tag) {
    case ENTRY_STATUS:
        if (value->number < ICEBERG_EXISTING || value->number > ICEBERG_DELETED)
            parse->wrong = "its status is not 0, 1 or 2";
        entry->status = (enum iceberg_status)value->number;
        break;
    case ENTRY_SNAPSHOT_ID: entry->snapshot_id = value->number; break;
    case ENTRY_SEQUENCE: entry->sequence_number = value->number; break;
    case ENTRY_FILE_SEQUENCE: entry->file_sequence_number = value->number; break;
    case FILE_CONTENT:
        if (value->number < ICEBERG_DATA || value->number > ICEBERG_EQUALITY_DELETES)
            parse->wrong = "its content is not 0, 1 or 2";
        file->content = (enum iceberg_content)value->number;
        break;
    case FILE_PATH: file->path = value->bytes; break;
    case FILE_FORMAT: file->format = value->bytes; break;
    case FILE_RECORDS: file->record_count = value->number; break;
    case FILE_BYTES: file->size_bytes = value->number; break;
    case 117:
    case 119:
    case 121:
    case 138:
    case 126:
    case 129:
        select_column(parse, value->number);
        if (parse->early_tag != AVRO_SKIP && parse->column != NULL)
            on_column_value(parse, parse->early_tag, &parse->early);
        break;
    case FILE_KEY_METADATA: file->key_metadata = value->bytes; break;
    case FILE_SPLITS: add_split(parse, value->number); break;
    case FILE_SORT_ORDER:
        file->sort_order_id =
            value->number >= 0 && value->number <= INT32_MAX ? (int32_t)value->number : ICEBERG_NONE;
        break;
    default:
        if (tag >= ICEBERG_PARTITION_ID_FIRST)
            on_partition_value(parse, tag, value);
        else
            on_column_value(parse, tag, value);
    }
}

static void on_item(void *ctx, int32_t tag)
{
    struct parse *parse = ctx;
    (void)tag;
    parse->column = NULL;
    parse->early_tag = AVRO_SKIP;
}

static void inherit(struct iceberg_entry *entry, const struct iceberg_manifest *listed)
{
    if (listed == NULL)
        return;
    bool from_list = entry->status == ICEBERG_ADDED || listed->sequence_number == 0;
    if (entry->snapshot_id == ICEBERG_NONE)
        entry->snapshot_id = listed->snapshot_id;
    if (entry->sequence_number == ICEBERG_NONE && from_list)
        entry->sequence_number = listed->sequence_number;
    if (entry->file_sequence_number == ICEBERG_NONE && from_list)
        entry->file_sequence_number = listed->sequence_number;
}

static bool take_entry(struct parse *parse, const struct avro_node *schema,
                       const struct iceberg_manifest *listed, struct str *data, struct error *err)
{
    struct avro_visitor visitor = {.value = on_value, .item = on_item, .ctx = parse};
    struct iceberg_data_file *file = &parse->entry.file;
    parse->entry = (struct iceberg_entry){.status = (enum iceberg_status)ICEBERG_NONE,
                                          .snapshot_id = ICEBERG_NONE,
                                          .sequence_number = ICEBERG_NONE,
                                          .file_sequence_number = ICEBERG_NONE};
    file->record_count = file->size_bytes = file->sort_order_id = ICEBERG_NONE;
    file->partition_count = parse->partition_count;
    parse->column_count = parse->column_hint = parse->split_count = 0;
    if (!avro_decode(schema, data, &visitor, err))
        return false;
    if ((int)parse->entry.status == ICEBERG_NONE || file->path.len == 0 || file->record_count < 0 ||
        file->size_bytes < 0)
        parse->wrong = "its status, path, number of records or size is missing";
    if (parse->wrong != NULL)
        return error_set(err, ERR_CORRUPT, "entry %.*s: %s", SHORT_ARG(file->path), parse->wrong);
    file->columns = parse->columns;
    file->column_count = parse->column_count;
    file->split_offsets = parse->splits;
    file->split_count = parse->split_count;
    inherit(&parse->entry, listed);
    return true;
}

/* ---- The file -------------------------------------------------------------------------------------------- */

/* The partition's fields, as the header's partition-spec has them, are wanted, too. */
static bool add_partition_targets(struct parse *parse, const json_t *spec, struct error *err)
{
    if (!json_is_array(spec))
        return error_set(err, ERR_CORRUPT, "the header has no partition-spec");
    if (json_array_size(spec) > ICEBERG_PARTITION_FIELDS)
        return error_set(err, ERR_UNSUPPORTED, "it has more than %d partition fields",
                         ICEBERG_PARTITION_FIELDS);
    for (size_t i = 0; i < json_array_size(spec); i++) {
        struct json_place place = {json_array_get(spec, i), "partition-spec", err};
        int64_t id = ICEBERG_PARTITION_ID_FIRST + (int64_t)i;
        struct str name;
        if (!json_may_int(&place, "field-id", ICEBERG_PARTITION_ID_FIRST, INT32_MAX, &id) ||
            !json_need_str(&place, "name", &name))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (parse->partition_ids[k] == id)
                return error_set(err, ERR_CORRUPT, "two partition fields have the id %d", (int)id);
        }
        parse->partition_ids[i] = (int32_t)id;
        parse->names[i] = str_dup(name);
        parse->targets[STATIC_TARGETS + i] = (struct avro_target){
            (int32_t)id, FILE_PARTITION, parse->names[i], AVRO_SCALARS, false,
        };
        parse->partition_count++;
    }
    return true;
}

static enum iceberg_kind kind_of(const struct avro_node *node)
{
    if (node->type == AVRO_UNION) {
        for (size_t i = 0; i < node->branch_count; i++) {
            if (node->branches[i]->type != AVRO_NULL)
                return kind_of(node->branches[i]);
        }
    }
    switch (node->type) {
    case AVRO_BOOLEAN: return ICEBERG_BOOLEAN;
    case AVRO_INT: return ICEBERG_INT;
    case AVRO_LONG:
    case AVRO_ENUM: return ICEBERG_LONG;
    case AVRO_FLOAT: return ICEBERG_FLOAT;
    case AVRO_DOUBLE: return ICEBERG_DOUBLE;
    case AVRO_STRING: return ICEBERG_STRING;
    case AVRO_BYTES:
    case AVRO_FIXED: return ICEBERG_BINARY;
    default: return ICEBERG_NULL;
    }
}

static bool prepare(struct parse *parse, struct avro_reader *reader, struct error *err)
{
    struct str text = avro_reader_meta(reader, "partition-spec");
    json_t *spec = json_loadb(text.len > 0 ? text.data : "", text.len, 0, NULL);
    memcpy(parse->targets, static_targets, sizeof static_targets);
    bool ok = add_partition_targets(parse, spec, err) &&
              avro_resolve(reader->schema, parse->targets, STATIC_TARGETS + parse->partition_count, err);
    json_decref(spec);
    if (!ok)
        return false;
    const struct avro_node *partition =
        avro_field_tagged(avro_field_tagged(reader->schema, ENTRY_FILE), FILE_PARTITION);
    for (size_t i = 0; i < parse->partition_count; i++) {
        const struct avro_node *node = avro_field_tagged(partition, parse->partition_ids[i]);
        parse->partition_kinds[i] = node != NULL ? kind_of(node) : ICEBERG_NULL;
    }
    return true;
}

static bool read_all(struct parse *parse, struct avro_reader *reader, const struct iceberg_manifest *listed,
                     bool (*each)(const struct iceberg_entry *entry, void *arg), void *arg, struct error *err)
{
    for (;;) {
        struct str data;
        uint64_t count;
        enum avro_next next = avro_reader_next_block(reader, &data, &count, err);
        if (next != AVRO_NEXT_BLOCK)
            return next == AVRO_NEXT_END;
        for (; count > 0; count--) {
            if (!take_entry(parse, reader->schema, listed, &data, err))
                return false;
            if (!each(&parse->entry, arg))
                return true;
        }
        if (data.len > 0)
            return error_set(err, ERR_CORRUPT, "a block has more bytes than its values");
    }
}

bool iceberg_manifest_read(struct str bytes, const struct iceberg_manifest *listed,
                           bool (*each)(const struct iceberg_entry *entry, void *arg), void *arg,
                           struct error *err)
{
    struct avro_reader reader = {0};
    struct parse *parse = mem_zalloc(sizeof *parse);
    bool ok = avro_reader_open(&reader, bytes, err) && prepare(parse, &reader, err) &&
              read_all(parse, &reader, listed, each, arg, err);
    avro_reader_close(&reader);
    for (size_t i = 0; i < parse->partition_count; i++)
        mem_free(parse->names[i]);
    mem_free(parse->columns);
    mem_free(parse->splits);
    mem_free(parse);
    if (ok)
        return true;
    if (listed != NULL)
        error_wrap(err, "%.*s", SHORT_ARG(listed->path));
    return error_wrap(err, "manifest");
}

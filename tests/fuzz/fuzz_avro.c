/* Any bytes as a manifest or a manifest list: reading ends with an error, or with records whose texts lie in memory; a list that
 * was read comes back the same when it is written and read again.
 *
 * The input: a byte of choices (1: a list, else a manifest), then the file. Some seeds are not compressed, so that what is
 * changed in them is read. */
#include "table/iceberg.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t seen; /* so that what is read is not optimised away */

static uint64_t touch(struct str text)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < text.len; i++)
        sum += (uint8_t)text.data[i];
    return sum;
}

static bool look_at(const struct iceberg_entry *entry, void *arg)
{
    const struct iceberg_data_file *file = &entry->file;
    uint64_t sum = touch(file->path) + touch(file->format) + touch(file->key_metadata);
    int64_t low = 0, high = 0;
    (void)arg;
    assert(entry->status >= ICEBERG_EXISTING && entry->status <= ICEBERG_DELETED);
    assert(file->path.len > 0 && file->record_count >= 0 && file->size_bytes >= 0);
    assert(file->partition_count <= ICEBERG_PARTITION_FIELDS);
    for (size_t i = 0; i < file->partition_count; i++) {
        if (file->partition[i].kind == ICEBERG_STRING || file->partition[i].kind == ICEBERG_BINARY)
            sum += touch(file->partition[i].bytes);
    }
    for (size_t i = 0; i < file->column_count; i++) {
        const struct iceberg_column *column = &file->columns[i];
        uint8_t out[64];
        assert(i == 0 || file->columns[i - 1].field_id < column->field_id);
        assert(column->size_bytes >= ICEBERG_NONE && column->value_count >= ICEBERG_NONE);
        sum += touch(column->lower) + touch(iceberg_bound_upper(column->upper, true, out));
        if (iceberg_bounds(file, column->field_id, &low, &high))
            assert(low <= high);
    }
    for (size_t i = 0; i < file->split_count; i++)
        sum += (uint64_t)file->split_offsets[i];
    seen += sum;
    return true;
}

static bool can_be_written(const struct iceberg_manifest *of)
{
    return of->added_files >= 0 && of->existing_files >= 0 && of->deleted_files >= 0 && of->added_rows >= 0 &&
           of->existing_rows >= 0 && of->deleted_rows >= 0 && of->added_files <= INT32_MAX &&
           of->existing_files <= INT32_MAX && of->deleted_files <= INT32_MAX;
}

static void read_list(struct str bytes)
{
    struct iceberg_list list = {0}, again = {0};
    struct error err;
    bool writable = true;
    if (iceberg_list_read(bytes, &list, &err)) {
        for (size_t i = 0; i < list.count; i++)
            writable = writable && can_be_written(&list.manifests[i]);
        const struct iceberg_snapshot snapshot = {.id = 1, .parent_id = ICEBERG_NONE};
        struct buf out = {0};
        if (writable) {
            iceberg_list_write(&snapshot, list.manifests, list.count, &out);
            if (!iceberg_list_read(buf_str(&out), &again, &err))
                abort();
            assert(again.count == list.count);
        }
        for (size_t i = 0; i < again.count; i++) {
            const struct iceberg_manifest *a = &list.manifests[i], *b = &again.manifests[i];
            assert(str_equal(a->path, b->path) && a->partition_count == b->partition_count);
            assert(a->min_sequence_number == b->min_sequence_number && a->deletes == b->deletes);
        }
        buf_free(&out);
    }
    iceberg_list_free(&list);
    iceberg_list_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    if (size == 0)
        return 0;
    struct str bytes = str_make(data + 1, size - 1);
    if (data[0] & 1)
        read_list(bytes);
    else
        iceberg_manifest_read(bytes, NULL, look_at, NULL, &err);
    return 0;
}

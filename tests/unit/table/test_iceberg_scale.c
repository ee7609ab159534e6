/* The metadata of a table of a quarter of a terabyte: 32,768 files of 8 MiB, each with bounds and counts. How long a
 * whole one takes to load is measured by bench/iceberg.c; here it is how much memory. */
#include "table/iceberg_store.h"

enum { FILES = 32768, COMMITS = 32 };

static bool count_entry(const struct iceberg_entry *entry, void *arg)
{
    (void)entry;
    ++*(size_t *)arg;
    return true;
}

static void test_the_index_takes_less_than_256_bytes_a_file(void **state)
{
    (void)state;
    struct store store;
    struct error err;
    struct iceberg_index_totals totals;
    struct iceberg_file file;
    store_open(&store);
    for (uint64_t c = 0; c < COMMITS; c++) {
        struct arena arena = {0};
        struct iceberg_data_file *files = arena_alloc(&arena, FILES / COMMITS * sizeof *files);
        for (uint64_t i = 0; i < FILES / COMMITS; i++)
            files[i] = store_file(&arena, (c * FILES / COMMITS + i) * 40000, 40000, 19000 + (int32_t)c, 0);
        struct iceberg_change change = {
            .operation = ICEBERG_APPEND, .added = files, .added_count = FILES / COMMITS, .merge_count = 8};
        ASSERT_OK(store_commit(&store, &change, &err), err);
        arena_free(&arena);
    }
    size_t metadata_bytes = 0, entries = 0;
    struct iceberg_index *index = iceberg_index_new(STR(STORE_LOCATION), MESSAGE_OFFSET, MESSAGE_TIMESTAMP);
    for (size_t i = 0; i < store.list.count; i++) {
        struct str bytes = store_get(&store, store.list.manifests[i].path);
        metadata_bytes += bytes.len;
        ASSERT_OK(iceberg_manifest_read(bytes, &store.list.manifests[i], count_entry, &entries, &err), err);
        ASSERT_OK(iceberg_manifest_read(bytes, &store.list.manifests[i], iceberg_index_entry, index, &err),
                  err);
    }
    assert_int_equal(entries, FILES);
    iceberg_index_totals(index, &totals);
    assert_int_equal(totals.files, FILES);
    assert_int_equal(totals.missing, 0);
    print_message("%zu manifests of %zu bytes; the index takes %zu bytes\n", store.list.count, metadata_bytes,
                  (size_t)totals.memory_bytes);
    assert_true(totals.memory_bytes < 256 * FILES);
    assert_true(store.list.count < 12);
    for (uint64_t i = 0; i < FILES; i += 1013) {
        assert_true(iceberg_index_find(index, i * 40000 + 39999, &file));
        assert_int_equal(file.first, i * 40000);
    }
    iceberg_index_free(index);
    store_close(&store);
}

RUN_TESTS(cmocka_unit_test(test_the_index_takes_less_than_256_bytes_a_file))

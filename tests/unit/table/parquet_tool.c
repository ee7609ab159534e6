/* Writes files whose rows come from a seed, and shows the rows of files, for tests that compare with other
 * readers and writers.
 *
 *     parquet_tool write SEED ROWS FILE [codec=…]
 *         [encoding=plain|dictionary|delta] [page_rows=N] [group_rows=N]
 *     parquet_tool read FILE [index] [at_once=N]
 *
 * Both print lines of JSON: first {"columns":[{"path","type","in_list"}]}, then an array for each row, a
 * value for each column. A value is null, true or false, a number as text, {"real": "…"}, or {"hex": "…"} of
 * a string; in a list an array of them. */
#include "table/model.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const struct error *err)
{
    fprintf(stderr, "parquet_tool: %s: %s\n", what, err->text);
    exit(1);
}

/* ---- Printing ------------------------------------------------------------------------------------------ */

static const char *const type_names[] = {"boolean", "int",         "long",   "float", "double",
                                         "date",    "timestamptz", "string", "binary"};

static void print_real(double value)
{
    if (isnan(value))
        printf("{\"real\":\"NaN\"}");
    else if (isinf(value))
        printf("{\"real\":\"%sInfinity\"}", value < 0 ? "-" : "");
    else
        printf("{\"real\":\"%.17g\"}", value);
}

static void print_text(struct str text)
{
    char *hex = mem_alloc(2 * text.len + 1);
    hex_encode(text.data, text.len, hex);
    printf("{\"hex\":\"%s\"}", hex);
    mem_free(hex);
}

static void print_value(const struct parquet_vector *vector, size_t at)
{
    if (parquet_is_null(vector, at)) {
        printf("null");
        return;
    }
    switch (vector->type) {
    case TABLE_BOOLEAN: printf("%s", vector->booleans[at] != 0 ? "true" : "false"); break;
    case TABLE_INT:
    case TABLE_DATE: printf("\"%" PRId32 "\"", vector->ints[at]); break;
    case TABLE_LONG:
    case TABLE_TIMESTAMPTZ: printf("\"%" PRId64 "\"", vector->longs[at]); break;
    case TABLE_FLOAT: print_real(vector->floats[at]); break;
    case TABLE_DOUBLE: print_real(vector->doubles[at]); break;
    default: print_text(vector->strings[at]);
    }
}

static void print_row(const struct parquet_vector *vectors, size_t columns, size_t row)
{
    for (size_t i = 0; i < columns; i++) {
        const struct parquet_vector *vector = &vectors[i];
        printf("%s", i == 0 ? "[" : ",");
        if (vector->offsets == NULL) {
            print_value(vector, row);
            continue;
        }
        if (vector->null_lists != NULL && vector->null_lists[row] != 0) {
            printf("null");
            continue;
        }
        printf("[");
        for (uint32_t k = vector->offsets[row]; k < vector->offsets[row + 1]; k++) {
            printf("%s", k == vector->offsets[row] ? "" : ",");
            print_value(vector, k);
        }
        printf("]");
    }
    printf("]\n");
}

static void print_columns(const struct parquet_file *file)
{
    printf("{\"columns\":[");
    for (size_t i = 0; i < file->column_count; i++) {
        const struct parquet_column *column = &file->columns[i];
        printf("%s{\"path\":\"%.*s\",\"type\":\"%s\",\"in_list\":%s,\"id\":%" PRId32 "}", i == 0 ? "" : ",",
               STR_ARG(column->path), column->readable ? type_names[column->type] : "",
               column->in_list ? "true" : "false", column->id);
    }
    printf("]}\n");
}

static void show(struct str bytes, bool with_index, size_t at_once)
{
    struct error err = {0};
    struct parquet_extent extent = {0, bytes};
    struct parquet_file *file = parquet_file_open(bytes, bytes.len, 0, &err);
    if (file == NULL)
        die("open", &err);
    if (with_index && !parquet_file_add_index(file, &extent, 1, &err))
        die("index", &err);
    print_columns(file);
    struct parquet_scan *scan = parquet_scan_open((size_t)1 << 30);
    for (size_t g = 0; g < file->group_count; g++) {
        struct parquet_selection all = {.group = g};
        if (!parquet_scan_start(scan, file, &all, &extent, 1, &err))
            die("start", &err);
        for (;;) {
            const struct parquet_vector *vectors;
            size_t rows;
            if (!parquet_scan_next(scan, at_once, &vectors, &rows, &err))
                die("next", &err);
            if (rows == 0)
                break;
            for (size_t row = 0; row < rows; row++)
                print_row(vectors, file->column_count, row);
        }
    }
    parquet_scan_close(scan);
    parquet_file_close(file);
}

/* ---- Options ------------------------------------------------------------------------------------------- */

/* The value of "name=value" among the arguments; NULL: it is not there. */
static const char *option(char **args, const char *name)
{
    size_t len = strlen(name);
    for (; *args != NULL; args++) {
        if (strncmp(*args, name, len) == 0 && (*args)[len] == '=')
            return *args + len + 1;
        if (strcmp(*args, name) == 0)
            return "";
    }
    return NULL;
}

static uint32_t number(char **args, const char *name, uint32_t otherwise)
{
    const char *value = option(args, name);
    return value != NULL ? (uint32_t)strtoul(value, NULL, 10) : otherwise;
}

static enum parquet_encoding encoding_named(const char *name)
{
    return name == NULL                      ? PARQUET_PLAIN
           : strcmp(name, "dictionary") == 0 ? PARQUET_DICTIONARY
           : strcmp(name, "delta") == 0      ? PARQUET_DELTA
                                             : PARQUET_PLAIN;
}

static void write_file(uint64_t seed, size_t rows, const char *path, char **args)
{
    struct error err = {0};
    struct model model;
    struct parquet_column_options columns[MODEL_LEAVES];
    struct buf bytes = {0};
    model_make(&model, seed, rows);
    struct parquet_write_options options = model_options(&model, columns);
    options.page_rows = number(args, "page_rows", 0);
    options.row_group_rows = number(args, "group_rows", 0);
    options.page_bytes = options.dictionary_bytes = 0;
    const char *codec = option(args, "codec");
    if (codec != NULL && !parquet_codec_parse(str_of(codec), &options.codec, &err))
        die("codec", &err);
    for (size_t i = 0; i < model.leaf_count; i++) {
        columns[i].encoding = encoding_named(option(args, "encoding"));
        columns[i].no_bounds = false;
    }
    if (!model_write(&model, &options, &bytes, &err) || !buf_write_file(&bytes, path, 0644, &err))
        die("write", &err);
    show(buf_str(&bytes), true, 1000);
    buf_free(&bytes);
    model_free(&model);
}

int main(int argc, char **argv)
{
    if (argc >= 5 && strcmp(argv[1], "write") == 0) {
        write_file(strtoull(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), argv[4], argv + 5);
        return 0;
    }
    if (argc >= 3 && strcmp(argv[1], "read") == 0) {
        struct buf bytes = {0};
        struct error err = {0};
        if (!buf_read_file(&bytes, argv[2], (size_t)1 << 30, &err))
            die("read", &err);
        show(buf_str(&bytes), option(argv + 3, "index") != NULL, number(argv + 3, "at_once", 1000));
        buf_free(&bytes);
        return 0;
    }
    fprintf(stderr,
            "usage: parquet_tool write SEED ROWS FILE [option=value]… | read FILE [index] [at_once=N]\n");
    return 2;
}

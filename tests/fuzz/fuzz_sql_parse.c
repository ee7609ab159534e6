/* Text of a rule: what compiles, printed and compiled again, prints the same; what does not has an error with a place that is
 * in the text. */
#include "base/buf.h"
#include "sql/program.h"

#include <stdlib.h>

static void must(bool claim)
{
    if (!claim)
        abort();
}

static void check_again(struct sql_program *program)
{
    struct buf once = {0};
    struct buf twice = {0};
    struct error err;
    sql_program_print(program, &once);
    struct sql_program *again = sql_compile(buf_str(&once), NULL, &err);
    /* Quotes and brackets may make a text longer than it may be. */
    must(again != NULL || err.code == ERR_TOO_LARGE);
    if (again != NULL) {
        sql_program_print(again, &twice);
        must(str_equal(buf_str(&once), buf_str(&twice)));
    }
    sql_program_free(again);
    buf_free(&once);
    buf_free(&twice);
}

static void check_place(struct str text, const struct sql_place *place)
{
    unsigned lines = 1;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    must(place->line >= 1 && place->line <= lines);
    must(place->column >= 1 && place->column <= text.len + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error err;
    struct sql_place place;
    char *copy = malloc(len + (len == 0)); /* in a block of its own size */
    must(copy != NULL);
    memcpy(copy, data, len);
    struct str text = str_make(copy, len);
    struct sql_program *program = sql_compile(text, &place, &err);
    if (program != NULL) {
        check_again(program);
        sql_program_free(program);
    } else {
        must(err.code == ERR_INVALID || err.code == ERR_TOO_LARGE);
        must(err.text[0] != '\0');
        check_place(text, &place);
    }
    free(copy);
    return 0;
}

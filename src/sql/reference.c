/* The functions as a Markdown document: a heading and a table for each category, in the order of the categories; within
 * one, in the order of the rows. */
#include "sql/reference.h"

#include "sql/function.h"

#include <ctype.h>

/* A cell of a table: | would end it. */
static void append_cell(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            buf_append_byte(out, '\\');
        buf_append_byte(out, (uint8_t)*text);
    }
}

/* As GitHub makes it of a heading: small letters, hyphens for spaces. */
static void append_anchor(struct buf *out, const char *title)
{
    for (; *title != '\0'; title++)
        buf_append_byte(out, (uint8_t)(*title == ' ' ? '-' : tolower((unsigned char)*title)));
}

static void append_row(struct buf *out, const struct sql_function *function)
{
    buf_printf(out, "| `%s(", function->name);
    append_cell(out, function->parameters);
    buf_append_str(out, STR(")` | "));
    append_cell(out, function->summary);
    buf_append_str(out, STR(" | `"));
    append_cell(out, function->example);
    buf_append_byte(out, '`');
    if (function->result != NULL) {
        buf_append_str(out, STR(" → `"));
        append_cell(out, function->result);
        buf_append_byte(out, '`');
    }
    buf_append_str(out, STR(" |\n"));
}

/* The rows of a category; counted alone if out is NULL. Returns how many. */
static size_t append_rows(struct buf *out, enum sql_category category)
{
    size_t table_count, rows = 0;
    const struct sql_function_table *const *tables = sql_function_tables(&table_count);
    for (size_t i = 0; i < table_count; i++) {
        for (size_t j = 0; j < tables[i]->count; j++) {
            if (tables[i]->rows[j].category != category)
                continue;
            if (out != NULL)
                append_row(out, &tables[i]->rows[j]);
            rows++;
        }
    }
    return rows;
}

static void append_contents(struct buf *out)
{
    size_t all = 0;
    for (int i = 0; i < SQL_CATEGORY_COUNT; i++)
        all += append_rows(NULL, (enum sql_category)i);
    buf_printf(out, "%zu functions: ", all);
    const char *comma = "";
    for (int i = 0; i < SQL_CATEGORY_COUNT; i++) {
        const char *title = sql_category_title((enum sql_category)i);
        size_t rows = append_rows(NULL, (enum sql_category)i);
        if (rows == 0)
            continue;
        buf_printf(out, "%s[%s](#", comma, title);
        append_anchor(out, title);
        buf_printf(out, ") (%zu)", rows);
        comma = ",\n";
    }
    buf_append_str(out, STR(".\n"));
}

void sql_reference_markdown(struct buf *out)
{
    buf_append_str(
        out,
        STR("# Functions of the rule language\n\n"
            "<!-- scripts/docs.sh makes this file from the tables in src/sql/fn_*.c. -->\n\n"
            "A missing value is undefined; [README.md](README.md) tells what the types are. An argument of "
            "another type than the text says\nis an error, which fails the evaluation; so does a result "
            "that would be larger than an evaluation may be. A\n*text* is a string or a boolean. Results are "
            "shown as JSON.\n\n"));
    append_contents(out);
    for (int i = 0; i < SQL_CATEGORY_COUNT; i++) {
        if (append_rows(NULL, (enum sql_category)i) == 0)
            continue;
        buf_printf(out, "\n## %s\n\n| function | gives | example |\n|---|---|---|\n",
                   sql_category_title((enum sql_category)i));
        append_rows(out, (enum sql_category)i);
    }
}

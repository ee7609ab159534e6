/* `varve rule functions`: the built-in functions, as the evaluator knows them. */
#include "cli/cli_internal.h"
#include "cli/manage_internal.h"
#include "cli/rule_internal.h"
#include "sql/function.h"
#include "sql/reference.h"

static void append_function(struct buf *out, const struct sql_function *function)
{
    buf_append_byte(out, '{');
    manage_json_text(out, "name", function->name);
    manage_json_text(out, "category", sql_category_title(function->category));
    manage_json_text(out, "parameters", function->parameters);
    manage_json_int(out, "args_min", function->args_min);
    if (function->args_max != SQL_ARGS_ANY)
        manage_json_int(out, "args_max", function->args_max);
    manage_json_text(out, "summary", function->summary);
    manage_json_text(out, "example", function->example);
    if (function->result != NULL)
        manage_json_text(out, "result", function->result);
    buf_append_byte(out, '}');
}

int rule_list_functions(bool json)
{
    size_t table_count;
    const struct sql_function_table *const *tables = sql_function_tables(&table_count);
    struct buf out = {0};
    for (size_t i = 0; i < table_count; i++) {
        for (size_t j = 0; j < tables[i]->count; j++) {
            const struct sql_function *function = &tables[i]->rows[j];
            if (!json) {
                buf_printf(&out, "%s(%s): %s\n", function->name, function->parameters, function->summary);
                continue;
            }
            buf_append_byte(&out, out.len == 0 ? '[' : ',');
            append_function(&out, function);
        }
    }
    if (json)
        buf_append_str(&out, STR("]\n"));
    return manage_print(&out) ? EXIT_DONE : EXIT_FAILED;
}

int rule_print_reference(void)
{
    struct buf out = {0};
    sql_reference_markdown(&out);
    return manage_print(&out) ? EXIT_DONE : EXIT_FAILED;
}

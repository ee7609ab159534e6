/* What the files of `varve rule` share. */
#ifndef CLI_RULE_INTERNAL_H
#define CLI_RULE_INTERNAL_H

#include "base/buf.h"
#include "sql/value.h"

#include <stdio.h>

/* Answers each line of `in` with a line on `out`. Returns the exit code: EXIT_FAILED if a line could not be read. */
int rule_eval(FILE *in, FILE *out);

/* Print the built-in functions, and their reference in Markdown; return the exit code. */
int rule_list_functions(bool json);
int rule_print_reference(void);

/* JSON that can say everything a value is: undefined is {"$undef":true}, a string that is not UTF-8 {"$hex":"00ff"}. */
void rule_tagged_append(struct buf *buf, const struct sql_value *value);
/* Replaces such maps by what they mean. Errors: ERR_INVALID, ERR_LIMIT. */
bool rule_tagged_read(struct sql_scope *scope, const struct sql_value *value, struct sql_value *out,
                      struct error *err);

#endif

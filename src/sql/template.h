/* Texts with placeholders: ${clientid}, ${payload.a.b}, ${.} for everything as JSON.
 *
 * A placeholder is ${ and names of letters, digits and _, with points between, and }. ${$} stands for $, so that ${$}{x}
 * gives ${x}. Whatever else follows a $ is text. Names go down maps; a string on the way is taken for the JSON that it may
 * be. */
#ifndef SQL_TEMPLATE_H
#define SQL_TEMPLATE_H

#include "sql/columns.h"

#define SQL_TEMPLATE_BYTES_MAX ((size_t)1024 * 1024)

struct sql_template;

/* Returns owned, or NULL. The text is copied. Errors: ERR_TOO_LARGE. */
struct sql_template *sql_template_new(struct str text, struct error *err);
void sql_template_free(struct sql_template *t);

/* As it was written. Borrows from t, as the names of placeholders do. */
struct str sql_template_text(const struct sql_template *t);
/* How many placeholders it has, equal ones counted again; ${$} is none. */
size_t sql_template_placeholder_count(const struct sql_template *t);
/* Placeholder i: "payload.a.b", or "" for ${.}. */
struct str sql_template_placeholder(const struct sql_template *t, size_t i);

enum sql_template_missing {
    SQL_MISSING_AS_TEXT,  /* a placeholder without a value becomes "undefined" */
    SQL_MISSING_IS_ERROR, /* for buckets and keys of objects */
};

/* Appends the text. Strings are appended as they are, byte for byte; other values as sql_text_append() has them. `out` is
 * to have at most bytes_max bytes then; on failure it is as before. What a rule has selected comes as
 * sql_columns_of_map(), and for SELECT * the columns of the message do.
 * Errors: ERR_NOT_FOUND "${payload.x} is undefined" (SQL_MISSING_IS_ERROR), ERR_TOO_LARGE, ERR_LIMIT, of the columns.
 * Thread: any; the template is not changed. */
bool sql_template_render(const struct sql_template *t, const struct sql_columns *columns,
                         struct sql_scope *scope, enum sql_template_missing missing, struct buf *out,
                         size_t bytes_max, struct error *err);

#endif

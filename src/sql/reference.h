/* The reference of the functions, docs/sql/functions.md, from their tables. */
#ifndef SQL_REFERENCE_H
#define SQL_REFERENCE_H

#include "base/buf.h"

/* Appends the whole document. */
void sql_reference_markdown(struct buf *out);

#endif

/* Values as bytes that can be kept, or taken to another thread. */
#ifndef SQL_PACK_H
#define SQL_PACK_H

#include "sql/value.h"

/* Appends the value; `out` has at most bytes_max bytes then. On failure `out` holds a part of it. Errors: ERR_LIMIT. */
bool sql_pack(struct buf *out, const struct sql_value *value, size_t bytes_max, struct error *err);
/* What sql_pack() has written at `bytes`, which texts of the value borrow. Errors: ERR_LIMIT. */
bool sql_unpack(struct sql_scope *scope, const char *bytes, struct sql_value *out, struct error *err);

#endif

/* The store behind kv_store_put() and its kin: one for the process, in memory alone. */
#ifndef SQL_KV_H
#define SQL_KV_H

#include "sql/value.h"

/* What keys, values and their bookkeeping take at most; a put beyond that fails. */
#define SQL_KV_BYTES_DEFAULT ((size_t)64 * 1024 * 1024)
#define SQL_KV_ITEM_MAX      ((size_t)1024 * 1024) /* bytes of one key and value together */

/* Thread: any, of all. A key is any value. */
void sql_kv_set_bytes_max(size_t bytes);
size_t sql_kv_bytes(void);
/* Errors: ERR_LIMIT (the store is full, or the item too large). */
bool sql_kv_put(struct sql_scope *scope, const struct sql_value *key, const struct sql_value *value,
                struct error *err);
/* *found tells whether there is one. Errors: ERR_LIMIT. */
bool sql_kv_get(struct sql_scope *scope, const struct sql_value *key, struct sql_value *out, bool *found,
                struct error *err);
bool sql_kv_delete(struct sql_scope *scope, const struct sql_value *key, struct error *err);
void sql_kv_clear(void);

#endif

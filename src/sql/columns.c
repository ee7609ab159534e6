/* Columns out of a map. */
#include "sql/columns.h"

static bool map_get(void *source, struct str name, struct sql_scope *scope, struct sql_value *out,
                    struct error *err)
{
    (void)scope;
    (void)err;
    const struct sql_value *found = sql_map_get(source, name);
    if (found != NULL)
        *out = *found;
    return true;
}

static bool map_all(void *source, struct sql_map_builder *into, struct error *err)
{
    const struct sql_value *map = source;
    for (uint32_t i = 0; i < map->len; i++) {
        const struct sql_entry *entry = sql_map_at(map, i);
        if (!sql_map_put(into, sql_key_of(entry), entry->value, err))
            return false;
    }
    return true;
}

struct sql_columns sql_columns_of_map(const struct sql_value *map)
{
    return (struct sql_columns){.source = (void *)map, .get = map_get, .all = map_all};
}

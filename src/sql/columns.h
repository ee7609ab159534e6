/* Where an evaluation reads the columns of a message or an event from.
 *
 * Nothing is copied into a map beforehand: a program asks for the columns that it names, as it comes to them, and for all
 * of them only if it selects `*` along with something else. */
#ifndef SQL_COLUMNS_H
#define SQL_COLUMNS_H

#include "sql/value.h"

struct sql_columns {
    void *source;
    /* Sets *out to the column's value; leaves it as it is (undefined) if there is no such column. What the value points
     * to may belong to the source, and is valid as long as the source is. May be asked more than once for a name.
     * Errors: ERR_LIMIT. */
    bool (*get)(void *source, struct str name, struct sql_scope *scope, struct sql_value *out,
                struct error *err);
    /* Puts every column into the map. Errors: ERR_LIMIT. */
    bool (*all)(void *source, struct sql_map_builder *into, struct error *err);
};

/* Columns that are the entries of a map, which is borrowed. */
struct sql_columns sql_columns_of_map(const struct sql_value *map);

#endif

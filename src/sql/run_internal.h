/* One evaluation: what evaluate.c and path.c share.
 *
 * A name is looked up in layers, and the first that has a defined value for it, or for the whole path that begins with
 * it, wins:
 *
 *     each     what DO has put so far for the item at hand
 *     item     the item of FOREACH, under its name
 *     fields   what SELECT or FOREACH has put so far
 *     columns  of the message or event */
#ifndef SQL_RUN_INTERNAL_H
#define SQL_RUN_INTERNAL_H

#include "sql/payload_internal.h"
#include "sql/program_internal.h"

struct sql_run {
    const struct sql_program *program;
    const struct sql_columns *columns;
    struct sql_scope *scope;
    struct error *err;
    struct sql_value *stack;
    struct sql_value *column_values; /* of the program's columns; SQL_NOT_READ: not asked for yet */
    struct sql_map_builder fields;
    struct sql_map_builder each;
    struct sql_value item;
    struct sql_value list; /* what FOREACH goes through */
    bool has_item;
    bool in_each; /* DO is at work: fields go into `each` */
    struct sql_payload payload;
    struct sql_payload other; /* the last string decoded that was not the payload */
};

#define SQL_NOT_READ UINT8_MAX /* a type that no value has */

/* The value at the place; undefined if there is none. A string on the way is taken for the JSON that it may be; if it is
 * none, there is nothing below it, but for the column `payload`, where that is an error.
 * Errors: ERR_INVALID (payload is no JSON; a slice of what is no list, or with bad bounds), ERR_LIMIT, of the columns. */
bool sql_run_get(struct sql_run *run, const struct sql_place_in *place, struct sql_value *out);

/* Puts the value into the layer that fields go to. Maps are made on the way where there are none; an index replaces the
 * item of a list, and is ignored if there is no such item; what is no list becomes one of the value alone.
 * Errors: ERR_INVALID (below a payload that is no JSON), ERR_LIMIT. */
bool sql_run_put(struct sql_run *run, const struct sql_place_in *place, struct sql_value value);

/* Puts all columns, and in DO what FOREACH has, into the layer. Errors: of the columns, ERR_LIMIT. */
bool sql_run_put_all(struct sql_run *run, struct sql_map_builder *into);

/* The value itself, or what it is the JSON of; undefined if it is a string that is no JSON. Errors: ERR_LIMIT. */
bool sql_run_open(struct sql_run *run, const struct sql_value *value, struct sql_value *out);

#endif

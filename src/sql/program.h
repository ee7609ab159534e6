/* Rules as programs: made once from their SQL, evaluated for each message or event.
 *
 *     program = sql_compile(text, …)                   when the rule is created
 *     sql_program_topics(program, …)                   what it listens to
 *     sql_scope_begin(scope, limits)
 *     sql_evaluate(program, columns, scope, &result)   for each message, on any thread with a scope of its own
 *     sql_program_free(program)
 *
 * The language: SELECT fields FROM topics WHERE condition, and FOREACH list DO fields INCASE condition FROM topics
 * WHERE condition; docs/sql/ describes it for users. */
#ifndef SQL_PROGRAM_H
#define SQL_PROGRAM_H

#include "sql/columns.h"
#include "sql/value.h"

#define SQL_TEXT_BYTES_MAX ((size_t)64 * 1024)

/* Where something is in the text of a rule: lines and columns from 1, columns in characters. */
struct sql_place {
    unsigned line;
    unsigned column;
};

struct sql_program;

/* Compiles a rule; returns owned, or NULL. The text is copied. On failure *place says where the mistake is, if place is
 * not NULL; the error's text begins with it, too.
 * Errors: ERR_INVALID "line 1, column 8: …" (syntax, an unknown function, a wrong number of arguments, a bad topic
 * filter), ERR_TOO_LARGE (more than SQL_TEXT_BYTES_MAX). */
struct sql_program *sql_compile(struct str text, struct sql_place *place, struct error *err);
void sql_program_free(struct sql_program *program);

/* --- What a program is about: for the rule's owner --- */

/* The filters of FROM, as written; *count of them, at least one. Borrows from program. */
const struct str *sql_program_topics(const struct sql_program *program, size_t *count);

/* Whether any filter of FROM has this topic. Wildcards at the first level do not match topics that begin with $. */
bool sql_program_listens(const struct sql_program *program, struct str topic);

/* Whether it calls the built-in function of this name. */
bool sql_program_calls(const struct sql_program *program, const char *function);

/* The names of the columns that an evaluation may ask for, besides all of them for `*`. */
const struct str *sql_program_columns(const struct sql_program *program, size_t *count);

/* SELECT * and nothing else, with or without WHERE: a result is the columns as they are. */
bool sql_program_selects_all(const struct sql_program *program);
/* As that, without WHERE: every evaluation would match, so there is no need for any. */
bool sql_program_passes_all(const struct sql_program *program);
/* FOREACH: a result is a list of maps. */
bool sql_program_is_foreach(const struct sql_program *program);

/* The statement in a uniform layout, as one line. */
void sql_program_print(const struct sql_program *program, struct buf *buf);

/* --- Evaluating --- */

struct sql_result {
    bool matched;     /* WHERE holds; else there is no result */
    bool all_columns; /* the result is the columns as they are, and `value` is undefined: sql_result_map() */
    /* A map; for FOREACH a list of maps, which may be empty: then there is no result either. Lives as long as scope,
     * program and columns do. */
    struct sql_value value;
};

/* Evaluates the program against the columns. The topic is not looked at: the caller knows that it is one of FROM's.
 * Errors: ERR_INVALID (what went wrong, with the line and column of the expression), ERR_LIMIT (memory, steps, depth), and
 * those of the columns.
 * Thread: any; the program is not changed. */
bool sql_evaluate(const struct sql_program *program, const struct sql_columns *columns,
                  struct sql_scope *scope, struct sql_result *result, struct error *err);

/* Makes result->value the map of all columns, if result->all_columns. Errors: those of the columns. */
bool sql_result_map(const struct sql_columns *columns, struct sql_scope *scope, struct sql_result *result,
                    struct error *err);

/* Whether a topic matches a topic filter, as =~ has it. */
bool sql_topic_matches(struct str topic, struct str filter);
/* Levels that are whole, # only at the end, nothing empty. */
bool sql_topic_filter_valid(struct str filter);

#endif

/* Options of a command line as a table: a row an option, with the field that it sets and the values it takes.
 *
 * Long and short forms are getopt_long's: --port 99, --port=99, -p 99, -p99, -vv. The first word that is no option ends
 * the options. getopt_long has state of its own, so this is for the main thread. */
#ifndef ARGS_ARGS_H
#define ARGS_ARGS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define ARGS_OPTIONS_MAX 64

struct args_option;

/* Puts an option's value into the target. `text` lives as long as argv; it is NULL for args_flag.
 * Errors: ERR_INVALID, one line that names the option. */
typedef bool args_take_fn(void *target, const struct args_option *option, const char *text,
                          struct error *err);

struct args_option {
    const char *name; /* without the -- */
    char letter;      /* 0: long form only */
    args_take_fn *take;
    size_t offset; /* of the field in the target */
    size_t size;   /* of the field, in bytes */
    uint64_t min;  /* of numbers; args_seconds: milliseconds */
    uint64_t max;
};

/* offset and size of a row */
#define ARGS_FIELD(type, member) offsetof(type, member), sizeof(((type *)NULL)->member)

args_take_fn args_flag;    /* bool: set to true; the option takes no value */
args_take_fn args_text;    /* const char *, which borrows from argv */
args_take_fn args_natural; /* uint8_t to uint64_t, by its size */
args_take_fn args_seconds; /* int64_t, milliseconds of seconds such as 0.5; what is more than 0 stays so */

/* Hands each option of argv[1 …] to its row. Returns the index of the first word that is no option (argc: there is
 * none), or -1. Errors: ERR_INVALID, one line that names the option. */
int args_parse(const struct args_option *options, size_t count, void *target, int argc, char **argv,
               struct error *err);

#endif

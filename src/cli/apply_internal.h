/* `varve apply`: what a file declares. apply_file.c reads it, apply.c brings the broker there. */
#ifndef CLI_APPLY_INTERNAL_H
#define CLI_APPLY_INTERNAL_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>

/* In the order in which they are brought about: a station may name a connector, an action too, and a rule all of them. */
enum declared_kind { DECLARED_CONNECTOR, DECLARED_STATION, DECLARED_ACTION, DECLARED_RULE, DECLARED_USER };

struct declared {
    enum declared_kind kind;
    char *name;     /* owned; of a connector or an action: type:name */
    json_t *object; /* owned: what is said of it, without the name */
    char *password; /* owned, wiped; of a user; NULL: none */
};

struct declaration {
    struct declared *items;
    size_t count;
};

/* Reads and checks a YAML file. Errors: ERR_NOT_FOUND, ERR_INVALID with file:line. */
bool declaration_read(const char *path, struct declaration *out, struct error *err);
void declaration_free(struct declaration *declaration);

#endif

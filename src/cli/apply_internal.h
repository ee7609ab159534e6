/* `varve apply`: what a file declares. apply_file.c reads it, apply.c brings the broker there. */
#ifndef CLI_APPLY_INTERNAL_H
#define CLI_APPLY_INTERNAL_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>

enum declared_kind { DECLARED_STATION, DECLARED_USER };

struct declared {
    enum declared_kind kind;
    char *name;     /* owned */
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

/* Secrets of a configuration: written out, in a file or in the environment. No text of an error shows one. */
#include "object/object_internal.h"

#include "base/mem.h"

#include <stdlib.h>

#define SECRET_BYTES_MAX 65536 /* of a file: a session token may have some kilobytes */

void secret_free(char *secret)
{
    if (secret != NULL)
        mem_wipe(secret, strlen(secret));
    mem_free(secret);
}

/* The file's first line without white space around it. */
static char *first_line(const char *field, const char *path, struct error *err)
{
    struct buf text = {0};
    char *secret = NULL;
    if (!buf_read_file(&text, path, SECRET_BYTES_MAX, err)) {
        error_wrap(err, "%s", field);
    } else {
        struct str rest = buf_str(&text);
        struct str line = STR_NONE;
        (void)str_next(&rest, '\n', &line);
        line = str_trim(line);
        if (line.len == 0) {
            error_set(err, ERR_INVALID, "%s: the first line of %s is empty", field, path);
        } else {
            secret = str_dup(line);
        }
    }
    if (text.data != NULL)
        mem_wipe(text.data, text.cap);
    buf_free(&text);
    return secret;
}

char *secret_resolve(const char *field, const char *text, struct error *err)
{
    if (str_starts(str_of(text), STR("file://")))
        return first_line(field, text + strlen("file://"), err);
    if (!str_starts(str_of(text), STR("env:")))
        return mem_strdup(text);
    const char *name = text + strlen("env:");
    const char *value = secure_getenv(name);
    if (value == NULL || value[0] == '\0') {
        error_set(err, ERR_NOT_FOUND, "%s: the environment has no %s", field, name);
        return NULL;
    }
    return mem_strdup(value);
}

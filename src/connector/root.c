/* How locations in a table begin. */
#include "connector/connector_internal.h"

#include "base/mem.h"

#include <stdlib.h>

#define DIRECTORY STR("directory:")

/* The paths of directory connectors begin in the data directory. */
static void print_directory(const struct connectors *connectors, const char *path, struct buf *out)
{
    bool absolute = path != NULL && path[0] == '/';
    char *base = absolute ? NULL : realpath(connectors->dir, NULL); /* the C library's */
    if (!absolute)
        buf_printf(out, "%s/", base != NULL ? base : connectors->dir);
    buf_printf(out, "%s", path != NULL ? path : "");
    free(base);
}

char *connectors_root(struct connectors *connectors, struct str id, struct str bucket, struct error *err)
{
    struct buf text = {0};
    json_t *object = connectors_describe(connectors, id, "", err);
    if (object == NULL)
        return NULL;
    if (str_starts(id, DIRECTORY)) {
        print_directory(connectors, json_string_value(json_object_get(object, "path")), &text);
        buf_printf(&text, "/%.*s", STR_ARG(bucket));
    } else {
        buf_printf(&text, "s3://%.*s", STR_ARG(bucket));
    }
    char *root = str_dup(buf_str(&text));
    buf_free(&text);
    json_decref(object);
    return root;
}

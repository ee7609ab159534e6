/* Opening the catalog, and output as JSON: see manage_internal.h. */
#include "cli/manage_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

struct catalog *manage_open(const char *dir, bool create, struct error *err)
{
    struct stat info;
    if (create) {
        if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
            error_errno(err, errno, "create data directory %s", dir);
            return NULL;
        }
    } else if (stat(dir, &info) != 0) {
        error_errno(err, errno, "data directory %s", dir);
        error_hint(err, "--data DIR says where it is; varve serve and varve user create make one");
        return NULL;
    }
    return catalog_open(dir, err);
}

static void json_key(struct buf *out, const char *key)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        buf_append_byte(out, ',');
    buf_append_json(out, str_of(key));
    buf_append_byte(out, ':');
}

void manage_json_text(struct buf *out, const char *key, const char *text)
{
    json_key(out, key);
    if (text != NULL)
        buf_append_json(out, str_of(text));
    else
        buf_append_str(out, STR("null"));
}

void manage_json_bool(struct buf *out, const char *key, bool value)
{
    json_key(out, key);
    buf_append_str(out, value ? STR("true") : STR("false"));
}

void manage_json_int(struct buf *out, const char *key, int64_t value)
{
    json_key(out, key);
    buf_printf(out, "%lld", (long long)value);
}

bool manage_print(struct buf *out)
{
    bool ok = fwrite(out->data, 1, out->len, stdout) == out->len && fflush(stdout) == 0;
    buf_free(out);
    return ok;
}

/* Opening the catalog, output as JSON and listings: see manage_internal.h. */
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
    if (text != NULL) {
        buf_append_json(out, str_of(text));
    } else {
        buf_append_str(out, STR("null"));
    }
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
    bool ok = (out->len == 0 || fwrite(out->data, 1, out->len, stdout) == out->len) && fflush(stdout) == 0;
    buf_free(out);
    return ok;
}

bool manage_print_deleted(bool json, const char *what, const char *name)
{
    struct buf out = {0};
    if (json) {
        buf_append_byte(&out, '{');
        manage_json_text(&out, "deleted", name);
        buf_append_str(&out, STR("}\n"));
    } else {
        buf_printf(&out, "%s %s deleted\n", what, name);
    }
    return manage_print(&out);
}

void manage_listing_next(struct manage_listing *listing)
{
    if (listing->json)
        buf_append_str(&listing->out, listing->count > 0 ? STR(",\n ") : STR("["));
    listing->count++;
}

bool manage_listing_print(struct manage_listing *listing)
{
    if (listing->json)
        buf_append_str(&listing->out, listing->count > 0 ? STR("]\n") : STR("[]\n"));
    return manage_print(&listing->out);
}

bool manage_check_text(const char *what, const char *text, size_t max, struct error *err)
{
    size_t len = strlen(text);
    if (len > max)
        return error_set(err, ERR_TOO_LARGE, "the %s is longer than %zu bytes", what, max);
    if (!utf8_valid(text, len))
        return error_set(err, ERR_INVALID, "the %s is not UTF-8", what);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return error_set(err, ERR_INVALID, "the %s holds a control character", what);
    }
    return true;
}

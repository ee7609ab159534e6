/* What keys, buckets and headers may be, whatever the store. */
#include "object/object_internal.h"

#include <ctype.h>

#define BUCKET_BYTES_MIN 3
#define BUCKET_BYTES_MAX 63

bool key_check(struct str key, struct error *err)
{
    if (key.len == 0)
        return error_set(err, ERR_INVALID, "an object's key must not be empty");
    if (key.len > KEY_BYTES_MAX) {
        return error_set(err, ERR_INVALID, "key %.*s…: %zu bytes: at most %d", KEY_ARG(key), key.len,
                         KEY_BYTES_MAX);
    }
    if (!utf8_valid(key.data, key.len) || memchr(key.data, '\0', key.len) != NULL)
        return error_set(err, ERR_INVALID, "an object's key must be UTF-8 without NUL");
    return true;
}

bool bucket_check(struct str bucket, struct error *err)
{
    bool ok = bucket.len >= BUCKET_BYTES_MIN && bucket.len <= BUCKET_BYTES_MAX &&
              isalnum((unsigned char)bucket.data[0]) && isalnum((unsigned char)bucket.data[bucket.len - 1]);
    for (size_t i = 0; ok && i < bucket.len; i++) {
        unsigned char c = (unsigned char)bucket.data[i];
        ok = isalnum(c) || c == '-' || c == '_' || (c == '.' && bucket.data[i - 1] != '.');
    }
    if (ok)
        return true;
    error_set(err, ERR_INVALID, "bucket \"%.*s\": not the name of a bucket",
              (int)(bucket.len < 80 ? bucket.len : 80), bucket.len > 0 ? bucket.data : "");
    return error_hint(err, "3 to 63 letters, digits, dots and hyphens, a letter or digit first and last");
}

static bool is_token(unsigned char c)
{
    return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool header_is_valid(struct str name, struct str value)
{
    if (name.len == 0 || name.len > 256 || value.len > 8192)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (!is_token((unsigned char)name.data[i]))
            return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool header_is_ours(struct str name)
{
    static const char *const ours[] = {
        "host",
        "authorization",
        "x-amz-date",
        "x-amz-content-sha256",
        "x-amz-security-token",
        "content-md5",
        "content-length",
        "expect",
        "transfer-encoding",
        "connection",
        "range",
        "if-match",
        "content-type",
        "if-none-match",
        "x-amz-meta-varve-put",
        "accept-encoding",

    };
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (str_equal_nocase(name, str_of(ours[i])))
            return true;
    }
    return false;
}

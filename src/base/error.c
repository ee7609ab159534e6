/* Errors as values: a code, one line of text, a hint.
 *
 * Texts are formatted into a scratch buffer first, so an argument may point into the error that is being set.
 * A text that does not fit is cut at the end of a whole UTF-8 character. Control characters become spaces: the
 * text stays one line whatever name an input carries. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define SYSTEM_TEXT_BYTES 128

static const char *const code_names[] = {
#define X(code, name) [(code)] = (name),
    ERROR_CODES(X)
#undef X
};

/* Cuts an unfinished UTF-8 character off the end. */
static void cut_partial_character(char *text)
{
    size_t len = strlen(text);
    size_t lead = len;
    while (lead > 0 && len - lead < 3 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
        lead--;
    if (lead == 0)
        return;
    unsigned char first = (unsigned char)text[lead - 1];
    size_t need = first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (len - (lead - 1) < need)
        text[lead - 1] = '\0';
}

/* Copies `text` into a field of the error, as one line. */
static void put_line(char *out, size_t out_bytes, const char *text)
{
    size_t len = strlen(text);
    bool cut = len >= out_bytes;
    if (cut)
        len = out_bytes - 1;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
    out[len] = '\0';
    if (cut)
        cut_partial_character(out);
}

bool error_set(struct error *err, enum error_code code, const char *format, ...)
{
    if (err == NULL)
        return false;
    char text[sizeof err->text + 1]; /* one more: put_line sees that the text was cut */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err->code = code;
    put_line(err->text, sizeof err->text, text);
    err->hint[0] = '\0';
    return false;
}

static enum error_code code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT: return ERR_NO_SPACE;
    case ENOENT: return ERR_NOT_FOUND;
    case EEXIST: return ERR_EXISTS;
    case EACCES:
    case EPERM: return ERR_DENIED;
    case ENOMEM: return ERR_NO_MEMORY;
    case ETIMEDOUT: return ERR_TIMEOUT;
    default: return ERR_IO;
    }
}

bool error_errno(struct error *err, int errnum, const char *format, ...)
{
    if (err == NULL)
        return false;
    char context[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    char scratch[SYSTEM_TEXT_BYTES];
    return error_set(err, code_of_errno(errnum), "%s: %s", context,
                     strerror_r(errnum, scratch, sizeof scratch));
}

bool error_wrap(struct error *err, const char *format, ...)
{
    if (err == NULL)
        return false;
    char text[2 * sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof err->text, format, args);
    va_end(args);
    size_t len = strlen(text);
    snprintf(text + len, sizeof text - len, ": %s", err->text);
    put_line(err->text, sizeof err->text, text);
    return false;
}

bool error_hint(struct error *err, const char *format, ...)
{
    if (err == NULL)
        return false;
    char text[sizeof err->hint + 1];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_line(err->hint, sizeof err->hint, text);
    return false;
}

const char *error_code_name(enum error_code code)
{
    size_t index = (size_t)code;
    return index < sizeof code_names / sizeof code_names[0] ? code_names[index] : "unknown";
}

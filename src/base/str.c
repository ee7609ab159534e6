/* String views: comparing, trimming, cutting. */
#include "base/str.h"

#include "base/mem.h"

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool str_equal_nocase(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    }
    return true;
}

bool str_starts(struct str text, struct str prefix)
{
    return text.len >= prefix.len && (prefix.len == 0 || memcmp(text.data, prefix.data, prefix.len) == 0);
}

bool str_cut_front(struct str *text, struct str prefix)
{
    if (!str_starts(*text, prefix))
        return false;
    *text = str_make(text->data + prefix.len, text->len - prefix.len);
    return true;
}

bool str_ends(struct str text, struct str suffix)
{
    return text.len >= suffix.len &&
           (suffix.len == 0 || memcmp(text.data + text.len - suffix.len, suffix.data, suffix.len) == 0);
}

int str_compare(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common != 0 ? memcmp(a.data, b.data, common) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

struct str str_trim(struct str text)
{
    while (text.len != 0 && is_space(text.data[text.len - 1]))
        text.len--;
    while (text.len != 0 && is_space(text.data[0])) {
        text.data++;
        text.len--;
    }
    return text;
}

bool str_next(struct str *rest, char separator, struct str *piece)
{
    if (rest->data == NULL)
        return false;
    const char *found = rest->len != 0 ? memchr(rest->data, separator, rest->len) : NULL;
    if (found == NULL) {
        *piece = *rest;
        *rest = STR_NONE;
        return true;
    }
    size_t len = (size_t)(found - rest->data);
    *piece = str_make(rest->data, len);
    *rest = str_make(found + 1, rest->len - len - 1);
    return true;
}

char *str_dup(struct str text)
{
    char *copy = mem_alloc(text.len + 1);
    if (text.len != 0)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return copy;
}

bool str_equal_secret(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    /* Volatile: the compiler must not leave the loop at the first difference. */
    volatile unsigned char difference = 0;
    for (size_t i = 0; i < a.len; i++)
        difference = (unsigned char)(difference | ((unsigned char)a.data[i] ^ (unsigned char)b.data[i]));
    return difference == 0;
}

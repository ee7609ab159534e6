/* JSON from strangers: the nesting is counted before the parser, which recurses, sees the text. */
#include "auth/auth_internal.h"

/* Counts brackets outside strings. On text that is no JSON the count means nothing, but the parser then stops at
 * or before the place where the two disagree. */
static bool depth_within(struct str text, unsigned max)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
            continue;
        }
        if (c == '"') {
            in_string = true;
        } else if ((c == '{' || c == '[') && ++depth > max) {
            return false;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

json_t *auth_json_object(struct str text)
{
    if (text.len == 0 || !depth_within(text, AUTH_JSON_DEPTH_MAX))
        return NULL;
    json_error_t ignored;
    json_t *root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &ignored);
    if (root != NULL && !json_is_object(root)) {
        json_decref(root);
        return NULL;
    }
    return root;
}

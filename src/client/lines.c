/* Lines out of a byte stream that comes in pieces. */
#include "command_internal.h"

bool lines_next(const struct buf *pending, size_t *at, struct str *line)
{
    if (*at >= pending->len)
        return false;
    const uint8_t *start = pending->data + *at;
    const uint8_t *end = memchr(start, '\n', pending->len - *at);
    if (end == NULL)
        return false;
    *line = str_make(start, (size_t)(end - start));
    *at += line->len + 1;
    return true;
}

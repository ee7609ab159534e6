/* The nearest known name to one that is not known: how many letters have to be inserted, dropped, replaced or
 * swapped with their neighbour, without regard to case. */
#include "config/config_internal.h"

#include <ctype.h>

#define WORD_BYTES_MAX 64

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Three rows of the usual table: before[j] is the distance of a's first i-1 letters from b's first j. */
static size_t distance_of(struct str a, struct str b)
{
    size_t rows[3][WORD_BYTES_MAX + 1] = {{0}};
    size_t *earlier = rows[0], *before = rows[1], *here = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        before[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        here[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            int x = tolower((unsigned char)a.data[i - 1]), y = tolower((unsigned char)b.data[j - 1]);
            here[j] = least(before[j - 1] + (x != y), least(before[j], here[j - 1]) + 1);
            bool swapped = i > 1 && j > 1 && x == tolower((unsigned char)b.data[j - 2]) &&
                           y == tolower((unsigned char)a.data[i - 2]);
            if (swapped)
                here[j] = least(here[j], earlier[j - 2] + 1);
        }
        size_t *spare = earlier;
        earlier = before;
        before = here;
        here = spare;
    }
    return before[b.len];
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
    struct str other = str_of(candidate);
    if (other.len == 0 || other.len > WORD_BYTES_MAX || nearest->word.len > WORD_BYTES_MAX)
        return;
    size_t shorter = least(other.len, nearest->word.len);
    size_t allowed = shorter <= 3 ? 1 : shorter <= 6 ? 2 : 3;
    size_t distance = distance_of(nearest->word, other);
    if (distance <= allowed && (nearest->best == NULL || distance < nearest->distance)) {
        nearest->best = candidate;
        nearest->distance = distance;
    }
}

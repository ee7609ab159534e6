/* Text as its readers see it: grapheme clusters ("user-perceived characters", Unicode annex 29) and letter case.
 * The tables are libutf8proc's; nothing depends on the locale. */
#ifndef SQL_UNICODE_INTERNAL_H
#define SQL_UNICODE_INTERNAL_H

#include "base/buf.h"
#include "base/str.h"

/* Cuts one grapheme cluster off the front of *rest. False at the end. A byte that is not UTF-8 is a cluster of
 * its own. */
bool cluster_next(struct str *rest, struct str *cluster);

/* Grapheme clusters of the text. */
size_t cluster_count(struct str text);

/* The front of *rest up to `count` clusters is cut off and returned; all of it if there are fewer. */
struct str cluster_take(struct str *rest, uint64_t count);

/* Cuts one code point off the front of *rest: -1 at the end, and for a byte that is not UTF-8 the byte itself
 * with UNICODE_RAW set. */
#define UNICODE_RAW 0x40000000
int32_t code_next(struct str *rest);

/* Appends the code point, 0 … 0x10FFFF without surrogates, as UTF-8. */
void code_append(struct buf *buf, int32_t code);

/* Appends the text in upper or lower case: character for character, but that the upper case of "ß" is "SS".
 * At most CASE_GROWTH times as long as the text. */
#define CASE_GROWTH 2
void case_append(struct buf *buf, struct str text, bool upper);

/* White space and the marks of line ends and direction that begin no word: Unicode's Pattern_White_Space. */
bool code_is_space(int32_t code);

#endif

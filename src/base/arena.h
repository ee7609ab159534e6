/* Memory that lives as long as one request: allocate many, free once. Zero-initialise; arena_free() at the end. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    uint8_t *next;
    uint8_t *end;
    size_t used_bytes; /* handed out since the last reset */
};

void *arena_alloc(struct arena *arena, size_t bytes); /* 16-byte aligned, uninitialised; borrows from arena */
void *arena_zalloc(struct arena *arena, size_t bytes);
char *arena_strdup(struct arena *arena, struct str text); /* NUL-terminated */
struct str arena_str(struct arena *arena, struct str text);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arena_reset(struct arena *arena); /* keeps the first block for reuse */
void arena_free(struct arena *arena);

#endif

/* A chain of blocks, handed out from the front; freed as a whole.
 *
 *     arena.blocks ─▶ newest ─▶ … ─▶ first ─▶ NULL      arena.next … arena.end: what is left of the newest
 *
 * Blocks double from FIRST_BLOCK_BYTES to MAX_BLOCK_BYTES. What is larger than a quarter of the coming block
 * gets a block of its own, put behind the newest, whose rest stays in use. Under AddressSanitizer what is not
 * handed out is poisoned, with a gap behind each piece, so that overruns are found as they are with malloc. */
#include "base/arena.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#endif

#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#define GAP_BYTES 16
#else
#define GAP_BYTES                              0
#define ASAN_POISON_MEMORY_REGION(at, bytes)   ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

#define ALIGN_BYTES       16
#define FIRST_BLOCK_BYTES 4096
#define MAX_BLOCK_BYTES   65536

struct arena_block {
    _Alignas(ALIGN_BYTES) struct arena_block *next;
    size_t size; /* bytes of data */
    _Alignas(ALIGN_BYTES) uint8_t data[];
};

_Static_assert(sizeof(struct arena_block) % ALIGN_BYTES == 0, "data is aligned if the block is");
_Static_assert(_Alignof(max_align_t) >= ALIGN_BYTES, "malloc aligns blocks well enough");

static struct arena_block *block_new(size_t size)
{
    struct arena_block *block = mem_alloc(sizeof *block + size);
    block->size = size;
    ASAN_POISON_MEMORY_REGION(block->data, size);
    return block;
}

static void block_free(struct arena_block *block)
{
    ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
    mem_free(block);
}

static void start_block(struct arena *arena, struct arena_block *block)
{
    arena->next = block->data;
    arena->end = block->data + block->size;
}

/* Room for `size` bytes, a multiple of ALIGN_BYTES, that the newest block does not have. */
static uint8_t *take_from_another_block(struct arena *arena, size_t size)
{
    size_t coming = FIRST_BLOCK_BYTES;
    if (arena->next != NULL && arena->blocks->size >= FIRST_BLOCK_BYTES)
        coming = arena->blocks->size < MAX_BLOCK_BYTES / 2 ? 2 * arena->blocks->size : MAX_BLOCK_BYTES;
    if (size > coming / 4) {
        struct arena_block *own = block_new(size);
        struct arena_block **place = arena->blocks != NULL ? &arena->blocks->next : &arena->blocks;
        own->next = *place;
        *place = own;
        return own->data;
    }
    struct arena_block *block = block_new(coming);
    block->next = arena->blocks;
    arena->blocks = block;
    start_block(arena, block);
    arena->next += size;
    return block->data;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    size_t size;
    if (__builtin_add_overflow(bytes, (size_t)(ALIGN_BYTES - 1 + GAP_BYTES), &size)) {
        LOG_ERROR("out of memory", LOG_UINT("bytes", bytes));
        abort();
    }
    size &= ~(size_t)(ALIGN_BYTES - 1);
    uint8_t *piece = arena->next;
    if (size <= (size_t)(arena->end - arena->next) && piece != NULL) {
        arena->next += size;
    } else {
        piece = take_from_another_block(arena, size);
    }
    arena->used_bytes += bytes;
    ASAN_UNPOISON_MEMORY_REGION(piece, bytes);
    return piece;
}

void *arena_zalloc(struct arena *arena, size_t bytes)
{
    return memset(arena_alloc(arena, bytes), 0, bytes);
}

char *arena_strdup(struct arena *arena, struct str text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    if (text.len != 0)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return copy;
}

struct str arena_str(struct arena *arena, struct str text)
{
    return str_make(arena_strdup(arena, text), text.len);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        abort();
    char *text = arena_alloc(arena, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *block = arena->blocks;
    while (block != NULL && block->next != NULL) {
        struct arena_block *next = block->next;
        block_free(block);
        block = next;
    }
    /* One huge request must not hold its memory for as long as the arena lives. */
    if (block != NULL && block->size > MAX_BLOCK_BYTES) {
        block_free(block);
        block = NULL;
    }
    *arena = (struct arena){.blocks = block};
    if (block != NULL) {
        ASAN_POISON_MEMORY_REGION(block->data, block->size);
        start_block(arena, block);
    }
}

void arena_free(struct arena *arena)
{
    for (struct arena_block *block = arena->blocks; block != NULL;) {
        struct arena_block *next = block->next;
        block_free(block);
        block = next;
    }
    *arena = (struct arena){0};
}

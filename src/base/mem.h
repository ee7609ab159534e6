/* The one seam for memory.
 *
 * mem_alloc and its kin never return NULL: running out of memory for the broker's own small structures ends the
 * process with a log line. mem_try_alloc is for sizes that input decides: it may return NULL, and the caller
 * turns that into an error of one connection or request. Tests make mem_try_alloc fail at the n-th call. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t bytes);                    /* uninitialised; returns owned */
void *mem_zalloc(size_t bytes);                   /* zeroed; returns owned */
void *mem_realloc(void *block, size_t bytes);     /* takes block, returns owned */
void *mem_try_alloc(size_t bytes);                /* returns owned, or NULL */
void *mem_try_realloc(void *block, size_t bytes); /* NULL on failure: block is still the caller's */
char *mem_strdup(const char *text);               /* returns owned */
char *mem_strdup_or_null(const char *text);       /* returns owned; NULL for NULL */
void *mem_dup(const void *data, size_t bytes);    /* returns owned */
void mem_free(void *block);                       /* takes; NULL is fine */

/* Once, at the start of the program, before other threads: sets up the C library's allocator. */
void mem_setup(void);

/* For secrets: overwrites with zeros, to be called before freeing; the compiler does not drop it. Frees
 * nothing. */
void mem_wipe(void *block, size_t bytes);

/* Tests: the n-th mem_try_* call from here on fails (1 = the next); 0 switches it off. Process-wide. */
void mem_fail_at(unsigned long n);
void mem_fail_from(unsigned long n); /* and so do all that follow, until it is switched off */

#endif

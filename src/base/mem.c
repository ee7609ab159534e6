/* The seam for memory: the C library's allocator, with a policy for its failure.
 *
 * mem_alloc and its kin log one line and abort when memory runs out; the log writes from the stack, so that
 * line needs no memory. mem_try_* return NULL instead, also when a test has asked for it with mem_fail_at(). */
#include "base/mem.h"

#include "base/log.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LARGE_BYTES (1 << 20)

/* A fixed threshold: glibc's own grows to the largest block that was freed, and then ranges and row groups come out of the
 * heap of each thread, which keeps them (docs/decisions/0015-allocator.md). */
void mem_setup(void)
{
    /* NOLINTBEGIN(concurrency-mt-unsafe): there is no other thread yet */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
    /* NOLINTEND(concurrency-mt-unsafe) */
}

/* Calls until the one that fails; 0: none does. Relaxed: a test sets it before it starts what it tests. */
static atomic_ulong calls_until_failure;
static atomic_bool failure_lasts;

/* Counts a mem_try_* call; true when this is the one that fails. */
static bool must_fail(void)
{
    unsigned long left = atomic_load_explicit(&calls_until_failure, memory_order_relaxed);
    while (left != 0) {
        if (left == 1 && atomic_load_explicit(&failure_lasts, memory_order_relaxed))
            return true;
        if (atomic_compare_exchange_weak_explicit(&calls_until_failure, &left, left - 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return left == 1;
    }
    return false;
}

static void *checked(void *block, size_t bytes)
{
    if (block == NULL) {
        LOG_ERROR("out of memory", LOG_UINT("bytes", bytes));
        abort();
    }
    return block;
}

/* The C library may answer NULL to a request for nothing. */
static size_t at_least_one(size_t bytes)
{
    return bytes != 0 ? bytes : 1;
}

void *mem_alloc(size_t bytes)
{
    return checked(malloc(at_least_one(bytes)), bytes);
}

void *mem_zalloc(size_t bytes)
{
    return checked(calloc(1, at_least_one(bytes)), bytes);
}

void *mem_realloc(void *block, size_t bytes)
{
    return checked(realloc(block, at_least_one(bytes)), bytes);
}

void *mem_try_alloc(size_t bytes)
{
    return must_fail() ? NULL : malloc(at_least_one(bytes));
}

void *mem_try_realloc(void *block, size_t bytes)
{
    return must_fail() ? NULL : realloc(block, at_least_one(bytes));
}

char *mem_strdup(const char *text)
{
    return mem_dup(text, strlen(text) + 1);
}

char *mem_strdup_or_null(const char *text)
{
    return text != NULL ? mem_strdup(text) : NULL;
}

void *mem_dup(const void *data, size_t bytes)
{
    void *copy = mem_alloc(bytes);
    if (bytes != 0)
        memcpy(copy, data, bytes);
    return copy;
}

void mem_free(void *block)
{
    free(block);
}

void mem_wipe(void *block, size_t bytes)
{
    if (bytes != 0)
        explicit_bzero(block, bytes);
}

void mem_fail_at(unsigned long n)
{
    atomic_store_explicit(&failure_lasts, false, memory_order_relaxed);
    atomic_store_explicit(&calls_until_failure, n, memory_order_relaxed);
}

void mem_fail_from(unsigned long n)
{
    atomic_store_explicit(&failure_lasts, true, memory_order_relaxed);
    atomic_store_explicit(&calls_until_failure, n, memory_order_relaxed);
}

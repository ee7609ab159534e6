/* What one evaluation may use: an arena that is reset between evaluations, and limits.
 *
 * Memory is counted as it is asked for, rounded up as the arena does. What the scratch buffer holds is not counted, but it
 * is bounded by what is left, since all of it is to become a string; nor is the decoder's stack, which has at most
 * sizeof(struct sql_entry) for each two bytes of a document. */
#include "sql/value.h"

#define SCRATCH_KEPT_BYTES ((size_t)64 * 1024)
#define ROUND_BYTES        ((size_t)16)

void sql_scope_begin(struct sql_scope *scope, const struct sql_limits *limits)
{
    static const struct sql_limits defaults = {0};
    if (limits == NULL)
        limits = &defaults;
    arena_reset(&scope->arena);
    if (scope->scratch.cap > SCRATCH_KEPT_BYTES)
        buf_free(&scope->scratch);
    if (scope->stack.cap > SCRATCH_KEPT_BYTES)
        buf_free(&scope->stack);
    buf_reset(&scope->scratch);
    scope->memory_bytes_max =
        limits->memory_bytes_max != 0 ? limits->memory_bytes_max : SQL_MEMORY_BYTES_DEFAULT;
    scope->steps_left = limits->steps_max != 0 ? limits->steps_max : SQL_STEPS_DEFAULT;
    scope->depth_max = limits->depth_max != 0 ? limits->depth_max : SQL_DEPTH_DEFAULT;
    if (scope->depth_max > SQL_DEPTH_LIMIT)
        scope->depth_max = SQL_DEPTH_LIMIT;
}

void sql_scope_free(struct sql_scope *scope)
{
    arena_free(&scope->arena);
    buf_free(&scope->scratch);
    buf_free(&scope->stack);
    *scope = (struct sql_scope){0};
}

size_t sql_room(const struct sql_scope *scope)
{
    size_t used = scope->arena.used_bytes;
    return used < scope->memory_bytes_max ? scope->memory_bytes_max - used : 0;
}

void *sql_alloc(struct sql_scope *scope, size_t bytes, struct error *err)
{
    size_t rounded = (bytes + ROUND_BYTES - 1) & ~(ROUND_BYTES - 1);
    if (rounded < bytes || rounded > sql_room(scope)) {
        error_set(err, ERR_LIMIT, "the evaluation needs more than its %zu bytes of memory",
                  scope->memory_bytes_max);
        return NULL;
    }
    return arena_alloc(&scope->arena, rounded);
}

bool sql_spend(struct sql_scope *scope, uint64_t steps, struct error *err)
{
    if (steps > scope->steps_left) {
        scope->steps_left = 0;
        return error_set(err, ERR_LIMIT, "the evaluation takes more steps than it may");
    }
    scope->steps_left -= steps;
    return true;
}

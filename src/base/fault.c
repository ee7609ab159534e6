/* VARVE_FAULT is read once, before main(): `name:n` or `name:n:hang`, n counts from 1. What is not of that form is
 * ignored. */
#include "base/fault.h"

#ifdef VARVE_FAULTS

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Set once, before main(). */
static const char *wanted;
static size_t wanted_len;
static bool hang;

static atomic_long passes_left;

__attribute__((constructor)) static void read_environment(void)
{
    const char *text = secure_getenv("VARVE_FAULT");
    const char *colon = text != NULL ? strchr(text, ':') : NULL;
    if (colon == NULL)
        return;
    char *end;
    long n = strtol(colon + 1, &end, 10);
    if (n < 1)
        return;
    hang = strcmp(end, ":hang") == 0;
    atomic_store_explicit(&passes_left, n, memory_order_relaxed);
    wanted = text;
    wanted_len = (size_t)(colon - text);
}

void fault_point(const char *name)
{
    if (wanted == NULL || strncmp(name, wanted, wanted_len) != 0 || name[wanted_len] != '\0')
        return;
    if (atomic_fetch_sub_explicit(&passes_left, 1, memory_order_relaxed) != 1)
        return;
    if (!hang)
        kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

#else

/* A translation unit holds at least one declaration. */
extern int fault_points_are_off;

#endif

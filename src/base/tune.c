/* VARVE_TUNE is read once, before main(): `name=number`, with commas between. What is not of that form is ignored. */
#include "base/tune.h"

#ifdef VARVE_FAULTS

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Set once, before main(). */
static const char *tunings;

__attribute__((constructor)) static void read_environment(void)
{
    tunings = secure_getenv("VARVE_TUNE");
}

int64_t tuned(const char *name, int64_t value)
{
    size_t len = strlen(name);
    for (const char *at = tunings; at != NULL;) {
        if (strncmp(at, name, len) == 0 && at[len] == '=')
            return strtoll(at + len + 1, NULL, 10);
        at = strchr(at, ',');
        at = at != NULL ? at + 1 : NULL;
    }
    return value;
}

#else

/* A translation unit holds at least one declaration. */
extern int tunings_are_off;

#endif

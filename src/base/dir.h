/* Directories. */
#ifndef BASE_DIR_H
#define BASE_DIR_H

#include "base/error.h"

/* The names in it are durable. Errors: those of the system. Blocks. */
bool dir_sync(const char *dir, struct error *err);
/* The same for the directory that a path is in. */
bool dir_sync_of(const char *path, struct error *err);

#endif

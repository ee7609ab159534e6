/* What the files of lake/ share. */
#ifndef LAKE_LAKE_INTERNAL_H
#define LAKE_LAKE_INTERNAL_H

#include "lake/lake.h"

#define TOMBSTONE_START STR("{\"varve\":\"expired\"")
#define TOMBSTONE       STR("{\"varve\":\"expired\",\"format-version\":2}\n")

/* v<version>. Returns owned. Errors: ERR_NOT_FOUND (it is not there, or a tombstone), those of iceberg_metadata_read() and of the store. */
struct iceberg_table *lake_read(struct lake *lake, uint64_t version, struct error *err);

#endif

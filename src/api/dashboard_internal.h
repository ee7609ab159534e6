/* The dashboard's files, as cmake/dashboard.cmake packs them into the binary. */
#ifndef API_DASHBOARD_INTERNAL_H
#define API_DASHBOARD_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

struct dashboard_file {
    const char *path;    /* "/assets/index-B3kx91Qa.js" */
    const char *etag;    /* with its quotes */
    const uint8_t *gzip; /* the file, compressed */
    size_t gzip_bytes;
    size_t bytes; /* uncompressed */
};

/* Generated; empty where the dashboard has not been built. */
extern const struct dashboard_file dashboard_files[];
extern const size_t dashboard_file_count;

#endif

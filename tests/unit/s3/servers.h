/* Real S3 servers for unit tests, started by tests/s3/ before the tests: VARVE_TEST_S3 names a directory that has one directory for each server:
 * `ceph` (http and https, buckets varve-test and varve.test), `ceph-sts` (with a session token), `ceph-busy` (503 SlowDown above two
 * requests at a time) and `swift` (bucket varve-test). */
#ifndef TESTS_S3_SERVERS_H
#define TESTS_S3_SERVERS_H

#include "harness.h"
#include "object/config.h"
#include "object/object.h"

#define S3_TEST_BUCKET "varve-test"

struct s3_server {
    char dir[HARNESS_PATH_BYTES];
    char text[4096]; /* of its file env */
};

/* False: VARVE_TEST_S3 is not set; says so loudly. A server that should be there and is not fails the test program. */
bool s3_server_find(const char *name, struct s3_server *out);
/* Starts a gateway of the program's own (tests/s3/rgw-up.sh), to be stopped, killed and hung at will. False as above. */
bool s3_server_start(const char *options, struct s3_server *out);
void s3_server_stop(const struct s3_server *server);

/* A line of its file env; "" if there is none. `out` has HARNESS_PATH_BYTES or more; a session token needs 1,024. */
const char *s3_server_value(const struct s3_server *server, const char *name, char *out, size_t size);

/* Fills a configuration; `endpoint`: "endpoint", or "tls_endpoint" with the CA. */
void s3_server_config(const struct s3_server *server, const char *endpoint, struct object_config *out);
void s3_config_set(char **field, const char *value); /* replaces a text of a configuration */
struct object_store *s3_open_or_fail(const struct object_config *config);

#endif

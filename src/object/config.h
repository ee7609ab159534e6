/* What a connector says about its store, as plain data: who parses a connector fills it in, object_store_open() checks it
 * and copies what it needs. The strings are the struct's own (mem_alloc); NULL: not given.
 *
 * Thread: one at a time. */
#ifndef OBJECT_CONFIG_H
#define OBJECT_CONFIG_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum object_kind { OBJECT_S3, OBJECT_DIRECTORY };

enum object_access {
    OBJECT_ACCESS_PATH,  /* http://host/bucket/key */
    OBJECT_ACCESS_VHOST, /* http://bucket.host/key */
    OBJECT_ACCESS_AUTO   /* what the endpoint is known to want, else what it answers to: see s3_address.c */
};

enum object_credentials {
    OBJECT_CREDENTIALS_KEYS,     /* access_key_id and secret_access_key */
    OBJECT_CREDENTIALS_CHAIN,    /* the AWS chain: environment, shared file, container role, instance role */
    OBJECT_CREDENTIALS_ANONYMOUS /* requests are not signed: public buckets */
};

struct object_config_header { /* of every request */
    char *name;
    char *value;
};

struct object_config {
    enum object_kind kind;
    char *name; /* of the connector: for texts of errors and the log */

    /* Directory: buckets are directories below it; made if it is not there. */
    char *path;

    /* S3: where. Either a URL (http or https, host, perhaps a port and a path) or a host and a port; of these, tls.enable
     * says whether it is https. */
    char *endpoint;
    char *host;
    uint16_t port; /* 0: 443 or 80 */
    char *region;  /* NULL: from the host (s3.<region>.amazonaws.com and its like), else us-east-1 */
    char *bucket;  /* a default for who uses the connector; the store does not look at it */
    enum object_access access;

    /* Who asks. Each of the three may be the value, file:///path (of the file's first line; read again when the store refuses
     * it) or env:NAME. */
    enum object_credentials credentials;
    char *access_key_id;
    char *secret_access_key;
    char *session_token;
    char *profile; /* of the shared file; NULL: $AWS_PROFILE, else default */

    struct {
        bool enable;     /* of host and port; a URL says it itself */
        bool verify;     /* the certificate and its name; off: a warning at each opening */
        char *ca_file;   /* PEM; NULL: the system's */
        char *cert_file; /* PEM, with key_file: a certificate of our own */
        char *key_file;
        char *key_password; /* as a key above */
        char *server_name;  /* asked for and checked instead of the host's name */
    } tls;

    int64_t connect_timeout_ms; /* TCP and TLS */
    int64_t request_timeout_ms; /* of one attempt: the longest silence, not the whole */
    int64_t deadline_ms;        /* of all attempts of a request that names none */
    unsigned max_retries;       /* attempts but the first; the deadline ends them, too */
    int64_t retry_pause_ms;     /* the shortest pause between attempts; they grow to 150 times that */
    unsigned pool_size;         /* connections, and so requests at a time; directory: threads */
    unsigned queue_limit;       /* requests that wait for one; more: ERR_BUSY */

    struct object_config_header *headers;
    size_t header_count;

    uint64_t requests_per_s; /* 0: no limit of ours */
    uint64_t bytes_per_s;    /* up and down together; 0: no limit of ours */

    uint64_t multipart_bytes; /* a PUT above it, without a condition, goes in parts */
    uint64_t part_bytes;      /* stores want 5 MiB or more; enlarged where 10,000 would not do */
    bool checksum;            /* x-amz-checksum-crc32c with every PUT: for stores that check it */
};

/* Zeroes it and sets the defaults: S3, path, keys, TLS on and verified, 15 s to connect, 30 s of silence, 3 minutes for all of up to
 * 10 retries after pauses from 100 ms on, 8 connections, 10,000 waiting, parts of 16 MiB above 64 MiB. */
void object_config_init(struct object_config *config);
void object_config_free(struct object_config *config); /* what it holds, secrets wiped; zeroes it */
/* *out is not initialised before. */
void object_config_copy(struct object_config *out, const struct object_config *from);
/* Appends one. */
void object_config_header(struct object_config *config, struct str name, struct str value);

/* Whether the store can be opened, without doing so: which field, what was expected. Errors: ERR_INVALID. */
bool object_config_check(const struct object_config *config, struct error *err);

#endif

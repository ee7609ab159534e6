/* Where an S3 store is, and how its buckets and keys become URLs. No I/O. */
#ifndef OBJECT_S3_ADDRESS_H
#define OBJECT_S3_ADDRESS_H

#include "base/buf.h"
#include "object/config.h"

struct s3_endpoint {
    bool tls;
    char *host; /* lower case; an IPv6 address without brackets */
    bool is_ipv6;
    bool is_address; /* IPv4 or IPv6 */
    uint16_t port;
    char *base; /* path below which buckets are: "" or "/s3" */
    char *region;
};

/* From endpoint, or host and port. Zeroed on failure. Errors: ERR_INVALID: field, what was expected. */
bool s3_endpoint_read(const struct object_config *config, struct s3_endpoint *out, struct error *err);
void s3_endpoint_free(struct s3_endpoint *endpoint);

/* "bucket.host:port" or "host:port", without the port where it is the scheme's. */
void s3_host_header(const struct s3_endpoint *endpoint, struct str bucket, bool vhost, struct buf *out);

/* The path as it is sent and signed: every byte but A-Z a-z 0-9 - . _ ~ and the key's slashes as %XX. */
void s3_path(const struct s3_endpoint *endpoint, struct str bucket, struct str key, bool vhost,
             struct buf *out);

void s3_encode(struct str text, bool keep_slash, struct buf *out);

/* How `access: auto` begins: known providers have a way that always works. UNDECIDED: ask the endpoint. */
enum s3_style { S3_STYLE_PATH, S3_STYLE_VHOST, S3_STYLE_UNDECIDED };
enum s3_style s3_style_of(enum object_access access, const struct s3_endpoint *endpoint, struct str bucket);

#endif

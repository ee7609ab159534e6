/* The PROXY protocol's header, versions 1 and 2 (haproxy.org, "The PROXY protocol", 2.1 and 2.2). */
#ifndef NET_PROXY_INTERNAL_H
#define NET_PROXY_INTERNAL_H

#include "base/str.h"

/* Longer headers are refused: it is read with one look into a reactor's buffer. */
enum { PROXY_HEADER_BYTES_MAX = 16 << 10 };

struct proxy_info {
    bool has_peer;    /* false: LOCAL, UNKNOWN or no Internet address; the socket's own address counts */
    uint8_t peer[16]; /* IPv6, or IPv4-mapped */
    uint16_t peer_port;
    bool is_tls;            /* the client speaks TLS to the proxy */
    struct str common_name; /* of the client's certificate, verified by the proxy; borrows from the input */
    const char *reason;     /* why the header is refused: static */
};

/* Reads the header at the front of `data`. Returns its length; 0 if it is not complete; -1 if it is none, with
 * out->reason set. Pure. */
int64_t proxy_parse(const uint8_t *data, size_t len, struct proxy_info *out);

#endif

/* Where an S3 store is.
 *
 * The path of a URL is signed as it is sent, so it is encoded here once, in the one form that every store computes as well:
 * RFC 3986 unreserved characters stay, all others are %XX with capitals.
 *
 * Virtual hosts need a bucket that is a label of a host name (no capitals, no underscore) and, over TLS, one without dots, since *.host
 * covers one label. What cannot be a host goes into the path, whatever `access` says for the others. */
#include "object/s3_address.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

#define HOST_BYTES_MAX 253

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void s3_encode(struct str text, bool keep_slash, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    buf_reserve(out, text.len * 3);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (is_unreserved(c) || (keep_slash && c == '/')) {
            out->data[out->len++] = c;
        } else {
            out->data[out->len++] = '%';
            out->data[out->len++] = (uint8_t)digits[c >> 4];
            out->data[out->len++] = (uint8_t)digits[c & 15];
        }
    }
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

static bool host_is_valid(struct str host)
{
    if (host.len == 0 || host.len > HOST_BYTES_MAX || host.data[0] == '.' || host.data[0] == '-')
        return false;
    for (size_t i = 0; i < host.len; i++) {
        unsigned char c = (unsigned char)host.data[i];
        if (!isalnum(c) && c != '-' && c != '.' && c != '_')
            return false;
    }
    return true;
}

static bool set_host(struct s3_endpoint *out, struct str host, const char *field, struct error *err)
{
    struct in6_addr six;
    struct in_addr four;
    if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
        host.data++;
        host.len -= 2;
    }
    mem_free(out->host);
    out->host = str_dup(host);
    for (char *c = out->host; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    out->is_ipv6 = strlen(out->host) == host.len && inet_pton(AF_INET6, out->host, &six) == 1;
    out->is_address = out->is_ipv6 || inet_pton(AF_INET, out->host, &four) == 1;
    if (!out->is_ipv6 && !host_is_valid(host)) {
        error_set(err, ERR_INVALID, "%s: %.*s: not a host name or address", field,
                  (int)(host.len < 100 ? host.len : 100), host.data);
        return error_hint(err, "host is a name such as s3.eu-west-1.amazonaws.com; a URL goes into endpoint");
    }
    return true;
}

static bool set_port(struct s3_endpoint *out, struct str text, struct error *err)
{
    uint64_t port;
    if (!str_to_u64(text, &port, NULL) || port == 0 || port > UINT16_MAX)
        return error_set(err, ERR_INVALID, "endpoint: the port is a number from 1 to 65535");
    out->port = (uint16_t)port;
    return true;
}

static bool set_base(struct s3_endpoint *out, struct str path, struct error *err)
{
    while (path.len > 0 && path.data[path.len - 1] == '/')
        path.len--;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.data[i];
        if (!is_unreserved(c) && c != '/')
            return error_set(err, ERR_INVALID,
                             "endpoint: its path may have letters, digits and - . _ ~ / only");
    }
    mem_free(out->base);
    out->base = str_dup(path);
    return true;
}

/* scheme://host[:port][/path] */
static bool read_url(struct s3_endpoint *out, struct str url, struct error *err)
{
    static const char expected[] = "a URL such as https://s3.eu-west-1.amazonaws.com";
    if (url.len > 8 && str_equal_nocase(str_make(url.data, 8), STR("https://"))) {
        out->tls = true;
        url = str_make(url.data + 8, url.len - 8);
    } else if (url.len > 7 && str_equal_nocase(str_make(url.data, 7), STR("http://"))) {
        out->tls = false;
        url = str_make(url.data + 7, url.len - 7);
    } else {
        return error_set(err, ERR_INVALID, "endpoint: must be %s", expected);
    }
    if (memchr(url.data, '?', url.len) != NULL || memchr(url.data, '#', url.len) != NULL ||
        memchr(url.data, '@', url.len) != NULL)
        return error_set(err, ERR_INVALID, "endpoint: must be %s, without a user or a query", expected);
    const char *slash = memchr(url.data, '/', url.len);
    size_t authority = slash != NULL ? (size_t)(slash - url.data) : url.len;
    struct str host = str_make(url.data, authority);
    const char *bracket = memchr(host.data, ']', host.len);
    const char *from = bracket != NULL ? bracket : host.data;
    const char *colon = memchr(from, ':', host.len - (size_t)(from - host.data));
    out->port = out->tls ? 443 : 80;
    if (colon != NULL) {
        struct str port = str_make(colon + 1, (size_t)(host.data + host.len - colon) - 1);
        host.len = (size_t)(colon - host.data);
        if (!set_port(out, port, err))
            return false;
    }
    return set_host(out, host, "endpoint", err) &&
           set_base(out, str_make(url.data + authority, url.len - authority), err);
}

/* ---- Regions --------------------------------------------------------------------------------------------- */

/* How hosts of providers say their region: prefix, region, suffix. */
static const struct {
    const char *prefix;
    const char *suffix;
} region_hosts[] = {
    {"s3.dualstack.", ".amazonaws.com"}, {"s3-fips.dualstack.", ".amazonaws.com"},
    {"s3-fips.", ".amazonaws.com"},      {"s3.", ".amazonaws.com"},
    {"s3-", ".amazonaws.com"},           {"s3.", ".amazonaws.com.cn"},
    {"s3.", ".backblazeb2.com"},         {"", ".digitaloceanspaces.com"},
    {"s3.", ".wasabisys.com"},           {"s3.", ".scw.cloud"},
    {"s3.", ".io.cloud.ovh.net"},
};

static struct str region_of_host(struct str host)
{
    if (str_ends(host, STR(".r2.cloudflarestorage.com")) || str_is(host, "storage.googleapis.com"))
        return STR("auto");
    for (size_t i = 0; i < sizeof region_hosts / sizeof region_hosts[0]; i++) {
        struct str prefix = str_of(region_hosts[i].prefix);
        struct str suffix = str_of(region_hosts[i].suffix);
        if (host.len <= prefix.len + suffix.len || !str_starts(host, prefix) || !str_ends(host, suffix))
            continue;
        struct str region = str_make(host.data + prefix.len, host.len - prefix.len - suffix.len);
        if (memchr(region.data, '.', region.len) == NULL)
            return region;
    }
    return STR("us-east-1");
}

static bool set_region(struct s3_endpoint *out, const char *given, struct error *err)
{
    struct str region = given != NULL && given[0] != '\0' ? str_of(given) : region_of_host(str_of(out->host));
    for (size_t i = 0; i < region.len; i++) {
        unsigned char c = (unsigned char)region.data[i];
        if (!isalnum(c) && c != '-' && c != '_')
            return error_set(err, ERR_INVALID, "region: must be a name such as eu-west-1");
    }
    if (region.len > 64)
        return error_set(err, ERR_INVALID, "region: longer than 64 characters");
    out->region = str_dup(region);
    return true;
}

bool s3_endpoint_read(const struct object_config *config, struct s3_endpoint *out, struct error *err)
{
    *out = (struct s3_endpoint){.tls = config->tls.enable, .base = mem_strdup("")};
    bool ok;
    if (config->endpoint != NULL && config->endpoint[0] != '\0') {
        ok = read_url(out, str_trim(str_of(config->endpoint)), err);
    } else if (config->host != NULL && config->host[0] != '\0') {
        out->port = config->port != 0 ? config->port : config->tls.enable ? 443 : 80;
        ok = set_host(out, str_trim(str_of(config->host)), "host", err);
    } else {
        ok = error_set(err, ERR_INVALID,
                       "endpoint: missing: a URL such as https://s3.eu-west-1.amazonaws.com");
    }
    ok = ok && set_region(out, config->region, err);
    if (!ok)
        s3_endpoint_free(out);
    return ok;
}

void s3_endpoint_free(struct s3_endpoint *endpoint)
{
    mem_free(endpoint->host);
    mem_free(endpoint->base);
    mem_free(endpoint->region);
    *endpoint = (struct s3_endpoint){0};
}

/* ---- Writing --------------------------------------------------------------------------------------------- */

void s3_host_header(const struct s3_endpoint *endpoint, struct str bucket, bool vhost, struct buf *out)
{
    if (vhost && bucket.len > 0) {
        buf_append_str(out, bucket);
        buf_append_byte(out, '.');
    }
    buf_printf(out, endpoint->is_ipv6 ? "[%s]" : "%s", endpoint->host);
    if (endpoint->port != (endpoint->tls ? 443 : 80))
        buf_printf(out, ":%u", endpoint->port);
}

void s3_path(const struct s3_endpoint *endpoint, struct str bucket, struct str key, bool vhost,
             struct buf *out)
{
    buf_append_str(out, str_of(endpoint->base));
    if (!vhost && bucket.len > 0) {
        buf_append_byte(out, '/');
        s3_encode(bucket, false, out);
        if (key.len == 0)
            return;
    }
    buf_append_byte(out, '/');
    s3_encode(key, true, out);
}

/* ---- Styles ---------------------------------------------------------------------------------------------- */

/* A bucket that can stand before the host's name. */
static bool bucket_is_label(struct str bucket, bool tls)
{
    for (size_t i = 0; i < bucket.len; i++) {
        unsigned char c = (unsigned char)bucket.data[i];
        if (!islower(c) && !isdigit(c) && c != '-' && (c != '.' || tls))
            return false;
    }
    return bucket.len > 0;
}

/* A name, or with a dot in front all names that end so. */
static bool host_is(const char *host, const char *pattern)
{
    return pattern[0] == '.' ? str_ends(str_of(host), str_of(pattern)) : strcmp(host, pattern) == 0;
}

enum s3_style s3_style_of(enum object_access access, const struct s3_endpoint *endpoint, struct str bucket)
{
    static const char *const vhost_always[] = {".amazonaws.com", ".amazonaws.com.cn",
                                               ".digitaloceanspaces.com"};
    static const char *const path_always[] = {".r2.cloudflarestorage.com", ".backblazeb2.com",
                                              "storage.googleapis.com", "localhost"};
    if (access == OBJECT_ACCESS_PATH || endpoint->is_address || !bucket_is_label(bucket, endpoint->tls))
        return S3_STYLE_PATH;
    if (access == OBJECT_ACCESS_VHOST)
        return S3_STYLE_VHOST;
    for (size_t i = 0; i < sizeof vhost_always / sizeof vhost_always[0]; i++) {
        if (host_is(endpoint->host, vhost_always[i]))
            return S3_STYLE_VHOST;
    }
    for (size_t i = 0; i < sizeof path_always / sizeof path_always[0]; i++) {
        if (host_is(endpoint->host, path_always[i]))
            return S3_STYLE_PATH;
    }
    return S3_STYLE_UNDECIDED;
}

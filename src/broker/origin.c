/* See origin.h. An origin is taken apart as browsers write it (RFC 6454, 6.2): "http://127.0.0.1:8080",
 * "https://[::1]", "null". What is written otherwise is of no machine. */
#include "broker/origin.h"

#include "broker/authenticate.h"

#include <arpa/inet.h>

#define HOST_BYTES 256

/* The part behind "scheme://". False: there is none. */
static bool authority_of(struct str origin, struct str *out)
{
    const char *colon = memchr(origin.data, ':', origin.len);
    size_t scheme_len = colon != NULL ? (size_t)(colon - origin.data) : 0;
    if (scheme_len == 0 || origin.len - scheme_len <= 3 || memcmp(colon, "://", 3) != 0)
        return false;
    *out = str_make(colon + 3, origin.len - scheme_len - 3);
    return true;
}

/* host[:port], the host without its brackets and with a terminator. */
static bool split(struct str authority, char host[HOST_BYTES])
{
    const char *end = authority.data + authority.len;
    const char *begin = authority.data;
    bool brackets = begin < end && *begin == '[';
    begin += brackets;
    const char *stop = memchr(begin, brackets ? ']' : ':', (size_t)(end - begin));
    if (brackets && stop == NULL)
        return false;
    size_t len = (size_t)((stop != NULL ? stop : end) - begin);
    const char *rest = stop != NULL ? stop + brackets : end;
    uint64_t port;
    if (len == 0 || len >= HOST_BYTES)
        return false;
    if (rest < end &&
        (*rest != ':' || !str_to_u64(str_make(rest + 1, (size_t)(end - rest - 1)), &port, NULL) ||
         port > 65535))
        return false;
    memcpy(host, begin, len);
    host[len] = '\0';
    return true;
}

bool origin_is_valid(struct str origin)
{
    struct str authority;
    char host[HOST_BYTES];
    if (str_is(origin, "*") || str_is(origin, "null"))
        return true;
    return authority_of(origin, &authority) && split(authority, host) && strpbrk(host, "/?#@* ") == NULL;
}

bool origin_is_listed(struct str origin, char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], "*") == 0 || str_equal_nocase(origin, str_of(list[i])))
            return true;
    }
    return false;
}

bool origin_is_local(struct str origin, struct str host)
{
    struct str authority;
    char name[HOST_BYTES];
    struct in_addr v4;
    struct in6_addr v6;
    if (!authority_of(origin, &authority) || !split(authority, name))
        return false;
    if (str_equal_nocase(str_of(name), STR("localhost")))
        return true;
    bool is_v4 = inet_pton(AF_INET, name, &v4) == 1;
    bool is_v6 = !is_v4 && inet_pton(AF_INET6, name, &v6) == 1;
    if ((is_v4 && ntohl(v4.s_addr) >> 24 == 127) || (is_v6 && IN6_IS_ADDR_LOOPBACK(&v6)))
        return true;
    return (is_v4 || is_v6) && str_equal_nocase(authority, host);
}

bool origin_may_upgrade(const struct channel *channel, struct str origin, struct str host)
{
    const struct listener_state *listener = listener_user(channel_listener(channel));
    const struct shard *shard = shard_of_channel(channel);
    if (listener->allowed_origin_count > 0)
        return origin_is_listed(origin, listener->allowed_origins, listener->allowed_origin_count);
    return !authenticate_anonymous_by_default(listener, shard->settings, shard->access) ||
           origin_is_local(origin, host);
}

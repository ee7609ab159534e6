/* The PROXY header in front of everything else: it is looked at in the socket's buffer until it is complete, then
 * exactly its bytes are taken, since what follows is TLS's or the user's. */
#include "net/layer_internal.h"
#include "net/proxy_internal.h"

#include <assert.h>
#include <errno.h>

_Static_assert((int)PROXY_HEADER_BYTES_MAX <= (int)READ_BUFFER_BYTES_MIN, "a header fits into the buffer");

static void apply(struct channel *channel, const struct proxy_info *info)
{
    struct layer *layer = channel->layer;
    if (info->has_peer) {
        memcpy(channel->peer, info->peer, sizeof channel->peer);
        channel->peer_port = info->peer_port;
    }
    layer->proxy_says_tls = info->is_tls;
    if (info->common_name.len > 0)
        layer->proxy_common_name = str_dup(info->common_name);
}

enum step proxy_handshake(struct channel *channel)
{
    struct reactor *reactor = channel->reactor;
    ssize_t n;
    do {
        n = recv(channel->fd, reactor->buffer, PROXY_HEADER_BYTES_MAX, MSG_PEEK);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return STEP_WAIT;
    if (n < 0) {
        error_errno(&reactor->failure, errno, "connection lost before its PROXY header");
        return STEP_FAILED;
    }
    struct proxy_info info;
    int64_t used = proxy_parse(reactor->buffer, (size_t)n, &info);
    if (used < 0) {
        error_set(&reactor->failure, ERR_PROTOCOL, "PROXY header: %s", info.reason);
        return STEP_FAILED;
    }
    if (used == 0 && (n == 0 || (channel->flags & CHANNEL_ENDING) != 0)) {
        error_set(&reactor->failure, n == 0 ? ERR_NONE : ERR_PROTOCOL,
                  "PROXY header: the connection ended before");
        return STEP_FAILED;
    }
    if (used == 0)
        return STEP_WAIT;
    apply(channel, &info);
    ssize_t taken = recv(channel->fd, reactor->buffer, (size_t)used, 0);
    assert(taken == used); /* they were there a moment ago, and nobody else reads */
    (void)taken;
    return STEP_DONE;
}

/* The layers between a socket and a channel's user: handshakes in order, then reading down and writing up. */
#include "net/layer_internal.h"

struct layer *layer_new(struct channel *channel, struct error *err)
{
    const struct listener *listener = channel->listener;
    struct layer *layer = mem_zalloc(sizeof *layer);
    bool good = !listener->has_tls || tls_attach(channel, layer, err);
    if (good && listener->websocket_path != NULL) {
        layer->websocket = websocket_new();
        good = layer->websocket != NULL;
        channel->flags |= CHANNEL_HEADROOM;
        if (!good)
            error_set(err, ERR_NO_MEMORY, "no memory for a WebSocket");
    }
    if (!good) {
        layer_free(layer);
        return NULL;
    }
    layer->stage = listener->proxy_protocol ? STAGE_PROXY : STAGE_TLS;
    return layer;
}

void layer_free(struct layer *layer)
{
    if (layer == NULL)
        return;
    websocket_free(layer->websocket);
    SSL_free(layer->ssl);
    tls_context_unref(layer->tls);
    mem_free(layer->proxy_common_name);
    mem_free(layer);
}

static enum step step(struct channel *channel, const struct layer *layer)
{
    switch (layer->stage) {
    case STAGE_PROXY: return proxy_handshake(channel);
    case STAGE_TLS: return layer->ssl != NULL ? tls_handshake(channel) : STEP_DONE;
    case STAGE_WEBSOCKET: return layer->websocket != NULL ? websocket_handshake(channel) : STEP_DONE;
    case STAGE_OPEN: return STEP_DONE;
    }
    return STEP_FAILED;
}

/* All handshakes are done. A layer that has nothing more to do goes. */
static void opened(struct channel *channel)
{
    struct layer *layer = channel->layer;
    if (layer->ssl == NULL && layer->websocket == NULL && layer->proxy_common_name == NULL &&
        !layer->proxy_says_tls) {
        layer_free(layer);
        channel->layer = NULL;
    }
    channel_opened(channel);
    /* Bytes behind the handshake may have been read with it: no event tells of them. */
    channel_make_ready(channel, CHANNEL_READ);
}

void layer_handshake(struct channel *channel)
{
    struct layer *layer = channel->layer;
    while (layer->stage != STAGE_OPEN) {
        enum step outcome = step(channel, layer);
        if (outcome == STEP_FAILED)
            channel_abort(channel, &channel->reactor->failure);
        if (outcome != STEP_DONE)
            return;
        layer->stage++;
    }
    opened(channel);
}

enum fill layer_fill_below(struct channel *channel, uint8_t *at, size_t room, size_t *got)
{
    return channel->layer->ssl != NULL ? tls_fill(channel, at, room, got)
                                       : fill_socket(channel, at, room, got);
}

enum fill layer_fill(struct channel *channel, uint8_t *at, size_t room, size_t *got)
{
    return channel->layer->websocket != NULL ? websocket_fill(channel, at, room, got)
                                             : layer_fill_below(channel, at, room, got);
}

bool layer_write(struct channel *channel)
{
    struct layer *layer = channel->layer;
    if (layer->websocket != NULL)
        websocket_frame_output(channel);
    bool written = layer->ssl != NULL ? tls_write(channel) : output_write_socket(channel);
    if (layer->websocket != NULL)
        websocket_written(channel);
    return written;
}

bool layer_reads_on_room(const struct channel *channel)
{
    return channel->layer != NULL && channel->layer->read_needs_room;
}

void layer_goodbye(struct channel *channel)
{
    if (channel->layer != NULL && channel->layer->websocket != NULL && channel->layer->stage == STAGE_OPEN)
        websocket_goodbye(channel);
}

void layer_shutdown(struct channel *channel)
{
    if (channel->layer != NULL && channel->layer->ssl != NULL)
        tls_shutdown(channel);
}

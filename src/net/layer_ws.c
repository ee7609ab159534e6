/* WebSocket on a channel: the opening handshake, then the payload of binary frames in and one frame for all that
 * is pending out.
 *
 * Output: pieces at the front of the channel's list are frames already (framed_bytes), those behind are the
 * user's bytes. Before a write, or before a control frame, they get one header in front: in the room that their
 * first piece has for it, or in a piece of its own if that one is borrowed.
 *
 *     [frame ······][header|user's bytes][user's bytes]
 *      framed_bytes  ▲ headroom */
#include "net/layer_internal.h"
#include "net/ws_internal.h"

#include "base/buf.h"

#include <assert.h>

_Static_assert((int)WS_HEADER_BYTES_MAX <= (int)OUT_HEADROOM_BYTES, "a header fits into the room for it");

struct websocket {
    struct ws_decoder *decoder; /* NULL: in the opening handshake */
    size_t framed_bytes;
    struct buf early;  /* the request; then what came behind it */
    size_t early_used; /* bytes of it that are done */
};

struct websocket *websocket_new(void)
{
    return mem_zalloc(sizeof(struct websocket));
}

void websocket_free(struct websocket *websocket)
{
    if (websocket == NULL)
        return;
    ws_decoder_free(websocket->decoder);
    buf_free(&websocket->early);
    mem_free(websocket);
}

/* ---- Output ---------------------------------------------------------------------------------------------- */

void websocket_frame_output(struct channel *channel)
{
    struct websocket *websocket = channel->layer->websocket;
    size_t payload = channel->out_bytes - websocket->framed_bytes;
    if (websocket->decoder == NULL || payload == 0)
        return;
    output_seal(channel);
    struct out_piece **link = &channel->out_first;
    for (size_t skip = websocket->framed_bytes; skip > 0; link = &(*link)->next) {
        assert((*link)->len <= skip);
        skip -= (*link)->len;
    }
    uint8_t header[WS_HEADER_BYTES_MAX];
    size_t n = ws_header(payload, header);
    struct out_piece *piece = *link;
    size_t headroom = piece->cap != 0 ? (size_t)(piece->data - (uint8_t *)(piece + 1)) : 0;
    if (headroom < n) {
        piece = output_piece_new(channel->reactor, OUT_HEADROOM_BYTES);
        piece->data += OUT_HEADROOM_BYTES;
        headroom = OUT_HEADROOM_BYTES;
        piece->next = *link;
        *link = piece;
    }
    memcpy((uint8_t *)(piece + 1) + headroom - n, header, n);
    piece->data -= n;
    piece->len += n;
    channel->out_bytes += n;
    websocket->framed_bytes = channel->out_bytes;
}

/* All that was pending was frames: what is left of it is too. */
void websocket_written(struct channel *channel)
{
    channel->layer->websocket->framed_bytes = channel->out_bytes;
}

/* Bytes that are frames, or none yet: the answer to the opening handshake. */
static void send_framed(void *arg, const uint8_t *data, size_t len)
{
    struct channel *channel = arg;
    websocket_frame_output(channel);
    channel_write(channel, data, len);
    output_seal(channel);
    channel->layer->websocket->framed_bytes = channel->out_bytes;
}

void websocket_goodbye(struct channel *channel)
{
    enum { NORMAL = 1000, GOING_AWAY = 1001 };
    bool stopping = channel->why != NULL && channel->why->code == ERR_CLOSED;
    ws_decoder_close(channel->layer->websocket->decoder, stopping ? GOING_AWAY : NORMAL);
}

/* ---- The opening handshake ------------------------------------------------------------------------------- */

static enum step refuse(struct channel *channel, const struct ws_request *request)
{
    char answer[WS_ANSWER_BYTES];
    struct error why = {0};
    error_set(&why, ERR_PROTOCOL, "WebSocket handshake: %s", request->reason);
    channel_write(channel, answer, ws_refuse_text(request, answer));
    channel_close(channel, &why);
    return STEP_CLOSED;
}

static enum step upgrade(struct channel *channel, const struct ws_request *request, size_t used)
{
    struct websocket *websocket = channel->layer->websocket;
    struct ws_decoder *decoder = ws_decoder_new(send_framed, channel);
    if (decoder == NULL) {
        error_set(&channel->reactor->failure, ERR_NO_MEMORY, "no memory for a WebSocket");
        return STEP_FAILED;
    }
    char answer[WS_ANSWER_BYTES];
    size_t len = ws_accept_text(request, answer);
    send_framed(channel, (uint8_t *)answer, len);
    websocket->decoder = decoder;
    websocket->early_used = used;
    if (used == websocket->early.len)
        buf_free(&websocket->early);
    return STEP_DONE;
}

/* Whether the page that asks may; a client that is no page says nothing. */
static bool origin_allowed(const struct channel *channel, struct ws_request *request)
{
    if (request->origin.data == NULL || channel->listener->may_upgrade == NULL ||
        channel->listener->may_upgrade(channel, request->origin, request->host))
        return true;
    request->status = 403;
    request->reason = "pages of this origin may not connect here (allowed_origins of the listener)";
    return false;
}

enum step websocket_handshake(struct channel *channel)
{
    struct reactor *reactor = channel->reactor;
    struct websocket *websocket = channel->layer->websocket;
    for (;;) {
        size_t got;
        enum fill outcome = layer_fill_below(channel, reactor->buffer, reactor->buffer_bytes, &got);
        if (got > 0) {
            struct ws_request request;
            buf_append(&websocket->early, reactor->buffer, got);
            int64_t used = ws_request_parse(websocket->early.data, websocket->early.len,
                                            channel->listener->websocket_path, &request);
            if (used < 0 || (used > 0 && !origin_allowed(channel, &request)))
                return refuse(channel, &request);
            if (used > 0)
                return upgrade(channel, &request, (size_t)used);
        }
        if (outcome == FILL_DRAINED)
            return STEP_WAIT;
        if (outcome == FILL_END || outcome == FILL_FAILED)
            return STEP_FAILED;
    }
}

/* ---- Input ----------------------------------------------------------------------------------------------- */

static enum fill fill_raw(struct channel *channel, uint8_t *at, size_t room, const uint8_t **in, size_t *len)
{
    struct websocket *websocket = channel->layer->websocket;
    size_t early = websocket->early.len - websocket->early_used;
    if (websocket->early.len == 0) {
        *in = at;
        return layer_fill_below(channel, at, room, len);
    }
    *in = websocket->early.data + websocket->early_used;
    *len = early < room ? early : room;
    websocket->early_used += *len;
    return FILL_MORE;
}

enum fill websocket_fill(struct channel *channel, uint8_t *at, size_t room, size_t *got)
{
    struct websocket *websocket = channel->layer->websocket;
    struct error *failure = &channel->reactor->failure;
    const uint8_t *in;
    size_t len;
    enum fill outcome = fill_raw(channel, at, room, &in, &len);
    *got = 0;
    if (len == 0)
        return outcome;
    /* A peer that pings and does not read gets no more answers. */
    bool silent = channel->out_bytes > CHANNEL_HIGH_WATER_BYTES;
    const char *reason = NULL;
    enum ws_result result = ws_decode(websocket->decoder, in, len, at, got, silent, &reason);
    if (websocket->early.len != 0 && websocket->early_used == websocket->early.len)
        buf_free(&websocket->early);
    if (result == WS_OPEN)
        return outcome;
    if (result == WS_CLOSED) {
        failure->code = ERR_NONE;
    } else {
        error_set(failure, ERR_PROTOCOL, "WebSocket: %s", reason);
    }
    return FILL_END;
}

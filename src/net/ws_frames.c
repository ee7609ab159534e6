/* WebSocket frames: wslay reads a client's and answers its control frames; ours need only a header.
 *
 * Messages are not gathered: the payload of every binary frame goes out as it comes, whatever the message's
 * length, since MQTT packets have boundaries of their own (MQTT 5, 6.0). Memory of a connection is bounded by
 * wslay's two buffers of 4 KiB and one control frame. */
#include "net/ws_internal.h"

#include "base/mem.h"

#include <wslay/wslay.h>

struct ws_decoder {
    wslay_event_context_ptr wslay;
    ws_send_fn *send;
    void *arg;

    /* While ws_decode() runs. */
    const uint8_t *in;
    size_t in_left;
    uint8_t *out;
    size_t out_len;
    size_t out_cap;
    bool is_data;       /* the frame's payload is the user's */
    bool overflow;      /* cannot happen: payload is shorter than its frames */
    const char *reason; /* why the peer is refused; the rest of the input is ignored */
    uint16_t status;

    /* One frame at a time on its way out. */
    uint8_t frame[2 + 125 + 8];
    size_t frame_len;
};

/* ---- wslay's callbacks ----------------------------------------------------------------------------------- */

static ssize_t take_input(wslay_event_context_ptr wslay, uint8_t *buf, size_t len, int flags, void *arg)
{
    (void)flags;
    struct ws_decoder *decoder = arg;
    size_t n = len < decoder->in_left ? len : decoder->in_left;
    if (n == 0 || decoder->reason != NULL) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(buf, decoder->in, n);
    decoder->in += n;
    decoder->in_left -= n;
    return (ssize_t)n;
}

static ssize_t gather_frame(wslay_event_context_ptr wslay, const uint8_t *data, size_t len, int flags, void *arg)
{
    (void)wslay;
    (void)flags;
    struct ws_decoder *decoder = arg;
    size_t room = sizeof decoder->frame - decoder->frame_len;
    size_t n = len < room ? len : room;
    memcpy(decoder->frame + decoder->frame_len, data, n);
    decoder->frame_len += n;
    return (ssize_t)n;
}

static void frame_starts(wslay_event_context_ptr wslay, const struct wslay_event_on_frame_recv_start_arg *frame,
                         void *arg)
{
    (void)wslay;
    struct ws_decoder *decoder = arg;
    decoder->is_data = frame->opcode == WSLAY_BINARY_FRAME || frame->opcode == WSLAY_CONTINUATION_FRAME;
    if (frame->opcode == WSLAY_TEXT_FRAME && decoder->reason == NULL) {
        decoder->reason = "text frame";
        decoder->status = WSLAY_CODE_UNSUPPORTED_DATA;
    }
}

static void payload_comes(wslay_event_context_ptr wslay, const struct wslay_event_on_frame_recv_chunk_arg *chunk,
                          void *arg)
{
    (void)wslay;
    struct ws_decoder *decoder = arg;
    if (!decoder->is_data || decoder->reason != NULL || chunk->data_length == 0)
        return;
    if (chunk->data_length > decoder->out_cap - decoder->out_len) {
        decoder->overflow = true;
        return;
    }
    memcpy(decoder->out + decoder->out_len, chunk->data, chunk->data_length);
    decoder->out_len += chunk->data_length;
}

/* ---- The decoder ----------------------------------------------------------------------------------------- */

struct ws_decoder *ws_decoder_new(ws_send_fn *send, void *arg)
{
    struct ws_decoder *decoder = mem_zalloc(sizeof *decoder);
    struct wslay_event_callbacks callbacks = {.recv_callback = take_input,
                                              .send_callback = gather_frame,
                                              .on_frame_recv_start_callback = frame_starts,
                                              .on_frame_recv_chunk_callback = payload_comes};
    if (wslay_event_context_server_init(&decoder->wslay, &callbacks, decoder) != 0) {
        mem_free(decoder);
        return NULL;
    }
    wslay_event_config_set_no_buffering(decoder->wslay, 1);
    decoder->send = send;
    decoder->arg = arg;
    return decoder;
}

void ws_decoder_free(struct ws_decoder *decoder)
{
    if (decoder == NULL)
        return;
    wslay_event_context_free(decoder->wslay);
    mem_free(decoder);
}

/* Writes out what wslay has queued. silent: what is no close frame is thrown away. */
static void send_queued(struct ws_decoder *decoder, bool silent)
{
    decoder->frame_len = 0;
    while (wslay_event_want_write(decoder->wslay)) {
        if (wslay_event_send(decoder->wslay) != 0)
            return;
        /* wslay writes all that is queued in one call, in pieces. */
        if (decoder->frame_len > 0 && (!silent || wslay_event_get_close_sent(decoder->wslay)))
            decoder->send(decoder->arg, decoder->frame, decoder->frame_len);
        decoder->frame_len = 0;
    }
}

void ws_decoder_close(struct ws_decoder *decoder, uint16_t status)
{
    if (wslay_event_get_close_sent(decoder->wslay))
        return;
    wslay_event_queue_close(decoder->wslay, status, NULL, 0);
    send_queued(decoder, false);
}

enum ws_result ws_decode(struct ws_decoder *decoder, const uint8_t *in, size_t len, uint8_t *out, size_t *out_len,
                         bool silent, const char **reason)
{
    decoder->in = in;
    decoder->in_left = len;
    decoder->out = out;
    decoder->out_len = 0;
    decoder->out_cap = len;
    int code = wslay_event_recv(decoder->wslay);
    *out_len = decoder->out_len;
    if (code != 0 || decoder->overflow) {
        *reason = "out of memory";
        return WS_FAILED;
    }
    if (decoder->reason != NULL) {
        *reason = decoder->reason;
        ws_decoder_close(decoder, decoder->status);
        return WS_FAILED;
    }
    send_queued(decoder, silent);
    if (wslay_event_get_close_received(decoder->wslay))
        return WS_CLOSED;
    if (wslay_event_get_close_sent(decoder->wslay) || !wslay_event_get_read_enabled(decoder->wslay)) {
        *reason = "malformed frame";
        return WS_FAILED;
    }
    return WS_OPEN;
}

size_t ws_header(uint64_t payload_len, uint8_t out[WS_HEADER_BYTES_MAX])
{
    out[0] = 0x80 | WSLAY_BINARY_FRAME;
    if (payload_len < 126) {
        out[1] = (uint8_t)payload_len;
        return 2;
    }
    if (payload_len <= UINT16_MAX) {
        out[1] = 126;
        out[2] = (uint8_t)(payload_len >> 8);
        out[3] = (uint8_t)payload_len;
        return 4;
    }
    out[1] = 127;
    for (int i = 0; i < 8; i++)
        out[2 + i] = (uint8_t)(payload_len >> (56 - 8 * i));
    return 10;
}

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
    bool header_is_bad;
    bool close_sent;
    bool drop; /* what wslay writes goes nowhere */
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

static ssize_t give_output(wslay_event_context_ptr wslay, const uint8_t *data, size_t len, int flags,
                           void *arg)
{
    (void)wslay;
    (void)flags;
    struct ws_decoder *decoder = arg;
    if (!decoder->drop)
        decoder->send(decoder->arg, data, len);
    return (ssize_t)len;
}

static void frame_starts(wslay_event_context_ptr wslay,
                         const struct wslay_event_on_frame_recv_start_arg *frame, void *arg)
{
    (void)wslay;
    struct ws_decoder *decoder = arg;
    decoder->is_data = frame->opcode == WSLAY_BINARY_FRAME || frame->opcode == WSLAY_CONTINUATION_FRAME;
    if (frame->opcode == WSLAY_TEXT_FRAME && decoder->reason == NULL) {
        decoder->reason = "text frame";
        decoder->status = WSLAY_CODE_UNSUPPORTED_DATA;
    }
}

static void payload_comes(wslay_event_context_ptr wslay,
                          const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *arg)
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
                                              .send_callback = give_output,
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

void ws_decoder_close(struct ws_decoder *decoder, uint16_t status)
{
    if (decoder->close_sent)
        return;
    decoder->close_sent = true;
    if (decoder->header_is_bad) {
        /* The close frame that wslay has queued for this has no status. */
        static const uint8_t close[4] = {0x80 | WSLAY_CONNECTION_CLOSE, 2, WSLAY_CODE_PROTOCOL_ERROR >> 8,
                                         WSLAY_CODE_PROTOCOL_ERROR & 0xff};
        decoder->send(decoder->arg, close, sizeof close);
        return;
    }
    /* Without effect if wslay has queued one: its answer to the peer's, or its own refusal. */
    wslay_event_queue_close(decoder->wslay, decoder->reason != NULL ? decoder->status : status, NULL, 0);
    decoder->drop = false;
    wslay_event_send(decoder->wslay);
}

enum ws_result ws_decode(struct ws_decoder *decoder, const uint8_t *in, size_t len, uint8_t *out,
                         size_t *out_len, bool silent, const char **reason)
{
    decoder->in = in;
    decoder->in_left = len;
    decoder->out = out;
    decoder->out_len = 0;
    decoder->out_cap = len;
    int code = wslay_event_recv(decoder->wslay);
    *out_len = decoder->out_len;
    if (code == WSLAY_ERR_CALLBACK_FAILURE) {
        decoder->header_is_bad = true;
        *reason = "malformed frame header";
        return WS_FAILED;
    }
    if (code != 0 || decoder->overflow) {
        *reason = "out of memory";
        return WS_FAILED;
    }
    *reason = decoder->reason;
    if (decoder->reason != NULL)
        return WS_FAILED;
    if (wslay_event_get_read_enabled(decoder->wslay)) {
        decoder->drop = silent;
        wslay_event_send(decoder->wslay);
        return WS_OPEN;
    }
    *reason = "frame against the protocol";
    return wslay_event_get_close_received(decoder->wslay) ? WS_CLOSED : WS_FAILED;
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

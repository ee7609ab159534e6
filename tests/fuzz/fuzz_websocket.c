/* Any bytes as a WebSocket: the opening handshake, then frames. The first byte chooses: 0 reads a request, anything
 * else frames, in pieces of that many bytes. However frames are cut, the payload is the same, and answers are
 * whole frames of the server. */
#include "net/ws_internal.h"

#include "base/buf.h"
#include "base/mem.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_request(const uint8_t *data, size_t size)
{
    uint8_t *copy = mem_dup(data, size);
    struct ws_request request;
    int64_t used = ws_request_parse(copy, size, "/mqtt", &request);
    char answer[WS_ANSWER_BYTES];
    assert(used >= -1 && used <= (int64_t)size && used <= WS_REQUEST_BYTES_MAX);
    if (used > 0) {
        assert(ws_accept_text(&request, answer) < sizeof answer);
        assert(ws_request_parse(copy, (size_t)used - 1, "/mqtt", &request) == 0);
    } else if (used < 0) {
        assert(request.status >= 400 && request.reason != NULL);
        assert(ws_refuse_text(&request, answer) < sizeof answer);
    }
    mem_free(copy);
}

static void gather(void *arg, const uint8_t *data, size_t len)
{
    buf_append(arg, data, len);
}

/* Pongs and at most one close frame, the last. */
static void check_answers(const struct buf *answers)
{
    size_t at = 0;
    while (at < answers->len) {
        assert(answers->len - at >= 2);
        uint8_t opcode = answers->data[at] & 0x0f;
        size_t len = answers->data[at + 1];
        assert((answers->data[at] & 0xf0) == 0x80 && len <= 125 && len <= answers->len - at - 2);
        assert(opcode == 8 || opcode == 10);
        at += 2 + len;
        assert(opcode == 10 || at == answers->len);
    }
}

/* Each piece is decoded in place, as a channel does. */
static enum ws_result decode(const uint8_t *data, size_t size, size_t piece, struct buf *payload)
{
    struct buf answers = {0};
    struct ws_decoder *decoder = ws_decoder_new(gather, &answers);
    assert(decoder != NULL);
    enum ws_result result = WS_OPEN;
    for (size_t at = 0; at < size && result == WS_OPEN; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        uint8_t *copy = mem_dup(data + at, len);
        size_t out_len = 0;
        const char *reason = NULL;
        result = ws_decode(decoder, copy, len, copy, &out_len, false, &reason);
        assert(out_len <= len);
        assert(result != WS_FAILED || reason != NULL);
        buf_append(payload, copy, out_len);
        mem_free(copy);
    }
    ws_decoder_close(decoder, 1000);
    ws_decoder_close(decoder, 1000);
    check_answers(&answers);
    ws_decoder_free(decoder);
    buf_free(&answers);
    return result;
}

static void fuzz_frames(const uint8_t *data, size_t size, size_t piece)
{
    struct buf whole = {0};
    struct buf cut = {0};
    enum ws_result a = decode(data, size, size > 0 ? size : 1, &whole);
    enum ws_result b = decode(data, size, piece, &cut);
    /* A frame that is refused may have been shown in part when it came in pieces; and wslay checks the text of a
     * close frame piece by piece. */
    size_t common = whole.len < cut.len ? whole.len : cut.len;
    assert(common == 0 || memcmp(whole.data, cut.data, common) == 0);
    assert(a != WS_OPEN || b != WS_OPEN || whole.len == cut.len);
    buf_free(&whole);
    buf_free(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == 0)
        fuzz_request(data + 1, size - 1);
    else
        fuzz_frames(data + 1, size - 1, data[0]);
    return 0;
}

/* Answers that come piece by piece.
 *
 * The HTTP thread takes from `out` what the socket takes. When all of it is with the client, the connection is suspended and
 * the pool makes the next piece: so the producer runs no faster than the client reads, and a stream costs one buffer. When
 * there is nothing yet, the request is parked until it is woken. */
#include "api/api_internal.h"

/* On the HTTP thread. */
static ssize_t take(void *cls, uint64_t position, char *to, size_t room)
{
    struct api_request *request = cls;
    struct api_stream *stream = &request->stream;
    (void)position;
    if (request->gone || stream->step == API_STREAM_FAIL)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t left = stream->out.len - stream->sent;
    if (left > 0) {
        size_t n = left < room ? left : room;
        memcpy(to, stream->out.data + stream->sent, n);
        stream->sent += n;
        return (ssize_t)n;
    }
    if (stream->step == API_STREAM_END)
        return MHD_CONTENT_READER_END_OF_STREAM;
    enum api_step step = stream->step;
    if (!exchange_suspend(request))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    request->phase = PHASE_STREAM;
    if (step == API_STREAM_WAIT)
        park(request, stream->ops->wait_ms > 0 ? stream->ops->wait_ms : API_PARK_MS_MAX);
    else
        park_submit(request, API_FIRST);
    return 0;
}

struct MHD_Response *stream_response(struct api_request *request)
{
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, API_STREAM_BYTES, take, request, NULL);
}

void stream_run(struct api_request *request)
{
    struct api_stream *stream = &request->stream;
    buf_reset(&stream->out);
    stream->sent = 0;
    stream->step = stream->ops->next(stream->state, &stream->out);
    if (stream->step == API_STREAM_WAIT && atomic_load(&request->api->stopping))
        stream->step = API_STREAM_END; /* nothing is missing from what it has */
    else if (stream->step == API_STREAM_MORE && atomic_load(&request->api->stopping))
        stream->step = API_STREAM_FAIL;
    if (stream->step == API_STREAM_WAIT && stream->out.len == 0)
        park(request, stream->ops->wait_ms > 0 ? stream->ops->wait_ms : API_PARK_MS_MAX);
    else
        exchange_resume(request);
}

void stream_close(struct api_request *request)
{
    struct api_stream *stream = &request->stream;
    if (!stream->open)
        return;
    stream->open = false;
    stream->ops->close(stream->state);
    buf_free(&stream->out);
}

void api_reply_stream(struct api_request *request, unsigned status, const char *content_type,
                      const struct api_stream_ops *ops, void *state)
{
    api_reply_header(request, "Content-Type", content_type);
    request->stream = (struct api_stream){.ops = ops, .state = state, .step = API_STREAM_MORE, .open = true};
    request->status = status;
    request->response = stream_response(request);
}

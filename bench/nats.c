/* A line is found, its words are split; a message is whole once its payload and the line end behind it are there.
 *
 * Reading goes through one scratch buffer for the whole program, which has one thread: a connection owns memory only
 * while an operation of it is incomplete (bench/stream_internal.h). */
#include "nats.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_BYTES    (64 * 1024) /* INFO is the longest one */
#define MESSAGE_MAX_BYTES (8 * 1024 * 1024)
#define WORDS_MAX         6
#define SCRATCH_BYTES     (1024 * 1024 + MESSAGE_MAX_BYTES)
#define ANSWER_LIMIT_MS   10000
#define STATUS_BEGIN      STR("NATS/1.0")

/* ---- parsing ---- */

static size_t split(struct str line, struct str *words)
{
    size_t count = 0;
    for (size_t at = 0; at < line.len;) {
        size_t from = at;
        while (at < line.len && line.data[at] != ' ' && line.data[at] != '\t')
            at++;
        if (at > from && count < WORDS_MAX)
            words[count++] = str_make(line.data + from, at - from);
        else if (at > from)
            return WORDS_MAX + 1;
        at++;
    }
    return count;
}

/* <subject> <sid> [reply] <sizes…>; what stands before is the word MSG or HMSG. */
static enum nats_op message(struct str line, bool with_headers, const uint8_t *body, size_t body_len,
                            struct nats_message *out)
{
    struct str words[WORDS_MAX];
    uint64_t total, head = 0;
    size_t sizes = with_headers ? 2 : 1;
    size_t count = split(line, words);
    if ((count != 3 + sizes && count != 4 + sizes) || !str_to_u64(words[count - 1], &total, NULL) ||
        (with_headers && !str_to_u64(words[count - 2], &head, NULL)) || head > total ||
        total > MESSAGE_MAX_BYTES)
        return NATS_BAD;
    if (body_len < total + 2)
        return NATS_MORE;
    if (body[total] != '\r' || body[total + 1] != '\n')
        return NATS_BAD;
    out->subject = words[1];
    out->sid = words[2];
    out->reply = count == 4 + sizes ? words[3] : STR_NONE;
    out->headers = str_make(body, head);
    out->payload = str_make(body + head, total - head);
    out->total_bytes += total + 2;
    return NATS_MSG;
}

static bool word(struct str line, struct str name)
{
    return line.len >= name.len && str_equal_nocase(str_make(line.data, name.len), name) &&
           (line.len == name.len || line.data[name.len] == ' ' || line.data[name.len] == '\t');
}

enum nats_op nats_parse(const uint8_t *data, size_t len, struct nats_message *out)
{
    const uint8_t *end = memchr(data, '\n', len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES);
    *out = (struct nats_message){0};
    if (end == NULL)
        return len < LINE_MAX_BYTES ? NATS_MORE : NATS_BAD;
    if (end == data || end[-1] != '\r')
        return NATS_BAD;
    struct str line = str_make(data, (size_t)(end - data) - 1);
    size_t line_bytes = (size_t)(end - data) + 1;
    out->total_bytes = line_bytes;
    if (word(line, STR("MSG")))
        return message(line, false, end + 1, len - line_bytes, out);
    if (word(line, STR("HMSG")))
        return message(line, true, end + 1, len - line_bytes, out);
    if (word(line, STR("PING")))
        return NATS_PING;
    if (word(line, STR("PONG")))
        return NATS_PONG;
    if (word(line, STR("+OK")))
        return NATS_OK;
    bool info = word(line, STR("INFO"));
    if (!info && !word(line, STR("-ERR")))
        return NATS_BAD;
    out->payload = str_trim(str_make(line.data + 4, line.len - 4));
    return info ? NATS_INFO : NATS_ERR;
}

unsigned nats_status(struct str headers)
{
    unsigned status = 0;
    size_t at = STATUS_BEGIN.len + 1;
    if (!str_starts(headers, STATUS_BEGIN) || headers.len < at + 3 || headers.data[at - 1] != ' ')
        return 0;
    for (size_t i = at; i < at + 3; i++) {
        if (headers.data[i] < '0' || headers.data[i] > '9')
            return 0;
        status = status * 10 + (unsigned)(headers.data[i] - '0');
    }
    return status;
}

bool nats_header(struct str headers, struct str name, struct str *value)
{
    struct str rest = headers;
    for (struct str line; str_next(&rest, '\n', &line);) {
        struct str field = line;
        struct str found;
        if (str_next(&field, ':', &found) && field.data != NULL && str_equal_nocase(str_trim(found), name)) {
            *value = str_trim(field);
            return true;
        }
    }
    return false;
}

/* ---- a connection ---- */

static uint8_t scratch[SCRATCH_BYTES];

static bool wait_for(int fd, short events, int64_t end_ms, struct error *err)
{
    struct pollfd one = {fd, events, 0};
    int64_t left_ms = end_ms - clock_mono_ms();
    int ready = left_ms > 0 ? poll(&one, 1, (int)left_ms) : 0;
    if (ready > 0 || (ready < 0 && errno == EINTR))
        return true;
    return ready < 0 ? error_errno(err, errno, "cannot wait for the server")
                     : error_set(err, ERR_TIMEOUT, "the server does not answer");
}

bool nats_flush(struct nats *nats, struct error *err)
{
    if (nats->out.len == 0)
        return true;
    ssize_t sent = send(nats->fd, nats->out.data, nats->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        return error_errno(err, errno, "cannot send");
    if (sent > 0)
        buf_consume(&nats->out, (size_t)sent);
    return true;
}

bool nats_read(struct nats *nats, nats_each_fn *each, void *arg, struct error *err)
{
    size_t len;
    switch (stream_read(nats->fd, &nats->tail, scratch, sizeof scratch, &len)) {
    case STREAM_READ_NONE: return true;
    case STREAM_READ_END: return error_set(err, ERR_CLOSED, "the server closed a connection");
    case STREAM_READ_FAILED: return error_errno(err, errno, "cannot receive");
    case STREAM_READ_DATA: break;
    }
    size_t at = 0;
    while (at < len) {
        struct nats_message found;
        enum nats_op op = nats_parse(scratch + at, len - at, &found);
        if (op == NATS_MORE)
            break;
        if (op == NATS_BAD)
            return error_set(err, ERR_PROTOCOL, "the server does not speak NATS");
        if (op == NATS_ERR)
            return error_set(err, ERR_PROTOCOL, "the server says %.*s", STR_ARG(found.payload));
        if (op == NATS_PING)
            buf_append_str(&nats->out, STR("PONG\r\n"));
        else if (!each(arg, op, &found, err))
            return false;
        at += found.total_bytes;
    }
    stream_keep(&nats->tail, scratch + at, len - at);
    return true;
}

struct greeting {
    bool info;
    bool pong;
};

static bool on_greeting(void *arg, enum nats_op op, const struct nats_message *found, struct error *err)
{
    struct greeting *greeting = arg;
    (void)found;
    (void)err;
    greeting->info = greeting->info || op == NATS_INFO;
    greeting->pong = greeting->pong || op == NATS_PONG;
    return true;
}

bool nats_open(struct nats *nats, const struct stream_address *address, const char *name, struct error *err)
{
    struct greeting greeting = {0};
    int64_t end_ms = clock_mono_ms() + ANSWER_LIMIT_MS;
    *nats = (struct nats){.fd = stream_connect(address, 0, err)};
    if (nats->fd < 0 || !wait_for(nats->fd, POLLOUT, end_ms, err) ||
        !stream_connected(nats->fd, address, err))
        return false;
    bool greeted = false;
    while (!greeting.pong) {
        if (!wait_for(nats->fd, POLLIN, end_ms, err) || !nats_read(nats, on_greeting, &greeting, err))
            return false;
        if (greeting.info && !greeted) {
            buf_printf(
                &nats->out,
                "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,"
                "\"protocol\":1,\"lang\":\"c\",\"version\":\"%s\",\"name\":\"%s\"}\r\nPING\r\n",
                VARVE_VERSION, name);
            greeted = true;
        }
        if (!nats_flush(nats, err))
            return false;
    }
    return true;
}

void nats_close(struct nats *nats)
{
    if (nats->fd >= 0)
        close(nats->fd);
    nats->fd = -1;
    stream_tail_free(&nats->tail);
    buf_free(&nats->out);
}

struct waiting {
    struct buf *answer;
    bool answered;
};

static bool on_answer(void *arg, enum nats_op op, const struct nats_message *found, struct error *err)
{
    struct waiting *waiting = arg;
    if (op != NATS_MSG || waiting->answered)
        return true;
    if (nats_status(found->headers) == 503) {
        error_set(err, ERR_NOT_FOUND, "nobody answers");
        return error_hint(err, "is JetStream on?");
    }
    buf_append_str(waiting->answer, found->payload);
    waiting->answered = true;
    return true;
}

bool nats_request(struct nats *nats, const char *subject, const char *body, struct buf *answer,
                  struct error *err)
{
    struct waiting waiting = {answer, false};
    uint64_t inbox = random_u64();
    int64_t end_ms = clock_mono_ms() + ANSWER_LIMIT_MS;
    buf_printf(&nats->out, "SUB _INBOX.%016llx 1\r\nUNSUB 1 1\r\nPUB %s _INBOX.%016llx %zu\r\n%s\r\n",
               (unsigned long long)inbox, subject, (unsigned long long)inbox, strlen(body), body);
    while (!waiting.answered) {
        if (!nats_flush(nats, err) || !wait_for(nats->fd, POLLIN, end_ms, err) ||
            !nats_read(nats, on_answer, &waiting, err))
            return error_wrap(err, "%s", subject);
    }
    return true;
}

/* The opening handshake of a WebSocket.
 *
 *     GET /mqtt HTTP/1.1                                HTTP/1.1 101 Switching Protocols
 *     Host: …                                           Upgrade: websocket
 *     Upgrade: websocket                        ─▶      Connection: Upgrade
 *     Connection: keep-alive, Upgrade                   Sec-WebSocket-Accept: base64(SHA-1(key + GUID))
 *     Sec-WebSocket-Version: 13                         Sec-WebSocket-Protocol: mqtt
 *     Sec-WebSocket-Key: 16 bytes in base64
 *     Sec-WebSocket-Protocol: mqtt
 *
 * The request is read again from its start when more of it comes: it is short, and comes whole as a rule. */
#include "net/ws_internal.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>

static int64_t refuse(struct ws_request *out, unsigned status, const char *reason)
{
    out->status = status;
    out->reason = reason;
    return -1;
}

/* What counts of the header lines, while they are read. */
struct fields {
    bool upgrade;
    bool connection;
    struct str version;
    bool offers_protocols;
};

static struct str trim(struct str text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Cuts a line, without its CR LF, off the front of *rest. False: there is a LF without CR. */
static bool next_line(struct str *rest, struct str *line)
{
    const char *end = memchr(rest->data, '\n', rest->len);
    assert(end != NULL); /* the caller has found the empty line at the end */
    size_t len = (size_t)(end - rest->data);
    if (len == 0 || end[-1] != '\r')
        return false;
    *line = str_make(rest->data, len - 1);
    *rest = str_make(end + 1, rest->len - len - 1);
    return memchr(line->data, '\r', line->len) == NULL;
}

static bool list_has(struct str list, const char *token)
{
    struct str piece;
    while (str_next(&list, ',', &piece)) {
        if (str_equal_nocase(trim(piece), str_of(token)))
            return true;
    }
    return false;
}

/* The first one of the client's list that is ours. */
static void choose_protocol(struct str list, struct ws_request *out)
{
    struct str piece;
    while (out->protocol == NULL && str_next(&list, ',', &piece)) {
        if (str_is(trim(piece), "mqtt")) {
            out->protocol = "mqtt";
        } else if (str_is(trim(piece), "mqttv3.1")) {
            out->protocol = "mqttv3.1";
        }
    }
}

static bool is_token(struct str text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return text.len > 0;
}

/* Returns why the line is refused, or NULL. */
static const char *take_field(struct str line, struct fields *fields, struct ws_request *out)
{
    const char *colon = memchr(line.data, ':', line.len);
    if (colon == NULL)
        return "a header line has no colon";
    struct str name = str_make(line.data, (size_t)(colon - line.data));
    struct str value = trim(str_make(colon + 1, line.len - name.len - 1));
    if (!is_token(name))
        return "a header line has no name";
    if (str_equal_nocase(name, STR("Host"))) {
        if (out->host.data != NULL)
            return "more than one Host";
        out->host = value;
    } else if (str_equal_nocase(name, STR("Origin"))) {
        if (out->origin.data != NULL)
            return "more than one Origin";
        out->origin = value;
    } else if (str_equal_nocase(name, STR("Upgrade"))) {
        fields->upgrade = fields->upgrade || list_has(value, "websocket");
    } else if (str_equal_nocase(name, STR("Connection"))) {
        fields->connection = fields->connection || list_has(value, "upgrade");
    } else if (str_equal_nocase(name, STR("Sec-WebSocket-Version"))) {
        if (fields->version.data != NULL)
            return "more than one Sec-WebSocket-Version";
        fields->version = value;
    } else if (str_equal_nocase(name, STR("Sec-WebSocket-Key"))) {
        if (out->key.data != NULL)
            return "more than one Sec-WebSocket-Key";
        out->key = value;
    } else if (str_equal_nocase(name, STR("Sec-WebSocket-Protocol"))) {
        fields->offers_protocols = true;
        choose_protocol(value, out);
    }
    return NULL;
}

static bool key_is_good(struct str key)
{
    uint8_t bytes[32];
    return key.len == 24 && base64_decode(key, bytes, false) == 16;
}

static int64_t parse_request_line(struct str line, const char *path, struct ws_request *out)
{
    struct str method;
    struct str target;
    struct str version;
    if (!str_next(&line, ' ', &method) || !str_next(&line, ' ', &target) || !str_next(&line, ' ', &version) ||
        line.data != NULL || !is_token(method) || target.len == 0)
        return refuse(out, 400, "the request line is not METHOD PATH HTTP/1.1");
    if (!str_is(version, "HTTP/1.1"))
        return refuse(out, 400, "the request is not HTTP/1.1");
    if (!str_is(method, "GET"))
        return refuse(out, 405, "the method is not GET");
    const char *query = memchr(target.data, '?', target.len);
    if (query != NULL)
        target.len = (size_t)(query - target.data);
    if (!str_is(target, path))
        return refuse(out, 404, "no WebSocket at this path");
    return 0;
}

static int64_t check_fields(const struct fields *fields, struct ws_request *out)
{
    if (out->host.data == NULL)
        return refuse(out, 400, "no Host");
    if (!fields->upgrade)
        return refuse(out, 426, "no \"Upgrade: websocket\"");
    if (!fields->connection)
        return refuse(out, 400, "no \"Connection: Upgrade\"");
    if (!str_is(fields->version, "13"))
        return refuse(out, 426, "Sec-WebSocket-Version is not 13");
    if (!key_is_good(out->key))
        return refuse(out, 400, "Sec-WebSocket-Key is not 16 bytes in base64");
    if (fields->offers_protocols && out->protocol == NULL)
        return refuse(out, 400, "Sec-WebSocket-Protocol does not offer mqtt");
    return 0;
}

/* Finds the end of the request. 0: not there yet; -1: these bytes are no HTTP. */
static int64_t find_end(const uint8_t *data, size_t len, struct ws_request *out)
{
    size_t look = len < WS_REQUEST_BYTES_MAX ? len : WS_REQUEST_BYTES_MAX;
    for (size_t i = 0; i < look; i++) {
        uint8_t c = data[i];
        if ((c < 0x20 && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
            return refuse(out, 400, "the request is not HTTP");
        if (c == '\n' && i >= 3 && memcmp(data + i - 3, "\r\n\r\n", 4) == 0)
            return (int64_t)i + 1;
    }
    return look == WS_REQUEST_BYTES_MAX ? refuse(out, 431, "the request is longer than 8192 bytes") : 0;
}

int64_t ws_request_parse(const uint8_t *data, size_t len, const char *path, struct ws_request *out)
{
    memset(out, 0, sizeof *out);
    int64_t total = find_end(data, len, out);
    if (total <= 0)
        return total;
    struct str rest = str_make(data, (size_t)total);
    struct str line;
    if (!next_line(&rest, &line))
        return refuse(out, 400, "a line does not end with CR LF");
    if (parse_request_line(line, path, out) < 0)
        return -1;
    struct fields fields = {0};
    for (;;) {
        if (!next_line(&rest, &line))
            return refuse(out, 400, "a line does not end with CR LF");
        if (line.len == 0)
            break;
        const char *reason = take_field(line, &fields, out);
        if (reason != NULL)
            return refuse(out, 400, reason);
    }
    return check_fields(&fields, out) < 0 ? -1 : total;
}

/* ---- Answers --------------------------------------------------------------------------------------------- */

static void accept_value(struct str key, char out[BASE64_BYTES(20)])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[64 + sizeof guid];
    assert(key.len <= 64);
    memcpy(text, key.data, key.len);
    memcpy(text + key.len, guid, sizeof guid - 1);
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    int done = EVP_Digest(text, key.len + sizeof guid - 1, digest, &digest_len, EVP_sha1(), NULL);
    assert(done == 1 && digest_len == 20);
    (void)done;
    base64_encode(digest, 20, out, false);
}

size_t ws_accept_text(const struct ws_request *request, char out[WS_ANSWER_BYTES])
{
    char accept[BASE64_BYTES(20)];
    accept_value(request->key, accept);
    const char *protocol = request->protocol;
    int len = snprintf(out, WS_ANSWER_BYTES,
                       "HTTP/1.1 101 Switching Protocols\r\n"
                       "Upgrade: websocket\r\n"
                       "Connection: Upgrade\r\n"
                       "Sec-WebSocket-Accept: %s\r\n"
                       "%s%s%s\r\n",
                       accept, protocol != NULL ? "Sec-WebSocket-Protocol: " : "",
                       protocol != NULL ? protocol : "", protocol != NULL ? "\r\n" : "");
    return (size_t)len;
}

size_t ws_refuse_text(const struct ws_request *request, char out[WS_ANSWER_BYTES])
{
    const char *title = "Bad Request";
    const char *extra = "";
    switch (request->status) {
    case 403: title = "Forbidden"; break;
    case 404: title = "Not Found"; break;
    case 405:
        title = "Method Not Allowed";
        extra = "Allow: GET\r\n";
        break;
    case 426:
        title = "Upgrade Required";
        extra = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        break;
    case 431: title = "Request Header Fields Too Large"; break;
    default: break;
    }
    int len = snprintf(out, WS_ANSWER_BYTES,
                       "HTTP/1.1 %u %s\r\n"
                       "%s"
                       "Content-Type: text/plain\r\n"
                       "Content-Length: %zu\r\n"
                       "Connection: %sclose\r\n\r\n"
                       "%s\n",
                       request->status, title, extra, strlen(request->reason) + 1,
                       request->status == 426 ? "Upgrade, " : "", request->reason);
    return (size_t)len;
}

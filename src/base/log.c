/* One line an event, built on the stack and written with one write(2): logging needs no memory and waits for no lock.
 *
 * A value is cut after VALUE_BYTES with an ellipsis. A field that does not fit in the line any more is left out
 * and the line ends with truncated=true. Values are escaped as in JSON strings, so no value can begin a line of its
 * own or a field of its own: a text value stands bare only if it consists of harmless characters.
 *
 * The last lines are kept in memory as well, where that is wished for: log_ring.c.
 *
 * A line that the file descriptor does not take (it is full and non-blocking, or broken) is dropped: a broker
 * does not stop for its log. */
#include "base/log.h"

#include "base/clock.h"
#include "base/log_ring.h"
#include "base/utf8_internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_BYTES  8192
#define VALUE_BYTES 1024
#define END_BYTES   32 /* kept free for the end of the line */

/* Settings: each is read alone, so relaxed order does. */
static atomic_int current_level = LOG_LEVEL_INFO;
static atomic_int current_format = LOG_FORMAT_TEXT;
static atomic_int current_fd = 2;

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_ERROR] = "error",
};

struct line {
    size_t len;
    bool json;
    bool full; /* an append did not fit since the last field began */
    bool truncated;
    char data[LINE_BYTES];
};

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

void log_set_format(enum log_format format)
{
    atomic_store_explicit(&current_format, (int)format, memory_order_relaxed);
}

void log_set_fd(int fd)
{
    atomic_store_explicit(&current_fd, fd, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&current_level, memory_order_relaxed);
}

bool log_level_parse(struct str text, enum log_level *out, struct error *err)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (str_equal_nocase(text, str_of(level_names[i]))) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return error_set(err, ERR_INVALID, "'%.*s' is not a log level: debug, info, warning or error",
                     text.len > 40 ? 40 : (int)text.len, text.len != 0 ? text.data : "");
}

static void put(struct line *line, const void *data, size_t len)
{
    if (len > LINE_BYTES - END_BYTES - line->len) {
        line->full = true;
        return;
    }
    memcpy(line->data + line->len, data, len);
    line->len += len;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* The text with everything escaped that could end it or its line. */
static void put_escaped(struct line *line, struct str text)
{
    const uint8_t *at = (const uint8_t *)text.data;
    for (size_t left = text.len; left != 0;) {
        size_t used = json_plain_bytes(at, left);
        if (used != 0) {
            put(line, at, used);
        } else {
            char form[JSON_CHAR_BYTES];
            size_t form_len;
            used = json_put_char(at, left, form, &form_len);
            put(line, form, form_len);
        }
        at += used;
        left -= used;
    }
}

/* True if the text needs no quotes in a text line. */
static bool is_bare(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return text.len != 0;
}

static void put_value(struct line *line, struct str text)
{
    bool cut = text.len > VALUE_BYTES;
    if (cut) {
        text.len = VALUE_BYTES;
        while (text.len > VALUE_BYTES - 4 && ((unsigned char)text.data[text.len] & 0xc0) == 0x80)
            text.len--;
    }
    if (!line->json && !cut && is_bare(text)) {
        put(line, text.data, text.len);
        return;
    }
    put_text(line, "\"");
    put_escaped(line, text);
    put_text(line, cut ? "\xe2\x80\xa6\"" : "\"");
}

static void put_key(struct line *line, const char *key)
{
    put_text(line, line->json ? ",\"" : " ");
    put_text(line, key);
    put_text(line, line->json ? "\":" : "=");
}

static void put_text_field(struct line *line, const char *key, struct str text)
{
    put_key(line, key);
    put_value(line, text);
}

static void put_error(struct line *line, const char *key, const struct error *error)
{
    if (error == NULL)
        return;
    put_text_field(line, key, str_of(error->text));
    put_text_field(line, "error_code", str_of(error_code_name(error->code)));
    if (error->hint[0] != '\0')
        put_text_field(line, "hint", str_of(error->hint));
}

/* Puts the field in whole, or not at all. */
static void put_field(struct line *line, const struct log_field *field)
{
    size_t start = line->len;
    char number[24];
    line->full = false;
    switch (field->kind) {
    case LOG_FIELD_END: break;
    case LOG_FIELD_STR: put_text_field(line, field->key, field->value.text); break;
    case LOG_FIELD_INT:
        put_key(line, field->key);
        snprintf(number, sizeof number, "%" PRId64, field->value.integer);
        put_text(line, number);
        break;
    case LOG_FIELD_UINT:
        put_key(line, field->key);
        snprintf(number, sizeof number, "%" PRIu64, field->value.natural);
        put_text(line, number);
        break;
    case LOG_FIELD_ERROR: put_error(line, field->key, field->value.error); break;
    }
    if (line->full) {
        line->len = start;
        line->truncated = true;
    }
}

static void put_head(struct line *line, enum log_level level, const char *event)
{
    char time[CLOCK_TEXT_BYTES];
    clock_format(clock_wall_ms(), time);
    put_text(line, line->json ? "{\"time\":\"" : "");
    put_text(line, time);
    put_text(line, line->json ? "\",\"level\":\"" : " ");
    put_text(line, level_names[level]);
    put_text(line, line->json ? "\",\"event\":\"" : " ");
    struct str text = str_of(event);
    if (text.len > VALUE_BYTES)
        text.len = VALUE_BYTES;
    put_escaped(line, text);
    put_text(line, line->json ? "\"" : "");
}

/* Room for this is kept free by put(). */
static void end_line(struct line *line)
{
    static const char *const ends[2][2] = {{"\n", " truncated=true\n"}, {"}\n", ",\"truncated\":true}\n"}};
    const char *end = ends[line->json][line->truncated];
    assert(strlen(end) <= END_BYTES);
    memcpy(line->data + line->len, end, strlen(end));
    line->len += strlen(end);
}

static void write_line(const struct line *line)
{
    int fd = atomic_load_explicit(&current_fd, memory_order_relaxed);
    for (size_t done = 0; done < line->len;) {
        ssize_t put_bytes = write(fd, line->data + done, line->len - done);
        if (put_bytes < 0 && errno != EINTR)
            return;
        if (put_bytes > 0)
            done += (size_t)put_bytes;
    }
}

void log_write(enum log_level level, const char *event, ...)
{
    int saved_errno = errno;
    struct line line;
    line.len = 0;
    line.full = false;
    line.truncated = false;
    line.json = atomic_load_explicit(&current_format, memory_order_relaxed) == LOG_FORMAT_JSON;
    put_head(&line, level, event);
    va_list args;
    va_start(args, event);
    for (;;) {
        struct log_field field = va_arg(args, struct log_field);
        if (field.kind == LOG_FIELD_END)
            break;
        put_field(&line, &field);
    }
    va_end(args);
    end_line(&line);
    write_line(&line);
    log_ring_put(level, str_make(line.data, line.len - 1));
    errno = saved_errno;
}

/* One line an event, to standard error: `2026-11-21T09:00:00.123Z info client connected client_id=a port=1883`,
 * or the same as a JSON object. Values are quoted where they need it; secrets are never passed in.
 *
 *     LOG_INFO("client connected", LOG_STR("client_id", id), LOG_INT("port", port));
 *
 * A value is cut after 1024 bytes; a line holds 8192, a field that does not fit is left out and truncated=true
 * ends the line. A line that the descriptor does not take is dropped. Thread: any; a line is written with one write(2). */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"
#include "base/str.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
    enum { LOG_FIELD_END, LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_UINT, LOG_FIELD_ERROR } kind;
    const char *key;
    union {
        struct str text;
        int64_t integer;
        uint64_t natural;
        const struct error *error;
    } value;
};

#define LOG_TEXT(k, v)  ((struct log_field){LOG_FIELD_STR, (k), {.text = str_of(v)}}) /* const char * */
#define LOG_STR(k, v)   ((struct log_field){LOG_FIELD_STR, (k), {.text = (v)}})       /* struct str */
#define LOG_INT(k, v)   ((struct log_field){LOG_FIELD_INT, (k), {.integer = (v)}})
#define LOG_UINT(k, v)  ((struct log_field){LOG_FIELD_UINT, (k), {.natural = (v)}})
/* Gives error, error_code and, if there is one, hint. */
#define LOG_ERROR_OF(e) ((struct log_field){LOG_FIELD_ERROR, "error", {.error = (e)}})
#define LOG_END         ((struct log_field){LOG_FIELD_END, NULL, {.integer = 0}})

#define LOG_AT(level, ...)                          \
    do {                                            \
        if (log_enabled(level))                     \
            log_write(level, __VA_ARGS__, LOG_END); \
    } while (0)
#define LOG_DEBUG(...)   LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(...)    LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARNING(...) LOG_AT(LOG_LEVEL_WARNING, __VA_ARGS__)
#define LOG_ERROR(...)   LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

void log_set_level(enum log_level level); /* at any time */
void log_set_format(enum log_format format);
void log_set_fd(int fd); /* default 2 */
bool log_enabled(enum log_level level);
bool log_level_parse(struct str text, enum log_level *out, struct error *err); /* debug info warning error */

/* event: a few words in lower case, then struct log_field values, LOG_END last. Use the macros. */
void log_write(enum log_level level, const char *event, ...);

#endif

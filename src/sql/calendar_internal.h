/* Points in time, and the texts that people write for them: RFC 3339, and formats such as '%Y-%m-%d %H:%M:%S'.
 *
 * The proleptic Gregorian calendar, years 0 to 9999. Nothing depends on the locale; only the offset 'local' depends on
 * the time zone of the process. */
#ifndef SQL_CALENDAR_INTERNAL_H
#define SQL_CALENDAR_INTERNAL_H

#include "sql/value.h"

struct instant {
    int64_t seconds;     /* since 1970-01-01T00:00:00Z */
    int32_t nanoseconds; /* 0 … 999999999, also before 1970 */
};

/* The time of the system, or of the fake clock. */
struct instant instant_now(void);

/* How many of the unit 'second', 'millisecond', 'microsecond' or 'nanosecond' make a second. Errors: ERR_INVALID. */
bool unit_parse(struct str name, int64_t *per_second, struct error *err);

/* From and to a count of units since 1970; what is finer than the unit is cut off, towards the past.
 * Errors: ERR_INVALID (before the year 0 or after 9999). */
bool instant_from(sql_int128 count, int64_t per_second, struct instant *out, struct error *err);
sql_int128 instant_count(struct instant at, int64_t per_second);

/* An offset from UTC, in seconds: 'Z', '+08:00', '-0530', '+08:00:30', '+080030', or 'local' (see below).
 * Errors: ERR_INVALID. */
struct offset {
    bool local;      /* that of the process, which depends on the date */
    int32_t seconds; /* east of Greenwich; not used if local */
};

bool offset_parse(struct str text, struct offset *out, struct error *err);
int32_t offset_at(struct offset offset, struct instant at);

/* The text for a format: %Y %m %d %H %M %S, %N (9 digits of the second's fraction) %3N %6N, %z (+0800) %:z (+08:00)
 * %::z (+08:00:00); anything else stands for itself. Appends at most bytes_max bytes.
 * Errors: ERR_LIMIT; ERR_INVALID (a date of the offset is out of range). */
bool instant_format(struct buf *buf, struct instant at, int32_t offset, struct str format, size_t bytes_max,
                    struct error *err);

/* The reverse. The text needs all of year, month, day, hour, minute and second; a character of the format that stands
 * for itself takes any one character; what the text has beyond the format does not matter. `offset` holds unless the text
 * has one. Errors: ERR_INVALID. */
bool instant_scan(struct str text, struct str format, struct offset offset, struct instant *out,
                  struct error *err);

/* RFC 3339 with as many digits of the fraction as the unit has. Errors: ERR_INVALID. */
bool instant_rfc3339(struct buf *buf, struct instant at, struct offset offset, int64_t per_second,
                     struct error *err);
bool instant_scan_rfc3339(struct str text, struct instant *out, struct error *err);

#endif

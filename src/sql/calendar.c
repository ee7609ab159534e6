/* Dates to seconds and back, formats, and offsets from UTC.
 *
 * A year counts from March in the conversion, so that the leap day is its last day; an era is the 400 years after which
 * the calendar repeats. The offset 'local' of a date is found in two steps, since it depends on the instant that is
 * looked for: the offset at the instant that the date would be in UTC, then the one at the instant that results. Of the
 * hour that occurs twice in autumn it is therefore the second one. */
#include "sql/calendar_internal.h"

#include "base/clock.h"

#include <time.h>

#define SECONDS_PER_DAY     INT64_C(86400)
#define NANOS_PER_SECOND    INT64_C(1000000000)
#define DAYS_PER_ERA        146097
#define DAYS_BEFORE_1970    719468                  /* from 0000-03-01 */
#define FIRST_SECOND        (-INT64_C(62167219200)) /* 0000-01-01T00:00:00 */
#define LAST_SECOND         INT64_C(253402300799)   /* 9999-12-31T23:59:59 */
#define QUOTED_BYTES_MAX    40                      /* of a text that an error names */
#define QUOTE(text)         (int)((text).len < QUOTED_BYTES_MAX ? (text).len : QUOTED_BYTES_MAX), (text).data
#define FRACTION_DIGITS_MAX 9

struct date {
    int year, month, day, hour, minute, second;
};

/* --- Instants --------------------------------------------------------------------------------------- */

struct instant instant_now(void)
{
    int64_t wall_ns = clock_wall_ns();
    return (struct instant){wall_ns / NANOS_PER_SECOND, (int32_t)(wall_ns % NANOS_PER_SECOND)};
}

bool unit_parse(struct str name, int64_t *per_second, struct error *err)
{
    static const struct {
        const char *name;
        int64_t per_second;
    } units[] = {
        {"second", 1}, {"millisecond", 1000}, {"microsecond", 1000000}, {"nanosecond", NANOS_PER_SECOND}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (str_is(name, units[i].name)) {
            *per_second = units[i].per_second;
            return true;
        }
    }
    return error_set(
        err, ERR_INVALID,
        "'%.*s' is no unit of time: it must be 'second', 'millisecond', 'microsecond' or 'nanosecond'",
        QUOTE(name));
}

static bool check_range(sql_int128 seconds, struct error *err)
{
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND)
        return error_set(err, ERR_INVALID, "the time is not between the years 0 and 9999");
    return true;
}

bool instant_from(sql_int128 count, int64_t per_second, struct instant *out, struct error *err)
{
    sql_int128 seconds = count / per_second;
    int64_t rest = (int64_t)(count % per_second);
    if (rest < 0) {
        seconds--;
        rest += per_second;
    }
    if (!check_range(seconds, err))
        return false;
    *out = (struct instant){(int64_t)seconds, (int32_t)(rest * (NANOS_PER_SECOND / per_second))};
    return true;
}

sql_int128 instant_count(struct instant at, int64_t per_second)
{
    return (sql_int128)at.seconds * per_second + at.nanoseconds / (NANOS_PER_SECOND / per_second);
}

/* --- Dates ------------------------------------------------------------------------------------------ */

static int64_t seconds_of(struct date date)
{
    int64_t y = date.month > 2 ? date.year : date.year - 1;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    int64_t days = era * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_1970;
    return days * SECONDS_PER_DAY + (date.hour * 60 + date.minute) * INT64_C(60) + date.second;
}

/* Of an instant within the range. */
static struct date date_of(int64_t seconds)
{
    int64_t since_era = seconds + DAYS_BEFORE_1970 * SECONDS_PER_DAY + DAYS_PER_ERA * SECONDS_PER_DAY;
    int64_t days = since_era / SECONDS_PER_DAY - DAYS_PER_ERA; /* from 0000-03-01 */
    int rest = (int)(since_era % SECONDS_PER_DAY);
    int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (int)((5 * day_of_year + 2) / 153);
    struct date date = {.hour = rest / 3600, .minute = rest / 60 % 60, .second = rest % 60};
    date.day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    date.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    date.year = (int)(era * 400 + year_of_era) + (date.month <= 2);
    return date;
}

static bool date_valid(struct date date)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (date.month < 1 || date.month > 12 || date.hour > 23 || date.minute > 59 || date.second > 59)
        return false;
    bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
    return date.day >= 1 && date.day <= days[date.month - 1] + (date.month == 2 && leap);
}

/* --- Offsets ---------------------------------------------------------------------------------------- */

/* Takes exactly `digits` decimal digits off the front. */
static bool take_number(struct str *text, size_t digits, int *out)
{
    if (text->len < digits)
        return false;
    int value = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = text->data[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    text->data += digits;
    text->len -= digits;
    *out = value;
    return true;
}

static bool take_char(struct str *text, char c)
{
    if (text->len == 0 || text->data[0] != c)
        return false;
    text->data++;
    text->len--;
    return true;
}

/* "Z", or a sign and `parts` numbers of two digits, with colons between them or not. */
static bool take_offset(struct str *text, int parts, bool colons, int32_t *seconds)
{
    struct str rest = *text;
    *seconds = 0;
    if (take_char(&rest, 'Z') || take_char(&rest, 'z')) {
        *text = rest;
        return true;
    }
    bool west = take_char(&rest, '-');
    if (!west && !take_char(&rest, '+'))
        return false;
    int part[3] = {0};
    for (int i = 0; i < parts; i++) {
        if (i > 0 && colons && !take_char(&rest, ':'))
            return false;
        if (!take_number(&rest, 2, &part[i]))
            return false;
    }
    if (part[0] > 23 || part[1] > 59 || part[2] > 59)
        return false;
    *seconds = ((part[0] * 60 + part[1]) * 60 + part[2]) * (west ? -1 : 1);
    *text = rest;
    return true;
}

bool offset_parse(struct str text, struct offset *out, struct error *err)
{
    *out = (struct offset){.local = str_is(text, "local")};
    if (out->local)
        return true;
    for (int parts = 2; parts <= 3; parts++) {
        for (int colons = 0; colons <= 1; colons++) {
            struct str rest = text;
            if (take_offset(&rest, parts, colons == 1, &out->seconds) && rest.len == 0)
                return true;
        }
    }
    return error_set(err, ERR_INVALID, "'%.*s' is no offset from UTC such as '+08:00', 'Z' or 'local'",
                     QUOTE(text));
}

int32_t offset_at(struct offset offset, struct instant at)
{
    if (!offset.local)
        return offset.seconds;
    time_t seconds = (time_t)at.seconds;
    struct tm date;
    return localtime_r(&seconds, &date) != NULL ? (int32_t)date.tm_gmtoff : 0;
}

/* --- Formats ---------------------------------------------------------------------------------------- */

enum part {
    PART_YEAR,
    PART_MONTH,
    PART_DAY,
    PART_HOUR,
    PART_MINUTE,
    PART_SECOND,
    PART_FRACTION,
    PART_OFFSET,
    PART_TEXT
};

struct directive {
    enum part part;
    uint8_t digits;  /* of a number */
    uint8_t numbers; /* PART_OFFSET: 2 or 3 */
    bool colons;     /* PART_OFFSET */
    char text;       /* PART_TEXT: the character */
};

/* Takes the next directive, or the character that stands for itself, off the front of a format that is not empty. */
static struct directive next_directive(struct str *format)
{
    static const struct {
        const char *text;
        struct directive directive;
    } known[] = {
        {"%Y", {PART_YEAR, .digits = 4}},
        {"%m", {PART_MONTH, .digits = 2}},
        {"%d", {PART_DAY, .digits = 2}},
        {"%H", {PART_HOUR, .digits = 2}},
        {"%M", {PART_MINUTE, .digits = 2}},
        {"%S", {PART_SECOND, .digits = 2}},
        {"%N", {PART_FRACTION, .digits = 9}},
        {"%3N", {PART_FRACTION, .digits = 3}},
        {"%6N", {PART_FRACTION, .digits = 6}},
        {"%z", {PART_OFFSET, .numbers = 2}},
        {"%:z", {PART_OFFSET, .numbers = 2, .colons = true}},
        {"%::z", {PART_OFFSET, .numbers = 3, .colons = true}},
    };
    for (size_t i = 0; format->data[0] == '%' && i < sizeof known / sizeof known[0]; i++) {
        struct str text = str_of(known[i].text);
        if (str_starts(*format, text)) {
            *format = str_make(format->data + text.len, format->len - text.len);
            return known[i].directive;
        }
    }
    struct directive itself = {.part = PART_TEXT, .text = format->data[0]};
    *format = str_make(format->data + 1, format->len - 1);
    return itself;
}

static int power_of_10(int exponent)
{
    int power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

static void append_offset(struct buf *buf, int32_t offset, struct directive directive)
{
    int32_t seconds = offset < 0 ? -offset : offset;
    const char *colon = directive.colons ? ":" : "";
    buf_printf(buf, "%c%02d%s%02d", offset < 0 ? '-' : '+', seconds / 3600, colon, seconds / 60 % 60);
    if (directive.numbers == 3)
        buf_printf(buf, "%s%02d", colon, seconds % 60);
}

static void append_part(struct buf *buf, struct directive directive, const struct date *date,
                        int32_t nanoseconds, int32_t offset)
{
    int value = 0;
    switch (directive.part) {
    case PART_TEXT: buf_append_byte(buf, (uint8_t)directive.text); return;
    case PART_OFFSET: append_offset(buf, offset, directive); return;
    case PART_YEAR: value = date->year; break;
    case PART_MONTH: value = date->month; break;
    case PART_DAY: value = date->day; break;
    case PART_HOUR: value = date->hour; break;
    case PART_MINUTE: value = date->minute; break;
    case PART_SECOND: value = date->second; break;
    case PART_FRACTION: value = nanoseconds / power_of_10(FRACTION_DIGITS_MAX - directive.digits); break;
    }
    buf_printf(buf, "%0*d", directive.digits, value);
}

bool instant_format(struct buf *buf, struct instant at, int32_t offset, struct str format, size_t bytes_max,
                    struct error *err)
{
    int64_t local = at.seconds + offset;
    if (!check_range(local, err))
        return false;
    struct date date = date_of(local);
    size_t start = buf->len;
    while (format.len != 0) {
        append_part(buf, next_directive(&format), &date, at.nanoseconds, offset);
        if (buf->len - start > bytes_max)
            return error_set(err, ERR_LIMIT, "the formatted date is longer than %zu bytes", bytes_max);
    }
    return true;
}

/* What a text holds, as far as it has been read. */
struct scanned {
    struct date date;
    unsigned seen; /* bits by enum part */
    int32_t nanoseconds;
    int32_t offset;
};

static bool scan_part(struct str *text, struct directive directive, struct scanned *scanned)
{
    int number = 0;
    if (directive.part == PART_TEXT) {
        if (text->len == 0)
            return false;
        *text = str_make(text->data + 1, text->len - 1);
        return true;
    }
    scanned->seen |= 1U << directive.part;
    if (directive.part == PART_OFFSET)
        return take_offset(text, directive.numbers, directive.colons, &scanned->offset);
    if (!take_number(text, directive.digits, &number))
        return false;
    switch (directive.part) {
    case PART_YEAR: scanned->date.year = number; break;
    case PART_MONTH: scanned->date.month = number; break;
    case PART_DAY: scanned->date.day = number; break;
    case PART_HOUR: scanned->date.hour = number; break;
    case PART_MINUTE: scanned->date.minute = number; break;
    case PART_SECOND: scanned->date.second = number; break;
    case PART_FRACTION:
        scanned->nanoseconds = number * power_of_10(FRACTION_DIGITS_MAX - directive.digits);
        break;
    case PART_OFFSET:
    case PART_TEXT: break;
    }
    return true;
}

/* The instant of a date that a text or an offset of its own says where it is meant. */
static struct instant place(const struct scanned *scanned, struct offset offset)
{
    struct instant at = {seconds_of(scanned->date), scanned->nanoseconds};
    if ((scanned->seen & 1U << PART_OFFSET) != 0)
        offset = (struct offset){.seconds = scanned->offset};
    struct instant near = {at.seconds - offset_at(offset, at), 0};
    at.seconds -= offset_at(offset, near);
    return at;
}

bool instant_scan(struct str text, struct str format, struct offset offset, struct instant *out,
                  struct error *err)
{
    const unsigned needed = 1U << PART_YEAR | 1U << PART_MONTH | 1U << PART_DAY | 1U << PART_HOUR |
                            1U << PART_MINUTE | 1U << PART_SECOND;
    struct str rest = text, rest_of_format = format;
    struct scanned scanned = {0};
    while (rest_of_format.len != 0) {
        if (!scan_part(&rest, next_directive(&rest_of_format), &scanned))
            return error_set(err, ERR_INVALID, "'%.*s' does not have the format '%.*s'", QUOTE(text),
                             QUOTE(format));
    }
    if ((scanned.seen & needed) != needed)
        return error_set(err, ERR_INVALID, "the format '%.*s' must have all of %%Y %%m %%d %%H %%M %%S",
                         QUOTE(format));
    if (!date_valid(scanned.date))
        return error_set(err, ERR_INVALID, "there is no date and time '%.*s'", QUOTE(text));
    struct instant at = place(&scanned, offset);
    if (!check_range(at.seconds, err))
        return false;
    *out = at;
    return true;
}

/* --- RFC 3339 --------------------------------------------------------------------------------------- */

bool instant_rfc3339(struct buf *buf, struct instant at, struct offset offset, int64_t per_second,
                     struct error *err)
{
    struct str format = per_second == 1         ? STR("%Y-%m-%dT%H:%M:%S%:z")
                        : per_second == 1000    ? STR("%Y-%m-%dT%H:%M:%S.%3N%:z")
                        : per_second == 1000000 ? STR("%Y-%m-%dT%H:%M:%S.%6N%:z")
                                                : STR("%Y-%m-%dT%H:%M:%S.%N%:z");
    return instant_format(buf, at, offset_at(offset, at), format, SIZE_MAX, err);
}

static bool scan_fraction(struct str *text, struct scanned *scanned)
{
    if (!take_char(text, '.'))
        return true;
    int digit, weight = power_of_10(FRACTION_DIGITS_MAX - 1);
    if (!take_number(text, 1, &digit))
        return false;
    do {
        scanned->nanoseconds += digit * weight;
        weight /= 10;
    } while (take_number(text, 1, &digit));
    return true;
}

bool instant_scan_rfc3339(struct str text, struct instant *out, struct error *err)
{
    static const char format[] = "%Y-%m-%dT%H:%M:%S";
    struct str rest = text, rest_of_format = STR(format);
    struct scanned scanned = {.seen = 1U << PART_OFFSET};
    bool well = true;
    while (well && rest_of_format.len != 0) {
        struct directive directive = next_directive(&rest_of_format);
        bool mark_is_free =
            directive.text == 'T' && rest.len != 0 && (rest.data[0] == 't' || rest.data[0] == ' ');
        if (directive.part == PART_TEXT && !mark_is_free)
            well = take_char(&rest, directive.text);
        else
            well = scan_part(&rest, directive, &scanned);
    }
    if (!well || !scan_fraction(&rest, &scanned) || !take_offset(&rest, 2, true, &scanned.offset) ||
        rest.len != 0 || !date_valid(scanned.date)) {
        return error_set(err, ERR_INVALID, "'%.*s' is no RFC 3339 time such as '2026-11-21T09:00:00.5+08:00'",
                         QUOTE(text));
    }
    struct instant at = place(&scanned, (struct offset){0});
    if (!check_range(at.seconds, err))
        return false;
    *out = at;
    return true;
}

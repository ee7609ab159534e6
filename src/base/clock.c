/* Time from the system, or standing still for a test; and RFC 3339.
 *
 * Days and dates are converted here and not by gmtime_r, which takes a lock of the whole process for each line
 * of the log. A year counts from March in the conversion, so that the leap day is its last day. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define MS_PER_DAY       INT64_C(86400000)
#define DAYS_PER_ERA     146097 /* 400 years */
#define DAYS_BEFORE_1970 719468 /* from 0000-03-01 */

/* The values are published by `faked`: release in clock_fake_set, acquire in the readers. */
static atomic_bool faked;
static _Atomic int64_t fake_wall_ms;
static _Atomic int64_t fake_mono_ns;

static int64_t system_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_mono_ns(void)
{
    if (__builtin_expect(atomic_load_explicit(&faked, memory_order_acquire), 0))
        return atomic_load_explicit(&fake_mono_ns, memory_order_relaxed);
    return system_ns(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void)
{
    return clock_mono_ns() / 1000000;
}

int64_t clock_wall_ns(void)
{
    if (__builtin_expect(atomic_load_explicit(&faked, memory_order_acquire), 0))
        return atomic_load_explicit(&fake_wall_ms, memory_order_relaxed) * 1000000;
    return system_ns(CLOCK_REALTIME);
}

int64_t clock_wall_ms(void)
{
    return clock_wall_ns() / 1000000;
}

void clock_fake_set(int64_t wall_ms, int64_t mono_ns)
{
    atomic_store_explicit(&fake_wall_ms, wall_ms, memory_order_relaxed);
    atomic_store_explicit(&fake_mono_ns, mono_ns, memory_order_relaxed);
    atomic_store_explicit(&faked, true, memory_order_release);
}

void clock_fake_advance_ms(int64_t ms)
{
    atomic_fetch_add_explicit(&fake_wall_ms, ms, memory_order_relaxed);
    atomic_fetch_add_explicit(&fake_mono_ns, ms * 1000000, memory_order_relaxed);
}

void clock_fake_stop(void)
{
    atomic_store_explicit(&faked, false, memory_order_release);
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar; month 1 to 12. */
static int64_t days_of_date(int64_t year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t month_from_march = (month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_1970;
}

static void date_of_days(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t z = days + DAYS_BEFORE_1970;
    int64_t era = (z >= 0 ? z : z - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = z - era * DAYS_PER_ERA;
    /* 1460, 36524 and 146096: the last days of 4, 100 and 400 years, which are one day longer than their rule. */
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *year = era * 400 + year_of_era + (*month <= 2);
}

void clock_format(int64_t wall_ms, char *out)
{
    int64_t days = wall_ms / MS_PER_DAY;
    int64_t rest = wall_ms % MS_PER_DAY;
    if (rest < 0) {
        days--;
        rest += MS_PER_DAY;
    }
    int64_t year;
    int month, day;
    date_of_days(days, &year, &month, &day);
    int ms = (int)(rest % 1000);
    int second = (int)(rest / 1000);
    /* Years of more than four digits carry a sign (ISO 8601); the longest int64 fits. */
    const char *format = year >= 0 && year <= 9999 ? "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ"
                                                   : "%+05lld-%02d-%02dT%02d:%02d:%02d.%03dZ";
    snprintf(out, CLOCK_TEXT_BYTES, format, (long long)year, month, day, second / 3600, second / 60 % 60,
             second % 60, ms);
}

/* Takes exactly `digits` decimal digits off the front. */
static bool take_number(struct str *text, int digits, int *out)
{
    if (text->len < (size_t)digits)
        return false;
    int value = 0;
    for (int i = 0; i < digits; i++) {
        char c = text->data[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    text->data += digits;
    text->len -= (size_t)digits;
    *out = value;
    return true;
}

/* Takes one character that is in `allowed`. */
static bool take_char(struct str *text, const char *allowed, char *out)
{
    if (text->len == 0 || text->data[0] == '\0' || strchr(allowed, text->data[0]) == NULL)
        return false;
    *out = text->data[0];
    text->data++;
    text->len--;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool take_date(struct str *text, int64_t *ms)
{
    int year, month, day;
    char dash;
    if (!take_number(text, 4, &year) || !take_char(text, "-", &dash) || !take_number(text, 2, &month) ||
        !take_char(text, "-", &dash) || !take_number(text, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    *ms = days_of_date(year, month, day) * MS_PER_DAY;
    return true;
}

/* hh:mm:ss with any fraction, of which milliseconds are kept. Second 60, a leap second, is the next minute's 0. */
static bool take_time(struct str *text, int64_t *ms)
{
    int hour, minute, second;
    char mark;
    if (!take_number(text, 2, &hour) || !take_char(text, ":", &mark) || !take_number(text, 2, &minute) ||
        !take_char(text, ":", &mark) || !take_number(text, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    *ms = ((hour * 60 + minute) * 60 + second) * INT64_C(1000);
    if (!take_char(text, ".", &mark))
        return true;
    int digit;
    if (!take_number(text, 1, &digit))
        return false;
    int64_t weight = 100;
    do {
        *ms += digit * weight;
        weight /= 10;
    } while (take_number(text, 1, &digit));
    return true;
}

static bool take_offset(struct str *text, int64_t *ms)
{
    char sign, colon;
    *ms = 0;
    if (take_char(text, "Zz", &sign))
        return true;
    int hour, minute;
    if (!take_char(text, "+-", &sign) || !take_number(text, 2, &hour) || !take_char(text, ":", &colon) ||
        !take_number(text, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *ms = (hour * 60 + minute) * INT64_C(60000) * (sign == '-' ? -1 : 1);
    return true;
}

bool clock_parse(struct str text, int64_t *wall_ms, struct error *err)
{
    if (str_to_i64(text, wall_ms, NULL))
        return true;
    struct str rest = text;
    int64_t date_ms, time_ms, offset_ms;
    char mark;
    if (take_date(&rest, &date_ms) && take_char(&rest, "Tt ", &mark) && take_time(&rest, &time_ms) &&
        take_offset(&rest, &offset_ms) && rest.len == 0) {
        *wall_ms = date_ms + time_ms - offset_ms;
        return true;
    }
    return error_set(
        err, ERR_INVALID,
        "'%.*s' is not a time such as 2026-11-21T09:00:00Z, nor a number of milliseconds since 1970",
        text.len > 60 ? 60 : (int)text.len, text.len != 0 ? text.data : "");
}

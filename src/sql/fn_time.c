/* Dates and times. A time is an integer, the count of a unit since 1970-01-01T00:00:00Z; the unit is 'second' unless
 * another one is named. */
#include "sql/calendar_internal.h"
#include "sql/fn_internal.h"

#define OFFSET_MAX INT64_C(1000000000) /* seconds, in an offset that is an integer */

static const struct offset local_offset = {.local = true};

/* Argument i as a unit, if there are so many arguments. */
static bool arg_unit(const struct sql_value *args, size_t count, size_t i, int64_t *per_second,
                     struct error *err)
{
    struct str name;
    *per_second = 1;
    return i >= count || (sql_arg_string(args, i, &name, err) && unit_parse(name, per_second, err));
}

/* A string, seconds, or undefined for UTC. */
static bool arg_offset(const struct sql_value *args, size_t i, struct offset *out, struct error *err)
{
    int64_t seconds = 0;
    if (args[i].type == SQL_STRING)
        return offset_parse(sql_str_of(&args[i]), out, err);
    if (args[i].type != SQL_UNDEFINED && args[i].type != SQL_INT)
        return sql_arg_error(args, i, "an offset such as '+08:00', or seconds", err);
    if (args[i].type == SQL_INT && !sql_arg_int_range(args, i, -OFFSET_MAX, OFFSET_MAX, &seconds, err))
        return false;
    *out = (struct offset){.seconds = (int32_t)seconds};
    return true;
}

static bool arg_instant(const struct sql_value *args, size_t i, int64_t per_second, struct instant *out,
                        struct error *err)
{
    sql_int128 count;
    return sql_arg_int(args, i, &count, err) && instant_from(count, per_second, out, err);
}

static bool give_count(struct sql_call *call, struct instant at, int64_t per_second, struct sql_value *out,
                       struct error *err)
{
    return sql_make_int(call->scope, instant_count(at, per_second), out, err);
}

static bool give_rfc3339(struct sql_call *call, struct instant at, int64_t per_second, struct sql_value *out,
                         struct error *err)
{
    bool built = instant_rfc3339(&call->scope->scratch, at, local_offset, per_second, err);
    return sql_scratch_end(call->scope, built, out, err);
}

SQL_FUNCTION(run_now_timestamp)
{
    int64_t per_second;
    return arg_unit(args, count, 0, &per_second, err) &&
           give_count(call, instant_now(), per_second, out, err);
}

SQL_FUNCTION(run_now_rfc3339)
{
    int64_t per_second;
    return arg_unit(args, count, 0, &per_second, err) &&
           give_rfc3339(call, instant_now(), per_second, out, err);
}

SQL_FUNCTION(run_unix_ts_to_rfc3339)
{
    int64_t per_second;
    struct instant at;
    return arg_unit(args, count, 1, &per_second, err) && arg_instant(args, 0, per_second, &at, err) &&
           give_rfc3339(call, at, per_second, out, err);
}

SQL_FUNCTION(run_rfc3339_to_unix_ts)
{
    int64_t per_second;
    struct str text;
    struct instant at;
    return arg_unit(args, count, 1, &per_second, err) && sql_arg_string(args, 0, &text, err) &&
           instant_scan_rfc3339(text, &at, err) && give_count(call, at, per_second, out, err);
}

SQL_FUNCTION(run_format_date)
{
    int64_t per_second;
    struct offset offset = {0};
    struct str format;
    struct instant at = {0};
    if (!arg_unit(args, count, 0, &per_second, err) || !arg_offset(args, 1, &offset, err) ||
        !sql_arg_string(args, 2, &format, err) || (count > 3 && !arg_instant(args, 3, per_second, &at, err)))
        return false;
    if (count == 3)
        at = instant_now();
    bool built =
        instant_format(&call->scope->scratch, at, offset_at(offset, at), format, sql_room(call->scope), err);
    return sql_scratch_end(call->scope, built, out, err);
}

SQL_FUNCTION(run_date_to_unix_ts)
{
    int64_t per_second;
    struct offset offset = {0};
    struct str format, text;
    struct instant at;
    if (!arg_unit(args, count, 0, &per_second, err) || (count == 4 && !arg_offset(args, 1, &offset, err)) ||
        !sql_arg_string(args, count - 2, &format, err) || !sql_arg_string(args, count - 1, &text, err))
        return false;
    return instant_scan(text, format, offset, &at, err) && give_count(call, at, per_second, out, err);
}

SQL_FUNCTION(run_timezone_to_offset_seconds)
{
    struct offset offset = {0};
    if (!arg_offset(args, 0, &offset, err))
        return false;
    *out = sql_int(offset_at(offset, instant_now()));
    return true;
}

#define DATE_FORMAT                                                                                      \
    "%Y %m %d %H %M %S, %3N %6N %N (3, 6 or 9 digits of the second's fraction) and %z %:z %::z (+0800, " \
    "+08:00, "                                                                                           \
    "+08:00:00)"

static const struct sql_function rows[] = {
    SQL_ROW("now_timestamp", 0, 1, SQL_CATEGORY_DATE, "[unit]",
            "the time: units since 1970; the unit is 'second' (the default), 'millisecond', 'microsecond' or "
            "'nanosecond'",
            "now_timestamp('millisecond')", NULL, run_now_timestamp),
    SQL_ROW("now_rfc3339", 0, 1, SQL_CATEGORY_DATE, "[unit]",
            "the time in RFC 3339 with the offset of the broker's time zone, to the unit", "now_rfc3339()",
            NULL, run_now_rfc3339),
    SQL_ROW("unix_ts_to_rfc3339", 1, 2, SQL_CATEGORY_DATE, "time[, unit]",
            "a time in RFC 3339 with the offset of the broker's time zone, to the unit",
            "unix_ts_to_rfc3339(1700000000123, 'millisecond')", NULL, run_unix_ts_to_rfc3339),
    SQL_ROW("rfc3339_to_unix_ts", 1, 2, SQL_CATEGORY_DATE, "text[, unit]",
            "the time that an RFC 3339 text tells; what is finer than the unit is cut off",
            "rfc3339_to_unix_ts('2023-11-14T22:13:20.5Z', 'millisecond')", "1700000000500",
            run_rfc3339_to_unix_ts),
    SQL_ROW("format_date", 3, 4, SQL_CATEGORY_DATE, "unit, offset, format[, time]",
            "a time, or the present, at an offset from UTC ('Z', '+08:00', 'local', or seconds) in a format "
            "with " DATE_FORMAT,
            "format_date('second', '+08:00', '%Y-%m-%d %H:%M:%S', 1700000000)", "\"2023-11-15 06:13:20\"",
            run_format_date),
    SQL_ROW("date_to_unix_ts", 3, 4, SQL_CATEGORY_DATE, "unit, [offset, ]format, text",
            "the time that a text of the format tells, which has %Y %m %d %H %M %S at least; at the offset, "
            "UTC unless "
            "given, if the text has none",
            "date_to_unix_ts('second', '%Y-%m-%d %H:%M:%S', '1970-01-01 00:01:00')", "60",
            run_date_to_unix_ts),
    SQL_ROW("timezone_to_offset_seconds", 1, 1, SQL_CATEGORY_DATE, "offset",
            "the seconds of an offset from UTC: 'Z', '+08:00', '+0800', '+08:00:00', or 'local'; an integer "
            "is itself, "
            "undefined is 0",
            "timezone_to_offset_seconds('+08:00')", "28800", run_timezone_to_offset_seconds),
    SQL_ROW("timezone_to_second", 1, 1, SQL_CATEGORY_DATE, "offset",
            "another name of timezone_to_offset_seconds", "timezone_to_second('-01:30')", "-5400",
            run_timezone_to_offset_seconds),
};

const struct sql_function_table sql_time_functions = SQL_FUNCTION_TABLE(rows);

/* A time as the keys of objects may name it: ${datetime.rfc3339utc}, ${datetime.local.hh}. It is a map, so that a template goes down
 * into it: {"rfc3339utc": …, "rfc3339": …, "unix": …, "YYYY": …, "utc": {"YYYY": …}, "local": {"YYYY": …}}. */
#include "sink/sink_internal.h"

#include <stdio.h>
#include <time.h>

/* How a part of a time is written; the bits say what it tells. */
enum { HAS_YEAR = 1, HAS_MONTH = 2, HAS_DAY = 4, HAS_HOUR = 8, HAS_MINUTE = 16, HAS_SECOND = 32 };
_Static_assert((HAS_YEAR | HAS_MONTH | HAS_DAY | HAS_HOUR | HAS_MINUTE | HAS_SECOND) == DATETIME_TELLS_ALL,
               "every part");
static const struct part {
    const char *name;
    const char *format; /* of strftime() */
    unsigned tells;
} parts[] = {
    {"YYYY", "%Y", HAS_YEAR},
    {"MM", "%m", HAS_MONTH},
    {"DD", "%d", HAS_DAY},
    {"hh", "%H", HAS_HOUR},
    {"mm", "%M", HAS_MINUTE},
    {"ss", "%S", HAS_SECOND},
    {"DOY", "%j", HAS_MONTH | HAS_DAY},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

struct clause {
    struct sql_scope *scope;
    struct error *err;
};

static bool put_time(const struct clause *clause, struct sql_map_builder *map, const char *name,
                     const struct tm *tm, const char *format)
{
    char text[64];
    struct sql_value value;
    strftime(text, sizeof(text), format, tm);
    for (char *at = text; *at != '\0'; at++)
        *at = *at == ':' ? '_' : *at;
    return sql_make_string(clause->scope, str_of(text), &value, clause->err) &&
           sql_map_put(map, str_of(name), value, clause->err);
}

static bool put_parts(const struct clause *clause, struct sql_map_builder *map, const struct tm *tm)
{
    for (size_t i = 0; i < PARTS; i++) {
        if (!put_time(clause, map, parts[i].name, tm, parts[i].format))
            return false;
    }
    return true;
}

bool datetime_make(struct sql_scope *scope, int64_t time_ms, struct sql_value *out, struct error *err)
{
    const struct clause clause = {scope, err};
    char text[32], offset[16];
    struct tm utc, local;
    struct sql_value unix_s;
    time_t time_s = (time_t)(time_ms / 1000);
    gmtime_r(&time_s, &utc);
    localtime_r(&time_s, &local);
    strftime(offset, sizeof(offset), "%z", &local); /* +0200 */
    snprintf(text, sizeof(text), "%%Y-%%m-%%dT%%H:%%M:%%S%.3s:%.2s", offset, offset + 3);
    struct sql_map_builder all = sql_map_begin(scope), utc_parts = sql_map_begin(scope),
                           local_parts = sql_map_begin(scope);
    if (!put_time(&clause, &all, "rfc3339utc", &utc, "%Y-%m-%dT%H:%M:%SZ") ||
        !put_time(&clause, &all, "rfc3339", &local, text) || !sql_make_int(scope, time_s, &unix_s, err) ||
        !sql_map_put(&all, STR("unix"), unix_s, err) || !put_parts(&clause, &all, &utc) ||
        !put_parts(&clause, &utc_parts, &utc) || !put_parts(&clause, &local_parts, &local) ||
        !sql_map_put(&all, STR("utc"), sql_map_end(&utc_parts), err) ||
        !sql_map_put(&all, STR("local"), sql_map_end(&local_parts), err))
        return false;
    *out = sql_map_end(&all);
    return true;
}

/* Local time has an hour twice a year. */
unsigned datetime_tells(struct str form, bool *known)
{
    *known = true;
    if (str_is(form, "rfc3339utc") || str_is(form, "rfc3339") || str_is(form, "unix"))
        return DATETIME_TELLS_ALL;
    bool local = str_cut_front(&form, STR("local."));
    if (!local)
        str_cut_front(&form, STR("utc."));
    for (size_t i = 0; i < PARTS; i++) {
        if (str_is(form, parts[i].name))
            return local ? 0 : parts[i].tells;
    }
    *known = false;
    return 0;
}

/* Where reading starts, and filters that name a station.
 *
 *     $station/<name>[@<start>][/<filter>]
 *
 * The name ends at the first `@` or `/`, the start at the next `/`: a time has neither, whatever else is in it
 * (`time:2026-11-21T09:00:00+01:00`), and the topic filter begins behind.
 *
 * In a topic filter `+` is a wildcard and may not stand there, and in a query of HTTP it is a space: so the sign of a time
 * zone may be `%2B` or a space, too. */
#include "station/station_internal.h"

#include "base/clock.h"
#include "mqtt/topic.h"

#define ZONE_BYTES 6 /* "+hh:mm" */
#define TIME_BYTES 64

static bool time_parse(struct str text, int64_t *time_ms, struct error *err)
{
    char plain[TIME_BYTES];
    static const struct str signs[] = {{" ", 1}, {"%2B", 3}, {"%2b", 3}};
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        size_t tail = signs[i].len + ZONE_BYTES - 1;
        if (text.len <= tail || text.len >= sizeof(plain) ||
            memcmp(text.data + text.len - tail, signs[i].data, signs[i].len) != 0)
            continue;
        size_t head = text.len - tail;
        memcpy(plain, text.data, head);
        plain[head] = '+';
        memcpy(plain + head + 1, text.data + text.len - (ZONE_BYTES - 1), ZONE_BYTES - 1);
        return clock_parse(str_make(plain, head + ZONE_BYTES), time_ms, err);
    }
    return clock_parse(text, time_ms, err);
}

bool station_start_parse(struct str text, struct station_start *out, struct error *err)
{
    struct str rest = text;
    struct str kind;
    str_next(&rest, ':', &kind);
    *out = (struct station_start){.kind = START_LATEST};
    if (rest.data == NULL && (text.len == 0 || str_is(text, "latest")))
        return true;
    if (str_is(text, "earliest")) {
        out->kind = START_EARLIEST;
        return true;
    }
    if (rest.data != NULL && str_is(kind, "last") && str_to_u64(rest, &out->value, err)) {
        out->kind = START_LAST;
        return true;
    }
    if (rest.data != NULL && str_is(kind, "offset") && str_to_u64(rest, &out->value, err)) {
        out->kind = START_OFFSET;
        return true;
    }
    if (rest.data != NULL && str_is(kind, "time") && time_parse(rest, &out->time_ms, err)) {
        out->kind = START_TIME;
        return true;
    }
    error_set(err, ERR_INVALID, "\"%.*s\" is no start", (int)(text.len < 100 ? text.len : 100),
              text.len > 0 ? text.data : "");
    return error_hint(err, "earliest, latest, last:N, offset:N, time:<RFC 3339 or milliseconds>");
}

static size_t span_until(struct str text, const char *ends)
{
    size_t len = 0;
    while (len < text.len && strchr(ends, text.data[len]) == NULL)
        len++;
    return len;
}

bool station_filter_parse(struct str text, struct station_filter *out, struct error *err)
{
    *out = (struct station_filter){0};
    if (!str_starts(text, STATION_PREFIX))
        return error_set(err, ERR_INVALID, "not a filter of a station");
    struct str rest = str_make(text.data + STATION_PREFIX.len, text.len - STATION_PREFIX.len);
    if (memchr(text.data, '\0', text.len) != NULL)
        return error_set(err, ERR_INVALID, "a filter with U+0000");
    size_t len = span_until(rest, "@/");
    if (!station_name_parse(str_make(rest.data, len), out->name, err))
        return false;
    rest = str_make(rest.data + len, rest.len - len);
    if (rest.len > 0 && rest.data[0] == '@') {
        len = span_until(rest, "/");
        if (!station_start_parse(str_make(rest.data + 1, len - 1), &out->start, err))
            return false;
        out->has_start = true;
        rest = str_make(rest.data + len, rest.len - len);
    }
    if (rest.len == 0)
        return true;
    struct topic_filter filter;
    out->filter = str_make(rest.data + 1, rest.len - 1);
    if (!topic_filter_parse(out->filter, &filter) || filter.shared)
        return error_set(err, ERR_INVALID, "no topic filter behind the name of the station");
    return true;
}

uint64_t station_start_offset(const struct station_start *start, const struct log_bounds *bounds)
{
    uint64_t held = bounds->next - bounds->first;
    switch (start->kind) {
    case START_EARLIEST: return bounds->first;
    case START_LAST: return bounds->next - (start->value < held ? start->value : held);
    case START_OFFSET: return start->value > bounds->first ? start->value : bounds->first;
    case START_LATEST:
    case START_TIME: break; /* log_offset_of_time() knows, and may block */
    }
    return bounds->next;
}

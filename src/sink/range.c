/* Which rows of the buffer become one object, and what is remembered of it.
 *
 *     log:   ▓▓▓▓▓▓▓▓│ range: one object         │ the next one …
 *                    ▲ first                     ▲ next
 *
 * A range ends with its interval, at max_records, or once it has max_bytes. All of that follows from the log and from what is
 * kept in the catalog (kind "action_state"), written after each object and before the log is trimmed: so what is cut again
 * after a crash gets the key that it had. */
#include "base/log.h"
#include "catalog/catalog.h"
#include "sink/sink_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define KIND "action_state"

/* ---- Cutting --------------------------------------------------------------------------------------------- */

/* Intervals follow each other from the start of the former one on, and never begin before it. */
static int64_t start_of(const struct range_state *state, int64_t interval_ms, int64_t time_ms)
{
    if (state->start_ms == 0)
        return time_ms - time_ms % 1000;
    if (time_ms <= state->start_ms)
        return state->start_ms;
    return time_ms - (time_ms - state->start_ms) % interval_ms;
}

void range_begin(struct range *range, const struct range_state *state, const struct range_limits *limits,
                 uint64_t offset, int64_t time_ms)
{
    int64_t start_ms = start_of(state, limits->interval_ms, time_ms);
    *range = (struct range){
        .first = offset,
        .next = offset,
        .start_ms = start_ms,
        .until_ms = start_ms + limits->interval_ms,
        .sequence = start_ms == state->start_ms ? state->sequence : 0,
        .total = state->total,
    };
}

bool range_takes(const struct range *range, const struct range_limits *limits, int64_t time_ms)
{
    uint64_t records = range->next - range->first;
    return records == 0 || (!range_is_full(range, limits) && time_ms < range->until_ms);
}

bool range_is_full(const struct range *range, const struct range_limits *limits)
{
    return range->next - range->first >= limits->max_records || range->bytes >= limits->max_bytes ||
           range->buffer_bytes >= limits->max_buffer_bytes;
}

struct range_state range_state_behind(const struct range *range, const struct range_state *state)
{
    struct range_state behind = *state;
    behind.offset = range->next;
    behind.start_ms = range->start_ms;
    behind.sequence = range->sequence + 1;
    behind.total = range->total + 1;
    return behind;
}

/* ---- Remembering ----------------------------------------------------------------------------------------- */

struct sought {
    struct str id;
    struct range_state *state;
};

static bool is_it(const struct catalog_object *row, void *arg)
{
    struct sought *sought = arg;
    if (!str_equal(row->id, sought->id))
        return true;
    json_t *object = json_loadb(row->object.data, row->object.len, 0, NULL);
    sought->state->offset = (uint64_t)json_integer_value(json_object_get(object, "offset"));
    sought->state->start_ms = json_integer_value(json_object_get(object, "start_ms"));
    sought->state->sequence = (uint64_t)json_integer_value(json_object_get(object, "sequence"));
    sought->state->total = (uint64_t)json_integer_value(json_object_get(object, "total"));
    const char *writer = json_string_value(json_object_get(object, "writer"));
    snprintf(sought->state->writer, sizeof(sought->state->writer), "%s", writer != NULL ? writer : "");
    json_decref(object);
    return false;
}

bool range_state_load(struct sink *sink, struct range_state *out, struct error *err)
{
    struct sought sought = {.id = str_of(sink->id), .state = out};
    *out = (struct range_state){0};
    return catalog_object_each(sink->sinks->options.catalog, KIND, is_it, &sought, err);
}

bool range_state_save(struct sink *sink, const struct range_state *state, struct error *err)
{
    struct error why = {0};
    struct catalog *catalog = sink->sinks->options.catalog;
    json_t *object = json_pack("{s:I, s:I, s:I, s:I, s:s}", "offset", (json_int_t)state->offset, "start_ms",
                               (json_int_t)state->start_ms, "sequence", (json_int_t)state->sequence, "total",
                               (json_int_t)state->total, "writer", state->writer);
    char *text = json_dumps(object, JSON_COMPACT);
    const struct catalog_object row = {.id = str_of(sink->id), .object = str_of(text)};
    bool ok = catalog_object_update(catalog, KIND, &row, &why);
    if (!ok && why.code == ERR_NOT_FOUND)
        ok = catalog_object_create(catalog, KIND, &row, &why);
    if (!ok && err != NULL)
        *err = why;
    free(text);
    json_decref(object);
    return ok;
}

/* The log of an action begins anew; its objects are still there: so the numbers go on. */
bool range_state_restart(struct sink *sink, struct error *err)
{
    struct range_state state;
    if (!range_state_load(sink, &state, err))
        return false;
    state.offset = 0;
    state.writer[0] = '\0';
    return state.start_ms == 0 || range_state_save(sink, &state, err);
}

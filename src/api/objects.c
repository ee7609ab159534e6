/* See objects_internal.h. */
#include "api/objects_internal.h"

#include "api/connectors_internal.h"
#include "base/mem.h"

/* ---- Answers --------------------------------------------------------------------------------------------- */

void objects_refuse(struct api_request *request, const struct error *err, const char *exists)
{
    if (err->code == ERR_EXISTS)
        api_reply_error(request, 400, exists, "%s", err->text);
    else if (err->code == ERR_UNSUPPORTED || err->code == ERR_BUSY)
        api_reply_error(request, 400, "BAD_REQUEST", "%s", err->text);
    else
        api_reply_failure(request, err);
}

void objects_reply(struct api_request *request, bool ok, const struct error *err, const char *exists)
{
    if (ok)
        api_reply_none(request);
    else
        objects_refuse(request, err, exists);
}

bool objects_path_node(struct api_request *request)
{
    if (str_is(api_path(request, "node"), NODE_NAME))
        return true;
    api_reply_error(request, 404, "NOT_FOUND", "no node %.*s", STR_ARG(api_path(request, "node")));
    return false;
}

bool objects_path_enable(struct api_request *request, bool *enable)
{
    struct str text = api_path(request, "enable");
    *enable = str_is(text, "true");
    if (*enable || str_is(text, "false"))
        return true;
    api_reply_error(request, 400, "BAD_REQUEST", "enable: is true or false");
    return false;
}

/* ---- Trying ---------------------------------------------------------------------------------------------- */

void objects_reply_tried(struct api_request *request, const struct error *err)
{
    if (err->code == ERR_NONE)
        api_reply_none(request);
    else
        api_reply_error(request, 400, "TEST_FAILED", err->hint[0] != '\0' ? "%s (%s)" : "%s", err->text,
                        err->hint);
}

static void tried(const struct error *err, void *arg)
{
    finding_tell(arg, NULL, err);
    finding_unref(arg);
}

static void start_try(struct api_request *request, objects_try_fn *start)
{
    struct error err;
    struct finding *finding = finding_ref(finding_new(request));
    if (start(request, tried, finding, &err)) {
        api_park(request, API_PARK_MS_MAX);
        return;
    }
    finding_unref(finding);
    if (err.code == ERR_INVALID || err.code == ERR_BUSY || err.code == ERR_UNSUPPORTED)
        objects_refuse(request, &err, "BAD_REQUEST");
    else
        objects_reply_tried(request, &err);
}

void objects_try(struct api_request *request, objects_try_fn *start)
{
    struct error err;
    json_t *none;
    if (api_parked(request) == API_FIRST) {
        start_try(request, start);
        return;
    }
    if (!finding_take(api_state(request), &none, &err))
        error_set(&err, ERR_TIMEOUT, "the store does not answer");
    objects_reply_tried(request, &err);
}

/* ---- Figures --------------------------------------------------------------------------------------------- */

struct object_row {
    struct buf labels; /* {rule="hot"} */
    json_t *metrics;
};

void object_sheet_add(struct object_sheet *sheet, struct str id, json_t *metrics)
{
    if (metrics == NULL)
        return;
    sheet->rows = mem_realloc(sheet->rows, (sheet->row_count + 1) * sizeof(*sheet->rows));
    struct object_row *row = &sheet->rows[sheet->row_count++];
    *row = (struct object_row){.metrics = metrics};
    buf_append_byte(&row->labels, '{');
    api_metric_label(&row->labels, sheet->label, id);
    buf_append_byte(&row->labels, '}');
}

void object_sheet_write(struct object_sheet *sheet, struct buf *out)
{
    for (size_t f = 0; f < sheet->count; f++) {
        const struct object_figure *figure = &sheet->figures[f];
        api_metric(out, figure->name, figure->type, figure->help);
        for (size_t i = 0; i < sheet->row_count; i++) {
            const json_t *value = json_object_get(sheet->rows[i].metrics, figure->key);
            api_metric_value(out, figure->name, buf_cstr(&sheet->rows[i].labels),
                             (uint64_t)json_integer_value(value));
        }
    }
    for (size_t i = 0; i < sheet->row_count; i++) {
        json_decref(sheet->rows[i].metrics);
        buf_free(&sheet->rows[i].labels);
    }
    mem_free(sheet->rows);
    sheet->rows = NULL;
    sheet->row_count = 0;
}

/* The connectors' figures: state, requests by kind and outcome, bytes, as long as there are few enough to be labels. Those of
 * requests begin anew when a connector is changed. */
#include "api/connectors_internal.h"

#include "base/mem.h"

#define CONNECTORS_MAX 100

struct figure {
    char id[CONNECTOR_ID_MAX];
    bool connected;
    bool has_stats;
    struct object_stats stats;
};

struct figures {
    struct connectors *connectors;
    struct figure *list;
    size_t count;
};

static bool take_one(struct str id, void *arg)
{
    struct figures *figures = arg;
    struct figure *figure = &figures->list[figures->count];
    enum connector_status status;
    struct error why;
    if (!connectors_status(figures->connectors, id, &status, &why, NULL))
        return true;
    struct connector_store *store = connectors_take(figures->connectors, id, NULL);
    *figure = (struct figure){.connected = status == CONNECTOR_CONNECTED, .has_stats = store != NULL};
    snprintf(figure->id, sizeof(figure->id), "%.*s", STR_ARG(id));
    if (store != NULL)
        object_stats(store->objects, &figure->stats);
    connector_store_release(store);
    return ++figures->count < CONNECTORS_MAX;
}

/* {connector="…",label="value"}: label NULL: none. Returns *labels' text. */
static const char *labels_of(struct buf *labels, const struct figure *figure, const char *label,
                             const char *value)
{
    buf_reset(labels);
    buf_append_byte(labels, '{');
    api_metric_label(labels, "connector", str_of(figure->id));
    if (label != NULL) {
        buf_append_byte(labels, ',');
        api_metric_label(labels, label, str_of(value));
    }
    buf_append_byte(labels, '}');
    return buf_cstr(labels);
}

static void write_requests(const struct figures *figures, struct buf *out, struct buf *labels)
{
    static const char name[] = "varve_connector_requests_total";
    api_metric(out, name, "counter", "Requests to the store, by kind and outcome.");
    for (size_t i = 0; i < figures->count; i++) {
        for (int op = 0; figures->list[i].has_stats && op < OBJECT_OPS; op++) {
            const struct object_stats *stats = &figures->list[i].stats;
            labels_of(labels, &figures->list[i], "op", object_op_name((enum object_op)op));
            labels->len--;
            size_t len = labels->len;
            buf_append_str(labels, STR(",outcome=\"ok\"}"));
            api_metric_value(out, name, buf_cstr(labels), stats->ops[op].ok);
            labels->len = len;
            buf_append_str(labels, STR(",outcome=\"failed\"}"));
            api_metric_value(out, name, buf_cstr(labels), stats->ops[op].failed);
        }
    }
}

static uint64_t retries(const struct object_stats *stats, int op)
{
    return stats->ops[op].retries;
}

static uint64_t throttled(const struct object_stats *stats, int op)
{
    return stats->ops[op].throttled;
}

static void write_by_op(const struct figures *figures, const char *name, const char *help,
                        uint64_t (*of)(const struct object_stats *stats, int op), struct buf *out,
                        struct buf *labels)
{
    api_metric(out, name, "counter", help);
    for (size_t i = 0; i < figures->count; i++) {
        for (int op = 0; figures->list[i].has_stats && op < OBJECT_OPS; op++) {
            labels_of(labels, &figures->list[i], "op", object_op_name((enum object_op)op));
            api_metric_value(out, name, buf_cstr(labels), of(&figures->list[i].stats, op));
        }
    }
}

static void write_seconds(const struct figures *figures, struct buf *out, struct buf *labels)
{
    static const char name[] = "varve_connector_request_seconds_total";
    api_metric(out, name, "counter", "Time of requests from their start to their end, retries included.");
    for (size_t i = 0; i < figures->count; i++) {
        for (int op = 0; figures->list[i].has_stats && op < OBJECT_OPS; op++) {
            labels_of(labels, &figures->list[i], "op", object_op_name((enum object_op)op));
            api_metric_seconds(out, name, buf_cstr(labels), (double)figures->list[i].stats.ops[op].ms / 1000);
        }
    }
}

static void write_plain(const struct figures *figures, struct buf *out, struct buf *labels)
{
    static const struct {
        const char *name;
        const char *help;
        size_t offset;
    } gauges[] = {
        {"varve_connector_requests_in_flight", "Requests that the store is asked at this moment.",
         offsetof(struct object_stats, in_flight)},
        {"varve_connector_requests_queued", "Requests that wait for a connection.",
         offsetof(struct object_stats, queued)},
    };
    api_metric(out, "varve_connector_bytes_total", "counter", "Bytes of bodies, to the store and from it.");
    for (size_t i = 0; i < figures->count; i++) {
        const struct figure *figure = &figures->list[i];
        if (!figure->has_stats)
            continue;
        api_metric_value(out, "varve_connector_bytes_total", labels_of(labels, figure, "direction", "up"),
                         figure->stats.bytes_up);
        api_metric_value(out, "varve_connector_bytes_total", labels_of(labels, figure, "direction", "down"),
                         figure->stats.bytes_down);
    }
    for (size_t g = 0; g < LENGTH(gauges); g++) {
        api_metric(out, gauges[g].name, "gauge", gauges[g].help);
        for (size_t i = 0; i < figures->count; i++) {
            unsigned value;
            memcpy(&value, (const char *)&figures->list[i].stats + gauges[g].offset, sizeof(value));
            if (figures->list[i].has_stats)
                api_metric_value(out, gauges[g].name, labels_of(labels, &figures->list[i], NULL, NULL),
                                 value);
        }
    }
}

void connectors_metrics(struct buf *out, void *connectors)
{
    struct figures figures = {.connectors = connectors,
                              .list = mem_alloc(CONNECTORS_MAX * sizeof(struct figure))};
    struct buf labels = {0};
    connectors_each(connectors, take_one, &figures);
    api_metric(out, "varve_connector_connected", "gauge", "1 while the store answers.");
    for (size_t i = 0; i < figures.count; i++)
        api_metric_value(out, "varve_connector_connected", labels_of(&labels, &figures.list[i], NULL, NULL),
                         figures.list[i].connected);
    write_requests(&figures, out, &labels);
    write_by_op(&figures, "varve_connector_retries_total", "Attempts beyond the first.", retries, out,
                &labels);
    write_by_op(&figures, "varve_connector_throttled_total", "Answers that asked to slow down.", throttled,
                out, &labels);
    write_seconds(&figures, out, &labels);
    write_plain(&figures, out, &labels);
    buf_free(&labels);
    mem_free(figures.list);
}

/* GET /metrics: figures in Prometheus' text format, version 0.0.4. */
#include "api/api_internal.h"

#include "broker/broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

void api_metric(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void api_metric_value(struct buf *out, const char *name, const char *labels, uint64_t value)
{
    buf_printf(out, "%s%s %llu\n", name, labels != NULL ? labels : "", (unsigned long long)value);
}

void api_metric_seconds(struct buf *out, const char *name, const char *labels, double value)
{
    buf_printf(out, "%s%s %.6f\n", name, labels != NULL ? labels : "", value);
}

void api_metric_label(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (c == '\n')
            buf_append_str(out, STR("\\n"));
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else
            buf_append_byte(out, (uint8_t)c);
    }
    buf_append_byte(out, '"');
}

/* ---- The broker's ---------------------------------------------------------------------------------------- */

#define COUNTER(field, help)                                                   \
    {                                                                          \
        "varve_" #field, "counter", help, offsetof(struct broker_stats, field) \
    }
#define GAUGE(field, help)                                                   \
    {                                                                        \
        "varve_" #field, "gauge", help, offsetof(struct broker_stats, field) \
    }

static const struct metric {
    const char *name;
    const char *type;
    const char *help;
    size_t offset;
} metrics[] = {
    GAUGE(connections, "MQTT clients that are connected."),
    COUNTER(connections_total, "MQTT clients that have been let in."),
    GAUGE(sessions, "Sessions, connected or kept."),
    GAUGE(subscriptions, "Subscriptions, shared ones included."),
    GAUGE(shared_subscriptions, "Shared subscriptions."),
    GAUGE(retained, "Retained messages."),
    GAUGE(queued_messages, "Messages that wait for clients."),
    {"varve_messages_received_total", "counter", "PUBLISH packets of clients.",
     offsetof(struct broker_stats, messages_received)},
    {"varve_messages_sent_total", "counter", "PUBLISH packets to clients.",
     offsetof(struct broker_stats, messages_sent)},
    {"varve_messages_dropped_total", "counter",
     "Messages that clients did not get: full queues, expiry, size.",
     offsetof(struct broker_stats, messages_dropped)},
    {"varve_packets_received_total", "counter", "MQTT packets of clients.",
     offsetof(struct broker_stats, packets_received)},
    {"varve_received_bytes_total", "counter", "Bytes of MQTT packets of clients.",
     offsetof(struct broker_stats, bytes_received)},
    {"varve_sent_bytes_total", "counter", "Bytes of PUBLISH packets to clients.",
     offsetof(struct broker_stats, bytes_sent)},
    {"varve_authentication_failures_total", "counter", "Clients that were refused.",
     offsetof(struct broker_stats, auth_failures)},
    {"varve_authorization_denied_total", "counter", "PUBLISH and SUBSCRIBE that the rules denied.",
     offsetof(struct broker_stats, acl_denied)},
};

static void write_broker(struct buf *out, struct broker *broker)
{
    struct broker_stats stats;
    broker_stats(broker, &stats);
    for (size_t i = 0; i < LENGTH(metrics); i++) {
        uint64_t value;
        memcpy(&value, (const char *)&stats + metrics[i].offset, sizeof(value));
        api_metric(out, metrics[i].name, metrics[i].type, metrics[i].help);
        api_metric_value(out, metrics[i].name, NULL, value);
    }
    api_metric(out, "varve_uptime_seconds", "gauge", "Since the broker has started.");
    api_metric_value(out, "varve_uptime_seconds", NULL, (uint64_t)stats.uptime_s);
}

static void write_process(struct buf *out)
{
    struct rusage usage;
    FILE *statm = fopen("/proc/self/statm", "r");
    api_metric(out, "varve_build_info", "gauge", "Always 1; the version is a label.");
    api_metric_value(out, "varve_build_info", "{version=\"" VARVE_VERSION "\"}", 1);
    if (statm != NULL) {
        char line[200], *resident;
        if (fgets(line, sizeof(line), statm) != NULL && (resident = strchr(line, ' ')) != NULL) {
            api_metric(out, "varve_resident_memory_bytes", "gauge", "Resident memory of the process.");
            api_metric_value(out, "varve_resident_memory_bytes", NULL,
                             strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE));
        }
        fclose(statm);
    }
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        api_metric(out, "varve_cpu_seconds_total", "counter", "Processor time of the process.");
        api_metric_seconds(out, "varve_cpu_seconds_total", NULL,
                           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    }
}

static uint64_t load(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void write_http(struct buf *out, struct api *api)
{
    struct api_counters *counters = &api->counters;
    api_metric(out, "varve_http_requests_total", "counter", "HTTP requests, by class of their status.");
    for (unsigned class = 2; class < 6; class ++) {
        char labels[32];
        snprintf(labels, sizeof(labels), "{status=\"%uxx\"}", class);
        api_metric_value(out, "varve_http_requests_total", labels, load(&counters->requests[class]));
    }
    api_metric(out, "varve_http_unauthorized_total", "counter", "HTTP requests without or with wrong proof.");
    api_metric_value(out, "varve_http_unauthorized_total", NULL, load(&counters->refused));
    api_metric(out, "varve_http_busy_total", "counter", "HTTP requests refused because too many waited.");
    api_metric_value(out, "varve_http_busy_total", NULL, load(&counters->busy));
    pthread_mutex_lock(&api->wait_lock);
    unsigned connections = api->peer_count;
    size_t parked = api->parked.count;
    pthread_mutex_unlock(&api->wait_lock);
    api_metric(out, "varve_http_connections", "gauge", "HTTP connections that are open.");
    api_metric_value(out, "varve_http_connections", NULL, connections);
    api_metric(out, "varve_http_waiting_requests", "gauge", "HTTP requests that wait without a thread.");
    api_metric_value(out, "varve_http_waiting_requests", NULL, parked);
}

static void show(struct api_request *request)
{
    struct api *api = request->api;
    struct buf out = {0};
    write_process(&out);
    write_broker(&out, api->broker);
    write_http(&out, api);
    for (size_t i = 0; i < api->writer_count; i++)
        api->writers[i].write(&out, api->writers[i].context);
    api_reply_bytes(request, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
}

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/metrics",
     .handle = show,
     .access = API_PUBLIC,
     .figures = true,
     .summary = "Figures for Prometheus",
     .description = "Needs a key only with listeners.http.metrics_need_key.",
     .answer = "{'type':'string'}",
     .answer_type = "text/plain"},
    {.method = API_GET,
     .path = "/api/v5/prometheus/stats",
     .handle = show,
     .access = API_PUBLIC,
     .figures = true,
     .summary = "The same, where EMQX has it",
     .answer = "{'type':'string'}",
     .answer_type = "text/plain"},
};

const struct api_table metrics_table = {
    .tag = "Prometheus",
    .description = "Figures to be scraped",
    .routes = routes,
    .count = LENGTH(routes),
};

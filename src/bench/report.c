/* Results. The JSON names are an interface: bench/peers.sh and users' scripts read them. */
#include "report_internal.h"

#include "mqtt/mqtt.h"

static const double shares[] = {0.5, 0.99, 0.999};
static const char *const share_names[] = {"p50", "p99", "p999"};
static const char *const share_labels[] = {"p50", "p99", "p99.9"};

static double per_second(uint64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

static const char *latency_end(const struct bench_options *options)
{
    return options_ack_latency(options) ? "until it was acknowledged" : "until it came";
}

static const char *latency_base(const struct bench_options *options)
{
    return options->rate > 0 ? "due" : "sent";
}

static void load_json(struct buf *out, const struct bench_options *options, const struct load_result *result)
{
    buf_printf(out,
               "{\"pubs\":%u,\"subs\":%u,\"topics\":%u,\"qos\":%u,\"payload_bytes\":%u,\"rate\":%llu,"
               "\"tick_us\":%u,\"window\":%u,\"threads\":%u,\"version\":\"%s\",",
               options->pubs, options->subs, options->topics, options->qos, options->payload_bytes,
               (unsigned long long)options->rate, options->tick_us, options->window, options->threads,
               options->version == MQTT_5 ? "5" : "3.1.1");
    buf_printf(out,
               "\"seconds\":%.3f,\"generator_cpu_seconds\":%.3f,\"published\":%llu,\"delivered\":%llu,"
               "\"published_per_second\":%.0f,\"delivered_per_second\":%.0f,",
               result->seconds, result->cpu_seconds, (unsigned long long)result->published,
               (unsigned long long)result->delivered, per_second(result->published, result->seconds),
               per_second(result->delivered, result->seconds));
    buf_printf(out,
               "\"total_published\":%llu,\"total_delivered\":%llu,\"lost\":%llu,\"duplicates\":%llu,"
               "\"order_violations\":%llu,\"foreign\":%llu,\"refused\":%llu,\"unknown_acks\":%llu,"
               "\"unacked\":%llu,\"stalls\":%llu,",
               (unsigned long long)result->total_published, (unsigned long long)result->total_delivered,
               (unsigned long long)result->lost, (unsigned long long)result->duplicates,
               (unsigned long long)result->late, (unsigned long long)result->foreign,
               (unsigned long long)result->refused, (unsigned long long)result->unknown_acks,
               (unsigned long long)result->unacked, (unsigned long long)result->stalls);
    buf_printf(out, "\"latency_us\":{\"from\":\"%s\"", latency_base(options));
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++)
        buf_printf(out, ",\"%s\":%.1f", share_names[i],
                   (double)histogram_percentile(&result->latency, shares[i]) / 1e3);
    buf_printf(out, ",\"max\":%.1f}}\n", (double)result->latency.max / 1e3);
}

/* Rare counts appear only when there is something to say. */
void report_anomalies(struct buf *out, const struct load_result *result)
{
    const struct {
        uint64_t count;
        const char *text;
    } rows[] = {{result->foreign, "messages of somebody else"},
                {result->refused, "publications refused by the broker"},
                {result->unknown_acks, "acknowledgements of packet ids not in flight"},
                {result->unacked, "publications never acknowledged"},
                {result->stalls, "times a window stood still and was given up"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].count > 0)
            buf_printf(out, "            %llu %s\n", (unsigned long long)rows[i].count, rows[i].text);
    }
}

static void load_text(struct buf *out, const struct bench_options *options, const struct load_result *result)
{
    buf_printf(out, "published   %12.0f msg/s\n", per_second(result->published, result->seconds));
    buf_printf(out, "delivered   %12.0f msg/s\n", per_second(result->delivered, result->seconds));
    buf_printf(out, "lost        %12llu of %llu\n", (unsigned long long)result->lost,
               (unsigned long long)result->total_delivered + result->lost);
    buf_printf(out, "duplicates  %12llu\nout of order%12llu\n", (unsigned long long)result->duplicates,
               (unsigned long long)result->late);
    report_anomalies(out, result);
    buf_printf(out, "latency    ");
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++)
        buf_printf(out, " %s %.3f ms,", share_labels[i],
                   (double)histogram_percentile(&result->latency, shares[i]) / 1e6);
    buf_printf(out, " max %.3f ms (from the time a message was %s %s)\n", (double)result->latency.max / 1e6,
               latency_base(options), latency_end(options));
    buf_printf(out, "measured    %.1f s; the generator used %.1f s of processor time\n", result->seconds,
               result->cpu_seconds);
}

void report_load(struct buf *out, const struct bench_options *options, const struct load_result *result)
{
    if (options->json)
        load_json(out, options, result);
    else
        load_text(out, options, result);
}

static bool rss_known(const struct idle_result *result)
{
    return result->open > 0 && result->rss_before_bytes > 0 && result->rss_after_bytes > 0;
}

static double bytes_each(const struct idle_result *result)
{
    return ((double)result->rss_after_bytes - (double)result->rss_before_bytes) / result->open;
}

static void idle_text(struct buf *out, const struct idle_result *result)
{
    buf_printf(out, "open        %u connections, in %.2f s\n", result->open, result->connect_seconds);
    if (!rss_known(result)) {
        buf_printf(out, "memory      not known: give the broker's --pid\n");
        return;
    }
    buf_printf(out, "memory      %.1f MiB before, %.1f MiB after (process %lld)\n",
               (double)result->rss_before_bytes / 1048576, (double)result->rss_after_bytes / 1048576,
               (long long)result->pid);
    buf_printf(out, "each        %.0f bytes resident\n", bytes_each(result));
}

void report_idle(struct buf *out, const struct bench_options *options, const struct idle_result *result)
{
    if (!options->json) {
        idle_text(out, result);
        return;
    }
    buf_printf(out,
               "{\"idle\":%u,\"subscribed\":%s,\"open\":%u,\"connect_seconds\":%.3f,\"pid\":%lld,"
               "\"rss_before_bytes\":%llu,\"rss_after_bytes\":%llu,\"bytes_per_connection\":",
               options->idle, options->idle_subscribe ? "true" : "false", result->open,
               result->connect_seconds, (long long)result->pid, (unsigned long long)result->rss_before_bytes,
               (unsigned long long)result->rss_after_bytes);
    if (rss_known(result))
        buf_printf(out, "%.1f}\n", bytes_each(result));
    else
        buf_append_str(out, STR("null}\n"));
}

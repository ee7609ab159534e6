/* Results of `varve bench sink`. The JSON names are an interface: bench/sink.sh and users' scripts read them. */
#include "sink_internal.h"

#define MIB 1048576.0

static double rate(uint64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

static void sink_json(struct buf *out, const struct sink_options *options, const struct sink_result *result)
{
    const struct bench_options *load = &options->load;
    buf_printf(out,
               "{\"mode\":\"%s\",\"messages\":%llu,\"payload_bytes\":%u,\"pubs\":%u,\"qos\":%u,\"window\":%u,"
               "\"connections\":%u,\"seconds\":%.4f,\"stored\":%llu,\"stored_per_second\":%.0f,"
               "\"stored_bytes\":%llu,\"stored_megabytes_per_second\":%.1f,\"objects\":%llu,\"failed_"
               "uploads\":%llu,",
               sink_mode_name(options->mode), (unsigned long long)load->count, load->payload_bytes,
               load->pubs, load->qos, load->window, options->connections, result->seconds,
               (unsigned long long)result->stored, rate(result->stored, result->seconds),
               (unsigned long long)result->stored_bytes, rate(result->stored_bytes, result->seconds) / 1e6,
               (unsigned long long)result->objects, (unsigned long long)result->failed_uploads);
    buf_printf(out,
               "\"publish_seconds\":%.4f,\"acked\":%llu,\"acked_per_second\":%.0f,\"refused\":%llu,"
               "\"generator_cpu_seconds\":%.3f,\"queued\":%llu,\"queued_bytes\":%llu,\"latency_ms\":%.1f,"
               "\"broker_cpu_seconds\":%.2f,\"broker_rss_bytes\":%llu,\"broker_peak_bytes\":%llu}\n",
               result->load.seconds, (unsigned long long)result->load.acked,
               rate(result->load.acked, result->load.seconds), (unsigned long long)result->load.refused,
               result->load.cpu_seconds, (unsigned long long)result->queued,
               (unsigned long long)result->queued_bytes, result->latency_ms, result->broker_cpu_seconds,
               (unsigned long long)result->broker_rss_bytes, (unsigned long long)result->broker_peak_bytes);
}

static void sink_text(struct buf *out, const struct sink_options *options, const struct sink_result *result)
{
    buf_printf(out, "stored      %12.0f msg/s, %.1f MB/s, in %llu objects\n",
               rate(result->stored, result->seconds), rate(result->stored_bytes, result->seconds) / 1e6,
               (unsigned long long)result->objects);
    buf_printf(out, "acknowledged%12.0f msg/s; then %llu were in the buffer, %.1f MiB on disk\n",
               rate(result->load.acked, result->load.seconds), (unsigned long long)result->queued,
               (double)result->queued_bytes / MIB);
    if (result->failed_uploads > 0)
        buf_printf(out, "repeated    %12llu uploads\n", (unsigned long long)result->failed_uploads);
    if (result->broker_rss_bytes > 0) {
        buf_printf(out, "the broker  %12.2f s of processor time; %.1f MiB of memory, at most %.1f MiB\n",
                   result->broker_cpu_seconds, (double)result->broker_rss_bytes / MIB,
                   (double)result->broker_peak_bytes / MIB);
    }
    buf_printf(out,
               "measured    %12.2f s for %llu messages, %s; the generator used %.2f s of processor time\n",
               result->seconds, (unsigned long long)result->stored, sink_mode_name(options->mode),
               result->load.cpu_seconds);
}

void report_sink(struct buf *out, const struct sink_options *options, const struct sink_result *result)
{
    if (options->load.json)
        sink_json(out, options, result);
    else
        sink_text(out, options, result);
}

/* Results of `varve bench station`. The JSON names are an interface: bench/stations.sh and users' scripts read them. */
#include "report_internal.h"
#include "station_internal.h"

#include "mqtt/mqtt.h"

#include <stdlib.h>

#define MIB 1048576.0

static double rate(uint64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

static double megabytes(const struct station_options *options, uint64_t count, double seconds)
{
    return rate(count, seconds) * options->load.payload_bytes / 1e6;
}

static double percentile_us(const struct histogram *latency, double share)
{
    return (double)histogram_percentile(latency, share) / 1e3;
}

static void latency_json(struct buf *out, const struct histogram *latency)
{
    buf_printf(out, "\"latency_us\":{\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}",
               percentile_us(latency, 0.5), percentile_us(latency, 0.99), percentile_us(latency, 0.999),
               (double)latency->max / 1e3);
}

static void latency_text(struct buf *out, const char *what, const struct histogram *latency)
{
    buf_printf(out, "latency     p50 %.3f ms, p99 %.3f ms, p99.9 %.3f ms, max %.3f ms (%s)\n",
               percentile_us(latency, 0.5) / 1e3, percentile_us(latency, 0.99) / 1e3,
               percentile_us(latency, 0.999) / 1e3, (double)latency->max / 1e6, what);
}

/* ---- produce, consume, replay, groups ---- */

static double read_seconds(const struct station_options *options, const struct load_result *result)
{
    return options->load.fill ? result->read_seconds : result->seconds;
}

static void shares_json(struct buf *out, const struct station_options *options,
                        const struct load_result *result)
{
    buf_printf(out, "\"redelivered\":%llu,\"shares\":[", (unsigned long long)result->duplicates);
    for (uint32_t i = 0; i < options->load.subs && i < LOAD_SHARES_MAX; i++)
        buf_printf(out, "%s%llu", i > 0 ? "," : "", (unsigned long long)result->shares[i]);
    buf_printf(out, "],");
}

static void load_json(struct buf *out, const struct station_options *options,
                      const struct load_result *result)
{
    const struct bench_options *load = &options->load;
    double reading = read_seconds(options, result);
    buf_printf(out, "{\"mode\":\"%s\",\"station\":", station_mode_name(options->mode));
    buf_append_json(out, str_of(options->station));
    buf_printf(out,
               ",\"pubs\":%u,\"subs\":%u,\"qos\":%u,\"payload_bytes\":%u,\"window\":%u,\"rate\":%llu,"
               "\"threads\":%u,\"version\":\"%s\",",
               load->pubs, load->subs, options_sub_qos(load), load->payload_bytes, load->window,
               (unsigned long long)load->rate, load->threads, load->version == MQTT_5 ? "5" : "3.1.1");
    buf_printf(out,
               "\"seconds\":%.3f,\"generator_cpu_seconds\":%.3f,\"acked\":%llu,\"acked_per_second\":%.0f,"
               "\"acked_megabytes_per_second\":%.1f,",
               result->seconds, result->cpu_seconds, (unsigned long long)result->acked,
               rate(result->acked, result->seconds), megabytes(options, result->acked, result->seconds));
    buf_printf(out,
               "\"read_seconds\":%.3f,\"read_generator_cpu_seconds\":%.3f,\"delivered\":%llu,"
               "\"delivered_per_second\":%.0f,\"delivered_megabytes_per_second\":%.1f,",
               reading, load->fill ? result->read_cpu_seconds : result->cpu_seconds,
               (unsigned long long)result->delivered, rate(result->delivered, reading),
               megabytes(options, result->delivered, reading));
    buf_printf(out,
               "\"total_published\":%llu,\"total_acked\":%llu,\"total_delivered\":%llu,\"lost\":%llu,"
               "\"duplicates\":%llu,\"order_violations\":%llu,\"foreign\":%llu,\"refused\":%llu,"
               "\"unknown_acks\":%llu,\"unacked\":%llu,",
               (unsigned long long)result->total_published, (unsigned long long)result->total_acked,
               (unsigned long long)result->total_delivered, (unsigned long long)result->lost,
               (unsigned long long)result->duplicates, (unsigned long long)result->late,
               (unsigned long long)result->foreign, (unsigned long long)result->refused,
               (unsigned long long)result->unknown_acks, (unsigned long long)result->unacked);
    if (load->group)
        shares_json(out, options, result);
    latency_json(out, &result->latency);
    buf_printf(out, "}\n");
}

static void shares_text(struct buf *out, const struct station_options *options,
                        const struct load_result *result)
{
    uint32_t members = options->load.subs;
    buf_printf(out, "members    ");
    for (uint32_t i = 0; i < members && i < LOAD_SHARES_MAX; i++)
        buf_printf(out, " %.1f %%",
                   result->delivered > 0 ? 100.0 * (double)result->shares[i] / (double)result->delivered : 0);
    buf_printf(out, "\n");
}

static void load_text(struct buf *out, const struct station_options *options,
                      const struct load_result *result)
{
    const struct bench_options *load = &options->load;
    double reading = read_seconds(options, result);
    buf_printf(out, "stored      %12.0f msg/s, %.1f MB/s, acknowledged\n",
               rate(result->acked, result->seconds), megabytes(options, result->acked, result->seconds));
    if (load->subs > 0) {
        buf_printf(out, "read        %12.0f msg/s, %.1f MB/s\n", rate(result->delivered, reading),
                   megabytes(options, result->delivered, reading));
        buf_printf(out, "lost        %12llu of %llu\n", (unsigned long long)result->lost,
                   (unsigned long long)result->total_delivered + result->lost);
        buf_printf(out, "%s%12llu\nout of order%12llu\n", load->group ? "redelivered " : "duplicates  ",
                   (unsigned long long)result->duplicates, (unsigned long long)result->late);
    }
    if (load->group)
        shares_text(out, options, result);
    report_anomalies(out, result);
    latency_text(
        out, load->fill ? "from a publication to its acknowledgement" : "from a publication to its delivery",
        &result->latency);
    buf_printf(out, "measured    %.1f s; the generator used %.1f s of processor time\n", result->seconds,
               result->cpu_seconds);
}

void report_station_load(struct buf *out, const struct station_options *options,
                         const struct load_result *result)
{
    if (options->load.json)
        load_json(out, options, result);
    else
        load_text(out, options, result);
}

/* ---- append ---- */

static void append_json(struct buf *out, const struct station_options *options,
                        const struct append_result *result)
{
    double appended = rate(result->bytes, result->seconds);
    double disk = rate(result->disk_bytes, result->disk_seconds);
    buf_printf(out,
               "{\"mode\":\"append\",\"threads\":%u,\"payload_bytes\":%u,\"batch\":%u,\"depth\":%u,\"sync\":",
               options->load.threads, options->load.payload_bytes, options->batch_count, options->depth);
    buf_append_json(out, str_of(options->sync));
    buf_printf(out,
               ",\"seconds\":%.3f,\"messages\":%llu,\"messages_per_second\":%.0f,"
               "\"megabytes_per_second\":%.1f,\"written_bytes\":%llu,\"writes\":%llu,\"syncs\":%llu,",
               result->seconds, (unsigned long long)result->messages, rate(result->messages, result->seconds),
               appended / 1e6, (unsigned long long)result->written_bytes, (unsigned long long)result->writes,
               (unsigned long long)result->syncs);
    buf_printf(out,
               "\"disk_megabytes_per_second\":%.1f,\"disk_syncs\":%llu,\"share_of_disk\":%.3f,"
               "\"verified\":%s,\"open_seconds\":%.4f,\"read_per_second\":%.0f,\"lost\":%llu,"
               "\"duplicates\":%llu,\"order_violations\":%llu,",
               disk / 1e6, (unsigned long long)result->disk_syncs, disk > 0 ? appended / disk : 0,
               options->no_verify ? "false" : "true", result->open_seconds,
               rate(result->read, result->read_seconds), (unsigned long long)result->lost,
               (unsigned long long)result->duplicates, (unsigned long long)result->late);
    latency_json(out, &result->latency);
    buf_printf(out, "}\n");
}

static void append_text(struct buf *out, const struct station_options *options,
                        const struct append_result *result)
{
    double appended = rate(result->bytes, result->seconds);
    double disk = rate(result->disk_bytes, result->disk_seconds);
    buf_printf(out, "appended    %12.0f msg/s, %.1f MB/s\n", rate(result->messages, result->seconds),
               appended / 1e6);
    buf_printf(out, "disk        %12.1f MB/s written plainly: %.0f %% of it\n", disk / 1e6,
               disk > 0 ? 100 * appended / disk : 0);
    if (result->syncs > 0) {
        buf_printf(out, "synced      %12.0f times a second, %.1f MiB each; plainly %.0f times\n",
                   rate(result->syncs, result->seconds),
                   (double)result->written_bytes / (double)result->syncs / MIB,
                   rate(result->disk_syncs, result->disk_seconds));
    }
    if (!options->no_verify) {
        buf_printf(out, "read        %12.0f msg/s, opened in %.1f ms\n",
                   rate(result->read, result->read_seconds), result->open_seconds * 1e3);
        buf_printf(out, "lost        %12llu of %llu\n", (unsigned long long)result->lost,
                   (unsigned long long)result->messages);
        buf_printf(out, "duplicates  %12llu\nout of order%12llu\n", (unsigned long long)result->duplicates,
                   (unsigned long long)result->late);
    }
    latency_text(out, "from appending a batch until it is stored", &result->latency);
    buf_printf(out, "measured    %.1f s\n", result->seconds);
}

void report_append(struct buf *out, const struct station_options *options, const struct append_result *result)
{
    if (options->load.json)
        append_json(out, options, result);
    else
        append_text(out, options, result);
}

/* ---- recovery ---- */

static int by_seconds(const void *a, const void *b)
{
    const struct recovery_start *x = a;
    const struct recovery_start *y = b;
    return (x->seconds > y->seconds) - (x->seconds < y->seconds);
}

static void start_json(struct buf *out, const char *name, const struct recovery_start *start)
{
    buf_printf(out, "\"%s\":{\"seconds\":%.4f,\"rss_bytes\":%llu,\"open_files\":%u}", name, start->seconds,
               (unsigned long long)start->rss_bytes, start->open_files);
}

/* Of one station: what a start with all of them has beyond a start with none. */
static double each(double full, double empty, uint32_t stations)
{
    return full > empty ? (full - empty) / stations : 0;
}

static void recovery_json(struct buf *out, const struct station_options *options,
                          const struct recovery_result *result, const struct recovery_start *median)
{
    buf_printf(
        out,
        "{\"mode\":\"recovery\",\"stations\":%u,\"age_seconds\":%.1f,\"payload_bytes\":%u,\"bytes\":%llu,"
        "\"disk_bytes\":%llu,\"acked\":%llu,\"found\":%llu,\"lost\":%llu,",
        options->stations, (double)options->age_ms / 1e3, options->load.payload_bytes,
        (unsigned long long)options->bytes, (unsigned long long)result->disk_bytes,
        (unsigned long long)result->acked, (unsigned long long)result->found,
        (unsigned long long)(result->acked > result->found ? result->acked - result->found : 0));
    buf_printf(out, "\"create_seconds\":%.3f,\"fill_seconds\":%.3f,\"starts\":[", result->create_seconds,
               result->fill_seconds);
    for (uint32_t i = 0; i < result->rounds; i++)
        buf_printf(out, "%s%.4f", i > 0 ? "," : "", result->full[i].seconds);
    buf_printf(out, "],");
    start_json(out, "empty", &result->empty);
    buf_printf(out, ",");
    start_json(out, "start", median);
    buf_printf(out, ",\"rss_bytes_per_station\":%.0f,\"open_files_per_station\":%.2f}\n",
               each((double)median->rss_bytes, (double)result->empty.rss_bytes, options->stations),
               each(median->open_files, result->empty.open_files, options->stations));
}

static void recovery_text(struct buf *out, const struct station_options *options,
                          const struct recovery_result *result, const struct recovery_start *median)
{
    buf_printf(out, "stations    %u, made in %.2f s; %.1f MiB on disk, published in %.1f s\n",
               options->stations, result->create_seconds, (double)result->disk_bytes / MIB,
               result->fill_seconds);
    buf_printf(out, "start       %.3f s after kill -9 (median of %u), %.3f s with nothing\n", median->seconds,
               result->rounds, result->empty.seconds);
    buf_printf(out, "memory      %.1f MiB, %.1f MiB with nothing; %.0f bytes for each station\n",
               (double)median->rss_bytes / MIB, (double)result->empty.rss_bytes / MIB,
               each((double)median->rss_bytes, (double)result->empty.rss_bytes, options->stations));
    buf_printf(out, "open files  %u, %u with nothing\n", median->open_files, result->empty.open_files);
    buf_printf(out, "lost        %llu of %llu acknowledged messages\n",
               (unsigned long long)(result->acked > result->found ? result->acked - result->found : 0),
               (unsigned long long)result->acked);
}

void report_recovery(struct buf *out, const struct station_options *options,
                     const struct recovery_result *result)
{
    static struct recovery_start sorted[STATION_ROUNDS_MAX];
    memcpy(sorted, result->full, sizeof sorted);
    qsort(sorted, result->rounds, sizeof sorted[0], by_seconds);
    const struct recovery_start *median = &sorted[result->rounds / 2];
    if (options->load.json)
        recovery_json(out, options, result, median);
    else
        recovery_text(out, options, result, median);
}

/* Results of `varve bench tier`. The JSON names are an interface: bench/tier.sh and users' scripts read them. */
#include "tier_internal.h"

#define MIB 1048576.0
#define RUN (8 * MIB) /* what one GET may bring at most */

static double over(double amount, double by)
{
    return by > 0 ? amount / by : 0;
}

static double megabytes(uint64_t bytes, double seconds)
{
    return over((double)bytes / 1e6, seconds);
}

/* ---- JSON ---- */

static void cost_json(struct buf *out, const char *name, uint64_t raw_bytes, const struct tier_cost *cost)
{
    buf_printf(
        out,
        "\"%s\":{\"seconds\":%.4f,\"cpu_seconds\":%.4f,\"raw_bytes\":%llu,\"megabytes_per_second\":%.1f,"
        "\"megabytes_per_cpu_second\":%.1f,\"memory_bytes\":%llu,\"puts\":%llu,\"gets\":%llu,"
        "\"bytes_up\":%llu,\"bytes_down\":%llu",
        name, cost->seconds, cost->cpu_seconds, (unsigned long long)raw_bytes,
        megabytes(raw_bytes, cost->seconds), megabytes(raw_bytes, cost->cpu_seconds),
        (unsigned long long)cost->memory_bytes, (unsigned long long)cost->puts,
        (unsigned long long)cost->gets, (unsigned long long)cost->bytes_up,
        (unsigned long long)cost->bytes_down);
}

static void seek_json(struct buf *out, const char *name, const struct tier_step_seek *seek)
{
    buf_printf(out,
               "\"%s\":{\"count\":%u,\"gets_max\":%llu,\"gets_mean\":%.2f,\"first_ms_median\":%.2f,"
               "\"first_ms_max\":%.2f}",
               name, seek->count, (unsigned long long)seek->gets_max, seek->gets_mean, seek->first_ms_median,
               seek->first_ms_max);
}

static void tier_json(struct buf *out, const struct tier_bench_options *options,
                      const struct tier_bench_result *result)
{
    const struct tier_cost *replay = &result->replay;
    buf_printf(out,
               "{\"mode\":\"tier\",\"store\":\"%s\",\"data\":\"%s\",\"messages\":%llu,\"payload_bytes\":%u,"
               "\"raw_bytes\":%llu,\"upload_bytes\":%llu,\"fill_seconds\":%.3f,",
               options->endpoint != NULL ? "s3" : "directory", options->random ? "random" : "telemetry",
               (unsigned long long)options->count, options->payload_bytes,
               (unsigned long long)result->raw_bytes, (unsigned long long)options->upload_bytes,
               result->fill_seconds);
    cost_json(out, "migrate", result->migrated_raw_bytes, &result->migrate);
    buf_printf(out, ",\"commits\":%llu,\"puts_per_commit\":%.2f,\"uploaded_megabytes_per_second\":%.1f},",
               (unsigned long long)result->commits,
               over((double)result->migrate.puts, (double)result->commits),
               megabytes(result->migrate.bytes_up, result->migrate.seconds));
    buf_printf(out, "\"table\":{\"files\":%llu,\"bytes\":%llu,\"share_of_raw\":%.4f},",
               (unsigned long long)result->files, (unsigned long long)result->file_bytes,
               over((double)result->file_bytes, (double)result->raw_bytes));
    cost_json(out, "replay", result->read_raw_bytes, replay);
    buf_printf(out,
               ",\"messages\":%llu,\"messages_per_second\":%.0f,\"gets_per_8mib\":%.3f,"
               "\"gets_per_8mib_stored\":%.3f,\"load_seconds\":%.4f,\"load_gets\":%llu},",
               (unsigned long long)result->read, over((double)result->read, replay->seconds),
               over((double)replay->gets, (double)result->read_raw_bytes / RUN),
               over((double)replay->gets, (double)replay->bytes_down / RUN), result->load_seconds,
               (unsigned long long)result->load_gets);
    buf_printf(out, "\"seek\":{");
    seek_json(out, "by_offset", &result->by_offset);
    buf_printf(out, ",");
    seek_json(out, "by_time", &result->by_time);
    buf_printf(out, "},");
    cost_json(out, "restore", result->raw_bytes, &result->restore);
    buf_printf(out, ",\"bytes\":%llu,\"messages\":%llu},\"verified\":%s,\"lost\":%llu,\"different\":%llu}\n",
               (unsigned long long)result->restored_bytes, (unsigned long long)result->restored_rows,
               options->no_verify ? "false" : "true", (unsigned long long)result->lost,
               (unsigned long long)result->different);
}

/* ---- text ---- */

static void cost_text(struct buf *out, const char *name, uint64_t raw_bytes, const struct tier_cost *cost)
{
    buf_printf(out, "%-12s%8.1f MB/s a core, %.1f MB/s in all; %.1f MiB of memory\n", name,
               megabytes(raw_bytes, cost->cpu_seconds), megabytes(raw_bytes, cost->seconds),
               (double)cost->memory_bytes / MIB);
}

static void seek_text(struct buf *out, const char *how, const struct tier_step_seek *seek)
{
    if (seek->count == 0)
        return;
    buf_printf(
        out,
        "seek        %8.2f ms to the first message %s (median of %u, max %.2f ms), %.1f GETs, max %llu\n",
        seek->first_ms_median, how, seek->count, seek->first_ms_max, seek->gets_mean,
        (unsigned long long)seek->gets_max);
}

static void tier_text(struct buf *out, const struct tier_bench_options *options,
                      const struct tier_bench_result *result)
{
    buf_printf(out, "messages    %8llu, %.1f MB of %s\n", (unsigned long long)options->count,
               (double)result->raw_bytes / 1e6, options->random ? "random bytes" : "telemetry");
    cost_text(out, "migrate", result->migrated_raw_bytes, &result->migrate);
    buf_printf(out, "            %8.1f PUTs a commit, %llu commits, %.1f MB/s to the store\n",
               over((double)result->migrate.puts, (double)result->commits),
               (unsigned long long)result->commits,
               megabytes(result->migrate.bytes_up, result->migrate.seconds));
    buf_printf(out, "table       %8.1f %% of the messages' bytes, %llu files\n",
               100 * over((double)result->file_bytes, (double)result->raw_bytes),
               (unsigned long long)result->files);
    cost_text(out, "replay", result->read_raw_bytes, &result->replay);
    buf_printf(out, "            %8.2f GETs for 8 MiB of messages; metadata loaded in %.1f ms\n",
               over((double)result->replay.gets, (double)result->read_raw_bytes / RUN),
               result->load_seconds * 1e3);
    seek_text(out, "by offset", &result->by_offset);
    seek_text(out, "by time", &result->by_time);
    cost_text(out, "restore", result->raw_bytes, &result->restore);
    if (!options->no_verify)
        buf_printf(out, "verified    %8llu messages, each as it was appended\n",
                   (unsigned long long)options->count);
}

void report_tier(struct buf *out, const struct tier_bench_options *options,
                 const struct tier_bench_result *result)
{
    if (options->json)
        tier_json(out, options, result);
    else
        tier_text(out, options, result);
}

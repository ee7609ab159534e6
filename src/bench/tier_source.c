/* Messages as a station would have stored them: telemetry of devices, or random payloads on the same topics. */
#include "tier_internal.h"

#include "base/mem.h"
#include "station/envelope.h"

#include <string.h>

#define SEED 1

void tier_source_init(struct tier_source *source, const struct tier_bench_options *options)
{
    *source = (struct tier_source){.options = options};
    telemetry_init(&source->telemetry, SEED);
    random_seed(&source->random, SEED);
    source->payload = mem_alloc(options->payload_bytes + sizeof(uint64_t));
}

void tier_source_free(struct tier_source *source)
{
    mem_free(source->payload);
    buf_free(&source->record);
}

static void fill(struct tier_source *source)
{
    for (uint32_t at = 0; at < source->options->payload_bytes; at += sizeof(uint64_t)) {
        uint64_t bytes = random_next(&source->random);
        memcpy(source->payload + at, &bytes, sizeof bytes);
    }
}

struct str tier_source_next(struct tier_source *source, int64_t *time_ms)
{
    struct telemetry_message next;
    telemetry_next(&source->telemetry, &next);
    if (source->options->random) {
        fill(source);
        next.payload = str_make(source->payload, source->options->payload_bytes);
    }
    const struct station_message message = {
        .topic = next.topic, .payload = next.payload, .client_id = next.client, .qos = 1};
    size_t len = envelope_bytes(&message);
    buf_reset(&source->record);
    buf_reserve(&source->record, len);
    envelope_write(&message, source->record.data);
    *time_ms = next.time_us / 1000;
    return str_make(source->record.data, len);
}

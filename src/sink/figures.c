/* What an action has done. matched = success + failed + dropped + inflight + queuing, at any moment: queuing is what is left. */
#include "base/log.h"
#include "sink/sink_internal.h"

#include <time.h>

static void set(json_t *out, const char *key, uint64_t value)
{
    json_object_set_new(out, key, json_integer((json_int_t)value));
}

json_t *figures_json(const struct sink *sink)
{
    const struct sink_figures *f = &sink->figures, *r = &sink->reset;
    struct log_bounds bounds = {0};
    if (sink->log != NULL)
        log_bounds(sink->log, &bounds);
    uint64_t all = sink_matched(sink), ended = f->success + f->failed + f->expired + f->queue_full + f->other;
    uint64_t inflight = f->inflight <= all - ended ? f->inflight : all - ended;
    uint64_t queuing = all - ended - inflight;
    uint64_t dropped = f->expired + f->queue_full + f->other - r->expired - r->queue_full - r->other;
    uint64_t success = f->success - r->success, failed = f->failed - r->failed;
    json_t *out = json_object();
    set(out, "matched", success + failed + dropped + inflight + queuing);
    set(out, "success", success);
    set(out, "stored", success);
    set(out, "failed", failed);
    set(out, "dropped", dropped);
    set(out, "dropped.expired", f->expired - r->expired);
    set(out, "dropped.queue_full", f->queue_full - r->queue_full);
    set(out, "dropped.other", f->other - r->other);
    set(out, "dropped.resource_not_found", 0);
    set(out, "dropped.resource_stopped", 0);
    set(out, "late_reply", 0);
    set(out, "received", 0);
    set(out, "aggregated_upload.success", f->objects - r->objects);
    set(out, "aggregated_upload.failure", f->object_failures - r->object_failures);
    set(out, "rest_values", f->rest_values - r->rest_values);
    set(out, "fallback.success", f->fallbacks - r->fallbacks);
    set(out, "fallback.failed", f->fallback_failures - r->fallback_failures);
    set(out, "retried", f->retried - r->retried);
    set(out, "queuing", queuing);
    set(out, "buffered", queuing + inflight);
    set(out, "inflight", inflight);
    set(out, "queuing_bytes", bounds.bytes);
    set(out, "bytes", f->bytes - r->bytes);
    json_object_set_new(
        out, "latency_ms",
        json_real(success > 0 ? (double)(f->latency_ms - r->latency_ms) / (double)success : 0));
    json_object_set_new(out, "rate", json_real(sink->rate.now));
    json_object_set_new(out, "rate_max", json_real(sink->rate.max));
    json_object_set_new(out, "rate_last5m", json_real(rate_last_5m(&sink->rate)));
    return out;
}

void figures_reset(struct sink *sink)
{
    sink->reset = sink->figures;
    rate_reset(&sink->rate);
}

void sink_fails(struct sink *sink, const struct error *err)
{
    pthread_mutex_lock(&sink->lock);
    bool news = !sink->store_fails || strcmp(sink->why.text, err->text) != 0;
    sink->why = *err;
    sink->store_fails = true;
    pthread_mutex_unlock(&sink->lock);
    if (news)
        LOG_WARNING("action does not deliver", LOG_TEXT("action", sink->id), LOG_ERROR_OF(err));
}

void sink_delivers(struct sink *sink)
{
    pthread_mutex_lock(&sink->lock);
    bool news = sink->store_fails;
    if (news) {
        sink->store_fails = false;
        sink->why = (struct error){0};
    }
    pthread_mutex_unlock(&sink->lock);
    if (news)
        LOG_INFO("action delivers again", LOG_TEXT("action", sink->id));
}

static void look(struct sink *sink)
{
    pthread_mutex_lock(&sink->lock);
    rate_look(&sink->rate, sink_matched(sink));
    pthread_mutex_unlock(&sink->lock);
}

void figures_tick(void *arg)
{
    struct sinks *sinks = arg;
    struct sink *sink;
    for (size_t i = 0; (sink = map_next(&sinks->by_id, &i)) != NULL;)
        look(sink);
}

/* Processor time from getrusage(), memory from /proc/self/status: what the process has written to, without the pages of
 * files and of the program itself, which the system takes back when it needs them. */
#include "tier_internal.h"

#include "base/clock.h"
#include "base/thread.h"
#include "proc_internal.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 10000000

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void *look(void *arg)
{
    struct tier_meter *meter = arg;
    const struct timespec pause = {0, LOOK_NS};
    while (!atomic_load_explicit(&meter->stop, memory_order_relaxed)) {
        uint64_t bytes = proc_anonymous_bytes(getpid());
        meter->peak_bytes = bytes > meter->peak_bytes ? bytes : meter->peak_bytes;
        nanosleep(&pause, NULL);
    }
    return NULL;
}

bool tier_meter_start(struct tier_meter *meter, struct object_store *store, struct error *err)
{
    memset(meter, 0, sizeof *meter);
    meter->store = store;
    meter->memory_bytes = meter->peak_bytes = proc_anonymous_bytes(getpid());
    if (!thread_start(&meter->thread, "meter", look, meter, err))
        return false;
    object_stats(store, &meter->before);
    meter->begin_ns = clock_mono_ns();
    meter->cpu_seconds = cpu_seconds();
    return true;
}

/* Every request counts, those that were repeated too. */
static uint64_t asked(const struct object_stats *stats, enum object_op op)
{
    return stats->ops[op].ok + stats->ops[op].failed + stats->ops[op].retries;
}

static uint64_t reading(const struct object_stats *stats)
{
    return asked(stats, OBJECT_GET) + asked(stats, OBJECT_HEAD) + asked(stats, OBJECT_LIST);
}

void tier_meter_stop(struct tier_meter *meter, struct tier_cost *cost)
{
    struct object_stats after;
    cost->seconds = (double)(clock_mono_ns() - meter->begin_ns) / 1e9;
    cost->cpu_seconds = cpu_seconds() - meter->cpu_seconds;
    object_stats(meter->store, &after);
    atomic_store_explicit(&meter->stop, true, memory_order_relaxed);
    pthread_join(meter->thread, NULL);
    cost->memory_bytes = meter->peak_bytes - meter->memory_bytes;
    cost->puts = asked(&after, OBJECT_PUT) - asked(&meter->before, OBJECT_PUT);
    cost->gets = reading(&after) - reading(&meter->before);
    cost->bytes_up = after.bytes_up - meter->before.bytes_up;
    cost->bytes_down = after.bytes_down - meter->before.bytes_down;
}

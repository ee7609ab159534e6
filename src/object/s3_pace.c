/* Token buckets. Each holds what one second allows and is refilled by the time that has gone by; what is larger than that goes out
 * when it is full, and leaves a debt. */
#include "object/s3_pace.h"

#define SECOND_NS      1000000000.0
#define BRAKE_AGAIN_NS 500000000 /* refusals of requests that were under way together count once */

void s3_pace_init(struct s3_pace *pace, uint64_t requests_per_s, uint64_t bytes_per_s, int64_t least_pause_ms,
                  int64_t now_ns)
{
    *pace = (struct s3_pace){.brake_least = 1000.0 / (double)least_pause_ms,
                             .requests_per_s = (double)requests_per_s,
                             .bytes_per_s = (double)bytes_per_s,
                             .requests = (double)requests_per_s,
                             .bytes = (double)bytes_per_s,
                             .filled_ns = now_ns,
                             .second_ns = now_ns};
}

static void refill(double *tokens, double per_s, double seconds)
{
    *tokens += per_s * seconds;
    double full = per_s > 1 ? per_s : 1;
    if (*tokens > full)
        *tokens = full;
}

/* How long until there is one token more than none. */
static int64_t wait_for(double tokens, double needed, double per_s)
{
    return tokens >= needed ? 0 : (int64_t)((needed - tokens) / per_s * SECOND_NS) + 1;
}

static void release_brake(struct s3_pace *pace, int64_t now_ns)
{
    while (pace->brake_per_s > 0 && now_ns - pace->released_ns >= (int64_t)SECOND_NS) {
        pace->released_ns += (int64_t)SECOND_NS;
        pace->brake_per_s += pace->brake_per_s / 8 + 1;
        if (pace->brake_per_s > pace->brake_until)
            pace->brake_per_s = 0;
    }
}

static void turn_seconds(struct s3_pace *pace, int64_t now_ns)
{
    int64_t gone = now_ns - pace->second_ns;
    if (gone < (int64_t)SECOND_NS)
        return;
    pace->last_second = gone < 2 * (int64_t)SECOND_NS ? pace->this_second : 0;
    pace->this_second = 0;
    pace->second_ns = now_ns - gone % (int64_t)SECOND_NS;
}

int64_t s3_pace_take_ns(struct s3_pace *pace, uint64_t bytes, int64_t now_ns)
{
    double seconds = (double)(now_ns - pace->filled_ns) / SECOND_NS;
    pace->filled_ns = now_ns;
    turn_seconds(pace, now_ns);
    release_brake(pace, now_ns);
    refill(&pace->requests, pace->requests_per_s, seconds);
    refill(&pace->bytes, pace->bytes_per_s, seconds);
    refill(&pace->brake_tokens, pace->brake_per_s, seconds);
    int64_t wait = 0;
    if (pace->requests_per_s > 0)
        wait = wait_for(pace->requests, 1, pace->requests_per_s);
    if (pace->bytes_per_s > 0) {
        double needed = (double)bytes < pace->bytes_per_s ? (double)bytes : pace->bytes_per_s;
        int64_t longer = wait_for(pace->bytes, needed, pace->bytes_per_s);
        wait = longer > wait ? longer : wait;
    }
    if (pace->brake_per_s > 0) {
        int64_t longer = wait_for(pace->brake_tokens, 1, pace->brake_per_s);
        wait = longer > wait ? longer : wait;
    }
    if (wait > 0)
        return wait;
    pace->requests -= 1;
    pace->bytes -= (double)bytes;
    pace->brake_tokens -= 1;
    pace->this_second += 1;
    return 0;
}

void s3_pace_add_bytes(struct s3_pace *pace, uint64_t bytes)
{
    pace->bytes -= (double)bytes;
}

void s3_pace_slow_down(struct s3_pace *pace, int64_t now_ns)
{
    turn_seconds(pace, now_ns);
    if (pace->brake_per_s > 0 && now_ns - pace->braked_ns < BRAKE_AGAIN_NS)
        return;
    double rate = pace->this_second > pace->last_second ? pace->this_second : pace->last_second;
    if (pace->brake_per_s > 0 && pace->brake_per_s < rate)
        rate = pace->brake_per_s;
    pace->brake_per_s = rate / 2 > pace->brake_least ? rate / 2 : pace->brake_least;
    pace->brake_until = 4 * (rate > pace->brake_least ? rate : pace->brake_least);
    pace->brake_tokens = 0;
    pace->braked_ns = now_ns;
    pace->released_ns = now_ns;
}

bool s3_pace_is_braked(const struct s3_pace *pace)
{
    return pace->brake_per_s > 0;
}

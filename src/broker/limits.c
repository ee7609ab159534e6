/* Rates of one client: token buckets of one second for messages and bytes. A client over its rate is not
 * disconnected: its socket is not read until the bucket has filled, so that it slows down. */
#include "broker/broker_internal.h"

#include "base/mem.h"

static void refill(struct rate_limit *limit, int64_t now_ms)
{
    double seconds = (double)(now_ms - limit->filled_ms) / 1000.0;
    limit->filled_ms = now_ms;
    double messages = limit->messages + seconds * limit->rate.messages_per_second;
    double bytes = limit->bytes + seconds * (double)limit->rate.bytes_per_second;
    limit->messages = messages < limit->rate.messages_per_second ? messages : limit->rate.messages_per_second;
    limit->bytes =
        bytes < (double)limit->rate.bytes_per_second ? bytes : (double)limit->rate.bytes_per_second;
}

/* Milliseconds until both buckets are above zero. */
static int64_t wait_ms(const struct rate_limit *limit)
{
    double wait = 0;
    if (limit->rate.messages_per_second > 0 && limit->messages < 0)
        wait = -limit->messages / limit->rate.messages_per_second;
    if (limit->rate.bytes_per_second > 0 && limit->bytes < 0) {
        double bytes_wait = -limit->bytes / (double)limit->rate.bytes_per_second;
        wait = bytes_wait > wait ? bytes_wait : wait;
    }
    return wait > 0 ? (int64_t)(wait * 1000.0) + 1 : 0;
}

static void resume(struct reactor *reactor, struct timer *timer)
{
    (void)reactor;
    struct rate_limit *limit = CONTAINER_OF(timer, struct rate_limit, timer);
    limit->connection->rate_paused = false;
    connection_resume(limit->connection);
}

void rate_limit_start(struct connection *connection, const struct rate_settings *rate)
{
    if (rate->messages_per_second == 0 && rate->bytes_per_second == 0)
        return;
    struct rate_limit *limit = mem_zalloc(sizeof(*limit));
    limit->rate = *rate;
    limit->messages = rate->messages_per_second;
    limit->bytes = (double)rate->bytes_per_second;
    limit->filled_ms = reactor_now_ms(channel_reactor(&connection->channel));
    limit->timer.fire = resume;
    limit->connection = connection;
    connection_extras(connection)->rate = limit;
}

void rate_limit_take(struct connection *connection, unsigned messages, size_t bytes)
{
    struct rate_limit *limit = connection->extras->rate;
    struct reactor *reactor = channel_reactor(&connection->channel);
    refill(limit, reactor_now_ms(reactor));
    limit->messages -= limit->rate.messages_per_second > 0 ? messages : 0;
    limit->bytes -= limit->rate.bytes_per_second > 0 ? (double)bytes : 0;
    int64_t wait = wait_ms(limit);
    if (wait == 0)
        return;
    connection->rate_paused = true;
    channel_pause(&connection->channel);
    timer_set(reactor, &limit->timer, reactor_now_ms(reactor) + wait);
}

void rate_limit_stop(struct connection *connection)
{
    struct rate_limit *limit = connection->extras->rate;
    if (limit == NULL)
        return;
    timer_clear(channel_reactor(&connection->channel), &limit->timer);
    mem_free(limit);
}

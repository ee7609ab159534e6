/* Rates: see rate.h. */
#include "base/rate.h"

void rate_look(struct rate *rate, uint64_t count)
{
    uint64_t more = count - rate->former;
    rate->former = count;
    rate->now = (double)more;
    if (rate->now > rate->max)
        rate->max = rate->now;
    rate->slots[rate->slot] += more;
    if (++rate->slot_s < RATE_SLOT_S)
        return;
    rate->slot_s = 0;
    rate->filled += rate->filled < RATE_SLOTS;
    rate->slot = (rate->slot + 1) % (RATE_SLOTS + 1);
    rate->slots[rate->slot] = 0;
}

double rate_last_5m(const struct rate *rate)
{
    uint64_t sum = 0;
    for (unsigned i = 1; i <= rate->filled; i++)
        sum += rate->slots[(rate->slot + RATE_SLOTS + 1 - i) % (RATE_SLOTS + 1)];
    return rate->filled > 0 ? (double)sum / (rate->filled * RATE_SLOT_S) : rate->now;
}

void rate_reset(struct rate *rate)
{
    *rate = (struct rate){.former = rate->former};
}

/* Time-outs of channels: a wheel of WHEEL_SLOTS one-second slots.
 *
 * Touching a channel only stores the second. Its place in the wheel says when it is looked at next: if it was
 * touched meanwhile, it is put where its time-out then ends. A time-out longer than the wheel is looked at once a
 * round.
 *
 * A channel touched in second t with a time-out of n is due in second t + n + 1, since t is rounded down. */
#include "net/net_internal.h"

void wheel_init(struct reactor *reactor)
{
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        list_init(&reactor->slots[i]);
    list_init(&reactor->quiet);
    reactor->wheel_s = reactor->front.now_s;
}

static uint32_t due_s(const struct channel *channel)
{
    if (channel_is_closing(channel))
        return channel->timeout_s;
    uint64_t due = (uint64_t)channel->touched_s + channel->timeout_s + 1;
    return due > UINT32_MAX ? UINT32_MAX : (uint32_t)due;
}

void wheel_insert(struct reactor *reactor, struct channel *channel)
{
    list_remove(&channel->wheel);
    if (channel->timeout_s == 0) {
        list_append(&reactor->quiet, &channel->wheel);
        return;
    }
    uint32_t at = due_s(channel);
    if (at <= reactor->wheel_s)
        at = reactor->wheel_s + 1;
    if (at - reactor->wheel_s >= WHEEL_SLOTS)
        at = reactor->wheel_s + WHEEL_SLOTS - 1;
    uint32_t slot = at % WHEEL_SLOTS;
    list_append(&reactor->slots[slot], &channel->wheel);
    reactor->slot_bits[slot / 64] |= (uint64_t)1 << (slot % 64);
}

void wheel_remove(struct channel *channel)
{
    list_remove(&channel->wheel);
}

static void run_slot(struct reactor *reactor, uint32_t slot)
{
    struct list due;
    list_init(&due);
    list_move_all(&due, &reactor->slots[slot]);
    reactor->slot_bits[slot / 64] &= ~((uint64_t)1 << (slot % 64));
    while (!list_empty(&due)) {
        struct channel *channel = CONTAINER_OF(due.next, struct channel, wheel);
        bool fires = due_s(channel) <= reactor->front.now_s;
        if (fires && !channel_is_closing(channel))
            channel_touch(channel);
        wheel_insert(reactor, channel);
        if (fires)
            channel_timed_out(channel);
    }
}

void wheel_run(struct reactor *reactor)
{
    uint32_t now_s = reactor->front.now_s;
    if (now_s <= reactor->wheel_s)
        return;
    uint32_t steps = now_s - reactor->wheel_s;
    uint32_t from = reactor->wheel_s + 1;
    reactor->wheel_s = now_s;
    for (uint32_t i = 0; i < steps && i < WHEEL_SLOTS; i++)
        run_slot(reactor, (from + i) % WHEEL_SLOTS);
}

int64_t wheel_next_ms(const struct reactor *reactor)
{
    for (uint32_t s = reactor->wheel_s + 1; s < reactor->wheel_s + WHEEL_SLOTS;) {
        uint32_t slot = s % WHEEL_SLOTS;
        uint64_t bits = reactor->slot_bits[slot / 64] >> (slot % 64);
        if (bits != 0)
            return ((int64_t)s + __builtin_ctzll(bits)) * 1000;
        s += 64 - slot % 64;
    }
    return INT64_MAX;
}

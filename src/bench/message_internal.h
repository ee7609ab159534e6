/* The generator's messages.
 *
 *   payload  0  magic   u32  the run and the topic: a message of another run or topic is foreign
 *            4  source  u32  which of the topic's publishers
 *            8  number  u64  0, 1, 2, … for each publisher
 *           16  sent    i64  monotonic ns: when it was sent or, with a rate, due
 *           24  filling
 *
 * In the machine's byte order: the same process reads them. */
#ifndef BENCH_MESSAGE_INTERNAL_H
#define BENCH_MESSAGE_INTERNAL_H

#include <stdint.h>
#include <string.h>

#define MESSAGE_HEAD_BYTES 24
#define MESSAGE_NUMBER_AT  8
#define MESSAGE_SENT_AT    16

struct message {
    uint32_t magic;
    uint32_t source;
    uint64_t number;
    int64_t sent_ns;
};

_Static_assert(sizeof(struct message) == MESSAGE_HEAD_BYTES, "a message's head has no padding");

static inline void message_read(struct message *message, const uint8_t *payload)
{
    memcpy(message, payload, sizeof *message);
}

static inline void message_stamp(uint8_t *payload, uint64_t number, int64_t sent_ns)
{
    memcpy(payload + MESSAGE_NUMBER_AT, &number, sizeof number);
    memcpy(payload + MESSAGE_SENT_AT, &sent_ns, sizeof sent_ns);
}

static inline uint32_t message_magic(uint32_t run, uint32_t topic)
{
    return run ^ topic * 0x9E3779B1u;
}

#endif

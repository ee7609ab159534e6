/* What devices would send: JSON telemetry of a thousand devices whose readings wander. The same seed gives the same messages. */
#ifndef BENCH_TELEMETRY_INTERNAL_H
#define BENCH_TELEMETRY_INTERNAL_H

#include "base/random.h"
#include "base/str.h"

#include <stdint.h>

#define TELEMETRY_DEVICES       1000
#define TELEMETRY_PAYLOAD_BYTES 200

struct telemetry_device {
    char topic[40];
    char client[16];
    double temperature;
    double humidity;
};

struct telemetry {
    struct random random;
    uint64_t number; /* of the next message */
    int64_t time_us; /* of the last one */
    struct telemetry_device devices[TELEMETRY_DEVICES];
    char payload[512];
};

struct telemetry_message {
    int64_t time_us; /* since 1970, a millisecond later than the one before on average */
    struct str topic;
    struct str client;
    struct str payload; /* TELEMETRY_PAYLOAD_BYTES of JSON */
};

void telemetry_init(struct telemetry *telemetry, uint64_t seed);
/* *out borrows from the telemetry until the next call. */
void telemetry_next(struct telemetry *telemetry, struct telemetry_message *out);

#endif

/* A device is picked at random for each message; two of its readings are those of its last message and a small step. */
#include "telemetry_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define FIRST_US INT64_C(1760000000000000)

void telemetry_init(struct telemetry *telemetry, uint64_t seed)
{
    random_seed(&telemetry->random, seed);
    telemetry->number = 0;
    telemetry->time_us = FIRST_US;
    for (unsigned i = 0; i < TELEMETRY_DEVICES; i++) {
        struct telemetry_device *device = &telemetry->devices[i];
        snprintf(device->topic, sizeof device->topic, "site/%u/device/%04u/telemetry", i % 20, i);
        snprintf(device->client, sizeof device->client, "device-%04u", i);
        device->temperature = 15 + (double)random_below(&telemetry->random, 1000) / 100;
        device->humidity = 40 + (double)random_below(&telemetry->random, 2000) / 100;
    }
}

static double step(struct random *random)
{
    return ((double)random_below(random, 21) - 10) / 100;
}

void telemetry_next(struct telemetry *telemetry, struct telemetry_message *out)
{
    struct random *random = &telemetry->random;
    unsigned number = (unsigned)random_below(random, TELEMETRY_DEVICES);
    struct telemetry_device *device = &telemetry->devices[number];
    telemetry->time_us += (int64_t)random_below(random, 2000);
    device->temperature += step(random);
    device->humidity += step(random);
    double pressure = 1000 + (double)random_below(random, 300) / 10;
    double battery = 3 + (double)random_below(random, 120) / 100;
    unsigned rssi = (unsigned)random_below(random, 60) + 40;
    const char *status = random_below(random, 50) == 0 ? "degraded" : "ok";
    snprintf(telemetry->payload, sizeof telemetry->payload,
             "{\"device\":\"%s\",\"sequence\":%" PRIu64 ",\"time\":%" PRId64
             ",\"temperature\":%.2f,\"humidity\":%.2f,\"pressure\":%.1f,\"battery\":%.2f,\"rssi\":-%u,"
             "\"status\":\"%s\",\"firmware\":\"2.14.%u\"%*s",
             device->client, telemetry->number / TELEMETRY_DEVICES, telemetry->time_us / 1000,
             device->temperature, device->humidity, pressure, battery, rssi, status, number % 7,
             TELEMETRY_PAYLOAD_BYTES, "");
    telemetry->payload[TELEMETRY_PAYLOAD_BYTES - 1] = '}';
    telemetry->number++;
    *out = (struct telemetry_message){telemetry->time_us, str_of(device->topic), str_of(device->client),
                                      str_make(telemetry->payload, TELEMETRY_PAYLOAD_BYTES)};
}

/* What the endpoints of stations share: messages as text. */
#ifndef API_STATIONS_INTERNAL_H
#define API_STATIONS_INTERNAL_H

#include "api/api_internal.h"
#include "station/station.h"

/* Figures for GET /metrics and GET /api/v5/stats: stations_figures.c. */
void stations_metrics(struct buf *out, void *stations);
void stations_stats(struct stations *stations, json_t *out);

/* A message as one JSON object, without a line feed:
 * {"offset","timestamp","topic","qos","retain","payload" or "payload_base64","clientid","username","id","headers",
 * "properties","deliveries"}; what the message does not have is left out. */
void message_print_json(const struct station_message *message, struct buf *out);
void message_print_csv_head(struct buf *out);
void message_print_csv(const struct station_message *message, struct buf *out);
/* Its schema in openapi.json. */
#define MESSAGE_SCHEMA "{'$ref':'#/components/schemas/station_message'}"

/* A message of a line of NDJSON, its strings copied into the arena. `components`: those of the API, for the schema
 * station_produce. Errors: ERR_INVALID with the field, ERR_TOO_LARGE. */
bool message_parse_json(struct str line, json_t *components, struct arena *arena, struct station_message *out,
                        struct error *err);

/* Whether there is such a station; else the request has its reply. */
bool station_known(struct api_request *request);

#endif

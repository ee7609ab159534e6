/* A message as a record of a station's log: see envelope.c for the layout. */
#ifndef STATION_ENVELOPE_H
#define STATION_ENVELOPE_H

#include "station/station.h"

/* The user property that is the message's id. */
#define ENVELOPE_ID_KEY STR("msg-id")

/* Whether the message fits the layout: lengths, QoS. Its topic and properties have been checked. */
bool envelope_fits(const struct station_message *message);
size_t envelope_bytes(const struct station_message *message);
/* Writes envelope_bytes(). What `expiry_s` and `id` say is in the properties, too. */
void envelope_write(const struct station_message *message, uint8_t *out);

/* The topic alone, for filters: no other part is looked at. False if the record is none. */
bool envelope_topic(struct str record, struct str *topic);
/* Fills all but offset, time and deliveries; borrows from the record. Checks everything that a packet's decoder would.
 * Errors: ERR_CORRUPT, ERR_UNSUPPORTED (a later version's). */
bool envelope_decode(struct str record, struct station_message *out, struct error *err);
/* Whether the record has a message expiry interval, and the seconds. */
bool envelope_expiry(struct str record, uint32_t *seconds);

/* Whether it has a message id or an exchange: to be asked before it is decoded for that. */
bool envelope_is_named(struct str record);

/* The `msg-id` among encoded PUBLISH properties that have been checked; empty if there is none. */
struct str envelope_id_of(struct str props);

#endif

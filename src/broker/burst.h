/* Consecutive messages to the same subscribers, delivered together: see burst.c. */
#ifndef BROKER_BURST_H
#define BROKER_BURST_H

#include "broker/broker_internal.h"

/* Takes the message into the shard's burst, if it is of a kind that can wait until burst_flush(). False: it is the
 * caller's to deliver; the burst before it has been flushed. `handed`: it came from another reactor. The bytes that
 * the publication views must stay until the flush. */
bool burst_add(struct shard *shard, const struct publication *publication, const struct route *route,
               bool handed);

/* Delivers what waits. Call it before anything else is delivered or the route may change, and before the bytes go. */
void burst_flush(struct shard *shard);

#endif

/* The null broker: what is left when a broker does nothing but move bytes. */
#ifndef BENCH_RELAY_INTERNAL_H
#define BENCH_RELAY_INTERNAL_H

#include "base/error.h"

#include <stdint.h>

struct relay;

/* Starts its threads; *port is the bound port (0 picks one). Returns owned, or NULL. */
struct relay *relay_start(const char *host, uint16_t *port, uint32_t threads, struct error *err);

/* Closes all connections, joins the threads and frees the relay. */
void relay_stop(struct relay *relay);

#endif

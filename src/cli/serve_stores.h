/* Where the second tier's stores come from: the connectors. */
#ifndef CLI_SERVE_STORES_H
#define CLI_SERVE_STORES_H

#include "connector/connector.h"
#include "tier/tier.h"

/* The callbacks of tiers_options, with connectors as their argument. Borrows them until the tiers are closed. */
struct serve_stores {
    struct connectors *connectors;
};
void serve_stores_fill(const struct serve_stores *stores, struct tiers_options *out);

#endif

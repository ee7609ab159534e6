/* A shard: what the broker keeps on one reactor. Its life, and what the main thread asks of it by mail. */
#ifndef BROKER_SHARD_H
#define BROKER_SHARD_H

#include "broker/broker_internal.h"

/* A session and its subscriptions as the catalog has them, to be built on its shard. */
struct subscription_seed {
    struct subscription_seed *next;
    struct str filter;
    struct subscribe_options options;
};

struct client_seed {
    struct client_seed *next;
    struct str client_id;
    uint64_t number;
    uint32_t expiry_s;
    int64_t expires_ms;
    struct subscription_seed *subscriptions;
};

void shard_init(struct shard *shard, struct broker *broker,
                unsigned index);              /* main thread, before the reactors */
void shard_start(struct reactor *reactor);    /* on_start: builds the sessions from the seeds */
void shard_turn_end(struct reactor *reactor); /* on_turn_end */
void shard_quiet(struct reactor *reactor);    /* on_quiet: lets go of what is on its way */
void shard_stop(struct reactor *reactor);     /* on_stop: frees everything of the reactor's */

/* Sends every client away. Thread: main; it is done by mail. */
void shard_post_shutdown(struct shard *shard, struct mail *mail);

#endif

/* A reactor that does nothing until it is released. */
#ifndef TESTS_BROKER_HOLD_H
#define TESTS_BROKER_HOLD_H

#include "broker/broker_test.h"
#include "broker/journal_internal.h"

#include <semaphore.h>

struct hold {
    struct mail mail;
    sem_t began, release, over;
};

static inline void hold_run(struct reactor *reactor, struct mail *mail)
{
    struct hold *hold = CONTAINER_OF(mail, struct hold, mail);
    (void)reactor;
    sem_post(&hold->began);
    sem_wait(&hold->release);
    sem_post(&hold->over);
}

static inline void hold_shard(const struct site *site, unsigned index, struct hold *hold)
{
    *hold = (struct hold){.mail.run = hold_run};
    sem_init(&hold->began, 0, 0);
    sem_init(&hold->release, 0, 0);
    sem_init(&hold->over, 0, 0);
    reactor_post(site->broker->shards[index].reactor, &hold->mail);
    sem_wait(&hold->began);
}

static inline void release_shard(struct hold *hold)
{
    sem_post(&hold->release);
    sem_wait(&hold->over);
}

/* What has been mailed to the reactor is done, and what it has given the journal is on disk. */
static inline void is_settled(struct shard *shard, void *arg)
{
    const struct shard_journal *sj = shard->journal;
    *(bool *)arg = sj->submitted == 0 && sj->batch == NULL && sj->done.len == 0;
}

static inline bool shard_is_settled(const struct site *site, unsigned index)
{
    bool settled = false;
    on_shard(site, index, is_settled, &settled);
    return settled;
}

#endif

/* What the floors above the broker build on: see service.h. */
#include "broker/service.h"

#include "base/mem.h"
#include "broker/broker_internal.h"
#include "broker/events_internal.h"

/* ---- Subscribers ----------------------------------------------------------------------------------------- */

void service_subscriber_init(struct broker *broker, struct subscriber *subscriber,
                             const struct subscriber_ops *ops)
{
    /* Sessions count by the number of reactors from that number on, services downwards from the top. */
    subscriber->id =
        UINT64_MAX - atomic_fetch_add_explicit(&broker->next_service_id, 1, memory_order_relaxed);
    subscriber->ops = ops;
    subscriber->name_hash = hash_u64(subscriber->id);
    subscriber->reactor = SUBSCRIBER_ANY_REACTOR;
    atomic_init(&subscriber->online, true);
}

bool service_subscribe(struct broker *broker, struct subscriber *subscriber, struct str filter, uint8_t qos,
                       struct error *err)
{
    struct topic_filter parsed;
    if (!topic_filter_parse(filter, &parsed))
        return error_set(err, ERR_INVALID, "\"%.*s\" is no topic filter", STR_ARG(filter));
    if (parsed.shared)
        return error_set(err, ERR_INVALID, "\"%.*s\": a shared subscription is for clients", STR_ARG(filter));
    const struct subscribe_options options = {.qos = qos, .retain_as_published = true};
    router_subscribe(broker->router, subscriber, &parsed, &options);
    return true;
}

void service_unsubscribe(struct broker *broker, struct subscriber *subscriber, struct str filter)
{
    struct topic_filter parsed;
    if (topic_filter_parse(filter, &parsed))
        router_unsubscribe(broker->router, subscriber, &parsed);
}

/* Mail to every reactor: when it has run, the reactor has left the turn in which it may have known the subscriber. */
struct barrier {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned pending;
};

struct barrier_mail {
    struct mail mail;
    struct barrier *barrier;
};

static void barrier_run(struct reactor *reactor, struct mail *mail)
{
    (void)reactor;
    struct barrier *barrier = CONTAINER_OF(mail, struct barrier_mail, mail)->barrier;
    pthread_mutex_lock(&barrier->lock);
    barrier->pending--;
    pthread_cond_signal(&barrier->changed);
    pthread_mutex_unlock(&barrier->lock);
}

void service_barrier(struct broker *broker)
{
    struct barrier barrier = {.pending = broker->shard_count};
    pthread_mutex_init(&barrier.lock, NULL);
    pthread_cond_init(&barrier.changed, NULL);
    struct barrier_mail *mails = mem_zalloc(broker->shard_count * sizeof(*mails));
    for (unsigned i = 0; i < broker->shard_count; i++) {
        mails[i] = (struct barrier_mail){.mail = {.run = barrier_run}, .barrier = &barrier};
        reactor_post(reactor_at(broker->reactors, i), &mails[i].mail);
    }
    pthread_mutex_lock(&barrier.lock);
    while (barrier.pending > 0)
        pthread_cond_wait(&barrier.changed, &barrier.lock);
    pthread_mutex_unlock(&barrier.lock);
    mem_free(mails);
    pthread_cond_destroy(&barrier.changed);
    pthread_mutex_destroy(&barrier.lock);
}

void service_subscriber_end(struct broker *broker, struct subscriber *subscriber)
{
    router_unsubscribe_all(broker->router, subscriber);
    service_barrier(broker);
}

unsigned service_reactor_count(const struct broker *broker)
{
    return broker->shard_count;
}

struct reactor *service_reactor(const struct broker *broker, unsigned index)
{
    return reactor_at(broker->reactors, index);
}

/* ---- In deliver() ---------------------------------------------------------------------------------------- */

unsigned publication_reactor(const struct publication *publication)
{
    return publication->shard->index;
}

struct str publication_client_id(const struct publication *publication)
{
    return publication->publisher != NULL ? session_client_id(publication->publisher) : STR("");
}

struct str publication_username(const struct publication *publication)
{
    const struct session *publisher = publication->publisher;
    if (publication->will_username != NULL)
        return str_of(publication->will_username);
    return publisher != NULL && publisher->connection != NULL ? str_of(publisher->connection->username)
                                                              : STR("");
}

struct publication_exchange publication_exchange(const struct publication *publication)
{
    if (publication->received_id == 0 || publication->exchange == 0)
        return (struct publication_exchange){0};
    return (struct publication_exchange){
        .session = publication->publisher->subscriber.number,
        .number = publication->exchange,
        .packet_id = publication->received_id,
        .repeated = publication->repeated,
    };
}

struct ack_ticket *publication_hold(struct publication *publication)
{
    if (!publication->acknowledged)
        return NULL;
    if (publication->ticket == NULL)
        publication->ticket = ticket_new(publication->shard);
    ticket_hold(publication->ticket);
    return publication->ticket;
}

bool publication_peer(const struct publication *publication, char *out)
{
    const struct session *publisher = publication->publisher;
    out[0] = '\0';
    if (publisher == NULL || publisher->connection == NULL)
        return false;
    channel_peer_text(&publisher->connection->channel, out);
    return true;
}

void publication_at_turn_end(const struct publication *publication, struct turn_task *task)
{
    service_at_turn_end(publication->shard->broker, publication->shard->index, task);
}

void service_at_turn_end(struct broker *broker, unsigned reactor, struct turn_task *task)
{
    struct shard *shard = &broker->shards[reactor];
    if (task->waiting)
        return;
    task->waiting = true;
    task->next = NULL;
    if (shard->turn_last != NULL)
        shard->turn_last->next = task;
    else
        shard->turn_first = task;
    shard->turn_last = task;
}

void turn_tasks_run(struct shard *shard)
{
    for (struct turn_task *task; (task = shard->turn_first) != NULL;) {
        shard->turn_first = task->next;
        if (shard->turn_first == NULL)
            shard->turn_last = NULL;
        task->waiting = false;
        task->run(task);
    }
}

void publication_charge(struct publication *publication, size_t bytes)
{
    publication->charged = true;
    disk_charge(publication->shard, bytes);
}

void service_credit(struct broker *broker, unsigned reactor, size_t bytes)
{
    disk_credit(&broker->shards[reactor], bytes);
}

/* ---- Publishing ------------------------------------------------------------------------------------------ */

size_t service_publish(struct broker *broker, unsigned reactor, struct publication *publication)
{
    struct shard *shard = &broker->shards[reactor];
    size_t receivers = 0;
    publication->shard = shard;
    if (events_wanted(shard, EVENTS_OF_MESSAGES))
        event_publication_begins(publication);
    const struct route *route = shard_route(shard, publication->topic, TOPIC_LEVELS_MAX);
    if (publication->retain) {
        publish_retained(shard, publication);
        route = shard_route(shard, publication->topic, TOPIC_LEVELS_MAX); /* as accept_publish() */
    }
    if (route != NULL)
        receivers = publish(shard, publication, route);
    if (receivers == 0 && event_wanted(shard, EVENT_MESSAGE_DROPPED))
        event_dropped(publication, "no_subscribers");
    publication_end(publication);
    return receivers;
}

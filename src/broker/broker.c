/* The broker as a whole: start, listeners, reload, stop. */
#include "broker/broker.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/authenticate.h"
#include "broker/origin.h"
#include "broker/shard.h"
#include "broker/watcher.h"

#include <time.h>
#include <unistd.h>

#define WORKERS      2
#define WORKER_QUEUE 10000
#define STOP_POLL_MS 5

unsigned broker_shard_of(const struct broker *broker, uint64_t client_hash)
{
    /* The upper half: the lower one places the client in the shard's map. */
    return (unsigned)((client_hash >> 32) % broker->shard_count);
}

/* ---- What the catalog remembers -------------------------------------------------------------------------- */

struct loading {
    struct broker *broker;
    struct arena *arena;
    struct map by_id;     /* client_seed */
    struct map by_number; /* the same */
    struct error *err;
};

static bool load_retained(struct str topic, struct str value, int64_t expires_ms, void *arg)
{
    struct loading *loading = arg;
    struct error err;
    struct message *message = message_decode(topic, value, expires_ms, &err);
    if (message == NULL) {
        LOG_ERROR("retained message not readable", LOG_ERROR_OF(&err));
        return true;
    }
    retained_set(loading->broker->retained, topic, message, NULL, NULL, NULL, NULL);
    message_unref(message);
    return true;
}

static bool load_session(struct str client_id, struct str value, int64_t expires_ms, void *arg)
{
    struct loading *loading = arg;
    if (value.len != 4 && value.len != 12) { /* without a number: by a version that had no journal */
        LOG_ERROR("stored session not readable", LOG_STR("client_id", client_id));
        return true;
    }
    const uint8_t *at = (const uint8_t *)value.data;
    struct client_seed *seed = arena_zalloc(loading->arena, sizeof(*seed));
    seed->client_id = arena_str(loading->arena, client_id);
    seed->expiry_s = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    seed->expires_ms = expires_ms;
    for (size_t i = 4; i < value.len; i++)
        seed->number |= (uint64_t)at[i] << 8 * (i - 4);
    uint64_t hash = client_hash(client_id);
    struct shard *shard = &loading->broker->shards[broker_shard_of(loading->broker, hash)];
    seed->next = shard->seeds;
    shard->seeds = seed;
    map_insert(&loading->by_id, hash, seed);
    if (seed->number != 0)
        map_insert(&loading->by_number, hash_u64(seed->number), seed);
    if (loading->broker->journal != NULL)
        journal_number_seen(loading->broker->journal, seed->number);
    return true;
}

static bool seed_has_id(const void *item, const void *key)
{
    return str_equal(((const struct client_seed *)item)->client_id, *(const struct str *)key);
}

static bool load_subscription(struct str client_id, struct str filter, uint8_t options, uint32_t id,
                              void *arg)
{
    struct loading *loading = arg;
    struct client_seed *seed = map_find(&loading->by_id, client_hash(client_id), seed_has_id, &client_id);
    if (seed == NULL)
        return true; /* its session has expired */
    struct subscription_seed *sub = arena_zalloc(loading->arena, sizeof(*sub));
    sub->filter = arena_str(loading->arena, filter);
    sub->options = (struct subscribe_options){
        .qos = (options & 3) < 3 ? options & 3 : 2, /* the file may have been edited */
        .no_local = (options & 4) != 0,
        .retain_as_published = (options & 8) != 0,
        .retain_handling = options >> 4 & 3,
        .id = id,
    };
    sub->next = seed->subscriptions;
    seed->subscriptions = sub;
    return true;
}

static bool seed_has_number(const void *item, const void *key)
{
    return ((const struct client_seed *)item)->number == *(const uint64_t *)key;
}

static bool number_is_known(uint64_t number, void *arg)
{
    const struct loading *loading = arg;
    return map_find(&loading->by_number, hash_u64(number), seed_has_number, &number) != NULL;
}

static bool load_journal(struct loading *loading, struct error *err)
{
    struct broker *broker = loading->broker;
    if (broker->journal == NULL)
        return true;
    broker->replay = journal_replay(broker->journal, err);
    if (broker->replay == NULL)
        return false;
    journal_replay_keep(broker->replay, number_is_known, loading);
    return true;
}

static bool load_catalog(struct broker *broker, struct arena *arena, struct error *err)
{
    struct loading loading = {.broker = broker, .arena = arena, .err = err};
    int64_t now_ms = clock_wall_ms();
    bool ok = catalog_retained_each(broker->catalog, now_ms, load_retained, &loading, err) &&
              catalog_session_each(broker->catalog, now_ms, load_session, &loading, err) &&
              catalog_subscription_each(broker->catalog, load_subscription, &loading, err) &&
              load_journal(&loading, err);
    map_free(&loading.by_id);
    map_free(&loading.by_number);
    return ok;
}

/* ---- Start ----------------------------------------------------------------------------------------------- */

void broker_shard_started(struct broker *broker)
{
    pthread_mutex_lock(&broker->start_lock);
    broker->started_count++;
    pthread_cond_signal(&broker->start_done);
    pthread_mutex_unlock(&broker->start_lock);
}

bool broker_is_started(struct broker *broker)
{
    pthread_mutex_lock(&broker->start_lock);
    bool started = broker->started_count == broker->shard_count;
    pthread_mutex_unlock(&broker->start_lock);
    return started;
}

/* No message may be routed before every shard has its subscriptions. */
static void wait_for_shards(struct broker *broker)
{
    pthread_mutex_lock(&broker->start_lock);
    while (broker->started_count < broker->shard_count)
        pthread_cond_wait(&broker->start_done, &broker->start_lock);
    pthread_mutex_unlock(&broker->start_lock);
}

static bool start_reactors(struct broker *broker, struct error *err)
{
    const struct reactor_group_options options = {
        .count = broker->shard_count,
        .user = broker,
        .on_start = shard_start,
        .on_turn_end = shard_turn_end,
        .on_quiet = shard_quiet,
        .on_stop = shard_stop,
    };
    broker->reactors = reactor_group_start(&options, err);
    if (broker->reactors == NULL)
        return false;
    wait_for_shards(broker);
    journal_restored(broker->replay, broker);
    broker->replay = NULL;
    return true;
}

static bool open_journal(struct broker *broker, const struct broker_options *options, struct error *err)
{
    if (options->sessions_dir == NULL)
        return true;
    broker->journal = journal_open(broker, options->log_engine, options->sessions_dir,
                                   broker->settings->sessions.sync_ms, err);
    return broker->journal != NULL;
}

static unsigned reactors_wanted(unsigned asked)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = asked != 0 ? asked : cores > 0 ? (unsigned)cores : 1;
    return count < REACTORS_MAX ? count : REACTORS_MAX;
}

static void make_keys(struct broker *broker, const struct secret_key *secret)
{
    struct secret_key random;
    if (secret == NULL) {
        random_bytes(random.bytes, sizeof(random.bytes));
        secret = &random;
    }
    secret_key_derive(secret, "varve scram salts", broker->scram_fake_key, sizeof(broker->scram_fake_key));
    mem_wipe(&random, sizeof(random));
}

struct broker *broker_start(const struct broker_options *options, struct error *err)
{
    struct broker *broker = mem_zalloc(sizeof(*broker));
    broker->catalog = options->catalog;
    broker->feeds = options->feeds;
    broker->settings = options->settings;
    broker->started_ms = clock_mono_ms();
    make_keys(broker, options->secret);
    broker->shard_count = reactors_wanted(options->reactors);
    pthread_mutex_init(&broker->handoff_lock, NULL);
    pthread_mutex_init(&broker->start_lock, NULL);
    pthread_cond_init(&broker->start_done, NULL);
    broker->router = router_new(broker->shard_count, options->settings->share_strategy);
    broker->retained = retained_new();
    broker->search = repairs_search_new(broker);
    broker->shards = mem_zalloc(broker->shard_count * sizeof(*broker->shards));
    for (unsigned i = 0; i < broker->shard_count; i++)
        shard_init(&broker->shards[i], broker, i);
    struct arena arena = {0};
    struct access *access = NULL;
    bool ok = (broker->workers = worker_pool_new("worker", WORKERS, WORKER_QUEUE, err)) != NULL &&
              (broker->watcher = watcher_new(broker, options->settings, &access, err)) != NULL &&
              open_journal(broker, options, err) && load_catalog(broker, &arena, err);
    for (unsigned i = 0; ok && i < broker->shard_count; i++)
        broker->shards[i].access = access_ref(access);
    ok = ok && start_reactors(broker, err);
    access_unref(access);
    arena_free(&arena);
    if (!ok) {
        broker_stop(broker, 0);
        broker_free(broker);
        return NULL;
    }
    return broker;
}

/* ---- Listeners ------------------------------------------------------------------------------------------- */

bool broker_has_authentication(struct broker *broker)
{
    struct error err;
    struct access *access = access_load(broker->catalog, broker->settings, STR(""), &err);
    bool has = access != NULL && access_has_credentials(access, broker->settings);
    access_unref(access);
    return has;
}

/* A PROXY header is the word of a proxy that forwards for others: they are as far away as it lets them be. */
bool broker_listener_is_local(const struct broker_listener_options *options)
{
    return listener_bind_is_loopback(options->net.bind) && !options->net.proxy_protocol;
}

/* Whether every client of the listener has to prove who it is, or the operator has said that none has to. */
static bool may_listen(struct broker *broker, const struct listener_state *state,
                       const struct broker_listener_options *options)
{
    int anonymous = options->allow_anonymous;
    if (anonymous == LISTENER_ANONYMOUS_AS_BROKER)
        anonymous = broker->settings->auth.allow_anonymous;
    bool certificate = options->net.tls != NULL && options->net.tls->require_client_cert;
    return state->local || anonymous >= 0 || certificate || broker_has_authentication(broker);
}

static void set_client_limits(struct listener_state *state, const struct broker_listener_options *options)
{
    atomic_store_explicit(&state->max_packet_bytes, options->max_packet_bytes, memory_order_relaxed);
    atomic_store_explicit(&state->messages_per_second, options->rate.messages_per_second,
                          memory_order_relaxed);
    atomic_store_explicit(&state->bytes_per_second, options->rate.bytes_per_second, memory_order_relaxed);
}

void broker_set_listener_limits(struct listener *listener, const struct broker_listener_options *options)
{
    set_client_limits(listener_user(listener), options);
}

static void listener_state_free(struct listener_state *state)
{
    for (size_t i = 0; i < state->allowed_origin_count; i++)
        mem_free(state->allowed_origins[i]);
    mem_free(state->allowed_origins);
    mem_free(state);
}

static void copy_origins(struct listener_state *state, const struct broker_listener_options *options)
{
    state->allowed_origins = mem_zalloc((options->allowed_origin_count + 1) * sizeof(char *));
    for (size_t i = 0; i < options->allowed_origin_count; i++)
        state->allowed_origins[i] = mem_strdup(options->allowed_origins[i]);
    state->allowed_origin_count = options->allowed_origin_count;
}

struct listener *broker_listen(struct broker *broker, const struct broker_listener_options *options,
                               struct error *err)
{
    struct listener_state *state = mem_zalloc(sizeof(*state));
    struct listener_options net = options->net;
    state->broker = broker;
    state->allow_anonymous = options->allow_anonymous;
    set_client_limits(state, options);
    copy_origins(state, options);
    state->local = broker_listener_is_local(options);
    if (!may_listen(broker, state, options)) {
        error_set(err, ERR_DENIED, "listener %s: %s %s, and no client would have to log in",
                  options->net.name, options->net.bind,
                  options->net.proxy_protocol ? "takes clients that a proxy forwards"
                                              : "is reachable from outside");
        error_hint(err, "create a user (varve user create NAME), or set allow_anonymous: true");
        listener_state_free(state);
        return NULL;
    }
    net.channel_bytes = sizeof(struct connection);
    net.ops = &connection_ops;
    net.user = state;
    net.may_upgrade = origin_may_upgrade;
    state->listener = listener_open(broker->reactors, &net, err);
    if (state->listener == NULL) {
        listener_state_free(state);
        return NULL;
    }
    broker->listeners =
        mem_realloc(broker->listeners, (broker->listener_count + 1) * sizeof(*broker->listeners));
    broker->listeners[broker->listener_count++] = state;
    return state->listener;
}

bool broker_reload(struct broker *broker, struct settings *settings, struct error *err)
{
    if (!watcher_reload(broker->watcher, settings, err)) {
        settings_unref(settings);
        return false;
    }
    settings_unref(broker->settings);
    broker->settings = settings;
    if (broker->journal != NULL)
        journal_set_sync(broker->journal, settings->sessions.sync_ms);
    return true;
}

/* ---- Stop ------------------------------------------------------------------------------------------------ */

static void send_clients_away(struct broker *broker, int64_t timeout_ms)
{
    struct mail *mails = mem_zalloc(broker->shard_count * sizeof(*mails));
    for (unsigned i = 0; i < broker->shard_count; i++)
        shard_post_shutdown(&broker->shards[i], &mails[i]);
    int64_t deadline = clock_mono_ms() + timeout_ms;
    /* Whoever is still at a handshake of TLS or WebSocket is told nothing, and not waited for. */
    while (atomic_load(&broker->open_channels) > 0 && clock_mono_ms() < deadline) {
        struct timespec pause = {.tv_nsec = STOP_POLL_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
    broker->stop_mails = mails; /* they may still be on their way */
}

void broker_stop(struct broker *broker, int64_t timeout_ms)
{
    for (size_t i = 0; i < broker->listener_count; i++)
        listener_stop_accepting(broker->listeners[i]->listener);
    if (broker->reactors != NULL)
        send_clients_away(broker, timeout_ms);
    /* Reactors give work to the workers, so they end first; what workers mail to them then is dropped. */
    if (broker->reactors != NULL)
        reactor_group_stop(broker->reactors);
    if (broker->workers != NULL)
        worker_pool_stop(broker->workers);
}

void broker_free(struct broker *broker)
{
    /* What is still queued in the journal and the catalog refers to tickets and messages of ours. */
    journal_close(broker->journal);
    catalog_flush(broker->catalog);
    for (size_t i = 0; i < broker->listener_count; i++) {
        listener_free(broker->listeners[i]->listener);
        listener_state_free(broker->listeners[i]);
    }
    if (broker->reactors != NULL)
        reactor_group_free(broker->reactors);
    watcher_free(broker->watcher);
    repairs_search_free(broker->search);
    handoff_free_all(broker);
    retained_free(broker->retained);
    router_free(broker->router);
    for (unsigned i = 0; i < broker->shard_count; i++) { /* of shards that have never started */
        settings_unref(broker->shards[i].settings);
        access_unref(broker->shards[i].access);
        repairs_free(&broker->shards[i].repairs);
    }
    settings_unref(broker->settings);
    mem_wipe(broker->scram_fake_key, sizeof(broker->scram_fake_key));
    mem_free(broker->listeners);
    mem_free(broker->stop_mails);
    journal_replay_free(broker->replay);
    journal_free(broker->journal);
    mem_free(broker->shards);
    pthread_cond_destroy(&broker->start_done);
    pthread_mutex_destroy(&broker->start_lock);
    pthread_mutex_destroy(&broker->handoff_lock);
    mem_free(broker);
}

/* ---- Life --------------------------------------------------------------------------------------------------- */

unsigned broker_pulse(struct broker *broker)
{
    unsigned stuck = reactor_group_pulse(broker->reactors);
    atomic_store_explicit(&broker->stuck_reactors, stuck, memory_order_relaxed);
    return stuck;
}

unsigned broker_stuck_reactors(const struct broker *broker)
{
    return atomic_load_explicit(&broker->stuck_reactors, memory_order_relaxed);
}

/* ---- Figures --------------------------------------------------------------------------------------------- */

void broker_stats(struct broker *broker, struct broker_stats *out)
{
    *out = (struct broker_stats){0};
    for (unsigned i = 0; i < broker->shard_count; i++) {
        const struct shard_counters *counters = &broker->shards[i].counters;
#define X(name) out->name += atomic_load_explicit(&counters->name, memory_order_relaxed);
        SHARD_COUNTERS(X)
#undef X
    }
    struct router_counts counts;
    router_counts(broker->router, &counts);
    out->subscriptions = counts.subscriptions;
    out->shared_subscriptions = counts.shared_subscriptions;
    out->retained = retained_count(broker->retained);
    out->uptime_s = (clock_mono_ms() - broker->started_ms) / 1000;
}

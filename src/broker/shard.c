/* See shard.h. */
#include "broker/shard.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tune.h"
#include "broker/login.h"
#include "broker/watcher.h"

#define ROUTES_MAX      65536
#define ROUTE_BYTES_MAX ((size_t)64 << 20)
#define HOUSEKEEPING_MS 1000
#define SWEEP_LIMIT     10000 /* retained messages removed a second */

void shard_init(struct shard *shard, struct broker *broker, unsigned index)
{
    shard->broker = broker;
    shard->index = index;
    shard->next_id = broker->shard_count + index; /* never 0 */
    shard->settings = settings_ref(broker->settings);
    shard->resume.run = handoff_resume_stalled;
    list_init(&shard->connections);
    list_init(&shard->stalled);
    list_init(&shard->searching);
    list_init(&shard->receipts);
    list_init(&shard->unsure);
    shard->search.fire = search_resume;
    random_seed(&shard->random, random_u64());
    repairs_init(&shard->repairs);
    atomic_init(&shard->handed_bytes, 0);
    atomic_init(&shard->resume_state, RESUME_IDLE);
}

/* Its row would stay on disk until the next start, and clients make as many as they like. */
static bool forget_retained(struct message *message, void *arg)
{
    struct error err; /* a full queue: at the next sweep */
    return persist_retained(arg, message, true, NULL, &err);
}

static void housekeeping(struct reactor *reactor, struct timer *timer)
{
    struct shard *shard = reactor_user(reactor);
    int64_t now_ms = reactor_now_ms(reactor);
    timer_set(reactor, timer, now_ms + TUNED("broker.housekeeping_ms", HOUSEKEEPING_MS));
    repairs_run(shard, false);
    if (shard->index != 0 || !broker_is_started(shard->broker)) /* other shards may have no reactor yet */
        return;
    repairs_search_tick(shard->broker->search);
    retained_sweep(shard->broker->retained, reactor_wall_ms(reactor), SWEEP_LIMIT, forget_retained, shard);
    watcher_tick(shard->broker->watcher);
    journal_tick(shard);
    if (shard->settings->sys_interval_ms > 0 && now_ms >= shard->sys_due_ms) {
        shard->sys_due_ms = now_ms + shard->settings->sys_interval_ms;
        sys_topics_publish(shard);
    }
}

static void restore_subscription(struct session *session, const struct subscription_seed *seed,
                                 const struct topic_filter *filter)
{
    bool is_new;
    const char *why = NULL;
    if (!feed_filter(session->shard->broker, filter))
        session_subscribe(session, filter, &seed->options);
    else if (feed_subscribe(session, seed->filter, filter, &seed->options, STR(""), true, &is_new, &why) >=
             0x80)
        LOG_WARNING("subscription not restored", LOG_STR("client_id", session_client_id(session)),
                    LOG_STR("filter", seed->filter), LOG_TEXT("reason", why));
}

static void build_sessions(struct shard *shard)
{
    for (const struct client_seed *seed = shard->seeds; seed != NULL; seed = seed->next) {
        struct session *session =
            session_restore(shard, seed->client_id, seed->number, seed->expiry_s, seed->expires_ms);
        for (const struct subscription_seed *sub = seed->subscriptions; sub != NULL; sub = sub->next) {
            struct topic_filter filter;
            if (topic_filter_parse(sub->filter, &filter))
                restore_subscription(session, sub, &filter);
        }
        journal_restore(shard->broker->replay, session);
    }
    shard->seeds = NULL;
}

void shard_start(struct reactor *reactor)
{
    struct broker *broker = reactor_group_user(reactor_group_of(reactor));
    struct shard *shard = &broker->shards[reactor_index(reactor)];
    shard->reactor = reactor;
    reactor_set_user(reactor, shard);
    shard->routes = route_cache_new(broker->router, shard->index, ROUTES_MAX, ROUTE_BYTES_MAX);
    journal_shard_start(shard);
    build_sessions(shard);
    shard->housekeeping.fire = housekeeping;
    timer_set(reactor, &shard->housekeeping, reactor_now_ms(reactor));
    broker_shard_started(broker);
}

void shard_turn_end(struct reactor *reactor)
{
    struct shard *shard = reactor_user(reactor);
    shard->search_ns = 0;
    turn_tasks_run(shard); /* before others hear of these messages */
    journal_turn_end(shard);
    handoff_flush(shard);
}

/* Tickets that come home from here on are freed by whoever drops their mail. */
void shard_quiet(struct reactor *reactor)
{
    receipts_forget(reactor_user(reactor), NULL);
}

void shard_stop(struct reactor *reactor)
{
    struct shard *shard = reactor_user(reactor);
    timer_clear(reactor, &shard->housekeeping);
    timer_clear(reactor, &shard->search);
    turn_tasks_run(shard); /* wills of the last connections */
    journal_shard_stop(shard);
    handoff_flush(shard);     /* a reactor that has ended gives them back */
    repairs_run(shard, true); /* once more, since it is the last time */
    session_free_all(shard);
    turn_tasks_run(shard);
    route_cache_free(shard->routes);
    buf_free(&shard->scratch);
    buf_free(&shard->props);
    buf_free(&shard->encode);
    buf_free(&shard->burst.packets[0]);
    buf_free(&shard->burst.packets[1]);
    settings_unref(shard->settings);
    access_unref(shard->access);
    mem_free(shard->picks);
    shard->picks = NULL;
    shard->settings = NULL;
    shard->access = NULL;
}

/* ---- By mail --------------------------------------------------------------------------------------------- */

static bool same_rules(const struct shard *shard, const struct settings *settings,
                       const struct access *access)
{
    const struct settings *old = shard->settings;
    return old->acl_default_allow == settings->acl_default_allow &&
           acl_rules_equal(old->acl, old->acl_count, settings->acl, settings->acl_count) &&
           acl_rules_equal(shard->access->rules, shard->access->rule_count, access->rules,
                           access->rule_count);
}

void shard_set_access(struct shard *shard, struct settings *settings, struct access *access)
{
    /* Every change of a user comes here, too: then no other client's rules are made anew. */
    bool changed = !same_rules(shard, settings, access);
    settings_unref(shard->settings);
    access_unref(shard->access);
    shard->settings = settings;
    shard->access = access;
    if (shard->index == 0)
        router_set_share_strategy(shard->broker->router, settings->share_strategy);
    int64_t now_ms = reactor_wall_ms(shard->reactor);
    LIST_EACH(it, &shard->connections)
    {
        struct connection *connection = CONTAINER_OF(it, struct connection, all);
        if (connection->state != CONNECTION_OPEN)
            continue;
        enum login_change login = login_check(connection, access);
        if (login == LOGIN_ENDED) {
            connection_fail(connection, MQTT_NOT_AUTHORIZED, LOGIN_ENDED_TEXT);
            continue;
        }
        if (changed || login == LOGIN_CHANGED) {
            connection_compile_acl(connection);
            session_revoke(connection->session, connection->acl);
        }
        if (access_banned(access, session_client_id(connection->session), str_of(connection->username),
                          connection->channel.peer, now_ms) != NULL)
            connection_fail(connection, MQTT_BANNED, "banned");
    }
}

static void shut_down(struct reactor *reactor, struct mail *mail)
{
    (void)mail;
    if (reactor == NULL)
        return;
    struct shard *shard = reactor_user(reactor);
    shard->stopping = true;
    LIST_EACH(it, &shard->connections)
    connection_fail(CONTAINER_OF(it, struct connection, all), MQTT_SERVER_SHUTTING_DOWN, NULL);
}

void shard_post_shutdown(struct shard *shard, struct mail *mail)
{
    mail->run = shut_down;
    reactor_post(shard->reactor, mail);
}

/* Listeners: opening on every reactor, limits, certificates, closing. */
#include "net/net_internal.h"

#include <unistd.h>

/* The port that the first socket gets is the port of the others. */
static bool open_sockets(struct listener *listener, const char *text, struct error *err)
{
    struct bind_address address;
    if (!bind_parse(text, &address, err))
        return false;
    if (!bind_is_free(&address, err))
        return false;
    for (unsigned i = 0; i < listener->acceptor_count; i++) {
        struct acceptor *acceptor = &listener->acceptors[i];
        acceptor->fd = bind_listen(&address, err);
        if (acceptor->fd < 0 || !bind_bound(acceptor->fd, &address, err))
            return false;
    }
    uint8_t ip[16];
    uint16_t port;
    address_from_socket((struct sockaddr *)&address.socket, ip, &port);
    address_text(ip, port, listener->address, sizeof listener->address);
    listener->is_loopback = bind_is_loopback(&address);
    return true;
}

static struct listener *listener_new(struct reactor_group *group, const struct listener_options *options)
{
    struct listener *listener = mem_zalloc(sizeof *listener);
    listener->name = mem_strdup(options->name != NULL ? options->name : options->bind);
    if (options->websocket) {
        listener->websocket_path =
            mem_strdup(options->websocket_path != NULL ? options->websocket_path : "/mqtt");
    }
    listener->may_upgrade = options->may_upgrade;
    listener->has_tls = options->tls != NULL;
    listener->proxy_protocol = options->proxy_protocol;
    listener->handshake_timeout_s =
        options->handshake_timeout_s != 0 ? options->handshake_timeout_s : HANDSHAKE_TIMEOUT_S;
    listener->channel_bytes =
        options->channel_bytes > sizeof(struct channel) ? options->channel_bytes : sizeof(struct channel);
    listener->ops = options->ops;
    listener->user = options->user;
    listener->group = group;
    atomic_init(&listener->max_connections, options->max_connections);
    atomic_init(&listener->connections_per_second, options->connections_per_second);
    pthread_mutex_init(&listener->lock, NULL);
    pthread_cond_init(&listener->closed, NULL);
    listener->acceptor_count = reactor_count(group);
    listener->acceptors = mem_zalloc(listener->acceptor_count * sizeof *listener->acceptors);
    for (unsigned i = 0; i < listener->acceptor_count; i++) {
        struct acceptor *acceptor = &listener->acceptors[i];
        acceptor->listener = listener;
        acceptor->reactor = reactor_at(group, i);
        acceptor->fd = -1;
        acceptor->start.run = acceptor_start;
        acceptor->stop.run = acceptor_stop;
    }
    return listener;
}

static void release(struct listener *listener)
{
    tls_context_unref(listener->tls);
    pthread_cond_destroy(&listener->closed);
    pthread_mutex_destroy(&listener->lock);
    mem_free(listener->acceptors);
    mem_free(listener->websocket_path);
    mem_free(listener->name);
    mem_free(listener);
}

struct listener *listener_open(struct reactor_group *group, const struct listener_options *options,
                               struct error *err)
{
    struct listener *listener = listener_new(group, options);
    bool good = true;
    if (options->tls != NULL) {
        listener->tls = tls_context_new(options->tls, err);
        good = listener->tls != NULL;
    }
    good = good && open_sockets(listener, options->bind, err);
    if (!good) {
        error_wrap(err, "listener %s", listener->name);
        for (unsigned i = 0; i < listener->acceptor_count; i++) {
            if (listener->acceptors[i].fd >= 0)
                close(listener->acceptors[i].fd);
        }
        release(listener);
        return NULL;
    }
    listener->open_acceptors = listener->acceptor_count;
    for (unsigned i = 0; i < listener->acceptor_count; i++)
        reactor_post(listener->acceptors[i].reactor, &listener->acceptors[i].start);
    return listener;
}

bool listener_reload_tls(struct listener *listener, const struct tls_options *tls, struct error *err)
{
    if (!listener->has_tls)
        return error_set(err, ERR_INVALID, "listener %s has no TLS", listener->name);
    struct tls_context *fresh = tls_context_new(tls, err);
    if (fresh == NULL)
        return error_wrap(err, "listener %s", listener->name);
    pthread_mutex_lock(&listener->lock);
    struct tls_context *old = listener->tls;
    listener->tls = fresh;
    pthread_mutex_unlock(&listener->lock);
    tls_context_unref(old);
    return true;
}

void listener_set_limits(struct listener *listener, unsigned max_connections, unsigned connections_per_second)
{
    atomic_store_explicit(&listener->max_connections, max_connections, memory_order_relaxed);
    atomic_store_explicit(&listener->connections_per_second, connections_per_second, memory_order_relaxed);
}

void listener_stop_accepting(struct listener *listener)
{
    if (!listener->stopped) {
        listener->stopped = true;
        for (unsigned i = 0; i < listener->acceptor_count; i++)
            reactor_post(listener->acceptors[i].reactor, &listener->acceptors[i].stop);
    }
    pthread_mutex_lock(&listener->lock);
    while (listener->open_acceptors > 0)
        pthread_cond_wait(&listener->closed, &listener->lock);
    pthread_mutex_unlock(&listener->lock);
}

void listener_free(struct listener *listener)
{
    if (listener == NULL)
        return;
    listener_stop_accepting(listener);
    release(listener);
}

const char *listener_name(const struct listener *listener)
{
    return listener->name;
}

const char *listener_address(const struct listener *listener)
{
    return listener->address;
}

bool listener_is_loopback(const struct listener *listener)
{
    return listener->is_loopback;
}

void *listener_user(const struct listener *listener)
{
    return listener->user;
}

unsigned listener_connections(const struct listener *listener)
{
    return atomic_load_explicit(&listener->connections, memory_order_relaxed);
}

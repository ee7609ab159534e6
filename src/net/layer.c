/* placeholder */
#include "net/net_internal.h"
struct layer *layer_new(struct channel *channel, struct error *err)
{
    (void)channel;
    error_set(err, ERR_UNSUPPORTED, "not offered");
    return NULL;
}
void layer_free(struct layer *layer)
{
    (void)layer;
}
void layer_handshake(struct channel *channel)
{
    (void)channel;
}
enum fill layer_fill(struct channel *channel, uint8_t *at, size_t room, size_t *got)
{
    return fill_socket(channel, at, room, got);
}
bool layer_write(struct channel *channel)
{
    return output_write_socket(channel);
}
void layer_goodbye(struct channel *channel)
{
    (void)channel;
}
void layer_shutdown(struct channel *channel)
{
    (void)channel;
}
struct tls_context *tls_context_new(const struct tls_options *options, struct error *err)
{
    (void)options;
    error_set(err, ERR_UNSUPPORTED, "TLS is not offered");
    return NULL;
}
void tls_context_unref(struct tls_context *context)
{
    (void)context;
}
bool channel_is_tls(const struct channel *channel)
{
    return channel->layer != NULL;
}
bool channel_cert_common_name(const struct channel *channel, char *out, size_t cap)
{
    (void)channel;
    (void)out;
    (void)cap;
    return false;
}
bool channel_cert_alt_name(const struct channel *channel, unsigned index, char *out, size_t cap)
{
    (void)channel;
    (void)out;
    (void)cap;
    (void)index;
    return false;
}

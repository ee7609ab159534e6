/* A small MQTT client for scripts: blocking, TCP or TLS, MQTT 3.1, 3.1.1 and 5; and the commands `varve pub` and
 * `varve sub` on it.
 *
 *     struct client *client = client_connect(&options, &err);
 *     client_publish(client, &message, &err);   sends; a few may be unacknowledged at a time
 *     client_flush(client, &err);               waits until all are acknowledged
 *     client_close(client);
 *
 * A client belongs to one thread. The process ignores SIGPIPE (OpenSSL writes without MSG_NOSIGNAL). */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "base/error.h"
#include "base/str.h"
#include "mqtt/mqtt.h"

/* ---- Commands: argv[0] is the subcommand's name; the exit code is 0, 1 (failed) or 2 (usage) -------------- */

int client_pub_main(int argc, char **argv);
int client_sub_main(int argc, char **argv);

/* ---- Library ---------------------------------------------------------------------------------------------- */

struct client;

struct client_options {
    const char *host;
    uint16_t port;
    const char *client_id; /* NULL: one is made up */
    const char *username;  /* NULL: none */
    const char *password;
    uint8_t version;     /* enum mqtt_version */
    uint16_t keep_alive; /* seconds; 0: off */
    bool clean_start;
    uint32_t session_expiry; /* seconds after the connection's end, MQTT 5 */
    int64_t timeout_ms;      /* for connecting and for every answer of the broker */

    bool tls;
    const char *ca_file;   /* NULL: the system's authorities */
    const char *cert_file; /* with key_file: a client certificate, PEM */
    const char *key_file;
    bool insecure; /* do not check the broker's certificate */
};

/* 127.0.0.1:1883, MQTT 5, keep alive 60 s, clean start, 10 s. */
void client_options_default(struct client_options *options);

/* Connects and waits for CONNACK. Borrows the options until it returns; returns owned.
 * Errors: ERR_NOT_FOUND (host name), ERR_IO (refused and others of the network), ERR_TIMEOUT, ERR_DENIED (CONNACK
 * with a refusal: its reason is in the text), ERR_PROTOCOL, ERR_INVALID (certificate files). */
struct client *client_connect(const struct client_options *options, struct error *err);

/* Whether the broker had a session of this client (3.2.2.1.1). */
bool client_session_present(const struct client *client);

/* Subscribes and waits for SUBACK. `properties` may be NULL. Messages that come meanwhile are kept.
 * Errors: ERR_DENIED (a filter was refused), and as for client_publish. */
bool client_subscribe(struct client *client, const struct mqtt_subscription *subscriptions, size_t count,
                      const struct mqtt_properties *properties, struct error *err);

struct client_message {
    struct str topic;
    struct str payload;
    uint8_t qos;
    bool retain;
    bool dup;
    struct mqtt_properties properties; /* MQTT 5 */
};

/* Sends one message. With QoS 1 and 2 it may return before the acknowledgement; it waits while as many as the
 * broker allows (at most CLIENT_IN_FLIGHT_MAX) are on their way. Borrows the message until it returns.
 * Errors: ERR_DENIED (this or an earlier message was refused), ERR_TOO_LARGE, ERR_CLOSED, ERR_TIMEOUT, ERR_IO,
 * ERR_PROTOCOL. After any but ERR_DENIED and ERR_TOO_LARGE the connection is gone. */
#define CLIENT_IN_FLIGHT_MAX 100
bool client_publish(struct client *client, const struct client_message *message, struct error *err);

/* Waits until every published message is acknowledged. Errors: as client_publish. */
bool client_flush(struct client *client, struct error *err);

enum client_receive { CLIENT_MESSAGE, CLIENT_NOTHING, CLIENT_FAILED };

/* Waits for a message, and sends PINGREQ when it is time. *out borrows from the client until its next call; that
 * call acknowledges it, so a message is acknowledged only after it was handled. timeout_ms 0: does not wait.
 * NOTHING: the time has passed, or a signal came. FAILED: errors as client_publish. */
enum client_receive client_receive(struct client *client, int64_t timeout_ms, struct client_message *out,
                                   struct error *err);

/* Acknowledges the last message, sends DISCONNECT and frees. NULL is fine. */
void client_close(struct client *client);

#endif

/* Letting clients in: who is it, and may it come?
 *
 * Checks that take time (argon2, signatures, the catalog) run on the worker pool; the connection waits with its
 * CONNECT unread, so that nothing is copied but what is checked. Every refusal costs the same whoever exists. */
#ifndef BROKER_AUTHENTICATE_H
#define BROKER_AUTHENTICATE_H

#include "broker/access.h"
#include "broker/broker_internal.h"
#include "broker/login.h"

struct auth_request;

/* What is known of a client once it is let in; owned by the connection's setup. */
struct identity {
    char *username;  /* NULL: anonymous */
    bool in_catalog; /* username is a login_username() */
    bool superuser;
    bool enhanced;          /* by SCRAM */
    int64_t expires_s;      /* of a token, wall clock; 0: never */
    struct acl_rule *rules; /* of a token */
    size_t rule_count;
    struct buf auth_data; /* SCRAM's last message, for CONNACK */
};

void identity_free(struct identity *identity);

/* The way from CONNECT to an open session. */
struct setup {
    struct auth_request *request; /* on a worker; NULL: none */
    struct scram_server *scram;
    struct identity identity;
    size_t handled; /* bytes of AUTH packets behind CONNECT */
    char *assigned_client_id;
    struct { /* what CONNECT said, for events: only while somebody wants them */
        char *client_id;
        char *username;
        uint16_t keep_alive_s;
        bool clean_start;
    } asked;
};

enum auth_step { AUTH_DONE, AUTH_PENDING, AUTH_MORE, AUTH_REFUSED };

/* Starts. DONE: setup->identity is filled. PENDING: authenticate_finished() will be called. MORE: waits for an AUTH
 * packet of the client. REFUSED: the connection has been failed. */
enum auth_step authenticate_start(struct connection *connection, const struct mqtt_connect *connect);
/* An AUTH packet of an exchange that has begun, before or after the session is open. */
enum auth_step authenticate_continue(struct connection *connection, const struct mqtt_disconnect *auth);
/* A re-authentication (MQTT 5, 4.12.1). */
enum auth_step authenticate_again(struct connection *connection, const struct mqtt_disconnect *auth);
/* Whether the client, under the name that it has proved to have, is banned; then it has been failed. */
bool authenticate_banned(struct connection *connection, struct str client_id);
/* Called by this file when a worker has finished: connect.c goes on. */
void authenticate_finished(struct connection *connection, enum auth_step step);
void authenticate_cancel(struct auth_request *request); /* the connection has gone */

/* Whether anonymous clients may come in by this listener although nobody has said so: only this machine reaches it, and
 * no authentication is configured. */
bool authenticate_anonymous_by_default(const struct listener_state *listener, const struct settings *settings,
                                       const struct access *access);
/* Whether an anonymous client may come in by this listener. */
bool authenticate_anonymous_allowed(const struct listener_state *listener, const struct settings *settings,
                                    const struct access *access);

#endif

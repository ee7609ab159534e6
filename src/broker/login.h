/* The login of a user of the catalog, as long as its connection is open: by what it was proved, and when.
 *
 * Who is deleted, or gets another password, has proved nothing that still holds: the connection ends. Who becomes or
 * ceases to be a superuser goes on under the rules that then apply. Users of tokens and certificates are not in the
 * catalog and have no login. */
#ifndef BROKER_LOGIN_H
#define BROKER_LOGIN_H

#include "broker/access.h"

struct connection;

/* The user's name for identity.username and connection.username, with the login in front of it (in_catalog). Returns
 * owned: username_free(). */
char *login_username(const struct catalog_user *user);
void username_free(char *username, bool in_catalog); /* takes; NULL is fine */

enum login_change {
    LOGIN_STANDS,
    LOGIN_CHANGED, /* connection.superuser is another one: its rules are to be compiled anew */
    LOGIN_ENDED    /* the user has gone, or proves itself otherwise */
};

/* Why its connection ends, with MQTT_NOT_AUTHORIZED: as when a token expires, coming back with the same proof is of no
 * use. (0x98, administrative action, would invite to try again.) */
#define LOGIN_ENDED_TEXT "the user has been deleted, or has another password"

/* What has become of the connection's user by this snapshot. Without a login: LOGIN_STANDS. */
enum login_change login_check(struct connection *connection, const struct access *access);

#endif

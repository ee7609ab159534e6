/* What the catalog keeps of a user's password. */
#ifndef BROKER_CREDENTIALS_H
#define BROKER_CREDENTIALS_H

#include "catalog/catalog.h"

/* Gives the user this password: an argon2id hash, and SCRAM-SHA-256 keys. Takes some tens of milliseconds. Thread: any.
 * Errors: as password_hash() and scram_derive(). */
bool user_set_password(struct catalog_user *user, struct str password, struct error *err);

#endif

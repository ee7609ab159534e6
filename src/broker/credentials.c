/* See credentials.h. */
#include "broker/credentials.h"

#include "auth/auth.h"
#include "base/mem.h"

_Static_assert(SCRAM_SALT_BYTES == CATALOG_SCRAM_SALT_BYTES && SCRAM_KEY_BYTES == CATALOG_SCRAM_KEY_BYTES,
               "the catalog keeps what auth derives");

bool user_set_password(struct catalog_user *user, struct str password, struct error *err)
{
    char hash[PASSWORD_HASH_BYTES];
    struct scram_credentials scram;
    if (!password_hash(password, hash, err) || !scram_derive(password, SCRAM_ITERATIONS, &scram, err))
        return false;
    if (user->password_hash != NULL)
        mem_wipe(user->password_hash, strlen(user->password_hash));
    mem_free(user->password_hash);
    user->password_hash = mem_strdup(hash);
    user->has_scram = true;
    user->scram_iterations = scram.iterations;
    memcpy(user->scram_salt, scram.salt, sizeof(scram.salt));
    memcpy(user->scram_stored_key, scram.stored_key, sizeof(scram.stored_key));
    memcpy(user->scram_server_key, scram.server_key, sizeof(scram.server_key));
    mem_wipe(hash, sizeof(hash));
    mem_wipe(&scram, sizeof(scram));
    return true;
}

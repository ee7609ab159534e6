/* See login.h. A snapshot that is older than the login says nothing about it: the user may have been made, or its
 * password set, in between. So each login keeps the catalog's revision that it was checked at. */
#include "broker/login.h"

#include "broker/broker_internal.h"

#include "base/mem.h"

#include <stddef.h>

struct login {
    uint64_t proof_mark;
    uint64_t revision;
    char name[];
};

static struct login *login_of(char *username)
{
    return (struct login *)(void *)(username - offsetof(struct login, name));
}

char *login_username(const struct catalog_user *user)
{
    size_t len = strlen(user->username);
    struct login *login = mem_alloc(sizeof(*login) + len + 1);
    login->proof_mark = catalog_user_mark(user);
    login->revision = user->revision;
    memcpy(login->name, user->username, len + 1);
    return login->name;
}

void username_free(char *username, bool in_catalog)
{
    if (username == NULL)
        return;
    mem_free(in_catalog ? (void *)login_of(username) : username);
}

enum login_change login_check(struct connection *connection, const struct access *access)
{
    if (!connection->in_catalog || connection->username == NULL)
        return LOGIN_STANDS;
    const struct login *login = login_of(connection->username);
    if (access->revision <= login->revision)
        return LOGIN_STANDS;
    const struct known_user *user = access_user(access, str_of(connection->username));
    if (user == NULL || user->proof_mark != login->proof_mark)
        return LOGIN_ENDED;
    if (user->superuser == connection->superuser)
        return LOGIN_STANDS;
    connection->superuser = user->superuser;
    return LOGIN_CHANGED;
}

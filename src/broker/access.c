/* Snapshots of who is known: see access.h. */
#include "broker/access.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#define KEY_FILE_BYTES ((size_t)1 << 20)

struct access *access_ref(struct access *access)
{
    atomic_fetch_add_explicit(&access->refs, 1, memory_order_relaxed);
    return access;
}

void access_unref(struct access *access)
{
    if (access == NULL || atomic_fetch_sub_explicit(&access->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < access->rule_count; i++)
        acl_rule_free(&access->rules[i]);
    for (size_t i = 0; i < access->ban_count; i++) {
        mem_free(access->bans[i].who);
        mem_free(access->bans[i].reason);
    }
    mem_free(access->rules);
    mem_free(access->bans);
    map_free(&access->users);
    arena_free(&access->arena);
    jwt_keys_free(access->jwt_keys);
    mem_free(access);
}

/* ---- From the catalog ------------------------------------------------------------------------------------ */

/* A rule that cannot be read is left out with an error line if it allows; if it denies, it denies everybody. */
static bool add_rule(const struct catalog_rule *row, void *arg)
{
    struct access *access = arg;
    struct acl_rule rule = {
        .allow = row->allow,
        .publish = row->publish,
        .subscribe = row->subscribe,
        .username = mem_strdup_or_null(row->username),
        .client_id = mem_strdup_or_null(row->client_id),
    };
    struct error err;
    if (row->address != NULL) {
        rule.has_address = acl_address_parse(str_of(row->address), rule.address, &rule.prefix_bits, &err);
        if (!rule.has_address) {
            LOG_ERROR("authorization rule not readable", LOG_UINT("id", row->id), LOG_ERROR_OF(&err));
            if (row->allow) {
                acl_rule_free(&rule);
                return true;
            }
        }
    }
    if (row->topic != NULL) {
        rule.topics = mem_alloc(sizeof(*rule.topics));
        rule.topics[0] = mem_strdup(row->topic);
        rule.topic_count = 1;
    }
    access->rules = mem_realloc(access->rules, (access->rule_count + 1) * sizeof(rule));
    access->rules[access->rule_count++] = rule;
    return true;
}

static bool add_ban(const struct catalog_ban *row, void *arg)
{
    struct access *access = arg;
    struct ban ban = {.kind = row->kind, .until_ms = row->until_ms};
    struct error err;
    if (row->kind == CATALOG_BAN_ADDRESS &&
        !acl_address_parse(str_of(row->who), ban.address, &ban.prefix_bits, &err)) {
        LOG_ERROR("ban not readable", LOG_TEXT("who", row->who), LOG_ERROR_OF(&err));
        return true;
    }
    ban.who = mem_strdup(row->who);
    ban.reason = mem_strdup_or_null(row->reason);
    access->bans = mem_realloc(access->bans, (access->ban_count + 1) * sizeof(ban));
    access->bans[access->ban_count++] = ban;
    return true;
}

uint64_t catalog_user_mark(const struct catalog_user *user)
{
    uint64_t mark =
        user->password_hash != NULL ? hash_bytes(user->password_hash, strlen(user->password_hash)) : 0;
    if (user->has_scram)
        mark = hash_u64(mark) ^ hash_bytes(user->scram_stored_key, sizeof(user->scram_stored_key));
    return mark;
}

static bool add_user(const struct catalog_user *row, void *arg)
{
    struct access *access = arg;
    size_t len = strlen(row->username);
    struct known_user *user = arena_alloc(&access->arena, sizeof(*user) + len + 1);
    user->proof_mark = catalog_user_mark(row);
    user->superuser = row->superuser;
    memcpy(user->name, row->username, len + 1);
    map_insert(&access->users, hash_bytes(row->username, len), user);
    return true;
}

/* The revision first: what changes meanwhile is read again with the next one. */
static bool load_catalog(struct access *access, struct catalog *catalog, struct error *err)
{
    return catalog_revision(catalog, &access->revision, err) &&
           catalog_rule_each(catalog, add_rule, access, err) &&
           catalog_ban_each(catalog, add_ban, access, err) &&
           catalog_user_each(catalog, add_user, access, err);
}

/* ---- Token keys ------------------------------------------------------------------------------------------ */

static bool add_key_file(struct jwt_keys *keys, const char *path,
                         bool (*add)(struct jwt_keys *keys, struct str text, struct error *err),
                         struct error *err)
{
    struct buf text = {0};
    bool ok = buf_read_file(&text, path, KEY_FILE_BYTES, err) && add(keys, buf_str(&text), err);
    buf_free(&text);
    return ok || error_wrap(err, "token keys of %s", path);
}

static bool load_keys(struct access *access, const struct auth_settings *auth, struct str jwks,
                      struct error *err)
{
    if (auth->jwt_secret == NULL && auth->jwt_public_key_file == NULL && auth->jwks_file == NULL &&
        auth->jwks_url == NULL)
        return true;
    access->jwt_keys = jwt_keys_new();
    if (auth->jwt_secret != NULL && !jwt_keys_add_secret(access->jwt_keys, str_of(auth->jwt_secret), err))
        return error_wrap(err, "authentication.jwt.secret");
    if (auth->jwt_public_key_file != NULL &&
        !add_key_file(access->jwt_keys, auth->jwt_public_key_file, jwt_keys_add_pem, err))
        return false;
    if (auth->jwks_file != NULL && !add_key_file(access->jwt_keys, auth->jwks_file, jwt_keys_add_jwks, err))
        return false;
    /* A set from the net that is not readable leaves the other keys in force. */
    struct error bad;
    if (jwks.len > 0 && !jwt_keys_add_jwks(access->jwt_keys, jwks, &bad))
        LOG_ERROR("token keys not readable", LOG_TEXT("url", auth->jwks_url), LOG_ERROR_OF(&bad));
    return true;
}

struct access *access_load(struct catalog *catalog, const struct settings *settings, struct str jwks,
                           struct error *err)
{
    struct access *access = mem_zalloc(sizeof(*access));
    atomic_init(&access->refs, 1);
    if (!load_catalog(access, catalog, err) || !load_keys(access, &settings->auth, jwks, err)) {
        access_unref(access);
        return NULL;
    }
    return access;
}

/* ---- Questions ------------------------------------------------------------------------------------------- */

static bool user_has_name(const void *item, const void *key)
{
    return str_is(*(const struct str *)key, ((const struct known_user *)item)->name);
}

const struct known_user *access_user(const struct access *access, struct str name)
{
    return map_find(&access->users, hash_bytes(name.data, name.len), user_has_name, &name);
}

static bool ban_applies(const struct ban *ban, struct str client_id, struct str username,
                        const uint8_t address[16])
{
    switch (ban->kind) {
    case CATALOG_BAN_CLIENT_ID: return str_is(client_id, ban->who);
    case CATALOG_BAN_USERNAME: return username.len > 0 && str_is(username, ban->who);
    case CATALOG_BAN_ADDRESS: return acl_address_matches(address, ban->address, ban->prefix_bits);
    }
    return false;
}

const struct ban *access_banned(const struct access *access, struct str client_id, struct str username,
                                const uint8_t address[16], int64_t now_ms)
{
    for (size_t i = 0; i < access->ban_count; i++) {
        const struct ban *ban = &access->bans[i];
        if ((ban->until_ms == 0 || ban->until_ms > now_ms) && ban_applies(ban, client_id, username, address))
            return ban;
    }
    return NULL;
}

bool access_has_credentials(const struct access *access, const struct settings *settings)
{
    return (access->users.count > 0 && (settings->auth.password || settings->auth.scram)) ||
           access->jwt_keys != NULL || settings->auth.certificate_user != CERTIFICATE_USER_NONE;
}

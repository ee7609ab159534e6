/* Tokens of dashboard users, and the limit on failed logins. Both are in memory only: a restart ends every login.
 *
 * A token is 32 random bytes. Kept is its SHA-256, so that a dump of memory or a core file lets nobody in. It lives for an
 * hour after its last use. One is sent as it is, or it is half of a session (login_session.c): neither is taken for the
 * other. */
#include "api/api_internal.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>

#define TOKENS_MAX     1000
#define TOKEN_BYTES    32
#define TOKEN_LIFE_MS  INT64_C(3600000)
#define FAILURES_MAX   1024  /* remembered */
#define WINDOW_MS      60000 /* of failed logins */
#define OF_ONE_USER    5
#define OF_ONE_ADDRESS 60

struct token {
    uint8_t hash[SHA256_HASH_BYTES];
    int64_t expires_ms; /* monotonic; 0: the slot is free */
    enum token_kind kind;
    char username[CALLER_NAME_BYTES];
};

struct tokens {
    pthread_mutex_t lock;
    struct token slots[TOKENS_MAX];
    uint8_t page_key[TOKEN_BYTES]; /* of this process: makes page keys of tokens */
};

struct tokens *tokens_new(void)
{
    struct tokens *tokens = mem_zalloc(sizeof(*tokens));
    pthread_mutex_init(&tokens->lock, NULL);
    random_bytes(tokens->page_key, sizeof(tokens->page_key));
    return tokens;
}

void tokens_free(struct tokens *tokens)
{
    if (tokens == NULL)
        return;
    pthread_mutex_destroy(&tokens->lock);
    mem_wipe(tokens, sizeof(*tokens));
    mem_free(tokens);
}

/* The free slot, an expired one, or the one that would expire first. */
static struct token *slot_for(struct tokens *tokens)
{
    struct token *oldest = &tokens->slots[0];
    for (size_t i = 0; i < TOKENS_MAX; i++) {
        if (tokens->slots[i].expires_ms < oldest->expires_ms)
            oldest = &tokens->slots[i];
    }
    return oldest;
}

void tokens_issue(struct tokens *tokens, const char *username, enum token_kind kind, int64_t now_ms,
                  char out[TOKEN_TEXT_BYTES])
{
    uint8_t bytes[TOKEN_BYTES];
    random_bytes(bytes, sizeof(bytes));
    size_t len = base64_encode(bytes, sizeof(bytes), out, true);
    out[len] = '\0';
    mem_wipe(bytes, sizeof(bytes));
    pthread_mutex_lock(&tokens->lock);
    struct token *slot = slot_for(tokens);
    *slot = (struct token){.expires_ms = now_ms + TOKEN_LIFE_MS, .kind = kind};
    secret_hash_of(str_make(out, len), slot->hash);
    memccpy(slot->username, username, '\0', sizeof(slot->username) - 1);
    pthread_mutex_unlock(&tokens->lock);
}

void tokens_page_key(const struct tokens *tokens, struct str token, char out[TOKEN_TEXT_BYTES])
{
    uint8_t digest[SHA256_HASH_BYTES];
    unsigned len = 0;
    if (HMAC(EVP_sha256(), tokens->page_key, TOKEN_BYTES, (const uint8_t *)token.data, token.len, digest,
             &len) == NULL ||
        len != sizeof(digest)) {
        LOG_ERROR("the cryptographic library fails", LOG_TEXT("operation", "HMAC-SHA-256"));
        abort();
    }
    out[base64_encode(digest, sizeof(digest), out, true)] = '\0';
}

bool tokens_check(struct tokens *tokens, struct str text, enum token_kind kind, int64_t now_ms,
                  char username[CALLER_NAME_BYTES], uint8_t hash[SHA256_HASH_BYTES])
{
    bool found = false;
    secret_hash_of(text, hash);
    pthread_mutex_lock(&tokens->lock);
    for (size_t i = 0; i < TOKENS_MAX; i++) {
        struct token *token = &tokens->slots[i];
        bool equal =
            str_equal_secret(str_make(token->hash, SHA256_HASH_BYTES), str_make(hash, SHA256_HASH_BYTES));
        if (!equal || token->kind != kind || token->expires_ms <= now_ms)
            continue;
        token->expires_ms = now_ms + TOKEN_LIFE_MS;
        memcpy(username, token->username, CALLER_NAME_BYTES);
        found = true;
    }
    pthread_mutex_unlock(&tokens->lock);
    return found;
}

void tokens_drop(struct tokens *tokens, const uint8_t hash[SHA256_HASH_BYTES])
{
    pthread_mutex_lock(&tokens->lock);
    for (size_t i = 0; i < TOKENS_MAX; i++) {
        if (memcmp(tokens->slots[i].hash, hash, SHA256_HASH_BYTES) == 0)
            tokens->slots[i] = (struct token){0};
    }
    pthread_mutex_unlock(&tokens->lock);
}

void tokens_drop_user(struct tokens *tokens, const char *username, const uint8_t *keep)
{
    pthread_mutex_lock(&tokens->lock);
    for (size_t i = 0; i < TOKENS_MAX; i++) {
        struct token *token = &tokens->slots[i];
        if (strcmp(token->username, username) == 0 &&
            (keep == NULL || memcmp(token->hash, keep, SHA256_HASH_BYTES) != 0))
            *token = (struct token){0};
    }
    pthread_mutex_unlock(&tokens->lock);
}

/* ---- Failed logins --------------------------------------------------------------------------------------- */

/* A failure, by hash of its address and of address and user. When all slots are taken the oldest is forgotten: who has so many
 * addresses is bounded by what a login costs. */
struct failure {
    uint64_t address;
    uint64_t user;
    int64_t at_ms;
};

struct login_limit {
    pthread_mutex_t lock;
    struct failure failures[FAILURES_MAX];
    size_t next;
};

struct login_limit *login_limit_new(void)
{
    struct login_limit *limit = mem_zalloc(sizeof(*limit));
    pthread_mutex_init(&limit->lock, NULL);
    return limit;
}

void login_limit_free(struct login_limit *limit)
{
    if (limit == NULL)
        return;
    pthread_mutex_destroy(&limit->lock);
    mem_free(limit);
}

static struct failure failure_of(struct str address, struct str username, int64_t now_ms)
{
    uint64_t from = hash_bytes(address.data, address.len);
    return (struct failure){
        .address = from,
        .user = hash_u64(from ^ hash_bytes(username.data, username.len)),
        .at_ms = now_ms,
    };
}

bool login_limit_allows(struct login_limit *limit, struct str address, struct str username, int64_t now_ms)
{
    struct failure wanted = failure_of(address, username, now_ms);
    unsigned of_address = 0, of_user = 0;
    pthread_mutex_lock(&limit->lock);
    for (size_t i = 0; i < FAILURES_MAX; i++) {
        const struct failure *failure = &limit->failures[i];
        if (failure->at_ms == 0 || failure->at_ms + WINDOW_MS <= now_ms)
            continue;
        of_address += failure->address == wanted.address;
        of_user += failure->user == wanted.user;
    }
    pthread_mutex_unlock(&limit->lock);
    return of_address < OF_ONE_ADDRESS && of_user < OF_ONE_USER;
}

void login_limit_failed(struct login_limit *limit, struct str address, struct str username, int64_t now_ms)
{
    pthread_mutex_lock(&limit->lock);
    limit->failures[limit->next] = failure_of(address, username, now_ms);
    limit->next = (limit->next + 1) % FAILURES_MAX;
    pthread_mutex_unlock(&limit->lock);
}

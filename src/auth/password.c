/* Passwords: argon2id as PHC strings, "$argon2id$v=19$m=19456,t=2,p=1$salt$hash".
 *
 * Happy path: password_hash() draws a salt and computes the string that the catalog keeps; password_verify()
 * computes again with the string's own salt and cost, and the library compares in constant time.
 *
 * A name that does not exist must cost what a name that exists costs, or time tells the names. So without a
 * hash, or with one that is unusable, password_verify() computes against `nobody`, whose answer is dropped.
 *
 * A stored hash brings its own cost with it. What comes from elsewhere (an import) may be dearer than ours, but
 * not without limit: one connection must not be able to take the machine's memory. */
#include "auth/auth_internal.h"

#include "base/mem.h"
#include "base/random.h"

#include <argon2.h>
#include <assert.h>

#define COST_KIB    19456
#define COST_PASSES 2
#define COST_LANES  1
#define SALT_BYTES  16
#define HASH_BYTES  32

#define COST_KIB_MAX       262144 /* 256 MiB */
#define COST_PASSES_MAX    32
#define COST_LANES_MAX     16
#define PASSWORD_BYTES_MAX 65535 /* MQTT's limit for a password */

/* At the cost of our own hashes. */
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
                             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/* Without look-alikes: no 0 O o, no 1 l I. */
static const char letters[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

bool password_hash(struct str password, char out[PASSWORD_HASH_BYTES], struct error *err)
{
    if (password.len > PASSWORD_BYTES_MAX) {
        return error_set(err, ERR_TOO_LARGE, "a password of %zu bytes; the limit is %d", password.len,
                         PASSWORD_BYTES_MAX);
    }
    uint8_t salt[SALT_BYTES];
    random_bytes(salt, sizeof salt);
    int rc = argon2id_hash_encoded(COST_PASSES, COST_KIB, COST_LANES, password.data, password.len, salt,
                                   sizeof salt, HASH_BYTES, out, PASSWORD_HASH_BYTES);
    if (rc == ARGON2_OK)
        return true;
    mem_wipe(out, PASSWORD_HASH_BYTES);
    enum error_code code = rc == ARGON2_MEMORY_ALLOCATION_ERROR ? ERR_NO_MEMORY : ERR_INTERNAL;
    return error_set(err, code, "argon2id: %s", argon2_error_message(rc));
}

/* Takes "name<number>" and the separator behind it off the front of *at; the number is 1 to max. */
static bool take_cost(const char **at, const char *name, char separator, uint32_t max)
{
    size_t name_len = strlen(name);
    if (strncmp(*at, name, name_len) != 0)
        return false;
    const char *digit = *at + name_len;
    uint32_t value = 0;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        value = value * 10 + (uint32_t)(*digit - '0');
        if (value > max)
            return false;
    }
    if (value == 0 || *digit != separator)
        return false;
    *at = digit + 1;
    return true;
}

/* An argon2id string whose cost is bearable. The library checks the rest. */
static bool usable(const char *hash)
{
    static const char prefix[] = "$argon2id$v=19$";
    if (strncmp(hash, prefix, sizeof prefix - 1) != 0 || strlen(hash) >= PASSWORD_HASH_BYTES)
        return false;
    const char *at = hash + sizeof prefix - 1;
    return take_cost(&at, "m=", ',', COST_KIB_MAX) && take_cost(&at, "t=", ',', COST_PASSES_MAX) &&
           take_cost(&at, "p=", '$', COST_LANES_MAX);
}

bool password_verify(const char *hash, struct str password)
{
    bool known = hash != NULL && usable(hash) && password.len <= PASSWORD_BYTES_MAX;
    if (password.len > PASSWORD_BYTES_MAX)
        password = STR_NONE;
    int rc = argon2id_verify(known ? hash : nobody, password.data, password.len);
    if (known && rc != ARGON2_OK && rc != ARGON2_VERIFY_MISMATCH) {
        /* The string does not decode, and nothing has been computed yet. */
        known = false;
        (void)argon2id_verify(nobody, password.data, password.len);
    }
    return known && rc == ARGON2_OK;
}

void password_generate(char *out, size_t len)
{
    enum { LETTERS = sizeof letters - 1, FAIR = 256 / LETTERS * LETTERS };
    uint8_t pool[64];
    size_t made = 0;
    while (made < len) {
        random_bytes(pool, sizeof pool);
        for (size_t i = 0; i < sizeof pool && made < len; i++) {
            /* Bytes at the end of the range would favour the first letters. */
            if (pool[i] < FAIR)
                out[made++] = letters[pool[i] % LETTERS];
        }
    }
    out[len] = '\0';
    mem_wipe(pool, sizeof pool);
}

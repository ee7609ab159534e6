/* SHA-256 and HMAC-SHA-256, in one call each. */
#include "auth/auth_internal.h"

#include "base/log.h"

#include <openssl/evp.h>
#include <stdlib.h>

void crypto_checked(bool ok, const char *what)
{
    if (ok)
        return;
    LOG_ERROR("the cryptographic library fails", LOG_TEXT("operation", what));
    abort();
}

void sha256(const void *data, size_t len, uint8_t out[SHA256_BYTES])
{
    unsigned written = 0;
    bool ok = EVP_Digest(data, len, out, &written, EVP_sha256(), NULL) == 1;
    crypto_checked(ok && written == SHA256_BYTES, "SHA-256");
}

void hmac_sha256(const void *key, size_t key_len, struct str message, uint8_t out[SHA256_BYTES])
{
    size_t written = 0;
    bool ok = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, key_len, (const unsigned char *)message.data,
                        message.len, out, SHA256_BYTES, &written) != NULL;
    crypto_checked(ok && written == SHA256_BYTES, "HMAC-SHA-256");
}

/* SHA-256, MD5 and CRC-32C over a body, with OpenSSL and base/crc32c.h. OpenSSL fails here for want of memory alone, which ends the
 * process as elsewhere; but for MD5, which a machine may have forbidden. */
#include "object/digest.h"

#include "base/crc32c.h"
#include "base/mem.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

struct digester {
    EVP_MD_CTX *sha256; /* NULL: not wanted, as the next one */
    EVP_MD_CTX *md5;    /* or not to be had */
    bool counts_crc;
    uint32_t crc32c;
};

static EVP_MD_CTX *begin(const EVP_MD *kind)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx != NULL && EVP_DigestInit_ex(ctx, kind, NULL) == 1)
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

struct digester *digester_new(unsigned kinds)
{
    struct digester *digester = mem_zalloc(sizeof *digester);
    if ((kinds & DIGEST_SHA256) != 0 && (digester->sha256 = begin(EVP_sha256())) == NULL)
        abort();
    if ((kinds & DIGEST_MD5) != 0)
        digester->md5 = begin(EVP_md5());
    digester->counts_crc = (kinds & DIGEST_CRC32C) != 0;
    return digester;
}

void digester_add(struct digester *digester, const void *data, size_t len)
{
    if (digester->sha256 != NULL && EVP_DigestUpdate(digester->sha256, data, len) != 1)
        abort();
    if (digester->md5 != NULL && EVP_DigestUpdate(digester->md5, data, len) != 1)
        abort();
    if (digester->counts_crc)
        digester->crc32c = crc32c(digester->crc32c, data, len);
}

void digester_end(struct digester *digester, struct digests *out)
{
    *out = (struct digests){.crc32c = digester->crc32c};
    if (digester->sha256 != NULL && EVP_DigestFinal_ex(digester->sha256, out->sha256, NULL) != 1)
        abort();
    out->has_md5 = digester->md5 != NULL && EVP_DigestFinal_ex(digester->md5, out->md5, NULL) == 1;
    EVP_MD_CTX_free(digester->sha256);
    EVP_MD_CTX_free(digester->md5);
    mem_free(digester);
}

void digest_of(struct str bytes, unsigned kinds, struct digests *out)
{
    struct digester *digester = digester_new(kinds);
    digester_add(digester, bytes.data, bytes.len);
    digester_end(digester, out);
}

void digest_all(struct str bytes, struct digests *out)
{
    digest_of(bytes, DIGEST_SHA256 | DIGEST_MD5 | DIGEST_CRC32C, out);
}

void sha256_of(struct str bytes, uint8_t out[SHA256_BYTES])
{
    if (EVP_Digest(bytes.data, bytes.len, out, NULL, EVP_sha256(), NULL) != 1)
        abort();
}

void sha256_hex(struct str bytes, char out[SHA256_HEX_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    sha256_of(bytes, digest);
    hex_encode(digest, sizeof digest, out);
}

void hmac_sha256_of(const void *key, size_t key_len, struct str text, uint8_t out[SHA256_BYTES])
{
    if (HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text.data, text.len, out, NULL) == NULL)
        abort();
}

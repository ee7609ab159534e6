/* The key file of an installation, and the keys that follow from it.
 *
 *     DIR/secret.key: 32 random bytes in base64, one line; mode 0600; made at the first start
 *
 *     key of a purpose = HKDF-SHA-256(secret, no salt, info = the purpose)      (RFC 5869)
 *
 * What one purpose gives away says nothing of the secret or of another purpose's key.
 *
 * The file is made once and never replaced: what was encrypted with it could not be read any more. A file that holds
 * anything else is an error, not a reason to make another one. One that others may read is made private again. */
#include "auth/auth_internal.h"

#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME      "secret.key"
#define FILE_BYTES_MAX 256

static bool write_key(const char *path, struct secret_key *out, struct error *err)
{
    char text[BASE64_BYTES(SECRET_KEY_BYTES)];
    struct buf line = {0};
    random_bytes(out->bytes, sizeof out->bytes);
    base64_encode(out->bytes, sizeof out->bytes, text, false);
    buf_printf(&line, "%s\n", text);
    bool ok = buf_write_file(&line, path, 0600, err);
    mem_wipe(text, sizeof text);
    mem_wipe(line.data, line.len);
    buf_free(&line);
    return ok;
}

static bool read_key(const char *path, struct secret_key *out, struct error *err)
{
    struct buf text = {0};
    uint8_t bytes[FILE_BYTES_MAX];
    struct stat info;
    bool ok = buf_read_file(&text, path, FILE_BYTES_MAX, err);
    if (ok && base64_decode(str_trim(buf_str(&text)), bytes, false) != SECRET_KEY_BYTES) {
        error_set(err, ERR_CORRUPT, "%s is not a key of %d bytes in base64", path, SECRET_KEY_BYTES);
        ok = error_hint(err, "bring back the former file: what was made with its key is lost without it");
    }
    if (ok && stat(path, &info) == 0 && (info.st_mode & 077) != 0 && chmod(path, 0600) != 0)
        ok = error_errno(err, errno, "make %s private", path);
    if (ok)
        memcpy(out->bytes, bytes, sizeof out->bytes);
    mem_wipe(bytes, sizeof bytes);
    if (text.data != NULL)
        mem_wipe(text.data, text.len);
    buf_free(&text);
    return ok;
}

bool secret_key_load(struct secret_key *out, const char *dir, struct error *err)
{
    struct buf path = {0};
    buf_printf(&path, "%s/" FILE_NAME, dir);
    bool there = access(buf_cstr(&path), F_OK) == 0 || errno != ENOENT;
    bool ok = there ? read_key(buf_cstr(&path), out, err) : write_key(buf_cstr(&path), out, err);
    buf_free(&path);
    return ok;
}

void secret_key_derive(const struct secret_key *secret, const char *purpose, uint8_t *out, size_t len)
{
    /* OpenSSL takes parameters as not const, and reads them only. */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret->bytes,
                                          sizeof secret->bytes),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)purpose, strlen(purpose)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    bool ok = context != NULL && EVP_KDF_derive(context, out, len, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    crypto_checked(ok, "HKDF");
}

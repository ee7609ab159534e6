/* Secrets of connectors in the catalog.
 *
 *     "secret_access_key": "sealed:" base64( nonce, 12 bytes │ ciphertext │ tag, 16 bytes )
 *
 * AES-256-GCM with a random nonce; the key follows from DIR/secret.key. The connector's id and the secret's place in it
 * are authenticated with it, so that a sealed secret cannot be moved to another place or connector. Every secret is
 * sealed, references and empty ones too, so nothing that a user writes can be taken for a sealed one. */
#include "connector/connector_internal.h"

#include "base/mem.h"
#include "base/random.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define PREFIX      STR("sealed:")
#define NONCE_BYTES 12
#define TAG_BYTES   16

struct sealing {
    const uint8_t *key;
    const char *id;
};

/* Crypto that fails on good input is our own mistake or no memory: nothing can be done about it here. */
static void checked(bool ok)
{
    if (!ok)
        abort();
}

static void bind_place(struct str id, struct str place, struct buf *out)
{
    buf_append_str(out, id);
    buf_append_byte(out, '\0');
    buf_append_str(out, place);
}

static void seal_bytes(const struct sealing *sealing, struct str place, struct str text, struct buf *out)
{
    struct buf bound = {0};
    int len = 0;
    bind_place(str_of(sealing->id), place, &bound);
    buf_reserve(out, NONCE_BYTES + text.len + TAG_BYTES);
    uint8_t *nonce = out->data, *sealed = nonce + NONCE_BYTES;
    random_bytes(nonce, NONCE_BYTES);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    checked(context != NULL &&
            EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, sealing->key, nonce) == 1);
    checked(EVP_EncryptUpdate(context, NULL, &len, bound.data, (int)bound.len) == 1);
    checked(EVP_EncryptUpdate(context, sealed, &len, (const uint8_t *)text.data, (int)text.len) == 1 &&
            (size_t)len == text.len);
    checked(EVP_EncryptFinal_ex(context, sealed + text.len, &len) == 1);
    checked(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, sealed + text.len) == 1);
    EVP_CIPHER_CTX_free(context);
    out->len = NONCE_BYTES + text.len + TAG_BYTES;
    buf_free(&bound);
}

/* False: it is not what was sealed. `out` has room for the text. */
static bool open_bytes(const struct sealing *sealing, struct str place, struct str sealed, uint8_t *out)
{
    struct buf bound = {0};
    int len = 0;
    size_t text_len = sealed.len - NONCE_BYTES - TAG_BYTES;
    const uint8_t *nonce = (const uint8_t *)sealed.data, *text = nonce + NONCE_BYTES;
    bind_place(str_of(sealing->id), place, &bound);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    checked(context != NULL &&
            EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, sealing->key, nonce) == 1);
    checked(EVP_DecryptUpdate(context, NULL, &len, bound.data, (int)bound.len) == 1);
    checked(EVP_DecryptUpdate(context, out, &len, text, (int)text_len) == 1);
    checked(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_BYTES,
                                (void *)(uintptr_t)(text + text_len)) == 1);
    bool ok = EVP_DecryptFinal_ex(context, out + text_len, &len) == 1;
    EVP_CIPHER_CTX_free(context);
    buf_free(&bound);
    return ok;
}

static json_t *seal(const char *place, const json_t *secret, void *arg, struct error *err)
{
    const struct sealing *sealing = arg;
    struct buf sealed = {0}, text = {0};
    (void)err;
    seal_bytes(sealing, str_of(place), str_make(json_string_value(secret), json_string_length(secret)),
               &sealed);
    buf_append_str(&text, PREFIX);
    buf_reserve(&text, BASE64_BYTES(sealed.len));
    text.len += base64_encode(sealed.data, sealed.len, (char *)text.data + text.len, false);
    json_t *value = json_stringn((const char *)text.data, text.len);
    buf_free(&sealed);
    buf_free(&text);
    return value;
}

/* NULL: it is not what was sealed. */
static json_t *open_text(const struct sealing *sealing, struct str place, struct str text)
{
    if (!str_starts(text, PREFIX))
        return NULL;
    struct str encoded = str_make(text.data + PREFIX.len, text.len - PREFIX.len);
    uint8_t *sealed = mem_alloc(2 * encoded.len + 1), *out = sealed + encoded.len;
    int64_t len = base64_decode(encoded, sealed, false);
    json_t *value = NULL;
    if (len >= NONCE_BYTES + TAG_BYTES && open_bytes(sealing, place, str_make(sealed, (size_t)len), out)) {
        size_t text_len = (size_t)len - NONCE_BYTES - TAG_BYTES;
        value = json_stringn((const char *)out, text_len);
        mem_wipe(out, text_len);
    }
    mem_free(sealed);
    return value;
}

static json_t *unseal(const char *place, const json_t *secret, void *arg, struct error *err)
{
    struct str text = str_make(json_string_value(secret), json_string_length(secret));
    json_t *value = open_text(arg, str_of(place), text);
    if (value != NULL)
        return value;
    error_set(err, ERR_CORRUPT, "%s cannot be decrypted: it was encrypted with another secret.key", place);
    error_hint(err, "bring back the data directory's former secret.key, or set the secret again");
    return json_string("");
}

json_t *secrets_seal(const uint8_t key[SECRETS_KEY_BYTES], const struct connector_type *type, const char *id,
                     const json_t *object)
{
    struct sealing sealing = {key, id};
    return spec_secrets(type->keys, object, seal, &sealing, NULL);
}

json_t *secrets_open(const uint8_t key[SECRETS_KEY_BYTES], const struct connector_type *type, const char *id,
                     const json_t *stored, struct error *err)
{
    struct sealing sealing = {key, id};
    return spec_secrets(type->keys, stored, unseal, &sealing, err);
}

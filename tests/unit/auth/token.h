/* For the tests of tokens: the keys and examples of RFC 7515, and the making of tokens. */
#ifndef TESTS_AUTH_TOKEN_H
#define TESTS_AUTH_TOKEN_H

#include "auth/auth_internal.h"

/* The claims set of all three examples; it expires at 1300819380. */
#define RFC_PAYLOAD \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RFC_EXPIRES_S 1300819380

/* Appendix A.1: HMAC SHA-256. */
#define RFC_A1_TOKEN \
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC_PAYLOAD ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define RFC_A1_SECRET "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"

/* Appendix A.2: RSASSA-PKCS1-v1_5 SHA-256. */
#define RFC_A2_TOKEN                                                                                         \
    "eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD                                                                      \
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9u" \
    "JdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_"   \
    "eSN"                                                                                                    \
    "9383LcOLn6_dO--xi12jzDwusC-"                                                                            \
    "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLI"                           \
    "hWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
#define RFC_A2_N                                                                                             \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-" \
    "SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS" \
    "-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2" \
    "ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define RFC_A2_JWK "{\"kty\":\"RSA\",\"n\":\"" RFC_A2_N "\",\"e\":\"AQAB\"}"
#define RFC_A2_PEM                                                       \
    "-----BEGIN PUBLIC KEY-----\n"                                       \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n" \
    "NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n" \
    "P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n" \
    "9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n" \
    "EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n" \
    "FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n" \
    "oQIDAQAB\n"                                                         \
    "-----END PUBLIC KEY-----\n"

/* Appendix A.3: ECDSA P-256 SHA-256. */
#define RFC_A3_TOKEN                    \
    "eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD \
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define RFC_A3_X   "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define RFC_A3_Y   "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define RFC_A3_JWK "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_A3_X "\",\"y\":\"" RFC_A3_Y "\"}"
#define RFC_A3_PEM                                                       \
    "-----BEGIN PUBLIC KEY-----\n"                                       \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n" \
    "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"     \
    "-----END PUBLIC KEY-----\n"

/* A secret for tokens that the tests make. */
#define TEST_SECRET "a secret of more than 32 bytes for HS256"

static inline void token_append_part(struct buf *token, struct str bytes)
{
    buf_reserve(token, BASE64_BYTES(bytes.len));
    token->len += base64_encode(bytes.data, bytes.len, (char *)token->data + token->len, true);
}

/* header "." payload, without signature. */
static inline void token_begin(struct buf *token, struct str header, struct str payload)
{
    buf_reset(token);
    token_append_part(token, header);
    buf_append_byte(token, '.');
    token_append_part(token, payload);
}

static inline void token_append_signature(struct buf *token, struct str signature)
{
    buf_append_byte(token, '.');
    token_append_part(token, signature);
}

/* A whole token, with an HMAC that `secret` makes, whatever the header says. Replaces what is in *token. */
static inline void token_make_hmac(struct buf *token, struct str header, struct str payload,
                                   struct str secret)
{
    uint8_t mac[SHA256_BYTES];
    token_begin(token, header, payload);
    hmac_sha256(secret.data, secret.len, buf_str(token), mac);
    token_append_signature(token, str_make(mac, sizeof mac));
}

#endif

/* Signature Version 4:
 *
 *   canonical request   method, path, query, headers (name:value, sorted by name), their names, the payload's SHA-256
 *   text to sign        AWS4-HMAC-SHA256, time, scope (day/region/service/aws4_request), SHA-256 of the canonical request
 *   signing key         HMAC chain: "AWS4" + secret, day, region, service, "aws4_request"
 *   signature           HMAC of the text with the key, in hex
 *
 * Path and query come encoded already, in the one form that is sent: then nothing between can disagree. */
#include "object/s3_sign.h"

#include "base/mem.h"
#include "object/s3_address.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void s3_identity_free(struct s3_identity *identity)
{
    char *const texts[] = {identity->access_key_id, identity->secret_access_key, identity->session_token};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i] != NULL)
            mem_wipe(texts[i], strlen(texts[i]));
        mem_free(texts[i]);
    }
    *identity = (struct s3_identity){0};
}

void s3_date(int64_t wall_ms, char out[S3_DATE_BYTES])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    if (strftime(out, S3_DATE_BYTES, "%Y%m%dT%H%M%SZ", &tm) == 0)
        out[0] = '\0';
}

/* ---- The query ------------------------------------------------------------------------------------------- */

struct encoded_pair {
    struct buf name;
    struct buf value;
};

static int compare_pairs(const void *a, const void *b)
{
    const struct encoded_pair *one = a;
    const struct encoded_pair *two = b;
    int order = str_compare(buf_str(&one->name), buf_str(&two->name));
    return order != 0 ? order : str_compare(buf_str(&one->value), buf_str(&two->value));
}

void s3_query(const struct s3_pair *pairs, size_t count, struct buf *out)
{
    struct encoded_pair encoded[S3_PAIRS_MAX] = {0};
    assert(count <= S3_PAIRS_MAX);
    for (size_t i = 0; i < count; i++) {
        s3_encode(pairs[i].name, false, &encoded[i].name);
        s3_encode(pairs[i].value, false, &encoded[i].value);
    }
    qsort(encoded, count, sizeof encoded[0], compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_byte(out, '&');
        buf_append_str(out, buf_str(&encoded[i].name));
        buf_append_byte(out, '=');
        buf_append_str(out, buf_str(&encoded[i].value));
        buf_free(&encoded[i].name);
        buf_free(&encoded[i].value);
    }
}

/* ---- The canonical request ------------------------------------------------------------------------------- */

static int compare_headers(const void *a, const void *b)
{
    return str_compare(((const struct s3_header *)a)->name, ((const struct s3_header *)b)->name);
}

/* Without white space at the ends, and one blank where there are several. */
static void append_value(struct str value, struct buf *out)
{
    value = str_trim(value);
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] != ' ' || value.data[i - 1] != ' ')
            buf_append_byte(out, (uint8_t)value.data[i]);
    }
}

void s3_canonical_request(const struct s3_to_sign *request, struct buf *out, struct buf *signed_names)
{
    size_t bytes = request->header_count * sizeof *request->headers;
    struct s3_header *headers = mem_alloc(bytes > 0 ? bytes : 1);
    for (size_t i = 0; i < request->header_count; i++)
        headers[i] = request->headers[i];
    qsort(headers, request->header_count, sizeof *headers, compare_headers);
    buf_printf(out, "%s\n%.*s\n%.*s\n", request->method, STR_ARG(request->path), (int)request->query.len,
               request->query.len > 0 ? request->query.data : "");
    for (size_t i = 0; i < request->header_count; i++) {
        buf_append_str(out, headers[i].name);
        buf_append_byte(out, ':');
        append_value(headers[i].value, out);
        buf_append_byte(out, '\n');
        if (i > 0)
            buf_append_byte(signed_names, ';');
        buf_append_str(signed_names, headers[i].name);
    }
    buf_printf(out, "\n%.*s\n%s", (int)signed_names->len, (char *)signed_names->data, request->payload);
    mem_free(headers);
}

/* ---- The key --------------------------------------------------------------------------------------------- */

static void derive(struct s3_signer *signer, const char *secret, struct str day, struct str region,
                   struct str service)
{
    struct buf start = {0};
    uint8_t key[SHA256_BYTES];
    buf_printf(&start, "AWS4%s", secret);
    hmac_sha256_of(start.data, start.len, day, key);
    hmac_sha256_of(key, sizeof key, region, key);
    hmac_sha256_of(key, sizeof key, service, key);
    hmac_sha256_of(key, sizeof key, STR("aws4_request"), signer->key);
    mem_wipe(key, sizeof key);
    mem_wipe(start.data, start.cap);
    buf_free(&start);
}

/* The key for this day, region and secret. */
static void prepare(struct s3_signer *signer, const char *secret, struct str day, struct str region,
                    struct str service)
{
    char scope[sizeof signer->scope];
    uint8_t of_secret[SHA256_BYTES];
    snprintf(scope, sizeof scope, "%.*s/%.*s/%.*s/aws4_request", STR_ARG(day), STR_ARG(region),
             STR_ARG(service));
    sha256_of(str_of(secret), of_secret);
    if (strcmp(scope, signer->scope) == 0 && CRYPTO_memcmp(of_secret, signer->of_secret, SHA256_BYTES) == 0)
        return;
    derive(signer, secret, day, region, service);
    memcpy(signer->scope, scope, sizeof scope);
    memcpy(signer->of_secret, of_secret, SHA256_BYTES);
}

void s3_sign(struct s3_signer *signer, const struct s3_identity *identity, struct str region,
             struct str service, const struct s3_to_sign *request, struct buf *out)
{
    struct buf canonical = {0};
    struct buf names = {0};
    struct buf text = {0};
    char date[S3_DATE_BYTES];
    char digest[SHA256_HEX_BYTES];
    uint8_t mac[SHA256_BYTES];
    s3_date(request->wall_ms, date);
    prepare(signer, identity->secret_access_key, str_make(date, 8), region, service);
    s3_canonical_request(request, &canonical, &names);
    sha256_hex(buf_str(&canonical), digest);
    buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", date, signer->scope, digest);
    hmac_sha256_of(signer->key, sizeof signer->key, buf_str(&text), mac);
    hex_encode(mac, sizeof mac, digest);
    buf_printf(out, "AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s",
               identity->access_key_id, signer->scope, buf_cstr(&names), digest);
    buf_free(&canonical);
    buf_free(&names);
    buf_free(&text);
}

/* Hashes, by OpenSSL, in lower-case hexadecimal digits. */
#include "sql/fn_internal.h"

#include <openssl/evp.h>

static bool give_hash(struct sql_call *call, struct str data, const EVP_MD *algorithm, struct sql_value *out,
                      struct error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    if (EVP_Digest(data.len != 0 ? data.data : "", data.len, digest, &len, algorithm, NULL) != 1)
        return error_set(err, ERR_UNSUPPORTED, "OpenSSL does not offer this hash on this machine");
    char *hex = sql_alloc(call->scope, 2 * (size_t)len + 1, err);
    if (hex == NULL)
        return false;
    hex_encode(digest, len, hex);
    *out = sql_string(str_make(hex, 2 * (size_t)len));
    return true;
}

static bool named_hash(struct sql_call *call, const struct sql_value *args, const EVP_MD *algorithm,
                       struct sql_value *out, struct error *err)
{
    struct str data;
    return sql_arg_string(args, 0, &data, err) && give_hash(call, data, algorithm, out, err);
}

SQL_FUNCTION(run_md5)
{
    return named_hash(call, args, EVP_md5(), out, err);
}

SQL_FUNCTION(run_sha)
{
    return named_hash(call, args, EVP_sha1(), out, err);
}

SQL_FUNCTION(run_sha256)
{
    return named_hash(call, args, EVP_sha256(), out, err);
}

SQL_FUNCTION(run_hash)
{
    static const char *const names[] = {"md5",      "sha",      "sha224",   "sha256",   "sha384",  "sha512",
                                        "sha3_224", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s"};
    static const EVP_MD *(*const algorithms[])(void) = {
        EVP_md5,      EVP_sha1,     EVP_sha224,   EVP_sha256,   EVP_sha384,     EVP_sha512,
        EVP_sha3_224, EVP_sha3_256, EVP_sha3_384, EVP_sha3_512, EVP_blake2b512, EVP_blake2s256};
    _Static_assert(SQL_COUNT_OF(names) == SQL_COUNT_OF(algorithms), "one for each name");
    size_t which;
    struct str data;
    return sql_arg_word(args, 0, names, SQL_COUNT_OF(names), &which, err) &&
           sql_arg_string(args, 1, &data, err) && give_hash(call, data, algorithms[which](), out, err);
}

static const struct sql_function rows[] = {
    SQL_ROW("md5", 1, 1, SQL_CATEGORY_HASH, "bytes", "the MD5 hash", "md5('abc')",
            "\"900150983cd24fb0d6963f7d28e17f72\"", run_md5),
    SQL_ROW("sha", 1, 1, SQL_CATEGORY_HASH, "bytes", "the SHA-1 hash", "sha('abc')",
            "\"a9993e364706816aba3e25717850c26c9cd0d89d\"", run_sha),
    SQL_ROW("sha256", 1, 1, SQL_CATEGORY_HASH, "bytes", "the SHA-256 hash", "sha256('abc')",
            "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"", run_sha256),
    SQL_ROW("hash", 2, 2, SQL_CATEGORY_HASH, "type, bytes",
            "the hash of a type: 'md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512', 'sha3_224', "
            "'sha3_256', 'sha3_384', "
            "'sha3_512', 'blake2b' (512 bits), 'blake2s' (256 bits)",
            "hash('sha224', 'abc')", "\"23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7\"",
            run_hash),
};

const struct sql_function_table sql_hash_functions = SQL_FUNCTION_TABLE(rows);

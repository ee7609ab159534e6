/* Bits: of integers, which have 128 of them in two's complement, and of strings, whose bits count from the highest one of
 * their first byte. */
#include "sql/fn_internal.h"

#include <math.h>

__extension__ typedef unsigned __int128 bits128;

#define INT_BITS 128

/* --- Integers --------------------------------------------------------------------------------------- */

SQL_FUNCTION(run_bitnot)
{
    sql_int128 x;
    return sql_arg_int(args, 0, &x, err) && sql_make_int(call->scope, ~x, out, err);
}

SQL_FUNCTION(run_bitand)
{
    sql_int128 x, y;
    return sql_arg_int(args, 0, &x, err) && sql_arg_int(args, 1, &y, err) &&
           sql_make_int(call->scope, x & y, out, err);
}

SQL_FUNCTION(run_bitor)
{
    sql_int128 x, y;
    return sql_arg_int(args, 0, &x, err) && sql_arg_int(args, 1, &y, err) &&
           sql_make_int(call->scope, x | y, out, err);
}

SQL_FUNCTION(run_bitxor)
{
    sql_int128 x, y;
    return sql_arg_int(args, 0, &x, err) && sql_arg_int(args, 1, &y, err) &&
           sql_make_int(call->scope, x ^ y, out, err);
}

/* To the left by `by` bits, or to the right if that is negative. */
static bool shift(struct sql_call *call, sql_int128 x, sql_int128 by, struct sql_value *out,
                  struct error *err)
{
    if (by < 0) {
        by = by > -INT_BITS ? -by : INT_BITS - 1;
        return sql_make_int(call->scope, x >> (int)by, out, err);
    }
    sql_int128 shifted = by < INT_BITS ? (sql_int128)((bits128)x << (int)by) : 0;
    if (x != 0 && (by >= INT_BITS || shifted >> (int)by != x))
        return error_set(err, ERR_INVALID, "the result is an integer of more than 128 bits");
    return sql_make_int(call->scope, shifted, out, err);
}

SQL_FUNCTION(run_bitsl)
{
    sql_int128 x, by;
    return sql_arg_int(args, 0, &x, err) && sql_arg_int(args, 1, &by, err) && shift(call, x, by, out, err);
}

SQL_FUNCTION(run_bitsr)
{
    int64_t by;
    sql_int128 x;
    return sql_arg_int(args, 0, &x, err) && sql_arg_int_range(args, 1, -INT64_MAX, INT64_MAX, &by, err) &&
           shift(call, x, -(sql_int128)by, out, err);
}

/* --- Sizes ------------------------------------------------------------------------------------------ */

SQL_FUNCTION(run_bitsize)
{
    struct str bytes;
    if (!sql_arg_string(args, 0, &bytes, err))
        return false;
    *out = sql_int((int64_t)bytes.len * 8);
    return true;
}

SQL_FUNCTION(run_bytesize)
{
    struct str bytes;
    if (!sql_arg_string(args, 0, &bytes, err))
        return false;
    *out = sql_int((int64_t)bytes.len);
    return true;
}

/* --- Parts of strings ------------------------------------------------------------------------------- */

/* `count` bits, at most 8, from bit `start` (from 0) on, in the low bits of the result. */
static unsigned take_bits(struct str bytes, uint64_t start, unsigned count)
{
    unsigned first = (unsigned char)bytes.data[start / 8];
    unsigned second = start / 8 + 1 < bytes.len ? (unsigned char)bytes.data[start / 8 + 1] : 0;
    unsigned both = first << 8 | second;
    return both >> (16 - start % 8 - count) & ((1U << count) - 1);
}

/* Bytes in the order of the text; if there are bits over, the last group has less than 8. Little-endian: the first byte is
 * the lowest, and a last group of less than 8 bits the highest. */
static bits128 take_integer(struct str bytes, uint64_t start, unsigned len, bool little)
{
    bits128 integer = 0;
    for (unsigned done = 0; done < len; done += 8) {
        unsigned count = len - done < 8 ? len - done : 8;
        bits128 group = take_bits(bytes, start + done, count);
        integer = little ? integer | group << done : integer << count | group;
    }
    return integer;
}

static bool integer_part(struct sql_call *call, struct str bytes, uint64_t start, uint64_t len,
                         bool is_signed, bool little, struct sql_value *out, struct error *err)
{
    if (len > INT_BITS)
        return error_set(err, ERR_INVALID, "an integer has at most %d bits, not %llu", INT_BITS,
                         (unsigned long long)len);
    bits128 integer = take_integer(bytes, start, (unsigned)len, little);
    if (is_signed && len > 0) {
        unsigned unused = INT_BITS - (unsigned)len;
        return sql_make_int(call->scope, (sql_int128)(integer << unused) >> unused, out, err);
    }
    if (integer >> (INT_BITS - 1) != 0)
        return error_set(err, ERR_INVALID, "the unsigned integer is beyond 2^127");
    return sql_make_int(call->scope, (sql_int128)integer, out, err);
}

/* IEEE 754 of 16 bits: a sign, 5 bits of exponent, 10 of fraction. */
static double half_float(unsigned bits)
{
    int exponent = bits >> 10 & 31;
    double fraction = bits & 1023;
    double size = exponent == 0    ? ldexp(fraction, -24)
                  : exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                                   : ldexp(1024 + fraction, exponent - 25);
    return (bits >> 15) != 0 ? -size : size;
}

static bool float_part(struct str bytes, uint64_t start, uint64_t len, bool little, struct sql_value *out,
                       struct error *err)
{
    if (len != 16 && len != 32 && len != 64)
        return error_set(err, ERR_INVALID, "a float has 16, 32 or 64 bits, not %llu",
                         (unsigned long long)len);
    uint64_t bits = (uint64_t)take_integer(bytes, start, (unsigned)len, little);
    double number;
    if (len == 16) {
        number = half_float((unsigned)bits);
    } else if (len == 32) {
        float single;
        uint32_t low = (uint32_t)bits;
        memcpy(&single, &low, sizeof single);
        number = (double)single;
    } else {
        memcpy(&number, &bits, sizeof number);
    }
    return sql_make_float(number, out, err);
}

static bool bits_part(struct sql_call *call, struct str bytes, uint64_t start, uint64_t len,
                      struct sql_value *out, struct error *err)
{
    if (len % 8 != 0)
        return error_set(err, ERR_INVALID, "a string has whole bytes: %llu bits are none",
                         (unsigned long long)len);
    if (start % 8 == 0) {
        *out = sql_string(str_make(bytes.data + start / 8, len / 8));
        return true;
    }
    char *part = sql_alloc(call->scope, len / 8, err);
    if (part == NULL)
        return false;
    for (uint64_t i = 0; i < len / 8; i++)
        part[i] = (char)take_bits(bytes, start + i * 8, 8);
    *out = sql_string(str_make(part, len / 8));
    return true;
}

SQL_FUNCTION(run_subbits)
{
    static const char *const types[] = {"integer", "float", "bits"};
    static const char *const signs[] = {"unsigned", "signed"};
    static const char *const ends[] = {"big", "little"};
    enum { INTEGER, FLOAT, BITS };
    struct str bytes;
    int64_t start = 1, len;
    size_t type = INTEGER, is_signed = 0, little = 0;
    if (!sql_arg_string(args, 0, &bytes, err) ||
        (count > 2 && !sql_arg_int_range(args, 1, INT64_MIN, INT64_MAX, &start, err)) ||
        !sql_arg_int_range(args, count > 2 ? 2 : 1, 0, INT64_MAX, &len, err) ||
        (count > 3 && !sql_arg_word(args, 3, types, SQL_COUNT_OF(types), &type, err)) ||
        (count > 4 && !sql_arg_word(args, 4, signs, SQL_COUNT_OF(signs), &is_signed, err)) ||
        (count > 5 && !sql_arg_word(args, 5, ends, SQL_COUNT_OF(ends), &little, err)))
        return false;
    uint64_t first = (uint64_t)start - 1, all = (uint64_t)bytes.len * 8;
    if (start < 1 || first >= all) {
        *out = sql_undefined();
        return true;
    }
    uint64_t take = (uint64_t)len < all - first ? (uint64_t)len : all - first;
    switch (type) {
    case FLOAT: return float_part(bytes, first, take, little == 1, out, err);
    case BITS: return bits_part(call, bytes, first, take, out, err);
    default: return integer_part(call, bytes, first, take, is_signed == 1, little == 1, out, err);
    }
}

#define BITS(name, parameters, count, summary, example, result) \
    SQL_ROW(#name, count, count, SQL_CATEGORY_BITS, parameters, summary, example, result, run_##name)

static const struct sql_function bits_rows[] = {
    BITS(bitnot, "x", 1, "the complement of an integer", "bitnot(0)", "-1"),
    BITS(bitand, "x, y", 2, "the bits that both integers have", "bitand(12, 10)", "8"),
    BITS(bitor, "x, y", 2, "the bits that either integer has", "bitor(12, 10)", "14"),
    BITS(bitxor, "x, y", 2, "the bits that exactly one of the integers has", "bitxor(12, 10)", "6"),
    BITS(bitsl, "x, n", 2, "the integer shifted to the left by n bits; fails beyond 128 bits", "bitsl(1, 10)",
         "1024"),
    BITS(bitsr, "x, n", 2, "the integer shifted to the right by n bits; it keeps its sign", "bitsr(-8, 1)",
         "-4"),
};

static const struct sql_function binary_rows[] = {
    SQL_ROW("bitsize", 1, 1, SQL_CATEGORY_BINARY, "bytes", "the number of bits of a string", "bitsize('ab')",
            "16", run_bitsize),
    SQL_ROW("bytesize", 1, 1, SQL_CATEGORY_BINARY, "bytes", "the number of bytes of a string",
            "bytesize('é')", "2", run_bytesize),
    SQL_ROW("subbits", 2, 6, SQL_CATEGORY_BINARY, "bytes[, start], length[, type[, sign[, order]]]",
            "`length` bits from bit `start` on, which is 1 unless given: type 'integer' (the default; at "
            "most 128 bits), "
            "'float' (16, 32 or 64) or 'bits' (a string of whole bytes), 'unsigned' or 'signed', 'big' or "
            "'little'; only "
            "what is left if the string ends before, undefined if there is no such start",
            "subbits(hexstr2bin('0100'), 1, 16, 'integer', 'unsigned', 'little')", "1", run_subbits),
};

const struct sql_function_table sql_bits_functions = SQL_FUNCTION_TABLE(bits_rows);
const struct sql_function_table sql_binary_functions = SQL_FUNCTION_TABLE(binary_rows);

/* CRC-32C: one instruction for 8 bytes where the processor has it, else slicing-by-8, which looks up 8 bytes in
 * 8 tables at once: table[k][b] is the CRC of byte b followed by k zero bytes.
 *
 * The register holds the complement of the CRC, so that pieces can be fed in order and crc = 0 starts. */
#include "base/crc32c.h"

#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* 0x1EDC6F41, bits reflected */

static uint32_t table[8][256];

__attribute__((constructor)) static void fill_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        table[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int k = 1; k < 8; k++)
            table[k][byte] = table[k - 1][byte] >> 8 ^ table[0][table[k - 1][byte] & 0xff];
    }
}

static inline uint32_t read_le32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *at = data;
    crc = ~crc;
    for (; len >= 8; at += 8, len -= 8) {
        uint32_t low = read_le32(at) ^ crc;
        uint32_t high = read_le32(at + 4);
        crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^
              table[4][low >> 24] ^ table[3][high & 0xff] ^ table[2][high >> 8 & 0xff] ^
              table[1][high >> 16 & 0xff] ^ table[0][high >> 24];
    }
    for (; len != 0; at++, len--)
        crc = crc >> 8 ^ table[0][(crc ^ *at) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *at = data;
    uint64_t wide = (uint32_t)~crc;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    uint32_t narrow = (uint32_t)wide;
    for (; len != 0; at++, len--)
        narrow = __builtin_ia32_crc32qi(narrow, *at);
    return ~narrow;
}

static bool has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2") != 0;
}

#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

static uint32_t crc32c_hardware(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *at = data;
    crc = ~crc;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        crc = __crc32cd(crc, word);
    }
    for (; len != 0; at++, len--)
        crc = __crc32cb(crc, *at);
    return ~crc;
}

static bool has_instruction(void)
{
    return true;
}

#else

static uint32_t crc32c_hardware(uint32_t crc, const void *data, size_t len)
{
    return crc32c_portable(crc, data, len);
}

static bool has_instruction(void)
{
    return false;
}

#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
    return has_instruction() ? crc32c_hardware(crc, data, len) : crc32c_portable(crc, data, len);
}

/* CRC-32C (Castagnoli, reflected 0x82F63B78), with the processor's instruction where there is one.
 * Start with crc = 0; feed pieces in order with the last result. crc32c(0, "123456789", 9) = 0xE3069283. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t len);
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len); /* the same, without the instruction */

#endif

#ifndef TIDEMARK_CCHECKSUM_H
#define TIDEMARK_CCHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// CRC-32C (Castagnoli, reflected 0x82F63B78; RFC 3720), as in Kafka's record batch v2.
/// Start with 0; pass a former result to go on over the next bytes.
/// Runs on the processor's CRC instruction where there is one.
uint32_t tidemark_crc32c(uint32_t crc, const void *_Nonnull bytes, size_t count);

/// The same by table, for machines without the instruction and for tests that compare both.
uint32_t tidemark_crc32c_portable(uint32_t crc, const void *_Nonnull bytes, size_t count);

/// XXH3, 64 bits, over the concatenation of two byte ranges, from a seed (libxxhash).
uint64_t tidemark_xxh3(uint64_t seed, const void *_Nonnull first, size_t first_count,
                       const void *_Nonnull second, size_t second_count);

#ifdef __cplusplus
}
#endif
#endif

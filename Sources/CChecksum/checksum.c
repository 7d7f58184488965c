#include "CChecksum.h"

#include <string.h>

#if !__has_include(<xxhash.h>)
#error "xxhash.h is missing: install libxxhash-dev (Debian, Ubuntu) or xxhash-devel (Fedora)"
#endif
#define XXH_INLINE_ALL
#include <xxhash.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

static uint32_t table[8][256];

__attribute__((constructor)) static void fill_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; bit++) c = (c >> 1) ^ (0x82F63B78u & (0u - (c & 1)));
    table[0][i] = c;
  }
  for (uint32_t i = 0; i < 256; i++)
    for (int k = 1; k < 8; k++) table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xFF];
}

uint32_t tidemark_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
  const uint8_t *p = bytes;
  crc = ~crc;
  for (; count >= 8; p += 8, count -= 8) {
    uint64_t w;
    memcpy(&w, p, 8);
    w ^= crc;
    crc = table[7][w & 0xFF] ^ table[6][(w >> 8) & 0xFF] ^ table[5][(w >> 16) & 0xFF] ^ table[4][(w >> 24) & 0xFF] ^
          table[3][(w >> 32) & 0xFF] ^ table[2][(w >> 40) & 0xFF] ^ table[1][(w >> 48) & 0xFF] ^ table[0][w >> 56];
  }
  for (; count > 0; p++, count--) crc = (crc >> 8) ^ table[0][(crc ^ *p) & 0xFF];
  return ~crc;
}

#if defined(__x86_64__)
// One instruction takes 8 bytes and has a latency of 3 cycles, so three independent streams keep it busy. Their
// results are joined by shifting a checksum over the length of a stream, which is linear: a table per byte of it.
#define STREAM 1024
static uint32_t shift_table[4][256];

static uint32_t times(const uint32_t matrix[32], uint32_t vector) {
  uint32_t sum = 0;
  for (int i = 0; vector; vector >>= 1, i++)
    if (vector & 1) sum ^= matrix[i];
  return sum;
}

__attribute__((constructor)) static void fill_shift_table(void) {
  uint32_t step[32], square[32];
  step[0] = 0x82F63B78u;
  for (int i = 1; i < 32; i++) step[i] = 1u << (i - 1);
  // `step` shifts over one zero bit; squaring it doubles the distance, up to STREAM * 8 = 2^13 bits.
  for (int doubling = 0; doubling < 13; doubling++) {
    for (int i = 0; i < 32; i++) square[i] = times(step, step[i]);
    memcpy(step, square, sizeof step);
  }
  for (uint32_t i = 0; i < 256; i++)
    for (int k = 0; k < 4; k++) shift_table[k][i] = times(step, i << (8 * k));
}

static inline uint32_t shift(uint32_t crc) {
  return shift_table[0][crc & 0xFF] ^ shift_table[1][(crc >> 8) & 0xFF] ^ shift_table[2][(crc >> 16) & 0xFF] ^
         shift_table[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *bytes, size_t count) {
  const uint8_t *p = bytes;
  uint64_t c = ~crc;
  while (count >= 3 * STREAM) {
    uint64_t a = c, b = 0, d = 0;
    for (size_t i = 0; i < STREAM; i += 8) {
      uint64_t x, y, z;
      memcpy(&x, p + i, 8);
      memcpy(&y, p + STREAM + i, 8);
      memcpy(&z, p + 2 * STREAM + i, 8);
      a = _mm_crc32_u64(a, x);
      b = _mm_crc32_u64(b, y);
      d = _mm_crc32_u64(d, z);
    }
    c = shift(shift((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)d;
    p += 3 * STREAM;
    count -= 3 * STREAM;
  }
  for (; count >= 8; p += 8, count -= 8) {
    uint64_t w;
    memcpy(&w, p, 8);
    c = _mm_crc32_u64(c, w);
  }
  for (; count > 0; p++, count--) c = _mm_crc32_u8((uint32_t)c, *p);
  return ~(uint32_t)c;
}

uint32_t tidemark_crc32c(uint32_t crc, const void *bytes, size_t count) {
  return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, bytes, count)
                                          : tidemark_crc32c_portable(crc, bytes, count);
}
#elif defined(__aarch64__)
__attribute__((target("crc"))) static uint32_t crc32c_arm(uint32_t crc, const void *bytes, size_t count) {
  const uint8_t *p = bytes;
  crc = ~crc;
  for (; count >= 8; p += 8, count -= 8) {
    uint64_t w;
    memcpy(&w, p, 8);
    crc = __crc32cd(crc, w);
  }
  for (; count > 0; p++, count--) crc = __crc32cb(crc, *p);
  return ~crc;
}

uint32_t tidemark_crc32c(uint32_t crc, const void *bytes, size_t count) {
  return (getauxval(AT_HWCAP) & HWCAP_CRC32) ? crc32c_arm(crc, bytes, count)
                                             : tidemark_crc32c_portable(crc, bytes, count);
}
#else
uint32_t tidemark_crc32c(uint32_t crc, const void *bytes, size_t count) {
  return tidemark_crc32c_portable(crc, bytes, count);
}
#endif

uint64_t tidemark_xxh3(uint64_t seed, const void *first, size_t first_count, const void *second, size_t second_count) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_64bits_reset_withSeed(&state, seed);
  XXH3_64bits_update(&state, first, first_count);
  XXH3_64bits_update(&state, second, second_count);
  return XXH3_64bits_digest(&state);
}

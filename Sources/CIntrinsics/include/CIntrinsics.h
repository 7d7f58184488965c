#pragma once

// Asks the processor for the cache line at an address that is read soon. Any address will do.
static inline void tidemark_prefetch(const void *_Nullable address) { __builtin_prefetch(address); }

// How many of `count` ascending numbers are below `limit`: a binary search without branches, of which the processor would
// guess every second one wrong (Swift has no way to tell the compiler so).
static inline long tidemark_count_below(const unsigned long long *_Nonnull numbers, long count, unsigned long long limit) {
  const unsigned long long *first = numbers;
  while (count > 1) {
    long half = count / 2;
    first = __builtin_unpredictable(first[half - 1] < limit) ? first + half : first;
    count -= half;
  }
  return first - numbers + (count == 1 && *first < limit);
}

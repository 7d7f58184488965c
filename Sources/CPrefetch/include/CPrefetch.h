#pragma once

// Asks the processor for the cache line at an address that is read soon. Any address will do.
static inline void tidemark_prefetch(const void *_Nullable address) { __builtin_prefetch(address); }

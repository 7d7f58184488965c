#ifndef TIDEMARK_CFUZZER_H
#define TIDEMARK_CFUZZER_H

#include <stddef.h>
#include <stdint.h>

/// libFuzzer without its `main`: takes its options from the arguments, and gives inputs to the callback until it is done.
///
/// Source: LLVM, compiler-rt/lib/fuzzer/FuzzerInterface.h.
int LLVMFuzzerRunDriver(int *_Nonnull argc, char *_Nullable *_Nullable *_Nonnull argv,
                        int (*_Nonnull callback)(const uint8_t *_Nullable bytes, size_t count));

#endif

#ifndef TIDEMARK_CLONGDECIMAL_H
#define TIDEMARK_CLONGDECIMAL_H

#include <stddef.h>

/// Adds two whole numbers, each times a power of ten (GMP, https://gmplib.org).
///
/// `left` and `right` are terminated texts of decimal digits with an optional minus sign. Returns the digits of the sum,
/// terminated, to be released with `free`; NULL if there is no memory.
char *_Nullable tidemark_long_decimal_add(const char *_Nonnull left, unsigned long left_zeros, const char *_Nonnull right,
                                          unsigned long right_zeros);

/// Compares two whole numbers as above: below zero if `left` is less, 0 if they are equal, above zero if it is greater.
int tidemark_long_decimal_compare(const char *_Nonnull left, unsigned long left_zeros, const char *_Nonnull right,
                                  unsigned long right_zeros);

#endif

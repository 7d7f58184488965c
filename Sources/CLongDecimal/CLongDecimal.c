#include "CLongDecimal.h"

#if !__has_include(<gmp.h>)
#error "GMP's header is missing: apt-get install libgmp-dev, or dnf install gmp-devel"
#endif
#include <gmp.h>
#include <stdlib.h>

/// Reads digits and appends zeros.
static void read_number(mpz_t out, const char *digits, unsigned long zeros) {
  mpz_t power;
  mpz_init_set_str(out, digits, 10);
  mpz_init(power);
  mpz_ui_pow_ui(power, 10, zeros);
  mpz_mul(out, out, power);
  mpz_clear(power);
}

char *tidemark_long_decimal_add(const char *left, unsigned long left_zeros, const char *right, unsigned long right_zeros) {
  mpz_t a, b;
  read_number(a, left, left_zeros);
  read_number(b, right, right_zeros);
  mpz_add(a, a, b);
  char *digits = malloc(mpz_sizeinbase(a, 10) + 2);
  if (digits) mpz_get_str(digits, 10, a);
  mpz_clear(a);
  mpz_clear(b);
  return digits;
}

int tidemark_long_decimal_compare(const char *left, unsigned long left_zeros, const char *right,
                                  unsigned long right_zeros) {
  mpz_t a, b;
  read_number(a, left, left_zeros);
  read_number(b, right, right_zeros);
  const int order = mpz_cmp(a, b);
  mpz_clear(a);
  mpz_clear(b);
  return order;
}

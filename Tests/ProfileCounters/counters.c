#include "ProfileCounters.h"

#include <stddef.h>

// Weak: only a build with coverage has the profile runtime.
void __llvm_profile_reset_counters(void) __attribute__((weak));
void __llvm_profile_set_filename(const char *name) __attribute__((weak));
int __llvm_profile_write_file(void) __attribute__((weak));

bool ProfileCountersReset(void) {
  if (__llvm_profile_reset_counters == NULL) return false;
  __llvm_profile_reset_counters();
  return true;
}

bool ProfileCountersWrite(const char *path) {
  if (__llvm_profile_set_filename == NULL || __llvm_profile_write_file == NULL) return false;
  __llvm_profile_set_filename(path);
  if (__llvm_profile_write_file() != 0) return false;
  // Excludes the code that runs until the process ends.
  __llvm_profile_set_filename("/dev/null");
  return true;
}

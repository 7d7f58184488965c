#ifndef PROFILE_COUNTERS_H
#define PROFILE_COUNTERS_H

#include <stdbool.h>

/// Sets the counters of a build with coverage to zero; false in any other build.
bool ProfileCountersReset(void);

/// Writes the counters to a file; false if that fails, and in a build without coverage.
bool ProfileCountersWrite(const char *path);

#endif

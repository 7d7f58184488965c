// RocksDB's own batches, for tests: a write-ahead log as version 0.1 left it, and an indexed batch to compare with.
//
// - A call that can fail returns a message that the caller frees, or null.
// - A database is used by one thread; its batches are destroyed before it is closed.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef char *_Nullable PlainError;
typedef struct PlainDatabase PlainDatabase;
typedef struct PlainBatch PlainBatch;

/// Makes a database with atomic flush, and `count` column families named `0`, `1` and so on, which calls name by their index.
PlainError plain_create(const char *_Nonnull path, size_t count, PlainDatabase *_Nullable *_Nonnull out);
void plain_close(PlainDatabase *_Nonnull database);
/// Flushes all column families.
PlainError plain_flush(PlainDatabase *_Nonnull database);

/// A batch that can be read: it shows the last change of each key.
PlainBatch *_Nonnull plain_batch_create(PlainDatabase *_Nonnull database);
void plain_batch_destroy(PlainBatch *_Nonnull batch);
/// Sets a key; deletes it where `value` is null.
PlainError plain_batch_set(
    PlainBatch *_Nonnull batch, size_t family, const void *_Nonnull key, size_t key_length, const void *_Nullable value,
    size_t value_length);
/// Writes the batch to the log, unsynced, and to the memtables; empties it.
PlainError plain_write(PlainDatabase *_Nonnull database, PlainBatch *_Nonnull batch);

/// Calls `row` in key order for each row of a family as the batch changes it.
PlainError plain_scan(
    PlainBatch *_Nonnull batch, size_t family, void *_Nullable context,
    void (*_Nonnull row)(
        void *_Nullable context, const void *_Nonnull key, size_t key_length, const void *_Nonnull value,
        size_t value_length));

#ifdef __cplusplus
}
#endif

// Plain RocksDB for comparison, through its C++ interface: no checks and no locks of ours on the way.
//
// - A call that can fail returns a message that the caller frees, or null.
// - A database is used by one thread at a time; batches and iterators are destroyed before their database is closed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef char *_Nullable BaselineError;

typedef struct BaselineDatabase BaselineDatabase;
typedef struct BaselineBatch BaselineBatch;
typedef struct BaselineIndexedBatch BaselineIndexedBatch;
typedef struct BaselineIterator BaselineIterator;

typedef struct BaselineSlice {
  const void *_Nullable bytes;
  size_t length;
} BaselineSlice;

enum { BaselineCreate = 0, BaselineExisting = 1, BaselineReadOnly = 2 };
enum { BaselineLogOff = 0, BaselineLogUnsynced = 1, BaselineLogSynced = 2 };

/// Opens a database with the options that Baseline.cc states, a block cache of `budget_bytes`, and a write buffer manager of
/// half of that, charged to the cache. Only a newly created database has its table in the family `default`.
/// `insert_hint`: whether memtables use the hint for batches in key order.
BaselineError baseline_open(
    const char *_Nonnull path, size_t budget_bytes, int mode, bool insert_hint,
    BaselineDatabase *_Nullable *_Nonnull out);
void baseline_close(BaselineDatabase *_Nonnull database);

/// The options in effect of the table's family, as lines `name=value`; freed by the caller.
char *_Nonnull baseline_options(BaselineDatabase *_Nonnull database);
/// The sum of a number property over all families.
uint64_t baseline_property_sum(BaselineDatabase *_Nonnull database, const char *_Nonnull name);
/// The most files that a family has in level 0.
uint64_t baseline_level_zero_files(BaselineDatabase *_Nonnull database);
/// The version of the library, as "7.8.3".
const char *_Nonnull baseline_version(void);
/// Returns unused memory to the system (malloc_trim, which Swift's Glibc doesn't show).
void baseline_trim_memory(void);

BaselineError baseline_put(
    BaselineDatabase *_Nonnull database, const void *_Nonnull key, size_t key_length, const void *_Nonnull value,
    size_t value_length, int log);
/// The value's bytes are null if there is no such key; otherwise they are pinned until the next get.
BaselineError baseline_get(
    BaselineDatabase *_Nonnull database, const void *_Nonnull key, size_t key_length, BaselineSlice *_Nonnull out);
BaselineError baseline_flush(BaselineDatabase *_Nonnull database);
/// Merges all files of the table into one level.
BaselineError baseline_compact(BaselineDatabase *_Nonnull database);
/// Waits until no compaction runs or is due.
BaselineError baseline_settle(BaselineDatabase *_Nonnull database);
/// Copies the rows of `source` whose keys start with `number` (8 bytes, big-endian) to `target`, without that prefix,
/// in one batch together with one more row.
BaselineError baseline_copy(
    BaselineDatabase *_Nonnull source, BaselineDatabase *_Nonnull target, BaselineBatch *_Nonnull batch,
    uint64_t number, BaselineSlice row_key, BaselineSlice row_value);

/// For the table of a database, which outlives the batch.
BaselineBatch *_Nonnull baseline_batch_create(BaselineDatabase *_Nonnull database);
void baseline_batch_destroy(BaselineBatch *_Nonnull batch);
void baseline_batch_put(
    BaselineBatch *_Nonnull batch, const void *_Nonnull key, size_t key_length, const void *_Nonnull value,
    size_t value_length);
/// Applies the batch and empties it.
BaselineError baseline_write(BaselineDatabase *_Nonnull database, BaselineBatch *_Nonnull batch, int log);

/// Keeps only the last entry of each key; otherwise the same as baseline_batch_create.
BaselineIndexedBatch *_Nonnull baseline_indexed_create(BaselineDatabase *_Nonnull database);
void baseline_indexed_destroy(BaselineIndexedBatch *_Nonnull batch);
void baseline_indexed_put(
    BaselineIndexedBatch *_Nonnull batch, const void *_Nonnull key, size_t key_length, const void *_Nonnull value,
    size_t value_length);
/// Applies the batch and empties it.
BaselineError baseline_indexed_write(
    BaselineDatabase *_Nonnull database, BaselineIndexedBatch *_Nonnull batch, int log);
/// Reads through the batch; otherwise the same as baseline_get.
BaselineError baseline_indexed_get(
    BaselineDatabase *_Nonnull database, BaselineIndexedBatch *_Nonnull batch, const void *_Nonnull key,
    size_t key_length, BaselineSlice *_Nonnull out);

/// An iterator over the database, or over the database below `batch`.
BaselineIterator *_Nonnull baseline_iterator_create(
    BaselineDatabase *_Nonnull database, BaselineIndexedBatch *_Nullable batch);
void baseline_iterator_destroy(BaselineIterator *_Nonnull iterator);
void baseline_iterator_seek(BaselineIterator *_Nonnull iterator, const void *_Nonnull key, size_t key_length);
/// False at the end; otherwise returns the current key and value, valid until the iterator moves.
bool baseline_iterator_current(
    BaselineIterator *_Nonnull iterator, BaselineSlice *_Nonnull key, BaselineSlice *_Nonnull value);
void baseline_iterator_next(BaselineIterator *_Nonnull iterator);
BaselineError baseline_iterator_status(BaselineIterator *_Nonnull iterator);

#ifdef __cplusplus
}
#endif

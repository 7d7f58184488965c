// The C interface of RocksDB for the Swift module `RocksDB`.
//
// Invariants:
// - Every handle that belongs to a database keeps it open; the database closes when the last of them is destroyed, so
//   handles can be destroyed in any order.
// - No C++ exception escapes; each call that can fail returns an RDBStatus, whose message the caller frees.
// - Bytes go in as pointer and length (the pointer may be null if the length is 0), and never outlive the call. Bytes
//   that come out belong to the handle named beside them.
// - A database is written by ingesting table files, never by batches. Its memtables and write-ahead log are empty.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// MARK: Status

/// The numbers are those of rocksdb::Status; `message` may be null, and is freed by rdb_status_free.
typedef struct RDBStatus {
  uint8_t code;
  uint8_t subcode;
  uint8_t severity;
  char *_Nullable message;
} RDBStatus;

/// Copies `message`.
RDBStatus rdb_status_make(uint8_t code, uint8_t subcode, uint8_t severity, const char *_Nonnull message);
void rdb_status_free(RDBStatus status);

typedef struct RDBSlice {
  const void *_Nonnull bytes;
  size_t length;
} RDBSlice;

// MARK: Lists of strings

typedef struct RDBStrings RDBStrings;
size_t rdb_strings_count(const RDBStrings *_Nonnull strings);
/// Lives as long as the list.
RDBSlice rdb_strings_at(const RDBStrings *_Nonnull strings, size_t index);
void rdb_strings_destroy(RDBStrings *_Nonnull strings);

// MARK: Memory that databases share

typedef struct RDBCache RDBCache;
RDBStatus rdb_cache_create(size_t capacity_bytes, RDBCache *_Nullable *_Nonnull out);
void rdb_cache_destroy(RDBCache *_Nonnull cache);
size_t rdb_cache_used_bytes(const RDBCache *_Nonnull cache);
size_t rdb_cache_capacity_bytes(const RDBCache *_Nonnull cache);
void rdb_cache_set_capacity(RDBCache *_Nonnull cache, size_t capacity_bytes);

// MARK: File systems

/// The kind of a call to a file system.
enum {
  /// Opens a file for reading.
  RDBFileOpen,
  /// Makes a file, or empties an existing one.
  RDBFileCreate,
  /// Opens a file to be written at its end.
  RDBFileReopen,
  RDBFileRead,
  RDBFileWrite,
  RDBFileTruncate,
  RDBFileSync,
  RDBFileClose,
  RDBFileRename,
  RDBFileLink,
  RDBFileUnlink,
  RDBDirectoryCreate,
  RDBDirectoryRemove,
  RDBDirectoryList,
  RDBDirectorySync,
};

/// A call to a file system; it lives as long as the handler runs.
typedef struct RDBFileCall {
  int kind;
  /// The number of the file, if it is open for writing; no other file of the process has it.
  uint64_t file;
  /// The path; for an open file, the path at its opening.
  const char *_Nonnull path;
  /// The new name of a file that is renamed or linked.
  const char *_Nullable target;
  /// The offset of a read or write; the new size of a file that is cut.
  uint64_t position;
  /// The bytes to write, or after the call the bytes read.
  void *_Nullable bytes;
  /// The handler may shorten a write before making the call.
  size_t length;
  /// Set by the handler to let a call that returns no data succeed without being made.
  bool skipped;
  /// Makes the call; false if it fails.
  bool (*_Nonnull proceed)(struct RDBFileCall *_Nonnull call);
  void *_Nonnull work;
} RDBFileCall;

/// Gets each call to a file system, on any thread.
typedef struct RDBFileCallHandler {
  void *_Nonnull context;
  /// Called once, when no other call can follow.
  void (*_Nonnull release)(void *_Nonnull context);
  /// Makes the call and answers a status that is ok, or fails it with another; its message is freed by the caller.
  RDBStatus (*_Nonnull told)(void *_Nonnull context, RDBFileCall *_Nonnull call);
} RDBFileCallHandler;

/// The operating system's file system with an observer; RocksDB's text log and lock file bypass it.
typedef struct RDBFileSystem RDBFileSystem;
RDBStatus rdb_file_system_create(RDBFileCallHandler handler, RDBFileSystem *_Nullable *_Nonnull out);
/// Databases that use it go on using it.
void rdb_file_system_destroy(RDBFileSystem *_Nonnull file_system);

// MARK: Open files

/// The files that the databases of the process hold open.
typedef struct RDBOpenFiles {
  /// How many files the process may have (RLIMIT_NOFILE).
  size_t limit;
  size_t databases;
  /// How many table files are open, and how many may be.
  size_t table_files;
  size_t table_file_capacity;
} RDBOpenFiles;
void rdb_open_files(RDBOpenFiles *_Nonnull out);

// MARK: Options

/// Whether a column family's writes wait for flushes and compactions; the numbers are those of
/// rocksdb::WriteStallCondition.
enum { RDBStallNone = 0, RDBStallDelayed = 1, RDBStallStopped = 2 };

/// Calls from RocksDB's threads. `release` is called once, when no other call can follow.
typedef struct RDBHooks {
  void *_Nullable context;
  void (*_Nullable release)(void *_Nullable context);
  void (*_Nullable compaction_completed)(void *_Nullable context);
  /// A compaction failed and will be repeated; the status' message is freed by the callee.
  void (*_Nullable compaction_failed)(void *_Nullable context, RDBStatus status);
  /// The family's name lives as long as the call.
  void (*_Nullable stall_changed)(void *_Nullable context, RDBSlice family, int stall);
  /// The status' message is freed by the callee.
  void (*_Nullable background_error)(void *_Nullable context, RDBStatus status);
} RDBHooks;

typedef struct RDBOptions RDBOptions;
RDBStatus rdb_options_create(
    bool create_if_missing, int max_background_jobs, const RDBCache *_Nullable cache,
    const RDBFileSystem *_Nullable file_system, RDBHooks hooks, RDBOptions *_Nullable *_Nonnull out);
/// Sets an option of the database by RocksDB's name.
RDBStatus rdb_options_override_database(
    RDBOptions *_Nonnull options, const char *_Nonnull name, const char *_Nonnull value);
/// Sets an option of every column family by RocksDB's name.
RDBStatus rdb_options_override_family(
    RDBOptions *_Nonnull options, const char *_Nonnull name, const char *_Nonnull value);
RDBStatus rdb_options_add_family(RDBOptions *_Nonnull options, const char *_Nonnull name);
void rdb_options_destroy(RDBOptions *_Nonnull options);

// MARK: Database

typedef struct RDBDatabase RDBDatabase;
typedef struct RDBFamily RDBFamily;
typedef struct RDBSnapshot RDBSnapshot;
typedef struct RDBIterator RDBIterator;

/// Opens the families that were added to the options, and brings what RocksDB's log holds into table files.
RDBStatus rdb_open(
    const char *_Nonnull path, const RDBOptions *_Nonnull options, bool read_only,
    RDBDatabase *_Nullable *_Nonnull out);
void rdb_close(RDBDatabase *_Nonnull database);
RDBStatus rdb_list_families(
    const char *_Nonnull path, const RDBFileSystem *_Nullable file_system, RDBStrings *_Nullable *_Nonnull out);

/// Null if no family of this name is open.
RDBFamily *_Nullable rdb_family(RDBDatabase *_Nonnull database, const char *_Nonnull name);
RDBStatus rdb_family_create(
    RDBDatabase *_Nonnull database, const char *_Nonnull name, RDBFamily *_Nullable *_Nonnull out);
/// Makes several families; `names` holds `count` names, each ended by a zero. After a failure some may be there.
RDBStatus rdb_families_create(RDBDatabase *_Nonnull database, const char *_Nonnull names, size_t count);
RDBStatus rdb_family_drop(RDBDatabase *_Nonnull database, const RDBFamily *_Nonnull family);
uint32_t rdb_family_id(const RDBFamily *_Nonnull family);
/// Lives as long as the handle.
RDBSlice rdb_family_name(const RDBFamily *_Nonnull family);
void rdb_family_destroy(RDBFamily *_Nonnull family);

/// Copies the database to a directory that isn't there yet.
RDBStatus rdb_checkpoint(RDBDatabase *_Nonnull database, const char *_Nonnull path);
RDBStatus rdb_verify_checksums(RDBDatabase *_Nonnull database);
/// Does nothing if the family can't be compacted.
void rdb_suggest_compaction(RDBDatabase *_Nonnull database, const RDBFamily *_Nonnull family);
/// Merges all files of a family into one, on this thread, if there are at least `fileCount` with a mean size of at most
/// `bytesPerFile` and a sum of at most `bytes`.
void rdb_merge_small_files(
    RDBDatabase *_Nonnull database, const RDBFamily *_Nonnull family, uint64_t fileCount, uint64_t bytesPerFile,
    uint64_t bytes);
/// Names, prefixed with "db." or "cf.", and values in turn.
RDBStatus rdb_effective_options(RDBDatabase *_Nonnull database, RDBStrings *_Nullable *_Nonnull out);
/// `out` holds one string, or none if there is no such property.
RDBStatus rdb_property(
    RDBDatabase *_Nonnull database, const RDBFamily *_Nonnull family, const char *_Nonnull name,
    RDBStrings *_Nullable *_Nonnull out);
bool rdb_integer_property(
    RDBDatabase *_Nonnull database, const RDBFamily *_Nonnull family, const char *_Nonnull name,
    uint64_t *_Nonnull out);
/// The sum over all column families.
bool rdb_summed_property(RDBDatabase *_Nonnull database, const char *_Nonnull name, uint64_t *_Nonnull out);

RDBStatus rdb_snapshot_create(RDBDatabase *_Nonnull database, RDBSnapshot *_Nullable *_Nonnull out);
void rdb_snapshot_destroy(RDBSnapshot *_Nonnull snapshot);

// MARK: Reads

/// The result of a read. `pin` is null if there is no value; else release it with rdb_unpin, on the same thread.
typedef struct RDBPinned {
  void *_Nullable pin;
  const void *_Nullable bytes;
  size_t length;
} RDBPinned;

RDBStatus rdb_get(
    RDBDatabase *_Nonnull database, const RDBFamily *_Nonnull family, const RDBSnapshot *_Nullable snapshot,
    const void *_Nullable key, size_t key_length, RDBPinned *_Nonnull out);
void rdb_unpin(void *_Nonnull pin);

typedef struct RDBValues RDBValues;
/// `keys` holds all keys concatenated, `ends` the end of each.
RDBStatus rdb_multi_get(
    RDBDatabase *_Nonnull database, const RDBFamily *_Nonnull family, const RDBSnapshot *_Nullable snapshot,
    const void *_Nullable keys, const size_t *_Nullable ends, size_t count, RDBValues *_Nullable *_Nonnull out);
/// False if there is no such key; the bytes live as long as the values.
bool rdb_values_at(const RDBValues *_Nonnull values, size_t index, RDBSlice *_Nonnull out);
void rdb_values_destroy(RDBValues *_Nonnull values);

// MARK: Iterators

/// An iterator's current row; the bytes are valid until the iterator moves.
typedef struct RDBEntry {
  const void *_Nullable key;
  size_t key_length;
  const void *_Nullable value;
  size_t value_length;
  bool valid;
} RDBEntry;

RDBStatus rdb_iterator_create(
    RDBDatabase *_Nonnull database, const RDBFamily *_Nonnull family, const RDBSnapshot *_Nullable snapshot,
    bool fill_cache, RDBIterator *_Nullable *_Nonnull out);
void rdb_iterator_destroy(RDBIterator *_Nonnull iterator);
void rdb_iterator_seek_to_first(RDBIterator *_Nonnull iterator, RDBEntry *_Nonnull out);
void rdb_iterator_seek_to_last(RDBIterator *_Nonnull iterator, RDBEntry *_Nonnull out);
/// The first key at or after `key`.
void rdb_iterator_seek(
    RDBIterator *_Nonnull iterator, const void *_Nullable key, size_t key_length, RDBEntry *_Nonnull out);
/// The last key at or before `key`.
void rdb_iterator_seek_for_previous(
    RDBIterator *_Nonnull iterator, const void *_Nullable key, size_t key_length, RDBEntry *_Nonnull out);
/// Only while valid.
void rdb_iterator_next(RDBIterator *_Nonnull iterator, RDBEntry *_Nonnull out);
/// Only while valid.
void rdb_iterator_previous(RDBIterator *_Nonnull iterator, RDBEntry *_Nonnull out);
RDBStatus rdb_iterator_status(const RDBIterator *_Nonnull iterator);

// MARK: Table files

/// Reads every block of a table file and compares its checksum.
RDBStatus rdb_verify_table_file(const char *_Nonnull path, const RDBFileSystem *_Nullable file_system);

/// A table file that is written outside of the database; its path is on the database's file system and ends in ".sst".
typedef struct RDBTableFile RDBTableFile;
RDBStatus rdb_table_file_create(
    RDBDatabase *_Nonnull database, const RDBFamily *_Nonnull family, const char *_Nonnull path,
    RDBTableFile *_Nullable *_Nonnull out);
/// Deletes the file, if it wasn't finished.
void rdb_table_file_destroy(RDBTableFile *_Nonnull file);
/// Keys must come in ascending order.
RDBStatus rdb_table_file_put(
    RDBTableFile *_Nonnull file, const void *_Nullable key, size_t key_length, const void *_Nullable value,
    size_t value_length);
RDBStatus rdb_table_file_delete(RDBTableFile *_Nonnull file, const void *_Nullable key, size_t key_length);
/// Ends and syncs the file, which must have a key.
RDBStatus rdb_table_file_finish(RDBTableFile *_Nonnull file);

/// Table files that are taken into the database together.
typedef struct RDBIngestion RDBIngestion;
RDBStatus rdb_ingestion_create(RDBDatabase *_Nonnull database, RDBIngestion *_Nullable *_Nonnull out);
void rdb_ingestion_destroy(RDBIngestion *_Nonnull ingestion);
/// Files of a family must not overlap.
RDBStatus rdb_ingestion_add(
    RDBIngestion *_Nonnull ingestion, const RDBFamily *_Nonnull family, const char *_Nonnull path);
/// Moves all files into the database, atomically and durably. No snapshot may be taken meanwhile.
RDBStatus rdb_ingestion_finish(RDBIngestion *_Nonnull ingestion);

#ifdef __cplusplus
}
#endif

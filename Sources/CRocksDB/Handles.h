// The objects under the handles of CRocksDB.h, and how a rocksdb::Status crosses to C.
#pragma once

#include <atomic>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "CRocksDB.h"
#include "ExitGate.h"
#include "OpenFiles.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "rocksdb/options.h"

namespace shim {

RDBStatus toC(const rocksdb::Status& status) noexcept;
rocksdb::Status fromC(RDBStatus status);

/// Runs `body`, which returns a rocksdb::Status; an exception becomes a status.
template <class Body>
RDBStatus guarded(Body&& body) noexcept {
  try {
    return toC(body());
  } catch (const std::bad_alloc&) {
    return rdb_status_make(rocksdb::Status::kAborted, rocksdb::Status::kMemoryLimit, 0, "out of memory");
  } catch (const std::exception& error) {
    return rdb_status_make(rocksdb::Status::kAborted, 0, 0, error.what());
  } catch (...) {
    return rdb_status_make(rocksdb::Status::kAborted, 0, 0, "unknown C++ exception");
  }
}

/// As ``guarded``, for a body that calls RocksDB: refused once the process exits.
template <class Body>
RDBStatus entered(Body&& body) noexcept {
  ExitGate::Pass pass;
  if (!pass.isGranted()) return guarded([] { return ExitGate::refused(); });
  return guarded(body);
}

/// Destroys a handle of RocksDB; leaks it once the process exits.
template <class Handle>
void destroy(Handle* handle) noexcept {
  ExitGate::Pass pass;
  if (pass.isGranted()) delete handle;
}

inline bool isTableFile(const std::string& path) {
  return path.size() >= 4 && path.compare(path.size() - 4, 4, ".sst") == 0;
}

/// RocksDB asserts that a slice's pointer isn't null, even if the slice is empty.
inline rocksdb::Slice slice(const void* bytes, size_t length) {
  return rocksdb::Slice(length == 0 ? "" : static_cast<const char*>(bytes), length);
}

/// Swift's closures, called from RocksDB's threads, and the first fatal background error.
class Hooks {
 public:
  explicit Hooks(RDBHooks hooks) : hooks_(hooks) {}
  ~Hooks() {
    if (hooks_.release) hooks_.release(hooks_.context);
  }
  Hooks(const Hooks&) = delete;
  Hooks& operator=(const Hooks&) = delete;

  void compactionCompleted() const {
    if (hooks_.compaction_completed) hooks_.compaction_completed(hooks_.context);
  }
  void compactionFailed(const rocksdb::Status& status) const {
    if (hooks_.compaction_failed) hooks_.compaction_failed(hooks_.context, toC(status));
  }
  void stallChanged(const std::string& family, int stall) const {
    if (hooks_.stall_changed) hooks_.stall_changed(hooks_.context, RDBSlice{family.data(), family.size()}, stall);
  }
  void backgroundError(const rocksdb::Status& status) const {
    if (hooks_.background_error) hooks_.background_error(hooks_.context, toC(status));
  }

 private:
  RDBHooks hooks_;
};

/// The handler of a file system's calls.
class FileCalls {
 public:
  explicit FileCalls(RDBFileCallHandler handler) : handler_(handler) {}
  ~FileCalls() { handler_.release(handler_.context); }
  FileCalls(const FileCalls&) = delete;
  FileCalls& operator=(const FileCalls&) = delete;

  RDBStatus told(RDBFileCall* call) const { return handler_.told(handler_.context, call); }

 private:
  RDBFileCallHandler handler_;
};

/// The first background error after which a database takes no more writes.
class Refusal {
 public:
  void set(const rocksdb::Status& status) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (refused_.load(std::memory_order_relaxed)) return;
    status_ = status;
    refused_.store(true, std::memory_order_release);
  }
  rocksdb::Status status() const {
    if (!refused_.load(std::memory_order_acquire)) return rocksdb::Status::OK();
    std::lock_guard<std::mutex> lock(mutex_);
    return status_;
  }

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> refused_{false};
  rocksdb::Status status_;
};

/// The operating system's file system: makes files for their owner alone, and refuses symbolic links in their place.
std::shared_ptr<rocksdb::FileSystem> privateFileSystem();

std::shared_ptr<rocksdb::FileSystem> makeStoreFileSystem(std::shared_ptr<rocksdb::FileSystem> base,
                                                         const std::string& database);
/// Checks that the keys of a column family's table files are within the bounds that the database has recorded.
rocksdb::Status checkBounds(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family);
std::shared_ptr<rocksdb::FileSystem> makeReadOnlyFileSystem(std::shared_ptr<rocksdb::FileSystem> base);
rocksdb::IOStatus makeInfoLog(const std::string& path, std::shared_ptr<rocksdb::Logger>* log);
std::shared_ptr<rocksdb::EventListener> makeListener(std::shared_ptr<Hooks> hooks, std::shared_ptr<Refusal> refusal);

/// A column family handle of RocksDB; destroyed before the database, as every user of the handle keeps that open.
struct FamilyHandle {
  rocksdb::ColumnFamilyHandle* handle;
  std::atomic<bool> dropped{false};
  explicit FamilyHandle(rocksdb::ColumnFamilyHandle* handle) : handle(handle) {}
  ~FamilyHandle() { delete handle; }
  FamilyHandle(const FamilyHandle&) = delete;
  FamilyHandle& operator=(const FamilyHandle&) = delete;
};

/// An open database and all that must live as long as it does. Members are destroyed from the last to the first.
struct Database {
  OpenFilesShare openFiles;  // changes under `mutex`
  std::shared_ptr<rocksdb::FileSystem> fileSystem;
  std::unique_ptr<rocksdb::Env> environment;
  std::shared_ptr<Refusal> refusal = std::make_shared<Refusal>();
  rocksdb::ColumnFamilyOptions familyOptions;
  std::unique_ptr<rocksdb::DB> db;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<FamilyHandle>> families;  // under `mutex`

  ~Database();
  /// Closes with its last owner, or stays open if the process exits.
  static std::shared_ptr<Database> make();
  std::vector<std::shared_ptr<FamilyHandle>> allFamilies();
};

}  // namespace shim

struct RDBStrings {
  std::vector<std::string> strings;
};

struct RDBCache {
  std::shared_ptr<rocksdb::Cache> cache;
};

struct RDBFileSystem {
  std::shared_ptr<rocksdb::FileSystem> fileSystem;
  std::unique_ptr<rocksdb::Env> environment;
};

struct RDBOptions {
  std::shared_ptr<rocksdb::FileSystem> fileSystem = shim::privateFileSystem();
  rocksdb::DBOptions database;
  rocksdb::ColumnFamilyOptions family;
  std::vector<std::string> families;
  std::shared_ptr<shim::Hooks> hooks;
};

struct RDBDatabase {
  std::shared_ptr<shim::Database> shared;
};

struct RDBFamily {
  std::shared_ptr<shim::Database> database;
  std::shared_ptr<shim::FamilyHandle> family;
  std::string name;
};

struct RDBSnapshot {
  std::shared_ptr<shim::Database> database;
  const rocksdb::Snapshot* snapshot;
};

struct RDBIterator {
  std::shared_ptr<shim::Database> database;
  std::shared_ptr<shim::FamilyHandle> family;
  std::unique_ptr<rocksdb::Iterator> iterator;
};

namespace shim {

/// Fails if a family or a snapshot is of another database.
inline rocksdb::Status checkOwner(const RDBDatabase* database, const RDBFamily* family, const RDBSnapshot* snapshot) {
  if (family && family->database != database->shared) {
    return rocksdb::Status::InvalidArgument("the column family belongs to another database", family->name);
  }
  if (snapshot && snapshot->database != database->shared) {
    return rocksdb::Status::InvalidArgument("the snapshot belongs to another database");
  }
  return rocksdb::Status::OK();
}

}  // namespace shim

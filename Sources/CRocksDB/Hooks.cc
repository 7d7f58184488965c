// The file systems and the event listener that a database runs on.
#include "Handles.h"
#include "rocksdb/listener.h"

namespace shim {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

/// An SST file that is being written: the hook runs before its own sync, and fails it.
class TableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  TableFile(std::unique_ptr<FSWritableFile>&& file, std::shared_ptr<Hooks> hooks)
      : FSWritableFileOwnerWrapper(std::move(file)), hooks_(std::move(hooks)) {}

  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = before();
    return status.ok() ? FSWritableFileOwnerWrapper::Sync(options, debug) : status;
  }

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = before();
    return status.ok() ? FSWritableFileOwnerWrapper::Fsync(options, debug) : status;
  }

  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    // The file is closed in every case: a failed hook must not leak its descriptor.
    IOStatus first = called_ ? IOStatus::OK() : before();
    IOStatus status = FSWritableFileOwnerWrapper::Close(options, debug);
    return first.ok() ? status : first;
  }

 private:
  IOStatus before() {
    called_ = true;
    return hooks_->tableFileSync();
  }

  std::shared_ptr<Hooks> hooks_;
  bool called_ = false;
};

class TableSyncFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  TableSyncFileSystem(std::shared_ptr<rocksdb::FileSystem> base, std::shared_ptr<Hooks> hooks)
      : FileSystemWrapper(std::move(base)), hooks_(std::move(hooks)) {}

  const char* Name() const override { return "TidemarkTableSync"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options, std::unique_ptr<FSWritableFile>* file,
                           IODebugContext* debug) override {
    return wrapped(path, FileSystemWrapper::NewWritableFile(path, options, file, debug), file);
  }

  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<FSWritableFile>* file, IODebugContext* debug) override {
    return wrapped(path, FileSystemWrapper::ReopenWritableFile(path, options, file, debug), file);
  }

 private:
  IOStatus wrapped(const std::string& path, IOStatus status, std::unique_ptr<FSWritableFile>* file) {
    if (status.ok() && isTableFile(path)) file->reset(new TableFile(std::move(*file), hooks_));
    return status;
  }

  std::shared_ptr<Hooks> hooks_;
};

/// Refuses every change: a read-only open would otherwise delete leftover `.trash` files.
class ReadOnlyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit ReadOnlyFileSystem(std::shared_ptr<rocksdb::FileSystem> base) : FileSystemWrapper(std::move(base)) {}

  const char* Name() const override { return "TidemarkReadOnly"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions&, std::unique_ptr<FSWritableFile>*,
                           IODebugContext*) override {
    return refused(path);
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions&, std::unique_ptr<FSWritableFile>*,
                              IODebugContext*) override {
    return refused(path);
  }
  IOStatus ReuseWritableFile(const std::string& path, const std::string&, const FileOptions&,
                             std::unique_ptr<FSWritableFile>*, IODebugContext*) override {
    return refused(path);
  }
  IOStatus NewRandomRWFile(const std::string& path, const FileOptions&, std::unique_ptr<rocksdb::FSRandomRWFile>*,
                           IODebugContext*) override {
    return refused(path);
  }
  IOStatus NewMemoryMappedFileBuffer(const std::string& path,
                                     std::unique_ptr<rocksdb::MemoryMappedFileBuffer>*) override {
    return refused(path);
  }
  IOStatus NewLogger(const std::string& path, const IOOptions&, std::shared_ptr<rocksdb::Logger>*,
                     IODebugContext*) override {
    return refused(path);
  }
  IOStatus LockFile(const std::string& path, const IOOptions&, rocksdb::FileLock**, IODebugContext*) override {
    return refused(path);
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override { return refused(path); }
  IOStatus Truncate(const std::string& path, size_t, const IOOptions&, IODebugContext*) override {
    return refused(path);
  }
  IOStatus CreateDir(const std::string& path, const IOOptions&, IODebugContext*) override { return refused(path); }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    return FileExists(path, options, debug).ok() ? IOStatus::OK() : refused(path);
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) override { return refused(path); }
  IOStatus RenameFile(const std::string& path, const std::string&, const IOOptions&, IODebugContext*) override {
    return refused(path);
  }
  IOStatus LinkFile(const std::string& path, const std::string&, const IOOptions&, IODebugContext*) override {
    return refused(path);
  }

 private:
  static IOStatus refused(const std::string& path) {
    return IOStatus::NotSupported("the database is open for reading only", path);
  }
};

class Listener final : public rocksdb::EventListener {
 public:
  Listener(std::shared_ptr<Hooks> hooks, std::shared_ptr<Refusal> refusal)
      : hooks_(std::move(hooks)), refusal_(std::move(refusal)) {}

  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo& info) override {
    if (info.status.ok()) hooks_->compactionCompleted();
  }

  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override {
    static_assert(static_cast<int>(rocksdb::WriteStallCondition::kNormal) == RDBStallNone);
    static_assert(static_cast<int>(rocksdb::WriteStallCondition::kDelayed) == RDBStallDelayed);
    static_assert(static_cast<int>(rocksdb::WriteStallCondition::kStopped) == RDBStallStopped);
    hooks_->stallChanged(info.cf_name, static_cast<int>(info.condition.cur));
  }

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* status) override {
    if (status->ok()) return;
    // RocksDB repeats a compaction that failed softly. After anything else a later atomic flush can hang
    // (facebook/rocksdb#11872, fixed in 8.6.6), and without a WAL it goes on taking writes that it never flushes.
    if (reason != rocksdb::BackgroundErrorReason::kCompaction ||
        status->severity() >= rocksdb::Status::Severity::kHardError) {
      refusal_->set(*status);
      hooks_->backgroundError(*status);
    } else {
      hooks_->compactionFailed(*status);
    }
  }

  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* autoRecovery) override {
    // After NoSpace the SstFileManager resumes by itself, whatever max_bgerror_resume_count says.
    *autoRecovery = false;
  }

 private:
  std::shared_ptr<Hooks> hooks_;
  std::shared_ptr<Refusal> refusal_;
};

}  // namespace

IOStatus Hooks::tableFileSync() const {
  if (!hooks_.table_file_sync) return IOStatus::OK();
  rocksdb::Status status = fromC(hooks_.table_file_sync(hooks_.context));
  if (!status.ok() && !status.IsIOError() && !status.IsCorruption()) {
    // Of other codes RocksDB takes some (shutdown in progress, family dropped) for no failure at all.
    status = rocksdb::Status(rocksdb::Status::kIOError, status.subcode(), status.severity(),
                             rocksdb::Slice(status.ToString()));
  }
  return rocksdb::status_to_io_status(std::move(status));
}

std::shared_ptr<rocksdb::FileSystem> makeTableSyncFileSystem(std::shared_ptr<rocksdb::FileSystem> base,
                                                             std::shared_ptr<Hooks> hooks) {
  return std::make_shared<TableSyncFileSystem>(std::move(base), std::move(hooks));
}

std::shared_ptr<rocksdb::FileSystem> makeReadOnlyFileSystem(std::shared_ptr<rocksdb::FileSystem> base) {
  return std::make_shared<ReadOnlyFileSystem>(std::move(base));
}

std::shared_ptr<rocksdb::EventListener> makeListener(std::shared_ptr<Hooks> hooks, std::shared_ptr<Refusal> refusal) {
  return std::make_shared<Listener>(std::move(hooks), std::move(refusal));
}

}  // namespace shim

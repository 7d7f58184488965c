// The file system of a database that is open for reading only, and the event listener of one that isn't.
#include "Handles.h"
#include "rocksdb/listener.h"

namespace shim {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

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

std::shared_ptr<rocksdb::FileSystem> makeReadOnlyFileSystem(std::shared_ptr<rocksdb::FileSystem> base) {
  return std::make_shared<ReadOnlyFileSystem>(std::move(base));
}

std::shared_ptr<rocksdb::EventListener> makeListener(std::shared_ptr<Hooks> hooks, std::shared_ptr<Refusal> refusal) {
  return std::make_shared<Listener>(std::move(hooks), std::move(refusal));
}

}  // namespace shim

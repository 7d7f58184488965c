// Files of a database are their owner's alone, and none is reached through a symbolic link.
#include <sys/stat.h>

#include "Handles.h"

namespace shim {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

/// Refuses a symbolic link in the place of a file: who put it there would have the file read, or written over, elsewhere.
IOStatus checkIsNoLink(const std::string& path) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0 || !S_ISLNK(found.st_mode)) return IOStatus::OK();
  return IOStatus::IOError("a symbolic link is in the place of a file of the database; put the file itself there", path);
}

class PrivateFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;

  const char* Name() const override { return "TidemarkPrivate"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* file, IODebugContext* debug) override {
    IOStatus status = checkIsNoLink(path);
    return status.ok() ? FileSystemWrapper::NewSequentialFile(path, options, file, debug) : status;
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file, IODebugContext* debug) override {
    IOStatus status = checkIsNoLink(path);
    return status.ok() ? FileSystemWrapper::NewRandomAccessFile(path, options, file, debug) : status;
  }
  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) override {
    IOStatus status = checkIsNoLink(path);
    return status.ok() ? owned(path, FileSystemWrapper::NewWritableFile(path, options, file, debug)) : status;
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) override {
    IOStatus status = checkIsNoLink(path);
    return status.ok() ? owned(path, FileSystemWrapper::ReopenWritableFile(path, options, file, debug)) : status;
  }
  IOStatus LockFile(const std::string& path, const IOOptions& options, rocksdb::FileLock** lock,
                    IODebugContext* debug) override {
    IOStatus status = checkIsNoLink(path);
    return status.ok() ? owned(path, FileSystemWrapper::LockFile(path, options, lock, debug)) : status;
  }
  IOStatus CreateDir(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    return owned(path, FileSystemWrapper::CreateDir(path, options, debug), 0700);
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    if (FileExists(path, options, debug).ok()) return FileSystemWrapper::CreateDirIfMissing(path, options, debug);
    return owned(path, FileSystemWrapper::CreateDirIfMissing(path, options, debug), 0700);
  }

 private:
  /// Takes what others may do with something new; RocksDB makes it as the process's umask has it. Not every file system
  /// knows of that.
  static IOStatus owned(const std::string& path, IOStatus status, mode_t mode = 0600) {
    if (status.ok()) (void)!chmod(path.c_str(), mode);
    return status;
  }
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> makePrivateFileSystem(std::shared_ptr<rocksdb::FileSystem> base) {
  return std::make_shared<PrivateFileSystem>(std::move(base));
}

}  // namespace shim

// Files of a database are their owner's alone from the moment they are made, and none is reached through a symbolic link.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "Handles.h"

namespace shim {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

/// Refuses a symbolic link in place of a file: it could redirect reads and writes to a file elsewhere.
IOStatus checkIsNoLink(const std::string& path) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0 || !S_ISLNK(found.st_mode)) return IOStatus::OK();
  return IOStatus::IOError("a symbolic link is in the place of a file of the database; put the file itself there", path);
}

/// Makes a file that only its owner may use, if there is none; RocksDB's own call then opens it (O_CREAT without O_EXCL).
///
/// RocksDB makes files with the process's umask. If this fails, RocksDB's own call fails as well, and reports why.
IOStatus makePrivate(const std::string& path) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor >= 0) close(descriptor);
  // An existing file isn't opened: closing it would unlock it, if it is a lock file of this process.
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) return IOStatus::OK();
  if (S_ISLNK(found.st_mode)) return checkIsNoLink(path);
  // Made by an older version, or under a umask that takes the owner's rights.
  if ((found.st_mode & 0777) != 0600) (void)!chmod(path.c_str(), 0600);
  return IOStatus::OK();
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
    IOStatus status = makePrivate(path);
    return status.ok() ? FileSystemWrapper::NewWritableFile(path, options, file, debug) : status;
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) override {
    IOStatus status = makePrivate(path);
    return status.ok() ? FileSystemWrapper::ReopenWritableFile(path, options, file, debug) : status;
  }
  IOStatus LockFile(const std::string& path, const IOOptions& options, rocksdb::FileLock** lock,
                    IODebugContext* debug) override {
    IOStatus status = makePrivate(path);
    return status.ok() ? FileSystemWrapper::LockFile(path, options, lock, debug) : status;
  }
  IOStatus CreateDir(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    // If this fails, RocksDB's own call fails as well, and reports why.
    if (mkdir(path.c_str(), 0700) != 0) return FileSystemWrapper::CreateDir(path, options, debug);
    struct stat found;
    if (stat(path.c_str(), &found) == 0 && (found.st_mode & 0777) != 0700) (void)!chmod(path.c_str(), 0700);
    return IOStatus::OK();
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    if (!FileExists(path, options, debug).ok() && mkdir(path.c_str(), 0700) == 0) return IOStatus::OK();
    return FileSystemWrapper::CreateDirIfMissing(path, options, debug);
  }
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> privateFileSystem() {
  return std::make_shared<PrivateFileSystem>(rocksdb::FileSystem::Default());
}

}  // namespace shim

// The files that the databases of the process hold open: see OpenFiles.cc.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "rocksdb/file_system.h"
#include "rocksdb/status.h"

namespace shim {

/// One open database's share of the process's descriptors.
class OpenFilesShare {
 public:
  OpenFilesShare() = default;
  ~OpenFilesShare();
  OpenFilesShare(const OpenFilesShare&) = delete;
  OpenFilesShare& operator=(const OpenFilesShare&) = delete;
  /// Fails with Busy if the process's limit has no room for one more database.
  rocksdb::Status take();
  /// Counts descriptors that the database holds for a column family that it made: one, until it is opened again.
  void addFamilies(size_t count);

 private:
  size_t descriptors_ = 0;
};

/// A table file that gives its descriptor back when others need it more, and opens the file again when it is read.
///
/// Until then `path` must stay on `files`, the file system that `file` was opened on.
std::unique_ptr<rocksdb::FSRandomAccessFile> makePooledFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file,
                                                            std::shared_ptr<rocksdb::FileSystem> files,
                                                            const std::string& path,
                                                            const rocksdb::FileOptions& options);

}  // namespace shim

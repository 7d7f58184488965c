// The guarantees that a database needs of a file system to survive any crash: RocksDB assumes that names reach the disk
// in order, and that an unsynced write survives up to some byte and not after it.
#include <cstring>

#include "Handles.h"
#include "CChecksum.h"

namespace shim {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSSequentialFile;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

std::string fileName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// RocksDB's record of its options.
bool isOptionsFile(const std::string& path) { return fileName(path).compare(0, 8, "OPTIONS-") == 0; }

bool isManifest(const std::string& path) { return fileName(path).compare(0, 9, "MANIFEST-") == 0; }

/// The end of a MANIFEST's whole records: the start of the first torn record, if there is one.
///
/// RocksDB's log format (its wiki, "Write Ahead Log File Format"): blocks of 32 KiB; a record has a masked CRC-32C, an
/// uint16 length and a type, all little-endian, and then its bytes; up to 6 bytes at a block's end are left empty.
size_t wholeRecordsEnd(const std::string& file) {
  const size_t blockBytes = 32768, headerBytes = 7;
  const auto* bytes = reinterpret_cast<const uint8_t*>(file.data());
  size_t position = 0;
  // A record in several parts counts once its last part is there.
  size_t end = 0;
  while (true) {
    const size_t left = blockBytes - position % blockBytes;
    if (left < headerBytes) position += left;
    if (position + headerBytes > file.size()) return end;
    const uint8_t* header = bytes + position;
    const size_t length = header[4] | header[5] << 8;
    const uint8_t type = header[6];
    if (type < 1 || type > 4 || headerBytes + length > blockBytes - position % blockBytes ||
        position + headerBytes + length > file.size()) {
      return end;
    }
    const uint32_t stored = header[0] | header[1] << 8 | header[2] << 16 | static_cast<uint32_t>(header[3]) << 24;
    const uint32_t rotated = stored - 0xa282ead8u;
    if ((rotated >> 17 | rotated << 15) != tidemark_crc32c(0, header + 6, length + 1)) return end;
    position += headerBytes + length;
    if (type == 1 || type == 4) end = position;
  }
}

/// A MANIFEST as it is read: without an end that a crash has torn.
///
/// The opener of the database checks that it holds what it must (``Head``), also if the end was damaged otherwise.
class ReadManifest final : public FSSequentialFile {
 public:
  explicit ReadManifest(std::string bytes) : bytes_(std::move(bytes)) {}

  IOStatus Read(size_t n, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
    const size_t count = std::min(n, bytes_.size() - position_);
    memcpy(scratch, bytes_.data() + position_, count);
    position_ += count;
    *result = Slice(scratch, count);
    return IOStatus::OK();
  }
  IOStatus Skip(uint64_t n) override {
    position_ += std::min<uint64_t>(n, bytes_.size() - position_);
    return IOStatus::OK();
  }

 private:
  const std::string bytes_;
  size_t position_ = 0;
};

/// A MANIFEST that is written; after a failed write it is unknown how much of it is on the disk.
class WrittenManifest final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WrittenManifest(std::unique_ptr<FSWritableFile>&& file, std::shared_ptr<std::atomic<bool>> failed)
      : FSWritableFileOwnerWrapper(std::move(file)), failed_(std::move(failed)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    return noted(FSWritableFileOwnerWrapper::Append(data, options, debug));
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo& verification,
                  IODebugContext* debug) override {
    return noted(FSWritableFileOwnerWrapper::Append(data, options, verification, debug));
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return noted(FSWritableFileOwnerWrapper::Sync(options, debug));
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return noted(FSWritableFileOwnerWrapper::Fsync(options, debug));
  }

 private:
  IOStatus noted(IOStatus status) {
    if (!status.ok()) failed_->store(true);
    return status;
  }

  std::shared_ptr<std::atomic<bool>> failed_;
};

/// The first failed read of a table file being ingested.
class FailedRead {
 public:
  void note(const IOStatus& status) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (status_.ok()) status_ = status;
  }
  IOStatus take() {
    std::lock_guard<std::mutex> lock(mutex_);
    IOStatus status = status_;
    status_ = IOStatus::OK();
    return status;
  }

 private:
  std::mutex mutex_;
  IOStatus status_;
};

/// A table file being ingested. RocksDB 7.8 looks up its first and last key, and takes a read that failed or brought a
/// wrong byte for a file without keys, whose rows would never be found. So each read (some kilobytes per file) is
/// repeated until it brings the same bytes twice.
class IngestedFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  IngestedFile(std::unique_ptr<FSRandomAccessFile>&& file, std::string path, std::shared_ptr<FailedRead> failed)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), path_(std::move(path)), failed_(std::move(failed)) {}

  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) const override {
    // Some failed reads lead to an assertion in RocksDB, so there are more than two tries.
    std::vector<char> former;
    bool agree = false;
    IOStatus status;
    for (int reads = 0; reads < 4 && !agree; reads++) {
      status = FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, debug);
      if (!status.ok()) continue;
      agree = Slice(former.data(), former.size()) == *result;
      former.assign(result->data(), result->data() + result->size());
    }
    if (status.ok() && !agree) status = IOStatus::IOError("what is read of a table file differs each time", path_);
    if (!status.ok()) failed_->note(status);
    return status;
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count, const IOOptions& options,
                     IODebugContext* debug) override {
    return FSRandomAccessFile::MultiRead(requests, count, options, debug);
  }

 private:
  const std::string path_;
  std::shared_ptr<FailedRead> failed_;
};

class StoreFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  StoreFileSystem(std::shared_ptr<rocksdb::FileSystem> base, std::string database)
      : FileSystemWrapper(std::move(base)), database_(std::move(database)) {}

  const char* Name() const override { return "TidemarkStore"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<FSSequentialFile>* file, IODebugContext* debug) override {
    IOStatus status = FileSystemWrapper::NewSequentialFile(path, options, file, debug);
    if (!status.ok() || !isManifest(path)) return status;
    std::string bytes;
    status = readAll(**file, &bytes, debug);
    if (!status.ok()) return status;
    bytes.resize(wholeRecordsEnd(bytes));
    file->reset(new ReadManifest(std::move(bytes)));
    return status;
  }

  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<FSRandomAccessFile>* file, IODebugContext* debug) override {
    IOStatus status = FileSystemWrapper::NewRandomAccessFile(path, options, file, debug);
    if (!status.ok()) return status;
    if (!isInDatabase(path)) {
      file->reset(new IngestedFile(std::move(*file), path, failedRead_));
    } else if (isTableFile(path)) {
      *file = makePooledFile(std::move(*file), target_, path, options);
    }
    return status;
  }

  IOStatus LinkFile(const std::string& path, const std::string& target, const IOOptions& options,
                    IODebugContext* debug) override {
    // RocksDB has read the file before it links it into the database.
    IOStatus status = failedRead_->take();
    return status.ok() ? FileSystemWrapper::LinkFile(path, target, options, debug) : status;
  }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options, std::unique_ptr<FSWritableFile>* file,
                           IODebugContext* debug) override {
    // Nobody reads the file, and writing it and reading it back is half of an open and most of making a column family.
    // RocksDB goes on without it (`fail_if_options_file_error`).
    if (isOptionsFile(path)) return IOStatus::NotSupported("options aren't recorded", path);
    if (isTableFile(path)) {
      // Never overwritten: if its first name couldn't be removed, the file may be in the database under another.
      IOStatus status = FileSystemWrapper::DeleteFile(path, IOOptions(), debug);
      if (!status.ok() && FileExists(path, IOOptions(), debug).ok()) return status;
    }
    IOStatus status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
    // Not the copy in a checkpoint.
    if (status.ok() && isManifest(path) && isInDatabase(path)) file->reset(new WrittenManifest(std::move(*file), manifestFailed_));
    return status;
  }

  IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    // RocksDB takes a table file for unused if its name couldn't be written to the MANIFEST; but the name may be there
    // all the same. The next open knows.
    if (manifestFailed_->load() && isTableFile(path) && isInDatabase(path)) return IOStatus::Busy("the MANIFEST may name it", path);
    return FileSystemWrapper::DeleteFile(path, options, debug);
  }

  IOStatus RenameFile(const std::string& path, const std::string& target, const IOOptions& options,
                      IODebugContext* debug) override {
    if (fileName(target) == "CURRENT") {
      // Otherwise CURRENT's new contents may survive, and not the MANIFEST that they name.
      std::unique_ptr<rocksdb::FSDirectory> directory;
      IOStatus status = NewDirectory(target.substr(0, target.rfind('/')), options, &directory, debug);
      if (status.ok()) status = directory->FsyncWithDirOptions(options, debug, rocksdb::DirFsyncOptions());
      if (!status.ok()) return status;
    }
    IOStatus status = FileSystemWrapper::RenameFile(path, target, options, debug);
    // It is unknown which MANIFEST CURRENT names now.
    if (!status.ok() && fileName(target) == "CURRENT" && isInDatabase(target)) manifestFailed_->store(true);
    return status;
  }

  IOStatus NewLogger(const std::string& path, const IOOptions&, std::shared_ptr<rocksdb::Logger>* log,
                     IODebugContext*) override {
    return makeInfoLog(path, log);
  }

 private:
  bool isInDatabase(const std::string& path) const {
    return path.rfind('/') == database_.size() && path.compare(0, database_.size(), database_) == 0;
  }

  static IOStatus readAll(FSSequentialFile& file, std::string* bytes, IODebugContext* debug) {
    std::vector<char> scratch(64 << 10);
    while (true) {
      Slice part;
      IOStatus status = file.Read(scratch.size(), IOOptions(), &part, scratch.data(), debug);
      if (!status.ok() || part.empty()) return status;
      bytes->append(part.data(), part.size());
    }
  }

  const std::string database_;
  std::shared_ptr<FailedRead> failedRead_ = std::make_shared<FailedRead>();
  std::shared_ptr<std::atomic<bool>> manifestFailed_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> makeStoreFileSystem(std::shared_ptr<rocksdb::FileSystem> base,
                                                         const std::string& database) {
  return std::make_shared<StoreFileSystem>(std::move(base), database);
}

}  // namespace shim

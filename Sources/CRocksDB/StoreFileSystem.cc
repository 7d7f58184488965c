// What a file system must do so that a database survives any crash: RocksDB takes it for granted that names reach the
// disk in their order, and that a write that wasn't synced is there up to some byte and not behind it.
#include <cstring>

#include "Handles.h"
#include "CChecksum.h"

namespace shim {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSSequentialFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

std::string fileName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool isManifest(const std::string& path) { return fileName(path).compare(0, 9, "MANIFEST-") == 0; }

/// Where the whole records of a MANIFEST end: at the first that is torn, if it is torn.
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
/// Whoever opens the database sees to it that it holds what it must (``Head``), also where the end was damaged otherwise.
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

class StoreFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit StoreFileSystem(std::shared_ptr<rocksdb::FileSystem> base) : FileSystemWrapper(std::move(base)) {}

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

  IOStatus RenameFile(const std::string& path, const std::string& target, const IOOptions& options,
                      IODebugContext* debug) override {
    if (fileName(target) == "CURRENT") {
      // Otherwise its new contents may survive, and not the MANIFEST that they name.
      std::unique_ptr<rocksdb::FSDirectory> directory;
      IOStatus status = NewDirectory(target.substr(0, target.rfind('/')), options, &directory, debug);
      if (status.ok()) status = directory->FsyncWithDirOptions(options, debug, rocksdb::DirFsyncOptions());
      if (!status.ok()) return status;
    }
    return FileSystemWrapper::RenameFile(path, target, options, debug);
  }

  IOStatus NewLogger(const std::string& path, const IOOptions&, std::shared_ptr<rocksdb::Logger>* log,
                     IODebugContext*) override {
    return makeInfoLog(path, log);
  }

 private:
  static IOStatus readAll(FSSequentialFile& file, std::string* bytes, IODebugContext* debug) {
    std::vector<char> scratch(64 << 10);
    while (true) {
      Slice part;
      IOStatus status = file.Read(scratch.size(), IOOptions(), &part, scratch.data(), debug);
      if (!status.ok() || part.empty()) return status;
      bytes->append(part.data(), part.size());
    }
  }
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> makeStoreFileSystem(std::shared_ptr<rocksdb::FileSystem> base) {
  return std::make_shared<StoreFileSystem>(std::move(base));
}

}  // namespace shim

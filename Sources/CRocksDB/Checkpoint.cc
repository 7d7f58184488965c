// A copy of a database in another directory, while it is open.
//
// RocksDB's own Checkpoint can wait forever: it lists the files of the write-ahead log, which waits for pending
// removals of files, and isn't woken if there turns out to be nothing to remove (facebook/rocksdb#14069, fixed in
// 2025). That log is empty here, so it isn't copied. This file can go once the oldest supported RocksDB has the fix.
#include "Handles.h"
#include "rocksdb/version.h"

using rocksdb::FileOptions;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Status;

namespace {

IOStatus copyFile(rocksdb::FileSystem& files, const std::string& from, const std::string& to, uint64_t length) {
  std::unique_ptr<rocksdb::FSSequentialFile> source;
  std::unique_ptr<rocksdb::FSWritableFile> target;
  IOStatus status = files.NewSequentialFile(from, FileOptions(), &source, nullptr);
  if (status.ok()) status = files.NewWritableFile(to, FileOptions(), &target, nullptr);
  if (!status.ok()) return status;
  std::vector<char> buffer(64 << 10);
  while (length > 0) {
    rocksdb::Slice bytes;
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(length, buffer.size()));
    status = source->Read(wanted, IOOptions(), &bytes, buffer.data(), nullptr);
    if (status.ok() && bytes.empty()) status = IOStatus::Corruption("a file is shorter than it was", from);
    if (status.ok()) status = target->Append(bytes, IOOptions(), nullptr);
    if (!status.ok()) break;
    length -= bytes.size();
  }
  if (status.ok()) status = target->Sync(IOOptions(), nullptr);
  IOStatus closed = target->Close(IOOptions(), nullptr);
  return status.ok() ? closed : status;
}

IOStatus writeFile(rocksdb::FileSystem& files, const std::string& path, const std::string& text) {
  std::unique_ptr<rocksdb::FSWritableFile> target;
  IOStatus status = files.NewWritableFile(path, FileOptions(), &target, nullptr);
  if (!status.ok()) return status;
  status = target->Append(text, IOOptions(), nullptr);
  if (status.ok()) status = target->Sync(IOOptions(), nullptr);
  IOStatus closed = target->Close(IOOptions(), nullptr);
  return status.ok() ? closed : status;
}

/// Removes a directory of files, if there is one.
void removeDirectory(rocksdb::FileSystem& files, const std::string& path) {
  std::vector<std::string> names;
  files.GetChildren(path, IOOptions(), &names, nullptr).PermitUncheckedError();
  for (const auto& name : names) {
    if (name != "." && name != "..") files.DeleteFile(path + "/" + name, IOOptions(), nullptr).PermitUncheckedError();
  }
  files.DeleteDir(path, IOOptions(), nullptr).PermitUncheckedError();
}

IOStatus syncDirectory(rocksdb::FileSystem& files, const std::string& path) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  IOStatus status = files.NewDirectory(path, IOOptions(), &directory, nullptr);
  return status.ok() ? directory->Fsync(IOOptions(), nullptr) : status;
}

/// Links table files, which never change, and copies the other files up to their length at this moment.
Status copyLiveFiles(rocksdb::DB& db, rocksdb::FileSystem& files, const std::string& target) {
  std::vector<std::string> names;
  uint64_t manifestLength = 0;
  Status status = db.GetLiveFiles(names, &manifestLength, /* flush_memtable */ false);
  bool links = true;
  std::string manifest;
  for (const auto& name : names) {
    if (!status.ok()) return status;
    // Each begins with a slash.
    const std::string from = db.GetName() + name;
    const std::string to = target + name;
    if (name == "/CURRENT") continue;
    if (name.compare(0, 10, "/MANIFEST-") == 0) manifest = name.substr(1);
    if (shim::isTableFile(name) && links) {
      IOStatus linked = files.LinkFile(from, to, IOOptions(), nullptr);
      links = !linked.IsNotSupported();
      if (links) {
        status = linked;
        continue;
      }
    }
    uint64_t length = manifestLength;
    if (manifest != name.substr(1)) status = files.GetFileSize(from, IOOptions(), &length, nullptr);
    if (status.ok()) status = copyFile(files, from, to, length);
  }
  if (status.ok() && manifest.empty()) status = Status::Corruption("the database names no MANIFEST");
  // Written, not copied, as the database may switch to another MANIFEST meanwhile.
  if (status.ok()) status = writeFile(files, target + "/CURRENT", manifest + "\n");
  return status.ok() ? Status(syncDirectory(files, target)) : status;
}

Status allowFileDeletions(rocksdb::DB& db) {
#if ROCKSDB_MAJOR >= 9
  return db.EnableFileDeletions();
#else
  return db.EnableFileDeletions(/* force */ false);
#endif
}

}  // namespace

RDBStatus rdb_checkpoint(RDBDatabase* database, const char* path) {
  return shim::entered([&] {
    shim::Database& shared = *database->shared;
    rocksdb::FileSystem& files = *shared.fileSystem;
    Status status = shared.refusal->status();
    if (!status.ok()) return status;
    if (files.FileExists(path, IOOptions(), nullptr).ok()) {
      return Status::InvalidArgument("a checkpoint's directory is there already");
    }
    const std::string partial = std::string(path) + ".tmp";
    removeDirectory(files, partial);
    status = files.CreateDir(partial, IOOptions(), nullptr);
    if (!status.ok()) return status;
    status = shared.db->DisableFileDeletions();
    if (status.ok()) {
      status = copyLiveFiles(*shared.db, files, partial);
      Status allowed = allowFileDeletions(*shared.db);
      if (status.ok()) status = allowed;
    }
    if (status.ok()) status = files.RenameFile(partial, path, IOOptions(), nullptr);
    if (status.ok()) status = syncDirectory(files, path);
    if (!status.ok()) removeDirectory(files, partial);
    return status;
  });
}

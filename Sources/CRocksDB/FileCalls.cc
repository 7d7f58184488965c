// A file system that passes each call to a handler, which makes the call or fails it.
#include <cstring>

#include "Handles.h"

namespace shim {
namespace {

using rocksdb::DirFsyncOptions;
using rocksdb::FileOptions;
using rocksdb::FSDirectory;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::FSSequentialFile;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

/// Passes a call to the handler. `work` makes the call, whose length may have been reduced, and returns a status.
template <class Work>
IOStatus tell(const FileCalls& calls, RDBFileCall call, Work&& work) {
  struct Context {
    RDBFileCall* call;
    Work* work;
    IOStatus status;
  };
  Context context{&call, &work, IOStatus::IOError("a call to the file system was neither made nor failed", call.path)};
  call.work = &context;
  call.proceed = [](RDBFileCall* call) {
    auto* context = static_cast<Context*>(call->work);
    context->status = (*context->work)(*call);
    return context->status.ok();
  };
  rocksdb::Status refused = fromC(calls.told(&call));
  if (call.skipped) context.status = IOStatus::OK();
  if (refused.ok()) return context.status;
  context.status.PermitUncheckedError();
  IOStatus status = rocksdb::status_to_io_status(std::move(refused));
  // As in RocksDB's own file systems.
  if (status.IsNoSpace()) status.SetRetryable(true);
  return status;
}

RDBFileCall about(int kind, const std::string& path, uint64_t file = 0) {
  RDBFileCall call{};
  call.kind = kind;
  call.file = file;
  call.path = path.c_str();
  return call;
}

RDBFileCall about(int kind, const std::string& path, uint64_t file, uint64_t position, const void* bytes,
                  size_t length) {
  RDBFileCall call = about(kind, path, file);
  call.position = position;
  call.bytes = const_cast<void*>(bytes);
  call.length = length;
  return call;
}

uint64_t nextFile() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

class WrittenFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WrittenFile(std::unique_ptr<FSWritableFile>&& file, std::shared_ptr<FileCalls> calls, std::string path,
              uint64_t number, uint64_t position)
      : FSWritableFileOwnerWrapper(std::move(file)),
        calls_(std::move(calls)),
        path_(std::move(path)),
        number_(number),
        position_(position) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    const RDBFileCall call = about(RDBFileWrite, path_, number_, position_, data.data(), data.size());
    return tell(*calls_, call, [&](RDBFileCall& call) {
      Slice part(data.data(), call.length);
      IOStatus status = FSWritableFileOwnerWrapper::Append(part, options, debug);
      if (status.ok()) position_ += part.size();
      return status;
    });
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    return tell(*calls_, about(RDBFileTruncate, path_, number_, size, nullptr, 0), [&](RDBFileCall&) {
      return FSWritableFileOwnerWrapper::Truncate(size, options, debug);
    });
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return tell(*calls_, about(RDBFileSync, path_, number_),
                [&](RDBFileCall&) { return FSWritableFileOwnerWrapper::Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return tell(*calls_, about(RDBFileSync, path_, number_),
                [&](RDBFileCall&) { return FSWritableFileOwnerWrapper::Fsync(options, debug); });
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    return tell(*calls_, about(RDBFileClose, path_, number_),
                [&](RDBFileCall&) { return FSWritableFileOwnerWrapper::Close(options, debug); });
  }

 private:
  std::shared_ptr<FileCalls> calls_;
  const std::string path_;
  const uint64_t number_;
  uint64_t position_;
};

/// Passes a read of up to `length` bytes to the handler.
template <class Read>
IOStatus tellRead(const FileCalls& calls, const std::string& path, uint64_t position, size_t length, Slice* result,
                  char* scratch, Read&& read) {
  return tell(calls, about(RDBFileRead, path, 0, position, scratch, length), [&](RDBFileCall& call) {
    IOStatus status = read();
    if (status.ok()) {
      // The handler may alter bytes in `scratch`.
      if (result->data() != scratch) memmove(scratch, result->data(), result->size());
      *result = Slice(scratch, result->size());
      call.length = result->size();
    }
    return status;
  });
}

class ReadFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  ReadFile(std::unique_ptr<FSRandomAccessFile>&& file, std::shared_ptr<FileCalls> calls, std::string path)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), calls_(std::move(calls)), path_(std::move(path)) {}

  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) const override {
    return tellRead(*calls_, path_, offset, n, result, scratch, [&] {
      return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, debug);
    });
  }
  IOStatus MultiRead(FSReadRequest* requests, size_t count, const IOOptions& options, IODebugContext* debug) override {
    for (size_t i = 0; i < count; i++) {
      FSReadRequest& request = requests[i];
      request.status = Read(request.offset, request.len, options, &request.result, request.scratch, debug);
    }
    return IOStatus::OK();
  }
  // Does nothing, so that every read goes through the calls above.
  IOStatus Prefetch(uint64_t, size_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("prefetch");
  }

 private:
  std::shared_ptr<FileCalls> calls_;
  const std::string path_;
};

class SequentialFile final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  SequentialFile(std::unique_ptr<FSSequentialFile>&& file, std::shared_ptr<FileCalls> calls, std::string path)
      : FSSequentialFileOwnerWrapper(std::move(file)), calls_(std::move(calls)), path_(std::move(path)) {}

  IOStatus Read(size_t n, const IOOptions& options, Slice* result, char* scratch, IODebugContext* debug) override {
    IOStatus status = tellRead(*calls_, path_, position_, n, result, scratch, [&] {
      return FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, debug);
    });
    if (status.ok()) position_ += result->size();
    return status;
  }

 private:
  std::shared_ptr<FileCalls> calls_;
  const std::string path_;
  uint64_t position_ = 0;
};

class Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<FSDirectory>&& directory, std::shared_ptr<FileCalls> calls, std::string path)
      : FSDirectoryWrapper(std::move(directory)), calls_(std::move(calls)), path_(std::move(path)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return tell(*calls_, about(RDBDirectorySync, path_),
                [&](RDBFileCall&) { return FSDirectoryWrapper::Fsync(options, debug); });
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const DirFsyncOptions& sync) override {
    return tell(*calls_, about(RDBDirectorySync, path_),
                [&](RDBFileCall&) { return FSDirectoryWrapper::FsyncWithDirOptions(options, debug, sync); });
  }

 private:
  std::shared_ptr<FileCalls> calls_;
  const std::string path_;
};

class ToldFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit ToldFileSystem(std::shared_ptr<FileCalls> calls)
      : FileSystemWrapper(privateFileSystem()), calls_(std::move(calls)) {}

  const char* Name() const override { return "TidemarkTold"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<FSSequentialFile>* file, IODebugContext* debug) override {
    IOStatus status = tell(*calls_, about(RDBFileOpen, path), [&](RDBFileCall&) {
      return FileSystemWrapper::NewSequentialFile(path, options, file, debug);
    });
    if (status.ok()) file->reset(new SequentialFile(std::move(*file), calls_, path));
    return status;
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<FSRandomAccessFile>* file, IODebugContext* debug) override {
    IOStatus status = tell(*calls_, about(RDBFileOpen, path), [&](RDBFileCall&) {
      return FileSystemWrapper::NewRandomAccessFile(path, options, file, debug);
    });
    if (status.ok()) file->reset(new ReadFile(std::move(*file), calls_, path));
    return status;
  }
  IOStatus NewWritableFile(const std::string& path, const FileOptions& options, std::unique_ptr<FSWritableFile>* file,
                           IODebugContext* debug) override {
    const uint64_t number = nextFile();
    IOStatus status = tell(*calls_, about(RDBFileCreate, path, number), [&](RDBFileCall&) {
      return FileSystemWrapper::NewWritableFile(path, options, file, debug);
    });
    if (status.ok()) file->reset(new WrittenFile(std::move(*file), calls_, path, number, 0));
    return status;
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<FSWritableFile>* file, IODebugContext* debug) override {
    const uint64_t number = nextFile();
    uint64_t size = 0;
    IOStatus status = tell(*calls_, about(RDBFileReopen, path, number), [&](RDBFileCall&) {
      IOStatus status = FileSystemWrapper::ReopenWritableFile(path, options, file, debug);
      return status.ok() ? FileSystemWrapper::GetFileSize(path, IOOptions(), &size, debug) : status;
    });
    if (status.ok()) file->reset(new WrittenFile(std::move(*file), calls_, path, number, size));
    return status;
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options, std::unique_ptr<FSDirectory>* directory,
                        IODebugContext* debug) override {
    IOStatus status = FileSystemWrapper::NewDirectory(path, options, directory, debug);
    if (status.ok()) directory->reset(new Directory(std::move(*directory), calls_, path));
    return status;
  }
  IOStatus GetChildren(const std::string& path, const IOOptions& options, std::vector<std::string>* names,
                       IODebugContext* debug) override {
    return tell(*calls_, about(RDBDirectoryList, path),
                [&](RDBFileCall&) { return FileSystemWrapper::GetChildren(path, options, names, debug); });
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    return tell(*calls_, about(RDBFileUnlink, path),
                [&](RDBFileCall&) { return FileSystemWrapper::DeleteFile(path, options, debug); });
  }
  IOStatus Truncate(const std::string& path, size_t size, const IOOptions& options, IODebugContext* debug) override {
    return tell(*calls_, about(RDBFileTruncate, path, 0, size, nullptr, 0),
                [&](RDBFileCall&) { return FileSystemWrapper::Truncate(path, size, options, debug); });
  }
  IOStatus CreateDir(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    return tell(*calls_, about(RDBDirectoryCreate, path),
                [&](RDBFileCall&) { return FileSystemWrapper::CreateDir(path, options, debug); });
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    return FileExists(path, options, debug).ok() ? IOStatus::OK() : CreateDir(path, options, debug);
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    return tell(*calls_, about(RDBDirectoryRemove, path),
                [&](RDBFileCall&) { return FileSystemWrapper::DeleteDir(path, options, debug); });
  }
  IOStatus RenameFile(const std::string& path, const std::string& target, const IOOptions& options,
                      IODebugContext* debug) override {
    RDBFileCall call = about(RDBFileRename, path);
    call.target = target.c_str();
    return tell(*calls_, call,
                [&](RDBFileCall&) { return FileSystemWrapper::RenameFile(path, target, options, debug); });
  }
  IOStatus LinkFile(const std::string& path, const std::string& target, const IOOptions& options,
                    IODebugContext* debug) override {
    RDBFileCall call = about(RDBFileLink, path);
    call.target = target.c_str();
    return tell(*calls_, call,
                [&](RDBFileCall&) { return FileSystemWrapper::LinkFile(path, target, options, debug); });
  }

 private:
  std::shared_ptr<FileCalls> calls_;
};

}  // namespace
}  // namespace shim

RDBStatus rdb_file_system_create(RDBFileCallHandler handler, RDBFileSystem** out) {
  return shim::guarded([&] {
    auto calls = std::make_shared<shim::FileCalls>(handler);
    auto fileSystem = std::make_shared<shim::ToldFileSystem>(std::move(calls));
    auto environment = rocksdb::NewCompositeEnv(fileSystem);
    *out = new RDBFileSystem{std::move(fileSystem), std::move(environment)};
    return rocksdb::Status::OK();
  });
}

void rdb_file_system_destroy(RDBFileSystem* fileSystem) { delete fileSystem; }

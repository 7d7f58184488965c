// The files that the databases of the process hold open, kept below the process's limit (RLIMIT_NOFILE).
//
// - Three quarters of the limit are for databases; the rest is the program's.
// - Each database takes `descriptorsPerDatabase` of them: lock, MANIFEST, two logs, two directories, and files being
//   written; and one for each column family that it makes.
// - The table files of all databases share the remainder: the least recently read give their descriptors back. Their
//   readers (indexes, filters) stay, so that the next read costs one more call to open the file.
// - A database is refused if it would leave fewer than `tableFilesPerDatabase` for each.
//
// RocksDB's own limit (max_open_files) is for one database, and changing it writes a file of options each time.
#include "OpenFiles.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>
#include <vector>

#include "Handles.h"

namespace shim {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using rocksdb::Status;

constexpr size_t descriptorsPerDatabase = 8;
constexpr size_t tableFilesPerDatabase = 4;
/// A cap on the process's limit, which may be infinite.
constexpr size_t mostDescriptors = 1 << 20;

size_t processLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return mostDescriptors;
  return static_cast<size_t>(std::min<rlim_t>(limit.rlim_cur, mostDescriptors));
}

class PooledFile;

/// The open table files, the least recently opened first.
///
/// A file that was read since its last visit is skipped once (the CLOCK algorithm), so that reads needn't move it.
class Pool {
 public:
  /// Never destroyed: threads use it to the very end.
  static Pool& shared() {
    static Pool& pool = *new Pool;
    return pool;
  }

  Status addDatabase();
  void addDescriptors(size_t count);
  void removeDatabase(size_t descriptors);
  /// Gives `pooled` the file that was opened for it, unless it has one; adds `pins` pins.
  void add(const PooledFile& pooled, std::unique_ptr<FSRandomAccessFile> file, uint32_t pins);
  void remove(const PooledFile& pooled);
  void report(RDBOpenFiles* out) {
    std::lock_guard<std::mutex> lock(mutex_);
    *out = RDBOpenFiles{processLimit(), databases_, files_.size(), capacity_};
  }

 private:
  using Closed = std::vector<std::unique_ptr<FSRandomAccessFile>>;

  /// Caller holds `mutex_`, and releases it before closing the returned files.
  Closed shrink();
  void setCapacity(size_t limit) {
    const size_t share = limit - limit / 4;
    capacity_ = share > descriptors_ ? share - descriptors_ : 0;
  }

  std::mutex mutex_;
  std::list<const PooledFile*> files_;   // under `mutex_`
  size_t databases_ = 0;                 // under `mutex_`
  size_t descriptors_ = 0;               // of databases, but for their table files; under `mutex_`
  size_t capacity_ = 0;                  // under `mutex_`
};

class PooledFile final : public FSRandomAccessFile {
 public:
  PooledFile(std::unique_ptr<FSRandomAccessFile> file, std::shared_ptr<rocksdb::FileSystem> files, std::string path,
             const FileOptions& options)
      : files_(std::move(files)),
        path_(std::move(path)),
        options_(options),
        isDirect_(file->use_direct_io()),
        alignment_(file->GetRequiredBufferAlignment()),
        temperature_(file->GetTemperature()) {
    Pool::shared().add(*this, std::move(file), 0);
  }
  ~PooledFile() override {
    // Orders the last call, which ends with a release of `pins_`, before this. RocksDB does so, too, but the thread
    // sanitizer can't see it.
    (void)pins_.load(std::memory_order_acquire);
    Pool::shared().remove(*this);
  }

  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) const override {
    return use(debug, [&](FSRandomAccessFile& file) { return file.Read(offset, n, options, result, scratch, debug); });
  }
  IOStatus MultiRead(FSReadRequest* requests, size_t count, const IOOptions& options, IODebugContext* debug) override {
    return use(debug, [&](FSRandomAccessFile& file) { return file.MultiRead(requests, count, options, debug); });
  }
  IOStatus Prefetch(uint64_t offset, size_t n, const IOOptions& options, IODebugContext* debug) override {
    return use(debug, [&](FSRandomAccessFile& file) { return file.Prefetch(offset, n, options, debug); });
  }
  IOStatus InvalidateCache(size_t offset, size_t length) override {
    return use(nullptr, [&](FSRandomAccessFile& file) { return file.InvalidateCache(offset, length); });
  }
  size_t GetUniqueId(char* id, size_t capacity) const override {
    size_t length = 0;
    use(nullptr, [&](FSRandomAccessFile& file) {
      length = file.GetUniqueId(id, capacity);
      return IOStatus::OK();
    }).PermitUncheckedError();
    return length;
  }
  void Hint(AccessPattern pattern) override {
    hint_.store(pattern, std::memory_order_relaxed);
    use(nullptr, [&](FSRandomAccessFile& file) {
      file.Hint(pattern);
      return IOStatus::OK();
    }).PermitUncheckedError();
  }
  bool use_direct_io() const override { return isDirect_; }
  size_t GetRequiredBufferAlignment() const override { return alignment_; }
  rocksdb::Temperature GetTemperature() const override { return temperature_; }

 private:
  friend class Pool;

  /// Calls `body` with the file open.
  template <class Body>
  IOStatus use(IODebugContext* debug, Body&& body) const {
    if (!wasRead_.load(std::memory_order_relaxed)) wasRead_.store(true, std::memory_order_relaxed);
    if (!pin()) {
      std::unique_ptr<FSRandomAccessFile> file;
      IOStatus status = files_->NewRandomAccessFile(path_, options_, &file, debug);
      if (!status.ok()) return status;
      const int hint = hint_.load(std::memory_order_relaxed);
      if (hint >= 0) file->Hint(static_cast<AccessPattern>(hint));
      Pool::shared().add(*this, std::move(file), 1);
    }
    IOStatus status = body(*file_);
    pins_.fetch_sub(1, std::memory_order_release);
    return status;
  }

  /// Keeps the file open, if it is.
  bool pin() const {
    uint32_t pins = pins_.load(std::memory_order_relaxed);
    while (pins & open) {
      if (pins_.compare_exchange_weak(pins, pins + 1, std::memory_order_acquire, std::memory_order_relaxed)) return true;
    }
    return false;
  }

  static constexpr uint32_t open = 1u << 31;

  const std::shared_ptr<rocksdb::FileSystem> files_;
  const std::string path_;
  const FileOptions options_;
  const bool isDirect_;
  const size_t alignment_;
  const rocksdb::Temperature temperature_;
  std::atomic<int> hint_{-1};
  mutable std::atomic<bool> wasRead_{false};
  /// How many calls use the file, and whether it is open; opened and closed only under the pool's mutex.
  mutable std::atomic<uint32_t> pins_{0};
  mutable std::unique_ptr<FSRandomAccessFile> file_;  // stays while pinned; changes under the pool's mutex
  mutable std::list<const PooledFile*>::iterator place_;  // if it is open; under the pool's mutex
};

Status Pool::addDatabase() {
  Closed closed;
  std::lock_guard<std::mutex> lock(mutex_);
  const size_t limit = processLimit();
  const size_t needed = descriptors_ + descriptorsPerDatabase + (databases_ + 1) * tableFilesPerDatabase;
  if (needed > limit - limit / 4) {
    return Status::Busy("the process may have too few open files for one more database",
                        std::to_string(databases_) + " are open, the limit is " + std::to_string(limit) +
                            " files; raise it (ulimit -n) to at least " + std::to_string(needed + needed / 3 + 1));
  }
  databases_++;
  descriptors_ += descriptorsPerDatabase;
  setCapacity(limit);
  closed = shrink();
  return Status::OK();
}

void Pool::addDescriptors(size_t count) {
  Closed closed;
  std::lock_guard<std::mutex> lock(mutex_);
  descriptors_ += count;
  setCapacity(processLimit());
  closed = shrink();
}

void Pool::removeDatabase(size_t descriptors) {
  std::lock_guard<std::mutex> lock(mutex_);
  databases_--;
  descriptors_ -= descriptors;
  setCapacity(processLimit());
}

void Pool::add(const PooledFile& pooled, std::unique_ptr<FSRandomAccessFile> file, uint32_t pins) {
  Closed closed;
  std::lock_guard<std::mutex> lock(mutex_);
  if (pooled.pins_.load(std::memory_order_relaxed) & PooledFile::open) {
    // Another thread was faster.
    pooled.pins_.fetch_add(pins, std::memory_order_acquire);
    closed.push_back(std::move(file));
    return;
  }
  pooled.file_ = std::move(file);
  pooled.place_ = files_.insert(files_.end(), &pooled);
  pooled.pins_.store(PooledFile::open | pins, std::memory_order_release);
  closed = shrink();
}

void Pool::remove(const PooledFile& pooled) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (pooled.pins_.load(std::memory_order_relaxed) & PooledFile::open) files_.erase(pooled.place_);
}

Pool::Closed Pool::shrink() {
  Closed closed;
  // Two rounds reach every file that isn't in use.
  for (size_t steps = 2 * files_.size(); steps > 0 && files_.size() > capacity_; steps--) {
    const PooledFile& file = *files_.front();
    uint32_t unpinned = PooledFile::open;
    if (!file.wasRead_.exchange(false, std::memory_order_relaxed) &&
        file.pins_.compare_exchange_strong(unpinned, 0, std::memory_order_acquire)) {
      closed.push_back(std::move(file.file_));
      files_.pop_front();
    } else {
      files_.splice(files_.end(), files_, files_.begin());
    }
  }
  return closed;
}

}  // namespace

OpenFilesShare::~OpenFilesShare() {
  if (descriptors_ != 0) Pool::shared().removeDatabase(descriptors_);
}

Status OpenFilesShare::take() {
  Status status = Pool::shared().addDatabase();
  if (status.ok()) descriptors_ = descriptorsPerDatabase;
  return status;
}

void OpenFilesShare::addFamilies(size_t count) {
  Pool::shared().addDescriptors(count);
  descriptors_ += count;
}

std::unique_ptr<FSRandomAccessFile> makePooledFile(std::unique_ptr<FSRandomAccessFile> file,
                                                   std::shared_ptr<rocksdb::FileSystem> files, const std::string& path,
                                                   const FileOptions& options) {
  // Mapped bytes are used after the call that reads them.
  if (options.use_mmap_reads) return file;
  return std::make_unique<PooledFile>(std::move(file), std::move(files), path, options);
}

}  // namespace shim

void rdb_open_files(RDBOpenFiles* out) { shim::Pool::shared().report(out); }

// RocksDB's text log, which may run out of disk space without harm.
#include <fcntl.h>
#include <sys/time.h>
#include <time.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>

#include "Handles.h"
#include "rocksdb/env.h"

namespace shim {
namespace {

/// Drops the lines that it can't write.
///
/// RocksDB's own logger, built with assertions, stops the program at the first line after one that didn't fit on the
/// disk (`WritableFileWriter::AssertFalseAndGetStatusForPrevError`, seen in 7.8.3).
class InfoLog final : public rocksdb::Logger {
 public:
  explicit InfoLog(FILE* file) : file_(file) {}
  ~InfoLog() override {
    if (!closed_) Close().PermitUncheckedError();
  }

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    timeval now;
    gettimeofday(&now, nullptr);
    tm parts;
    time_t seconds = now.tv_sec;
    localtime_r(&seconds, &parts);
    flockfile(file_);
    int head = fprintf(file_, "%04d/%02d/%02d-%02d:%02d:%02d.%06d ", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, static_cast<int>(now.tv_usec));
    int text = vfprintf(file_, format, arguments);
    fputc('\n', file_);
    if (head > 0 && text > 0) bytes_ += static_cast<size_t>(head + text + 1);
    funlockfile(file_);
  }

  void Flush() override {
    fflush(file_);
    clearerr(file_);
  }

  size_t GetLogFileSize() const override { return bytes_; }

 protected:
  rocksdb::Status CloseImpl() override {
    fclose(file_);
    return rocksdb::Status::OK();
  }

 private:
  FILE* file_;
  std::atomic<size_t> bytes_{0};
};

}  // namespace

rocksdb::IOStatus makeInfoLog(const std::string& path, std::shared_ptr<rocksdb::Logger>* log) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  FILE* file = descriptor < 0 ? nullptr : fdopen(descriptor, "w");
  if (!file) return rocksdb::IOStatus::IOError("the text log can't be made", path);
  *log = std::make_shared<InfoLog>(file);
  return rocksdb::IOStatus::OK();
}

}  // namespace shim

#include <cstdlib>
#include <cstring>

#include "Handles.h"

using rocksdb::Status;

namespace shim {

RDBStatus toC(const Status& status) noexcept {
  RDBStatus result{};
  if (status.ok()) return result;
  result.code = status.code();
  result.subcode = status.subcode();
  result.severity = status.severity();
  // `getState` is the message alone; without one, `ToString` names at least the code.
  const char* state = status.getState();
  try {
    result.message = strdup(state ? state : status.ToString().c_str());
  } catch (...) {
    result.message = nullptr;
  }
  return result;
}

Status fromC(RDBStatus status) {
  if (status.code == Status::kOk) {
    rdb_status_free(status);
    return Status::OK();
  }
  Status result(static_cast<Status::Code>(status.code), static_cast<Status::SubCode>(status.subcode),
                static_cast<Status::Severity>(status.severity),
                rocksdb::Slice(status.message ? status.message : ""));
  rdb_status_free(status);
  return result;
}

}  // namespace shim

RDBStatus rdb_status_make(uint8_t code, uint8_t subcode, uint8_t severity, const char* message) {
  return RDBStatus{code, subcode, severity, strdup(message)};
}

void rdb_status_free(RDBStatus status) { free(status.message); }

size_t rdb_strings_count(const RDBStrings* strings) { return strings->strings.size(); }

RDBSlice rdb_strings_at(const RDBStrings* strings, size_t index) {
  const std::string& string = strings->strings[index];
  return RDBSlice{string.data(), string.size()};
}

void rdb_strings_destroy(RDBStrings* strings) { delete strings; }

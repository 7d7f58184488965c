// Opening and closing, column families, flush, compaction, properties, snapshots.
#include <chrono>
#include <thread>

#include "Handles.h"
#include "rocksdb/convenience.h"

using rocksdb::Status;
using shim::entered;
using shim::guarded;

namespace shim {

uint64_t Database::nextNumber() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

Database::~Database() {
  families.clear();
  if (db) db->Close().PermitUncheckedError();
}

std::shared_ptr<Database> Database::make() {
  return std::shared_ptr<Database>(new Database, [](Database* database) {
    ExitGate::Pass pass;
    // See ExitGate.cc.
    if (!pass.isGranted()) return;
    if (database->db) ExitGate::closing(*database->db);
    delete database;
  });
}

std::vector<std::shared_ptr<FamilyHandle>> Database::allFamilies() {
  std::lock_guard<std::mutex> lock(mutex);
  std::vector<std::shared_ptr<FamilyHandle>> all;
  for (const auto& [name, family] : families) all.push_back(family);
  return all;
}

}  // namespace shim

RDBStatus rdb_open(const char* path, const RDBOptions* options, bool readOnly, RDBDatabase** out) {
  return entered([&] {
    shim::ExitGate::beforeOpen();
    auto shared = shim::Database::make();
    Status status = shared->openFiles.take();
    if (!status.ok()) return status;
    shared->takesFilesOnly = options->takesFilesOnly;
    rocksdb::DBOptions databaseOptions = options->database;
    shared->familyOptions = options->family;
    shared->fileSystem = shim::makeStoreFileSystem(options->fileSystem, path);
    if (readOnly) {
      // With it, RocksDB creates a missing directory even here.
      databaseOptions.create_if_missing = false;
      shared->fileSystem = shim::makeReadOnlyFileSystem(shared->fileSystem);
      // RocksDB refuses writes itself, but not a flush of several families.
      shared->refusal->set(Status::NotSupported("the database is open for reading only"));
    } else {
      databaseOptions.listeners.push_back(shim::makeListener(options->hooks, shared->refusal));
      shared->fileSystem = shim::makeTableSyncFileSystem(shared->fileSystem, options->hooks);
    }
    shared->environment = rocksdb::NewCompositeEnv(shared->fileSystem);
    databaseOptions.env = shared->environment.get();
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    for (const auto& name : options->families) descriptors.emplace_back(name, options->family);
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    status = readOnly ? rocksdb::DB::OpenForReadOnly(databaseOptions, path, descriptors, &handles, &db)
                      : rocksdb::DB::Open(databaseOptions, path, descriptors, &handles, &db);
    if (!status.ok()) return status;
    shared->db.reset(db);
    if (!readOnly) shim::ExitGate::opened(*db);
    for (size_t i = 0; i < handles.size(); i++) {
      shared->families[options->families[i]] = std::make_shared<shim::FamilyHandle>(handles[i], shared->number);
    }
    for (const auto& family : shared->allFamilies()) {
      if (status.ok()) status = shim::checkBounds(*db, family->handle);
    }
    // A log that was there is recovered to table files already, unless options by name say otherwise.
    if (status.ok() && !readOnly && shared->takesFilesOnly) status = shim::flushIfNeeded(*shared);
    if (!status.ok()) return status;
    *out = new RDBDatabase{std::move(shared)};
    return Status::OK();
  });
}

void rdb_close(RDBDatabase* database) { shim::destroy(database); }

RDBStatus rdb_list_families(const char* path, const RDBFileSystem* fileSystem, RDBStrings** out) {
  return entered([&] {
    auto strings = std::make_unique<RDBStrings>();
    auto environment = rocksdb::NewCompositeEnv(
        shim::makeStoreFileSystem(
            fileSystem ? fileSystem->fileSystem : shim::privateFileSystem(), path));
    rocksdb::DBOptions options;
    options.env = environment.get();
    Status status = rocksdb::DB::ListColumnFamilies(options, path, &strings->strings);
    if (status.ok()) *out = strings.release();
    return status;
  });
}

RDBFamily* rdb_family(RDBDatabase* database, const char* name) {
  RDBFamily* result = nullptr;
  RDBStatus status = guarded([&] {
    std::lock_guard<std::mutex> lock(database->shared->mutex);
    auto found = database->shared->families.find(name);
    if (found != database->shared->families.end()) result = new RDBFamily{database->shared, found->second, name};
    return Status::OK();
  });
  rdb_status_free(status);
  return result;
}

RDBStatus rdb_family_create(RDBDatabase* database, const char* name, RDBFamily** out) {
  return entered([&] {
    shim::Database& shared = *database->shared;
    Status status = shared.refusal->status();
    if (!status.ok()) return status;
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    status = shared.db->CreateColumnFamily(shared.familyOptions, name, &handle);
    if (!status.ok()) return status;
    auto family = std::make_shared<shim::FamilyHandle>(handle, shared.number);
    std::lock_guard<std::mutex> lock(shared.mutex);
    shared.openFiles.addFamilies(1);
    shared.families[name] = family;
    *out = new RDBFamily{database->shared, std::move(family), name};
    return Status::OK();
  });
}

RDBStatus rdb_families_create(RDBDatabase* database, const char* names, size_t count) {
  return entered([&] {
    shim::Database& shared = *database->shared;
    Status status = shared.refusal->status();
    if (!status.ok()) return status;
    std::vector<std::string> list;
    for (size_t i = 0; i < count; i++) {
      list.emplace_back(names);
      names += list.back().size() + 1;
    }
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    status = shared.db->CreateColumnFamilies(shared.familyOptions, list, &handles);
    std::lock_guard<std::mutex> lock(shared.mutex);
    shared.openFiles.addFamilies(handles.size());
    for (size_t i = 0; i < handles.size(); i++) {
      shared.families[list[i]] = std::make_shared<shim::FamilyHandle>(handles[i], shared.number);
    }
    return status;
  });
}

RDBStatus rdb_family_drop(RDBDatabase* database, const RDBFamily* family) {
  return entered([&] {
    shim::Database& shared = *database->shared;
    Status status = shim::checkOwner(database, family, nullptr);
    if (status.ok()) status = shared.refusal->status();
    if (status.ok()) status = shared.db->DropColumnFamily(family->family->handle);
    if (!status.ok()) return status;
    family->family->state->dropped.store(true, std::memory_order_release);
    std::lock_guard<std::mutex> lock(shared.mutex);
    auto found = shared.families.find(family->name);
    if (found != shared.families.end() && found->second == family->family) shared.families.erase(found);
    return Status::OK();
  });
}

uint32_t rdb_family_id(const RDBFamily* family) { return family->family->handle->GetID(); }
RDBSlice rdb_family_name(const RDBFamily* family) { return RDBSlice{family->name.data(), family->name.size()}; }
void rdb_family_destroy(RDBFamily* family) { shim::destroy(family); }

namespace shim {

Status flushAll(Database& shared, bool wait) {
  Status status = shared.refusal->status();
  if (!status.ok()) return status;
  rocksdb::FlushOptions options;
  options.wait = wait;
  options.allow_write_stall = true;
  const auto families = shared.allFamilies();
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  for (const auto& family : families) handles.push_back(family->handle);
  return shared.db->Flush(options, handles);
}

Status flushIfNeeded(Database& shared) {
  using Properties = rocksdb::DB::Properties;
  for (const std::string& name : {Properties::kNumEntriesActiveMemTable, Properties::kNumEntriesImmMemTables}) {
    uint64_t count = 0;
    if (!shared.db->GetAggregatedIntProperty(name, &count) || count != 0) return flushAll(shared, true);
  }
  return shared.refusal->status();
}

}  // namespace shim

RDBStatus rdb_flush(RDBDatabase* database, bool wait) {
  return entered([&] { return shim::flushAll(*database->shared, wait); });
}

RDBStatus rdb_verify_checksums(RDBDatabase* database) {
  return entered([&] { return database->shared->db->VerifyChecksum(rocksdb::ReadOptions()); });
}

RDBStatus rdb_compact(RDBDatabase* database) {
  return entered([&] {
    shim::Database& shared = *database->shared;
    // CompactRange flushes what overlaps; after this there is nothing left for it to flush.
    Status status = shim::flushAll(shared, true);
    for (const auto& family : shared.allFamilies()) {
      if (!status.ok()) break;
      status = shared.db->CompactRange(rocksdb::CompactRangeOptions(), family->handle, nullptr, nullptr);
    }
    return status;
  });
}

void rdb_suggest_compaction(RDBDatabase* database, const RDBFamily* family) {
  rdb_status_free(entered([&] {
    return database->shared->db->SuggestCompactRange(family->family->handle, nullptr, nullptr);
  }));
}

RDBStatus rdb_wait_for_compaction(RDBDatabase* database) {
  return entered([&] {
    shim::Database& shared = *database->shared;
    using Properties = rocksdb::DB::Properties;
    // RocksDB 7.8 can't wait for compactions (DB::WaitForCompact is public since 8.2), so its counters are polled.
    while (true) {
      Status status = shared.refusal->status();
      if (!status.ok()) return status;
      bool busy = false;
      for (const auto& family : shared.allFamilies()) {
        const bool compacts = !shared.db->GetOptions(family->handle).disable_auto_compactions;
        for (const auto& [name, counts] : {std::pair<const std::string&, bool>(Properties::kMemTableFlushPending, true),
                                           {Properties::kNumRunningFlushes, true},
                                           {Properties::kCompactionPending, compacts},
                                           {Properties::kNumRunningCompactions, true}}) {
          uint64_t value = 0;
          if (counts && shared.db->GetIntProperty(family->handle, name, &value) && value != 0) busy = true;
        }
      }
      if (!busy) return Status::OK();
      if (shim::ExitGate::isExiting()) return shim::ExitGate::refused();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
}

RDBStatus rdb_property(RDBDatabase* database, const RDBFamily* family, const char* name, RDBStrings** out) {
  return entered([&] {
    Status status = shim::checkOwner(database, family, nullptr);
    if (!status.ok()) return status;
    auto strings = std::make_unique<RDBStrings>();
    std::string value;
    if (database->shared->db->GetProperty(family->family->handle, name, &value)) {
      strings->strings.push_back(std::move(value));
    }
    *out = strings.release();
    return Status::OK();
  });
}

bool rdb_integer_property(RDBDatabase* database, const RDBFamily* family, const char* name, uint64_t* out) {
  bool found = false;
  RDBStatus status = entered([&] {
    Status owner = shim::checkOwner(database, family, nullptr);
    if (owner.ok()) found = database->shared->db->GetIntProperty(family->family->handle, name, out);
    return owner;
  });
  rdb_status_free(status);
  return found;
}

bool rdb_summed_property(RDBDatabase* database, const char* name, uint64_t* out) {
  bool found = false;
  RDBStatus status = entered([&] {
    found = database->shared->db->GetAggregatedIntProperty(name, out);
    return Status::OK();
  });
  rdb_status_free(status);
  return found;
}

RDBStatus rdb_snapshot_create(RDBDatabase* database, RDBSnapshot** out) {
  return guarded([&] {
    auto result = std::make_unique<RDBSnapshot>(RDBSnapshot{database->shared, nullptr});
    result->snapshot = database->shared->db->GetSnapshot();
    if (!result->snapshot) return Status::NotSupported("the memtable of a column family supports no snapshots");
    *out = result.release();
    return Status::OK();
  });
}

uint64_t rdb_snapshot_sequence_number(const RDBSnapshot* snapshot) { return snapshot->snapshot->GetSequenceNumber(); }

void rdb_snapshot_destroy(RDBSnapshot* snapshot) {
  shim::ExitGate::Pass pass;
  if (!pass.isGranted()) return;
  snapshot->database->db->ReleaseSnapshot(snapshot->snapshot);
  delete snapshot;
}

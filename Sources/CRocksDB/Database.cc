// Opening and closing, column families, properties, snapshots.
#include "Handles.h"
#include "rocksdb/convenience.h"

using rocksdb::Status;
using shim::entered;
using shim::guarded;

namespace shim {

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

namespace {

/// Flushes all column families, if a memtable holds something.
Status flushIfNeeded(Database& shared) {
  using Properties = rocksdb::DB::Properties;
  bool isNeeded = false;
  for (const std::string& name : {Properties::kNumEntriesActiveMemTable, Properties::kNumEntriesImmMemTables}) {
    uint64_t count = 0;
    if (!shared.db->GetAggregatedIntProperty(name, &count) || count != 0) isNeeded = true;
  }
  if (!isNeeded) return shared.refusal->status();
  rocksdb::FlushOptions options;
  options.allow_write_stall = true;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  for (const auto& [name, family] : shared.families) handles.push_back(family->handle);
  return shared.db->Flush(options, handles);
}

}  // namespace
}  // namespace shim

RDBStatus rdb_open(const char* path, const RDBOptions* options, bool readOnly, RDBDatabase** out) {
  return entered([&] {
    shim::ExitGate::beforeOpen();
    auto shared = shim::Database::make();
    Status status = shared->openFiles.take();
    if (!status.ok()) return status;
    rocksdb::DBOptions databaseOptions = options->database;
    shared->familyOptions = options->family;
    shared->fileSystem = shim::makeStoreFileSystem(options->fileSystem, path);
    if (readOnly) {
      // If it is set, RocksDB creates a missing directory even here.
      databaseOptions.create_if_missing = false;
      shared->fileSystem = shim::makeReadOnlyFileSystem(shared->fileSystem);
      shared->refusal->set(Status::NotSupported("the database is open for reading only"));
    } else {
      databaseOptions.listeners.push_back(shim::makeListener(options->hooks, shared->refusal));
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
      shared->families[options->families[i]] = std::make_shared<shim::FamilyHandle>(handles[i]);
    }
    for (const auto& family : shared->allFamilies()) {
      if (status.ok()) status = shim::checkBounds(*db, family->handle);
    }
    // Opening has recovered an existing log to table files already, unless options by name say otherwise.
    if (status.ok() && !readOnly) status = shim::flushIfNeeded(*shared);
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
    auto family = std::make_shared<shim::FamilyHandle>(handle);
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
      shared.families[list[i]] = std::make_shared<shim::FamilyHandle>(handles[i]);
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
    family->family->dropped.store(true, std::memory_order_release);
    std::lock_guard<std::mutex> lock(shared.mutex);
    auto found = shared.families.find(family->name);
    if (found != shared.families.end() && found->second == family->family) shared.families.erase(found);
    return Status::OK();
  });
}

uint32_t rdb_family_id(const RDBFamily* family) { return family->family->handle->GetID(); }
RDBSlice rdb_family_name(const RDBFamily* family) { return RDBSlice{family->name.data(), family->name.size()}; }
void rdb_family_destroy(RDBFamily* family) { shim::destroy(family); }

RDBStatus rdb_verify_checksums(RDBDatabase* database) {
  return entered([&] { return database->shared->db->VerifyChecksum(rocksdb::ReadOptions()); });
}

void rdb_suggest_compaction(RDBDatabase* database, const RDBFamily* family) {
  rdb_status_free(entered([&] {
    return database->shared->db->SuggestCompactRange(family->family->handle, nullptr, nullptr);
  }));
}

void rdb_merge_small_files(RDBDatabase* database, const RDBFamily* family, uint64_t fileCount, uint64_t bytesPerFile,
                           uint64_t bytes) {
  rdb_status_free(entered([&] {
    rocksdb::DB& db = *database->shared->db;
    rocksdb::ColumnFamilyHandle* handle = family->family->handle;
    Status status = database->shared->refusal->status();
    if (!status.ok()) return status;
    // This cheaper test rules out most families.
    uint64_t sum = 0;
    if (!db.GetIntProperty(handle, rocksdb::DB::Properties::kLiveSstFilesSize, &sum) || sum > bytes) return status;
    rocksdb::ColumnFamilyMetaData metadata;
    db.GetColumnFamilyMetaData(handle, &metadata);
    if (metadata.file_count < fileCount || metadata.size > metadata.file_count * bytesPerFile) return status;
    // Given only some of the files, RocksDB 7.8 wouldn't notice another compaction whose output comes between them.
    std::vector<std::string> all;
    for (const auto& level : metadata.levels) {
      for (const auto& file : level.files) all.push_back(file.name);
    }
    rocksdb::CompactionOptions options;
    options.compression = rocksdb::kDisableCompressionOption;  // that of the family
    return db.CompactFiles(options, handle, all, db.NumberLevels(handle) - 1);
  }));
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

void rdb_snapshot_destroy(RDBSnapshot* snapshot) {
  shim::ExitGate::Pass pass;
  if (!pass.isGranted()) return;
  snapshot->database->db->ReleaseSnapshot(snapshot->snapshot);
  delete snapshot;
}

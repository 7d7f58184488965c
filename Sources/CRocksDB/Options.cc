// Options that hold for every database, the memory that databases share, and overrides by name.
#include <algorithm>
#include <unordered_map>

#include "Handles.h"
#include "rocksdb/convenience.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/table.h"

using rocksdb::Status;
using shim::entered;
using shim::guarded;

RDBStatus rdb_cache_create(size_t capacityBytes, RDBCache** out) {
  return guarded([&] {
    *out = new RDBCache{rocksdb::NewLRUCache(capacityBytes)};
    return Status::OK();
  });
}

void rdb_cache_destroy(RDBCache* cache) { delete cache; }
size_t rdb_cache_used_bytes(const RDBCache* cache) { return cache->cache->GetUsage(); }
size_t rdb_cache_capacity_bytes(const RDBCache* cache) { return cache->cache->GetCapacity(); }

void rdb_cache_set_capacity(RDBCache* cache, size_t capacityBytes) { cache->cache->SetCapacity(capacityBytes); }

namespace {

bool isSupported(rocksdb::CompressionType type) {
  const auto types = rocksdb::GetSupportedCompressions();
  return std::find(types.begin(), types.end(), type) != types.end();
}

rocksdb::DBOptions databaseDefaults() {
  rocksdb::DBOptions options;
  options.create_missing_column_families = false;
  options.avoid_flush_during_recovery = false;
  options.max_bgerror_resume_count = 0;  // a failed flush stays failed
  options.paranoid_checks = true;        // else RocksDB ignores errors of flushes
  options.avoid_flush_during_shutdown = true;
  options.fail_if_options_file_error = false;  // that file isn't written (StoreFileSystem.cc)
  // Bounds the table readers in memory; OpenFiles.cc bounds their descriptors. With -1, opening the database would read
  // the index and filter of every table file.
  options.max_open_files = 4096;
  options.max_file_opening_threads = 2;  // for those few; making 16 threads takes longer
  // The default of 4 MiB would be taken from the disk by every open store, or all the free space if that is less.
  options.manifest_preallocation_size = 64 << 10;
  options.max_log_file_size = 1 << 20;
  options.keep_log_file_num = 2;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log_level = rocksdb::INFO_LEVEL;  // the default depends on how the headers are compiled
  return options;
}

rocksdb::ColumnFamilyOptions familyDefaults(const RDBCache* cache) {
  rocksdb::ColumnFamilyOptions options;
  options.level_compaction_dynamic_level_bytes = true;
  options.compression =
      isSupported(rocksdb::kLZ4Compression) ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;

  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.checksum = rocksdb::kXXH3;
  if (cache) {
    // Indexes and filters count against the cache, so that its size bounds them.
    table.block_cache = cache->cache;
    table.cache_index_and_filter_blocks = true;
    table.cache_index_and_filter_blocks_with_high_priority = true;
    table.pin_l0_filter_and_index_blocks_in_cache = true;
  }
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::ConfigOptions strictConfiguration() {
  rocksdb::ConfigOptions configuration;
  configuration.ignore_unknown_options = false;
  configuration.ignore_unsupported_options = false;
  return configuration;
}

/// RocksDB's message doesn't always name the option.
Status naming(const Status& status, const char* name) {
  if (status.ok()) return status;
  return Status::InvalidArgument(std::string("option ") + name, status.ToString());
}

}  // namespace

RDBStatus rdb_options_create(bool createIfMissing, int maxBackgroundJobs, const RDBCache* cache,
                             const RDBFileSystem* fileSystem, RDBHooks hooks, RDBOptions** out) {
  return entered([&] {
    // The hooks first, so that they are released whatever fails.
    auto shared = std::make_shared<shim::Hooks>(hooks);
    auto options = std::make_unique<RDBOptions>();
    options->hooks = std::move(shared);
    options->database = databaseDefaults();
    options->database.create_if_missing = createIfMissing;
    options->database.max_background_jobs = maxBackgroundJobs;
    if (fileSystem) options->fileSystem = fileSystem->fileSystem;
    options->family = familyDefaults(cache);
    *out = options.release();
    return Status::OK();
  });
}

RDBStatus rdb_options_override_database(RDBOptions* options, const char* name, const char* value) {
  return entered([&] {
    rocksdb::DBOptions changed;
    Status status =
        rocksdb::GetDBOptionsFromMap(strictConfiguration(), options->database, {{name, value}}, &changed);
    if (status.ok()) options->database = changed;
    return naming(status, name);
  });
}

RDBStatus rdb_options_override_family(RDBOptions* options, const char* name, const char* value) {
  return entered([&] {
    rocksdb::ColumnFamilyOptions changed;
    Status status =
        rocksdb::GetColumnFamilyOptionsFromMap(strictConfiguration(), options->family, {{name, value}}, &changed);
    if (status.ok()) options->family = changed;
    return naming(status, name);
  });
}

RDBStatus rdb_options_add_family(RDBOptions* options, const char* name) {
  return guarded([&] {
    options->families.emplace_back(name);
    return Status::OK();
  });
}

void rdb_options_destroy(RDBOptions* options) { delete options; }

RDBStatus rdb_effective_options(RDBDatabase* database, RDBStrings** out) {
  return entered([&] {
    rocksdb::DB& db = *database->shared->db;
    std::string databaseText, familyText, tableText;
    std::unordered_map<std::string, std::string> databaseMap, familyMap, tableMap;
    const rocksdb::ConfigOptions configuration;
    Status status = rocksdb::GetStringFromDBOptions(configuration, db.GetDBOptions(), &databaseText);
    const rocksdb::Options options = db.GetOptions();
    if (status.ok()) status = rocksdb::GetStringFromColumnFamilyOptions(configuration, options, &familyText);
    // The family's own text only names the table factory.
    if (status.ok()) status = options.table_factory->GetOptionString(configuration, &tableText);
    if (status.ok()) status = rocksdb::StringToMap(databaseText, &databaseMap);
    if (status.ok()) status = rocksdb::StringToMap(familyText, &familyMap);
    if (status.ok()) status = rocksdb::StringToMap(tableText, &tableMap);
    if (!status.ok()) return status;
    auto strings = std::make_unique<RDBStrings>();
    const auto add = [&](const std::string& prefix, const std::unordered_map<std::string, std::string>& map) {
      for (const auto& [name, value] : map) {
        strings->strings.push_back(prefix + name);
        strings->strings.push_back(value);
      }
    };
    add("db.", databaseMap);
    add("cf.", familyMap);
    add("cf.table_factory.", tableMap);
    *out = strings.release();
    return Status::OK();
  });
}

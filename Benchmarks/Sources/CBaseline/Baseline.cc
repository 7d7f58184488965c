#include "CBaseline.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"
#include "rocksdb/utilities/write_batch_with_index.h"
#include "rocksdb/version.h"
#include "rocksdb/write_batch.h"
#include "rocksdb/write_buffer_manager.h"

using rocksdb::Slice;
using rocksdb::Status;

struct BaselineDatabase {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  rocksdb::ColumnFamilyHandle* table;
  rocksdb::PinnableSlice value;
};

struct BaselineBatch {
  rocksdb::ColumnFamilyHandle* table;
  rocksdb::WriteBatch batch{};
};

struct BaselineIndexedBatch {
  rocksdb::ColumnFamilyHandle* table;
  rocksdb::WriteBatchWithIndex batch{rocksdb::BytewiseComparator(), 0, true};
};

struct BaselineIterator {
  std::unique_ptr<rocksdb::Iterator> iterator;
};

namespace {

BaselineError toC(const Status& status) { return status.ok() ? nullptr : strdup(status.ToString().c_str()); }

Slice slice(const void* bytes, size_t length) { return Slice(static_cast<const char*>(bytes), length); }
Slice slice(BaselineSlice bytes) { return slice(bytes.bytes, bytes.length); }

rocksdb::WriteOptions writeOptions(int log) {
  rocksdb::WriteOptions options;
  options.disableWAL = log == BaselineLogOff;
  options.sync = log == BaselineLogSynced;
  return options;
}

/// The limit of open table files.
int openFilesLimit() {
  rlimit limit{};
  const rlim_t most = 4096;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return most;
  return static_cast<int>(std::min(most, limit.rlim_cur / 4));
}

// All options of plain databases are stated here: no change of the store's options moves a baseline. They are those of a
// store that writes through memtables.

rocksdb::DBOptions databaseOptions() {
  rocksdb::DBOptions options;
  options.atomic_flush = true;
  options.max_background_jobs = 2;
  options.max_bgerror_resume_count = 0;
  options.paranoid_checks = true;
  options.avoid_flush_during_shutdown = true;
  options.max_open_files = openFilesLimit();
  options.max_file_opening_threads = 2;
  options.manifest_preallocation_size = 64 << 10;
  options.max_log_file_size = 1 << 20;
  options.keep_log_file_num = 2;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log_level = rocksdb::INFO_LEVEL;  // the default depends on how the headers are compiled
  return options;
}

rocksdb::ColumnFamilyOptions familyOptions(const std::shared_ptr<rocksdb::Cache>& cache, bool insertHint) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 64 << 20;
  options.max_write_buffer_number = 2;
  options.level_compaction_dynamic_level_bytes = true;
  options.compression = rocksdb::kLZ4Compression;
  // One hint for all keys: in a batch in key order, each insertion is a short search from the previous one.
  if (insertHint) {
    options.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewCappedPrefixTransform(0));
  }
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.checksum = rocksdb::kXXH3;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

/// Any family other than `default` and the offsets is a store's table.
bool isTable(const std::string& name) { return name != "default" && name != "offsets"; }

void take(BaselineDatabase* database, const Status& status, BaselineSlice* out) {
  *out = status.ok() ? BaselineSlice{database->value.data(), database->value.size()} : BaselineSlice{nullptr, 0};
}

}  // namespace

BaselineError baseline_open(const char* path, size_t budgetBytes, int mode, bool insertHint, BaselineDatabase** out) {
  auto cache = rocksdb::NewLRUCache(budgetBytes);
  rocksdb::DBOptions options = databaseOptions();
  options.create_if_missing = mode == BaselineCreate;
  options.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(budgetBytes / 2, cache, false);
  const rocksdb::ColumnFamilyOptions family = familyOptions(cache, insertHint);

  std::vector<std::string> names{"default"};
  Status status;
  if (mode != BaselineCreate) {
    status = rocksdb::DB::ListColumnFamilies(options, path, &names);
    if (!status.ok()) return toC(status);
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const auto& name : names) descriptors.emplace_back(name, family);
  auto database = std::make_unique<BaselineDatabase>();
  rocksdb::DB* db = nullptr;
  status = mode == BaselineReadOnly
               ? rocksdb::DB::OpenForReadOnly(options, path, descriptors, &database->families, &db)
               : rocksdb::DB::Open(options, path, descriptors, &database->families, &db);
  if (!status.ok()) return toC(status);
  database->db.reset(db);
  database->table = database->families.front();
  for (size_t i = 0; i < names.size(); i++) {
    if (isTable(names[i])) database->table = database->families[i];
  }
  *out = database.release();
  return nullptr;
}

void baseline_close(BaselineDatabase* database) {
  database->value.Reset();
  for (auto* family : database->families) delete family;
  delete database;
}

char* baseline_options(BaselineDatabase* database) {
  const rocksdb::ConfigOptions configuration;
  const rocksdb::Options options = database->db->GetOptions(database->table);
  std::string text[3];
  rocksdb::GetStringFromDBOptions(configuration, database->db->GetDBOptions(), &text[0]).PermitUncheckedError();
  rocksdb::GetStringFromColumnFamilyOptions(configuration, options, &text[1]).PermitUncheckedError();
  options.table_factory->GetOptionString(configuration, &text[2]).PermitUncheckedError();
  const char* prefixes[] = {"db.", "cf.", "cf.table_factory."};
  std::string lines;
  for (int i = 0; i < 3; i++) {
    std::unordered_map<std::string, std::string> map;
    rocksdb::StringToMap(text[i], &map).PermitUncheckedError();
    for (const auto& [name, value] : map) lines += prefixes[i] + name + "=" + value + "\n";
  }
  return strdup(lines.c_str());
}

uint64_t baseline_property_sum(BaselineDatabase* database, const char* name) {
  uint64_t sum = 0;
  for (auto* family : database->families) {
    uint64_t value = 0;
    if (database->db->GetIntProperty(family, name, &value)) sum += value;
  }
  return sum;
}

uint64_t baseline_level_zero_files(BaselineDatabase* database) {
  uint64_t most = 0;
  for (auto* family : database->families) {
    std::string value;
    if (database->db->GetProperty(family, rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0", &value)) {
      most = std::max<uint64_t>(most, std::stoull(value));
    }
  }
  return most;
}

const char* baseline_version() {
  static const std::string version = rocksdb::GetRocksVersionAsString();
  return version.c_str();
}

void baseline_trim_memory() { malloc_trim(0); }

BaselineError baseline_put(BaselineDatabase* database, const void* key, size_t keyLength, const void* value,
                           size_t valueLength, int log) {
  return toC(database->db->Put(writeOptions(log), database->table, slice(key, keyLength), slice(value, valueLength)));
}

BaselineError baseline_get(BaselineDatabase* database, const void* key, size_t keyLength, BaselineSlice* out) {
  database->value.Reset();
  const Status status =
      database->db->Get(rocksdb::ReadOptions(), database->table, slice(key, keyLength), &database->value);
  take(database, status, out);
  return status.IsNotFound() ? nullptr : toC(status);
}

BaselineError baseline_flush(BaselineDatabase* database) {
  return toC(database->db->Flush(rocksdb::FlushOptions(), database->families));
}

BaselineError baseline_compact(BaselineDatabase* database) {
  return toC(database->db->CompactRange(rocksdb::CompactRangeOptions(), database->table, nullptr, nullptr));
}

BaselineError baseline_settle(BaselineDatabase* database) {
  using Properties = rocksdb::DB::Properties;
  // RocksDB 7.8 can't wait for compactions (DB::WaitForCompact is public since 8.2), so its counters are polled.
  while (baseline_property_sum(database, Properties::kMemTableFlushPending.c_str()) +
         baseline_property_sum(database, Properties::kNumRunningFlushes.c_str()) +
         baseline_property_sum(database, Properties::kCompactionPending.c_str()) +
         baseline_property_sum(database, Properties::kNumRunningCompactions.c_str())) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return nullptr;
}

BaselineError baseline_copy(BaselineDatabase* source, BaselineDatabase* target, BaselineBatch* batch, uint64_t number,
                            BaselineSlice rowKey, BaselineSlice rowValue) {
  std::string prefix(8, '\0');
  for (int i = 0; i < 8; i++) prefix[i] = static_cast<char>(number >> (56 - 8 * i));
  std::unique_ptr<rocksdb::Iterator> rows(source->db->NewIterator(rocksdb::ReadOptions(), source->table));
  for (rows->Seek(prefix); rows->Valid() && rows->key().starts_with(prefix); rows->Next()) {
    Slice key = rows->key();
    key.remove_prefix(prefix.size());
    batch->batch.Put(target->table, key, rows->value()).PermitUncheckedError();
  }
  if (!rows->status().ok()) return toC(rows->status());
  batch->batch.Put(target->table, slice(rowKey), slice(rowValue)).PermitUncheckedError();
  const Status status = target->db->Write(writeOptions(BaselineLogOff), &batch->batch);
  batch->batch.Clear();
  return toC(status);
}

BaselineBatch* baseline_batch_create(BaselineDatabase* database) { return new BaselineBatch{database->table}; }
void baseline_batch_destroy(BaselineBatch* batch) { delete batch; }

void baseline_batch_put(BaselineBatch* batch, const void* key, size_t keyLength, const void* value,
                        size_t valueLength) {
  batch->batch.Put(batch->table, slice(key, keyLength), slice(value, valueLength)).PermitUncheckedError();
}

BaselineError baseline_write(BaselineDatabase* database, BaselineBatch* batch, int log) {
  const Status status = database->db->Write(writeOptions(log), &batch->batch);
  batch->batch.Clear();
  return toC(status);
}

BaselineIndexedBatch* baseline_indexed_create(BaselineDatabase* database) {
  return new BaselineIndexedBatch{database->table};
}
void baseline_indexed_destroy(BaselineIndexedBatch* batch) { delete batch; }

void baseline_indexed_put(BaselineIndexedBatch* batch, const void* key, size_t keyLength, const void* value,
                          size_t valueLength) {
  batch->batch.Put(batch->table, slice(key, keyLength), slice(value, valueLength)).PermitUncheckedError();
}

BaselineError baseline_indexed_write(BaselineDatabase* database, BaselineIndexedBatch* batch, int log) {
  const Status status = database->db->Write(writeOptions(log), batch->batch.GetWriteBatch());
  batch->batch.Clear();
  return toC(status);
}

BaselineError baseline_indexed_get(BaselineDatabase* database, BaselineIndexedBatch* batch, const void* key,
                                   size_t keyLength, BaselineSlice* out) {
  database->value.Reset();
  const Status status = batch->batch.GetFromBatchAndDB(database->db.get(), rocksdb::ReadOptions(), database->table,
                                                       slice(key, keyLength), &database->value);
  take(database, status, out);
  return status.IsNotFound() ? nullptr : toC(status);
}

BaselineIterator* baseline_iterator_create(BaselineDatabase* database, BaselineIndexedBatch* batch) {
  rocksdb::Iterator* iterator = database->db->NewIterator(rocksdb::ReadOptions(), database->table);
  if (batch) iterator = batch->batch.NewIteratorWithBase(database->table, iterator);
  return new BaselineIterator{std::unique_ptr<rocksdb::Iterator>(iterator)};
}

void baseline_iterator_destroy(BaselineIterator* iterator) { delete iterator; }

void baseline_iterator_seek(BaselineIterator* iterator, const void* key, size_t keyLength) {
  iterator->iterator->Seek(slice(key, keyLength));
}

bool baseline_iterator_current(BaselineIterator* iterator, BaselineSlice* key, BaselineSlice* value) {
  if (!iterator->iterator->Valid()) return false;
  const Slice k = iterator->iterator->key(), v = iterator->iterator->value();
  *key = BaselineSlice{k.data(), k.size()};
  *value = BaselineSlice{v.data(), v.size()};
  return true;
}

void baseline_iterator_next(BaselineIterator* iterator) { iterator->iterator->Next(); }
BaselineError baseline_iterator_status(BaselineIterator* iterator) { return toC(iterator->iterator->status()); }

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "CPlainRocksDB.h"
#include "rocksdb/db.h"
#include "rocksdb/utilities/write_batch_with_index.h"

using rocksdb::Slice;
using rocksdb::Status;

struct PlainDatabase {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;

  ~PlainDatabase() {
    for (auto* family : families) delete family;
  }
};

struct PlainBatch {
  PlainDatabase* database;
  rocksdb::WriteBatchWithIndex batch{rocksdb::BytewiseComparator(), 0, true};
};

namespace {

PlainError toC(const Status& status) { return status.ok() ? nullptr : strdup(status.ToString().c_str()); }

Slice slice(const void* bytes, size_t length) { return Slice(static_cast<const char*>(bytes), length); }

}  // namespace

PlainError plain_create(const char* path, size_t count, PlainDatabase** out) {
  auto database = std::make_unique<PlainDatabase>();
  rocksdb::Options options;
  options.create_if_missing = true;
  options.error_if_exists = true;
  options.atomic_flush = true;
  rocksdb::DB* db = nullptr;
  Status status = rocksdb::DB::Open(options, path, &db);
  if (!status.ok()) return toC(status);
  database->db.reset(db);
  std::vector<std::string> names;
  for (size_t i = 0; i < count; i++) names.push_back(std::to_string(i));
  status = db->CreateColumnFamilies(options, names, &database->families);
  if (status.ok()) *out = database.release();
  return toC(status);
}

void plain_close(PlainDatabase* database) { delete database; }

PlainError plain_flush(PlainDatabase* database) {
  return toC(database->db->Flush(rocksdb::FlushOptions(), database->families));
}

PlainBatch* plain_batch_create(PlainDatabase* database) { return new PlainBatch{database}; }
void plain_batch_destroy(PlainBatch* batch) { delete batch; }

PlainError plain_batch_set(PlainBatch* batch, size_t family, const void* key, size_t keyLength, const void* value,
                           size_t valueLength) {
  auto* handle = batch->database->families[family];
  return toC(value ? batch->batch.Put(handle, slice(key, keyLength), slice(value, valueLength))
                   : batch->batch.Delete(handle, slice(key, keyLength)));
}

PlainError plain_write(PlainDatabase* database, PlainBatch* batch) {
  Status status = database->db->Write(rocksdb::WriteOptions(), batch->batch.GetWriteBatch());
  if (status.ok()) batch->batch.Clear();
  return toC(status);
}

PlainError plain_scan(PlainBatch* batch, size_t family, void* context,
                      void (*row)(void*, const void*, size_t, const void*, size_t)) {
  auto* handle = batch->database->families[family];
  // Without bounds: with them, deleted keys can surface (facebook/rocksdb#11606).
  std::unique_ptr<rocksdb::Iterator> rows(
      batch->batch.NewIteratorWithBase(handle, batch->database->db->NewIterator(rocksdb::ReadOptions(), handle)));
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    row(context, rows->key().data(), rows->key().size(), rows->value().data(), rows->value().size());
  }
  return toC(rows->status());
}

// Write batches, plain and indexed.
#include "Handles.h"

using rocksdb::Status;
using rocksdb::WriteType;
using shim::entered;
using shim::guarded;
using shim::slice;

namespace {

rocksdb::WriteOptions writeOptions(int log) {
  rocksdb::WriteOptions options;
  options.disableWAL = log == RDBLogOff;
  options.sync = log == RDBLogSynced;
  return options;
}

template <class Batch>
Status writeBatch(RDBDatabase* database, Batch& owner, rocksdb::WriteBatch* batch, int log) {
  if (database->shared->takesFilesOnly) return Status::InvalidArgument("the database takes table files only");
  Status status = database->shared->refusal->status();
  if (status.ok()) status = owner.families.check(*database->shared);
  if (!status.ok()) return status;
  std::lock_guard<std::mutex> lock(owner.writing);
  return database->shared->db->Write(writeOptions(log), batch);
}

/// An open iterator points into the index, so a change under it would be read after it is freed.
Status checkUnread(const RDBIndexedBatch* batch) {
  if (batch->shared.use_count() == 1) return Status::OK();
  return Status::InvalidArgument("an indexed batch can't change while an iterator reads it");
}

void describe(rocksdb::WBWIIterator& iterator, RDBEntry* out) {
  *out = RDBEntry{};
  out->valid = iterator.Valid();
  if (!out->valid) return;
  const rocksdb::WriteEntry entry = iterator.Entry();
  out->key = entry.key.data();
  out->key_length = entry.key.size();
  out->deleted = entry.type != WriteType::kPutRecord;
  if (!out->deleted) {
    out->value = entry.value.data();
    out->value_length = entry.value.size();
  }
}

}  // namespace

RDBStatus rdb_batch_create(size_t reserveBytes, RDBBatch** out) {
  return guarded([&] {
    *out = new RDBBatch(reserveBytes);
    return Status::OK();
  });
}

void rdb_batch_destroy(RDBBatch* batch) { delete batch; }

RDBStatus rdb_batch_put(RDBBatch* batch, const RDBFamily* family, const void* key, size_t keyLength, const void* value,
                        size_t valueLength) {
  return guarded([&] {
    batch->families.add(family);
    return batch->batch.Put(family->family->handle, slice(key, keyLength), slice(value, valueLength));
  });
}

RDBStatus rdb_batch_delete(RDBBatch* batch, const RDBFamily* family, const void* key, size_t keyLength) {
  return guarded([&] {
    batch->families.add(family);
    return batch->batch.Delete(family->family->handle, slice(key, keyLength));
  });
}

void rdb_batch_clear(RDBBatch* batch) {
  batch->batch.Clear();
  batch->families.clear();
}

size_t rdb_batch_count(const RDBBatch* batch) { return batch->batch.Count(); }
size_t rdb_batch_byte_count(const RDBBatch* batch) { return batch->batch.GetDataSize(); }

RDBStatus rdb_write(RDBDatabase* database, RDBBatch* batch, int log) {
  return entered([&] { return writeBatch(database, *batch, &batch->batch, log); });
}

RDBStatus rdb_indexed_batch_create(size_t reserveBytes, RDBIndexedBatch** out) {
  return guarded([&] {
    *out = new RDBIndexedBatch{std::make_shared<shim::IndexedBatch>(reserveBytes)};
    return Status::OK();
  });
}

void rdb_indexed_batch_destroy(RDBIndexedBatch* batch) { delete batch; }

RDBStatus rdb_indexed_batch_put(RDBIndexedBatch* batch, const RDBFamily* family, const void* key, size_t keyLength,
                                const void* value, size_t valueLength) {
  return guarded([&] {
    Status status = checkUnread(batch);
    if (!status.ok()) return status;
    batch->shared->families.add(family);
    return batch->shared->batch.Put(family->family->handle, slice(key, keyLength), slice(value, valueLength));
  });
}

RDBStatus rdb_indexed_batch_delete(RDBIndexedBatch* batch, const RDBFamily* family, const void* key,
                                   size_t keyLength) {
  return guarded([&] {
    Status status = checkUnread(batch);
    if (!status.ok()) return status;
    batch->shared->families.add(family);
    return batch->shared->batch.Delete(family->family->handle, slice(key, keyLength));
  });
}

RDBStatus rdb_indexed_batch_clear(RDBIndexedBatch* batch) {
  return guarded([&] {
    Status status = checkUnread(batch);
    if (!status.ok()) return status;
    batch->shared->batch.Clear();
    batch->shared->families.clear();
    return status;
  });
}

size_t rdb_indexed_batch_count(const RDBIndexedBatch* batch) { return batch->shared->batch.GetWriteBatch()->Count(); }

size_t rdb_indexed_batch_byte_count(const RDBIndexedBatch* batch) { return batch->shared->batch.GetDataSize(); }

RDBStatus rdb_indexed_batch_set_savepoint(RDBIndexedBatch* batch) {
  return guarded([&] {
    batch->shared->batch.SetSavePoint();
    return Status::OK();
  });
}

RDBStatus rdb_indexed_batch_roll_back_to_savepoint(RDBIndexedBatch* batch) {
  return guarded([&] {
    Status status = checkUnread(batch);
    return status.ok() ? batch->shared->batch.RollbackToSavePoint() : status;
  });
}

RDBStatus rdb_indexed_batch_pop_savepoint(RDBIndexedBatch* batch) {
  return guarded([&] { return batch->shared->batch.PopSavePoint(); });
}

RDBStatus rdb_write_indexed(RDBDatabase* database, RDBIndexedBatch* batch, int log) {
  return entered(
      [&] { return writeBatch(database, *batch->shared, batch->shared->batch.GetWriteBatch(), log); });
}

RDBStatus rdb_indexed_batch_look_up(RDBIndexedBatch* batch, const RDBFamily* family, const void* key,
                                    size_t keyLength, RDBEntry* out) {
  *out = RDBEntry{};
  return guarded([&] {
    const rocksdb::Slice wanted = slice(key, keyLength);
    std::unique_ptr<rocksdb::WBWIIterator> iterator(batch->shared->batch.NewIterator(family->family->handle));
    iterator->Seek(wanted);
    if (iterator->Valid() && iterator->Entry().key == wanted) describe(*iterator, out);
    return iterator->status();
  });
}

RDBStatus rdb_indexed_batch_iterator(RDBIndexedBatch* batch, const RDBFamily* family, RDBIterator* base,
                                     RDBIterator** out) {
  std::unique_ptr<RDBIterator> owner(base);
  return guarded([&] {
    if (owner->family != family->family) {
      return Status::InvalidArgument("the iterator walks another column family than", family->name);
    }
    if (owner->batch) return Status::InvalidArgument("the iterator lies over a batch already");
    auto result = std::make_unique<RDBIterator>();
    result->database = owner->database;
    result->family = owner->family;
    result->batch = batch->shared;
    // It takes the base over. Without bounds: with them, deleted keys can surface (facebook/rocksdb#11606).
    result->iterator.reset(
        batch->shared->batch.NewIteratorWithBase(family->family->handle, owner->iterator.release()));
    *out = result.release();
    return Status::OK();
  });
}

struct RDBNetEntries {
  std::shared_ptr<shim::IndexedBatch> batch;
  std::unique_ptr<rocksdb::WBWIIterator> iterator;
};

RDBStatus rdb_net_entries_create(RDBIndexedBatch* batch, const RDBFamily* family, RDBNetEntries** out,
                                 RDBEntry* first) {
  return guarded([&] {
    auto entries = std::make_unique<RDBNetEntries>();
    entries->batch = batch->shared;
    entries->iterator.reset(batch->shared->batch.NewIterator(family->family->handle));
    entries->iterator->SeekToFirst();
    describe(*entries->iterator, first);
    Status status = entries->iterator->status();
    if (status.ok()) *out = entries.release();
    return status;
  });
}

RDBStatus rdb_net_entries_next(RDBNetEntries* entries, RDBEntry* out) {
  return guarded([&] {
    entries->iterator->Next();
    describe(*entries->iterator, out);
    return entries->iterator->status();
  });
}

void rdb_net_entries_destroy(RDBNetEntries* entries) { delete entries; }

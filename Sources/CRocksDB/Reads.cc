// Point reads and iterators.
#include "Handles.h"

using rocksdb::Status;
using shim::entered;
using shim::guarded;
using shim::slice;

namespace {

rocksdb::ReadOptions readOptions(const RDBSnapshot* snapshot) {
  rocksdb::ReadOptions options;
  if (snapshot) options.snapshot = snapshot->snapshot;
  return options;
}

/// Slices for reuse: RocksDB copies a memtable's value into the slice's own string, whose storage is kept. More than
/// one is in use when a read runs inside another.
class PinPool {
 public:
  ~PinPool() {
    for (auto* pin : free_) delete pin;
  }

  rocksdb::PinnableSlice* take() {
    if (free_.empty()) {
      free_.reserve(maximumCount);
      return new rocksdb::PinnableSlice();
    }
    auto* pin = free_.back();
    free_.pop_back();
    return pin;
  }

  void giveBack(rocksdb::PinnableSlice* pin) {
    pin->Reset();
    if (pin->GetSelf()->capacity() > maximumBytes || free_.size() == free_.capacity()) {
      delete pin;
    } else {
      free_.push_back(pin);  // within its capacity, so it doesn't throw
    }
  }

 private:
  static constexpr size_t maximumCount = 8;
  static constexpr size_t maximumBytes = 64 << 10;
  std::vector<rocksdb::PinnableSlice*> free_;
};

thread_local PinPool pins;

void describe(const rocksdb::Iterator& iterator, RDBEntry* out) {
  out->valid = iterator.Valid();
  if (!out->valid) return;
  const rocksdb::Slice key = iterator.key(), value = iterator.value();
  out->key = key.data();
  out->key_length = key.size();
  out->value = value.data();
  out->value_length = value.size();
}

/// Moves an iterator. RocksDB throws here only for lack of memory, and then there is nothing to fall back on.
template <class Move>
void moved(RDBIterator* iterator, RDBEntry* out, Move&& move) noexcept {
  shim::ExitGate::Pass pass;
  if (!pass.isGranted()) {
    *out = RDBEntry{};
    return;
  }
  move(*iterator->iterator);
  describe(*iterator->iterator, out);
}

}  // namespace

struct RDBValues {
  std::vector<rocksdb::PinnableSlice> values;
  std::vector<Status> statuses;
  explicit RDBValues(size_t count) : values(count), statuses(count) {}
};

RDBStatus rdb_get(RDBDatabase* database, const RDBFamily* family, const RDBSnapshot* snapshot, const void* key,
                  size_t keyLength, RDBPinned* out) {
  *out = RDBPinned{};
  return entered([&] {
    Status status = shim::checkOwner(database, family, snapshot);
    if (!status.ok()) return status;
    struct GiveBack {
      void operator()(rocksdb::PinnableSlice* pin) const { pins.giveBack(pin); }
    };
    std::unique_ptr<rocksdb::PinnableSlice, GiveBack> pin(pins.take());
    status = database->shared->db->Get(readOptions(snapshot), family->family->handle, slice(key, keyLength), pin.get());
    if (status.IsNotFound()) return Status::OK();
    if (!status.ok()) return status;
    *out = RDBPinned{pin.get(), pin->size() == 0 ? "" : pin->data(), pin->size()};
    pin.release();
    return Status::OK();
  });
}

void rdb_unpin(void* pin) { pins.giveBack(static_cast<rocksdb::PinnableSlice*>(pin)); }

RDBStatus rdb_multi_get(RDBDatabase* database, const RDBFamily* family, const RDBSnapshot* snapshot,
                        const void* keys, const size_t* ends, size_t count, RDBValues** out) {
  return entered([&] {
    Status status = shim::checkOwner(database, family, snapshot);
    if (!status.ok()) return status;
    std::vector<rocksdb::Slice> slices;
    slices.reserve(count);
    size_t start = 0;
    for (size_t i = 0; i < count; start = ends[i++]) {
      slices.push_back(slice(static_cast<const char*>(keys) + start, ends[i] - start));
    }
    auto values = std::make_unique<RDBValues>(count);
    if (count > 0) {
      database->shared->db->MultiGet(readOptions(snapshot), family->family->handle, count, slices.data(),
                                     values->values.data(), values->statuses.data());
    }
    for (const Status& each : values->statuses) {
      if (!each.ok() && !each.IsNotFound()) return each;
    }
    *out = values.release();
    return Status::OK();
  });
}

bool rdb_values_at(const RDBValues* values, size_t index, RDBSlice* out) {
  if (!values->statuses[index].ok()) return false;
  const rocksdb::PinnableSlice& value = values->values[index];
  *out = RDBSlice{value.size() == 0 ? "" : value.data(), value.size()};
  return true;
}

void rdb_values_destroy(RDBValues* values) { delete values; }

RDBStatus rdb_iterator_create(RDBDatabase* database, const RDBFamily* family, const RDBSnapshot* snapshot,
                              bool fillCache, RDBIterator** out) {
  return guarded([&] {
    Status status = shim::checkOwner(database, family, snapshot);
    if (!status.ok()) return status;
    rocksdb::ReadOptions options = readOptions(snapshot);
    options.fill_cache = fillCache;
    auto result = std::make_unique<RDBIterator>();
    result->database = database->shared;
    result->family = family->family;
    shim::ExitGate::Pass pass;
    result->iterator.reset(pass.isGranted()
                               ? database->shared->db->NewIterator(options, family->family->handle)
                               : rocksdb::NewErrorIterator(shim::ExitGate::refused()));
    *out = result.release();
    return Status::OK();
  });
}

void rdb_iterator_destroy(RDBIterator* iterator) { shim::destroy(iterator); }

void rdb_iterator_seek_to_first(RDBIterator* iterator, RDBEntry* out) {
  moved(iterator, out, [](rocksdb::Iterator& it) { it.SeekToFirst(); });
}

void rdb_iterator_seek_to_last(RDBIterator* iterator, RDBEntry* out) {
  moved(iterator, out, [](rocksdb::Iterator& it) { it.SeekToLast(); });
}

void rdb_iterator_seek(RDBIterator* iterator, const void* key, size_t keyLength, RDBEntry* out) {
  moved(iterator, out, [&](rocksdb::Iterator& it) { it.Seek(slice(key, keyLength)); });
}

void rdb_iterator_seek_for_previous(RDBIterator* iterator, const void* key, size_t keyLength, RDBEntry* out) {
  moved(iterator, out, [&](rocksdb::Iterator& it) { it.SeekForPrev(slice(key, keyLength)); });
}

void rdb_iterator_next(RDBIterator* iterator, RDBEntry* out) {
  moved(iterator, out, [](rocksdb::Iterator& it) { it.Next(); });
}

void rdb_iterator_previous(RDBIterator* iterator, RDBEntry* out) {
  moved(iterator, out, [](rocksdb::Iterator& it) { it.Prev(); });
}

RDBStatus rdb_iterator_status(const RDBIterator* iterator) {
  // An iterator stopped by the exit of the process looks as if it were at its end.
  return entered([&] { return iterator->iterator->status(); });
}

// Table files written outside of the database, and ingested in one step.
#include "Handles.h"
#include "rocksdb/sst_file_reader.h"
#include "rocksdb/sst_file_writer.h"

using rocksdb::Status;
using shim::entered;
using shim::guarded;
using shim::slice;

namespace shim {

Status checkBounds(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family) {
  rocksdb::ColumnFamilyMetaData metadata;
  db.GetColumnFamilyMetaData(family, &metadata);
  for (const auto& level : metadata.levels) {
    for (const auto& file : level.files) {
      // A file that RocksDB couldn't read during its ingestion has no bounds, or one in place of two.
      if (file.smallestkey != file.largestkey || (file.num_entries == 1 && !file.smallestkey.empty())) continue;
      rocksdb::SstFileReader reader{rocksdb::Options(db.GetOptions(family))};
      Status status = reader.Open(file.directory + "/" + file.relative_filename);
      // A compaction has removed the file meanwhile.
      if (status.IsPathNotFound() || status.IsNotFound()) continue;
      if (!status.ok()) return status;
      const auto properties = reader.GetTableProperties();
      // An empty key takes 8 bytes there: a sequence number and a type. The iterator below doesn't show deletions.
      if (file.smallestkey.empty() && properties->raw_key_size != 8 * properties->num_entries) {
        return Status::Corruption("a table file has other keys than the database knows of", file.relative_filename);
      }
      std::unique_ptr<rocksdb::Iterator> rows(reader.NewIterator(rocksdb::ReadOptions()));
      for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
        if (rows->key() != file.smallestkey) {
          return Status::Corruption("a table file has other keys than the database knows of", file.relative_filename);
        }
      }
      if (!rows->status().ok()) return rows->status();
    }
  }
  return Status::OK();
}

}  // namespace shim

struct RDBTableFile {
  std::shared_ptr<shim::Database> database;
  std::string path;
  std::unique_ptr<rocksdb::SstFileWriter> writer;  // until the file is finished

  ~RDBTableFile() {
    if (!writer) return;
    writer.reset();
    database->db->GetEnv()->DeleteFile(path).PermitUncheckedError();
  }
};

RDBStatus rdb_verify_table_file(const char* path, const RDBFileSystem* fileSystem) {
  return entered([&] {
    rocksdb::Options options;
    if (fileSystem) options.env = fileSystem->environment.get();
    rocksdb::SstFileReader reader{options};
    Status status = reader.Open(path);
    return status.ok() ? reader.VerifyChecksum() : status;
  });
}

RDBStatus rdb_table_file_create(RDBDatabase* database, const RDBFamily* family, const char* path, RDBTableFile** out) {
  return entered([&] {
    if (family->database != database->shared) {
      return Status::InvalidArgument("the column family belongs to another database", family->name);
    }
    Status status = database->shared->refusal->status();
    if (!status.ok()) return status;
    rocksdb::DB& db = *database->shared->db;
    auto writer = std::make_unique<rocksdb::SstFileWriter>(
        rocksdb::EnvOptions(db.GetDBOptions()), db.GetOptions(family->family->handle), family->family->handle,
        /* invalidate_page_cache */ false);
    status = writer->Open(path);
    if (status.ok()) *out = new RDBTableFile{database->shared, path, std::move(writer)};
    return status;
  });
}

void rdb_table_file_destroy(RDBTableFile* file) { shim::destroy(file); }

RDBStatus rdb_table_file_put(RDBTableFile* file, const void* key, size_t keyLength, const void* value,
                             size_t valueLength) {
  return entered([&] { return file->writer->Put(slice(key, keyLength), slice(value, valueLength)); });
}

RDBStatus rdb_table_file_delete(RDBTableFile* file, const void* key, size_t keyLength) {
  return entered([&] { return file->writer->Delete(slice(key, keyLength)); });
}

RDBStatus rdb_table_file_finish(RDBTableFile* file) {
  return entered([&] {
    Status status = file->writer->Finish();
    if (status.ok()) file->writer.reset();
    return status;
  });
}

struct RDBIngestion {
  struct Family {
    std::shared_ptr<shim::FamilyHandle> handle;
    std::vector<std::string> paths;
  };

  std::shared_ptr<shim::Database> database;
  std::vector<Family> families;
};

RDBStatus rdb_ingestion_create(RDBDatabase* database, RDBIngestion** out) {
  return guarded([&] {
    *out = new RDBIngestion{database->shared, {}};
    return Status::OK();
  });
}

void rdb_ingestion_destroy(RDBIngestion* ingestion) { shim::destroy(ingestion); }

RDBStatus rdb_ingestion_add(RDBIngestion* ingestion, const RDBFamily* family, const char* path) {
  return guarded([&] {
    if (family->database != ingestion->database) {
      return Status::InvalidArgument("the column family belongs to another database", family->name);
    }
    for (auto& known : ingestion->families) {
      if (known.handle == family->family) {
        known.paths.emplace_back(path);
        return Status::OK();
      }
    }
    ingestion->families.push_back({family->family, {path}});
    return Status::OK();
  });
}

RDBStatus rdb_ingestion_finish(RDBIngestion* ingestion) {
  return entered([&] {
    shim::Database& shared = *ingestion->database;
    Status status = shared.refusal->status();
    if (!status.ok()) return status;
    rocksdb::IngestExternalFileOptions options;
    options.move_files = true;
    options.write_global_seqno = false;
    std::vector<rocksdb::IngestExternalFileArg> arguments;
    for (const auto& family : ingestion->families) {
      if (family.handle->dropped.load(std::memory_order_acquire)) {
        return Status::ColumnFamilyDropped("a table file is of a column family that was dropped");
      }
      rocksdb::IngestExternalFileArg argument;
      argument.column_family = family.handle->handle;
      argument.external_files = family.paths;
      argument.options = options;
      arguments.push_back(std::move(argument));
    }
    // While there is a snapshot, the files' rows get a sequence number of their own. Without one it is 0, and a reader
    // can miss a row first and then find it.
    rocksdb::ManagedSnapshot snapshot(shared.db.get());
    status = shared.db->IngestExternalFiles(arguments);
    if (!status.ok()) return status;
    for (const auto& argument : arguments) {
      if (status.ok()) status = shim::checkBounds(*shared.db, argument.column_family);
    }
    if (!status.ok()) shared.refusal->set(status);
    return status;
  });
}

// Table files written outside of the database, and taken into it in one step.
#include "Handles.h"
#include "rocksdb/sst_file_writer.h"

using rocksdb::Status;
using shim::guarded;
using shim::slice;

struct RDBIngestion {
  struct File {
    std::shared_ptr<shim::FamilyHandle> family;
    std::string path;
    bool taken = false;
  };

  std::shared_ptr<shim::Database> database;
  std::vector<File> files;
  std::unique_ptr<rocksdb::SstFileWriter> writer;  // of the last file, until it is finished

  Status finishFile() {
    if (!writer) return Status::OK();
    Status status = writer->Finish();
    writer.reset();
    return status;
  }

  ~RDBIngestion() {
    writer.reset();
    for (const auto& file : files) {
      if (!file.taken) database->db->GetEnv()->DeleteFile(file.path).PermitUncheckedError();
    }
  }
};

RDBStatus rdb_ingestion_create(RDBDatabase* database, RDBIngestion** out) {
  return guarded([&] {
    Status status = database->shared->refusal->status();
    if (status.ok()) *out = new RDBIngestion{database->shared, {}, nullptr};
    return status;
  });
}

void rdb_ingestion_destroy(RDBIngestion* ingestion) { delete ingestion; }

RDBStatus rdb_ingestion_begin_file(RDBIngestion* ingestion, const RDBFamily* family, const char* path) {
  return guarded([&] {
    if (family->database != ingestion->database) {
      return Status::InvalidArgument("the column family belongs to another database", family->name);
    }
    Status status = ingestion->finishFile();
    if (!status.ok()) return status;
    rocksdb::DB& db = *ingestion->database->db;
    auto writer = std::make_unique<rocksdb::SstFileWriter>(
        rocksdb::EnvOptions(db.GetDBOptions()), db.GetOptions(family->family->handle), family->family->handle,
        /* invalidate_page_cache */ false);
    status = writer->Open(path);
    if (!status.ok()) return status;
    ingestion->files.push_back({family->family, path});
    ingestion->writer = std::move(writer);
    return status;
  });
}

RDBStatus rdb_ingestion_put(RDBIngestion* ingestion, const void* key, size_t keyLength, const void* value,
                            size_t valueLength) {
  return guarded([&] { return ingestion->writer->Put(slice(key, keyLength), slice(value, valueLength)); });
}

RDBStatus rdb_ingestion_delete(RDBIngestion* ingestion, const void* key, size_t keyLength) {
  return guarded([&] { return ingestion->writer->Delete(slice(key, keyLength)); });
}

RDBStatus rdb_ingestion_finish(RDBIngestion* ingestion) {
  return guarded([&] {
    shim::Database& shared = *ingestion->database;
    Status status = ingestion->finishFile();
    if (status.ok()) status = shared.refusal->status();
    if (!status.ok()) return status;
    rocksdb::IngestExternalFileOptions options;
    options.move_files = true;
    options.write_global_seqno = false;
    std::vector<rocksdb::IngestExternalFileArg> arguments;
    for (const auto& file : ingestion->files) {
      if (file.family->state->dropped.load(std::memory_order_acquire)) {
        return Status::ColumnFamilyDropped("a table file is of a column family that was dropped");
      }
      rocksdb::IngestExternalFileArg argument;
      argument.column_family = file.family->handle;
      argument.external_files = {file.path};
      argument.options = options;
      arguments.push_back(std::move(argument));
    }
    // While there is a snapshot, the files' rows get a sequence number of their own. Without one it is 0, and a reader
    // can miss a row first and then find it.
    rocksdb::ManagedSnapshot snapshot(shared.db.get());
    status = shared.db->IngestExternalFiles(arguments);
    if (status.ok()) {
      for (auto& file : ingestion->files) file.taken = true;
    }
    return status;
  });
}

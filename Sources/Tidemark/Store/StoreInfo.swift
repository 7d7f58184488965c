public import Changelog
internal import Foundation
internal import RocksDB

/// What a store tells about itself.
public struct StoreInfo: Sendable {
  /// A table, as its column family tells.
  public struct TableInfo: Sendable {
    /// The table's name.
    public let name: String
    /// Its id in the changelog.
    public let id: TableID
    /// The key codec.
    public let keyFormat: String
    /// The value codec.
    public let valueFormat: String
    /// RocksDB's estimate of the number of rows.
    public let estimatedRows: Int
    /// Bytes of live table files.
    public let tableFileBytes: Int
  }

  /// The store's directory.
  public let directory: String
  /// The changelog's identity; `nil` for a store without one.
  public let changelog: ChangelogIdentity?
  /// Where the changelog starts, is durable and ends; `nil` for a store without one.
  public let changelogOffsets: ChangelogOffsets?
  /// The version of the formats that table files are of: up to which a program can be rolled back.
  public let formatVersion: FormatVersion
  /// The writer's epoch.
  public let epoch: Int32
  /// The next changelog record to apply.
  public let committedOffset: Offset
  /// The offset that table files hold: a crash right now replays from here.
  public let storedOffset: Offset
  /// How long that replay would take, about; opening the database comes on top.
  public let predictedRestart: Duration
  /// The receipt of the last commit.
  public let receipt: Receipt
  /// How far each input partition was consumed.
  public let position: Position
  /// The greatest event timestamp seen.
  public let streamTime: Timestamp?
  /// The declared tables.
  public let tables: [TableInfo]
  /// The shared memory budget, and how much of it is used by all stores of the process.
  public let budgetBytes: Int
  /// How much of the budget is used.
  public let usedBudgetBytes: Int
  /// RocksDB's effective options.
  public let effectiveOptions: [String: String]
}

extension StoreInfo.TableInfo {
  init(_ table: OpenTable, _ database: SharedDatabase) {
    name = table.name
    id = table.id
    keyFormat = table.record.keyFormat
    valueFormat = table.record.valueFormat
    estimatedRows = database.integerProperty("rocksdb.estimate-num-keys", in: table.family)
    tableFileBytes = database.integerProperty("rocksdb.live-sst-files-size", in: table.family)
  }
}

extension StateStore {
  /// What the store holds at the moment.
  public func info() throws(StoreError) -> StoreInfo {
    let store = try opened()
    let committed = store.committed
    let database = store.database
    let tables = store.tables.all.map { StoreInfo.TableInfo($0, database) }
    let stored = store.materializer.storedOffset
    let effective = try mappingErrors(to: "the effective options can't be read") { () throws(RocksDBError) in
      try database.handle.effectiveOptions()
    }
    return StoreInfo(
      directory: store.directory.path, changelog: store.hasTailLog ? nil : store.changelog.identity,
      changelogOffsets: store.hasTailLog ? nil : try store.changelog.offsets(),
      formatVersion: try database.formatVersion() ?? .version1, epoch: store.writer.log.epoch,
      committedOffset: committed.offset,
      storedOffset: stored, predictedRestart: store.predictedRestart(storedOffset: stored), receipt: committed.receipt,
      position: committed.position, streamTime: committed.streamTime, tables: tables,
      budgetBytes: store.options.budget.bytes, usedBudgetBytes: store.options.budget.usedBytes,
      effectiveOptions: effective)
  }
}

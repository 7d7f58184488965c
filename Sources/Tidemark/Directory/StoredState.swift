internal import Changelog
internal import RocksDB

/// What a database shows when it is opened read-only, which alters nothing.
struct StoredState {
  let state: CommittedState
  /// The changelog that it belongs to, as ``OffsetsFamily`` has it; empty for a store of version 0.1 without one.
  let identity: [UInt8]
  /// Whether that is the store's own tail log: it has no other changelog.
  let hasTailLog: Bool
  let formatVersion: FormatVersion

  /// `nil` if there is no database, or none that anything was stored in.
  static func read(_ directory: StoreDirectory, _ options: StoreOptions) throws(StoreError) -> StoredState? {
    guard try directory.hasDatabase else { return nil }
    let handle = try mappingErrors(
      to: "the database can't be read; nothing was changed", ["directory": directory.path]
    ) { () throws(RocksDBError) -> RocksDB.Database? in
      guard try directory.columnFamilyNames().contains(OffsetsFamily.name) else {
        return nil
      }
      // The tables are left out: opening would read of each of their files.
      return try RocksDB.Database.openReadOnly(
        directory.database, options: directory.databaseOptions(options), columnFamilies: [OffsetsFamily.name])
    }
    guard let handle else { return nil }
    return try read(try SharedDatabase(handle), directory)
  }

  private static func read(_ database: SharedDatabase, _ directory: StoreDirectory) throws(StoreError) -> StoredState? {
    do throws(StoreError) {
      // First: the other rows of a later version may be others.
      guard let format = try database.formatVersion() else {
        if try database.state() == nil { return nil }
        throw StoreError(
          .corrupted, "the store doesn't say the version of its formats; rebuild the store from its changelog")
      }
      guard let state = try database.state() else { return nil }
      return StoredState(
        state: state, identity: try database.row(OffsetsFamily.identityKey) ?? [],
        hasTailLog: try database.row(OffsetsFamily.tailKey) != nil, formatVersion: format)
    } catch {
      var error = error
      error.metadata.append(StoreError.Entry(name: "directory", value: directory.path))
      throw error
    }
  }
}

public import Changelog
internal import RocksDB

/// A copy of a store with its offsets, taken while it runs: hard links of its table files where the file system allows.
///
/// It has the layout of a store's directory; ``copy(to:)`` makes a store of it.
public struct Checkpoint: Sendable {
  let place: StoreDirectory
  /// Its directory.
  public var directory: String { place.path }
  /// The changelog offset up to which it is the replay.
  public let offset: Offset
  /// The receipt of the commit that ends there.
  public let receipt: Receipt

  /// What its database holds.
  let stored: StoredState

  /// Opens a checkpoint and verifies it: `HEAD`, the stored offset, and the checksums of all blocks.
  ///
  /// Throws `corrupted` if anything is damaged.
  public static func verified(_ path: String) throws(StoreError) -> Checkpoint {
    try verified(StoreDirectory(path: path))
  }

  package static func verified(_ path: String, _ fileSystem: FileSystem) throws(StoreError) -> Checkpoint {
    try verified(StoreDirectory(path: path, fileSystem))
  }

  /// The checkpoint below which the changelog of a store was deleted, verified; `nil` if that is whole.
  package static func base(ofStore path: String) throws(StoreError) -> Checkpoint? {
    try StoreDirectory(path: path).baseCheckpoint(of: nil)
  }

  static func verified(_ directory: StoreDirectory) throws(StoreError) -> Checkpoint {
    let checkpoint = try unverified(directory)
    try mappingErrors(
      to: "the checkpoint can't be verified", ["directory": directory.path], ifDamaged: "take another, or put it back"
    ) { () throws(RocksDBError) in
      let handle = try RocksDB.Database.openReadOnly(
        directory.database, options: directory.databaseOptions(.forOneLook),
        columnFamilies: try directory.columnFamilyNames())
      try handle.verifyChecksums()
    }
    return checkpoint
  }

  /// Opens a checkpoint and compares its `HEAD` with the stored offset.
  static func unverified(_ directory: StoreDirectory) throws(StoreError) -> Checkpoint {
    guard let bytes = try directory.storage.contents(of: directory.head), try directory.hasDatabase else {
      throw StoreError(.invalidArgument, "there is no checkpoint", ["directory": directory.path])
    }
    let head = try Head(parsing: bytes, file: directory.head)
    guard let stored = try StoredState.read(directory, .forOneLook), let must = head.stored,
      stored.state.offset == must.offset, stored.state.receipt == must.receipt
    else { throw StoreError(.corrupted, "the checkpoint doesn't match its HEAD", ["directory": directory.path]) }
    return Checkpoint(place: directory, offset: must.offset, receipt: must.receipt, stored: stored)
  }

  /// Throws `wrongChangelog` unless the changelog is its own, with the commit that it ends with.
  func check(isOf changelog: any Changelog) throws(StoreError) {
    guard stored.identity == OffsetsFamily.encode(changelog.identity),
      try changelog.receipt(endingAt: offset) == receipt
    else { throw StoreError(.wrongChangelog, "the checkpoint is of another changelog", ["checkpoint": directory]) }
  }

  /// Copies the checkpoint to a directory that isn't there yet, as a store to be opened: the rest is restored from the
  /// changelog then.
  ///
  /// The directory appears once it is whole and synced.
  public func copy(to path: String) throws(StoreError) {
    try StoreDirectory(path: path, place.fileSystem).make { (partial) throws(StoreError) in
      try copyFiles(to: partial)
    }
  }

  /// The same under another name.
  func moved(to path: String) -> Checkpoint {
    let place = StoreDirectory(path: path, place.fileSystem)
    return Checkpoint(place: place, offset: offset, receipt: receipt, stored: stored)
  }

  /// Copies database and `HEAD` to a directory that has neither, and remembers there where they come from.
  ///
  /// Where the store has no changelog, a tail log begins that goes on from the stored offset.
  func copyFiles(to target: StoreDirectory) throws(StoreError) {
    try place.copyStore(to: target)
    if stored.hasTailLog {
      try TailLog.begin(in: target, after: stored)
    } else {
      try target.rememberBase(directory)
    }
  }
}

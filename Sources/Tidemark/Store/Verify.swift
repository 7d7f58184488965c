public import Changelog
internal import Foundation
internal import RocksDB

/// What a verification found.
public struct VerifyReport: Sendable {
  /// One row in which the store and the replay differ.
  public struct Difference: Sendable, CustomStringConvertible {
    /// The table's name.
    public let table: String
    /// The encoded key.
    public let key: [UInt8]
    /// What the store has; `nil` if the row is missing.
    public let store: [UInt8]?
    /// What the replay has; `nil` if the row is missing.
    public let replay: [UInt8]?

    /// One line, bytes in hexadecimal.
    public var description: String {
      func hex(_ bytes: [UInt8]?) -> String {
        bytes.map { $0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() } ?? "nothing"
      }
      return "table \(table), key \(hex(key)): the store has \(hex(store)), the replay \(hex(replay))"
    }
  }

  /// The commit that was compared.
  public var offset: Offset
  /// Where the replay began: 0, or the checkpoint below which the changelog was deleted.
  public var startOffset: Offset
  /// How many changelog records were replayed.
  public var records = 0
  /// How many rows were compared.
  public var rows = 0
  /// Whether positions, stream time and receipt agree.
  public var stateAgrees = true
  /// How many rows differ.
  public var differenceCount = 0
  /// The first of them, at most ten.
  public var differences: [Difference] = []

  /// Whether the store is exactly the replay.
  public var agrees: Bool { stateAgrees && differenceCount == 0 }
}

extension StateStore {
  /// Replays the changelog into a scratch store and compares every row with this store's last commit.
  ///
  /// `scratch` must not be there; it is removed afterwards. Commits may go on meanwhile. Where the changelog was deleted
  /// below a checkpoint, the replay begins with that checkpoint. Throws `cancelled` if `progress` throws,
  /// `unsupported` if the changelog doesn't keep its history.
  ///
  /// A store without a changelog has nothing to be replayed: the checksums of all its table files are verified instead, and
  /// that its own log leads on from the stored offset.
  public func verify(
    in scratch: String, progress: (OpenProgress) throws -> Void = { _ in }
  ) throws(StoreError) -> VerifyReport {
    let store = try opened()
    if store.hasTailLog { return try verifyTail(of: store) }
    let changelog = store.changelog
    try changelog.requireHistory("a store can't be compared with a replay")
    let directory = StoreDirectory(path: scratch, store.directory.fileSystem)
    guard try !directory.exists else {
      throw StoreError(.invalidArgument, "the scratch directory is there already", ["directory": scratch])
    }
    defer { try? directory.storage.removeTree(scratch) }
    // However long the replay takes.
    let view = try store.materializer.makeView(of: store.tables, canExpire: false)
    var start = CommittedState(offset: .zero, receipt: Receipt(startOf: changelog.identity))
    if try changelog.offsets().start > .zero {
      guard let checkpoint = try store.directory.baseCheckpoint(of: changelog) else {
        throw StoreError(
          .invalidArgument, "the changelog was deleted below an offset that no known checkpoint covers",
          ["file": store.directory.base])
      }
      try checkpoint.copy(to: scratch)
      start.offset = checkpoint.offset
      start.receipt = checkpoint.receipt
    } else {
      try directory.create()
    }
    let replay = try Replay(directory, changelog, store.options)
    let replayed = try replay.run(from: start, to: view.state.offset, progress)
    var report = VerifyReport(offset: view.state.offset, startOffset: start.offset)
    report.records = replayed.records
    report.stateAgrees = replayed.state == view.state
    // Also the tables that this open didn't declare.
    for table in replay.tables {
      guard let family = store.database.handle.columnFamily(table.record.familyName) else {
        throw StoreError(
          .corrupted, "the store lacks a table that the changelog defines; rebuild it", ["table": table.name])
      }
      try compare(OpenTable(record: table.record, family: family), view, replay, &report)
    }
    return report
  }

  /// Reads every block of every table file, and sees whether the tail log leads on from the stored offset.
  private func verifyTail(of store: OpenStore) throws(StoreError) -> VerifyReport {
    try store.health.check()
    try store.materializer.flush()
    var report = VerifyReport(offset: store.committed.offset, startOffset: store.materializer.storedOffset)
    try mappingErrors(
      to: "a table file is damaged", ["directory": store.directory.path],
      ifDamaged: "put back a copy of the store's directory"
    ) { () throws(RocksDBError) in
      try store.database.handle.verifyChecksums()
    }
    guard let stored = try store.database.state() else {
      throw StoreError(.corrupted, "the store has no stored offset", ["directory": store.directory.path])
    }
    report.stateAgrees = try store.changelog.receipt(endingAt: stored.offset) == stored.receipt
    try store.changelog.read(from: stored.offset, to: nil) { (commit) throws(StoreError) in
      report.records += commit.records.count
      return .next
    }
    return report
  }

  /// Walks both tables in key order.
  private func compare(
    _ table: OpenTable, _ view: View, _ replay: Replay, _ report: inout VerifyReport
  ) throws(StoreError) {
    typealias Row = (key: [UInt8], value: [UInt8])
    let mine = try RowCursor(view, table, range: KeyRange(), order: .ascending, after: nil, isLive: false)
    var theirs = try replay.rows(of: table.id)
    func takeMine() throws(StoreError) -> Row? { try mine.next() ? (mine.key.array, mine.value.array) : nil }
    func takeTheirs() throws(StoreError) -> Row? {
      try theirs.advance() ? (theirs.key.array, theirs.value.array) : nil
    }
    var (a, b) = (try takeMine(), try takeTheirs())
    while a != nil || b != nil {
      report.rows += 1
      let key = [a?.key, b?.key].compactMap { $0 }.min { $0.lexicographicallyPrecedes($1) }!
      let (left, right) = (a?.key == key ? a?.value : nil, b?.key == key ? b?.value : nil)
      if left != right {
        report.differenceCount += 1
        if report.differences.count < 10 {
          report.differences.append(.init(table: table.name, key: key, store: left, replay: right))
        }
      }
      if left != nil { a = try takeMine() }
      if right != nil { b = try takeTheirs() }
    }
  }
}

/// A scratch database that changelog records are replayed into.
private final class Replay {
  private let database: SharedDatabase
  private let applier: Applier
  private let changelog: any Changelog
  private let options: StoreOptions
  private let directory: StoreDirectory

  init(_ directory: StoreDirectory, _ changelog: any Changelog, _ options: StoreOptions) throws(StoreError) {
    self.changelog = changelog
    self.directory = directory
    self.options = options
    database = try SharedDatabase(
      try directory.openDatabase(directory.databaseOptions(options), "the scratch store can't be opened"))
    applier = try Applier(database, directory, changelog.identity.topicPartition)
  }

  func run(
    from start: CommittedState, to end: Offset, _ progress: (OpenProgress) throws -> Void
  ) throws(StoreError) -> (state: CommittedState, records: Int) {
    var records = 0
    var waiting = WaitingCommits(database, options, try database.state() ?? start)
    let restore = Restore(changelog, applier, directory, options.budget, lagBytes: .max, since: .now)
    _ = try restore.run(&waiting, to: end) { (step) throws(StoreError) in
      records = step.records
      try step.report(orCancelFor: progress)
    }
    try applier.apply(&waiting)
    return (waiting.state, records)
  }

  /// The tables that the changelog defines.
  var tables: [OpenTable] { applier.tables }

  /// The rows of a table; throws `corrupted` if the changelog doesn't define it.
  func rows(of id: TableID) throws(StoreError) -> ByteCursor {
    guard let table = applier.table(id) else {
      throw StoreError(.corrupted, "the changelog doesn't define a table of the store", ["table": id])
    }
    return ReadLayers(over: DatabaseVersion(database: database)).rows(in: table, KeyRange(), .ascending)
  }
}

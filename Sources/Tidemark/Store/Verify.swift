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
  public func verify(
    in scratch: String, progress: (OpenProgress) throws -> Void = { _ in }
  ) throws(StoreError) -> VerifyReport {
    let engine = try opened()
    guard let changelog = engine.changelog else {
      throw StoreError(.invalidArgument, "a store without a changelog has nothing to be verified against")
    }
    try changelog.requireHistory("a store can't be compared with a replay")
    let directory = StoreDirectory(path: scratch, engine.directory.fileSystem)
    guard try !directory.exists else {
      throw StoreError(.invalidArgument, "the scratch directory is there already", ["directory": scratch])
    }
    defer { try? directory.storage.removeTree(scratch) }
    let view = try engine.makeView()
    var start = CommittedState(offset: .zero, receipt: Receipt(startOf: changelog.identity))
    if try changelog.offsets().start > .zero {
      guard let checkpoint = try engine.directory.baseCheckpoint(of: changelog) else {
        throw StoreError(
          .invalidArgument, "the changelog was deleted below an offset, and no checkpoint is known that covers it",
          ["file": engine.directory.base])
      }
      try checkpoint.copy(to: scratch)
      start.offset = checkpoint.offset
      start.receipt = checkpoint.receipt
    } else {
      try directory.create()
    }
    let replay = try Replay(directory, changelog, engine.options)
    let replayed = try replay.run(from: start, to: view.state.offset, progress)
    var report = VerifyReport(offset: view.state.offset, startOffset: start.offset)
    report.records = replayed.records
    report.stateAgrees = replayed.state == view.state
    // Also the tables that this open didn't declare.
    for table in replay.tables {
      guard let family = engine.database.handle.columnFamily(table.record.familyName) else {
        throw StoreError(
          .corrupted, "the store lacks a table that the changelog defines; rebuild it", ["table": table.name])
      }
      try compare(OpenTable(record: table.record, family: family), view, replay, &report)
    }
    return report
  }

  /// Walks both tables in key order.
  private func compare(
    _ table: OpenTable, _ view: View, _ replay: Replay, _ report: inout VerifyReport
  ) throws(StoreError) {
    typealias Row = (key: [UInt8], value: [UInt8])
    var mine = try RowCursor(.view(view), table, range: KeyRange(), order: .ascending, after: nil)
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
    database = try SharedDatabase(
      try directory.openDatabase(directory.databaseOptions(options), "the scratch store can't be opened"))
    var tables: [OpenTable] = []
    for record in try database.tableRecords() {
      tables.append(OpenTable(record: record, family: try database.family(record.familyName)))
    }
    try directory.emptyIngestion()
    applier = Applier(
      database: database, partition: changelog.identity.topicPartition, .tableFiles(directory), tables: tables)
    self.options = options
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
    return database.rows(in: table.family)
  }
}

import Foundation
import Logging
import RowInput
import Tidemark

/// The state directory of an aggregation: `DIR/store` and `DIR/changelog/aggregate-0`, and `DIR/input` for the logs of
/// standard input.
struct AggregationState {
  /// A group's key: the start of its window, if there are windows, then its texts, in the order of the plan.
  static let groups = Table("groups", key: .list(.string), value: AggregateCodec())
  /// The plan, under one key.
  static let plans = Table("plan", key: .string, value: .json(AggregationPlan.self))
  /// How far each input was read: the key of a file is its absolute path, that of standard input `stdin:N`.
  static let inputs = Table("inputs", key: .string, value: .json(InputProgress.self))
  static let planKey = "plan"

  let directory: String
  let store: StateStore
  let plan: AggregationPlan

  /// How far an input file was read, and how to recognize it.
  struct InputProgress: Codable, Sendable, Equatable {
    /// Its number among the inputs: the partition of the topic `input`.
    var partition: Int32
    var bytes: Int
    var line: Int
    var record: Int
    /// How many bytes from the start `checksum` covers, and their CRC-32C.
    var checkedBytes: Int
    var checksum: UInt32
    /// How many bad rows were left out, and the first of them.
    var skippedRows: Int?
    var firstSkipped: [SkippedRow]?
    /// How many rows came too late for their window.
    var lateRows: Int?
    /// How many rows don't fulfil the conditions.
    var excludedRows: Int?
    /// Whether no more rows will come: only for standard input, which is read once.
    var hasEnded: Bool?
    /// The CRC-32C of all `bytes`.
    var contentChecksum: UInt32?
    /// The file's attributes in the file system when it was read.
    var attributes: FileAttributes?

    var rowPosition: RowPosition { RowPosition(offset: bytes, line: line, record: record) }
  }

  /// A part of a state directory, and whether it is there and may be read.
  enum Part: String {
    case store
    case changelog = "changelog/aggregate-0"

    func isIn(_ directory: String) throws -> Bool {
      if unsafe access("\(directory)/\(rawValue)", R_OK | X_OK) == 0 { return true }
      switch errno {
      case ENOENT: return false
      case ENOTDIR:
        throw CommandError(.inputOutput, "\(directory): a file is where a directory should be; name another --state")
      default:
        throw unsafe CommandError(
          .noPermission, "\(directory): the state can't be opened: \(String(cString: strerror(errno)))")
      }
    }
  }

  /// Where `verify` replays the changelog of a state.
  static func scratch(of directory: String) -> String { directory + "/verify-scratch" }

  /// Removes the scratch directory of a killed `verify`; the caller has the state open, so no other `verify` uses it.
  private static func removeScratch(in directory: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    where name.hasPrefix("verify-") { try? FileManager.default.removeItem(atPath: directory + "/" + name) }
  }

  /// Throws unless the directory holds a complete state or, with `toBeMade`, could hold a new one.
  static func check(_ directory: String, toBeMade: Bool) throws {
    let hasChangelog = try Part.changelog.isIn(directory)
    // Both directories may have been made beforehand, on two disks for instance.
    let isPremade = toBeMade && !hasChangelog && isEmpty(directory + "/store")
    switch (try Part.store.isIn(directory) && !isPremade, hasChangelog) {
    case (true, true): return
    case (true, false):
      // A new changelog in its place would not help: the store accepts only its own.
      throw CommandError(
        .wrongChangelog,
        "\(directory)/changelog: the changelog is gone; put it back from a copy, or make a state of a checkpoint in"
          + " another directory with `tidemark restore`")
    case (false, _) where toBeMade: return
    case (false, true):
      throw CommandError(
        .missingInput, "\(directory)/store: the store is gone; `tidemark rebuild` restores it from its changelog")
    case (false, false): throw noState(directory)
    }
  }

  private static func isEmpty(_ directory: String) -> Bool {
    (try? FileManager.default.contentsOfDirectory(atPath: directory))?.isEmpty ?? false
  }

  private static func noState(_ directory: String) -> CommandError {
    CommandError(.missingInput, "\(directory): there is no state; `tidemark aggregate` makes it")
  }

  /// The changelog of a state directory, for reading while another process has the state open.
  static func changelog(of directory: String) throws -> FileLog {
    guard try Part.changelog.isIn(directory) else { throw noState(directory) }
    var options = FileLogOptions()
    options.createIfMissing = false
    return try openChangelog(directory, options)
  }

  /// Reads the whole changelog of a state directory; throws `corrupted` if it is damaged.
  static func readChangelog(of directory: String) throws {
    let log = try changelog(of: directory)
    _ = try log.read(from: try log.offsets().start, to: nil) { _ in .next }
  }

  static func nothingAggregated(_ directory: String) -> CommandError {
    CommandError(.missingInput, "\(directory): nothing was aggregated yet")
  }

  /// Opens a state or its changelog, and waits if another process has it open.
  private static func waiting<R>(for directory: String, _ patience: Duration, _ open: () throws -> R) throws -> R {
    let deadline = ContinuousClock.now.advanced(by: patience)
    while true {
      do { return try open() } catch let error as StoreError {
        guard error.kind == .locked else { throw error }
        guard ContinuousClock.now < deadline, Signals.pending == nil else {
          throw CommandError(lockedBy: error, directory)
        }
        // Each reader holds the state only for a moment: frequent attempts find a gap.
        usleep(2000)
      }
    }
  }

  private static func openChangelog(_ directory: String, _ options: FileLogOptions) throws(StoreError) -> FileLog {
    try FileLog.open(directory + "/changelog", TopicPartition("aggregate", 0), options: options)
  }

  /// The defaults, but silent: the command itself prints everything that a user must know.
  static var options: StoreOptions {
    var options = StoreOptions()
    options.logger = Logger(label: "tidemark") { _ in SwiftLogNoOpLogHandler() }
    return options
  }

  /// Opens the state directory with its recorded plan or, if nothing was read yet, with the requested one.
  ///
  /// Without a requested plan the directory must exist.
  init(
    _ directory: String, plan asked: AggregationPlan? = nil, log logOptions: FileLogOptions = FileLogOptions(),
    wait: Duration = .seconds(2),
    progress: (OpenProgress) throws -> Void = { _ in }
  ) throws {
    try Self.check(directory, toBeMade: asked != nil)
    self.directory = directory
    var logOptions = logOptions
    logOptions.createIfMissing = asked != nil
    let log: FileLog
    (log, store) = try Self.waiting(for: directory, wait) {
      let log = try Self.openChangelog(directory, logOptions)
      let store = try StateStore.open(
        directory + "/store", tables: [Self.groups, Self.plans, Self.inputs], changelog: log, options: Self.options,
        progress: progress)
      return (log, store)
    }
    if let recovery = log.lastRecovery, recovery.cutBytes > 0 {
      // The end of a batch that was being written when the process died: no part of it was acknowledged.
      printMessage(
        "the changelog's torn end was cut: \(recovery.cutBytes) bytes after offset \(recovery.endOffset) of "
          + "\(recovery.file)\n")
    }
    Self.removeScratch(in: directory)
    let view = try store.snapshot()
    let former = try view.get(Self.planKey, in: Self.plans)
    let asked = former.map { asked?.continuing($0) } ?? asked
    if let stored = former,
      asked == nil || asked == stored || !view.position.offsets.isEmpty
    {
      if let asked, asked != stored {
        try store.close()
        throw CommandError(
          .otherOptions,
          "\(directory): the state was made with `\(stored.options)`, not with `\(asked.options)`;"
            + " use those options, or another --state directory")
      }
      plan = stored
    } else if let asked {
      try store.write { try $0.put(Self.planKey, asked, in: Self.plans) }
      plan = asked
    } else {
      try store.close()
      throw Self.nothingAggregated(directory)
    }
  }
}

import Foundation
import Logging
import RowInput
import Tidemark

/// The state directory of an aggregation: `DIR/store` and `DIR/changelog/aggregate-0`, and `DIR/input` for what came
/// through standard input.
struct AggregationState {
  /// A group's key: the start of its window, if there are windows, then its texts, in the order of the plan.
  static let groups = Table("groups", key: .list(.string), value: AggregateCodec())
  /// The plan, under one key.
  static let plans = Table("plan", key: .string, value: .json(AggregationPlan.self))
  /// How far each input was read: a file by its absolute path, what came through standard input by `stdin:N`.
  static let inputs = Table("inputs", key: .string, value: .json(InputProgress.self))
  private static let planKey = "plan"

  let directory: String
  let store: StateStore
  let plan: AggregationPlan

  /// How far an input file was read, and how it is known again.
  struct InputProgress: Codable, Sendable, Equatable {
    /// Its number among the inputs: the partition of the topic `input`.
    var partition: Int32
    var bytes: Int
    var line: Int
    var record: Int
    /// How many bytes from the start `checksum` is over, and their CRC-32C.
    var checkedBytes: Int
    var checksum: UInt32
    /// How many bad rows were left out, and the first of them.
    var skippedRows: Int?
    var firstSkipped: [SkippedRow]?
    /// How many rows came too late for their window.
    var lateRows: Int?
    /// How many rows don't fulfil the conditions.
    var excludedRows: Int?
    /// Whether no more will come: of standard input, which is read once.
    var hasEnded: Bool?

    var topicPartition: TopicPartition { TopicPartition("input", partition) }
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

  /// Throws unless the directory holds a state that is whole, or, if one is to be made, could hold it.
  private static func check(_ directory: String, toBeMade: Bool) throws {
    switch (try Part.store.isIn(directory), try Part.changelog.isIn(directory)) {
    case (true, true): return
    case (true, false):
      // Another in its place would be no help: the store knows its own.
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

  private static func openChangelog(_ directory: String, _ options: FileLogOptions) throws(StoreError) -> FileLog {
    try FileLog.open(directory + "/changelog", TopicPartition("aggregate", 0), options: options)
  }

  /// The defaults, but silent: what a user must know, the command says itself.
  static var options: StoreOptions {
    var options = StoreOptions()
    options.logger = Logger(label: "tidemark") { _ in SwiftLogNoOpLogHandler() }
    return options
  }

  /// Opens the state directory, with the plan that it has or, if nothing was read with it yet, with the one asked for.
  ///
  /// Without an asked plan the directory must be there.
  init(
    _ directory: String, plan asked: AggregationPlan? = nil, log logOptions: FileLogOptions = FileLogOptions(),
    progress: (OpenProgress) throws -> Void = { _ in }
  ) throws {
    try Self.check(directory, toBeMade: asked != nil)
    self.directory = directory
    let log: FileLog
    var logOptions = logOptions
    logOptions.createIfMissing = asked != nil
    do throws(StoreError) {
      log = try Self.openChangelog(directory, logOptions)
      store = try StateStore.open(
        directory + "/store", tables: [Self.groups, Self.plans, Self.inputs], changelog: log, options: Self.options,
        progress: progress)
    } catch {
      throw error.kind == .locked ? CommandError(lockedBy: error, directory) : error
    }
    if let recovery = log.lastRecovery, recovery.cutBytes > 0 {
      // The end of a batch that was being written when the process died: nothing of it was acknowledged.
      FileHandle.standardError.write(
        Data(
          ("the changelog's torn end was cut: \(recovery.cutBytes) bytes after offset \(recovery.endOffset) of "
            + "\(recovery.file)\n").utf8))
    }
    let view = try store.snapshot()
    if let stored = try view.get(Self.planKey, in: Self.plans),
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
      throw CommandError(.missingInput, "\(directory): nothing was aggregated yet")
    }
  }
}

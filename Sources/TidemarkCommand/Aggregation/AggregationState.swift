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

  /// Throws unless the directory holds a state.
  static func require(_ directory: String) throws {
    if unsafe access(directory + "/store", R_OK | X_OK) == 0 { return }
    guard errno == ENOENT || errno == ENOTDIR else {
      throw unsafe CommandError(
        .noPermission, "\(directory): the state can't be opened: \(String(cString: strerror(errno)))")
    }
    throw CommandError(.missingInput, "\(directory): there is no state; `tidemark aggregate` makes it")
  }

  /// The defaults, but silent: what a user must know, the command says itself.
  private static var options: StoreOptions {
    var options = StoreOptions()
    options.logger = Logger(label: "tidemark") { _ in SwiftLogNoOpLogHandler() }
    return options
  }

  /// Opens the state directory, with the plan that it has or, if it has none yet, with the one asked for.
  ///
  /// Without an asked plan the directory must be there.
  init(
    _ directory: String, plan asked: AggregationPlan? = nil, log logOptions: FileLogOptions = FileLogOptions(),
    progress: (OpenProgress) -> Void = { _ in }
  ) throws {
    if asked == nil { try Self.require(directory) }
    self.directory = directory
    let log: FileLog
    do throws(StoreError) {
      log = try FileLog.open(directory + "/changelog", TopicPartition("aggregate", 0), options: logOptions)
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
          ("the changelog's torn end was cut: \(recovery.cutBytes) bytes behind offset \(recovery.endOffset) of "
            + "\(recovery.file)\n").utf8))
    }
    if let stored = try store.snapshot().get(Self.planKey, in: Self.plans) {
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

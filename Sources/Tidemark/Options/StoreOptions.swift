public import Changelog
public import CoreMetrics
public import Logging

/// The options of a store.
///
/// Use the same options at each open. Opening throws `invalidArgument` for an option out of range: byte counts and
/// durations below zero, a memory budget or a hard limit of 0 bytes. A duration of a hundred years or more, as
/// `.seconds(Int64.max)`, means *never*.
public struct StoreOptions: Sendable {
  /// The memory that this store shares with the others of the process.
  public var budget: MemoryBudget = .shared
  /// When a transaction should be committed, and when it must.
  public var transactionLimits = TransactionLimits()
  /// The stored offset lags the committed one by at most this many changelog bytes, before table files are written.
  public var storedLagBytes = 64 << 20
  /// The stored offset lags the committed one by at most this time, also when the store is quiet.
  public var storedLagTime: Duration = .seconds(30)
  /// The target duration of the replay after a crash, without opening the database; `nil`: only ``storedLagBytes``
  /// limits the replay.
  ///
  /// It is a target, not a promise: commits made while table files are written are replayed as well. The store predicts
  /// the duration from its replay speed when it was opened, or from 100 MB a second if it replayed too little.
  /// ``StoreInfo/predictedRestart`` is the prediction for a crash right now.
  public var restartTarget: Duration?
  /// Commits wait in memory, where all reads see them, until they take this many bytes (keys, values and their index).
  ///
  /// Then they are applied to the database together, while commits continue. The limit is at most a sixteenth of the
  /// memory budget.
  ///
  /// From twice the limit on, commits are slowed down to the rate of applications; at four times the limit they wait.
  /// Waiting commits survive a crash in the changelog.
  public var waitingBytes = 32 << 20
  /// Applied runs stay in memory up to this many bytes; 0: none stay.
  ///
  /// They let the transaction read keys that changed lately without the database. All stores together keep at most a
  /// sixteenth of the memory budget, and nothing while the budget asks for commits.
  public var cleanBytes = 32 << 20
  /// Snapshots older than this throw `snapshotExpired`, and their memory and files are released; `nil`: never.
  public var snapshotExpiry: Duration?
  /// Whether opening creates a store in a directory without one.
  public var createIfMissing = true
  /// The durability of commits in a store without a changelog.
  ///
  /// Such a store keeps a file log of its last commits in its own directory. A segment of this log is deleted once
  /// table files have its commits. An interval of more than a day counts as a day.
  public var tailDurability: Durability = .sync
  /// The longest time that a logged commit waits for earlier commits to be applied.
  ///
  /// If nothing is applied, commits continue after this time as long as the memory budget has room. If there is no disk
  /// space for table files, commits don't wait; they throw `outOfSpace` once four times ``waitingBytes`` are waiting.
  public var commitPatience: Duration = .seconds(30)
  /// The logger for events other than commits: opening, failures, stalls.
  ///
  /// Its handler is called on the store's threads and on RocksDB's, sometimes while a commit waits: it must not call the
  /// store.
  public var logger = Logger(label: "tidemark")
  /// The factory of the store's metrics; `nil`: the factory that `MetricsSystem` has when the store is opened.
  ///
  /// With the factory that drops everything, nothing is measured.
  public var metrics: (any MetricsFactory)?
  /// How often gauges are published; at most once a millisecond.
  public var metricsInterval: Duration = .seconds(10)
  /// RocksDB's database-wide options by name, over those of the store.
  public var databaseOptions: [String: String] = [:]
  /// RocksDB's column family options by name, over those of the store.
  public var columnFamilyOptions: [String: String] = [:]
  /// The file system of the store's files.
  package var fileSystem = FileSystem()

  /// The defaults.
  public init() {}
}

/// When a transaction should be committed (soft), and when it must (hard).
public struct TransactionLimits: Sendable {
  /// `shouldCommit` from this many uncommitted bytes on.
  public var softBytes = 16 << 20
  /// `shouldCommit` from this many changed keys on.
  public var softEntries = 100_000
  /// `shouldCommit` this long after the transaction's first change; `nil`: never by time.
  public var softInterval: Duration?
  /// Writes throw `overBudget` beyond this many uncommitted bytes.
  ///
  /// A commit may take 64 MiB in a changelog.
  public var hardBytes = 48 << 20

  /// The defaults.
  public init() {}
}

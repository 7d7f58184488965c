public import Changelog
public import CoreMetrics
public import Logging

/// How a store behaves.
///
/// The same options are to be used at each open, which throws `invalidArgument` for one out of range: byte counts and durations
/// below zero, a memory budget or a hard limit of 0 bytes. A duration of a hundred years or more, as
/// `.seconds(Int64.max)`, never passes.
public struct StoreOptions: Sendable {
  /// The memory that this store shares with the others of the process.
  public var budget: MemoryBudget = .shared
  /// When a transaction should be committed, and when it must.
  public var transactionLimits = TransactionLimits()
  /// The stored offset lags the committed one by at most this many changelog bytes, before table files are written.
  public var storedLagBytes = 64 << 20
  /// The stored offset lags the committed one by at most this time, also when the store is quiet.
  public var storedLagTime: Duration = .seconds(30)
  /// How long the replay after a crash should take at most, beyond opening the database; `nil`: as long as
  /// ``storedLagBytes`` takes.
  ///
  /// A target, not a promise: what is committed while table files are written comes on top. The store goes by how fast it
  /// replayed when it was opened, and by 100 MB a second before that told. ``StoreInfo/predictedRestart`` says what a crash
  /// would cost.
  public var restartTarget: Duration?
  /// Commits wait in memory, where everybody reads them, and are brought into the database together from this many bytes
  /// on (keys, values and their index), beside commits under way; at most a sixteenth of the memory budget.
  ///
  /// From twice as much on commits are slowed down to what the database takes, and four times as much is the most. They
  /// survive a crash in the changelog.
  public var waitingBytes = 32 << 20
  /// What was brought into the database may stay in memory up to this many bytes; 0: nothing stays.
  ///
  /// So the transaction reads keys that changed lately without the database. All stores together keep at most a sixteenth of
  /// the memory budget, and none while that asks for commits.
  public var cleanBytes = 32 << 20
  /// Snapshots older than this throw `snapshotExpired`, so that what they hold can go; `nil`: never.
  public var snapshotExpiry: Duration?
  /// Whether a directory without a store becomes one.
  public var createIfMissing = true
  /// For a store without a changelog: when an acknowledged commit survives a loss of power.
  ///
  /// Such a store keeps a file log of its last commits in its own directory, whose segments go once table files have them. An
  /// interval of more than a day counts as a day.
  public var tailDurability: Durability = .sync
  /// At most how long a commit that is in the changelog waits for the database to take earlier ones.
  ///
  /// Where the database takes nothing, commits go on after this time for as long as the memory budget has room. Where there
  /// is no space for table files none waits, and the next throws `outOfSpace` once four times ``waitingBytes`` are waiting.
  public var commitPatience: Duration = .seconds(30)
  /// Where the store logs what happens beside commits: opening, failures, stalls.
  ///
  /// Its handler is called on the store's threads and on RocksDB's, sometimes while a commit waits: it must not call the
  /// store.
  public var logger = Logger(label: "tidemark")
  /// Where the store's metrics go; `nil`: to the factory that `MetricsSystem` has when the store is opened.
  ///
  /// With the factory that drops everything, nothing is measured.
  public var metrics: (any MetricsFactory)?
  /// How often metrics that tell of a moment (gauges) are published; at most once a millisecond.
  public var metricsInterval: Duration = .seconds(10)
  /// RocksDB's database-wide options by name, over those of the store.
  public var databaseOptions: [String: String] = [:]
  /// RocksDB's column family options by name, over those of the store.
  public var columnFamilyOptions: [String: String] = [:]
  /// Where the store's files are.
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

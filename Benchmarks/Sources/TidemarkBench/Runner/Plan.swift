import ArgumentParser

/// The amount of work.
enum Scale: String, ExpressibleByArgument, CaseIterable, Sendable {
  /// All cases, tiny: only tests whether they work.
  case smoke
  /// As much as fits into 18 minutes.
  case standard
  /// Sizes at which caches and levels matter; takes hours.
  case full
}

/// The sizes of a run.
struct Plan: Codable, Sendable {
  var commitSizes = [100, 1000, 10_000, 100_000]
  /// Commit sizes whose write runs form a group of their own, with more records per run; empty if all runs are equal.
  var largeCommitSizes: [Int] = []
  var largeCommitRecords = 200_000
  /// Commit sizes of the cases that are only for comparison.
  var contextSizes = [100, 10_000]
  /// No round begins after this many minutes, once each group has had ``leastRounds``; `nil`: all rounds run.
  var minutes: Double? = 18
  var leastRounds = 7
  /// The number of consecutive processes that share the rounds: some of the scatter, such as where memory lies, is the
  /// same for all rounds of a process.
  var processes = 5
  /// Rounds of cases without a number of their own below, and of those that are only for comparison; more than
  /// `minutes` have room for.
  var rounds = 40
  var contextRounds = 28
  /// Records of each write run, which has fewer rounds: more than one commit even of the largest size.
  var writeRecords = 200_000
  var writeRounds = 28
  /// Whether write runs take turns slice by slice: their writes must then stay in memory until the end.
  var slicesWrites = true
  /// Records of each run with one record a commit.
  var singleRecords = 50_000
  /// Records of each run whose commits wait for the disk, and the number of writers that share them.
  var syncedRecords = 20_000
  var syncedWriters = 8
  /// Records of each write run of the cases that are only for comparison.
  var contextRecords = 60_000
  /// Records, and rounds, of the runs of commits under flushes and compactions.
  var latencyRecords = 1_000_000
  var latencyRounds = 10
  /// Records of each run that ends with compactions settled.
  var settledRecords = 500_000
  var settledRounds = 52
  /// Whether logged writes also run until compactions have settled, which takes as long again.
  var settlesLogged = false
  /// Rows of the databases that are read.
  var rows = 1_000_000
  var reads = 30_000
  /// Reads are short and opening scatters, so both have more rounds.
  var readRounds = 84
  var openRounds = 84
  var scans = 900
  var scanRows = 100
  /// Entries staged in a transaction that is read.
  var stagedEntries = 10_000
  /// Records of each run that stages without a commit.
  var stagingRecords = 200_000
  var getPutRecords = 100_000
  var restoreRecords = 200_000
  /// Records that are in the log, and in no table file, when a process is killed.
  var killedRecords = 100_000
  /// The memory of one store, and of the database that it is compared with.
  var budgetBytes = 512 << 20
  var clock = LapClock.wall
  /// Whether plain databases also get the insert hint.
  var baselineInsertHint = true

  init(_ scale: Scale) {
    switch scale {
    case .standard: break
    case .smoke:
      setRounds(2)
      processes = 2
      settlesLogged = true
      (writeRecords, contextRecords, settledRecords, latencyRecords) = (2000, 1000, 5000, 5000)
      (singleRecords, syncedRecords) = (200, 200)
      (rows, reads, scans, stagedEntries, stagingRecords) = (5000, 2000, 20, 500, 2000)
      (getPutRecords, restoreRecords, killedRecords) = (2000, 2000, 2000)
    case .full:
      (writeRecords, contextRecords, settledRecords, latencyRecords) = (2_000_000, 2_000_000, 20_000_000, 20_000_000)
      setRounds(7)
      processes = 1
      contextSizes = commitSizes
      settlesLogged = true
      slicesWrites = false
      (rows, reads, scans) = (10_000_000, 1_000_000, 10_000)
      (getPutRecords, restoreRecords) = (2_000_000, 2_000_000)
    }
  }

  /// Gives all groups the same number of rounds, however long they take.
  mutating func setRounds(_ count: Int) {
    minutes = nil
    changeRounds { _ in count }
  }

  private mutating func changeRounds(_ change: (Int) -> Int) {
    for count in [
      \Plan.rounds, \.writeRounds, \.contextRounds, \.settledRounds, \.latencyRounds, \.readRounds, \.openRounds,
    ] {
      self[keyPath: count] = change(self[keyPath: count])
    }
  }

  /// The plan of one of the processes, which has this many minutes.
  func part(_ number: Int, minutes: Double?) -> Plan {
    func share(_ count: Int) -> Int { count / processes + (number < count % processes ? 1 : 0) }
    var part = self
    part.minutes = minutes
    part.leastRounds = share(leastRounds)
    part.changeRounds(share)
    return part
  }
}

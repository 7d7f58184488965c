import Foundation
import Tidemark

/// A bank whose processes are killed, and the checks of its state afterwards.
struct KilledBank {
  /// The kind of store.
  enum Kind: CaseIterable {
    /// With a changelog.
    case logged
    /// The same, with checkpoints on another file system if the machine has one.
    case copied
    /// Without a changelog.
    case alone
  }

  /// The whole state is recomputed once in this number of lives.
  private static let auditInterval = 5
  /// A file system in memory.
  private static let otherFileSystem = "/dev/shm"

  let directory: String
  let kind: Kind
  let seed: UInt64
  private let elsewhere: String?
  private var draw: Draw
  private var lives = 0
  private var acknowledged: Int64 = 0
  private var tried: Int64 = 0
  /// Checkpoints that must exist.
  private var taken: Set<Int> = []
  private var verified: Set<Int> = []
  /// A process was killed while setting the store aside, which must be repeated.
  private var isHalfSetAside = false

  init(_ directory: String, _ kind: Kind, seed: UInt64) throws {
    self.directory = directory
    self.kind = kind
    self.seed = seed
    draw = Draw(seed)
    let files = FileManager.default
    try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let other = Self.otherFileSystem + "/tidemark-checkpoints-\(UUID().uuidString)"
    if kind == .copied, files.isWritableFile(atPath: Self.otherFileSystem) {
      try files.createDirectory(atPath: other, withIntermediateDirectories: true)
      try files.createSymbolicLink(atPath: Bank.checkpoints(directory), withDestinationPath: other)
      elsewhere = other
    } else {
      try files.createDirectory(atPath: Bank.checkpoints(directory), withIntermediateDirectories: true)
      elsewhere = nil
    }
  }

  /// Removes all of its files.
  func remove() throws {
    if let elsewhere { try FileManager.default.removeItem(atPath: elsewhere) }
    try FileManager.default.removeItem(atPath: directory)
  }

  // MARK: Kills

  /// Starts a process, kills it, and checks what it left.
  mutating func kill(_ tally: inout KillTally) throws {
    let mode = drawMode()
    let child = try BankChild(directory, seed: seed, round: lives, mode)
    lives += 1
    let life = try live(child, mode, KillInstant(mode, &draw))
    tally.kills += 1
    try settle(life, &tally)
    try checkCheckpoints(life, &tally)
    if lives % Self.auditInterval == 0, !isHalfSetAside { try audit(&tally) }
  }

  private mutating func drawMode() -> BankMode {
    let chance = draw.below(100)
    if kind == .alone { return .alone }
    // The first processes may have been killed before there was a store.
    let isThere = FileManager.default.fileExists(atPath: directory + "/store/HEAD")
    if isHalfSetAside || (chance < 12 && isThere) { return .rebuild }
    return chance < 25 ? .resume : .work
  }

  /// Lets a process live until the instant, and kills it.
  private mutating func live(_ child: BankChild, _ mode: BankMode, _ instant: KillInstant) throws -> KilledLife {
    let patience = ContinuousClock.now.advanced(by: .seconds(120))
    var life = KilledLife(mode)
    var isOver = false
    var isSilent = false
    /// Reads until the deadline, or until `stop`.
    func read(until deadline: ContinuousClock.Instant, _ stop: (Substring) -> Bool) throws {
      while !isOver {
        guard let line = child.line(until: deadline) else { return }
        isOver = stop(try life.take(line))
      }
    }
    // A rare word may never be printed.
    func isEnough() -> Bool { life.acknowledgements >= 300 }
    if let (word, microseconds) = instant.clock {
      try read(until: patience) { $0 == word || isEnough() }
      isSilent = !isOver
      isOver = false
      try read(until: .now.advanced(by: .microseconds(microseconds))) { _ in false }
    } else if case .restoring(let file) = instant {
      let path = directory + "/store/restore/" + file
      while !isOver, ContinuousClock.now < patience, !FileManager.default.fileExists(atPath: path) {
        try read(until: .now.advanced(by: .microseconds(100))) { _ in life.acknowledgements >= 10 }
      }
    } else if case .acknowledged(let count) = instant {
      try read(until: patience) { _ in life.acknowledgements >= count }
      isSilent = !isOver
    }
    child.kill()
    while let line = child.line(until: patience) { _ = try life.take(line) }
    try child.checkIsKilled()
    if isSilent { throw Violation(description: "a process (\(mode), \(instant)) says nothing for two minutes") }
    return life
  }

  // MARK: Checks

  /// Checks the position that the process found, and counts its work and its leftovers on disk.
  private mutating func settle(_ life: KilledLife, _ tally: inout KillTally) throws {
    if life.mode == .rebuild { isHalfSetAside = !life.wasSetAside }
    if let start = life.start {
      try expect(start, &tally)
      tally.audits += 1
    } else {
      tally.whileOpening += 1
    }
    acknowledged = life.acknowledged ?? acknowledged
    tried = life.tried ?? tried
    tally.acknowledgements += life.acknowledgements
    tally.applications += life.applications
    tally.compactions += life.compactions
    tally.checkpointsTaken += life.taken.count
    tally.changelogDeletions += life.changelogDeletions
    if life.wasSetAside { tally.storesSetAside += 1 }
    let files = FileManager.default
    if files.fileExists(atPath: directory + "/store/restore/0.run") { tally.whileRestoring += 1 }
    if (try? files.contentsOfDirectory(atPath: directory + "/store/ingest").isEmpty) == false {
      tally.whileApplying += 1
    }
    if life.taking != nil { tally.whileTakingCheckpoint += 1 }
    if life.isDeletingChangelog { tally.whileDeletingChangelog += 1 }
  }

  /// No acknowledged transfer is missing, and none is present that was never given to a commit.
  private mutating func expect(_ position: Int64, _ tally: inout KillTally) throws {
    guard position >= acknowledged else {
      throw Violation(description: "acknowledged up to \(acknowledged), and found up to \(position)")
    }
    guard position <= tried else {
      throw Violation(description: "committed up to \(tried), and found up to \(position)")
    }
    if position > acknowledged { tally.unacknowledgedFound += 1 }
    (acknowledged, tried) = (position, position)
  }

  /// Every reported checkpoint exists, and all under a final name are whole.
  private mutating func checkCheckpoints(_ life: KilledLife, _ tally: inout KillTally) throws {
    taken = taken.union(life.taken).subtracting(life.removing)
    let numbers = Bank.checkpointNumbers(directory)
    guard taken.isSubset(of: numbers) else {
      throw Violation(description: "checkpoints \(taken.subtracting(numbers).sorted()) are gone")
    }
    for number in numbers where !verified.contains(number) { try verifyCheckpoint(number, &tally) }
    // A checkpoint whose removal had begun may still have its name, or not.
    taken = Set(numbers)
    verified = taken
  }

  private func verifyCheckpoint(_ number: Int, _ tally: inout KillTally) throws {
    do {
      _ = try Checkpoint.verified(Bank.checkpoint(number, directory))
    } catch { throw Violation(description: "checkpoint \(number): \(error)") }
    tally.checkpointsVerified += 1
  }

  private func openStore(_ name: String) throws -> StateStore {
    try Bank.open(directory + "/" + name, kind == .alone ? nil : try Bank.log(directory), Bank.options)
  }

  /// Opens the bank and recomputes its state; does the same for a store made from the last checkpoint.
  private mutating func audit(_ tally: inout KillTally) throws {
    // A function of its own, so that the changelog is released before it is opened again.
    func auditState() throws {
      let store = try openStore("store")
      let audit = Audit(try store.snapshot())
      try audit.wholly(seed: seed)
      try expect(audit.applied ?? 0, &tally)
      tally.audits += 1
      // Otherwise the store is left as if the process had been killed.
      if draw.below(2) == 0 { try store.close() }
    }
    try auditState()
    guard let last = taken.max() else { return }
    func auditRestored() throws {
      try Checkpoint.verified(Bank.checkpoint(last, directory)).copy(to: directory + "/restored")
      let store = try openStore("restored")
      let audit = Audit(try store.snapshot())
      try audit.wholly(seed: seed)
      let applied = audit.applied ?? 0
      guard applied == acknowledged || (kind == .alone && applied <= acknowledged) else {
        throw Violation(description: "a store of checkpoint \(last) is at \(applied), not at \(acknowledged)")
      }
      try store.close()
    }
    try auditRestored()
    try FileManager.default.removeItem(atPath: directory + "/restored")
    tally.checkpointsRestored += 1
  }

  /// The last checks: all of the state, all checkpoints, and the replay of the changelog.
  mutating func finish(_ tally: inout KillTally) throws {
    if isHalfSetAside {
      try Bank.setAside(directory)
      isHalfSetAside = false
    }
    try audit(&tally)
    for number in taken { try verifyCheckpoint(number, &tally) }
    tally.transfers += acknowledged
    if kind == .alone { return }
    let store = try openStore("store")
    let report = try store.verify(in: directory + "/scratch")
    guard report.agrees else {
      throw Violation(description: "the state isn't the replay of its changelog: \(report.differences)")
    }
    tally.replays += 1
    tally.replayedRecords += report.records
    try store.close()
  }
}

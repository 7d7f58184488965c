import Foundation
import Torture

/// The counters of all runs, which add up in a file.
struct Figures: Codable {
  var seconds = 0.0
  var images = 0
  var distinctImages = 0
  var imagesOfRecoveries = 0
  var faults = FaultSweep.Tally()
  var histories = RandomHistory.Tally()
  var damage = DamageSweep.Tally()
  var isolation = IsolationRun.Tally()
  var violations = 0
  /// RocksDB's assertions that stopped the program, and their counts.
  var assertions: [String: Int] = [:]

  mutating func add(_ other: Figures) {
    seconds += other.seconds
    images += other.images
    distinctImages += other.distinctImages
    imagesOfRecoveries += other.imagesOfRecoveries
    faults.add(other.faults)
    histories.add(other.histories)
    damage.add(other.damage)
    isolation.add(other.isolation)
    violations += other.violations
    assertions.merge(other.assertions, uniquingKeysWith: +)
  }

  /// Adds the figures to a file; returns the sums.
  func added(to path: String) throws -> Figures {
    let url = URL(fileURLWithPath: path)
    var sum = (try? JSONDecoder().decode(Figures.self, from: Data(contentsOf: url))) ?? Figures()
    sum.add(self)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try encoder.encode(sum).write(to: url)
    return sum
  }

  /// One line.
  var line: String {
    var parts: [String] = []
    if images > 0 {
      parts.append("\(images) crash images (\(distinctImages) distinct, \(imagesOfRecoveries) of recoveries)")
    }
    if faults.runs > 0 {
      parts.append(
        "\(faults.runs) failed calls (\(faults.errors) errors, \(faults.reopens) reopens, \(faults.stops) stops,"
          + " \(faults.rebuilds) rebuilds)")
    }
    if histories.histories > 0 {
      parts.append(
        "\(histories.histories) histories (\(histories.actions) actions, \(histories.crashes) crashes,"
          + " \(histories.failedCalls) failed calls, \(histories.stops) stops)")
    }
    if damage.files > 0 {
      let outcomes = DamageSweep.Outcome.allCases.map { "\(damage.count(of: $0)) \($0.name)" }
      parts.append("\(damage.files) damaged files (\(outcomes.joined(separator: ", ")))")
    }
    if isolation.runs > 0 {
      parts.append(
        "\(isolation.runs) recorded histories (\(isolation.lives) lives, \(isolation.transactions) transactions,"
          + " \(isolation.commits) commits, \(isolation.snapshots) snapshots, \(isolation.reads) other reads,"
          + " \(isolation.edges) dependencies, \(isolation.anomalies) anomalies)")
    }
    return (parts.isEmpty ? ["nothing yet"] : parts).joined(separator: ", ") + ", \(violations) violations"
  }
}

extension KeyedDecodingContainer {
  /// A file of figures may predate these counters.
  func decode(_ type: IsolationRun.Tally.Type, forKey key: Key) throws -> IsolationRun.Tally {
    try decodeIfPresent(type, forKey: key) ?? IsolationRun.Tally()
  }
}

/// Gathers the figures of several threads or processes, and shows them now and then.
final class Progress: @unchecked Sendable {
  // Proof: the lock guards all below.
  private let lock = NSLock()
  private var figures = Figures()
  private var fingerprints: Set<UInt64> = []
  private var messages: [String] = []
  private let begin = ContinuousClock.now
  private var lastShown = ContinuousClock.now
  private let end: ContinuousClock.Instant?
  private let isTerminal = isatty(STDERR_FILENO) == 1

  init(seconds: Int?) { end = seconds.map { ContinuousClock.now.advanced(by: .seconds($0)) } }

  var isOver: Bool { lock.withLock { figures.violations > 0 } || end.map { $0 <= .now } ?? false }
  var distinctImages: Int { lock.withLock { fingerprints.count } }
  var isFailed: Bool { lock.withLock { figures.violations > 0 } }

  /// The seconds that are left, if there is an end.
  var secondsLeft: Int? { end.map { max(1, Int(ContinuousClock.now.duration(to: $0) / .seconds(1))) } }

  func add(_ tally: CrashSweep.Tally) {
    lock.withLock {
      fingerprints.formUnion(tally.fingerprints)
      figures.images += tally.images
      figures.distinctImages = fingerprints.count
      figures.imagesOfRecoveries += tally.imagesOfRecoveries
    }
    show()
  }

  func add(_ other: Figures) {
    lock.withLock { figures.add(other) }
    show()
  }

  func stopped(by assertion: String) { lock.withLock { figures.assertions[assertion, default: 0] += 1 } }

  func violated(_ message: String) {
    lock.withLock {
      figures.violations += 1
      messages.append(message)
    }
  }

  private func show() {
    let line: String? = lock.withLock {
      let now = ContinuousClock.now
      guard lastShown.duration(to: now) >= (isTerminal ? .seconds(1) : .seconds(15)) else { return nil }
      lastShown = now
      return "\(Int(begin.duration(to: now) / .seconds(1))) s: \(figures.line)"
    }
    guard let line else { return }
    FileHandle.standardError.write(Data(((isTerminal ? "\r\u{1b}[K" : "") + line + (isTerminal ? "" : "\n")).utf8))
  }

  /// The total figures.
  func finish() -> (figures: Figures, messages: [String]) {
    if isTerminal { FileHandle.standardError.write(Data("\r\u{1b}[K".utf8)) }
    return lock.withLock {
      figures.seconds = begin.duration(to: .now) / .seconds(1)
      return (figures, messages)
    }
  }
}

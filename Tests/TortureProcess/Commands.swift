import ArgumentParser
import Foundation
import Synchronization
import TidemarkTesting
import Torture

/// Ends a command: prints its figures, and fails if a promise was broken.
private func end(_ progress: Progress, _ shared: SharedOptions) throws {
  let (figures, messages) = progress.finish()
  for message in messages { print("VIOLATION (seed \(shared.seed)): \(message)") }
  for (assertion, count) in figures.assertions.sorted(by: { $0.key < $1.key }) { print("\(count) x \(assertion)") }
  print("\(figures.line), in \(Int(figures.seconds)) s, seed \(shared.seed)")
  if figures.violations > 0 { throw ExitCode.failure }
  try? FileManager.default.removeItem(atPath: shared.directory)
}

/// Runs the parts of something, `jobs` of them in parallel, each on a thread.
private func inParallel(
  _ jobs: Int, parts: Int, _ progress: Progress, _ body: @Sendable @escaping (_ part: Int) throws -> Void
) {
  let next = Atomic<Int>(0)
  @Sendable func work() {
    while true {
      let part = next.add(1, ordering: .relaxed).oldValue
      if part >= parts || progress.isOver { return }
      do { try body(part) } catch { progress.violated("\(error)") }
    }
  }
  let ended = DispatchSemaphore(value: 0)
  for _ in 0..<jobs {
    Thread {
      work()
      ended.signal()
    }.start()
  }
  for _ in 0..<jobs { ended.wait() }
}

struct ImagesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "images", abstract: "Crashes after every step of a recorded history, and during recoveries.")

  @OptionGroup var shared: SharedOptions

  @Option(
    help: ArgumentHelp("Goes on with random histories until there are so many distinct images.", valueName: "count"))
  var images: Int?

  @Option(help: ArgumentHelp("Only after every so many steps.", valueName: "steps"))
  var stride = 1

  func run() throws {
    let progress = Progress(seconds: shared.seconds)
    Self.sweep(shared, progress, round: 0, stride: stride, upTo: images)
    var round = 1
    while let images, !progress.isOver, progress.distinctImages < images {
      Self.sweep(shared, progress, round: round, stride: stride, upTo: images)
      round += 1
    }
    try end(progress, shared)
  }

  /// Records and sweeps histories: first the script, then histories drawn from the seed.
  static func sweep(
    _ shared: SharedOptions, _ progress: Progress, round: Int, stride: Int = 1, upTo images: Int? = nil
  ) {
    Leftovers.removeWhenInterrupted(shared.directory)
    let sweep = CrashSweep(seed: shared.seed &+ UInt64(round), isRandom: round > 0, in: shared.directory)
    do {
      let recording = try sweep.record()
      // More parts than jobs, since some parts take longer than others.
      let parts = 8 * shared.jobs
      inParallel(shared.jobs, parts: parts, progress) { part in
        try sweep.run(recording, part: part, of: parts, stride: stride) { tally in
          progress.add(tally)
          return !progress.isOver && progress.distinctImages < images ?? .max
        }
      }
    } catch {
      progress.violated("round \(round): \(error)")
    }
  }
}

struct FaultsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "faults", abstract: "Fails every call that a history makes of its disk, one a run.")

  @OptionGroup var shared: SharedOptions

  @Option(help: ArgumentHelp("Only every so many calls.", valueName: "calls"))
  var every = 1

  @Option(help: .hidden) var part: Int?

  func run() throws {
    guard let part else {
      let progress = Progress(seconds: shared.seconds)
      Self.sweep(shared, progress, every: every)
      return try end(progress, shared)
    }
    try Worker.run(shared, part) { directory, report in
      let sweep = FaultSweep(in: directory)
      var nth = 1 + part * every + Int(shared.seed % UInt64(every))
      // Thread timing changes the number of calls by one: stop only after several runs in a row without a failed call.
      var runsWithout = 0
      while runsWithout < 3 {
        var figures = Figures()
        figures.faults = try sweep.run(failing: nth)
        runsWithout = figures.faults.runs == 0 ? runsWithout + 1 : 0
        if !report(figures) { return }
        nth += shared.jobs * every
      }
    }
  }

  static func sweep(_ shared: SharedOptions, _ progress: Progress, every: Int) {
    inParallel(shared.jobs, parts: shared.jobs, progress) { part in
      try Worker.start(["faults", "--every", "\(every)"], shared, part, progress)
    }
  }
}

struct HistoriesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "histories",
    abstract: "Runs random histories of actions, failing calls and crashes, one seed after the other.")

  @OptionGroup var shared: SharedOptions

  @Option(help: "How many histories.")
  var count: Int?

  @Flag(help: "Shows each event, as long as there is one history.")
  var verbose = false

  @Option(help: .hidden) var part: Int?

  func run() throws {
    guard let part else {
      let progress = Progress(seconds: shared.seconds ?? (count == nil ? 60 : nil))
      if verbose, count == 1 {
        var one = self
        one.part = 0
        return try one.run()
      }
      Self.sweep(shared, progress, count: count)
      return try end(progress, shared)
    }
    try Worker.run(shared, part) { directory, report in
      var number = part
      while number < count ?? .max {
        let history = RandomHistory(seed: shared.seed &+ UInt64(number))
        var figures = Figures()
        do {
          figures.histories = try history.run(in: directory) { event, tally in
            if verbose { Worker.say("\(event) (\(tally.crashes) crashes, \(tally.stops) stops so far)", to: 2) }
          }
        } catch {
          let smallest = history.smallestFailing(in: directory)
          throw HistoryFailure(
            description: "\(error)\nthe smallest history that was seen to fail:\n\(smallest.listing)")
        }
        if !report(figures) { return }
        number += shared.jobs
      }
    }
  }

  struct HistoryFailure: Error, CustomStringConvertible { let description: String }

  static func sweep(_ shared: SharedOptions, _ progress: Progress, count: Int?) {
    inParallel(shared.jobs, parts: shared.jobs, progress) { part in
      try Worker.start(["histories"] + (count.map { ["--count", "\($0)"] } ?? []), shared, part, progress)
    }
  }
}

struct DamageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "damage", abstract: "Damages the files of a state, one a try, and looks what becomes of it.")

  @OptionGroup var shared: SharedOptions

  @Option(help: ArgumentHelp("How many damaged files.", valueName: "count"))
  var files = 10_000

  @Option(help: ArgumentHelp("Only files of this kind; may be repeated.", valueName: "kind"))
  var only: [DamageSweep.FileKind] = []

  @Option(help: .hidden) var part: Int?

  func run() throws {
    guard let part else {
      let progress = Progress(seconds: shared.seconds)
      Self.sweep(shared, progress, files: files, only: only)
      print(progress.finish().figures.damage.table)
      return try end(progress, shared)
    }
    try Worker.run(shared, part) { directory, report in
      let sweep = DamageSweep(
        seed: shared.seed, kinds: only.isEmpty ? DamageSweep.FileKind.allCases : only, in: directory)
      var left = (files + shared.jobs - 1 - part) / shared.jobs
      try sweep.run(try sweep.makeOriginal(), part: part, of: shared.jobs) { tally in
        var figures = Figures()
        figures.damage = tally
        left -= 1
        return report(figures) && left > 0
      }
    }
  }

  static func sweep(_ shared: SharedOptions, _ progress: Progress, files: Int, only: [DamageSweep.FileKind] = []) {
    inParallel(shared.jobs, parts: shared.jobs, progress) { part in
      let kinds = only.flatMap { ["--only", $0.rawValue] }
      try Worker.start(["damage", "--files", "\(files)"] + kinds, shared, part, progress)
    }
  }
}

extension DamageSweep.FileKind: ExpressibleByArgument {}

extension DamageSweep.Tally {
  /// The outcomes by kind of file, as a table.
  fileprivate var table: String {
    let outcomes = DamageSweep.Outcome.allCases
    var lines = ["| file | " + outcomes.map(\.name).joined(separator: " | ") + " |"]
    lines.append("|---|" + outcomes.map { _ in "---|" }.joined())
    for kind in DamageSweep.FileKind.allCases {
      let counts = self.outcomes[kind] ?? [:]
      lines.append("| \(kind.rawValue) | " + outcomes.map { "\(counts[$0] ?? 0)" }.joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n")
  }
}

struct IsolationCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "isolation",
    abstract: "Records what readers see beside a writer, and looks for anomalies, one seed after the other.")

  @OptionGroup var shared: SharedOptions

  @Option(help: "How many runs.")
  var count: Int?

  @Option(help: .hidden) var part: Int?

  func run() throws {
    guard let part else {
      let progress = Progress(seconds: shared.seconds ?? (count == nil ? 60 : nil))
      Self.sweep(shared, progress, count: count)
      return try end(progress, shared)
    }
    try Worker.run(shared, part) { directory, report in
      let end = shared.seconds.map { ContinuousClock.now.advanced(by: .seconds($0)) }
      var number = part
      while number < count ?? .max {
        let run = IsolationRun(seed: shared.seed &+ UInt64(number), in: directory)
        let found = try run.record(until: end).check()
        var figures = Figures()
        figures.isolation = IsolationRun.Tally(found, lives: run.settings.lives)
        let goesOn = report(figures)
        if !found.isClean { throw Anomalies(description: "run \(number), \(run.settings):\n\(found)") }
        if !goesOn { return }
        number += shared.jobs
      }
    }
  }

  struct Anomalies: Error, CustomStringConvertible { let description: String }

  static func sweep(_ shared: SharedOptions, _ progress: Progress, count: Int?) {
    inParallel(shared.jobs, parts: shared.jobs, progress) { part in
      try Worker.start(["isolation"] + (count.map { ["--count", "\($0)"] } ?? []), shared, part, progress)
    }
  }
}

struct AllCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "all", abstract: "All of them by turns; the default.", shouldDisplay: true)

  @OptionGroup var shared: SharedOptions

  @Option(
    help: ArgumentHelp(
      "Ends when there are so many distinct images; without it and --seconds, never.", valueName: "count"))
  var images: Int?

  @Option(help: ArgumentHelp("Where the figures of all runs add up.", valueName: "file"))
  var figures = ".build/torture/figures.json"

  func run() throws {
    let progress = Progress(seconds: shared.seconds)
    var round = 0
    repeat {
      ImagesCommand.sweep(shared, progress, round: round, upTo: images)
      var some = shared
      some.seed = shared.seed &+ UInt64(round) &* 100_000
      some.seconds = min(60, progress.secondsLeft ?? 60)
      if !progress.isOver { HistoriesCommand.sweep(some, progress, count: nil) }
      if round == 0, !progress.isOver {
        some.seconds = progress.secondsLeft
        FaultsCommand.sweep(some, progress, every: 1)
        if !progress.isOver { DamageCommand.sweep(some, progress, files: 10_000) }
      }
      some.seconds = min(60, progress.secondsLeft ?? 60)
      if !progress.isOver { IsolationCommand.sweep(some, progress, count: nil) }
      round += 1
    } while !progress.isOver && progress.distinctImages < images ?? .max
    let sum = try progress.finish().figures.added(to: figures)
    print("All runs so far: \(sum.line), in \(Int(sum.seconds)) s (\(figures))")
    try end(progress, shared)
  }
}

import ArgumentParser
import Foundation

/// Checks that a store's behaviour doesn't degrade: an hour of mixed load, with kills.
struct EnduranceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "endurance",
    abstract: "Keeps a store at work for an hour, kills it now and then, and watches what it takes.",
    discussion: """
      A process changes, deletes and reads rows of a state that is several times as large as its memory budget; it takes \
      checkpoints and deletes the changelog below them. It is killed at random instants and started again. Memory, \
      descriptors and disk are looked at each second, latencies reported for each. In the end all rows are compared with \
      what the operations must have left, and with a replay of the changelog. \
      The exit status is 1 if a bound isn't kept, or a row isn't right; the state is kept then.

      Examples:
        TidemarkBench endurance
        TidemarkBench endurance --minutes 5 --kill-every 40 --checkpoint-every 20
        TidemarkBench endurance --budget 256 --times 20 --rate 8000 --directory /data
      """)

  @Option(help: "How long, once the state is loaded.")
  var minutes = 60.0

  @Option(help: "The memory budget of the store, in MiB.")
  var budget = 64

  @Option(help: "How many times the memory budget the live keys and values take.")
  var times = 10.0

  @Option(help: "Operations a second; each changes one to five rows.")
  var rate = 4000

  @Option(help: "How many seconds are between kills: at random, two thirds to four thirds of it.")
  var killEvery = 180.0

  @Option(help: "How many seconds are between checkpoints.")
  var checkpointEvery = 60.0

  @Option(help: "What operations and instants of kills are drawn from; at random if it isn't given.")
  var seed: UInt32?

  @Option(help: "Where results and the chart go.")
  var output = ".build/bench"

  @Option(help: "Where the state is made, and removed again; OUTPUT/work if it isn't given.")
  var directory: String?

  @Flag(help: "Only what is wrong with the state makes the exit status 1, not a bound of memory, time or disk.")
  var onlyCorrectness = false

  func validate() throws {
    guard minutes > 0, budget >= 8, times > 0, rate > 0, killEvery >= 1, checkpointEvery > 0 else {
      throw ValidationError("all numbers are above 0, the budget is at least 8 MiB, and kills are a second apart")
    }
  }

  func run() throws {
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    let work = directory.map { $0 + "/tidemark-bench" } ?? output + "/work"
    let plan = EndurancePlan(
      directory: work + "/endurance", seed: UInt64(seed ?? .random(in: 0...UInt32.max)), budgetBytes: budget << 20,
      times: times, rate: rate, checkpointSeconds: checkpointEvery)
    try? FileManager.default.removeItem(atPath: plan.directory)
    try FileManager.default.createDirectory(atPath: plan.checkpoints, withIntermediateDirectories: true)
    print("\(plan.items.grouped) items in \(plan.directory), seed \(plan.seed)")
    var machine = Machine()
    var run = EnduranceRun(plan, seconds: minutes * 60, killEverySeconds: killEvery)
    let progress = EnduranceProgress()
    var results: EnduranceResults
    do {
      defer { progress.end() }
      try run.run(progress.show)
      let audit = try WholeAudit.inProcess(plan)
      machine.loadAfter = Machine.load
      results = EnduranceResults(machine, run, audit)
    } catch {
      // The samples so far may show the reason.
      try run.chart.write(toFile: output + "/endurance.svg", atomically: true, encoding: .utf8)
      throw WrongRead(description: "\(error); seed \(plan.seed), the state is kept in \(plan.directory)")
    }
    try results.write(to: output + "/endurance.json")
    try run.chart.write(toFile: output + "/endurance.svg", atomically: true, encoding: .utf8)
    print("\n\(results.text)\n\nresults: \(output)/endurance.json\nchart: \(output)/endurance.svg")
    if onlyCorrectness { print("bounds of memory, time and disk don't count here") }
    if results.bounds.contains(where: { !$0.pass && ($0.isCorrectness || !onlyCorrectness) }) {
      print("the state is kept in \(plan.directory)")
      throw ExitCode.failure
    }
    try FileManager.default.removeItem(atPath: work)
  }
}

/// Prints the progress on standard error.
private final class EnduranceProgress {
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var nextAt = now()

  func show(_ run: EnduranceRun) {
    guard now() >= nextAt, let sample = run.samples.last else { return }
    // A log gets a line a minute.
    nextAt = now() + (isTerminal ? 2 : 60) * 1_000_000_000
    var line =
      sample.seconds < 0 || run.isLoading ? "loading" : "\(Self.clock(sample.seconds)) of \(Self.clock(run.seconds))"
    line += ", \(run.kills.count) kills, \(mebibytes(sample.process.residentBytes)) resident"
    line += ", \(sample.process.descriptors) descriptors, \(mebibytes(sample.disk.totalBytes)) on disk"
    if let commits = sample.report?.commits { line += ", p99 of a commit \(duration(commits.p99))" }
    FileHandle.standardError.write(Data((isTerminal ? "\r\u{1B}[K" + line : line + "\n").utf8))
  }

  func end() { if isTerminal { FileHandle.standardError.write(Data("\n".utf8)) } }

  private static func clock(_ seconds: Double) -> String {
    let rest = Int(seconds) % 60
    return "\(Int(seconds) / 60):\(rest < 10 ? "0" : "")\(rest)"
  }
}

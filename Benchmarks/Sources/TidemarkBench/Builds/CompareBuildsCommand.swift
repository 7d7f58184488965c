import ArgumentParser
import BuildRatios
import Foundation

extension LapClock: ExpressibleByArgument {}

/// The command of `make bench-compare`, once both builds exist.
struct CompareBuildsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare-builds", abstract: "Measures two builds of this program by turns.",
    discussion: """
      Each row is its ratio to its own baseline, measured in its own build's process. Pairs of processes, one of each \
      build, run rounds by turns until the 95 % interval of new/old is within 2 % of its estimate, or a limit is \
      reached. The exit status is 1 if new/old is below 0.97 in any row.
      """)

  @Option(help: "The program of the old build.", completion: .file())
  var old: String

  @Option(help: "The program of the new build; this one if it isn't given.", completion: .file())
  var new: String?

  @Option(help: "Names the old build in results.")
  var base = "old"

  @Option(help: "Only rows whose name contains this text, * standing for anything; may be repeated.")
  var row: [String] = []

  @Option(help: "After so many minutes no pair begins.")
  var minutes = 50.0

  @Option(help: "Pairs of processes that each row has at least.")
  var leastPairs = 8

  @Option(help: "Pairs of processes that a row has at most.")
  var mostPairs = 60

  @Option(help: "Rounds of each process that count.")
  var rounds = 4

  @Option(help: "What is measured: wall time, or the processor time of all threads, on a machine that does other work.")
  var clock: LapClock = .wall

  @Option(help: "Where builds.json goes, and databases are made and removed again.")
  var output = ".build/bench-compare"

  @Flag(help: "List the rows and stop.")
  var list = false

  func validate() throws {
    guard rounds > 0, leastPairs > 0, mostPairs >= leastPairs else {
      throw ValidationError("--rounds, --least-pairs and --most-pairs are at least 1, and the most not below the least")
    }
  }

  func run() throws {
    // A process that has ended then shows by its missing answer, not by a signal.
    signal(SIGPIPE, SIG_IGN)
    let work = output + "/work"
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: work) }
    let groups = try chosenRows(work + "/names")
    guard !groups.isEmpty else { throw ValidationError("no row's name contains that; --list shows them") }
    if list {
      for name in groups.flatMap(\.rows) { print(name) }
      return
    }
    let rows = try measure(groups, work)
    print("\(rows.table)\n\n\(rows.summary)\nresults: \(output)/builds.json")
    if rows.rows.contains(where: { $0.verdict == .slower }) { throw ExitCode.failure }
  }

  /// The rows of stores that match one of the patterns, group by group.
  private func chosenRows(_ directory: String) throws -> [(title: String, rows: [String])] {
    let bench = try Bench(.forNames, directory: directory)
    defer { bench.remove(directory) }
    return try bench.groups([]).compactMap { group in
      let names = Series.all(of: try group.prepare(), group: group.title)
        .filter { $0.against != nil && !$0.contender.isPlain }.map(\.rowName)
        // Proof: both texts are null-terminated during the call.
        .filter { name in row.isEmpty || row.contains { unsafe fnmatch("*\($0)*", name, 0) == 0 } }
      return names.isEmpty ? nil : (group.title, names)
    }
  }

  private func measure(_ groups: [(title: String, rows: [String])], _ work: String) throws -> BuildResults {
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    var plan = Plan.forBuilds
    plan.clock = clock
    let builds = BuildPair(programs: (old, new ?? program), plan: plan, directory: work)
    var machine = Machine()
    var rows: [String: BuildRow] = [:]
    for name in groups.flatMap(\.rows) { rows[name] = BuildRow(name) }
    func results() -> BuildResults {
      machine.loadAfter = Machine.load
      return BuildResults(
        base: base, machine: machine, plan: builds.plan, rows: groups.flatMap(\.rows).compactMap { rows[$0] })
    }
    let begin = now()
    var seconds = [Double](repeating: 0, count: groups.count)
    var number = 0
    var isOver = false
    while !isOver {
      isOver = true
      for (index, group) in groups.enumerated() {
        let open = group.rows.filter { rows[$0]?.isOpen(least: leastPairs, most: mostPairs) ?? false }
        // A pair that would end too late isn't started; its expected time is that of the last pair of its group.
        let pairBegin = now()
        if open.isEmpty || Double(pairBegin - begin) / 1e9 + seconds[index] > minutes * 60 { continue }
        let pair = try builds.measure(Set(open), of: group.title, number: number, rounds: rounds)
        for (name, ratios) in pair { rows[name]?.append(ratios) }
        seconds[index] = Double(now() - pairBegin) / 1e9
        isOver = false
        let results = results()
        try results.write(to: output + "/builds.json")
        say(group.title, open, results, after: Double(now() - begin) / 60e9, seconds[index])
      }
      number += 1
    }
    return results()
  }

  /// A line of progress.
  private func say(
    _ group: String, _ measured: [String], _ results: BuildResults, after minutes: Double, _ seconds: Double
  ) {
    let open = results.rows.count { $0.isOpen(least: leastPairs, most: mostPairs) }
    let rows = results.rows.filter { measured.contains($0.name) }
    let middles = rows.compactMap { $0.estimate?.middle }.sorted()
    let reach = rows.compactMap { $0.estimate?.reach }.max()
    var line = "[\(minutes.fixed(1)) of at most \(self.minutes.shortest) min] \(group): pair \(rows[0].pairs.count)"
    line += " in \(seconds.fixed(1)) s, new/old \(middles[0].fixed(3))"
    if middles.count > 1 { line += " to \(middles[middles.count - 1].fixed(3))" }
    if let reach { line += " ±\((reach * 100).fixed(1)) %" }
    line += "; \(open) of \(results.rows.count) rows are open\n"
    FileHandle.standardError.write(Data(line.utf8))
  }
}

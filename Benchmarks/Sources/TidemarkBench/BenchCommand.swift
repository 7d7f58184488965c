import ArgumentParser
import Foundation

@main
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "TidemarkBench", abstract: "Measures Tidemark beside plain RocksDB.",
    discussion: """
      In each round each case runs beside its baseline; a ratio is that of the two runs. Results go to a \
      directory as results.json and charts (SVG), and to standard output as tables.
      """,
    subcommands: [
      RunCommand.self, CompareCommand.self, CompareBuildsCommand.self, ScaleCommand.self, EnduranceCommand.self,
      RunPartCommand.self, BuildRoundsCommand.self, WriteUntilKilledCommand.self, ScaleStepCommand.self,
      EnduranceWorkerCommand.self,
    ],
    defaultSubcommand: RunCommand.self)
}

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "run", abstract: "Runs the benchmarks.")

  @Option(help: "How much is done: smoke (all cases, tiny), standard (as much as fits into 18 minutes), full (hours).")
  var scale: Scale = .standard

  @Option(help: "Where results and charts go.")
  var output = ".build/bench"

  @Option(help: "Where databases are made, and removed again; OUTPUT/work if it isn't given.")
  var directory: String?

  @Option(help: "Run only groups whose title contains this text; may be repeated.")
  var only: [String] = []

  @Option(help: "After so many minutes no round begins, instead of the scale's.")
  var minutes: Double?

  @Option(help: "Rounds of each group, instead of the scale's, however long they take.")
  var rounds: Int?

  @Option(help: "Among how many processes the rounds are divided, instead of the scale's number.")
  var processes: Int?

  @Option(help: "Records of each write run, instead of the scale's.")
  var records: Int?

  @Option(help: "Records of each run that compactions are part of, instead of the scale's.")
  var settledRecords: Int?

  @Flag(help: "Open plain databases without the hint for batches in key order that stores have.")
  var withoutInsertHint = false

  @Flag(help: "List the groups and stop.")
  var list = false

  func run() throws {
    var plan = Plan(scale)
    if let records {
      (plan.writeRecords, plan.contextRecords, plan.restoreRecords) = (records, records, records)
      if records > Plan(.standard).writeRecords { plan.slicesWrites = false }
    }
    if let settledRecords { (plan.settledRecords, plan.latencyRecords) = (settledRecords, settledRecords) }
    plan.baselineInsertHint = !withoutInsertHint
    if let minutes { plan.minutes = minutes }
    if let rounds { plan.setRounds(rounds) }
    if let processes { plan.processes = processes }
    if let rounds { plan.processes = min(plan.processes, rounds) }
    guard plan.processes > 0 else { throw ValidationError("--processes and --rounds are at least 1") }
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    let work = directory.map { $0 + "/tidemark-bench" } ?? output + "/work"
    defer { try? FileManager.default.removeItem(atPath: work) }
    let bench = try Bench(plan, directory: work)
    let groups = bench.groups(only)
    if list {
      for group in groups {
        print("\(group.title) (\(bench.plan.minutes == nil ? "" : "at most ")\(group.rounds) rounds)")
      }
      return
    }
    guard !groups.isEmpty else { throw ValidationError("no group's title contains that; --list shows them") }
    try measure(bench)
  }

  private func measure(_ bench: Bench) throws {
    var machine = Machine()
    print(heading(bench, machine))
    let plan = bench.plan
    let begin = now()
    var measured: [Measurements] = []
    var results: Results {
      Results(
        scale: scale.rawValue, machine: machine, plan: plan, options: bench.options, rows: measured.map(Row.init))
    }
    for process in 0..<plan.processes {
      let minutesLeft = plan.minutes.map { $0 - Double(now() - begin) / 60e9 }
      let part = plan.part(process, minutes: minutesLeft.map { max($0, 0) / Double(plan.processes - process) })
      let command = RunPartCommand.Work(plan: part, process: process, directory: bench.directory, only: only)
      measured.add(try command.runInProcess())
      machine.loadAfter = Machine.load
      // An interrupted run leaves the results so far.
      try results.write(to: output + "/results.json")
    }
    print(results.text + "\n\n" + Results.legend)
    print("\nresults: \(output)/results.json")
    for path in try results.drawCharts(in: output) { print("chart: \(path)") }
    print(scale == .smoke ? "\nthese figures mean nothing: the cases ran tiny" : "\n\(results.verdict)")
    if only.isEmpty, let bar = results.barsWithoutRow.first {
      throw ValidationError("the bar of \(bar.group), \(bar.name) has no row")
    }
  }

  private func heading(_ bench: Bench, _ machine: Machine) -> String {
    var lines = [
      "\(machine.processor), \(machine.cores) cores, \(mebibytes(Int(machine.memoryBytes))), Linux \(machine.kernel),"
        + " load \(machine.loadBefore)",
      "RocksDB \(machine.rocksDB); keys of \(RecordKey.byteCount) bytes, values of \(ValuePool.valueBytes)",
      machine.isOptimized ? "" : "a debug build: its figures mean nothing",
      "RocksDB's options in effect, the same on both sides:",
    ]
    lines += bench.options.same.sorted { $0.key < $1.key }.filter { ComparedOptions.shown.contains($0.key) }
      .map { "  \($0.key) = \($0.value)" }
    lines.append(
      "  and \(bench.options.same.count - ComparedOptions.shown.count) more (results.json)")
    if !bench.options.different.isEmpty {
      lines.append("and those that differ, store / plain database:")
      lines += bench.options.different.sorted { $0.key < $1.key }.map { name, values in
        "  \(name) = \(values[0].isEmpty ? "none" : values[0]) / \(values[1].isEmpty ? "none" : values[1])"
      }
    }
    return lines.filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
  }
}

extension ComparedOptions {
  /// The options that matter most for speed.
  static let shown: Set<String> = [
    "cf.write_buffer_size", "cf.max_write_buffer_number", "cf.compression", "cf.level0_file_num_compaction_trigger",
    "cf.level0_slowdown_writes_trigger", "cf.level0_stop_writes_trigger", "cf.max_bytes_for_level_base",
    "cf.target_file_size_base", "cf.level_compaction_dynamic_level_bytes",
    "cf.memtable_insert_with_hint_prefix_extractor", "cf.table_factory.filter_policy", "cf.table_factory.block_size",
    "cf.table_factory.checksum", "cf.table_factory.cache_index_and_filter_blocks", "db.max_background_jobs",
    "db.atomic_flush", "db.allow_concurrent_memtable_write", "db.enable_pipelined_write",
  ]
}

import ArgumentParser
import Foundation

/// One of the processes that share the rounds of ``RunCommand``: it prints its measurements as JSON.
struct RunPartCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "run-part", shouldDisplay: false)

  /// The work to do.
  struct Work: Codable {
    let plan: Plan
    let process: Int
    let directory: String
    let only: [String]

    /// Does the work in a process of its own, to its end.
    func runInProcess() throws -> [Measurements] {
      let child = try ChildProcess(["run-part", String(decoding: try JSONEncoder().encode(self), as: UTF8.self)])
      let output = child.output.readDataToEndOfFile()
      _ = try child.end()
      guard !output.isEmpty else { throw ExitCode.failure }
      return try JSONDecoder().decode([Measurements].self, from: output)
    }
  }

  @Argument(help: "The work, as JSON.")
  var work: String

  func run() throws {
    let work = try JSONDecoder().decode(Work.self, from: Data(work.utf8))
    let bench = try Bench(work.plan, directory: work.directory + "/part")
    let groups = bench.groups(work.only).filter { $0.rounds > 0 }
    var runner = Runner(groups, work.plan, process: work.process)
    try runner.run(groups)
    let measured = try JSONEncoder().encode(runner.measurements)
    bench.remove(bench.directory)
    FileHandle.standardOutput.write(measured)
  }
}

import ArgumentParser
import Foundation

/// One of the two processes, each of another build, that take turns for ``CompareBuildsCommand``.
///
/// It prints `ready` once its databases are loaded and an uncounted round is over. For each line of its input it runs a
/// round and prints the ratios as JSON; it ends when its input does.
struct BuildRoundsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "build-rounds", shouldDisplay: false)

  /// The work to do.
  struct Work: Codable {
    let plan: Plan
    /// The number of the pair, which determines the order of cases.
    let pair: Int
    let directory: String
    /// The title of the group.
    let group: String
    /// The wanted rows of the group (``Series/rowName``).
    let rows: Set<String>
  }

  @Argument(help: "The work, as JSON.")
  var work: String

  func run() throws {
    let work = try JSONDecoder().decode(Work.self, from: Data(work.utf8))
    let bench = try Bench(work.plan, directory: work.directory)
    defer { bench.remove(bench.directory) }
    guard let group = bench.groups([]).first(where: { $0.title == work.group }) else {
      throw ValidationError("there is no group \(work.group)")
    }
    var runner = try Runner(group, work.plan, process: work.pair, only: work.rows)
    say("ready")
    var round = 0
    while readLine() != nil {
      say(String(decoding: try JSONEncoder().encode(try runner.ratios(ofRound: round)), as: UTF8.self))
      round += 1
    }
  }

  private func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
}

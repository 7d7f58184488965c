import ArgumentParser
import Foundation

/// One of the two processes that ``CompareBuildsCommand`` lets take turns, each of another build.
///
/// It says `ready` once its databases are loaded and a round that doesn't count is over. For each line of its input it
/// runs a round and prints the ratios as JSON; it ends with its input.
struct BuildRoundsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "build-rounds", shouldDisplay: false)

  /// What it is to do.
  struct Work: Codable {
    let plan: Plan
    /// The number of the pair: the same order of cases follows from the same number.
    let pair: Int
    let directory: String
    /// The title of the group.
    let group: String
    /// The rows of the group that are wanted (``Series/rowName``).
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

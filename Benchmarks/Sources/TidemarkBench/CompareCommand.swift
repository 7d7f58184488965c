import ArgumentParser
import Foundation

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Shows where the ratios of two runs differ.",
    discussion: "Lists the rows that differ by more than the limit, the largest difference first, and a summary.")

  @Argument(help: "The first run's results.json.", completion: .file(extensions: ["json"]))
  var first: String

  @Argument(help: "The second run's results.json.", completion: .file(extensions: ["json"]))
  var second: String

  @Option(help: "Rows that differ by more percent than this are listed.")
  var limit = 10.0

  /// The compared parts of `results.json`.
  private struct Run: Decodable {
    let scale: String
    let rows: [Row]
  }

  func run() throws {
    let (first, second) = (try read(first), try read(second))
    if first.scale != second.scale { print("the runs are of different scales: \(first.scale), \(second.scale)\n") }
    print(Comparison(first.rows, second.rows).text(limit: limit / 100))
  }

  private func read(_ path: String) throws -> Run {
    do {
      return try JSONDecoder().decode(Run.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      throw ValidationError("\(path) can't be read as results: \(error)")
    }
  }
}

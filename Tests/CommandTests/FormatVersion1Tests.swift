import FixtureMaker
import Foundation
import Testing

/// State directories of format version 1 print their contents and take more rows.
///
/// Seen to fail with one digit of an expected file changed.
@Suite struct FormatVersion1Tests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func copy(_ name: String) throws -> Fixture { try Fixture(name, to: directory("fixture")) }

  private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  private func run(_ arguments: String...) throws -> String {
    let outcome = try CommandTests.run(commandPath(), arguments)
    #expect(outcome.status == 0, "\(arguments): \(outcome.error)")
    return outcome.output
  }

  /// Reads rows through standard input.
  private func aggregate(_ state: String, _ rows: String) throws {
    let input = try directory.write(rows, to: "rows-\(UUID().uuidString)")
    let outcome = try CommandTests.run(
      "/bin/sh",
      [
        "-c", "exec \"$@\" < \"$0\"", input, commandPath(), "aggregate", "-", "--group-by", "customer", "--count",
        "--sum",
        "amount", "--state", state,
      ])
    #expect(outcome.status == 0, "\(outcome.error)")
  }

  /// The line of `info` for a pipe whose first `rows` rows were read.
  private func pipe(_ number: Int, rows: Int, of fixture: Fixture, _ name: String) throws -> String {
    let kept = try text(fixture(name + "/input/stdin-\(number)"))
    // The header is a line, too.
    let read = kept.split(separator: "\n", omittingEmptySubsequences: false).prefix(rows + 1)
    let bytes = read.reduce(0) { $0 + $1.utf8.count + 1 }
    return "input \(number)           stdin:\(number): \(rows) rows, \(bytes) bytes of \(kept.utf8.count) kept\n"
  }

  /// Changelog and state print their contents, and agree.
  private func expect(_ fixture: Fixture, _ name: String, _ inputs: [String]) throws {
    let state = fixture(name)
    #expect(try run("log", "--print", "--json", "--state", state) == text(fixture(name + ".log")))
    #expect(try run("scan", "--json", "--state", state) == text(fixture(name + ".scan")))
    let info = try run("info", "--state", state)
    #expect(info.contains("aggregation       --group-by customer --count --sum amount\n"), "\(info)")
    for input in inputs { #expect(info.contains(input), "\(info)") }
    #expect(try run("verify", "--state", state).hasPrefix("the state is the replay of its changelog: "))
  }

  /// The state takes more rows, and the changelog keeps its commits.
  private func expectMore(_ fixture: Fixture, _ name: String) throws {
    let state = fixture(name)
    try aggregate(state, "customer,amount\nzz,5\nzz,37\n")
    let added = try text(fixture(name + ".scan")) + "{\"customer\":\"zz\",\"count\":2,\"sum(amount)\":42}\n"
    #expect(try run("scan", "--json", "--state", state) == added)
    #expect(try run("verify", "--state", state).hasPrefix("the state is the replay of its changelog: "))
    #expect(try run("log", "--print", "--json", "--state", state).hasPrefix(text(fixture(name + ".log"))))
  }

  private let file = "input 0           \(Fixture.root)/aggregate/orders.csv: 40 rows, "

  @Test func killedAggregationShowsItsCommits() throws {
    let fixture = try copy("aggregate-killed")
    // The last five and a half rows of the pipe were in no commit.
    try expect(fixture, "state", [file, pipe(1, rows: 20, of: fixture, "state")])
  }

  /// The rows of the input log that were in no commit are read before more rows are.
  @Test func killedAggregationReadsItsInputLogToTheEnd() throws {
    let fixture = try copy("aggregate-killed")
    let finished = try Fixture("aggregate", to: directory("finished"))
    let rows = try text(finished("state/input/stdin-2"))
    try aggregate(fixture("state"), rows)
    #expect(try run("scan", "--json", "--state", fixture("state")) == text(finished("state.scan")))
    #expect(try run("verify", "--state", fixture("state")).hasPrefix("the state is the replay of its changelog: "))
  }

  @Test func finishedAggregationShowsItsCommits() throws {
    let fixture = try copy("aggregate")
    let pipes = try [pipe(1, rows: 25, of: fixture, "state"), pipe(2, rows: 15, of: fixture, "state")]
    try expect(fixture, "state", [file] + pipes)
    try expectMore(fixture, "state")
  }

  @Test func checkpointOfTheCommandIsRestored() throws {
    let fixture = try copy("aggregate")
    let state = directory("restored")
    let said = try run("restore", "--from", fixture("checkpoint"), "--state", state)
    #expect(said.hasPrefix("\(state): restored from the checkpoint at offset "), "\(said)")
    #expect(try run("scan", "--json", "--state", state) == text(fixture("state.scan")))
    #expect(try run("log", "--print", "--json", "--state", state) == text(fixture("state.log")))
    #expect(try run("verify", "--state", state).hasPrefix("the state is the replay of its changelog: "))
  }

  @Test func forkShowsItsCommitsAndKnowsItsCheckpoint() throws {
    let fixture = try copy("aggregate")
    #expect(try text(fixture("fork/store/BASE")) == fixture("fork/checkpoint") + "\n")
    let pipes = try [
      pipe(1, rows: 25, of: fixture, "fork"), pipe(2, rows: 15, of: fixture, "fork"),
      pipe(3, rows: 10, of: fixture, "fork"),
    ]
    try expect(fixture, "fork", [file] + pipes)
    try expectMore(fixture, "fork")
  }

  @Test func forkIsRebuiltFromItsCheckpoint() throws {
    let fixture = try copy("aggregate")
    _ = try run("rebuild", "--state", fixture("fork"))
    #expect(try run("scan", "--json", "--state", fixture("fork")) == text(fixture("fork.scan")))
    #expect(try run("verify", "--state", fixture("fork")).hasPrefix("the state is the replay of its changelog: "))
  }
}

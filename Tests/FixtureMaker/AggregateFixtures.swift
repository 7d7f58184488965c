import Foundation

/// The fixtures that the command `tidemark` makes: `aggregate-killed` and `aggregate`.
struct AggregateFixtures {
  private let path = Fixture.root + "/aggregate"
  private var state: String { path + "/state" }
  private let rows = (0..<90).map { (customer: "c\($0 * 7 % 11)", amount: $0 * $0 % 97) }

  func make() throws {
    let manager = FileManager.default
    try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
    try Data(csv(0..<40).utf8).write(to: URL(fileURLWithPath: path + "/orders.csv"))
    try run(["aggregate", path + "/orders.csv"] + options(state))

    // Two commits of 10 rows; another 5 rows and a half are in the input log alone.
    let half = "c9"
    try killed(csv(40..<65) + half)
    try expect(0..<60, "state")
    try manager.copyItem(atPath: path, toPath: Fixture.root + "/aggregate-killed")

    // The input log's 5 rows, and then another pipe.
    try run(["aggregate", "-"] + options(state), csv(65..<80))
    try expect(0..<80, "state")
    try run(["checkpoint", path + "/checkpoint", "--state", state])
    try run(["fork", path + "/fork", "--state", state])
    try run(["aggregate", "-"] + options(path + "/fork"), csv(80..<90))
    try expect(0..<90, "fork")
  }

  private func options(_ state: String) -> [String] {
    ["--group-by", "customer", "--count", "--sum", "amount", "--state", state]
  }

  private func csv(_ range: Range<Int>) -> String {
    "customer,amount\n" + rows[range].map { "\($0.customer),\($0.amount)\n" }.joined()
  }

  /// Writes the outputs of `tidemark scan --json`, for the rows of a range, and of `tidemark log`.
  private func expect(_ range: Range<Int>, _ name: String) throws {
    let groups = Dictionary(grouping: rows[range]) { $0.customer }.sorted { $0.key < $1.key }
    let lines = groups.map {
      "{\"customer\":\"\($0.key)\",\"count\":\($0.value.count),\"sum(amount)\":\($0.value.reduce(0) { $0 + $1.amount })}\n"
    }
    try Data(lines.joined().utf8).write(to: URL(fileURLWithPath: path + "/\(name).scan"))
    let log = try output(["log", "--print", "--json", "--state", path + "/" + name])
    try Data(log.utf8).write(to: URL(fileURLWithPath: path + "/\(name).log"))
  }

  private func process(_ arguments: [String]) -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
      .appendingPathComponent("tidemark")
    process.arguments = arguments
    return process
  }

  private func run(_ arguments: [String], _ text: String = "") throws {
    let (child, input) = (process(arguments), Pipe())
    child.standardInput = input
    try child.run()
    try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    try input.fileHandleForWriting.close()
    child.waitUntilExit()
    guard child.terminationStatus == 0 else { fatalError("tidemark \(arguments): \(child.terminationStatus)") }
  }

  /// Reads a text from a pipe, and kills the command once its input log has all of it and two commits are in the changelog.
  private func killed(_ text: String) throws {
    let commits = ["--commit-records", "10", "--commit-milliseconds", "100000"]
    let child = process(["aggregate", "-"] + commits + options(state))
    let input = Pipe()
    child.standardInput = input
    try child.run()
    try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    let committed = "input-1: \(csv(40..<60).utf8.count)"
    while try !output(["log", "--print", "--no-records", "--state", state]).contains(committed) { usleep(20_000) }
    let log = URL(fileURLWithPath: state + "/input/stdin-1")
    while try Data(contentsOf: log).count < text.utf8.count { usleep(20_000) }
    kill(child.processIdentifier, SIGKILL)
    child.waitUntilExit()
  }

  private func output(_ arguments: [String]) throws -> String {
    let (child, output) = (process(arguments), Pipe())
    child.standardOutput = output
    try child.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    child.waitUntilExit()
    return text
  }
}

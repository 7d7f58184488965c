import Foundation
import Testing

/// Rows through a pipe: rows in the input log are replayed, later rows are another input.
@Suite struct StandardInputTests {
  let directory: TemporaryDirectory
  var state: String { directory("state") }
  var arguments: [String] { ["aggregate", "-", "--group-by", "k", "--sum", "v", "--state", state] }

  init() throws { directory = try TemporaryDirectory() }

  /// Runs the command with a text as its standard input.
  func aggregate(_ text: String, _ more: String...) throws -> Outcome {
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/bin/sh")
    let file = try directory.write(text, to: "input-\(UUID().uuidString)")
    child.arguments = ["-c", "cat \"$0\" | timeout 60 \"$@\"", file, commandPath()] + arguments + more
    let (output, error) = (Pipe(), Pipe())
    (child.standardOutput, child.standardError) = (output, error)
    try child.run()
    let said = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    child.waitUntilExit()
    return Outcome(status: child.terminationStatus, output: "", error: said)
  }

  func rows() throws -> String { try tidemark("scan", "--json", "--state", state).output }

  @Test func eachPipeIsAnInputOfItsOwn() throws {
    #expect(try aggregate("k,v\na,1\nb,2").status == 0)
    #expect(try rows() == "{\"k\":\"a\",\"sum(v)\":1}\n{\"k\":\"b\",\"sum(v)\":2}\n")
    #expect(try aggregate("v,k\n4,a\n").status == 0)
    #expect(try aggregate("{\"k\":\"a\",\"v\":8}\n{\"v\":16,\"k\":\"b\"}").status == 0)
    #expect(try aggregate("").status == 0)
    #expect(try rows() == "{\"k\":\"a\",\"sum(v)\":13}\n{\"k\":\"b\",\"sum(v)\":18}\n")
    #expect(try FileManager.default.contentsOfDirectory(atPath: state + "/input").count == 3)
    #expect(try tidemark("verify", "--state", state).status == 0)
  }

  @Test func manyRowsCountOnce() throws {
    let text = "k,v\n" + (0..<30_000).map { "\($0 % 3),\"1\"\n" }.joined()
    #expect(try aggregate(text, "--commit-records", "700").status == 0)
    #expect(
      try rows() == "{\"k\":\"0\",\"sum(v)\":10000}\n{\"k\":\"1\",\"sum(v)\":10000}\n{\"k\":\"2\",\"sum(v)\":10000}\n")
  }

  @Test func badRowsAndHeadersAreNamed() throws {
    let bad = try aggregate("k,v\na,1\nb,x\nc,3\n")
    #expect(bad.status == 81)
    #expect(bad.error.contains("/input/stdin-1 line 3: column \"v\" is not a number"), "\(bad.error)")
    // The rows after the bad row are sent again.
    #expect(try aggregate("").status == 0)
    #expect(try rows() == "{\"k\":\"a\",\"sum(v)\":1}\n")
    #expect(try aggregate("k,v\nb,x\nc,3\n", "--skip-bad-rows").status == 0)
    #expect(try rows() == "{\"k\":\"a\",\"sum(v)\":1}\n{\"k\":\"c\",\"sum(v)\":3}\n")
    let header = try aggregate("k,w")
    #expect(header.status == 80)
    #expect(header.error.contains("no column \"v\""), "\(header.error)")
  }

  @Test func afterAKillWhatWasReadIsReplayed() throws {
    let child = Process()
    child.executableURL = URL(fileURLWithPath: commandPath())
    child.arguments = arguments + ["--commit-milliseconds", "100000"]
    let (input, error) = (Pipe(), Pipe())
    (child.standardInput, child.standardError) = (input, error)
    try child.run()
    try input.fileHandleForWriting.write(contentsOf: Data("k,v\na,1\nb,2\na,3\nb,4".utf8))
    let log = state + "/input/stdin-1"
    var waits = 0
    while (try? Data(contentsOf: URL(fileURLWithPath: log)))?.count != 19, waits < 1000 {
      usleep(10_000)
      waits += 1
    }
    kill(child.processIdentifier, SIGKILL)
    child.waitUntilExit()
    // Nothing was committed yet; half a row is left out.
    #expect(try rows() == "")
    #expect(try Data(contentsOf: URL(fileURLWithPath: log)).count == 19)
    #expect(try aggregate("k,v\na,100\n").status == 0)
    #expect(try rows() == "{\"k\":\"a\",\"sum(v)\":104}\n{\"k\":\"b\",\"sum(v)\":2}\n")
    let info = try tidemark("info", "--state", state).output
    #expect(info.contains("stdin:1: 3 rows, 16 bytes of 19 kept"), "\(info)")
    #expect(try aggregate("").status == 0)
    #expect(try rows() == "{\"k\":\"a\",\"sum(v)\":104}\n{\"k\":\"b\",\"sum(v)\":2}\n")
  }

  @Test func aSignalCommitsWhatWasReadAndAQuietPipeIsCommittedInTime() throws {
    let child = Process()
    child.executableURL = URL(fileURLWithPath: commandPath())
    child.arguments = arguments + ["--commit-milliseconds", "50"]
    let (input, error) = (Pipe(), Pipe())
    (child.standardInput, child.standardError) = (input, error)
    try child.run()
    try input.fileHandleForWriting.write(contentsOf: Data("k,v\na,1\nb,2\n".utf8))
    // The changelog shows the commit while the pipe is quiet.
    var waits = 0
    while waits < 500,
      try !tidemark("log", "--print", "--no-records", "--state", state).output.contains("input-0: 12")
    {
      usleep(20_000)
      waits += 1
    }
    #expect(waits < 500)
    kill(child.processIdentifier, SIGTERM)
    child.waitUntilExit()
    #expect(child.terminationStatus == 143)
    #expect(try rows() == "{\"k\":\"a\",\"sum(v)\":1}\n{\"k\":\"b\",\"sum(v)\":2}\n")
  }
}

import Foundation
import Testing
import Tidemark

@Suite struct LogTests {
  let directory: TemporaryDirectory
  let state: String
  let file: String

  init() throws {
    directory = try TemporaryDirectory()
    state = directory("state")
    file = try directory.write("t,k,v\n2011-12-01,a,1\n2011-12-01,b,2\n2011-12-02,a,x\n", to: "rows.csv")
    let outcome = try tidemark(
      "aggregate", file, "--window", "1d", "--time", "t", "--group-by", "k", "--count", "--last", "v", "--state", state)
    try #require(outcome.status == 0, "\(outcome.error)")
  }

  func objects(_ arguments: String...) throws -> [[String: Any]] {
    let outcome = try run(commandPath(), ["log", "--json", "--state", state] + arguments)
    #expect(outcome.status == 0, "\(outcome.error)")
    return try outcome.output.split(separator: "\n").map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
    }
  }

  @Test func segmentsAreListedWithTheirOffsets() throws {
    let segments = try objects()
    #expect(segments.first?["startOffset"] as? Int == 0)
    let info = try tidemark("info", "--json", "--state", state).output
    let end = try #require(segments.last?["endOffset"] as? Int)
    #expect(info.contains("\"changelogEnd\" : \(end)"), "\(info)")
    for (segment, next) in zip(segments, segments.dropFirst()) {
      #expect(segment["endOffset"] as? Int == next["startOffset"] as? Int)
    }
    #expect(try tidemark("log", "--state", state).output.contains("00000000000000000000.log"))
  }

  @Test func commitsAndRecordsArePrinted() throws {
    let all = try objects("--print")
    let groups = all.filter { $0["table"] as? String == "groups" }
    #expect(
      groups.map { $0["key"] as? [String] ?? [] } == [
        ["2011-12-01T00:00:00Z", "a"], ["2011-12-01T00:00:00Z", "b"], ["2011-12-02T00:00:00Z", "a"],
      ])
    #expect((groups.last?["value"] as? [Any])?.last as? String == "x")
    #expect(all.contains { $0["streamTime"] as? String == "2011-12-02T00:00:00Z" })
    let commits = all.filter { $0["type"] as? String == "commit" }
    #expect(try objects("--print", "--no-records").count == commits.count)
    #expect(try objects("--print", "--no-records", "--limit", "1").count == 1)
    let offset = try #require(groups[0]["offset"] as? Int)
    let from = try objects("--print", "--from", "\(offset)")
    #expect(from.first?["type"] as? String == "commit")
    #expect((from.first?["baseOffset"] as? Int ?? .max) <= offset && (from.first?["endOffset"] as? Int ?? 0) > offset)
    #expect(try tidemark("log", "--print", "--from", "999", "--state", state).status == 64)
    #expect(
      try tidemark("log", "--print", "--state", state).output.contains(
        " groups [\"2011-12-01T00:00:00Z\",\"a\"] [1,\"1\"]"))
  }

  @Test func aLiveLogIsReadAndFollowed() throws {
    let log = try FileLog.open(state + "/changelog", TopicPartition("aggregate", 0))
    let other = Table("other", key: .string, value: .int64)
    let store = try StateStore.open(state + "/store", tables: [other], changelog: log)
    #expect(try tidemark("scan", "--state", state).status == 75)
    #expect(try objects().count >= 1)

    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    child.arguments = [
      "30", commandPath(), "log", "--follow", "--limit", "2", "--no-records", "--json", "--state", state,
    ]
    let pipe = Pipe()
    child.standardOutput = pipe
    try child.run()
    // Commit until the command has seen two: it may start late.
    var number: Int64 = 0
    while child.isRunning, number < 1000 {
      number += 1
      try store.write { try $0.put("k", number, in: other) }
      // Wait briefly for its answer.
      var answer = pollfd(fd: pipe.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
      unsafe poll(&answer, 1, 20)
    }
    child.waitUntilExit()
    #expect(child.terminationStatus == 0)
    let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    #expect(said.split(separator: "\n").count == 2)
    try store.close()
    #expect(try tidemark("verify", "--state", state).status == 0)
  }

  @Test func tortureAgrees() throws {
    let outcome = try tidemark(
      "torture", "--kills", "3", "--records", "60000", "--directory", directory.path, "--durability", "sync")
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.output.contains("3 of 3 kills in "), "\(outcome.output)")
    #expect(outcome.output.contains("3 kills: each state was right"), "\(outcome.output)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).allSatisfy { !$0.contains("torture") })
    #expect(try tidemark("torture", "--kills", "3", "--directory", directory("none")).status == 66)
  }
}

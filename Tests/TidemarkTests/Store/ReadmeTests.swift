import Foundation
import Testing
import Tidemark

@Suite struct ReadmeTests {
  @Test func theExampleIsTheFileThatIsCompiledAndRun() throws {
    let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let source = try String(contentsOf: here.appending(path: "ReadmeExample.swift"), encoding: .utf8)
    let readme = try String(contentsOf: here.appending(path: "../../../README.md"), encoding: .utf8)
    #expect(readme.contains("```swift\n" + source + "```"))
  }

  @Test func theExampleGoesOnWhereItStopped() throws {
    let directory = try TemporaryDirectory()
    let input = (0..<1000).map { (customer: $0 % 3 == 0 ? "anna" : "bert", cents: Int64($0)) }
    try process(Array(input.prefix(400)), in: directory.path)
    try process(input, in: directory.path)
    let log = try FileLog.open(directory.path, TopicPartition("totals", 0))
    let store = try StateStore.open(directory("store"), tables: [totals], changelog: log)
    let view = try store.snapshot()
    #expect(try view.get("anna", in: totals) == input.filter { $0.customer == "anna" }.reduce(0) { $0 + $1.cents })
    #expect(view.position == [payments: 1000])
  }
}

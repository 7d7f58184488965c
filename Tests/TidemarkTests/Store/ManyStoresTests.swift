import Foundation
import TestSupport
import Testing
import TidemarkTesting

/// Many stores in one process: see `ManyStores` for what they do.
@Suite struct ManyStoresTests {
  /// Half of them have a changelog.
  @Test func `200 stores work in a process that may have 4096 files, in one memory budget`() throws {
    let directory = try TemporaryDirectory(inMemory: true)
    let output = try run("many", directory("many"))
    // Names and figures alternate.
    let words = output.split(whereSeparator: \.isWhitespace).map(String.init)
    func figure(_ name: String) throws -> Int {
      let index = try #require(words.firstIndex(of: name), "\(output)")
      return try #require(Int(words[index + 1]), "\(output)")
    }
    // As Operating.md says: 11, and 2 for the new column families, of the table and of the offsets.
    for name in ["withChangelog", "without"] { #expect(try figure(name) <= 13, "\(output)") }
    for name in ["reopenedWithChangelog", "reopenedWithout"] { #expect(try figure(name) <= 11, "\(output)") }
    #expect(try figure("most") < 4096 - 128, "\(output)")
    #expect(try figure("left") <= 1, "\(output)")
    #expect(try figure("threads") <= 32, "\(output)")
    #expect(try figure("mostBytes") <= figure("budget"), "\(output)")
  }

  @Test func `a store without files left for it is refused, and opens once the limit is higher`() throws {
    let directory = try TemporaryDirectory(inMemory: true)
    let output = try run("few", directory("few"))
    #expect(output.hasPrefix("13 stores;"), "\(output)")
    for part in ["13 are open, the limit is 256 files", "raise it (ulimit -n) to at least 259", "[unavailable]"] {
      #expect(output.contains(part), "\(output)")
    }
  }

  /// Seen to fail with: the system's message alone, which doesn't say what to do.
  @Test func `a process without a descriptor left is told the limit and what to do, and nothing is lost`() throws {
    let directory = try TemporaryDirectory(inMemory: true)
    let output = try run("none", directory("none"))
    let lines = output.split(separator: "\n")
    #expect(lines.count == 5, "\(output)")
    for line in lines {
      #expect(line.contains("raise the limit of open files (ulimit -n)"), "\(line)")
      #expect(line.contains("limit: 256"), "\(line)")
    }
  }

  private func run(_ mode: String, _ path: String) throws -> String {
    let outcome = try runSibling("StoresProcess", [mode, path])
    #expect(outcome.status == 0, "\(outcome.output)")
    return outcome.output
  }
}

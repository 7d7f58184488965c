import Foundation
import RocksDB
import TestSupport
import Testing

/// Databases share the process's limit of open files.
@Suite struct OpenFilesTests {
  let directory = TemporaryDirectory()

  /// Seen to fail with RocksDB's own limit, a quarter of the process's for each database: too many open files at the 156th.
  @Test func `200 databases work in a process that may have 4096 files`() throws {
    let outcome = try runDatabaseProcess("many-databases", directory.child("many"), 200)
    #expect(outcome.status == 0, "\(outcome.output)")
    // The output alternates names and figures.
    let words = outcome.output.split(whereSeparator: \.isWhitespace).map(String.init)
    func figure(_ name: String) throws -> Int {
      let index = try #require(words.firstIndex(of: name), "\(outcome.output)")
      return try #require(Int(words[index + 1]))
    }
    #expect(try figure("databases") == 200)
    #expect(try figure("idle") <= 200 * 8)
    #expect(try figure("most") < 4096 * 3 / 4 + 16)
    #expect(try figure("tableFiles") <= figure("capacity"))
    #expect(try figure("threads") <= 8)
  }

  @Test func `a database without files left for it is refused, and more table files than may be open can be read`()
    throws
  {
    let outcome = try runDatabaseProcess("few-files", directory.child("few"))
    #expect(outcome.status == 0, "\(outcome.output)")
    #expect(outcome.output.hasPrefix("4 "))
    for part in ["4 are open, the limit is 64 files", "ulimit -n", "[busy]"] {
      #expect(outcome.output.contains(part), "\(outcome.output)")
    }
  }
}

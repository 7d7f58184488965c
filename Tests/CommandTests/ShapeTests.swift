import Foundation
import Testing

/// Inputs in other shapes than comma-separated UTF-8: read, or refused with a message that says what to do.
@Suite struct ShapeTests {
  let directory: TemporaryDirectory
  var state: String { directory("state") }

  init() throws { directory = try TemporaryDirectory() }

  private func aggregate(_ name: String, _ more: String...) throws -> Outcome {
    try run(commandPath(), ["aggregate", directory(name), "--group-by", "c", "--sum", "a", "--state", state] + more)
  }

  private func rows() throws -> String { try tidemark("scan", "--csv", "--state", state).output }

  /// Seen to fail with: commas alone.
  @Test(arguments: [
    "c;a\nx;1\ny;2\n", "c\ta\r\nx\t1\r\ny\t2\r\n", "c|a\nx|1\ny|2\n", "sep=;\nc;a\nx;1\ny;2\n",
    "sep=,\r\nc,a\r\nx,1\r\ny,2\r\n",
  ])
  func otherDelimitersAreFound(_ text: String) throws {
    _ = try directory.write(text, to: "in.csv")
    let outcome = try aggregate("in.csv")
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try rows() == "c,sum(a)\nx,1\ny,2\n")
    _ = try directory.write(text + text.split(whereSeparator: \.isNewline).last! + "\n", to: "in.csv")
    #expect(try aggregate("in.csv").status == 0)
    #expect(try rows() == "c,sum(a)\nx,1\ny,4\n")
  }

  @Test func decimalCommasAreNamed() throws {
    _ = try directory.write("c;a\nx;1,5\n", to: "in.csv")
    let outcome = try aggregate("in.csv")
    #expect(outcome.status == 81 && outcome.error.contains("a decimal point"), "\(outcome.error)")
  }

  @Test func aDelimiterCanBeSaid() throws {
    _ = try directory.write("c:a\nx:1\n", to: "in.csv")
    let refused = try aggregate("in.csv")
    #expect(refused.status == 80 && refused.error.contains("--delimiter ':'"), "\(refused.error)")
    #expect(try aggregate("in.csv", "--delimiter", ":").status == 0)
    #expect(try rows() == "c,sum(a)\nx,1\n")
    #expect(try aggregate("in.csv", "--delimiter", "\"").status == 64)
  }

  /// A comma is the separator wherever the file can be read with commas.
  @Test func theOtherSignsMayBeInFields() throws {
    _ = try directory.write("c,a,d;e\nx;y,1,z\n", to: "in.csv")
    #expect(try aggregate("in.csv").status == 0)
    #expect(try rows() == "c,sum(a)\nx;y,1\n")
  }

  /// Seen to fail with: messages that name the error but no remedy.
  @Test(arguments: [
    ("printf 'c,a\\nx,1\\n' | gzip > in.csv", "zcat"),
    ("printf 'c,a\\nx,1\\n' | iconv -t UTF-16 > in.csv", "iconv -f UTF-16"),
    ("printf 'c,a\\rx,1\\ry,2\\r' > in.csv", "carriage returns"),
    ("printf '[{\"c\":\"x\",\"a\":1}]' > in.json", "jq -c '.[]'"),
    ("printf '{\\n  \"c\": \"x\",\\n \"a\": 1\\n}\\n' > in.json", "on one line"),
    ("{ head -c 5000 /dev/zero; printf 'x,1\\n'; } > in.csv", "zero bytes"),
    ("printf 'caf\\xe9,a\\nx,1\\n' > in.csv", "iconv -f LATIN1"),
    ("printf '{\"user\":{\"id\":\"a\"},\"c\":1}\\n' > in.json", "jq"),
  ])
  func whatIsNotReadIsRefusedWithARemedy(_ make: String, _ remedy: String) throws {
    let outcome = try shell(
      make + "\ntidemark aggregate in.* --group-by \(make.contains("user") ? "user.id" : "c") --sum a --state s",
      in: directory.path)
    #expect(outcome.status != 0 && outcome.status < 128)
    #expect(outcome.error.contains(remedy), "\(outcome.error)")
  }

  /// Seen to fail with: columns that the first object must have.
  @Test func objectsMayLackKeys() throws {
    _ = try directory.write("{\"c\":\"x\"}\n{\"c\":\"x\",\"a\":5}\n{\"a\":7}\n", to: "in.ndjson")
    #expect(try aggregate("in.ndjson").status == 0)
    #expect(try rows() == "c,sum(a)\n,7\nx,5\n")
    _ = try directory.write("{\"c\":\"x\"}\n{\"c\":\"x\",\"b\":5}\n", to: "typo.ndjson")
    let typo = try aggregate("typo.ndjson")
    #expect(typo.status == 80 && typo.error.contains("no column \"a\""), "\(typo.error)")
  }

  /// A line of 40,000 keys, most of them not wanted.
  @Test func wideObjectsTakeLinearTime() throws {
    let keys = (0..<40_000).map { ",\"k\($0)\":\($0)" }.joined()
    _ = try directory.write("{\"c\":\"x\",\"a\":1\(keys)}\n", to: "in.ndjson")
    let begin = ContinuousClock.now
    #expect(try aggregate("in.ndjson").status == 0)
    #expect(begin.duration(to: .now) < .seconds(20))
    #expect(try aggregate("in.ndjson", "--last", "nosuch").status != 0)
    #expect(begin.duration(to: .now) < .seconds(40))
  }

  /// Seen to fail with: a transaction that is checked every 64 rows only.
  @Test func rowsOfAMegabyteAreCommittedInTime() throws {
    let outcome = try shell(
      """
      python3 -c "
      print('c,a,body')
      for i in range(120): print('k%d,1,%s'%(i,'x'*1000000))" > in.csv
      tidemark aggregate in.csv --group-by c --last body --state state
      """, in: directory.path)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try rows().split(separator: "\n").count == 121)
  }

  /// Seen to fail with: "run the same command again" for ever.
  @Test func aRowThatNoTransactionHoldsIsABadRow() throws {
    let outcome = try shell(
      """
      python3 -c "
      print('c,a')
      print('x,1'); print('y,'+'z'*60000000); print('x,2')" > in.csv
      tidemark aggregate in.csv --group-by c --last a --state state; [ $? = 65 ] || exit 1
      tidemark aggregate in.csv --group-by c --last a --state state --skip-bad-rows
      """, in: directory.path)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(
      outcome.error.contains("line 3: a row of 60000003 bytes doesn't fit into a transaction"), "\(outcome.error)")
    #expect(try rows() == "c,last(a)\nx,2\n")
  }

  @Test func valuesMayBeginWithAHyphen() throws {
    _ = try directory.write("c,a\n-1,5\n--x,6\n", to: "in.csv")
    #expect(try aggregate("in.csv").status == 0)
    #expect(try tidemark("scan", "--csv", "--prefix", "-1", "--state", state).output == "c,sum(a)\n-1,5\n")
    #expect(try tidemark("get", "--state", state, "--", "-1").output == "{\"c\":\"-1\",\"sum(a)\":5}\n")
    #expect(try tidemark("get", "--help").output.contains(" -- -1"))
  }
}

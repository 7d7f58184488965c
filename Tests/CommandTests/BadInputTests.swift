import Foundation
import Testing
import Tidemark

/// Each bad input gets one line that says what to do and an exit status of its own, and loses nothing.
@Suite struct BadInputTests {
  let directory: TemporaryDirectory
  var state: String { directory("state") }

  init() throws { directory = try TemporaryDirectory() }

  func aggregate(_ file: String, _ more: String...) throws -> Outcome {
    try run(commandPath(), ["aggregate", file, "--group-by", "k", "--sum", "v", "--state", state] + more)
  }

  @Test(arguments: [
    ("k,v\na,1\nb\n", 65, " line 3: expected 2 fields, found 1"),
    ("k,v\na,1\nb,2,3\n", 65, " line 3: expected 2 fields, found 3"),
    ("k,v\na,1\n\"b,2\n", 65, " line 3: "),
    ("k,v\na,1\nb,x\n", 81, " line 3: column \"v\" is not a number: \"x\""),
    ("k,v\na,1\nb,1e99999\n", 81, " line 3: column \"v\" is out of range: \"1e99999\""),
  ])
  func aBadRowIsNamedAndWhatCameBeforeIsKept(text: String, status: Int32, message: String) throws {
    let file = try directory.write(text, to: "rows.csv")
    let outcome = try aggregate(file)
    #expect(outcome.status == status)
    #expect(outcome.error.contains(file + message), "\(outcome.error)")
    #expect(outcome.error.split(separator: "\n").count == 1)
    #expect(outcome.error.contains("--skip-bad-rows"))
    #expect(try tidemark("scan", "--json", "--state", state).output == "{\"k\":\"a\",\"sum(v)\":1}\n")
    // Once the row is corrected, the same command continues from there.
    _ = try directory.write("k,v\na,1\nb,5\n", to: "rows.csv")
    #expect(try aggregate(file).status == 0)
    #expect(
      try tidemark("scan", "--json", "--state", state).output
        == "{\"k\":\"a\",\"sum(v)\":1}\n{\"k\":\"b\",\"sum(v)\":5}\n")
  }

  @Test func textThatIsNotUTF8IsRefused() throws {
    let file = directory("rows.csv")
    try Data(Array("k,v\na,1\n".utf8) + [0xFF, 0x2C, 0x31, 0x0A]).write(to: URL(fileURLWithPath: file))
    let outcome = try aggregate(file)
    #expect(outcome.status == 82)
    #expect(outcome.error.contains("invalid UTF-8"))
  }

  @Test func aMissingFileIsNamedBeforeAStateIsMade() throws {
    let outcome = try aggregate(directory("none.csv"))
    #expect(outcome.status == 66)
    #expect(outcome.error == "tidemark: \(directory("none.csv")): no such file\n")
    #expect(!FileManager.default.fileExists(atPath: state))
  }

  @Test func aMissingColumnIsNamedWithThoseThatThereAre() throws {
    let outcome = try aggregate(try directory.write("key,v\na,1\n", to: "rows.csv"))
    #expect(outcome.status == 80)
    #expect(outcome.error.contains("no column \"k\"; there are \"key\", \"v\""), "\(outcome.error)")
    #expect(!FileManager.default.fileExists(atPath: state))
  }

  @Test func aFileThatIsNotWhatWasReadIsRefused() throws {
    let file = try directory.write("k,v\na,1\nb,2\n", to: "rows.csv")
    #expect(try aggregate(file).status == 0)
    _ = try directory.write("k,v\nc,9\nb,2\nd,4\n", to: "rows.csv")
    #expect(try aggregate(file).status == 83)
  }

  @Test func aStateThatIsOpenElsewhereIsRefused() throws {
    #expect(try aggregate(try directory.write("k,v\na,1\n", to: "rows.csv")).status == 0)
    let log = try FileLog.open(state + "/changelog", TopicPartition("aggregate", 0))
    let store = try StateStore.open(state + "/store", tables: [], changelog: log)
    let outcome = try tidemark("get", "a", "--state", state)
    #expect(outcome.status == 75)
    #expect(outcome.error.contains("open in process \(getpid()) ("), "\(outcome.error)")
    try store.close()
    #expect(try tidemark("get", "a", "--state", state).status == 0)
  }

  @Test func aStateOfOtherOptionsIsRefused() throws {
    let file = try directory.write("k,v\na,1\n", to: "rows.csv")
    #expect(try aggregate(file).status == 0)
    let outcome = try aggregate(file, "--max", "v")
    #expect(outcome.status == 78)
    #expect(outcome.error.contains("--group-by k --sum v"), "\(outcome.error)")
  }

  @Test func aForeignOrTruncatedChangelogIsRefused() throws {
    let file = try directory.write("k,v\na,1\n", to: "rows.csv")
    #expect(try aggregate(file).status == 0)
    let changelog = state + "/changelog"
    try FileManager.default.copyItem(atPath: changelog, toPath: directory("kept"))

    let other = try run(
      commandPath(), ["aggregate", file, "--group-by", "k", "--sum", "v", "--state", directory("other")])
    #expect(other.status == 0)
    try FileManager.default.removeItem(atPath: changelog)
    try FileManager.default.copyItem(atPath: directory("other") + "/changelog", toPath: changelog)
    let foreign = try tidemark("get", "a", "--state", state)
    #expect(foreign.status == 84)
    #expect(foreign.error.contains("another changelog"), "\(foreign.error)")

    try FileManager.default.removeItem(atPath: changelog)
    try FileManager.default.copyItem(atPath: directory("kept"), toPath: changelog)
    let segment = changelog + "/aggregate-0/00000000000000000000.log"
    let bytes = try Data(contentsOf: URL(fileURLWithPath: segment))
    try bytes.prefix(bytes.count - 10).write(to: URL(fileURLWithPath: segment))
    let truncated = try tidemark("get", "a", "--state", state)
    #expect(truncated.status == 76 || truncated.status == 84)
    #expect(truncated.error.contains("tidemark: ") && truncated.error.split(separator: "\n").count == 1)

    // Nothing was changed: with the whole log back, everything is there.
    try bytes.write(to: URL(fileURLWithPath: segment))
    #expect(try tidemark("get", "a", "--state", state).output == "{\"k\":\"a\",\"sum(v)\":1}\n")
  }

  @Test func optionsThatReadNothingYetMayBeCorrected() throws {
    let file = try directory.write("k,v,w\na,x,1\nb,y,2\n", to: "rows.csv")
    #expect(try aggregate(file).status == 81)
    #expect(try tidemark("aggregate", file, "--group-by", "k", "--sum", "w", "--state", state).status == 0)
    #expect(try tidemark("get", "b", "--state", state).output == "{\"k\":\"b\",\"sum(w)\":2}\n")
    #expect(try aggregate(file).status == 78)
  }

  @Test func aLostChangelogIsNotReplacedByAnEmptyOne() throws {
    let file = try directory.write("k,v\na,1\n", to: "rows.csv")
    #expect(try aggregate(file).status == 0)
    let changelog = state + "/changelog/aggregate-0"
    try FileManager.default.moveItem(atPath: changelog, toPath: directory("kept"))
    for command in ["scan", "info", "verify", "rebuild"] {
      let outcome = try tidemark(command, "--state", state)
      #expect(outcome.status == 84, "\(command)")
      #expect(outcome.error.contains("the changelog is gone; put it back"), "\(command): \(outcome.error)")
    }
    #expect(try aggregate(file).status == 84)
    #expect(try tidemark("log", "--state", state).status == 66)
    #expect(!FileManager.default.fileExists(atPath: changelog))
    try FileManager.default.moveItem(atPath: directory("kept"), toPath: changelog)
    #expect(try tidemark("get", "a", "--state", state).status == 0)
  }

  @Test func aStoreIsNotSetAsideForADamagedChangelog() throws {
    #expect(try aggregate(try directory.write("k,v\na,1\n", to: "rows.csv")).status == 0)
    let segment = URL(fileURLWithPath: state + "/changelog/aggregate-0/00000000000000000000.log")
    var bytes = try Data(contentsOf: segment)
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: segment)
    let outcome = try tidemark("rebuild", "--state", state)
    #expect(outcome.status == 76)
    #expect(outcome.error.contains("offset"), "\(outcome.error)")
    #expect(!FileManager.default.fileExists(atPath: state + "/store/damaged-1"))
    #expect(FileManager.default.fileExists(atPath: state + "/store/db/CURRENT"))
  }

  @Test func aLostStoreIsRestoredWhenAskedFor() throws {
    #expect(try aggregate(try directory.write("k,v\na,1\n", to: "rows.csv")).status == 0)
    try FileManager.default.removeItem(atPath: state + "/store")
    let outcome = try tidemark("get", "a", "--state", state)
    #expect(outcome.status == 66)
    #expect(outcome.error.contains("`tidemark rebuild`"), "\(outcome.error)")
    #expect(try tidemark("rebuild", "--state", state).status == 0)
    #expect(try tidemark("get", "a", "--state", state).output == "{\"k\":\"a\",\"sum(v)\":1}\n")
  }

  @Test func aFileInTheWayOfADirectoryIsNamed() throws {
    let file = try directory.write("k,v\na,1\n", to: "rows.csv")
    let outcome = try tidemark("aggregate", file, "--group-by", "k", "--sum", "v", "--state", file + "/state")
    #expect(outcome.status == 74)
    #expect(outcome.error.contains("name another --state"), "\(outcome.error)")
  }

  @Test func aStateThatIsNotThereIsNamed() throws {
    for command in ["scan", "info", "verify", "rebuild"] {
      let outcome = try tidemark(command, "--state", state)
      #expect(outcome.status == 66, "\(command)")
      #expect(outcome.error.contains("`tidemark aggregate` makes it"))
    }
    #expect(!FileManager.default.fileExists(atPath: state))
  }

  @Test func aWrongCommandLineIsExplained() throws {
    #expect(try tidemark("aggregate", "x.csv", "--state", state).status == 64)
    #expect(try tidemark("aggregate", "--group-by", "k", "--state", state).status == 64)
    #expect(try tidemark("get", "a", "b", "--stat", state).status == 64)
    #expect(try tidemark("aggregate", "--help").output.contains("EXAMPLES"))
  }
}

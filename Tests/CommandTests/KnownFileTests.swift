import Foundation
import Testing

/// A file is recognized by its contents, whatever its name; another file under the same name isn't taken for it.
@Suite struct KnownFileTests {
  let directory: TemporaryDirectory
  var state: String { directory("state") }

  init() throws { directory = try TemporaryDirectory() }

  func aggregate(_ name: String, _ more: String...) throws -> Outcome {
    try run(
      commandPath(),
      ["aggregate", directory(name), "--group-by", "k", "--sum", "v", "--format", "csv", "--state", state] + more)
  }

  func rows() throws -> String { try tidemark("scan", "--csv", "--state", state).output }

  /// `count` rows of the same keys; row `changed` differs.
  private func text(_ count: Int, changed: Int? = nil, first: Int = 0) -> String {
    "k,v\n" + (first..<first + count).map { "k\($0 % 3),\($0 == changed ? 9 : 1)\n" }.joined()
  }

  /// Seen to fail with: inputs that are known by their paths alone.
  @Test func anotherNameIsTheSameFile() throws {
    _ = try directory.write(text(3000), to: "today.csv")
    let expected = "k,sum(v)\nk0,1000\nk1,1000\nk2,1000\n"
    #expect(try aggregate("today.csv").status == 0)
    #expect(try rows() == expected)
    _ = try shell("ln -s today.csv current.csv", in: directory.path)
    let link = try aggregate("current.csv")
    #expect(link.status == 0, "\(link.error)")
    #expect(try rows() == expected)
    _ = try shell("ln today.csv hard.csv; rm today.csv", in: directory.path)
    let renamed = try aggregate("hard.csv")
    #expect(renamed.status == 0 && renamed.error.contains("today.csv, which was read before"), "\(renamed.error)")
    #expect(try rows() == expected)
    _ = try shell("mkdir old; mv hard.csv old/1.csv; echo k0,1 >> old/1.csv", in: directory.path)
    #expect(try aggregate("old/1.csv").status == 0)
    #expect(try rows() == "k,sum(v)\nk0,1001\nk1,1000\nk2,1000\n")
  }

  /// Two files of the same contents are two inputs as long as both exist.
  @Test func copiesCountEach() throws {
    for name in ["a.csv", "b.csv", "e\u{301}.csv", "\u{E9}.csv", "a%20b.csv", "a b.csv"] {
      _ = try directory.write("k,v\nx,1\n", to: name)
      #expect(try aggregate(name).status == 0)
    }
    #expect(try rows() == "k,sum(v)\nx,6\n")
  }

  /// Seen to fail with: a copy of a removed file, which is counted again without a message.
  @Test func aCopyOfAFileThatIsGoneIsAQuestion() throws {
    _ = try directory.write(text(300), to: "a.csv")
    #expect(try aggregate("a.csv").status == 0)
    _ = try shell("cp a.csv b.csv; rm a.csv; echo k0,1 >> b.csv", in: directory.path)
    let outcome = try aggregate("b.csv")
    #expect(outcome.status == 83, "\(outcome.error)")
    #expect(outcome.error.contains("--moved") && outcome.error.contains("--rotated"), "\(outcome.error)")
    #expect(try aggregate("b.csv", "--moved").status == 0)
    #expect(try rows() == "k,sum(v)\nk0,101\nk1,100\nk2,100\n")
    #expect(try aggregate("b.csv").status == 0)
  }

  /// Seen to fail with: a comparison of the first 4,096 bytes alone.
  @Test(arguments: [2500, 10]) func aChangedRowIsNoticed(_ changed: Int) throws {
    _ = try directory.write(text(3000), to: "rows.csv")
    #expect(try aggregate("rows.csv").status == 0)
    let before = try rows()
    _ = try directory.write(text(3001, changed: changed), to: "rows.csv")
    let outcome = try aggregate("rows.csv")
    #expect(outcome.status == 83 && outcome.error.contains("--rotated"), "\(outcome.error)")
    #expect(try rows() == before)
  }

  /// Seen to fail with: other rows of the same length, of which the first aren't read.
  @Test func aLongerFileInItsPlaceIsNoticed() throws {
    _ = try directory.write(text(3000), to: "rows.csv")
    #expect(try aggregate("rows.csv").status == 0)
    _ = try directory.write(text(2000) + text(2000, first: 1).dropFirst(4), to: "rows.csv")
    #expect(try aggregate("rows.csv").status == 83)
  }

  /// Seen to fail with: an error for a rotated file.
  @Test func aRotatedFileIsReadAsNew() throws {
    _ = try directory.write("k,v\nx,1\ny,2\n", to: "orders.csv")
    #expect(try aggregate("orders.csv").status == 0)
    _ = try shell("mv orders.csv orders.csv.1; printf 'k,v\\nz,5\\n' > orders.csv", in: directory.path)
    let outcome = try aggregate("orders.csv")
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try rows() == "k,sum(v)\nx,1\ny,2\nz,5\n")
    // The rest of the old file, and more of the new one.
    _ = try shell("echo y,1 >> orders.csv.1; echo z,1 >> orders.csv", in: directory.path)
    #expect(try aggregate("orders.csv.1").status == 0)
    #expect(try aggregate("orders.csv").status == 0)
    #expect(try rows() == "k,sum(v)\nx,1\ny,3\nz,6\n")
    // Copied and truncated: nothing shows for certain that the file was rotated.
    _ = try shell("cp orders.csv orders.csv.2; printf 'k,v\\nw,7\\n' > orders.csv", in: directory.path)
    let cut = try aggregate("orders.csv")
    #expect(cut.status == 83 && cut.error.contains("--rotated"), "\(cut.error)")
    #expect(try aggregate("orders.csv", "--rotated").status == 0)
    #expect(try rows() == "k,sum(v)\nw,7\nx,1\ny,3\nz,6\n")
  }

  /// Seen to fail with: an input that takes the key of another one, which is then counted again.
  @Test func logsThatAreNumberedAreKnownEach() throws {
    var expected = 0
    for day in 1...4 {
      _ = try shell(
        """
        [ -e log.2 ] && mv log.2 log.3; [ -e log.1 ] && mv log.1 log.2; [ -e log ] && mv log log.1
        printf 'k,v\n\(day),1\nx,1\n' > log
        """, in: directory.path)
      let outcome = try aggregate("log")
      #expect(outcome.status == 0, "\(outcome.error)")
      expected += 1
    }
    for name in ["log.3", "log.1", "log", "log.2"] { #expect(try aggregate(name).status == 0) }
    #expect(try rows() == "k,sum(v)\n1,1\n2,1\n3,1\n4,1\nx,\(expected)\n")
  }

  /// A renamed file needs no question.
  @Test func aRenamedFileIsNotNewForAllThat() throws {
    _ = try directory.write(text(300), to: "a.csv")
    #expect(try aggregate("a.csv").status == 0)
    _ = try shell("mv a.csv b.csv", in: directory.path)
    #expect(try aggregate("b.csv", "--rotated").status == 0)
    #expect(try rows() == "k,sum(v)\nk0,100\nk1,100\nk2,100\n")
  }

  /// Seen to fail with: a path that is there taken for the file that was read.
  @Test func aTruncatedLogAndItsCopyDoNotCountTwice() throws {
    _ = try directory.write("k,v\na,1\nb,2\n", to: "log")
    #expect(try aggregate("log").status == 0)
    _ = try shell("cp log log.1; printf 'k,v\nc,3\n' > log", in: directory.path)
    let outcome = try aggregate("log.1")
    #expect(outcome.status == 83 && outcome.error.contains("--moved"), "\(outcome.error)")
    #expect(try aggregate("log.1", "--moved").status == 0)
    #expect(try aggregate("log").status == 0)
    #expect(try rows() == "k,sum(v)\na,1\nb,2\nc,3\n")
  }

  /// Seen to fail with: a file that begins with the rows of another one, taken for it although that lies beside it.
  @Test func aRotatedFileMayBeginWithTheSameRows() throws {
    _ = try directory.write("k,v\nstart,1\n", to: "log")
    #expect(try aggregate("log").status == 0)
    _ = try shell("mv log log.1; printf 'k,v\nstart,1\nb,1\n' > log", in: directory.path)
    #expect(try aggregate("log").status == 0)
    #expect(try rows() == "k,sum(v)\nb,1\nstart,2\n")
  }

  @Test func dotsBehindALinkLeadToAnotherFile() throws {
    let outcome = try shell(
      """
      mkdir -p real/sub; ln -s real/sub link
      printf 'k,v\\nx,1\\n' > b.csv; printf 'k,v\\nx,10\\n' > real/b.csv
      for file in link/../b.csv b.csv; do tidemark aggregate $file --group-by k --sum v --state state || exit; done
      """, in: directory.path)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try rows() == "k,sum(v)\nx,11\n")
  }

  /// Seen to fail with: commits that carry the position of each input; a linear search for each input.
  @Test func manyFilesTakeLinearSpace() throws {
    var bytes: [Int] = []
    for count in [50, 200] {
      let outcome = try shell(
        """
        mkdir d\(count); for i in $(seq \(count)); do printf 'k,v\\nx,1\\n' > d\(count)/$i.csv; done
        tidemark aggregate d\(count)/*.csv --group-by k --sum v --state s\(count) >/dev/null || exit 1
        stat -c %s s\(count)/changelog/*/*.log | awk '{s+=$1} END {print s}'
        """, in: directory.path)
      #expect(outcome.status == 0, "\(outcome.error)")
      bytes.append(Int(outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0)
    }
    #expect(bytes[1] < 5 * bytes[0], "\(bytes)")
    #expect(try tidemark("scan", "--csv", "--state", directory("s200")).output == "k,sum(v)\nx,200\n")
  }
}

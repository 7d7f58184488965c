import Foundation
import Testing

/// Rows that come through pipes, and the logs that keep them.
@Suite struct PipeTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func script(_ text: String) throws -> Outcome {
    try shell("job() { tidemark aggregate \"$@\" --group-by k --sum v --state s; }\n" + text, in: directory.path)
  }

  private func rows() throws -> String { try tidemark("scan", "--csv", "--state", directory("s")).output }

  /// Seen to fail with: numbers that start again once all logs are deleted.
  @Test func logsThatWereReadMayBeDeleted() throws {
    for text in ["a,1", "a,10\\nb,5", "a,100"] {
      let outcome = try script("printf 'k,v\\n\(text)\\n' | job - || exit; rm s/input/stdin-*")
      #expect(outcome.status == 0, "\(outcome.error)")
    }
    #expect(try rows() == "k,sum(v)\na,111\nb,5\n")
  }

  /// Seen to fail with: a bad row that each later run reads again.
  @Test func aProducerThatWasMendedSendsAgainFromTheBadRowOn() throws {
    let bad = try script("printf 'k,v\\na,1\\nb,oops\\nc,3\\n' | job -")
    #expect(bad.status == 81)
    #expect(bad.error.contains("s/input/stdin-1 line 3"), "\(bad.error)")
    #expect(try script("printf 'k,v\\nb,2\\nc,3\\n' | job -").status == 0)
    #expect(try rows() == "k,sum(v)\na,1\nb,2\nc,3\n")
  }

  /// Seen to fail with: a header that each later run reads again.
  @Test func aPipeWithoutTheColumnsIsNoObstacle() throws {
    #expect(try script("printf 'k,w\\na,1\\n' | job -").status == 80)
    #expect(try script("printf 'k,v\\na,1\\n' | job -").status == 0)
    #expect(try rows() == "k,sum(v)\na,1\n")
  }

  /// Seen to fail with: a clock that is read every 64 rows only, or only when no rows come.
  @Test func rowsThatComeSlowlyAreCommittedInTime() throws {
    let outcome = try script(
      """
      { echo k,v; for i in $(seq 12); do echo a,1; sleep 0.05; done; } | job - --commit-milliseconds 100
      tidemark log --print --json --no-records --state s | grep -c '"input-'
      """)
    let commits = Int(outcome.output.split(separator: "\n").last ?? "") ?? 0
    #expect(commits >= 4, "\(outcome.output)\(outcome.error)")
  }

  @Test func aLastRowWithoutLineBreakIsTold() throws {
    let outcome = try script("printf 'k,v\\na,1\\nb,12' | job -")
    #expect(outcome.status == 0 && outcome.error.contains("had no line break"), "\(outcome.error)")
    #expect(try script("printf 'k,v\\na,1\\n' | job -").error == "")
    #expect(try rows() == "k,sum(v)\na,2\nb,12\n")
  }

  /// Seen to fail with: rows that count again, or are missing, without a message.
  @Test func theLogOfAPipeIsNoInput() throws {
    #expect(try script("printf 'k,v\\na,1\\n' | job -").status == 0)
    let outcome = try script("job s/input/stdin-1")
    #expect(outcome.status == 64 && outcome.error.contains("would count twice"), "\(outcome.error)")
  }

  /// Seen to fail with: a number of milliseconds that traps.
  @Test func aCommitMayBeFarAway() throws {
    let outcome = try script("printf 'k,v\\na,1\\n' | job - --commit-milliseconds 9223372036854775807 --wait 36500d")
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try rows() == "k,sum(v)\na,1\n")
  }

  /// Seen to fail with: pipes that aren't regular files.
  @Test func pipesMayBeNamedAsFiles() throws {
    let outcome = try script(
      """
      printf 'k,v\\na,1\\n' > in.csv; mkfifo fifo; cat in.csv > fifo &
      job <(cat in.csv) <(cat in.csv) && job /dev/stdin < <(cat in.csv) && job fifo
      """)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try rows() == "k,sum(v)\na,4\n")
  }
}

import Foundation
import Testing

/// The command started under conditions that an interactive shell doesn't have.
@Suite struct SurroundingsTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func script(_ text: String) throws -> Outcome {
    try shell(
      """
      { echo k,v; for i in $(seq 3000); do echo k$((i % 100)),1; done; } > in.csv
      job() { tidemark aggregate in.csv --group-by k --sum v --commit-records 50 "$@"; }

      """ + text, in: directory.path)
  }

  /// Seen to fail with: descriptors 0 to 2 that become files of the state.
  @Test(arguments: ["<&- >&- 2>&-", "2>&-", ">&-", "<&-"]) func closedDescriptorsBecomeNoFiles(_ redirection: String)
    throws
  {
    let outcome = try script(
      """
      job --progress json --state s \(redirection) || exit 1
      grep -rlaE '"event":"(progress|done|ready)|rows/s' s && exit 2
      tidemark verify --state s --progress none
      """)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
  }

  /// Seen to fail with: messages written by Foundation, which traps.
  @Test func messagesThatCannotBeWrittenEndNothing() throws {
    let outcome = try script(
      """
      job --progress json --state s 2>/dev/full || exit 1
      tidemark get nobody --state s 2>/dev/full; [ $? = 1 ] || exit 2
      tidemark get x --state nosuch 2>/dev/full; [ $? = 66 ] || exit 3
      """)
    #expect(outcome.status == 0, "\(outcome.error)")
  }

  /// Seen to fail with: `print`, which ignores a full disk.
  @Test(arguments: [
    "scan", "scan --json", "info", "info --json", "verify --progress none", "log", "log --print", "get k1",
  ])
  func anAnswerThatIsLostIsAnError(_ command: String) throws {
    let outcome = try script("job --state s > /dev/null || exit 1; tidemark \(command) --state s > /dev/full")
    #expect(outcome.status == 73, "\(outcome.error)")
    #expect(outcome.error.contains("standard output can't be written"), "\(outcome.error)")
  }

  /// Seen to fail with: an output that would block for a moment and is taken for a failure.
  @Test func anOutputThatDoesNotBlockIsWaitedFor() throws {
    let outcome = try script(
      """
      job --state s > /dev/null || exit 1
      cat > read.py <<'P'
      import fcntl, os, subprocess, sys, time
      r, w = os.pipe()
      fcntl.fcntl(w, fcntl.F_SETPIPE_SZ if hasattr(fcntl, 'F_SETPIPE_SZ') else 1031, 4096)
      fcntl.fcntl(w, fcntl.F_SETFL, fcntl.fcntl(w, fcntl.F_GETFL) | os.O_NONBLOCK)
      p = subprocess.Popen([sys.argv[1], 'log', '--print', '--json', '--state', 's'], stdout=w)
      os.close(w)
      time.sleep(0.3)
      lines = 0
      while True:
          some = os.read(r, 512)
          if not some: break
          lines += some.count(b'\\n')
      print(lines, p.wait())
      P
      python3 read.py "$COMMAND"; tidemark log --print --json --state s | wc -l
      """)
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 2 && lines[0] == "\(lines[1]) 0", "\(outcome.output)\(outcome.error)")
  }

  /// Seen to fail with: Foundation's `Process`, for which 200 open files are too few.
  @Test func fewOpenFilesAreEnoughOrNamed() throws {
    let outcome = try script(
      """
      job --state s > /dev/null || exit 1
      (ulimit -n 64; tidemark verify --state s --progress none) || exit 2
      (ulimit -n 24; tidemark verify --state s --progress none)
      """)
    #expect(outcome.status == 69 && outcome.error.contains("raise it (ulimit -n)"), "\(outcome.error)")
    #expect(!outcome.error.contains("run the same command"), "\(outcome.error)")
  }

  @Test func anEmptyPathIsRefused() throws {
    for arguments in [
      ["aggregate", "in.csv", "--group-by", "k", "--state", ""], ["aggregate", "", "--group-by", "k", "--state", "s"],
      ["get", "k", "--state", ""], ["checkpoint", "", "--state", "s"], ["fork", "", "--state", "s"],
      ["restore", "--from", "", "--state", "s"],
    ] {
      let outcome = try run(commandPath(), arguments)
      #expect(outcome.status == 64 && outcome.error.contains("is empty"), "\(arguments) \(outcome.error)")
    }
  }

  /// Seen to fail with: names in which Swift replaces bytes, so that two become one.
  @Test func namesThatAreNotUTF8AreRefused() throws {
    let outcome = try script(
      """
      job --state "$(printf 'caf\\xe9')"; [ $? = 64 ] || exit 1
      ls -d caf* && exit 2
      tidemark get "$(printf '\\xe9')" --state s; [ $? = 64 ] || exit 3
      """)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
    #expect(outcome.error.contains("isn't UTF-8"), "\(outcome.error)")
  }

  @Test func whatATerminalWouldTakeForACommandIsShown() throws {
    let outcome = try shell(
      """
      printf 'k,v\\n"\\033[2J\\tx",1\\n"a\\\\nb",2\\n"a\\nb",3\\n' > in.csv
      tidemark aggregate in.csv --group-by k --sum v --state s > /dev/null && tidemark scan --state s
      printf 'k,v\\n"\\033[2J",oops\\n' > bad.csv
      tidemark aggregate bad.csv --group-by k --sum k --state s2
      """, in: directory.path)
    #expect(outcome.output == "k\tsum(v)\n\\u001b[2J\\tx\t1\na\\nb\t3\na\\\\nb\t2\n")
    #expect(!outcome.error.contains("\u{1B}") && outcome.error.contains("\\u001b[2J"), "\(outcome.error)")
  }
}

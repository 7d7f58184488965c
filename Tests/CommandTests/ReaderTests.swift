import Foundation
import SmallDisk
import Testing

/// Processes that read a state beside others.
@Suite struct ReaderTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func script(_ text: String) throws -> Outcome {
    try shell(
      """
      { echo k,v; for i in $(seq 2000); do echo k$((i % 500)),1; done; } > in.csv
      job() { tidemark aggregate in.csv --group-by k --sum v --state s --progress none "$@"; }

      """ + text, in: directory.path)
  }

  /// Seen to fail with: a start that is refused while somebody reads.
  @Test func readersInALoopDoNotKeepTheJobOut() throws {
    let outcome = try script(
      """
      job || exit 1
      ( while [ ! -e stop ]; do tidemark get k1 --state s > /dev/null 2>&1; done ) & looker=$!
      failed=0
      for i in 1 2 3 4 5 6; do echo k1,1 >> in.csv; job --wait 30s || failed=$((failed+1)); done
      touch stop; wait $looker; echo $failed; tidemark get k1 --state s
      """)
    #expect(outcome.output == "0\n{\"k\":\"k1\",\"sum(v)\":10}\n", "\(outcome.output)\(outcome.error)")
  }

  @Test func readersReadBesideEachOther() throws {
    let outcome = try script(
      """
      job || exit 1; mkfifo p
      tidemark scan --state s > p & exec 9< p; read line <&9
      tidemark get k1 --state s --wait 0; status=$?; exec 9<&-; wait; exit $status
      """)
    #expect(outcome.status == 0, "\(outcome.error)")
  }

  /// Seen to fail with: readers that write.
  @Test(.enabled(if: SmallDisk.isPossible)) func aStateIsReadWhereNothingCanBeWritten() throws {
    let disk = try SmallDisk(directory("disk"), mebibytes: 32)
    let outcome = try script(
      "tidemark aggregate in.csv --group-by k --sum v --state disk/s && tidemark checkpoint disk/ck --state disk/s && mount -o remount,ro disk"
    )
    try #require(outcome.status == 0, "\(outcome.error)")
    for command in ["get k1", "scan", "top --by sum(v)", "log --print"] {
      for state in ["disk/s", "disk/ck"] {
        let outcome = try shell(
          "tidemark \(command.replacingOccurrences(of: "sum(v)", with: "'sum(v)'")) --state \(state)",
          in: directory.path)
        #expect(outcome.status == 0 && !outcome.output.isEmpty, "\(command) \(state) \(outcome.error)")
      }
    }
    withExtendedLifetime(disk) {}
  }

  /// Seen to fail with: a message that trusts the process number in the lock, whoever has that number here.
  @Test func anotherProcessIsNotNamedForTheHolder() throws {
    let outcome = try script(
      """
      job || exit 1; sleep 100 & innocent=$!
      python3 - $innocent <<'P'
      import fcntl, os, struct, subprocess, sys
      f = os.open('s/store/LOCK', os.O_RDWR)
      fcntl.fcntl(f, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))
      os.ftruncate(f, 0); os.pwrite(f, (sys.argv[1] + '\\n').encode(), 0)
      p = subprocess.run([os.environ['COMMAND'], 'get', 'k1', '--state', 's', '--wait', '0'], capture_output=True, text=True)
      print(p.returncode, p.stderr)
      P
      kill $innocent
      """)
    #expect(outcome.output.hasPrefix("75 "), "\(outcome.output)\(outcome.error)")
    #expect(!outcome.output.contains("`kill"), "\(outcome.output)")
  }
}

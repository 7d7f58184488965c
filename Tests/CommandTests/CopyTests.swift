import Foundation
import Testing

/// Copies of a state, and other things in their place: nothing partial passes for whole; messages say what to do.
@Suite struct CopyTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func script(_ text: String) throws -> Outcome {
    try shell(
      """
      job() { tidemark aggregate in.csv --group-by k --sum v --state "${1:-s}" "${@:2}"; }
      { echo k,v; for i in $(seq 2000); do echo k$((i % 500)),1; done; } > in.csv

      """ + text, in: directory.path)
  }

  /// Seen to fail with: scratch directories that cannot be told from those in use.
  @Test func whatAKilledVerifyLeftIsRemoved() throws {
    let outcome = try script(
      """
      job || exit 1; mkdir -p s/verify-7/db s/verify-scratch/db; echo x > s/verify-scratch/LOCK
      tidemark verify --state s || exit 2; ls s
      """)
    #expect(outcome.status == 0 && !outcome.output.contains("verify-"), "\(outcome.output)\(outcome.error)")
  }

  /// Seen to fail with: a rebuild that makes an empty store for a fork.
  @Test func aForkThatLostItsStoreIsRebuilt() throws {
    let outcome = try script(
      """
      job && tidemark fork f --state s || exit 1
      rm -r f/store; tidemark info --state f; [ $? = 66 ] || exit 2
      tidemark rebuild --state f && tidemark get k1 --state f || exit 3
      rm -r f/store; tidemark fork f --state s && tidemark verify --state f
      """)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
  }

  /// Seen to fail with: a database that is moved away before the changelog is found to be another one.
  @Test func aRebuildFromAnotherChangelogChangesNothing() throws {
    let outcome = try script(
      """
      job && job other || exit 1
      p=$(ls -d s/changelog/*/)partition.metadata; cp $p keep; cp other/changelog/*/partition.metadata $p
      tidemark rebuild --state s; [ $? = 84 ] || exit 2
      cp keep $p; ls s/store; tidemark get k1 --state s && tidemark verify --state s
      """)
    #expect(outcome.status == 0 && !outcome.output.contains("damaged"), "\(outcome.output)\(outcome.error)")
  }

  @Test func directoriesMayBeMadeBeforehand() throws {
    let outcome = try script("mkdir -p s/store s/changelog && job && tidemark get k1 --state s")
    #expect(outcome.status == 0, "\(outcome.error)")
    // A store whose changelog is gone does not count as one made beforehand.
    let gone = try script("rm -r s/changelog; mkdir s/changelog; job")
    #expect(gone.status == 84, "\(gone.error)")
  }

  /// Seen to fail with: a copy of a damaged changelog that is reported as verified.
  @Test func aDamagedChangelogIsNoBackup() throws {
    let outcome = try script(
      """
      job s --commit-records 20 || exit 1
      log=$(ls s/changelog/*/*.log | head -1)
      printf 'X' | dd of=$log bs=1 seek=5000 conv=notrunc status=none
      tidemark checkpoint ck --state s; [ $? = 76 ] || exit 2
      [ ! -e ck ] && tidemark checkpoint ck --no-changelog --state s
      """)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
  }

  /// Seen to fail with: input logs that are taken for whole because they exist.
  @Test func aRestoreThatWasCutIsDoneAgain() throws {
    let outcome = try script(
      """
      cat in.csv | tidemark aggregate - --group-by k --sum v --state s && tidemark checkpoint ck --state s || exit 1
      mkdir -p t/input.partial; head -c 100 s/input/stdin-1 > t/input.partial/stdin-1
      tidemark restore --from ck --state t && cmp s/input/stdin-1 t/input/stdin-1 && ls t
      """)
    #expect(outcome.status == 0 && !outcome.output.contains("partial"), "\(outcome.output)\(outcome.error)")
  }

  /// Seen to fail with: a changelog that no command shortens.
  @Test func aChangelogIsPruned() throws {
    let outcome = try script(
      """
      for i in 1 2 3 4; do
        echo k1,1 >> in.csv; job > /dev/null || exit 1
        tidemark prune --keep-checkpoints 2 --state s || exit 2
      done
      ls s/checkpoints | wc -l; tidemark verify --state s && tidemark get k1 --state s && tidemark rebuild --state s \\
        && tidemark get k1 --state s
      """)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
    #expect(outcome.output.contains("\n2\n"), "\(outcome.output)")
    #expect(outcome.output.components(separatedBy: "\"sum(v)\":8").count == 3, "\(outcome.output)")
  }
}

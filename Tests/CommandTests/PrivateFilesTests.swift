import Foundation
import Testing

/// SECURITY.md's promises about files, for the files that the command makes beside the library's.
@Suite struct PrivateFilesTests {
  let directory: TemporaryDirectory
  var state: String { directory("state") }

  init() throws { directory = try TemporaryDirectory() }

  /// Runs the command under a umask that opens new files to everybody, with rows as its standard input.
  private func tidemark(_ arguments: String...) throws {
    let rows = try directory.write("k,v\na,1\nb,2\n", to: "rows.csv")
    let outcome = try run("/bin/sh", ["-c", "umask 000; exec \"$@\" < \"$0\"", rows, commandPath()] + arguments)
    #expect(outcome.status == 0, "\(arguments): \(outcome.error)")
  }

  private func aggregate() throws {
    try tidemark("aggregate", "-", "--group-by", "k", "--sum", "v", "--state", state)
  }

  /// Seen to fail with: directories, or the input log, with the permissions that the umask leaves.
  @Test func filesAreTheirOwnersAloneWhateverTheUmask() throws {
    try aggregate()
    try tidemark("checkpoint", directory("backups/first"), "--state", state)
    try tidemark("fork", directory("forks/first"), "--state", state)
    try tidemark("restore", "--from", directory("backups/first"), "--state", directory("states/restored"))
    try tidemark("rebuild", "--state", state)
    try aggregate()
    var seen: Set<String> = []
    for path in try FileManager.default.subpathsOfDirectory(atPath: directory.path) where path != "rows.csv" {
      let attributes = try FileManager.default.attributesOfItem(atPath: directory(path))
      let mode = try #require(attributes[.posixPermissions] as? NSNumber).uint16Value
      #expect(mode == (attributes[.type] as? FileAttributeType == .typeDirectory ? 0o700 : 0o600), "\(path)")
      seen.insert(path)
    }
    for path in [
      "state/input/stdin-1", "state/input/stdin-2", "backups/first/input/stdin-1", "forks/first/checkpoint/HEAD",
      "states/restored/store/HEAD",
    ] {
      #expect(seen.contains(path), "\(path)")
    }
    #expect(seen.contains { $0.hasPrefix("state/store/damaged-") && $0.hasSuffix(".sst") })
  }

  /// Seen to fail with: an input log that is opened without a check.
  @Test func aSymbolicLinkInThePlaceOfAnInputLogIsRefused() throws {
    try aggregate()
    let path = state + "/input/stdin-1"
    try FileManager.default.moveItem(atPath: path, toPath: directory("elsewhere"))
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: directory("elsewhere"))
    let refused = try run(commandPath(), ["aggregate", "-", "--group-by", "k", "--sum", "v", "--state", state])
    #expect(refused.status != 0)
    #expect(refused.error.contains("stdin-1: a symbolic link"), "\(refused.error)")
  }
}

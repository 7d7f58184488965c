import Foundation
import Tidemark
import TidemarkTesting

/// The promises of every changelog, checked.
func checkSingleFileChangelog(in directory: String) throws {
  let conformance = ChangelogConformance(maxCommitBytes: 20_000) { log in
    // What a process that was killed inside an append leaves: some of a frame.
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: (log as? SingleFileChangelog)?.path ?? ""))
    try file.seekToEnd()
    try file.write(contentsOf: Data([0, 0, 0, 90, 1, 2, 3]))
  } make: {
    try SingleFileChangelog(directory + "/" + UUID().uuidString, maxCommitBytes: 20_000)
  } reopen: { log in
    try SingleFileChangelog((log as? SingleFileChangelog)?.path ?? "", maxCommitBytes: 20_000)
  }
  try conformance.checkAll()
}

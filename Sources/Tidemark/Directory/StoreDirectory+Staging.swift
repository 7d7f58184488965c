internal import Foundation

/// Where checkpoints for another file system are staged: table files are linked there, and copied beside running commits.
///
/// Each has a directory of its own, `DIR/checkpoint-N.partial`, with a lock inside that is held for as long as it is used.
/// If no process holds the lock, the owner died, and the links would keep table files that the store no longer needs.
extension StoreDirectory {
  private static let stagingPrefix = "checkpoint"
  private static let stagingSuffix = ".partial"

  /// Makes a directory to stage a checkpoint in.
  ///
  /// Returns the lock that keeps it, to be held until it is removed.
  func makeStaging() throws(StoreError) -> (staging: StoreDirectory, lock: FileLock) {
    while true {
      let staging = StoreDirectory(
        path: "\(path)/\(Self.stagingPrefix)-\(UUID().uuidString)\(Self.stagingSuffix)", fileSystem)
      try staging.create()
      do throws(StoreError) { return (staging, try staging.takeLock(for: "a checkpoint under way")) } catch {
        // Another checkpoint of the store took it for dead, before its lock was held.
        guard error.kind == .locked else { throw error }
      }
    }
  }

  /// Removes the directories of checkpoints whose owner died.
  ///
  /// One without a lock is being made, unless the caller `ownsStore`: took the store's lock, and lets nobody use it yet.
  func removeDeadStagings(ownsStore: Bool = false) throws(StoreError) {
    for name in try storage.list(path) ?? [] where Self.isStaging(name) {
      let staging = StoreDirectory(path: path + "/" + name, fileSystem)
      guard try storage.kind(of: staging.lock) != nil else {
        if ownsStore { try storage.removeTree(staging.path) }
        continue
      }
      do throws(StoreError) {
        let lock = try staging.takeLock(for: "a checkpoint under way")
        try withExtendedLifetime(lock) { () throws(StoreError) in try staging.removeLocked() }
      } catch {
        guard error.kind == .locked else { throw error }
      }
    }
  }

  private static func isStaging(_ name: String) -> Bool {
    name.hasPrefix(stagingPrefix) && name.hasSuffix(stagingSuffix)
  }
}

package import TidemarkBase

/// The operating system's files; an adopter changes some calls, and the others go to `base`.
package protocol ForwardingStorage: Storage {}

extension ForwardingStorage {
  package var base: POSIXStorage { POSIXStorage() }

  package func open(_ path: String, _ mode: StorageFileMode) throws(StoreError) -> (any StorageFile)? {
    try base.open(path, mode)
  }
  package func rename(_ path: String, to target: String) throws(StoreError) { try base.rename(path, to: target) }
  package func link(_ path: String, as target: String) throws(StoreError) -> Bool { try base.link(path, as: target) }
  package func unlink(_ path: String) throws(StoreError) { try base.unlink(path) }
  package func createDirectory(_ path: String) throws(StoreError) -> Bool { try base.createDirectory(path) }
  package func removeDirectory(_ path: String) throws(StoreError) { try base.removeDirectory(path) }
  package func list(_ directory: String) throws(StoreError) -> [String]? { try base.list(directory) }
  package func kind(of path: String) throws(StoreError) -> StorageKind? { try base.kind(of: path) }
  package func syncDirectory(_ path: String) throws(StoreError) { try base.syncDirectory(path) }
}

internal import Changelog

/// A disk in the form that the file log and the store take.
struct DiskStorage: Storage {
  let disk: Disk
  private let base = POSIXStorage()

  init(disk: Disk) { self.disk = disk }

  private func pass(_ operation: Disk.Operation, _ path: String) throws(StoreError) {
    if let fault = disk.fault(for: operation, path) { throw fault.error(path) }
  }

  func open(_ path: String, _ mode: StorageFileMode) throws(StoreError) -> (any StorageFile)? {
    try pass(.open, path)
    if mode == .read {
      guard let file = try base.open(path, mode) else { return nil }
      return disk.openFiles.adding(DiskFile(file, path, disk, nil, syncedBytes: 0))
    }
    return try disk.change { (recorder) throws(StoreError) in
      guard let file = try base.open(path, mode) else { return nil }
      let inode = recorder?.opened(path, creates: mode != .readWrite, empties: mode == .replace)
      return disk.openFiles.adding(DiskFile(file, path, disk, inode, syncedBytes: try file.size()))
    }
  }

  func rename(_ path: String, to target: String) throws(StoreError) {
    try pass(.rename, path)
    try disk.change { (recorder) throws(StoreError) in
      try base.rename(path, to: target)
      recorder?.renamed(path, to: target)
      disk.openFiles.renamed(path, to: target)
    }
  }

  func link(_ path: String, as target: String) throws(StoreError) -> Bool {
    try pass(.link, path)
    return try disk.change { (recorder) throws(StoreError) in
      let isNew = try base.link(path, as: target)
      if isNew { recorder?.linked(path, as: target) }
      return isNew
    }
  }

  func unlink(_ path: String) throws(StoreError) {
    try pass(.unlink, path)
    try disk.change { (recorder) throws(StoreError) in
      try base.unlink(path)
      recorder?.removed(path)
    }
  }

  func createDirectory(_ path: String) throws(StoreError) -> Bool {
    try pass(.createDirectory, path)
    return try disk.change { (recorder) throws(StoreError) in
      let isNew = try base.createDirectory(path)
      if isNew { recorder?.createdDirectory(path) }
      return isNew
    }
  }

  func removeDirectory(_ path: String) throws(StoreError) {
    try pass(.removeDirectory, path)
    try disk.change { (recorder) throws(StoreError) in
      try base.removeDirectory(path)
      recorder?.removed(path)
    }
  }

  func list(_ directory: String) throws(StoreError) -> [String]? {
    try pass(.list, directory)
    return try base.list(directory)
  }

  func kind(of path: String) throws(StoreError) -> StorageKind? { try base.kind(of: path) }

  func syncDirectory(_ path: String) throws(StoreError) {
    try pass(.syncDirectory, path)
    try disk.change { (recorder) throws(StoreError) in
      if disk.syncs { try base.syncDirectory(path) }
      recorder?.syncedDirectory(path)
    }
  }
}

/// The files that the log and the store have open: they go by their present names.
final class OpenDiskFiles: Sendable {
  private struct Entry: Sendable {
    weak var file: DiskFile?
  }

  private let files = Mutex<[Entry]>([])

  fileprivate func adding(_ file: DiskFile) -> DiskFile {
    files.withLock { files in
      files.removeAll { $0.file == nil }
      files.append(Entry(file: file))
    }
    return file
  }

  fileprivate func renamed(_ path: String, to target: String) {
    for file in files.withLock({ $0.compactMap(\.file) }) { file.wasRenamed(path, to: target) }
  }
}

/// A file of a disk.
private final class DiskFile: StorageFile {
  private let base: any StorageFile
  private let name: Mutex<String>
  private let disk: Disk
  private let inode: Inode?
  private let syncedBytes: Mutex<Int>

  init(_ base: any StorageFile, _ path: String, _ disk: Disk, _ inode: Inode?, syncedBytes: Int) {
    self.base = base
    name = Mutex(path)
    self.disk = disk
    self.inode = inode
    self.syncedBytes = Mutex(syncedBytes)
  }

  private var path: String { name.withLock { $0 } }

  func wasRenamed(_ path: String, to target: String) {
    name.withLock { if $0 == path { $0 = target } }
  }

  func write(_ first: RawSpan, _ second: RawSpan, at position: Int) throws(StoreError) -> Int {
    let fault = disk.fault(for: .write, path)
    if let fault, fault.shortBytes == nil { throw fault.error(path) }
    let limit = fault?.shortBytes ?? .max
    let head = first.extracting(..<min(limit, first.byteCount))
    let tail = second.extracting(..<min(max(0, limit - first.byteCount), second.byteCount))
    return try disk.change { (recorder) throws(StoreError) in
      let count = try base.write(head, tail, at: position)
      if recorder != nil { recorder?.wrote(inode, at: position, Array((head.array + tail.array).prefix(count))) }
      return count
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(StoreError) -> Int {
    let fault = disk.fault(for: .read, path)
    if let fault, !fault.flipsBit { throw fault.error(path) }
    let count = unsafe try base.read(into: buffer, at: position)
    if fault != nil, count > 0 { unsafe buffer[count / 2] ^= 1 }
    return count
  }

  func sync() throws(StoreError) {
    let fault = disk.fault(for: .sync, path)
    try disk.change { (recorder) throws(StoreError) in
      let size = try base.size()
      guard let fault else {
        if disk.syncs { try base.sync() }
        recorder?.synced(inode)
        syncedBytes.withLock { $0 = max($0, size) }
        return
      }
      let start = syncedBytes.withLock { $0 }
      if fault.losesUnsynced, start < size {
        let zeros = [UInt8](repeating: 0, count: size - start)
        try base.writeAll(zeros.rawSpan, at: start)
        recorder?.wrote(inode, at: start, zeros)
      }
      throw fault.error(path)
    }
  }

  func truncate(to byteCount: Int) throws(StoreError) {
    if let fault = disk.fault(for: .truncate, path) { throw fault.error(path) }
    try disk.change { (recorder) throws(StoreError) in
      try base.truncate(to: byteCount)
      recorder?.truncated(inode, to: byteCount)
      syncedBytes.withLock { $0 = min($0, byteCount) }
    }
  }

  func size() throws(StoreError) -> Int { try base.size() }
  func tryLock() throws(StoreError) -> Bool { try base.tryLock() }
  func tryLockShared() throws(StoreError) -> Bool { try base.tryLockShared() }
  func isStill(at path: String) throws(StoreError) -> Bool { try base.isStill(at: path) }

  /// Changes of the word aren't recorded: a loss of power leaves the value that was written.
  func mapWord(at position: Int) throws(StoreError) -> MappedWord { try base.mapWord(at: position) }
}

extension Disk.Fault {
  func error(_ path: String) -> StoreError { StoreError(errno: errno, "a planned fault", path) }
}

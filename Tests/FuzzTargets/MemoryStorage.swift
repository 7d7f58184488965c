internal import Changelog

/// Files in memory, for one thread: nothing survives it, and syncs do nothing.
final class MemoryStorage: Storage, @unchecked Sendable {
  // Proof of `@unchecked Sendable`: only one thread uses it, as a log that doesn't sync by the clock has no other.
  private var files: [String: Inode] = [:]
  private var directories: Set<String> = ["", "/"]

  /// The file that a name refers to.
  @safe
  final class Inode {
    var bytes: [UInt8] = []
    var isLocked = false
    /// A mapped word, which starts with the bytes at its place and is never written back.
    private var mapped: UnsafeMutablePointer<UInt64>?

    deinit { unsafe mapped?.deallocate() }

    func word(at position: Int) -> MappedWord {
      if let mapped = unsafe mapped { return unsafe MappedWord(mapped, of: self) }
      var word: UInt64 = 0
      for byte in bytes[position..<position + 8].reversed() { word = word << 8 | UInt64(byte) }
      let new = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
      unsafe new.initialize(to: word)
      unsafe mapped = new
      return unsafe MappedWord(new, of: self)
    }
  }

  /// The contents of a file; setting them replaces the file, and `nil` removes it.
  subscript(path: String) -> [UInt8]? {
    get { files[path]?.bytes }
    set {
      files[path] = nil
      guard let newValue else { return }
      let inode = Inode()
      inode.bytes = newValue
      files[path] = inode
    }
  }

  /// The paths of all files, in order.
  var paths: [String] { files.keys.sorted() }

  init() {}

  /// Copies files.
  convenience init(_ other: MemoryStorage) {
    self.init()
    directories = other.directories
    for (path, inode) in other.files { self[path] = inode.bytes }
  }

  func open(_ path: String, _ mode: StorageFileMode) throws(StoreError) -> (any StorageFile)? {
    if let inode = files[path] {
      if mode == .create { throw StoreError(.inputOutput, "a file can't be opened", ["file": path]) }
      if mode == .replace { inode.bytes = [] }
      return MemoryFile(inode, self)
    }
    if mode == .read || mode == .readWrite { return nil }
    guard directories.contains(parent(of: path)) else {
      throw StoreError(.inputOutput, "a file can't be opened", ["file": path])
    }
    let inode = Inode()
    files[path] = inode
    return MemoryFile(inode, self)
  }

  func rename(_ path: String, to target: String) throws(StoreError) {
    if directories.remove(path) != nil {
      directories.insert(target)
      for name in files.keys where name.hasPrefix(path + "/") {
        files[target + name.dropFirst(path.count)] = files.removeValue(forKey: name)
      }
      return
    }
    guard let inode = files.removeValue(forKey: path) else {
      throw StoreError(.inputOutput, "a file can't be renamed", ["file": path])
    }
    files[target] = inode
  }

  func link(_ path: String, as target: String) throws(StoreError) -> Bool {
    guard let inode = files[path] else { throw StoreError(.inputOutput, "a file can't be linked", ["file": path]) }
    if files[target] != nil { return false }
    files[target] = inode
    return true
  }

  func unlink(_ path: String) throws(StoreError) { files[path] = nil }

  func createDirectory(_ path: String) throws(StoreError) -> Bool { directories.insert(path).inserted }

  func removeDirectory(_ path: String) throws(StoreError) { directories.remove(path) }

  func list(_ directory: String) throws(StoreError) -> [String]? {
    guard directories.contains(directory) else { return nil }
    let prefix = Array((directory + "/").utf8)
    return files.keys.compactMap { path in
      let path = path.utf8
      return path.starts(with: prefix) ? String(path.dropFirst(prefix.count)) : nil
    }
  }

  func kind(of path: String) throws(StoreError) -> StorageKind? {
    directories.contains(path) ? .directory : files[path] == nil ? nil : .file
  }

  func syncDirectory(_ path: String) throws(StoreError) {}

  fileprivate func has(_ inode: Inode, at path: String) -> Bool { files[path] === inode }
}

/// An open file in memory.
final class MemoryFile: StorageFile, @unchecked Sendable {
  // Proof of `@unchecked Sendable`: as of the storage.
  private let inode: MemoryStorage.Inode
  private let storage: MemoryStorage
  private var hasLock = false

  init(_ inode: MemoryStorage.Inode = MemoryStorage.Inode(), _ storage: MemoryStorage = MemoryStorage()) {
    self.inode = inode
    self.storage = storage
  }

  deinit { if hasLock { inode.isLocked = false } }

  func write(_ first: RawSpan, _ second: RawSpan, at position: Int) throws(StoreError) -> Int {
    let end = position + first.byteCount + second.byteCount
    if end > inode.bytes.count {
      inode.bytes.append(contentsOf: repeatElement(0, count: end - inode.bytes.count))
    }
    let bytes = first.array + second.array
    inode.bytes.replaceSubrange(position..<end, with: bytes)
    return bytes.count
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(StoreError) -> Int {
    let count = max(0, min(buffer.count, inode.bytes.count - position))
    if count > 0 { unsafe buffer.copyBytes(from: inode.bytes[position..<position + count]) }
    return count
  }

  func sync() throws(StoreError) {}

  func truncate(to byteCount: Int) throws(StoreError) {
    let extra = byteCount - inode.bytes.count
    if extra > 0 {
      inode.bytes.append(contentsOf: repeatElement(0, count: extra))
    } else {
      inode.bytes.removeLast(-extra)
    }
  }

  func size() throws(StoreError) -> Int { inode.bytes.count }

  func tryLock() throws(StoreError) -> Bool {
    if inode.isLocked, !hasLock { return false }
    inode.isLocked = true
    hasLock = true
    return true
  }

  func isStill(at path: String) throws(StoreError) -> Bool { storage.has(inode, at: path) }

  func mapWord(at position: Int) throws(StoreError) -> MappedWord { inode.word(at: position) }
}

internal import struct Synchronization.Atomic
internal import func Synchronization.atomicMemoryFence

/// The calls of a file system that the file log and the store use.
///
/// Errors are `outOfSpace`, `permissionDenied` or `inputOutput`; a missing file is a result (`nil` or `false`), not an
/// error.
package protocol Storage: Sendable {
  /// Opens a file; `nil` if it is missing. For writing, a symbolic link at the path isn't followed.
  func open(_ path: String, _ mode: StorageFileMode) throws(StoreError) -> (any StorageFile)?
  /// Gives a file or a directory another name, replacing the file that had it.
  func rename(_ path: String, to target: String) throws(StoreError)
  /// Gives a file a second name; `false` if the name exists.
  func link(_ path: String, as target: String) throws(StoreError) -> Bool
  /// Removes a file; it may be missing.
  func unlink(_ path: String) throws(StoreError)
  /// Creates a directory that only its owner may use; `false` if it exists.
  func createDirectory(_ path: String) throws(StoreError) -> Bool
  /// Removes an empty directory; it may be missing.
  func removeDirectory(_ path: String) throws(StoreError)
  /// The names in a directory; `nil` if it is missing.
  func list(_ directory: String) throws(StoreError) -> [String]?
  /// The kind of the file or directory at a path; `nil` if there is none.
  func kind(of path: String) throws(StoreError) -> StorageKind?
  /// Makes the names in a directory survive a loss of power.
  func syncDirectory(_ path: String) throws(StoreError)
}

/// The kind of an entry of a directory.
package enum StorageKind: Sendable {
  /// Anything that isn't a directory, also a symbolic link.
  case file
  case directory
}

/// How a file is opened.
package enum StorageFileMode: Sendable {
  case read
  case readWrite
  /// Creates it; fails if it exists.
  case create
  /// Creates it if it is missing.
  case openOrCreate
  /// Creates it, or truncates the existing file.
  case replace
}

/// An open file; it is closed when the last reference is released.
package protocol StorageFile: AnyObject, Sendable {
  /// Writes two pieces one after the other with one call; returns how many bytes were written, which can be fewer.
  func write(_ first: RawSpan, _ second: RawSpan, at position: Int) throws(StoreError) -> Int
  /// Fills the buffer up to the end of the file; returns how many bytes were read.
  func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(StoreError) -> Int
  /// Makes the contents survive a loss of power.
  func sync() throws(StoreError)
  func truncate(to byteCount: Int) throws(StoreError)
  func size() throws(StoreError) -> Int
  /// Takes the exclusive lock of the file, held as long as the file is open; `false` if another has it.
  func tryLock() throws(StoreError) -> Bool
  /// Takes a shared lock, which excludes the exclusive lock; `false` if another process has the exclusive lock.
  ///
  /// The file may be open for reading only.
  func tryLockShared() throws(StoreError) -> Bool
  /// Whether the path still leads to this very file.
  func isStill(at path: String) throws(StoreError) -> Bool
  /// Maps eight bytes at an aligned position of a writable file; the file must not be truncated while they are mapped.
  func mapWord(at position: Int) throws(StoreError) -> MappedWord
}

extension StorageFile {
  package func tryLockShared() throws(StoreError) -> Bool { try tryLock() }

  /// Writes all bytes, in several calls if need be.
  package func writeAll(_ bytes: RawSpan, at position: Int) throws(StoreError) {
    var done = 0
    while done < bytes.byteCount {
      let count = try write(bytes.extracting(done...), RawSpan(), at: position + done)
      if count == 0 { throw StoreError(.outOfSpace, "a write wrote nothing") }
      done += count
    }
  }

  /// Reads a range, or as much of it as there is.
  package func bytes(_ range: Range<Int>) throws(StoreError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    var failure: StoreError?
    let count = unsafe bytes.withUnsafeMutableBytes { buffer in
      do throws(StoreError) {
        return unsafe try read(into: buffer, at: range.lowerBound)
      } catch {
        failure = error
        return 0
      }
    }
    if let failure { throw failure }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}

/// Operations that are built from the calls above.
extension Storage {
  /// The bytes of a small file; `nil` if it is missing.
  ///
  /// Throws `corrupted` for a file of more than `greatestSize` bytes.
  package func contents(of path: String, upTo greatestSize: Int = 16 << 20) throws(StoreError) -> [UInt8]? {
    guard let file = try open(path, .read) else { return nil }
    let size = try file.size()
    guard size <= greatestSize else {
      throw StoreError(.corrupted, "a file is far too large for its kind", ["file": path])
    }
    return try file.bytes(0..<size)
  }

  /// Creates a file, or replaces what is there; its contents survive a loss of power on return, but not its name.
  package func write(_ bytes: [UInt8], to path: String) throws(StoreError) {
    guard let file = try open(path, .replace) else {
      throw StoreError(.inputOutput, "a file can't be created", ["file": path])
    }
    try file.writeAll(bytes.rawSpan, at: 0)
    try file.sync()
  }

  /// Replaces a file atomically: a reader sees the previous contents or `bytes`, also after a loss of power.
  package func replace(_ path: String, with bytes: [UInt8]) throws(StoreError) {
    let temporary = path + ".tmp"
    try write(bytes, to: temporary)
    try rename(temporary, to: path)
    try syncDirectory(parent(of: path))
  }

  /// Copies a file; the copy's contents survive a loss of power on return, but not its name.
  package func copy(_ path: String, to target: String) throws(StoreError) {
    guard let source = try open(path, .read) else {
      throw StoreError(.inputOutput, "a file to copy is gone", ["file": path])
    }
    guard let copy = try open(target, .create) else {
      throw StoreError(.inputOutput, "a file can't be created", ["file": target])
    }
    let size = try source.size()
    var position = 0
    while position < size {
      let bytes = try source.bytes(position..<min(size, position + 1 << 20))
      if bytes.isEmpty {
        throw StoreError(.inputOutput, "a file became shorter while it was copied", ["file": path])
      }
      try copy.writeAll(bytes.rawSpan, at: position)
      position += bytes.count
    }
    try copy.sync()
  }

  /// Makes the contents of an existing file survive a loss of power.
  package func sync(_ path: String) throws(StoreError) {
    guard let file = try open(path, .read) else {
      throw StoreError(.inputOutput, "a file to sync is gone", ["file": path])
    }
    try file.sync()
  }

  /// Creates a directory and its missing parents, so that their names survive a loss of power.
  package func makeDirectory(_ path: String) throws(StoreError) {
    if try kind(of: path) == .directory { return }
    let parent = parent(of: path)
    if parent != path { try makeDirectory(parent) }
    if try createDirectory(path) { try syncDirectory(parent) }
  }

  /// Makes the name of a file or a directory survive a loss of power, unless the directory above may not be read.
  ///
  /// Its creator may have died before it synced the name. A missing permission to read the parent is ignored; other
  /// errors are thrown.
  package func syncName(of path: String) throws(StoreError) {
    do throws(StoreError) {
      try syncDirectory(parent(of: path))
    } catch {
      if error.kind != .permissionDenied { throw error }
    }
  }

  /// Removes a file, or a directory with all that is in it; it may be missing.
  package func removeTree(_ path: String) throws(StoreError) {
    guard let kind = try kind(of: path) else { return }
    guard kind == .directory else { return try unlink(path) }
    for name in try list(path) ?? [] { try removeTree(path + "/" + name) }
    try removeDirectory(path)
  }

  /// The parent directory of a path.
  package func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}

/// Eight aligned bytes of a file, as a number that all who map them share: in this process, and in others on this machine.
///
/// A change is seen by the others at once, through the page cache. It need not survive a loss of power.
@safe
package final class MappedWord: @unchecked Sendable {
  // Proof of `@unchecked Sendable`: the word is only touched by atomic operations, and lives as long as its owner.
  private let word: UnsafeMutablePointer<Atomic<UInt64>>
  private let owner: AnyObject

  /// Takes the address of eight aligned bytes, which live as long as `owner`.
  package init(_ address: UnsafeMutableRawPointer, of owner: AnyObject) {
    precondition(UInt(bitPattern: address) % 8 == 0)
    // Proof: an atomic number is laid out as the number, and the address is aligned.
    unsafe word = address.assumingMemoryBound(to: Atomic<UInt64>.self)
    self.owner = owner
  }

  /// The number, after all that this thread did before: neither the processor nor the compiler moves it up.
  package var value: UInt64 {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    return unsafe word.pointee.load(ordering: .sequentiallyConsistent)
  }

  /// Replaces the number if it is `expected`, before all that this thread does after; returns whether it did.
  package func replace(_ expected: UInt64, with value: UInt64) -> Bool {
    defer { atomicMemoryFence(ordering: .sequentiallyConsistent) }
    return unsafe word.pointee.compareExchange(
      expected: expected, desired: value, ordering: .sequentiallyConsistent
    ).exchanged
  }
}

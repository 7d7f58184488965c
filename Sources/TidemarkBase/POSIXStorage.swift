internal import Glibc
internal import struct Synchronization.Atomic

/// The file system of the operating system.
package struct POSIXStorage: Storage {
  package init() {}

  package func open(_ path: String, _ mode: StorageFileMode) throws(StoreError) -> (any StorageFile)? {
    let flags =
      switch mode {
      case .read: O_RDONLY
      case .readWrite: O_RDWR
      case .create: O_RDWR | O_CREAT | O_EXCL
      case .openOrCreate: O_RDWR | O_CREAT
      case .replace: O_RDWR | O_CREAT | O_TRUNC
      }
    let descriptor = retryingInterrupted { unsafe Glibc.open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0o600) }
    if descriptor >= 0 { return POSIXFile(descriptor, path) }
    if errno == ENOENT, mode == .read || mode == .readWrite { return nil }
    if errno == ELOOP {
      throw StoreError(
        .inputOutput, "a symbolic link is in the place of a file; put the file itself there", ["file": path])
    }
    throw StoreError(errno: errno, "a file can't be opened", path)
  }

  package func rename(_ path: String, to target: String) throws(StoreError) {
    if unsafe Glibc.rename(path, target) != 0 { throw StoreError(errno: errno, "a file can't be renamed", path) }
  }

  package func link(_ path: String, as target: String) throws(StoreError) -> Bool {
    if unsafe Glibc.link(path, target) == 0 { return true }
    if errno == EEXIST { return false }
    throw StoreError(errno: errno, "a file can't be linked", target)
  }

  package func unlink(_ path: String) throws(StoreError) {
    if unsafe Glibc.unlink(path) != 0, errno != ENOENT {
      throw StoreError(errno: errno, "a file can't be removed", path)
    }
  }

  package func createDirectory(_ path: String) throws(StoreError) -> Bool {
    if unsafe mkdir(path, 0o700) == 0 { return true }
    if errno == EEXIST { return false }
    throw StoreError(errno: errno, "a directory can't be created", path)
  }

  package func removeDirectory(_ path: String) throws(StoreError) {
    if unsafe rmdir(path) != 0, errno != ENOENT {
      throw StoreError(errno: errno, "a directory can't be removed", path)
    }
  }

  package func kind(of path: String) throws(StoreError) -> StorageKind? {
    var status = stat()
    if unsafe lstat(path, &status) == 0 { return status.st_mode & S_IFMT == S_IFDIR ? .directory : .file }
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw StoreError(errno: errno, "a file can't be looked at", path)
  }

  package func list(_ directory: String) throws(StoreError) -> [String]? {
    guard let stream = unsafe opendir(directory) else {
      if errno == ENOENT { return nil }
      throw StoreError(errno: errno, "a directory can't be read", directory)
    }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    errno = 0
    while let entry = unsafe readdir(stream) {
      // Proof: `d_name` is a terminated string inside the entry, which lives until the next `readdir`.
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      if name != ".", name != ".." { names.append(name) }
      errno = 0
    }
    if errno != 0 { throw StoreError(errno: errno, "a directory can't be read", directory) }
    return names
  }

  package func syncDirectory(_ path: String) throws(StoreError) {
    let descriptor = retryingInterrupted { unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    if descriptor < 0 { throw StoreError(errno: errno, "a directory can't be opened", path) }
    defer { Glibc.close(descriptor) }
    if fsync(descriptor) != 0 { throw StoreError(errno: errno, "a directory can't be synced", path) }
  }
}

/// An open file of the operating system.
final class POSIXFile: StorageFile {
  private let descriptor: Int32
  private let path: String
  private let isLocked = Atomic<Bool>(false)

  init(_ descriptor: Int32, _ path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit {
    // A process that is being started has inherited the descriptor until it runs its program, and would keep the lock.
    if isLocked.load(ordering: .relaxed) { _ = setLock(F_UNLCK) }
    Glibc.close(descriptor)
  }

  func write(_ first: RawSpan, _ second: RawSpan, at position: Int) throws(StoreError) -> Int {
    let written = unsafe first.withUnsafeBytes { first in
      unsafe second.withUnsafeBytes { second in
        // Proof: the kernel only reads from the pieces, which live until it returns; both may be empty.
        let head = unsafe iovec(
          iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count)
        let tail = unsafe iovec(
          iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count)
        let pieces = unsafe (head, tail)
        return unsafe withUnsafePointer(to: pieces) { pieces in
          unsafe pieces.withMemoryRebound(to: iovec.self, capacity: 2) { pieces in
            retryingInterrupted { unsafe pwritev(descriptor, pieces, 2, off_t(position)) }
          }
        }
      }
    }
    if written < 0 { throw StoreError(errno: errno, "a file can't be written", path) }
    return written
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(StoreError) -> Int {
    var done = 0
    while done < buffer.count {
      // Proof: `done` stays below the buffer's count.
      let count = retryingInterrupted {
        unsafe pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(position + done))
      }
      if count < 0 { throw StoreError(errno: errno, "a file can't be read", path) }
      if count == 0 { break }
      done += count
    }
    return done
  }

  func sync() throws(StoreError) {
    if retryingInterrupted({ fdatasync(descriptor) }) != 0 {
      throw StoreError(errno: errno, "a file can't be synced", path)
    }
  }

  func truncate(to byteCount: Int) throws(StoreError) {
    if retryingInterrupted({ ftruncate(descriptor, off_t(byteCount)) }) != 0 {
      throw StoreError(errno: errno, "a file can't be cut", path)
    }
  }

  func size() throws(StoreError) -> Int {
    var status = stat()
    if unsafe fstat(descriptor, &status) != 0 { throw StoreError(errno: errno, "a file can't be looked at", path) }
    return Int(status.st_size)
  }

  func tryLock() throws(StoreError) -> Bool { try tryLock(F_WRLCK) }

  func tryLockShared() throws(StoreError) -> Bool { try tryLock(F_RDLCK) }

  private func tryLock(_ type: Int32) throws(StoreError) -> Bool {
    if setLock(type) {
      isLocked.store(true, ordering: .relaxed)
      return true
    }
    if errno == EAGAIN || errno == EACCES { return false }
    throw StoreError(errno: errno, "a file can't be locked", path)
  }

  /// Takes or gives back a lock of the open file description (fcntl(2)): it also keeps out other threads of this process.
  private func setLock(_ type: Int32) -> Bool {
    var lock = flock()
    lock.l_type = Int16(type)
    lock.l_whence = Int16(SEEK_SET)
    let setOpenFileDescriptionLock: Int32 = 37
    return unsafe fcntl(descriptor, setOpenFileDescriptionLock, &lock) == 0
  }

  func mapWord(at position: Int) throws(StoreError) -> MappedWord {
    let mapping = try FileMapping(descriptor, path, byteCount: position + 8)
    return unsafe MappedWord(mapping.base + position, of: mapping)
  }

  func isStill(at path: String) throws(StoreError) -> Bool {
    var opened = stat()
    var found = stat()
    if unsafe fstat(descriptor, &opened) != 0 { throw StoreError(errno: errno, "a file can't be looked at", path) }
    if unsafe stat(path, &found) != 0 {
      if errno == ENOENT { return false }
      throw StoreError(errno: errno, "a file can't be looked at", path)
    }
    return opened.st_ino == found.st_ino && opened.st_dev == found.st_dev
  }
}

/// The start of a file, mapped and shared with all processes that map it; unmapped when the last reference is released.
///
/// Proof of `@unchecked Sendable`: the address and the length never change.
@safe
private final class FileMapping: @unchecked Sendable {
  let base: UnsafeMutableRawPointer
  private let byteCount: Int

  init(_ descriptor: Int32, _ path: String, byteCount: Int) throws(StoreError) {
    self.byteCount = byteCount
    var status = stat()
    if unsafe fstat(descriptor, &status) != 0 { throw StoreError(errno: errno, "a file can't be looked at", path) }
    // Beyond the end of the file, an access would kill the process.
    guard Int(status.st_size) >= byteCount else {
      throw StoreError(.inputOutput, "a file to map is too short", ["file": path])
    }
    let mapped = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
      throw StoreError(errno: errno, "a file can't be mapped", path)
    }
    unsafe base = mapped
  }

  deinit { unsafe munmap(base, byteCount) }
}

private func retryingInterrupted<T: SignedInteger>(_ call: () -> T) -> T {
  while true {
    let result = call()
    if result >= 0 || errno != EINTR { return result }
  }
}

extension StoreError {
  /// An error of the operating system.
  package init(errno code: Int32, _ message: String, _ path: String) {
    let kind: Kind =
      switch code {
      case ENOSPC, EDQUOT, EFBIG: .outOfSpace
      case EACCES, EPERM, EROFS: .permissionDenied
      default: .inputOutput
      }
    self.init(kind, message, ["file": path, "errno": code])
    cause = unsafe String(cString: strerror(code))
    if code == EMFILE || code == ENFILE { tellOpenFileLimit() }
  }

  /// Says what to do where the process may not open one file more.
  package mutating func tellOpenFileLimit() {
    message += "; raise the limit of open files (ulimit -n), or open fewer"
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    metadata.append(Entry(name: "limit", value: "\(limit.rlim_cur)"))
  }
}

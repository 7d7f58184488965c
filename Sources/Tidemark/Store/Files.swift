internal import Changelog
internal import Foundation

/// Small files, written whole: a reader sees the former contents or the latter, also after a loss of power.
enum Files {
  /// The bytes of a file; `nil` if there is none.
  static func read(_ path: String) throws(StoreError) -> [UInt8]? {
    do {
      return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch let error as CocoaError where error.code == .fileReadNoSuchFile {
      return nil
    } catch {
      throw Self.error(error, "a file can't be read", path)
    }
  }

  /// Replaces a file: written under another name, synced, renamed, the directory synced.
  static func replace(_ path: String, with bytes: [UInt8]) throws(StoreError) {
    let temporary = path + ".tmp"
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw error(errno, "a file can't be made", temporary) }
    var written = 0
    var failure: Int32 = 0
    while written < bytes.count, failure == 0 {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe write(descriptor, $0.baseAddress! + written, $0.count - written)
      }
      if count < 0 { failure = errno } else { written += count }
    }
    if failure == 0, fsync(descriptor) != 0 { failure = errno }
    close(descriptor)
    if failure == 0, unsafe rename(temporary, path) != 0 { failure = errno }
    guard failure == 0 else { throw error(failure, "a file can't be written", path) }
    try syncDirectory(of: path)
  }

  /// Removes a file, or a directory with all that is in it; it may be missing.
  static func removeTree(_ path: String) throws(StoreError) {
    do {
      if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
    } catch {
      throw Self.error(error, "files that aren't needed any more can't be removed", path)
    }
  }

  /// How many files the process may have open.
  static var openFilesLimit: Int {
    var limit = rlimit()
    return unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
      ? Int(clamping: limit.rlim_cur) : 1024
  }

  /// Whether two files are equally long, and their last 64 KiB are the same; `false` if one can't be read.
  static func haveSameEnd(_ a: String, _ b: String) -> Bool {
    func end(_ path: String) -> (size: UInt64, bytes: Data)? {
      guard let file = FileHandle(forReadingAtPath: path), let size = try? file.seekToEnd() else { return nil }
      guard (try? file.seek(toOffset: size - min(size, 64 << 10))) != nil, let bytes = try? file.readToEnd() else {
        return nil
      }
      return (size, bytes)
    }
    guard let a = end(a), let b = end(b) else { return false }
    return a.size == b.size && a.bytes == b.bytes
  }

  /// How many bytes may still be written where a path leads; `nil` if that can't be told.
  static func freeBytes(at path: String) -> Int? {
    var status = statvfs()
    guard unsafe statvfs(path, &status) == 0 else { return nil }
    let (bytes, overflows) = Int(clamping: status.f_bavail).multipliedReportingOverflow(
      by: Int(clamping: status.f_frsize))
    return overflows ? .max : bytes
  }

  /// Makes a file, or the names in a directory, survive a loss of power.
  static func sync(_ path: String) throws(StoreError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw error(errno, "a file can't be opened", path) }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw error(errno, "a file can't be synced", path) }
  }

  /// Makes the names in the directory that holds `path` survive a loss of power.
  static func syncDirectory(of path: String) throws(StoreError) {
    let directory = (path as NSString).deletingLastPathComponent
    try sync(directory.isEmpty ? "." : directory)
  }

  /// What the operating system said, as the store says it.
  static func error(_ code: Int32, _ message: String, _ path: String) -> StoreError {
    let kind: StoreError.Kind =
      switch code {
      case ENOSPC, EDQUOT, EFBIG: .outOfSpace
      case EACCES, EPERM, EROFS: .permissionDenied
      default: .inputOutput
      }
    return unsafe StoreError(kind, message, ["file": path, "reason": String(cString: strerror(code))])
  }

  /// What Foundation said, as the store says it.
  static func error(_ error: any Error, _ message: String, _ path: String) -> StoreError {
    if let error = error as? StoreError { return error }
    var inner: any Error = error
    while let underlying = (inner as NSError).userInfo[NSUnderlyingErrorKey] as? any Error { inner = underlying }
    let code = inner as NSError
    if code.domain == NSPOSIXErrorDomain { return Self.error(Int32(code.code), message, path) }
    return StoreError(.inputOutput, message, ["file": path], cause: error)
  }
}

internal import CRocksDB

/// A call of RocksDB to its file system, as the observer gets it; valid only while the observer runs.
@safe
public struct FileCall {
  /// The kind of call.
  public enum Kind: Int32, Sendable {
    /// Opens a file for reading.
    case open
    /// Makes a file, or empties an existing one.
    case create
    /// Opens a file to be written at its end.
    case reopen
    /// Reads.
    case read
    /// Writes.
    case write
    /// Cuts a file.
    case truncate
    /// Makes a file survive a loss of power.
    case sync
    /// Closes a file that was open for writing.
    case close
    /// Gives a file another name.
    case rename
    /// Gives a file a second name.
    case link
    /// Removes a name.
    case unlink
    /// Makes a directory.
    case createDirectory
    /// Removes a directory.
    case removeDirectory
    /// Lists a directory.
    case list
    /// Makes the names in a directory survive a loss of power.
    case syncDirectory
  }

  fileprivate let call: UnsafeMutablePointer<RDBFileCall>

  /// The kind of call.
  public var kind: Kind { unsafe Kind(rawValue: call.pointee.kind)! }
  /// The number of the file, if it is open for writing; no other file of the process has it.
  public var file: UInt64 { unsafe call.pointee.file }
  /// The path; for an open file, the path at its opening.
  public var path: String { unsafe String(cString: call.pointee.path) }
  /// The new name of a file that is renamed or linked.
  public var target: String { unsafe call.pointee.target.map { unsafe String(cString: $0) } ?? "" }
  /// The offset of a read or write, in bytes; the new size of a file that is cut.
  public var position: Int { unsafe Int(clamping: call.pointee.position) }
  /// The bytes to write, or after ``proceed(byteCount:)`` the bytes read, which may be altered.
  public var bytes: UnsafeMutableRawBufferPointer {
    unsafe UnsafeMutableRawBufferPointer(start: call.pointee.bytes, count: call.pointee.length)
  }

  /// Makes the call; `false` if it fails.
  ///
  /// Writes at most `byteCount` bytes, if it is given.
  @discardableResult
  public func proceed(byteCount: Int? = nil) -> Bool {
    if let byteCount { unsafe call.pointee.length = min(byteCount, call.pointee.length) }
    return unsafe call.pointee.proceed(call)
  }

  /// Lets a call that returns no data succeed without being made.
  public func skip() { unsafe call.pointee.skipped = true }
}

/// The operating system's file system for databases, with an observer.
///
/// RocksDB's text log and its lock file bypass it.
@safe
public final class ToldFileSystem: Sendable {
  private final class Handler: Sendable {
    let body: @Sendable (FileCall) -> RocksDBError?

    init(_ body: @escaping @Sendable (FileCall) -> RocksDBError?) { self.body = body }
  }

  // Proof: the pointer never changes, and the shim's file system may be used by any thread.
  nonisolated(unsafe) let handle: OpaquePointer

  /// Makes a file system that passes each call to `body`, which makes it and returns `nil`, or fails it with an error.
  ///
  /// `body` is called on any thread.
  public init(_ body: @escaping @Sendable (FileCall) -> RocksDBError?) {
    unsafe handle = requireHandle { out in
      // Proof: each context below is the reference retained here, which `release` gives back after the last call.
      let handler = unsafe RDBFileCallHandler(
        context: Unmanaged.passRetained(Handler(body)).toOpaque(),
        release: { unsafe Unmanaged<Handler>.fromOpaque($0).release() },
        told: { context, call in
          unsafe Unmanaged<Handler>.fromOpaque(context).takeUnretainedValue().body(FileCall(call: call))?.status
            ?? RDBStatus()
        })
      return unsafe rdb_file_system_create(handler, out)
    }
  }

  deinit { unsafe rdb_file_system_destroy(handle) }
}

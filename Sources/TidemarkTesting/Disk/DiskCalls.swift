internal import Changelog
internal import RocksDB

extension Disk.Operation {
  fileprivate init(_ kind: FileCall.Kind) {
    self =
      switch kind {
      case .open, .create, .reopen: .open
      case .read: .read
      case .write: .write
      case .truncate: .truncate
      case .sync: .sync
      case .close: .close
      case .rename: .rename
      case .link: .link
      case .unlink: .unlink
      case .createDirectory: .createDirectory
      case .removeDirectory: .removeDirectory
      case .list: .list
      case .syncDirectory: .syncDirectory
      }
  }
}

extension Disk {
  /// The disk in the form that RocksDB takes.
  func toldFileSystem() -> ToldFileSystem { ToldFileSystem { [self] call in perform(call) } }

  private func perform(_ call: FileCall) -> RocksDBError? {
    let fault = fault(for: Operation(call.kind), call.path)
    switch call.kind {
    case .open, .list:
      if let fault { return fault.databaseError(call.path) }
      call.proceed()
    case .read:
      if let fault, !fault.flipsBit { return fault.databaseError(call.path) }
      let isRead = call.proceed()
      if fault != nil, isRead, unsafe call.bytes.count > 0 { unsafe call.bytes[call.bytes.count / 2] ^= 1 }
    default:
      return change { (recorder) in
        if let fault {
          recorder.fail(call, fault)
          return fault.databaseError(call.path)
        }
        if !syncs, call.kind == .sync || call.kind == .syncDirectory {
          call.skip()
        } else if !call.proceed() {
          return nil
        }
        recorder?.made(call)
        return nil
      }
    }
    return nil
  }
}

extension DiskRecorder? {
  /// The effects that a failing call has all the same.
  fileprivate mutating func fail(_ call: FileCall, _ fault: Disk.Fault) {
    if call.kind == .close {
      // A failed close can't be repeated.
      call.proceed()
      self?.made(call)
    }
    if call.kind == .write, let count = fault.shortBytes, call.proceed(byteCount: count) { self?.made(call) }
    if call.kind == .sync, fault.losesUnsynced { self?.loseUnsynced(call) }
  }
}

extension DiskRecorder {
  /// Replaces a file's unsynced bytes with zeros.
  fileprivate mutating func loseUnsynced(_ call: FileCall) {
    guard let inode = inode(ofFile: call.file), let range = trace.unsyncedRange(of: inode),
      let file = try? POSIXStorage().open(call.path, .readWrite)
    else { return }
    let zeros = [UInt8](repeating: 0, count: range.count)
    if (try? file.writeAll(zeros.rawSpan, at: range.lowerBound)) != nil { wrote(inode, at: range.lowerBound, zeros) }
  }

  fileprivate mutating func made(_ call: FileCall) {
    switch call.kind {
    case .open, .read, .list: break
    case .create: opened(call.path, creates: true, empties: true, file: call.file)
    case .reopen: opened(call.path, creates: true, empties: false, file: call.file)
    case .write: wrote(inode(ofFile: call.file), at: call.position, unsafe Array(call.bytes))
    case .truncate: truncated(call.file == 0 ? inode(call.path) : inode(ofFile: call.file), to: call.position)
    case .sync: synced(inode(ofFile: call.file))
    case .close: closed(file: call.file)
    case .rename: renamed(call.path, to: call.target)
    case .link: linked(call.path, as: call.target)
    case .unlink, .removeDirectory: removed(call.path)
    case .createDirectory: createdDirectory(call.path)
    case .syncDirectory: syncedDirectory(call.path)
    }
  }
}

extension Disk.Fault {
  fileprivate func databaseError(_ path: String) -> RocksDBError {
    let error = error(path)
    return RocksDBError(.ioError, error.kind == .outOfSpace ? .noSpace : .none, message: "a planned fault: \(path)")
  }
}

package import TidemarkBase
internal import Foundation
package import RocksDB

/// The file system that a store's files are on: the operating system's, unless a test looks on or makes it fail.
///
/// It has two faces, since RocksDB calls the operating system itself.
package struct FileSystem: Sendable {
  /// For what the store itself reads and writes.
  package var storage: any Storage
  /// For RocksDB; `nil`: the operating system's.
  package var database: ToldFileSystem?

  package init(storage: any Storage = POSIXStorage(), database: ToldFileSystem? = nil) {
    self.storage = storage
    self.database = database
  }

  /// How many files the process may have open.
  static var openFilesLimit: Int {
    var limit = rlimit()
    return unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
      ? Int(clamping: limit.rlim_cur) : 1024
  }

  /// How many bytes may still be written where a path leads; `nil` if that can't be told.
  static func freeBytes(at path: String) -> Int? {
    var status = statvfs()
    guard unsafe statvfs(path, &status) == 0 else { return nil }
    let (bytes, overflows) = Int(clamping: status.f_bavail).multipliedReportingOverflow(
      by: Int(clamping: status.f_frsize))
    return overflows ? .max : bytes
  }

  /// A path that means the same in another working directory, without symbolic links.
  static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }

  /// Whether a path, and a directory that is or will be, lie on one device.
  static func areOnSameDevice(_ path: String, _ directory: String) -> Bool {
    func device(_ path: String) -> dev_t? {
      var status = stat()
      return unsafe stat(path, &status) == 0 ? status.st_dev : nil
    }
    return device(path) == device((absolute(directory) as NSString).deletingLastPathComponent)
  }
}

extension Storage {
  /// Whether two files are equally long, and their last 64 KiB are the same; `false` if one can't be read.
  func haveSameEnd(_ a: String, _ b: String) -> Bool {
    func end(_ path: String) -> (size: Int, bytes: [UInt8])? {
      guard let file = try? open(path, .read), let size = try? file.size(),
        let bytes = try? file.bytes(max(0, size - 64 << 10)..<size)
      else { return nil }
      return (size, bytes)
    }
    guard let a = end(a), let b = end(b) else { return false }
    return a.size == b.size && a.bytes == b.bytes
  }
}

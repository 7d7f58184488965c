internal import Changelog
internal import Foundation

/// The contents of a disk at one moment.
package struct DiskImage: Sendable, Equatable {
  /// By inode; includes every file that has a name, and perhaps others.
  var files: [Inode: [UInt8]] = [:]
  /// The names of each directory.
  var directories: [Inode: [String: Inode]] = [.root: [:]]

  /// An empty directory.
  package init() {}

  /// Whether RocksDB writes the file without the disk: true for its text log, and its lock, which is empty.
  static func leavesOut(_ path: String) -> Bool {
    (path.split(separator: "/").last?.hasPrefix("LOG") ?? false) || path.hasSuffix("/db/LOCK")
  }

  var lastNumber: Int { max(files.keys.map(\.number).max() ?? 0, directories.keys.map(\.number).max() ?? 0) }

  /// Calls `body` with each name below a directory, in the order of names, a directory before its contents.
  private func walk(
    _ directory: Inode = .root, _ path: String = "", _ body: (_ path: String, Inode) throws -> Void
  ) rethrows {
    for (name, inode) in (directories[directory] ?? [:]).sorted(by: { $0.key < $1.key }) {
      try body(path + "/" + name, inode)
      if directories[inode] != nil { try walk(inode, path + "/" + name, body) }
    }
  }

  /// The paths below the directory, with the sizes of files.
  package var listing: [String] {
    var lines: [String] = []
    walk { path, inode in lines.append(files[inode].map { "\(path) \($0.count)" } ?? path + "/") }
    return lines
  }

  /// The paths of the files below the directory.
  package var paths: [String] {
    var paths: [String] = []
    walk { path, inode in if files[inode] != nil { paths.append(path) } }
    return paths
  }

  /// All names of the file at a path.
  package func names(ofFileAt path: String) -> [String] {
    var names: [String] = []
    let file = entry(path)?.inode
    walk { path, inode in if inode == file { names.append(path) } }
    return names
  }

  /// The bytes of a file; `nil` if there is none.
  ///
  /// An existing file can be changed or removed.
  package subscript(path: String) -> [UInt8]? {
    get { entry(path).flatMap { files[$0.inode] } }
    set {
      guard let (directory, name, inode) = entry(path) else { return }
      if let newValue { files[inode] = newValue } else { directories[directory]?[name] = nil }
    }
  }

  private func entry(_ path: String) -> (directory: Inode, name: String, inode: Inode)? {
    var (directory, name, inode) = (Inode.root, "", Inode.root)
    for part in path.split(separator: "/") {
      (directory, name) = (inode, String(part))
      guard let next = directories[directory]?[name] else { return nil }
      inode = next
    }
    return (directory, name, inode)
  }

  /// A hash of the names, the contents, and which names belong to one file; tells images apart.
  package var fingerprint: UInt64 { fingerprint { _ in true } }

  /// The fingerprint of some paths alone.
  package func fingerprint(of isIncluded: (_ path: String) -> Bool) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ bytes: [UInt8]) {
      // Two different checksums are enough to tell a few hundred thousand images apart.
      let checksum = UInt64(crc32c(UInt32(truncatingIfNeeded: hash), bytes.rawSpan))
      let other = UInt64(crc32c(UInt32(truncatingIfNeeded: hash >> 32) ^ 0x5bd1_e995, bytes.rawSpan))
      hash = (hash ^ (checksum | other << 32)) &* 0x0000_0100_0000_01b3
      hash ^= UInt64(bytes.count) &* 0x9e37_79b9_7f4a_7c15
    }
    var numbers: [Inode: Int] = [:]
    walk { path, inode in
      guard isIncluded(path) else { return }
      add(Array(path.utf8))
      // Two names of one file have the same number.
      numbers[inode] = numbers[inode] ?? numbers.count
      add(Array("\(numbers[inode] ?? 0)".utf8))
      if let bytes = files[inode] { add(bytes) }
    }
    return hash
  }

  /// Empties a directory and writes the image there; returns the directory's image afterwards.
  ///
  /// If a file contains the path of the recorded directory, `root` replaces it.
  package func write(to root: String, inPlaceOf recorded: [String]) throws -> DiskImage {
    let storage = POSIXStorage()
    var written = self
    try storage.removeTree(root)
    try storage.makeDirectory(root)
    var paths: [Inode: String] = [:]
    try walk { path, inode in
      let target = root + path
      if directories[inode] != nil {
        _ = try storage.createDirectory(target)
      } else if let known = paths[inode] {
        _ = try storage.link(known, as: target)
      } else if let file = try storage.open(target, .create) {
        var bytes = files[inode] ?? []
        // The only file whose absolute path is followed.
        if path.hasSuffix("/BASE"), let text = String(validating: bytes, as: UTF8.self) {
          bytes = Array(recorded.reduce(text) { $0.replacingOccurrences(of: $1 + "/", with: root + "/") }.utf8)
        }
        try file.writeAll(bytes.rawSpan, at: 0)
        written.files[inode] = bytes
        paths[inode] = target
      }
    }
    return written
  }

  /// The contents of a directory.
  package init(of root: String) throws {
    let storage = POSIXStorage()
    var known: [UInt64: Inode] = [:]
    func add(_ path: String, to directory: Inode) throws {
      for name in try storage.list(path) ?? [] where !Self.leavesOut(path + "/" + name) {
        let child = path + "/" + name
        if try storage.kind(of: child) == .directory {
          let inode = Inode(number: lastNumber + 1)
          directories[inode] = [:]
          directories[directory]?[name] = inode
          try add(child, to: inode)
          continue
        }
        let number = (try FileManager.default.attributesOfItem(atPath: child)[.systemFileNumber] as? UInt64) ?? 0
        let inode = known[number] ?? Inode(number: lastNumber + 1)
        known[number] = inode
        directories[directory]?[name] = inode
        files[inode] = try storage.contents(of: child, upTo: .max) ?? []
      }
    }
    try add(root, to: .root)
  }
}

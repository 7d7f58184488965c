/// The identity of a file or directory, independent of its names.
package struct Inode: Sendable, Hashable {
  var number: Int
  /// The directory that was recorded.
  static let root = Inode(number: 0)
}

/// The changes of a disk, one step after the other.
package struct DiskTrace: Sendable {
  /// One change, or a sync that makes changes survive a loss of power.
  package enum Step: Sendable {
    case createFile(Inode, in: Inode, name: String)
    case createDirectory(Inode, in: Inode, name: String)
    case write(Inode, at: Int, [UInt8])
    case truncate(Inode, to: Int)
    case sync(Inode)
    case link(Inode, in: Inode, name: String)
    case unlink(in: Inode, name: String)
    case rename(in: Inode, name: String, to: Inode, newName: String)
    case syncDirectory(Inode)
  }

  /// The contents before the first step.
  package var start = DiskImage()
  package var steps: [Step] = []

  /// Its beginning.
  package func prefix(_ count: Int) -> DiskTrace { DiskTrace(start: start, steps: Array(steps.prefix(count))) }

  /// The greatest number of a file or directory, including removed ones.
  var lastNumber: Int {
    steps.reduce(start.lastNumber) { last, step in
      switch step {
      case .createFile(let inode, _, _), .createDirectory(let inode, _, _): max(last, inode.number)
      default: last
      }
    }
  }

  /// The range of a file that was written since its last sync; `nil` if there is none.
  func unsyncedRange(of inode: Inode) -> Range<Int>? {
    var range: Range<Int>?
    for step in steps.reversed() {
      switch step {
      case .sync(inode): return range
      case .write(inode, let position, let bytes):
        let written = position..<position + bytes.count
        range = min(range?.lowerBound ?? .max, written.lowerBound)..<max(range?.upperBound ?? 0, written.upperBound)
      default: break
      }
    }
    return range
  }
}

/// Follows the names of a disk, so that a step is recorded for the file that its path names.
struct DiskRecorder: Sendable {
  private(set) var trace: DiskTrace
  private let root: String
  private var directories: [Inode: [String: Inode]]
  private var lastNumber: Int
  /// The inodes of RocksDB's open files, by file number.
  private var openFiles: [UInt64: Inode] = [:]

  init(_ root: String, _ image: DiskImage, _ history: DiskTrace?) {
    self.root = root
    trace = history ?? DiskTrace(start: image)
    directories = image.directories
    lastNumber = max(image.lastNumber, trace.lastNumber)
  }

  // MARK: Names

  /// The directory that contains a path, and the name there; `nil` outside of the recorded directory.
  private func place(_ path: String) -> (directory: Inode, name: String)? {
    guard path.hasPrefix(root + "/") else { return nil }
    var names = path.dropFirst(root.count).split(separator: "/").filter { $0 != "." }
    guard let name = names.popLast() else { return nil }
    var directory = Inode.root
    for name in names {
      guard let next = directories[directory]?[String(name)], directories[next] != nil else { return nil }
      directory = next
    }
    return DiskImage.leavesOut(path) ? nil : (directory, String(name))
  }

  /// The file or directory at a path.
  func inode(_ path: String) -> Inode? {
    if path == root || path == root + "/" { return .root }
    guard let (directory, name) = place(path) else { return nil }
    return directories[directory]?[name]
  }

  // MARK: Steps

  /// A file was opened; `isNew` if it was made, or emptied.
  mutating func opened(_ path: String, creates: Bool, empties: Bool) -> Inode? {
    guard let (directory, name) = place(path) else { return nil }
    if let known = directories[directory]?[name] {
      if empties { trace.steps.append(.truncate(known, to: 0)) }
      return known
    }
    guard creates else { return nil }
    lastNumber += 1
    let inode = Inode(number: lastNumber)
    directories[directory]?[name] = inode
    trace.steps.append(.createFile(inode, in: directory, name: name))
    return inode
  }

  mutating func opened(_ path: String, creates: Bool, empties: Bool, file: UInt64) {
    openFiles[file] = opened(path, creates: creates, empties: empties)
  }

  func inode(ofFile file: UInt64) -> Inode? { openFiles[file] }

  mutating func closed(file: UInt64) { openFiles[file] = nil }

  mutating func wrote(_ inode: Inode?, at position: Int, _ bytes: [UInt8]) {
    if let inode, !bytes.isEmpty { trace.steps.append(.write(inode, at: position, bytes)) }
  }

  mutating func truncated(_ inode: Inode?, to size: Int) {
    if let inode { trace.steps.append(.truncate(inode, to: size)) }
  }

  mutating func synced(_ inode: Inode?) {
    if let inode { trace.steps.append(.sync(inode)) }
  }

  mutating func syncedDirectory(_ path: String) {
    if let inode = inode(path) { trace.steps.append(.syncDirectory(inode)) }
  }

  mutating func createdDirectory(_ path: String) {
    guard let (directory, name) = place(path) else { return }
    lastNumber += 1
    let inode = Inode(number: lastNumber)
    directories[directory]?[name] = inode
    directories[inode] = [:]
    trace.steps.append(.createDirectory(inode, in: directory, name: name))
  }

  /// A file or an empty directory was removed.
  mutating func removed(_ path: String) {
    guard let (directory, name) = place(path), let inode = directories[directory]?.removeValue(forKey: name) else {
      return
    }
    directories[inode] = nil
    trace.steps.append(.unlink(in: directory, name: name))
  }

  mutating func linked(_ path: String, as target: String) {
    guard let inode = inode(path), let (directory, name) = place(target) else { return }
    directories[directory]?[name] = inode
    trace.steps.append(.link(inode, in: directory, name: name))
  }

  mutating func renamed(_ path: String, to target: String) {
    guard let from = place(path), let to = place(target),
      let inode = directories[from.directory]?.removeValue(forKey: from.name)
    else { return }
    directories[to.directory]?[to.name] = inode
    trace.steps.append(.rename(in: from.directory, name: from.name, to: to.directory, newName: to.name))
  }
}

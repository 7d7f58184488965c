package import Changelog

/// Storage that fails as planned, and tells of each step before it is taken.
package final class FaultyStorage: LogStorage {
  /// What can fail.
  package enum Operation: Sendable, Hashable {
    case open, read, write, sync, truncate, rename, link, unlink, createDirectory, list, syncDirectory
  }

  /// One planned failure.
  package struct Fault: Sendable {
    /// What fails.
    package var operation: Operation
    /// Which one from now on, counted from 1.
    package var nth = 1
    /// How many fail from there on.
    package var count = 1
    /// Only files whose path ends so count; all, if empty.
    package var pathSuffix = ""
    /// The error; for a write that is short, none.
    package var errno: Int32 = 5
    /// How many bytes a write still writes; with it, the write is short and doesn't fail.
    package var shortBytes: Int?
    /// Whether a failing sync also loses what wasn't synced: it reads as zeros afterwards.
    package var losesUnsynced = false

    package init(_ operation: Operation, nth: Int = 1, count: Int = 1, pathSuffix: String = "", errno: Int32 = 5) {
      self.operation = operation
      self.nth = nth
      self.count = count
      self.pathSuffix = pathSuffix
      self.errno = errno
    }
  }

  private struct State: Sendable {
    var faults: [Fault] = []
    var counts: [Operation: Int] = [:]
    var files: [OpenFile] = []
  }

  private struct OpenFile: Sendable {
    weak var file: FaultyFile?
  }

  private let base: any LogStorage
  private let state = Mutex(State())
  private let observe: @Sendable (Operation, String) -> Void

  fileprivate let syncs: Bool

  /// Wraps other storage; `observe` is called before each operation and may block it.
  ///
  /// Without `syncs`, syncs succeed and do nothing, for tests that sync often.
  package init(
    _ base: any LogStorage = POSIXStorage(), syncs: Bool = true,
    observe: @escaping @Sendable (Operation, String) -> Void = { _, _ in }
  ) {
    self.base = base
    self.syncs = syncs
    self.observe = observe
  }

  /// Adds a failure to the plan.
  package func plan(_ fault: Fault) { state.withLock { $0.faults.append(fault) } }

  /// Forgets what is still planned.
  package func heal() { state.withLock { $0.faults = [] } }

  /// How often an operation was asked for.
  package func count(of operation: Operation) -> Int { state.withLock { $0.counts[operation] ?? 0 } }

  fileprivate func step(_ operation: Operation, _ path: String) -> Fault? {
    observe(operation, path)
    return state.withLock { state in
      state.counts[operation, default: 0] += 1
      var due: Fault?
      for place in state.faults.indices
      where state.faults[place].operation == operation && path.hasSuffix(state.faults[place].pathSuffix) {
        state.faults[place].nth -= 1
        if state.faults[place].nth <= 0, state.faults[place].nth > -state.faults[place].count {
          due = due ?? state.faults[place]
        }
      }
      return due
    }
  }

  private func pass(_ operation: Operation, _ path: String) throws(StoreError) {
    if let fault = step(operation, path) { throw StoreError(errno: fault.errno, "a planned fault", path) }
  }

  package func open(_ path: String, _ mode: LogFileMode) throws(StoreError) -> (any LogFile)? {
    try pass(.open, path)
    guard let file = try base.open(path, mode) else { return nil }
    let faulty = FaultyFile(file, path, self, syncedBytes: try file.size())
    state.withLock { state in
      state.files.removeAll { $0.file == nil }
      state.files.append(OpenFile(file: faulty))
    }
    return faulty
  }

  package func rename(_ path: String, to target: String) throws(StoreError) {
    try pass(.rename, path)
    try base.rename(path, to: target)
    // Open files go by their present name.
    for file in state.withLock({ $0.files.compactMap(\.file) }) { file.wasRenamed(path, to: target) }
  }

  package func link(_ path: String, as target: String) throws(StoreError) -> Bool {
    try pass(.link, path)
    return try base.link(path, as: target)
  }

  package func unlink(_ path: String) throws(StoreError) {
    try pass(.unlink, path)
    try base.unlink(path)
  }

  package func createDirectory(_ path: String) throws(StoreError) -> Bool {
    try pass(.createDirectory, path)
    return try base.createDirectory(path)
  }

  package func list(_ directory: String) throws(StoreError) -> [String]? {
    try pass(.list, directory)
    return try base.list(directory)
  }

  package func syncDirectory(_ path: String) throws(StoreError) {
    try pass(.syncDirectory, path)
    if syncs { try base.syncDirectory(path) }
  }
}

fileprivate final class FaultyFile: LogFile {
  private let base: any LogFile
  private let name: Mutex<String>
  private let storage: FaultyStorage
  private let syncedBytes: Mutex<Int>

  init(_ base: any LogFile, _ path: String, _ storage: FaultyStorage, syncedBytes: Int) {
    self.base = base
    name = Mutex(path)
    self.storage = storage
    self.syncedBytes = Mutex(syncedBytes)
  }

  private var path: String { name.withLock { $0 } }

  func wasRenamed(_ path: String, to target: String) {
    name.withLock { if $0 == path { $0 = target } }
  }

  func write(_ first: RawSpan, _ second: RawSpan, at position: Int) throws(StoreError) -> Int {
    guard let fault = storage.step(.write, path) else { return try base.write(first, second, at: position) }
    guard let short = fault.shortBytes else { throw StoreError(errno: fault.errno, "a planned fault", path) }
    let head = first.extracting(..<min(short, first.byteCount))
    let tail = second.extracting(..<min(max(0, short - first.byteCount), second.byteCount))
    return try base.write(head, tail, at: position)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(StoreError) -> Int {
    if let fault = storage.step(.read, path) { throw StoreError(errno: fault.errno, "a planned fault", path) }
    return unsafe try base.read(into: buffer, at: position)
  }

  func sync() throws(StoreError) {
    let size = try base.size()
    guard let fault = storage.step(.sync, path) else {
      if storage.syncs { try base.sync() }
      syncedBytes.withLock { $0 = max($0, size) }
      return
    }
    if fault.losesUnsynced {
      let start = syncedBytes.withLock { $0 }
      var zeros = ByteBuffer()
      for _ in start..<max(start, size) { zeros.append(0) }
      try base.writeAll(zeros.bytes, at: start)
    }
    throw StoreError(errno: fault.errno, "a planned fault", path)
  }

  func truncate(to byteCount: Int) throws(StoreError) {
    if let fault = storage.step(.truncate, path) { throw StoreError(errno: fault.errno, "a planned fault", path) }
    try base.truncate(to: byteCount)
    syncedBytes.withLock { $0 = min($0, byteCount) }
  }

  func size() throws(StoreError) -> Int { try base.size() }
  func tryLock() throws(StoreError) -> Bool { try base.tryLock() }
  func isLinked() throws(StoreError) -> Bool { try base.isLinked() }
  func isStill(at path: String) throws(StoreError) -> Bool { try base.isStill(at: path) }
}

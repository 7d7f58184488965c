import Foundation
import Synchronization
import Tidemark

/// A changelog in one file, which is read as a whole at each call, and synced at each commit.
///
/// The file starts with the changelog's id. Each commit is a frame; integers are big-endian:
///
/// | bytes | field |
/// |---|---|
/// | 4 | length of the rest |
/// | 8, 8 | where the commit starts and ends |
/// | 4 | the writer's epoch |
/// | 8 | when it was appended |
/// | 8 | its receipt |
/// | 4, … | length of the metadata, and the metadata |
/// | 4, … | number of records, and the records |
final class SingleFileChangelog: Changelog {
  let identity: ChangelogIdentity
  let path: String
  let maxCommitBytes: Int
  static let headerBytes = 36

  init(_ path: String, maxCommitBytes: Int = 1 << 20) throws {
    let file = URL(fileURLWithPath: path)
    if !FileManager.default.fileExists(atPath: path) {
      try Data(UUID().uuidString.utf8).write(to: file, options: .atomic)
    }
    let header = try Data(contentsOf: file).prefix(Self.headerBytes)
    guard let id = UUID(uuidString: String(decoding: header, as: UTF8.self)) else {
      throw StoreError(.corrupted, "the file doesn't start with an id; restore it from a copy", ["file": path])
    }
    identity = ChangelogIdentity(id: id, topicPartition: TopicPartition("single-file", 0))
    self.path = path
    self.maxCommitBytes = maxCommitBytes
  }

  /// Every commit is synced before it counts, so all of it is durable.
  func offsets() throws(StoreError) -> ChangelogOffsets {
    let end = try scan { _ in .next }.end
    return ChangelogOffsets(start: .zero, durable: end, end: end)
  }

  /// Nothing is ever deleted.
  func deleteCommits(below offset: Offset) throws(StoreError) -> Offset {
    let end = try offsets().end
    guard offset <= end else {
      throw StoreError(.invalidArgument, "commits can't be deleted beyond the end", ["offset": offset, "end": end])
    }
    return .zero
  }
}

extension SingleFileChangelog {
  /// What was found up to the last whole commit.
  struct Scan {
    var end = Offset.zero
    var receipt: Receipt
    var epoch: Int32 = -1
    /// Where the last whole commit ends in the file, and where the file ends.
    var byteCount = SingleFileChangelog.headerBytes
    var fileBytes = 0
  }

  /// Gives each whole commit to `body`.
  ///
  /// What follows the last one was being written when a process died: a frame that is cut short, or whose receipt isn't that
  /// of its contents.
  func scan(_ body: (LoggedCommit) throws(StoreError) -> ReadContinuation) throws(StoreError) -> Scan {
    let bytes: [UInt8]
    do { bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path))) } catch {
      throw StoreError(.inputOutput, "the changelog can't be read", ["file": path], cause: error)
    }
    var scan = Scan(receipt: Receipt(startOf: identity))
    scan.fileBytes = bytes.count
    var reader = ByteReader(bytes.rawSpan)
    _ = reader.take(Self.headerBytes)
    while let length = reader.integer(UInt32.self), let frame = reader.take(Int(length)) {
      var fields = ByteReader(frame)
      guard let start = fields.integer(Int64.self), let end = fields.integer(Int64.self),
        let epoch = fields.integer(Int32.self), let timestamp = fields.integer(Int64.self),
        let receipt = fields.integer(UInt64.self), let metadataLength = fields.integer(UInt32.self),
        let metadataBytes = fields.take(Int(metadataLength)), let count = fields.integer(UInt32.self),
        let records = fields.take(fields.remaining),
        scan.receipt.followed(byMetadata: metadataBytes, records: records) == Receipt(receipt)
      else { break }
      let metadata = try CommitMetadata(metadataBytes)
      let commit = LoggedCommit(
        baseOffset: Offset(start), endOffset: Offset(end), epoch: epoch, timestamp: timestamp,
        previousReceipt: scan.receipt, receipt: Receipt(receipt), position: metadata.position,
        streamTime: metadata.streamTime, outputsDigest: metadata.outputsDigest,
        laterFields: metadata.laterFields, byteCount: Int(length) + 4,
        records: RecordSpan(bytes: records, count: Int(count)))
      scan.end = commit.endOffset
      scan.receipt = commit.receipt
      scan.epoch = epoch
      scan.byteCount = reader.position
      if try body(commit) == .stop { break }
    }
    return scan
  }
}

extension SingleFileChangelog {
  @discardableResult
  func read(
    from start: Offset, to end: Offset?, _ body: (LoggedCommit) throws(StoreError) -> ReadContinuation
  ) throws(StoreError) -> Offset {
    var reached = start
    // Whether a commit ends at `start`, as far as is known.
    var isPlace = start == .zero
    let notThere = StoreError(.invalidArgument, "no commit starts or ends at the offset", ["offset": start])
    _ = try scan { (commit) throws(StoreError) in
      if commit.endOffset <= start {
        isPlace = commit.endOffset == start
        return .next
      }
      guard isPlace, commit.baseOffset >= start else { throw notThere }
      if let end, commit.endOffset > end { return .stop }
      reached = commit.endOffset
      return try body(commit)
    }
    guard isPlace else { throw notThere }
    return reached
  }

  func receipt(endingAt offset: Offset) throws(StoreError) -> Receipt? {
    var found = offset == .zero ? Receipt(startOf: identity) : nil
    _ = try scan { (commit) throws(StoreError) in
      if commit.endOffset == offset { found = commit.receipt }
      return commit.endOffset < offset ? .next : .stop
    }
    return found
  }
}

extension SingleFileChangelog {
  /// Takes the lock, cuts what a process that died has left of a frame, and counts the writer.
  func openWriter() throws(StoreError) -> any ChangelogWriter {
    do {
      let lockPath = path + ".lock"
      if !FileManager.default.fileExists(atPath: lockPath) { try Data().write(to: URL(fileURLWithPath: lockPath)) }
      let lock = try FileHandle(forUpdating: URL(fileURLWithPath: lockPath))
      guard flock(lock.fileDescriptor, LOCK_EX | LOCK_NB) == 0 else {
        throw StoreError(.locked, "another writer has the changelog", ["file": lockPath])
      }
      let scan = try scan { _ in .next }
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
      var recovery = ChangelogRecovery(scannedBytes: scan.fileBytes)
      if scan.fileBytes > scan.byteCount {
        try file.truncate(atOffset: UInt64(scan.byteCount))
        try file.synchronize()
        recovery.cut = ChangelogRecovery.Cut(
          offset: scan.end, byteCount: scan.fileBytes - scan.byteCount, place: path, reason: "a frame is cut short")
      }
      // The lock's file has the epoch of the last writer, who may have appended nothing.
      let former = Int32(String(decoding: try lock.readToEnd() ?? Data(), as: UTF8.self)) ?? -1
      let epoch = max(former, scan.epoch) + 1
      try lock.truncate(atOffset: 0)
      try lock.write(contentsOf: Data("\(epoch)".utf8))
      try lock.synchronize()
      try file.seekToEnd()
      return SingleFileWriter(file, lock, epoch, scan, recovery, maxCommitBytes: maxCommitBytes)
    } catch let error as StoreError {
      throw error
    } catch {
      throw StoreError(.inputOutput, "the changelog can't be opened for writing", ["file": path], cause: error)
    }
  }
}

/// The writer; the lock is given back when it is closed, or goes.
final class SingleFileWriter: ChangelogWriter {
  private struct State {
    var end: Offset
    var receipt: Receipt
    /// Why it takes no more.
    var failure: StoreError?
  }

  let epoch: Int32
  let recovery: ChangelogRecovery
  private let file: FileHandle
  private let lock: FileHandle
  private let maxCommitBytes: Int
  private let state: Mutex<State>

  fileprivate init(
    _ file: FileHandle, _ lock: FileHandle, _ epoch: Int32, _ scan: SingleFileChangelog.Scan,
    _ recovery: ChangelogRecovery, maxCommitBytes: Int
  ) {
    self.file = file
    self.lock = lock
    self.epoch = epoch
    self.recovery = recovery
    self.maxCommitBytes = maxCommitBytes
    state = Mutex(State(end: scan.end, receipt: scan.receipt))
  }

  var endOffset: Offset { state.withLock { $0.end } }
  var durableOffset: Offset { endOffset }
  var lastReceipt: Receipt { state.withLock { $0.receipt } }

  func sync() throws(StoreError) -> Offset {
    let (end, failure) = state.withLock { ($0.end, $0.failure) }
    if let failure { throw failure }
    return end
  }

  func close() throws(StoreError) {
    _ = try sync()
    state.withLock { $0.failure = StoreError(.closed, "the changelog's writer is closed") }
    try? lock.close()
  }
}

extension SingleFileWriter {
  func append(_ commit: borrowing Commit) throws(StoreError) -> AppendedCommit {
    // A changelog has neither outputs nor offsets of groups unless its capabilities say so.
    try commit.checkCarried(by: [])
    var metadata = ByteWriter()
    CommitMetadata(of: commit).encode(into: &metadata)
    let contentBytes = metadata.count + commit.records.byteCount
    guard contentBytes <= maxCommitBytes else {
      throw StoreError(.tooLarge, "the commit is too large; commit more often", ["bytes": contentBytes])
    }
    let (start, former, failure) = state.withLock { ($0.end, $0.receipt, $0.failure) }
    if let failure { throw failure }
    // An offset for the commit itself, and one for each record.
    let end = start.advanced(by: Int64(commit.records.count) + 1)
    let receipt = former.followed(byMetadata: metadata.bytes, records: commit.records.bytes)
    var frame = ByteWriter()
    frame.append(bigEndian: UInt32(8 + 8 + 4 + 8 + 8 + 4 + 4 + contentBytes))
    frame.append(bigEndian: start.value)
    frame.append(bigEndian: end.value)
    frame.append(bigEndian: epoch)
    frame.append(bigEndian: Timestamp(Date().timeIntervalSince1970 * 1000))
    frame.append(bigEndian: receipt.value)
    frame.append(bigEndian: UInt32(metadata.count))
    frame.append(metadata.bytes)
    frame.append(bigEndian: UInt32(commit.records.count))
    frame.append(commit.records.bytes)
    do {
      try file.write(contentsOf: Data(frame.bytes.array))
      try file.synchronize()
    } catch {
      // Some of it may be there: the next writer finds out.
      let unknown = StoreError(.commitUnknown, "an append failed; reopen the store", cause: error)
      state.withLock { $0.failure = unknown }
      throw unknown
    }
    state.withLock { $0 = State(end: end, receipt: receipt) }
    return AppendedCommit(baseOffset: start, endOffset: end, receipt: receipt)
  }
}

/// The right to write a log, as a number in a file that all writers on the machine map.
///
/// | at | bytes | field of `writer-epoch` |
/// |---|---|---|
/// | 0 | 4 | `TMWE` |
/// | 4 | 4 | version, 1, big-endian |
/// | 8 | 8 | the word, little-endian: CRC-32C of bytes 0 to 8 and of the number that follows, and that number, 4 bytes each: the last writer's epoch, plus 1 |
///
/// A writer that takes the log over first raises the epoch, and then reads the end of the log. A writer appends, then
/// checks the epoch, and then acknowledges. So the successor has every acknowledged commit:
///
/// - Raises and checks are atomic operations on one word, in one order for all processes on the machine. A full fence
///   keeps the check after the append, and the successor's reads after the raise.
/// - If the check precedes the raise, the append was complete before the successor read the log through the same page
///   cache. So the successor found the commit, and made it durable before it acknowledged any commit itself.
/// - If the check follows the raise, the writer sees that it is deposed, and throws `fenced`. The commit is valid only
///   if the successor read it: the successor appends to a file of its own.
///
/// Names are changed under a lock of this file (`whileCurrent`), which the successor holds from before the raise until
/// the end of its recovery. So each change of a name by an earlier writer either precedes all reads of the successor,
/// or doesn't happen.
///
/// `writer.lock` alone can't guarantee this: a lock belongs to its file, which can be moved or removed. Since only the
/// order in memory matters, this file is never synced. After a loss of power, or when it is missing or damaged, it is
/// derived again from the recorded epochs and that of the last batch: these are durable before a writer appends. It is
/// repaired in place, since a writer may have mapped it.
final class WriterEpoch: Sendable {
  static let byteCount = 16
  private static let wordAt = 8

  /// The epoch of the writer that took the log over.
  let epoch: Int32
  private let word: MappedWord
  /// The word as long as no other writer has taken the log over.
  private let own: UInt64
  private let directory: LogDirectory
  /// Held by the thread of this writer that changes names; counts these sections.
  private let sections = Mutex(0)

  private init(_ epoch: Int32, _ word: MappedWord, _ directory: LogDirectory) {
    self.epoch = epoch
    self.word = word
    own = Self.encoded(epoch)
    self.directory = directory
  }

  private var path: String { directory.writerEpochPath }

  /// Locks the file, so that no other writer takes the log over, or changes names in its directory, while it is open.
  static func lock(_ directory: LogDirectory) throws(StoreError) -> any StorageFile {
    let path = directory.writerEpochPath
    guard let file = try directory.storage.open(path, .openOrCreate) else {
      throw StoreError(.inputOutput, "the file of the writer's epoch can't be created", ["file": path])
    }
    guard try file.tryLock(), try file.isStill(at: path) else {
      throw StoreError(.locked, "another writer is at work in the changelog's directory; try again", ["file": path])
    }
    return file
  }

  /// Takes the log over: from here on, no earlier writer acknowledges a commit.
  ///
  /// The epoch is greater than all recorded epochs; `recorded` is the last of these. The caller has locked `file`.
  static func raise(
    _ file: any StorageFile, in directory: LogDirectory, above recorded: Int32
  ) throws(StoreError) -> WriterEpoch {
    var bytes = head
    let found = try file.bytes(0..<wordAt)
    let size = try file.size()
    if size < byteCount || found != bytes.bytes.array {
      bytes.append(bigEndian: UInt64(0))
      try file.writeAll(bytes.bytes, at: 0)
    }
    return try raise(try file.mapWord(at: wordAt), in: directory, above: recorded)
  }

  /// Takes the log over again, if the last batch has an epoch that no file has recorded.
  func raised(above last: Int32) throws(StoreError) -> WriterEpoch {
    last < epoch ? self : try Self.raise(word, in: directory, above: last)
  }

  private static func raise(
    _ word: MappedWord, in directory: LogDirectory, above known: Int32
  ) throws(StoreError) -> WriterEpoch {
    while true {
      let former = word.value
      let last = max(epoch(of: former) ?? -1, known)
      guard last < Int32.max else {
        throw StoreError(
          .corrupted,
          "the epochs are used up, which takes longer than any log lasts; remove the file if no other says so",
          ["file": directory.writerEpochPath, "epoch": last])
      }
      if word.replace(former, with: encoded(last + 1)) { return WriterEpoch(last + 1, word, directory) }
    }
  }

  /// Throws `fenced` if another writer has taken the log over.
  ///
  /// Called after an append or a sync, before the acknowledgement.
  func check() throws(StoreError) {
    if word.value != own { throw fencedError }
  }

  var fencedError: StoreError {
    StoreError(.fenced, "another writer took the changelog over", ["file": path, "epoch": epoch])
  }

  /// Runs `body`, which changes names in the directory, while no other writer can take the log over; throws `fenced` if
  /// one has.
  func whileCurrent<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
    try sections.withLock { (count) throws(StoreError) in
      count += 1
      let file = try lockWhileCurrent()
      return try withExtendedLifetime(file) { () throws(StoreError) in try body() }
    }
  }

  /// Locks the file, unless it is gone: then only `writer.lock` keeps others out.
  private func lockWhileCurrent() throws(StoreError) -> (any StorageFile)? {
    let start = monotonicNanoseconds()
    while true {
      try check()
      guard let file = try directory.storage.open(path, .readWrite) else { return nil }
      if try file.tryLock() {
        // If the mapped file was removed, this may be a different file.
        let size = try file.size()
        guard size >= Self.byteCount, try file.mapWord(at: Self.wordAt).value == own else { throw fencedError }
        return file
      }
      // The holder of the lock is about to raise the epoch, or to fail.
      if monotonicNanoseconds() - start > 10_000_000_000 {
        throw StoreError(.unavailable, "another process holds the file of the writer's epoch", ["file": path])
      }
      yieldProcessor()
    }
  }

  private static var head: ByteWriter {
    var head = ByteWriter(capacity: byteCount)
    head.append(utf8: "TMWE")
    head.append(bigEndian: Int32(1))
    return head
  }

  private static func encoded(_ epoch: Int32) -> UInt64 {
    let number = UInt32(epoch) + 1
    var bytes = head
    bytes.append(bigEndian: number)
    return (UInt64(number) << 32 | UInt64(crc32c(0, bytes.bytes))).littleEndian
  }

  /// The epoch in a word; `nil` if the word is damaged or empty.
  private static func epoch(of word: UInt64) -> Int32? {
    let number = Int64(word.littleEndian >> 32)
    guard number > 0, number <= Int64(Int32.max) + 1, encoded(Int32(number - 1)) == word else { return nil }
    return Int32(number - 1)
  }
}

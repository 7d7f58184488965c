/// The right to write a log, as a number in a file that all writers on the machine map.
///
/// | at | bytes | field of `writer-epoch` |
/// |---|---|---|
/// | 0 | 4 | `TMWE` |
/// | 4 | 4 | version, 1, big-endian |
/// | 8 | 8 | the word, little-endian: CRC-32C of bytes 0 to 8 and of the number that follows, and that number, 4 bytes each: the last writer's epoch, plus 1 |
///
/// Whoever takes the log over raises the epoch, and then reads the end of the log. A writer appends, then looks at the epoch,
/// and then acknowledges. Thus nothing is acknowledged that the successor doesn't have:
///
/// - Raises and looks are atomic operations on one word, in one order for all processes on the machine. A full fence keeps the
///   look after the append, and the successor's reads after the raise.
/// - If the look comes before the raise, the append was complete before the successor read, through the same page cache: it
///   found the commit, and made it durable before it acknowledged anything itself.
/// - If the look comes after the raise, the writer sees that it is deposed, and throws `fenced`. The commit counts if the
///   successor read it, else not: the successor appends to a file of its own.
///
/// Names are changed under a lock of this file (`whileCurrent`), which the successor holds from before the raise until its
/// recovery is over. So each such step of a former writer either precedes all that the successor reads, or doesn't happen.
///
/// `writer.lock` alone can't tell all that: a lock goes with its file, which can be moved or removed. Since the order is one
/// of memory, this file is never synced. After a loss of power, or when it is missing or damaged, it is derived again from the
/// recorded epochs and the last batch's: those are durable before a writer appends. It is repaired in place, since a
/// writer may have mapped it.
final class WriterEpoch: Sendable {
  static let byteCount = 16
  private static let wordAt = 8

  /// The epoch of the writer that took the log over.
  let epoch: Int32
  private let word: MappedWord
  /// The word while nobody else took the log over.
  private let own: UInt64
  private let directory: LogDirectory
  /// Held by the thread of this writer that changes names; counts how often that was done.
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

  /// Takes the log over: from here on, no former writer acknowledges anything.
  ///
  /// The epoch is above all that were recorded, of which `recorded` is the last. `file` is locked.
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

  /// Takes the log over again, if the last batch has an epoch that no file told of.
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

  /// Throws `fenced` if somebody else has taken the log over.
  ///
  /// Asked after an append or a sync, before it is acknowledged.
  func check() throws(StoreError) {
    if word.value != own { throw fencedError }
  }

  var fencedError: StoreError {
    StoreError(.fenced, "another writer took the changelog over", ["file": path, "epoch": epoch])
  }

  /// Runs `body`, which changes names in the directory, while nobody can take the log over; throws `fenced` if somebody did.
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
        // Another file than the one that is mapped, if that was removed.
        let size = try file.size()
        guard size >= Self.byteCount, try file.mapWord(at: Self.wordAt).value == own else { throw fencedError }
        return file
      }
      // Its holder is about to raise the epoch, or to give up.
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

  /// The epoch that a word says; `nil` if it is damaged, or none was written.
  private static func epoch(of word: UInt64) -> Int32? {
    let number = Int64(word.littleEndian >> 32)
    guard number > 0, number <= Int64(Int32.max) + 1, encoded(Int32(number - 1)) == word else { return nil }
    return Int32(number - 1)
  }
}

extension FileLog {
  /// Looks after a bad batch at `position` for an intact commit that was written when more than `offset` was durable: then
  /// the batch is damage, and not the torn end of the log.
  ///
  /// A batch is checked only if its header and its commit record say all that such a commit says; so in a log, each byte is
  /// checked once. Records may hold bytes that look like many batches, which overlap. When four times the file was checked
  /// without finding one, the answer is `true` as well: bytes that can't be told from damage aren't cut.
  func mayHaveLaterDurable(_ path: String, from position: Int, _ offset: Offset) throws(StoreError) -> Bool {
    guard let file = try directory.storage.open(path, .read) else { return false }
    let size = try file.size()
    var checkableBytes = 4 * size
    let chunkBytes = 1 << 20
    let headBytes = CommitHead.greatestBytes
    var window = FileWindow(chunkBytes + headBytes)
    var start = position
    while start + RecordBatchHeader.byteCount <= size {
      let end = min(size, start + chunkBytes + headBytes)
      guard try window.load(start..<end, of: file) else { return false }
      let starts = min(chunkBytes, end - start)
      for candidate in CommitHead.candidates(
        in: window.bytes(start..<end), startingBelow: starts, above: offset, bytesLeft: size - start)
      {
        checkableBytes -= candidate.byteCount
        if checkableBytes < 0 { return true }
        let at = start + candidate.position
        if try Self.hasChecksum(candidate.checksum, at..<at + candidate.byteCount, of: file) { return true }
      }
      start += starts
    }
    return false
  }

  /// Whether a batch that is a range of a file has a checksum; reads piece by piece.
  private static func hasChecksum(
    _ checksum: UInt32, _ range: Range<Int>, of file: any StorageFile
  ) throws(StoreError) -> Bool {
    let pieceBytes = 1 << 16
    var window = FileWindow(min(pieceBytes, range.count))
    var found: UInt32 = 0
    var position = range.lowerBound + RecordBatchHeader.checksummedStart
    while position < range.upperBound {
      let piece = position..<min(range.upperBound, position + pieceBytes)
      guard try window.load(piece, of: file) else { return false }
      found = crc32c(found, window.bytes(piece))
      position = piece.upperBound
    }
    return found == checksum
  }
}

/// The bytes that every commit begins with: the batch's header, and the fixed fields of its commit record.
private struct CommitHead {
  /// Header, record length, attributes, two deltas, key length, key, value length, and the value up to the receipt.
  static let greatestBytes = RecordBatchHeader.byteCount + 5 + 3 + 1 + 2 + 5 + 29

  struct Candidate {
    var position: Int
    var byteCount: Int
    var checksum: UInt32
  }

  /// Where a commit that says that more than `offset` is durable may start in the bytes, by all but its checksum.
  static func candidates(
    in bytes: RawSpan, startingBelow limit: Int, above offset: Offset, bytesLeft: Int
  ) -> [Candidate] {
    var found: [Candidate] = []
    let magicAt = 16
    var at = 0
    while at < limit, at + RecordBatchHeader.byteCount <= bytes.byteCount {
      // Proof: the loop checked the bounds.
      if unsafe bytes.unsafeLoad(fromUncheckedByteOffset: at + magicAt, as: UInt8.self) == 2,
        let header = RecordBatchHeader(bytes.extracting(at..<at + RecordBatchHeader.byteCount)),
        header.implausibility == nil, header.unsupportedAttribute == nil, header.baseOffset >= offset.value,
        header.totalBytes <= bytesLeft - at,
        let durable = durableOffset(bytes.extracting((at + RecordBatchHeader.byteCount)...), header),
        durable > offset.value
      {
        found.append(Candidate(position: at, byteCount: header.totalBytes, checksum: header.checksum))
      }
      at += 1
    }
    return found
  }

  /// The durable offset of a commit record that belongs to a header; `nil` if the bytes are something else.
  private static func durableOffset(_ bytes: RawSpan, _ header: RecordBatchHeader) -> Int64? {
    var reader = ByteReader(bytes)
    guard let length = reader.zigzag(), length >= 0, Int(length) <= header.totalBytes,
      reader.integer(UInt8.self) != nil, reader.zigzag() != nil, reader.zigzag() != nil,
      reader.zigzag() == 2, reader.integer(UInt8.self) == 0, reader.integer(UInt8.self) == CommitBatch.kind,
      reader.zigzag() != nil, let version = reader.integer(UInt8.self), CommitBatch.versions.contains(version),
      let durable = reader.integer(Int64.self), reader.integer(Int64.self) == header.baseOffset,
      reader.integer(Int32.self) == header.epoch
    else { return nil }
    return durable
  }
}

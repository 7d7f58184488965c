/// What a commit says besides its records, in canonical bytes: the first part of what a receipt is computed over.
///
/// | bytes | field |
/// |---|---|
/// | 1 | flags: bit 0, there is a stream time; bit 1, a digest follows |
/// | 8 | stream time, milliseconds, big-endian; 0 without one |
/// | varint | number of positions |
/// | … | each: varint length and UTF-8 of the topic, int32 partition, int64 offset, big-endian, in order of topic and partition |
/// | 0 or 8 | digest of the outputs (``Commit/outputsDigest``), big-endian |
///
/// The encoding is stable: equal values have equal bytes, in every version. Other flags belong to later versions; bytes
/// that have one are refused as `unsupported`.
public struct CommitMetadata: Sendable, Hashable {
  /// How far each input partition is consumed.
  public var position: Position
  /// The greatest event timestamp seen, if any.
  public var streamTime: Timestamp?
  /// The digest of outputs and group offsets, if the commit carries any.
  public var outputsDigest: UInt64?

  /// Puts metadata together.
  public init(position: Position, streamTime: Timestamp? = nil, outputsDigest: UInt64? = nil) {
    self.position = position
    self.streamTime = streamTime
    self.outputsDigest = outputsDigest
  }

  /// The metadata of a commit.
  public init(of commit: borrowing Commit) {
    self.init(position: commit.position, streamTime: commit.streamTime, outputsDigest: commit.outputsDigest)
  }

  /// Appends the canonical bytes.
  public func encode(into buffer: inout ByteWriter) {
    buffer.append((streamTime == nil ? 0 : Flags.streamTime) | (outputsDigest == nil ? 0 : Flags.digest))
    buffer.append(bigEndian: streamTime ?? 0)
    buffer.append(position: position)
    if let outputsDigest { buffer.append(bigEndian: outputsDigest) }
  }

  /// Decodes what ``encode(into:)`` wrote.
  ///
  /// Throws `unsupported` if a later version wrote the bytes, `corrupted` if they are something else.
  public init(_ bytes: RawSpan) throws(StoreError) {
    var reader = ByteReader(bytes)
    guard let flags = reader.integer(UInt8.self) else { throw Self.damage }
    guard flags & ~(Flags.streamTime | Flags.digest) == 0 else {
      throw StoreError(.unsupported, "a commit's metadata is newer than this version", ["flags": flags])
    }
    guard let time = reader.integer(Int64.self), let count = reader.varint(), count <= UInt64(reader.remaining) else {
      throw Self.damage
    }
    position = Position()
    for _ in 0..<count {
      guard let length = reader.varint(), length <= UInt64(reader.remaining), let topic = reader.string(Int(length)),
        let partition = reader.integer(Int32.self), let offset = reader.integer(Int64.self)
      else { throw Self.damage }
      position[TopicPartition(topic, partition)] = Offset(offset)
    }
    streamTime = flags & Flags.streamTime == 0 ? nil : time
    outputsDigest = nil
    if flags & Flags.digest != 0 {
      guard let digest = reader.integer(UInt64.self) else { throw Self.damage }
      outputsDigest = digest
    }
    guard reader.remaining == 0 else { throw Self.damage }
  }

  private enum Flags {
    static let streamTime: UInt8 = 1
    static let digest: UInt8 = 2
  }

  private static let damage = StoreError(.corrupted, "a commit's metadata can't be read")
}

/// What a commit says besides its records, in canonical bytes: the first part of what a receipt is computed over.
///
/// | bytes | field |
/// |---|---|
/// | 1 | flags: bit 0, there is a stream time; bit 1, tagged fields follow: version 2 |
/// | 8 | stream time, milliseconds, big-endian; 0 without one |
/// | varint | number of positions |
/// | … | each: varint length and UTF-8 of the topic, int32 partition, int64 offset, big-endian, in order of topic and partition |
/// | … | in version 2: one or more ``TaggedFields`` |
///
/// | tag | field |
/// |---|---|
/// | 1 | digest of the outputs (``Commit/outputsDigest``), 8 bytes, big-endian |
///
/// The encoding is stable: equal values have equal bytes, in every version, and what version 1 can say is said in version 1.
/// Other flags belong to later versions; bytes that have one, or a field that must be known and isn't, are refused as
/// `unsupported`.
public struct CommitMetadata: Sendable, Hashable {
  /// How far each input partition is consumed.
  public var position: Position
  /// The stream time: the greatest event timestamp so far, if any.
  public var streamTime: Timestamp?
  /// The digest of outputs and group offsets, if the commit carries any.
  public var outputsDigest: UInt64?
  /// Fields of a later version, which may be skipped; kept, as receipts are computed over them.
  public var laterFields = TaggedFields()

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

  /// The metadata of a commit that was read.
  public init(of commit: LoggedCommit) {
    self.init(position: commit.position, streamTime: commit.streamTime, outputsDigest: commit.outputsDigest)
    laterFields = commit.laterFields
  }

  /// Whether encoded metadata says that it has tagged fields: whether it is of version 2.
  package static func hasFields(_ bytes: RawSpan) -> Bool {
    bytes.byteCount > 0 && bytes.byte(at: 0) & Flags.fields != 0
  }

  /// Whether version 1 can say it.
  private var isOfVersion1: Bool { outputsDigest == nil && laterFields.isEmpty }

  /// Appends the canonical bytes.
  public func encode(into buffer: inout ByteWriter) {
    let isOfVersion1 = isOfVersion1
    buffer.append((streamTime == nil ? 0 : Flags.streamTime) | (isOfVersion1 ? 0 : Flags.fields))
    buffer.append(bigEndian: streamTime ?? 0)
    buffer.append(position: position)
    if isOfVersion1 { return }
    var fields = laterFields
    fields[Tags.outputsDigest] = outputsDigest.map { digest in
      (0..<8).map { UInt8(truncatingIfNeeded: digest >> (56 - 8 * $0)) }
    }
    fields.encode(into: &buffer)
  }

  /// Decodes what ``encode(into:)`` wrote.
  ///
  /// Throws `unsupported` if a later version wrote the bytes, `corrupted` if they are something else.
  public init(_ bytes: RawSpan) throws(StoreError) {
    var reader = ByteReader(bytes)
    guard let flags = reader.integer(UInt8.self) else { throw Self.damage }
    guard flags & ~(Flags.streamTime | Flags.fields) == 0 else {
      throw StoreError(
        .unsupported, "a commit's metadata is newer than this version; open it with a newer Tidemark", ["flags": flags])
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
    guard (flags & Flags.fields != 0) == (reader.remaining > 0), let rest = reader.take(reader.remaining) else {
      throw Self.damage
    }
    if rest.byteCount > 0 { try decodeFields(rest) }
  }

  private mutating func decodeFields(_ bytes: RawSpan) throws(StoreError) {
    var fields = try TaggedFields(bytes, of: Self.structure)
    if let digest = fields.take(Tags.outputsDigest) {
      guard digest.count == 8 else { throw Self.damage }
      outputsDigest = digest.reduce(0) { $0 << 8 | UInt64($1) }
    }
    try fields.checkSkippable(of: Self.structure)
    laterFields = fields
  }

  private enum Flags {
    static let streamTime: UInt8 = 1
    static let fields: UInt8 = 2
  }

  private enum Tags {
    static let outputsDigest: UInt64 = 1
  }

  private static let structure: StaticString = "a commit's metadata"
  private static let damage = StoreError(.corrupted, "a commit's metadata can't be read")
}

internal import Foundation

/// The directory of a file log: which files there are and where they lie.
///
/// | file | content |
/// |---|---|
/// | `%020d.log` | a segment: batches from that offset on (``RecordBatch``) |
/// | `%020d.index` | int32 last offset of a batch, less the segment's; int32 position of the batch |
/// | `%020d.timeindex` | int64 greatest timestamp so far; int32 offset, less the segment's |
/// | `leader-epoch-checkpoint` | each writer's epoch and the offset it started at |
/// | `recovery-point-offset-checkpoint` | below it, everything is durable |
/// | `log-start-offset-checkpoint` | below it, segments were deleted on purpose, or are those of the log that this one is a fork of |
/// | `partition.metadata` | the identity |
/// | `writer-epoch` | the epoch of the last writer, mapped by those that live (``WriterEpoch``) |
/// | `writer.lock` | locked by the writer; its process id |
///
/// Source: Kafka's log directories.
package struct LogDirectory: Sendable {
  package let storage: any Storage
  package let path: String
  package let topicPartition: TopicPartition

  package var lockPath: String { path + "/writer.lock" }
  package var writerEpochPath: String { path + "/writer-epoch" }
  package var metadataPath: String { path + "/partition.metadata" }

  package func path(_ base: Int64, _ suffix: String) -> String { path + "/" + segmentName(base, suffix) }

  /// The base offsets of the segments, in order.
  package func segments() throws(StoreError) -> [Int64] { try files().segments }

  /// The files by their names, from one listing.
  func files() throws(StoreError) -> LogFiles {
    guard let names = try storage.list(path) else {
      throw StoreError(.corrupted, "the changelog's directory is gone; restore it from a copy", ["file": path])
    }
    return LogFiles(names)
  }

  /// The text of a small file, empty if it is none; `nil` if it is missing.
  func text(of path: String) throws(StoreError) -> String? {
    try storage.contents(of: path).map { String(utf8: $0.rawSpan) ?? "" }
  }

  // MARK: Identity

  /// Reads the identity; `nil` if the file is missing.
  func identity() throws(StoreError) -> ChangelogIdentity? {
    guard let text = try text(of: metadataPath) else { return nil }
    var fields: [Substring: Substring] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 { fields[parts[0]] = Substring(parts[1].trimmingCharacters(in: .whitespaces)) }
    }
    if let version = fields["version"], version != "0", Int(version) != nil {
      throw StoreError(
        .unsupported, "the changelog's metadata has another version", ["file": metadataPath, "version": version])
    }
    guard fields["version"] == "0", let encoded = fields["topic_id"], let id = decodeTopicID(String(encoded)) else {
      throw StoreError(
        .corrupted, "the changelog's identity can't be read; restore the file from a copy", ["file": metadataPath])
    }
    return ChangelogIdentity(id: id, topicPartition: topicPartition)
  }

  /// Gives the changelog an identity, unless another process was faster; returns the one that counts.
  func createIdentity(_ id: UUID? = nil) throws(StoreError) -> ChangelogIdentity {
    var encoded = encodeTopicID(id ?? UUID())
    while id == nil, encoded.hasPrefix("-") { encoded = encodeTopicID(UUID()) }
    let temporary = metadataPath + ".\(encoded).tmp"
    try storage.write(Array("version: 0\ntopic_id: \(encoded)".utf8), to: temporary)
    _ = try storage.link(temporary, as: metadataPath)
    try storage.unlink(temporary)
    try storage.syncDirectory(path)
    guard let identity = try identity() else {
      throw StoreError(.corrupted, "the changelog's identity is gone", ["file": metadataPath])
    }
    return identity
  }
}

/// The name of a segment's file.
package func segmentName(_ base: Int64, _ suffix: String) -> String {
  let digits = String(base)
  return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + "." + suffix
}

/// The files of a log's directory, by their names.
struct LogFiles: Sendable {
  /// The base offsets of the segments, in order.
  private(set) var segments: [Int64] = []
  /// The segments that have an index by offset, and those that have one by time; each may be without a segment.
  private(set) var indexes: Set<Int64> = []
  private(set) var timeIndexes: Set<Int64> = []
  /// The names of files that were on their way to another name.
  private(set) var temporaries: [String] = []

  init(_ names: [String]) {
    for name in names {
      if let (base, suffix) = Self.parts(of: name) {
        switch suffix {
        case "log": segments.append(base)
        case "index": indexes.insert(base)
        case "timeindex": timeIndexes.insert(base)
        default: break
        }
      }
      if name.hasSuffix(".tmp") { temporaries.append(name) }
    }
    segments.sort()
  }

  /// Splits a name of 20 digits, a dot and a suffix; `nil` if it is another file's.
  ///
  /// Byte by byte, without a copy: a directory may hold tens of thousands of names.
  private static func parts(of name: String) -> (base: Int64, suffix: Substring)? {
    let digits = 20
    guard name.utf8.count > digits + 1 else { return nil }
    var base: Int64 = 0
    var dot = name.utf8.startIndex
    for _ in 0..<digits {
      let byte = name.utf8[dot]
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      let (tens, isTooLarge) = base.multipliedReportingOverflow(by: 10)
      let (sum, isBeyond) = tens.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
      if isTooLarge || isBeyond { return nil }
      base = sum
      name.utf8.formIndex(after: &dot)
    }
    guard name.utf8[dot] == UInt8(ascii: ".") else { return nil }
    return (base, name[name.utf8.index(after: dot)...])
  }
}

private func encodeTopicID(_ id: UUID) -> String {
  let data = unsafe withUnsafeBytes(of: id.uuid) { unsafe Data($0) }
  return data.base64EncodedString().replacingOccurrences(of: "+", with: "-")
    .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
}

private func decodeTopicID(_ text: String) -> UUID? {
  guard text.utf8.count == 22 else { return nil }
  let padded =
    text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/") + "=="
  guard let data = Data(base64Encoded: padded), data.count == 16 else { return nil }
  var bytes: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  _ = unsafe withUnsafeMutableBytes(of: &bytes) { unsafe data.copyBytes(to: $0) }
  let id = UUID(uuid: bytes)
  return id == UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)) ? nil : id
}

internal import CChecksum
internal import Foundation

/// A chained checksum over a changelog: equal receipts at equal offsets mean equal histories.
///
/// The receipt of a commit is XXH3-64 over the commit's canonical bytes, those of its ``CommitMetadata`` followed by those of
/// its records (``RecordBuffer``), with the receipt of the commit before as the seed. The first commit's seed is the receipt
/// of the changelog's identity: XXH3-64 over the 16 bytes of its id, with the seed 0. It says nothing of offsets, epochs or
/// batches, so it means the same on every kind of changelog.
public struct Receipt: Hashable, Sendable, CustomStringConvertible {
  /// The checksum.
  public let value: UInt64

  /// Wraps a checksum.
  public init(_ value: UInt64) { self.value = value }

  /// The receipt before the first commit of a changelog.
  public init(startOf identity: ChangelogIdentity) {
    let bytes = identity.id.uuid
    value = unsafe withUnsafeBytes(of: bytes) { unsafe tidemark_xxh3(0, $0.baseAddress!, $0.count, $0.baseAddress!, 0) }
  }

  /// The receipt of a commit that follows this one.
  public func followed(by commit: borrowing Commit) -> Receipt {
    var metadata = ByteWriter()
    CommitMetadata(of: commit).encode(into: &metadata)
    return followed(byMetadata: metadata.bytes, records: commit.records.bytes)
  }

  /// The receipt of a commit that follows this one, computed from what was read of it: equal to its
  /// ``LoggedCommit/receipt`` if it is what was appended.
  public func followed(by commit: LoggedCommit) -> Receipt {
    var metadata = ByteWriter()
    CommitMetadata(of: commit).encode(into: &metadata)
    return followed(byMetadata: metadata.bytes, records: commit.records.bytes)
  }

  /// The receipt of a commit that follows this one: `metadata` is the encoding of its ``CommitMetadata``, `records` that of
  /// its records.
  public func followed(byMetadata metadata: RawSpan, records: RawSpan) -> Receipt {
    let empty: StaticString = ""
    return unsafe metadata.withUnsafeBytes { metadata in
      unsafe records.withUnsafeBytes { records in
        // Proof: both pointers are valid for their counts; an empty range gets a valid pointer of length 0.
        unsafe Receipt(
          tidemark_xxh3(
            value, metadata.baseAddress ?? UnsafeRawPointer(empty.utf8Start), metadata.count,
            records.baseAddress ?? UnsafeRawPointer(empty.utf8Start), records.count))
      }
    }
  }

  /// Sixteen hexadecimal digits.
  public var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

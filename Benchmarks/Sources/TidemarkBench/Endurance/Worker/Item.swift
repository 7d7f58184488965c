import Tidemark

/// A row that can be checked by itself: all of its bytes follow from the item's number and the operation that wrote it.
struct Item: Equatable, Sendable {
  /// Which item; its key is ``RecordKey/init(number:)``.
  var number: UInt64
  /// The operation that wrote it.
  var version: Int64
  /// The number of operations that have written it since it was last deleted.
  var count: Int64

  private static let leastWords: UInt64 = 12
  private static let otherWords: UInt64 = 32
  /// The mean size of a row's key and value.
  static let meanBytes = RecordKey.byteCount + 24 + 4 * Int(2 * leastWords + otherWords - 1)

  private var seed: UInt64 { mixed(number ^ mixed(UInt64(bitPattern: version))) }
  /// The number of words of incompressible noise after the numbers.
  private var words: UInt64 { Self.leastWords + seed % Self.otherWords }

  /// The bytes of its key and value.
  var byteCount: Int { RecordKey.byteCount + 24 + 8 * Int(words) }

  fileprivate func encode(into bytes: inout ByteWriter) {
    bytes.append(bigEndian: number)
    bytes.append(bigEndian: version)
    bytes.append(bigEndian: count)
    for word in 0..<words { bytes.append(bigEndian: mixed(seed &+ word)) }
  }

  /// Reads a row; `nil` if a bit of it is wrong.
  fileprivate init?(_ bytes: RawSpan) {
    var reader = ByteReader(bytes)
    guard let number = reader.integer(UInt64.self), let version = reader.integer(Int64.self),
      let count = reader.integer(Int64.self)
    else { return nil }
    (self.number, self.version, self.count) = (number, version, count)
    let seed = seed
    for word in 0..<words where reader.integer(UInt64.self) != mixed(seed &+ word) { return nil }
    if reader.remaining > 0 { return nil }
  }

  init(number: UInt64, version: Int64, count: Int64) {
    (self.number, self.version, self.count) = (number, version, count)
  }
}

/// The codec of items.
struct ItemCodec: Codec {
  var name: String { "item" }

  func encode(_ value: Item, into bytes: inout ByteWriter) { value.encode(into: &bytes) }

  func decode(_ bytes: RawSpan) throws(StoreError) -> Item {
    guard let item = Item(bytes) else { throw StoreError(.corrupted, "an item isn't what was written") }
    return item
  }
}

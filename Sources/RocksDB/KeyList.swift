/// Keys to be read together.
public struct KeyList: ~Copyable, Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  /// Makes an empty list.
  public init() {}

  /// How many keys it holds.
  public var count: Int { ends.count }

  /// Appends a copy of a key.
  public mutating func append(_ key: RawSpan) {
    unsafe key.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    ends.append(bytes.count)
  }

  /// Empties it and keeps the storage.
  public mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
  }

  /// Lends the concatenated keys and the end of each to a call of the shim, which doesn't keep the pointers.
  func lend<R>(_ body: (UnsafeRawPointer?, UnsafePointer<Int>?, Int) -> R) -> R {
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe ends.withUnsafeBufferPointer { ends in unsafe body(bytes.baseAddress, ends.baseAddress, ends.count) }
    }
  }
}

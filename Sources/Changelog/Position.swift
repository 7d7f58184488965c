/// How far each input partition has been consumed: partition → the next record to read.
public struct Position: Sendable, Hashable {
  /// The offsets by partition.
  public var offsets: [TopicPartition: Offset]

  /// Makes a position of offsets.
  public init(_ offsets: [TopicPartition: Offset] = [:]) { self.offsets = offsets }

  /// The next record to read from a partition; `nil` if nothing of it was consumed.
  public subscript(partition: TopicPartition) -> Offset? {
    get { offsets[partition] }
    set { offsets[partition] = newValue }
  }

  /// Takes over the offsets of another position, which win.
  public mutating func merge(_ other: Position) { offsets.merge(other.offsets) { $1 } }

  /// Takes over the offsets of another position; answers whether none of them goes back.
  package mutating func advance(to other: Position) -> Bool {
    // Most often the other one names all partitions: then it is the result, and nothing is copied.
    if other.offsets.count >= offsets.count, let goesBack = goesBack(to: other) {
      self = other
      return !goesBack
    }
    var goesBack = false
    offsets.merge(other.offsets) { former, next in
      if next < former { goesBack = true }
      return next
    }
    return !goesBack
  }

  /// Whether an offset of another position, which names all partitions of this one, is lower; `nil` if it doesn't name all.
  private func goesBack(to other: Position) -> Bool? {
    var goesBack = false
    for (partition, offset) in offsets {
      guard let next = other.offsets[partition] else { return nil }
      if next < offset { goesBack = true }
    }
    return goesBack
  }
}

extension Position: ExpressibleByDictionaryLiteral, CustomStringConvertible {
  /// Lets `[TopicPartition("orders", 0): 42]` stand for a position.
  public init(dictionaryLiteral elements: (TopicPartition, Offset)...) {
    self.init(Dictionary(elements) { $1 })
  }
  /// `topic-partition: offset`, in order.
  public var description: String {
    "[" + offsets.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ") + "]"
  }
}

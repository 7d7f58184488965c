/// A place in a changelog or an input partition: the **next** record to read or apply, as in Kafka.
///
/// Ranges are half-open; an unknown offset is `nil`, never a sentinel.
public struct Offset: Hashable, Comparable, Sendable, Codable {
  /// The number, counted from 0.
  public let value: Int64

  /// Wraps a number.
  @inlinable
  public init(_ value: Int64) { self.value = value }

  /// The start of every partition.
  public static let zero = Offset(0)

  /// Orders by number.
  @inlinable
  public static func < (a: Offset, b: Offset) -> Bool { a.value < b.value }

  /// The offset `count` records further on.
  @inlinable
  public func advanced(by count: Int64) -> Offset { Offset(value + count) }
}

extension Offset: ExpressibleByIntegerLiteral, CustomStringConvertible {
  /// Lets a literal stand for an offset.
  @inlinable
  public init(integerLiteral value: Int64) { self.init(value) }
  /// The number alone.
  public var description: String { String(value) }
}

/// One partition of a topic, as in Kafka.
public struct TopicPartition: Hashable, Sendable, Comparable {
  /// The topic's name.
  public let topic: String
  /// The partition's number, from 0.
  public let partition: Int32

  /// Names a partition; whether the name is legal is checked where it is used (``validate()``).
  public init(_ topic: String, _ partition: Int32) {
    self.topic = topic
    self.partition = partition
  }

  /// Orders by topic, then by partition.
  public static func < (a: TopicPartition, b: TopicPartition) -> Bool {
    (a.topic, a.partition) < (b.topic, b.partition)
  }

  /// Throws `invalidArgument` unless Kafka would take the name.
  ///
  /// That is: 1 to 249 of `a-z A-Z 0-9 . _ -`, not `.` or `..`, and a
  /// partition from 0. Such a name is also safe as the name of a directory.
  public func validate() throws(StoreError) {
    let legal = topic.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
      default: false
      }
    }
    guard legal, (1...249).contains(topic.utf8.count), topic != ".", topic != "..", partition >= 0 else {
      throw StoreError(
        .invalidArgument, "a topic is named by 1 to 249 of a-z A-Z 0-9 . _ - and a partition counts from 0",
        ["topic": topic, "partition": partition])
    }
  }
}

extension TopicPartition: CustomStringConvertible {
  /// `topic-partition`, as Kafka names directories and Kafka Streams names offset rows.
  public var description: String { "\(topic)-\(partition)" }
}

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

  /// Takes the offsets of another position; returns whether none of them goes back.
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

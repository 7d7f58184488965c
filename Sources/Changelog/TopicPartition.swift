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

public import struct Foundation.UUID

/// Which changelog this is: a random id given when it is created, and the partition it stands for.
///
/// A changelog that is deleted and created again under the same name has another id.
public struct ChangelogIdentity: Hashable, Sendable, CustomStringConvertible {
  /// Given once, at creation (Kafka's topic id).
  public let id: UUID
  /// The partition's name.
  public let topicPartition: TopicPartition

  /// Puts an identity together.
  public init(id: UUID, topicPartition: TopicPartition) {
    self.id = id
    self.topicPartition = topicPartition
  }

  /// `topic-partition (id)`.
  public var description: String { "\(topicPartition) (\(id.uuidString.lowercased()))" }
}

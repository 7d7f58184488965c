/// What the rows of a table mean, by name.
///
/// Later versions add kinds. What is of a kind that isn't known here is refused as `unsupported` when it is read.
public struct TableKind: RawRepresentable, Hashable, Sendable, CaseIterable, CustomStringConvertible {
  /// The kind's name, as `key-value`.
  public let rawValue: String

  /// The kind of a name; names that this version doesn't know are kept.
  public init(rawValue: String) { self.rawValue = rawValue }

  /// The name.
  public var description: String { rawValue }

  /// A value for each key.
  public static let keyValue = Self(rawValue: "key-value")

  /// The kinds that this version knows.
  public static let allCases: [Self] = [.keyValue]
}

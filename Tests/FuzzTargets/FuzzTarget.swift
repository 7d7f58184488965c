/// One kind of bytes that may come from anywhere, and the properties that hold for any bytes.
///
/// `Fuzz/run` has libFuzzer look for inputs that break them; `FuzzTests` runs the kept inputs.
public struct FuzzTarget: Sendable, CustomStringConvertible {
  /// The target's name for `Fuzz/run` and in the folder of kept inputs.
  public let name: String
  /// Longer inputs show nothing that shorter ones don't.
  public let greatestBytes: Int
  /// The name.
  public var description: String { name }
  private let body: @Sendable (RawSpan) throws -> Void
  private let makeSeeds: @Sendable () throws -> [[UInt8]]

  init(
    _ name: String, greatestBytes: Int, seeds: @escaping @Sendable () throws -> [[UInt8]],
    _ body: @escaping @Sendable (RawSpan) throws -> Void
  ) {
    self.name = name
    self.greatestBytes = greatestBytes
    self.body = body
    makeSeeds = seeds
  }

  /// All targets; those that take more work per run come first.
  public static let all = [segment, indexes, csv, json, batch, codecs, fields]

  /// Checks one input; throws ``Violation`` if a property doesn't hold.
  public func check(_ input: RawSpan) throws { try body(input) }

  /// Inputs to start from, made from real encodings; the same each time.
  public func seeds() throws -> [[UInt8]] { try makeSeeds() }
}

/// A property that doesn't hold.
public struct Violation: Error, CustomStringConvertible {
  /// The broken property, and how it was broken.
  public let description: String

  init(_ description: String) { self.description = description }
}

/// Throws a violation unless a condition holds.
func expect(_ holds: Bool, _ what: @autoclosure () -> String) throws {
  if !holds { throw Violation(what()) }
}

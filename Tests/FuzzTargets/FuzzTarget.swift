/// One kind of bytes that may come from anywhere, and what must hold whatever they are.
///
/// `Fuzz/run` has libFuzzer look for inputs that break it; `FuzzTests` gives it those that were kept.
public struct FuzzTarget: Sendable, CustomStringConvertible {
  /// What `Fuzz/run` and the folder of kept inputs call it.
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

  /// All of them; those that give more work to a run come first.
  public static let all = [segment, indexes, csv, json, batch, codecs, fields]

  /// Looks at one input; throws ``Violation`` if something doesn't hold that must.
  public func check(_ input: RawSpan) throws { try body(input) }

  /// Inputs to start from, made from real encodings; the same each time.
  public func seeds() throws -> [[UInt8]] { try makeSeeds() }
}

/// Something doesn't hold that must.
public struct Violation: Error, CustomStringConvertible {
  /// What that is.
  public let description: String

  init(_ description: String) { self.description = description }
}

/// Throws a violation unless a condition holds.
func expect(_ holds: Bool, _ what: @autoclosure () -> String) throws {
  if !holds { throw Violation(what()) }
}

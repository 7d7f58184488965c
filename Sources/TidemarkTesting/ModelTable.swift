public import Tidemark

/// The rows of one table of a ``ModelStore``: encoded keys and values.
public struct ModelTable: Sendable, Equatable {
  /// The rows, unsorted; reads sort them.
  public var rows: [[UInt8]: [UInt8]] = [:]

  /// Makes an empty table.
  public init() {}

  /// The first row of a range, or the next one after `key`, in a scan's direction.
  ///
  /// It takes O(rows).
  public func next(
    after key: [UInt8]?, in range: ModelRange, _ order: ScanOrder
  ) -> (key: [UInt8], value: [UInt8])? {
    var next: [UInt8]?
    for candidate in rows.keys where range.contains(candidate) {
      if let key, !Self.precedes(key, candidate, order) { continue }
      if let found = next, !Self.precedes(candidate, found, order) { continue }
      next = candidate
    }
    return next.map { ($0, rows[$0]!) }
  }

  /// All rows of a range in a scan's direction.
  public func scan(_ range: ModelRange, _ order: ScanOrder = .ascending) -> [(key: [UInt8], value: [UInt8])] {
    rows.filter { range.contains($0.key) }.sorted { Self.precedes($0.key, $1.key, order) }.map { ($0.key, $0.value) }
  }

  private static func precedes(_ a: [UInt8], _ b: [UInt8], _ order: ScanOrder) -> Bool {
    switch order {
    case .ascending: a.lexicographicallyPrecedes(b)
    case .descending: b.lexicographicallyPrecedes(a)
    }
  }
}

/// Which encoded keys a scan visits, as a predicate.
public enum ModelRange: Sendable, Equatable {
  /// Every key.
  case all
  /// Keys from one on.
  case from([UInt8])
  /// Keys before one.
  case upTo([UInt8])
  /// Keys from one on and before another.
  case between([UInt8], [UInt8])
  /// Keys that start with these bytes.
  case prefix([UInt8])

  /// Whether a key is visited.
  public func contains(_ key: [UInt8]) -> Bool {
    switch self {
    case .all: true
    case .from(let lower): !key.lexicographicallyPrecedes(lower)
    case .upTo(let upper): key.lexicographicallyPrecedes(upper)
    case .between(let lower, let upper):
      !key.lexicographicallyPrecedes(lower) && key.lexicographicallyPrecedes(upper)
    case .prefix(let prefix): key.starts(with: prefix)
    }
  }

  /// The store's range of a table whose keys are plain bytes.
  public var scanRange: ScanRange<BytesCodec> {
    switch self {
    case .all: .all
    case .from(let lower): .from(lower)
    case .upTo(let upper): .upTo(upper)
    case .between(let lower, let upper): .between(lower, upper)
    case .prefix(let prefix): .prefix(prefix)
    }
  }
}

internal import Changelog

extension StoreError {
  /// The error of a value that is whole, but doesn't fit the type.
  static func mismatch(_ error: any Error, _ type: Any.Type) -> StoreError {
    guard let error = error as? DecodingError else {
      return error as? StoreError
        ?? StoreError(.schemaMismatch, "the type refuses a stored value", ["type": "\(type)"], cause: error)
    }
    let (path, difference) = error.difference
    return StoreError(
      .schemaMismatch, "a stored value doesn't fit the type",
      [
        "type": "\(type)", "field": path.isEmpty ? "the value itself" : path.shortened,
        "difference": difference.shortened,
      ])
  }
}

extension DecodingError {
  /// The path of the field, and what is other than declared.
  fileprivate var difference: (path: String, text: String) {
    func path(_ keys: [any CodingKey]) -> String {
      keys.map { key in key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)" }.joined().trimmingPrefix(".")
        .description
    }
    switch self {
    case .keyNotFound(let key, let context): return (path(context.codingPath + [key]), "not stored")
    case .valueNotFound(let type, let context): return (path(context.codingPath), "null is stored, not \(type)")
    case .typeMismatch(_, let context), .dataCorrupted(let context):
      return (path(context.codingPath), context.debugDescription)
    @unknown default: return ("", "\(self)")
    }
  }
}

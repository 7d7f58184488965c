import Foundation
import RowInput
import Tidemark

/// A condition that a row must fulfil to count: a column compared with a value.
///
/// Two numbers are compared as exact decimals; anything else, and a value in quotes, as texts by their bytes. An empty
/// value is neither less nor greater than another.
struct Condition: Codable, Equatable, Sendable {
  /// How the two are compared.
  enum Comparison: String, Codable, CaseIterable, Sendable {
    case equal = "="
    case notEqual = "!="
    case lessOrEqual = "<="
    case greaterOrEqual = ">="
    case less = "<"
    case greater = ">"
  }

  /// The input column.
  var column: String
  /// How it is compared.
  var comparison: Comparison
  /// What it is compared with.
  var value: String
  /// Whether the value is a text although it could be a number, because it is in quotes.
  var isText: Bool?

  /// As it is written in `--where`.
  var text: String {
    "\(Self.quoted(column, with: "\"")) \(comparison.rawValue) \(Self.quoted(value, with: "'", isText ?? false))"
  }

  private static func quoted(_ text: String, with quote: String, _ always: Bool = false) -> String {
    let isPlain = !always && !text.isEmpty && text.utf8.allSatisfy { $0 > 0x7F || isWordByte($0) }
    return isPlain ? text : quote + text.replacingOccurrences(of: quote, with: quote + quote) + quote
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
      UInt8(ascii: ":"), UInt8(ascii: "+"):
      true
    default: false
    }
  }
}

/// A condition prepared for checking each row; an object, because copying its parts for each row takes longer.
final class ConditionCheck: Sendable {
  private let comparison: Condition.Comparison
  private let bytes: [UInt8]
  private let number: ExactNumber?
  /// The input column.
  let column: String

  init(_ condition: Condition) {
    let value = Array(condition.value.utf8)
    comparison = condition.comparison
    bytes = value
    column = condition.column
    number = condition.isText == true ? nil : (try? ExactNumber.parse(value.rawSpan)).flatMap { $0 }
  }

  /// Whether a value of the column fulfils the condition; throws if the value is a number out of range.
  func holds(for field: RawSpan) throws(ExactDecimal.ParseError) -> Bool {
    if let number, let found = try Self.number(field) {
      switch comparison {
      case .equal: return found == number
      case .notEqual: return found != number
      case .lessOrEqual: return found <= number
      case .greaterOrEqual: return found >= number
      case .less: return found < number
      case .greater: return found > number
      }
    }
    return holds(forText: field.array)
  }

  /// Whether an absent value fulfils the condition.
  var holdsForNone: Bool { holds(forText: []) }

  private static func number(_ field: RawSpan) throws(ExactDecimal.ParseError) -> ExactNumber? {
    do throws(ExactDecimal.ParseError) { return try ExactNumber.parse(field) } catch {
      if error == .outOfRange { throw error }
      return nil
    }
  }

  private func holds(forText found: [UInt8]) -> Bool {
    switch comparison {
    case .equal: return found == bytes
    case .notEqual: return found != bytes
    default: break
    }
    if found.isEmpty || bytes.isEmpty { return false }
    switch comparison {
    case .lessOrEqual: return !bytes.lexicographicallyPrecedes(found)
    case .greaterOrEqual: return !found.lexicographicallyPrecedes(bytes)
    case .less: return found.lexicographicallyPrecedes(bytes)
    default: return bytes.lexicographicallyPrecedes(found)
    }
  }
}

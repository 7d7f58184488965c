import RowInput
import Tidemark

extension Condition {
  /// Why a text isn't a list of conditions.
  struct ParseError: Error {
    let message: String
  }

  /// Reads conditions that are joined by `and`, as `Quantity > 0 and Country != "United Kingdom"`.
  ///
  /// Columns and values may be in single or double quotes, in which a doubled quote is one. Without quotes, a column
  /// ends at the comparison and a value at the next `and` or the end; blanks around them are dropped.
  static func parse(_ text: String) throws(ParseError) -> [Condition] {
    var parser = Parser(rest: text[...])
    var conditions: [Condition] = []
    repeat { conditions.append(try parser.condition()) } while try parser.takeAnd()
    return conditions
  }

  private struct Parser {
    var rest: Substring

    mutating func condition() throws(ParseError) -> Condition {
      skipBlanks()
      let column: String
      if let quoted = try takeQuoted() {
        column = quoted
      } else {
        let end = rest.firstIndex { "=!<>".contains($0) } ?? rest.endIndex
        column = trimmed(rest[..<end])
        rest = rest[end...]
      }
      skipBlanks()
      guard !column.isEmpty else { throw ParseError(message: "a column is missing") }
      guard let comparison = takeComparison() else {
        throw ParseError(message: "behind \"\(column)\" one of = != < <= > >= is missing")
      }
      skipBlanks()
      if let value = try takeQuoted() {
        // `isText` is set only where it matters, so that plans equal those of older versions.
        let couldBeNumber = (try? ExactNumber.parse(Array(value.utf8).rawSpan)).flatMap { $0 } != nil
        return Condition(column: column, comparison: comparison, value: value, isText: couldBeNumber ? true : nil)
      }
      let end = endOfWords()
      let value = trimmed(rest[..<end])
      rest = rest[end...]
      guard !value.isEmpty else {
        throw ParseError(message: "a value is missing after \(comparison.rawValue); write '' for the empty value")
      }
      guard !value.contains(where: { "=!<>".contains($0) }) else {
        throw ParseError(message: "a value with = ! < or > must be in quotes: \(value)")
      }
      do throws(ExactDecimal.ParseError) { _ = try ExactNumber.parse(Array(value.utf8).rawSpan) } catch {
        guard error == .notANumber else {
          throw ParseError(message: "the number is out of range: \(value); put it in quotes if it is a text")
        }
      }
      return Condition(column: column, comparison: comparison, value: value)
    }

    /// Skips an `and`; `false` at the end.
    mutating func takeAnd() throws(ParseError) -> Bool {
      skipBlanks()
      if rest.isEmpty { return false }
      let word = rest.prefix { !isBlank($0) }
      guard word.lowercased() == "and" else {
        throw ParseError(message: "`and` is expected where \"\(rest)\" stands")
      }
      rest = rest[word.endIndex...]
      return true
    }

    private mutating func takeComparison() -> Comparison? {
      if rest.hasPrefix("==") {
        rest = rest.dropFirst(2)
        return .equal
      }
      // Comparisons of two characters are tried first.
      let all: [Comparison] = [.notEqual, .lessOrEqual, .greaterOrEqual, .equal, .less, .greater]
      guard let found = all.first(where: { rest.hasPrefix($0.rawValue) }) else { return nil }
      rest = rest.dropFirst(found.rawValue.count)
      return found
    }

    private mutating func takeQuoted() throws(ParseError) -> String? {
      guard let quote = rest.first, quote == "\"" || quote == "'" else { return nil }
      var text = ""
      var index = rest.index(after: rest.startIndex)
      while index < rest.endIndex {
        let next = rest.index(after: index)
        if rest[index] == quote {
          guard next < rest.endIndex, rest[next] == quote else {
            rest = rest[next...]
            return text
          }
          index = next
        }
        text.append(rest[index])
        index = rest.index(after: index)
      }
      throw ParseError(message: "a quote is not closed: \(rest)")
    }

    /// Before the next `and` that stands alone.
    private func endOfWords() -> Substring.Index {
      var index = rest.startIndex
      while index < rest.endIndex {
        if isBlank(rest[index]) {
          let word = rest[rest.index(after: index)...].prefix { !isBlank($0) }
          if word.lowercased() == "and" { return index }
        }
        index = rest.index(after: index)
      }
      return index
    }

    private mutating func skipBlanks() { rest = rest.drop(while: isBlank) }
    private func isBlank(_ character: Character) -> Bool { character.isWhitespace }

    private func trimmed(_ text: Substring) -> String {
      var text = text.drop(while: isBlank)
      while let last = text.last, isBlank(last) { text.removeLast() }
      return String(text)
    }
  }
}

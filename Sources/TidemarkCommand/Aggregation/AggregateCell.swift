import RowInput
import Tidemark

/// One aggregate of one group.
///
/// Empty values count as none. Numbers are exact decimals. `min` and `max` order numbers by value, before all texts,
/// and texts by their bytes.
enum AggregateCell: Equatable, Sendable {
  case none
  case number(ExactNumber)
  case text([UInt8])

  /// Whether this sorts before another; `none` before all.
  func precedes(_ other: AggregateCell) -> Bool {
    switch (self, other) {
    case (.none, _): other != .none
    case (.number, .none), (.text, .none), (.text, .number): false
    case (.number, .text): true
    case (.number(let a), .number(let b)): a < b
    case (.text(let a), .text(let b)): a.lexicographicallyPrecedes(b)
    }
  }
}

extension AggregateCell {
  /// The printed text; empty for `none`.
  var text: String {
    switch self {
    case .none: ""
    case .number(let number): number.description
    case .text(let text): String(decoding: text, as: UTF8.self)
    }
  }

  /// A number if the bytes are one, else a text; throws if the number is out of range.
  init(_ bytes: RawSpan) throws(ExactDecimal.ParseError) {
    do throws(ExactDecimal.ParseError) {
      self = try ExactNumber.parse(bytes).map(AggregateCell.number) ?? .text(bytes.array)
    } catch {
      if error == .outOfRange { throw error }
      self = .text(bytes.array)
    }
  }

  /// The number that a text is, if it is one.
  var comparable: AggregateCell {
    if case .text(let text) = self { (try? AggregateCell(text.rawSpan)) ?? self } else { self }
  }
}

/// The aggregates of a group, one after the other: a tag, then its content.
///
/// | bytes | field |
/// |---|---|
/// | 1 | 0 none, 1 number, 2 text, 3 number of many digits |
/// | … | number: an ``ExactDecimal``'s encoding; text, number of many digits: varint length and UTF-8 |
struct AggregateCodec: Codec {
  var name: String { "aggregates" }

  func encode(_ cells: [AggregateCell], into bytes: inout ByteWriter) {
    for cell in cells {
      switch cell {
      case .none: bytes.append(0)
      case .number(.long(let number)):
        let text = number.description
        bytes.append(3)
        bytes.append(varint: UInt64(text.utf8.count))
        bytes.append(Array(text.utf8).rawSpan)
      case .number(.short(let number)):
        bytes.append(1)
        var encoded: [UInt8] = []
        number.encode(into: &encoded)
        bytes.append(encoded.rawSpan)
      case .text(let text):
        bytes.append(2)
        bytes.append(varint: UInt64(text.count))
        bytes.append(text.rawSpan)
      }
    }
  }

  func decode(_ bytes: RawSpan) throws(StoreError) -> [AggregateCell] {
    var cells: [AggregateCell] = []
    var index = 0
    while index < bytes.byteCount {
      var reader = ByteReader(bytes.extracting(index...))
      switch reader.integer(UInt8.self) {
      case 0:
        cells.append(.none)
        index += 1
      case 1:
        index += 1
        guard let number = ExactDecimal(decoding: bytes, at: &index) else { throw Self.damaged }
        cells.append(.number(.short(number)))
      case let tag where tag == 2 || tag == 3:
        guard let length = reader.varint(), length <= UInt64(reader.remaining), let text = reader.take(Int(length))
        else { throw Self.damaged }
        if tag == 2 {
          cells.append(.text(text.array))
        } else {
          guard case .long(let number)? = ExactNumber(printed: text) else { throw Self.damaged }
          cells.append(.number(.long(number)))
        }
        index += reader.position
      default: throw Self.damaged
      }
    }
    return cells
  }

  private static var damaged: StoreError { StoreError(.corrupted, "a group's aggregates are damaged") }
}

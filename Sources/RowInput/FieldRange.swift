/// Where one field of a row lies among the bytes of the window, and how it was written.
struct FieldRange: Sendable, Equatable {
  /// How a field was written.
  enum Form: UInt8, Sendable {
    /// As it stands: an unquoted CSV field, a JSON number, literal, array or object.
    case bare
    /// Inside quotes; the range leaves them out.
    case quoted
    /// Inside quotes, and its escapes are still to be replaced.
    case escaped
    /// A JSON key that is missing, or `null`; the range is empty.
    case absent
  }

  var start: Int
  var end: Int
  var form: Form

  static let absent = FieldRange(start: 0, end: 0, form: .absent)
}

/// The fields of one row, in storage that is used again for the next.
///
/// Counts all fields but keeps ranges only up to its room, so that a row with a million fields too many costs nothing.
struct FieldList: Sendable {
  /// The ranges, with room for the fields that a row should have.
  private(set) var ranges: [FieldRange]
  /// How many fields the row has.
  private(set) var count = 0

  init(room: Int) { ranges = Array(repeating: .absent, count: room) }

  mutating func removeAll() { count = 0 }

  /// Takes the next field.
  @inline(__always)
  mutating func append(_ start: Int, _ end: Int, _ form: FieldRange.Form) {
    if count < ranges.count { ranges[count] = FieldRange(start: start, end: end, form: form) }
    count += 1
  }

  /// Forgets all fields found, and marks every field as absent.
  mutating func setAllAbsent() {
    for index in ranges.indices { ranges[index] = .absent }
    count = ranges.count
  }

  subscript(index: Int) -> FieldRange {
    get { ranges[index] }
    set { ranges[index] = newValue }
  }
}

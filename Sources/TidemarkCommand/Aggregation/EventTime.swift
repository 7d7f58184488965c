import RowInput
import Tidemark

/// The times of events: read from text, printed as ISO 8601 in UTC.
///
/// Days are counted with the proleptic Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
enum EventTime {
  /// 0000-01-01T00:00:00Z to 9999-12-31T23:59:59.999Z: what has a text of fixed width.
  static let range: ClosedRange<Timestamp> = -62_167_219_200_000...253_402_300_799_999

  /// Milliseconds since 1970; `nil` if the text is no time, or lies outside of the years 0 to 9999.
  ///
  /// - `2011-12-09`, `2011-12-09 12:50`, `2011-12-09T12:50:00.250`, without a zone in UTC, or followed by `Z`, `UTC`,
  ///   `+02`, `+0200` or `+02:00`;
  /// - a number: seconds since 1970 below 100,000,000,000 (the year 5138), else milliseconds.
  static func parse(_ bytes: RawSpan) -> Timestamp? {
    var scanner = TimeScanner(bytes)
    guard let time = scanner.isDate ? scanner.dateAndTime() : number(bytes), range.contains(time) else { return nil }
    return time
  }

  /// Reads a text.
  static func parse(_ text: String) -> Timestamp? { parse(Array(text.utf8).rawSpan) }

  private static func number(_ bytes: RawSpan) -> Timestamp? {
    guard let number = (try? ExactDecimal.parse(bytes)).flatMap({ $0 }) else { return nil }
    let isSeconds = number < ExactDecimal(100_000_000_000) && ExactDecimal(-100_000_000_000) < number
    var (mantissa, scale) = (number.mantissa, Int(number.scale) - (isSeconds ? 3 : 0))
    while scale < 0 {
      mantissa *= 10
      scale += 1
    }
    while scale > 0 {
      // Towards the past, as days and windows are.
      mantissa = (mantissa < 0 ? mantissa - 9 : mantissa) / 10
      scale -= 1
    }
    return Timestamp(exactly: mantissa)
  }

  /// As `2011-12-09T12:50:00Z`, with milliseconds if there are any: texts sort as times.
  static func text(_ time: Timestamp) -> String {
    let (days, millisecond) = floorDivide(time, 86_400_000)
    let (year, month, day) = date(days)
    func digits(_ number: Int64, _ width: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    let second = millisecond / 1000
    let clock = [second / 3600, second / 60 % 60, second % 60].map { digits($0, 2) }.joined(separator: ":")
    let fraction = millisecond % 1000 == 0 ? "" : "." + digits(millisecond % 1000, 3)
    return "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))T\(clock)\(fraction)Z"
  }

  /// The days since 1970 of a date; `nil` if the month has no such day.
  fileprivate static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64? {
    guard (1...12).contains(month), day >= 1 else { return nil }
    let shifted = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = floorDivide(shifted, 400)
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    // A day beyond the month's last is one of the next month.
    return date(days).month == month ? days : nil
  }

  private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }
}

/// Quotient and remainder, the remainder never negative.
func floorDivide(_ number: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
  let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
  return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}

/// Reads a date and a time from bytes.
private struct TimeScanner: ~Escapable {
  private var reader: ByteReader
  private var next: UInt8?
  /// Whether the text starts as a date does: four digits and a hyphen.
  let isDate: Bool

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) {
    var (start, end) = (0, bytes.byteCount)
    func isBlank(_ index: Int) -> Bool { [0x20, 0x09].contains(bytes.byte(at: index)) }
    while start < end, isBlank(start) { start += 1 }
    while end > start, isBlank(end - 1) { end -= 1 }
    isDate = end - start >= 10 && bytes.byte(at: start + 4) == UInt8(ascii: "-")
    reader = ByteReader(bytes.extracting(start..<end))
    next = reader.integer(UInt8.self)
  }

  mutating func dateAndTime() -> Timestamp? {
    guard let year = number(4), take("-"), let month = number(2), take("-"), let day = number(2),
      let days = EventTime.days(year, month, day)
    else { return nil }
    var time = days * 86_400_000
    if next == nil { return time }
    guard take("T") || take("t") || take(" "), let hour = number(2), take(":"), let minute = number(2), hour < 24,
      minute < 60
    else { return nil }
    time += (hour * 60 + minute) * 60_000
    if take(":") {
      guard let second = number(2), second < 60 else { return nil }
      time += second * 1000
      if take(".") || take(",") {
        guard let milliseconds = fraction() else { return nil }
        time += milliseconds
      }
    }
    guard let offset = zone() else { return nil }
    return time - offset
  }

  /// Milliseconds of a fraction of a second; what is finer is left out.
  private mutating func fraction() -> Int64? {
    guard var value = number(1) else { return nil }
    var digits = 1
    while let digit = number(1) {
      if digits < 3 { value = value * 10 + digit }
      digits += 1
    }
    while digits < 3 {
      value *= 10
      digits += 1
    }
    return value
  }

  /// How far the zone is ahead of UTC in milliseconds; `nil` if what follows is no zone.
  private mutating func zone() -> Int64? {
    if next == nil { return 0 }
    _ = take(" ")
    if take("Z") || take("z") { return next == nil ? 0 : nil }
    if take("U") { return take("T") && take("C") && next == nil ? 0 : nil }
    let isBehind = next == UInt8(ascii: "-")
    guard take("+") || take("-"), let hour = number(2), hour < 24 else { return nil }
    var minutes = hour * 60
    if next != nil {
      _ = take(":")
      guard let minute = number(2), minute < 60 else { return nil }
      minutes += minute
    }
    return next == nil ? (isBehind ? -minutes : minutes) * 60_000 : nil
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    next = reader.integer(UInt8.self)
    return true
  }

  /// So many digits.
  private mutating func number(_ digits: Int) -> Int64? {
    var number: Int64 = 0
    for _ in 0..<digits {
      guard let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      number = number * 10 + Int64(byte - UInt8(ascii: "0"))
      next = reader.integer(UInt8.self)
    }
    return number
  }
}

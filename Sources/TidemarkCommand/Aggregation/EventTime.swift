import RowInput
import Tidemark

/// The times of events: read from text, printed as ISO 8601 in UTC.
///
/// Days are counted with the proleptic Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
enum EventTime {
  /// 0000-01-01T00:00:00Z to 9999-12-31T23:59:59.999Z: the times with a text of fixed width.
  static let range: ClosedRange<Timestamp> = -62_167_219_200_000...253_402_300_799_999

  /// Milliseconds since 1970; `nil` if the text is no time, or lies outside of the years 0 to 9999.
  ///
  /// - `2011-12-09`, `2011-12-09 12:50`, `2011-12-09T12:50:00.250`, without a zone in UTC, or followed by `Z`, `UTC`,
  ///   `+02`, `+0200` or `+02:00`;
  /// - `20111209` or `20111209125000`, unless a unit is given;
  /// - a number since 1970 in the given unit; without a unit, by its digits before the point: 10 are seconds, 13
  ///   milliseconds, 16 microseconds, 19 nanoseconds. A number with another digit count is no time.
  static func parse(_ bytes: RawSpan, unit: TimeUnit? = nil) -> Timestamp? {
    var scanner = TimeScanner(bytes)
    let found: Timestamp? =
      switch scanner.form {
      case .date: scanner.dateAndTime()
      case .compactDate where unit == nil: scanner.compactDateAndTime()
      case .compactDate, .other: number(bytes, unit)
      }
    guard let time = found, range.contains(time) else { return nil }
    return time
  }

  /// Reads a text.
  static func parse(_ text: String) -> Timestamp? { parse(Array(text.utf8).rawSpan) }

  private static func number(_ bytes: RawSpan, _ unit: TimeUnit?) -> Timestamp? {
    guard let number = (try? ExactDecimal.parse(bytes)).flatMap({ $0 }) else { return nil }
    // Rounds towards the past, as days and windows do.
    var (whole, scale, fraction) = (number.mantissa, Int(number.scale), Int128(0))
    while scale > 0 {
      let (quotient, digit) = floorDivide(whole, 10)
      whole = quotient
      // Digits after the third of the fraction don't count, and would not fit.
      fraction = digit * 1000 + fraction / 10
      scale -= 1
    }
    guard whole.magnitude < 10_000_000_000_000_000_000,
      let unit = unit ?? TimeUnit(digitCount: String(whole.magnitude).utf8.count)
    else { return nil }
    // The first three digits of a second's fraction are milliseconds; for finer units, the whole part has them.
    let milliseconds = unit == .s ? whole * 1000 + fraction / 10 : floorDivide(whole, unit.perMillisecond).quotient
    return Timestamp(exactly: milliseconds)
  }

  /// As `2011-12-09T12:50:00Z`, with milliseconds if there are any: texts sort as times.
  ///
  /// With `milliseconds`, also if they are 0: otherwise the texts of times with fractions don't sort as times.
  static func text(_ time: Timestamp, milliseconds: Bool = false) -> String {
    let (days, millisecond) = floorDivide(time, 86_400_000)
    let (year, month, day) = date(days)
    func digits(_ number: Int64, _ width: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    let second = millisecond / 1000
    let clock = [second / 3600, second / 60 % 60, second % 60].map { digits($0, 2) }.joined(separator: ":")
    let fraction = millisecond % 1000 == 0 && !milliseconds ? "" : "." + digits(millisecond % 1000, 3)
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

/// The unit of a bare number since 1970.
enum TimeUnit: String, Codable, CaseIterable, Sendable {
  case s, ms, us, ns

  /// The unit in which a present-day time has `digitCount` digits.
  init?(digitCount: Int) {
    switch digitCount {
    case 10: self = .s
    case 13: self = .ms
    case 16: self = .us
    case 19: self = .ns
    default: return nil
    }
  }

  /// How many of the unit a millisecond has; for seconds, 1.
  var perMillisecond: Int128 {
    switch self {
    case .s, .ms: 1
    case .us: 1000
    case .ns: 1_000_000
    }
  }
}

/// Quotient and remainder, the remainder never negative.
func floorDivide<Number: FixedWidthInteger & SignedInteger>(
  _ number: Number, _ divisor: Number
) -> (quotient: Number, remainder: Number) {
  let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
  return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}

/// Reads a date and a time from bytes.
private struct TimeScanner: ~Escapable {
  private var reader: ByteReader
  private var next: UInt8?
  /// How a text begins.
  enum Form {
    /// Four digits and a hyphen.
    case date
    /// Eight digits, or fourteen, and nothing else.
    case compactDate
    case other
  }

  let form: Form

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) {
    var (start, end) = (0, bytes.byteCount)
    func isBlank(_ index: Int) -> Bool { [0x20, 0x09].contains(bytes.byte(at: index)) }
    while start < end, isBlank(start) { start += 1 }
    while end > start, isBlank(end - 1) { end -= 1 }
    let count = end - start
    if count >= 10, bytes.byte(at: start + 4) == UInt8(ascii: "-") {
      form = .date
    } else if count == 8 || count == 14, (start..<end).allSatisfy({ 0x30...0x39 ~= bytes.byte(at: $0) }) {
      form = .compactDate
    } else {
      form = .other
    }
    reader = ByteReader(bytes.extracting(start..<end))
    next = reader.integer(UInt8.self)
  }

  mutating func compactDateAndTime() -> Timestamp? {
    guard let year = number(4), let month = number(2), let day = number(2), let days = EventTime.days(year, month, day)
    else { return nil }
    if next == nil { return days * 86_400_000 }
    guard let hour = number(2), let minute = number(2), let second = number(2), hour < 24, minute < 60, second < 60
    else { return nil }
    return days * 86_400_000 + (hour * 3600 + minute * 60 + second) * 1000
  }

  mutating func dateAndTime() -> Timestamp? {
    guard let year = number(4), take("-"), let month = number(2), take("-"), let day = number(2),
      let days = EventTime.days(year, month, day)
    else { return nil }
    var time = days * 86_400_000
    if next == nil { return time }
    guard take("T") || take("t") || take(" "), let hour = number(2), take(":"), let minute = number(2), minute < 60,
      hour < 24 || hour == 24 && minute == 0
    else { return nil }
    time += (hour * 60 + minute) * 60_000
    if take(":") {
      // A leap second is the first of the next minute, as POSIX counts; 24:00 is the end of the day.
      guard let second = number(2), second <= 60, hour < 24 || second == 0 else { return nil }
      time += second * 1000
      if take(".") || take(",") {
        guard let milliseconds = fraction() else { return nil }
        time += milliseconds
      }
    }
    guard let offset = zone() else { return nil }
    return time - offset
  }

  /// Milliseconds of a fraction of a second; finer digits are dropped.
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

  /// How far the zone is ahead of UTC in milliseconds; `nil` if no valid zone follows.
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

  /// A number of `digits` digits.
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

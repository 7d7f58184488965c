import ArgumentParser
import Tidemark

/// Windows of one length, one after the other since 1970-01-01T00:00:00Z: each event lies in exactly one.
///
/// As Kafka Streams' `TimeWindows`: an event is late, and doesn't count, if its window ended at or before the stream
/// time less the grace.
struct TumblingWindow: Codable, Equatable, Sendable {
  /// The input column that holds the events' time.
  var column: String
  /// How long a window is.
  var milliseconds: Int64
  /// How long a window accepts events after its end, in stream time.
  var graceMilliseconds: Int64

  /// The unit of bare numbers in the column, since 1970; `nil`: by their digit count.
  var timeUnit: TimeUnit?
  /// Whether starts are written with milliseconds also where they are 0, so that their texts sort as times do.
  ///
  /// `nil` in windows of whole seconds, and in states of version 0.1.
  var writesMilliseconds: Bool?

  /// The start of a window as keys have it.
  func text(_ start: Timestamp) -> String { EventTime.text(start, milliseconds: writesMilliseconds ?? false) }

  /// The start of the window that a time lies in; `nil` if the window starts before the year 0.
  func start(of time: Timestamp) -> Timestamp? {
    let start = time - floorDivide(time, milliseconds).remainder
    return start >= EventTime.range.lowerBound ? start : nil
  }

  /// Whether the window accepts no more events at a stream time.
  func isClosed(start: Timestamp, streamTime: Timestamp) -> Bool {
    start + milliseconds <= streamTime - graceMilliseconds
  }

  /// As it is written on the command line.
  var options: String {
    "--window \(WindowLength(milliseconds).text) --time \(column)"
      + (graceMilliseconds > 0 ? " --grace \(WindowLength(graceMilliseconds).text)" : "")
      + (timeUnit.map { " --time-unit \($0.rawValue)" } ?? "")
  }
}

/// A length of time as a number and a unit: `250ms`, `30s`, `15m`, `1h`, `7d`.
struct WindowLength: ExpressibleByArgument, Equatable {
  private static let units: [(name: String, milliseconds: Int64)] = [
    ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
  ]

  let milliseconds: Int64

  init(_ milliseconds: Int64) { self.milliseconds = milliseconds }

  init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && $0.isNumber }
    let unit = argument[digits.endIndex...]
    guard let number = Int64(digits) else { return nil }
    if number == 0, unit.isEmpty {
      self.init(0)
      return
    }
    // A century is more than any window.
    guard let factor = Self.units.first(where: { $0.name == unit })?.milliseconds, number <= 3_153_600_000_000 / factor
    else { return nil }
    self.init(number * factor)
  }

  /// In the greatest unit that divides it.
  var text: String {
    if milliseconds == 0 { return "0" }
    // A millisecond divides every length.
    let unit = Self.units.first { milliseconds % $0.milliseconds == 0 }!
    return "\(milliseconds / unit.milliseconds)\(unit.name)"
  }
}

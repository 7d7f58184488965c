import Foundation
import Tidemark

/// How progress is shown, on standard error.
enum ProgressStyle: String, CaseIterable {
  /// A bar on a terminal, else plain lines.
  case auto
  /// One line, redrawn in place.
  case bar
  /// A line every few seconds.
  case plain
  /// One JSON object a line, for scripts.
  case json
  /// Nothing.
  case none
}

/// Shows the progress of long work: rate, percentage, time left.
final class ProgressLine {
  private let style: ProgressStyle
  private let begin = ContinuousClock.now
  private var nextAt = ContinuousClock.now
  private var firstBytes: Int?
  private var isDrawn = false

  init(_ style: ProgressStyle) {
    self.style = style == .auto ? (isatty(STDERR_FILENO) == 1 ? .bar : .plain) : style
    if self.style == .plain { nextAt = begin.advanced(by: .seconds(2)) }
  }

  /// Clears the bar, so that the next output, an error for instance, starts on a new line.
  deinit { clear() }

  private var interval: Duration {
    switch style {
    case .plain: .seconds(5)
    case .json: .milliseconds(20)
    default: .milliseconds(100)
    }
  }

  /// Shows the progress of reading, if an update is due; `total` is over all files, `nil` if unknown.
  func update(_ progress: AggregationJob.Progress, total: Int?) {
    let (records, bytes) = (progress.records, progress.bytes)
    let first = firstBytes ?? bytes
    firstBytes = first
    guard style != .none, ContinuousClock.now >= nextAt else { return }
    nextAt = .now.advanced(by: interval)
    let seconds = begin.duration(to: .now) / .seconds(1)
    let fraction = total.map { $0 > 0 ? min(1, Double(bytes) / Double($0)) : 1 }
    let left = total.flatMap { bytes > first ? seconds * Double(max(0, $0 - bytes)) / Double(bytes - first) : nil }
    let rate = seconds > 0 ? Int(Double(records) / seconds) : 0
    switch (style, fraction) {
    case (.json, _):
      let leftOut = progress.leftOut
      write(
        #"{"event":"progress","records":\#(records),"bytes":\#(bytes),"totalBytes":\#(total.map { "\($0)" } ?? "null"),"#
          + #""skippedRows":\#(leftOut.skipped),"lateRows":\#(leftOut.late),"excludedRows":\#(leftOut.excluded)}"#
          + "\n")
    case (.bar, nil):
      write("\r\u{1B}[2K\(grouped(records)) rows  \(grouped(rate)) rows/s")
      isDrawn = true
    case (.bar, let fraction?):
      let width = 30
      let filled = Int(fraction * Double(width))
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
      write(
        "\r\u{1B}[2K\(bar) \(percent(fraction))  \(grouped(rate)) rows/s\(left.map { "  \(duration($0)) left" } ?? "")")
      isDrawn = true
    default:
      write(
        "\(fraction.map { percent($0) + ", " } ?? "")\(grouped(records)) rows, \(grouped(rate)) rows/s"
          + (left.map { ", \(duration($0)) left" } ?? "") + "\n")
    }
  }

  /// Shows the progress of opening.
  func update(_ progress: OpenProgress) {
    let milliseconds = Int(progress.elapsed / .milliseconds(1))
    switch (style, progress.phase) {
    case (.none, _): return
    case (.json, _):
      let merged = progress.phase == .merging ? #","mergedShare":\#(progress.mergedShare)"# : ""
      write(
        #"{"event":"\#(progress.phase.rawValue)","replayedRecords":\#(progress.records),"#
          + #""milliseconds":\#(milliseconds)\#(merged)}"# + "\n")
    case (_, .ready):
      guard progress.records > 0 else { return }
      clear()
      write("restored \(grouped(progress.records)) records from the changelog in \(milliseconds) ms\n")
    case (_, .merging):
      let left = progress.timeLeft.map { "  \(duration($0 / .seconds(1))) left" } ?? ""
      let line = "merging: \(percent(progress.mergedShare))\(left)"
      if style == .bar {
        write("\r\u{1B}[2K" + line)
        isDrawn = true
      } else if ContinuousClock.now >= nextAt {
        nextAt = .now.advanced(by: interval)
        write(line + "\n")
      }
    case (.bar, _):
      let left = progress.timeLeft.map { "  \(duration($0 / .seconds(1))) left" } ?? ""
      write("\r\u{1B}[2Krestoring: \(grouped(progress.records)) records\(left)")
      isDrawn = true
    default:
      guard ContinuousClock.now >= nextAt else { return }
      nextAt = .now.advanced(by: interval)
      write("restoring: \(grouped(progress.records)) records\n")
    }
  }

  /// Takes the bar off the screen.
  func clear() {
    if isDrawn { write("\r\u{1B}[2K") }
    isDrawn = false
  }

  private func write(_ text: String) { printMessage(text) }
}

/// `12.3 %`.
private func percent(_ fraction: Double) -> String { String(format: "%5.1f %%", fraction * 100) }

/// `1 h 02 min`, `2 min 03 s`, `4 s`.
func duration(_ seconds: Double) -> String {
  let whole = Int(seconds.rounded(.up))
  if whole >= 3600 { return String(format: "%d h %02d min", whole / 3600, whole % 3600 / 60) }
  if whole >= 60 { return String(format: "%d min %02d s", whole / 60, whole % 60) }
  return "\(whole) s"
}

/// `1 row`, `1,234 rows`.
func counted(_ number: Int, _ noun: String) -> String { grouped(number) + " " + noun + (number == 1 ? "" : "s") }

/// `1,234,567`.
func grouped(_ number: Int) -> String {
  var digits = String(abs(number))
  var groups: [String] = []
  while digits.count > 3 {
    groups.insert(String(digits.suffix(3)), at: 0)
    digits.removeLast(3)
  }
  return (number < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
}

import Foundation

extension ScaleRow {
  /// One small chart per figure, over the number of keys.
  static func chart(_ rows: [ScaleRow]) -> String {
    let panels: [(title: String, unit: String, values: [Double])] = [
      ("committed", "M records/s", rows.map { $0.commitsPerSecond / 1e6 }),
      ("p99 of a read", "µs", rows.map(\.readP99)),
      (
        "restart, beyond the bare database", "ms",
        rows.map { max(0, $0.openMilliseconds - $0.openPlainMilliseconds) }
      ),
      ("restored", "M records/s", rows.map { Double($0.keys) / $0.restoreSeconds / 1e6 }),
      ("database on disk, a byte committed", "bytes", rows.map(\.databaseBytesPerByte)),
      ("resident memory while restoring", "MiB", rows.map { Double($0.restorePeakBytes) / 1_048_576 }),
    ]
    let (width, height) = (360.0, 210.0)
    var svg = SVG(width: 2 * width, height: 3 * height)
    for (index, panel) in panels.enumerated() {
      let (left, top) = (Double(index % 2) * width + 56, Double(index / 2) * height + 40)
      draw(panel.title + ", " + panel.unit, rows.map(\.keys), panel.values, left, top, width - 80, height - 80, &svg)
    }
    return svg.document
  }

  private static func draw(
    _ title: String, _ keys: [Int], _ values: [Double], _ left: Double, _ top: Double, _ width: Double,
    _ height: Double, _ svg: inout SVG
  ) {
    svg.text(title, left - 44, top - 16, size: 13, style: "h")
    let ticks = Ticks.linear(to: max(values.max() ?? 1, 1e-9))
    let greatest = ticks.last ?? 1
    for tick in ticks {
      let y = top + height * (1 - tick / greatest)
      svg.line(left, y, left + width, y)
      svg.text(tick.fixed(greatest < 5 ? 1 : 0), left - 6, y + 4, .end, size: 11, style: "m")
    }
    let logarithms = keys.map { log10(Double($0)) }
    let (least, most) = (logarithms.min() ?? 0, max(logarithms.max() ?? 1, (logarithms.min() ?? 0) + 0.1))
    var last: (x: Double, y: Double)?
    for (index, value) in values.enumerated() {
      let x = left + 12 + (width - 24) * (logarithms[index] - least) / (most - least)
      let y = top + height * (1 - value / greatest)
      if let last { svg.line(last.x, last.y, x, y, style: "range") }
      svg.dot(x, y, 4, style: "s7", title: "\(keys[index]) keys: \(value.fixed(2))")
      let label = keys[index] >= 1_000_000 ? "\(keys[index] / 1_000_000) M" : "\(keys[index])"
      svg.text(label, x, top + height + 18, .middle, size: 11, style: "m")
      last = (x, y)
    }
    svg.line(left, top + height, left + width, top + height, style: "axis")
  }
}

import Foundation

extension Results {
  /// Draws what the rows have, and returns the paths.
  func drawCharts(in directory: String) throws -> [String] {
    var paths: [String] = []
    for (name, chart) in [("writes", writeChart), ("ratios", ratioChart), ("latencies", latencyChart)] {
      guard let chart else { continue }
      let path = "\(directory)/\(name).svg"
      try Data(chart.document.utf8).write(to: URL(fileURLWithPath: path))
      paths.append(path)
    }
    return paths
  }

  /// The ways to write, with what a legend calls them.
  private static let ways = [
    ("put", "put, no WAL"), ("put-wal", "put, WAL"), ("write-batch", "WriteBatch"),
    ("write-batch-with-index", "WriteBatchWithIndex"), ("secondary-database", "secondary database"),
    ("transaction", "Tidemark, counted changelog"), ("transaction-file-log", "Tidemark, file changelog"),
  ]

  /// Nanoseconds per record of each way to write, by commit size: a panel for each distribution.
  private var writeChart: SVG? {
    let rows = rows.filter { row in
      (row.group.hasPrefix("writes, ") || row.group.hasPrefix("other ways")) && Self.ways.contains { $0.0 == row.name }
    }
    let sizes = Set(rows.compactMap(\.recordsPerCommit)).sorted()
    let distributions = Distribution.allCases.filter { distribution in rows.contains { $0.distribution == distribution }
    }
    guard !sizes.isEmpty, !distributions.isEmpty else { return nil }
    let panelWidth = 460.0
    let (left, top, plotHeight) = (70.0, 92.0, 300.0)
    var svg = SVG(width: left + Double(distributions.count) * panelWidth + 10, height: top + plotHeight + 60)
    svg.text("Writes: time per record until it is in table files", left, 26, size: 17)
    legend(Self.ways.map(\.1), at: left, 46, &svg, columns: 4)
    let ticks = Ticks.linear(to: rows.map(\.nanosecondsPerRecord).max() ?? 1)
    func y(_ value: Double) -> Double { top + plotHeight * (1 - value / (ticks.last ?? 1)) }
    for (panel, distribution) in distributions.enumerated() {
      let x0 = left + Double(panel) * panelWidth
      for tick in ticks {
        svg.line(x0, y(tick), x0 + panelWidth - 30, y(tick), style: tick == 0 ? "axis" : "grid")
        if panel == 0 { svg.text(Int(tick).grouped, x0 - 8, y(tick) + 4, .end, size: 11, style: "m") }
      }
      let slot = (panelWidth - 30) / Double(sizes.count)
      for (group, size) in sizes.enumerated() {
        let bar = (slot - 14) / Double(Self.ways.count)
        for (index, way) in Self.ways.enumerated() {
          let row = rows.first { row in
            row.name == way.0 && row.distribution == distribution && (row.recordsPerCommit ?? size) == size
          }
          guard let value = row?.nanosecondsPerRecord else { continue }
          svg.rectangle(
            x0 + Double(group) * slot + 7 + Double(index) * bar, y(value), bar - 1, top + plotHeight - y(value),
            style: "s\(index)", title: "\(way.1), \(distribution), \(size.grouped) a commit: \(value.fixed(0)) ns")
        }
        svg.text(size.grouped, x0 + (Double(group) + 0.5) * slot, top + plotHeight + 18, .middle, style: "t")
      }
      let title = distribution == .uniq ? "uniq: new keys" : "zipf: hot keys"
      svg.text("records a commit (\(title))", x0 + (panelWidth - 30) / 2, top + plotHeight + 42, .middle, style: "m")
    }
    svg.text("nanoseconds per record", 18, top + plotHeight / 2, .middle, style: "m", rotated: true)
    return svg
  }

  /// Each ratio with the range of its rounds, on a logarithmic axis.
  private var ratioChart: SVG? {
    let rows = rows.filter { $0.ratio != nil }
    guard let least = rows.compactMap({ $0.ratioRange?[0] }).min(),
      let greatest = rows.compactMap({ $0.ratioRange?[1] }).max()
    else { return nil }
    let axis = LogAxis(Ticks.logarithmic(min(least, 0.5), max(greatest, 2)), from: 400, to: 880)
    var svg = SVG(width: 920, height: 110 + Double(rows.count) * 20)
    svg.text("How many times as fast as the baseline", 20, 26, size: 17)
    svg.text(
      "dot: median of the rounds; line: least to greatest; right of 1 is faster than the baseline", 20, 46, style: "m")
    let bottom = 70 + Double(rows.count) * 20
    for tick in axis.ticks {
      svg.line(axis.x(tick), 62, axis.x(tick), bottom, style: tick == 1 ? "axis" : "grid")
      svg.text(tick.shortest, axis.x(tick), bottom + 16, .middle, size: 11, style: "m")
    }
    svg.text("baseline's time / case's time (times as fast)", 640, bottom + 34, .middle, style: "m")
    for (index, row) in rows.enumerated() {
      let y = 78 + Double(index) * 20
      svg.text(row.chartTitle, 390, y + 4, .end, size: 11)
      guard let ratio = row.ratio, let range = row.ratioRange else { continue }
      svg.line(axis.x(range[0]), y, axis.x(range[1]), y, style: "range")
      svg.dot(axis.x(ratio), y, 5, style: row.isTidemark ? "s6" : "s3", title: "\(row.chartTitle): \(ratio.fixed(2))")
    }
    return svg
  }

  /// Median, 99th and 99.9th percentile of commits, on a logarithmic axis.
  private var latencyChart: SVG? {
    let rows = rows.filter { $0.latency?.of == "commit" && !$0.group.contains("settled") }
    guard let least = rows.compactMap({ $0.latency?.p50 }).min(),
      let greatest = rows.compactMap({ $0.latency?.p999 }).max()
    else { return nil }
    let axis = LogAxis(
      Ticks.logarithmic(Double(max(least, 1)) / 1000, Double(max(greatest, 2)) / 1000), from: 400, to: 880)
    var svg = SVG(width: 920, height: 120 + Double(rows.count) * 20)
    svg.text("Latency of a commit", 20, 26, size: 17)
    legend(["99.9th percentile", "99th percentile", "median"], styles: [0, 2, 6], at: 20, 46, &svg, columns: 3)
    let bottom = 80 + Double(rows.count) * 20
    for tick in axis.ticks {
      svg.line(axis.x(tick), 72, axis.x(tick), bottom)
      svg.text(
        duration(UInt64(tick * 1000)).replacingOccurrences(of: ".0 ", with: " "), axis.x(tick), bottom + 16, .middle,
        size: 11, style: "m")
    }
    svg.text("time of one commit", 640, bottom + 34, .middle, style: "m")
    for (index, row) in rows.enumerated() {
      guard let latency = row.latency else { continue }
      let y = 88 + Double(index) * 20
      svg.text(row.chartTitle, 390, y + 4, .end, size: 11)
      let marks = [(latency.p999, 0), (latency.p99, 2), (latency.p50, 6)]
      svg.line(axis.x(Double(latency.p50) / 1000), y, axis.x(Double(latency.p999) / 1000), y, style: "range")
      for (value, style) in marks {
        svg.dot(axis.x(Double(value) / 1000), y, 5, style: "s\(style)", title: "\(row.chartTitle): \(duration(value))")
      }
    }
    return svg
  }

  private func legend(
    _ names: [String], styles: [Int]? = nil, at x: Double, _ y: Double, _ svg: inout SVG, columns: Int
  ) {
    for (index, name) in names.enumerated() {
      let left = x + Double(index % columns) * 220
      let top = y + Double(index / columns) * 18
      svg.rectangle(left, top - 10, 12, 12, style: "s\(styles?[index] ?? index)", title: name)
      svg.text(name, left + 18, top, size: 12)
    }
  }
}

/// A logarithmic axis between its first and its last tick.
private struct LogAxis {
  let ticks: [Double]
  private let from: Double
  private let to: Double

  init(_ ticks: [Double], from: Double, to: Double) {
    self.ticks = ticks
    self.from = from
    self.to = to
  }

  func x(_ value: Double) -> Double {
    guard let first = ticks.first, let last = ticks.last, first < last else { return from }
    let share = log(max(value, first) / first) / log(last / first)
    return from + min(max(share, 0), 1) * (to - from)
  }
}

extension Row {
  fileprivate var chartTitle: String {
    var title = "\(name), \(distribution)"
    if let recordsPerCommit { title += ", \(recordsPerCommit.grouped) a commit" }
    if group.contains("settled") { title += ", settled" }
    return title
  }

  /// Whether it is Tidemark that is measured, or another way of using RocksDB.
  fileprivate var isTidemark: Bool {
    ["transaction", "snapshot", "own-get", "restore", "open-killed-store"].contains { name.hasPrefix($0) }
      && !name.hasSuffix("index")
  }
}

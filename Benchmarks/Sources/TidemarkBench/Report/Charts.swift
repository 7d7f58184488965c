import Foundation

extension Results {
  /// Draws the charts for which there are rows, and returns their paths.
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

  /// The ways to write, with their names in the legend.
  private static let ways = [
    ("put", "put, no WAL"), ("put-wal", "put, WAL"), ("write-batch", "WriteBatch"),
    ("write-batch-with-index", "WriteBatchWithIndex"), ("secondary-database", "secondary database"),
    ("transaction", "Tidemark, counted changelog"),
    ("transaction-without-changelog", "Tidemark, RocksDB's WAL"), ("transaction-file-log", "Tidemark, file changelog"),
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

  /// Each ratio with the range of its rounds and its bar, on a logarithmic axis.
  private var ratioChart: SVG? {
    let lines = ChartLine.lines(of: rows.filter { $0.ratio != nil }, from: 84)
    let values = rows.flatMap { ($0.ratioRange ?? []) + $0.bars.filter { $0.measure == .ratio }.map(\.limit) }
    guard let least = values.min(), let greatest = values.max(), let last = lines.last else { return nil }
    let axis = LogAxis(Ticks.logarithmic(min(least, 0.5), max(greatest, 2)), from: 400, to: 880)
    let bottom = last.y + 16
    var svg = SVG(width: 920, height: bottom + 50)
    svg.text("How many times as fast as the baseline", 20, 26, size: 17)
    svg.text(
      "dot: middle of the rounds; line: least to greatest; upright: the bar, green if it is reached; right of 1 is faster",
      20, 46, style: "m")
    for tick in axis.ticks {
      svg.line(axis.x(tick), 62, axis.x(tick), bottom, style: tick == 1 ? "axis" : "grid")
      svg.text(tick.shortest, axis.x(tick), bottom + 16, .middle, size: 11, style: "m")
    }
    svg.text("baseline's time / case's time (times as fast)", 640, bottom + 34, .middle, style: "m")
    for line in lines {
      guard let row = line.row else { svg.heading(line); continue }
      let title = row.chartTitle + (row.against.map { " / \($0)" } ?? "")
      svg.text(title, 390, line.y + 4, .end, size: 11)
      guard let ratio = row.ratio, let range = row.ratioRange else { continue }
      svg.line(axis.x(range[0]), line.y, axis.x(range[1]), line.y, style: "range")
      for bar in row.bars where bar.measure == .ratio {
        let style = bar.isReached(by: row) ? "reached" : "missed"
        svg.line(axis.x(bar.limit), line.y - 7, axis.x(bar.limit), line.y + 7, style: style)
      }
      svg.dot(axis.x(ratio), line.y, 5, style: row.isTidemark ? "s7" : "s3", title: "\(title): \(ratio.fixed(2))")
    }
    return svg
  }

  /// Median, 99th and 99.9th percentile and the greatest latency of commits, on a logarithmic axis.
  private var latencyChart: SVG? {
    // Each baseline has a row with the same latencies.
    let commits = rows.filter { $0.latency?.of == "commit" && !$0.group.contains("settled") }
    let latencies = commits.compactMap(\.latency)
    let lines = ChartLine.lines(of: commits, from: 94)
    guard let least = latencies.map(\.p50).min(), let greatest = latencies.map(\.max).max(), let last = lines.last
    else { return nil }
    let axis = LogAxis(Ticks.logarithmic(Double(max(least, 1)), Double(max(greatest, 2))), from: 400, to: 880)
    let bottom = last.y + 16
    var svg = SVG(width: 920, height: bottom + 50)
    svg.text("Latency of a commit; the line ends at the greatest", 20, 26, size: 17)
    legend(["99.9th percentile", "99th percentile", "median"], styles: [0, 2, 7], at: 20, 46, &svg, columns: 3)
    for tick in axis.ticks {
      svg.line(axis.x(tick), 72, axis.x(tick), bottom)
      svg.text(roundDuration(UInt64(tick)), axis.x(tick), bottom + 16, .middle, size: 11, style: "m")
    }
    svg.text("time of one commit", 640, bottom + 34, .middle, style: "m")
    for line in lines {
      guard let row = line.row else { svg.heading(line); continue }
      guard let latency = row.latency else { continue }
      svg.text(row.chartTitle, 390, line.y + 4, .end, size: 11)
      svg.line(axis.x(Double(latency.p50)), line.y, axis.x(Double(latency.max)), line.y, style: "range")
      for (value, style) in [(latency.p999, 0), (latency.p99, 2), (latency.p50, 7)] {
        svg.dot(axis.x(Double(value)), line.y, 5, style: "s\(style)", title: "\(row.chartTitle): \(duration(value))")
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

/// A line of a chart: a row, or the heading of a group.
private struct ChartLine {
  let y: Double
  let group: String
  let row: Row?

  /// The rows group by group; within a group, the sizes of a case are consecutive.
  static func lines(of rows: [Row], from top: Double) -> [ChartLine] {
    var lines: [ChartLine] = []
    var y = top
    for group in rows.map(\.group).inFirstOrder {
      if !lines.isEmpty { y += 12 }
      lines.append(ChartLine(y: y, group: group, row: nil))
      let own = rows.filter { $0.group == group }
      for name in own.map(\.name).inFirstOrder {
        for row in own where row.name == name {
          y += 20
          lines.append(ChartLine(y: y, group: group, row: row))
        }
      }
      y += 20
    }
    return lines
  }
}

extension SVG {
  fileprivate mutating func heading(_ line: ChartLine) {
    text(line.group, 20, line.y + 4, size: 12, style: "h")
  }
}

extension Row {
  fileprivate var chartTitle: String { recordsPerCommit.map { "\(name), \($0.grouped) a commit" } ?? name }

  /// Whether the row measures Tidemark, and not another way of using RocksDB.
  fileprivate var isTidemark: Bool {
    ["transaction", "snapshot", "own-get", "restore", "open-killed-store"].contains { name.hasPrefix($0) }
      && !name.hasSuffix("index")
  }
}

import Foundation

extension EnduranceRun {
  private typealias Curve = (title: String, series: Int, values: [Double?])

  private struct Panel {
    let title: String
    let curves: [Curve]
    var limits: [(title: String, value: Double)] = []
    var isLogarithmic = false
  }

  /// Memory, disk, latencies and descriptors over time; a vertical line for each kill.
  var chart: String {
    let points = Self.groups(samples)
    func greatest(_ value: (EnduranceSample) -> Double?) -> [Double?] { points.map { $0.compactMap(value).max() } }
    func middle(_ value: (EnduranceSample) -> Double?) -> [Double?] { points.map { median($0.compactMap(value)) } }
    func latencies(_ title: String, _ calls: (WorkerReport) -> WorkerReport.Calls) -> Panel {
      func milliseconds(_ sample: EnduranceSample, _ part: (WorkerReport.Calls) -> UInt64) -> Double? {
        guard let calls = sample.report.map(calls), calls.count > 0 else { return nil }
        return max(Double(part(calls)) / 1e6, 1e-3)
      }
      return Panel(
        title: title + ", ms",
        curves: [
          ("longest", 0, greatest { milliseconds($0, \.max) }),
          ("p99 of a second", 5, middle { milliseconds($0, \.p99) }),
          ("median", 7, middle { milliseconds($0, \.p50) }),
        ], isLogarithmic: true)
    }
    func inMebibytes(_ bytes: Int) -> Double { Double(bytes) / 1_048_576 }
    let panels = [
      Panel(
        title: "Memory, MiB",
        curves: [
          ("resident", 7, greatest { inMebibytes($0.process.residentBytes) }),
          ("allocated", 6, greatest { inMebibytes($0.process.anonymousBytes) }),
          ("counted by the budget", 2, greatest { $0.report.map { inMebibytes($0.budgetUsedBytes) } }),
        ],
        limits: [
          ("budget", inMebibytes(plan.budgetBytes)),
          ("bound", inMebibytes(plan.budgetBytes + EnduranceLimits.memoryAllowanceBytes)),
        ]),
      Panel(
        title: "Disk, MiB",
        curves: [
          ("all", 7, greatest { inMebibytes($0.disk.totalBytes + $0.process.namelessBytes) }),
          ("database", 6, greatest { inMebibytes($0.disk.databaseBytes) }),
          ("checkpoints alone", 3, greatest { inMebibytes($0.disk.checkpointBytes) }),
          ("changelog", 2, greatest { inMebibytes($0.disk.changelogBytes) }),
        ]),
      latencies("Commits", \.commits), latencies("Reads", \.reads),
      Panel(
        title: "Open descriptors and threads",
        curves: [
          ("descriptors", 7, greatest { Double($0.process.descriptors) }),
          ("threads", 2, greatest { Double($0.process.threads) }),
        ]),
      Panel(
        title: "Cores used",
        curves: [
          ("by others on the machine", 0, cores(points) { $0.machineBusySeconds - $0.process.processorSeconds }),
          ("by the process", 7, cores(points) { $0.process.processorSeconds }),
        ]),
    ]
    let (width, height, left) = (960.0, 190.0, 62.0)
    var svg = SVG(width: width, height: 52 + height * Double(panels.count) + 20)
    svg.text(title, left, 26, size: 17)
    svg.text("over minutes; upright lines are kills; left of 0 the state is loaded", left, 44, style: "m")
    for (index, panel) in panels.enumerated() {
      let frame = Frame(
        left: left, top: 52 + height * Double(index) + 34, width: width - left - 20, height: height - 56,
        from: min(0, samples.first?.seconds ?? 0), to: max(seconds, samples.last?.seconds ?? 0))
      draw(panel, points.map { $0[0].seconds }, frame, &svg)
    }
    return svg.document
  }

  /// How fast a processor time grows between successive points of the same process.
  private func cores(_ points: [[EnduranceSample]], _ busy: (EnduranceSample) -> Double) -> [Double?] {
    [nil]
      + zip(points, points.dropFirst()).map { former, latter in
        guard former[0].life == latter[0].life, latter[0].seconds > former[0].seconds else { return nil }
        return max(0, busy(latter[0]) - busy(former[0])) / (latter[0].seconds - former[0].seconds)
      }
  }

  private var title: String {
    "\((seconds / 60).rounded(to: 1).shortest) minutes at \(mebibytes(plan.budgetBytes)) of memory budget, with \(kills.count) kills"
  }

  /// The samples in groups, one per point, so that there are some 800 points.
  private static func groups(_ samples: [EnduranceSample]) -> [[EnduranceSample]] {
    let size = max(1, samples.count / 800)
    return stride(from: 0, to: samples.count, by: size).map { Array(samples[$0..<min($0 + size, samples.count)]) }
  }

  /// The place of a panel's curves, and the time that its width represents.
  private struct Frame {
    let left: Double
    let top: Double
    let width: Double
    let height: Double
    let from: Double
    let to: Double

    func x(_ seconds: Double) -> Double { left + width * (seconds - from) / max(to - from, 1) }
  }

  private func draw(_ panel: Panel, _ times: [Double], _ frame: Frame, _ svg: inout SVG) {
    let values = panel.curves.flatMap { $0.values.compactMap { $0 } } + panel.limits.map(\.value)
    let (least, greatest) = (values.min() ?? 1, values.max() ?? 1)
    let ticks = panel.isLogarithmic ? Ticks.logarithmic(least, greatest) : Ticks.linear(to: greatest)
    guard let first = ticks.first, let last = ticks.last, first < last else { return }
    func y(_ value: Double) -> Double {
      let share = panel.isLogarithmic ? log(value / first) / log(last / first) : value / last
      return frame.top + frame.height * (1 - min(max(share, 0), 1))
    }
    svg.text(panel.title, frame.left - 44, frame.top - 12, size: 13, style: "h")
    for tick in ticks {
      svg.line(frame.left, y(tick), frame.left + frame.width, y(tick))
      svg.text(tick.rounded(to: 3).shortest, frame.left - 6, y(tick) + 4, .end, size: 11, style: "m")
    }
    for kill in kills {
      svg.line(frame.x(kill.seconds), frame.top, frame.x(kill.seconds), frame.top + frame.height, style: "event")
    }
    for limit in panel.limits {
      svg.line(frame.left, y(limit.value), frame.left + frame.width, y(limit.value), style: "limit")
      svg.text(limit.title, frame.left + frame.width - 4, y(limit.value) - 4, .end, size: 11, style: "m")
    }
    var legend = frame.left + 240
    for curve in panel.curves {
      svg.rectangle(legend, frame.top - 22, 12, 12, style: "s\(curve.series)", title: curve.title)
      svg.text(curve.title, legend + 18, frame.top - 12, size: 12)
      legend += 40 + 7 * Double(curve.title.count)
      for part in Self.unbroken(zip(times, curve.values).map { ($0, $1) }) {
        svg.curve(part.map { (frame.x($0.0), y($0.1)) }, series: curve.series)
      }
    }
    for minute in Ticks.linear(to: frame.to / 60) where minute * 60 <= frame.to {
      svg.text(
        minute.rounded(to: 3).shortest, frame.x(minute * 60), frame.top + frame.height + 15, .middle, size: 11,
        style: "m")
    }
    svg.line(frame.left, frame.top + frame.height, frame.left + frame.width, frame.top + frame.height, style: "axis")
  }

  /// The stretches of a curve that have values.
  private static func unbroken(_ points: [(Double, Double?)]) -> [[(Double, Double)]] {
    var parts: [[(Double, Double)]] = [[]]
    for (time, value) in points {
      if let value { parts[parts.count - 1].append((time, value)) } else { parts.append([]) }
    }
    return parts.filter { $0.count > 1 }
  }
}

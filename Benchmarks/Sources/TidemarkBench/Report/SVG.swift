import Foundation

/// A drawing in SVG, with colours that suit a light page and a dark one.
struct SVG {
  private var body = ""
  let width: Double
  let height: Double

  init(width: Double, height: Double) {
    self.width = width
    self.height = height
  }

  enum Anchor: String { case start, middle, end }

  mutating func text(
    _ text: String, _ x: Double, _ y: Double, _ anchor: Anchor = .start, size: Int = 12, style: String = "t",
    rotated: Bool = false
  ) {
    let turn = rotated ? " transform=\"rotate(-90 \(x.fixed(1)) \(y.fixed(1)))\"" : ""
    body += "<text class=\"\(style)\" x=\"\(x.fixed(1))\" y=\"\(y.fixed(1))\" font-size=\"\(size)\""
    body += " text-anchor=\"\(anchor.rawValue)\"\(turn)>\(Self.escaped(text))</text>\n"
  }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, style: String = "grid") {
    body += "<line class=\"\(style)\" x1=\"\(x1.fixed(1))\" y1=\"\(y1.fixed(1))\""
    body += " x2=\"\(x2.fixed(1))\" y2=\"\(y2.fixed(1))\"/>\n"
  }

  /// A line through points, in the colour of a series.
  mutating func curve(_ points: [(x: Double, y: Double)], series: Int) {
    let text = points.map { "\($0.x.fixed(1)),\($0.y.fixed(1))" }.joined(separator: " ")
    body += "<polyline class=\"c\(series)\" points=\"\(text)\"/>\n"
  }

  mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, style: String, title: String) {
    body += "<rect class=\"\(style)\" x=\"\(x.fixed(1))\" y=\"\(y.fixed(1))\""
    body +=
      " width=\"\(width.fixed(1))\" height=\"\(max(0, height).fixed(1))\"><title>\(Self.escaped(title))</title></rect>\n"
  }

  mutating func dot(_ x: Double, _ y: Double, _ radius: Double, style: String, title: String) {
    body += "<circle class=\"\(style)\" cx=\"\(x.fixed(1))\" cy=\"\(y.fixed(1))\" r=\"\(radius.fixed(1))\">"
    body += "<title>\(Self.escaped(title))</title></circle>\n"
  }

  var document: String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width.fixed(0)) \(height.fixed(0))" \
    width="\(width.fixed(0))" height="\(height.fixed(0))" font-family="system-ui, 'DejaVu Sans', sans-serif">
    <style>
    .page { fill: #ffffff } .t { fill: #24292f } .m { fill: #57606a }
    .h { fill: #24292f; font-weight: 600 }
    .grid { stroke: #d0d7de; stroke-width: 1 } .axis { stroke: #57606a; stroke-width: 1.2 }
    .range { stroke: #8c959f; stroke-width: 2 }
    .reached { stroke: #1a7f37; stroke-width: 2.5 } .missed { stroke: #cf222e; stroke-width: 2.5 }
    .limit { stroke: #cf222e; stroke-width: 1.2; stroke-dasharray: 5 3 } .event { stroke: #cf222e; stroke-width: 0.6 }
    polyline { fill: none; stroke-width: 1.4; stroke-linejoin: round }
    \(Self.colours(["#b6bdc6", "#7d8792", "#c9b37e", "#a67c52", "#b58aa5", "#6fb6dd", "#3c9d93", "#17608f"]))
    @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .t { fill: #e6edf3 } .m { fill: #9198a1 } .h { fill: #e6edf3 }
    .grid { stroke: #30363d } .axis { stroke: #9198a1 } .range { stroke: #6e7681 }
    .reached { stroke: #3fb950 } .missed { stroke: #f85149 } .limit, .event { stroke: #f85149 }
    \(Self.colours(["#59626d", "#8b949e", "#a8925a", "#b98a5e", "#a97b98", "#4a8fc2", "#4fb3a6", "#9ad2f5"]))
    }
    </style>
    <rect class="page" width="100%" height="100%"/>
    \(body)</svg>

    """
  }

  private static func colours(_ colours: [String]) -> String {
    colours.enumerated().map { ".s\($0.offset) { fill: \($0.element) } .c\($0.offset) { stroke: \($0.element) }" }
      .joined(separator: " ")
  }

  private static func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
  }
}

/// Round numbers on an axis.
enum Ticks {
  /// About five from 0 to at least `greatest`.
  static func linear(to greatest: Double) -> [Double] {
    let rough = max(greatest, 1) / 5
    let power = pow(10, floor(log10(rough)))
    let step = [1, 2, 2.5, 5, 10].map { $0 * power }.first { $0 >= rough } ?? rough
    return (0...Int((max(greatest, 1) / step).rounded(.up))).map { Double($0) * step }
  }

  /// 1, 2 and 5 times the powers of ten around a range; the powers alone if there are many.
  static func logarithmic(_ least: Double, _ greatest: Double) -> [Double] {
    let powers = Int(floor(log10(least)))...Int(ceil(log10(greatest)))
    let factors: [Double] = powers.count > 4 ? [1] : [1, 2, 5]
    let all = powers.flatMap { power in factors.map { $0 * pow(10, Double(power)) } }
    let first = all.last { $0 <= least } ?? least
    let last = all.first { $0 >= greatest } ?? greatest
    return all.filter { $0 >= first && $0 <= last }
  }
}

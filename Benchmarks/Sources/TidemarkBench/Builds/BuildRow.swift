import BuildRatios

/// A row of two builds, with the results of its pairs.
struct BuildRow {
  /// As ``Series/rowName``.
  let name: String
  private(set) var pairs: [BuildPair.Ratios] = []

  init(_ name: String) { self.name = name }

  mutating func append(_ pair: BuildPair.Ratios) { pairs.append(pair) }

  var estimate: RatioEstimate? { RatioEstimate(pairs.map(\.quotient)) }
  var verdict: Verdict { Verdict(estimate) }

  /// Whether it needs more pairs.
  func isOpen(least: Int, most: Int) -> Bool {
    if pairs.count < least { return true }
    return pairs.count < most && !(estimate.map(Verdict.isNarrow) ?? false)
  }

  /// As a line of the table.
  var cells: [String] {
    let estimate = estimate
    let interval = estimate?.interval.map { "\($0.lowerBound.fixed(3))–\($0.upperBound.fixed(3))" }
    return [
      name, pseudomedian(pairs.map(\.old))?.fixed(2) ?? "", pseudomedian(pairs.map(\.new))?.fixed(2) ?? "",
      estimate?.middle.fixed(3) ?? "", interval ?? "", String(pairs.count), verdict.rawValue,
    ]
  }
}

extension BuildRow: Encodable {
  private enum CodingKeys: String, CodingKey { case row, old, new, quotient, low, high, verdict, pairs }

  /// Every row has all fields; one without a value is null.
  func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    let estimate = estimate
    try fields.encode(name, forKey: .row)
    try fields.encode(pseudomedian(pairs.map(\.old)), forKey: .old)
    try fields.encode(pseudomedian(pairs.map(\.new)), forKey: .new)
    try fields.encode(estimate?.middle, forKey: .quotient)
    try fields.encode(estimate?.interval?.lowerBound, forKey: .low)
    try fields.encode(estimate?.interval?.upperBound, forKey: .high)
    try fields.encode(verdict, forKey: .verdict)
    try fields.encode(pairs, forKey: .pairs)
  }
}

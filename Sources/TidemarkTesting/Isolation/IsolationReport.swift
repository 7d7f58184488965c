/// The result of a check of a history.
public struct IsolationReport: Sendable {
  /// The anomalies found, at most 100 of each kind, the least basis first.
  public internal(set) var anomalies: [IsolationAnomaly] = []
  /// How many anomalies of each kind there were, including those not listed.
  public internal(set) var anomalyCounts: [IsolationAnomaly.Kind: Int] = [:]
  /// How many operations of each kind there were.
  public internal(set) var operationCounts: [HistoryOperation.Kind: Int] = [:]
  /// How many transactions count as committed.
  public internal(set) var commitCount = 0
  /// How many edges of each kind the graph of dependencies has.
  public internal(set) var edgeCounts: [IsolationAnomaly.Edge.Dependency: Int] = [:]
  /// How many elements the lists have.
  public internal(set) var elementCount = 0

  /// Whether there are no anomalies.
  public var isClean: Bool { anomalyCounts.isEmpty }
  /// How many edges the graph has.
  public var edgeCount: Int { edgeCounts.values.reduce(0, +) }

  static let keptAnomalies = 100

  mutating func add(_ anomaly: IsolationAnomaly) {
    anomalyCounts[anomaly.kind, default: 0] += 1
    if anomalyCounts[anomaly.kind]! <= Self.keptAnomalies { anomalies.append(anomaly) }
  }
}

extension IsolationReport: CustomStringConvertible {
  /// One line of figures, and then the first ten anomalies.
  public var description: String {
    let operations = HistoryOperation.Kind.allCases.compactMap { kind in
      operationCounts[kind].map { "\($0) \(kind.rawValue)s" }
    }
    let edges = IsolationAnomaly.Edge.Dependency.allCases.compactMap { dependency in
      edgeCounts[dependency].map { "\($0) \(dependency.rawValue)" }
    }
    var lines = [
      "\(operations.joined(separator: ", ")); \(commitCount) commits, \(elementCount) elements; edges:"
        + " \(edges.joined(separator: ", "))"
    ]
    if isClean { return lines[0] + "; no anomalies" }
    for (kind, count) in anomalyCounts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      lines.append("\(count) x \(kind.rawValue)")
    }
    for anomaly in anomalies.prefix(10) { lines.append(anomaly.description) }
    return lines.joined(separator: "\n")
  }
}

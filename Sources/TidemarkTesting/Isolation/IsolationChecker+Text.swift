/// Findings as text.
extension IsolationChecker {
  /// An operation, with what it did to some lists.
  func text(of number: Int, _ keys: Set<HistoryKey>) -> String {
    let operation = operations[number]
    var parts = ["#\(number) \(operation.kind.rawValue) of process \(operation.process)"]
    if operation.kind == .transaction, operation.outcome != .committed { parts[0] += ", \(operation.outcome)" }
    parts[0] += ", ticks \(operation.begin) to \(operation.outcome == .unknown ? "?" : "\(operation.end)")"
    if let stamp = operation.stamp {
      parts[0] += ", offset \(stamp.offset)"
      if let position = stamp.position { parts[0] += ", position \(position)" }
    }
    var hidden = 0
    for action in operation.actions {
      switch action {
      case .append(let element, let key):
        if keys.contains(key) { parts.append("append \(element) to \(key)") } else { hidden += 1 }
      case .read(let key, let elements):
        if keys.contains(key) { parts.append("read \(key): \(text(elements))") } else { hidden += 1 }
      case .savepoint: parts.append("savepoint")
      case .rollBack: parts.append("roll back")
      case .release: parts.append("release")
      }
    }
    if hidden > 0 { parts.append("\(hidden) others") }
    return parts[0] + (parts.count > 1 ? ": " + parts.dropFirst().joined(separator: "; ") : "")
  }

  /// A list, or at least its end.
  func text(_ elements: [Int]) -> String {
    elements.count <= 12
      ? "\(elements)"
      : "[\(elements.count - 8) more, \(elements.suffix(8).map { "\($0)" }.joined(separator: ", "))]"
  }

  /// Why an operation comes before the next.
  func text(of edge: IsolationAnomaly.Edge, list: Int) -> String {
    switch edge.dependency {
    case .order where edge.basis == .session: return "order: #\(edge.to) is what the same process did later"
    case .order: return "order: it had ended when #\(edge.to) began"
    case .ww, .wr, .rw: break
    }
    guard list >= 0 else {
      return switch edge.dependency {
      case .ww: "ww: #\(edge.to) is the commit at the next offset"
      case .wr: "wr: #\(edge.to) is at its offset"
      default: "rw: #\(edge.to) is the commit behind its offset"
      }
    }
    let trace = lists[list]
    func seen(by operation: Int, _ holds: (Int) -> Bool) -> Int? {
      trace.reads.lazy.map { self.reads[$0] }.first { $0.operation == operation && $0.count.map(holds) ?? false }?.count
    }
    switch edge.dependency {
    case .ww:
      let place = trace.writers.indices.dropFirst().first {
        trace.writers[$0 - 1] == edge.from && trace.writers[$0] == edge.to
      }
      guard let place else { return "ww: #\(edge.to) appended to \(trace.key) behind what was read of it" }
      return "ww: #\(edge.to) appended \(trace.order[place]) to \(trace.key) behind its \(trace.order[place - 1])"
    case .wr:
      let count = seen(by: edge.to) { $0 > 0 && trace.writers[$0 - 1] == edge.from }
      return "wr: #\(edge.to) has read \(count.map { "its \(trace.order[$0 - 1])" } ?? "it") in \(trace.key)"
    default:
      let count = seen(by: edge.from) { count in
        trace.nextPlace(behind: count).map { trace.writers[$0] == edge.to } ?? false
      }
      let place = count.flatMap(trace.nextPlace)
      return "rw: it has read \(trace.key) without \(place.map { "the \(trace.order[$0])" } ?? "what") of #\(edge.to)"
    }
  }
}

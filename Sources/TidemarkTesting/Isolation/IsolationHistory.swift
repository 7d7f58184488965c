/// A record of a store's use by a writer and readers, to be checked for anomalies of isolation.
///
/// Transactions append elements to lists, and every operation may read lists. As a list shows the order of its
/// elements, reads show in which order transactions took effect, and which of them a reader has seen. ``check()``
/// infers that order and looks for contradictions.
///
/// ```swift
/// var history = IsolationHistory()
/// history.append(HistoryOperation(.transaction, process: 0, begin: 0, end: 1, [.append(1, to: a), .append(2, to: b)]))
/// history.append(HistoryOperation(.snapshot, process: 1, begin: 2, end: 3, [.read(a, [1]), .read(b, [])]))
/// print(history.check())
/// ```
public struct IsolationHistory: Sendable {
  /// The operations, in any order; the actions of each in order.
  public private(set) var operations: [HistoryOperation] = []

  /// Makes a history of the given operations.
  public init(_ operations: [HistoryOperation] = []) { self.operations = operations }

  /// Adds an operation.
  public mutating func append(_ operation: HistoryOperation) { operations.append(operation) }

  /// Looks for anomalies: O(operations × threads + elements that were read), as long as there are none.
  public func check() -> IsolationReport {
    var checker = IsolationChecker(operations)
    return checker.run()
  }
}

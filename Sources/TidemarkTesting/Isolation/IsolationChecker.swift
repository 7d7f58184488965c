/// Infers the order in which transactions took effect from the reads, and looks for contradictions.
///
/// The method is that of Elle for lists (Kyle Kingsbury and Peter Alvaro, "Elle: Inferring Isolation Anomalies from
/// Experimental Observations", VLDB 2020), over the dependencies of Adya ("Weak Consistency: A Generalized Theory and
/// Optimistic Implementations for Distributed Transactions", 1999):
///
/// 1. The longest version read of each list is the order of its elements; every other version must be a prefix of it.
///    Elements that were committed and never read come last (`IsolationChecker+Lists.swift`).
/// 2. From that order follows which operation comes before which: a writer before the writer of the next element (`ww`)
///    and before the readers of its element (`wr`), a reader before the writer of an element that it didn't see (`rw`).
///    The offsets of commits are an order, too, as if each commit wrote one more list, read by every operation that
///    knows an offset. The orders within each process and in real time are added (`IsolationChecker+Graph.swift`).
/// 3. Operations that come before themselves contradict each other (`CycleSearch`).
/// 4. If offsets are known, reads are compared with the state at the offset (`IsolationChecker+Stamps.swift`).
///    Uncommitted reads aren't part of the graph: they may see elements that are undone later, within limits
///    (`IsolationChecker+UncommittedReads.swift`).
///
/// It is stricter than Adya: the reads of aborted transactions must fit, too.
struct IsolationChecker {
  let operations: [HistoryOperation]
  var report = IsolationReport()
  var lists: [ListTrace] = []
  var reads: [ListRead] = []
  /// Which operations are transactions that took effect.
  var isCommitted: [Bool]
  /// The commits with a stamp, by offset.
  var stampedCommits: [Int] = []
  private var listNumbers: [HistoryKey: Int] = [:]

  init(_ operations: [HistoryOperation]) {
    self.operations = operations
    isCommitted = operations.map { $0.kind == .transaction && $0.outcome == .committed }
  }

  mutating func run() -> IsolationReport {
    for number in operations.indices { index(number) }
    for list in lists.indices { inferOrder(of: list) }
    settleUnknownCommits()
    orderStamps()
    for list in lists.indices { completeOrder(of: list) }
    findIntermediateReads()
    let graph = makeGraph()
    findCycles(graph)
    checkStamps()
    checkUncommittedReads()
    count(graph)
    report.anomalies.sort { $0.basis < $1.basis }
    return report
  }

  private mutating func count(_ graph: DependencyGraph) {
    for operation in operations { report.operationCounts[operation.kind, default: 0] += 1 }
    report.commitCount = isCommitted.count { $0 }
    report.elementCount = lists.reduce(0) { $0 + $1.order.count }
    for edge in graph.edges { report.edgeCounts[edge.dependency, default: 0] += 1 }
  }

  // MARK: What was appended and read

  private mutating func listNumber(_ key: HistoryKey) -> Int {
    if let number = listNumbers[key] { return number }
    listNumbers[key] = lists.count
    lists.append(ListTrace(key))
    return lists.count - 1
  }

  /// Follows an operation's actions.
  private mutating func index(_ number: Int) {
    let operation = operations[number]
    if operation.kind != .transaction {
      for case .read(let key, let elements) in operation.actions {
        add(ListRead(operation: number, list: listNumber(key), elements: elements))
      }
      if operation.actions.contains(where: { if case .read = $0 { false } else { true } }) {
        malformed(number, "only transactions append and set savepoints")
      }
      return
    }
    var own: [Int: [Int]] = [:]
    /// The lists appended to, in order.
    var appends: [Int] = []
    var savepoints: [Int] = []
    for action in operation.actions {
      switch action {
      case .append(let element, let key):
        let list = listNumber(key)
        let appender = ListTrace.Appender(operation: number, isKept: operation.outcome != .aborted)
        if lists[list].appenders.updateValue(appender, forKey: element) != nil {
          malformed(number, "\(element) is appended to \(key) a second time")
        } else {
          lists[list].appended.append(element)
        }
        own[list, default: []].append(element)
        appends.append(list)
      case .read(let key, let elements): readInTransaction(number, listNumber(key), elements, own)
      case .savepoint: savepoints.append(appends.count)
      case .release:
        if savepoints.popLast() == nil { malformed(number, "there is no savepoint to release") }
      case .rollBack:
        guard let count = savepoints.popLast() else {
          malformed(number, "there is no savepoint to roll back to")
          continue
        }
        for list in appends[count...].reversed() {
          lists[list].appenders[own[list]!.removeLast()]!.isKept = false
        }
        appends.removeSubrange(count...)
      }
    }
  }

  private mutating func readInTransaction(_ number: Int, _ list: Int, _ elements: [Int], _ own: [Int: [Int]]) {
    guard let own = own[list], !own.isEmpty else {
      return add(ListRead(operation: number, list: list, elements: elements))
    }
    guard elements.suffix(own.count) == own[...] else {
      return found(
        .internalRead, [number], [list], "it had appended \(own) to \(lists[list].key) and read \(text(elements))")
    }
    add(ListRead(operation: number, list: list, elements: Array(elements.dropLast(own.count))))
  }

  private mutating func add(_ read: ListRead) {
    lists[read.list].reads.append(reads.count)
    reads.append(read)
  }

  /// An unknown commit took effect if a read saw it, or if it has a stamp.
  private mutating func settleUnknownCommits() {
    for number in operations.indices where operations[number].outcome == .unknown {
      isCommitted[number] = operations[number].kind == .transaction && operations[number].stamp != nil
    }
    for list in lists { for writer in list.writers { isCommitted[writer] = true } }
  }

  // MARK: Findings

  /// Adds a finding about operations, with their actions on the lists.
  mutating func found(
    _ kind: IsolationAnomaly.Kind, _ numbers: [Int], _ lists: [Int], basis: IsolationAnomaly.Basis = .lists,
    _ what: String
  ) {
    let keys = Set(lists.map { self.lists[$0].key })
    let shown = numbers.map { "\n  " + text(of: $0, keys) }.joined()
    report.add(
      IsolationAnomaly(
        kind: kind, basis: basis, cycle: [], operations: numbers,
        description: "\(basis == .lists ? kind.rawValue : "\(kind.rawValue) (\(basis))"): \(what)\(shown)"))
  }

  private mutating func malformed(_ number: Int, _ what: String) { found(.malformed, [number], [], what) }
}

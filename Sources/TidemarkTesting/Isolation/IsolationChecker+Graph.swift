/// Which operation comes before which.
extension IsolationChecker {
  func makeGraph() -> DependencyGraph {
    var edges: [DependencyGraph.Edge] = []
    func add(
      _ from: Int, _ to: Int, _ dependency: IsolationAnomaly.Edge.Dependency, _ basis: IsolationAnomaly.Basis,
      _ list: Int = -1
    ) {
      if from == to { return }
      edges.append(
        DependencyGraph.Edge(
          from: Int32(from), to: Int32(to), dependency: dependency, basis: basis, list: Int32(list)))
    }
    addWrites(add)
    addReads(add)
    addStamps(add)
    addOrder(add)
    return DependencyGraph(nodeCount: operations.count, edges)
  }

  private typealias AddEdge = (
    _ from: Int, _ to: Int, IsolationAnomaly.Edge.Dependency, IsolationAnomaly.Basis, _ list: Int
  ) -> Void

  private func addWrites(_ add: AddEdge) {
    for (number, list) in lists.enumerated() {
      for place in list.writers.indices.dropFirst() {
        add(list.writers[place - 1], list.writers[place], .ww, place > list.observedCount ? .offsets : .lists, number)
      }
      guard let last = list.writers.last else { continue }
      for writer in list.unordered { add(last, writer, .ww, .lists, number) }
    }
  }

  private func addReads(_ add: AddEdge) {
    for read in reads {
      guard let count = read.count else { continue }
      let list = lists[read.list]
      if count > 0 { add(list.writers[count - 1], read.operation, .wr, .lists, read.list) }
      if let next = list.nextPlace(behind: count) { add(read.operation, list.writers[next], .rw, .lists, read.list) }
      if count == list.order.count {
        for writer in list.unordered { add(read.operation, writer, .rw, .lists, read.list) }
      }
    }
  }

  /// The commits as the elements of one more list, read by every operation that knows an offset.
  private func addStamps(_ add: AddEdge) {
    for place in stampedCommits.indices.dropFirst() {
      add(stampedCommits[place - 1], stampedCommits[place], .ww, .offsets, -1)
    }
    for (number, operation) in operations.enumerated() where operation.kind != .transaction {
      guard let stamp = operation.stamp, let place = place(of: stamp.offset) else { continue }
      add(stampedCommits[place], number, .wr, .offsets, -1)
      if place + 1 < stampedCommits.count { add(number, stampedCommits[place + 1], .rw, .offsets, -1) }
    }
  }

  /// The order of each process's operations, and of operations that ended before others began.
  ///
  /// Only the last operations that ended before one begins get an edge to it: the rest ended before one of those began.
  private func addOrder(_ add: AddEdge) {
    let numbers = operations.indices.filter { operations[$0].kind != .uncommittedRead }
    // If ticks are equal, neither comes first.
    var events = numbers.map { (tick: operations[$0].begin, isEnd: 0, number: $0) }
    for number in numbers where operations[number].outcome != .unknown {
      events.append((operations[number].end, 1, number))
    }
    events.sort { ($0.tick, $0.isEnd) < ($1.tick, $1.isEnd) }
    var ended: [Int] = []
    var lastOfProcess: [Int: Int] = [:]
    for event in events {
      let operation = operations[event.number]
      if event.isEnd == 1 {
        ended.removeAll { operations[$0].end < operation.begin }
        ended.append(event.number)
        lastOfProcess[operation.process] = event.number
        continue
      }
      let last = lastOfProcess[operation.process]
      if let last { add(last, event.number, .order, .session, -1) }
      for earlier in ended where earlier != last { add(earlier, event.number, .order, .realTime, -1) }
    }
  }

  // MARK: Cycles

  mutating func findCycles(_ graph: DependencyGraph) {
    let all = DependencyGraph.Kinds(IsolationAnomaly.Edge.Dependency.allCases, upTo: .realTime)
    for nodes in graph.components(all) {
      var search = CycleSearch(graph.subgraph(of: nodes))
      guard let (kind, cycle) = search.run() else { continue }
      let edges = cycle.map { edge in
        IsolationAnomaly.Edge(
          from: nodes[Int(edge.from)], to: nodes[Int(edge.to)], dependency: edge.dependency, basis: edge.basis,
          key: edge.list < 0 ? nil : lists[Int(edge.list)].key)
      }
      let basis = edges.map(\.basis).max() ?? .lists
      let keys = Set(edges.compactMap(\.key))
      var lines = ["\(basis == .lists ? kind.rawValue : "\(kind.rawValue) (\(basis))"): each comes before the next"]
      for (edge, place) in zip(edges, cycle) {
        lines.append("  " + text(of: edge.from, keys))
        lines.append("    → \(text(of: edge, list: Int(place.list)))")
      }
      report.add(
        IsolationAnomaly(
          kind: kind, basis: basis, cycle: edges, operations: edges.map(\.from),
          description: lines.joined(separator: "\n")))
    }
  }
}

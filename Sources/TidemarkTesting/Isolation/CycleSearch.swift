/// Finds the most telling cycle in a component: operations that all come before each other.
///
/// The most telling cycle rests on the least; among equals its kind is forbidden at the weakest level of isolation;
/// among equals again it is a short one.
struct CycleSearch {
  private let graph: DependencyGraph
  /// How many edges may still be visited; after that a cycle may be longer than necessary, or called G2.
  private var steps = 20_000_000

  /// A search in a graph whose operations all come before each other.
  init(_ graph: DependencyGraph) { self.graph = graph }

  /// The kind of the cycle, and its edges.
  mutating func run() -> (kind: IsolationAnomaly.Kind, edges: [DependencyGraph.Edge])? {
    for basis in IsolationAnomaly.Basis.allCases {
      if let cycle = cycle(of: .init([.ww, .order], upTo: basis)) { return (.g0, cycle) }
      if let cycle = cycle(of: .init([.ww, .wr, .order], upTo: basis)) { return (.g1c, cycle) }
      if let cycle = singleCycle(upTo: basis) { return (isLostUpdate(cycle) ? .lostUpdate : .gSingle, cycle) }
      if let cycle = cycle(of: .init([.ww, .wr, .rw, .order], upTo: basis)) {
        return (cycle.allSatisfy { $0.dependency == .rw } ? .writeSkew : .g2, cycle)
      }
    }
    return nil
  }

  /// A short cycle of edges of some kinds.
  private mutating func cycle(of kinds: DependencyGraph.Kinds) -> [DependencyGraph.Edge]? {
    var shortest: [Int]?
    for component in graph.components(kinds) {
      // Finding the shortest cycle of all takes too long in a large component.
      for start in component.prefix(100) {
        let limit = (shortest?.count ?? .max) - 1
        shortest = graph.shortestPath(from: start, to: start, kinds, limit: limit, steps: &steps) ?? shortest
        if shortest?.count == 2 { return shortest!.map { graph.edges[$0] } }
      }
    }
    return shortest.map { $0.map { graph.edges[$0] } }
  }

  /// A short cycle with one anti-dependency.
  private mutating func singleCycle(upTo basis: IsolationAnomaly.Basis) -> [DependencyGraph.Edge]? {
    let antidependencies = DependencyGraph.Kinds([.rw], upTo: basis)
    let others = DependencyGraph.Kinds([.ww, .wr, .order], upTo: basis)
    var shortest: [Int]?
    for (number, edge) in graph.edges.enumerated() where edge.bit & antidependencies.bits != 0 {
      let limit = (shortest?.count ?? .max) - 2
      guard
        let rest = graph.shortestPath(
          from: Int(edge.to), to: Int(edge.from), others, limit: limit, steps: &steps)
      else { continue }
      shortest = [number] + rest
      if rest.count == 1 { break }
    }
    return shortest.map { $0.map { graph.edges[$0] } }
  }

  /// Whether all edges are about one list: its reader has appended to it without seeing the elements in between.
  private func isLostUpdate(_ cycle: [DependencyGraph.Edge]) -> Bool {
    cycle.allSatisfy { $0.list >= 0 && $0.list == cycle[0].list && $0.dependency != .wr }
  }
}

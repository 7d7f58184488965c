/// Which operation comes before which, and why.
struct DependencyGraph {
  typealias Dependency = IsolationAnomaly.Edge.Dependency
  typealias Basis = IsolationAnomaly.Basis

  struct Edge {
    let from: Int32
    let to: Int32
    let dependency: Dependency
    let basis: Basis
    /// The list; -1 for none.
    let list: Int32

    /// Its kind, as one bit.
    var bit: UInt16 { Kinds(dependency, basis).bits }
  }

  /// A set of kinds of edges.
  struct Kinds {
    var bits: UInt16 = 0

    init(_ dependency: Dependency, _ basis: Basis) {
      let number: Int
      switch dependency {
      case .ww: number = 0
      case .wr: number = 1
      case .rw: number = 2
      case .order: number = 3
      }
      bits = 1 << (basis.rawValue * 4 + number)
    }

    /// All of these dependencies that rest on `basis` or less.
    init(_ dependencies: [Dependency], upTo basis: Basis) {
      for basis in Basis.allCases.prefix(basis.rawValue + 1) {
        for dependency in dependencies { bits |= Kinds(dependency, basis).bits }
      }
    }
  }

  let nodeCount: Int
  /// Sorted by the first operation, and then by basis, least first.
  let edges: [Edge]
  /// The index of each operation's first edge, and last the number of edges.
  private let starts: [Int]

  init(nodeCount: Int, _ unsorted: [Edge]) {
    self.nodeCount = nodeCount
    var starts = Array(repeating: 0, count: nodeCount + 1)
    for edge in unsorted { starts[Int(edge.from) + 1] += 1 }
    for node in 0..<nodeCount { starts[node + 1] += starts[node] }
    var next = starts
    let placeholder = Edge(from: 0, to: 0, dependency: .order, basis: .realTime, list: -1)
    var edges = Array(repeating: placeholder, count: unsorted.count)
    for edge in unsorted {
      edges[next[Int(edge.from)]] = edge
      next[Int(edge.from)] += 1
    }
    for node in 0..<nodeCount where starts[node + 1] - starts[node] > 1 {
      edges[starts[node]..<starts[node + 1]].sort { $0.bit < $1.bit }
    }
    self.edges = edges
    self.starts = starts
  }

  /// The indexes of an operation's outgoing edges.
  func edges(of node: Int) -> Range<Int> { starts[node]..<starts[node + 1] }

  /// The graph of some operations alone, renumbered in their order.
  func subgraph(of nodes: [Int]) -> DependencyGraph {
    let numbers = Dictionary(uniqueKeysWithValues: zip(nodes, Int32(0)...))
    var inner: [Edge] = []
    for (from, node) in nodes.enumerated() {
      for edge in edges[edges(of: node)] {
        guard let to = numbers[Int(edge.to)] else { continue }
        inner.append(
          Edge(from: Int32(from), to: to, dependency: edge.dependency, basis: edge.basis, list: edge.list))
      }
    }
    return DependencyGraph(nodeCount: nodes.count, inner)
  }

  /// The strongly connected components of more than one operation, over edges of some kinds.
  ///
  /// Robert Tarjan, "Depth-First Search and Linear Graph Algorithms", 1972; without recursion. O(nodes + edges).
  func components(_ kinds: Kinds) -> [[Int]] {
    var components: [[Int]] = []
    var search = TarjanSearch(count: nodeCount)
    for node in 0..<nodeCount where search.number[node] == 0 {
      search.visit(node, starts[node])
      while let top = search.path.last {
        if top.edge < starts[top.node + 1] {
          search.path[search.path.count - 1].edge += 1
          let edge = edges[top.edge]
          let next = Int(edge.to)
          guard edge.bit & kinds.bits != 0 else { continue }
          if search.number[next] == 0 {
            search.visit(next, starts[next])
          } else if search.isOnStack[next] {
            search.lowest[top.node] = min(search.lowest[top.node], search.number[next])
          }
          continue
        }
        search.path.removeLast()
        if let parent = search.path.last {
          search.lowest[parent.node] = min(search.lowest[parent.node], search.lowest[top.node])
        }
        if search.lowest[top.node] == search.number[top.node] {
          let component = search.leave(top.node)
          if component.count > 1 { components.append(component) }
        }
      }
    }
    return components
  }

  /// The shortest path over edges of some kinds from one operation to another, or back to the first; at most `limit`.
  ///
  /// `steps` falls by the number of edges visited.
  func shortestPath(
    from start: Int, to end: Int, _ kinds: Kinds, limit: Int = .max, steps: inout Int
  ) -> [Int]? {
    /// The edge by which each operation was reached.
    var arrivals: [Int: Int] = [:]
    var frontier = [start]
    var length = 0
    while !frontier.isEmpty, length < limit, steps > 0 {
      length += 1
      var next: [Int] = []
      for node in frontier {
        for number in edges(of: node) {
          steps -= 1
          let edge = edges[number]
          let to = Int(edge.to)
          guard edge.bit & kinds.bits != 0, arrivals[to] == nil else { continue }
          arrivals[to] = number
          if to == end {
            var path = [number]
            while Int(edges[path.last!].from) != start { path.append(arrivals[Int(edges[path.last!].from)]!) }
            return path.reversed()
          }
          if to != start { next.append(to) }
        }
      }
      frontier = next
    }
    return nil
  }
}

/// The state of a search for components.
private struct TarjanSearch {
  /// In the order of visits, from 1 on; 0: not visited.
  var number: [Int]
  /// The least number on the stack that is known to be reachable.
  var lowest: [Int]
  var isOnStack: [Bool]
  private var stack: [Int] = []
  /// The operations that are being visited, each with its next edge.
  var path: [(node: Int, edge: Int)] = []
  private var count = 0

  init(count: Int) {
    number = Array(repeating: 0, count: count)
    lowest = number
    isOnStack = Array(repeating: false, count: count)
  }

  mutating func visit(_ node: Int, _ firstEdge: Int) {
    count += 1
    number[node] = count
    lowest[node] = count
    isOnStack[node] = true
    stack.append(node)
    path.append((node, firstEdge))
  }

  /// Takes a component off the stack.
  mutating func leave(_ node: Int) -> [Int] {
    var component: [Int] = []
    while let last = stack.popLast() {
      isOnStack[last] = false
      component.append(last)
      if last == node { break }
    }
    return component
  }
}

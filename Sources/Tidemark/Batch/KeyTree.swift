// An ordered index over the entries of a batch: a B+tree whose nodes hold the first eight bytes of each key, so that most
// comparisons don't leave the node. Entries are never removed one by one: a rollback rebuilds the tree.
//
// The idea of prefixes in the nodes: Goetz Graefe, "Modern B-Tree Techniques" (2011), "poor man's normalized keys".

/// The keys of one table in a batch, in order.
struct KeyTree: ~Copyable {
  /// A key's place in the tree; valid until a key is added.
  struct Position {
    fileprivate var leaf: KeyTreeNode
    fileprivate var index: Int

    /// The entry there.
    var entry: BatchEntry { @inline(__always) get { unsafe leaf.entries[index] } }

    /// The next position; `nil` at the end.
    var next: Position? {
      prefetchAhead()
      if index + 1 < leaf.count { return Position(leaf: leaf, index: index + 1) }
      return leaf.next.map { Position(leaf: $0, index: 0) }
    }

    /// Prefetches the entries that a forward scan reads next: entries are scattered in memory, and scans waited for
    /// them.
    @inline(__always)
    private func prefetchAhead() {
      let ahead = index + 4
      if index == 0, let next = leaf.next { next.prefetch() }
      if ahead < leaf.count {
        unsafe leaf.entries[ahead].prefetch()
      } else if let next = leaf.next, ahead - leaf.count < next.count {
        unsafe next.entries[ahead - leaf.count].prefetch()
      }
    }

    /// The previous position; `nil` at the start.
    var previous: Position? {
      if index > 0 { return Position(leaf: leaf, index: index - 1) }
      return leaf.previous.map { Position(leaf: $0, index: $0.count - 1) }
    }
  }

  /// The path to the place of a key, present or not; an insertion needs it.
  struct Path {
    fileprivate var leaf: KeyTreeNode?
    fileprivate var index = 0
    /// The tree's `shapeVersion` when the path was found; the path is invalid if the version has changed.
    fileprivate var shapeVersion = -1
    /// The inner nodes on the path and the index of the child in each; the keys of 12 levels exceed any memory.
    fileprivate var steps = InlineArray<12, Step>(repeating: Step(node: nil, child: 0))

    fileprivate struct Step: BitwiseCopyable {
      var node: KeyTreeNode?
      var child: Int
    }
  }

  /// The most bytes that one more key may take: usually none, rarely a leaf and inner nodes above it.
  static let greatestGrowth = KeyTreeNode.leafBytes + 2 * KeyTreeNode.innerBytes

  private var root: KeyTreeNode?
  /// How many levels of inner nodes are above the leaves.
  private var height = 0
  /// Counts the added nodes; an added node makes paths invalid.
  private var shapeVersion = 0

  /// The entry of a key.
  @inline(__always)
  borrowing func find(_ key: SearchKey) -> BatchEntry? {
    guard var node = root else { return nil }
    for _ in 0..<height {
      node = node.child(for: key).child
      node.prefetch()
    }
    let (index, isFound) = node.search(key)
    return unsafe isFound ? node.entries[index] : nil
  }

  /// The entry of a key or, if there is none, the path to its place.
  @inline(__always)
  borrowing func find(_ key: SearchKey, _ path: inout Path) -> BatchEntry? {
    descend(to: key, &path)
    return find(key, at: &path)
  }

  /// Descends to the leaf of a key and prefetches the leaf: search the leaf later, after other work.
  @inline(__always)
  borrowing func descend(to key: SearchKey, _ path: inout Path) {
    path.shapeVersion = shapeVersion
    guard var node = root else {
      path.leaf = nil
      return
    }
    for level in 0..<height {
      let (child, index) = node.child(for: key)
      path.steps[level] = Path.Step(node: node, child: index)
      node = child
      node.prefetch()
    }
    path.leaf = node
  }

  /// The entry of a key whose path was found before.
  @inline(__always)
  borrowing func find(_ key: SearchKey, at path: inout Path) -> BatchEntry? {
    if path.shapeVersion != shapeVersion { descend(to: key, &path) }
    guard let leaf = path.leaf else { return nil }
    let (index, isFound) = leaf.search(key)
    path.index = index
    return unsafe isFound ? leaf.entries[index] : nil
  }

  /// Adds an entry where a search ended that didn't find its key.
  @inline(__always)
  mutating func insert(_ prefix: UInt64, _ entry: BatchEntry, at path: inout Path, _ nodes: inout Arena) {
    guard let leaf = path.leaf else {
      let leaf = Self.makeLeaf(&nodes)
      leaf.insert(prefix, entry, at: 0)
      root = leaf
      shapeVersion += 1
      return
    }
    if leaf.count < KeyTreeNode.capacity { return leaf.insert(prefix, entry, at: path.index) }
    split(leaf, adding: prefix, entry, at: &path, &nodes)
  }

  @inline(never)
  private mutating func split(
    _ leaf: KeyTreeNode, adding prefix: UInt64, _ entry: BatchEntry, at path: inout Path, _ nodes: inout Arena
  ) {
    shapeVersion += 1
    let right = Self.makeLeaf(&nodes)
    right.next = leaf.next
    right.previous = leaf
    leaf.next?.previous = right
    leaf.next = right
    // Keys that come in order fill the leaves.
    let isAppended = right.next == nil && path.index == leaf.count
    if isAppended {
      right.insert(prefix, entry, at: 0)
    } else {
      let middle = KeyTreeNode.capacity / 2
      leaf.moveEntries(from: middle, to: right)
      if path.index <= middle {
        leaf.insert(prefix, entry, at: path.index)
      } else {
        right.insert(prefix, entry, at: path.index - middle)
      }
    }
    let (firstPrefix, first) = unsafe (right.prefixes[0], right.entries[0])
    addSeparator(firstPrefix, first, right, at: &path, &nodes)
  }

  /// Adds a child to the inner nodes of a path.
  private mutating func addSeparator(
    _ prefix: UInt64, _ entry: BatchEntry, _ child: KeyTreeNode, at path: inout Path, _ nodes: inout Arena
  ) {
    var (prefix, entry, child) = (prefix, entry, child)
    for level in stride(from: height - 1, through: 0, by: -1) {
      // Proof of `!`: a path has a node for each level of inner nodes.
      let node = path.steps[level].node!
      let index = path.steps[level].child
      if node.count < KeyTreeNode.capacity { return node.insert(prefix, entry, child: child, at: index) }
      // The middle separator moves up; if keys come in order, the last one.
      let right = Self.makeInner(&nodes)
      let middle = index == node.count ? node.count - 1 : node.count / 2
      let (upPrefix, upEntry) = unsafe (node.prefixes[middle], node.entries[middle])
      right.firstChild = unsafe node.children[middle]
      unsafe right.children.update(from: node.children + middle + 1, count: node.count - middle - 1)
      node.moveEntries(from: middle + 1, to: right)
      node.count = middle
      if index <= middle {
        node.insert(prefix, entry, child: child, at: index)
      } else {
        right.insert(prefix, entry, child: child, at: index - middle - 1)
      }
      (prefix, entry, child) = (upPrefix, upEntry, right)
    }
    let top = Self.makeInner(&nodes)
    top.firstChild = root!
    top.insert(prefix, entry, child: child, at: 0)
    root = top
    height += 1
  }

  private static func makeLeaf(_ nodes: inout Arena) -> KeyTreeNode {
    let node = unsafe KeyTreeNode(base: nodes.allocate(KeyTreeNode.leafBytes))
    node.count = 0
    node.next = nil
    node.previous = nil
    return node
  }

  private static func makeInner(_ nodes: inout Arena) -> KeyTreeNode {
    let node = unsafe KeyTreeNode(base: nodes.allocate(KeyTreeNode.innerBytes))
    node.count = 0
    return node
  }

  /// Adds the entry at a position of another tree, whose key is greater than all here.
  mutating func append(_ position: Position, _ nodes: inout Arena) {
    var path = Path()
    path.shapeVersion = shapeVersion
    if var node = root {
      for level in 0..<height {
        path.steps[level] = Path.Step(node: node, child: node.count)
        node = node.child(node.count)
      }
      path.leaf = node
      path.index = node.count
    }
    let prefix = unsafe position.leaf.prefixes[position.index]
    insert(prefix, position.entry, at: &path, &nodes)
  }

  /// The first key.
  var first: Position? {
    guard var node = root else { return nil }
    for _ in 0..<height { node = node.firstChild }
    return Position(leaf: node, index: 0)
  }

  /// The last key.
  var last: Position? {
    guard var node = root else { return nil }
    for _ in 0..<height { node = node.child(node.count) }
    return Position(leaf: node, index: node.count - 1)
  }

  /// The first key at (if it `isIncluded`) or after `key`.
  borrowing func first(_ key: SearchKey, isIncluded: Bool) -> Position? {
    guard var node = root else { return nil }
    for _ in 0..<height { node = node.child(for: key).child }
    let (index, isFound) = node.search(key)
    let first = index + (isFound && !isIncluded ? 1 : 0)
    if first < node.count { return Position(leaf: node, index: first) }
    return node.next.map { Position(leaf: $0, index: 0) }
  }

  /// The last key before `key`.
  borrowing func last(before key: SearchKey) -> Position? {
    guard let position = first(key, isIncluded: true) else { return last }
    return position.previous
  }

  /// Removes all keys; the owner of the nodes' memory reclaims it.
  mutating func removeAll() {
    root = nil
    height = 0
    shapeVersion += 1
  }
}

/// The trees of a batch, by the table's id.
@safe
struct KeyTrees: ~Copyable {
  private var start: UnsafeMutablePointer<KeyTree>?
  private(set) var count = 0

  init() {}

  deinit { unsafe start?.deallocate() }

  /// Adds empty trees until there is one of that index.
  @inline(__always)
  mutating func grow(toHave index: Int) { if index >= count { add(upTo: index) } }

  @inline(never)
  private mutating func add(upTo index: Int) {
    let grown = UnsafeMutablePointer<KeyTree>.allocate(capacity: index + 1)
    if let start = unsafe start {
      unsafe grown.moveInitialize(from: start, count: count)
      unsafe start.deallocate()
    }
    for added in count...index { unsafe (grown + added).initialize(to: KeyTree()) }
    unsafe start = grown
    count = index + 1
  }

  subscript(index: Int) -> KeyTree {
    @inline(__always)
    _read {
      precondition(index < count)
      // Proof: the precondition; `count` trees are initialized.
      yield unsafe start.unsafelyUnwrapped[index]
    }
    @inline(__always)
    _modify {
      precondition(index < count)
      // Proof: as above.
      yield unsafe &start.unsafelyUnwrapped[index]
    }
  }
}

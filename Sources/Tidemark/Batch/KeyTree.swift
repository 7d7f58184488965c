// An ordered index over the entries of a batch: a B+tree whose nodes hold the first eight bytes of each key, so that most
// comparisons don't leave the node. Entries are never removed one by one: a rollback builds the tree again.
//
// | at | bytes | field of a leaf | field of an inner node |
// |---|---|---|---|
// | 0 | 8 | number of entries | number of separators |
// | 8 | 8 | the next leaf, or 0 | the first child |
// | 16 | 8 | the leaf before, or 0 | |
// | 24 | 240 | the first eight bytes of each key, most significant first, padded with 0 | the same of each separator |
// | 264 | 240 | the entries' addresses | those of the separators: each the smallest key of the child behind it |
// | 504 | 240 | | the children behind the separators |
//
// The idea of prefixes in the nodes: Goetz Graefe, "Modern B-Tree Techniques" (2011), "poor man's normalized keys".

internal import CIntrinsics
internal import Glibc

/// A key to be looked for.
@safe
struct SearchKey {
  let bytes: UnsafeRawBufferPointer
  /// Its first eight bytes, as they stand in the nodes.
  let prefix: UInt64

  @inline(__always)
  init(_ bytes: UnsafeRawBufferPointer) {
    unsafe self.bytes = bytes
    if bytes.count >= 8 {
      prefix = unsafe UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
    } else {
      var prefix: UInt64 = 0
      for index in 0..<8 { prefix = unsafe prefix << 8 | (index < bytes.count ? UInt64(bytes[index]) : 0) }
      self.prefix = prefix
    }
  }

  /// Below 0, 0 or above 0, as its bytes are less than another key's, the same, or greater; their prefixes are the same.
  @inline(__always)
  func compareBehindPrefix(_ other: UnsafeRawBufferPointer) -> Int {
    let common = unsafe min(bytes.count, other.count)
    if common > 8 {
      let order = unsafe memcmp(bytes.baseAddress! + 8, other.baseAddress! + 8, common - 8)
      if order != 0 { return Int(order) }
    }
    // Where one ends within the prefix, the other goes on with zeros.
    return unsafe bytes.count - other.count
  }
}

/// A node of the tree, leaf or inner.
@safe
private struct Node: BitwiseCopyable {
  static let capacity = 30
  static let leafBytes = 24 + 16 * capacity
  static let innerBytes = 24 + 24 * capacity

  let base: UnsafeMutableRawPointer

  var count: Int {
    @inline(__always) get { unsafe base.load(as: Int.self) }
    nonmutating set { unsafe base.storeBytes(of: newValue, as: Int.self) }
  }

  var prefixes: UnsafeMutablePointer<UInt64> {
    @inline(__always) get { unsafe (base + 24).assumingMemoryBound(to: UInt64.self) }
  }

  var entries: UnsafeMutablePointer<BatchEntry> {
    @inline(__always) get { unsafe (base + 24 + 8 * Self.capacity).assumingMemoryBound(to: BatchEntry.self) }
  }

  /// Of an inner node: the children behind the separators.
  var children: UnsafeMutablePointer<Node> {
    @inline(__always) get { unsafe (base + 24 + 16 * Self.capacity).assumingMemoryBound(to: Node.self) }
  }

  /// Of an inner node: the child before the first separator.
  var firstChild: Node {
    get { unsafe base.load(fromByteOffset: 8, as: Node.self) }
    nonmutating set { unsafe base.storeBytes(of: newValue, toByteOffset: 8, as: Node.self) }
  }

  var next: Node? {
    get { unsafe base.load(fromByteOffset: 8, as: UnsafeMutableRawPointer?.self).map { unsafe Node(base: $0) } }
    nonmutating set { unsafe base.storeBytes(of: newValue?.base, toByteOffset: 8, as: UnsafeMutableRawPointer?.self) }
  }

  var previous: Node? {
    get { unsafe base.load(fromByteOffset: 16, as: UnsafeMutableRawPointer?.self).map { unsafe Node(base: $0) } }
    nonmutating set { unsafe base.storeBytes(of: newValue?.base, toByteOffset: 16, as: UnsafeMutableRawPointer?.self) }
  }

  /// Asks for its memory, all at once: a search would ask for one line after the other.
  @inline(__always)
  func prefetch() {
    var line = 0
    while line < Self.leafBytes {
      unsafe tidemark_prefetch(base + line)
      line += 64
    }
  }

  /// How many of its keys are below `key`, and whether the next is `key`.
  @inline(__always)
  func search(_ key: SearchKey) -> (index: Int, isFound: Bool) {
    let (prefixes, count) = unsafe (prefixes, count)
    var low = unsafe tidemark_count_below(prefixes, count, key.prefix)
    guard low < count, unsafe prefixes[low] == key.prefix else { return (low, false) }
    // The rest of the key is compared next, and the value read or written.
    unsafe entries[low].prefetch()
    // Most often one key has the prefix; where many do, the rest of the keys decides.
    var high = low + 1
    while unsafe high < count && prefixes[high] == key.prefix { high += 1 }
    while low < high {
      let middle = (low + high) / 2
      let order = unsafe key.compareBehindPrefix(entries[middle].key)
      if order == 0 { return (middle, true) }
      if order < 0 { high = middle } else { low = middle + 1 }
    }
    return (low, false)
  }

  /// Of an inner node: the child that `key` belongs to, and the number of separators before it.
  @inline(__always)
  func child(for key: SearchKey) -> (child: Node, index: Int) {
    let (index, isFound) = search(key)
    let before = index + (isFound ? 1 : 0)
    return (child(before), before)
  }

  /// Of an inner node: the child behind `index` separators.
  @inline(__always)
  func child(_ index: Int) -> Node { unsafe index == 0 ? firstChild : children[index - 1] }

  /// Makes room for an entry at `index`; there must be some.
  @inline(__always)
  func insert(_ prefix: UInt64, _ entry: BatchEntry, at index: Int) {
    let count = count
    unsafe (prefixes + index + 1).update(from: prefixes + index, count: count - index)
    unsafe (entries + index + 1).update(from: entries + index, count: count - index)
    unsafe prefixes[index] = prefix
    unsafe entries[index] = entry
    self.count = count + 1
  }

  /// Of an inner node: adds a separator and the child behind it.
  func insert(_ prefix: UInt64, _ entry: BatchEntry, child: Node, at index: Int) {
    unsafe (children + index + 1).update(from: children + index, count: count - index)
    unsafe children[index] = child
    insert(prefix, entry, at: index)
  }

  /// Moves the entries from `index` on to the end of another node.
  func moveEntries(from index: Int, to other: Node) {
    let moved = count - index
    unsafe (other.prefixes + other.count).update(from: prefixes + index, count: moved)
    unsafe (other.entries + other.count).update(from: entries + index, count: moved)
    other.count += moved
    count = index
  }
}

/// The keys of one table in a batch, in order.
struct KeyTree: ~Copyable {
  /// A key's place in the tree; good until a key is added.
  struct Position {
    fileprivate var leaf: Node
    fileprivate var index: Int

    /// The entry there.
    var entry: BatchEntry { @inline(__always) get { unsafe leaf.entries[index] } }

    /// The position behind; `nil` at the end.
    var next: Position? {
      prefetchAhead()
      if index + 1 < leaf.count { return Position(leaf: leaf, index: index + 1) }
      return leaf.next.map { Position(leaf: $0, index: 0) }
    }

    /// Asks for what a walk forwards reads soon: entries lie anywhere in memory, and walks waited for them.
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

    /// The position before; `nil` at the start.
    var previous: Position? {
      if index > 0 { return Position(leaf: leaf, index: index - 1) }
      return leaf.previous.map { Position(leaf: $0, index: $0.count - 1) }
    }
  }

  /// The way to where a key is, or belongs: what an insertion goes by.
  struct Path {
    fileprivate var leaf: Node?
    fileprivate var index = 0
    /// The tree's when the way was found; one of another shape has other ways.
    fileprivate var shapeVersion = -1
    /// The inner nodes on the way, and which child was taken; a tree of 12 levels has more keys than memory.
    fileprivate var steps = InlineArray<12, Step>(repeating: Step(node: nil, child: 0))

    fileprivate struct Step: BitwiseCopyable {
      var node: Node?
      var child: Int
    }
  }

  /// How many bytes a key more may take: most often none, rarely a leaf and inner nodes above it.
  static let greatestGrowth = Node.leafBytes + 2 * Node.innerBytes

  private var root: Node?
  /// How many levels of inner nodes are above the leaves.
  private var height = 0
  /// Counts the nodes that were added: what makes paths invalid.
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

  /// The entry of a key; without one, the way to where it belongs.
  @inline(__always)
  borrowing func find(_ key: SearchKey, _ path: inout Path) -> BatchEntry? {
    descend(to: key, &path)
    return find(key, at: &path)
  }

  /// Goes down to the leaf of a key, and asks for its memory: the leaf is better searched after something else was done.
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

  /// The entry of a key that the way was gone down to.
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
    if leaf.count < Node.capacity { return leaf.insert(prefix, entry, at: path.index) }
    split(leaf, adding: prefix, entry, at: &path, &nodes)
  }

  @inline(never)
  private mutating func split(
    _ leaf: Node, adding prefix: UInt64, _ entry: BatchEntry, at path: inout Path, _ nodes: inout Arena
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
      let middle = Node.capacity / 2
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

  /// Tells the inner nodes of a path of a new child.
  private mutating func addSeparator(
    _ prefix: UInt64, _ entry: BatchEntry, _ child: Node, at path: inout Path, _ nodes: inout Arena
  ) {
    var (prefix, entry, child) = (prefix, entry, child)
    for level in stride(from: height - 1, through: 0, by: -1) {
      // Proof of `!`: a path has a node for each level of inner nodes.
      let node = path.steps[level].node!
      let index = path.steps[level].child
      if node.count < Node.capacity { return node.insert(prefix, entry, child: child, at: index) }
      // The separator in the middle goes up; where keys come in order, the one at the end.
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

  private static func makeLeaf(_ nodes: inout Arena) -> Node {
    let node = unsafe Node(base: nodes.allocate(Node.leafBytes))
    node.count = 0
    node.next = nil
    node.previous = nil
    return node
  }

  private static func makeInner(_ nodes: inout Arena) -> Node {
    let node = unsafe Node(base: nodes.allocate(Node.innerBytes))
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

  /// The first key at (if it `isIncluded`) or behind `key`.
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

  /// Forgets all keys; the nodes' memory is taken back by their owner.
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
      // Proof: the precondition; as many are initialized.
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

extension Node: Equatable {
  static func == (a: Node, b: Node) -> Bool { unsafe a.base == b.base }
}

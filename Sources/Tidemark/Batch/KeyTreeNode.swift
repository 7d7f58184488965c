// Where the fields of a node are:
//
// | at | bytes | field of a leaf | field of an inner node |
// |---|---|---|---|
// | 0 | 8 | number of entries | number of separators |
// | 8 | 8 | the next leaf, or 0 | the first child |
// | 16 | 8 | the leaf before, or 0 | |
// | 24 | 240 | the first eight bytes of each key, most significant first, padded with 0 | the same of each separator |
// | 264 | 240 | the entries' addresses | those of the separators: each the smallest key of the child behind it |
// | 504 | 240 | | the children behind the separators |

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
struct KeyTreeNode: BitwiseCopyable {
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
  var children: UnsafeMutablePointer<KeyTreeNode> {
    @inline(__always) get { unsafe (base + 24 + 16 * Self.capacity).assumingMemoryBound(to: KeyTreeNode.self) }
  }

  /// Of an inner node: the child before the first separator.
  var firstChild: KeyTreeNode {
    get { unsafe base.load(fromByteOffset: 8, as: KeyTreeNode.self) }
    nonmutating set { unsafe base.storeBytes(of: newValue, toByteOffset: 8, as: KeyTreeNode.self) }
  }

  var next: KeyTreeNode? {
    get { unsafe base.load(fromByteOffset: 8, as: UnsafeMutableRawPointer?.self).map { unsafe KeyTreeNode(base: $0) } }
    nonmutating set { unsafe base.storeBytes(of: newValue?.base, toByteOffset: 8, as: UnsafeMutableRawPointer?.self) }
  }

  var previous: KeyTreeNode? {
    get { unsafe base.load(fromByteOffset: 16, as: UnsafeMutableRawPointer?.self).map { unsafe KeyTreeNode(base: $0) } }
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
  func child(for key: SearchKey) -> (child: KeyTreeNode, index: Int) {
    let (index, isFound) = search(key)
    let before = index + (isFound ? 1 : 0)
    return (child(before), before)
  }

  /// Of an inner node: the child behind `index` separators.
  @inline(__always)
  func child(_ index: Int) -> KeyTreeNode { unsafe index == 0 ? firstChild : children[index - 1] }

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
  func insert(_ prefix: UInt64, _ entry: BatchEntry, child: KeyTreeNode, at index: Int) {
    unsafe (children + index + 1).update(from: children + index, count: count - index)
    unsafe children[index] = child
    insert(prefix, entry, at: index)
  }

  /// Moves the entries from `index` on to the end of another node.
  func moveEntries(from index: Int, to other: KeyTreeNode) {
    let moved = count - index
    unsafe (other.prefixes + other.count).update(from: prefixes + index, count: moved)
    unsafe (other.entries + other.count).update(from: entries + index, count: moved)
    other.count += moved
    count = index
  }
}

extension KeyTreeNode: Equatable {
  static func == (a: KeyTreeNode, b: KeyTreeNode) -> Bool { unsafe a.base == b.base }
}

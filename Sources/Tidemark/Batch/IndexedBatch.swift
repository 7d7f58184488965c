internal import Changelog

/// The staged changes of a transaction: one entry for each key, indexed for point reads and scans.
///
/// Keys and values are in an arena; each table has one ordered tree over its entries. Writing a key again replaces its
/// value, in place if there is room. Point reads and writes take O(log *n*).
///
/// Proof of `@unchecked Sendable`: it belongs to ``TransactionLayers`` or to a ``Run``, which define the threads that
/// may modify and read it.
final class IndexedBatch: @unchecked Sendable {
  /// The most memory that an emptied batch keeps; one large commit must not leave more outside of the memory budget.
  private static let keptBytes = 2 << 20

  // Unchecked here and below: a check of each access costs a visible part of a write. Proof: no other thread uses the
  // batch while it is modified, and code that it calls during an access to a property (`body` of reads) doesn't modify
  // it.
  @safe @exclusivity(unchecked) private var arena = Arena()
  @safe @exclusivity(unchecked) private var nodes = Arena()
  @safe @exclusivity(unchecked) private var trees = KeyTrees()
  @safe @exclusivity(unchecked) private var savepoints: [Savepoint] = []
  /// The previous contents of entries that were changed since the first savepoint, oldest first.
  @safe @exclusivity(unchecked) private var formerEntries: [FormerEntry] = []
  /// The number of changed keys.
  @safe @exclusivity(unchecked) private(set) var count = 0
  /// Counts the modifications that make positions in its trees invalid.
  @safe @exclusivity(unchecked) private(set) var generation: UInt64 = 0

  private struct Savepoint {
    let arena: Arena.Mark
    let count: Int
    let formerEntryCount: Int
  }

  private struct FormerEntry {
    let entry: BatchEntry
    /// `dropped` for a key that was added.
    let state: BatchEntry.State
    let place: BatchEntry.Place
  }

  /// Bytes of memory: keys, values (also those replaced by longer ones), the index, and the entries kept for
  /// savepoints.
  var byteCount: Int {
    arena.byteCount + nodes.byteCount + formerEntries.count * MemoryLayout<FormerEntry>.stride
  }

  /// The most bytes by which a change of `count` bytes of key and value may grow the batch.
  static func greatestGrowth(_ count: Int) -> Int {
    BatchEntry.greatestBytes(count) + KeyTree.greatestGrowth + MemoryLayout<FormerEntry>.stride
  }

  // MARK: Reading

  /// The value or deletion of a key; `nil` if the batch doesn't have the key.
  @inline(__always)
  func find(_ key: RawSpan, in table: TableID) -> BatchEntry? {
    let index = Int(table.value)
    guard index < trees.count else { return nil }
    return unsafe key.withUnsafeBytes { unsafe trees[index].find(SearchKey($0)) }
  }

  /// Calls `body` for each key of a table, in order; the value is `nil` for a deletion.
  func forEach(in table: TableID, _ body: (_ key: RawSpan, _ value: RawSpan?) -> Void) {
    var position = first(in: table)
    while let current = position {
      let entry = current.entry
      // Proof: the entries' memory is valid until the batch is modified, and `body` doesn't modify it.
      unsafe body(
        RawSpan(_unsafeBytes: entry.key), entry.state == .deleted ? nil : RawSpan(_unsafeBytes: entry.value))
      position = current.next
    }
  }

  /// The first key of a table.
  func first(in table: TableID) -> KeyTree.Position? { read(table) { $0.first } }
  /// The last key of a table.
  func last(in table: TableID) -> KeyTree.Position? { read(table) { $0.last } }

  /// The first key of a table at or after `key`.
  func first(in table: TableID, from key: RawSpan) -> KeyTree.Position? {
    unsafe key.withUnsafeBytes { key in read(table) { unsafe $0.first(SearchKey(key), isIncluded: true) } }
  }

  /// The first key of a table after `key`.
  func first(in table: TableID, behind key: RawSpan) -> KeyTree.Position? {
    unsafe key.withUnsafeBytes { key in read(table) { unsafe $0.first(SearchKey(key), isIncluded: false) } }
  }

  /// The last key of a table before `key`.
  func last(in table: TableID, before key: RawSpan) -> KeyTree.Position? {
    unsafe key.withUnsafeBytes { key in read(table) { unsafe $0.last(before: SearchKey(key)) } }
  }

  private func read<R>(_ table: TableID, _ body: (borrowing KeyTree) -> R?) -> R? {
    let index = Int(table.value)
    return index < trees.count ? body(trees[index]) : nil
  }

  // MARK: Writing

  /// Sets the value of a key.
  func put(_ key: RawSpan, _ value: RawSpan, in table: TableID) {
    unsafe key.withUnsafeBytes { key in
      unsafe value.withUnsafeBytes { value in
        let (entry, isAdded) = unsafe entry(of: key, valueRoom: value.count, in: table)
        // With a savepoint, the memory of a value that is older than it must not be overwritten.
        unsafe entry.set(value, inPlace: isAdded || savepoints.isEmpty, in: &arena)
      }
    }
  }

  /// Deletes a key, whether or not it has a value.
  func delete(_ key: RawSpan, in table: TableID) {
    unsafe key.withUnsafeBytes { unsafe entry(of: $0, valueRoom: 0, in: table).entry.state = .deleted }
  }

  /// The entry of a key that is about to change, added if there is none.
  @inline(__always)
  private func entry(
    of key: UnsafeRawBufferPointer, valueRoom: Int, in table: TableID
  ) -> (entry: BatchEntry, isAdded: Bool) {
    let index = Int(table.value)
    trees.grow(toHave: index)
    let key = unsafe SearchKey(key)
    var path = KeyTree.Path()
    trees[index].descend(to: key, &path)
    return entry(of: key, at: &path, valueRoom: valueRoom, in: index)
  }

  /// The same, for a key whose path in the tree was already found.
  @inline(__always)
  private func entry(
    of key: SearchKey, at path: inout KeyTree.Path, valueRoom: Int, in tree: Int
  ) -> (entry: BatchEntry, isAdded: Bool) {
    if let entry = trees[tree].find(key, at: &path) {
      if !savepoints.isEmpty {
        formerEntries.append(FormerEntry(entry: entry, state: entry.state, place: entry.place))
      }
      return (entry, false)
    }
    let entry = unsafe BatchEntry(key.bytes, valueRoom: valueRoom, in: &arena)
    trees[tree].insert(key.prefix, entry, at: &path, &nodes)
    count += 1
    generation &+= 1
    if !savepoints.isEmpty {
      formerEntries.append(FormerEntry(entry: entry, state: .dropped, place: entry.place))
    }
    return (entry, true)
  }

  // MARK: Merging

  /// A change that is made soon: the path to its leaf is found, and the leaf's memory is being prefetched.
  private struct Pending {
    var entry: BatchEntry?
    var path = KeyTree.Path()
  }

  /// Merges the later changes of another batch into this one; there must be no savepoint.
  func merge(_ other: IndexedBatch) {
    precondition(savepoints.isEmpty)
    var pending = InlineArray<4, Pending>(repeating: Pending())
    for tree in 0..<other.trees.count {
      trees.grow(toHave: tree)
      var position = other.trees[tree].first
      var (place, left) = (0, pending.count)
      while left > 0 {
        if let entry = pending[place].entry { change(like: entry, at: &pending[place].path, in: tree) }
        pending[place].entry = nil
        if let next = position {
          let entry = next.entry
          unsafe trees[tree].descend(to: SearchKey(entry.key), &pending[place].path)
          pending[place].entry = entry
          position = next.next
        } else {
          left -= 1
        }
        place = (place + 1) % pending.count
      }
    }
  }

  @inline(__always)
  private func change(like other: BatchEntry, at path: inout KeyTree.Path, in tree: Int) {
    let key = unsafe SearchKey(other.key)
    if other.state == .deleted {
      entry(of: key, at: &path, valueRoom: 0, in: tree).entry.state = .deleted
    } else {
      let value = unsafe other.value
      unsafe entry(of: key, at: &path, valueRoom: value.count, in: tree).entry.set(value, inPlace: true, in: &arena)
    }
  }

  /// Empties it, and forgets its savepoints.
  func removeAll() {
    for index in 0..<trees.count { trees[index].removeAll() }
    arena.takeBackAll(keeping: Self.keptBytes)
    nodes.takeBackAll(keeping: Self.keptBytes)
    savepoints.removeAll()
    formerEntries.removeAll()
    count = 0
    generation &+= 1
  }

  // MARK: Savepoints

  /// Sets a savepoint at the current contents; savepoints nest.
  func setSavepoint() {
    savepoints.append(Savepoint(arena: arena.mark, count: count, formerEntryCount: formerEntries.count))
  }

  /// Removes the last savepoint and keeps the changes after it.
  func releaseSavepoint() {
    savepoints.removeLast()
    if savepoints.isEmpty { formerEntries.removeAll() }
  }

  /// Drops the changes after the last savepoint, and the savepoint.
  ///
  /// Takes O(dropped changes); if keys were added, also O(remaining keys).
  func rollBackToSavepoint() {
    let savepoint = savepoints.removeLast()
    // Backwards: if an entry changed several times, its oldest contents must be restored last.
    for former in formerEntries[savepoint.formerEntryCount...].reversed() {
      former.entry.state = former.state
      former.entry.place = former.place
    }
    formerEntries.removeSubrange(savepoint.formerEntryCount...)
    if count != savepoint.count { dropEntries() }
    count = savepoint.count
    arena.takeBack(to: savepoint.arena)
  }

  /// Rebuilds the trees without the dropped entries.
  private func dropEntries() {
    var nodes = Arena()
    for index in 0..<trees.count {
      var kept = KeyTree()
      var position = trees[index].first
      while let current = position {
        position = current.next
        if current.entry.state == .dropped { continue }
        kept.append(current, &nodes)
      }
      trees[index] = kept
    }
    self.nodes = nodes
    generation &+= 1
  }
}

internal import Changelog
internal import Glibc

/// Collects records in the order of the changelog, and gives them out by table and key: of a key that changes often, the
/// last.
///
/// Sorted are the next eight bytes of the keys, as numbers beside the addresses of the entries; where they are the same,
/// those behind them in turn, up to a depth. So the keys themselves, which lie anywhere in memory, are looked at a few times
/// only.
///
/// Proof of `@unchecked Sendable`: one thread fills it and hands it over.
final class RecordSorter: @unchecked Sendable {
  private struct Item: BitwiseCopyable {
    var window: UInt64
    let entry: BatchEntry
  }

  private static let windowBytes = 8
  /// From this many same bytes on keys are compared as a whole.
  private static let greatestDepth = 64

  // Unchecked here and below. Proof: one thread at a time uses it, and what it calls can't get at it.
  @safe @exclusivity(unchecked) private var arena = Arena()
  /// The records by the table's id.
  @safe @exclusivity(unchecked) private var items: [[Item]] = []
  @safe @exclusivity(unchecked) private(set) var count = 0
  private let budget: MemoryBudget
  /// What it counts for in the budget.
  private var heldBytes = 0

  init(_ budget: MemoryBudget) { self.budget = budget }

  deinit { budget.release(heldBytes) }

  /// What it takes.
  var byteCount: Int { arena.byteCount + count * MemoryLayout<Item>.stride }

  // MARK: Filling

  /// Adds a change, which comes behind all that it has; ``hold()`` is due after the last of them.
  func add(_ key: RawSpan, _ value: RawSpan?, in table: TableID) {
    let index = Int(table.value)
    while items.count <= index { items.append([]) }
    unsafe key.withUnsafeBytes { key in
      let entry = unsafe BatchEntry(key, valueRoom: value?.byteCount ?? 0, in: &arena)
      if let value { unsafe value.withUnsafeBytes { unsafe entry.set($0, inPlace: true, in: &arena) } }
      unsafe items[index].append(Item(window: Self.window(of: key, at: 0), entry: entry))
    }
    count += 1
  }

  /// Counts its memory.
  func hold() {
    budget.hold(byteCount - heldBytes)
    heldBytes = byteCount
  }

  /// The bytes of a key from `depth` on as a number, most significant first, padded with 0.
  @inline(__always)
  private static func window(of key: UnsafeRawBufferPointer, at depth: Int) -> UInt64 {
    if key.count >= depth + windowBytes {
      return unsafe UInt64(bigEndian: key.loadUnaligned(fromByteOffset: depth, as: UInt64.self))
    }
    var window: UInt64 = 0
    for index in depth..<depth + windowBytes {
      window = unsafe window << 8 | (index < key.count ? UInt64(key[index]) : 0)
    }
    return window
  }

  // MARK: Sorting

  /// Gives `body` the last change of each key, by table and key.
  func forEach(_ body: (_ table: TableID, _ entry: BatchEntry) throws(StoreError) -> Void) throws(StoreError) {
    for index in items.indices where !items[index].isEmpty {
      unsafe items[index].withUnsafeMutableBufferPointer { unsafe Self.sort($0, from: 0) }
      let table = TableID(UInt32(index))
      let sorted = items[index]
      for place in sorted.indices {
        if place + 4 < sorted.count { sorted[place + 4].entry.prefetch() }
        // Of a key's changes the last counts, which comes last.
        if place + 1 < sorted.count, sorted[place].entry.compareKeys(sorted[place + 1].entry) == 0 { continue }
        try body(table, sorted[place].entry)
      }
    }
  }

  /// Sorts items whose keys are the same before `depth`, and longer; their windows are those at `depth`.
  ///
  /// Stable, so that changes of a key stay in their order.
  private static func sort(_ items: UnsafeMutableBufferPointer<Item>, from depth: Int) {
    var items = unsafe items
    // Proof for `unsafe` here and below: all ranges lie within the buffer.
    if items.count < 2 { return }
    unsafe items.sort { $0.window < $1.window }
    var first = 0
    while first < items.count {
      var end = first + 1
      while unsafe end < items.count && items[end].window == items[first].window { end += 1 }
      if end - first > 1 {
        unsafe sortSameWindow(UnsafeMutableBufferPointer(rebasing: items[first..<end]), at: depth)
      }
      first = end
    }
  }

  /// Sorts items whose keys are the same up to the end of the window at `depth`, where some of them may end.
  private static func sortSameWindow(_ items: UnsafeMutableBufferPointer<Item>, at depth: Int) {
    var items = unsafe items
    let next = depth + windowBytes
    // The window of a key that ends in it is padded: of two, the shorter is less.
    func endedCount(_ item: Item) -> Int { unsafe min(item.entry.key.count, next + 1) }
    let count = unsafe endedCount(items[0])
    if unsafe items.contains(where: { endedCount($0) != count }) {
      unsafe items.sort { endedCount($0) < endedCount($1) }
    }
    guard let longer = unsafe items.firstIndex(where: { endedCount($0) > next }) else { return }
    var rest = unsafe UnsafeMutableBufferPointer(rebasing: items[longer...])
    if next >= greatestDepth { return unsafe rest.sort { $0.entry.compareKeys($1.entry) < 0 } }
    for index in rest.indices { unsafe rest[index].window = window(of: rest[index].entry.key, at: next) }
    unsafe sort(rest, from: next)
  }
}
